"""Measures, prints the table and draws it. Run by test/bench/run, which prepares everything."""
import argparse
import contextlib
import datetime
import json
import os
import platform
import re
import statistics
import subprocess
import sys

import flow_bench
import sql_bench

HERE = os.path.dirname(os.path.abspath(__file__))


def say(text):
    print('==> ' + text, flush=True)


def core_times(path):
    with open(path) as file:
        runs = json.load(file)['benchmarks']
    return {re.sub('^BM_|_median$', '', run['name']): run['cpu_time'] / 1000 for run in runs if run['aggregate_name'] == 'median'}


def restart(scripts, pg_dir):
    subprocess.run([os.path.join(scripts, 'pg'), 'restart', pg_dir], check=True, stdout=subprocess.DEVNULL)


def without_preload(scripts, pg_dir, body):
    with contextlib.closing(sql_bench.connect()) as connection, connection.cursor() as cursor:
        # An empty list can't be said here; this one does nothing.
        cursor.execute('ALTER SYSTEM SET shared_preload_libraries = auto_explain')
    restart(scripts, pg_dir)
    try:
        return body()
    finally:
        with contextlib.closing(sql_bench.connect()) as connection, connection.cursor() as cursor:
            cursor.execute('ALTER SYSTEM RESET shared_preload_libraries')
        restart(scripts, pg_dir)


def first_line(command):
    return subprocess.run(command, capture_output=True, text=True).stdout.splitlines()[0]


def circumstances(hono_dir):
    with open('/proc/cpuinfo') as file:
        info = file.read()
    model = re.search(r'model name\s*: (.*)', info)
    has_sha = bool(re.search(r'\bsha_ni\b|\bsha2\b', info))
    import boto3
    with open(os.path.join(hono_dir, 'node_modules/@aws-sdk/client-s3/package.json')) as file:
        sdk = json.load(file)['version']
    system = re.search(r'PRETTY_NAME="(.*)"', open('/etc/os-release').read()).group(1)
    return (f"{datetime.date.today()}; {model.group(1) if model else platform.machine()}, {os.cpu_count()} CPUs, "
            f"{'with' if has_sha else 'no'} SHA instructions, load {os.getloadavg()[0]:.1f}; {system}; "
            f"{first_line([os.path.join(os.environ['PGBIN'], 'postgres'), '--version'])}; {' '.join(first_line(['openssl', 'version']).split()[:2])}; "
            f"boto3 {boto3.__version__}; AWS SDK for JS {sdk}; Node.js {first_line(['node', '--version'])}")


class Table:
    def __init__(self):
        self.lines = []

    def section(self, title, *columns):
        self.lines += ['', f'**{title}**', '', '| ' + ' | '.join(columns) + ' |', '| --- ' + '| ---: ' * (len(columns) - 1) + '|']

    def row(self, *cells):
        self.lines.append('| ' + ' | '.join(cells) + ' |')

    def text(self):
        return '\n'.join(self.lines).strip() + '\n'


def ratios(table, sql, flow, first, growth, calls):
    get, put = 's3_presign_get(k)', "s3_presign_put(k, 'image/png')"
    named = put + ', named server'

    def row(name, other, goal, label=None):
        digits = 2 if goal else 1
        table.row(label or f'{name} : {other}', f'{sql_bench.net_ratio(sql, name, other):.{digits}f}', goal or '–')

    table.section('Ratios', 'what', 'ratio', 'goal')
    for name in (get, put):
        row(name, sql_bench.HASHES, '2')
    for name in (get, put):
        row(name, 'md5(k)', '1')
    for name in (get, put):
        row(name + ', named server', name, '1.1', f'{name}: named server : without')
    row(put + ', token of 356 bytes', named, '1.5', f'{put}: session token of 356 bytes : without')
    row(put + ', token of 1000 bytes', named, '(1.5)', f'{put}: session token of 1000 bytes : without')
    for name in ('PL/pgSQL + pgcrypto, signing key handed in', 'PL/pgSQL + pgcrypto', 'PL/Python + boto3'):
        row(name, get, None)
    goals = {('INSERT + s3_presign_put', 8, 'off'): '0.97', ('s3_presign_upload + s3_save_metadata', 1, 'off'): '0.85',
             ('s3_presign_upload + s3_save_metadata', 8, 'off'): '0.80', ('s3_presign_upload + s3_save_metadata', 8, 'on'): '0.90'}
    for (name, clients, commit, mode), (_, share, _, _) in flow.items():
        if name != 'INSERT':
            table.row(f'{name} : INSERT, transactions a second ({clients} client{"s" * (clients > 1)}, synchronous_commit {commit}, {mode})',
                      f'{share:.2f}', goals.get((name, clients, commit), '–') if mode == 'prepared' else '–')
    table.row('first call in a backend, library loaded', f"{first['first']:.2f} ms, CPU {first['first CPU']:.2f} ms", '2 ms')
    table.row(f'growth of a backend in {calls:,} URLs', f'{growth} KiB', '64 KiB')


def report(table, core, sql, parallel, jit, outside, flow, http, first, preloaded, hundred):
    table.section('1. The signer alone', 'stage', 'µs of CPU')
    for name, value in core.items():
        table.row(name, f'{value:.3f}')
    table.section('2. SQL, one backend', 'expression', 'µs of CPU a row', 'net of count(k)')
    for name, value in sql.items():
        table.row(name, f'{value:.2f}', f"{value - sql['count(k)']:.2f}")
    table.row('s3_presign_get(k), JIT with inlining', f'{jit:.2f}', f"{jit - sql['count(k)']:.2f}")
    table.section('SQL with parallel workers', 'expression', 'µs a row, none', 'two workers')
    for name, (none, two) in parallel.items():
        table.row(name, f'{none:.2f}', f'{two:.2f}')
    table.section('3. Outside', 'presigner', 'µs of CPU a URL')
    for name, value in outside.items():
        table.row(name, f'{value:.0f}')
    table.section('4. URL and row in one statement (pgbench)', 'statement, clients, synchronous_commit, protocol', 'a second', 'of INSERT', 'p50 ms, calmest', 'p99 ms')
    for (name, clients, commit, mode), (rate, share, p50, p99) in flow.items():
        table.row(f'{name}, {clients}, {commit}, {mode}', f'{rate:,.0f}', f'{share:.3f}', f'{p50:.3f}', f'{p99:.3f}')
    table.section('Backends over HTTP, 8 connections', 'backend', 'uploads a second', 'p50 ms', 'p99 ms', 'MiB')
    for (name, flow_name), (rate, p50, p99, mib) in http.items():
        how = 'presign, then save: two requests' if flow_name == 'two' else 'one statement of neon_s3, one request'
        table.row(f'{name.split(" +")[0] if flow_name == "one" else name}: {how}', f'{rate:,.0f}', f'{p50:.1f}', f'{p99:.1f}', f'{mib:.0f}')
    table.section('5. The first call in a backend', 'what', 'ms', 'of that CPU')
    for label, times, name in (('loading the library (no shared_preload_libraries)', first, 'load'), ('first call after that', first, 'first'),
                               ('first call, preloaded', preloaded, 'first'), ('second call', preloaded, 'second'),
                               ("first call of md5('k')", preloaded, 'md5')):
        table.row(label, f'{times[name]:.2f}', f"{times[name + ' CPU']:.2f}")
    table.row('100 connections, one call of s3_presign_get each', f"{hundred['presign']:.0f}", '–')
    table.row('100 connections, one call of md5 each', f"{hundred['md5']:.0f}", '–')


def main():
    parser = argparse.ArgumentParser()
    for name in ('--work', '--out', '--scripts'):
        parser.add_argument(name, required=True)
    parser.add_argument('--quick', action='store_true')
    options = parser.parse_args()
    quick, hono = options.quick, os.path.join(options.work, 'hono')
    pg_dir = os.path.join(options.work, 'pg')
    rows, rounds = (200_000, 3) if quick else (1_000_000, 5)
    calls = 1_000_000 if quick else 10_000_000

    core = core_times(os.path.join(options.work, 'core.json'))
    sql_bench.set_up(os.path.join(HERE, 'presigners.sql'), rows)
    say('measuring SQL')
    sql = sql_bench.one_backend(rows, rounds, os.path.join(options.work, 'build/core_bench'))
    parallel = sql_bench.parallel(rows, 3)
    jit = sql_bench.jit(rows, 3)
    say('measuring boto3 and the AWS SDK')
    outside = {'boto3': sql_bench.boto3_outside(500 if quick else 3000),
               '@aws-sdk/s3-request-presigner': sql_bench.aws_sdk_outside(hono, 500 if quick else 3000)}
    say('measuring first calls and memory')
    preloaded = sql_bench.first_calls(20)
    first = without_preload(options.scripts, pg_dir, lambda: sql_bench.first_calls(20))
    hundred = sql_bench.hundred_connections(3)
    growth = sql_bench.memory(calls)
    say('measuring the whole flow')
    with contextlib.closing(sql_bench.connect()) as connection, connection.cursor() as cursor:
        cursor.execute('SELECT s3_create_files_table()')
    flow = flow_bench.one_statement(options.work, *((3, 1) if quick else (9, 1)))
    http = flow_bench.backends(HERE, hono, options.work, *((1, 2) if quick else (3, 3)))

    table = Table()
    ratios(table, sql, flow, first, growth, calls)
    medians = {name: statistics.median(values) for name, values in sql.items() if name != sql_bench.HASHES}
    report(table, core, medians, parallel, jit, outside, flow, http, first, preloaded, hundred)
    text = f'Measured with `test/bench/run{" --quick" if quick else ""}`. {circumstances(hono)}.\n\n' + table.text()
    with open(os.path.join(options.out, 'table.md'), 'w') as file:
        file.write(text)
    subprocess.run([sys.executable, os.path.join(HERE, 'plot.py'), options.out], check=True)
    print(text)


if __name__ == '__main__':
    main()

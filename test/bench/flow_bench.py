"""The whole flow: a URL and a row. pgbench with one statement, and HTTP backends with the guide's two requests."""
import glob
import os
import re
import socket
import statistics
import subprocess
import time

CASES = {
    'INSERT': ("INSERT INTO s3_files (object_key, file_url, user_id) VALUES (gen_random_uuid() || '-photo.png', "
               "'https://my-bucket.s3.eu-central-1.amazonaws.com/photo.png', 'user_123') RETURNING id;"),
    'INSERT + s3_presign_put': ("INSERT INTO s3_files (object_key, file_url, user_id) VALUES (gen_random_uuid() || '-photo.png', "
                                "'https://my-bucket.s3.eu-central-1.amazonaws.com/photo.png', 'user_123') "
                                "RETURNING id, s3_presign_put(object_key, 'image/png');"),
    's3_presign_upload + s3_save_metadata': (
        "SELECT u.presigned_url, u.headers, f.id FROM s3_presign_upload('photo.png', 'image/png') u, "
        "s3_save_metadata(u.object_key, u.public_file_url, 'user_123') f;"),
}


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))]


def pgbench(work, name, sql, clients, commit, mode, seconds):
    """(transactions a second, milliseconds of each)"""
    script = os.path.join(work, 'script.sql')
    with open(script, 'w') as file:
        file.write(sql + '\n')
    for old in glob.glob(os.path.join(work, 'log.*')):
        os.remove(old)
    output = subprocess.run([os.path.join(os.environ['PGBIN'], 'pgbench'), '-n', '-c', str(clients), '-j', '2' if clients > 1 else '1', '-M', mode,
                             '-T', str(seconds), '-f', script, '-l', '--log-prefix', os.path.join(work, 'log')], check=True,
                            env={**os.environ, 'PGOPTIONS': f'-c synchronous_commit={commit}'}, capture_output=True, text=True).stdout
    rate = float(re.search(r'tps = ([\d.]+)', output).group(1))
    latencies = []
    for log in glob.glob(os.path.join(work, 'log.*')):
        with open(log) as file:
            times = (int(line.split()[2]) / 1000 for line in file)
            latencies += [time for time in times if time > 0]  # 0 where the clock was set meanwhile
    return rate, latencies


# So that no case pays for the rows of those before it.
def empty_table():
    subprocess.run([os.path.join(os.environ['PGBIN'], 'psql'), '-Xqc', 'TRUNCATE s3_files'], check=True)


def one_statement(work, rounds, seconds):
    """{(case, clients, synchronous_commit, protocol): (tps, share of INSERT's in the same round, p50, p99)}, medians; p50 is of the
    calmest round, where nobody else was on the machine or hardly anybody."""
    found = {}
    settings = [(clients, commit, 'prepared') for clients in (1, 8) for commit in ('on', 'off')] + [(1, 'off', 'simple')]
    for clients, commit, mode in settings:
        results = {name: [] for name in CASES}
        for round_number in range(rounds):
            names = list(CASES)
            if round_number % 2:
                names.reverse()
            for name in names:
                empty_table()
                results[name].append(pgbench(work, name, CASES[name], clients, commit, mode, seconds))
        for name in CASES:
            shares = [mine[0] / base[0] for mine, base in zip(results[name], results['INSERT'])]
            latencies = [latency for _, some in results[name] for latency in some]
            found[name, clients, commit, mode] = (statistics.median(rate for rate, _ in results[name]), statistics.median(shares),
                                                  min(percentile(some, 0.5) for _, some in results[name]), percentile(latencies, 0.99))
    return found


# ---------------------------------------------------------------- HTTP

def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def wait_for(port, process):
    for _ in range(300):
        try:
            socket.create_connection(('127.0.0.1', port), 1).close()
            return
        except OSError:
            assert process.poll() is None, 'the backend did not start'
            time.sleep(0.1)
    raise AssertionError('the backend does not answer')


def family(pid):
    pids = [pid]
    for child in subprocess.run(['pgrep', '-P', str(pid)], capture_output=True, text=True).stdout.split():
        pids += family(int(child))
    return pids


def memory_mib(pid):
    """Proportional set size of a process and its children."""
    total = 0
    for member in family(pid):
        with open(f'/proc/{member}/smaps_rollup') as file:
            total += int(re.search(r'^Pss:\s+(\d+)', file.read(), re.M).group(1))
    return total / 1024


def wrk(here, port, flow, seconds):
    output = subprocess.run(['wrk', '-t8', '-c8', f'-d{seconds}s', '-s', os.path.join(here, 'flow.lua'), f'http://127.0.0.1:{port}', '--', flow],
                            check=True, capture_output=True, text=True).stdout
    uploads, p50, p99, errors, duration = map(int, re.search(r'FLOW (\d+) (\d+) (\d+) (\d+) (\d+)', output).groups())
    assert errors == 0 and uploads > 0, output
    return uploads / duration * 1e6, p50 / 1000, p99 / 1000


def backends(here, hono_dir, work, rounds, seconds):
    """{(backend, 'two'|'one'): (uploads a second, p50, p99, MiB)}, medians over 8 connections"""
    commands = {
        'Flask + boto3': (lambda port: ['gunicorn', '--workers', '2', '--threads', '4', '--bind', f'127.0.0.1:{port}', '--log-level', 'error',
                                        '--chdir', os.path.join(here, 'backends'), 'flask_app:app'], here),
        'Hono + AWS SDK': (lambda port: ['node', 'app.mjs'], hono_dir),
    }
    running = {}
    try:
        for name, (command, directory) in commands.items():
            port = free_port()
            with open(os.path.join(work, 'backend.log'), 'a') as log:
                process = subprocess.Popen(command(port), cwd=directory, env={**os.environ, 'PORT': str(port), 'AWS_EC2_METADATA_DISABLED': 'true'},
                                           stdout=log, stderr=log)
            running[name] = (port, process)
            wait_for(port, process)
        results = {(name, flow): [] for name in running for flow in ('two', 'one')}
        for _ in range(rounds):
            for name, flow in results:
                port, process = running[name]
                results[name, flow].append((*wrk(here, port, flow, seconds), memory_mib(process.pid)))
        return {key: tuple(statistics.median(column) for column in zip(*values)) for key, values in results.items()}
    finally:
        for _, process in running.values():
            process.terminate()
            process.wait()

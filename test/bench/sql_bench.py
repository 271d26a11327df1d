"""SQL over many rows in one backend; first calls; memory. Times are of the backend's CPU, so that others on the
machine count little; those with parallel workers are of the clock."""
import collections
import contextlib
import json
import statistics
import subprocess
import time

import psycopg2

ID, SECRET, REGION = 'AKIAIOSFODNN7EXAMPLE', 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', 'eu-central-1'
HOST = f'my-bucket.s3.{REGION}.amazonaws.com'
# A short one: with more than 5 more blocks of 64 bytes to hash, "at most 1.5 times" is out of anyone's reach.
TOKEN = 't' * 356
LONG_TOKEN = 't' * 1000

HASHES = 'bare hashes of a PUT (OpenSSL, EVP)'

# name, expression, part of the rows (1/n)
EXPRESSIONS = [
    ('count(k)', 'k', 1),
    ('md5(k)', 'md5(k)', 1),
    ('s3_presign_get(k)', 's3_presign_get(k)', 1),
    ("s3_presign_put(k, 'image/png')", "s3_presign_put(k, 'image/png')", 1),
    ('s3_presign_get(k), named server', "s3_presign_get(k, server => 'media')", 1),
    ("s3_presign_put(k, 'image/png'), named server", "s3_presign_put(k, 'image/png', server => 'media')", 1),
    ("s3_presign_put(k, 'image/png'), token of 356 bytes", "s3_presign_put(k, 'image/png', server => 'token')", 1),
    ("s3_presign_put(k, 'image/png'), token of 1000 bytes", "s3_presign_put(k, 'image/png', server => 'long_token')", 4),
    ('PL/pgSQL + pgcrypto, signing key handed in',
     f"plpgsql_presign_get(k, '{ID}', %KEY%, '{REGION}', '{HOST}', clock_timestamp())", 10),
    ('PL/pgSQL + pgcrypto', f"plpgsql_presign_get(k, '{ID}', (SELECT signing_key('{SECRET}', to_char(clock_timestamp() AT TIME ZONE "
     f"'UTC', 'YYYYMMDD'), '{REGION}') WHERE k IS NOT NULL), '{REGION}', '{HOST}', clock_timestamp())", 10),
    ('PL/Python + boto3', f"boto3_presign_get(k, '{ID}', '{SECRET}', '{REGION}')", 200),
]


def connect():
    connection = psycopg2.connect('')
    connection.autocommit = True
    return connection


def set_up(sql_file, rows):
    with contextlib.closing(connect()) as connection, connection.cursor() as cursor:
        cursor.execute('CREATE EXTENSION neon_s3')
        cursor.execute(open(sql_file).read())
        for name, options in (('media', ''), ('token', f", session_token '{TOKEN}'"), ('long_token', f", session_token '{LONG_TOKEN}'")):
            cursor.execute(f"CREATE SERVER {name} FOREIGN DATA WRAPPER neon_s3 OPTIONS (region '{REGION}', bucket 'my-bucket'); "
                           f"CREATE USER MAPPING FOR PUBLIC SERVER {name} OPTIONS (access_key_id '{ID}', secret_access_key '{SECRET}'{options})")
        cursor.execute("CREATE TABLE keys AS SELECT 'uploads/2026/11/' || gen_random_uuid() || '-photo.jpg' AS k "
                       'FROM generate_series(1, %s)', (rows,))
        cursor.execute('VACUUM ANALYZE keys')
        check_that_all_agree(cursor)


def key_literal(cursor):
    cursor.execute(f"SELECT signing_key('{SECRET}', to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYYMMDD'), '{REGION}')")
    return "'\\x" + cursor.fetchone()[0].hex() + "'::bytea"


def check_that_all_agree(cursor):
    cursor.execute(f"""SELECT count(*) FROM unnest(ARRAY['a.txt', 'a b/ü+c.txt', 'x/"%20"']) k, clock_timestamp() t
        WHERE s3_presign_get(k, signed_at => t) <> plpgsql_presign_get(k, '{ID}',
          signing_key('{SECRET}', to_char(t AT TIME ZONE 'UTC', 'YYYYMMDD'), '{REGION}'), '{REGION}', '{HOST}', t)""")
    assert cursor.fetchone()[0] == 0, 'PL/pgSQL signs otherwise'
    for _ in range(20):  # boto3 has a clock of its own
        cursor.execute(f"SELECT s3_presign_get(k) = boto3_presign_get(k, '{ID}', '{SECRET}', '{REGION}') FROM (VALUES ('a b.txt')) v(k)")
        if cursor.fetchone()[0]:
            return
    raise AssertionError('boto3 signs otherwise')


def cpu_seconds(pid):
    with open(f'/proc/{pid}/schedstat') as file:
        return int(file.read().split()[0]) / 1e9


def bare_hashes(core_bench):
    output = subprocess.run([core_bench, '--benchmark_filter=BareHashesOfThePut$', '--benchmark_format=json', '--benchmark_min_time=0.3'],
                            check=True, capture_output=True, text=True).stdout
    return json.loads(output)['benchmarks'][0]['cpu_time'] / 1000


def one_backend(rows, rounds, core_bench):
    """{name: [microseconds of CPU a row, one a round]}; HASHES: what the bare hashes took in that round."""
    times = {name: [] for name in [HASHES] + [name for name, _, _ in EXPRESSIONS]}
    with contextlib.closing(connect()) as connection, connection.cursor() as cursor:
        cursor.execute('SET jit = off; SET max_parallel_workers_per_gather = 0; SET work_mem = \'256MB\'')
        pid = connection.get_backend_pid()
        key = key_literal(cursor)
        cursor.execute('SELECT count(k) FROM keys')
        for _ in range(rounds):
            times[HASHES].append(bare_hashes(core_bench))
            for name, expression, part in EXPRESSIONS:
                source = 'keys' if part == 1 else f'(SELECT k FROM keys LIMIT {rows // part}) t'
                before = cpu_seconds(pid)
                cursor.execute(f"SELECT count({expression.replace('%KEY%', key)}) FROM {source}")
                times[name].append((cpu_seconds(pid) - before) / (rows // part) * 1e6)
    return times


def net_ratio(times, name, other):
    """The median of the rounds' ratios: what the machine does otherwise changes from round to round."""
    def net(column):
        return times[column] if column == HASHES else [time - count for time, count in zip(times[column], times['count(k)'])]
    return statistics.median(mine / theirs for mine, theirs in zip(net(name), net(other)))


def parallel(rows, rounds):
    """{name: (microseconds of the clock a row with no workers, with two)}"""
    result = {}
    with contextlib.closing(connect()) as connection, connection.cursor() as cursor:
        cursor.execute('SET jit = off; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0')
        for name, expression, _ in EXPRESSIONS[1:4]:
            times = {0: [], 2: []}
            for _ in range(rounds):
                for workers in times:
                    cursor.execute(f'SET max_parallel_workers_per_gather = {workers}')
                    start = time.perf_counter()
                    cursor.execute(f'SELECT count({expression}) FROM keys')
                    times[workers].append((time.perf_counter() - start) / rows * 1e6)
            result[name] = tuple(statistics.median(times[workers]) for workers in times)
    return result


def jit(rows, rounds):
    """microseconds of CPU a row with JIT (compiled, inlined, optimised), the compilation included"""
    times = []
    with contextlib.closing(connect()) as connection, connection.cursor() as cursor:
        cursor.execute('SET max_parallel_workers_per_gather = 0; SET jit = on; SET jit_above_cost = 0; SET jit_inline_above_cost = 0; '
                       'SET jit_optimize_above_cost = 0')
        pid = connection.get_backend_pid()
        for _ in range(rounds):
            before = cpu_seconds(pid)
            cursor.execute('SELECT count(s3_presign_get(k)) FROM keys')
            times.append((cpu_seconds(pid) - before) / rows * 1e6)
    return statistics.median(times)


def first_calls(count):
    """Milliseconds in fresh backends, of the clock and (name + ' CPU') of the backend's CPU: loading the library, the first call after
    that, the second, md5()'s first."""
    times = collections.defaultdict(list)
    for _ in range(count):
        connection = connect()
        pid = connection.get_backend_pid()
        with connection.cursor() as cursor:
            cursor.execute('SELECT 1')
            for name, sql in (('md5', "SELECT md5('k')"), ('load', "LOAD 'neon_s3'"), ('first', "SELECT s3_presign_get('k')"),
                              ('second', "SELECT s3_presign_get('k')")):
                start, cpu = time.perf_counter(), cpu_seconds(pid)
                cursor.execute(sql)
                times[name].append((time.perf_counter() - start) * 1e3)
                times[name + ' CPU'].append((cpu_seconds(pid) - cpu) * 1e3)
        connection.close()
    return {name: statistics.median(values) for name, values in times.items()}


def hundred_connections(rounds):
    """Milliseconds for 100 connections, one after the other, with one call each."""
    times = {'md5': [], 'presign': []}
    for _ in range(rounds):
        for name, sql in (('md5', "SELECT md5('k')"), ('presign', "SELECT s3_presign_get('k')")):
            start = time.perf_counter()
            for _ in range(100):
                connection = connect()
                connection.cursor().execute(sql)
                connection.close()
            times[name].append((time.perf_counter() - start) * 1e3)
    return {name: statistics.median(values) for name, values in times.items()}


def resident_kib(pid):
    fields = {}
    with open(f'/proc/{pid}/status') as file:
        for line in file:
            name, _, value = line.partition(':')
            fields[name] = value.split()
    return sum(int(fields[name][0]) for name in ('RssAnon', 'RssFile'))


def memory(calls):
    """KiB by which a backend grows over so many calls, after its first 100,000. (Shared buffers are not its own.)"""
    with contextlib.closing(connect()) as connection, connection.cursor() as cursor:
        cursor.execute('SET jit = off; SET max_parallel_workers_per_gather = 0')
        pid = connection.get_backend_pid()
        statement = "SELECT count(s3_presign_put(k, 'image/png')) FROM (SELECT k FROM keys LIMIT 100000) t"
        cursor.execute(statement)
        before = resident_kib(pid)
        for _ in range(calls // 100000):
            cursor.execute(statement)
        return resident_kib(pid) - before


def boto3_outside(count):
    import boto3
    from botocore.config import Config
    client = boto3.client('s3', region_name=REGION, aws_access_key_id=ID, aws_secret_access_key=SECRET,
                          endpoint_url=f'https://s3.{REGION}.amazonaws.com',
                          config=Config(signature_version='s3v4', s3={'addressing_style': 'virtual'}))
    sign = lambda i: client.generate_presigned_url('put_object', Params={'Bucket': 'my-bucket', 'Key': f'uploads/{i}.png', 'ContentType': 'image/png'})
    for i in range(50):
        sign(i)
    start = time.process_time()
    for i in range(count):
        sign(i)
    return (time.process_time() - start) / count * 1e6


def aws_sdk_outside(hono_dir, count):
    output = subprocess.run(['node', 'presign_loop.mjs', str(count)], cwd=hono_dir, check=True, capture_output=True, text=True).stdout
    return float(output)

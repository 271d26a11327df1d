"""What governed tables cost. Run by test/bench/lifecycle, which prepares everything.
Rounds are interleaved; a ratio is the median of its rounds', each of what was measured one after the other."""
import argparse
import contextlib
import os
import statistics
import subprocess
import time

import psycopg2

import flow_bench

KEY = "gen_random_uuid() || '-photo.png'"
URL = "'https://my-bucket.s3.eu-central-1.amazonaws.com/photo.png'"
INSERT = f"INSERT INTO plain (object_key, file_url, user_id) VALUES ({KEY}, {URL}, 'user_123') RETURNING id;"
BEGIN = "SELECT id, object_key, presigned_url, headers FROM s3_begin_upload('photo.png', 'image/png', 'user_123');"


class Bench:
    def __init__(self, work, quick):
        self.work, self.quick, self.rounds = work, quick, 3 if quick else 5
        self.connection = psycopg2.connect('')
        self.connection.autocommit = True
        self.cursor = self.connection.cursor()

    def run(self, sql):
        self.cursor.execute(sql)
        return self.cursor.fetchone()[0] if self.cursor.description else None

    def timed(self, sql):
        started = time.monotonic()
        self.run(sql)
        return time.monotonic() - started

    def set_up(self):
        self.run("SET client_min_messages = error; CREATE EXTENSION neon_s3; SELECT s3_create_bucket('bench')")
        self.run("SELECT s3_create_files_table(), s3_create_files_table('plain')")
        self.run('SELECT s3_track_files(), s3_arm_lifecycle()')

    def empty(self):
        """So that no case pays for what was before it."""
        self.run('TRUNCATE plain, s3_files, s3_issued_keys, s3_delete_queue, s3_bulk_deletes')
        self.run('CHECKPOINT')

    def fill(self, table, keys):
        """Without the guard, whose price is not that of what is measured here."""
        self.run(f'ALTER TABLE {table} DISABLE TRIGGER USER')
        self.run(f"INSERT INTO {table} (object_key, file_url, user_id) SELECT k, {URL}, 'user_123' FROM ({keys}) AS all_of (k)")
        self.run(f'ALTER TABLE {table} ENABLE TRIGGER USER')

    # ------------------------------------------------------------ cases: lists of (what, ratio or value, goal)

    def begin(self):
        found = []
        for fsync, goal in (('off', '≥ 0.5'), ('on', '≥ 0.85')):
            self.run(f'ALTER SYSTEM SET fsync = {fsync}')
            self.run('SELECT pg_reload_conf()')
            for clients in (1, 8):
                shares = []
                for _ in range(self.rounds):
                    rates = []
                    for sql in (INSERT, BEGIN):
                        self.empty()
                        rates.append(flow_bench.pgbench(self.work, 'begin', sql, clients, 'on', 'prepared', 2 if self.quick else 5)[0])
                    shares.append(rates[1] / rates[0])
                found.append((f'transactions a second, s3_begin_upload : INSERT of the row; {clients} client{"s" * (clients > 1)}, fsync {fsync}',
                              f'{statistics.median(shares):.2f}', goal))
        self.run('ALTER SYSTEM RESET fsync')
        self.run('SELECT pg_reload_conf()')
        return found

    def file_url(self):
        self.empty()
        self.fill('s3_files', f'SELECT {KEY} FROM generate_series(1, 10000)')
        self.run('VACUUM ANALYZE s3_files')
        page = "FROM (SELECT object_key FROM s3_files ORDER BY id LIMIT 100) AS page"
        times = {'object_key': [], 's3_file_url(object_key)': []}
        for _ in range(100 if self.quick else 1000):
            for expression in times:
                times[expression].append(self.timed(f'SELECT count({expression}) {page}'))
        scan, urls = (statistics.median(values) for values in times.values())
        return [('µs for each s3_file_url of a page of 100 rows, beyond the scan', f'{(urls - scan) * 1e4:.1f}', '≤ 15')]

    def delete(self):
        rows = 100_000 if self.quick else 1_000_000
        ratios = []
        for _ in range(self.rounds):
            self.empty()
            for table in ('plain', 's3_files'):
                self.fill(table, f'SELECT {KEY} FROM generate_series(1, {rows})')
                self.run(f'VACUUM ANALYZE {table}')
            self.run('CHECKPOINT')
            plain = self.timed('DELETE FROM plain')
            self.run('CHECKPOINT')
            ratios.append(self.timed('DELETE FROM s3_files') / plain)
        return [(f'time, DELETE of {rows:,} governed rows : ungoverned ones', f'{statistics.median(ratios):.2f}', '≤ 2.5')]

    def objects(self, count):
        return f"SELECT 'drain/' || n FROM generate_series(1, {count}) AS n"

    def put(self, keys):
        self.run(f"SELECT count(etag) FROM s3_put_objects(ARRAY({keys}), ARRAY(SELECT 'x'::bytea FROM ({keys}) AS k))")

    def drain(self):
        count = 2000 if self.quick else 10000
        keys = self.objects(count)
        ratios = []
        for _ in range(self.rounds):
            self.empty()
            self.put(keys)
            alone = self.timed(f'SELECT count(*) FROM s3_delete_objects(ARRAY({keys})) WHERE deleted')
            self.put(keys)
            self.fill('s3_files', keys)
            self.run('DELETE FROM s3_files')
            ratios.append(alone / self.timed('CALL s3_run_outbox(1000000)'))
            assert self.run('SELECT count(*) FROM s3_outbox') == 0
        return [(f'speed, draining {count:,} keys : s3_delete_objects of them', f'{statistics.median(ratios):.2f}', '≥ 0.9')]

    def outbox(self):
        """With as many items that are not due yet, and with none."""
        rows = 1_000_000 if self.quick else 10_000_000
        keys = self.objects(1000)
        times = {}
        for queued in (0, rows):
            self.empty()
            self.run("INSERT INTO s3_delete_queue (object_key, bucket, signs_as, enqueued_at, next_attempt_at) SELECT 'later/' || n, "
                     f"'bench', current_user, now(), now() + '1 day' FROM generate_series(1, {queued}) AS n")
            self.run('VACUUM ANALYZE s3_delete_queue')
            self.run('CHECKPOINT')
            drains, inserts = [], []
            for _ in range(self.rounds):
                self.put(keys)
                inserts.append(self.timed(f"INSERT INTO s3_files (object_key, file_url, user_id) SELECT k, {URL}, 'me' FROM ({keys}) AS all_of (k)"))
                self.run('DELETE FROM s3_files')
                drains.append(self.timed('CALL s3_run_outbox(1000000)'))
                assert self.run("SELECT count(*) FROM s3_delete_queue WHERE state <> 'dead' AND next_attempt_at <= now()") == 0
            times[queued] = (statistics.median(drains), statistics.median(inserts))
        drain, insert = (alone / among for alone, among in zip(times[0], times[rows]))
        return [(f'speed, draining 1,000 keys with {rows:,} others in the outbox : with none', f'{drain:.2f}', '≥ 0.8'),
                (f'speed, a trusted INSERT of 1,000 rows, with {rows:,} items in the outbox : with none', f'{insert:.2f}', '≥ 0.8')]

    def confirm(self):
        count = 1000
        ratios = []
        for _ in range(self.rounds):
            self.empty()
            self.run(f"SELECT count(s3_begin_upload('f', NULL, 'me', expires_in => '1 s')) FROM generate_series(1, {count})")
            keys = 'SELECT object_key FROM s3_files'
            self.put(keys)
            time.sleep(2.5)
            alone = self.timed(f'SELECT count(*) FROM s3_head_objects(ARRAY({keys})) WHERE found')
            ratios.append(alone / self.timed("SELECT count(*) FROM s3_gc('0', dry_run => false) WHERE action = 'confirmed'"))
            assert self.run('SELECT count(*) FROM s3_uploads') == 0
            self.run(f'SELECT count(*) FROM s3_delete_objects(ARRAY({keys}))')
        return [(f'speed, s3_gc that confirms {count:,} uploads : s3_head_objects of them', f'{statistics.median(ratios):.2f}', '≥ 0.8')]


CASES = ('begin', 'file_url', 'delete', 'drain', 'outbox', 'confirm')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--work', required=True)
    parser.add_argument('--quick', action='store_true')
    parser.add_argument('cases', nargs='*', metavar='CASE', help=', '.join(CASES))
    options = parser.parse_args()
    for name in options.cases:
        if name not in CASES:
            parser.error(f'no case {name}: there are {", ".join(CASES)}')
    bench = Bench(options.work, options.quick)
    bench.set_up()
    print(f'load {os.getloadavg()[0]:.1f} at the start; {subprocess.check_output([os.environ["PGBIN"] + "/postgres", "--version"], text=True).strip()}\n')
    print('| what | measured | goal |\n| --- | ---: | ---: |')
    with contextlib.closing(bench.connection):
        for name in options.cases or CASES:
            for what, value, goal in getattr(bench, name)():
                print(f'| {what} | {value} | {goal} |', flush=True)


main()

"""Eight sessions that do everything at once for a long time, against a real S3 server and the fault server, which fails 5 % of all
requests. Run by test/soak, which starts the servers: PG..., S3_..., NEON_S3_PG_DIR and NEON_S3_RGW_DIR name them, the PostgreSQL with the
settings of --conf. Meanwhile the worker empties the outbox and confirms uploads, four of the sessions are terminated again and again,
and calls of all are cancelled. In the end the server is stopped under load, started again, and everything compared:

- no metadata lost or duplicated: each upload has the row, or none, that the calls which succeeded left; one that was cut off has either
- every confirmed row has its object, of its size and content; every object has its row, once the outbox is empty and s3_gc has run
- memory and descriptors of the four sessions that live on are flat: their second half of the time against their second quarter,
  where the run takes 10 minutes or more
- only errors that have a reason to be there; none is XX..., no server restarts but for the stop
"""
import argparse, collections, contextlib, hashlib, http.client, os, random, socket, statistics, subprocess, sys, threading, time, urllib.error, urllib.request
import psycopg
from fault_client import FaultServer, opener

HERE = os.path.dirname(os.path.abspath(__file__))
BUCKET, LOOSE = 'soak', 'soak-loose'
FAULTS = 'status:500|status:503|empty:500|reset|close|reset_body|truncated|hang|hang_body|error200|late_error200|wrong_xml:unclosed|nonsense|unmeasured:0.5'
# What may go wrong where requests fail, calls are cancelled, and a worker works along.
EXPECTED = {'57014', '57P01', 'lost', '58000', '08001', '08006', '08P01', '38000', 'P0002', '55000', '55006', '40001', '22P04'}
OWN_FAULTS = {'57014', '57P01', 'lost'}  # on the S3 server that does not fail
TABLES = {'s3_files': 'rgw', 'faulty_files': 'fault'}
MEMORY, DESCRIPTORS = 2048, 8  # KiB and number that the later half may have more in the median


def conf():
    s3 = {name: os.environ[f'S3_{name.upper()}'] for name in ('endpoint', 'region', 'access_key_id', 'secret_access_key')}
    return ''.join(f"{name} = '{value}'\n" for name, value in [
        ('log_line_prefix', '%m [%p] %e %q%u@%d '), ('log_min_error_statement', 'panic'), *((f'neon_s3.{name}', value) for name, value in s3.items()), ('neon_s3.bucket', BUCKET),
        ('neon_s3.worker_database', 'soak'), ('neon_s3.worker_interval', 1), ('neon_s3.request_timeout', '10s')])


def connect(role='soak_app'):
    db = psycopg.connect(dbname='soak', autocommit=True)
    if role: db.execute(f'SET ROLE {role}')
    return db


def set_up(fault):
    with psycopg.connect(dbname='postgres', autocommit=True) as db:
        for statement in ('DROP DATABASE IF EXISTS soak WITH (FORCE)', 'DROP ROLE IF EXISTS soak_app', 'CREATE DATABASE soak', 'CREATE ROLE soak_app'): db.execute(statement)
    db = connect(None)
    for statement in f"""SET client_min_messages = error;
CREATE EXTENSION neon_s3;
CREATE SERVER fault FOREIGN DATA WRAPPER neon_s3 OPTIONS (endpoint '{fault.endpoint()}', region 'us-east-1', bucket 'bucket');
CREATE USER MAPPING FOR PUBLIC SERVER fault OPTIONS (access_key_id 'AKIAFAULT', secret_access_key 'secret');
GRANT USAGE ON FOREIGN SERVER fault TO soak_app;
SELECT s3_create_bucket(b) FROM unnest('{{{BUCKET},{LOOSE}}}'::text[]) AS b WHERE NOT s3_bucket_exists(b);
SELECT count(*) FROM s3_delete_objects(ARRAY(SELECT key FROM s3_list_objects()));
SELECT s3_create_files_table(), s3_create_files_table('faulty_files');
ALTER TABLE s3_files ADD size bigint, ADD etag text, ADD confirmed_at timestamptz;
ALTER TABLE faulty_files ADD size bigint, ADD etag text, ADD confirmed_at timestamptz;
SELECT s3_track_files(), s3_track_files('faulty_files', server => 'fault'), s3_arm_lifecycle();
GRANT SELECT, INSERT, UPDATE, DELETE ON s3_files, faulty_files TO soak_app;
GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO soak_app;
GRANT EXECUTE ON ALL ROUTINES IN SCHEMA public TO soak_app""".split(';\n'): db.execute(statement)
    fault.plays(f'sometimes:5:{FAULTS}')
    return db


class Upload:
    """What is known of one: the states that its row may be in, and the content of its object."""

    def __init__(self, tag, table): self.tag, self.table, self.may_be, self.size, self.md5, self.key = tag, table, {'absent'}, None, None, None

    def sends(self, body):
        """From now on the worker may confirm it."""
        self.size, self.md5 = len(body), hashlib.md5(body).hexdigest()
        self.may_be |= {'confirmed'}


class Broken(Exception):
    """What was found is not what must be."""


class Session(threading.Thread):
    def __init__(self, run, number):
        super().__init__(daemon=True)
        self.run_, self.number, self.random = run, number, random.Random(f'{run.seed}/{number}')
        self.uploads, self.states, self.done, self.count, self.db = [], collections.Counter(), collections.Counter(), 0, None
        self.operations = [getattr(self, name) for name in ('presign', 'upload', 'upload', 'upload', 'multipart', 'delete', 'delete', 'run_outbox', 'objects', 'batches', 'listing', 'large_object', 'gc', 'export')]

    # ---------------------------------------------------------------- the session

    def run(self):
        while not self.run_.over.is_set():
            operation = self.random.choice(self.operations)
            try:
                if self.db is None or self.db.closed: self.db = connect()
                operation()
                self.done[operation.__name__] += 1
            except psycopg.Error as error:
                self.failed(error, operation)
            except Broken as problem:
                self.run_.fail(f'{operation.__name__}: {problem}')
            except Exception as problem:  # of this program
                self.run_.fail(f'{operation.__name__}: {problem!r}')
            if self.db is not None and not self.db.closed and self.db.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                with contextlib.suppress(psycopg.Error): self.db.execute('ROLLBACK')

    def failed(self, error, operation):
        state = error.sqlstate or 'lost'
        self.states[f'{state} {operation.__name__}'] += 1
        if state == 'lost' or (self.db is not None and self.db.broken):
            if self.db is not None: self.db.close()
            if self.run_.stopping: time.sleep(0.1)
        if state not in EXPECTED: self.run_.fail(f'{operation.__name__}: {state} {error}')

    def say(self, sql, *values): return self.db.execute(sql, values or None)

    def one(self, sql, *values): return self.say(sql, *values).fetchone()

    def server(self): return self.random.choice([None, None, 'fault'])

    def on_rgw(self, server, sql, *values):
        """A statement that must succeed there, unless it is cut off."""
        try: return self.say(sql, *values)
        except psycopg.Error as error:
            if server is None and (error.sqlstate or 'lost') not in OWN_FAULTS and not self.run_.s3_was_down(): self.run_.fail(f'RGW: {error.sqlstate} {error}')
            raise

    # ---------------------------------------------------------------- uploads

    def new_upload(self):
        self.count += 1
        upload = Upload(f'{self.number}-{self.count}', self.random.choice(list(TABLES)))
        self.say(f"SET neon_s3.files_table = '{upload.table}'")
        self.uploads.append(upload)
        return upload

    def begin(self, upload, sql, *values):
        """In a transaction, which may be rolled back. The row, or None."""
        self.say('BEGIN')
        row = self.one(sql, *values)
        if self.random.random() < 0.1:
            self.say('ROLLBACK')
        else:
            upload.may_be = {'absent', 'pending'}
            self.say('COMMIT')
            upload.may_be, upload.key = {'pending'}, row[0]
        return row

    def upload(self):
        upload = self.new_upload()
        body = self.random.randbytes(self.random.choice([1, 100, 5000, 40000]))
        key, url, headers = self.begin(upload, "SELECT object_key, presigned_url, headers FROM s3_begin_upload('soak.bin', 'text/plain', %s, content_length => %s)", upload.tag, len(body))
        if not upload.key or self.random.random() < 0.05: return
        upload.sends(body)
        if self.put(url, body, headers): self.finish(upload, key)

    def put(self, url, body, headers):
        for _ in range(3):
            try:
                opener.open(urllib.request.Request(url, data=body, headers=headers, method='PUT'), timeout=5).read()
                return True
            except urllib.error.HTTPError as error:
                if error.code == 412: return True  # the first one had arrived
                if error.code < 500: raise Broken(f'{error.code} for {url.split("?")[0]}: {error.read()[:300]}') from error
            except (OSError, http.client.HTTPException): pass
        self.states['client'] += 1
        return False

    def finish(self, upload, key):
        if self.random.random() < 0.15:
            upload.may_be |= {'absent'}
            if self.one('SELECT s3_abort_upload(%s)', key)[0]: upload.may_be = {'absent'}
            return
        # RGW answers 500 to who completes what the worker completes already.
        strict = upload.table == 's3_files' and upload.size < 1 << 20
        size = self.on_rgw(None if strict else 'fault', 'SELECT size FROM s3_confirm_upload(%s)', key).fetchone()[0]
        upload.may_be = {'confirmed'}
        if size != upload.size: raise Broken(f'{size} bytes instead of {upload.size}')

    def multipart(self):
        if self.random.random() < 0.95: return
        upload = self.new_upload()
        if upload.table != 's3_files': return self.uploads.remove(upload)
        key, _, size = self.begin(upload, "SELECT object_key, upload_id, part_size FROM s3_begin_multipart_upload('soak.bin', 'text/plain', %s, 5242885, 5242880)", upload.tag)
        if not upload.key: return
        upload.sends(b'm' * 5242885)
        for number, length, url in self.say('SELECT * FROM s3_upload_part_urls(%s)', key).fetchall():
            if not self.put(url, b'm' * length, {}): return
        self.finish(upload, key)

    def delete(self):
        """Some of its own, confirmed or not."""
        self.forget()
        table = self.random.choice(list(TABLES))
        some = [upload for upload in self.uploads if upload.table == table and upload.key and upload.may_be != {'absent'}]
        some = self.random.sample(some, min(len(some), self.random.choice([1, 5, 40])))
        self.say('BEGIN')
        found = {row[0] for row in self.say(f'DELETE FROM {table} WHERE user_id = ANY(%s) RETURNING user_id', [upload.tag for upload in some])}
        for upload in some:
            if upload.tag not in found and 'absent' not in upload.may_be: raise Broken(f'the row of {upload.tag} is lost')
        if self.random.random() < 0.2: return self.say('ROLLBACK')
        for upload in some: upload.may_be |= {'absent'}
        self.say('COMMIT')
        for upload in some: upload.may_be = {'absent'}

    def forget(self):
        """Those that are gone for good, so that the list stays short: a row of theirs is nobody's."""
        if len(self.uploads) < 1000: return
        before = len(self.uploads)
        self.uploads = [upload for upload in self.uploads if upload.may_be != {'absent'}]
        self.run_.gone += before - len(self.uploads)

    # ---------------------------------------------------------------- everything else

    def presign(self):
        for sql in ("s3_presign_get('k', '1 hour')", "s3_presign_put('k', 'image/png')", "s3_presign_upload('a.png', 'image/png')", "s3_presign_post('k')", "s3_presign_explain('GET', 'k')",
                    "s3_presign_get('k', server => 'fault')"): self.say(f'SELECT count(*) FROM {sql}, generate_series(1, 50)')
        self.say("SET neon_s3.files_table = 's3_files'")
        count, urls = self.one('SELECT count(*), count(s3_file_url(object_key)) FROM (SELECT object_key FROM s3_files WHERE confirmed_at IS NOT NULL LIMIT 50) AS f')
        if count != urls: raise Broken(f'{urls} URLs of {count} files')

    def run_outbox(self): self.say('CALL s3_run_outbox(200)')

    def gc(self): self.say("SELECT s3_gc(older_than => '1 hour', dry_run => %s)", self.random.random() < 0.5)

    def loose(self, server):
        """Calls with objects that no table governs."""
        return lambda sql, *values: self.on_rgw(server, sql.replace('...', f"bucket => '{LOOSE}', server => {repr(server or '')}"), *values).fetchone()

    def objects(self):
        server = self.server()
        call = self.loose(server)
        self.count += 1
        key, body = f'{self.number}/{self.count % 500}', self.random.randbytes(self.random.choice([0, 10, 100000]))
        etag = call('SELECT etag FROM s3_put_object(%s, %s, metadata => \'{"a": "b"}\', ...)', key, body)[0]
        got = call('SELECT s3_get_object(%s, ...)', key)[0]
        call('SELECT size FROM s3_head_object(%s, ...)', key)
        call('SELECT etag FROM s3_copy_object(%s, %s, ...)', key, key + ' copy')
        call('SELECT s3_object_exists(%s, ...)', key + ' copy')
        call('SELECT s3_delete_object(%s, ...)', key + ' copy')
        if server is None and (got != body or etag != hashlib.md5(body).hexdigest()): raise Broken(f'{len(got)} other bytes in {key}, ETag {etag}')

    def batches(self):
        server, n = self.server(), self.random.choice([3, 30, 150])
        call = self.loose(server)
        keys = [f'{self.number}/batch/{i}' for i in range(n)]
        put = call('SELECT count(etag) FROM s3_put_objects(%s, %s, ...)', keys, [key.encode() for key in keys])[0]
        got = call('SELECT count(*) FROM s3_get_objects(%s, ...) WHERE convert_from(body, \'UTF8\') = key', keys)[0]
        heads = call('SELECT count(*) FROM s3_head_objects(%s, ...) WHERE found', keys)[0]
        gone = call('SELECT count(*) FROM s3_delete_objects(%s, ...) WHERE deleted', keys)[0]
        if server is None and {put, got, heads, gone} != {n}: raise Broken(f'{put} put, {got} got, {heads} found, {gone} deleted of {n}')

    def listing(self):
        server = self.server()
        self.on_rgw(server, f"SELECT count(*) FROM s3_list_objects('', bucket => '{LOOSE}', server => {repr(server or '')})")
        self.on_rgw(server, f"SELECT count(*) FROM (SELECT * FROM s3_list_objects(server => {repr(server or '')}) LIMIT 3) AS l")

    def large_object(self):
        server, key = self.server(), f'{self.number}/large'
        size = self.random.choice([0, 5, 200000, 6000000 if server is None else 300000])
        self.say('BEGIN')
        lo = self.one("SELECT lo_from_bytea(0, decode(repeat('61', %s), 'hex'))", size)[0]
        self.on_rgw(server, f"SELECT etag FROM s3_put_large_object(%s, %s, bucket => '{LOOSE}', server => {repr(server or '')})", key, lo)
        if server is None:
            other = self.on_rgw(server, f"SELECT s3_get_large_object(%s, bucket => '{LOOSE}')", key).fetchone()[0]
            if not self.one('SELECT lo_get(%s) = lo_get(%s)', lo, other)[0]: raise Broken('another large object')
            self.say('SELECT lo_unlink(%s)', other)
        self.say('SELECT lo_unlink(%s)', lo)
        self.say(self.random.choice(['COMMIT', 'ROLLBACK']))

    def export(self):
        server = self.server()
        rows = self.on_rgw(server, f"SELECT rows FROM s3_export_query('SELECT n, md5(n::text) FROM generate_series(1, 5000) n', '{self.number}/x.csv.gz', bucket => '{LOOSE}', server => {repr(server or '')})").fetchone()[0]
        if server is None:
            self.say('CREATE TEMP TABLE IF NOT EXISTS imported (n int, t text)')
            back = self.on_rgw(server, f"SELECT s3_import_table('imported', '{self.number}/x.csv.gz', bucket => '{LOOSE}')").fetchone()[0]
            self.say('TRUNCATE imported')
            if back != rows: raise Broken(f'{back} rows of {rows}')


class Run:
    def __init__(self, seed, minutes):
        self.seed, self.minutes, self.over, self.stopping, self.lock = seed, minutes, threading.Event(), False, threading.Lock()
        self.failures, self.gone, self.chaos = collections.Counter(), 0, collections.Counter()
        self.samples = collections.defaultdict(list)
        self.fault, self.s3_deaths = FaultServer(), []
        self.watch = set_up(self.fault)
        self.started_at = self.watch.execute('SELECT pg_postmaster_start_time()').fetchone()[0]
        self.sessions = [Session(self, number) for number in range(8)]

    def fail(self, what):
        with self.lock:
            self.failures[what[:80]] += 1
            if self.failures[what[:80]] < 3: print(f'FAILED: {what[:600]}', flush=True)

    # ---------------------------------------------------------------- Ceph's S3 server, which may die of what it is asked

    def s3_answers(self):
        try: socket.create_connection(('127.0.0.1', os.environ['S3_ENDPOINT'].rsplit(':', 1)[1]), timeout=5).close()
        except OSError: return False
        return True

    def start_s3(self):
        self.s3_deaths.append(time.monotonic())
        subprocess.run([HERE + '/../scripts/rgw', 'start', os.environ['NEON_S3_RGW_DIR']], check=True, stdout=subprocess.DEVNULL)

    def s3_was_down(self): return not self.s3_answers() or any(time.monotonic() - death < 20 for death in self.s3_deaths)

    # ---------------------------------------------------------------- meanwhile

    def disturb(self, beat):
        """Cancels a call each second; terminates one of the sessions 4 to 7 every third."""
        session = self.sessions[beat % 8]
        if session.db is None or session.db.closed: return
        how = 'terminate' if beat % 3 == 0 and session.number >= 4 else 'cancel'
        with contextlib.suppress(psycopg.Error):
            self.watch.execute(f'SELECT pg_{how}_backend(%s)', [session.db.info.backend_pid])
            self.chaos[how] += 1

    def sample(self):
        """Memory of its own and descriptors of the sessions that live on."""
        for session in self.sessions[:4]:
            with contextlib.suppress(OSError, psycopg.Error):
                pid = session.db.info.backend_pid
                fields = dict(line.split(':') for line in open(f'/proc/{pid}/status') if ':' in line)
                self.samples[session.number, pid].append((int(fields['RssAnon'].split()[0]), len(os.listdir(f'/proc/{pid}/fd'))))

    def go(self):
        end = time.monotonic() + self.minutes * 60
        for session in self.sessions: session.start()
        beat = 0
        while time.monotonic() < end:
            time.sleep(1)
            beat += 1
            self.disturb(beat)
            if self.watch.closed: return self.fail('the server died or restarted: see its log')
            if beat % 5 == 0: self.sample()
            if beat % 10 == 0: self.fault.control('forget')
            if not self.s3_answers(): self.start_s3()
            if beat % 60 == 0: print(f'{beat // 60} min: {sum(sum(session.done.values()) for session in self.sessions)} rounds', flush=True)
        if self.watch.execute('SELECT pg_postmaster_start_time()').fetchone()[0] != self.started_at: self.fail('the server restarted')
        self.check_flat()
        self.stop_under_load()
        self.compare()

    def report(self):
        return ', '.join(f'{count} {name}' for name, count in sum((session.done for session in self.sessions), collections.Counter()).most_common())

    def check_flat(self):
        for (number, _), samples in self.samples.items():
            if len(samples) < 10: continue
            half = len(samples) // 2
            first, later = ([statistics.median(values) for values in zip(*part)] for part in (samples[half // 4:half], samples[half:]))
            peak = [max(values) for values in zip(*samples)]
            print(f'session {number}: memory of its own {first[0]:.0f} → {later[0]:.0f} KiB (medians; at most {peak[0]}), descriptors {first[1]:.0f} → {later[1]:.0f}')
            if self.minutes >= 10 and (later[0] > first[0] + MEMORY or later[1] > first[1] + DESCRIPTORS): self.fail(f'session {number} grows')

    def stop_under_load(self):
        self.stopping = True
        busy = 0
        for _ in range(500):
            busy = self.watch.execute("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid()").fetchone()[0]
            if busy >= 4: break
            time.sleep(0.02)
        as_server = ['runuser', '-u', 'postgres', '--'] if os.getuid() == 0 else []
        started = time.monotonic()
        subprocess.run([*as_server, os.environ['PGBIN'] + '/pg_ctl', '-D', os.environ['PGDATA'], '-w', '-t', '60', '-m', 'fast', 'stop'], check=True, cwd='/', stdout=subprocess.DEVNULL)
        took = time.monotonic() - started
        print(f'pg_ctl stop -m fast, {busy} sessions active: {took:.2f} s')
        if took > 5: self.fail(f'the server stops after {took:.1f} s')
        self.over.set()
        for session in self.sessions: session.join(60)
        subprocess.run([HERE + '/../scripts/pg', 'start', os.environ['NEON_S3_PG_DIR']], check=True, stdout=subprocess.DEVNULL)

    # ---------------------------------------------------------------- in the end

    def compare(self):
        self.fault.plays()
        db = connect(None)
        self.settle(db)
        uploads = {upload.tag: upload for session in self.sessions for upload in session.uploads}
        counts = collections.Counter()
        for table in TABLES:
            rows = db.execute(f'SELECT user_id, object_key, size, confirmed_at IS NOT NULL FROM {table}').fetchall()
            there = collections.Counter(row[0] for row in rows)
            for tag, key, size, confirmed in rows:
                counts['confirmed' if confirmed else 'pending'] += 1
                if there[tag] > 1: self.fail(f'{there[tag]} rows of {tag}')
                if tag not in uploads: self.fail(f'nobody knows the row of {tag}')
                else: self.compare_one(uploads[tag], table, key, size, 'confirmed' if confirmed else 'pending')
            for upload in uploads.values():
                if upload.table == table and upload.tag not in there and 'absent' not in upload.may_be: self.fail(f'the row of {upload.tag} is lost: {upload.may_be}')
        counts['absent'] = len(uploads) - sum(counts.values()) + self.gone
        self.compare_objects(db, uploads)
        print(f'uploads: {counts["confirmed"]} confirmed, {counts["pending"]} pending, {counts["absent"]} aborted, rolled back or deleted; {sum(len(u.may_be) > 1 for u in uploads.values())} cut off where either may be')

    def compare_one(self, upload, table, key, size, state):
        if upload.table != table or (upload.key and upload.key != key): self.fail(f'{upload.tag} is in {table} as {key}')
        if state not in upload.may_be: self.fail(f'{upload.tag} is {state}, not {upload.may_be}')
        if state == 'confirmed' and size != upload.size: self.fail(f'{upload.tag} has {size} bytes')

    def settle(self, db):
        """The outbox empty, and what was left over gone."""
        time.sleep(1.1)  # Last-Modified has whole seconds
        db.execute("SET neon_s3.request_timeout = '60s'")
        print('s3_gc: ' + (', '.join(f'{count} {kind} {action}' for kind, action, count in
                                     db.execute("SELECT kind, action, count(*) FROM s3_gc(older_than => '0', dry_run => false) GROUP BY 1, 2 ORDER BY 1, 2").fetchall()) or 'nothing'))
        for _ in range(200):
            db.execute("UPDATE s3_delete_queue SET next_attempt_at = now(), state = 'pending'")
            db.execute('CALL s3_run_outbox(100000)')
            left = db.execute('SELECT count(*), max(last_error) FROM s3_outbox').fetchone()
            if not left[0]: return
            time.sleep(0.2)
        self.fail(f'{left[0]} items are left in the outbox: {left[1]}')

    def compare_objects(self, db, uploads):
        sums = {upload.key: upload.md5 for upload in uploads.values() if upload.table == 's3_files'}
        rows = dict(db.execute('SELECT object_key, confirmed_at IS NOT NULL FROM s3_files').fetchall())
        objects = {row[0] for row in db.execute('SELECT key FROM s3_list_objects()')}
        for key in objects - rows.keys(): self.fail(f'an object without a row: {key}')
        for key in rows:
            if not rows[key]: continue
            if key not in objects: self.fail(f'a confirmed row without an object: {key}')
            elif db.execute('SELECT md5(s3_get_object(%s))', [key]).fetchone()[0] != sums[key]: self.fail(f'{key} has another content')
        print(f'objects: {len(objects)} in the bucket, {sum(rows.values())} confirmed rows')

    def summary(self):
        print('done: ' + self.report())
        print('failed: ' + ', '.join(f'{count} {state}' for state, count in sum((session.states for session in self.sessions), collections.Counter()).most_common()))
        print(f'seed {self.seed}: {self.minutes} minutes, {sum(sum(session.done.values()) for session in self.sessions)} rounds of 8 sessions, {self.chaos["cancel"]} calls cancelled, {self.chaos["terminate"]} sessions terminated, RGW died {len(self.s3_deaths)} times; '
              f'{sum(self.failures.values())} failures', flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--conf', action='store_true', help='print the settings that the server needs')
    parser.add_argument('--minutes', type=float, default=20)
    parser.add_argument('--seed', type=int, default=1)
    arguments = parser.parse_args()
    if arguments.conf: return print(conf(), end='')
    run = Run(arguments.seed, arguments.minutes)
    run.go()
    run.over.set()
    run.summary()
    run.fault.stop()
    sys.exit(1 if run.failures else 0)


main()

"""Calls every function of the extension with random and extreme arguments, settings and servers. Run by test/fuzz_sql and
test/t/fuzz_sql.t, which start the servers: PG... in the environment names a PostgreSQL that has the settings of --conf, S3_... and
NEON_S3_RGW_DIR an S3 server of scripts/rgw. It makes databases and roles whose names start with fuzz.

A run is a sequence of episodes: a session is set up (role, settings, servers, timeout), and calls some functions, in transactions,
savepoints, cursors, blocks and plans. The text of an episode depends on --seed and its number alone; --episode runs one again.
What it makes of the database depends on those before it, and on what other sessions do meanwhile.

Rules: the server neither dies nor restarts; no error has a SQLSTATE XX...; no statement outlives its statement_timeout by more
than 250 ms; no message, row or line of the log has a secret; nothing leaks a reference, as PostgreSQL would warn. What breaks one
is printed, with the statements before it. A busy machine is allowed for: with the time for which the statement's backend was
ready to run and had no processor (schedstat of /proc), and what a pg_sleep beside it was late meanwhile.
"""
import argparse, collections, contextlib, itertools, os, pickle, random, re, secrets, socket, subprocess, sys, tempfile, threading, time
import psycopg
from fault_client import FaultServer
from fuzz_values import BUCKETS, KEYS, Values, lit

HERE = os.path.dirname(os.path.abspath(__file__))
LATE = 0.25  # seconds after its statement_timeout that a statement may end
LONG = 10  # seconds after which a statement is cancelled that has no statement_timeout
LOST = 30  # seconds after which nobody waits any more
SECRET = 'canary' + secrets.token_hex(16)
# What a server does to some of its requests; each ends by itself or with its connection.
FAULTS = ['status:500', 'status:503', 'status:403:AccessDenied', 'status:404', 'status:409', 'status:412', 'empty:200', 'empty:500', 'retry_after:503:1', 'hang', 'reset', 'close', 'reset_body', 'truncated', 'hang_body',
          'drip:0.01', 'drip_head:0.01', 'region:eu-west-1', 'regions', 'redirect', 'error200', 'late_error200', 'giant:20', 'giant_chunked:20', 'deep', 'wrong_xml:garbage', 'wrong_xml:html', 'wrong_xml:unclosed',
          'wrong_xml:another', 'wrong_xml:utf8', 'wrong_xml:surrogate', 'wrong_xml:nul', 'wrong_xml:size', 'wrong_xml:time', 'wrong_xml:entity', 'wrong_header:utf8', 'wrong_header:length', 'wrong_header:time', 'wrong_header:type',
          'wrong_header:etag', 'wrong_header:long', 'wrong_header:many', 'endless_header', 'huge_length', 'nonsense', 'stale', 'ranges:whole', 'ranges:other', 'ranges:less', 'ranges:more', 'ranges:nonsense', 'ranges:etags', 'ranges:times25',
          'as_status:204', 'unmeasured:0.5', 'two_lengths', 'huge', 'with_etag', 'with_etag:W/"x"', 'lists:cycle', 'lists:empty', 'lists:pages', 'lists:dated:yesterday', 'lists:spaces', 'uploads', 'policy:nul', 'policy:deep', 'policy:cut',
          'policy:number', 'policy:surrogate', 'policy:utf8', 'policy:good', 'marker', 'no_range', 'says:' + 'x' * 5000, 'skewed:90000', 'versions_again', 'cors', 'dated_header:']
LEAK = re.compile(r'leak|still referenced|problem in alloc|non-?empty|not closed|unexpected|detected write past|bogus|corrupt', re.I)
DEATH = re.compile(r'PANIC|TRAP|terminated by signal|server process .* exited|worker .*exited with exit code [^01]|terminating any other active|assertion', re.I)


def conf():
    """Settings of a server to be fuzzed: statements stay out of its log, and errors have their SQLSTATE there."""
    s3 = {name.lower()[3:]: os.environ[name] for name in ('S3_ENDPOINT', 'S3_REGION', 'S3_ACCESS_KEY_ID', 'S3_SECRET_ACCESS_KEY')}
    return ''.join(f"{name} = '{value}'\n" for name, value in [
        ('log_line_prefix', '%m [%p] %e %q%u@%d '), ('log_min_error_statement', 'panic'), ('max_connections', 50), ('neon_s3.bucket', BUCKETS[0]), *((f'neon_s3.{name}', value) for name, value in s3.items()),
        ('neon_s3.allowed_hosts', '127.0.0.1, localhost'), ('neon_s3.worker_database', 'fuzz'), ('neon_s3.worker_interval', 1)])


Function = collections.namedtuple('Function', 'name kind returns_set arguments defaults')  # arguments: (name, type)

FUNCTIONS = """
SELECT p.proname, p.prokind, p.proretset, coalesce(p.proargnames, '{}'), p.pronargdefaults, array(SELECT format_type(t, NULL) FROM unnest(p.proargtypes) WITH ORDINALITY AS u (t, n) ORDER BY n),
       array(SELECT n FROM unnest(p.proargmodes) WITH ORDINALITY AS u (m, n) WHERE m IN ('i', 'b', 'v') ORDER BY n)
  FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
  JOIN pg_extension e ON e.oid = d.refobjid WHERE e.extname = 'neon_s3' ORDER BY p.proname, p.oid"""

SET_UP = """
SET client_min_messages = error;
CREATE EXTENSION neon_s3;
CREATE TABLE fuzz_numbers (id serial, note text);
CREATE TABLE fuzz_generated (id int, note text, twice int GENERATED ALWAYS AS (id * 2) STORED);
CREATE TABLE fuzz_parts (id int, note text) PARTITION BY RANGE (id);
CREATE TABLE fuzz_part PARTITION OF fuzz_parts FOR VALUES FROM (0) TO (1000);
CREATE VIEW fuzz_view AS SELECT 1 AS object_key;
CREATE TABLE fuzz_empty ();
CREATE FOREIGN DATA WRAPPER fuzz_other;
CREATE SERVER fuzz_other FOREIGN DATA WRAPPER fuzz_other;
CREATE FOREIGN TABLE fuzz_foreign (object_key text) SERVER fuzz_other;
SELECT s3_create_files_table(), s3_create_files_table('fuzz_files');
ALTER TABLE s3_files ADD size bigint, ADD etag text, ADD confirmed_at timestamptz, ADD note text DEFAULT 'none';
ALTER TABLE s3_files OWNER TO fuzz_owner;
GRANT ALL ON ALL TABLES IN SCHEMA public TO fuzz_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON s3_files, fuzz_files, fuzz_numbers, fuzz_generated, fuzz_parts TO fuzz_app;
GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO fuzz_app, fuzz_owner;
GRANT CREATE ON SCHEMA public TO fuzz_owner;
GRANT EXECUTE ON ALL ROUTINES IN SCHEMA public TO fuzz_app, fuzz_owner;
"""
# What other episodes may have done away with.
HEAL = """
SELECT s3_create_bucket(b) FROM unnest(%s) AS b WHERE NOT s3_bucket_exists(b);
SELECT s3_put_bucket_versioning(false, b), s3_delete_bucket_policy(b), s3_put_public_access_block(false, b) FROM unnest(%s) AS b;
SELECT s3_track_files(bucket => 'fuzz-a') WHERE NOT EXISTS (SELECT FROM s3_tracked_files WHERE files_table = 's3_files'::regclass);
SELECT s3_track_files('fuzz_files', server => 'fault') WHERE NOT EXISTS (SELECT FROM s3_tracked_files WHERE files_table = 'fuzz_files'::regclass);
SELECT s3_arm_lifecycle();
SELECT count(*) FROM s3_put_objects(ARRAY['a', 'b/c.txt', 'photo ä.png', 'data.csv'], ARRAY['a', 'bc', 'png', E'1,x\\n2,y\\n']::bytea[]);
SELECT s3_export_query('SELECT n, repeat(''x'', 100) FROM generate_series(1, 999) n', 'data.csv.gz', bucket => 'fuzz-a');
"""


class World:
    """The servers, the database and what is in it."""

    def __init__(self, prepare, only):
        self.fault = FaultServer()
        self.secrets = [SECRET, os.environ['S3_SECRET_ACCESS_KEY']]
        self.log = os.environ.get('NEON_S3_FUZZ_LOG') or os.path.dirname(os.environ['PGDATA']) + '/log/postgresql.log'
        with psycopg.connect(dbname='postgres', autocommit=True) as db:
            for statement in ('DROP DATABASE IF EXISTS fuzz WITH (FORCE)', *(f'DROP ROLE IF EXISTS {role}' for role in ('fuzz_app', 'fuzz_owner', 'fuzz_plain')),
                              'CREATE DATABASE fuzz', 'CREATE ROLE fuzz_app', 'CREATE ROLE fuzz_owner', 'CREATE ROLE fuzz_plain'): db.execute(statement)
        self.db = self.connect()
        self.db.execute(SET_UP)
        self.make_servers()
        self.heal()
        self.db.execute(prepare)
        self.started = self.postmaster()
        self.log_at = os.path.getsize(self.log)
        self.functions = [self.function(*row) for row in self.db.execute(FUNCTIONS) if re.fullmatch(only, row[0])]
        self.settings = self.db.execute("SELECT name, vartype, min_val, max_val, enumvals FROM pg_settings WHERE name LIKE 'neon\\_s3.%' ORDER BY name").fetchall()
        self.settings += [(f'neon_s3.{name}', 'string', None, None, None) for name in ('access_key_id', 'secret_access_key', 'session_token', 'http_proxy')]

    def connect(self): return psycopg.connect(dbname='fuzz', autocommit=True, client_encoding='UTF8')

    def make_servers(self):
        key, secret = os.environ['S3_ACCESS_KEY_ID'], os.environ['S3_SECRET_ACCESS_KEY']
        local = self.fault.endpoint
        ends = {'rgw': os.environ['S3_ENDPOINT'], 'fault': local(), 'closed': local('closed'), 'mute': local('mute'), 'black_hole': local('black_hole'), 'unmapped': local(), 'denied': local()}
        for name, endpoint in ends.items():
            self.db.execute(f"CREATE SERVER {name} FOREIGN DATA WRAPPER neon_s3 OPTIONS (endpoint '{endpoint}', region '{os.environ['S3_REGION']}', bucket '{BUCKETS[0]}')")
            if name != 'denied': self.db.execute(f'GRANT USAGE ON FOREIGN SERVER {name} TO fuzz_app, fuzz_owner')
            pair = (key, secret) if name == 'rgw' else ('AKIAFAULT', SECRET)
            if name != 'unmapped': self.db.execute(f"CREATE USER MAPPING FOR PUBLIC SERVER {name} OPTIONS (access_key_id '{pair[0]}', secret_access_key '{pair[1]}')")

    def heal(self):
        if not self.s3_answers(): subprocess.run([HERE + '/../scripts/rgw', 'start', os.environ['NEON_S3_RGW_DIR']], check=True, stdout=subprocess.DEVNULL)
        self.fault.plays()
        self.db.execute('RESET ALL')
        buckets = f'ARRAY{BUCKETS}'
        for statement in HEAL.strip().split(';\n'): self.db.execute(statement.replace('%s', buckets))
        self.fault.plays('sometimes:50:' + '|'.join(FAULTS))

    def s3_answers(self):
        """Ceph's S3 server is fuzzed along, and has died of it."""
        try: socket.create_connection(('127.0.0.1', os.environ['S3_ENDPOINT'].rsplit(':', 1)[1]), timeout=5).close()
        except OSError: return False
        return True

    def function(self, name, kind, returns_set, names, defaults, types, inputs):
        names = [names[n - 1] for n in inputs] if inputs else names[:len(types)]
        return Function(name, kind.decode() if isinstance(kind, bytes) else kind, returns_set, list(zip(names + [''] * len(types), types)), defaults)

    def postmaster(self): return self.db.execute('SELECT pg_postmaster_start_time()').fetchone()[0]

    def new_log(self):
        with open(self.log, errors='replace') as file:
            file.seek(self.log_at)
            text = file.read()
        return text


# ---------------------------------------------------------------- what is said

class Episode:
    """The statements of one episode: they depend on the seed and the number alone."""

    def __init__(self, world, seed, number):
        self.world, self.random = world, random.Random(f'{seed}/{number}')
        self.values = Values(self.random)
        self.wild = self.random.choice([0, 0.05, 0.15, 0.4, 1])
        self.timeout = self.random.choice([0.005, 0.02, 0.1, 0.3, 1, 2])
        self.deep = 0

    def set_up(self):
        r = self.random
        yield 'DISCARD ALL'
        yield 'SET client_min_messages = warning'
        if r.random() < 0.2: yield f"SET neon_s3.secret_access_key = '{SECRET}'"
        for _ in range(r.choice([0, 0, 0, 0, 1, 1, 2, 4])):
            setting = r.choice(self.world.settings)
            yield f"SELECT set_config('{setting[0]}', {self.values.setting(*setting)}, false)"
        for chance, name, values in [(1, 'neon_s3.request_timeout', ['1s', '100ms', '3s']), (0.5, 'neon_s3.server', ['rgw', 'fault', 'closed']), (0.1, 'neon_s3.max_attempts', ['1', '100']),
                                     (0.05, 'force_parallel_mode' if self.world.db.info.server_version < 160000 else 'debug_parallel_query', ['on']), (0.05, 'work_mem', ['64kB']), (0.05, 'search_path', ['pg_catalog, pg_temp, public']),
                                     (0.03, 'default_transaction_read_only', ['on']), (0.05, 'default_transaction_isolation', ['serializable', 'repeatable read']),         (0.05, 'DateStyle', ['SQL, DMY', 'German']), (0.05, 'IntervalStyle', ['iso_8601', 'sql_standard']), (0.05, 'TimeZone', ['Asia/Kolkata', 'posix/xx']), (0.05, 'bytea_output', ['escape'])]:
            if r.random() < chance: yield f"SELECT set_config('{name}', {lit(r.choice(values))}, false)"
        role = r.choice(['', '', 'fuzz_app', 'fuzz_app', 'fuzz_owner', 'fuzz_plain'])
        if role: yield f'SET ROLE {role}'
        yield f"SET statement_timeout = '{self.timeout * 1000:.0f}ms'"

    def body(self):
        r = self.random
        in_transaction = r.random() < 0.4
        if in_transaction: yield r.choice(['BEGIN', 'BEGIN', 'BEGIN ISOLATION LEVEL REPEATABLE READ', 'BEGIN READ ONLY', 'BEGIN ISOLATION LEVEL SERIALIZABLE'])
        if in_transaction and r.random() < 0.3: yield from self.make_server()
        for n in range(r.randrange(1, 13)):
            yield from self.in_savepoint(n) if in_transaction and r.random() < 0.93 else self.call()
        if in_transaction: yield r.choice(['COMMIT', 'ROLLBACK'])

    def make_server(self):
        r = self.random
        names = ['region', 'bucket', 'endpoint', 'public_endpoint', 'public_url_base', 'addressing_style', 'credential_providers', 'nonsense']
        options = ', '.join(f'{name} {self.values.short_text()}' for name in r.sample(names, r.randrange(0, 3)))
        server = f'CREATE SERVER fuzzed FOREIGN DATA WRAPPER neon_s3{f" OPTIONS ({options})" if options else ""}'
        options = ', '.join(f'{name} {value}' for name, value in [('access_key_id', self.values.short_text()), ('secret_access_key', f"'{SECRET}'"), ('session_token', self.values.short_text())][:r.randrange(1, 4)])
        mapping = f'CREATE USER MAPPING FOR {r.choice(["PUBLIC", "CURRENT_USER"])} SERVER fuzzed OPTIONS ({options})'
        yield f'DO $do$ BEGIN {server}; {mapping}; EXCEPTION WHEN OTHERS THEN RAISE WARNING USING ERRCODE = SQLSTATE, MESSAGE = SQLERRM; END $do$'
        if r.random() < 0.8: yield 'SET LOCAL neon_s3.server = fuzzed'

    def in_savepoint(self, n):
        yield f'SAVEPOINT s{n}'
        yield from self.call()
        yield self.random.choice([f'ROLLBACK TO s{n}'] * 9 + [f'RELEASE s{n}'])

    def argument(self, function, name, type_):
        wild = self.random.random() < self.wild
        return (self.values.of_type(type_) if wild else self.values.valid(function.name, name, type_)) or 'NULL'

    def expression(self, function):
        required = len(function.arguments) - function.defaults
        parts = []
        for n, (name, type_) in enumerate(function.arguments):
            if n >= required and self.random.random() < 0.5: continue
            parts.append(f'{name} => {self.argument(function, name, type_)}' if n >= required else self.argument(function, name, type_))
        return f'{function.name}({", ".join(parts)})'

    def call(self):
        r = self.random
        function = r.choice(self.world.functions)
        call = self.expression(function)
        if function.kind == 'p':
            yield f'CALL {call}'
            return
        kind = r.random()
        if kind < 0.5: yield f'SELECT * FROM {call}'
        elif kind < 0.6: yield f'SELECT {call}'
        elif kind < 0.65: yield f'SELECT {call} FROM generate_series(1, 3)'
        elif kind < 0.7: yield f'SELECT * FROM {call} LIMIT 1'
        elif kind < 0.75: yield f'SELECT ({self.expression(function)} IS NULL) IS DISTINCT FROM ({call} IS NULL)' if not function.returns_set else f'SELECT count(*) FROM {call}'
        elif kind < 0.8: yield from (f'PREPARE p AS SELECT * FROM {call}', 'EXECUTE p', 'EXECUTE p', 'DEALLOCATE p')
        elif kind < 0.87: yield from (f'DECLARE c CURSOR{r.choice(["", " WITH HOLD"])} FOR SELECT * FROM {call}', 'FETCH 2 FROM c', r.choice(['CLOSE c', 'MOVE ALL IN c; CLOSE c', 'CLOSE c']))
        elif kind < 0.9: yield f'EXPLAIN (ANALYZE, VERBOSE, COSTS OFF, TIMING OFF) SELECT * FROM {call}'
        else: yield self.block(call)

    def block(self, call):
        """What it catches comes as a warning of the same SQLSTATE."""
        block = lambda caught: f'BEGIN PERFORM * FROM {call}; EXCEPTION WHEN {caught} THEN RAISE WARNING USING ERRCODE = SQLSTATE, MESSAGE = SQLERRM; END;'
        do = f'FOR i IN 1..3 LOOP {block("OTHERS")} END LOOP;' if self.random.random() < 0.3 else block('OTHERS OR query_canceled')
        return f'DO $do$ BEGIN {do} {self.random.choice(["", "", "RAISE division_by_zero;"])} END $do$'


# ---------------------------------------------------------------- what comes of it

class Findings:
    def __init__(self):
        self.lock, self.known, self.count = threading.Lock(), collections.Counter(), 0

    def add(self, what, detail, number=None, script=()):
        """Prints the first few of a kind, with a script that runs them again where there is one."""
        with self.lock:
            self.count += 1
            self.known[what] += 1
            if self.known[what] > 2 or len(self.known) > 30: return
            text = f'\nFAILED: {what}' + (f' (episode {number})' if number is not None else '') + f'\n  {detail}\n' + ''.join(f'{statement};\n' for statement in script)
            print(text + ('-- ^ this one\n' if script else ''), end='', flush=True)


class Lateness(threading.Thread):
    """How late a pg_sleep is that is cancelled again and again: what the machine's load adds to a timeout."""

    def __init__(self, world):
        super().__init__(daemon=True)
        self.world, self.late, self.done = world, collections.deque(maxlen=20000), False

    def run(self):
        db = self.world.connect()
        db.execute("SET statement_timeout = '20ms'")
        while not self.done:
            started = time.monotonic()
            try: db.execute('SELECT pg_sleep(60)')
            except psycopg.errors.QueryCanceled: pass
            ended = time.monotonic()
            self.late.append((started, ended, ended - started - 0.02))

    def between(self, started, ended):
        """The longest, of those that ended then or were on their way."""
        found = [late for at, to, late in list(self.late) if to >= started and at <= ended]
        return max(found, default=0)


class Session(threading.Thread):
    def __init__(self, run, number):
        super().__init__(daemon=True)
        self.run_, self.world, self.number, self.db, self.since = run, run.world, number, None, None

    def connect(self):
        self.db = self.world.connect()
        self.db.add_notice_handler(self.noticed)

    def noticed(self, said):
        self.check(said.sqlstate, [said.message_primary, said.message_detail, said.message_hint, said.context], said.severity)

    def run(self):
        self.connect()
        for number in self.run_.numbers:
            if self.run_.is_over(): break
            try:
                self.play(number)
            except Exception as problem:  # of the fuzzer itself
                self.run_.findings.add(f'{type(problem).__name__} of the fuzzer', repr(problem), number, self.script)
                self.db.close()
            if self.db.closed or number % 17 == 0:
                self.db.close()
                self.connect()

    def s3_answers(self):
        """Ceph's S3 server is fuzzed along, and has died of it."""
        try: socket.create_connection(('127.0.0.1', os.environ['S3_ENDPOINT'].rsplit(':', 1)[1]), timeout=5).close()
        except OSError: return False
        return True

    def play(self, number):
        self.episode, self.script = number, []
        episode = Episode(self.world, self.run_.arguments.seed, number)
        if self.db.info.transaction_status != psycopg.pq.TransactionStatus.IDLE: self.say('ROLLBACK', None)
        for statement in episode.set_up(): self.say(statement, None)
        for statement in episode.body():
            self.say(statement, episode.timeout)
            if self.db.closed: return
        self.run_.count_calls(self.script)

    def say(self, statement, timeout):
        self.script.append(statement)
        waited = self.waited()
        started = self.since = time.monotonic()
        state = '00000'
        try:
            cursor = self.db.execute(statement)
            self.since = None
            ended = time.monotonic()
            self.check_rows(cursor)
        except psycopg.Error as error:
            ended, self.since = time.monotonic(), None
            state = error.sqlstate or 'lost'
            self.check(state, [error.diag.message_primary or str(error), error.diag.message_detail, error.diag.message_hint, error.diag.context],
                       error.diag.severity_nonlocalized or 'ERROR')
        self.run_.states[state] += 1
        # At commit PostgreSQL has no statement_timeout, and a cursor WITH HOLD is read to its end there.
        if timeout and not re.match('COMMIT|DECLARE c CURSOR WITH HOLD', statement): self.check_time(statement, timeout, started, ended, self.waited() - waited)

    def check(self, state, texts, severity):
        texts = [text for text in texts if text]
        if state == 'lost' or state.startswith('XX') or severity in ('FATAL', 'PANIC'): self.fail(f'{severity} {state}: {texts[0][:100]}', texts)
        if severity == 'WARNING' and state == '01000' and LEAK.search(texts[0]): self.fail(f'{severity}: {texts[0][:60]}', texts)
        if self.has_secret('\n'.join(texts)): self.fail('a secret in a message', [state])

    def has_secret(self, text): return any(secret in text for secret in self.world.secrets)

    def check_rows(self, cursor):
        result = cursor.pgresult
        for row in range(min(result.ntuples, 40)):
            values = [result.get_value(row, column) or b'' for column in range(result.nfields)]
            if any(secret.encode() in value for secret in self.world.secrets for value in values): self.fail('a secret in a row', [])

    def waited(self):
        """Seconds for which backend and this thread were ready to run, and did not."""
        total = 0
        for task in (f'/proc/{self.db.info.backend_pid}', '/proc/thread-self') if not self.db.closed else ():
            with contextlib.suppress(OSError), open(task + '/schedstat') as file: total += int(file.read().split()[1])
        return total / 1e9

    def check_time(self, statement, timeout, started, ended, waited):
        late = ended - started - timeout
        self.run_.late.append(late)
        if late <= LATE: return
        allowed = waited + self.run_.lateness.between(started + timeout, ended + 0.03)
        if late <= LATE + allowed: self.run_.excused += 1
        else: self.fail(f'outlives its statement_timeout: {" ".join(re.findall("s3_[a-z_]+", statement)[:1])}', [f'by {late * 1000:.0f} ms, of which the machine took {allowed * 1000:.0f} ms'])

    def fail(self, what, texts): self.run_.findings.add(what, ' | '.join(texts)[:1000], self.episode, self.script)


class Run:
    def __init__(self, arguments):
        self.arguments, self.findings, self.calls = arguments, Findings(), collections.Counter()
        self.states, self.late, self.excused = collections.Counter(), [], 0
        self.world = World(arguments.prepare, arguments.only)
        self.names = {function.name for function in self.world.functions}
        self.count = 1 if arguments.episode is not None else arguments.sessions
        self.end = time.monotonic() + arguments.seconds

    def is_over(self): return sum(self.calls.values()) >= self.arguments.calls / self.count or time.monotonic() > self.end

    def count_calls(self, script):
        for statement in script:
            self.calls.update(name for name in re.findall(r'\bs3_\w+(?=\()', statement) if name in self.names)

    def go(self):
        """A process for each session: threads of one would wait for each other, and take it for lateness."""
        children = dict(self.fork(number) for number in range(self.count))
        for beat in itertools.count():
            if not any(not os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) for pid in children): break
            time.sleep(0.5)
            self.world.fault.control('forget')
            if beat % 40 == 39: self.look_at_server()
        for pid, results in children.items(): self.collect(pid, results)
        self.look_at_server()
        self.look_at_log()
        self.world.fault.stop()

    def fork(self, number):
        results = tempfile.TemporaryFile()
        pid = os.fork()
        if pid: return pid, results
        status = 1
        try:
            self.work(number)
            pickle.dump((self.states, self.calls, self.late, self.excused, self.findings.count, self.findings.known), results)
            results.flush()
            status = 0
        finally:
            os._exit(status)

    def work(self, number):
        parents, self.world.db = self.world.db, self.world.connect()  # whose end would end the parent's, too
        self.numbers = iter([self.arguments.episode]) if self.arguments.episode is not None else itertools.count(number, self.count)
        self.lateness = Lateness(self.world)
        self.lateness.start()
        session = Session(self, number)
        session.start()
        while session.is_alive():
            session.join(0.5)
            if not self.look_after(session): break
        self.lateness.done = True
        self.parents = parents

    def collect(self, pid, results):
        status = os.waitpid(pid, 0)[1]
        if status: return self.findings.add(f'a process of the fuzzer ended with status {status}', '')
        results.seek(0)
        states, calls, late, excused, count, known = pickle.load(results)
        self.states += states
        self.calls += calls
        self.late += late
        self.excused += excused
        self.findings.count += count
        self.findings.known += known

    def look_after(self, session):
        """False where a statement does not end, although it was cancelled."""
        since = session.since
        if since is None or time.monotonic() - since < LONG: return True
        if time.monotonic() - since < LOST: session.db.cancel()
        else: self.findings.add('a statement does not end', f'after {LOST} s', session.episode, session.script)
        return time.monotonic() - since < LOST

    def look_at_server(self):
        if self.world.db.closed: self.world.db = self.world.connect()
        if self.world.postmaster() != self.world.started: self.findings.add('the server restarted', '')
        try:
            self.world.heal()
        except psycopg.Error as error:  # a session that has just forbidden it
            self.states[f'{error.sqlstate} (setting up again)'] += 1

    def look_at_log(self):
        """Afterwards: meanwhile it would hold up those who measure."""
        log = self.world.new_log()
        for line in log.splitlines():
            if DEATH.search(line) or re.search(r'\] XX\w{3} ', line) or (' WARNING: ' in line and LEAK.search(line)): self.findings.add('in the log: ' + re.sub(r'\d+', 'N', line)[:120], line)
        if any(secret in log for secret in self.world.secrets): self.findings.add('a secret in the log', '')

    def summary(self):
        late = sorted(self.late) or [0]
        missed = sorted(self.names - set(self.calls))
        if missed and self.arguments.episode is None: print('never called: ' + ', '.join(missed))
        print('SQLSTATEs: ' + ', '.join(f'{state} {count}' for state, count in self.states.most_common()))
        print(f'seed {self.arguments.seed}: {sum(self.calls.values())} calls of {len(self.calls)} functions, {sum(self.states.values())} statements; ended {late[int(len(late) * 0.999)] * 1000:.0f} ms (99.9 %), '
              f'{late[-1] * 1000:.0f} ms (longest) after the timeout, {self.excused} by more than {LATE * 1000:.0f} ms for want of a processor; {self.findings.count} findings of {len(self.findings.known)} kinds', flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--conf', action='store_true', help='print the settings that the server needs')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--calls', type=int, default=100000)
    parser.add_argument('--seconds', type=int, default=86400, help='end after that time')
    parser.add_argument('--sessions', type=int, default=4)
    parser.add_argument('--only', default='.*', help='functions whose names match, as a regular expression')
    parser.add_argument('--prepare', default='', help='SQL that is run before')
    parser.add_argument('--episode', type=int, help='run that one only')
    arguments = parser.parse_args()
    if arguments.conf: return print(conf(), end='')
    run = Run(arguments)
    run.go()
    run.summary()
    if run.findings.count: sys.exit(1)


main()

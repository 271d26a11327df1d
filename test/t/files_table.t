# s3_save_metadata on tables as people have them: columns of other types, views, partitions, row-level
# security, few rights, and tables that change under a session that keeps its plan.
use v5.32;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use NeonS3Test;
use Test::More;

my $server = NeonS3Test->server;
my $db = $server->new_database;
my $role = $server->new_role("neon_s3_t_$$ saver", 'LOGIN');
my $grantee = ident($role);
$db->do('CREATE EXTENSION neon_s3;', "CREATE SCHEMA own AUTHORIZATION $grantee;");
my $bucket = "SET neon_s3.bucket = 'my-bucket';";

# The guide's table with columns of other types, and more of them.
sub table {
  my ($name, %columns) = @_;
  my %guide = (id => 'serial PRIMARY KEY', object_key => 'text NOT NULL UNIQUE', file_url => 'text NOT NULL', user_id => 'text NOT NULL',
    upload_timestamp => 'timestamptz DEFAULT now()');
  my %all = (%guide, %columns);
  return "DROP TABLE IF EXISTS $name CASCADE; CREATE TABLE $name ("
    . join(', ', map { "$_ $all{$_}" } grep { $all{$_} } sort keys %all) . ');';
}

my $save = "SELECT id, object_key, file_url, user_id, upload_timestamp = now() FROM s3_save_metadata('k', 'u', 'me');";
sub tried { my (@statements) = @_; return ($db->try($bucket, @statements))[-1] }

# The last statement's row, or what it says instead; all is rolled back.
sub saved {
  my $result = tried('BEGIN;', @_);
  return $result->{state} eq '00000' ? $result->{out} =~ s/\x1f/|/gr : "$result->{state} " . ($result->{message} // '');
}

sub as_role { my (@statements) = @_; return tried("SET SESSION AUTHORIZATION $grantee;", @statements) }

# ---------------------------------------------------------------- types

my $uuid = '5f0c3c52-9d6c-4a53-8a0b-52f8c1f5f6a1';
my $save_as = sub { my ($user) = @_; $save =~ s/'me'/lit($user)/er };

subtest 'columns of other types' => sub {
  is saved(table('s3_files'), $save), '1|k|u|me|t', "the guide's own";
  is saved(table('s3_files', user_id => 'uuid NOT NULL'), $save_as->($uuid)), "1|k|u|$uuid|t", 'user_id uuid';
  refused(tried(table('s3_files', user_id => 'uuid NOT NULL'), $save), '22P02', '... refuses what is none', message => qr/uuid: "me"/);
  is saved(table('s3_files', user_id => 'integer'), $save_as->('42')), '1|k|u|42|t', 'user_id integer';
  is saved(table('s3_files', user_id => 'numeric(6,2)'), $save_as->('1.239')), '1|k|u|1.24|t', 'user_id numeric(6,2)';
  is saved(table('s3_files', object_key => 'varchar(5)', file_url => 'varchar'), $save), '1|k|u|me|t', 'varchar(n)';
  refused(tried(table('s3_files', user_id => 'varchar(5)'), $save_as->('sixsix')), '22001', '... is not cut');
  is saved(table('s3_files', user_id => 'char(5)'), $save), '1|k|u|me|t', 'char(n)';
  my @domain = "DROP DOMAIN IF EXISTS short CASCADE; CREATE DOMAIN short AS text CHECK (length(VALUE) < 4);";
  is saved(@domain, table('s3_files', user_id => 'short'), $save), '1|k|u|me|t', 'a domain';
  refused(tried(@domain, table('s3_files', user_id => 'short'), $save_as->('four')), '23514', '... whose check counts');
  is saved(table('s3_files', upload_timestamp => "timestamp DEFAULT now()"), $save), '1|k|u|me|t', 'upload_timestamp timestamp';
};

subtest 'id of other types' => sub {
  is saved(table('s3_files', id => "$_ PRIMARY KEY"), $save), '1|k|u|me|t', $_
    for 'bigserial', 'smallserial', 'bigint GENERATED ALWAYS AS IDENTITY';
  is saved(table('s3_files', id => 'uuid PRIMARY KEY DEFAULT gen_random_uuid()'), $save), '|k|u|me|t', 'uuid: NULL';
  is saved(table('s3_files', id => 'uuid PRIMARY KEY DEFAULT gen_random_uuid()'), $save, 'SELECT count(*) FROM s3_files;'),
    '1', '... and the row is there';
  is saved(table('s3_files', id => "text DEFAULT 'x'"), $save), '|k|u|me|t', 'text: NULL';
  is saved(table('s3_files', id => ''), $save), '|k|u|me|t', 'no such column: NULL';
};

subtest 'content_type and size' => sub {
  my $more = "SELECT FROM s3_save_metadata('k', 'u', 'me', 'image/png', 5000);";
  my $columns = "SELECT content_type, size FROM s3_files;";
  my $filled = sub { my (%columns) = @_; return saved(table('s3_files', %columns), $more, $columns) };
  is $filled->(content_type => 'text', size => 'bigint'), 'image/png|5000', 'text and bigint';
  is $filled->(content_type => 'varchar(20)', size => 'integer'), 'image/png|5000', 'varchar(n) and integer';
  is $filled->(content_type => 'text', size => 'numeric(12,2)'), 'image/png|5000.00', 'numeric';
  is $filled->(content_type => 'text', size => 'text'), 'image/png|5000', 'text';
  is $filled->(content_type => 'text', size => 'bigint GENERATED ALWAYS AS (7) STORED'), 'image/png|7', 'a generated size is left alone';
  is $filled->(content_type => "text GENERATED ALWAYS AS (file_url || '!') STORED", size => 'int'), 'u!|5000',
    '... a generated content_type';
  is $filled->(content_type => 'text', size => 'bigint GENERATED ALWAYS AS IDENTITY'), 'image/png|1', '... an identity column';
  is saved('CREATE TYPE kind AS ENUM (\'image/png\');', table('s3_files', content_type => 'kind', size => 'int'), $more,
    $columns), 'image/png|5000', 'an enum';
  is saved(table('s3_files', content_type => "text DEFAULT 'd'", size => 'int DEFAULT 1'), $save, $columns), 'd|1',
    'not given: the defaults';
  is saved(table('s3_files', content_type => "text DEFAULT 'd'", size => 'int DEFAULT 1'), $more =~ s/'image\/png'/NULL/r,
    $columns), 'd|5000', 'one given';
  is saved(table('s3_files', content_type => 'text'), $more, 'SELECT content_type FROM s3_files;'), 'image/png', 'no column for the size';
  is saved(table('s3_files', content_type => 'text'), 'ALTER TABLE s3_files DROP content_type;', $more,
    'SELECT count(*) FROM s3_files;'), '1', 'none at all';
  refused(tried(table('s3_files', size => 'int'), "SELECT s3_save_metadata('k', 'u', 'me', size => 3000000000);"), '22003',
    'a size that does not fit');
  refused(tried(table('s3_files', size => 'uuid'), $more), '42804', 'a size that cannot be one',
    message => qr/column "size" is of type uuid/);
};

subtest 'NULLs' => sub {
  my $call = sub { tried(table('s3_files'), "SELECT file_url FROM s3_save_metadata($_[0]);") };
  is $call->("'a b', NULL, 'me'")->{out}, 'https://my-bucket.s3.us-east-1.amazonaws.com/a%20b', 'no URL: that of s3_public_url';
  refused($call->("NULL, 'u', 'me'"), '23502', 'no key', message => qr/"object_key"/);
  refused($call->("NULL, NULL, 'me'"), '23502', '... nor a URL');
  refused($call->("'k', 'u', NULL"), '23502', 'no user', message => qr/"user_id"/);
  is saved(table('s3_files', user_id => 'text'), $save_as->(undef)), '1|k|u||t', '... where the table lets it be NULL';
  is saved(table('s3_files'), "SELECT file_url FROM s3_save_metadata('k', 'u', 'me');"), 'u', 'a URL: needs no bucket';
  refused($db->try("SELECT s3_save_metadata('k', NULL, 'me');"), '22023', 'no URL, no bucket', message => qr/no bucket/);
};

# ---------------------------------------------------------------- kinds of tables

subtest 'views, partitions, triggers' => sub {
  my @view = (table('files'), 'DROP TABLE IF EXISTS s3_files; CREATE VIEW s3_files AS SELECT * FROM files;');
  is saved(@view, $save), '1|k|u|me|t', 'an updatable view';
  is saved(table('files'), "DROP TABLE IF EXISTS s3_files;", "CREATE VIEW s3_files AS SELECT *, 'x' AS more FROM files;",
    "CREATE FUNCTION put() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO files (object_key, file_url, user_id) VALUES (NEW.object_key, NEW.file_url, NEW.user_id) RETURNING id, upload_timestamp INTO NEW.id, NEW.upload_timestamp; RETURN NEW; END';",
    'CREATE TRIGGER put INSTEAD OF INSERT ON s3_files FOR EACH ROW EXECUTE FUNCTION put();', $save), '1|k|u|me|t',
    'a view with an INSTEAD OF trigger';
  my $columns = 'id serial, object_key text, file_url text, user_id text, upload_timestamp timestamptz DEFAULT now()';
  my @partitioned = ('DROP TABLE IF EXISTS s3_files;', "CREATE TABLE s3_files ($columns) PARTITION BY LIST (user_id);",
    "CREATE TABLE s3_files_me PARTITION OF s3_files FOR VALUES IN ('me');");
  is saved(@partitioned, $save), '1|k|u|me|t', 'a partitioned table';
  is saved(@partitioned, $save, "CREATE TABLE s3_files_you PARTITION OF s3_files FOR VALUES IN ('you');", $save_as->('you')), '2|k|u|you|t',
    '... with a new partition in between';
  refused(tried('BEGIN;', @partitioned, $save_as->('nobody')), '23514', '... without one', message => qr/no partition/);
  my $trigger = sub { my ($body) = @_; return (table('s3_files'),
    "CREATE FUNCTION change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN $body END';",
    'CREATE TRIGGER change BEFORE INSERT ON s3_files FOR EACH ROW EXECUTE FUNCTION change();') };
  is saved($trigger->("NEW.object_key := ''other''; RETURN NEW;"), $save), '1|other|u|me|t', 'what a trigger made of it';
  is saved($trigger->('RETURN NULL;'), $save), '||||', 'a trigger that skips the row: NULLs';
  is saved($trigger->("IF pg_trigger_depth() < 3 THEN PERFORM s3_save_metadata(NEW.object_key || ''+'', ''u'', ''me'', ''a/b'', 1); END IF; RETURN NEW;"),
    'ALTER TABLE s3_files ADD size int;', $save, 'SELECT count(*), count(size) FROM s3_files;'), '3|2', 'a trigger that saves more';
  # As many tables as there are kept plans, while one of them is to run.
  my $filling = join ' ', map { "EXECUTE ''CREATE TABLE x$_ (id int, object_key text, file_url text, user_id text)''; PERFORM set_config(''neon_s3.files_table'', ''x$_'', true); PERFORM s3_save_metadata(''x'', ''u'', ''me'');" } 1 .. 40;
  is saved("CREATE FUNCTION fill() RETURNS bool LANGUAGE plpgsql AS 'BEGIN IF to_regclass(''x1'') IS NULL THEN $filling END IF; RETURN true; END';",
    'CREATE DOMAIN filling AS text CHECK (fill());', table('s3_files', user_id => 'text'), $save,
    table('s3_files', user_id => 'filling'), $save,
    'SELECT count(*) FROM x40;'), 1, 'a domain whose check saves into 40 other tables';
  # Descriptions of rows are kept, some at a time: of these functions' some take the place of s3_save_metadata's.
  my @others = map { "u$_" } 1 .. 32;
  is saved((map { "CREATE FUNCTION $_(file_name text, content_type text, expires_in interval, key_prefix text, content_length bigint, checksum_sha256 bytea, overwrite boolean, bucket text, server text, OUT method text, OUT presigned_url text, OUT headers jsonb, OUT object_key text, OUT public_file_url text, OUT expires_at timestamptz) AS 'neon_s3', 'neon_s3_presign_upload' LANGUAGE C;" } @others),
    "SET neon_s3.access_key_id = 'a'; SET neon_s3.secret_access_key = 'b';",
    $trigger->(join(' ', map { "PERFORM $_(''f'', ''a/b'', NULL, '''', NULL, NULL, true, NULL, NULL);" } @others)
    . ' RETURN NEW;'), $save), '1|k|u|me|t', 'a trigger that calls many others';
  is saved(table('s3_files'), 'CREATE TEMP TABLE log (n int);',
    'CREATE RULE also AS ON INSERT TO s3_files DO ALSO INSERT INTO log VALUES (1);', $save, 'SELECT count(*) FROM log;'), 1,
    'a DO ALSO rule';
};

# ---------------------------------------------------------------- rights

my @granted = (table('s3_files'), "GRANT INSERT ON s3_files TO $grantee; GRANT USAGE ON SEQUENCE s3_files_id_seq TO $grantee;");

subtest 'without the right to SELECT' => sub {
  $db->do(@granted);
  my $call = "SELECT id, object_key, file_url, user_id, upload_timestamp FROM s3_save_metadata('k' || gen_random_uuid(), 'u', 'me');";
  like as_role($call)->{out}, qr/\A\x1fk[0-9a-f-]{36}\x1fu\x1fme\x1f\z/, 'none: what is known, and NULL for the rest';
  is $db->value('SELECT count(*) FROM s3_files;'), 1, '... and the row is there';
  $db->do("GRANT SELECT (id) ON s3_files TO $grantee;");
  like as_role($call)->{out}, qr/\A2\x1fk.*\x1f\z/, 'on id alone';
  $db->do("GRANT SELECT ON s3_files TO $grantee;");
  like as_role($call)->{out}, qr/\A3\x1fk.*\x1f20.*\z/, 'on all';
  $db->do("REVOKE INSERT ON s3_files FROM $grantee;");
  refused(as_role($call), '42501', 'no right to INSERT', message => qr/permission denied for table s3_files/);
  my @results = $db->try("SET SESSION AUTHORIZATION $grantee;", $call, 'RESET SESSION AUTHORIZATION;', $call,
    "GRANT INSERT ON s3_files TO $grantee; SET SESSION AUTHORIZATION $grantee;", $call, 'RESET SESSION AUTHORIZATION;',
    "REVOKE SELECT ON s3_files FROM $grantee; SET SESSION AUTHORIZATION $grantee;", $call);
  is_deeply [ map { $_->{state} } @results[ 1, 3, 5, 8 ] ], [qw(42501 00000 00000 00000)], 'rights that change in one session';
  like $results[5]{out}, qr/\A\d+\x1f.*20\d\d/, '... all readable';
  like $results[8]{out}, qr/\A\d*\x1fk.*\x1f\z/, '... and not';
};

subtest 'row-level security' => sub {
  $db->do(@granted, "GRANT SELECT ON s3_files TO $grantee;", 'ALTER TABLE s3_files ENABLE ROW LEVEL SECURITY;',
    'CREATE POLICY ins ON s3_files FOR INSERT WITH CHECK (true);');
  my $call = "SELECT id, user_id, upload_timestamp FROM s3_save_metadata('k' || gen_random_uuid(), 'u', 'me');";
  is as_role($call)->{out}, "\x1fme\x1f", 'INSERT policy, no SELECT policy: the row, without what the role cannot read';
  is $db->value('SELECT count(*) FROM s3_files;'), 1, '... is there';
  $db->do("CREATE POLICY others ON s3_files FOR SELECT TO pg_monitor USING (true);");
  is as_role($call)->{out}, "\x1fme\x1f", 'a SELECT policy for others';
  $db->do("CREATE POLICY less ON s3_files AS RESTRICTIVE FOR SELECT USING (true);");
  is as_role($call)->{out}, "\x1fme\x1f", '... and a restrictive one';
  $db->do("CREATE POLICY sel ON s3_files FOR SELECT TO $grantee USING (user_id = 'me');");
  like as_role($call)->{out}, qr/\A3?4?\x1fme\x1f20/, 'a SELECT policy';
  refused(as_role($call =~ s/'me'/'you'/r), '42501', '... that the new row does not meet', message => qr/row-level security/,
    hint => qr/see the new row/);
  $db->do('DROP POLICY ins ON s3_files;');
  refused(as_role($call), '42501', 'no INSERT policy', message => qr/row-level security/);
  my @results = $db->try("SET SESSION AUTHORIZATION $grantee;", $call, 'RESET SESSION AUTHORIZATION;',
    'CREATE POLICY ins ON s3_files FOR INSERT WITH CHECK (true);',
    "SET SESSION AUTHORIZATION $grantee;", $call, 'RESET SESSION AUTHORIZATION;', 'DROP POLICY sel ON s3_files;',
    "SET SESSION AUTHORIZATION $grantee;", $call);
  is_deeply [ map { $_->{state} } @results[ 1, 5, 9 ] ], [qw(42501 00000 00000)], 'policies that change in one session';
  like $results[5]{out}, qr/\A\d+\x1fme\x1f20/, '... readable';
  is $results[9]{out}, "\x1fme\x1f", '... and not';
};

# ---------------------------------------------------------------- one session, its plan kept

subtest 'tables that change' => sub {
  my $keys = 0;
  my $again = sub { my ($more) = @_; return "SELECT id, user_id FROM s3_save_metadata('k" . ++$keys . "', 'u', '1'"
    . ($more // '') . ');' };
  my $out = sub { join '; ', map { "$_->{state} $_->{out}" =~ s/\x1f/|/gr } grep { $_->{sql} =~ /\ASELECT/ } $db->try(@_) };
  my @table = table('s3_files');
  is $out->(@table, map { $again->() } 1 .. 8), join('; ', map { "00000 $_|1" } 1 .. 8), 'eight rows';
  is $out->(@table, $again->(", 'a/b', 5"), 'ALTER TABLE s3_files ADD content_type text, ADD size int;', $again->(", 'a/b', 5"),
    'SELECT content_type, size FROM s3_files ORDER BY id;'), "00000 1|1; 00000 2|1; 00000 |\x1ea/b|5", 'new columns';
  is $out->(@table, $again->(), 'ALTER TABLE s3_files ALTER user_id TYPE int USING user_id::int;', $again->(),
    'ALTER TABLE s3_files ALTER user_id TYPE text;', $again->()),
    '00000 1|1; 00000 2|1; 00000 3|1', 'another type';
  is $out->(@table, $again->(), 'ALTER TABLE s3_files RENAME user_id TO who;', $again->(),
    'ALTER TABLE s3_files RENAME who TO user_id;', $again->()),
    '00000 1|1; 42703 ; 00000 2|1', 'a column away and back';
  is $out->(@table, $again->(), @table, $again->()), '00000 1|1; 00000 1|1', 'dropped and created again';
  is $out->(@table, $again->(), 'DROP TABLE s3_files;', $again->(), @table, $again->()), '00000 1|1; 42P01 ; 00000 1|1', 'away for a while';
  is $out->(@table, $again->(), 'ALTER TABLE s3_files RENAME TO old;', @table, $again->(), 'SELECT count(*) FROM old;', 'DROP TABLE old;'),
    '00000 1|1; 00000 1|1; 00000 1', 'renamed, and another of its name';
  is $out->('CREATE SCHEMA a;', table('a.s3_files'), 'SET search_path = a, public;', $again->(),
    'ALTER SCHEMA a RENAME TO b;', 'CREATE SCHEMA a;',
    table('a.s3_files'), 'SET search_path = b, public;', $again->(), 'SET search_path = a, public;', $again->(),
    'DROP SCHEMA a, b CASCADE;'),
    '00000 1|1; 00000 2|1; 00000 1|1', 'a schema renamed, and another of its name';
  is $out->(@table, $again->(), 'CREATE TEMP TABLE s3_files (LIKE public.s3_files INCLUDING IDENTITY, extra int);',
    'ALTER TABLE pg_temp.s3_files ALTER id DROP NOT NULL;',
    $again->(), 'SELECT count(*) FROM pg_temp.s3_files;', 'DROP TABLE pg_temp.s3_files;', $again->()),
    '00000 1|1; 00000 |1; 00000 1; 00000 2|1',
    'a temporary table goes first, as everywhere';
  is $out->(@table, table('own.s3_files'), $again->(), 'SET search_path = own, public;', $again->(), $again->(),
    'SET search_path = public;', $again->()),
    '00000 1|1; 00000 1|1; 00000 2|1; 00000 2|1', 'search_path';
  is $out->(@table, table('own.s3_files'), $again->(), "SET neon_s3.files_table = 'own.s3_files';", $again->(),
    'RESET neon_s3.files_table;', $again->()),
    '00000 1|1; 00000 1|1; 00000 2|1', 'neon_s3.files_table';
  $db->do("ALTER TABLE own.s3_files OWNER TO $grantee;", 'GRANT USAGE ON SCHEMA public TO PUBLIC;');
  is $out->(@table, 'SET search_path = "$user", public;', $again->(), "ALTER SCHEMA own RENAME TO $grantee;",
    "SET ROLE $grantee;", $again->(), 'RESET ROLE;', $again->(),
    'SELECT count(*) FROM public.s3_files;', "ALTER SCHEMA $grantee RENAME TO own;"),
    '00000 1|1; 00000 2|1; 00000 2|1; 00000 2', 'SET ROLE, where "$user" is in the search_path';
  is $out->('SET search_path = own, public;',
    "GRANT USAGE ON SCHEMA own TO PUBLIC; REVOKE SELECT ON own.s3_files FROM $grantee;", $again->(), "SET ROLE $grantee;",
    $again->(), 'RESET ROLE;',
    'DROP SCHEMA own CASCADE;'), '00000 3|1; 00000 |1', 'SET ROLE, to one that may read less';
};

subtest 'statements and transactions' => sub {
  my @out = $db->rows(table('s3_files'), "PREPARE save AS SELECT id FROM s3_save_metadata(\$1, 'u', 'me');",
    map({ "EXECUTE save('p$_');" } 1 .. 8),
    'BEGIN; SAVEPOINT a;', "EXECUTE save('lost');", 'ROLLBACK TO a;', "EXECUTE save('p9');", 'COMMIT;', 'SELECT count(*) FROM s3_files;');
  is_deeply [ map { $_->[0] } @out ], [ 1 .. 8, 9, 10, 9 ], 'a prepared statement, a savepoint rolled back';
  is_deeply [ map { $_->[0] } $db->rows("SELECT (s3_save_metadata('many' || n, 'u', 'me')).id FROM generate_series(1, 3) n;",
    'SELECT count(*) FROM s3_files;') ],
    [ 11, 12, 13, 12 ], 'rows of one statement';
  my @results = $db->try(table('s3_files'), $save, $save, $save =~ s/'k'/'other'/r, 'BEGIN READ ONLY;', $save, 'ROLLBACK;',
    'BEGIN;', $save =~ s/'k'/'a'/r, 'ROLLBACK;',
    'SELECT count(*) FROM s3_files;');
  refused($results[2], '23505', 'the same key again', message => qr/"s3_files_object_key_key"/, detail => qr/\(k\) already exists/);
  refused($results[5], '25006', 'a read-only transaction', message => qr/cannot execute INSERT in a read-only transaction/);
  is $results[-1]{out}, 2, '... and the session goes on';
  is $db->value('SELECT proparallel::text || provolatile::text FROM pg_proc WHERE proname = \'s3_save_metadata\';'), 'uv',
    'parallel unsafe, volatile';
  my @failing = map { "SELECT s3_save_metadata('k', 'u', 'me');" } 1 .. 200;
  my ($before, @rest) = $db->try("SELECT sum(total_bytes) FROM pg_backend_memory_contexts;", $save, @failing,
    "SELECT sum(total_bytes) FROM pg_backend_memory_contexts;");
  cmp_ok $rest[-1]{out} - $before->{out}, '<', 2_000_000, 'failing calls leave no memory behind';
  my $many = join ' ', map { "ALTER TABLE s3_files ADD c$_ int; SELECT FROM s3_save_metadata('m$_', 'u', 'me');" } 1 .. 100;
  my @kept = $db->rows(table('s3_files'), 'SELECT FROM s3_save_metadata(\'m\', \'u\', \'me\');', $many,
    "SELECT count(*) FROM pg_backend_memory_contexts WHERE ident LIKE 'INSERT INTO%';");
  cmp_ok $kept[-1][0], '<=', 3, 'a table altered a hundred times: one plan' or diag explain $kept[-1];
};

subtest 'tables that another session changes' => sub {
  my $session = $db->session($bucket);
  my $save_as = sub { $session->run("SELECT id, user_id FROM s3_save_metadata('k' || gen_random_uuid(), 'u', '$_[0]', 'a/b', 5);")->{out} };
  $db->do(table('s3_files'));
  is $save_as->(1), "1\x1f1", 'a plan is kept';
  $db->do('ALTER TABLE s3_files ALTER user_id TYPE int USING user_id::int, ADD size numeric(4, 1);');
  is $save_as->(2), "2\x1f2", 'another type, and a column more';
  is $db->value('SELECT size FROM s3_files WHERE user_id = 2;'), '5.0', '... that is filled';
  $db->do('DROP TABLE s3_files;', table('s3_files'));
  is $save_as->('three'), "1\x1fthree", 'another table';
  my $ddl = $db->session('BEGIN;', 'ALTER TABLE s3_files RENAME TO older;', 'CREATE TABLE s3_files (LIKE older INCLUDING ALL);');
  $session->start("SELECT FROM s3_save_metadata('waits', 'u', 'me');");
  wait_until(sub { $db->value("SELECT wait_event_type FROM pg_stat_activity WHERE pid = $session->{pid};") eq 'Lock' });
  $ddl->run('COMMIT;');
  is $session->result->{state}, '00000', 'a table renamed while the call waits for it';
  is_deeply [ $db->row('SELECT (SELECT count(*) FROM older), count(*) FROM s3_files;') ], [ 1, 1 ],
    '... and the row is in the one of that name';
};

subtest 'through a transaction pooler' => sub {
  # Every transaction in another session, as PgBouncer does it.
  my @sessions = map { $db->session(@{[ NeonS3Test::s3_settings('my-bucket') ]}) } 1 .. 2;
  $db->do(table('s3_files', content_type => 'text', size => 'int'));
  my $key = $sessions[0]->run("SELECT object_key FROM s3_presign_upload('a', 'image/png', content_length => 5);")->{out};
  $sessions[1]->run("SELECT FROM s3_save_metadata(" . lit($key) . ", NULL, 'me', 'image/png', 5);");
  is join('|', $db->row('SELECT object_key, content_type, size FROM s3_files;')), "$key|image/png|5", 'what is given is saved';
};

subtest 'the name of the table' => sub {
  refused(tried("SET neon_s3.files_table = 'nowhere';", $save), '42P01', 'not there',
    message => qr/files table "nowhere" does not exist/, hint => qr/s3_create_files_table/);
  refused(tried("SET neon_s3.files_table = 'no.such';", $save), '42P01', 'nor the schema', message => qr/"no\.such"/,
    hint => qr/s3_create_files_table/);
  refused(tried("SET neon_s3.files_table = 'a b';", $save), '42602', 'no name');
  refused(tried("SET neon_s3.files_table = '';", $save), '42602', 'empty');
  refused(tried("SET neon_s3.files_table = 'a.b.c';", $save), '0A000', 'of another database');
  refused(tried("SET neon_s3.files_table = 'pg_catalog.pg_class';", $save), '42703', 'a catalog', message => qr/"object_key"/);
  is saved('CREATE SCHEMA "My ""S"".";', table('"My ""S""."."Fi les"'), q{SET neon_s3.files_table = '"My ""S""."."Fi les"';},
    $save), '1|k|u|me|t', 'a quoted name';
};

done_testing;

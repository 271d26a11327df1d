# Governed tables against a real S3 server: who gets which URL, what a clone may do, what sessions do to each other.
use v5.32;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use NeonS3Test;
use Test::More;

my $bucket = new_bucket();
my $server = NeonS3Test->server;
my $db = $server->new_database;
my ($owner, $web, $attacker) = map { $server->new_role("neon_s3_t_$$ $_") } qw(owner web attacker);
my ($as_owner, $as_web, $as_attacker) = map { 'SET ROLE ' . ident($_) . ';' } $owner, $web, $attacker;
my @settings = s3_settings($bucket);

$db->do('CREATE EXTENSION neon_s3;', 'GRANT EXECUTE ON FUNCTION s3_presign_get TO ' . ident($owner) . ';',
  'GRANT CREATE ON SCHEMA public TO ' . ident($owner) . ';', @settings, $as_owner, <<"SQL");
SELECT s3_create_files_table();
ALTER TABLE s3_files ADD size bigint, ADD note text;
ALTER TABLE s3_files ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON s3_files USING (user_id = current_setting('app.who', true)) WITH CHECK (user_id = current_setting('app.who', true));
GRANT SELECT, INSERT, UPDATE, DELETE ON s3_files TO @{[ ident($web) ]}, @{[ ident($attacker) ]};
GRANT USAGE ON SEQUENCE s3_files_id_seq TO @{[ ident($web) ]}, @{[ ident($attacker) ]};
SELECT s3_track_files(key_prefix => 'files/');
SQL

# Statements of the one role that all users of a web application share, for one of them.
sub user { my ($who) = @_; return (@settings, $as_web, "SET app.who = " . lit($who) . ';') }

sub begin_upload {
  my ($who, $more) = @_;
  my @names = qw(id object_key file_url presigned_url headers);
  my %upload;
  @upload{@names} = $db->row(user($who), 'SELECT ' . join(', ', @names)
      . " FROM s3_begin_upload('cat photo.png', 'image/png', @{[ lit($who) ]}, content_length => 5" . ($more // '') . ');');
  $upload{headers} = from_json($upload{headers});
  return \%upload;
}

sub put { my ($upload, $body) = @_; return curl('PUT', $upload->{presigned_url}, headers => $upload->{headers}, body => $body)->{status} }

sub last_of { return (@_)[-1] }

# ---------------------------------------------------------------- uploads

subtest 'an upload' => sub {
  my $upload = begin_upload('alice');
  my $key = lit($upload->{object_key});
  like $upload->{object_key}, qr{\Afiles/[0-9a-f-]{36}-cat photo\.png\z}, "the table's prefix and a key of its own";
  is_deeply $upload->{headers}, { 'content-type' => 'image/png', 'content-length' => '5', 'if-none-match' => '*' }, 'headers';
  is put({ %$upload, headers => { %{ $upload->{headers} }, 'content-type' => 'text/html' } }, 'hello'), 403,
    'another type: refused by the bucket';
  is put({ %$upload, headers => { %{ $upload->{headers} }, 'content-length' => '6' } }, 'hello!'), 403, 'another length, too';
  is put($upload, 'hello'), 200, 'what was promised is taken';
  is put($upload, 'hullo'), 412, '... once';
  is_deeply [ $db->row(user('alice'), 'SELECT object_key, content_type, content_length, begun_by FROM s3_uploads;') ],
    [ $upload->{object_key}, 'image/png', 5, $web ], 's3_uploads shows it to alice';
  is curl('GET', $db->value(user('alice'), "SELECT s3_file_url($key);"))->{body}, 'hello', 's3_file_url gives it to alice';
  is $db->value(user('bob'), 'SELECT count(*) FROM s3_uploads;'), 0, 'bob, with the same role, sees no upload';
  is $db->value(@settings, $as_owner, 'SELECT count(*) FROM s3_uploads;'), 1, 'a trusted role sees all of them';
  for my $what ($key, lit('files/absent')) {
    refused(last_of($db->try(user('bob'), "SELECT $_;")), '42501', "42501 for bob: $_",
      message => qr/\Afile ".*" does not exist, or is not yours\z/)
      for "s3_file_url($what)", "s3_abort_upload($what)";
  }
  is $db->value(user('alice'), "SELECT s3_abort_upload($key);"), 't', 'alice aborts it';
  refused(last_of($db->try(user('alice'), "SELECT s3_file_url($key);")), '42501', '... and its row is gone');
  is_deeply [ $db->row($as_owner, 'SELECT object_key, bucket, state FROM s3_outbox;') ], [ $upload->{object_key}, $bucket, 'pending' ],
    '... and its object is in the outbox';
  $db->do('DELETE FROM s3_delete_queue;');
};

subtest 'a multipart upload' => sub {
  my $mib = 1 << 20;
  my $size = 11 * $mib + 5;
  my $begin = sub { "SELECT object_key, upload_id, part_size, part_count FROM s3_begin_multipart_upload('film.mp4', 'video/mp4', 'alice', $_[0]);" };
  my ($key, $upload_id, $part_size, $count) = $db->row(user('alice'), $begin->("$size, 5 * $mib"));
  is_deeply [ $part_size, $count ], [ 5 * $mib, 3 ], 'the plan';
  is_deeply [ $db->row(user('alice'), 'SELECT object_key, upload_id, content_length FROM s3_uploads;') ],
    [ $key, $upload_id, $size ], 's3_uploads has it';
  my $k = lit($key);
  my $urls = sub { $db->rows(user('alice'), "SELECT * FROM s3_upload_part_urls($k$_[0]);") };
  my @parts = $urls->('');
  is_deeply [ map { "$_->[0] $_->[1]" } @parts ], [ '1 ' . 5 * $mib, '2 ' . 5 * $mib, '3 ' . ($mib + 5) ],
    'URLs for all parts, with their sizes';
  my $send = sub { curl('PUT', $_[0][2], body => 'x' x ($_[1] // $_[0][1]),
    headers => { 'content-length' => $_[1] // $_[0][1] })->{status} };
  is $send->($parts[2], 10), 403, 'a part of another size is refused by the bucket';
  is $send->($parts[0]), 200, 'part 1';
  is $send->($parts[2]), 200, 'part 3';
  is_deeply [ map { "$_->[0] $_->[1]" } $db->rows(user('alice'), "SELECT * FROM s3_uploaded_parts($k);") ],
    [ '1 ' . 5 * $mib, '3 ' . ($mib + 5) ], 's3_uploaded_parts';
  is_deeply [ map { $_->[0] } $urls->('') ], [2], 'in another session: what is missing';
  my $before = $db->value("SELECT expires_at FROM s3_uploads;");
  is_deeply [ map { $_->[0] } $urls->(", '{3,1}', '1 h'") ], [ 3, 1 ], 'some again';
  is $db->value("SELECT expires_at - now() > '50 min' AND expires_at > '$before' FROM s3_uploads;"), 't', '... extends the upload';
  refused(last_of($db->try(user('alice'), "SELECT s3_upload_part_urls($k, '{4}');")), '22023', 'beyond the last part',
    message => qr/part_number 4 /);
  refused(last_of($db->try(user('alice'), "SELECT s3_upload_part_urls($k, '{0}');")), '22023', 'part 0');
  for my $call ("s3_upload_part_urls($k)", "s3_uploaded_parts($k)", "s3_upload_part_urls('absent')", "s3_uploaded_parts('absent')") {
    refused(last_of($db->try(user('bob'), "SELECT $call;")), '42501', "42501 for bob: $call",
      message => qr/does not exist, or is not yours/);
  }
  $db->do('REVOKE UPDATE ON s3_files FROM ' . ident($web) . ';');
  refused(last_of($db->try(user('alice'), "SELECT s3_upload_part_urls($k);")), '42501', 'without UPDATE: no URLs');
  $db->do('GRANT UPDATE ON s3_files TO ' . ident($web) . ';');
  refused(last_of($db->try(user('alice'), $begin->(0))), '22023', 'no bytes');
  refused(last_of($db->try(user('alice'), $begin->("$size, $mib"))), '22023', 'parts too small');
  refused(last_of($db->try(user('alice'), $begin->('NULL'))), '22023', 'no length');
  refused(last_of($db->try(user('bob'), $begin->($size))), '42501', "another user's row");
  my $single = lit(begin_upload('alice')->{object_key});
  refused(last_of($db->try(user('alice'), "SELECT s3_upload_part_urls($single);")), '55000', 'no multipart upload', hint => qr/\w/);
  is $db->value(user('alice'), "SELECT s3_abort_upload($k);"), 't', 'alice aborts it';
  refused(last_of($db->try(user('alice'), "SELECT s3_upload_part_urls($k);")), '42501', '... and gets no more URLs');
  $db->do(@settings, 'SELECT s3_abort_multipart_upload(' . lit($key) . ', ' . lit($upload_id) . ');',
    'DELETE FROM s3_files; DELETE FROM s3_delete_queue; DELETE FROM s3_issued_keys;');
};

subtest 's3_file_url in a parallel query' => sub {
  my @alice = (user('alice'), 'SET min_parallel_table_scan_size = 0; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;');
  $db->do(user('alice'), 'SELECT count(s3_begin_upload(i::text, NULL, \'alice\')) FROM generate_series(1, 200) i;');
  my $query = 'SELECT count(DISTINCT s3_file_url(object_key)) FROM s3_files';
  like join("\n", map { $_->[0] } $db->rows(@alice, "EXPLAIN $query;")), qr/Gather/, 'the scan is parallel';
  is $db->value(@alice, "$query;"), 200, '... and each row has its URL';
  $db->do('DELETE FROM s3_files; DELETE FROM s3_delete_queue; DELETE FROM s3_issued_keys;');
};

subtest 'a files table over shards' => sub {
  plan skip_all => 'no postgres_fdw' if !$server->value("SELECT count(*) FROM pg_available_extensions WHERE name = 'postgres_fdw';");
  my ($host, $port, $super) = $server->row("SELECT split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'), current_user;");
  my $columns = 'id bigint, object_key text UNIQUE, file_url text, user_id text, upload_timestamp timestamptz';
  $db->do('CREATE EXTENSION postgres_fdw;', "CREATE SERVER shards FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host @{[ lit($host) ]}, port '$port', dbname @{[ lit($db->{env}{PGDATABASE}) ]});",
    "CREATE USER MAPPING FOR PUBLIC SERVER shards OPTIONS (user @{[ lit($super) ]}, password_required 'false');",
    "CREATE TABLE shard0 ($columns); CREATE TABLE shard1 ($columns);",
    'CREATE TABLE sharded (id bigserial, object_key text, file_url text, user_id text, upload_timestamp timestamptz DEFAULT now()) PARTITION BY HASH (object_key); CREATE INDEX ON sharded (object_key);',
    "CREATE FOREIGN TABLE sharded0 PARTITION OF sharded FOR VALUES WITH (MODULUS 2, REMAINDER 0) SERVER shards OPTIONS (table_name 'shard0');",
    'ALTER TABLE sharded ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON sharded USING (user_id = current_setting(\'app.who\', true)); GRANT ALL ON sharded, sharded_id_seq TO ' . ident($web) . ';',
    @settings, "SELECT s3_track_files('sharded');", "CREATE FOREIGN TABLE sharded1 PARTITION OF sharded FOR VALUES WITH (MODULUS 2, REMAINDER 1) SERVER shards OPTIONS (table_name 'shard1');");
  my @alice = (user('alice'), "SET neon_s3.files_table = 'sharded';");
  $db->do(@alice, "SELECT count(s3_begin_upload(i::text, NULL, 'alice')) FROM generate_series(1, 40) i;");
  is $db->value('SELECT (SELECT count(*) > 0 FROM shard0) AND (SELECT count(*) > 0 FROM shard1);'), 't',
    'begun uploads have their rows on both shards';
  refused(last_of($db->try(@alice, "INSERT INTO sharded (object_key, user_id) VALUES ('x', 'alice');")), '42501', 'the guard is there');
  is $db->value(@alice, 'SELECT count(DISTINCT s3_file_url(object_key)) FROM sharded;'), 40, 'URLs of all of them';
  is $db->value(@alice, 'DELETE FROM sharded; RESET ROLE; SELECT count(*) FROM s3_outbox;'), 40, 'deletes are enqueued';
  $db->do('SET client_min_messages = error;',
    'DROP TABLE sharded, shard0, shard1; DROP EXTENSION postgres_fdw CASCADE; DELETE FROM s3_delete_queue; DELETE FROM s3_issued_keys;');
};

subtest 'no row, no URL' => sub {
  my $rows = sub { $db->value('SELECT (SELECT count(*) FROM s3_files) || \' \' || (SELECT count(*) FROM s3_issued_keys WHERE pending);') };
  my $before = $rows->();
  my $begin = sub { last_of($db->try(user('alice'), "SELECT presigned_url FROM s3_begin_upload($_[0]);")) };
  refused($begin->("'f', 'a/b', 'bob'"), '42501', "another user's row", message => qr/row-level security/, not => qr/X-Amz-Signature/);
  refused($begin->("'f', 'a/b', 'alice', overwrite => true"), '42501', 'overwrite => true');
  refused($begin->("'f', 'a/b', 'alice', key_prefix => '../'"), '22023', 'a prefix that leaves the table\'s');
  refused($begin->("'f', 'a/b', 'alice', expires_in => '8 days'"), '22023', 'too long');
  refused($begin->("'f', 'a/b', 'alice', columns => '{\"size\": 1}'"), '22023', 'a measured column', message => qr/"size"/);
  refused($begin->("'f', 'a/b', 'alice', columns => '{\"object_key\": \"k\"}'"), '22023', 'the key');
  refused($begin->("'f', 'a/b', 'alice', columns => '{\"absent\": 1}'"), '42703', 'an absent column');
  refused($begin->("'f', 'a/b', 'alice', columns => '[]'"), '22023', 'no object');
  refused($begin->("NULL, 'a/b', 'alice'"), '22023', 'no file name');
  refused($begin->("'f', 'a/b', NULL"), '42501', 'a row of nobody');
  $db->do(user('alice'), 'BEGIN;', "SELECT s3_begin_upload('f', 'a/b', 'alice');", 'ROLLBACK;');
  $db->do(user('alice'), 'BEGIN;', 'SAVEPOINT s;', "SELECT s3_begin_upload('f', 'a/b', 'alice');", 'ROLLBACK TO s;', 'COMMIT;');
  is $rows->(), $before, 'nothing is left';
  $db->do(user('alice'), "SELECT s3_begin_upload('f', 'a/b', 'alice', columns => '{\"note\": \"n\"}');");
  is $db->value("SELECT string_agg(note, ',') FROM s3_files;"), 'n', 'further columns';
};

subtest 'the guard knows its own INSERT' => sub {
  $db->do(@settings, $as_owner, 'CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM hook(NEW.object_key); RETURN NEW; END $$;',
    'CREATE FUNCTION public.hook(text) RETURNS void LANGUAGE sql AS \'\';',
    'CREATE TRIGGER a_stamp BEFORE INSERT ON s3_files FOR EACH ROW EXECUTE FUNCTION stamp();',
    'CREATE TRIGGER z_stamp AFTER INSERT ON s3_files FOR EACH ROW EXECUTE FUNCTION stamp();');
  $db->do('CREATE SCHEMA mine AUTHORIZATION ' . ident($attacker) . ';', $as_attacker, <<'SQL');
CREATE FUNCTION mine.hook(k text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF current_setting('mine.key', true) = '' OR pg_trigger_depth() > 1 THEN RETURN; END IF;
  INSERT INTO public.s3_files (object_key, file_url, user_id) VALUES (COALESCE(NULLIF(current_setting('mine.key', true), 'same'), k), 'u', 'mallory');
END $$;
SQL
  my $before = $db->value('SELECT count(*) FROM s3_files;');
  for my $key ('files/of-somebody', 'same') {
    my $result = last_of($db->try(@settings, $as_attacker,
      "SET app.who = 'mallory'; SET search_path = mine, public; SET mine.key = '$key';",
        "SELECT presigned_url FROM s3_begin_upload('f', 'a/b', 'mallory');"));
    ok $result->{state} =~ /\A(42501|23505)\z/ && $result->{out} eq '',
      "a hijacked function cannot insert $key along ($result->{state})" or diag $result->{notices};
  }
  is $db->value('SELECT count(*) FROM s3_files;'), $before, '... nor with it';
  $db->do($as_owner, 'DROP TRIGGER a_stamp ON s3_files; DROP TRIGGER z_stamp ON s3_files; DROP FUNCTION stamp(), hook(text);');
};

subtest 'another table of that name' => sub {
  my $upload = begin_upload('alice');
  my @mine = (@settings, $as_attacker, "SET app.who = 'mallory';");
  my @calls = ("SELECT s3_begin_upload('f', 'a/b', 'mallory');", 'SELECT s3_file_url(' . lit($upload->{object_key}) . ');',
    'SELECT s3_abort_upload(' . lit($upload->{object_key}) . ');');
  my $create = '(id serial, object_key text UNIQUE, file_url text, user_id text, upload_timestamp timestamptz DEFAULT now());';
  for my $made ("CREATE TEMP TABLE s3_files $create", "CREATE TABLE mine.s3_files $create SET search_path = mine, public;",
    "CREATE TABLE IF NOT EXISTS mine.s3_files $create SET neon_s3.files_table = 'mine.s3_files';") {
    my @results = $db->try(@mine, "$made INSERT INTO s3_files (object_key) VALUES (" . lit($upload->{object_key}) . ');', @calls);
    refused($_, '55000', "55000 with: " . substr($made, 0, 30) . " $_->{sql}", hint => qr/s3_track_files/) for splice @results, -3;
  }
  refused(last_of($db->try(@mine, 'SET search_path = mine, public;', "SELECT s3_track_files('mine.s3_files');")), '42501',
    's3_track_files is for trusted roles');
  $db->do('DROP TABLE mine.s3_files;');
};

subtest 'what stops a table from being governed' => sub {
  my $upload = begin_upload('alice');
  my @calls = ("SELECT s3_begin_upload('f', 'a/b', 'alice');", 'SELECT s3_file_url(' . lit($upload->{object_key}) . ');',
    'SELECT s3_abort_upload(' . lit($upload->{object_key}) . ');');
  my $session = $db->session(user('alice'));
  for my $change ([ 'ALTER TABLE s3_files OWNER TO ' . ident($attacker), 'ALTER TABLE s3_files OWNER TO ' . ident($owner) ],
    [ 'ALTER TABLE s3_files DISABLE TRIGGER s3_guard', 'ALTER TABLE s3_files ENABLE TRIGGER s3_guard' ],
    [ 'ALTER TABLE s3_files DISABLE TRIGGER USER', 'ALTER TABLE s3_files ENABLE TRIGGER USER' ],
    [ 'ALTER TABLE s3_files ENABLE REPLICA TRIGGER s3_enqueue_delete', 'ALTER TABLE s3_files ENABLE ALWAYS TRIGGER s3_enqueue_delete' ],
    [ 'REVOKE EXECUTE ON FUNCTION s3_presign_get FROM ' . ident($owner), 'GRANT EXECUTE ON FUNCTION s3_presign_get TO ' . ident($owner) ],
    [ 'CREATE TABLE child () INHERITS (s3_files)', 'DROP TABLE child' ],
    [ 'DELETE FROM s3_governed_tables',
    'INSERT INTO s3_governed_tables (files_table, bucket, key_prefix) VALUES (\'s3_files\', ' . lit($bucket) . ", 'files/')" ]) {
    is $session->run($calls[1])->{state}, '00000', 'it works';
    $db->do("$change->[0];");
    refused($session->run($_), '55000', "55000 after $change->[0]", hint => qr/s3_track_files/) for @calls;
    $db->do("$change->[1];");
  }
  is $session->run($calls[1])->{state}, '00000', 'it works again';
  $db->do('ALTER TABLE s3_files RENAME TO renamed; CREATE SCHEMA other; ALTER TABLE renamed SET SCHEMA other; GRANT USAGE ON SCHEMA other TO ' . ident($web) . ';');
  is $session->run("SET neon_s3.files_table = 'other.renamed'; $calls[1]")->{state}, '00000', 'renamed and moved, too';
  $db->do('ALTER TABLE other.renamed SET SCHEMA public; ALTER TABLE renamed RENAME TO s3_files;');
  $session->close;
  $db->do("DELETE FROM s3_files; DELETE FROM s3_delete_queue;");
};

subtest "the owner's credentials sign" => sub {
  my $name = "neon_s3_t_$$ store";
  $db->do("CREATE SERVER @{[ ident($name) ]} FOREIGN DATA WRAPPER neon_s3 OPTIONS (endpoint @{[ lit($ENV{S3_ENDPOINT}) ]}, region @{[ lit($ENV{S3_REGION}) ]}, bucket @{[ lit($bucket) ]});",
    "CREATE USER MAPPING FOR @{[ ident($owner) ]} SERVER @{[ ident($name) ]} OPTIONS (access_key_id @{[ lit($ENV{S3_ACCESS_KEY_ID}) ]}, secret_access_key @{[ lit($ENV{S3_SECRET_ACCESS_KEY}) ]});",
    "GRANT USAGE ON FOREIGN SERVER @{[ ident($name) ]} TO @{[ ident($owner) ]};",
    $as_owner, "SELECT s3_track_files(server => @{[ lit($name) ]});", 'SELECT 1;');
  is_deeply [ $db->row('SELECT bucket, server FROM s3_tracked_files;') ], [ $bucket, $name ], 'recorded by name';
  my @alice = ($as_web, "SET app.who = 'alice';");
  my ($key, $url, $headers) = $db->row(@alice,
    "SELECT object_key, presigned_url, headers FROM s3_begin_upload('f.txt', 'text/plain', 'alice');");
  is curl('PUT', $url, headers => from_json($headers), body => 'mine')->{status}, 200,
    'a caller without mapping, USAGE or settings uploads';
  is curl('GET', $db->value(@alice, 'SELECT s3_file_url(' . lit($key) . ');'))->{body}, 'mine', '... and downloads';
  is curl('GET', $db->value(@alice, "SET neon_s3.server = 'nowhere';", 'SELECT s3_file_url(' . lit($key) . ');'))->{body},
    'mine', '... whatever neon_s3.server says';
  $db->do("REVOKE USAGE ON FOREIGN SERVER @{[ ident($name) ]} FROM @{[ ident($owner) ]};");
  refused(last_of($db->try(@alice, 'SELECT s3_file_url(' . lit($key) . ');')), '42501', 'USAGE is the matter of the owner');
  $db->do(@settings, 'SELECT s3_track_files(key_prefix => \'files/\');',
    "DELETE FROM s3_files; DELETE FROM s3_delete_queue; DROP SERVER @{[ ident($name) ]} CASCADE;");
};

# ---------------------------------------------------------------- sessions side by side

my $insert = sub { "INSERT INTO s3_files (object_key, file_url, user_id) VALUES ('$_[0]', 'u', 'alice');" };

subtest 'a key that is inserted again' => sub {
  my ($one, $two) = map { $db->session($as_owner, "SET app.who = 'alice';") } 1, 2;
  my $outbox = sub { $db->value("SELECT string_agg(object_key || ' ' || state, ',' ORDER BY id) FROM s3_delete_queue;") };
  $one->run($insert->('again'));
  $one->run('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1;');
  $two->run("DELETE FROM s3_files WHERE object_key = 'again';");
  is $outbox->(), 'again pending', 'deleted after the snapshot of a transaction';
  $one->run($insert->('elsewhere'));
  is $one->run($insert->('again'))->{state}, '00000', '... which inserts it again';
  is $db->value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 3 AND mode = 'ShareLock' AND granted AND pid = $one->{pid};"), 2, '... and holds the locks of its keys';
  $one->run('COMMIT;');
  is $outbox->(), '', '... cancels the item';

  $two->run("DELETE FROM s3_files WHERE object_key = 'again';");
  $one->run('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1;');
  $db->do("UPDATE s3_delete_queue SET state = 'running', next_attempt_at = now() + interval '1 min';");
  refused($one->run($insert->('again')), '55006', 'claimed after the snapshot: 55006', hint => qr/\w/);
  $one->run('ROLLBACK;');
  $db->do("UPDATE s3_delete_queue SET next_attempt_at = now();");
  is $one->run($insert->('again'))->{state}, '00000', 'a lease that has ended counts no more';
  is $outbox->(), '', '... its item is cancelled';

  $one->run("DELETE FROM s3_files WHERE object_key = 'again';");
  $one->run('BEGIN; SAVEPOINT s; ' . $insert->('again') . ' ROLLBACK TO s; COMMIT;');
  is $outbox->(), 'again pending', 'an INSERT that is rolled back cancels nothing';
  $one->run("WITH d AS (DELETE FROM s3_files WHERE object_key = 'elsewhere' RETURNING *) INSERT INTO s3_files (object_key, file_url, user_id) SELECT object_key, 'v', user_id FROM d;");
  is $db->value("SELECT file_url FROM s3_files WHERE object_key = 'elsewhere';"), 'v',
    'deleted and inserted by one statement, the row is there';
  is $outbox->(), 'again pending,elsewhere pending', '... and its item is left to the drainer, who looks for rows';
  $_->close for $one, $two;
  $db->do('DELETE FROM s3_files; DELETE FROM s3_delete_queue;');
};

subtest 'abort while the upload is confirmed' => sub {
  my $key = lit(begin_upload('alice')->{object_key});
  my ($confirm, $abort) = ($db->session, $db->session(user('alice')));
  $confirm->run("BEGIN; UPDATE s3_issued_keys SET pending = false WHERE object_key = $key;");
  $abort->start("SELECT s3_abort_upload($key);");
  wait_until(sub { $db->value("SELECT wait_event_type FROM pg_stat_activity WHERE pid = $abort->{pid};") eq 'Lock' });
  $confirm->run('COMMIT;');
  refused($abort->result, '40001', '40001 for who comes second');
  is $abort->run("SELECT s3_abort_upload($key);")->{out}, 'f', '... and then: it has ended';
  is $db->value("SELECT count(*) FROM s3_files WHERE object_key = $key;"), 1, 'its row remains';
  $_->close for $confirm, $abort;
  $db->do('DELETE FROM s3_files; DELETE FROM s3_delete_queue;');
};

subtest 'PREPARE TRANSACTION' => sub {
  my $name = "neon_s3_$$";
  my @prepare = ("PREPARE TRANSACTION '$name';");
  my %finish = (COMMIT => "COMMIT PREPARED '$name';", ROLLBACK => "ROLLBACK PREPARED '$name';");
  my $counts = sub { $db->value("SELECT (SELECT count(*) FROM s3_files) || ' ' || (SELECT count(*) FROM s3_outbox) || ' ' || (SELECT count(*) FROM s3_uploads);") };
  $db->do('DELETE FROM s3_issued_keys;');
  $db->do($as_owner, 'BEGIN;', $insert->('prepared'), "DELETE FROM s3_files WHERE object_key = 'prepared';",
    $insert->('prepared'), @prepare);
  $db->do($finish{COMMIT});
  is $counts->(), '1 0 0', 'begun, deleted, begun again';
  my @delete = ($as_owner, 'BEGIN;', 'DELETE FROM s3_files;', @prepare);
  $db->do(@delete);
  is $counts->(), '1 0 0', 'a delete that is prepared';
  $db->do($finish{ROLLBACK});
  is $counts->(), '1 0 0', '... and rolled back: nothing is enqueued';
  $db->do(@delete, $finish{COMMIT});
  is $counts->(), '0 1 0', '... and committed: its object is';
  $db->do($as_owner, 'BEGIN;', $insert->('prepared'), @prepare);
  is $counts->(), '0 1 0', 'an insert of the key that is prepared';
  $db->do('SELECT s3_arm_lifecycle();', @settings, 'CALL s3_run_outbox();');
  is $counts->(), '0 1 0', '... keeps the item from drainers';
  $db->do($finish{COMMIT});
  is $counts->(), '1 0 0', '... and takes it out';
  for my $end (sort keys %finish) {
    $db->do('DELETE FROM s3_files;', 'DELETE FROM s3_delete_queue;', 'DELETE FROM s3_issued_keys;');
    $db->do(user('alice'), 'BEGIN;', "SELECT s3_begin_upload('f', 'a/b', 'alice');", @prepare);
    is $counts->(), '0 0 0', 'an upload that is prepared';
    $db->do($finish{$end});
    is $counts->(), $end eq 'COMMIT' ? '1 0 1' : '0 0 0', "... and then $end";
  }
  $db->do('DELETE FROM s3_issued_keys;');
  $db->do($as_owner, 'INSERT INTO s3_files (object_key, file_url, user_id) SELECT n, \'u\', \'me\' FROM generate_series(1, 2000) AS n;', @delete, $finish{COMMIT});
  is $counts->(), '0 2000 0', 'a bulk delete';
  $db->do('DELETE FROM s3_files; DELETE FROM s3_delete_queue; DELETE FROM s3_bulk_deletes; DELETE FROM s3_issued_keys; DELETE FROM s3_lifecycle_identity;');
};

# ---------------------------------------------------------------- copies of the database

subtest 'a clone becomes a branch' => sub {
  $db->do('SELECT s3_arm_lifecycle();', @settings, $as_owner, "SET app.who = 'alice';", $insert->('inherited'),
    $insert->('deleted'), "DELETE FROM s3_files WHERE object_key = 'deleted';");
  my $pending = lit(begin_upload('alice')->{object_key});
  my $clone = $server->new_database("neon_s3_t_$$ clone");
  $server->do('DROP DATABASE ' . ident("neon_s3_t_$$ clone") . ';', 'CREATE DATABASE ' . ident("neon_s3_t_$$ clone")
    . ' TEMPLATE ' . ident("neon_s3_t_$$") . ';');
  $clone->do(user('alice'), "SELECT s3_begin_upload('before', 'a/b', 'alice');");
  like $clone->try('BEGIN; SELECT s3_arm_lifecycle(); ROLLBACK;')->{notices}, qr/WARNING:.*armed at/, 'plain arming warns of the original';
  is $clone->try('SELECT s3_arm_lifecycle(as_branch => true);')->{state}, '00000', 'armed as a branch';
  refused(scalar $clone->try('SELECT s3_arm_lifecycle();'), '55000', 'plain arming refuses in a branch');
  refused(scalar $db->try('SELECT s3_arm_lifecycle(as_branch => true);'), '55000', 'as_branch refuses in the original');
  is $clone->value("SELECT state FROM s3_outbox WHERE object_key = 'deleted';"), 'kept', "the original's item is kept";
  refused(last_of($clone->try(user('alice'), "SELECT s3_abort_upload($pending);")), '55000',
    'an inherited upload is read-only', hint => qr/original/);
  refused(last_of($clone->try(user('bob'), "SELECT s3_abort_upload($pending);")), '42501', '... and still none of bob\'s business');
  my $own = lit($clone->value(user('alice'), "SELECT object_key FROM s3_begin_upload('own', 'a/b', 'alice');"));
  is $clone->value(user('alice'), "SELECT s3_abort_upload($own);"), 't', 'its own can be aborted';
  $clone->do($as_owner, "SET app.who = 'alice';", $insert->('deleted'));
  is $clone->value("SELECT state FROM s3_delete_queue WHERE object_key = 'deleted';"), 'kept',
    'inserted again, the inherited item is kept for good';
  is $clone->value("SELECT s3_retry_outbox();"), 0, '... and never revived';
  is $db->value("SELECT state FROM s3_outbox WHERE object_key = 'deleted';"), 'pending', 'the original goes on';
};

subtest 'dump and restore' => sub {
  my $restored = $server->new_database("neon_s3_t_$$ restored");
  my ($status, $dump, $err) = run_program([ "$db->{bin}/pg_dump" ], '', $db->{env});
  is $status, 0, 'pg_dump' or diag $err;
  ($status, undef, $err) = $restored->psql($dump, '-v', 'ON_ERROR_STOP=1');
  is $status, 0, 'restored' or diag $err;
  my $content = 'SELECT (SELECT string_agg(files_table || bucket || key_prefix, \',\') FROM s3_tracked_files), (SELECT string_agg(object_key || state, \',\' ORDER BY object_key) FROM s3_outbox), (SELECT count(*) FROM s3_uploads), (SELECT armed_at FROM s3_lifecycle_identity);';
  is_deeply [ $restored->row($content) ], [ $db->row($content) ], 'records, outbox, uploads and the identity';
  is last_of($restored->try(user('alice'), "SELECT s3_begin_upload('f', 'a/b', 'alice');"))->{state}, '00000', 'uploads go on';
  refused(last_of($restored->try(user('alice'), $insert->('x'))), '42501', '... behind the guard');
  is $restored->value("SET app.who = 'alice';", $as_owner, $insert->('y')
    . " DELETE FROM s3_files WHERE object_key = 'y'; SELECT state FROM s3_outbox WHERE object_key = 'y';"), 'pending',
    'deletes are enqueued';
  $restored->do('DELETE FROM s3_governed_tables;');
  refused(last_of($restored->try(user('alice'), $insert->('x'))), '55000', 'without its record: 55000');
  like last_of($restored->try('DELETE FROM s3_files;'))->{notices}, qr/WARNING.*not governed/, '... and deletes warn';
};

done_testing;

# What a hostile user of a governed table tries, and what comes of it; test/README.md says which test holds which guarantee.
use v5.32;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use FaultServer;
use IO::Socket::INET;
use NeonS3Test;
use Test::More;
use Time::HiRes ();

my $bucket = new_bucket();
my $server = NeonS3Test->server;
my $db = $server->new_database;
my ($owner, $web, $mallory) = map { $server->new_role("neon_s3_t_$$ $_") } qw(owner web mallory);
my ($as_owner, $as_web, $as_mallory) = map { 'SET ROLE ' . ident($_) . ';' } $owner, $web, $mallory;
my @real = s3_settings($bucket);
my $fault = FaultServer->new;

$db->do('CREATE EXTENSION neon_s3;', 'GRANT EXECUTE ON FUNCTION s3_presign_get TO ' . ident($owner) . ';',
  'GRANT CREATE ON SCHEMA public TO ' . ident($owner) . ';', 'CREATE SCHEMA mine AUTHORIZATION ' . ident($mallory) . ';', @real, $as_owner, <<"SQL");
SELECT s3_create_files_table();
ALTER TABLE s3_files ADD size bigint, ADD etag text, ADD content_type text, ADD version_id text, ADD checksum_sha256 bytea, ADD confirmed_at timestamptz, ADD note text;
ALTER TABLE s3_files ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON s3_files USING (user_id = NULLIF(current_setting('request.jwt.claims', true), '')::json ->> 'sub');
GRANT SELECT, INSERT, UPDATE, DELETE ON s3_files TO @{[ ident($web) ]}, @{[ ident($mallory) ]};
GRANT USAGE ON SEQUENCE s3_files_id_seq TO @{[ ident($web) ]}, @{[ ident($mallory) ]};
SELECT s3_track_files(key_prefix => 'files/');
SQL
$db->do('SELECT s3_arm_lifecycle();');

sub last_of { return (@_)[-1] }
# Statements of a user of the one role, by the claims of his token.
sub user { my ($sub, @settings) = @_; return (@settings ? @settings : @real, $as_web, 'SET request.jwt.claims = ' . lit({ sub => $sub }) . ';') }
my @mallory = (@real, $as_mallory, 'SET request.jwt.claims = ' . lit({ sub => 'mallory' }) . ';');

sub begin {
  my %upload;
  @upload{qw(key url headers)} = $db->row(user('alice'),
    "SELECT object_key, presigned_url, headers FROM s3_begin_upload('cat.png', 'image/png', 'alice', content_length => 5);");
  $upload{headers} = from_json($upload{headers});
  $upload{lit} = lit($upload{key});
  return \%upload;
}
sub put { my ($upload, $body) = @_; return curl('PUT', $upload->{url}, headers => $upload->{headers}, body => $body // 'hello')->{status} }
sub call { my ($who, $call) = @_; return last_of($db->try(user($who), "SELECT $call;")) }
sub finished { my $upload = begin(); put($upload); $db->do(user('alice'), "SELECT s3_confirm_upload($upload->{lit});"); return $upload }
sub drain { $db->do(@real, 'CALL s3_run_outbox();') }
sub is_there { my ($upload) = @_; return scalar grep { $_ eq $upload->{key} } s3_keys($bucket) }
sub gc {
  Time::HiRes::sleep(1.05);    # Last-Modified has whole seconds
  return [ sort map { "$_->[0] $_->[1]" } $db->rows(@real, "SELECT kind, action FROM s3_gc(older_than => '0', dry_run => false);") ];
}
sub reset_all { $db->do('DELETE FROM s3_files;', 'DELETE FROM s3_issued_keys;', "UPDATE s3_delete_queue SET next_attempt_at = now();"); drain() }
# Each of @sql, in one session of @$as, is refused.
sub all_refused {
  my ($as, $state, $name, $sql, %expect) = @_;
  my (@results) = $db->try(@$as, @$sql);
  refused($_, $state, "$name: " . substr($_->{sql}, 0, 60), %expect) for splice @results, -@$sql;
}
sub all_go { my ($as, @sql) = @_; my @results = $db->try(@$as, @sql); is $_->{state}, '00000', $_->{sql} for splice @results, -@sql }
my @gated = map { my $f = $_; sub { "$f($_[0])" } } qw(s3_file_url s3_confirm_upload s3_abort_upload s3_upload_part_urls s3_uploaded_parts);

# ---------------------------------------------------------------- keys

subtest 'keys of others, and keys of nobody' => sub {
  my ($pending, $finished) = (begin(), finished());
  $db->do(@real, "SELECT s3_put_object('files/secret', 'x');");
  for my $key ($pending->{lit}, $finished->{lit}, "'files/secret'", "'files/absent'", "''", "'../x'") {
    all_refused([ user('bob') ], '42501', 'bob', [ map { 'SELECT ' . $_->($key) . ';' } @gated ], message => qr/does not exist, or is not yours\z/);
  }
  all_refused([ user('alice') ], '42501', 'alice, of an object without a row', [ map { 'SELECT ' . $_->("'files/secret'") . ';' } @gated ]);
  is $db->value(user('bob'), 'SELECT count(*) FROM s3_uploads;'), 0, 'bob sees no upload';
  is call('bob', "count(*) FROM s3_files")->{out}, 0, '... no row';
  is $db->value(user('bob'), "WITH d AS (DELETE FROM s3_files RETURNING 1) SELECT count(*) FROM d;"), 0, '... and deletes none';
  refused(call('bob', "s3_begin_upload('f', 'a/b', 'alice')"), '42501', 'nor begins one for alice', not => qr/X-Amz-Signature/);
  refused(call('bob', "s3_begin_multipart_upload('f', 'a/b', 'alice', 10)"), '42501', '... in parts');
  is $db->value(@real, 'SELECT count(*) FROM s3_list_multipart_uploads();'), 0, '... of which nothing is left';
  $db->do(@real, "SELECT s3_delete_object('files/secret');");
  reset_all();
};

subtest 'a deleted key, inserted again within delete_delay' => sub {
  my $upload = finished();
  my $own = begin();
  $db->do("SET neon_s3.delete_delay = '1 h';", "DELETE FROM s3_files WHERE object_key = $upload->{lit};");
  my $insert = sub { "INSERT INTO s3_files (object_key, file_url, user_id) VALUES ($upload->{lit}, 'u', '$_[0]')" };
  for my $who (qw(alice bob)) {
    all_refused([ user($who) ], '42501', $who, [ $insert->($who) . ';', $insert->($who) . ' ON CONFLICT DO NOTHING;',
      "SELECT s3_save_metadata($upload->{lit}, 'u', '$who');",
      "MERGE INTO s3_files f USING (SELECT $upload->{lit} k) v ON f.object_key = v.k WHEN NOT MATCHED THEN INSERT (object_key, file_url, user_id) VALUES (k, 'u', '$who');" ]);
  }
  refused(last_of($db->try(user('alice'), "UPDATE s3_files SET object_key = $upload->{lit} WHERE object_key = $own->{lit};")), '42501', 'alice, by UPDATE of her own row');
  refused(call('alice', "s3_begin_upload('f', 'a/b', 'alice', columns => jsonb_build_object('object_key', $upload->{lit}))"), '22023', '... or with columns');
  is $db->value("SELECT state FROM s3_delete_queue WHERE object_key = $upload->{lit};"), 'pending', 'it is going to be deleted all the same';
  $db->do(@real, $as_owner, $insert->('alice') . ';');
  drain();
  ok is_there($upload), 'a trusted role gets it back';
  is $db->value("SELECT count(*) FROM s3_delete_queue WHERE object_key = $upload->{lit};"), 0, '... for good';
  reset_all();
};

subtest 'a key_prefix that leads elsewhere' => sub {
  for my $prefix ('../', '/../', 'a/../../', './', 'a/..', '..') {
    my $result = call('alice', "object_key FROM s3_begin_upload('f', 'a/b', 'alice', key_prefix => '$prefix')");
    # What ends in no slash is part of a name.
    $prefix =~ m{/\z} ? refused($result, '22023', "$prefix is refused") : like($result->{out}, qr{\Afiles/[^/]*/?\.\.[0-9a-f]}, "$prefix is part of a name");
  }
  for my $prefix ('other/', '/', '//', '%2e%2e/', '..%2f', '\\..\\', 'files/', "\x{2025}/") {
    like call('alice', "object_key FROM s3_begin_upload('f', 'a/b', 'alice', key_prefix => " . lit($prefix) . ')')->{out},
      qr{\Afiles/\Q$prefix\E[0-9a-f-]{36}-f\z}, "$prefix stays below the table's prefix";
  }
  like call('alice', "object_key FROM s3_begin_upload('../../$_', 'a/b', 'alice')")->{out}, qr{\Afiles/[0-9a-f-]{36}-$_\z}, "so does a file's name" for qw(passwd f);
  refused(call('alice', "s3_begin_upload('f', E'a/b\\r\\nx-amz-acl: public-read', 'alice')"), '22023', 'a type that is more than a type');
  reset_all();
};

# ---------------------------------------------------------------- rows

subtest 'what was measured' => sub {
  my $upload = finished();
  my %wrong = (size => 1, etag => "'x'", content_type => "'text/html'", version_id => "'v'", checksum_sha256 => "'\\x00'", confirmed_at => "'2026-01-01'", file_url => "'http://evil'");
  for my $column (sort keys %wrong) {
    all_refused([ user('alice') ], '42501', 'alice', [ "UPDATE s3_files SET $column = $wrong{$column};",
      "MERGE INTO s3_files f USING (SELECT 1) v ON true WHEN MATCHED THEN UPDATE SET $column = $wrong{$column};" ]);
    refused(call('alice', "s3_begin_upload('f', 'a/b', 'alice', columns => '{\"$column\": null}')"), '22023', "$column of a new row");
  }
  my $pending = begin();
  refused(last_of($db->try(user('alice'), "UPDATE s3_files SET confirmed_at = now() WHERE object_key = $pending->{lit};")), '42501', 'an upload is not confirmed by hand');
  is last_of($db->try(user('alice'), "UPDATE s3_files SET note = 'n', size = size, confirmed_at = confirmed_at;"))->{state}, '00000', 'all else is the user\'s';
  reset_all();
};

subtest 'tables of the extension, written by hand' => sub {
  my $upload = begin();
  my @tables = map { $_->[0] } $db->rows("SELECT relname FROM pg_class WHERE relname LIKE 's3\\_%' AND relkind = 'r' AND relname <> 's3_files' ORDER BY 1;");
  cmp_ok @tables, '>=', 4, "@tables";
  my @sequences = map { $_->[0] } $db->rows("SELECT relname FROM pg_class WHERE relname LIKE 's3\\_%' AND relkind = 'S' AND relname NOT LIKE 's3_files%';");
  my $content = sub { join '|', map { $db->value("SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM $_ t;") } @tables };
  my $before = $content->();
  for my $as ($as_mallory, $as_web, $as_owner) {
    all_refused([$as], '42501', $as, [ map({ ("TABLE $_;", "INSERT INTO $_ DEFAULT VALUES;", "DELETE FROM $_;", "TRUNCATE $_;",
      "ALTER TABLE $_ DISABLE TRIGGER ALL;", "DROP TABLE $_;") } @tables), map { "SELECT nextval('$_');" } @sequences ]);
    like $_->{state}, qr/\A(42501|55000|0A000)\z/, "$_->{sql} $as" for splice @{ [ $db->try($as,
      "INSERT INTO s3_outbox (object_key, bucket, state) VALUES ('files/x', '$bucket', 'pending');", 'DELETE FROM s3_outbox;', "UPDATE s3_outbox SET object_key = 'x';",
      'DELETE FROM s3_uploads;', "UPDATE s3_tracked_files SET bucket = 'x';", 'DELETE FROM s3_tracked_files;') ] }, 1;
  }
  is $content->(), $before, 'nothing has changed';
  refused(last_of($db->try($as_mallory, "TABLE $_;")), '42501', "$_ is for trusted roles") for qw(s3_outbox s3_tracked_files);
  reset_all();
};

subtest 'trigger functions, called by hand' => sub {
  $db->do($as_mallory, 'CREATE TABLE mine.t (object_key text);');
  for my $function (qw(s3_guard_files s3_enqueue_deletes s3_governed_changed)) {
    all_refused([$as_mallory], '42501', 'not granted', [ "SELECT $function();", "CREATE TRIGGER t AFTER DELETE ON mine.t FOR EACH ROW EXECUTE FUNCTION $function();" ]);
    refused(last_of($db->try("SELECT $function();")), '39P01', '... and no function to call');
  }
  $db->do('CREATE TRIGGER t AFTER DELETE ON mine.t FOR EACH ROW EXECUTE FUNCTION s3_enqueue_deletes();', $as_mallory, "INSERT INTO mine.t VALUES ('files/x');");
  like last_of($db->try($as_mallory, 'DELETE FROM mine.t;'))->{notices}, qr/WARNING.*not governed/, 'fired for a table that nobody tracked, it warns';
  is $db->value('SELECT count(*) FROM s3_delete_queue;'), 0, '... and enqueues nothing';
  $db->do('DROP TABLE mine.t;');
};

subtest 'GRANT ALL, and with it TRIGGER' => sub {
  my $track = sub { return last_of($db->try(@real, "SELECT s3_track_files(key_prefix => 'files/');"))->{notices} };
  unlike $track->(), qr/WARNING/, 'nobody else may create triggers';
  for my $name ($mallory, 'PUBLIC') {
    my $role = $name eq 'PUBLIC' ? $name : ident($name);
    $db->do("GRANT ALL ON s3_files TO $role;");
    like $track->(), qr/WARNING:.*\Q$name\E" may create triggers on table "s3_files"/, "s3_track_files warns of $name";
    $db->do("REVOKE TRIGGER ON s3_files FROM $role;");
    unlike $track->(), qr/WARNING/, '... until it is revoked';
  }
  $db->do('REVOKE ALL ON s3_files FROM PUBLIC;', 'GRANT TRIGGER ON s3_files TO ' . ident($owner) . ';');
  unlike $track->(), qr/WARNING/, 'a trusted role may have it';
};

# ---------------------------------------------------------------- names

subtest 'a table of the same name' => sub {
  my $upload = finished();
  my $columns = '(id serial, object_key text UNIQUE, file_url text, user_id text, upload_timestamp timestamptz DEFAULT now())';
  my @calls = ((map { $_->($upload->{lit}) } @gated), "s3_begin_upload('f', 'a/b', 'mallory')", "s3_begin_multipart_upload('f', 'a/b', 'mallory', 10)");
  my %make = (pg_temp => "CREATE TEMP TABLE s3_files $columns;", schema => "CREATE TABLE mine.s3_files $columns SET search_path = mine, public;",
    setting => "CREATE TABLE mine.s3_files $columns SET neon_s3.files_table = 'mine.s3_files';", view => 'CREATE VIEW mine.s3_files AS SELECT * FROM public.s3_files; SET search_path = mine, public;');
  for my $kind (sort keys %make) {
    my $in = $kind eq 'setting' ? 'mine.s3_files' : 's3_files';
    my $sql = "$make{$kind} " =~ s/ SET / ; SET /r =~ s/CREATE TABLE/CREATE TABLE IF NOT EXISTS/r =~ s/CREATE VIEW/CREATE OR REPLACE VIEW/r;
    $sql .= "INSERT INTO $in (object_key) VALUES ($upload->{lit}) ON CONFLICT DO NOTHING;" if $kind ne 'view';
    all_refused([ @mallory, $sql ], '55000', $kind, [ map { "SELECT $_;" } @calls ], hint => qr/s3_track_files/);
    refused(last_of($db->try(@mallory, $sql, "SELECT s3_track_files('$in');")), '42501', "$kind: nor can it be governed");
    is $db->value(@mallory, 'SELECT count(*) FROM public.s3_uploads;'), 0, 's3_uploads shows nothing';
    $db->do('DROP VIEW IF EXISTS mine.s3_files;') if $kind eq 'view';
    $db->do('DROP TABLE IF EXISTS mine.s3_files;') if $kind ne 'view';
  }
  reset_all();
};

subtest "a lock on somebody else's table" => sub {
  my $reader = $db->session('BEGIN;', 'SELECT count(*) FROM s3_files;', 'SELECT count(*) FROM pg_authid;');
  all_refused([ $as_mallory, q{SET lock_timeout = '2s';} ], '42501', 'not even waited for',
    [ map { my $f = $_; map { "SELECT $f('$_');" } 's3_files', 'pg_authid' } 's3_untrack_files', 's3_track_files' ], message => qr/must be owner/);
  $reader->close;
};

subtest 'tables that are not there' => sub {
  $db->do('SET client_min_messages = error;', 'CREATE TABLE dropped (object_key text UNIQUE);', @real, "SELECT s3_track_files('dropped');");
  my $dropped = $db->value(q{SELECT 'dropped'::regclass::oid;});
  $db->do('DROP TABLE dropped;');
  all_refused(\@real, '42P01', 'no such table', [ map { my $oid = $_; map { "SELECT $_ => CAST(CAST($oid AS oid) AS regclass));" }
    's3_untrack_files(files_table', 's3_track_files(files_table', 's3_gc(files_table' } 0, 4294967295, $dropped ], message => qr/relation with OID \d+ does not exist/);
  $db->do("DELETE FROM s3_governed_tables WHERE files_table = $dropped;");
};

subtest 'a hostile search_path' => sub {
  my $names = 'now() RETURNS timestamptz,gen_random_uuid() RETURNS uuid,current_setting(text) RETURNS text,lower(text) RETURNS text,length(text) RETURNS int,unnest(text[]) RETURNS text';
  $db->do($as_mallory, 'CREATE FUNCTION mine.evil() RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION \'called as %\', current_user USING ERRCODE = \'XX999\'; END $$;',
    (map { my ($left, $right) = @$_; "CREATE FUNCTION mine.op($left, $right) RETURNS bool LANGUAGE sql AS 'SELECT mine.evil()';",
      map { "CREATE OPERATOR mine.$_ (LEFTARG = $left, RIGHTARG = $right, FUNCTION = mine.op);" } qw(= < <> <= >) }
      [qw(text text)], [qw(text varchar)], [qw(varchar text)], [qw(int4 int4)], [qw(int8 int8)], [qw(timestamptz timestamptz)]),
    map { "CREATE FUNCTION mine.$_ LANGUAGE plpgsql AS 'BEGIN PERFORM mine.evil(); END';" } grep { !/unnest/ } split /,/, $names);
  my $path = 'SET search_path = mine, public, pg_catalog;';
  refused(last_of($db->try($path, "SELECT 'a'::text = 'b'::text;")), 'XX999', 'the trap works');
  my @alice = (user('alice'), $path);
  my ($key, $url, $headers) = $db->row(@alice, "SELECT object_key, presigned_url, headers FROM s3_begin_upload('f', 'a/b', 'alice', content_length => 5);");
  my $k = lit($key);
  is put({ url => $url, headers => from_json($headers) }), 200, 'begun';
  all_go(\@alice, map { "SELECT $_;" } "s3_file_url($k)", "count(*) FROM s3_uploads", "size FROM s3_confirm_upload($k)", "s3_abort_upload($k)");
  my $film = lit($db->value(@alice, "SELECT object_key FROM s3_begin_multipart_upload('f', 'a/b', 'alice', 6000000);"));
  all_go(\@alice, "SELECT s3_upload_part_urls($film);", "SELECT s3_uploaded_parts($film);", "SELECT s3_abort_upload($film);", 'DELETE FROM s3_files;');
  $db->do("INSERT INTO s3_files (object_key, file_url, user_id) VALUES ('k', 'u', 'alice');");
  all_go([ @real, $path ], "UPDATE s3_files SET note = 'x';", 'DELETE FROM s3_files;', 'CALL s3_run_outbox();',
    "SELECT count(s3_gc) FROM s3_gc(older_than => '0', dry_run => false);", "SELECT s3_retry_outbox();", 'TRUNCATE s3_files;');
  is $db->value('SELECT count(*) FROM s3_outbox;'), 0, 'all is done';
  $db->do('SET client_min_messages = error;', 'DROP SCHEMA mine CASCADE;', 'CREATE SCHEMA mine AUTHORIZATION ' . ident($mallory) . ';');
  reset_all();
};

# ---------------------------------------------------------------- URLs that outlive decisions

subtest 'PUT after abort, and after delete' => sub {
  my ($aborted, $deleted) = (begin(), finished());
  $db->do(user('alice'), "SELECT s3_abort_upload($aborted->{lit});", "DELETE FROM s3_files WHERE object_key = $deleted->{lit};");
  is put($aborted), 200, 'the URL of an upload that was aborted still works';
  is put($deleted), 412, 'that of a file that is there does not';
  all_refused([ user('alice') ], '42501', 'it gains nothing', [ map { 'SELECT ' . $_->($aborted->{lit}) . ';' } @gated ]);
  drain();
  ok !is_there($_), 'the object goes as soon as due' for $aborted, $deleted;
  is put($_), 200, '... and is put again' for $aborted, $deleted;
  is_deeply gc(), [ ('object_without_row removed') x 2 ], 'gc knows the keys it issued';
  drain();
  ok !is_there($_), '... and removes them' for $aborted, $deleted;
  is_deeply gc(), [], 'nothing is left';
  reset_all();
};

subtest 'abort while the upload runs' => sub {
  my $upload = begin();
  my ($host, $port, $target) = $upload->{url} =~ m{\Ahttp://([^:/]+):(\d+)(/.*)} or die $upload->{url};
  my $socket = IO::Socket::INET->new(PeerAddr => $host, PeerPort => $port, Timeout => 30) or die "no connection: $@";
  print $socket "PUT $target HTTP/1.1\r\nHost: $host:$port\r\n", (map { "$_: $upload->{headers}{$_}\r\n" } sort keys %{ $upload->{headers} }), "Connection: close\r\n\r\nhe";
  $socket->flush;
  is $db->value(user('alice'), "SELECT s3_abort_upload($upload->{lit});"), 't', 'aborted halfway';
  drain();
  is $db->value('SELECT count(*) FROM s3_outbox;'), 0, '... and the outbox is empty';
  print $socket 'llo';
  $socket->flush;
  like scalar <$socket>, qr{\AHTTP/1\.1 200}, 'the rest arrives';
  close $socket;
  ok is_there($upload), 'there is an object that nobody wants';
  is_deeply gc(), ['object_without_row removed'], 'gc finds it';
  drain();
  ok !is_there($upload), 'it is gone';
  reset_all();
};

subtest 'confirm twice at once, in REPEATABLE READ' => sub {
  my @fault = ($fault->settings('http'), "SET neon_s3.bucket = '$bucket';");
  my $key = lit($db->value(user('alice', @fault), "SELECT object_key FROM s3_begin_upload('f', NULL, 'alice', content_length => 5);"));
  $fault->plays('gate');
  my @sessions = map { $db->session(user('alice', @fault), 'BEGIN ISOLATION LEVEL REPEATABLE READ;', 'SELECT count(*) FROM s3_files;') } 1, 2;
  $_->start("SELECT size FROM s3_confirm_upload($key);") for @sessions;
  wait_until(sub { $fault->requests == 2 });
  $fault->plays();
  # The first one holds what the second waits for, until it commits.
  wait_until(sub { $db->value("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND pid IN ($sessions[0]{pid}, $sessions[1]{pid});") });
  my ($waits) = grep { $db->value("SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = $_->{pid};") eq 't' } @sessions;
  my ($first) = grep { $_ != $waits } @sessions;
  is $first->result->{state}, '00000', 'one of them';
  $first->run('COMMIT;');
  refused($waits->result, '40001', 'the other one is told to try again');
  $waits->run('ROLLBACK;');
  is $waits->run("SELECT size FROM s3_confirm_upload($key);")->{out}, 5, '... and then succeeds';
  is $db->value('SELECT count(*) FROM s3_files WHERE confirmed_at IS NOT NULL;'), 1, 'it is confirmed, once';
  $_->close for @sessions;
  $db->do('DELETE FROM s3_files;', 'DELETE FROM s3_delete_queue;', 'DELETE FROM s3_issued_keys;');
};

# ---------------------------------------------------------------- replication

subtest 'session_replication_role and logical replication' => sub {
  refused(last_of($db->try($as_mallory, 'SET session_replication_role = replica;')), '42501', 'not for everybody');
  my $upload = finished();
  $db->do('SET session_replication_role = replica;', 'DELETE FROM s3_files;', "INSERT INTO s3_files (object_key, file_url, user_id) VALUES ('files/none', 'u', 'alice');");
  is $db->value('SELECT count(*) FROM s3_outbox;'), 0, 'nothing is enqueued';
  is_deeply gc(), [ 'object_without_row removed', 'row_without_object reported' ], 'gc finds both';
  reset_all();
  drain();

  my $own = own_server(preload => 1, conf => "wal_level = logical\n" . conf_lines(@real));
  my ($publisher, $subscriber) = map { $own->new_database($_) } qw(publisher subscriber);
  $_->do('CREATE EXTENSION neon_s3;', 'SET client_min_messages = error;', 'SELECT s3_create_files_table();', 'SELECT s3_track_files();', 'SELECT s3_arm_lifecycle();')
    for $publisher, $subscriber;
  $publisher->do('CREATE PUBLICATION files FOR TABLE s3_files;', "SELECT pg_create_logical_replication_slot('files', 'pgoutput');");
  $subscriber->do("CREATE SUBSCRIPTION files CONNECTION 'host=$own->{env}{PGHOST} port=$own->{env}{PGPORT} dbname=publisher user=postgres' PUBLICATION files WITH (create_slot = false, slot_name = 'files', copy_data = false);");
  my $key = $publisher->value("SELECT object_key FROM s3_begin_upload('f', 'a/b', 'alice');");
  my $rows = sub { $subscriber->value('SELECT count(*) FROM s3_files;') };
  wait_until(sub { $rows->() == 1 });
  like $subscriber->value('SELECT s3_file_url(' . lit($key) . ');'), qr/X-Amz-Signature/, 'a subscriber signs for its rows';
  is $subscriber->value('SELECT count(*) FROM s3_uploads;'), 0, '... but has no ledger';
  $publisher->do("SELECT s3_put_object(" . lit($key) . ", 'x');", 'DELETE FROM s3_files;');
  wait_until(sub { $rows->() == 0 });
  is $subscriber->value('SELECT count(*) FROM s3_outbox;'), 0, 'the subscriber enqueues nothing';
  is $publisher->value('SELECT count(*) FROM s3_outbox;'), 1, '... the publisher does';
  Time::HiRes::sleep(1.05);
  is_deeply [ $subscriber->row("SELECT kind, action FROM s3_gc(older_than => '0', dry_run => false);") ], [qw(object_without_row foreign)],
    'gc of the subscriber calls it foreign';
  $publisher->do('CALL s3_run_outbox();');
  is_deeply [ s3_keys($bucket) ], [], 'the publisher deletes it';
  $subscriber->do('ALTER SUBSCRIPTION files DISABLE;', 'ALTER SUBSCRIPTION files SET (slot_name = NONE);', 'DROP SUBSCRIPTION files;');
  $publisher->do("SELECT pg_drop_replication_slot('files') FROM pg_replication_slots WHERE NOT active;");
};

done_testing;

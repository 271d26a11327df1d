# docs/recipes.md: every SQL block of it runs here, section by section, and does what the page says.
use v5.32;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use NeonS3Test;
use Test::More;
use Time::HiRes ();

my $bucket = new_bucket();
my $has_cron = -e (run_program([ $ENV{PG_CONFIG} // 'pg_config', '--pkglibdir' ]))[1] =~ s/\s+\z//r . '/pg_cron.so';
my $server = own_server(preload => 1, conf => conf_lines(s3_settings($bucket), 'SET log_statement = none;',
  $has_cron ? ("SET shared_preload_libraries = 'neon_s3,pg_cron';", "SET cron.database_name = 'app';") : ()));
my $socket = $server->{env}{PGHOST};
if ($has_cron) {
  $server->append_conf("cron.host = '$socket'");
  $server->restart_with;
}
my $db = $server->new_database('app');

# ---------------------------------------------------------------- the page

my %section;
my $page = NeonS3Test::slurp(repo_dir() . '/docs/recipes.md') =~ s/my-bucket/$bucket/gr;
for my $text (split /^(?=## )/m, $page) {
  my ($title) = $text =~ /^## (.*)/ or next;
  $section{$title} = [ $text =~ /^```sql\n(.*?)^```$/msg ];
}
my $number_of_blocks = map { @$_ } values %section;

# Runs the next block of a section; what psql's \gset kept is found by the names in @names.
sub block {
  my ($title, @names) = @_;
  my $sql = shift @{ $section{$title} } // die "no more blocks in $title\n";
  return run_block($sql, @names);
}

sub run_block {
  my ($sql, @names) = @_;
  my @rows = $db->rows($sql, map { "SELECT :'$_';" } @names);
  return map { $_->[0] } @names ? @rows[ -@names .. -1 ] : ();
}

sub last_of { return (@_)[-1] }
sub put { my ($url, $headers, $body) = @_; return curl('PUT', $url, headers => from_json($headers), body => $body // 'hello')->{status} }
sub get { return curl('GET', $_[0]) }
sub drain { $db->do('CALL s3_run_outbox();') }
# Statements of PostgREST's for one of its users.
sub claims { my ($sub) = @_; return ('BEGIN;', 'SET LOCAL ROLE authenticated;',
  'SELECT set_config(\'request.jwt.claims\', ' . lit({ role => 'authenticated', sub => $sub }) . ', true);') }
sub as_user { my ($sub, @statements) = @_; return $db->rows(claims($sub), @statements, 'COMMIT;') }
sub value_for { my @rows = as_user(@_); return $rows[-1][0] }
sub refused_for { my ($sub, $statement, $state, $name, %expect) = @_; refused(last_of($db->try(claims($sub), $statement)), $state, $name, %expect) }
# A confirmed file of a user's.
sub upload {
  my ($sub, $name) = @_;
  my @rows = as_user($sub, "SELECT object_key, presigned_url, headers FROM begin_upload('$name', 'text/plain', 5);");
  my ($key, $url, $headers) = @{ $rows[-1] };
  is put($url, $headers), 200, "$name of $sub is uploaded";
  is value_for($sub, 'SELECT confirm_upload(' . lit($key) . ');'), 5, '... and confirmed';
  return lit($key);
}

block('Before you start');
is $db->value("SELECT count(*) FROM s3_tracked_files;"), 1, 'the table is governed';

# ---------------------------------------------------------------- pg_cron, which has the time of all that follows

my $cron_key;
if ($has_cron) {
  block('pg_cron');
  $db->do("SELECT cron.alter_job(jobid, schedule => '* * * * *') FROM cron.job WHERE jobname = 'files: gc';",
    "SELECT s3_put_object('cron', 'x');", "INSERT INTO s3_files (object_key, file_url, user_id) VALUES ('cron', 'u', 'x');",
    "DELETE FROM s3_files WHERE object_key = 'cron';");
}

# ---------------------------------------------------------------- who may what

subtest 'files of users' => sub {
  my $title = 'Files of users';
  block($title);
  my ($begin, $then) = split /^-- the client sends.*\n/m, shift @{ $section{$title} };
  my ($key, $url, $headers) = run_block($begin, qw(object_key presigned_url headers));
  is put($url, $headers), 200, 'the client uploads';
  my @rows = $db->rows("\\set object_key " . lit($key), $then);
  is_deeply [ @{ $rows[0] }[ 0, 1 ] ], [ $key, 5 ], 'confirmed';
  is get($rows[1][1])->{body}, 'hello', 'downloaded';
  $db->do('CREATE ROLE bob;');
  refused(last_of($db->try('SET ROLE bob;', "SELECT $_(" . lit($key) . ');')), '42501', "bob: $_")
    for qw(s3_file_url s3_confirm_upload s3_abort_upload);
  refused(last_of($db->try('SET ROLE alice;', "$_;")), '42501', "alice: $_") for "UPDATE s3_files SET size = 1",
    "UPDATE s3_files SET object_key = 'x'", "INSERT INTO s3_files (object_key, file_url, user_id) VALUES ('x', 'u', 'alice')";
};

subtest 'files of tenants' => sub {
  my $title = 'Files of tenants';
  block($title);
  my ($key) = block($title);
  my $as = sub { my ($who, @more) = @_; return ('BEGIN;', 'SET LOCAL ROLE web;', "SET LOCAL app.user_id = '$who';",
    "SET LOCAL neon_s3.files_table = 'tenant_files';", @more, 'COMMIT;') };
  $key = lit($db->value('SELECT object_key FROM tenant_files;'));
  like $key, qr{'tenants/1/}, 'the prefix of the table, and of the tenant';
  like $db->value($as->('ben', "SELECT s3_file_url($key);")), qr/X-Amz-Signature/, 'a member reads';
  refused(($db->try($as->('cleo', "SELECT s3_file_url($key);")))[4], '42501', 'who is of another tenant does not');
  my $begin = sub { "SELECT object_key FROM s3_begin_upload('f', 'a/b', '$_[0]', columns => '{\"tenant_id\": $_[1]}');" };
  refused(($db->try($as->('ben', $begin->('ben', 1))))[4], '42501', 'a member that may not write');
  refused(($db->try($as->('cleo', $begin->('cleo', 1))))[4], '42501', 'a tenant that is somebody else\'s');
  refused(($db->try($as->('cleo', $begin->('ann', 2))))[4], '42501', 'a file in another user\'s name');
  refused(($db->try($as->('ben', "SELECT s3_abort_upload($key);")))[4], '42501', 'nor abort');
  is last_of($db->try($as->('cleo', $begin->('cleo', 2))))->{state}, '00000', 'her own';
  is $db->value($as->('ann', "SELECT s3_abort_upload($key);")), 't', 'who may write aborts';
};

subtest 'one role for all end users' => sub {
  my $title = 'One role for all end users (PostgREST, Supabase)';
  block($title);
  block($title);
  my $key = upload('5f1a', 'cat.txt');
  is get(value_for('5f1a', "SELECT file_url($key);"))->{body}, 'hello', 'downloaded';
  my $pending = lit(value_for('5f1a', "SELECT object_key FROM begin_upload('dog.txt', 'text/plain', 5);"));
  for my $call ("file_url($key)", "confirm_upload($key)", "confirm_upload($pending)", "s3_abort_upload($pending)", "s3_upload_part_urls($pending)",
    "s3_uploaded_parts($pending)") {
    refused_for('0bad', "SELECT $call;", '42501', "the same role, other claims: $call", message => qr/does not exist, or is not yours/);
  }
  is value_for('0bad', 'SELECT count(*) FROM s3_uploads;'), 0, '... sees no upload';
  is value_for('0bad', 'WITH d AS (DELETE FROM s3_files RETURNING 1) SELECT count(*) FROM d;'), 0, '... and deletes nothing';
  refused_for('0bad', "SELECT s3_begin_upload('f', 'a/b', '5f1a', content_length => 5);", '42501', '... nor in the name of somebody else');
  my @none = ('BEGIN;', 'SET LOCAL ROLE authenticated;');
  refused(last_of($db->try(@none, "SELECT file_url($key);")), '42501', 'no claims at all');
  refused(last_of($db->try(claims('5f1a'), 'COMMIT;', @none, "SELECT file_url($key);")), '42501', '... or those of the transaction before');
  refused(last_of($db->try('BEGIN;', 'SET LOCAL ROLE anon;', "SELECT file_url($key);")), '42501', 'anon');
  refused(last_of($db->try('SET SESSION AUTHORIZATION authenticator;', "SELECT s3_file_url($key);")), '42501', 'authenticator by itself');
};

# ---------------------------------------------------------------- triggers of one's own

subtest 'quotas' => sub {
  block('Quotas');
  $db->do("INSERT INTO quotas VALUES ('q', 12);");
  my $key = upload('q', 'one.txt');
  my $begin = sub { "SELECT object_key FROM begin_upload('f', 'a/b', $_[0]);" };
  my $pending = lit(value_for('q', $begin->(5)));
  refused(last_of($db->try(claims('q'), $begin->(3), 'COMMIT;')), '23514', 'confirmed and pending files count', detail => qr/13 bytes of 12/);
  refused(last_of($db->try(claims('q'), $begin->(3), 'SET CONSTRAINTS quota IMMEDIATE;')), '23514', '... at once, if asked');
  is $db->value("SELECT count(*) FROM s3_issued_keys WHERE content_length = 3;"), 0, '... nothing is left';
  is last_of($db->try(claims('q'), $begin->(2), 'COMMIT;'))->{state}, '00000', 'what fits is begun';
  refused_for('q', $begin->('NULL'), '22023', 'no length');
  value_for('q', "SELECT s3_abort_upload($pending);");
  my @sessions = map { $db->session(claims('q'), $begin->(3)) } 1, 2;
  $_->start('COMMIT;') for @sessions;
  is_deeply [ sort map { $_->result->{state} } @sessions ], [ '00000', '23514' ], 'two at once: one of them';
};

subtest 'NOTIFY' => sub {
  my $title = 'Tell the application that a file is there';
  block($title);
  my $listener = $db->session(shift @{ $section{$title} });
  my $key = upload('n', 'one.txt');
  value_for('n', "SELECT confirm_upload($key);");
  my @heard = $listener->run('SELECT 1;')->{out} =~ /notification "file_confirmed" with payload "(.*?)" received/g;
  is @heard, 1, 'heard, once';
  is_deeply { %{ from_json($heard[0]) }{qw(object_key size)} }, { object_key => $key =~ s/\A'|'\z//gr, size => 5 }, '... what it says';
};

subtest 'replacing a file' => sub {
  block('Replace a file\'s content');
  my ($old, $new) = (upload('r', 'old.txt'), upload('r', 'new.txt'));
  $db->do("INSERT INTO documents VALUES (1, 'r', 'plan', $old);");
  my $pending = lit(value_for('r', "SELECT object_key FROM begin_upload('next.txt', 'text/plain', 5);"));
  refused_for('r', "SELECT replace_file(1, $pending);", '55000', 'not with what is not confirmed');
  value_for('r', "SELECT replace_file(1, $new);");
  is lit($db->value('SELECT file_key FROM documents;')), $new, 'the document has the new one';
  drain();
  my %objects = map { lit($_) => 1 } s3_keys($bucket);
  ok !$objects{$old} && $objects{$new}, 'so has the bucket';
};

# ---------------------------------------------------------------- reading

subtest 'public files' => sub {
  my $title = 'Public files';
  block($title);
  my ($file_url, $url, $headers, $key) = block($title, qw(file_url presigned_url headers object_key));
  like $key, qr{\Apublic/}, 'below the prefix';
  is put($url, $headers), 200, 'uploaded';
  is get($file_url)->{body}, 'hello', 'everybody may read it';
  is get($db->value("SELECT s3_public_url(object_key) FROM s3_files LIMIT 1;"))->{status}, 403, '... and no other file';
  is $db->value('SET ROLE anon;', 'SELECT file_url FROM public_files;'), $file_url, 'anon reads the table, too';
  refused(last_of($db->try(claims('5f1a'), "SET LOCAL neon_s3.files_table = 'public_files';",
    "SELECT s3_begin_upload('x.html', 'text/html', '5f1a', content_length => 5);")), '22023', 'no HTML');
  for my $call ("s3_begin_upload('a b.png'", "s3_begin_multipart_upload('a b.png'") {
    my ($begun_key, $begun_url, $of_row) = $db->row("SET neon_s3.public_url_base = 'https://cdn.example.com/files/';", "SET neon_s3.files_table = 'public_files';",
      claims('5f1a'), "SELECT object_key, file_url FROM $call, 'image/png', '5f1a', content_length => 6000000) \\gset",
      "SELECT object_key, :'file_url', file_url FROM public_files WHERE object_key = :'object_key';");
    is $begun_url, "https://cdn.example.com/files/$begun_key" =~ s/ /%20/r, "behind a CDN: $call";
    is $of_row, $begun_url, '... and the row has that URL';
  }
};

subtest 'undelete' => sub {
  my $key = upload('u', 'dear.txt');
  block('Undelete');
  wait_until(sub { $db->value('SHOW neon_s3.delete_delay;') ne '0' });
  my $delete = "DELETE FROM s3_files WHERE object_key = $key;";
  as_user('u', $delete);
  drain();
  refused_for('u', "SELECT file_url($key);", '42501', 'deleted');
  refused_for('other', "SELECT undelete_file($key);", '42501', 'somebody else does not get it back');
  value_for('u', "SELECT undelete_file($key);");
  is get(value_for('u', "SELECT file_url($key);"))->{body}, 'hello', 'undeleted';
  is $db->value("SELECT count(*) FROM s3_outbox WHERE object_key = $key;"), 0, '... for good';
  as_user('u', $delete);
  $db->do("UPDATE s3_delete_queue SET state = 'running', next_attempt_at = now() + interval '1 min' WHERE object_key = $key;");
  refused_for('u', "SELECT undelete_file($key);", '55006', 'while it is being deleted');
  $db->do("UPDATE s3_delete_queue SET state = 'pending', next_attempt_at = now();");
  drain();
  refused_for('u', "SELECT undelete_file($key);", 'P0002', 'too late');
  is $db->value("SELECT (SELECT count(*) FROM s3_files WHERE object_key = $key) || ' ' || (SELECT count(*) FROM deleted_files WHERE object_key = $key);"),
    '0 1', '... changes nothing';
  $db->do('ALTER SYSTEM RESET neon_s3.delete_delay;');
  $server->reload;
};

subtest 'links that a cache can keep' => sub {
  my $key = upload('c', 'logo.txt');
  block('Links that a cache can keep');
  my $url = sub { value_for('c', "SELECT cached_file_url($key);") };
  my ($one, $two) = ($url->(), $url->());
  $two = $url->() if $one ne $two;    # the hour may end in between
  Time::HiRes::sleep(1.1);
  my $three = $url->();
  ok $three eq $two || $three eq $url->(), 'the same in another second';
  is get($three)->{body}, 'hello', '... and valid';
  is value_for('other', "SELECT cached_file_url($key);"), '', 'not for others';
  refused(last_of($db->try('SET ROLE web;', "SELECT cached_file_url($key);")), '42501', 'nor for other roles');
};

# ---------------------------------------------------------------- PgBouncer

subtest 'PgBouncer' => sub {
  my ($pgbouncer) = grep { -x } map { "$_/pgbouncer" } split(/:/, $ENV{PATH}), '/usr/sbin';
  plan skip_all => 'no pgbouncer here' if !$pgbouncer;
  my $port = 6400;    # a name of a socket only, in a directory of our own
  my $ini = "$socket/pgbouncer.ini";
  my %files = ($ini => <<"INI", "$socket/users.txt" => qq("postgres" ""\n));
[databases]
app = host=$socket port=$server->{env}{PGPORT} dbname=app
[pgbouncer]
pool_mode = transaction
default_pool_size = 2
listen_port = $port
unix_socket_dir = $socket
auth_type = trust
auth_file = $socket/users.txt
pidfile = $socket/pgbouncer.pid
logfile = $socket/pgbouncer.log
INI
  for my $name (keys %files) {
    open my $file, '>', $name or die "$name: $!";
    print $file $files{$name};
    close $file;
    chmod 0644, $name;
  }
  $server->as_server_user([ $pgbouncer, '-q', '-d', $ini ]);
  $server->on_end(sub { kill TERM => NeonS3Test::slurp("$socket/pgbouncer.pid") =~ /(\d+)/ });
  my $pooled = $db->with(PGPORT => $port);
  wait_until(sub { my ($status) = $pooled->psql('SELECT 1;'); $status == 0 });

  my $number = @{ $section{PgBouncer} };
  my @blocks = splice @{ $section{PgBouncer} };
  is $number, 2, 'the page has two transactions';
  is last_of($pooled->try($_))->{state}, '00000', 'runs' for @blocks;

  my @clients = map { +{ user => "user $_", session => $pooled->session } } 1 .. 6;
  my $each = sub {
    my ($name, $sql) = @_;
    for my $client (@clients) {
      $client->{session}->start(join ' ', claims($client->{user}), $sql->($client), 'COMMIT;');
    }
    my @wrong = grep { $_->{state} ne '00000' } map { $_->{result} = $_->{session}->result } @clients;
    is_deeply [ map { $_->{notices} } @wrong ], [], $name;
    # What set_config() gave comes first.
    $_->{row} = [ split /\x1f/, (split /[\n\x1e]/, $_->{result}{out})[-1] // '' ] for @clients;
  };
  $each->('six clients begin at once, on two connections', sub { "SELECT object_key, presigned_url, headers FROM begin_upload('$_[0]{user}', 'text/plain', 5);" });
  for my $client (@clients) {
    $client->{key} = lit($client->{row}[0]);
    is put(@{ $client->{row} }[ 1, 2 ]), 200, '... and send their files';
  }
  $each->('all confirm', sub { "SELECT confirm_upload($_[0]{key});" });
  is_deeply [ map { $_->{row}[0] } @clients ], [ (5) x 6 ], '... their own';
  $each->('all download', sub { "SELECT file_url($_[0]{key});" });
  is_deeply [ map { get($_->{row}[0])->{body} } @clients ], [ ('hello') x 6 ], '... the content';
  $each->('each sees its own file', sub { 'SELECT count(*), min(user_id), pg_backend_pid() FROM s3_files;' });
  is_deeply [ map { "@{ $_->{row} }[ 0, 1 ]" } @clients ], [ map { "1 $_->{user}" } @clients ], '... and no other';
  my %backends = map { $_->{row}[2] => 1 } @clients;
  cmp_ok scalar(keys %backends), '<=', 2, '... on two connections';
  for my $client (@clients[ 0, 1 ]) {
    my $other = $client == $clients[0] ? $clients[1] : $clients[0];
    refused($client->{session}->run(join ' ', claims($client->{user}), "SELECT file_url($other->{key});"), '42501', 'not that of the other client');
    $client->{session}->run('ROLLBACK;');
  }

  my $mib = 1 << 20;
  my $part_urls = sub { "SELECT string_agg(part_number || ' ' || size || ' ' || presigned_url, ',' ORDER BY part_number) FROM s3_upload_part_urls($_[0]{film});" };
  my $send_last = sub {
    for my $client (@clients) {
      my @parts = split /,/, $client->{row}[0];
      my ($number, $size, $url) = split / /, $parts[-1];
      is curl('PUT', $url, headers => { 'content-length' => $size }, body => 'x' x $size)->{status}, 200, "part $number, the last of " . @parts;
    }
  };
  $each->('six multipart uploads', sub { "SELECT object_key FROM s3_begin_multipart_upload('film', 'text/plain', '$_[0]{user}', 5 * $mib + 5, 5 * $mib);" });
  $_->{film} = lit($_->{row}[0]) for @clients;
  for (1, 2) {
    $each->('the URLs of what is missing', $part_urls);
    $send_last->();
  }
  $each->('what is uploaded', sub { "SELECT count(*), sum(size) FROM s3_uploaded_parts($_[0]{film});" });
  is_deeply [ map { "@{ $_->{row} }" } @clients ], [ ('2 ' . (5 * $mib + 5)) x 6 ], '... both parts of each';
  $each->('all confirm', sub { "SELECT confirm_upload($_[0]{film});" });
  is_deeply [ map { $_->{row}[0] } @clients ], [ (5 * $mib + 5) x 6 ], '... the whole';
  refused($clients[0]{session}->run(join ' ', claims($clients[0]{user}), "SELECT file_url($clients[1]{film});"), '42501', 'not that of the other client');
  $clients[0]{session}->run('ROLLBACK;');

  $each->('presign and save', sub { "RESET ROLE; SELECT m.object_key FROM s3_presign_upload('p', 'text/plain', content_length => 5) u, s3_save_metadata(u.object_key, NULL, '$_[0]{user}') m;" });
  $each->('all delete', sub { 'DELETE FROM s3_files;' });
  is last_of($pooled->try('CALL s3_run_outbox();'))->{state}, '00000', 'the outbox is emptied through it';
  is $db->value("SELECT count(*) FROM s3_outbox WHERE object_key IN (@{[ join ', ', map { $_->{key} } @clients ]});"), 0, '... all of it';
};

# ---------------------------------------------------------------- more than one machine

subtest 'shards' => sub {
  plan skip_all => 'no postgres_fdw' if !$db->value("SELECT count(*) FROM pg_available_extensions WHERE name = 'postgres_fdw';");
  my ($call, $shards) = splice @{ $section{'More than one machine'} };
  is $db->try($call)->{state}, '00000', 'a drainer';
  my @shards = map { $server->new_database("shard$_") } 1, 2;
  $_->do('CREATE TABLE files (id bigint, object_key text UNIQUE, file_url text, user_id text, upload_timestamp timestamptz, size bigint, confirmed_at timestamptz);') for @shards;
  my $n = 0;
  $shards =~ s/host 'shard\d\.example\.com', dbname 'files'/"host '$socket', port '$server->{env}{PGPORT}', dbname 'shard" . ++$n . "'"/ge;
  $shards =~ s/user 'files', password '...'/user 'postgres', password_required 'false'/g;
  $db->do($shards, 'GRANT SELECT, INSERT, UPDATE, DELETE ON sharded_files TO web;', 'GRANT USAGE ON SEQUENCE sharded_files_id_seq TO web;');
  my @ann = ('SET ROLE web;', "SET app.user_id = 'ann';", "SET neon_s3.files_table = 'sharded_files';");
  my @uploads = $db->rows(@ann, "SELECT u.object_key, u.presigned_url, u.headers FROM generate_series(1, 8) n, s3_begin_upload('f' || n, 'text/plain', 'ann', content_length => 5) u;");
  is @uploads, 8, 'begun';
  is_deeply [ map { put(@$_[ 1, 2 ]) } @uploads ], [ (200) x 8 ], 'uploaded';
  my @keys = map { lit($_->[0]) } @uploads;
  is_deeply [ map { $_->[0] } $db->rows(@ann, map { "SELECT size FROM s3_confirm_upload($_);" } @keys) ], [ (5) x 8 ], 'confirmed';
  my @counts = map { $_->value('SELECT count(*) FROM files WHERE size = 5 AND confirmed_at IS NOT NULL;') } @shards;
  is $counts[0] + $counts[1], 8, 'what was measured is on the shards';
  ok $counts[0] && $counts[1], '... on both';
  is_deeply [ map { get($_->[0])->{body} } $db->rows(@ann, 'SELECT s3_file_url(object_key) FROM sharded_files;') ], [ ('hello') x 8 ], 'downloaded';
  refused(last_of($db->try(@ann, "SET app.user_id = 'bob';", "SELECT s3_file_url($keys[0]);")), '42501', 'by nobody else');
  refused(last_of($db->try(@ann, "INSERT INTO sharded_files (object_key, file_url, user_id) VALUES ('x', 'u', 'ann');")), '42501', 'the guard is there');
  refused(last_of($db->try(@ann, 'UPDATE sharded_files SET size = 6;')), '42501', '... for what was measured, too');
  $db->do("SELECT s3_put_object('kept', 'x');",
    "INSERT INTO sharded_files (object_key, file_url, user_id) VALUES ('kept', 'u', 'ann');",
    "INSERT INTO s3_delete_queue (object_key, bucket, signs_as, enqueued_at, next_attempt_at) VALUES ('kept', '$bucket', 'files_owner', now(), now());");
  drain();
  ok scalar(grep({ $_ eq 'kept' } s3_keys($bucket))), 'a key with a row on a shard keeps its object';
  $db->do(@ann, "DELETE FROM sharded_files WHERE object_key = $keys[0];");
  $db->do('TRUNCATE sharded_files;');
  is $db->value("SELECT count(*) FROM s3_outbox WHERE state = 'pending';"), 9, 'DELETE and TRUNCATE are enqueued';
  is $shards[0]->value('SELECT count(*) FROM files;') + $shards[1]->value('SELECT count(*) FROM files;'), 0, '... and empty the shards';
  drain();
  is $db->value('SELECT count(*) FROM s3_outbox;'), 0, '... and the bucket';
  is last_of($db->try("SELECT count(*) FROM s3_gc(files_table => 'sharded_files', older_than => '0');"))->{state}, '00000', 'gc reads them all';
};

subtest 'pg_cron' => sub {
  plan skip_all => 'no pg_cron here (Debian: postgresql-N-cron)' if !$has_cron;
  my $status = 'SELECT string_agg(DISTINCT jobname || \' \' || status || \' \' || return_message, \'; \') FROM cron.job_run_details JOIN cron.job USING (jobid) WHERE status IN (\'succeeded\', \'failed\');';
  for (1 .. 900) {
    last if $db->value("SELECT count(DISTINCT jobid) FROM cron.job_run_details WHERE status IN ('succeeded', 'failed');") == 2;
    Time::HiRes::sleep(0.1);
  }
  is $db->value($status), 'files: gc succeeded 0 rows; files: outbox succeeded CALL', 'both jobs ran' or diag $server->log_text =~ /^(.*cron.*)$/mg;
  is last_of($db->try(shift @{ $section{pg_cron} }))->{state}, '00000', 'the page says how they are';
  is scalar(grep { $_ eq 'cron' } s3_keys($bucket)), 0, 'the object of a deleted row is gone';
};

my @left = grep { @{ $section{$_} } && ($has_cron || $_ ne 'pg_cron') } sort keys %section;
is_deeply \@left, [], 'every block of the page has run';
cmp_ok $number_of_blocks, '>=', 18, '... and there are some';

done_testing;

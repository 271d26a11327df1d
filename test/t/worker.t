# The background worker: whose outbox it empties and whose uploads it confirms, what it holds meanwhile, and what it leaves alone.
use v5.32;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use FaultServer;
use NeonS3Test;
use Test::More;

my $bucket = new_bucket();
my $fault = FaultServer->new;
my $server = own_server(preload => 1, conf => conf_lines(s3_settings($bucket), 'SET neon_s3.worker_interval = 1;',
  q{SET neon_s3.worker_database = 'app, "Other One", absent';}));

my $insert = sub { "INSERT INTO s3_files (object_key, file_url, user_id) VALUES ('$_[0]', 'u', 'me');" };
my @dbs = map { $server->new_database($_) } 'app', 'Other One', 'unnamed';
for my $db (@dbs) {
  my $key = 'of ' . $db->{env}{PGDATABASE};
  $db->do('CREATE EXTENSION neon_s3;', 'SET client_min_messages = error;', 'SELECT s3_create_files_table();', 'SELECT s3_track_files();',
    "SELECT s3_put_object('$key', 'x');", $insert->($key), "DELETE FROM s3_files;");
}
my ($app, $other, $unnamed) = @dbs;
my $items = sub { $_[0]->value('SELECT count(*) FROM s3_delete_queue;') };

# Begins an upload in the database, and puts what is given.
sub begin {
  my ($db, $length, $body) = @_;
  my ($key, $url) = $db->row("SELECT object_key, presigned_url FROM s3_begin_upload('slow', 'text/plain', 'me', content_length => $length);");
  is curl('PUT', $url, headers => { 'content-type' => 'text/plain', 'content-length' => length $body, 'if-none-match' => '*' }, body => $body)->{status}, 200, 'put'
    if defined $body;
  return $key;
}
my $pending = sub { my ($db) = @_; return [ map { $_->[0] } $db->rows('SELECT object_key FROM s3_uploads ORDER BY begun_at;') ] };

my $early = begin($app, 5, 'early');
wait_until(sub { $server->log_text =~ /WARNING:  the outbox of database "app" is not emptied, and no upload confirmed/ });
ok 1, 'a fenced database is told in the log';
is $items->($app), 1, '... and its outbox waits';
is_deeply $pending->($app), [$early], '... as does its upload';

$_->do('SELECT s3_arm_lifecycle();') for @dbs;
wait_until(sub { !$items->($app) && !$items->($other) });
is_deeply [ sort(s3_keys($bucket)) ], [ sort 'of unnamed', $early ], 'the databases that are named are emptied';
is $items->($unnamed), 1, '... and no other';
is_deeply $pending->($app), [$early], 'an upload that was begun before the database was armed is not confirmed';
$app->do("SELECT s3_delete_object(@{[ lit($early) ]});", 'DELETE FROM s3_issued_keys;', 'DELETE FROM s3_files;', 'DELETE FROM s3_delete_queue;');

wait_until(sub { $server->try('CREATE DATABASE clone TEMPLATE app;')->{state} eq '00000' });
ok 1, 'CREATE DATABASE ... TEMPLATE finds no session of it';
$server->do('DROP DATABASE clone;');

subtest 'uploads' => sub {
  $app->do('ALTER TABLE s3_files ADD size bigint, ADD etag text, ADD confirmed_at timestamptz, ADD part_of text;');
  $app->do(q{CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.size = 6 THEN RAISE 'not six'; END IF; RETURN NEW; END $$;},
    'CREATE TRIGGER refuse BEFORE UPDATE ON s3_files FOR EACH ROW EXECUTE FUNCTION refuse();');
  my $six = begin($app, 6, 'sixsix');
  my $absent = begin($app, 5);
  my $wrong = begin($app, 5);
  $app->do("SELECT s3_put_object(@{[ lit($wrong) ]}, 'longer', 'text/plain');");
  my $right = begin($app, 5, 'right');
  my ($parts, $upload_id) = $app->row("SELECT object_key, upload_id FROM s3_begin_multipart_upload('g', 'text/plain', 'me', 5242881, 5242880);");
  my ($half) = $app->row("SELECT object_key FROM s3_begin_multipart_upload('h', 'text/plain', 'me', 5242881, 5242880);");
  for my $row ($app->rows("SELECT part_number, size, presigned_url FROM s3_upload_part_urls(@{[ lit($parts) ]});")) {
    is curl('PUT', $row->[2], body => 'x' x $row->[1])->{status}, 200, "part $row->[0]";
  }
  wait_until(sub { !grep { $_ eq $right || $_ eq $parts } @{ $pending->($app) } });
  is_deeply [ $app->rows("SELECT object_key, size, etag IS NOT NULL, confirmed_at IS NOT NULL FROM s3_files WHERE object_key IN (@{[ lit($right) ]}, @{[ lit($parts) ]}) ORDER BY id;") ],
    [ [ $right, 5, 't', 't' ], [ $parts, 5242881, 't', 't' ] ], 'are confirmed, completed if they are in parts';
  wait_until(sub { $server->log_text =~ /WARNING:  upload of "\Q$six\E" is not confirmed: not six/ });
  is_deeply $pending->($app), [ $six, $absent, $wrong, $half ], '... but for those that are missing, other than promised, unfinished or refused by a trigger';
  $app->do('DROP TRIGGER refuse ON s3_files;');
  my $locking = $app->session('BEGIN;', "SELECT 1 FROM s3_files WHERE object_key = @{[ lit($six) ]} FOR UPDATE;");
  my $later = begin($app, 5, 'later');
  wait_until(sub { !grep { $_ eq $later } @{ $pending->($app) } });
  ok 1, 'a row that is locked holds up no other';
  $locking->run('COMMIT;');
  $locking->close;
  wait_until(sub { !grep { $_ eq $six } @{ $pending->($app) } });
  ok 1, '... and is confirmed when it is free';
  $app->do('DELETE FROM s3_files;', 'DELETE FROM s3_issued_keys;');
  wait_until(sub { !$items->($app) });
};

subtest 'while S3 is asked' => sub {
  $fault->plays('gate');
  $app->do("CREATE SERVER slow FOREIGN DATA WRAPPER neon_s3 OPTIONS (endpoint '" . $fault->endpoint('http') . "', region 'us-east-1', bucket 'bucket');",
    "CREATE USER MAPPING FOR PUBLIC SERVER slow OPTIONS (access_key_id 'a', secret_access_key 'b');", 'SET client_min_messages = error;',
    "SELECT s3_track_files(server => 'slow');", $insert->('slow'), 'DELETE FROM s3_files;');
  wait_until(sub { $fault->requests });
  my $held = <<'SQL';
SELECT count(*), bool_and(xact_start IS NULL AND backend_xid IS NULL AND backend_xmin IS NULL), (SELECT count(*) FROM pg_locks l WHERE l.pid = min(a.pid))
  FROM pg_stat_activity a WHERE backend_type = 'neon_s3 worker' AND datname = 'app';
SQL
  is_deeply [ $app->row($held) ], [ 1, 't', 0 ], 'neither transaction, snapshot nor lock';
  is $app->value('SELECT state FROM s3_outbox;'), 'running', 'the item is leased';
  $fault->plays();
  wait_until(sub { !$items->($app) });
  ok 1, 'it goes on';
  $fault->plays('gate');
  my $key = begin($app, 7);    # other than what the gate lets through
  wait_until(sub { $fault->requests });
  is_deeply [ map { $_->{method} } $fault->requests ], ['HEAD'], 'an upload is looked for';
  is_deeply [ $app->row($held) ], [ 1, 't', 0 ], '... with neither, too';
  $fault->plays('status:403:AccessDenied');
  wait_until(sub { $server->log_text =~ /WARNING:  uploads are not confirmed: .*403/ });
  is_deeply $pending->($app), [$key], 'a refusal is told in the log';
  $fault->plays();
};

subtest 'settings that change' => sub {
  $server->append_conf("neon_s3.worker_database = 'unnamed'");
  $server->reload;
  wait_until(sub { !$items->($unnamed) });
  is_deeply [ s3_keys($bucket) ], [], 'a reload names other databases';
};

subtest 'a worker that is terminated' => sub {
  open my $file, '<', "$server->{env}{PGDATA}/postmaster.pid" or die $!;
  chomp(my $postmaster = <$file>);
  my $launcher = sub { my (undef, $out) = run_program([ 'ps', '--ppid', $postmaster, '-o', 'pid=,args=' ]); return $out =~ /^ *(\d+) \S+ neon_s3 worker *$/m ? $1 : 0 };
  my $pid = $launcher->();
  ok $pid, 'the worker is there' or return;
  kill TERM => $pid;
  wait_until(sub { my $next = $launcher->(); $next && $next ne $pid });
  ok 1, '... comes again';
};

done_testing;

# The background worker: whose outbox it empties, what it holds meanwhile, and what it leaves alone.
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
my $server = own_server(preload => 1, conf => <<"CONF");
neon_s3.worker_database = 'app, "Other One", absent'
neon_s3.worker_interval = 1
neon_s3.endpoint = '$ENV{S3_ENDPOINT}'
neon_s3.region = '$ENV{S3_REGION}'
neon_s3.bucket = '$bucket'
neon_s3.access_key_id = '$ENV{S3_ACCESS_KEY_ID}'
neon_s3.secret_access_key = '$ENV{S3_SECRET_ACCESS_KEY}'
CONF

my $insert = sub { "INSERT INTO s3_files (object_key, file_url, user_id) VALUES ('$_[0]', 'u', 'me');" };
my @dbs = map { $server->new_database($_) } 'app', 'Other One', 'unnamed';
for my $db (@dbs) {
  my $key = 'of ' . $db->{env}{PGDATABASE};
  $db->do('CREATE EXTENSION neon_s3;', 'SET client_min_messages = error;', 'SELECT s3_create_files_table();', 'SELECT s3_track_files();',
    "SELECT s3_put_object('$key', 'x');", $insert->($key), "DELETE FROM s3_files;");
}
my ($app, $other, $unnamed) = @dbs;
my $items = sub { $_[0]->value('SELECT count(*) FROM s3_delete_queue;') };

wait_until(sub { $server->log_text =~ /WARNING:  the outbox of database "app" is not emptied/ });
ok 1, 'a fenced database is told in the log';
is $items->($app), 1, '... and its outbox waits';

$_->do('SELECT s3_arm_lifecycle();') for @dbs;
wait_until(sub { !$items->($app) && !$items->($other) });
is_deeply [ sort(s3_keys($bucket)) ], ['of unnamed'], 'the databases that are named are emptied';
is $items->($unnamed), 1, '... and no other';

wait_until(sub { $server->try('CREATE DATABASE clone TEMPLATE app;')->{state} eq '00000' });
ok 1, 'CREATE DATABASE ... TEMPLATE finds no session of it';
$server->do('DROP DATABASE clone;');

subtest 'while S3 is asked' => sub {
  $fault->plays('gate');
  $app->do("CREATE SERVER slow FOREIGN DATA WRAPPER neon_s3 OPTIONS (endpoint '" . $fault->endpoint('http') . "', region 'us-east-1', bucket 'bucket');",
    "CREATE USER MAPPING FOR PUBLIC SERVER slow OPTIONS (access_key_id 'a', secret_access_key 'b');", 'SET client_min_messages = error;',
    "SELECT s3_track_files(server => 'slow');", $insert->('slow'), 'DELETE FROM s3_files;');
  wait_until(sub { $fault->requests });
  is_deeply [ $app->row(<<'SQL') ], [ 1, 't', 0 ], 'neither transaction, snapshot nor lock';
SELECT count(*), bool_and(xact_start IS NULL AND backend_xid IS NULL AND backend_xmin IS NULL), (SELECT count(*) FROM pg_locks l WHERE l.pid = min(a.pid))
  FROM pg_stat_activity a WHERE backend_type = 'neon_s3 worker' AND datname = 'app';
SQL
  is $app->value('SELECT state FROM s3_outbox;'), 'running', 'the item is leased';
  $fault->plays();
  wait_until(sub { !$items->($app) });
  ok 1, 'it goes on';
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

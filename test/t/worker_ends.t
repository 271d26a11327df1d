# The worker at its end: terminated and killed at each point of its work, in a database or with an extension that is dropped.
use v5.32;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use FaultServer;
use NeonS3Test;
use Test::More;
use Time::HiRes qw(time);

my $fault = FaultServer->new;
my ($http, $hole, $mute) = ($fault->endpoint('http'), $fault->endpoint('black_hole'), "https://127.0.0.1:$fault->{ports}{mute}");
# One slot each for PostgreSQL's launcher, the worker's and one run: one that stays taken stops all that follow.
my $server = own_server(preload => 1, conf => <<"CONF");
max_worker_processes = 3
log_line_prefix = '%m [%p] %e %q%u\@%d '
neon_s3.worker_database = 'app, doomed'
neon_s3.worker_interval = 1
neon_s3.endpoint = '$http'
neon_s3.bucket = 'bucket'
neon_s3.access_key_id = 'AKIAFAULT'
neon_s3.secret_access_key = 'secret'
CONF

sub install {
  my ($db) = @_;
  $db->do('SET client_min_messages = error;', 'CREATE EXTENSION neon_s3;', 'SELECT s3_create_files_table();', "SELECT s3_create_files_table('holes'), s3_create_files_table('mutes');",
    'ALTER TABLE s3_files ADD size bigint, ADD etag text, ADD confirmed_at timestamptz;',
    (map { my ($name, $endpoint) = @$_; "CREATE SERVER $name FOREIGN DATA WRAPPER neon_s3 OPTIONS (endpoint '$endpoint', bucket 'bucket');",
      "CREATE USER MAPPING FOR PUBLIC SERVER $name OPTIONS (access_key_id 'a', secret_access_key 'b');" } [ hole => $hole ], [ mute => $mute ]),
    "SELECT s3_track_files(), s3_track_files('holes', server => 'hole'), s3_track_files('mutes', server => 'mute'), s3_arm_lifecycle();");
}

my $app = $server->new_database('app');
install($app);
my $run_in = sub { "SELECT pid FROM pg_stat_activity WHERE backend_type = 'neon_s3 worker' AND datname = '$_[0]'" };

# ---------------------------------------------------------------- points

sub delete_from { my ($table, @keys) = @_; return "INSERT INTO $table (object_key, file_url, user_id) SELECT k, 'u', 'me' FROM unnest('{@{[ join ',', @keys ]}}'::text[]) k; DELETE FROM $table;" }
my $one = delete_from('s3_files', 'slow');
my $upload = "SELECT s3_begin_upload('slow', 'text/plain', 'me', content_length => 5);";
my $parts = "SELECT s3_begin_multipart_upload('slow', 'text/plain', 'me', 5242881, 5242880);";
my $asks = sub { scalar $fault->requests };
my $connects = sub { $app->value("SELECT count(*) FROM s3_progress WHERE pid IN (${\ $run_in->('app') });") };
my $waits = sub { $app->value("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND pid IN (${\ $run_in->('app') });") };
# What S3 does, what there is to do, what shows that the worker is at it, the table that it waits for.
my @points = (
  [ 'claiming items', 'ok', $one, $waits, 's3_delete_queue' ],
  [ 'connecting', 'ok', delete_from('holes', 'k'), $connects ],
  [ 'the TLS handshake', 'ok', delete_from('mutes', 'k'), $connects ],
  [ 'waiting for an answer', 'hang', $one, $asks ],
  [ 'the headers of an answer', 'drip_head:1', $one, $asks ],
  [ 'the body of an answer', 'hang_body', delete_from('s3_files', map { "slow$_" } 1 .. 5), $asks ],
  [ 'a pause before a retry', 'retry_after:503:30', $one, $asks ],
  [ 'settling items', 'gate', $one, $waits, 's3_delete_queue' ],
  [ 'looking for uploads', 'ok', $upload, $waits, 's3_issued_keys' ],
  [ 'looking at an object', 'hang', $upload, $asks ],
  [ 'writing what was measured', 'gate', $upload, $waits, 's3_files' ],
  [ 'asking for parts', 'hang', $parts, $asks ],
);

# Brings the worker to a point: its process, and a session that holds a lock, if one is needed.
sub bring_there {
  my ($play, $work, $is_there, $table) = @_;
  $fault->plays($work eq $parts ? () : $play);
  $app->do($work);
  $fault->plays($play) if $work eq $parts;    # what begins it is answered
  wait_until($asks) if $play eq 'gate';
  my $holder = $table && $app->session('BEGIN;', "LOCK TABLE $table IN ACCESS EXCLUSIVE MODE;");
  $fault->plays() if $play eq 'gate';
  wait_until($is_there);
  return ($app->value($run_in->('app') . ';'), $holder);
}

sub left { return [ $app->row('SELECT (SELECT count(*) FROM s3_delete_queue), (SELECT count(*) FROM s3_files);') ] }

# All is done in the end: items, and uploads, if their object is there.
sub goes_on {
  $fault->plays();
  $app->do("ALTER SERVER $_ OPTIONS (SET endpoint '$http');") for qw(hole mute);
  wait_until(sub { $app->do('UPDATE s3_delete_queue SET next_attempt_at = now();'); !$app->value('SELECT count(*) FROM s3_delete_queue;') });
  wait_until(sub { !$app->value('SELECT count(*) FROM s3_uploads WHERE upload_id IS NULL;') });
  is_deeply [ $app->row('SELECT count(*), count(confirmed_at), count(DISTINCT object_key) FROM s3_files;') ], $_[0], '... and all is done in the end';
  $app->do('DELETE FROM s3_files;', 'DELETE FROM s3_issued_keys;');
  wait_until(sub { !$app->value('SELECT count(*) FROM s3_delete_queue;') });
  $app->do("ALTER SERVER hole OPTIONS (SET endpoint '$hole');", "ALTER SERVER mute OPTIONS (SET endpoint '$mute');");
}

for my $point (@points) {
  my ($name, $play, $work, $is_there, $table) = @$point;
  subtest $name => sub {
    for my $signal (qw(TERM KILL)) {
      my ($pid, $holder) = bring_there(@$point[ 1 .. 4 ]);
      ok $pid, 'the worker is there' or next;
      my $started = time;
      kill $signal => $pid;
      wait_until(sub { !-d "/proc/$pid" });
      cmp_ok time - $started, '<', 3, "SIG$signal: it ends soon";
      wait_until(sub { ($app->psql('SELECT 1;'))[0] == 0 }) if $signal eq 'KILL';
      $holder->close if $holder;
      is_deeply left(), $work eq $upload || $work eq $parts ? [ 0, 1 ] : [ $work =~ /slow5/ ? 5 : 1, 0 ], '... what it was at is not lost' if ($table // '') ne 's3_delete_queue';
      goes_on($work eq $upload ? [ 1, 1, 1 ] : $work eq $parts ? [ 1, 0, 1 ] : [ 0, 0, 0 ]);
    }
  };
}

# ---------------------------------------------------------------- what is dropped

subtest 'DROP DATABASE ... WITH (FORCE)' => sub {
  for my $round (1 .. 3) {
    my $doomed = $server->new_database('doomed');
    install($doomed);
    $fault->plays('hang');
    $doomed->do($one);
    wait_until($asks);
    my $pid = $app->value($run_in->('doomed') . ';');
    my $started = time;
    is $app->try('DROP DATABASE doomed WITH (FORCE);')->{state}, '00000', 'the worker is not in its way';
    cmp_ok time - $started, '<', 4, '... nor slow';
    wait_until(sub { !-d "/proc/$pid" });
  }
  $fault->plays();
  $app->do($one);
  goes_on([ 0, 0, 0 ]);
};

subtest 'DROP EXTENSION' => sub {
  $fault->plays('gate');
  $app->do($one);
  wait_until($asks);
  my $pid = $app->value($run_in->('app') . ';');
  is $app->try("SET lock_timeout = '5s'; DROP EXTENSION neon_s3 CASCADE;")->{state}, '00000', 'the worker is not in its way';
  $fault->plays();
  wait_until(sub { !-d "/proc/$pid" });
  $app->do('DROP TABLE s3_files, holes, mutes;');
  install($app);
  $app->do($one);
  goes_on([ 0, 0, 0 ]);
};

unlike $server->log_text, qr/no background worker .* is free/, 'no slot stays taken';
unlike $server->log_text, qr/\] XX\w{3} /, 'nothing internal goes wrong';
done_testing;

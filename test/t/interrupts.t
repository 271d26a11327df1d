# A call that waits for S3 is a good guest: it serves every interrupt, as pg_sleep does.
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
my $server = NeonS3Test->server;
my $db = $server->new_database;
$db->do('CREATE EXTENSION neon_s3;');
my $version = $db->value("SELECT current_setting('server_version_num')::int / 10000;");
my @settings = $fault->settings('http', connect_timeout => '60s', request_timeout => '60s');

# A session in the middle of a call that gets no answer.
sub waiting {
  my $session = $db->session(@settings, @_);
  $fault->plays('hang');
  $session->start("SELECT s3_get_object('k');");
  wait_until(sub { $fault->requests });
  return $session;
}

sub is_soon {
  my ($started, $name) = @_;
  cmp_ok time - $started, '<', 10, $name;
}

sub cancel {
  my ($session) = @_;
  $db->do("SELECT pg_cancel_backend($session->{pid});");
  refused($session->result, '57014', '... and goes on waiting until it is cancelled');
}

subtest 'what it waits for shows' => sub {
  my $session = waiting();
  is $db->value("SELECT wait_event_type || ' ' || wait_event FROM pg_stat_activity WHERE pid = $session->{pid};"),
    $version >= 17 ? 'Extension NeonS3' : 'Extension Extension', 'pg_stat_activity';
  cancel($session);
  isnt $db->value("SELECT coalesce(wait_event_type, '') FROM pg_stat_activity WHERE pid = $session->{pid};"), 'Extension',
    'and no longer after it';
};

subtest 'a barrier' => sub {
  my $session = waiting();
  my $other = "neon_s3_t_$$ other";
  $server->do('CREATE DATABASE ' . ident($other) . ';');
  my $started = time;
  $server->do('DROP DATABASE ' . ident($other) . ';');
  is_soon($started, 'somebody else drops a database');
  cancel($session);
};

subtest 'its memory is logged' => sub {
  my $session = waiting();
  $db->do("SELECT pg_log_backend_memory_contexts($session->{pid});");
  my $log = "$ENV{NEON_S3_PG_DIR}/log/postgresql.log";
  wait_until(sub { system('grep', '-q', "\\[$session->{pid}\\].*LOG:  logging memory contexts of PID $session->{pid}", $log) == 0 });
  pass 'pg_log_backend_memory_contexts';
  cancel($session);
} if $ENV{NEON_S3_PG_DIR};

subtest 'a client that is gone' => sub {
  my $session = waiting("SET client_connection_check_interval = '100ms';");
  my $started = time;
  kill KILL => $session->{psql};
  wait_until(sub { $db->value("SELECT count(*) FROM pg_stat_activity WHERE pid = $session->{pid};") == 0 });
  is_soon($started, 'client_connection_check_interval');
};

subtest 'a transaction that takes too long' => sub {
  plan skip_all => 'transaction_timeout came with version 17' if $version < 17;
  my $session = waiting("SET transaction_timeout = '300ms';");
  my $started = time;
  my $result = $session->result;
  is $result->{state}, 'lost', 'the session ends';
  like $result->{notices}, qr/25P04/, '... and says why';
  is_soon($started, '... soon');
};

subtest 'its error is the one that PostgreSQL raises' => sub {
  my $session = $db->session(@settings);
  $fault->plays('hang');
  refused($session->run("SET statement_timeout = '200ms'; SELECT s3_get_object('k');"), '57014', 'statement_timeout',
    message => qr/^canceling statement due to statement timeout$/);
  $session->run('RESET statement_timeout;');
  $fault->plays();
  is $session->run("SELECT encode(s3_get_object('k'), 'escape');")->{out}, 'hello', 'and the session goes on';
};

done_testing;

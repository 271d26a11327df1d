# Every wait ends when it is cancelled, whatever it waits for: the query, the session, the server.
use v5.32;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use FaultServer;
use NeonS3Test;
use Test::More;
use Time::HiRes qw(sleep time);

plan skip_all => 'no /proc' if !-d "/proc/$$/fd";

my $fault = FaultServer->new;
my $server = NeonS3Test->server;
my $db = $server->new_database;
my $big = "convert_to(repeat('0123456789abcdef', 2000000), 'UTF8')";
$db->do('CREATE EXTENSION neon_s3;', "CREATE TABLE lo AS SELECT lo_from_bytea(0, $big) AS id;", 'CREATE TABLE texts (t text);');
my $lo = $db->value('SELECT id FROM lo;');

my %statements = (
  get => "SELECT s3_get_object('size-3000000');",
  put => "SELECT s3_put_object('k', $big);",
  list => 'SELECT count(*) FROM s3_list_objects();',
  heads => "SELECT count(*) FROM s3_head_objects((SELECT array_agg('k' || n) FROM generate_series(1, 200) n));",
  gets => "SELECT count(*) FROM s3_get_objects((SELECT array_agg('k' || n) FROM generate_series(1, 200) n));",
  puts => "SELECT count(*) FROM s3_put_objects((SELECT array_agg('k' || n) FROM generate_series(1, 200) n), (SELECT array_agg(sha256('k')) FROM generate_series(1, 200)));",
  deletes => "SELECT count(*) FROM s3_delete_objects((SELECT array_agg('k' || n) FROM generate_series(1, 2500) n));",
  get_large => "SELECT s3_get_large_object('size-3000000');",
  put_large => "SELECT s3_put_large_object('k', $lo);",
  copy => "SELECT s3_copy_object('a', 'b');",
  export => "SELECT s3_export_query('SELECT repeat(''x'', 20000000)', 'k');",
  import => "SELECT s3_import_table('texts', 'size-3000000', 'text');",
);

# phase => [ port, fault, statements ]
my %phases = (
  'connecting' => [ 'black_hole', 'ok', qw(get put heads) ],
  'the TLS handshake' => [ 'tls', 'ok', qw(get heads) ],
  'sending' => [ 'http', 'hang_unread', qw(put put_large export) ],
  'waiting' => [ 'http', 'hang', qw(get put list heads deletes gets puts get_large put_large copy export import) ],
  'the headers' => [ 'http', 'drip_head', qw(get) ],
  'the body' => [ 'http', 'hang_body', qw(get list gets get_large import) ],
  'a slow body' => [ 'http', 'drip', qw(get list) ],
  'a pause before a retry' => [ 'http', 'retry_after:503:30', qw(get put heads puts list) ],
);
sub endpoint { my ($port) = @_; return $port eq 'tls' ? "https://127.0.0.1:$fault->{ports}{mute}" : $fault->endpoint($port) }

my %patient = (connect_timeout => '60s', request_timeout => '60s');
my $session = $db->session($fault->settings('http', %patient));
sub set_up {
  my ($session, $phase) = @_;
  my ($port, $fault_name) = @{ $phases{$phase} };
  $fault->plays($fault_name);
  $session->run('SET neon_s3.endpoint = ' . lit(endpoint($port)) . ';');
}

# The call is where it should be.
sub arrived {
  my ($session, $phase) = @_;
  my ($port) = @{ $phases{$phase} };
  wait_until(sub { $db->value("SELECT state FROM pg_stat_activity WHERE pid = $session->{pid};") eq 'active' });
  wait_until(sub { $port eq 'http' ? $fault->requests : $port eq 'tls' ? $fault->connections : 1 });
  sleep 0.1;
}

sub goes_on {
  my ($session) = @_;
  $fault->plays();
  $session->run('SET neon_s3.endpoint = ' . lit($fault->endpoint('http')) . ';');
  is $session->run("SELECT encode(s3_get_object('k'), 'escape');")->{out}, 'hello', '... and the session goes on';
}

$fault->plays();
$session->run($_) for values %statements;    # whatever is opened once is open now
my ($descriptors, $connections);
sub is_clean {
  my ($session) = @_;
  wait_until(sub { $session->threads == 1 });
  cmp_ok $session->descriptors, '<=', $descriptors, '... and leaves nothing open';
}
goes_on($session);
$descriptors = $session->descriptors + 1;

for my $phase (sort keys %phases) {
  my (undef, undef, @names) = @{ $phases{$phase} };
  subtest $phase => sub {
    for my $name (@names) {
      set_up($session, $phase);
      $session->start($statements{$name});
      arrived($session, $phase);
      my $started = time;
      $db->do("SELECT pg_cancel_backend($session->{pid});");
      refused($session->result, '57014', "$name: cancelled", message => qr/user request/);
      cmp_ok time - $started, '<', 3, '... soon';
      goes_on($session);
    }
    my $name = $names[0];
    set_up($session, $phase);
    my $started = time;
    refused($session->run("SET statement_timeout = '150 ms'; $statements{$name}"), '57014', "$name: statement_timeout",
      message => qr/statement timeout/);
    cmp_ok time - $started, '<', 3, '... soon';
    $session->run('RESET statement_timeout;');
    is_clean($session);
    goes_on($session);

    my $other = $db->session($fault->settings('http', %patient));
    set_up($other, $phase);
    $other->start($statements{$name});
    arrived($other, $phase);
    $started = time;
    $db->do("SELECT pg_terminate_backend($other->{pid});");
    my $result = $other->result;
    is $result->{state}, 'lost', "$name: terminated";
    like $result->{notices}, qr/57P01/, '... and told so';
    cmp_ok time - $started, '<', 3, '... soon';
    wait_until(sub { !-d "/proc/$other->{pid}" });
  };
}

subtest 'in a block that catches it' => sub {
  set_up($session, 'waiting');
  my $result = $session->run("SET statement_timeout = '150 ms'; DO \$\$ BEGIN PERFORM s3_get_object('k'); EXCEPTION WHEN query_canceled THEN RAISE NOTICE 'caught'; END \$\$;");
  like $result->{notices}, qr/caught/, 'a timeout';
  $session->run('RESET statement_timeout;');
  goes_on($session);
};

subtest 'again and again' => sub {
  for my $phase ('connecting', 'the TLS handshake', 'sending', 'waiting', 'the body', 'a pause before a retry') {
    my $name = $phases{$phase}[2];
    set_up($session, $phase);
    $session->run('SET statement_timeout = \'10 ms\';');
    my @states = map { $session->run($statements{$name})->{state} } 1 .. 15;
    is_deeply [ grep { $_ ne '57014' } @states ], [], "$phase: each time";
    $session->run('RESET statement_timeout;');
    is_clean($session);
  }
  goes_on($session);
  wait_until(sub { $fault->connections <= 40 });
};

# ---------------------------------------------------------------- a server of the test's own: DNS, and its end

my $own = own_server(preload => 1);
$own->do('CREATE EXTENSION neon_s3;');

SKIP: {
  skip 'only root can have a name server of its own', 2 if !NeonS3Test::can_replace_files();
  skip 'UDP port 53 is taken', 2 if !$fault->{ports}{dns};
  $own->restart_with_files({ '/etc/resolv.conf' => "nameserver $fault->{ports}{dns}\noptions timeout:30 attempts:3\n",
    '/etc/hosts' => "127.0.0.1 localhost\n",
    '/etc/nsswitch.conf' => "hosts: files dns\n" });
  my @settings = $fault->settings('http', %patient, endpoint => 'https://s3.example.com');
  subtest 'a name server that never answers' => sub {
    my $session = $own->session(@settings);
    for my $way (qw(cancel statement_timeout)) {
      for my $name (qw(get heads)) {
        my $started;
        if ($way eq 'cancel') {
          $session->start($statements{$name});
          wait_until(sub { $own->value("SELECT state FROM pg_stat_activity WHERE pid = $session->{pid};") eq 'active' });
          sleep 0.2;
          $started = time;
          $own->do("SELECT pg_cancel_backend($session->{pid});");
        } else {
          $started = time;
          $session->start("SET statement_timeout = '150 ms'; $statements{$name}");
        }
        refused($session->result, '57014', "$name: $way");
        cmp_ok time - $started, '<', 3, '... soon';
        $session->run('RESET statement_timeout;');
      }
    }
    my $started = time;
    refused($session->run("SET neon_s3.request_timeout = '500ms'; SELECT s3_get_object('k');"), $_, 'request_timeout: ' . $_) for '08001';
    refused($session->run("SET neon_s3.request_timeout = '60s'; SET neon_s3.connect_timeout = '200ms'; SET neon_s3.max_attempts = 1; SELECT s3_get_object('k');"), '08001', 'connect_timeout');
    cmp_ok time - $started, '<', 10, '... soon';
    $fault->plays();
    $session->run($_) for $fault->settings;
    is $session->run("SELECT encode(s3_get_object('k'), 'escape');")->{out}, 'hello', 'the session goes on';
  };
  subtest '... and pg_terminate_backend' => sub {
    my $session = $own->session(@settings);
    $session->start($statements{get});
    wait_until(sub { $own->value("SELECT state FROM pg_stat_activity WHERE pid = $session->{pid};") eq 'active' });
    sleep 0.2;
    my $started = time;
    $own->do("SELECT pg_terminate_backend($session->{pid});");
    is $session->result->{state}, 'lost', 'ends the session';
    wait_until(sub { !-d "/proc/$session->{pid}" });
    cmp_ok time - $started, '<', 3, '... soon';
  };
}

# A new connection, TLS and the request take three round trips of 200 ms.
sub cancelled_upload {
  my ($is_under_way, @settings) = @_;
  my $session = $db->session(@settings);
  $session->start($statements{put_large});
  wait_until(sub { $is_under_way->($session) });
  my $started = time;
  $db->do("SELECT pg_cancel_backend($session->{pid});");
  refused($session->result, '57014', 'cancelled');
  cmp_ok time - $started, '<', 3, '... soon';
}

SKIP: {
  my $certificate = FaultServer->certificate($own->{dir}, 'far', 'IP:127.0.0.1') or skip 'no openssl', 1;
  subtest 'an upload to a server that is far away, over TLS' => sub {
    my $far = FaultServer->new(tls => $certificate);
    my $sent = sub { my ($pattern) = @_; scalar grep { "$_->{method} $_->{target}" =~ $pattern } $far->requests };
    $far->plays('huge:0:hang');
    cancelled_upload(sub { $sent->(qr/partNumber=/) },
      $far->settings('https', %patient, endpoint => 'https://127.0.0.1:' . far_away($far->{ports}{https}, 200), ca_file => $certificate->[0]));
    is $sent->(qr/\ADELETE .*uploadId=upload\z/), 1, '... and the upload is ended';
  };
}

subtest 'an upload to S3, far away' => sub {
  my $bucket = new_bucket();
  my ($port) = $ENV{S3_ENDPOINT} =~ /:(\d+)/;
  my $uploads = sub { $db->value(s3_settings($bucket), 'SELECT count(*) FROM s3_list_multipart_uploads();') };
  # Until its id has come back, nobody can end it.
  my $sends = sub { my ($session) = @_; $db->value("SELECT count(*) FROM s3_progress WHERE pid = $session->{pid} AND bytes_done > 0;") };
  cancelled_upload($sends, s3_settings($bucket, %patient, endpoint => 'http://127.0.0.1:' . far_away($port, 200)));
  is $uploads->(), 0, '... and nothing of it is left';
};

subtest 'fast shutdown, and the death of the postmaster' => sub {
  for my $signal (qw(INT KILL)) {
    my $session = $own->session($fault->settings('http', %patient));
    $fault->plays('hang');
    $session->start($statements{get});
    wait_until(sub { $fault->requests });
    my ($postmaster) = NeonS3Test::slurp("$own->{env}{PGDATA}/postmaster.pid") =~ /^(\d+)/;
    kill $signal, $postmaster;
    is $session->result->{state}, 'lost', "SIG$signal: the session ends";
    wait_until(sub { !-d "/proc/$session->{pid}" });
    pass '... and its process';
    wait_until(sub { !-d "/proc/$postmaster" || !-s "/proc/$postmaster/cmdline" });
    $own->control('start') if $signal eq 'INT';
  }
  $own->control('start');    # stopped as usual at the end
};

done_testing;

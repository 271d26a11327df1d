# A session that gets no more memory says so, with 53200, and goes on.
use v5.32;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use FaultServer;
use NeonS3Test qw(:DEFAULT run_program);
use Test::More;

plan skip_all => 'no prlimit (util-linux)' if (run_program([qw(prlimit --version)]))[0];

my $server = NeonS3Test->server;
my $db = $server->new_database;
my $hundred = "repeat('0123456789', 10000000)";
$db->do('CREATE EXTENSION neon_s3;',
  "CREATE TABLE large AS SELECT convert_to($hundred, 'UTF8') AS body, jsonb_build_array(jsonb_build_object('a', $hundred)) AS conditions;");
my $fault = FaultServer->new;
my @settings = $fault->settings('http', request_timeout => '60s', max_response_size => '1GB', max_attempts => 1);

# Lets a backend have so many bytes more than it has now; undef: as many as it likes.
sub leave {
  my ($session, $room) = @_;
  my ($kib) = NeonS3Test::slurp("/proc/$session->{pid}/status") =~ /^VmSize:\s+(\d+) kB/m;
  my $limit = defined $room ? $kib * 1024 + $room : 'unlimited';
  return eval { $server->as_server_user([ 'prlimit', "--pid=$session->{pid}", "--as=$limit:" ]); '' } // $@;
}

my $session = $db->session(@settings);
my $refusal = leave($session, undef);
plan skip_all => "no limit for a backend: $refusal" if $refusal;

# ---------------------------------------------------------------- what is large

my @large = (
  [ 'ok', "SELECT length(s3_get_object('size-100000000'));" ],
  [ 'giant_chunked:100', "SELECT length(s3_get_object('k'));" ],
  [ 'giant:15', 'SELECT count(*) FROM s3_list_objects();' ],
  [ 'giant_chunked:15', 'SELECT count(*) FROM s3_list_objects();' ],
  [ 'ok', "SELECT count(*) FROM s3_get_objects(ARRAY['size-100000000', 'k']);" ],
  [ 'ok', "SELECT etag FROM large, s3_put_object('k', body);" ],
  [ 'ok', "SELECT p.url FROM large, s3_presign_post('k', conditions => conditions) p;" ],
);

for my $call (@large) {
  my ($play, $statement) = @$call;
  subtest "$play: $statement" => sub {
    $fault->plays('ok');
    $session->run("SELECT s3_get_object('k');");    # what is made once is there
    $fault->plays($play);
    leave($session, 8 << 20);
    refused($session->run($statement), '53200', 'out of memory', not => qr/CANARY/);
    $fault->plays('ok');
    is $session->run("SELECT encode(s3_get_object('k'), 'escape');")->{out}, 'hello', '... and the session goes on, with little memory';
    leave($session, undef);
    is $session->run("SELECT encode(s3_get_object('k'), 'escape') || (SELECT count(*) FROM s3_list_objects());")->{out}, 'hello3',
      '... and with more';
  };
}

# ---------------------------------------------------------------- what is small

# Nothing that is made at the first call may be left half made.
subtest 'five bytes, as the first request of a session' => sub {
  $fault->plays('ok');
  my %states;
  for my $room (map { $_ * 65536 } 0, 1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 128, 256) {
    my $fresh = $db->session(@settings);
    leave($fresh, $room);
    my $result = $fresh->run("SELECT encode(s3_get_object('k'), 'escape');");
    ++$states{ $result->{state} };
    $result->{state} eq '00000' ? is $result->{out}, 'hello', "$room bytes are enough" : refused($result, '53200', "$room bytes are too little");
    leave($fresh, undef);
    is $fresh->run("SELECT encode(s3_get_object('k'), 'escape');")->{out}, 'hello', '... and the session goes on';
    $fresh->close;
  }
  is_deeply [ sort keys %states ], [qw(00000 53200)], 'both happened';
};

done_testing;

# A server that fails in every way: the contract's SQLSTATE in time, as many tries as it should be, no secret in
# any message, and a session that goes on.
use v5.32;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use FaultServer;
use NeonS3Test;
use Test::More;
use Time::HiRes qw(time);

my $db = NeonS3Test->server->new_database;
$db->do('CREATE EXTENSION neon_s3;');
my $fault = FaultServer->new;
my $session = $db->session($fault->settings);

my $get = "SELECT s3_get_object('k');";
my $put = "SELECT s3_put_object('k', 'hello');";
my $head = "SELECT * FROM s3_head_object('k');";
my $list = 'SELECT * FROM s3_list_objects();';
my $large = "SELECT s3_get_large_object('size-3000000');";
my $copy = "SELECT s3_copy_object('k', 'copy');";
my $complete = "SELECT s3_complete_multipart_upload('k', 'upload', '[{\"part_number\": 1, \"etag\": \"x\"}]');";
my $heads = "SELECT * FROM s3_head_objects('{a,b,c}');";
my $gets = "SELECT * FROM s3_get_objects('{a,b,c}');";
my $puts = "SELECT * FROM s3_put_objects('{a,b,c}', '{1,2,3}');";
my $deletes = "SELECT * FROM s3_delete_objects('{a,b,c}');";
my $put_large = "SELECT s3_put_object('k', convert_to(repeat('0123456789abcdef', 2000000), 'UTF8'));";

my $said = '';

# Whatever is opened once is open now: connections that are kept, files of tables.
$fault->plays();
$session->run($_) for ($get, $put, $head, $list, $large, $copy, $complete, $heads, $deletes, $put_large) x 2;
my $usual = $session->descriptors;

# [ faults, statement, SQLSTATE(s), and: tries (how many, or [at least, at most]), detail, message, hint (patterns),
#   within (seconds), set (settings), port, out ]
sub check {
  my ($faults, $statement, $states, %expect) = @_;
  my $name = "@$faults: " . ($expect{port} ? "$expect{port}: " : '') . substr($statement, 7, 40);
  subtest $name => sub {
    $fault->plays(@$faults);
    my %set = %{ $expect{set} // {} };
    $session->run('SET neon_s3.endpoint = ' . lit($fault->endpoint($expect{port})) . ';') if $expect{port};
    $session->run("SET neon_s3.$_ = " . lit($set{$_}) . ';') for sort keys %set;
    my $started = time;
    my $result = $session->run($statement);
    my $took = time - $started;
    $said .= $result->{notices};
    my ($state) = grep { $result->{state} eq $_ } split / /, $states;
    refused($result, $state // $states, "$result->{state}" . ($result->{message} ? ": $result->{message}" : ''),
      map { $_ => $expect{$_} } grep { exists $expect{$_} } qw(detail message hint));
    is $result->{out}, $expect{out}, 'the result' if exists $expect{out};
    cmp_ok $took, '<', $expect{within} // 6, 'in time';
    my @tries = $fault->requests;
    if (defined(my $tries = $expect{tries})) {
      my ($least, $most) = ref $tries ? @$tries : ($tries, $tries);
      ok @tries >= $least && @tries <= $most, "tries: " . @tries or diag "expected $least to $most";
    }
    is_deeply [ grep { $_->{port} eq 'other' } @tries ], [], 'nobody was sent elsewhere';
    $expect{then}->(@tries) if $expect{then};

    $fault->plays();
    $session->run(join ' ', 'RESET ALL;', $fault->settings) if %set || $expect{port};
    is $session->run("SELECT encode(s3_get_object('k'), 'escape');")->{out}, 'hello', 'the session goes on';
    return if !$session->descriptors;
    # Up to 16 connections are kept, and files of relations, as it happens; what leaks adds up over these checks.
    cmp_ok $session->descriptors, '<=', $usual + 24, 'no descriptor is left open';
    is $session->threads, 1, 'no thread either';
  };
}

# Where a kept connection breaks before an answer, libcurl tries once more on a new one, by itself.
my @three = (tries => [ 3, 4 ]);
my %patient = (set => { request_timeout => '30s' }, within => 20);
my $hello = '\x68656c6c6f';

check([], $get, '00000', tries => 1, out => $hello);

# ---------------------------------------------------------------- nobody there

check([], $get, '08001', port => 'closed', %patient, message => qr/127\.0\.0\.1/);
check([], $get, '08001', port => 'closed', set => { max_attempts => 1 }, within => 2);
check([], $put, '08001', port => 'closed', set => { max_attempts => 1 });
check([], $get, '08001 08006', port => 'black_hole', within => 5);
check([], $get, '08001 08006', port => 'black_hole', set => { request_timeout => '300ms' }, within => 3);
check([], $get, '08006', port => 'mute', within => 5);
check([], $put_large, '08006', port => 'mute', within => 5);
check([], $get, '08001', set => { endpoint => 'http://no-such-host.invalid', allow_http => 'on', max_attempts => 1,
  request_timeout => '20s' }, within => 25, message => qr/no-such-host\.invalid/);

# ---------------------------------------------------------------- no answer, or half of one

check(['hang'], $_, '08006', tries => [ 1, 3 ], within => 5) for $get, $put, $head, $list, $large, $copy;
check(['drip'], $get, '08006', within => 5);
check(['drip'], $list, '08006', within => 5);
check(['drip'], $large, '08006', within => 5);
check(['drip_head'], $get, '08006', within => 5);
check(['hang_body'], $get, '08006', within => 5);
check(['hang_unread'], $put_large, '08006', within => 5);
check(['reset'], $get, '08006', @three, %patient);
check(['close'], $head, '08006', @three, %patient);
check(['reset'], $get, '08006', tries => [ 1, 2 ], set => { max_attempts => 1 });
check(['reset_body'], $get, '08006', tries => 3, %patient);
check(['truncated'], $get, '08006', tries => 3, %patient);
check(['truncated'], $list, '08006', tries => 3, %patient);
check(['reset_sending'], $put_large, '08006', @three, %patient);
check([ 'reset_body', 'ok' ], $get, '00000', tries => 2, out => $hello, %patient);
check([ 'truncated', 'reset', 'ok' ], $get, '00000', tries => 3, out => $hello, %patient);
check([ 'truncated', 'ok' ], $large =~ s/;/ AS lo \\gset\nSELECT md5(lo_get(:lo)) = md5(repeat('0123456789abcdef', 187500));/r, '00000', out => 't', %patient);
check([ 'reset', 'ok' ], $put, '00000', tries => 2, %patient);
check(['stale'], $get, '00000', tries => 1) for 1 .. 2;
check(['nonsense'], $get, '08P01', tries => [ 1, 3 ], %patient);

# ---------------------------------------------------------------- S3 fails, for a while or for ever

check([ 'status:500', 'status:500', 'ok' ], $_, '00000', tries => 3, %patient) for $get, $put;
check([ 'retry_after:503:1', 'retry_after:503:1', 'ok' ], $get, '00000', tries => 3, out => $hello, %patient, then => sub {
  my @times = map { $_->{time} } @_;
  cmp_ok $times[1] - $times[0], '>=', 1, 'Retry-After is heeded';
});
check(['retry_after:503:3600'], $get, '58000 08006', tries => [ 1, 3 ], within => 5);
check(['status:503'], $_, '58000', tries => 3, %patient, detail => qr/SlowDown.*503/) for $get, $put, $list;
check(['status:503'], $copy, '58000', tries => 3, %patient, detail => qr/503/);    # a copy asks for its source first
check(['status:500'], $list, '58000', tries => 3, %patient, detail => qr/InternalError.*500.*FAULT0123456789/);
check(['status:500'], $deletes, '58000', tries => 3, %patient);
check([$_], $deletes, '38000', tries => 1, %patient) for 'status:403:AccessDenied', 'error200:AccessDenied';
check(['status:503'], $get, '58000', tries => 1, set => { max_attempts => 1 });
check(['status:503'], $get, '58000', tries => 5, set => { max_attempts => 5, request_timeout => '60s' }, within => 40);
check(['status:503'], $get, '58000 08006', tries => [ 1, 3 ], within => 5);
check(['status:429'], $get, '38000 58000', tries => 3, %patient, detail => qr/429/);
check(['status:503'], $head, '58000', tries => 3, %patient, detail => qr/503/);
check(['status:501'], $get, '0A000', tries => [ 1, 3 ], %patient, detail => qr/501/);
check([ 'status:500', 'ok' ], $_, '00000', tries => 6, %patient) for $heads, $gets, $puts;
# What concerns one key is told in its row; what concerns all is raised.
check(['status:403:AccessDenied'], $_ =~ s/\*/count(code), min(code), max(code)/r, '00000', tries => 3,
  out => "3\x1fAccessDenied\x1fAccessDenied", %patient) for $gets, $puts;
check([], $_, '08001', port => 'closed', set => { max_attempts => 1 }) for $gets, $puts;
check([ 'error200:InternalError', 'ok' ], $copy, '00000', tries => 3, %patient);
check(['error200:InternalError'], $copy, '58000', tries => 4, %patient, detail => qr/InternalError/);
check(['error200:AccessDenied'], $copy, '38000', tries => 2, detail => qr/AccessDenied/);
check(['error200:InternalError'], $complete, '58000', tries => [ 1, 3 ], %patient, detail => qr/InternalError/);
check(['late_error200:InvalidPart'], $complete, '38000', tries => 1, detail => qr/InvalidPart/);
check(['wrong_xml:empty'], $copy, '08P01', tries => [ 2, 4 ], %patient);

# ---------------------------------------------------------------- S3 refuses

check(["status:400:$_"], $get, '28000', tries => 1, detail => qr/$_/, hint => qr/\w/) for qw(ExpiredToken InvalidToken);
check(["status:403:$_"], $get, '28000', tries => 1, detail => qr/$_.*403/, hint => qr/\w/) for qw(InvalidAccessKeyId SignatureDoesNotMatch);
check(['status:403:RequestTimeTooSkewed'], $put, '38000 28000', tries => [ 1, 2 ], detail => qr/RequestTimeTooSkewed/, hint => qr/clock/);
check(['status:403:AccessDenied'], $_, '38000', tries => 1, detail => qr/AccessDenied.*403.*FAULT0123456789/) for $get, $put, $list;
check(['status:403:AccessDenied'], $copy, '38000', tries => 2, detail => qr/AccessDenied.*403.*FAULT0123456789/);
# The reply to a HEAD has no body: a GET may ask for the reason.
check(['status:403'], $head, '38000', tries => [ 1, 2 ], detail => qr/403/);
check(['status:404:NoSuchBucket'], $list, 'P0002', tries => 1);
check(['status:409:OperationAborted'], $put, '38000', tries => [ 1, 3 ], %patient, detail => qr/OperationAborted.*409/);
check(["status:418:I'm a teapot <b>"], $get, '38000', tries => 1, detail => qr/418/);
check(['empty:403'], $get, '38000', tries => 1, detail => qr/403/);
check(['empty:500'], $get, '58000', tries => 3, %patient, detail => qr/500/);
check(["early:403:AccessDenied:$_"], $put_large, '38000', tries => 1, detail => qr/AccessDenied/, within => 5) for qw(close keep);
check(['early:403:AccessDenied:reset'], $put_large, '38000 08006', tries => [ 1, 3 ], %patient);

# ---------------------------------------------------------------- another region, or another host

my $buckets = 0;    # the region of a bucket is remembered
sub another { return (set => { bucket => 'bucket-' . ++$buckets, request_timeout => '10s' }) }

for my $fault_name ('region:eu-west-1', 'region:eu-west-1:301:body', 'region:eu-west-1:307', 'region:eu-west-1:307:body',
  'region:eu-west-1:400:body') {
  my @regions = (then => sub { is_deeply [ map { $_->{region} } @_ ], [qw(us-east-1 eu-west-1)], 'signed anew for the other region' });
  check([$fault_name], $get, '00000', tries => 2, out => $hello, @regions, another());
  check([$fault_name], $put, '00000', tries => 2, @regions, another());
}
check(['region:eu-west-1'], $head, '00000', tries => 2, another());
check(['region:eu-west-1'], $list, '00000', tries => 2, another());
check(['region:eu-west-1'], $deletes, '00000', tries => 2, another());
check(['regions'], $get, '38000', tries => 2, another(), detail => qr/301/, hint => qr/region/);
check(["redirect:$_"], $get, '38000', tries => 1, detail => qr/$_/) for 301, 302, 307, 308;

# Amazon's hosts, through the server as a proxy: only the plain one is left for another region's.
my %through_proxy = (http_proxy => $fault->endpoint('http'), allow_http => 'on', addressing_style => 'path', max_attempts => 1);
sub at_amazon { my ($host) = @_; return (set => { %through_proxy, endpoint => "http://$host", bucket => 'bucket-' . ++$buckets }) }
for my $host (qw(s3-fips.us-east-1.amazonaws.com s3.dualstack.us-east-1.amazonaws.com s3-fips.dualstack.us-east-1.amazonaws.com
  s3-accelerate.amazonaws.com bucket.vpce-1a2b3c4d-5e6f.s3.us-east-1.vpce.amazonaws.com)) {
  check(["region:eu-west-1:$_"], $get, '38000', tries => 1, at_amazon($host), hint => qr/The bucket is in region "eu-west-1"/,
    then => sub { is $_[0]{host}, $host, "$host is not left" }) for '301', '307:body';
}
check(['region:eu-west-1'], $get, '08001', tries => 2, at_amazon('s3.us-east-1.amazonaws.com'),
  then => sub { is_deeply [ $_[1]{method}, $_[1]{target} ], [ 'CONNECT', 's3.eu-west-1.amazonaws.com:443' ], 'the plain host moves' });
check(['redirect'], $put, '38000', tries => 1);

# ---------------------------------------------------------------- too much, and what nobody understands

check(["$_"], $list, '54000', set => { max_response_size => '1MB', request_timeout => '30s' }, within => 20) for 'giant', 'giant_chunked';
check(['giant_chunked:4000'], $list, '54000', %patient);
check(['giant:200:500'], $get, '58000 54000', %patient);
check(['giant_chunked:200:403'], $get, '38000 54000', %patient);
check(['huge_length'], $get, '54000', %patient);
check(['ok'], "SELECT s3_get_object('size-2000000');", '54000', set => { max_response_size => '1MB' }, tries => 1);
check(['ok'], "SELECT length(s3_get_object('size-1000000'));", '00000', set => { max_response_size => '1MB' }, tries => 1, out => 1000000);
check(['ok'], "SELECT length(s3_get_object('size-2000000', range_start => 5, range_length => 10));", '00000',
  set => { max_response_size => '1MB' }, tries => 1, out => 10);
check(['ok'], "SELECT s3_get_large_object('size-2000000') AS lo \\gset\nSELECT length(lo_get(:lo));", '00000',
  set => { max_response_size => '1MB' }, out => 2000000);
check(['deep'], $list, '08P01 54000', %patient);
check(["wrong_xml:$_"], $list, '08P01', tries => [ 1, 3 ], %patient) for qw(garbage html empty unclosed another utf8 surrogate nul size);
check(['wrong_xml:time'], $list, '00000', tries => 1);
check(['wrong_xml:entity'], $list, '08P01 00000', tries => [ 1, 3 ], %patient, then => sub {
  unlike $session->run("SELECT key FROM s3_list_objects();")->{out}, qr/aaaa/, 'no entity is expanded';
});
check(["wrong_xml:$_"], $copy, '08P01', tries => [ 2, 4 ], %patient) for qw(garbage another);
check(["wrong_xml:$_"], $deletes, '08P01', tries => [ 1, 3 ], %patient) for qw(garbage another);
check(['wrong_header:utf8'], $head, '08P01', tries => [ 1, 3 ], %patient);
check(['wrong_header:type'], $head, '08P01', tries => [ 1, 3 ], %patient);
check(['wrong_header:etag'], $head, '08P01', tries => [ 1, 3 ], %patient);
check(['wrong_header:length'], $get, '08P01 08006', tries => [ 1, 3 ], %patient);
check(['wrong_header:time'], $head, '00000', tries => 1);
check(["wrong_header:$_"], $head, '54000', tries => [ 1, 3 ], %patient) for qw(long many);
check(['endless_header'], $get, '54000', tries => [ 1, 3 ], %patient);

# ---------------------------------------------------------------- connections, and what was said

subtest 'connections are kept' => sub {
  $fault->plays();
  $session->run($_) for ($get, $put, $head, $list) x 5;
  my %connections = map { $_->{connection} => 1 } $fault->requests;
  is keys %connections, 1, '20 requests, one connection';
  $fault->plays();
  $session->run("SELECT count(*) FROM s3_head_objects((SELECT array_agg('k' || n) FROM generate_series(1, 500) n));");
  %connections = map { $_->{connection} => 1 } $fault->requests;
  cmp_ok keys(%connections), '>', 1, '500 requests at once: more connections';
  cmp_ok keys(%connections), '<=', 64, '... but not too many';
  cmp_ok $session->descriptors, '<=', $usual + 64, '... nor descriptors' if $session->descriptors;
};

subtest 'what was sent' => sub {
  $fault->plays();
  $session->run($put_large);
  my ($sent) = $fault->requests;
  is $sent->{received}, 32000000, 'the whole body';
  is $sent->{headers}{'content-length'}, 32000000, '... of a known length';
  is $sent->{service}, 's3', 'signed for S3';
  like $sent->{headers}{authorization}, qr/^AWS4-HMAC-SHA256 Credential=AKIAFAULT\/.*SignedHeaders=[^,]*host[^,]*x-amz-date/,
    '... with a header';
  is $sent->{headers}{'x-amz-security-token'}, 'tokenCANARYtoken', '... with the token';
  unlike $sent->{target}, qr/CANARY|Signature/, '... not in the URL';
};

unlike $said, qr/CANARY|X-Amz-Signature|Signature=[0-9a-f]|AWS4-HMAC/, 'no secret was told';
my @bad = grep { !/\AERROR:  \w{5}: (S3 |[^A-Z]).*[^.]\z/ } $said =~ /^(ERROR:.*)$/mg;
is_deeply \@bad, [], "messages are in lower case, without a full stop";
unlike $said, qr/XX000/, 'no internal error';

done_testing;

# Where the server may connect to: https unless allow_http says so, allowed_hosts, no metadata addresses, no
# proxies from the environment, certificates that are verified.
use v5.32;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use FaultServer;
use IO::Select;
use IO::Socket::INET;
use NeonS3Test;
use Test::More;

my $own = own_server(preload => 1);
$own->do('CREATE EXTENSION neon_s3;');

# ---------------------------------------------------------------- certificates

my $certificate = FaultServer->certificate($own->{dir}, 'right', 'IP:127.0.0.1,DNS:localhost,DNS:*.s3.localhost');
my $fault = FaultServer->new(tls => $certificate);
my $other = FaultServer->new(tls => FaultServer->certificate($own->{dir}, 'wrong', 'DNS:other.example'));

my $get = "SELECT encode(s3_get_object('k'), 'escape');";
my @usual = ($fault->settings('http', max_attempts => 1, connect_timeout => '2s', request_timeout => '4s'));

# The call's result with these settings.
sub call { my (%settings) = @_; my @results = $own->try(@usual,
  (map { "SET neon_s3.$_ = " . lit($settings{$_}) . ';' } sort keys %settings), $get); return $results[-1] }
sub works { my ($result, $name) = @_; local $Test::Builder::Level = 2; is $result->{out}, 'hello', $name or diag $result->{notices} }

# Where the bucket is in the host's name, the fault server takes the key for a bucket, and has nothing to say.
sub answers { my ($result, $name) = @_; local $Test::Builder::Level = 2; is $result->{state}, '00000', $name or diag $result->{notices} }

# ---------------------------------------------------------------- http

subtest 'http' => sub {
  works(call(), 'to loopback');
  works(call(endpoint => "http://localhost:$fault->{ports}{http}"), 'by name, too');
  answers(call(endpoint => "http://s3.localhost:$fault->{ports}{http}", addressing_style => $_), "... $_") for qw(path virtual);
  refused(call(endpoint => $_), '42501', "$_: refused", message => qr/is not permitted/, hint => qr/allow_http/)
    for 'http://s3.example.com', 'http://192.0.2.1:9000', 'http://[2001:db8::1]',
    'http://localhost.example.com', 'http://127.0.0.1.example.com', 'http://10.0.0.1';
  is $own->value('SHOW neon_s3.allow_http;'), 'off', 'allow_http is off';
};

# An address of this machine that is not loopback.
my $probe = IO::Socket::INET->new(Proto => 'udp', PeerAddr => '198.51.100.1', PeerPort => 9);
my $address = $probe && $probe->sockhost;
SKIP: {
  skip 'this machine has no address but loopback', 1 if !$address || $address =~ /^(127|169\.254)\./;
  my $listener = IO::Socket::INET->new(Listen => 5, LocalAddr => $address, Proto => 'tcp');
  skip "nobody can listen at $address", 1 if !$listener;
  subtest 'http beyond loopback' => sub {
    my $endpoint = "http://$address:" . $listener->sockport;
    refused(call(endpoint => $endpoint), '42501', 'refused', message => qr/\Q$address\E/);
    ok !IO::Select->new($listener)->can_read(0), '... without a connection';
    refused(call(endpoint => $endpoint, allow_http => 'on', request_timeout => '300ms'), '08006', 'allow_http: connects');
    ok +IO::Select->new($listener)->can_read(0), '... to where it should';
  };
}

# ---------------------------------------------------------------- allowed_hosts

subtest 'allowed_hosts' => sub {
  my $port = $fault->{ports}{http};
  works(call(allowed_hosts => $_), "$_: 127.0.0.1 is allowed") for '127.0.0.1', 'example.com, 127.0.0.1', '127.0.0.1 , *.example.com';
  refused(call(allowed_hosts => $_), '42501', "$_: 127.0.0.1 is not", message => qr/127\.0\.0\.1/, hint => qr/allowed_hosts/)
    for 'example.com', '*.0.0.1', '127.0.0.10', '27.0.0.1', 'localhost', '*.example.com, localhost';
  my %virtual = (endpoint => "http://s3.localhost:$port", addressing_style => 'virtual');
  answers(call(%virtual, allowed_hosts => $_), "$_: bucket.s3.localhost is allowed") for '*.s3.localhost', '*.localhost',
    's3.localhost', 'bucket.s3.localhost', 'BUCKET.S3.Localhost';
  refused(call(%virtual, allowed_hosts => $_), '42501', "$_: bucket.s3.localhost is not") for 'localhost', '*.3.localhost',
    '*.bucket.s3.localhost';
  refused(call(endpoint => 'https://s3.example.com', allowed_hosts => '*.example.org'), '42501', 'https, too');
  is call(allowed_hosts => '*.example.com', endpoint => 'https://example.com')->{state}, '42501', '*.example.com is not example.com';
  my @results = $own->try(@usual, "SET neon_s3.allowed_hosts = 'example.com';", "SELECT s3_presign_get('k') LIKE 'http://127.0.0.1:%';");
  is $results[-1]{out}, 't', 'URLs are for others, who go where they like';
};

# ---------------------------------------------------------------- metadata

subtest 'link-local and metadata addresses' => sub {
  for my $host ('169.254.169.254', '169.254.0.1', '100.100.100.200', '[fe80::1]', '[fd00:ec2::254]',
    '[::ffff:169.254.169.254]', '2852039166', '0xa9fea9fe', '169.16689662') {
    my ($result) = call(endpoint => "http://$host", allow_http => 'on', request_timeout => '1s', connect_timeout => '1s');
    ok $result->{state} =~ /\A(42501|22023)\z/, "$host: refused" or diag explain $result;
    ($result) = call(endpoint => "https://$host", request_timeout => '1s', connect_timeout => '1s', allowed_hosts => '');
    ok $result->{state} =~ /\A(42501|22023)\z/, '... over https, too' or diag explain $result;
  }
};

# ---------------------------------------------------------------- TLS

SKIP: {
  skip 'no openssl', 1 if !$certificate;
  subtest 'TLS' => sub {
    refused(call(endpoint => $fault->endpoint('https')), '08001', 'a certificate of nobody', detail => qr/certificate|TLS|SSL/i);
    works(call(endpoint => $fault->endpoint('https'), ca_file => $certificate->[0]), 'ca_file');
    works(call(endpoint => "https://localhost:$fault->{ports}{https}", ca_file => $certificate->[0]), '... by name');
    answers(call(endpoint => "https://s3.localhost:$fault->{ports}{https}", addressing_style => 'virtual',
      ca_file => $certificate->[0]), '... by the name with the bucket');
    refused(call(endpoint => $other->endpoint('https'), ca_file => "$own->{dir}/wrong.crt"), '08001', 'a certificate for another name');
    refused(call(endpoint => $fault->endpoint('https'), ca_file => "$own->{dir}/wrong.crt"), '08001', "another's certificate");
    my @results = $own->try(@usual, 'SET neon_s3.endpoint = ' . lit($fault->endpoint('https')) . ';',
      'SET neon_s3.ca_file = ' . lit($certificate->[0]) . ';', $get, 'RESET neon_s3.ca_file;', $get);
    is $results[-3]{out}, 'hello', 'ca_file set';
    refused($results[-1], '08001', '... and reset: the connection of before does not count');
    for my $file ("$own->{dir}/none", $certificate->[1], '/dev/null', $own->{dir}) {
      my $result = call(endpoint => $fault->endpoint('https'), ca_file => $file);
      ok $result->{state} !~ /\A(00000|XX|lost)/, "ca_file $file: $result->{state}" or diag explain $result;
    }
    refused(call(endpoint => "https://127.0.0.1:$fault->{ports}{http}"), '08001', 'https to where there is http');
    my $plain = call(endpoint => "http://127.0.0.1:$fault->{ports}{https}");
    like $plain->{state}, qr/\A08(006|P01)\z/, 'http to where there is https' or diag explain $plain;
  };
}

SKIP: {
  skip 'no openssl', 1 if !$certificate;
  subtest 'AWS_CA_BUNDLE' => sub {
    $own->restart_with(AWS_CA_BUNDLE => $certificate->[0]);
    my @tls = (endpoint => $fault->endpoint('https'));
    works(call(@tls), 'its certificates count');
    refused(call(@tls, ca_file => "$own->{dir}/wrong.crt"), '08001', 'not where neon_s3.ca_file is set');
    refused(call(@tls, credential_providers => 'static'), '08001', '... or the environment is not listed');
  };
}

# ---------------------------------------------------------------- who may set them

subtest 'who may set them' => sub {
  my $role = 'caller';
  $own->do('CREATE ROLE caller;');
  my $as = "SET SESSION AUTHORIZATION $role;";
  refused(scalar $own->try("$as SET neon_s3.$_;"), '42501', $_) for 'allow_http = on', "allowed_hosts = ''",
    "ca_file = '/dev/null'", "max_response_size = '1GB'";
  refused(scalar $own->try("SET neon_s3.$_;"), '22023', $_) for "connect_timeout = '-1s'", 'request_timeout = -1',
    'max_attempts = 0', 'max_attempts = 1000000', 'max_response_size = -1',
    "allowed_hosts = 'http://x/'", "allowed_hosts = '*'", "allowed_hosts = 'a.*.b'";
  is $own->value("SET neon_s3.request_timeout = '2s'; SET neon_s3.connect_timeout = '1min'; SET neon_s3.max_response_size = '64MB'; SHOW neon_s3.request_timeout;"), '2s', 'units';
};

# ---------------------------------------------------------------- the environment, and names that lie

my %proxies = map { $_ => 'http://127.0.0.1:1' } qw(http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY);
subtest 'proxies' => sub {
  $own->restart_with(%proxies, no_proxy => '');
  works(call(), 'are not asked');
  $fault->plays();
  call();
  is scalar($fault->requests), 1, '... but the server itself';
};

SKIP: {
  skip 'only root can have other names', 1 if !NeonS3Test::can_replace_files();
  subtest 'names' => sub {
    $own->restart_with_files({ '/etc/hosts' => "127.0.0.1 localhost loopback.example\n169.254.169.254 metadata.example\n::ffff:169.254.169.254 mapped.example\n192.0.2.1 far.example\n127.0.0.1 far.example\n",
      '/etc/nsswitch.conf' => "hosts: files\n" });
    works(call(endpoint => "http://loopback.example:$fault->{ports}{http}"), 'a name of loopback: the address counts');
    refused(call(endpoint => 'http://none.example'), '42501', '... a name of nothing is none');
    for my $name (qw(metadata.example mapped.example)) {
      refused(call(endpoint => "http://$name", allow_http => 'on'), '42501', "$name: a name of a metadata address",
        message => qr/\Q$name\E|169\.254/);
      refused(call(endpoint => "https://$name"), '42501', '... over https, too');
    }
    refused(call(endpoint => 'https://none.example'), '08001', 'no such name', message => qr/none\.example/);
  };
}

done_testing;

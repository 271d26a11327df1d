# neon_s3.http_proxy: requests go through it, and through none that the environment names.
use v5.32;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use FaultServer;
use IO::Select;
use IPC::Open2 qw(open2);
use NeonS3Test;
use Test::More;

my $own = own_server(preload => 1);
$own->do('CREATE EXTENSION neon_s3;');

my $certificate = FaultServer->certificate($own->{dir}, 's3', 'IP:127.0.0.1,DNS:s3.example');
my $fault = FaultServer->new(tls => $certificate);

# ---------------------------------------------------------------- proxies

sub start_proxy {
  my (@arguments) = @_;
  my $pid = open2(my $out, my $in, '/usr/bin/python3', repo_dir() . '/test/http_proxy.py', @arguments);
  NeonS3Test->on_end(sub { close $in; waitpid $pid, 0 });
  chomp(my $port = readline($out) // die "http_proxy.py does not start\n");
  return { port => $port, out => $out, in => $in, selected => IO::Select->new($out) };
}

# What came since it was asked last. Each line comes in one piece, and sysread leaves none in a buffer.
sub seen {
  my ($proxy) = @_;
  my $text = '';
  while ($proxy->{selected}->can_read(0.2)) { sysread $proxy->{out}, $text, 1 << 16, length $text or last }
  return map { from_json($_) } split /\n/, $text;
}

my $open = start_proxy();
my $guarded = start_proxy('user:pa ss@CANARY');
my $url = "http://127.0.0.1:$open->{port}";
my $right = "http://user:pa%20ss%40CANARY\@127.0.0.1:$guarded->{port}";
my $wrong = "http://user:otherCANARY\@127.0.0.1:$guarded->{port}";

my $get = "SELECT encode(s3_get_object('k'), 'escape');";
my @usual = ($fault->settings('http', max_attempts => 1, connect_timeout => '5s', request_timeout => '10s'));
sub set { my (%settings) = @_; return map { "SET neon_s3.$_ = " . lit($settings{$_}) . ';' } sort keys %settings }
sub call { my (%settings) = @_; my @results = $own->try(@usual, set(%settings), $get); return $results[-1] }
sub works { my ($result, $name) = @_; local $Test::Builder::Level = 2; is $result->{out}, 'hello', $name or diag $result->{notices} }
my @far = (endpoint => "http://s3.example:$fault->{ports}{http}", allow_http => 'on');
my @tls = (endpoint => "https://s3.example:" . ($fault->{ports}{https} // 0), ca_file => $certificate ? $certificate->[0] : '');

# ---------------------------------------------------------------- the ways through

subtest 'http' => sub {
  works(call(http_proxy => $url), 'plain requests');
  my ($request) = seen($open);
  is $request->{target}, $fault->endpoint('http') . '/bucket/k', '... with the whole URL';
  is $request->{authorization}, undef, '... and no password';
  works(call(http_proxy => "$url/", @far), 'a name that only the proxy knows');
  is((seen($open))[0]{host}, "s3.example:$fault->{ports}{http}", '... as it was signed');
  works(call(http_proxy => $right), 'with user and password');
  ok((seen($guarded))[0]{authorization}, '... that were sent');
  my @put = $own->try(@usual, set(http_proxy => $url), "SELECT etag IS NOT NULL FROM s3_put_object('up', convert_to(repeat('x', 300000), 'UTF8'));",
    "SELECT length(s3_get_object('size-300000'));");
  is_deeply [ map { $_->{out} } @put[ -2, -1 ] ], [ 't', '300000' ], 'bodies, both ways' or diag explain [ @put[ -2, -1 ] ];
  seen($open);
};

SKIP: {
  skip 'no openssl', 1 if !$certificate;
  subtest 'https' => sub {
    works(call(http_proxy => $url, @tls), 'through a tunnel');
    my ($request) = seen($open);
    is_deeply [ @$request{qw(method target)} ], [ 'CONNECT', "s3.example:$fault->{ports}{https}" ], '... to the host by name';
    works(call(http_proxy => $right, @tls), 'with user and password');
    refused(call(http_proxy => $url, @tls, ca_file => ''), '08001', 'the certificate counts', message => qr/s3\.example.* through proxy "127\.0\.0\.1:\d+"/,
      detail => qr/certificate|SSL/i);
    refused(call(http_proxy => $wrong, @tls), '28000', 'another password', message => qr/proxy "127\.0\.0\.1:\d+" refuses/,
      detail => qr/407/, hint => qr/http_proxy/, not => qr/CANARY/);
    refused(call(http_proxy => $url, @tls, endpoint => 'https://forbidden.example:443', max_attempts => 3), '08001', 'a host that the proxy forbids',
      detail => qr/proxy answers with HTTP status 403/, hint => qr/proxy/);
    is scalar(grep { $_->{target} =~ /forbidden/ } seen($open)), 1, '... is asked for once';
    refused(call(http_proxy => $url, @tls, endpoint => 'https://broken.example:443', max_attempts => 2), '08001', 'one that it cannot reach',
      detail => qr/HTTP status 502.*2 attempts/s);
    seen($_) for $open, $guarded;
    my @results = $own->try(@usual, set(@tls, http_proxy => $url), $get, $get, set(http_proxy => $right), $get, set(http_proxy => $wrong), $get,
      set(http_proxy => '', endpoint => $fault->endpoint('https')), $get);
    is_deeply [ map { $_->{state} } @results ], [ ('00000') x (@results - 4), '28000', '00000', '00000', '00000' ], 'one proxy after the other'
      or diag explain [ map { "$_->{sql}: $_->{state}" } @results ];
    is scalar(seen($open)), 1, 'a tunnel is kept';
    is scalar(seen($guarded)), 2, '... for the proxy that made it, and its user';
  };
}

# ---------------------------------------------------------------- what goes wrong

subtest 'failures' => sub {
  refused(call(http_proxy => $wrong), '28000', 'another password', message => qr/refuses user and password/, not => qr/CANARY/);
  refused(call(http_proxy => "http://127.0.0.1:$guarded->{port}"), '28000', 'none at all');
  refused(call(http_proxy => "http://user:CANARY\@127.0.0.1:$fault->{ports}{closed}", max_attempts => 2), '08001', 'nobody listens',
    message => qr/through proxy "127\.0\.0\.1:$fault->{ports}{closed}"/, detail => qr/2 attempts/, not => qr/CANARY/);
  refused(call(http_proxy => 'http://nowhere.invalid:3128'), '08001', 'no such proxy', message => qr/through proxy "nowhere\.invalid:3128"/);
  refused(call(http_proxy => "http://127.0.0.1:$fault->{ports}{mute}", request_timeout => '500ms'), '08006', 'one that says nothing', message => qr/timed out/);
  my @results = $own->try(@usual, set(http_proxy => "http://user:CANARY\@127.0.0.1:$fault->{ports}{mute}", request_timeout => '60s'),
    "SET statement_timeout = '300ms';", $get);
  refused($results[-1], '57014', '... can be cancelled');
};

subtest 'where requests may go' => sub {
  works(call(http_proxy => $url, @far, allowed_hosts => 's3.example'), 'allowed_hosts judges the name');
  refused(call(http_proxy => $url, @far, allowed_hosts => '127.0.0.1'), '42501', '... not the proxy', hint => qr/allowed_hosts/);
  refused(call(http_proxy => $url, @far, allow_http => 'off'), '42501', 'no plain http beyond this machine', hint => qr/allow_http/);
  seen($open);
  refused(call(http_proxy => $url, endpoint => $_, allow_http => 'on'), '42501', "$_: refused", message => qr/through proxy/, detail => qr/metadata/)
    for qw(http://169.254.169.254 https://169.254.169.254 http://[fd00:ec2::254] http://[::ffff:169.254.169.254]);
  is scalar(seen($open)), 0, '... without asking the proxy';
  refused(call(http_proxy => 'http://169.254.169.254:80', connect_timeout => '1s'), '42501', 'a proxy there is none', detail => qr/metadata/);
};

# ---------------------------------------------------------------- the setting

subtest 'the setting' => sub {
  is $own->value(set(http_proxy => $right), 'SHOW neon_s3.http_proxy;'), "http://****\@127.0.0.1:$guarded->{port}", 'SHOW hides user and password';
  is $own->value(set(http_proxy => $url), 'SHOW neon_s3.http_proxy;'), $url, '... and nothing else';
  is $own->value(set(http_proxy => $right), "SELECT value || ' ' || source FROM s3_settings() WHERE name = 'http_proxy';"),
    "http://****\@127.0.0.1:$guarded->{port} neon_s3.http_proxy", 's3_settings, too';
  refused(scalar $own->try("SET neon_s3.http_proxy = '$_';"), '22023', "$_: refused", message => qr/invalid URL of an HTTP proxy/, not => qr/CANARY\b(?!')/)
    for 'CANARY', 'https://proxy.example:3128', 'socks5://proxy.example:1080', 'http://proxy.example', 'http://:3128', 'http://user@proxy.example:3128',
    'http://:CANARY@proxy.example:3128', 'http://user:CANARY%@proxy.example:3128', 'http://user:%0aCANARY@proxy.example:3128', 'http://proxy.example:0',
    'http://proxy.example:3128/path', 'http://proxy.example:99999', 'http://a b:3128', 'http://us%3Aer:CANARY@proxy.example:3128';
  refused(scalar $own->try("ALTER ROLE CURRENT_USER SET neon_s3.http_proxy = '$right';"), '22023', 'not for roles', message => qr/cannot be set for a role/);
  $own->do('CREATE ROLE caller;');
  refused(scalar $own->try("SET SESSION AUTHORIZATION caller; SET neon_s3.http_proxy = '$url';"), '42501', 'superusers set it');
};

subtest 'configuration and environment' => sub {
  my %proxies = map { $_ => 'http://127.0.0.1:1' } qw(http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY);
  $own->restart_with(%proxies, no_proxy => '*', NO_PROXY => '*');
  works(call(), 'no proxy of the environment');
  works(call(http_proxy => $url), 'no_proxy counts as little');
  is scalar(seen($open)), 1, '... the proxy is asked';
  $own->append_conf("neon_s3.http_proxy = '$right'");
  $own->reload;
  seen($guarded);
  works(call(), 'postgresql.conf');
  is scalar(seen($guarded)), 1, '... the proxy is asked';
  is $own->value('SHOW neon_s3.http_proxy;'), "http://****\@127.0.0.1:$guarded->{port}", '... and not shown';
  is $own->value("SELECT count(*) FROM pg_settings s WHERE s::text LIKE '%CANARY%';"), '0', '... nor in pg_settings';
  works(call(http_proxy => ''), 'SET takes it away');
  is scalar(seen($guarded)), 0, '... for real';
  $own->append_conf("neon_s3.http_proxy = 'http://user:CANARYwrong'");
  $own->reload;
  refused(call(), '22023', 'a wrong one in postgresql.conf: no request goes around it', message => qr/invalid URL of an HTTP proxy/, not => qr/CANARY/);
  is $own->value('SHOW neon_s3.http_proxy;'), '****', '... and it is not shown';
  unlike $own->log_text =~ s/^.*STATEMENT:.*$//mgr, qr/CANARY(?!%|')/, 'no password is in the log';
};

done_testing;

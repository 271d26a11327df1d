# Credentials from containers, instance metadata and STS: a server that speaks their protocols, faults included.
use v5.32;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use HTTP::Tiny;
use IPC::Open2 qw(open2);
use NeonS3Test;
use POSIX ();
use Test::More;
use Time::HiRes qw(time);

plan skip_all => 'python3-boto3 is not installed' if !has_boto3();

# ---------------------------------------------------------------- the fake AWS

my $canary = "CANARY${$}canary";    # in all secrets
my $fake_pid = open2(my $fake_out, my $fake_in, '/usr/bin/python3', repo_dir() . '/test/fake_aws.py');
NeonS3Test->on_end(sub { close $fake_in; waitpid $fake_pid, 0 });
print $fake_in "$canary\n";
$fake_in->flush;
chomp(my $port = <$fake_out> // die 'fake_aws.py does not start');
my $fake = "http://127.0.0.1:$port";
my $http = HTTP::Tiny->new(proxy => undef, http_proxy => undef, timeout => 20);

sub control {
  my ($command, $body) = @_;
  my $reply = $http->post("$fake/control/$command", { content => $body // '' });
  return $reply->{success} ? from_json($reply->{content}) : die "no $command: $reply->{status} $reply->{content}";
}
sub reset_fake { control(join '/', 'reset', @_) }    # no requests so far, and these faults
sub meanwhile { return "\\! curl -q -sS --noproxy '*' -o /dev/null -X POST " . join '/', "$fake/control/reset", @_ }    # the same, in a session
sub signer { return control('verify', $_[0]{out}) }    # the key that signed a call's URL, if the fake gave it out

# ---------------------------------------------------------------- PostgreSQL

my $server = own_server(preload => 1, conf => <<"CONF");
neon_s3.bucket = 'my-bucket'
neon_s3.access_key_id = 'AKIASTATIC'
neon_s3.secret_access_key = '$canary/secret+AKIASTATIC'
log_min_messages = debug5
log_statement = 'all'
log_error_verbosity = verbose
CONF
my %token_files = map { $_ => "$server->{dir}/$_.token" } qw(container web);
write_tokens('token');
restart_with_environment();

sub write_tokens {
  my ($text) = @_;
  for my $name (keys %token_files) {
    open my $file, '>', $token_files{$name} or die $!;
    print $file "$canary.$name.$text\n";
    close $file;
  }
}

sub restart_with_environment {
  my (%changes) = @_;
  my %environment = (AWS_CONTAINER_CREDENTIALS_FULL_URI => "$fake/v1/credentials", AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE => $token_files{container},
    AWS_EC2_METADATA_SERVICE_ENDPOINT => "$fake/", AWS_WEB_IDENTITY_TOKEN_FILE => $token_files{web},
    AWS_ROLE_ARN => 'arn:aws:iam::123456789012:role/pod', AWS_ENDPOINT_URL_STS => "$fake/sts", %changes);
  $server->restart_with(%environment);
}

my $said = '';    # all that the server told a client, but for results

# One session; the results of its SELECTs.
sub session {
  my @results = $server->try(@_);
  $said .= $_->{notices} for @results;
  return grep { $_->{sql} =~ /^SELECT/ && $_->{sql} !~ /gset/ } @results;
}

# "[PROVIDERS] [at SERVER]": what asks these providers, for that server.
sub call {
  my ($providers, $name) = $_[0] =~ /^(.*?) ?(?:\bat (\w+))?$/;
  return (($providers ? "SET neon_s3.credential_providers = '$providers';" : ()), "SELECT s3_presign_get('k'" . ($name ? ", server => '$name');" : ');'));
}
my ($get, $static) = (call(''), call('at static'));
sub ask { return (session(call(@_)))[-1] }

sub new_server {
  my ($name, %options) = @_;
  return "CREATE SERVER $name FOREIGN DATA WRAPPER neon_s3 OPTIONS (" . join(', ', map { "$_ " . lit($options{$_}) } sort keys %options) . ');';
}
my $arn = 'arn:aws:iam::123456789012:role';
my %reader = (role_arn => "$arn/reader", external_id => 'external id/1', role_session_name => 'psql');
$server->do('CREATE EXTENSION neon_s3;', new_server('static', credential_providers => 'static'),
  new_server('reader', credential_providers => 'assume_role, static', region => 'eu-central-1', %reader),
  new_server('writer', credential_providers => 'assume_role, static', role_arn => "$arn/writer"),
  new_server('chained', credential_providers => 'container, assume_role', role_arn => "$arn/writer"),
  new_server('stranger', credential_providers => 'assume_role, static', %reader, external_id => 'wrong'));

# ---------------------------------------------------------------- what works

subtest 'nothing is asked unless it is listed' => sub {
  my @results = session($get, "SET neon_s3.access_key_id = '';", $get);
  is signer($results[0]), 'AKIASTATIC', 'by default static credentials sign';
  refused($results[1], '28000', 'or none');
  my @as_alice = ('CREATE ROLE alice;', 'GRANT USAGE ON FOREIGN DATA WRAPPER neon_s3 TO alice;', 'SET ROLE alice;');
  my $refused = $server->try(@as_alice, new_server('mine', credential_providers => 'container'));
  refused($refused, '42501', 'whoever may create servers may not list it');
  $server->do('SET ROLE alice;', 'CREATE SERVER hers FOREIGN DATA WRAPPER neon_s3;');
  @results = session(call('container, instance, web_identity at hers'));
  refused($results[0], '28000', '... nor use it');
  is_deeply control('requests'), {}, 'no request';
};

my @working = (
  [ 'container', 'ASIAEKS', { container => 1 } ],
  [ 'instance', 'ASIAINSTANCE', { token => 1, roles => 1, instance => 1 } ],
  [ 'web_identity', 'ASIAWEBPOD', { web => 1 } ],
  [ 'at reader', 'ASIAREADERPSQL', { sts => 1 } ],
  [ 'at writer', 'ASIAWRITERNEON_S3', { sts => 1 } ],
  [ 'at chained', 'ASIAWRITERNEON_S3', { container => 1, sts => 1 } ],
  [ 'static, container', 'AKIASTATIC', {} ],
  [ 'container, static', 'ASIAEKS', { container => 1 } ],
);
for my $case (@working) {
  my ($name, $key, $requests) = @$case;
  subtest "$name signs" => sub {
    reset_fake();
    my @call = call($name);
    my $many = $call[-1] =~ s/SELECT (.*);/SELECT count(DISTINCT $1) FROM generate_series(1, 500) n;/r =~ s/'k'/'k' || n/r;
    my @results = session(@call, $many, 'BEGIN;', $call[-1], 'ROLLBACK;', 'DISCARD ALL;', @call);
    is signer($results[$_]), $key, 'with the key and the token that were given' for 0, 2, 3;
    is $results[1]{out}, 500, 'many calls';
    is_deeply control('requests'), $requests, 'one fetch in a session';
  };
}

subtest 'roles of one session' => sub {
  reset_fake();
  my @results = session(map { call($_) } ('at reader', 'at chained') x 3);
  is_deeply [ map { signer($_) } @results ], [ ('ASIAREADERPSQL', 'ASIAWRITERNEON_S3') x 3 ], 'do not mix';
  is_deeply control('requests'), { sts => 2, container => 1 }, 'one fetch each';
};

# ---------------------------------------------------------------- what fails

my %details = (
  38000 => { 403 => qr/HTTP status 403/, 404 => qr/HTTP status 404/, failed => qr/AssumeRoleUnauthorizedAccess/ },
  28000 => { 500 => qr/failed.*HTTP status 500/, close => qr/lost connection/, drip => qr/timed out/, expired => qr/expired at 20/,
    garbage => qr/malformed reply/, giant => qr/larger than the limit/, nonsense => qr/malformed reply/,
    redirect => qr/malformed reply.*HTTP status 307/, slow => qr/timed out/, truncated => qr/lost connection/ },
);
my @quick = qw(close 404 403 500 truncated garbage nonsense expired giant redirect);
my @failing = (
  [ 'container', 'container', 'container', qw(slow drip), @quick ],
  [ 'instance', 'instance', 'token', qw(slow close 404 403 500 garbage nonsense giant redirect) ],
  [ 'instance', 'instance', 'roles', qw(403 500 garbage redirect) ],
  [ 'instance', 'instance', 'instance', qw(drip failed), @quick ],
  [ 'web_identity', 'web_identity', 'web', 'slow', @quick ],
  [ 'assume_role', 'at reader', 'sts', 'drip', @quick ],
);
for my $case (@failing) {
  my ($provider, $name, $part, @faults) = @$case;
  for my $fault (@faults) {
    subtest "$part: $fault" => sub {
      my ($state) = grep { $details{$_}{$fault} } keys %details;
      my $detail = $details{$state}{$fault};
      $detail = qr/^$provider: .*$detail/ if $state eq '28000';
      $detail = qr/^Code AccessDenied, $detail, RequestId 01234567-/ if $state eq '38000' && $part =~ /sts|web/;
      reset_fake("$part:$fault");
      my @call = call($name);
      my $started = time;
      my @results = session(@call, $call[-1], $static);
      cmp_ok time - $started, '<', 3, 'ends soon';
      refused($results[0], $state, 'is told', detail => $detail);
      refused($results[1], $state, '... again', detail => $detail);
      is signer($results[2]), 'AKIASTATIC', 'the session goes on';
      my $requests = control('requests');
      is $requests->{$part}, 1, 'the second call does not ask again';
      is $requests->{elsewhere}, undef, 'no redirect is followed' if $fault eq 'redirect';
    };
  }
}

subtest 'refusals' => sub {
  reset_fake('roles:404');
  my @results = session(call('instance'), $get);
  refused($results[1], '28000', 'an instance without a role', message => qr/no S3 credentials are found/);
  is_deeply control('requests'), { token => 1, roles => 1 }, '... is asked once';
  is curl('GET', "$fake/latest/meta-data/iam/security-credentials/web-role")->{status}, 401, 'metadata wants its token';

  reset_fake();
  refused(ask('at stranger'), '38000', "a role that is somebody else's", message => qr{\Q$arn/reader\E}, detail => qr/Code AccessDenied, HTTP status 403/);
  refused((session("SET neon_s3.secret_access_key = 'wrong';", call('at reader')))[-1], '38000', 'a wrong signature', detail => qr/SignatureDoesNotMatch/);
  refused((session("SET neon_s3.access_key_id = 'AKIAUNKNOWN';", call('at reader')))[-1], '38000', 'an unknown key', detail => qr/InvalidClientTokenId/);
  write_tokens('wrong');
  refused(ask('container'), '38000', 'a wrong container token', detail => qr/HTTP status 401/);
  refused(ask('web_identity'), '38000', 'a wrong web identity', detail => qr/Code InvalidIdentityToken, HTTP status 400/);
  write_tokens('token');
  is signer(ask('container')), 'ASIAEKS', 'the next token is read';
};

subtest 'a chain' => sub {
  reset_fake('container:close');
  is signer(ask('container, static')), 'AKIASTATIC', 'goes on where nobody answers';
  reset_fake('container:403');
  refused(ask('container, static'), '38000', 'ends where one refuses');
  reset_fake('container:500', 'token:garbage', 'web:close');
  refused(ask('container, instance, web_identity'), '28000', 'says what each one said',
    detail => qr/^container: .*500.*; instance: .*malformed.*; web_identity: .*lost connection/);
};

# ---------------------------------------------------------------- time

my @all = ([ 'container', 'container', 'ASIAEKS' ], [ 'token', 'instance', 'ASIAINSTANCE' ], [ 'web', 'web_identity', 'ASIAWEBPOD' ], [ 'sts', 'at reader', 'ASIAREADERPSQL' ]);

subtest 'URLs end with their credentials' => sub {
  for my $name (map { $_->[1] } @all) {
    reset_fake(map { "$_:expires:600" } qw(container instance web sts));
    my ($long, $short) = session(map { my $time = $_; map { s/'k'/'k', '$time'/r } call($name) } '1 hour', '1 min');
    my ($expires) = $long->{out} =~ /X-Amz-Expires=(\d+)/;
    ok $expires >= 590 && $expires <= 605, "$name: clamped" or diag $long->{out};
    like $long->{notices}, qr/WARNING:.*expires with its credentials, in $expires seconds/, '... with a warning';
    unlike $short->{notices}, qr/WARNING/, 'a shorter one is left alone';
  }
  reset_fake('container:expires:3');
  my @results = session(call('container'), meanwhile('container:500'), '\! sleep 3.1', $get, $static);
  is signer($results[0]), 'ASIAEKS', 'credentials sign until they end';
  refused($results[1], '28000', '... but not after', detail => qr/HTTP status 500/);
  is signer($results[2]), 'AKIASTATIC', 'the session goes on';
};

# For statements that follow each other in a session.
my $start = 'SELECT clock_timestamp() AS started \gset';
my $promptly = "SELECT clock_timestamp() - :'started' < '0.7 s';";

subtest 'statement_timeout' => sub {
  for my $case (@all) {
    my ($part, $name, $key) = @$case;
    reset_fake("$part:slow");
    my @call = call($name);
    my @results = session("SET statement_timeout = '200 ms';", $start, @call, 'SET statement_timeout = 0;', $promptly, meanwhile(), $call[-1]);
    refused($results[0], '57014', "$name: cancelled", message => qr/statement timeout/);
    is $results[1]{out}, 't', 'promptly';
    is signer($results[2]), $key, 'the next call asks again';
  }
};

subtest 'pg_cancel_backend' => sub {
  reset_fake('sts:slow');
  my $seen = "$server->{dir}/activity";
  my $victim = "FROM pg_stat_activity WHERE query LIKE 'SELECT s3\\_presign\\_get%' AND state = 'active'";
  my $wait = "DO \$\$ BEGIN WHILE NOT EXISTS (SELECT $victim) LOOP PERFORM pg_sleep(0.02), pg_stat_clear_snapshot(); END LOOP; PERFORM pg_sleep(0.2); END \$\$;";
  my $canceller = fork // die $!;
  if (!$canceller) {
    $server->psql("SET statement_timeout = '5 s';\n$wait\n\\o $seen\nSELECT * FROM pg_stat_activity;\nSELECT pg_cancel_backend(pid) $victim;");
    POSIX::_exit(0);
  }
  my @results = session($start, call('at reader'), $promptly, meanwhile(), call('at reader'));
  waitpid $canceller, 0;
  refused($results[0], '57014', 'cancelled', message => qr/user request/);
  is $results[1]{out}, 't', 'promptly';
  is signer($results[2]), 'ASIAREADERPSQL', 'the next call asks again';
  my $activity = -e $seen ? NeonS3Test::slurp($seen) : '';
  like $activity, qr/s3_presign_get\('k', server => 'reader'\)/, 'pg_stat_activity shows the call';
  unlike $activity, qr/$canary/, '... and no secret';
};

# ---------------------------------------------------------------- another environment

subtest 'set up otherwise' => sub {
  reset_fake();
  restart_with_environment(AWS_CONTAINER_CREDENTIALS_FULL_URI => "http://localhost:$port/v2/credentials/0f8b5f2e", AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE => '',
    AWS_EC2_METADATA_SERVICE_ENDPOINT => 'http://127.0.0.1:1', AWS_WEB_IDENTITY_TOKEN_FILE => "$server->{dir}/none", AWS_ENDPOINT_URL_STS => 'http://127.0.0.1:1');
  is signer(ask('container')), 'ASIAECS', 'ECS, without a token';
  refused(ask('instance'), '28000', 'nobody listens', detail => qr/^instance: could not connect to "127\.0\.0\.1:1"/);
  is signer(ask('instance, static')), 'AKIASTATIC', '... and the chain goes on';
  refused(ask('at reader'), '28000', 'without its role the key signs nothing', detail => qr/^assume_role: could not connect/);
  refused(ask('web_identity'), 'F0000', 'no token file', message => qr{/none});
  is_deeply control('requests'), { container => 1 }, 'nobody else was asked';
};

subtest 'secrets' => sub {
  my $log = $server->log_text;
  like $log, qr/DEBUG:.*s3_presign_get/s, 'the log has everything';
  my @leaks = grep { /$canary/ } split /\n/, $log;
  is_deeply \@leaks, [], '... but no secret' or diag join "\n", @leaks;
  like $said, qr/ERROR:.*STS refused the role/, 'errors say much';
  unlike $said, qr/$canary/, '... but no secret';
};

done_testing();

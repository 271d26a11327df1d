# s3_doctor: says that all is well where it is, what is not where it isn't, and what would help.
use v5.32;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use FaultServer;
use NeonS3Test;
use Test::More;

my $bucket = new_bucket();
my $db = NeonS3Test->server->new_database;
$db->do('CREATE EXTENSION neon_s3;');
my $fault = FaultServer->new;

# {check_name => row}; dies where it is an error.
sub doctor {
  my ($settings, $arguments) = @_;
  my @rows = map { from_json($_->[0]) } $db->rows(@$settings, 'SELECT to_json(d) FROM s3_doctor(' . ($arguments // '') . ') d;');
  is_deeply [ grep { join(' ', sort keys %$_) ne 'check_name detail hint ok' } @rows ], [], '... rows of check_name, ok, detail, hint';
  is_deeply [ map { $_->{check_name} } grep { defined $_->{ok} && !$_->{ok} && !length($_->{hint} // '') } @rows ], [], '... each failure has a hint';
  unlike json(\@rows), qr/\Q$ENV{S3_SECRET_ACCESS_KEY}\E|CANARY|X-Amz-Signature/, '... no secret';
  return { map { $_->{check_name} => $_ } @rows };
}

# The failed checks, and what they say; where ok is NULL, something was not tried.
sub failed { my ($rows) = @_; return join '; ', map { "$_: " . join ' ', grep { defined } @{ $rows->{$_} }{qw(detail hint)} } grep { defined $rows->{$_}{ok} && !$rows->{$_}{ok} } sort keys %$rows }

subtest 'all is well' => sub {
  $db->do(s3_settings($bucket), q{SELECT s3_put_bucket_cors('[{"AllowedOrigins": ["*"], "AllowedMethods": ["GET", "PUT"], "AllowedHeaders": ["*"]}]');});
  my $rows = doctor([ s3_settings($bucket) ]);
  is failed($rows), '', 'nothing fails';
  for my $topic (qw(credential clock region bucket write read delete cors secret)) {
    ok scalar(grep { /$topic/i || ($rows->{$_}{detail} // '') =~ /$topic/i } keys %$rows), "there is something about: $topic" or diag json($rows);
  }
  like json($rows), qr/static/, 'it says which provider has the credentials';
  is_deeply [ s3_keys($bucket) ], [], 'the probe is gone';
};

subtest 'CORS' => sub {
  $db->do(s3_settings($bucket), 'SELECT s3_delete_bucket_cors();');
  my $rows = doctor([ s3_settings($bucket) ]);
  like failed($rows), qr/\A\w*cors\w*: [^;]*\z/i, 'no rules: that alone is told';
  like failed($rows), qr/s3_put_bucket_cors|s3_setup_bucket/, '... and what helps';
};

subtest 'what is wrong' => sub {
  like failed(doctor([ s3_settings($bucket, secret_access_key => 'wrong') ])), qr/SignatureDoesNotMatch|secret/i, 'a wrong secret';
  like failed(doctor([ s3_settings($bucket, access_key_id => 'AKIANOBODY') ])), qr/InvalidAccessKeyId|access key/i, 'an unknown key';
  like failed(doctor([ s3_settings($bucket, access_key_id => '', secret_access_key => '', credential_providers => 'static') ])), qr/credentials/i, 'no credentials';
  like failed(doctor([ s3_settings('neon-s3-no-such-bucket') ])), qr/bucket/i, 'no such bucket';
  like failed(doctor([ s3_settings('') ])), qr/bucket/i, 'no bucket at all';
  like failed(doctor([ s3_settings($bucket, endpoint => $fault->endpoint('closed'), max_attempts => 1) ])), qr/connect|endpoint/i, 'nobody listens';
  like failed(doctor([ s3_settings($bucket) ], "bucket => 'neon-s3-no-such-bucket'")), qr/no-such-bucket/i, 'an argument';
};

subtest 'a clock that is wrong, another region' => sub {
  $fault->plays('dated:-3600');
  like failed(doctor([ $fault->settings ])), qr/clock/i, 'the clock';
  $fault->plays('dated:3600');
  like failed(doctor([ $fault->settings ])), qr/clock/i, '... either way';
  $fault->plays('region:eu-west-1');
  like failed(doctor([ $fault->settings ])), qr/eu-west-1/, 'the region that it should be';
  $fault->plays('status:403');
  like failed(doctor([ $fault->settings ])), qr/AccessDenied|403/, 'nothing is allowed';
  $fault->plays('hang');
  my $rows = doctor([ $fault->settings('http', request_timeout => '300ms', max_attempts => 1) ]);
  like failed($rows), qr/time/i, 'no answer';
};

done_testing;

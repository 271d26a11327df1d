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
  is_deeply [ map { $_->{check_name} } grep { defined $_->{ok} && !$_->{ok} && !length($_->{hint} // '') } @rows ], [],
    '... each failure has a hint';
  unlike json(\@rows), qr/\Q$ENV{S3_SECRET_ACCESS_KEY}\E|CANARY|X-Amz-Signature/, '... no secret';
  return { map { $_->{check_name} => $_ } @rows };
}

# The failed checks, and what they say; where ok is NULL, something was not tried.
sub failed { my ($rows) = @_; return join '; ', map { "$_: " . join ' ',
  grep { defined } @{ $rows->{$_} }{qw(detail hint)} } grep { defined $rows->{$_}{ok} && !$rows->{$_}{ok} } sort keys %$rows }

subtest 'all is well' => sub {
  $db->do(s3_settings($bucket), q{SELECT s3_put_bucket_cors('[{"AllowedOrigins": ["*"], "AllowedMethods": ["GET", "PUT"], "AllowedHeaders": ["*"]}]');});
  my $rows = doctor([ s3_settings($bucket) ]);
  is failed($rows), '', 'nothing fails';
  for my $topic (qw(credential clock region bucket write read delete cors secret)) {
    ok scalar(grep { /$topic/i || ($rows->{$_}{detail} // '') =~ /$topic/i } keys %$rows), "there is something about: $topic"
      or diag json($rows);
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

# The rule that the guide's page needs, with changes.
sub rule { return lit(json([ { AllowedOrigins => ['*'], AllowedMethods => ['PUT'], AllowedHeaders => ['*'], @_ } ])) }

subtest 'CORS rules that browsers cannot use' => sub {
  my $with = sub { my ($rule) = @_; $db->do(s3_settings($bucket), "SELECT s3_put_bucket_cors($rule);");
    return doctor([ s3_settings($bucket) ]) };
  is failed($with->(rule())), '', 'all headers';
  is failed($with->(rule(AllowedHeaders => ['content-type']))), '', 'the one that is needed';
  my $failed = failed($with->(rule(AllowedHeaders => [])));
  like $failed, qr/\Acors: a preflight for PUT from https:\S+ with a content type is refused/, 'no headers: a browser is refused, too';
  like $failed, qr/"\*" or "content-type" in AllowedHeaders/, '... and what helps';
  $failed = failed($with->(rule(AllowedOrigins => ['https://app.example.com/'])));
  is $failed, 'cors: CORS rule 1 allows "https://app.example.com/", an origin that no browser sends Browsers send "https://app.example.com".', 'an origin that no browser sends';
  like failed($with->(rule(AllowedMethods => ['GET']))), qr/\Acors: no CORS rule allows PUT/, 'downloads only';
  $fault->plays('cors');
  is failed(doctor([ $fault->settings ])),
    'cors: CORS rule 1 has no AllowedOrigins Name the origins whose pages may use the bucket, or "*" for all.', 'no origin';
  $fault->plays('cors:https://app.example.com');
  like failed(doctor([ $fault->settings ])),
    qr/\Acors: a preflight for PUT from https:\S+ with a content type is not answered as a browser wants it/,
    'an answer that allows no headers';
  $fault->plays('status:501');
  is doctor([ $fault->settings ])->{cors}{ok}, undef, 'nothing works';
  $db->do(s3_settings($bucket), 'SELECT s3_delete_bucket_cors();');
};

subtest 'a policy that allows objects only, as docs/security.md has it' => sub {
  $fault->plays('objects_only');
  my $rows = doctor([ $fault->settings ]);
  is failed($rows), '', 'nothing fails';
  is $rows->{$_}{ok}, JSON::PP::true(), "$_ is tried" for qw(connection write read delete);
  is $rows->{bucket}{ok}, undef, 'the bucket ...';
  is $rows->{bucket}{detail}, 'not known: these credentials may not list it', '... is not known';
  is $rows->{cors}{detail}, 'not known: these credentials may not read the CORS rules', '... nor CORS';
};

subtest 'the same against the S3 server, which denies the rest' => sub {
  my $private = new_bucket("$bucket-private");
  my $deny = lit(json({ Version => '2012-10-17', Statement => [ { Effect => 'Deny', Principal => '*',
    Action => [ 's3:ListBucket', 's3:GetBucketCORS' ], Resource => "arn:aws:s3:::$private" } ] }));
  $db->do(s3_settings($private), "SELECT s3_put_bucket_policy($deny);");
  my $rows = doctor([ s3_settings($private) ]);
  $db->do(s3_settings($private), 'SELECT s3_delete_bucket_policy();');
  is failed($rows), '', 'nothing fails';
  is $rows->{$_}{ok}, JSON::PP::true(), "$_ is tried" for qw(connection write read delete);
  is_deeply [ sort grep { !defined $rows->{$_}{ok} } keys %$rows ], [qw(bucket cors region)], '... and what is not known';
  is $rows->{region}{detail}, 'not known: HeadBucket was refused', '... the region, too';
  is_deeply [ s3_keys($private) ], [], 'the probe is gone';
};

# What is in a bucket, hidden or not.
sub versions {
  my ($name) = @_;
  return boto3("r = s3.list_object_versions(Bucket='$name')\nprint(json.dumps([len(r.get('Versions', [])), len(r.get('DeleteMarkers', []))]))");
}

subtest 'versions' => sub {
  plan skip_all => 'python3-boto3 is not installed' if !has_boto3();
  my $versioned = new_bucket("$bucket-versioned");
  for my $status (qw(Enabled Suspended)) {
    boto3("s3.put_bucket_versioning(Bucket='$versioned', VersioningConfiguration={'Status': '$status'})\nprint(1)");
    my $rows = doctor([ s3_settings($versioned) ]);
    like failed($rows), qr/\Acors: [^;]*\z/, "$status: all is well but CORS";
    is_deeply versions($versioned), [ 0, 0 ], '... and nothing is left: no version, no marker';
  }
};

subtest 'object lock' => sub {
  plan skip_all => 'python3-boto3 is not installed' if !has_boto3();
  my $locked = "$bucket-locked";
  boto3(<<"PYTHON");
s3.create_bucket(Bucket='$locked', ObjectLockEnabledForBucket=True)
s3.put_object_lock_configuration(Bucket='$locked', ObjectLockConfiguration={'ObjectLockEnabled': 'Enabled',
    'Rule': {'DefaultRetention': {'Mode': 'GOVERNANCE', 'Days': 1}}})
print(1)
PYTHON
  NeonS3Test->on_end(sub { boto3(<<"PYTHON") });
r = s3.list_object_versions(Bucket='$locked')
for v in r.get('Versions', []) + r.get('DeleteMarkers', []):
    s3.delete_object(Bucket='$locked', Key=v['Key'], VersionId=v['VersionId'], BypassGovernanceRetention=True)
s3.delete_bucket(Bucket='$locked')
print(1)
PYTHON
  my $rows = doctor([ s3_settings($locked) ]);
  like failed($rows), qr/\Acors: [^;]*\z/, 'all is well but CORS';
  like $rows->{delete}{detail}, qr/; its version stays until \d{4}-\d\d-\d\dT[\d:.]+Z, as object lock wants it\z/,
    'the probe stays, and why';
  is_deeply versions($locked), [ 1, 1 ], '... hidden by its marker';
  my ($version) = $db->rows(s3_settings($locked), 'SELECT key, version_id FROM s3_list_object_versions() WHERE NOT is_delete_marker;');
  my @results = $db->try(s3_settings($locked), "SELECT s3_delete_object('$version->[0]', '$version->[1]');");
  refused($results[-1], '38000', 'nobody deletes it', hint => qr/\AObject lock keeps a version until its retention or legal hold ends/);
};

subtest 'a database that has not all characters' => sub {
  my $latin1 = NeonS3Test->server->new_database("neon_s3_t_latin1_$$", encoding => 'LATIN1');
  $latin1->do('CREATE EXTENSION neon_s3;');
  $fault->plays("cors:https://\xe6\x97\xa5\xe6\x9c\xac.example");    # 日本
  is $latin1->value($fault->settings, "SELECT detail FROM s3_doctor() WHERE check_name = 'cors';"),
    'CORS rule 1 allows "https://??.example", an origin that no browser sends', 'it does not fail';
};

subtest 'a read-only transaction' => sub {
  my $rows = doctor([ s3_settings($bucket), 'SET default_transaction_read_only = on;' ]);
  is $rows->{$_}{detail}, 'not tried: the transaction is read-only', $_ for qw(write read delete);
  is $rows->{$_}{ok}, JSON::PP::true(), "$_ is tried" for qw(connection region bucket);
  like failed($rows), qr/\Acors: [^;]*\z/, 'CORS is, too';
};

subtest 'an endpoint that names a region' => sub {
  my @elsewhere = (max_attempts => 1, allowed_hosts => 'nobody.example');
  for (['https://s3.eu-central-1.amazonaws.com', 'eu-central-1'], ['https://s3.us-west-004.backblazeb2.com', 'us-west-004']) {
    my ($endpoint, $region) = @$_;
    my $settings = sub { return [ s3_settings($bucket, endpoint => $endpoint, @elsewhere, @_), 'RESET neon_s3.region;' ] };
    my $row = doctor($settings->())->{region};
    is $row->{detail}, $endpoint =~ s{https://}{}r . " is in $region, requests are signed for us-east-1", $endpoint;
    is $row->{hint}, "Set neon_s3.region, or the server's option region, to $region.", '... and what helps';
    is doctor([ s3_settings($bucket, endpoint => $endpoint, @elsewhere, region => $region) ])->{region}{ok}, undef, '... it does';
    $row = doctor([ s3_settings($bucket, public_endpoint => $endpoint), 'RESET neon_s3.region;' ])->{region};
    is $row->{ok}, JSON::PP::false(), '... as the clients\' endpoint, too';
  }
};

subtest 'what is wrong' => sub {
  like failed(doctor([ s3_settings($bucket, secret_access_key => 'wrong') ])), qr/SignatureDoesNotMatch|secret/i, 'a wrong secret';
  like failed(doctor([ s3_settings($bucket, access_key_id => 'AKIANOBODY') ])), qr/InvalidAccessKeyId|access key/i, 'an unknown key';
  like failed(doctor([ s3_settings($bucket, access_key_id => '', secret_access_key => '',
    credential_providers => 'static') ])), qr/credentials/i, 'no credentials';
  like failed(doctor([ s3_settings('neon-s3-no-such-bucket') ])), qr/bucket/i, 'no such bucket';
  like failed(doctor([ s3_settings('') ])), qr/bucket/i, 'no bucket at all';
  like failed(doctor([ s3_settings($bucket, endpoint => $fault->endpoint('closed'), max_attempts => 1) ])),
    qr/connect|endpoint/i, 'nobody listens';
  like failed(doctor([ s3_settings($bucket) ], "bucket => 'neon-s3-no-such-bucket'")), qr/no-such-bucket/i, 'an argument';
};

subtest 'a clock that is wrong, another region' => sub {
  $fault->plays('dated:-3600');
  like failed(doctor([ $fault->settings ])), qr/clock/i, 'the clock';
  $fault->plays('dated:3600');
  like failed(doctor([ $fault->settings ])), qr/clock/i, '... either way';
  for my $skew (-3600, 3600) {
    $fault->plays("skewed:$skew");
    my $rows = doctor([ $fault->settings ]);
    like failed($rows), qr/^clock: \S+ seconds ahead of the S3 server's; requests are signed with the S3 server's time, URLs are not .*NTP/,
      "a server that refuses it: $skew seconds" or diag explain $rows;
    ok $rows->{write}{ok}, '... and is asked all the same' or diag explain $rows;
  }
  $fault->plays('region:eu-west-1');
  like failed(doctor([ $fault->settings ])), qr/eu-west-1/, 'the region that it should be';
  $fault->plays('status:403');
  like failed(doctor([ $fault->settings ])), qr/AccessDenied|403/, 'nothing is allowed';
  $fault->plays('hang');
  my $rows = doctor([ $fault->settings('http', request_timeout => '300ms', max_attempts => 1) ]);
  like failed($rows), qr/time/i, 'no answer';
};

done_testing;

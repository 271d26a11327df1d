# Buckets from SQL: the guide's set-up steps, and whether they have their effect on clients.
use v5.32;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use NeonS3Test;
use Test::More;

plan skip_all => 'python3-boto3 is not installed' if !has_boto3();

my $db = NeonS3Test->server->new_database;
$db->do('CREATE EXTENSION neon_s3;');
my $bucket = "neon-s3-t-$$-guide";
my $set_up = "neon-s3-t-$$-setup";

# The guide's, as they stand there; but for the bucket's name.
my $guide_cors = <<'JSON';
[
  {
    "AllowedHeaders": ["*"],
    "AllowedMethods": ["GET", "PUT"],
    "AllowedOrigins": ["*"],
    "ExposeHeaders": [],
    "MaxAgeSeconds": 9000
  }
]
JSON
my $guide_policy = <<'JSON' =~ s/my-neon-app-s3-uploads/$bucket/r;
{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "PublicReadGetObject",
      "Effect": "Allow",
      "Principal": "*",
      "Action": "s3:GetObject",
      "Resource": "arn:aws:s3:::my-neon-app-s3-uploads/*"
    }
  ]
}
JSON

NeonS3Test->on_end(sub { boto3(<<"PYTHON") });
for bucket in [b['Name'] for b in s3.list_buckets()['Buckets']]:
    if not bucket.startswith('neon-s3-t-$$-'): continue
    for o in s3.list_objects_v2(Bucket=bucket).get('Contents', []): s3.delete_object(Bucket=bucket, Key=o['Key'])
    s3.delete_bucket(Bucket=bucket)
print(1)
PYTHON

sub sql { my ($expression) = @_; return $db->value(s3_settings($bucket), "SELECT $expression;") }
sub try { my @results = $db->try(s3_settings($bucket), @_); return @results[ -@_ .. -1 ] }
sub json_of { my ($expression) = @_; my $text = sql($expression); return length $text ? from_json($text) : undef }

# A browser's question before it uploads: the origin that may, or the status.
sub preflight {
  my ($origin, $method, $name) = @_;
  my $reply = curl('OPTIONS', "$ENV{S3_ENDPOINT}/" . ($name // $bucket) . '/some/key',
    headers => { Origin => $origin, 'Access-Control-Request-Method' => $method, 'Access-Control-Request-Headers' => 'content-type' });
  return $reply->{status} == 200 ? $reply->{headers}{'access-control-allow-origin'} // 'none' : $reply->{status};
}

sub anonymous { my ($name) = @_; return curl('GET', sql("s3_public_url('public.txt', bucket => '$name')"))->{status} }

# Empty lists say nothing, and a server may leave them out; nor does the order of texts in a list.
sub without_empty {
  my ($value) = @_;
  return [ grep({ !ref } @$value) ? sort @$value : map { without_empty($_) } @$value ] if ref $value eq 'ARRAY';
  return $value if ref $value ne 'HASH';
  return { map { $_ => without_empty($value->{$_}) } grep { ref $value->{$_} ne 'ARRAY' || @{ $value->{$_} } } keys %$value };
}

# ---------------------------------------------------------------- buckets

subtest 'create, exists, list, delete' => sub {
  is sql("s3_bucket_exists('$bucket')"), 'f', 'there is none';
  is((try("SELECT s3_create_bucket('$bucket');"))[0]{state}, '00000', 's3_create_bucket');
  is sql("s3_bucket_exists('$bucket')"), 't', 's3_bucket_exists';
  is boto3("print(json.dumps('$bucket' in [b['Name'] for b in s3.list_buckets()['Buckets']]))"), 1, 'boto3 sees it';
  my @listed = map { from_json($_->[0]) } $db->rows(s3_settings($bucket), 'SELECT to_json(b) FROM s3_list_buckets() b;');
  is scalar(grep { grep { defined && $_ eq $bucket } values %$_ } @listed), 1, 's3_list_buckets';
  refused($_, '22023', $_->{sql}) for try("SELECT s3_create_bucket('a');", "SELECT s3_create_bucket('a/b');",
    "SELECT s3_create_bucket('');", "SELECT s3_delete_bucket('192.168.0.1');");
  sql("s3_put_object('public.txt', 'hello')");
  refused((try("SELECT s3_delete_bucket('$bucket');"))[0], '38000', 'a bucket that is not empty', detail => qr/BucketNotEmpty.*409/);
  refused((try("SELECT s3_delete_bucket('neon-s3-no-such-bucket');"))[0], 'P0002', 'no such bucket');
  sql("s3_create_bucket('$bucket-2')");
  is((try("SELECT s3_delete_bucket('$bucket-2');"))[0]{state}, '00000', 's3_delete_bucket');
  is sql("s3_bucket_exists('$bucket-2')"), 'f', '... and it is gone';
};

# ---------------------------------------------------------------- CORS

subtest "the guide's CORS rules" => sub {
  is sql('s3_get_bucket_cors() IS NULL'), 't', 'none yet';
  is preflight('https://app.example.com', 'PUT'), 403, 'no browser may upload';
  is((try('SELECT s3_put_bucket_cors(' . lit($guide_cors) . ');'))[0]{state}, '00000', 'are taken');
  is_deeply without_empty(json_of('s3_get_bucket_cors()')), without_empty(from_json($guide_cors)), 's3_get_bucket_cors gives them back';
  like preflight('https://app.example.com', 'PUT'), qr{\A(\*|https://app\.example\.com)\z}, 'now any browser may';
  is preflight('https://app.example.com', 'DELETE'), 403, '... but not delete';
  my $seen = boto3("print(json.dumps(s3.get_bucket_cors(Bucket='$bucket')['CORSRules']))");
  is_deeply without_empty($seen), without_empty(from_json($guide_cors)), 'boto3 sees the same';
};

subtest 'CORS rules for some' => sub {
  my $rules = [
    { ID => 'uploads', AllowedOrigins => [ 'https://app.example.com', 'http://localhost:3000' ],
    AllowedMethods => [ 'PUT', 'POST' ], AllowedHeaders => ['*'],
      ExposeHeaders => [ 'ETag', 'x-amz-version-id' ], MaxAgeSeconds => 60 },
    { AllowedOrigins => ['https://*.example.org'], AllowedMethods => [ 'GET', 'HEAD' ], AllowedHeaders => ['content-*'] },
  ];
  sql('s3_put_bucket_cors(' . lit($rules) . ')');
  is_deeply without_empty(json_of('s3_get_bucket_cors()')), without_empty($rules), 's3_get_bucket_cors';
  is preflight('https://app.example.com', 'PUT'), 'https://app.example.com', 'an allowed origin';
  is preflight('http://localhost:3000', 'PUT'), 'http://localhost:3000', 'another one';
  is preflight('https://evil.example', 'PUT'), 403, 'no other';
  is preflight('https://a.example.org', 'PUT'), 403, 'each with its methods';
  is preflight('https://a.example.org', 'GET'), 'https://a.example.org', '... and a wild card';
  my $awkward = [ { AllowedOrigins => ['https://x.example/?a=1&b=<2>'], AllowedMethods => ['GET'], ID => qq(<&>"' é) } ];
  sql('s3_put_bucket_cors(' . lit($awkward) . ')');
  is_deeply without_empty(json_of('s3_get_bucket_cors()')), $awkward, 'markup is only text';
  my $one = { AllowedOrigins => ['https://one.example'], AllowedMethods => ['PUT'] };
  sql('s3_put_bucket_cors(' . lit($one) . ')');
  is_deeply without_empty(json_of('s3_get_bucket_cors()')), [$one], 'one rule needs no array';
  refused($_, '22023', $_->{sql}) for try(map { "SELECT s3_put_bucket_cors('$_');" } '{}', '[]', '[1]', '"x"',
    '[{"AllowedOrigins": "*", "AllowedMethods": ["GET"]}]',
    '[{"AllowedOrigins": ["*"], "AllowedMethods": ["GET"], "Unknown": 1}]', '[{"AllowedOrigins": ["*"], "AllowedMethods": [1]}]',
    '[{"AllowedOrigins": ["*"], "AllowedMethods": ["GET"], "MaxAgeSeconds": "x"}]');
  is((try('SELECT s3_delete_bucket_cors();'))[0]{state}, '00000', 's3_delete_bucket_cors');
  is sql('s3_get_bucket_cors() IS NULL'), 't', '... none again';
  is preflight('https://a.example.org', 'GET'), 403, '... for browsers, too';
  is((try('SELECT s3_delete_bucket_cors();'))[0]{state}, '00000', '... and again');
};

# ---------------------------------------------------------------- policy

subtest "the guide's bucket policy" => sub {
  is sql('s3_get_bucket_policy() IS NULL'), 't', 'none yet';
  is anonymous($bucket), 403, 'nobody may read';
  is((try('SELECT s3_put_bucket_policy(' . lit($guide_policy) . ');'))[0]{state}, '00000', 'is taken');
  is_deeply json_of('s3_get_bucket_policy()'), from_json($guide_policy), 's3_get_bucket_policy gives it back';
  is anonymous($bucket), 200, 'everybody may read';
  is curl('PUT', sql("s3_public_url('public.txt')"), body => 'x')->{status}, 403, '... but not write';
  is_deeply boto3("print(s3.get_bucket_policy(Bucket='$bucket')['Policy'])"), from_json($guide_policy), 'boto3 sees the same';
  like $_->{state}, qr/\A(22023|38000)\z/, $_->{sql} for try(map { "SELECT s3_put_bucket_policy('$_');" } '[]', '1', '"x"');
  refused((try("SELECT s3_put_bucket_policy('{\"Version\": \"2012-10-17\", \"Statement\": [{\"Effect\": \"Perhaps\"}]}');"))[0], '38000', 'what S3 does not understand', detail => qr/400/);
  is((try('SELECT s3_delete_bucket_policy();'))[0]{state}, '00000', 's3_delete_bucket_policy');
  is sql('s3_get_bucket_policy() IS NULL'), 't', '... none again';
  is anonymous($bucket), 403, '... and nobody may read';
  is((try('SELECT s3_delete_bucket_policy();'))[0]{state}, '00000', '... and again');
};

my @block = qw(BlockPublicAcls BlockPublicPolicy IgnorePublicAcls RestrictPublicBuckets);
subtest 'public access block' => sub {
  my $before = json_of('s3_get_public_access_block()');
  ok !grep({ $_ } values %{ $before // {} }), 'none yet' or diag explain $before;
  sql('s3_put_public_access_block(true)');
  is_deeply json_of('s3_get_public_access_block()'), { map { $_ => JSON::PP::true() } @block }, 's3_get_public_access_block';
  is_deeply boto3("print(json.dumps(s3.get_public_access_block(Bucket='$bucket')['PublicAccessBlockConfiguration']))"),
    { map { $_ => JSON::PP::true() } @block }, 'boto3 sees the same';
  refused((try('SELECT s3_put_bucket_policy(' . lit($guide_policy) . ');'))[0], '38000', 'the policy is refused',
    detail => qr/AccessDenied.*403/);
  sql('s3_put_public_access_block(false)');
  $before = json_of('s3_get_public_access_block()');
  ok !grep({ $_ } values %{ $before // {} }), 'taken back' or diag explain $before;
  is((try('SELECT s3_put_bucket_policy(' . lit($guide_policy) . ');'))[0]{state}, '00000', '... and the policy is taken');
  sql('s3_delete_bucket_policy()');
};

subtest 'lifecycle' => sub {
  is sql('s3_get_bucket_lifecycle() IS NULL'), 't', 'none yet';
  my $rules = [
    { ID => 'temporary', Status => 'Enabled', Filter => { Prefix => 'tmp/' }, Expiration => { Days => 1 } },
    { ID => 'uploads <&>', Status => 'Disabled', Filter => { Prefix => '' },
    AbortIncompleteMultipartUpload => { DaysAfterInitiation => 7 } },
  ];
  my ($put) = try('SELECT s3_put_bucket_lifecycle(' . lit($rules) . ');');
  is $put->{state}, '00000', 's3_put_bucket_lifecycle' or diag explain $put;
  my $by_id = sub { return [ sort { $a->{ID} cmp $b->{ID} } @{ $_[0] } ] };
  my $seen = boto3("print(json.dumps(s3.get_bucket_lifecycle_configuration(Bucket='$bucket')['Rules']))");
  is_deeply [ map { $_->{ID} } @{ $by_id->($seen) } ], [ map { $_->{ID} } @$rules ], 'boto3 sees both rules';
  is_deeply $by_id->(json_of('s3_get_bucket_lifecycle()')), $by_id->($seen), 's3_get_bucket_lifecycle: what boto3 sees';
  is_deeply $by_id->($seen)->[0]{Expiration}, { Days => 1 }, '... when';
  is_deeply $by_id->($seen)->[1]{AbortIncompleteMultipartUpload}, { DaysAfterInitiation => 7 }, '... uploads';
  refused($_, '22023', $_->{sql}) for try(map { "SELECT s3_put_bucket_lifecycle('$_');" } '{}', '[1]', '"x"');
  is((try('SELECT s3_delete_bucket_lifecycle();'))[0]{state}, '00000', 's3_delete_bucket_lifecycle');
  is sql('s3_get_bucket_lifecycle() IS NULL'), 't', '... none again';
  is((try('SELECT s3_delete_bucket_lifecycle();'))[0]{state}, '00000', '... and again');
};

# ---------------------------------------------------------------- all at once

subtest 's3_setup_bucket' => sub {
  my $steps = sub { return [ map { from_json($_->[0]) } $db->rows(s3_settings(''), "SELECT to_json(s) FROM s3_setup_bucket($_[0]) s;") ] };
  for ("'$set_up', '{https://app.example.com}', true", "'$set_up', '{https://app.example.com}', true") {
    my $said = $steps->($_);
    cmp_ok @$said, '>=', 3, $_;
    is_deeply [ sort map { join ' ', sort keys %$_ } @$said ], [ ('detail done step') x @$said ], '... rows of step, done, detail';
    is_deeply [ grep { !$_->{done} } @$said ], [], '... all steps are done';
    is preflight('https://app.example.com', 'PUT', $set_up), 'https://app.example.com', '... the origin may upload';
    is preflight('https://evil.example', 'PUT', $set_up), 403, '... no other';
    sql("s3_put_object('public.txt', 'hello', bucket => '$set_up')");
    is anonymous($set_up), 200, '... everybody may read';
  }
  is_deeply [ grep { !$_->{done} } @{ $steps->("'$set_up', '{https://other.example}'") } ], [], 'set up anew';
  is preflight('https://other.example', 'PUT', $set_up), 'https://other.example', '... for another origin';
  is preflight('https://app.example.com', 'PUT', $set_up), 403, '... no longer for the first';
  is_deeply json_of("s3_get_public_access_block('$set_up')"),
    { (map { $_ => JSON::PP::true() } @block), BlockPublicAcls => JSON::PP::false() },
    '... and public access is blocked: public_read is false';
  is sql("encode(s3_get_object('public.txt', bucket => '$set_up'), 'escape')"), 'hello', '... but what was there still is';
  my $lifecycle = json_of("s3_get_bucket_lifecycle('$set_up')");
  is_deeply [ map { $_->{AbortIncompleteMultipartUpload} } @$lifecycle ], [ { DaysAfterInitiation => 7 } ],
    '... incomplete uploads are aborted';
  my $mine = [ { ID => 'mine', Status => 'Enabled', Filter => { Prefix => 'tmp/' }, Expiration => { Days => 1 } } ];
  sql('s3_put_bucket_lifecycle(' . lit($mine) . ", '$set_up')");
  my ($step) = grep { $_->{step} eq 'lifecycle' } @{ $steps->("'$set_up'") };
  is $step->{detail}, 'uploads that are not complete after 7 days are aborted', '... a step of its own';
  $lifecycle = json_of("s3_get_bucket_lifecycle('$set_up')");
  is_deeply [ sort map { join ' ', $_->{ID}, sort grep { /^[AE]/ } keys %$_ } @$lifecycle ],
    [ 'abort-incomplete-uploads AbortIncompleteMultipartUpload', 'mine Expiration' ], '... beside the rules there are';
  ($step) = grep { $_->{step} eq 'lifecycle' } @{ $steps->("'$set_up'") };
  is $step->{detail}, 'a rule for incomplete uploads is there already', '... once';
  my @odd = $db->try("SELECT * FROM s3_setup_bucket('$set_up', '{https://app.example.com/}');");
  refused($odd[0], '22023', 'an origin that no browser sends',
    message => qr{\Ano browser sends the origin "https://app\.example\.com/"\z},
    hint => qr{\ABrowsers send "https://app\.example\.com"\.\z});
  refused($_, '22023', $_->{sql}) for try("SELECT * FROM s3_setup_bucket('a');",
    "SELECT * FROM s3_setup_bucket('a/b', public_read => true);");
  my $failed = $db->try("@{[s3_settings('', secret_access_key => 'wrong')]} SELECT bool_and(done) FROM s3_setup_bucket('$set_up');");
  ok $failed->{state} eq '28000' || $failed->{out} eq 'f', 'with a wrong secret it says that it is not done' or diag explain $failed;
};

done_testing;

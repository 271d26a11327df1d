# S3 servers of other kinds than the tests' own: what they want, what they lack, and how they write it.
use v5.32;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use FaultServer;
use NeonS3Test;
use Test::More;
use Time::HiRes qw(time);

my ($db, $fault, $session) = FaultServer->set_up(request_timeout => '30s');
sub gives { return $fault->gives($session, @_) }

my $put_large = "SELECT lo_from_bytea(0, convert_to(repeat('0123456789abcdef', 1200000), 'UTF8')) AS lo \\gset\nSELECT etag <> '' FROM s3_put_large_object('k', :lo);";

subtest 'checksums' => sub {
  for my $play ('retention', 'no_checksums') {
    gives($play, "SELECT etag FROM s3_put_object('k', 'hello');", '5d41402abc4b2a76b9719d911017c592');
    gives($play, "SELECT etag <> '' FROM s3_put_object('k', convert_to(repeat('x', 3000000), 'UTF8'));", 't');
    gives($play, $put_large, 't');
    $session->run("SET neon_s3.endpoint = " . lit($fault->endpoint('other')) . ';');    # what is remembered of the first stays there
  }
  my @puts = grep { $_->{method} eq 'PUT' && $_->{received} } $fault->requests;
  ok @puts && !grep({ !$_->{headers}{'content-md5'} } @puts), 'Content-MD5 where nothing else is possible';
  $session->run("SET neon_s3.endpoint = " . lit($fault->endpoint('http')) . ';');
  $fault->plays();
  $session->run("SELECT s3_put_object('k', '123456789');");
  is(($fault->requests)[0]{headers}{'x-amz-checksum-crc32c'}, '4waSgw==', 'CRC-32C');
};

subtest 'copies' => sub {
  gives('r2_copy', "SELECT etag FROM s3_copy_object('a b/c', 'd');", 'b' x 32);
  my ($copy) = grep { $_->{method} eq 'PUT' } $fault->requests;
  is($copy->{headers}{'x-amz-copy-source'}, 'bucket/a%20b/c', 'no slash before the bucket');
};

subtest 'lengths and ETags' => sub {
  gives('transcoded', "SELECT size IS NULL, etag <> '' FROM s3_head_object('size-5');", 't|t');
  gives('transcoded', "SELECT found, size IS NULL, error IS NULL FROM s3_head_objects('{size-5}');", 't|t|t');
  gives('transcoded', "SELECT s3_object_exists('size-5');", 't');
  gives('transcoded', "SELECT length(s3_get_object('size-100000'));", '100000');
  gives('transcoded', FaultServer::gets_large(20000000), 't');
  gives('with_etag:W/"abc"', FaultServer::gets_large(20000000), 't');
  gives('with_etag:W/"abc"', "SELECT etag FROM s3_head_object('k');", 'W/"abc"');
  gives('with_etag:"abc"', FaultServer::gets_large(20000000), 't');
  gives('with_etag', FaultServer::gets_large(20000000), 't');
  gives('with_etag', "SELECT etag IS NULL FROM s3_head_object('k');", 't');
};

subtest 'no multi-object delete' => sub {
  my $keys = "(SELECT array_agg('k' || n) FROM generate_series(1, 300) n)";
  for my $refusal ('400', '501:NotImplemented', '405', '400:InvalidArgument', '400:MalformedPOSTRequest') {
    $session->run("SET neon_s3.endpoint = " . lit($fault->endpoint('http')) . ';');
    gives("no_multi_delete:$refusal", "SELECT count(*), bool_and(deleted), bool_and(key = 'k' || n) FROM s3_delete_objects($keys) WITH ORDINALITY AS d (key, deleted, code, message, n);", '300|t|t');
    gives("no_multi_delete:$refusal", "SELECT count(*) FROM s3_delete_objects('{a,b,c}') WHERE deleted;", '3');
    is_deeply [ grep { $_->{method} ne 'DELETE' } $fault->requests ], [], '... is remembered';
    $session = $db->session($fault->settings('http', request_timeout => '30s'));
  }
  gives('no_multi_delete:403', "SELECT * FROM s3_delete_objects('{a,b,c}');", '38000');
};

subtest 'dates' => sub {
  my $epoch = "SELECT coalesce(extract(epoch FROM last_modified)::bigint::text, 'unknown') FROM s3_head_object('k');";
  gives("dated_header:$_", $epoch, '784111777') for 'Sun, 06 Nov 1994 08:49:37 GMT', 'Sunday, 06-Nov-94 08:49:37 GMT',
    'Sun Nov  6 08:49:37 1994',
    'Sun, 6 Nov 1994 08:49:37 GMT', 'Sun, 06 Nov 1994 08:49:37 UTC', 'Sun, 06 Nov 1994 08:49:37 +0000',
    'Sun, 06 Nov 1994 09:49:37 +0100', '1994-11-06T08:49:37Z', '1994-11-06T08:49:37.000Z';
  gives("dated_header:$_", $epoch, 'unknown') for 'yesterday', 'Sun, 31 Feb 1994 08:49:37 GMT', '0', 'Sun, 06 Nov 1994',
    '1994-11-06T08:49:37Z!';
  my $listed = "SELECT coalesce(extract(epoch FROM last_modified)::bigint::text, 'unknown') FROM s3_list_objects();";
  gives("lists:dated:$_", $listed, '784111777') for '1994-11-06T08:49:37.000Z', 'Sun, 06 Nov 1994 08:49:37 GMT',
    '1994-11-06 08:49:37+00:00';
  gives("lists:dated:$_", $listed, 'unknown') for '', 'today', '1994-13-06T08:49:37.000Z';
};

subtest 'white space and prefixes' => sub {
  gives('spaces', "SELECT size, etag, content_type, metadata ->> 'owner' FROM s3_head_object('k');",
    '5|5d41402abc4b2a76b9719d911017c592|text/plain|somebody');
  my $row = "SELECT key, size, etag, extract(year FROM last_modified) FROM s3_list_objects();";
  gives("lists:$_", $row, 'k|5|c|2026') for qw(spaces prefixed);
};

subtest 'policies' => sub {
  gives('policy:good', "SELECT s3_get_bucket_policy() = '{\"Id\": \"é\", \"Statement\": []}';", 't');
  gives("policy:$_", 'SELECT s3_get_bucket_policy();', '08P01', message => qr/malformed reply from S3/)
    for qw(nul key deep cut number surrogate utf8 empty);
};

subtest 'listings without an end' => sub {
  gives('lists:pages', 'SELECT count(*) FROM s3_list_objects();', '10');
  gives("lists:$_", 'SELECT count(*) FROM s3_list_objects();', '08P01', message => qr/malformed reply from S3/) for qw(cycle empty);
  gives('uploads', 'SELECT count(*) FROM s3_list_multipart_uploads();', '08P01', message => qr/malformed reply from S3/);
};

subtest 'delete markers' => sub {
  gives('marker', $_, 'P0002', message => qr/this version is a delete marker/)
    for "SELECT s3_get_object('k', version_id => 'v');", "SELECT s3_head_object('k', version_id => 'v');",
    "SELECT s3_get_large_object('k', version_id => 'v');";
  gives('status:405', "SELECT s3_get_object('k');", '38000');
};

subtest 'no waiting for 100 Continue' => sub {
  $fault->plays();
  $session->run("SELECT s3_put_object('k', convert_to(repeat('x', 5000000), 'UTF8'));");
  is_deeply [ map { $_->{expect} } $fault->requests ], [undef], 'Expect is not sent';
};

subtest "S3's own words" => sub {
  my $get = "SELECT s3_get_object('k');";
  my $kms = 'User: arn:aws:sts::123456789012:assumed-role/a-role-with-a-rather-long-name-that-somebody-chose/session-of-that-role is not authorized to perform: kms:GenerateDataKey on resource: '
    . 'arn:aws:kms:eu-central-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef because no identity-based policy allows the kms:GenerateDataKey action';
  gives("says:$kms", $get, '38000', detail => qr/\Q$kms\E/);
  gives('says:The header x-amz-server-side-encryption is wanted, see https://docs.example.com/why?a=b', $get, '38000',
    detail => qr{x-amz-server-side-encryption is wanted, see https://docs\.example\.com/why\?a=b});
  my $long = join ' ', map { "word$_" } 1 .. 400;
  gives("says:$long", $get, '38000', detail => qr/word1 word2 .* word\d+…/);
  my $secret = '0123456789abcdef' x 4;
  gives("says:$_", $get, '38000', detail => qr/S3 says: .*\*\*\*\*/, not => qr/CANARY|0123456789abcdef/)
    for "the URL https://h/k?X-Amz-Credential=AKIA%2F1&X-Amz-Signature=$secret&x=y", "Signature=$secret, is wrong",
    "x-amz-security-token: tokenCANARYtoken", "got tokenCANARYtoken and $secret",
    "Authorization: AWS4-HMAC-SHA256 Credential=AKIAFAULT/x, Signature=$secret", 'token=tokenCANARYtoken';
  gives("says:one\ntwo", $get, '38000', detail => qr/one two/);
};

done_testing;

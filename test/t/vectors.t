# Signatures of signers that nobody here wrote, through SQL: the recorded cases, AWS's own example, and
# boto3 live where it is installed.
use v5.32;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use NeonS3Test;
use Test::More;

my $folder = $ENV{NEON_S3_VECTORS} // repo_dir() . '/test/vectors';
my $db = NeonS3Test->server->new_database;
$db->do('CREATE EXTENSION neon_s3;');

# ---------------------------------------------------------------- one form for all signers

# What boto3 emits for the same request: the default port dropped, the caller's parameters sorted by encoded
# name, then the signer's, everything in RFC 3986's encoding. Path bytes stay as they are.
my @signer_order = qw(X-Amz-Algorithm X-Amz-Credential X-Amz-Date X-Amz-Expires X-Amz-SignedHeaders
  X-Amz-Security-Token X-Amz-Signature);

sub in_boto_form {
  my ($url) = @_;
  my ($scheme, $host, $path, $query) = $url =~ m{\A(\w+)://([^/?#]*)([^?#]*)(?:\?([^#]*))?\z} or return;
  my $default = { http => 80, https => 443 }->{$scheme};
  $host =~ s/:$default\z//;
  my (@callers, %signers);
  for my $pair (split /&/, $query // '') {
    my ($name, $value) = map { encode_again($_) } split(/=/, $pair, 2), '';
    if (grep { $_ eq $name } @signer_order) { $signers{$name} = $value }
    else { push @callers, [ $name, $value ] }
  }
  my @pairs = ((sort { $a->[0] cmp $b->[0] } @callers),
    map { exists $signers{$_} ? [ $_, $signers{$_} ] : () } @signer_order);
  return lc "$scheme://$host", ($path || '/') . '?' . join '&', map { "$_->[0]=$_->[1]" } @pairs;
}

sub encode_again {
  my ($text) = @_;
  $text =~ s/\+/ /g;
  $text =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;
  return $text =~ s/([^A-Za-z0-9\-_.~])/sprintf '%%%02X', ord $1/ger;
}

# ---------------------------------------------------------------- the recorded cases

# What SQL cannot say, or refuses on purpose; all else must give the recorded URL.
my %exceptions = (
  'another service than s3' => [ qw(botocore/s3-sigv4-presign smithy-rs/object-lambda smithy-ts/precalculated
      smithy-ts/s3-compatible) ],
  'no bucket'                => [ 'soto/0' ],
  'the same name twice'      => [ 'object_store/duplicate-names' ],
  'bucket without operation' => [ qw(aws4/s3 rusty-s3/create_bucket/0 rusty-s3/delete_bucket/0 rusty-s3/head_bucket/0) ],
  'reserved header'          => [ 'rusty-s3/signing/2' ],
);

my $sign_all = <<'SQL';
CREATE TEMP TABLE result (name text, exception text, state text, url text, expected text);
DO $$
DECLARE
  c jsonb; parameters jsonb; names int; exception text; url text; state text;
BEGIN
  FOR c IN SELECT j FROM vector LOOP
    SELECT jsonb_object_agg(p->>0, p->>1), count(*) INTO parameters, names FROM jsonb_array_elements(c->'query') p;
    exception := CASE
      WHEN c->>'service' <> 's3' THEN 'another service than s3'
      WHEN c->>'bucket' IS NULL THEN 'no bucket'
      WHEN names > (SELECT count(DISTINCT p->>0) FROM jsonb_array_elements(c->'query') p) THEN 'the same name twice'
      WHEN c->>'key' IS NULL AND names = 0 THEN 'bucket without operation'
      WHEN c->'headers' ? 'x-amz-date' THEN 'reserved header'
      WHEN c->>'key' ~ '(^|/)\.\.?(/|$)' THEN 'dot segment'
    END;
    PERFORM set_config('neon_s3.' || s.name, coalesce(s.value, ''), false) FROM (VALUES
      ('endpoint', c->>'endpoint'), ('addressing_style', c->>'addressing'), ('region', c->>'region'),
      ('access_key_id', c->>'access_key'), ('secret_access_key', c->>'secret_key'),
      ('session_token', c->>'session_token')) s(name, value);
    BEGIN
      state := '00000';
      url := s3_presign(c->>'method', c->>'key', make_interval(secs => (c->>'expires_s')::int), bucket => c->>'bucket',
                        query => parameters, headers => c->'headers', signed_at => (c->>'signed_at')::timestamptz);
    EXCEPTION WHEN OTHERS THEN
      url := NULL; state := SQLSTATE;
    END;
    INSERT INTO result VALUES (c->>'name', exception, state, url, c->>'expected_url');
  END LOOP;
END $$;
SELECT name, exception, state, url, expected FROM result;
SQL

my %cases = ('public-presign' => 48,
  $ENV{NEON_S3_VECTORS} ? ('presign-core' => 1798, 'presign-other' => 3068) : ('presign-core' => 120, 'presign-other' => 200));

for my $file (sort keys %cases) {
  subtest $file => sub {
    my $path = "$folder/$file.jsonl";
    my @lines = do { open my $in, '<', $path or die "$path: $!"; <$in> };
    my @results = $db->rows('CREATE TEMP TABLE vector (j jsonb);',
      "\\copy vector FROM '$path' (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')", $sign_all);
    is @results, $cases{$file}, "$cases{$file} cases were signed";

    my (%found, @wrong);
    my $compared = 0;
    for (@results) {
      my ($name, $exception, $state, $url, $expected) = @$_;
      if ($exception) { push @{ $found{$exception} }, [ $name, $state, $url ]; next }
      ++$compared;
      my $want = join '', in_boto_form($expected);
      push @wrong, "$name: $state\n  got      $url\n  expected $want" if $url ne $want;
    }
    is @wrong, 0, "the same URL, byte for byte, in $compared cases";
    diag $_ for @wrong[ 0 .. ($#wrong > 4 ? 4 : $#wrong) ];

    my $dotted = () = grep { m{"key": "(?:[^"]*/)?\.\.?(?:/[^"]*)?",} } @lines;
    my $refused = delete $found{'dot segment'} // [];
    is @$refused, $dotted, "$dotted keys have dot segments";
    is_deeply [ grep { $_->[1] ne '22023' } @$refused ], [], '... which are refused';

    my %named = map { $_ => [ sort map { $_->[0] } @{ $found{$_} } ] } keys %found;
    is_deeply \%named, $file eq 'public-presign' ? \%exceptions : {}, 'nothing else drops out than what is named here';
    is $compared + $dotted + (map { @$_ } values %named), @lines, 'every case is accounted for';
    is_deeply [ map { "$_->[1] $_->[2]" } @{ $found{'reserved header'} // [] } ], [ ('22023 ') x ($file eq 'public-presign') ],
      'a reserved header is refused';
    is_deeply [ map { "$_->[1] $_->[2]" } @{ $found{'bucket without operation'} // [] } ],
      [ ('00000 ') x (4 * ($file eq 'public-presign')) ], 'a NULL key without an operation gives NULL';
    exact_order($path, \@lines, \@results) if $file eq 'presign-other';
  };
}

# Where botocore itself wrote the recorded URL, all but the order of the caller's parameters (jsonb keeps
# none) is compared without any rewriting.
sub exact_order {
  my ($path, $lines, $results) = @_;
  my %by_botocore = map { /"name": "([^"]*)".*"refs": \["botocore-[0-9.]*[",]/ ? ($1 => 1) : () } @$lines;
  my @cases = grep { $by_botocore{ $_->[0] } } @$results;
  my $sorted = sub {
    my ($head, $callers, $rest) = $_[0] =~ /\A([^?]*\?)(.*?&)?(X-Amz-Algorithm=.*)\z/;
    return $head . join('&', sort split /&/, $callers // '') . '&' . $rest;
  };
  is @cases, 6, '6 of them come from botocore alone';
  is $sorted->($_->[3]), $sorted->($_->[4]), "botocore's own order: $_->[0]" for @cases;
}

# ---------------------------------------------------------------- AWS's documentation

my @example_credentials = ("SET neon_s3.access_key_id = 'AKIAIOSFODNN7EXAMPLE';",
  "SET neon_s3.secret_access_key = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';");

is $db->value(@example_credentials, <<'SQL'),
SET neon_s3.endpoint = 'https://s3.amazonaws.com';
SELECT s3_presign_get('test.txt', '24 hours', bucket => 'examplebucket', signed_at => '2013-05-24T00:00:00Z');
SQL
  'https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256'
  . '&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z'
  . '&X-Amz-Expires=86400&X-Amz-SignedHeaders=host'
  . '&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404',
  'the example of the AWS documentation';

# ---------------------------------------------------------------- boto3, live

# What boto3 is asked, and the same in SQL.
my $key = 'dir//a b+c%2F?d#é😀.txt';
my $sql_key = lit($key);
my $checksum = 'n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=';    # of "test"
my @asked = (
  [ get_object => { Key => $key }, "s3_presign_get($sql_key" ],
  [ get_object => { Key => $key, VersionId => 'v/1 =&' }, "s3_presign_get($sql_key, version_id => 'v/1 =&'" ],
  [ get_object => { Key => $key, ResponseContentDisposition => qq(attachment; filename="a b.txt"; filename*=UTF-8''a%20b.txt) },
    "s3_presign_get($sql_key, download_as => 'a b.txt'" ],
  [ get_object => { Key => $key, ResponseCacheControl => 'no-cache', ResponseContentType => "text/x; a='*'" },
    "s3_presign('get', $sql_key, query => " . lit({ 'response-cache-control' => 'no-cache', 'response-content-type' => "text/x; a='*'" }) ],
  [ put_object => { Key => $key }, "s3_presign_put($sql_key" ],
  [ put_object => { Key => $key, ContentType => 'text/plain; charset=utf-8' },
    "s3_presign_put($sql_key, 'text/plain; charset=utf-8'" ],
  [ put_object => { Key => $key, ContentType => 'a/b', ContentLength => 4, ChecksumSHA256 => $checksum },
    "s3_presign_put($sql_key, 'a/b', content_length => 4, checksum_sha256 => sha256('test')" ],
  [ put_object => { Key => $key, ContentType => 'a/b', ACL => 'private', CacheControl => 'x,  y', Metadata => { Aa => 'b  c' } },
    "s3_presign_put($sql_key, 'a/b', headers => "
      . lit({ 'x-amz-acl' => 'private', 'Cache-Control' => 'x,  y', 'x-amz-meta-Aa' => 'b  c' }) ],
  [ head_object => { Key => $key }, "s3_presign_head($sql_key" ],
  [ head_object => { Key => $key, VersionId => 'null' }, "s3_presign_head($sql_key, version_id => 'null'" ],
  [ delete_object => { Key => $key }, "s3_presign_delete($sql_key" ],
  [ delete_object => { Key => $key, VersionId => '3/L4' }, "s3_presign_delete($sql_key, version_id => '3/L4'" ],
  [ upload_part => { Key => $key, UploadId => 'a+b/c=', PartNumber => 7 },
    "s3_presign('PUT', $sql_key, query => " . lit({ uploadId => 'a+b/c=', partNumber => '7' }) ],
  [ list_objects_v2 => { Prefix => 'é /', Delimiter => '/' },
    "s3_presign('GET', NULL, query => " . lit({ 'list-type' => '2', 'encoding-type' => 'url', prefix => 'é /', delimiter => '/' }) ],
  [ get_bucket_cors => {}, "s3_presign('GET', NULL, query => " . lit({ cors => '' }) ],
);
my @places = (
  [ 'https://s3.eu-central-1.amazonaws.com', 'virtual', 'eu-central-1', 'my-bucket', '' ],
  [ 'https://s3.eu-central-1.amazonaws.com', 'path', 'eu-central-1', 'my.bucket', 'FwoGZXIvYXdzE/+= &' ],
  [ 'http://localhost:9000/base', 'path', 'us-east-1', 'Legacy_Bucket', '' ],
  [ 'https://s3.cn-north-1.amazonaws.com.cn', 'virtual', 'cn-north-1', 'my-bucket', '' ],
);

SKIP: {
  skip 'python3-boto3 is not installed', 2 if !has_boto3();
  my $request = json({ asked => [ map { [ @$_[ 0, 1 ] ] } @asked ], places => \@places });
  my $urls = boto3('request = json.loads(' . json($request) . ")\n" . <<'PYTHON');
urls = []
for endpoint, style, region, bucket, token in request['places']:
    s3 = boto3.client('s3', region_name=region, endpoint_url=endpoint, aws_access_key_id='AKIAIOSFODNN7EXAMPLE',
        aws_secret_access_key='wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', aws_session_token=token or None,
        config=Config(signature_version='s3v4', s3={'addressing_style': style}))
    urls.append([s3.generate_presigned_url(name, dict(parameters, Bucket=bucket), 777) for name, parameters in request['asked']])
print(json.dumps(urls))
PYTHON

  my (@statements, @expected);
  for my $place (0 .. $#places) {
    my ($endpoint, $style, $region, $bucket, $token) = @{ $places[$place] };
    push @statements, map { "SET neon_s3.$_->[0] = " . lit($_->[1]) . ';' }
      [ endpoint => $endpoint ], [ addressing_style => $style ], [ region => $region ], [ session_token => $token ];
    for (0 .. $#asked) {
      my $url = $urls->[$place][$_];
      my ($date) = $url =~ /X-Amz-Date=(\w+)/;
      push @expected, $url =~ s{\A([^?]*\?)(.*?)(&?X-Amz-Algorithm=)}{$1 . join('&', sort split /&/, $2) . $3}er;
      push @statements, "SELECT $asked[$_][2], expires_in => '777', bucket => '$bucket', signed_at => '$date');";
    }
  }
  my @got = map { $_->[0] } $db->rows(@example_credentials, @statements);
  is @got, @asked * @places, @got . ' URLs to compare with what boto3 emits now';
  is_deeply \@got, \@expected, '... the same, byte for byte';
}

done_testing;

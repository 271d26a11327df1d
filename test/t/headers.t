# Headers of operations on objects: what is stored, encrypted and tagged with them, as another client sees it; what is
# refused; and copies, which keep what is not given.
use v5.32;
use warnings;
use utf8;
use Digest::MD5 qw(md5);
use FindBin;
use lib $FindBin::Bin;
use FaultServer;
use MIME::Base64 qw(encode_base64);
use NeonS3Test;
use Test::More;

plan skip_all => 'python3-boto3 is not installed' if !has_boto3();

my ($bucket, $other) = map { new_bucket("neon-s3-t-$$-$_") } qw(one two);
my $db = NeonS3Test->server->new_database;
$db->do('CREATE EXTENSION neon_s3;');

sub sql { my ($expression) = @_; return $db->value(s3_settings($bucket), "SELECT $expression;") }

sub try { my @results = $db->try(s3_settings($bucket), @_); return @results[ -@_ .. -1 ] }

sub headers { my (%headers) = @_; return 'headers => ' . lit(\%headers) }

# What boto3's head_object tells of a key, and its tags.
sub seen {
  my ($key, $arguments) = @_;
  return boto3(<<"PYTHON");
o = s3.head_object(Bucket='$bucket', Key='$key'@{[ $arguments // '' ]})
names = {'cache': 'CacheControl', 'disposition': 'ContentDisposition', 'encoding': 'ContentEncoding', 'language': 'ContentLanguage',
         'type': 'ContentType', 'class': 'StorageClass', 'sse': 'SSECustomerAlgorithm', 'redirect': 'WebsiteRedirectLocation',
         'encrypted': 'ServerSideEncryption', 'kms': 'SSEKMSKeyId'}
seen = {short: o[name] for short, name in names.items() if name in o}
seen.update(metadata=o['Metadata'], etag=o['ETag'].strip('"'), expires=o.get('ExpiresString') or o['ResponseMetadata']['HTTPHeaders'].get('expires'))
seen['tags'] = {t['Key']: t['Value'] for t in s3.get_object_tagging(Bucket='$bucket', Key='$key').get('TagSet', [])}
print(json.dumps(seen))
PYTHON
}

my %stored = ('Cache-Control' => 'max-age=60', 'content-disposition' => 'attachment; filename="ä.txt"', 'content-encoding' => 'gzip',
  'content-language' => 'de', expires => 'Thu, 01 Jan 2099 00:00:00 GMT', 'x-amz-tagging' => 'team=a%20b&kind=x', 'x-amz-meta-more' => 'é 1');

sub is_stored {
  my ($key, %but) = @_;
  my $no_tags = delete $but{no_tags};
  my $seen = seen($key);
  my %expected = (cache => 'max-age=60', encoding => 'gzip', language => 'de', expires => 'Thu, 01 Jan 2099 00:00:00 GMT', %but);
  is $seen->{$_}, $expected{$_}, "$key: $_" for sort keys %expected;
  like $seen->{disposition}, qr/\Aattachment; filename="/, '... disposition';
  # Ceph keeps no tags of multipart uploads, nor of copies with other metadata: there the requests tell, in the unit tests.
  is_deeply $seen->{tags}, { team => 'a b', kind => 'x' }, '... tags' if $seen->{etag} !~ /-/ && !$no_tags;
  return $seen;
}

# ---------------------------------------------------------------- what is stored

subtest 'put' => sub {
  sql("s3_put_object('put', 'x', 'text/plain', metadata => '{\"a\": \"1\"}', " . headers(%stored) . ')');
  my $seen = is_stored('put', type => 'text/plain');
  is $seen->{metadata}{a}, '1', '... metadata';
  is sql("metadata ->> 'more' FROM s3_head_object('put')"), 'é 1', '... and that of headers';
  sql("count(*) FROM s3_put_objects('{b1,b2}', '{x,y}', 'text/plain', " . headers(%stored) . ')');
  is_stored($_, type => 'text/plain') for qw(b1 b2);
  sql("s3_put_object('typed', 'x', " . headers('content-type' => 'text/x-mine') . ')');
  is seen('typed')->{type}, 'text/x-mine', 'a type of headers';
};

subtest 'large objects' => sub {
  for my $size (1000, 9_000_000) {
    my $etag = sql("etag FROM s3_put_large_object('large', lo_from_bytea(0, repeat('x', $size)::bytea), 'text/plain', " . headers(%stored) . ')');
    is $etag =~ /-2\z/ ? 2 : 1, $size > 8 << 20 ? 2 : 1, "parts of $size bytes";
    is_stored('large', type => 'text/plain');
  }
};

subtest 'a multipart upload' => sub {
  my $upload = sql("s3_create_multipart_upload('parts', 'text/plain', " . headers(%stored) . ')');
  my $etag = boto3("print(json.dumps(s3.upload_part(Bucket='$bucket', Key='parts', UploadId=" . json($upload) . ", PartNumber=1, Body=b'x')['ETag']))");
  sql("s3_complete_multipart_upload('parts', " . lit($upload) . ', ' . lit([ { part_number => 1, etag => $etag } ]) . ')');
  is_stored('parts', type => 'text/plain');
};

subtest 'a canned ACL' => sub {
  sql("s3_put_object('public', 'x', " . headers('x-amz-acl' => 'public-read') . ')');
  my $grants = boto3("print(len(s3.get_object_acl(Bucket='$bucket', Key='public')['Grants']))");
  is $grants, 2, 'the owner and all users';
};

subtest 'a storage class' => sub {
  my %class = ('x-amz-storage-class' => 'STANDARD_IA');
  sql("s3_put_object('class', 'x', " . headers(%class) . ')');
  is sql("storage_class FROM s3_head_object('class')"), 'STANDARD_IA', 'put';
  is seen('class')->{class}, 'STANDARD_IA', '... boto3 sees it';
  sql("s3_put_large_object('class', lo_from_bytea(0, repeat('x', 9000000)::bytea), " . headers(%class) . ')');
  is seen('class')->{class}, 'STANDARD_IA', 'in parts';
  sql("s3_copy_object('put', 'class', " . headers(%class) . ')');
  is seen('class')->{class}, 'STANDARD_IA', 'a copy';
};

subtest 'keys of a KMS' => sub {
  my %kms = ('x-amz-server-side-encryption' => 'aws:kms', 'x-amz-server-side-encryption-aws-kms-key-id' => 'test-key');
  my $is_encrypted = sub { my ($key, $body) = @_; is_deeply [ @{ seen($key) }{qw(encrypted kms)} ], [ 'aws:kms', 'test-key' ], $key;
    is sql("md5(s3_get_object('$key'))"), sql("md5($body)"), '... and is read'; };
  sql("s3_put_object('kms', 'hidden', " . headers(%kms) . ')');
  $is_encrypted->('kms', "'hidden'");
  sql("s3_put_large_object('kms-large', lo_from_bytea(0, repeat('0123456789', 900000)::bytea), " . headers(%kms) . ')');
  $is_encrypted->('kms-large', "repeat('0123456789', 900000)");
  my $upload = lit(sql("s3_create_multipart_upload('kms-parts', " . headers(%kms) . ')'));
  my $part = curl(PUT => sql("s3_presign_upload_part('kms-parts', $upload, 1)"), body => 'hidden');
  sql("s3_complete_multipart_upload('kms-parts', $upload, " . lit([ { part_number => 1, etag => $part->{headers}{etag} } ]) . ')');
  $is_encrypted->('kms-parts', "'hidden'");
  my ($no_key) = try("SELECT s3_put_object('kms', 'x', " . headers(%kms, 'x-amz-server-side-encryption-aws-kms-key-id' => 'no-key') . ');');
  refused($no_key, $no_key->{detail} =~ /HTTP status 403/ ? '28000' : '38000', 'no such key', detail => qr/no-key/);
};

subtest 'object lock' => sub {
  my $locked = "neon-s3-t-$$-locked";
  boto3("s3.create_bucket(Bucket='$locked', ObjectLockEnabledForBucket=True)\nprint(1)");
  NeonS3Test->on_end(sub { boto3(<<"PYTHON") });
for v in s3.list_object_versions(Bucket='$locked').get('Versions', []):
    s3.delete_object(Bucket='$locked', Key=v['Key'], VersionId=v['VersionId'], BypassGovernanceRetention=True)
s3.delete_bucket(Bucket='$locked')
print(1)
PYTHON
  my %lock = ('x-amz-object-lock-mode' => 'GOVERNANCE', 'x-amz-object-lock-retain-until-date' => '2099-01-01T00:00:00Z');
  $db->do(s3_settings($locked), "SELECT s3_put_object('put', 'x', " . headers(%lock) . ');',
    "SELECT s3_copy_object('put', 'copy', " . headers(%lock) . ');');
  for my $key (qw(put copy)) {    # Ceph locks no object that comes in parts
    is_deeply boto3("o = s3.head_object(Bucket='$locked', Key='$key')\nprint(json.dumps([o.get('ObjectLockMode'), str(o.get('ObjectLockRetainUntilDate'))[:4]]))"),
      [ 'GOVERNANCE', '2099' ], $key;
  }
};

# ---------------------------------------------------------------- SSE-C

sub key_of {
  my ($letter) = @_;
  my $key = $letter x 32;
  return (algorithm => 'AES256', key => encode_base64($key, ''), 'key-md5' => encode_base64(md5($key), ''));
}

sub sse { my ($letter, $start) = @_; my %key = key_of($letter); return map { (($start // 'x-amz-') . "server-side-encryption-customer-$_" => $key{$_}) } keys %key }

sub of_source { return sse($_[0], 'x-amz-copy-source-') }

my $boto = sub { my %key = key_of($_[0]); return ", SSECustomerAlgorithm='AES256', SSECustomerKey='" . $_[0] x 32 . "'" };

subtest 'keys of the customer' => sub {
  sql("s3_put_object('secret', 'hidden', " . headers(sse('k')) . ')');
  is seen('secret', $boto->('k'))->{sse}, 'AES256', 'put';
  is sql("encode(s3_get_object('secret', " . headers(sse('k')) . "), 'escape')"), 'hidden', 'get';
  is sql("encode(s3_get_object('secret', 1, 2, " . headers(sse('k')) . "), 'escape')"), 'id', '... a range';
  is sql("encode(s3_get_object('secret', 1, 0, " . headers(sse('k')) . "), 'escape')"), '', '... of no bytes';
  is sql("size FROM s3_head_object('secret', " . headers(sse('k')) . ')'), 6, 'head';
  sql("etag FROM s3_put_large_object('large-secret', lo_from_bytea(0, repeat('0123456789', 900000)::bytea), " . headers(sse('k')) . ')');
  my $lo = sql("s3_get_large_object('large-secret', " . headers(sse('k')) . ')');
  is sql("md5(lo_get($lo))"), sql("md5(repeat('0123456789', 900000))"), 'a large object, in parts';
  sql("count(*) FROM s3_put_objects('{s1,s2}', '{one,two}', " . headers(sse('k')) . ')');
  is sql("encode(s3_get_object('s2', " . headers(sse('k')) . "), 'escape')"), 'two', 'several';
  my @bad = try("SELECT s3_get_object('secret');", "SELECT s3_get_object('secret', " . headers(sse('m')) . ');', "SELECT s3_head_object('secret');",
    "SELECT s3_copy_object('secret', 'x', " . headers(of_source('m')) . ');');
  refused($_, '38000', $_->{sql} =~ s/headers => .*/wrong key/r) for @bad;
  my $canary = encode_base64('m' x 32, '');
  unlike join(' ', map { grep { defined } @$_{qw(message detail hint)} } @bad), qr/\Q$canary\E/, 'no error tells the key';
};

# Ceph copies no such objects: this server only tells what it was asked.
my $faults = FaultServer->new;
my @there = $faults->settings;

sub sent { my ($pattern) = @_; return grep { "$_->{method} $_->{target}" =~ $pattern } $faults->requests }

subtest 'a copy from one key of the customer to another' => sub {
  $faults->plays();
  $db->do(@there, "SELECT s3_copy_object('a', 'b', " . headers(of_source('k'), sse('l')) . ');');
  my ($old, $new) = map { encode_base64($_ x 32, '') } 'k', 'l';
  my ($head, $copy) = $faults->requests;
  is_deeply [ @$head{qw(method target)}, $head->{headers}{'x-amz-server-side-encryption-customer-key'} ], [ 'HEAD', '/bucket/a', $old ], 'the source';
  is_deeply [ @$copy{qw(method target)}, @{ $copy->{headers} }{qw(x-amz-copy-source-server-side-encryption-customer-key x-amz-server-side-encryption-customer-key)} ],
    [ 'PUT', '/bucket/b', $old, $new ], '... and the copy';
};

subtest 'a multipart upload with a key of the customer' => sub {
  my $upload = lit(sql("s3_create_multipart_upload('secret-parts', 'text/plain', " . headers(sse('k')) . ')'));
  my $part = curl(PUT => sql("s3_presign_upload_part('secret-parts', $upload, 1, " . headers(sse('k')) . ')'), headers => { sse('k') }, body => 'hidden');
  is $part->{status}, 200, 'a part, by a URL that has the key signed' or diag $part->{body};
  my ($completed) = try("SELECT coalesce(etag, 'none') FROM s3_complete_multipart_upload('secret-parts', $upload, " .
    lit([ { part_number => 1, etag => $part->{headers}{etag} } ]) . ');');
  if ($completed->{state} ne '00000') {
    refused($completed, '38000', 'complete: Ceph 20 wants the key here, too', detail => qr/InvalidArgument.* must provide a valid encryption algorithm/);
    return;
  }
  like $completed->{out}, qr/\A(none|"?[0-9a-f]{32}-1"?)\z/, '... where Ceph 16 tells no ETag without it';
  is sql("encode(s3_get_object('secret-parts', " . headers(sse('k')) . "), 'escape')"), 'hidden', 'get';
  refused((try("SELECT s3_get_object('secret-parts');"))[0], '38000', '... not without it');
};

# ---------------------------------------------------------------- what this server does not have

# Sent, and part of the signature.
sub has_signed {
  my ($request, %headers) = @_;
  my ($signed) = ($request->{headers}{authorization} // '') =~ /SignedHeaders=([^,]+)/;
  my %is_signed = map { $_ => 1 } split /;/, $signed // '';
  return !grep { ($request->{headers}{$_} // '') ne $headers{$_} || !$is_signed{$_} } keys %headers;
}

my %of_upload = (
  'SSE-S3' => { 'x-amz-server-side-encryption' => 'AES256' },
  'SSE-KMS' => { 'x-amz-server-side-encryption' => 'aws:kms', 'x-amz-server-side-encryption-aws-kms-key-id' => 'arn:aws:kms:eu-west-1:123456789012:key/k',
    'x-amz-server-side-encryption-context' => 'eyJhIjoiYiJ9', 'x-amz-server-side-encryption-bucket-key-enabled' => 'true' },
  'object lock' => { 'x-amz-object-lock-mode' => 'GOVERNANCE', 'x-amz-object-lock-retain-until-date' => '2099-01-01T00:00:00Z', 'x-amz-object-lock-legal-hold' => 'ON' },
  'storage class and tags' => { 'x-amz-storage-class' => 'GLACIER', 'x-amz-tagging' => 'team=a%20b' },
);
my %of_each = ('requester pays' => { 'x-amz-request-payer' => 'requester', 'x-amz-expected-bucket-owner' => '123456789012' });
my $large = "lo_from_bytea(0, repeat('x', 9000000)::bytea)";

# What a call asks for with headers; each request of it, as "METHOD target".
sub asked {
  my ($play, $call, $headers) = @_;
  $faults->plays($play);
  my $result = ($db->try(@there, "SET neon_s3.request_timeout = '60s';", "SELECT $call, " . headers(%$headers) . ');'))[-1];
  is $result->{state}, '00000', "$call" or diag $result->{notices};
  return map { $_->{name} = "$_->{method} $_->{target}"; $_ } $faults->requests;
}

subtest 'encryption, object lock, storage class and tags' => sub {
  my @calls = ([ 'ok', "s3_put_object('k', 'x'", qr/\APUT / ], [ 'ok', "s3_put_objects('{k,l}', '{x,y}'", qr/\APUT / ],
    [ 'ok', "s3_put_large_object('k', lo_from_bytea(0, 'x')", qr/\APUT / ], [ 'ok', "s3_put_large_object('k', $large", qr/\APOST .*\?uploads/ ],
    [ 'ok', "s3_create_multipart_upload('k'", qr/\APOST .*\?uploads/ ], [ 'ok', "s3_copy_object('a', 'k'", qr/\APUT / ],
    [ 'huge', "s3_copy_object('a', 'k'", qr/\APOST .*\?uploads/ ]);
  for my $kind (sort keys %of_upload) {
    for (@calls) {
      my ($play, $call, $begins) = @$_;
      my @requests = asked($play, $call, $of_upload{$kind});
      my @with = grep { my $request = $_; grep { exists $request->{headers}{$_} } keys %{ $of_upload{$kind} } } @requests;
      is_deeply [ map { $_->{name} } @with ], [ map { $_->{name} } grep { $_->{name} =~ $begins && $_->{name} !~ /uploadId/ } @requests ],
        "... $kind: where the object begins, and nowhere else";
      ok +@with && !(grep { !has_signed($_, %{ $of_upload{$kind} }) } @with), '... signed';
    }
  }
};

subtest 'requester pays, and keys of the customer' => sub {
  my @uploads = ([ 'ok', "s3_put_object('k', 'x'" ], [ 'ok', "s3_put_objects('{k,l}', '{x,y}'" ], [ 'ok', "s3_put_large_object('k', $large" ],
    [ 'ok', "s3_create_multipart_upload('k'" ]);
  my @downloads = ([ 'ok', "s3_get_object('k'" ], [ 'ok', "s3_get_object('k', 1, 2" ], [ 'ok', "s3_get_object('k', 1, 0" ], [ 'ok', "s3_head_object('k'" ],
    [ 'ok', "s3_get_large_object('size-9000000'" ]);
  my %of_key = sse('k');
  for ([ 'requester pays', $of_each{'requester pays'} ], [ 'SSE-C', \%of_key ]) {
    my ($kind, $headers) = @$_;
    for (@uploads, @downloads) {
      my ($play, $call) = @$_;
      my @requests = asked($play, $call, $headers);
      ok +@requests, '... asks';
      is_deeply [ map { $_->{name} } grep { !has_signed($_, %$headers) } @requests ], [], "... $kind: with each request";
    }
  }
  my @copy = asked('huge', "s3_copy_object('a', 'k'", { 'x-amz-request-payer' => 'requester' });
  is_deeply [ map { $_->{name} } grep { !has_signed($_, 'x-amz-request-payer' => 'requester') } @copy ], [], '... each of a copy in parts';
};

# ---------------------------------------------------------------- conditions

subtest 'conditions' => sub {
  sql("s3_put_object('cond', 'one')");
  my $etag = sql("etag FROM s3_head_object('cond')");
  is sql("encode(s3_get_object('cond', " . headers('if-match' => qq("$etag")) . "), 'escape')"), 'one', 'if-match';
  my @results = try("SELECT s3_get_object('cond', " . headers('if-match' => '"other"') . ');', "SELECT s3_get_object('cond', " . headers('if-none-match' => qq("$etag")) . ');');
  refused($_, '38000', $_->{sql}) for @results;
};

# ---------------------------------------------------------------- what is refused

subtest 'refused' => sub {
  my @own = map { +{ $_ => 'x' } } qw(host Host authorization content-length x-amz-content-sha256 x-amz-date x-amz-security-token content-md5
    x-amz-checksum-crc32c range transfer-encoding connection x-amz-copy-source expect);
  for my $own (@own) {
    my ($name) = keys %$own;
    refused($_, '22023', "$name: $_->{sql}", message => qr/\Aheader "\L$name\E" is set by the (signer|client)\z/)
      for try(map { "SELECT $_, headers => " . lit($own) . ');' } "s3_put_object('k', 'x'", "s3_get_object('k'", "s3_copy_object('put', 'k'");
  }
  my @useless = ([ "put_object('k', 'x'", 'if-none-match' ], [ "get_object('k'", 'x-amz-storage-class' ], [ "head_object('k'", 'cache-control' ],
    [ "get_large_object('k'", 'x-amz-acl' ], [ "put_object('k', 'x'", 'x-amz-copy-source-if-match' ],
    [ "create_multipart_upload('k'", 'x-amz-metadata-directive' ], [ "put_objects('{k}', '{x}'", 'x-amz-tagging-directive' ]);
  for (@useless) {
    my ($call, $name) = @$_;
    refused((try("SELECT s3_$call, headers => " . lit({ $name => 'x' }) . ');'))[0], '22023', "$call: $name",
      message => qr/\Aheader "$name" has no effect here\z/);
  }
  refused($_, '22023', $_->{sql})
    for try(map({ "SELECT s3_put_object('k', 'x', headers => " . lit($_) . ');' } '["a"]', '{"a": 1}', '{"a b": "x"}', '{"a": "x\u000ay"}', '{"expires": "0", "Expires": "1"}', '{"a": null}'),
      "SELECT s3_put_object('k', 'x', 'text/plain', headers => '{\"content-type\": \"text/html\"}');",
      "SELECT s3_put_object('k', 'x', metadata => '{\"a\": \"1\"}', headers => '{\"x-amz-meta-A\": \"2\"}');",
      "SELECT s3_copy_object('put', 'k', headers => '{\"x-amz-metadata-directive\": \"COPY\", \"x-amz-meta-a\": \"2\"}');");
  refused($_, '54000', 'too much') for try("SELECT s3_put_object('k', 'x', headers => jsonb_build_object('x-thing', repeat('x', 9000)));",
    "SELECT s3_put_object('k', 'x', headers => jsonb_build_object('x-amz-meta-a', repeat('x', 2100)));",
    "SELECT s3_put_object('k', 'x', headers => (SELECT jsonb_object_agg('a' || i, '') FROM generate_series(1, 200000) i));");
  is sql("s3_object_exists('k')"), 'f', 'nothing was written';
};

# ---------------------------------------------------------------- copies

subtest 'copies' => sub {
  sql("s3_copy_object('put', 'copy')");
  my $seen = is_stored('copy', type => 'text/plain');
  is_deeply $seen->{metadata}, seen('put')->{metadata}, 'all as it was';
  sql("s3_copy_object('put', 'copy', " . headers('cache-control' => 'no-store') . ')');
  $seen = is_stored('copy', type => 'text/plain', cache => 'no-store', no_tags => 1);
  is $seen->{metadata}{a}, '1', '... but for one header';
  sql("s3_copy_object('put', 'copy', " . headers('x-amz-meta-b' => '2') . ')');
  $seen = is_stored('copy', type => 'text/plain', no_tags => 1);
  is_deeply $seen->{metadata}, { b => '2' }, '... but for the metadata';
  sql("s3_copy_object('put', 'copy', " . headers('x-amz-tagging' => 'new=1', 'content-type' => 'text/html') . ')');
  $seen = seen('copy');
  is_deeply [ @$seen{qw(type cache)} ], [ 'text/html', 'max-age=60' ], '... but for the type';
  sql("s3_copy_object('put', 'copy', " . headers('x-amz-metadata-directive' => 'REPLACE', 'content-type' => 'text/x-bare') . ')');
  $seen = seen('copy');
  is_deeply [ @$seen{qw(type cache metadata)} ], [ 'text/x-bare', undef, {} ], 'REPLACE: nothing but what is given';
  sql("s3_copy_object('put', 'put', " . headers('cache-control' => 'max-age=1') . ')');
  is_stored('put', type => 'text/plain', cache => 'max-age=1', no_tags => 1);
  refused((try("SELECT s3_copy_object('put', 'copy', " . headers('x-amz-copy-source-if-match' => '"other"') . ');'))[0], '38000', 'a condition on the source');
};

# ---------------------------------------------------------------- copies of more than 5 GiB

subtest 'a copy in parts' => sub {
  $faults->plays('huge');
  is $db->value(@there, "SELECT etag FROM s3_copy_object('movie', 'copy', " . headers('x-amz-storage-class' => 'GLACIER', 'cache-control' => 'no-store') . ');'),
    'a' x 32 . '-1', 'it is done';
  my ($begun) = sent(qr/\APOST .*\?uploads=/);
  is_deeply [ @{ $begun->{headers} }{qw(content-type x-amz-meta-owner x-amz-storage-class cache-control x-amz-tagging)} ],
    [ 'video/mp4', 'somebody', 'GLACIER', 'no-store', 'team=a%20b' ], 'type, metadata, tags and what was given';
  my @parts = sent(qr/partNumber=/);
  is @parts, 48, 'parts of 128 MiB';
  is_deeply [ sort { $a <=> $b } map { $_->{headers}{'x-amz-copy-source-range'} =~ /bytes=(\d+)-/ } @parts ], [ map { $_ << 27 } 0 .. 47 ], '... of the whole object';
  is_deeply [ grep { ($_->{headers}{'x-amz-copy-source-if-match'} // '') ne '"huge"' } @parts ], [], '... and of this very one';
  is scalar(sent(qr/\APUT [^?]*\z/)), 0, 'no CopyObject';
};

subtest 'the source is replaced meanwhile' => sub {
  $faults->plays('huge:30');
  refused(scalar $db->try("@there SELECT s3_copy_object('movie', 'copy');"), '38000', 'refused', message => qr/\Aobject "movie" .* was changed meanwhile/);
  is scalar(sent(qr/\ADELETE .*uploadId=/)), 1, '... and aborted';
  is scalar(sent(qr/\APOST .*uploadId=/)), 0, '... not completed';
};

subtest 'a copy that is cancelled' => sub {
  $faults->plays('huge:0:hang');
  my $session = $db->session(@there);
  $session->run("SET neon_s3.request_timeout = '30s';");
  $session->start("SELECT s3_copy_object('movie', 'copy');");
  ok wait_until(sub { ($db->value('SELECT items_total FROM s3_progress;') // 0) == 48 }), 's3_progress shows its parts';
  ok wait_until(sub { sent(qr/partNumber=/) >= 16 }), '16 at once';
  is $db->value("SELECT operation FROM s3_progress;"), 's3_copy_object', '... and its name';
  $db->do("SELECT pg_cancel_backend($session->{pid});");
  is $session->result->{state}, '57014', 'cancelled';
  is scalar(sent(qr/\ADELETE .*uploadId=/)), 1, '... and aborted';
};

subtest 'a move' => sub {
  $faults->plays('huge');
  is $db->value(@there, "SELECT etag FROM s3_move_object('movie', 'moved');"), 'a' x 32 . '-1', 'in parts';
  is_deeply [ map { $_->{target} } sent(qr/\ADELETE /) ], ['/bucket/movie'], '... then the source is deleted';
};

done_testing;

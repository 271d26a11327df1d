# Objects from SQL: put, get, head, exists, copy, delete, each seen by another client too.
use v5.32;
use warnings;
use utf8;
use Digest::MD5 qw(md5_hex);
use Encode qw(encode);
use FindBin;
use lib $FindBin::Bin;
use NeonS3Test;
use Test::More;

plan skip_all => 'python3-boto3 is not installed' if !has_boto3();

my ($bucket, $other, $versioned) = map { new_bucket("neon-s3-t-$$-$_") } qw(one two versions);
my $db = NeonS3Test->server->new_database;
$db->do('CREATE EXTENSION neon_s3;');

boto3("s3.put_bucket_versioning(Bucket='$versioned', VersioningConfiguration={'Status': 'Enabled'}); print(1)");
NeonS3Test->on_end(sub { boto3(<<"PYTHON") });
while True:
    listed = s3.list_object_versions(Bucket='$versioned')
    found = listed.get('Versions', []) + listed.get('DeleteMarkers', [])
    if not found: break
    s3.delete_objects(Bucket='$versioned', Delete={'Objects': [{'Key': v['Key'], 'VersionId': v['VersionId']} for v in found]})
print(1)
PYTHON

sub sql { my ($expression) = @_; return $db->value(s3_settings($bucket), "SELECT $expression;") }

sub try { my @results = $db->try(s3_settings($bucket), @_); return @results[ -@_ .. -1 ] }

# What boto3 sees: {key => {body (latin 1), type, etag, metadata}}.
sub seen {
  my (@keys) = @_;
  return boto3("keys = json.loads(" . json(json(\@keys)) . ")\n" . <<"PYTHON");
def read(key):
    o = s3.get_object(Bucket='$bucket', Key=key)
    return {'body': o['Body'].read().decode('latin-1'), 'type': o['ContentType'], 'etag': o['ETag'].strip('"'), 'metadata': o['Metadata'],
            'modified': int(o['LastModified'].timestamp())}
print(json.dumps(dict(zip(keys, ThreadPoolExecutor(8).map(read, keys)))))
PYTHON
}

sub bytes_literal { return "'\\x" . unpack('H*', $_[0]) . "'::bytea" }

# ---------------------------------------------------------------- bodies

my %bodies = (empty => '', byte => "\0", all => join('', map { chr } 0 .. 255) x 40, text => encode('utf8', "Größe 日本語 😀\r\n"),
  mebibyte => pack('N*', map { $_ * 2654435761 % 2**32 } 1 .. 1 << 18));

subtest 'bodies, both ways' => sub {
  for my $name (sort keys %bodies) {
    my $put = from_json($db->value(s3_settings($bucket), "SELECT to_json(p) FROM s3_put_object('$name', "
        . bytes_literal($bodies{$name}) . ", 'text/x-$name; charset=utf-8') p;"));
    is_deeply $put, { etag => md5_hex($bodies{$name}), version_id => undef }, "$name: etag and version_id";
    is sql("encode(sha256(s3_get_object('$name')), 'hex')"),
      sql("encode(sha256(" . bytes_literal($bodies{$name}) . "), 'hex')"), '... s3_get_object';
  }
  my $seen = seen(sort keys %bodies);
  for my $name (sort keys %bodies) {
    ok $seen->{$name}{body} eq $bodies{$name}, "$name: boto3 reads the same";
    is $seen->{$name}{type}, "text/x-$name; charset=utf-8", '... of that type';
  }
  boto3(join('', map { "s3.put_object(Bucket='$bucket', Key='boto3/$_', Body=bytes.fromhex('" . unpack('H*', $bodies{$_})
    . "'))\n" } sort keys %bodies)
      . 'print(1)');
  is sql("md5(s3_get_object('boto3/$_'))"), md5_hex($bodies{$_}), "$_: what boto3 wrote" for sort keys %bodies;
};

# ---------------------------------------------------------------- ranges

subtest 'ranges' => sub {
  sql("s3_put_object('digits', '0123456789')");
  my %ranges = ('range_start => 0, range_length => 1' => '0', 'range_start => 3, range_length => 4' => '3456', 'range_start => 7' => '789',
    'range_start => 9, range_length => 1' => '9', 'range_start => 5, range_length => 9223372036854775807' => '56789',
    'range_start => 0' => '0123456789',
    'range_start => 8, range_length => 1000' => '89');
  is sql("encode(s3_get_object('digits', $_), 'escape')"), $ranges{$_}, $_ for sort keys %ranges;
  my @bad = try(map { "SELECT s3_get_object('digits', $_);" } 'range_start => -1', 'range_start => 0, range_length => -1',
    'range_start => 9223372036854775807, range_length => 9223372036854775807', 'range_start => 10',
    "range_start => 1000, range_length => 5");
  refused($_, '22023', $_->{sql}) for @bad[ 0, 1 ];
  refused($_, '38000', $_->{sql}, detail => qr/416/) for @bad[ 2 .. 4 ];
};

# ---------------------------------------------------------------- head

my $head = 'SELECT to_json(h) FROM s3_head_object(%s) h;';

subtest 'head and metadata' => sub {
  my %metadata = (plain => 'a b', 'with-dash' => 'x=1; y="2"', umlaut => 'Größe', emoji => '日本語 😀', empty => '',
    number => '42', percent => '%C3%BC');
  sql("s3_put_object('meta', 'hello', 'text/plain', metadata => " . lit(\%metadata) . ')');
  my $got = from_json($db->value(s3_settings($bucket), sprintf $head, "'meta'"));
  my $seen = seen('meta')->{meta};
  is_deeply [ @$got{qw(key size etag content_type version_id)} ], [ 'meta', 5, md5_hex('hello'), 'text/plain', undef ], 'what was put';
  is sql("extract(epoch FROM " . lit($got->{last_modified}) . "::timestamptz)::bigint"), $seen->{modified}, 'last_modified';
  is $got->{storage_class} // 'STANDARD', 'STANDARD', 'storage_class';
  is $got->{metadata}{$_}, $metadata{$_}, "metadata: $_" for sort keys %metadata;
  is_deeply [ sort keys %{ $got->{metadata} } ], [ sort keys %metadata ], 'no other metadata';
  is $seen->{metadata}{$_}, $metadata{$_}, "boto3 sees the same: $_" for qw(plain with-dash number percent);

  sql("s3_put_object('bare', '')");
  $got = from_json($db->value(s3_settings($bucket), sprintf $head, "'bare'"));
  is_deeply [ @$got{qw(key size etag)} ], [ 'bare', 0, md5_hex('') ], 'an empty object without metadata';
  is_deeply $got->{metadata} // {}, {}, '... has none';

  boto3("s3.put_object(Bucket='$bucket', Key='theirs', Body=b'123', ContentType='image/png', Metadata={'Owner': 'user 1', 'x': '=?UTF-8?B?R3LDtsOfZQ==?='}); print(1)");
  $got = from_json($db->value(s3_settings($bucket), sprintf $head, "'theirs'"));
  is_deeply [ @$got{qw(size content_type)}, $got->{metadata}{owner} ], [ 3, 'image/png', 'user 1' ], "boto3's metadata";
};

subtest 'metadata that is refused' => sub {
  my @bad = map { lit($_) } '[]', '"x"', '{"a": 1}', '{"a": null}', '{"a b": "x"}', '{"": "x"}', '{"a\u000d\u000ab": "x"}',
    '{"a": "x\u000d\u000ay: z"}',
    '{"a": "x\u0001"}', '{"a:b": "x"}', '{"é": "x"}';
  my @results = try(map({ "SELECT s3_put_object('bad', 'x', metadata => $_);" } @bad),
    "SELECT s3_put_object('bad', 'x', E'text/plain\\r\\nx-amz-acl: public-read');",
    "SELECT s3_object_exists('bad');");
  is((pop @results)->{out}, 'f', 'nothing was written');
  refused($_, '22023', $_->{sql} =~ s/[\r\n]/ /gr) for @results;
};

# ---------------------------------------------------------------- awkward keys

subtest 'awkward keys' => sub {
  my @keys = awkward_keys();
  my $n = 0;
  my $list = '(VALUES ' . join(",\n", map { '(' . $n++ . ', ' . lit($_) . '::text)' } @keys) . ') k(n, key)';
  my @call = (s3_settings($bucket), "SET neon_s3.bucket = '$other';");
  my @all = map { $_->[0] } $db->rows(@call,
    "SELECT p.etag = md5('object ' || n) FROM $list, s3_put_object(key, convert_to('object ' || n, 'UTF8')) p ORDER BY n;");
  is_deeply \@all, [ ('t') x @keys ], 's3_put_object: ' . @keys . ' keys';
  is_deeply [ sort(s3_keys($other)) ], [ sort @keys ], '... the bucket has exactly these';
  is $db->value(@call, "SELECT count(*) FROM $list, s3_head_object(k.key) h WHERE (h.key, h.size, h.etag) = (k.key, length('object ' || n)::bigint, md5('object ' || n));"),
    scalar @keys, 's3_head_object finds each';
  is $db->value(@call, "SELECT count(*) FROM $list WHERE convert_from(s3_get_object(key), 'UTF8') = 'object ' || n AND s3_object_exists(key);"), scalar @keys,
    's3_get_object and s3_object_exists, too';
  boto3("bucket = '$other'\nkeys = json.loads(" . json(json(\@keys)) . ")\n" . <<'PYTHON');
write = lambda n: s3.put_object(Bucket=bucket, Key=keys[n], Body=b'boto3 %d' % n)
print(len(list(ThreadPoolExecutor(8).map(write, range(len(keys))))))
PYTHON
  is $db->value(@call, "SELECT count(*) FROM $list WHERE convert_from(s3_get_object(key), 'UTF8') = 'boto3 ' || n;"),
  scalar @keys, 'what boto3 wrote';
  my $copied = $db->value(s3_settings($bucket),
    "SELECT count(*) FROM $list, s3_copy_object(key, 'c' || n, source_bucket => '$other') c WHERE c.etag = md5('boto3 ' || n);");
  is $copied, scalar @keys, 's3_copy_object from each';
  $copied = $db->value(@call, "SELECT count(*) FROM $list, s3_copy_object('c' || n, key, source_bucket => '$bucket') c WHERE c.etag = md5('boto3 ' || n);");
  is $copied, scalar @keys, '... and to each';
  is $db->value(@call, "SELECT count(s3_delete_object(key)::text) FROM $list;"), scalar @keys, 's3_delete_object';
  is_deeply [ s3_keys($other) ], [], '... deletes all';
  is $db->value(@call, "SELECT count(*) FROM $list WHERE s3_object_exists(key);"), 0, '... and none exists';
};

for ([ LATIN1 => 'Größe é' ], [ EUC_JP => '日本語' ]) {
  my ($encoding, $name) = @$_;
  subtest "a database in $encoding" => sub {
    my $latin = NeonS3Test->server->new_database("neon_s3_t_$$ $encoding", encoding => $encoding);
    $latin->do('CREATE EXTENSION neon_s3;');
    my $key = lit("$encoding/$name");
    $latin->do(s3_settings($bucket), "SELECT s3_put_object($key, 'x', metadata => " . lit({ name => $name }) . ');');
    is scalar(grep { $_ eq "$encoding/$name" } s3_keys($bucket)), 1, 'the key is UTF-8 in the bucket';
    is $latin->value(s3_settings($bucket), "SELECT metadata ->> 'name' FROM s3_head_object($key);"), $name, 'metadata';
    boto3("s3.put_object(Bucket='$bucket', Key='$encoding/\\U0001f600', Body=b'y'); print(1)");
    refused(scalar $latin->try("@{[s3_settings($bucket)]} SELECT count(*) FROM s3_list_objects('$encoding/');"), '22021',
      'a key that it cannot represent');
  };
}

# ---------------------------------------------------------------- copies

subtest 'copies' => sub {
  my $copy = from_json($db->value(s3_settings($bucket), "SELECT to_json(c) FROM s3_copy_object('meta', 'copies/meta') c;"));
  is_deeply $copy, { etag => md5_hex('hello'), version_id => undef }, 'etag and version_id';
  my $seen = seen('meta', 'copies/meta');
  is_deeply [ @{ $seen->{'copies/meta'} }{qw(body type metadata)} ], [ @{ $seen->{meta} }{qw(body type metadata)} ],
    'type and metadata go along';
  sql("s3_copy_object('meta', 'meta', bucket => '$other', source_bucket => '$bucket')");
  is sql("encode(s3_get_object('meta', bucket => '$other'), 'escape')"), 'hello', 'into another bucket';
  my @bad = try("SELECT s3_copy_object('none', 'x');", "SELECT s3_copy_object('meta', 'x', source_bucket => 'neon-s3-no-such-bucket');",
    "SELECT s3_copy_object('meta', 'x', bucket => 'neon-s3-no-such-bucket');");
  refused($_, 'P0002', $_->{sql}) for @bad;
  refused($_, '22023', $_->{sql}) for try("SELECT s3_copy_object('', 'x');", "SELECT s3_copy_object('a/../b', 'x');",
    "SELECT s3_copy_object('x', '');",
    "SELECT s3_copy_object('x', 'y', source_bucket => 'a/b');");
};

# ---------------------------------------------------------------- connections

# With faults.t, which asks a server that keeps all connections: a real one, whose replies to HEAD, PUT and
# DELETE end in ways of their own.
subtest 'one connection for all requests, and it is kept' => sub {
  plan skip_all => 'no /proc/net/tcp' if !-r '/proc/net/tcp';
  my ($port) = $ENV{S3_ENDPOINT} =~ /:(\d+)/;
  my $session = $db->session(s3_settings($bucket));
  my %seen;
  for my $round (1 .. 5) {
    for my $call ("s3_put_object('kept', 'hello')", "s3_head_object('kept')", "s3_object_exists('nothing')",
      "s3_get_object('kept')", "s3_get_object('kept', 1, 2)", "s3_list_objects(max_keys => 1)",
      "s3_copy_object('kept', 'copied')", "s3_delete_object('kept')", "s3_delete_object('copied')") {
      is $session->run("SELECT count(*) FROM $call;")->{out}, 1, $call;
      my @now = $session->connections($port);
      is @now, 1, '... leaves one connection open';
      $seen{$_} = 1 for @now;
    }
  }
  is keys %seen, 1, '... the same for all requests';
};

# ---------------------------------------------------------------- overwrite

subtest 'overwrite => false' => sub {
  sql("s3_put_object('once', 'first')");
  my ($result) = try("SELECT s3_put_object('once', 'second', overwrite => false);");
SKIP: {
    skip 'this S3 server does not know if-none-match on PUT', 3 if $result->{state} eq '00000';
    refused($result, '38000', 'an object is there', detail => qr/PreconditionFailed.*412/);
    is sql("encode(s3_get_object('once'), 'escape')"), 'first', '... and stays as it was';
    is((try("SELECT s3_put_object('fresh', 'x', overwrite => false);"))[0]{state}, '00000', 'none is there');
  }
  sql("s3_put_object('once', 'second')");
  is sql("encode(s3_get_object('once'), 'escape')"), 'second', 'by default an object is replaced';
};

# ---------------------------------------------------------------- what is missing

subtest 'missing' => sub {
  my $no_bucket = "bucket => 'neon-s3-no-such-bucket'";
  refused($_, 'P0002', $_->{sql}, message => qr/nothing|no-such-bucket/)
    for try("SELECT s3_get_object('nothing');", "SELECT * FROM s3_head_object('nothing');",
    "SELECT s3_get_object('nothing', $no_bucket);", "SELECT * FROM s3_head_object('nothing', $no_bucket);",
    "SELECT s3_put_object('nothing', 'x', $no_bucket);",
    "SELECT s3_get_object('nothing', range_start => 5);", "SELECT s3_get_large_object('nothing');");
  is sql("s3_object_exists('nothing')"), 'f', 's3_object_exists';
  my ($deleted) = try("SELECT s3_delete_object('nothing');");
  is $deleted->{state}, '00000', 's3_delete_object';
};

subtest 'NULL' => sub {
  is sql($_), 't', $_ for "s3_get_object(NULL) IS NULL", "s3_object_exists(NULL) IS NULL",
    "s3_put_object(NULL, 'x') IS NULL", "s3_copy_object(NULL, 'x') IS NULL",
    "s3_copy_object('meta', NULL) IS NULL", "NOT EXISTS (SELECT FROM s3_head_object(NULL) h WHERE h IS NOT NULL)",
    "s3_delete_object(NULL) IS NULL";
  is sql("count(*) FROM s3_head_objects(NULL)"), 0, 's3_head_objects(NULL)';
};

# ---------------------------------------------------------------- versions

subtest 'versions' => sub {
  my @call = (s3_settings($versioned));
  my ($first, $second) = map { $db->value(@call, "SELECT version_id FROM s3_put_object('v', '$_');") } 'one', 'two!';
  ok length $first && length $second && $first ne $second, 'each put has its version_id';
  # Ceph does not tell a copy's version.
  $db->do(@call, "SELECT s3_copy_object('v', 'copy');");
  ok length $db->value(@call, "SELECT version_id FROM s3_head_object('copy');"), '... and each copy';
  is $db->value(@call, "SELECT encode(s3_get_object('v', version_id => '$first'), 'escape') || encode(s3_get_object('v'), 'escape')"
      . " || encode(s3_get_object('v', 1, 1, '$first'), 'escape');"), 'onetwo!n', 's3_get_object';
  is_deeply [ $db->row(@call, "SELECT a.size, a.version_id, b.size, b.version_id FROM s3_head_object('v', '$first') a, s3_head_object('v') b;") ],
    [ 3, $first, 4, $second ], 's3_head_object';
  $db->do(@call, "SELECT s3_delete_object('v');");
  my @results = $db->try(@call, "SELECT s3_get_object('v');", "SELECT s3_object_exists('v');",
    "SELECT encode(s3_get_object('v', version_id => '$second'), 'escape');");
  refused($results[-3], 'P0002', 'deleted');
  is $results[-2]{out}, 'f', '... does not exist';
  is $results[-1]{out}, 'two!', '... but its versions do';
  $db->do(@call, "SELECT s3_delete_object('v', '$second');");
  my $left = boto3("print(json.dumps([v['VersionId'] for v in s3.list_object_versions(Bucket='$versioned', Prefix='v')['Versions']]))");
  is_deeply $left, [$first], 's3_delete_object of a version';
  refused(scalar $db->try("@call SELECT s3_get_object('v', version_id => '$second');"), 'P0002', '... is gone');
};

# ---------------------------------------------------------------- what else there is

subtest 'arguments' => sub {
  refused($_, '22023', $_->{sql}) for try(map { ("SELECT s3_get_object($_);", "SELECT s3_put_object($_, 'x');",
    "SELECT s3_head_object($_);", "SELECT s3_delete_object($_);",
      "SELECT s3_object_exists($_);") } "''", "'a/../b'", "repeat('x', 1025)");
  refused($_, '22023', $_->{sql}, message => qr/bucket/) for try("SET neon_s3.bucket = ''; SELECT s3_get_object('k');",
    "SELECT s3_get_object('k', bucket => 'a/b');");
  refused((try("SELECT s3_get_object('k', server => 'none');"))[0], '42704', 'no such server');
};

subtest 'a named server' => sub {
  $db->do("CREATE SERVER rgw FOREIGN DATA WRAPPER neon_s3 OPTIONS (endpoint '$ENV{S3_ENDPOINT}', bucket '$bucket', region '$ENV{S3_REGION}');",
    "CREATE USER MAPPING FOR PUBLIC SERVER rgw OPTIONS (access_key_id '$ENV{S3_ACCESS_KEY_ID}', secret_access_key '$ENV{S3_SECRET_ACCESS_KEY}');");
  is $db->value("SELECT encode(s3_get_object('digits', server => 'rgw'), 'escape');"), '0123456789', 'reads';
  is $db->value("SET neon_s3.server = 'rgw'; SELECT etag FROM s3_put_object('by server', 'x');"), md5_hex('x'), 'writes';
  my $role = NeonS3Test->server->new_role("neon_s3_t_$$ reader");
  $db->do('GRANT EXECUTE ON FUNCTION s3_get_object, s3_put_object TO ' . ident($role) . ';');
  my $as = 'SET SESSION AUTHORIZATION ' . ident($role) . ';';
  refused(scalar $db->try("$as SELECT s3_get_object('digits', server => 'rgw');"), '42501', 'without USAGE');
  $db->do('GRANT USAGE ON FOREIGN SERVER rgw TO ' . ident($role) . ';');
  is $db->value($as, "SELECT encode(s3_get_object('digits', server => 'rgw'), 'escape');"), '0123456789', 'with it';
};

done_testing;

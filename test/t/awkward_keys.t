# Objects with awkward names, up and down through curl, and seen by another client.
use v5.32;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use NeonS3Test qw(:DEFAULT shown);
use Test::More;

my @keys = awkward_keys();
my $bucket = new_bucket();
my $server = NeonS3Test->server;
my $db = $server->new_database;
$db->do('CREATE EXTENSION neon_s3;');

my $n = 0;
my $list = join ",\n", map { '(' . $n++ . ', ' . lit($_) . '::text)' } @keys;
my @urls = $db->rows(s3_settings($bucket),
  "SELECT n, s3_presign_put(key, 'a/b'), s3_presign_get(key), s3_public_url(key) FROM (VALUES $list) k(n, key) ORDER BY n;");
is @urls, @keys, scalar(@keys) . ' keys';

for (@urls) {
  my ($number, $put, $get, $public) = @$_;
  my ($key, $body) = ($keys[$number], "object $number");
  my $up = curl('PUT', $put, headers => { 'content-type' => 'a/b' }, body => $body);
  my $down = curl('GET', $get);
  is "$up->{status}, $down->{status}, $down->{body}", "200, 200, $body", 'PUT and GET: ' . shown($key);
  is $public, $get =~ s/\?.*//r, '... and its public URL' if $get !~ /\A\Q$public\E\?/;
}

is_deeply [ sort(s3_keys($bucket)) ], [ sort @keys ], 'the bucket has exactly these keys';

SKIP: {
  skip 'python3-boto3 is not installed', 4 if !has_boto3();
  my $seen = boto3("bucket = '$bucket'\n" . <<'PYTHON');
keys = [o['Key'] for o in s3.list_objects_v2(Bucket=bucket)['Contents']]
read = lambda key: s3.get_object(Bucket=bucket, Key=key)['Body'].read().decode()
print(json.dumps(dict(zip(keys, ThreadPoolExecutor(8).map(read, keys)))))
PYTHON
  is_deeply [ sort keys %$seen ], [ sort @keys ], 'boto3 lists exactly these keys';
  is_deeply $seen, { map { $keys[$_] => "object $_" } 0 .. $#keys }, '... and reads each object';

  boto3("bucket = '$bucket'\nkeys = json.loads(" . json(json(\@keys)) . ")\n" . <<'PYTHON');
write = lambda n: s3.put_object(Bucket=bucket, Key=keys[n], Body=b'boto3 %d' % n)
print(len(list(ThreadPoolExecutor(8).map(write, range(len(keys))))))
PYTHON
  my @wrong = grep { curl('GET', $urls[$_][2])->{body} ne "boto3 $_" } 0 .. $#keys;
  is_deeply [ map { shown($keys[$_]) } @wrong ], [], "the same URLs read what boto3 wrote";
}

# ---------------------------------------------------------------- databases in another encoding

for ([ LATIN1 => 'Größe é.txt' ], [ EUC_JP => '日本語 .txt' ], [ SQL_ASCII => '日本é😀.txt' ]) {
  my ($encoding, $name) = @$_;
  my $other = $server->new_database("neon_s3_t_$$ $encoding", encoding => $encoding);
  $other->do('CREATE EXTENSION neon_s3;');
  my @row = $other->row(s3_settings($bucket), 'SELECT u.presigned_url, u.object_key, s3_presign_get(u.object_key)'
      . ' FROM s3_presign_upload(' . lit($name) . ", 'text/x') u;");
  is $row[1] =~ s/\A[0-9a-f-]{36}-//r, $name, "$encoding: object_key";
  is curl('PUT', $row[0], headers => { 'content-type' => 'text/x' }, body => $encoding)->{status}, 200, '... PUT';
  is curl('GET', $row[2])->{body}, $encoding, '... GET';
  is scalar(grep { $_ eq $row[1] } s3_keys($bucket)), 1, '... the key is UTF-8 in the bucket';
}

done_testing;

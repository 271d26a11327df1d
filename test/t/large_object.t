# Objects and large objects: contents of any size pass through bounded memory.
use v5.32;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use NeonS3Test;
use Test::More;

plan skip_all => 'python3-boto3 is not installed' if !has_boto3();

my $MiB = 1 << 20;
my $bucket = new_bucket();
my $db = NeonS3Test->server->new_database;
$db->do('CREATE EXTENSION neon_s3;', <<'SQL');
-- A large object whose content repeats, but not in step with any buffer; and the hash of one, read piece by piece.
CREATE FUNCTION make_lo(size bigint) RETURNS oid LANGUAGE plpgsql AS $$
DECLARE
  lo oid := lo_create(0);
  piece bytea := (SELECT string_agg(sha256(n::text::bytea), '' ORDER BY n) FROM generate_series(1, 32771) n);
BEGIN
  FOR at IN 0 .. (size - 1) / length(piece) LOOP
    PERFORM lo_put(lo, at * length(piece), substr(piece, 1, least(length(piece), size - at * length(piece))::int));
  END LOOP;
  RETURN lo;
END $$;
CREATE FUNCTION hash_lo(lo oid) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  at bigint := 0;
  piece bytea;
  hash bytea := '';
BEGIN
  LOOP
    piece := lo_get(lo, at, 1048576);
    hash := sha256(hash || sha256(piece));
    EXIT WHEN length(piece) < 1048576;
    at := at + length(piece);
  END LOOP;
  RETURN at + length(piece) || ' ' || encode(hash, 'hex');
END $$;
SQL

sub sql { my ($expression) = @_; return $db->value(s3_settings($bucket), "SELECT $expression;") }

# The same hash of an object, by boto3.
sub seen { return boto3(<<"PYTHON") }
import hashlib
total, last = 0, b''
body = s3.get_object(Bucket='$bucket', Key=${\ json($_[0])})['Body']
while True:
    piece = body.read(1048576)
    last = hashlib.sha256(last + hashlib.sha256(piece).digest()).digest()
    total += len(piece)
    if len(piece) < 1048576: break
print(json.dumps(f'{total} {last.hex()}'))
PYTHON

for my $size (0, 1, 2048, 5 * $MiB, 5 * $MiB + 1, 60 * $MiB + 12345) {
  subtest "$size bytes" => sub {
    my $lo = sql("make_lo($size)");
    my $hash = sql("hash_lo($lo)");
    like $hash, qr/^$size /, 'a large object';
    my ($etag, $version) = $db->row(s3_settings($bucket),
      "SELECT etag, version_id IS NULL FROM s3_put_large_object('lo/$size', $lo, 'video/mp4', '{\"owner\": \"Größe\"}');");
    like $etag, qr/\A[0-9a-f]{32}(-\d+)?\z/, 'is put';
    is $version, 't', '... no version';
    is seen("lo/$size"), $hash, '... boto3 reads the same';
    is_deeply [ $db->row(s3_settings($bucket), "SELECT size, etag, content_type, metadata ->> 'owner' FROM s3_head_object('lo/$size');") ],
      [ $size, $etag, 'video/mp4', 'Größe' ], '... size, etag, type, metadata';
    my $new = sql("s3_get_large_object('lo/$size')");
    isnt $new, $lo, 's3_get_large_object makes a new one';
    is sql("hash_lo($new)"), $hash, '... that is the same';
    $db->do("SELECT lo_unlink(oid) FROM pg_largeobject_metadata;");
  };
}

subtest 'into one that is there' => sub {
  my $lo = sql("make_lo(3000000)");
  sql("s3_put_object('small', 'hello')");
  is sql("s3_get_large_object('small', $lo)"), $lo, 'its oid is the result';
  is sql("encode(lo_get($lo), 'escape')"), 'hello', 'nothing is left of what it had';
  my @results = $db->try(s3_settings($bucket), 'BEGIN;', "SELECT s3_get_large_object('lo/2048', $lo);", 'ROLLBACK;',
    "SELECT encode(lo_get($lo), 'escape');",
    "SELECT s3_get_large_object('none', $lo);", "SELECT encode(lo_get($lo), 'escape');");
  is $results[-3]{out}, 'hello', 'a rollback takes it back';
  refused($results[-2], 'P0002', 'no such object');
  is $results[-1]{out}, 'hello', '... and it stays as it was';
  $db->do("SELECT lo_unlink($lo);");
};

subtest 'boto3 wrote it' => sub {
  boto3("s3.put_object(Bucket='$bucket', Key='theirs', Body=bytes(n * n % 251 for n in range(3 * 1048576 + 7))); print(1)");
  my $lo = sql("s3_get_large_object('theirs')");
  is sql("hash_lo($lo)"), seen('theirs'), 'the same';
};

subtest 'refusals' => sub {
  my $role = NeonS3Test->server->new_role("neon_s3_t_$$ nobody");
  my $lo = sql('make_lo(10)');
  $db->do('GRANT EXECUTE ON FUNCTION s3_put_large_object, s3_get_large_object TO ' . ident($role) . ';');
  my $as = 'SET SESSION AUTHORIZATION ' . ident($role) . ';';
  my @results = $db->try(s3_settings($bucket), "SELECT s3_put_large_object('x', 4000000000);",
    "SELECT s3_get_large_object('small', 4000000000);",
    "SELECT s3_put_large_object('theirs', $lo, overwrite => false);", "SELECT s3_put_large_object(NULL, $lo) IS NULL;",
    "SELECT s3_get_large_object(NULL) IS NULL;", $as, "SELECT s3_put_large_object('x', $lo);", "SELECT s3_get_large_object('small', $lo);");
  refused($_, '42704', $_->{sql}) for @results[ -8, -7 ];
SKIP: {
    skip 'this S3 server does not know if-none-match', 1 if $results[-6]{state} eq '00000';
    refused($results[-6], '38000', 'overwrite => false', detail => qr/412/);
  }
  is $results[$_]{out}, 't', $results[$_]{sql} for -5, -4;
  refused($_, '42501', "somebody else's: $_->{sql}") for @results[ -2, -1 ];
  is sql("encode(lo_get($lo), 'hex')"), sql("encode(substr(sha256('1'), 1, 10), 'hex')"), 'it is as it was';
  is sql("s3_object_exists('x')"), 'f', 'nothing was written';
};

SKIP: {
  skip 'no /proc', 1 if !-r "/proc/$$/status";
  subtest 'memory is bounded' => sub {
    for my $size (40 * $MiB, 160 * $MiB) {
      my $lo = sql("make_lo($size)");
      my $session = $db->session(s3_settings($bucket), "SELECT s3_object_exists('x');");
      my $before = $session->peak_memory;
      is $session->run("SELECT count(*) FROM s3_put_large_object('memory', $lo);")->{state}, '00000', "$size bytes: put";
      my $put = $session->peak_memory;
      cmp_ok $put - $before, '<', 64 * $MiB, '... takes less than 64 MiB, of which 32 are the parts under way';
      is $session->run("SELECT s3_get_large_object('memory', $lo);")->{out}, $lo, '... get';
      cmp_ok $session->peak_memory - $before, '<', 64 * $MiB, '... takes less than 64 MiB, of which 32 are the parts under way';
      $session->close;
      $db->do("SELECT lo_unlink($lo);");
    }
  };
}

done_testing;

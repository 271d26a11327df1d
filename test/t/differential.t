# Random requests, signed in one session and compared with what Debian's botocore makes of them.
#
# DIFFERENTIAL_CASES says how many (3000), DIFFERENTIAL_SEED which (3).
use v5.32;
use warnings;
use utf8;
use File::Temp qw(tempdir);
use FindBin;
use lib $FindBin::Bin;
use NeonS3Test;
use Test::More;
use Time::HiRes qw(time);

plan skip_all => 'python3-boto3 is not installed' if !has_boto3();

my $cases = $ENV{DIFFERENTIAL_CASES} // 3000;
my $seed = $ENV{DIFFERENTIAL_SEED} // 3;
my $dir = tempdir('neon_s3-differential.XXXXXX', TMPDIR => 1, CLEANUP => 1);
my @python = ('/usr/bin/python3', repo_dir() . '/test/differential.py');

sub python {
  my ($status, $out, $err) = run_program([ @python, @_ ], undef, { PYTHONIOENCODING => 'utf-8' });
  die "differential.py failed: $err" if $status;
  return $out;
}

my $sign_all = <<'SQL';
CREATE TEMP TABLE result (n int, state text, url text, fields jsonb);
DO $$
DECLARE
  c jsonb; post record; url text; fields jsonb; state text;
  key text; expires_in interval; bucket text; query jsonb; headers jsonb; signed_at timestamptz;
BEGIN
  FOR c IN SELECT j FROM request LOOP
    PERFORM set_config('neon_s3.' || s.name, s.value, false) FROM (VALUES
      ('endpoint', c->>'endpoint'), ('public_endpoint', c->>'public_endpoint'), ('addressing_style', c->>'addressing_style'),
      ('region', c->>'region'), ('access_key_id', c->>'access_key'), ('secret_access_key', c->>'secret_key'),
      ('session_token', c->>'session_token')) s(name, value);
    key := c->>'key'; expires_in := make_interval(secs => (c->>'expires_s')::int); bucket := c->>'bucket';
    query := c->'query'; headers := c->'headers'; signed_at := (c->>'signed_at')::timestamptz;
    url := NULL; fields := NULL; state := '00000';
    BEGIN
      CASE c->>'op'
        WHEN 'get' THEN
          url := s3_presign_get(key, expires_in, version_id => c->>'version_id', bucket => bucket, query => query, headers => headers, signed_at => signed_at);
        WHEN 'head' THEN
          url := s3_presign_head(key, expires_in, version_id => c->>'version_id', bucket => bucket, query => query, headers => headers, signed_at => signed_at);
        WHEN 'delete' THEN
          url := s3_presign_delete(key, expires_in, version_id => c->>'version_id', bucket => bucket, query => query, headers => headers, signed_at => signed_at);
        WHEN 'put' THEN
          url := s3_presign_put(key, c->>'content_type', expires_in, content_length => (c->>'content_length')::bigint,
            checksum_sha256 => decode(c->>'checksum_sha256', 'hex'), overwrite => coalesce((c->>'overwrite')::boolean, true),
            bucket => bucket, query => query, headers => headers, signed_at => signed_at);
        WHEN 'part' THEN
          url := s3_presign_upload_part(key, c->>'upload_id', (c->>'part_number')::int, expires_in, bucket => bucket, query => query,
            headers => headers, signed_at => signed_at);
        WHEN 'post' THEN
          SELECT * INTO post FROM s3_presign_post(key, expires_in, fields => c->'fields', conditions => c->'conditions',
            bucket => bucket, signed_at => signed_at);
          url := post.url; fields := post.fields;
        ELSE
          url := s3_presign(CASE WHEN (c->>'n')::int % 2 = 0 THEN c->>'method' ELSE lower(c->>'method') END, key, expires_in,
            bucket => bucket, query => query, headers => headers, signed_at => signed_at);
      END CASE;
    EXCEPTION WHEN OTHERS THEN
      state := SQLSTATE || ' ' || SQLERRM;
    END;
    INSERT INTO result VALUES ((c->>'n')::int, state, url, fields);
  END LOOP;
END $$;
SQL

# One run: {counts, features, left_over, different, first}. $spoil may change the results before they are compared.
sub compare {
  my ($seed, $count, $spoil) = @_;
  my $db = NeonS3Test->server->new_database("neon_s3_t_diff_$$");
  my $csv = "(FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')";
  my $start = time;
  python('write', $seed, $count, "$dir/cases");
  my $written = time;
  $db->do('CREATE EXTENSION neon_s3;', 'CREATE TEMP TABLE request (j jsonb);', "\\copy request FROM '$dir/cases' $csv",
    $sign_all, $spoil // '', "\\copy (SELECT to_jsonb(r) FROM result r ORDER BY n) TO '$dir/results' $csv");
  my $signed = time;
  my $report = from_json(python('compare', "$dir/cases", "$dir/results"));
  note sprintf '%d requests of seed %d: written in %.1f s, signed in %.1f s, compared in %.1f s', $count, $seed,
    $written - $start, $signed - $written, time - $signed;
  return $report;
}

my $report = compare($seed, $cases);
my %counts = %{ $report->{counts} };
is eval { $counts{signer} + $counts{client} + $counts{post} }, $cases, 'random requests compared with botocore: '
  . join ', ', map { "$counts{$_} $_" } sort keys %counts;
is $report->{left_over}, 0, '... no result is left over';
is $report->{different}, 0, '... 0 differences' or diag explain $report->{first};

my @features = ('session token', 'IPv6', 'port', 'base path', 'AWS without endpoint', 'China', 'dualstack', 'headers', 'query', 'no key',
  'not ASCII', 'controls', 'long key', 'double slash', 'percent', 'public_endpoint', (map { "style $_" } qw(auto path virtual)),
  map { "op $_" } qw(any get head delete put part post));
cmp_ok $report->{features}{$_} // 0, '>', 0, "... among them: $_ (" . ($report->{features}{$_} // 0) . ')' for @features;

# The comparison notices one byte.
my $spoilt = compare($seed + 1, 60, <<'SQL');
UPDATE result SET url = regexp_replace(url, '.$', 'g') WHERE n = (SELECT min(n) FROM result WHERE fields IS NULL);
UPDATE result SET fields = jsonb_set(fields, '{policy}', to_jsonb(encode(convert_to(
  replace(convert_from(decode(fields->>'policy', 'base64'), 'UTF8'), '"bucket": "', '"bucket": "x'), 'UTF8'), 'base64')))
  WHERE n = (SELECT min(n) FROM result WHERE fields IS NOT NULL);
DELETE FROM result WHERE n = (SELECT max(n) FROM result WHERE fields IS NULL);
SQL
my %seen = map { $_->{what} => 1 } @{ $spoilt->{first} };
cmp_ok $spoilt->{different}, '>=', 3, 'spoilt results are noticed';
ok $seen{url} && $seen{fields}, '... of URLs and of forms';

done_testing;

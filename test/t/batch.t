# Many objects in one call: s3_head_objects and s3_delete_objects, of none, one and 2,500 keys.
use v5.32;
use warnings;
use utf8;
use Digest::MD5 qw(md5_hex);
use FindBin;
use lib $FindBin::Bin;
use NeonS3Test;
use Test::More;

plan skip_all => 'python3-boto3 is not installed' if !has_boto3();

my $bucket = new_bucket();
my $db = NeonS3Test->server->new_database;
$db->do('CREATE EXTENSION neon_s3;');

sub value { return $db->value(s3_settings($bucket), @_) }
sub array { return 'ARRAY[' . join(', ', map { lit($_) } @_) . ']::text[]' }

# Keys of the bucket, written by boto3: NAME => content.
sub write_objects {
  my (%objects) = @_;
  boto3("objects = json.loads(" . json(json(\%objects)) . ")\n" . <<"PYTHON");
write = lambda kv: s3.put_object(Bucket='$bucket', Key=kv[0], Body=str(kv[1]).encode(), ContentType='text/x-batch')
print(len(list(ThreadPoolExecutor(16).map(write, objects.items()))))
PYTHON
}

sub listed { return boto3(<<"PYTHON") }
pages = s3.get_paginator('list_objects_v2').paginate(Bucket='$bucket')
print(json.dumps([o['Key'] for page in pages for o in page.get('Contents', [])]))
PYTHON

my $many = "(SELECT array_agg('many/' || to_char(n, 'FM0000') ORDER BY n * 7919 % 2500) FROM generate_series(0, 2499) n)";

subtest 'none and one' => sub {
  is value("SELECT count(*) FROM s3_head_objects('{}');"), 0, 's3_head_objects of no key';
  is value("SELECT count(*) FROM s3_delete_objects('{}');"), 0, 's3_delete_objects of no key';
  write_objects(one => 'hello');
  my ($row) = $db->rows(s3_settings($bucket), "SELECT key, found, size, etag, content_type, last_modified > now() - interval '1 hour', error IS NULL FROM s3_head_objects('{one}');");
  is_deeply $row, [ 'one', 't', 5, md5_hex('hello'), 'text/x-batch', 't', 't' ], 's3_head_objects of one';
  ($row) = $db->rows(s3_settings($bucket), "SELECT key, found, num_nulls(size, etag, content_type, last_modified, error) FROM s3_head_objects('{two}');");
  is_deeply $row, [ 'two', 'f', 5 ], '... that is missing';
  ($row) = $db->rows(s3_settings($bucket), "SELECT key, deleted, num_nulls(code, message) FROM s3_delete_objects('{one}');");
  is_deeply $row, [ 'one', 't', 2 ], 's3_delete_objects of one';
  ($row) = $db->rows(s3_settings($bucket), "SELECT key, deleted, num_nulls(code, message) FROM s3_delete_objects('{one}');");
  is_deeply $row, [ 'one', 't', 2 ], '... that is missing: deleted, says S3';
};

subtest '2,500 keys' => sub {
  write_objects(map { sprintf('many/%04d', $_) => $_ } grep { $_ % 5 } 0 .. 2499);
  my @row = $db->row(s3_settings($bucket), <<"SQL");
SELECT count(*), count(*) FILTER (WHERE found), bool_and(found = (substr(key, 6)::int % 5 <> 0)),
       bool_and(NOT found OR (size, etag) = (length(substr(key, 6)::int::text), md5(substr(key, 6)::int::text))), bool_and(error IS NULL),
       array_agg(key ORDER BY ordinality) = $many
  FROM s3_head_objects($many) WITH ORDINALITY;
SQL
  is_deeply \@row, [ 2500, 2000, 't', 't', 't', 't' ], 's3_head_objects: each found, or not, in the order of the input';
  write_objects('other' => 'stays');
  @row = $db->row(s3_settings($bucket), "SELECT count(*), bool_and(deleted), count(code), array_agg(key ORDER BY ordinality) = $many FROM s3_delete_objects($many) WITH ORDINALITY;");
  is_deeply \@row, [ 2500, 't', 0, 't' ], 's3_delete_objects: each deleted, in the order of the input';
  is_deeply listed(), ['other'], '... and only those';
};

subtest 'duplicates' => sub {
  write_objects(map { $_ => $_ } qw(a b c));
  my @keys = qw(b a b missing c a b);
  my @rows = $db->rows(s3_settings($bucket), 'SELECT key, found, size FROM s3_head_objects(' . array(@keys) . ');');
  is_deeply \@rows, [ map { $_ eq 'missing' ? [ $_, 'f', '' ] : [ $_, 't', 1 ] } @keys ], 's3_head_objects has a row for each';
  @rows = $db->rows(s3_settings($bucket), 'SELECT key, deleted FROM s3_delete_objects(' . array(@keys) . ');');
  is_deeply \@rows, [ map { [ $_, 't' ] } @keys ], 's3_delete_objects, too';
  is_deeply listed(), ['other'], '... and all are gone';
};

subtest 'awkward keys' => sub {
  my @keys = awkward_keys();
  my %objects;
  @objects{@keys} = map { "object $_" } 0 .. $#keys;
  write_objects(%objects);
  is_deeply [ sort @{ listed() } ], [ sort 'other', @keys ], 'are there';
  my $all = array(@keys);
  my $same = "array_agg(key ORDER BY ordinality) = $all";
  is_deeply [ $db->row(s3_settings($bucket), "SELECT $same, bool_and(found), bool_and(etag = md5('object ' || ordinality - 1)) FROM s3_head_objects($all) WITH ORDINALITY;") ],
    [ 't', 't', 't' ], 's3_head_objects finds each';
  is_deeply [ $db->row(s3_settings($bucket), "SELECT $same, bool_and(deleted), string_agg(code || ' ' || message, '; ') FROM s3_delete_objects($all) WITH ORDINALITY;") ],
    [ 't', 't', '' ], 's3_delete_objects deletes each';
  is_deeply listed(), ['other'], '... and no other';
};

subtest 'in one query' => sub {
  write_objects(map { ("t/$_" => $_) } 1 .. 20);
  is value("CREATE TEMP TABLE t AS SELECT key FROM s3_list_objects('t/'); SELECT count(*) FROM t, s3_head_objects(ARRAY[t.key, t.key || 'x']) h WHERE h.found;"), 20, 'a call for each row';
  is value("SELECT count(*) FROM s3_delete_objects((SELECT array_agg(key) FROM s3_list_objects('t/'))) WHERE deleted;"), 20, 'keys of a listing';
  is value("SELECT key FROM s3_head_objects(" . array('other', map { "x$_" } 1 .. 500) . ") LIMIT 1;"), 'other', 'a LIMIT';
  is value("SELECT count(*) FROM s3_head_objects(" . array('other') . ");"), 1, '... after which the session goes on';
};

subtest 'what fails' => sub {
  my @results = $db->try(s3_settings($bucket), map { $_ . ';' } "SELECT * FROM s3_head_objects('{other,a/../b}')", "SELECT * FROM s3_delete_objects('{other,\"\"}')",
    "SELECT * FROM s3_head_objects(ARRAY['other', repeat('x', 1025)])", "SELECT * FROM s3_delete_objects('{other}', bucket => 'neon-s3-no-such-bucket')");
  refused($_, '22023', $_->{sql}) for @results[ -4 .. -2 ];
  refused($results[-1], 'P0002', $results[-1]{sql});
  is_deeply listed(), ['other'], 'nothing was deleted';
  my @call = (s3_settings($bucket), "SET neon_s3.secret_access_key = 'wrong';");
  my $result = $db->try("@call SELECT count(*) FILTER (WHERE found IS TRUE), count(error) FROM s3_head_objects('{other,another}');");
  ok $result->{state} eq '28000' || $result->{out} eq "0\x1f2", 'a wrong secret: nothing is found, and that is told' or diag explain $result;
  refused(scalar $db->try("@call SELECT * FROM s3_delete_objects('{other}');"), '28000', 'a wrong secret: s3_delete_objects');
};

done_testing;

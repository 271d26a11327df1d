# Many objects in one call: s3_head_objects, s3_delete_objects, s3_put_objects and s3_get_objects, of none, one and 2,500 keys.
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

# ---------------------------------------------------------------- with their content

# The objects of the bucket as boto3 reads them: key => [ content, type, metadata ].
sub objects { my (@keys) = @_; return boto3("keys = json.loads(" . json(json(\@keys)) . ")\n" . <<"PYTHON") }
def read(key):
    o = s3.get_object(Bucket='$bucket', Key=key)
    return [key, [o['Body'].read().decode('latin1'), o['ContentType'], o['Metadata']]]
print(json.dumps(dict(ThreadPoolExecutor(16).map(read, keys))))
PYTHON

subtest 's3_put_objects and s3_get_objects: none and one' => sub {
  is value("SELECT count(*) FROM s3_put_objects('{}', '{}');"), 0, 's3_put_objects of no key';
  is value("SELECT count(*) FROM s3_get_objects('{}');"), 0, 's3_get_objects of no key';
  is value("SELECT count(*) FROM s3_put_objects(NULL, '{a}');"), 0, 's3_put_objects: NULL keys';
  is value("SELECT count(*) FROM s3_put_objects('{a}', NULL);"), 0, '... NULL bodies';
  is value('SELECT count(*) FROM s3_get_objects(NULL);'), 0, 's3_get_objects: NULL keys';
  my ($row) = $db->rows(s3_settings($bucket), q{SELECT key, etag, num_nulls(version_id, code, message) FROM s3_put_objects('{with content}', ARRAY['\x00ff'::bytea], 'text/x-one', '{"who": "me", "was": "é"}');});
  is_deeply $row, [ 'with content', md5_hex("\x00\xff"), 3 ], 's3_put_objects of one';
  my $object = objects('with content')->{'with content'};
  is_deeply [ @$object[ 0, 1 ], $object->[2]{who} ], [ "\x00\xff", 'text/x-one', 'me' ], '... its content, type and metadata';
  ($row) = $db->rows(s3_settings($bucket), "SELECT key, body, num_nulls(code, message) FROM s3_get_objects('{with content}');");
  is_deeply $row, [ 'with content', '\\x00ff', 2 ], 's3_get_objects of one';
  ($row) = $db->rows(s3_settings($bucket), "SELECT key, body IS NULL, code, message FROM s3_get_objects('{missing}');");
  is_deeply [ @$row[ 0 .. 2 ] ], [ 'missing', 't', 'NoSuchKey' ], '... that is missing';
  like $row->[3], qr/object "missing" does not exist/, '... says the message';
};

subtest 's3_put_objects and s3_get_objects: 2,500 keys' => sub {
  # In an order that is not that of the names; sizes from nothing to 16 KiB.
  my $bodies = "(SELECT array_agg(convert_to(repeat(md5(n::text), CASE WHEN n % 100 = 0 THEN 512 ELSE n % 3 END), 'UTF8') ORDER BY n * 7919 % 2500) FROM generate_series(0, 2499) n)";
  is_deeply [ $db->row(s3_settings($bucket), "SELECT count(*), count(etag), count(code), array_agg(key ORDER BY ordinality) = $many, array_agg(etag ORDER BY ordinality) = (SELECT array_agg(md5(b) ORDER BY o) FROM unnest($bodies) WITH ORDINALITY u(b, o)) FROM s3_put_objects($many, $bodies) WITH ORDINALITY;") ],
    [ 2500, 2500, 0, 't', 't' ], 's3_put_objects: all of them, in the order of the input';
  my $keys = "(SELECT array_agg(CASE WHEN o % 7 = 0 THEN 'missing ' || o ELSE key END ORDER BY o) FROM unnest($many) WITH ORDINALITY m(key, o))";
  is_deeply [ $db->row(s3_settings($bucket), <<"SQL") ], [ 2500, 357, 't', 't', 't' ], 's3_get_objects: each found, or not, in the order of the input';
SELECT count(*), count(code), bool_and((code = 'NoSuchKey') IS NOT DISTINCT FROM CASE WHEN g.ordinality % 7 = 0 THEN true END),
       bool_and(CASE WHEN g.ordinality % 7 = 0 THEN body IS NULL ELSE body = b END), array_agg(g.key ORDER BY g.ordinality) = $keys
  FROM s3_get_objects($keys) WITH ORDINALITY g JOIN unnest($bodies) WITH ORDINALITY u(b, o) ON o = g.ordinality;
SQL
  $db->do(s3_settings($bucket), "SELECT count(*) FROM s3_delete_objects($many);");
};

subtest 's3_put_objects and s3_get_objects: awkward keys, duplicates' => sub {
  my @keys = awkward_keys();
  my $all = array(@keys);
  my $bodies = 'ARRAY[' . join(', ', map { "'object $_'" } 0 .. $#keys) . ']::bytea[]';
  is value("SELECT count(etag) FROM s3_put_objects($all, $bodies);"), @keys, 'are written';
  my $objects = objects(@keys);
  is_deeply [ map { $objects->{$_}[0] } @keys ], [ map { "object $_" } 0 .. $#keys ], '... as boto3 reads them';
  is value("SELECT array_agg(body ORDER BY ordinality) = $bodies AND array_agg(key ORDER BY ordinality) = $all FROM s3_get_objects($all) WITH ORDINALITY;"), 't', 'are read';
  value("SELECT count(*) FROM s3_delete_objects($all);");
  is_deeply [ $db->rows(s3_settings($bucket), "SELECT key, encode(body, 'escape') FROM s3_get_objects('{other,other,x,other}');") ],
    [ [ 'other', 'stays' ], [ 'other', 'stays' ], [ 'x', '' ], [ 'other', 'stays' ] ], 's3_get_objects has a row for each';
  refused(scalar $db->try(s3_settings($bucket), "SELECT * FROM s3_put_objects('{a,b,a}', '{1,2,3}');"), '22023', 's3_put_objects takes each once', message => qr/"a" more than once/);
};

subtest 's3_put_objects and s3_get_objects: what fails' => sub {
  is_deeply [ map { $_->[0] . ' ' . $_->[1] } $db->rows(s3_settings($bucket), "SELECT key, coalesce(code, 'written') FROM s3_put_objects('{new,other,newer}', '{1,2,3}', overwrite => false);") ],
    [ 'new written', 'other PreconditionFailed', 'newer written' ], 'overwrite => false: what is there is told in its row';
  is objects('other')->{other}[0], 'stays', '... and stays';
  value("SELECT count(*) FROM s3_put_objects('{big,small}', ARRAY[convert_to(repeat('x', 70000), 'UTF8'), 'x']); SELECT count(*) FROM s3_delete_objects('{new,newer}');");
  is_deeply [ $db->rows(s3_settings($bucket, max_response_size => '64kB'), "SELECT key, length(body), code, message ~ 'larger' FROM s3_get_objects('{small,big,other}');") ],
    [ [ 'small', 1, '', '' ], [ 'big', '', 'Failed', 't' ], [ 'other', 5, '', '' ] ], 'larger than neon_s3.max_response_size: in its row';
  my @results = $db->try(s3_settings($bucket), "SELECT * FROM s3_put_objects('{a,b}', '{1}');", "SELECT * FROM s3_put_objects('{a,b}', '{1,NULL}');", "SELECT * FROM s3_put_objects('{a,NULL}', '{1,2}');",
    "SELECT * FROM s3_put_objects('{a,b/../c}', '{1,2}');", "SELECT * FROM s3_put_objects('{a}', '{1}', metadata => '[]');", "SELECT * FROM s3_put_objects('{a}', '{1}', content_type => '');",
    "SELECT * FROM s3_get_objects('{a,NULL}');", "SELECT * FROM s3_get_objects('{other,\"\"}');", "SELECT * FROM s3_get_objects('{other}', bucket => 'neon-s3-no-such-bucket');",
    "SELECT * FROM s3_put_objects('{other}', '{1}', bucket => 'neon-s3-no-such-bucket');");
  refused($_, '22023', $_->{sql}) for @results[ -10 .. -3 ];
  refused($_, 'P0002', $_->{sql}) for @results[ -2, -1 ];
  is_deeply [ sort @{ listed() } ], [ sort 'other', 'big', 'small', 'with content' ], 'nothing was written';
  my @wrong = (s3_settings($bucket), "SET neon_s3.secret_access_key = 'wrong';");
  refused($_, '28000', "a wrong secret: $_->{sql}") for ($db->try(@wrong, "SELECT * FROM s3_get_objects('{other}');", "SELECT * FROM s3_put_objects('{other}', '{1}');"))[ -2, -1 ];
};

subtest 's3_get_objects keeps what is under way, not all of it' => sub {
  plan skip_all => 'no /proc' if !-d "/proc/$$/fd";
  my $session = $db->session(s3_settings($bucket), "SET work_mem = '1MB';");
  $session->run("SELECT count(*) FROM s3_put_objects((SELECT array_agg('large/' || n) FROM generate_series(1, 64) n), (SELECT array_agg(convert_to(repeat('0123456789abcdef', 65536), 'UTF8')) FROM generate_series(1, 64) n));");
  my $fresh = $db->session(s3_settings($bucket), "SET work_mem = '1MB';", "SELECT count(*) FROM s3_get_objects('{large/1}');");
  my $before = $fresh->peak_memory;
  is $fresh->run("SELECT sum(length(body)) FROM s3_get_objects((SELECT array_agg('large/' || n) FROM generate_series(1, 64) n));")->{out}, 64 << 20, '64 objects of 1 MiB';
  cmp_ok $fresh->peak_memory - $before, '<', 48 << 20, '... in less than 48 MiB';
  $fresh->run("SELECT count(*) FROM s3_delete_objects((SELECT array_agg('large/' || n) FROM generate_series(1, 64) n));");
};

done_testing;

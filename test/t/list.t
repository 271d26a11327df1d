# s3_list_objects: pages of it, prefixes, delimiters, where it starts and ends, and keys of any kind.
use v5.32;
use warnings;
use utf8;
use Digest::MD5 qw(md5_hex);
use FindBin;
use IPC::Open2 qw(open2);
use lib $FindBin::Bin;
use NeonS3Test;
use Test::More;

plan skip_all => 'python3-boto3 is not installed' if !has_boto3();

my ($bucket, $awkward, $empty) = map { new_bucket("neon-s3-t-$$-$_") } qw(many awkward empty);
NeonS3Test->on_end(sub { boto3(<<"PYTHON") });    # 2,500 deletes by curl would take their time
for page in s3.get_paginator('list_objects_v2').paginate(Bucket='$bucket'):
    s3.delete_objects(Bucket='$bucket', Delete={'Objects': [{'Key': o['Key']} for o in page['Contents']]})
print(1)
PYTHON
my $db = NeonS3Test->server->new_database;
$db->do('CREATE EXTENSION neon_s3;');

sub rows { return $db->rows(s3_settings($bucket), @_) }
sub value { return $db->value(s3_settings($bucket), @_) }
sub keys_of { return map { $_->[0] } grep { length $_->[0] } rows("SELECT key FROM s3_list_objects($_[0]);") }

boto3(<<"PYTHON");
names = [f'many/{n // 100:02d}/{n:04d}' for n in range(2500)]
write = lambda name: s3.put_object(Bucket='$bucket', Key=name, Body=name[-1].encode() * int(name[-2:]))
print(len(list(ThreadPoolExecutor(16).map(write, names))))
PYTHON
my @all = map { sprintf 'many/%02d/%04d', $_ / 100, $_ } 0 .. 2499;

subtest 'an empty bucket, and 2,500 keys' => sub {
  is value("SELECT count(*) FROM s3_list_objects(bucket => '$empty');"), 0, 'none';
  is_deeply [ keys_of('') ], \@all, '2,500, in the order of S3';
  is_deeply [ keys_of("max_keys => $_") ], [ @all[ 0 .. $_ - 1 ] ], "max_keys => $_" for 1, 999, 1000, 1001, 2499;
  is_deeply [ keys_of("max_keys => $_") ], \@all, "max_keys => $_" for 2500, 2501, '9223372036854775807';
  is_deeply [ keys_of('max_keys => 0') ], [], 'max_keys => 0';
  my @row = $db->row(s3_settings($bucket), <<'SQL');
SELECT key, size, etag = md5('342'::text) OR etag = md5(repeat('2', 42)), last_modified > now() - interval '1 hour', storage_class, is_prefix
  FROM s3_list_objects('many/03/0342');
SQL
  is_deeply \@row, [ 'many/03/0342', 42, 't', 't', 'STANDARD', 'f' ], 'the columns';
};

subtest 'prefix, delimiter, start_after' => sub {
  is_deeply [ keys_of("'many/07/'") ], [ @all[ 700 .. 799 ] ], 'a prefix';
  is_deeply [ keys_of("'none'") ], [], 'a prefix of none';
  is_deeply [ rows("SELECT key, is_prefix, num_nulls(size, etag, last_modified, storage_class) FROM s3_list_objects('', '/');") ], [ [ 'many/', 't', 4 ] ], 'a delimiter';
  is_deeply [ rows("SELECT key, is_prefix FROM s3_list_objects('many/', delimiter => '/');") ],
    [ map { [ sprintf('many/%02d/', $_), 't' ] } 0 .. 24 ], 'prefix and delimiter';
  is_deeply [ rows("SELECT key, is_prefix FROM s3_list_objects('many/03/034', '3');") ],
    [ map({ [ "many/03/034$_", 'f' ] } 0 .. 2), [ 'many/03/0343', 't' ], map { [ "many/03/034$_", 'f' ] } 4 .. 9 ], 'both kinds, in order';
  is_deeply [ keys_of("'many/', '/', max_keys => 3") ], [ 'many/00/', 'many/01/', 'many/02/' ], 'prefixes count';
  is_deeply [ keys_of("start_after => 'many/24/2497'") ], [ @all[ 2498, 2499 ] ], 'start_after';
  is_deeply [ keys_of("start_after => 'many/09/', max_keys => 1200") ], [ @all[ 900 .. 2099 ] ], 'start_after and max_keys';
  is_deeply [ keys_of("'many/24/', start_after => 'z'") ], [], 'start_after the last';
};

subtest 'awkward keys' => sub {
  my @keys = awkward_keys();
  boto3("keys = json.loads(" . json(json(\@keys)) . ")\n" . <<"PYTHON");
print(len(list(ThreadPoolExecutor(8).map(lambda key: s3.put_object(Bucket='$awkward', Key=key, Body=b'x'), keys))))
PYTHON
  my @call = (s3_settings($awkward));
  my $listed = from_json($db->value(@call, 'SELECT json_agg(key) FROM s3_list_objects();'));
  is_deeply [ sort @$listed ], [ sort @keys ], 'all are listed';
  my @wrong;
  for my $prefix (@keys) {
    my $got = from_json($db->value(@call, 'SELECT json_agg(key) FROM s3_list_objects(' . lit($prefix) . ');'));
    push @wrong, NeonS3Test::shown($prefix) if json([ sort @$got ]) ne json([ sort grep { index($_, $prefix) == 0 } @keys ]);
  }
  is_deeply \@wrong, [], 'each as a prefix';
  my $expected = boto3("print(json.dumps({d: [p['Prefix'] for p in s3.list_objects_v2(Bucket='$awkward', Delimiter=d).get('CommonPrefixes', [])] for d in '/+ %&é\\n<'}))");
  for my $delimiter (sort keys %$expected) {
    my $got = from_json($db->value(@call, 'SELECT coalesce(json_agg(key), \'[]\') FROM s3_list_objects(delimiter => '
      . lit($delimiter) . ') WHERE is_prefix;'));
    is_deeply $got, $expected->{$delimiter}, 'the delimiter ' . json($delimiter);
  }
  my @order = map { $_->{key} } map { from_json($_->[0]) } $db->rows(@call, 'SELECT to_json(l) FROM s3_list_objects() l;');
  is_deeply [ map { from_json($db->value(@call, 'SELECT to_json(key) FROM s3_list_objects(start_after => ' . lit($_)
    . ', max_keys => 1);')) } @order[ 0 .. $#order - 1 ] ],
    [ @order[ 1 .. $#order ] ], 'each as start_after';
  is_deeply \@order, boto3("print(json.dumps([o['Key'] for o in s3.list_objects_v2(Bucket='$awkward')['Contents']]))"),
    'in the order that boto3 sees';
};

subtest 'in queries' => sub {
  is value('SELECT count(*) FROM s3_list_objects() a JOIN s3_list_objects() b USING (key);'), 2500, 'twice at once';
  is value("BEGIN; DECLARE c CURSOR FOR SELECT key FROM s3_list_objects(); FETCH 1 FROM c; FETCH ABSOLUTE 1500 FROM c;"),
    $all[1499], 'a cursor';
  is value("BEGIN; DECLARE c CURSOR FOR SELECT key FROM s3_list_objects(); FETCH 1 FROM c; CLOSE c; SELECT count(*) FROM s3_list_objects('many/00/');"), 100, '... that is closed early';
  is value('SELECT key FROM s3_list_objects() LIMIT 1;'), $all[0], 'LIMIT';
  is value("SELECT count(*) FROM generate_series(0, 24) n, s3_list_objects('many/' || to_char(n, 'FM00') || '/');"), 2500,
    'a call for each row';
  my @results = $db->try(s3_settings($bucket), 'SELECT 1 / (size - 50) FROM s3_list_objects();',
    "SELECT count(*) FROM s3_list_objects('many/01/');");
  refused($results[-2], '22012', 'an error half-way');
  is $results[-1]{out}, 100, '... and the session goes on';
};

subtest 'what fails' => sub {
  my @results = $db->try(s3_settings($bucket), "SELECT * FROM s3_list_objects(bucket => 'neon-s3-no-such-bucket');",
    'SELECT * FROM s3_list_objects(max_keys => -1);');
  refused($results[-2], 'P0002', 'no such bucket', message => qr/no-such-bucket/);
  refused($results[-1], '22023', 'max_keys => -1');
};

subtest '1,000,000 keys' => sub {
  plan skip_all => 'no /proc' if !-d "/proc/$$/fd";
  my $server = open2(my $out, my $in, '/usr/bin/python3', repo_dir() . '/test/list_server.py', 1_000_000);
  chomp(my $port = <$out>);
  my $session = $db->session(s3_settings($bucket, endpoint => "http://127.0.0.1:$port"));
  is $session->run('SELECT count(*) FROM s3_list_objects(max_keys => 1000);')->{out}, 1000, 'the first page';
  my $before = $session->peak_memory;
  is $session->run('SELECT count(*) FROM s3_list_objects();')->{out}, 1_000_000, 'all of them';
  my $more = $session->peak_memory - $before;
  cmp_ok $more, '<', 64 << 20, "... take less than 64 MiB of memory more";
  note sprintf '%.1f MiB', $more / (1 << 20);
  close $in;
  waitpid $server, 0;
};

done_testing;

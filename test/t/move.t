# s3_export_query and s3_import_table: the bytes are those of COPY, the rights are the caller's, memory stays bounded,
# and what fails leaves nothing.
use v5.32;
use warnings;
use utf8;
use Digest::MD5 ();
use FindBin;
use lib $FindBin::Bin;
use NeonS3Test;
use Test::More;

plan skip_all => 'python3-boto3 is not installed' if !has_boto3();

my $MiB = 1 << 20;
my $bucket = new_bucket();
my $server = NeonS3Test->server;
my $db = $server->new_database;
$db->do('CREATE EXTENSION neon_s3;', <<'SQL');
CREATE TABLE odd (id int PRIMARY KEY, t text, n numeric, b bytea, a text[], at timestamptz, "weird "" name" text);
INSERT INTO odd VALUES (1, 'plain', 1.5, '\x00ff', '{a,b}', '2026-11-29 00:00:00+00', 'x'), (2, NULL, NULL, NULL, NULL, NULL, NULL),
  (3, '', -0.0001, '', '{}', '-infinity', ''), (4, E'a "quoted", \\word\\\nof two lines\r\tÜ 日本 😀', 'NaN', '\x5c2e', '{"a,b",NULL,"\""}', 'infinity', E'\\.'),
  (5, '\N', 0, '\x0a', '{NULL}', 'epoch', 'NULL');
CREATE TABLE back (LIKE odd INCLUDING ALL);
CREATE TABLE numbers (n int, name text);
SQL

sub sql { my ($expression) = @_; return $db->value(s3_settings($bucket), "SELECT $expression;") }
sub row { my ($expression) = @_; return [ $db->row(s3_settings($bucket), "SELECT $expression;") ] }
sub try { my @results = $db->try(s3_settings($bucket), @_); return @results[ -@_ .. -1 ] }

# With spaces for line breaks.
sub text { my ($key) = @_; return sql("translate(encode(s3_get_object('$key'), 'escape'), E'\\n', ' ')") }

sub keys_and_uploads {
  return [ s3_keys($bucket), map { "upload $_" } split /\s+/, sql("coalesce(string_agg(key, ' '), '') FROM s3_list_multipart_uploads()") ];
}

# What \copy writes into a file, as an MD5.
sub copied {
  my ($query, $options) = @_;
  my $file = File::Temp->new;
  my ($status, undef, $err) = $db->psql('', '-c', "\\copy ($query) TO '$file' WITH ($options)");
  die "\\copy: $err" if $status;
  return Digest::MD5->new->addfile($file)->hexdigest;
}

# The MD5 of an object, decompressed by other programs than ours.
sub stored {
  my ($key) = @_;
  my $unpack = $key =~ /gz$/ ? 'import gzip; body = gzip.decompress(body)'
    : $key =~ /zst$/ ? "import subprocess; body = subprocess.run(['zstd', '-dc'], input=body, stdout=subprocess.PIPE, check=True).stdout" : '';
  return boto3(<<"PYTHON");
import hashlib
body = s3.get_object(Bucket='$bucket', Key=${\ json($key)})['Body'].read()
$unpack
print(json.dumps(hashlib.md5(body).hexdigest()))
PYTHON
}

my $has_zstd = (run_program([ 'sh', '-c', 'command -v zstd' ]))[0] == 0;

for my $format (qw(csv text binary)) {
  for my $ending ('', '.gz', '.zst') {
    subtest "$format$ending" => sub {
      my $key = "odd.$format$ending";
      my $result = row("rows, bytes = (SELECT size FROM s3_head_object('$key')), parts FROM s3_export_query('SELECT * FROM odd ORDER BY id', '$key', '$format')");
      is_deeply $result, [ 5, 't', 1 ], 'rows, bytes, parts';
      is stored($key), copied('SELECT * FROM odd ORDER BY id', "FORMAT $format"), '... the bytes of \copy' if $ending ne '.zst' || $has_zstd;
      $db->do('TRUNCATE back;');
      is sql("s3_import_table('back', '$key', '$format')"), 5, 's3_import_table gives its rows';
      is sql("count(*) FROM (TABLE odd INTERSECT ALL TABLE back) same"), 5, '... which are the same';
      my $type = { '.gz' => 'application/gzip', '.zst' => 'application/zstd' }->{$ending}
        // { csv => 'text/csv', text => 'text/plain', binary => 'application/octet-stream' }->{$format};
      is sql("content_type FROM s3_head_object('$key')"), $type, 'the content type';
    };
  }
}

subtest "COPY's options" => sub {
  my %cases = (
    '{"header": true}' => 'FORMAT csv, HEADER', '{"header": "true", "delimiter": ";", "null": "NULL"}' => q{FORMAT csv, HEADER, DELIMITER ';', NULL 'NULL'},
    q({"quote": "'", "escape": "\\\\", "force_quote": ["t", "weird \" name"]}) => q{FORMAT csv, QUOTE '''', ESCAPE '\\', FORCE_QUOTE (t, "weird "" name")},
    '{"force_quote": "*", "header": 1}' => 'FORMAT csv, FORCE_QUOTE *, HEADER',
  );
  for my $options (sort keys %cases) {
    my $query = 'SELECT * FROM odd ORDER BY id';
    sql("s3_export_query('$query', 'options', options => ${\ lit($options)})");
    is stored('options'), copied($query, $cases{$options}), $options;
  }
  sql(q{s3_export_query('SELECT ''é''', 'latin', 'text', '{"encoding": "LATIN1"}')});
  is sql("encode(s3_get_object('latin'), 'hex')"), 'e90a', 'encoding';
  sql(q{s3_import_table('numbers', 'latin', 'text', '{name}', '{"encoding": "LATIN1"}')});
  is sql("name FROM numbers"), 'é', '... and back, into one column';
  $db->do('TRUNCATE numbers;');
  sql(q{s3_export_query('SELECT 1 AS n, ''x'' AS name', 'header', options => '{"header": true}')});
  is sql(q{s3_import_table('numbers', 'header', options => '{"header": "match"}')}), 1, 'header match';
  sql(q{s3_export_query('SELECT 1 AS n', 'squeezed', options => '{"compression": "gzip"}')});
  is sql("encode(s3_get_object('squeezed', 0, 2), 'hex')"), '1f8b', 'compression by name';
  is sql(q{s3_import_table('numbers', 'squeezed', columns => '{n}', options => '{"compression": "gzip"}')}), 1, '... and back';
  refused((try("SELECT s3_import_table('numbers', 'squeezed', columns => '{n}');"))[0], '22021', '... not by the key');
};

subtest 'results of any size' => sub {
  is_deeply row("* FROM s3_export_query('SELECT 1 WHERE false', 'empty')"), [ 0, 0, 1 ], 'none: an empty object';
  is sql("size FROM s3_head_object('empty')"), 0, '... is there';
  is sql("s3_import_table('numbers', 'empty')"), 0, '... and gives no rows';
  is_deeply row(q{* FROM s3_export_query('SELECT 1 AS n WHERE false', 'only header', options => '{"header": true}')}), [ 0, 2, 1 ], '... or its header';
  my $query = "SELECT n, md5(n::text) AS name FROM generate_series(1, 600000) n";
  is_deeply row("rows, parts, bytes = (SELECT size FROM s3_head_object('large')) FROM s3_export_query('$query', 'large')"), [ 600000, 3, 't' ], 'parts';
  is stored('large'), copied($query, 'FORMAT csv'), '... the same bytes';
  $db->do('TRUNCATE numbers;');
  is sql("s3_import_table('numbers', 'large')"), 600000, '... and back';
  is sql("count(*) FROM (($query) EXCEPT TABLE numbers) q"), 0, '... the same rows';
  is_deeply row("rows, parts FROM s3_export_query('SELECT repeat(n::text, 20000000) FROM generate_series(1, 2) n', 'wide')"), [ 2, 5 ], 'rows larger than a part';
  is stored('wide'), copied('SELECT repeat(n::text, 20000000) FROM generate_series(1, 2) n', 'FORMAT csv'), '... the same bytes';
};

subtest 'the query is one of the session' => sub {
  my @results = try('BEGIN;', "INSERT INTO odd (id) VALUES (6);", "SELECT rows FROM s3_export_query('TABLE odd', 'own');",
    "SELECT rows FROM s3_export_query('DELETE FROM odd WHERE id >= 5 RETURNING id', 'deleted');", 'SELECT count(*) FROM odd;', 'ROLLBACK;', 'SELECT count(*) FROM odd;');
  is $results[2]{out}, 6, 'it sees what the transaction did';
  is $results[3]{out}, 2, '... and may change something';
  is_deeply [ map { $_->{out} } @results[ 4, 6 ] ], [ 4, 5 ], '... which a ROLLBACK takes back';
  $db->do('CREATE FUNCTION say(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE $n$said %$n$, $1; RETURN $1; END $$;',
    'CREATE FUNCTION try_export(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN (s3_export_query($1, $n$inner$n$)).rows; EXCEPTION WHEN division_by_zero THEN RETURN $n$caught$n$; END $$;');
  @results = try("SELECT rows FROM s3_export_query('SELECT say(''one'') UNION ALL SELECT say(''two'')', 'said');", 'SELECT 42;',
    "SELECT rows FROM s3_export_query('SELECT try_export(''SELECT say(''''inner'''')''), say(''outer'')', 'outer');",
    "SELECT rows FROM s3_export_query('SELECT try_export(''SELECT 1 / 0''), n FROM generate_series(1, 3) n', 'outer again');",
    "SELECT rows FROM s3_export_query('SELECT 1 / 0', 'none');", 'SELECT 43;',
    "SELECT rows FROM s3_export_query('SELECT set_config(''neon_s3.bucket'', ''elsewhere'', true), set_config(''neon_s3.endpoint'', ''http://127.0.0.1:1'', true)', 'still here');");
  like $results[0]{notices}, qr/said one.*said two/s, 'notices go to the client';
  is_deeply [ map { $results[$_]{out} } 0, 1, 2, 3, 5, 6 ], [ 2, 42, 1, 3, 43, 1 ], '... and all else, too';
  like $results[2]{notices}, qr/said inner.*said outer/s, 'an export in an export';
  is text('inner'), "inner ", '... with its own object';
  is text('outer'), "1,outer ", '... and its own rows';
  is text('outer again'), "caught,1 caught,2 caught,3 ", '... whose error was caught';
  refused($results[4], '22012', 'an error of the query');
  is sql("s3_object_exists('still here')"), 't', 'what the query sets does not move the object';
};

subtest "the caller's rights" => sub {
  my $role = $server->new_role("neon_s3_t_$$ caller");
  my $who = ident($role);
  $db->do('CREATE TABLE secret (owner text, n int);', "INSERT INTO secret VALUES ('somebody', 1), (" . lit($role) . ', 2);',
    'CREATE TABLE into_columns (n int, name text);', "GRANT INSERT (n) ON into_columns TO $who;",
    'CREATE TABLE protected (n int, name text);', "ALTER TABLE protected ENABLE ROW LEVEL SECURITY; CREATE POLICY all_of_them ON protected USING (true); GRANT ALL ON protected TO $who;");
  my $as = "SET SESSION AUTHORIZATION $who;";
  refused((try($as, "SELECT s3_export_query('SELECT 1', 'x');"))[1], '42501', 'EXECUTE is not for everybody');
  refused((try($as, "SELECT s3_import_table('numbers', 'x');"))[1], '42501', '... nor for import');
  $db->do("GRANT EXECUTE ON FUNCTION s3_export_query, s3_import_table TO $who;");
  my @results = try($as, "SELECT s3_export_query('TABLE secret', 'x');", "SELECT s3_import_table('secret', 'large');",
    "SELECT s3_import_table('into_columns', 'large');", "SELECT s3_import_table('into_columns', 'header', columns => '{n,name}');",
    "SELECT s3_export_query('SELECT pg_read_file(''PG_VERSION'')', 'x');", "SELECT s3_import_table('protected', 'large');", "SELECT s3_import_table('pg_class', 'large');");
  refused($results[$_], '42501', $results[$_]{sql}) for 1 .. 5, 7;
  refused($results[6], '0A000', 'row-level security', message => qr/"protected"/);
  sql(q{s3_export_query('SELECT 7', 'seven')});
  is((try($as, "SELECT s3_import_table('into_columns', 'seven', columns => '{n}');"))[1]{out}, 1, 'the columns that may be written');
  $db->do('ALTER TABLE secret ENABLE ROW LEVEL SECURITY;', 'CREATE POLICY own ON secret USING (owner = current_user);', "GRANT SELECT ON secret TO $who;");
  is((try($as, "SELECT rows FROM s3_export_query('TABLE secret', 'own rows');"))[1]{out}, 1, 'row-level security decides what is exported');
  is text('own rows'), "$role,2 ", '... exactly';
  is sql("s3_object_exists('x')"), 'f', 'nothing else was written';
};

subtest 'what fails leaves nothing' => sub {
  my $before = keys_and_uploads();
  my $slow = "SELECT n, repeat(''x'', 1000), CASE WHEN n > 30000 THEN pg_sleep(0.01) END FROM generate_series(1, 60000) n";
  refused((try("SELECT s3_export_query('SELECT 1 / (n - 500000) FROM generate_series(1, 9999999) n', 'failed');"))[0], '22012', 'an error after some parts');
  refused((try("SET statement_timeout = '4s';", "SELECT s3_export_query('$slow', 'failed');"))[1], '57014', 'a timeout');
  is_deeply keys_and_uploads(), $before, '... no object, no upload';
  # A temporary table ends the transaction of a session that is terminated before anybody else sees to it.
  for my $end ('cancel', 'terminate', 'terminate with a temporary table') {
    my $session = $db->session(s3_settings($bucket));
    $session->run($_) for $end =~ /table/ ? ("SELECT s3_export_query('SELECT 7', 'seven');", 'CREATE TEMP TABLE temporary ();') : ();
    $session->start("SELECT s3_export_query('$slow', 'failed');");
    wait_until(sub { sql("count(*) FROM s3_progress WHERE pid = $session->{pid} AND operation = 's3_export_query' AND key = 'failed' AND items_done >= 3 AND bytes_done > 8000000") });
    is @{ keys_and_uploads() }, @$before + 1, 'an upload is under way';
    my ($how) = $end =~ /^(\w+)/;
    $db->do("SELECT pg_${how}_backend($session->{pid});");
    my $result = $session->result;
    is $result->{state}, $end eq 'cancel' ? '57014' : 'lost', $end;
    wait_until(sub { !-d "/proc/$session->{pid}" }) if $how eq 'terminate';
    is_deeply keys_and_uploads(), $before, '... no object, no upload';
  }
};

subtest 'objects that are no good' => sub {
  boto3(<<"PYTHON");
import gzip
data = b''.join(b'%d,%d\\n' % (n, n * n) for n in range(300000))
packed = gzip.compress(data)
put = lambda key, body: s3.put_object(Bucket='$bucket', Key=key, Body=body)
put('cut.gz', packed[:-1]); put('half.gz', packed[:len(packed) // 2]); put('plain.gz', data); put('none.gz', b'')
put('members.gz', gzip.compress(data[:1000002]) + gzip.compress(b'') + gzip.compress(data[1000002:])); put('half.zst', b'\\x28\\xb5\\x2f\\xfd\\x04'); put('plain.zst', data)
put('bad.csv', data + b'x,y\\n'); put('trailing.gz', packed + b'x'); put('bomb.gz', gzip.compress(b'1,' + b'x' * 300000000 + b'\\n'))
broken = bytearray(packed); broken[-6] ^= 1; put('broken.gz', bytes(broken))
print(1)
PYTHON
  $db->do('TRUNCATE numbers;');
  for my $key (qw(cut.gz half.gz plain.gz none.gz half.zst plain.zst trailing.gz broken.gz)) {
    refused((try("SELECT s3_import_table('numbers', '$key');"))[0], '22P04', $key, message => qr/\A(gzip|zstd) data (is invalid|ends too early)\z/, hint => qr/\w/);
  }
  refused((try("SELECT s3_import_table('numbers', 'missing');"))[0], 'P0002', 'no such object');
  my ($bad) = try("SELECT s3_import_table('numbers', 'bad.csv');");
  refused($bad, '22P02', 'a row that is none');
  like $bad->{notices}, qr/COPY numbers, line 300001, column n/, '... with its line';
  refused((try("SELECT s3_import_table('numbers', 'large', 'binary');"))[0], '22P04', 'another format');
  is sql('count(*) FROM numbers'), 0, 'nothing was inserted';
  is sql("s3_import_table('numbers', 'members.gz')"), 300000, 'several gzip members';
  is sql('sum(name::bigint - n::bigint * n) FROM numbers'), 0, '... are one stream';
  $db->do('CREATE VIEW numbers_view AS TABLE numbers;');
  refused((try("SELECT s3_import_table('numbers_view', 'large');"))[0], '42809', 'a view');
};

subtest 'partitions and triggers' => sub {
  $db->do('CREATE TABLE parted (n int, name text) PARTITION BY RANGE (n);', 'CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (1000);',
    'CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (1000) TO (10000000);',
    q{CREATE FUNCTION nested() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.name := s3_import_table('into_columns', 'seven', columns => '{n}'); RETURN NEW; END $$;},
    'CREATE TABLE triggered (n int, name text);', 'CREATE TRIGGER nested BEFORE INSERT ON triggered FOR EACH ROW EXECUTE FUNCTION nested();');
  is sql("s3_import_table('parted', 'large')"), 600000, 'a partitioned table';
  is_deeply row('(SELECT count(*) FROM parted_1), (SELECT count(*) FROM parted_2)'), [ 999, 599001 ], '... row by row to where it belongs';
  sql(q{s3_export_query('SELECT n, ''x'' FROM generate_series(1, 3) n', 'three')});
  is sql("s3_import_table('triggered', 'three')"), 3, 'an import in an import';
  is_deeply row(q{string_agg(n || '=' || name, ' ' ORDER BY n) FROM triggered}), ['1=1 2=1 3=1'], '... each with its rows';
};

SKIP: {
  skip 'no /proc', 1 if !-r "/proc/$$/status";
  subtest 'memory is bounded' => sub {
    my $rows = ($ENV{NEON_S3_MOVE_MIB} // 160) * 1000;
    $db->do('CREATE UNLOGGED TABLE sink (n int, name text);');
    for my $key ('memory', 'memory.gz') {
      my $session = $db->session(s3_settings($bucket), "SELECT s3_object_exists('x');", "SELECT md5(string_agg(n::text, '')) FROM generate_series(1, 1000) n;");
      my $before = $session->peak_memory;
      is $session->run("SELECT parts > 0 FROM s3_export_query('SELECT n, repeat(''x'', 1040) FROM generate_series(1, $rows) n', '$key');")->{out}, 't', "$key: export";
      cmp_ok $session->peak_memory - $before, '<', 64 * $MiB, '... takes less than 64 MiB';
      note 'MiB: ', ($session->peak_memory - $before) / $MiB;
      my $other = $db->session(s3_settings($bucket), "SELECT s3_object_exists('x');");
      $before = $other->peak_memory;
      is $other->run("BEGIN; SELECT s3_import_table('sink', '$key'); ROLLBACK;")->{state}, '00000', '... import';
      cmp_ok $other->peak_memory - $before, '<', 64 * $MiB, '... takes less than 64 MiB';
      note 'MiB: ', ($other->peak_memory - $before) / $MiB;
      $_->close for $session, $other;
    }
  };
}

done_testing;

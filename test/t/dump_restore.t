# s3_files is an ordinary table: made either way it is the same one, everything done to it survives a dump
# and a restore, and DROP EXTENSION leaves it alone.
use v5.32;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use NeonS3Test;
use Test::More;

my $guide = <<'SQL';
CREATE TABLE IF NOT EXISTS s3_files (
    id SERIAL PRIMARY KEY,
    object_key TEXT NOT NULL UNIQUE,
    file_url TEXT NOT NULL,
    user_id TEXT NOT NULL,
    upload_timestamp TIMESTAMPTZ DEFAULT NOW()
);
SQL

my $server = NeonS3Test->server;
my ($by_guide, $by_function, $restored) = map { $server->new_database("neon_s3_t_$$ $_") } qw(guide function restored);
my $reader = $server->new_role("neon_s3_t_$$ reader");
$_->do('CREATE EXTENSION neon_s3;') for $by_guide, $by_function;

# Without what newer versions of pg_dump make up for each run.
sub dump_of {
  my ($db, @arguments) = @_;
  my ($status, $out, $err) = run_program([ "$db->{bin}/pg_dump", @arguments ], '', $db->{env});
  die "pg_dump failed: $err" if $status;
  return $out =~ s/^\\(?:un)?restrict .*\n//gmr;
}

sub out_of { my ($result) = @_; return "$result->{state} $result->{out}" }

# ---------------------------------------------------------------- the same table

$by_guide->do($guide);
is $by_function->value('SELECT s3_create_files_table();'), 's3_files', 's3_create_files_table() gives the table';
my $schema = dump_of($by_guide, '--schema-only', '--table=s3_files*');
like $schema, qr/CREATE TABLE public\.s3_files .*PRIMARY KEY \(id\)/s, "the guide's table";
is dump_of($by_function, '--schema-only', '--table=s3_files*'), $schema, '... is the one of s3_create_files_table(), byte for byte';
is dump_of($by_function, '--schema-only'), dump_of($by_guide, '--schema-only'), '... and so are the whole databases';

subtest 'an existing table' => sub {
  my $again = $by_guide->try('SELECT s3_create_files_table();');
  is out_of($again), '00000 s3_files', 'no error';
  like $again->{notices}, qr/NOTICE:  42P07: .*s3_files/, 'a NOTICE';
  like $by_function->try($guide)->{notices}, qr/NOTICE:  42P07: .*s3_files/, '... as the guide gives one';
  is dump_of($by_guide, '--schema-only', '--table=s3_files*'), $schema, 'the table is as it was';
  is out_of($by_guide->try('CREATE TABLE mine (a int); SELECT s3_create_files_table(\'mine\');')), '00000 mine',
    'one of any other form too';
  is $by_guide->value("SELECT string_agg(attname, ',') FROM pg_attribute WHERE attrelid = 'mine'::regclass AND attnum > 0;"),
    'a', '... as it was';
  $by_guide->do('DROP TABLE mine;');
};

subtest 'no member of the extension' => sub {
  for my $db ($by_guide, $by_function) {
    is $db->value(<<'SQL'), 0, 'nothing of the table depends on it';
SELECT count(*) FROM pg_depend d, pg_extension e
 WHERE e.extname = 'neon_s3' AND d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
   AND NOT (d.classid IN ('pg_proc'::regclass, 'pg_foreign_data_wrapper'::regclass) AND d.deptype = 'e')
   AND pg_describe_object(d.classid, d.objid, 0) ~ 's3_files';
SQL
  }
};

# ---------------------------------------------------------------- dump and restore

my $changes = <<"SQL";
ALTER TABLE s3_files ADD content_type text, ADD size bigint CHECK (size >= 0), ADD tags jsonb DEFAULT '{}';
CREATE INDEX by_user ON s3_files (user_id, upload_timestamp DESC);
CREATE TABLE albums (file_key text REFERENCES s3_files (object_key) ON DELETE CASCADE);
CREATE VIEW images AS SELECT * FROM s3_files WHERE content_type LIKE 'image/%';
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.tags := NEW.tags || ''{"noted": true}''; RETURN NEW; END';
CREATE TRIGGER note BEFORE INSERT ON s3_files FOR EACH ROW EXECUTE FUNCTION note();
ALTER TABLE s3_files ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON s3_files USING (user_id = current_user) WITH CHECK (user_id = current_user);
GRANT SELECT, INSERT ON s3_files TO @{[ ident($reader) ]};
GRANT USAGE ON SEQUENCE s3_files_id_seq TO @{[ ident($reader) ]};
COMMENT ON COLUMN s3_files.tags IS 'ours';
SET neon_s3.access_key_id = 'a'; SET neon_s3.secret_access_key = 'b'; SET neon_s3.bucket = 'my-bucket';
DO \$\$ BEGIN FOR i IN 1..5 LOOP
  PERFORM s3_save_metadata(u.object_key, u.public_file_url, 'user ' || i, 'image/png', 10 * i)
     FROM s3_presign_upload('é ' || i, 'image/png', content_length => 10 * i) u; END LOOP; END \$\$;
INSERT INTO albums SELECT object_key FROM s3_files;
SQL
my $rows = 'SELECT count(*), sum(size), max(content_type), count(*) FILTER (WHERE tags ? \'noted\'), (SELECT count(*) FROM albums) FROM s3_files;';

# What of the table the catalog knows.
my $facts = <<'SQL';
SELECT 'column', attname, format_type(atttypid, atttypmod), attnotnull::text, pg_get_expr(adbin, adrelid), col_description(attrelid, attnum)
  FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum WHERE attrelid = 's3_files'::regclass AND attnum > 0
UNION ALL SELECT 'index', indexdef, '', '', '', '' FROM pg_indexes WHERE tablename = 's3_files'
UNION ALL SELECT 'constraint', conname, pg_get_constraintdef(oid), '', '', '' FROM pg_constraint
           WHERE 's3_files'::regclass IN (conrelid, confrelid) AND contype <> 'n'
UNION ALL SELECT 'policy', policyname, qual, with_check, cmd, roles::text FROM pg_policies WHERE tablename = 's3_files'
UNION ALL SELECT 'trigger', pg_get_triggerdef(oid), '', '', '', '' FROM pg_trigger WHERE tgrelid = 's3_files'::regclass AND NOT tgisinternal
UNION ALL SELECT 'table', relacl::text, relrowsecurity::text, '', '', '' FROM pg_class WHERE relname LIKE 's3\_files%' AND relkind IN ('r', 'S')
ORDER BY 1, 2, 3;
SQL

subtest 'pg_dump, restored into another database' => sub {
  $by_function->do($changes);
  my @facts = $by_function->rows($facts);
  is_deeply [ map { my $kind = $_; scalar grep { $_->[0] eq $kind } @facts } qw(column index constraint policy trigger table) ],
    [ 8, 3, 4, 1, 1, 2 ], 'all of it is there';
  is_deeply [ $by_function->row($rows) ], [ 5, 150, 'image/png', 5, 5 ], '... with its rows';

  my $dump = dump_of($by_function);
  $restored->do($dump, 'RESET search_path;');
  is_deeply [ $restored->rows($facts) ], \@facts, 'the restored table is the same';
  is_deeply [ $restored->row($rows) ], [ 5, 150, 'image/png', 5, 5 ], '... with the same rows';
  is dump_of($restored), $dump, '... and a dump of it is the same, byte for byte';
  like $restored->value("SELECT s3_public_url('k', 'my-bucket');"), qr{/k\z}, 'the extension is there';
  is $restored->value("SET neon_s3.bucket = 'my-bucket'; SELECT id FROM s3_save_metadata('new', 'u', 'me');"), 6,
    '... and fills the table on';
};

subtest 'DROP EXTENSION' => sub {
  my @facts = $by_function->rows($facts);
  is $by_function->try('DROP EXTENSION neon_s3;')->{state}, '00000', 'needs no CASCADE';
  is_deeply [ $by_function->rows($facts) ], \@facts, 'the table is as it was';
  is_deeply [ $by_function->row($rows) ], [ 5, 150, 'image/png', 5, 5 ], '... with its rows';
  is $by_function->value("SELECT count(*) FROM pg_proc WHERE proname LIKE 's3\\_%';"), 0, 'the functions are gone';
  $by_function->do('CREATE EXTENSION neon_s3;');
  is $by_function->value("SELECT user_id FROM s3_save_metadata('again', 'u', 'me');"), 'me', 'created again, it goes on with the table';
};

# ---------------------------------------------------------------- other names

subtest 'names' => sub {
  my $db = $by_guide;
  $db->do('CREATE SCHEMA files; CREATE SCHEMA "Odd ""Schema"" $$ ; --";');
  my $columns = 'id,object_key,file_url,user_id,upload_timestamp';
  my $check = sub {
    my ($given, $schema, $table, $shown) = @_;
    is out_of($db->try('SELECT s3_create_files_table(' . lit($given) . ');')), '00000 ' . ($shown // $given), "creates $given";
    is $db->value('SELECT string_agg(attname, \',\' ORDER BY attnum) FROM pg_attribute a, pg_class c, pg_namespace n WHERE a.attrelid = c.oid'
        . ' AND c.relnamespace = n.oid AND a.attnum > 0 AND c.relname = ' . lit($table) . ' AND n.nspname = ' . lit($schema)
        . ';'), $columns,
      '... under exactly that name';
    is $db->value('SET neon_s3.files_table = ' . lit($given) . "; SELECT user_id FROM s3_save_metadata('k', 'u', 'me');"),
      'me', '... and fills it';
  };
  $check->('files.s3_files', 'files', 's3_files');
  $check->('FILES.Photos', 'files', 'photos', 'files.photos');
  $check->('"My Files"', 'public', 'My Files');
  $check->('"Odd ""Schema"" $$ ; --"."a.b""c\'d%s%I{} é😀"', 'Odd "Schema" $$ ; --', q{a.b"c'd%s%I{} é😀});
  $check->('"select"', 'public', 'select');
  my $long = 'x' x 63;
  $check->($long, 'public', $long);
  is out_of($db->try("SET search_path = files, public; SELECT s3_create_files_table('in_path');")), '00000 in_path',
    'the first schema of the search_path';
  is $db->value("SELECT 'files.in_path'::regclass;"), 'files.in_path', '... is where it is';
  is out_of($db->try("SET search_path = ''; SELECT public.s3_create_files_table('files.no_path');")), '00000 files.no_path',
    'an empty search_path';
};

done_testing;

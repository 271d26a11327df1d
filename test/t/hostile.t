# CREATE EXTENSION into schemas of any name, and hostile objects waiting in the search_path, pg_catalog's
# own names among them, even where they come before pg_catalog.
use v5.32;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use NeonS3Test;
use Test::More;

my $server = NeonS3Test->server;
my @settings = ("SET neon_s3.access_key_id = 'AKIAIOSFODNN7EXAMPLE';",
  "SET neon_s3.secret_access_key = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';", "SET neon_s3.bucket = 'my-bucket';");
my $fixed = "'test.txt', signed_at => '2026-11-22T00:00:00Z'";

# Every function once, by the name of its schema: text results, one a row.
sub calls {
  my ($schema) = @_;
  my $s = ident($schema);
  return (
    map({ "SELECT $s.s3_presign_$_($fixed);" } qw(get put head delete)),
    "SELECT $s.s3_presign('get', $fixed, query => '{\"versionId\": \"1\"}', headers => '{\"range\": \"bytes=0-1\"}');",
    "SELECT $s.s3_presign_get($fixed, download_as => 'é.txt', version_id => '1', expires_in => '1 min');",
    "SELECT $s.s3_presign_put($fixed, content_type => 'a/b', content_length => 1, checksum_sha256 => '\\x" . '00' x 32
    . "', overwrite => false);",
    "SELECT $s.s3_public_url('test.txt');",
  );
}

sub flow {
  my ($schema) = @_;
  my $s = ident($schema);
  return ("SELECT $s.s3_create_files_table('unqualified');", 'DROP TABLE unqualified;',
    "SELECT $s.s3_create_files_table('plain.s3_files');", "SELECT $s.s3_create_files_table('plain.s3_files');",
    "ALTER TABLE plain.s3_files ADD content_type pg_catalog.text, ADD size pg_catalog.int8;", "SET neon_s3.files_table = 'plain.s3_files';",
    "SELECT m.user_id FROM $s.s3_presign_upload('f.txt', 'a/b', content_length => 5, checksum_sha256 => '\\x" . '00' x 32 . "') u,"
      . " LATERAL $s.s3_save_metadata(u.object_key, NULL, 'me', 'a/b', 5) m;",
    "TABLE plain.s3_files;", governed($s));
}

sub governed {
  my ($s) = @_;
  return ("SELECT $s.s3_track_files('plain.s3_files', content_types => '{a/b,image/*}');", "SELECT $s.s3_track_files('plain.s3_files');",
    "SELECT u.method FROM $s.s3_begin_upload('f.txt', 'a/b', 'me', content_length => 5) u;",
    "SELECT $s.s3_file_url(object_key, download_as => 'x') FROM plain.s3_files;", "TABLE $s.s3_uploads;",
    "SELECT $s.s3_abort_upload(object_key) FROM plain.s3_files;", "UPDATE plain.s3_files SET object_key = 'x';", "TABLE $s.s3_outbox;",
    "INSERT INTO plain.s3_files (object_key, file_url, user_id) VALUES ('y', 'u', 'me');",
    "DELETE FROM plain.s3_files WHERE object_key OPERATOR(pg_catalog.=) 'y'::pg_catalog.text;",
    "SELECT $s.s3_arm_lifecycle();", "SELECT $s.s3_retry_outbox('x');", "TABLE $s.s3_tracked_files;",
    "SELECT $s.s3_untrack_files('plain.s3_files');");
}

# ---------------------------------------------------------------- schema names

my @expected;
my $n = 0;
for my $schema ('s', 'We"ird $$ \'; DROP SCHEMA public; --', 'a b', 'schémä 日本 😀', '@extschema@', '$function$', '\\', 'S3', '%s %I',
  'x' x 63, 'select', '"$user"') {
  subtest "schema $schema" => sub {
    my $db = $server->new_database("neon_s3_t_$$ schema " . ++$n);
    my $s = ident($schema);
    $db->do("CREATE SCHEMA $s; CREATE SCHEMA plain;");
    my $created = $db->try("CREATE EXTENSION neon_s3 SCHEMA $s;");
    is $created->{state}, '00000', 'CREATE EXTENSION' or diag $created->{notices};
    is $db->value("SELECT extnamespace::regnamespace = @{[ lit($s) ]}::regnamespace FROM pg_extension WHERE extname = 'neon_s3';"), 't',
      '... in that schema';
    my @got = map { $_->{out} } (my @results = $db->try("SET search_path = plain; @settings", calls($schema)));
    is_deeply [ grep { $_->{state} ne '00000' } @results ], [], 'every function works from a session without the schema in its path';
    shift @got;
    @expected = @got if !@expected;
    is_deeply \@got, \@expected, '... with the same results';
    is_deeply [ grep { $_->{state} ne '00000' } $db->try(@settings, 'SET search_path = plain;', flow($schema)) ], [],
      "the guide's flow too";
    is_deeply [ $db->row('SELECT user_id, content_type, size FROM plain.s3_files;') ], [ 'me', 'a/b', 5 ], '... with its row';
    is $db->value("SELECT count(*) FROM pg_namespace WHERE nspname = 'public';"), 1, 'nothing else happened';
    is $db->try('DROP EXTENSION neon_s3;', "DROP SCHEMA $s;")->{state}, '00000', 'DROP EXTENSION leaves the schema empty';
  };
}

# ---------------------------------------------------------------- hostile objects

# The schema "evil": every function and operator of pg_catalog has a twin there, of the same name and argument
# types, which counts its call and raises. Where pg_catalog's is polymorphic or variadic, an exact signature
# would win even from behind. And types and tables have pg_catalog's names.
my $evil = <<'SQL';
CREATE SCHEMA evil;
CREATE SEQUENCE evil.calls;
CREATE FUNCTION evil.called() RETURNS int LANGUAGE plpgsql AS
  'BEGIN PERFORM pg_catalog.nextval(''evil.calls''); RAISE EXCEPTION ''hostile object was called'' USING ERRCODE = ''XX999''; END';
SET check_function_bodies = off;
DO $$
DECLARE
  twin record;
  types text;
  name text;
  body text := ' LANGUAGE plpgsql AS ''BEGIN PERFORM evil.called(); END''';
BEGIN
  FOR twin IN
    SELECT p.proname, format_type(p.prorettype, NULL) AS result, a.types
      FROM pg_proc p JOIN pg_type r ON r.oid = p.prorettype,
           LATERAL (SELECT string_agg(format_type(t, NULL), ', ' ORDER BY n) AS types, bool_or(e.typtype = 'p') AS pseudo
                      FROM unnest(p.proargtypes) WITH ORDINALITY u(t, n) JOIN pg_type e ON e.oid = u.t) a
     WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind = 'f' AND r.typtype <> 'p' AND a.pseudo IS NOT TRUE
  LOOP
    EXECUTE format('CREATE FUNCTION evil.%I(%s) RETURNS %s', twin.proname, twin.types, twin.result) || body;
  END LOOP;
  FOR twin IN
    SELECT o.oid, o.oprname, format_type(o.oprleft, NULL) AS l, format_type(o.oprright, NULL) AS r, format_type(o.oprresult, NULL) AS result
      FROM pg_operator o JOIN pg_type l ON l.oid = o.oprleft JOIN pg_type r ON r.oid = o.oprright
     WHERE o.oprnamespace = 'pg_catalog'::regnamespace AND 'p' NOT IN (l.typtype, r.typtype)
  LOOP
    EXECUTE format('CREATE FUNCTION evil.operator_%s(%s, %s) RETURNS %s', twin.oid, twin.l, twin.r, twin.result) || body;
    EXECUTE format('CREATE OPERATOR evil.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = evil.operator_%s)', twin.oprname, twin.l, twin.r, twin.oid);
  END LOOP;
  FOREACH types IN ARRAY ARRAY['format(text, text)', 'format(text, text, text)', 'format(text, name)', 'format(text, regclass)',
    'format(text, regclass, text, text)', 'array_prepend(text, text[])', 'array_prepend(name, text[])', 'cardinality(text[])',
    'parse_ident(text)', 'to_regclass(varchar)']
  LOOP
    EXECUTE 'CREATE FUNCTION evil.' || types || ' RETURNS text' || body;
  END LOOP;
  FOREACH types IN ARRAY ARRAY['text[], text', 'text, text[]', 'text[], text[]', 'oid, regclass', 'regclass, oid', 'regclass, regclass', 'name, varchar']
  LOOP
    EXECUTE format('CREATE FUNCTION evil.mixed(%s) RETURNS bool', types) || body;
    FOREACH name IN ARRAY ARRAY['=', '||', '>'] LOOP
      EXECUTE format('CREATE OPERATOR evil.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = evil.mixed)', name, split_part(types, ', ', 1), split_part(types, ', ', 2));
    END LOOP;
  END LOOP;
  CREATE FUNCTION evil.transition(text, text, text) RETURNS text LANGUAGE plpgsql AS 'BEGIN PERFORM evil.called(); END';
  CREATE AGGREGATE evil.string_agg(text, text) (SFUNC = evil.transition, STYPE = text);
  FOREACH name IN ARRAY ARRAY['pg_attribute', 'pg_class', 'pg_namespace', 'pg_proc', 'pg_type'] LOOP
    EXECUTE format('CREATE VIEW evil.%I AS SELECT evil.called() AS attname, 0 AS attnum, 0 AS attrelid, false AS attisdropped', name);
  END LOOP;
  FOREACH name IN ARRAY ARRAY['text', 'name', 'oid', 'bool', 'int8', 'int4', 'bytea', 'regclass', 'timestamptz', 'jsonb', 'uuid', 'interval'] LOOP
    EXECUTE format('CREATE DOMAIN evil.%I AS pg_catalog.int4 CHECK (evil.called() > 0)', name);
  END LOOP;
END $$;
SQL
my @in_pg_temp = ('CREATE TEMP VIEW pg_attribute AS SELECT evil.called() AS attname;',
  map { "CREATE DOMAIN pg_temp.$_ AS pg_catalog.int4 CHECK (evil.called() > 0);" } qw(text regclass name));

subtest 'hostile objects' => sub {
  my $db = $server->new_database("neon_s3_t_$$ hostile");
  $db->do('CREATE SCHEMA s; CREATE SCHEMA plain;', $evil);
  my $count = sub { $db->value('SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM evil.calls;') };

  # The traps work: a careless statement steps into them.
  my @careless = ("SELECT format('%s', 'x'::pg_catalog.text);", 'SELECT now();', "SELECT 'a'::pg_catalog.text = 'b'::pg_catalog.text;",
    "SELECT 'a'::pg_catalog.name = 'b'::pg_catalog.name;", 'SELECT 1::pg_catalog.oid = 2::pg_catalog.oid;', 'SELECT 1 > 2;',
    "SELECT '1'::text;",
    "SELECT '1'::regclass;", "SELECT cardinality(ARRAY['a'::pg_catalog.text]);", "SELECT 'a'::pg_catalog.text || 'b'::pg_catalog.text;",
    'SELECT current_schema();', 'SELECT clock_timestamp();', "SELECT current_setting('x'::pg_catalog.text);",
    "SELECT to_regclass('x'::pg_catalog.text);",
    "SELECT string_agg('x'::pg_catalog.text, 'y'::pg_catalog.text);", 'SELECT * FROM pg_attribute;', 'SELECT gen_random_uuid();',
    "SELECT array_prepend('a'::pg_catalog.text, ARRAY['b'::pg_catalog.text]);", "SELECT parse_ident('x'::pg_catalog.text);");
  my ($first, @traps) = $db->try('SET search_path = evil, pg_catalog;', @careless);
  is_deeply [ map { "$_->{state} $_->{sql}" } grep { $_->{state} ne 'XX999' } @traps ], [], 'every trap snaps';
  my $trapped = $count->();
  is $trapped, @careless, '... and counts';

  for my $path ('evil, pg_catalog', 'evil, pg_catalog, s', 's, evil, pg_catalog', 'evil', 'evil, s, public', 'pg_temp, evil, pg_catalog') {
    for my $schema ($path =~ /^evil, pg_catalog$/ ? ('s', 'evil') : 's') {
      my @before = ("SET search_path = $path;", @in_pg_temp, @settings, "CREATE EXTENSION neon_s3 SCHEMA $schema;");
      my @results = $db->try(@before, calls($schema), flow($schema), 'DROP EXTENSION neon_s3;');
      my $name = "search_path = $path, extension in $schema";
      is_deeply [ map { "$_->{state} $_->{sql} $_->{notices}" } grep { $_->{state} ne '00000' } @results ], [], "$name: all goes well";
      is_deeply [ map { $_->{out} } @results[ @before .. $#before + @expected ] ], \@expected, '... with the same results';
      is $count->(), $trapped, '... and nothing hostile is called';
      is $db->value("SELECT count(*) FROM plain.s3_files WHERE user_id = 'me' AND content_type = 'a/b' AND size = 5;"), 1,
        '... the row is right';
      is $db->value(<<'SQL'), 'int4,text,text,text,timestamptz,text,int8', '... and the table has the real types';
SELECT string_agg(t.typname, ',' ORDER BY a.attnum) FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
 WHERE a.attrelid = 'plain.s3_files'::regclass AND a.attnum > 0 AND t.typnamespace = 'pg_catalog'::regnamespace;
SQL
      $db->do('DROP TABLE plain.s3_files;');
    }
  }
};

# ---------------------------------------------------------------- the extension itself

subtest 'the extension' => sub {
  my ($db, $second) = map { $server->new_database("neon_s3_t_$$ $_") } qw(one two);
  $db->do('CREATE EXTENSION neon_s3;');
  my $members = <<'SQL';
SELECT pg_describe_object(classid, objid, 0), coalesce(obj_description(objid, classid::regclass::name), ''),
       coalesce((SELECT proname FROM pg_proc WHERE oid = objid AND classid = 'pg_proc'::regclass),
                (SELECT relname FROM pg_class WHERE oid = objid AND classid = 'pg_class'::regclass), 'an object of another kind')
  FROM pg_depend WHERE deptype = 'e' AND refclassid = 'pg_extension'::regclass
   AND classid <> 'pg_type'::regclass  -- row types, which are members in newer versions only
   AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'neon_s3') ORDER BY 1;
SQL
  my @members = $db->rows($members);
  cmp_ok @members, '>=', 11, @members . ' objects';
  is_deeply [ map { $_->[0] } grep { $_->[2] !~ /^s3_/ } @members ], ['foreign-data wrapper neon_s3'],
    'every name but the foreign-data wrapper\'s starts with s3_';
  is_deeply [ map { $_->[0] } grep { length $_->[1] < 20 } @members ], [], 'every object has a comment';
  my %times;
  ++$times{ $_->[2] } for @members;
  is_deeply [ grep { $times{$_} > 1 } sort keys %times ], [], 'every function is there only once: no overloads';

  refused(scalar $db->try('CREATE EXTENSION neon_s3;'), '42710', 'CREATE EXTENSION again is refused');
  is $db->try('CREATE EXTENSION IF NOT EXISTS neon_s3;')->{state}, '00000', '... unless IF NOT EXISTS';
  $second->do('CREATE EXTENSION neon_s3;');
  is_deeply [ $second->rows($members) ], \@members, 'the same in a second database';
  $db->do('DROP EXTENSION neon_s3;', 'CREATE EXTENSION neon_s3;');
  is_deeply [ $db->rows($members) ], \@members, '... and dropped and created again';

  is_deeply [ $db->rows("SELECT version, superuser, trusted, relocatable, schema FROM pg_available_extension_versions WHERE name = 'neon_s3' ORDER BY 1;") ],
    [ [ '1.0', 't', 'f', 'f', '' ] ], 'version 1.0: superuser, not trusted, not relocatable, any schema';
  is $db->value("SELECT default_version FROM pg_available_extensions WHERE name = 'neon_s3';"), '1.0', '... is the default';
  is $db->value("SELECT count(*) FROM pg_extension_update_paths('neon_s3');"), 0, 'there is no other to update from';
  refused(scalar $db->try('CREATE SCHEMA other; ALTER EXTENSION neon_s3 SET SCHEMA other;'), '0A000', 'it cannot be moved');
  my $role = $server->new_role("neon_s3_t_$$ owner");
  $second->do('DROP EXTENSION neon_s3;', 'GRANT CREATE ON DATABASE ' . ident("neon_s3_t_$$ two") . ' TO ' . ident($role) . ';');
  refused(scalar $second->try('SET SESSION AUTHORIZATION ' . ident($role) . '; CREATE EXTENSION neon_s3;'), '42501',
    'only a superuser can create it');
};

done_testing;

# Who may sign, whose rights count for the files table, and where secrets cannot be stored.
use v5.32;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use NeonS3Test;
use Test::More;

my $server = NeonS3Test->server;
my $db = $server->new_database;
my ($fresh, $uploader) = map { $server->new_role("neon_s3_t_$$ $_", 'LOGIN') } qw(fresh uploader);
$db->do('CREATE EXTENSION neon_s3;');

my $canary = "canary${$}SECRET";
my @settings = ("SET neon_s3.access_key_id = 'AKIAIOSFODNN7EXAMPLE';", "SET neon_s3.secret_access_key = '$canary';",
  "SET neon_s3.bucket = 'my-bucket';");

# Statements as somebody else, with the settings of a superuser.
sub as { my ($role) = @_; return ("@settings SET SESSION AUTHORIZATION " . ident($role) . ';', @_[ 1 .. $#_ ]) }

sub try_as { my @results = $db->try(as(@_)); shift @results; return wantarray ? @results : $results[-1] }

# ---------------------------------------------------------------- signers

my @functions = $db->rows(<<'SQL');
SELECT p.proname, format('%s %s(%s);', CASE p.prokind WHEN 'p' THEN 'CALL' ELSE 'SELECT' END, p.proname,
                         (SELECT string_agg('NULL::' || format_type(t, NULL), ', ' ORDER BY n)
                            FROM unnest(p.proargtypes) WITH ORDINALITY a(t, n)))
  FROM pg_depend d JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
 WHERE d.refclassid = 'pg_extension'::regclass AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'neon_s3')
 ORDER BY 1;
SQL
my %harmless = map { $_ => 1 } qw(s3_public_url s3_content_disposition s3_content_type s3_create_files_table s3_save_metadata
  s3_server_options_validator s3_stat_get_progress s3_stat_get_operations);
# They look for themselves at who calls: lifecycle.sql.
my %checking = map { $_ => 1 } qw(s3_track_files s3_untrack_files s3_retry_outbox s3_require_trusted
  s3_begin_upload s3_abort_upload s3_file_url s3_pending_uploads
  s3_begin_multipart_upload s3_upload_part_urls s3_uploaded_parts s3_confirm_upload);
my @guarded = grep { !$harmless{ $_->[0] } && !$checking{ $_->[0] } } @functions;

subtest 'a fresh role can execute no signer' => sub {
  my %name = map { $_->[0] => 1 } @guarded;
  ok $name{$_}, "$_ is there" for map { "s3_presign$_" } '', qw(_get _put _head _delete _upload);
  ok $name{$_}, "$_ is there" for map { "s3_$_" } qw(put_object get_object delete_objects create_bucket doctor stats_reset);
  refused($_, '42501', "denied: $_->{sql}", message => qr/permission denied for (?:function|procedure)/) for try_as($fresh, map { $_->[1] } @guarded);
  is $_->{state}, '00000', "allowed, for it signs nothing: $_->{sql}"
    for grep { $_->{sql} !~ /save_metadata/ } try_as($fresh, map { $_->[1] } grep { $harmless{ $_->[0] } } @functions);
  is $db->value(as($fresh, "SELECT s3_public_url('k');")), 'https://my-bucket.s3.us-east-1.amazonaws.com/k', '... s3_public_url is unsigned';
};

subtest 'EXECUTE on s3_presign_upload alone' => sub {
  $db->do("GRANT EXECUTE ON FUNCTION s3_presign_upload TO " . ident($uploader) . ';');
  like $db->value(as($uploader, "SELECT presigned_url FROM s3_presign_upload('f', 'a/b');")), qr/X-Amz-Signature=/, 'is enough to use it';
  refused($_, '42501', "still denied: $_->{sql}") for try_as($uploader, map { $_->[1] } grep { $_->[0] ne 's3_presign_upload' } @guarded);
};

# ---------------------------------------------------------------- the files table

my $save = "SELECT user_id FROM s3_save_metadata('k' || clock_timestamp(), 'u', current_user);";
my $save_other = "SELECT user_id FROM s3_save_metadata('k' || clock_timestamp(), 'u', 'somebody else');";
my $grantee = ident($uploader);

subtest "s3_save_metadata has the caller's rights" => sub {
  $db->do('SELECT s3_create_files_table();');
  refused(scalar try_as($uploader, $save), '42501', 'no right to insert', message => qr/table s3_files/);
  $db->do("GRANT INSERT, SELECT ON s3_files TO $grantee;");
  refused(scalar try_as($uploader, $save), '42501', 'no right to the sequence', message => qr/sequence/);
  $db->do("GRANT USAGE ON SEQUENCE s3_files_id_seq TO $grantee;");
  is try_as($uploader, $save)->{out}, $uploader, 'with them it inserts';
  $db->do("REVOKE INSERT ON s3_files FROM $grantee; GRANT INSERT (object_key, file_url, user_id) ON s3_files TO $grantee;");
  is try_as($uploader, $save)->{out}, $uploader, 'the columns of the guide are enough';
  refused(scalar try_as($uploader, "SELECT s3_create_files_table('mine');"), '42501', 's3_create_files_table creates as the caller',
    message => qr/schema public/) if $db->value("SELECT NOT has_schema_privilege('$uploader', 'public', 'CREATE');") eq 't';
};

subtest 'row-level security' => sub {
  $db->do('ALTER TABLE s3_files ENABLE ROW LEVEL SECURITY;');
  refused(scalar try_as($uploader, $save), '42501', 'no policy, no row', message => qr/row-level security/);
  $db->do('CREATE POLICY own ON s3_files USING (user_id = current_user) WITH CHECK (user_id = current_user);');
  is try_as($uploader, $save)->{out}, $uploader, 'a row of its own';
  refused(scalar try_as($uploader, $save_other), '42501', "somebody else's row", message => qr/row-level security/);
  refused((try_as($uploader, 'SET row_security = off;', $save))[-1], '42501', '... with row_security = off');
  is $db->value("SELECT count(*) FROM s3_files WHERE user_id = 'somebody else';"), 0, 'nothing was written';
};

subtest "a table of the same name in the caller's schema" => sub {
  $db->do("CREATE SCHEMA mine AUTHORIZATION $grantee;");
  my $result = try_as($uploader, "SET search_path = mine, public; SELECT s3_create_files_table(); $save_other");
  is $result->{state}, '00000', 'is found first, along the search_path';
  is_deeply [ $db->row('SELECT (SELECT count(*) FROM mine.s3_files), count(*) FROM s3_files;') ], [ 1, 3 ], '... and the other is untouched';
};

# ---------------------------------------------------------------- secrets

my @secrets = map { "neon_s3.$_" } qw(access_key_id secret_access_key session_token);
my $database = $db->value('SELECT quote_ident(current_database());');

subtest 'secrets cannot be stored in a catalog' => sub {
  $db->do('CREATE FUNCTION f() RETURNS int LANGUAGE sql RETURN 1;', 'CREATE PROCEDURE p() LANGUAGE sql AS \'\';');
  for my $secret (@secrets) {
    my @statements = map { sprintf $_, "$secret = '$canary'" } "ALTER ROLE $grantee SET %s;", "ALTER ROLE ALL SET %s;",
      "ALTER DATABASE $database SET %s;", "ALTER ROLE $grantee IN DATABASE $database SET %s;", 'ALTER FUNCTION f() SET %s;',
      'ALTER PROCEDURE p() SET %s;', 'CREATE FUNCTION g() RETURNS int LANGUAGE sql SET %s RETURN 1;';
    push @statements, map { sprintf $_, "$secret FROM CURRENT" } "ALTER ROLE $grantee SET %s;", "ALTER DATABASE $database SET %s;",
      'ALTER FUNCTION f() SET %s;';
    my @results = $db->try("SET $secret = '$canary';", @statements);
    refused($_, '22023', "refused: $_->{sql}", not => qr/$canary/, hint => qr/\w/) for @results[ 1 .. $#results ];
  }
  is $server->value("SELECT count(*) FROM pg_db_role_setting WHERE setconfig::text LIKE '%neon_s3%';"), 0, 'pg_db_role_setting has none';
  is $db->value("SELECT count(*) FROM pg_proc WHERE proconfig::text LIKE '%neon_s3%';"), 0, 'pg_proc has none';
};

subtest 'who may set what' => sub {
  my %values = ((map { $_ => $canary } @secrets), 'neon_s3.region' => 'x', 'neon_s3.bucket' => 'other', 'neon_s3.endpoint' => 'http://x',
    'neon_s3.public_endpoint' => 'http://x', 'neon_s3.addressing_style' => 'path', 'neon_s3.max_expires_in' => 7);
  for my $name (sort keys %values) {
    refused($_, '42501', "denied: $_->{sql}", not => qr/ERROR.*$canary/)
      for try_as($uploader, "SET $name = '$values{$name}';", "SELECT set_config('$name', '$values{$name}', false);", "RESET $name;");
    refused((try_as($uploader, "ALTER ROLE $grantee SET $name = '$values{$name}';"))[-1], '42501',
      "denied: ALTER ROLE SET $name", not => qr/ERROR.*$canary/);
    my ($status, $out, $err) = $db->with(PGUSER => $uploader, PGOPTIONS => "-c $name=$values{$name}")->psql('SELECT 1;');
    like $err, qr/permission denied to set parameter "$name"/, "denied: connecting with $name";
    unlike $err, qr/$canary/, '... without a word of the value';
  }
  is $_->{state}, '00000', "allowed: $_->{sql}" for try_as($uploader, "SET neon_s3.files_table = 'x';", "SET neon_s3.expires_in = '1 h';");
  my $superuser = $db->with(PGOPTIONS => "-c neon_s3.access_key_id=FROMOPTIONS -c neon_s3.secret_access_key=$canary -c neon_s3.bucket=my-bucket");
  like $superuser->value("SELECT s3_presign_get('k');"), qr/X-Amz-Credential=FROMOPTIONS%2F/, 'a superuser may, when connecting too';
};

done_testing;

# Named servers are read once and kept. Whatever is done to them, their mappings or the rights to them, in the
# same session or in another, acts from the very next call on: a session that has signed before says what a
# fresh one does.
use v5.32;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use NeonS3Test;
use Test::More;

my $cluster = NeonS3Test->server;
my $database = "neon_s3_t_cache_$$";
my ($app, $group, $owner) = map { $cluster->new_role("neon_s3_t_${_}_$$", $_ eq 'app' ? 'LOGIN' : '') } qw(app group owner);
my $db = $cluster->new_database($database);
my $admin = $ENV{PGUSER};
my $secret = sub { "access_key_id '$_[0]', secret_access_key 'secret of $_[0]'" };

# Whatever the server of the environment is set to.
sub setting_defaults {
  my ($name) = @_;
  return map { "ALTER DATABASE $name SET neon_s3.$_;" } "credential_providers = 'static'", "region = 'us-east-1'";
}

$db->do('CREATE EXTENSION neon_s3;', "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO $app, $owner;",
  "CREATE SERVER files FOREIGN DATA WRAPPER neon_s3 OPTIONS (region 'eu-central-1', bucket 'my-bucket');",
  "CREATE SERVER spare FOREIGN DATA WRAPPER neon_s3 OPTIONS (region 'eu-north-1', bucket 'spare');",
  "CREATE USER MAPPING FOR $app SERVER files OPTIONS (@{[ $secret->('OFAPP') ]});",
  "CREATE USER MAPPING FOR PUBLIC SERVER files OPTIONS (@{[ $secret->('OFPUBLIC') ]});",
  "CREATE USER MAPPING FOR PUBLIC SERVER spare OPTIONS (@{[ $secret->('OFSPARE') ]});",
  "GRANT USAGE ON FOREIGN SERVER files, spare TO $app;",
  setting_defaults($database));

# The same second for all, so that equal URLs mean equal keys. What was refused shows as its SQLSTATE.
$db->do(<<'SQL', "GRANT EXECUTE ON FUNCTION url(text) TO $app;");
CREATE FUNCTION url(server text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN RETURN s3_presign_get('k', server => server, signed_at => '2026-11-22 12:00 Z');
EXCEPTION WHEN others THEN RETURN SQLSTATE; END $$;
SQL
my $url = "SELECT url('files');";
my $fresh = qq(\\! "$db->{bin}/psql" -XqAt -U $app -c "$url");

# ---------------------------------------------------------------- one change after the other

# [what, statement, how the URL (or SQLSTATE) then looks]
my @changes = (
  [ 'nothing', 'SET work_mem = 4096;', qr{^https://my-bucket\.s3\.eu-central-1\.amazonaws\.com/k\?.*=OFAPP%2F20261122%2Feu-central-1%2F} ],
  [ 'the region', "ALTER SERVER files OPTIONS (SET region 'eu-west-1');", qr/eu-west-1%2Fs3/ ],
  [ 'the bucket', "ALTER SERVER files OPTIONS (SET bucket 'other-bucket');", qr{//other-bucket\.} ],
  [ 'an endpoint', "ALTER SERVER files OPTIONS (ADD endpoint 'http://s3.example.com');", qr{^http://s3\.example\.com/other-bucket/k} ],
  [ 'a public endpoint', "ALTER SERVER files OPTIONS (ADD public_endpoint 'https://cdn.example.com');",
  qr{^https://cdn\.example\.com/other-bucket/k} ],
  [ 'the addressing style', "ALTER SERVER files OPTIONS (ADD addressing_style 'virtual');",
  qr{^https://other-bucket\.cdn\.example\.com/k} ],
  [ 'the secret', "ALTER USER MAPPING FOR $app SERVER files OPTIONS (SET secret_access_key 'another');", qr/=OFAPP%2F/ ],
  [ 'the key ID', "ALTER USER MAPPING FOR $app SERVER files OPTIONS (SET access_key_id 'ANOTHER');", qr/=ANOTHER%2F/ ],
  [ 'a token', "ALTER USER MAPPING FOR $app SERVER files OPTIONS (ADD session_token 'token');", qr/Security-Token=token&/ ],
  [ 'no mapping of its own', "DROP USER MAPPING FOR $app SERVER files;", qr/=OFPUBLIC%2F/ ],
  [ "none of PUBLIC's either", 'DROP USER MAPPING FOR PUBLIC SERVER files;', qr/^28000$/ ],
  [ "one of PUBLIC's again", "CREATE USER MAPPING FOR PUBLIC SERVER files OPTIONS (@{[ $secret->('OFALL') ]});", qr/=OFALL%2F/ ],
  [ 'one of its own again', "CREATE USER MAPPING FOR $app SERVER files OPTIONS (@{[ $secret->('OFAPP') ]});", qr/=OFAPP%2F/ ],
  [ 'no USAGE', "REVOKE USAGE ON FOREIGN SERVER files FROM $app;", qr/^42501$/ ],
  [ 'superuser', "ALTER ROLE $app SUPERUSER;", qr/=OFAPP%2F/ ],
  [ 'superuser no more', "ALTER ROLE $app NOSUPERUSER;", qr/^42501$/ ],
  [ 'USAGE for a group', "GRANT USAGE ON FOREIGN SERVER files TO $group;", qr/^42501$/ ],
  [ 'membership of it', "GRANT $group TO $app;", qr/=OFAPP%2F/ ],
  [ 'no membership', "REVOKE $group FROM $app;", qr/^42501$/ ],
  [ "USAGE for the database's owner", "GRANT USAGE ON FOREIGN SERVER files TO pg_database_owner;", qr/^42501$/ ],
  [ 'which it becomes', "ALTER DATABASE $database OWNER TO $app;", qr/=OFAPP%2F/ ],
  [ 'which it no longer is', "ALTER DATABASE $database OWNER TO $admin;", qr/^42501$/ ],
  [ 'USAGE for all', 'GRANT USAGE ON FOREIGN SERVER files TO PUBLIC;', qr/=OFAPP%2F/ ],
  [ 'credentials of the database server',
  "ALTER SERVER files OPTIONS (ADD credential_providers 'profile', ADD credentials_file '/nonexistent');", qr/^F0000$/ ],
  [ 'another owner', "ALTER SERVER files OWNER TO $owner;", qr/^F0000$/ ],
  [ 'that owner as a superuser', "ALTER ROLE $owner SUPERUSER;", qr/^F0000$/ ],
  [ 'that owner without', "ALTER ROLE $owner NOSUPERUSER;", qr/^F0000$/ ],
  [ 'another name', 'ALTER SERVER files RENAME TO archive;', qr/^42704$/ ],
  [ 'another server of that name', 'ALTER SERVER spare RENAME TO files;',
  qr{^https://spare\.s3\.eu-north-1\.amazonaws\.com/k\?.*=OFSPARE%2F} ],
  [ 'no server', 'DROP SERVER files CASCADE;', qr/^42704$/ ],
  [ 'a new one', "CREATE SERVER files FOREIGN DATA WRAPPER neon_s3 OPTIONS (bucket 'new'); CREATE USER MAPPING FOR PUBLIC SERVER files OPTIONS (@{[ $secret->('OFNEW') ]}); "
      . "GRANT USAGE ON FOREIGN SERVER files TO $app;", qr{//new\..*=OFNEW%2F} ],
  [ "a wrapper that is not neon_s3's", 'ALTER FOREIGN DATA WRAPPER neon_s3 RENAME TO not_neon_s3;', qr/^22023$/ ],
  [ 'which is again', 'ALTER FOREIGN DATA WRAPPER not_neon_s3 RENAME TO neon_s3;', qr/=OFNEW%2F/ ],
);

# Done by the session that signs, as a superuser in between; or by another one, while this stays what it is.
my %ways = (
  'in the same session' => sub { "RESET ROLE; $_[0] SET ROLE $app;" },
  'in another session' => sub { qq(\\! "$db->{bin}/psql" -Xq -v ON_ERROR_STOP=1 -c "$_[0]") },
);
for my $way (sort keys %ways) {
  my $copy = $cluster->with(PGDATABASE => "${database}_copy");
  $cluster->do("CREATE DATABASE ${database}_copy TEMPLATE $database;", setting_defaults("${database}_copy"));
  $copy->on_end(sub { $cluster->try("DROP DATABASE IF EXISTS ${database}_copy WITH (FORCE);") });
  subtest $way => sub {
    my @script = ("SET ROLE $app;", map { ($ways{$way}->($_->[1] =~ s/\b$database\b/${database}_copy/r), $url, $fresh) } @changes);
    my @results = $copy->try(@script);
    shift @results;
    for my $change (@changes) {
      my ($done, $here, $there) = map { $_->{out} } splice @results, 0, 3;
      is $done, '', "$change->[0]: done";
      is $here, $there =~ s/\n//r, "$change->[0]: the URL of a fresh session";
      like $here, $change->[2], "$change->[0]: the right one";
    }
  };
  $cluster->do("DROP DATABASE ${database}_copy WITH (FORCE);");
}

# ---------------------------------------------------------------- what is taken back

my $region = "SELECT substring(url('files') FROM '%2F(\\w+-\\w+-\\d)%2Fs3');";
sub regions {
  return [ grep { /\S/ } map { $_->{state} eq '00000' ? split /[\x1e\n]/, $_->{out} : $_->{state} } $db->try(@_) ];
}
sub to { return "ALTER SERVER files OPTIONS (SET region '$_[0]');" }

is_deeply regions($region, 'BEGIN;', to('eu-west-1'), $region, 'ROLLBACK;', $region),
  [qw(eu-central-1 eu-west-1 eu-central-1)], 'a transaction that is rolled back';
is_deeply regions($region, 'BEGIN;', to('eu-west-1'), $region, 'SAVEPOINT s;', to('eu-west-2'), $region, 'ROLLBACK TO s;', $region,
    'SAVEPOINT s;', to('eu-west-3'), 'RELEASE s;', $region, 'ROLLBACK;', $region),
  [qw(eu-central-1 eu-west-1 eu-west-2 eu-west-1 eu-west-3 eu-central-1)], 'savepoints';
(my $each = $region) =~ s/;$/ FROM generate_series(1, 3);/;
is_deeply regions('BEGIN;', "DECLARE c CURSOR FOR $each", 'FETCH c;', to('eu-west-1'), 'FETCH c;', to('eu-west-2'),
  'FETCH c;', 'ROLLBACK;'),
  [qw(eu-central-1 eu-west-1 eu-west-2)], 'while a cursor is open';
is_deeply regions("CREATE FUNCTION alter_and_sign(region text) RETURNS text LANGUAGE plpgsql AS \$\$BEGIN
  EXECUTE format('ALTER SERVER files OPTIONS (SET region %L)', region); RETURN url('files'); END\$\$;",
    'BEGIN;', "SELECT substring(alter_and_sign(r) FROM r) FROM unnest('{eu-west-1,eu-west-2}'::text[]) r;", 'ROLLBACK;', $region),
  [qw(eu-west-1 eu-west-2 eu-central-1)], 'in the middle of a statement';

# ---------------------------------------------------------------- settings

my $host = "SELECT substring(url(NULL) FROM '//([^/]+)/');";
$db->do("ALTER SERVER spare OPTIONS (DROP region);");
is_deeply regions("SET neon_s3.server = 'files';", $host, "SET neon_s3.server = 'spare';", $host,
  "SET neon_s3.region = 'ap-east-1';", $host,
    'BEGIN;', "SET LOCAL neon_s3.region = 'ap-east-2';", $host, 'COMMIT;', $host, "SET neon_s3.endpoint = 'http://localhost:1';", $host,
    'DISCARD ALL;', "SELECT substring(url('spare') FROM '//([^/]+)/');"),
  [qw(my-bucket.s3.eu-central-1.amazonaws.com spare.s3.us-east-1.amazonaws.com spare.s3.ap-east-1.amazonaws.com spare.s3.ap-east-2.amazonaws.com
    spare.s3.ap-east-1.amazonaws.com localhost:1 spare.s3.us-east-1.amazonaws.com)], 'the settings that a server is laid over';
is_deeply regions("SET neon_s3.access_key_id = 'ONE';", "SET neon_s3.secret_access_key = 'one';", "SET neon_s3.bucket = 'one';",
    "CREATE TEMP TABLE was AS SELECT url('') AS url;", "SELECT url('') = url FROM was;", "SET neon_s3.secret_access_key = 'two';",
    "SELECT url('') = url FROM was;", "SET neon_s3.secret_access_key = 'one';", "SELECT url('') = url FROM was;",
    "SET neon_s3.session_token = 't';", "SELECT url('') LIKE '%Token=t&%' FROM was;", "SET neon_s3.session_token = '';",
    "SET neon_s3.addressing_style = 'path';", "SELECT url('') LIKE '%.com/one/k%' FROM was;", "RESET neon_s3.addressing_style;",
    "SELECT url('') = url FROM was;"),
  [qw(t f t t t t)], 'credentials that are settings';

# ---------------------------------------------------------------- one session, several users

$db->do("CREATE USER MAPPING FOR $owner SERVER files OPTIONS (@{[ $secret->('OFOWNER') ]});",
  "GRANT USAGE ON FOREIGN SERVER files TO $owner;",
  "CREATE FUNCTION as_owner() RETURNS text LANGUAGE sql SECURITY DEFINER BEGIN ATOMIC SELECT url('files'); END;",
  "ALTER FUNCTION as_owner() OWNER TO $owner;",
  "CREATE FUNCTION as_stranger() RETURNS text LANGUAGE sql SECURITY DEFINER BEGIN ATOMIC SELECT url('files'); END;",
  "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO $group;", "ALTER FUNCTION as_stranger() OWNER TO $group;",
  "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO PUBLIC;");
my $shown = sub { "coalesce(substring($_[0] FROM 'Credential=(\\w+)%2F'), $_[0])" };
my $users = 'SELECT ' . join(" || ' ' || ", map { $shown->($_) } "url('files')", 'as_owner()', 'as_stranger()',
  "url('files')") . ' FROM generate_series(1, 2);';
is_deeply regions("SET ROLE $app;", $users, 'RESET ROLE;', "SET ROLE $owner;", $users, 'RESET ROLE;', "SET SESSION AUTHORIZATION $group;",
    'SELECT ' . $shown->("url('files')") . ';', 'RESET SESSION AUTHORIZATION;', 'SELECT ' . $shown->("url('files')") . ';'),
  [ ('OFAPP OFOWNER 42501 OFAPP') x 2, ('OFOWNER OFOWNER 42501 OFOWNER') x 2, '42501', 'OFPUBLIC' ],
  'SET ROLE, SECURITY DEFINER, SET SESSION AUTHORIZATION';

# More servers than one, in turn, and names that are none.
is_deeply regions("SELECT left(coalesce(substring(url(s) FROM '//([\\w-]+)\\.'), url(s)), 9) FROM unnest(ARRAY['files', 'spare', 'files', 'FILES', '"
    . 'f' x 63 . "', '" . 'f' x 64 . "', '" . 'f' x 100 . "', 'spare']) s;"),
  [qw(my-bucket spare my-bucket 42704 42704 42704 42704 spare)], 'several servers in one statement';

# ---------------------------------------------------------------- options for superusers only

subtest 'its owner, in a session that has not loaded the library' => sub {
  my $own = own_server();
  $own->do('CREATE EXTENSION neon_s3;', 'CREATE ROLE owner LOGIN;', 'GRANT USAGE ON FOREIGN DATA WRAPPER neon_s3 TO owner;',
    "CREATE SERVER theirs FOREIGN DATA WRAPPER neon_s3 OPTIONS (credential_providers 'static', profile 'p');",
    'ALTER SERVER theirs OWNER TO owner;');
  my $as_owner = $own->with(PGUSER => 'owner');
  refused(scalar $as_owner->try("ALTER SERVER theirs OPTIONS ($_);"), '42501', $_)
    for "ADD region 'eu-west-1'", 'DROP profile', 'DROP credential_providers, DROP profile',
    "DROP credential_providers, DROP profile, ADD region 'eu-west-1'";
  is $as_owner->try($_)->{state}, '00000', $_ for 'ALTER SERVER theirs RENAME TO other;', 'DROP SERVER other;',
    "CREATE SERVER theirs FOREIGN DATA WRAPPER neon_s3 OPTIONS (region 'eu-west-1');", "ALTER SERVER theirs OPTIONS (DROP region);";
};

done_testing;

# Where credentials come from: servers and user mappings, the postmaster's environment, credentials files.
use v5.32;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use NeonS3Test;
use Test::More;

my @canaries = map { "CANARY${_}canary$$" } qw(Settings Environment File Rotated Mapping Wide);
my ($settings, $environment, $in_file, $rotated, $mapping, $wide) = @canaries;

my $server = own_server(preload => 1, conf => <<"CONF");
neon_s3.bucket = 'my-bucket'
log_min_messages = debug5
log_statement = 'all'
log_error_verbosity = verbose
CONF
$server->restart_with(AWS_ACCESS_KEY_ID => 'FROMENVIRONMENT', AWS_SECRET_ACCESS_KEY => $environment);
$server->do('CREATE EXTENSION neon_s3;');

# Files that the server's user owns are written by the server itself.
my $dir = "$server->{dir}/credentials";
mkdir $dir;
my ($uid, $gid) = (stat $server->{env}{PGDATA})[ 4, 5 ];
chown $uid, $gid, $dir;

sub write_file {
  my ($name, $mode, $text) = @_;
  open my $file, '>', "$dir/$name.new" or die $!;
  print $file $text;
  close $file;
  chmod $mode, "$dir/$name.new";
  chown $uid, $gid, "$dir/$name.new";
  rename "$dir/$name.new", "$dir/$name" or die $!;
  return "$dir/$name";
}

sub profile { my ($key, $secret, $more) = @_; return "[default]\naws_access_key_id = $key\naws_secret_access_key = $secret\n" . ($more // '') }

my $who = "SELECT substring(s3_presign_get('k', signed_at => '2026-01-01 00:00:00Z') FROM 'Credential=(\\w+)%2F');";
sub use_file { return ("SET neon_s3.credential_providers = 'profile';", "SET neon_s3.credentials_file = " . lit($_[0]) . ';') }

subtest 'the order of providers' => sub {
  is $server->value($who), 'FROMENVIRONMENT', 'the environment of the postmaster';
  is $server->value("SET neon_s3.access_key_id = 'FROMSETTINGS';", "SET neon_s3.secret_access_key = '$settings';", $who),
    'FROMSETTINGS', 'settings come first';
  is $server->value("SET neon_s3.access_key_id = 'FROMSETTINGS';", "SET neon_s3.secret_access_key = '$settings';",
    "SET neon_s3.credential_providers = 'environment, static';", $who), 'FROMENVIRONMENT', 'unless they come later';
  refused((($server->try("SET neon_s3.credential_providers = 'profile';", $who))[-1]), '28000', 'nothing found', hint => qr/credentials file/);
  refused(scalar $server->try("SET neon_s3.credential_providers = 'static, ldap';"), '22023', 'unknown provider', hint => qr/web_identity/);
};

# The database server's credentials sign for a named server only where a superuser said so.
subtest "a role's own server, whoever gets it" => sub {
  $server->do('CREATE ROLE bob LOGIN;', 'GRANT USAGE ON FOREIGN DATA WRAPPER neon_s3 TO bob;');
  $server->with(PGUSER => 'bob')->do("CREATE SERVER his FOREIGN DATA WRAPPER neon_s3 OPTIONS (endpoint 'https://evil.example.com', bucket 'bucket');");
  my $his = $who =~ s/'k'/'k', server => 'his'/r;
  my $owner = "SELECT rolname || ARRAY(SELECT unnest(srvoptions) ORDER BY 1)::text FROM pg_foreign_server JOIN pg_roles r ON r.oid = srvowner WHERE srvname = 'his';";
  my $run = sub {
    my ($program, @arguments) = @_;
    my ($status, $out, $err) = run_program([ "$server->{bin}/$program", @arguments ], '', $server->{env});
    is $status, 0, "$program @arguments" or diag $err;
    return $out;
  };
  my $signs_not = sub {
    my ($db, $how) = @_;
    is $db->value($owner), 'postgres{bucket=bucket,endpoint=https://evil.example.com}', "$how: the server is a superuser's";
    refused(scalar $db->try($his), '28000', '... and nobody signs', hint => qr/credential_providers/);
  };
  refused(scalar $server->try($his), '28000', 'of its owner');
  my $script = $run->(qw(pg_dump --no-owner));
  $run->(qw(pg_dump -Fc -f), "$server->{dir}/his.dump");
  $server->do('REASSIGN OWNED BY bob TO postgres;');
  $signs_not->($server, 'REASSIGN OWNED');

  my ($by_script, $by_program) = map { $server->do("CREATE DATABASE $_;"); $server->with(PGDATABASE => $_) } qw(by_script by_program);
  $by_script->do($script);
  $signs_not->($by_script, 'pg_dump --no-owner');
  $run->(qw(pg_restore --no-owner -d by_program), "$server->{dir}/his.dump");
  $signs_not->($by_program, 'pg_restore --no-owner');

  $server->do("ALTER SERVER his OPTIONS (ADD credential_providers 'environment');");
  is $server->value($his), 'FROMENVIRONMENT', 'the environment does, once a superuser says so';
  $server->do('DROP SERVER his;', 'DROP DATABASE by_script;', 'DROP DATABASE by_program;', 'DROP OWNED BY bob;', 'DROP ROLE bob;');
};

subtest 's3_doctor names the provider' => sub {
  my $file = write_file('doctor', 0600, profile('FROMFILE', $in_file));
  my @nobody = ("SET neon_s3.endpoint = 'http://127.0.0.1:1';", 'SET neon_s3.max_attempts = 1;');
  my $found = "SELECT detail FROM s3_doctor() WHERE check_name = 'credentials' AND ok;";
  is $server->value(@nobody, $found), 'from provider environment', 'environment';
  is $server->value(@nobody, use_file($file), $found), 'from provider profile', 'profile';
  is $server->value(@nobody, "SET neon_s3.access_key_id = 'FROMSETTINGS';", "SET neon_s3.secret_access_key = '$settings';", $found),
    'from provider static', 'static';
};

subtest 'a credentials file' => sub {
  my $file = write_file('good', 0600, profile('FROMFILE', $in_file, "[other]\naws_access_key_id=OTHER\naws_secret_access_key=$in_file\n"));
  is $server->value(use_file($file), $who), 'FROMFILE', 'signs';
  is $server->value(use_file($file), "SET neon_s3.profile = 'other';", $who), 'OTHER', 'with the profile that is set';
  refused((($server->try(use_file($file), "SET neon_s3.profile = 'nobody';", $who))[-1]), 'F0000', 'an unknown profile', message => qr/nobody/);
  my $abroad = write_file('abroad', 0600, profile('ABROAD', $in_file, "region = eu-west-3\n"));
  my $where = "SELECT substring(u FROM '//([^/]+)/') || substring(u FROM '%2F\\d+%2F([\\w-]+)%2F') FROM s3_presign_get('k') u;";
  is $server->value(use_file($abroad), $where), 'my-bucket.s3.eu-west-3.amazonaws.comeu-west-3', 'and its region';
  is $server->value(use_file($abroad), "SET neon_s3.region = 'us-east-1';", $where), 'my-bucket.s3.us-east-1.amazonaws.comus-east-1',
    '... unless a region is set';
  is $server->value(use_file($abroad), "SELECT public_file_url LIKE 'https://my-bucket.s3.eu-west-3.%' FROM s3_presign_upload('f', NULL);"), 't',
    '... the public URL of an upload too';

  for my $mode (0640, 0604, 0660, 0620) {
    my $name = sprintf 'mode %04o', $mode;
    my $open = write_file('open', $mode, profile('WIDE', $wide));
    refused((($server->try(use_file($open), $who))[-1]), 'F0000', "$name is refused", message => qr/\Q$open\E/, not => qr/$wide/);
  }
  refused((($server->try(use_file("$dir/none"), $who))[-1]), 'F0000', 'a missing file');
  refused((($server->try(use_file($dir), $who))[-1]), 'F0000', 'a directory');
  my $large = write_file('large', 0600, profile('LARGE', $in_file) . '#' x (1 << 20));
  refused((($server->try(use_file($large), $who))[-1]), 'F0000', 'more than 1 MiB');
  system('mkfifo', '-m', '600', "$dir/fifo");
  chown $uid, $gid, "$dir/fifo";
  refused((($server->try(use_file("$dir/fifo"), $who))[-1]), 'F0000', 'a FIFO, without waiting for it');
  if ($> == 0) {
    my $foreign = write_file('foreign', 0600, profile('FOREIGN', $in_file));
    chown 65534, 65534, $foreign;
    chmod 0600, $foreign;
    refused((($server->try(use_file($foreign), $who))[-1]), 'F0000', "somebody else's file");
  }
  my $garbage = write_file('garbage', 0600, join '', map { chr($_ * 37 % 256) } 1 .. 5000);
  my $result = ($server->try(use_file($garbage), $who, 'SELECT 1;'))[-1];
  is $result->{out}, '1', 'garbage harms nobody';
};

subtest 'files that are mounted: root owns them, the server may read them as a group' => sub {
  plan skip_all => 'needs root' if $> != 0;
  for my $mode (0440, 0640, 0400, 0444, 0644, 0660) {
    my $file = write_file('mounted', $mode, profile('MOUNTED', $in_file));
    chown 0, (getpwuid $uid)[3], $file;
    my $result = ($server->try(use_file($file), $who))[-1];
    my $name = sprintf 'mode %04o', $mode;
    if ($mode == 0440 || $mode == 0640) {
      is $result->{out}, 'MOUNTED', $name;
    } elsif ($mode == 0400) {
      refused($result, 'F0000', $name, message => qr/could not be opened: Permission denied/);
    } else {
      refused($result, 'F0000', $name, message => qr/has group write or world access/, hint => qr/0640/);
    }
  }
};

subtest 'half a key lets nobody else sign' => sub {
  my %missing = (access_key_id => 'secret_access_key', secret_access_key => 'access_key_id', session_token => 'access_key_id');
  for my $name (sort keys %missing) {
    refused((($server->try("SET neon_s3.$name = 'HALF';", $who))[-1]), '28000', "neon_s3.$name alone",
      message => qr/\Aneon_s3\.$name is set without neon_s3\.$missing{$name}\z/);
    $server->do('CREATE SERVER half FOREIGN DATA WRAPPER neon_s3 OPTIONS (credential_providers \'static, environment\');',
      "CREATE USER MAPPING FOR PUBLIC SERVER half OPTIONS ($name 'HALF');");
    refused((($server->try("SET neon_s3.server = 'half';", $who))[-1]), '28000', "a user mapping with $name alone",
      message => qr/\A$name of the user mapping is set without $missing{$name}/);
    $server->do('DROP SERVER half CASCADE;');
  }
};

subtest 'keys that were copied with more than they have' => sub {
  my $set = "SET neon_s3.secret_access_key = '$settings';";
  is $server->value($set, "SET neon_s3.access_key_id = E' FROMSETTINGS\\t\\r\\n';", $who), 'FROMSETTINGS', 'white space at the ends goes';
  my %strange = ('"AKIA"' => 'is in quotes', "AK\x{a0}IA" => 'has the character U\+00A0', "AKIA\x{200b}" => 'has the character U\+200B', "AK\nIA" => 'has the character U\+000A');
  for my $key (sort keys %strange) {
    my $fault = $strange{$key};
    refused(scalar $server->try('SET neon_s3.access_key_id = ' . lit($key) . ';'), '22023', "a setting that $fault", message => qr/\Aaccess_key_id $fault\z/);
    $server->do('CREATE SERVER copied FOREIGN DATA WRAPPER neon_s3;');
    refused(scalar $server->try('CREATE USER MAPPING FOR PUBLIC SERVER copied OPTIONS (access_key_id ' . lit($key) . ');'), '22023',
      "an option that $fault", message => qr/\Aaccess_key_id $fault\z/);
    $server->do('DROP SERVER copied;');
    next if $key =~ /\n/;
    utf8::encode(my $text = profile($key, $in_file));
    my $file = write_file('copied', 0600, $text);
    refused((($server->try(use_file($file), $who))[-1]), 'F0000', "a file's key that $fault", message => qr/line 2: aws_access_key_id of profile "default" $fault\z/);
  }
};

subtest 'rotation in a live session' => sub {
  my $file = write_file('rotating', 0600, profile('OLDKEY', $in_file));
  my $next = write_file('next', 0600, profile('NEWKEY', $rotated));
  my @seen = $server->rows(use_file($file), $who, "\\! mv '$next' '$file'",
    "DO \$\$ BEGIN FOR i IN 1..100 LOOP EXIT WHEN s3_presign_get('k') LIKE '%NEWKEY%'; PERFORM pg_sleep(0.05); END LOOP; END \$\$;", $who);
  is_deeply [ map { $_->[0] } @seen ], [ 'OLDKEY', 'NEWKEY' ], 'the next call after a second signs with the new key';
};

subtest 'a URL never outlives its credentials' => sub {
  my ($ends) = $server->value("SELECT to_char((now() + interval '10 min') AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"');");
  my $file = write_file('ending', 0600, profile('ENDING', $in_file, "aws_session_token = token\naws_expiration = $ends\n"));
  my $expires = "SELECT substring(s3_presign_get('k', '1 hour') FROM 'Expires=(\\d+)')::int BETWEEN 500 AND 600;";
  my @results = $server->try(use_file($file), $expires, "SELECT s3_presign_get('k', '1 min') LIKE '%Expires=60&%';");
  is $results[-2]{out}, 't', 'a longer expiry is clamped';
  like $results[-2]{notices}, qr/WARNING:.*expires with its credentials/, 'with a warning';
  is $results[-1]{out}, 't', 'a shorter one is not';
  unlike $results[-1]{notices}, qr/WARNING/, 'and no warning';
  my $row = "SELECT extract(epoch FROM expires_at - now()) BETWEEN 500 AND 600 FROM s3_presign_upload('f', NULL, '1 hour');";
  is(($server->try(use_file($file), $row))[-1]{out}, 't', 's3_presign_upload says when');
  my $over = write_file('over', 0600, profile('OVER', $in_file, "aws_expiration = 2020-01-01T00:00:00Z\n"));
  refused((($server->try(use_file($over), "SELECT s3_presign_get('k');"))[-1]), '28000', 'expired credentials sign nothing', message => qr/expired/);
};

subtest 'roles, mappings and pooled connections' => sub {
  my ($alice, $bob) = qw(alice bob);
  $server->do("CREATE ROLE $_ LOGIN;") for $alice, $bob;
  $server->do("CREATE SERVER one FOREIGN DATA WRAPPER neon_s3 OPTIONS (region 'eu-central-1');",
    "CREATE SERVER two FOREIGN DATA WRAPPER neon_s3 OPTIONS (region 'us-west-2', credential_providers 'static');",
    "GRANT USAGE ON FOREIGN SERVER one, two TO $alice, $bob;", "GRANT EXECUTE ON FUNCTION s3_presign_get TO $alice, $bob;",
    "CREATE USER MAPPING FOR $alice SERVER one OPTIONS (access_key_id 'ALICEONE', secret_access_key '$mapping');",
    "CREATE USER MAPPING FOR $bob SERVER one OPTIONS (access_key_id 'BOBONE', secret_access_key '$mapping');",
    "CREATE USER MAPPING FOR PUBLIC SERVER two OPTIONS (access_key_id 'PUBLICTWO', secret_access_key '$mapping');");
  my $sql = sub { "SELECT substring(s3_presign_get('k', server => '$_[0]') FROM 'Credential=(\\w+)%2F');" };
  my @seen = $server->rows(map { ("SET ROLE $_;", $sql->('one'), $sql->('two'), 'DISCARD ALL;') } $alice, $bob, $alice);
  is_deeply [ map { $_->[0] } @seen ], [qw(ALICEONE PUBLICTWO BOBONE PUBLICTWO ALICEONE PUBLICTWO)],
    'two servers and two roles in one session';
  refused((($server->try("SET ROLE $alice;", "SELECT umoptions::text FROM pg_user_mapping;"))[-1]), '42501', 'pg_user_mapping is closed to roles');
  is $server->value("SET ROLE $alice;", "SELECT count(*) FROM pg_user_mappings WHERE umoptions::text LIKE '%$mapping%';"), 1,
    'a role sees its own mapping, not those of others and of PUBLIC';
  refused((($server->try("SET neon_s3.server = 'three';", $sql->('three')))[-1]), '42704', 'no such server');
  $server->do('DROP SERVER one, two CASCADE;', "DROP OWNED BY $alice, $bob;");
};

subtest 'environment and profile say where S3 is' => sub {
  my $file = write_file('where', 0600, profile('WHERE', $in_file, "region = eu-west-3\nendpoint_url = http://127.0.0.1:9\ns3 =\n  addressing_style = virtual\n"));
  $server->restart_with(AWS_ACCESS_KEY_ID => 'FROMENVIRONMENT', AWS_SECRET_ACCESS_KEY => $environment, AWS_REGION => 'eu-north-1', AWS_DEFAULT_REGION => 'eu-west-1');
  is $server->value("SELECT s3_public_url('k');"), 'https://my-bucket.s3.eu-north-1.amazonaws.com/k', 'AWS_REGION';
  is $server->value("SET neon_s3.region = 'us-east-1';", "SELECT s3_public_url('k');"), 'https://my-bucket.s3.us-east-1.amazonaws.com/k', 'a setting goes before it';
  is $server->value("SET neon_s3.credential_providers = 'static';", "SELECT s3_public_url('k');"), 'https://my-bucket.s3.us-east-1.amazonaws.com/k',
    'not where the environment is not listed';
  my @settings = $server->rows("SELECT name, value, source FROM s3_settings() WHERE name IN ('region', 'endpoint', 'bucket', 'access_key_id', 'secret_access_key') ORDER BY name;");
  is_deeply \@settings, [ [ 'access_key_id', '****', 'provider environment' ], [ 'bucket', 'my-bucket', 'neon_s3.bucket' ],
    [ 'endpoint', 'https://s3.eu-north-1.amazonaws.com', 'default' ], [ 'region', 'eu-north-1', 'AWS_REGION' ], [ 'secret_access_key', '****', 'provider environment' ] ],
    's3_settings tells';
  is $server->value(use_file($file), "SET neon_s3.endpoint = 'http://localhost:9';", "SELECT s3_public_url('k');"), 'http://my-bucket.localhost:9/k', "a profile's addressing style";
  my @profile = $server->rows(use_file($file), "SELECT name, value, source FROM s3_settings() WHERE name IN ('region', 'endpoint', 'addressing_style') ORDER BY name;");
  is_deeply \@profile, [ [ 'addressing_style', 'virtual', 's3 addressing_style of profile "default"' ], [ 'endpoint', 'http://127.0.0.1:9', 'endpoint_url of profile "default"' ],
    [ 'region', 'eu-west-3', 'region of profile "default"' ] ], '... region and endpoint';
  refused((($server->try('CREATE ROLE nosy;', 'SET ROLE nosy;', 'SELECT * FROM s3_settings();'))[-1]), '42501', 'not for everybody');

  my $doctor = "SELECT detail FROM s3_doctor() WHERE check_name = 'settings';";
  my $nobody = 'SET neon_s3.max_attempts = 1;';
  is $server->value($nobody, "SET neon_s3.endpoint = 'http://127.0.0.1:1';", $doctor), 'bucket my-bucket, region eu-north-1 (AWS_REGION), endpoint http://127.0.0.1:1',
    's3_doctor: a region of the environment, an endpoint that is set';
  is $server->value($nobody, use_file($file), $doctor),
    'bucket my-bucket, region eu-west-3 (region of profile "default"), endpoint http://127.0.0.1:9 (endpoint_url of profile "default")', '... of a profile';
  is $server->value($nobody, use_file($file), "SET neon_s3.region = 'us-east-1';", "SET neon_s3.endpoint = 'http://127.0.0.1:1';", $doctor),
    'bucket my-bucket, region us-east-1, endpoint http://127.0.0.1:1', '... both set';
  my %more = (AWS_DEFAULT_REGION => 'eu-west-1', AWS_ENDPOINT_URL_S3 => 'http://127.0.0.1:9', AWS_ENDPOINT_URL => 'http://127.0.0.1:8', AWS_CA_BUNDLE => '/etc/ca.pem',
    AWS_USE_FIPS_ENDPOINT => 'true', AWS_USE_DUALSTACK_ENDPOINT => 'false', AWS_S3_USE_ARN_REGION => 'false');
  $server->restart_with(AWS_ACCESS_KEY_ID => 'FROMENVIRONMENT', AWS_SECRET_ACCESS_KEY => $environment, %more);
  is $server->value($nobody, $doctor), 'bucket my-bucket, region eu-west-1 (AWS_DEFAULT_REGION), endpoint http://127.0.0.1:9 (AWS_ENDPOINT_URL_S3)', '... both of the environment';
  my %told = map { $_->[2] => $_->[1] } $server->rows("SELECT name, value, source FROM s3_settings() WHERE source LIKE 'AWS%';");
  delete $more{AWS_ENDPOINT_URL};
  is_deeply \%told, \%more, 's3_settings has all that counts of the environment';
  my %set = (region => 'us-east-1', endpoint => 'http://127.0.0.1:1', bucket => 'set', addressing_style => 'path', public_endpoint => 'http://127.0.0.1:2',
    public_url_base => 'https://cdn.example.com', ca_file => '/etc/mine.pem', credential_providers => 'static', access_key_id => 'FROMSETTINGS', secret_access_key => $settings);
  my @own = $server->rows((map { "SET neon_s3.$_ = " . lit($set{$_}) . ';' } sort keys %set), 'SELECT name, value, source FROM s3_settings() ORDER BY name;');
  my %value = (%set, map { $_ => '****' } qw(access_key_id secret_access_key));
  is_deeply [ grep { exists $set{ $_->[0] } } @own ], [ map { [ $_, $value{$_}, "neon_s3.$_" ] } sort keys %set ], '... and all that is set';
  $server->do("CREATE SERVER where_else FOREIGN DATA WRAPPER neon_s3 OPTIONS (region 'eu-west-2', endpoint 'http://127.0.0.1:3');",
    "CREATE USER MAPPING FOR PUBLIC SERVER where_else OPTIONS (access_key_id 'MAPPED', secret_access_key '$mapping');");
  is_deeply [ $server->rows("SELECT name, value, source FROM s3_settings(bucket => 'given', server => 'where_else')
    WHERE name IN ('access_key_id', 'bucket', 'endpoint', 'region') ORDER BY name;") ],
    [ [ 'access_key_id', '****', 'user mapping' ], [ 'bucket', 'given', 'argument' ], [ 'endpoint', 'http://127.0.0.1:3', 'server option' ],
    [ 'region', 'eu-west-2', 'server option' ] ], '... an argument, options of a server and its user mapping';
  $server->do('DROP SERVER where_else CASCADE;');
};

subtest 'secrets' => sub {
  my $log = $server->log_text;
  # What a statement says itself is in the log of statements; nothing but those may be.
  my @leaks = grep { my $line = $_; grep { index($line, $_) >= 0 } @canaries } split /\n/, $log;
  # The postmaster writes all of its environment there when it starts, at debug3 and below: a message for each, or from version 18 on
  # a line.
  my @others = grep { !/(?:SET neon_s3|USER MAPPING|umoptions)|(?:DEBUG:  00000: |^)\tAWS_SECRET_ACCESS_KEY=/ } @leaks;
  is_deeply \@others, [], 'none in the log at debug5' or diag join "\n", @others;
  ok index($log, $_) < 0, 'not even in a statement' for $in_file, $rotated, $wide;
  my @pg_dump = ("$server->{bin}/pg_dumpall");
  my ($status, $dump, $err) = NeonS3Test::run_program(\@pg_dump, '', $server->{env});
  is $status, 0, 'pg_dumpall runs' or diag $err;
  ok !(grep { index($dump, $_) >= 0 } @canaries), 'none in a dump';
};

done_testing();

# What each role can see of the credentials, place by place: the table of docs/credentials.md, by trying. On a server of its own.
use v5.32;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use NeonS3Test;
use Test::More;

# ---------------------------------------------------------------- the table

# What a cell shows: I, S, T: access key ID, secret and token of postgresql.conf; F: secret of the credentials file;
# E: of the postmaster's environment; M: of the role's own user mapping; O: of another role's; P: of PUBLIC's;
# Q: of PUBLIC's for the server that "owner" owns; C: of a CREATE USER MAPPING, as its statement. "-": none of them;
# "x": permission denied; else the SQLSTATE. R, a secret in a statement that was refused, is nowhere.
my $expected = <<'TABLE';
place                     ordinary mapped owner monitor settings data files superuser
SHOW                      -        -      -     -       -        -    -     -
current_setting           -        -      -     -       -        -    -     -
SHOW_ALL                  -        -      -     -       -        -    -     -
pg_settings               -        -      -     -       -        -    -     -
pg_file_settings          x        x      x     x       x        x    x     IST
pg_read_file_conf         x        x      x     x       x        x    x     IST
pg_read_file_credentials  x        x      x     x       x        x    x     F
pg_read_file_environ      x        x      x     x       x        x    x     E
COPY_conf                 x        x      x     x       x        x    IST   IST
COPY_credentials          x        x      x     x       x        x    F     F
COPY_environ              x        x      x     x       x        x    22021 22021
COPY_program              x        x      x     x       x        x    x     E
pg_user_mapping           x        x      x     x       x        MOPQ x     MOPQ
pg_user_mappings          -        M      MQ    M       M        M    M     MOPQ
information_schema        -        M      MQ    M       M        M    M     MOPQ
pg_foreign_server         -        -      -     -       -        -    -     -
pg_db_role_setting        -        -      -     -       -        -    -     -
pg_stat_activity          -        C      -     C       -        -    -     C
pg_stat_statements        -        C      -     C       -        -    -     C
signers                   IT       IT     IT    IT      IT       IT   IT    IT
errors                    22023    22023  22023 22023   22023    22023 22023 22023
pg_dump                   x        x      x     x       x        M    x     MOPQ
pg_dumpall                x        x      x     x       x        M    x     MOPQ
TABLE

my (undef, @roles) = split ' ', (split /\n/, $expected)[0];
my %attributes = (monitor => 'IN ROLE pg_monitor', settings => 'IN ROLE pg_read_all_settings', superuser => 'SUPERUSER',
  data => 'IN ROLE pg_read_all_data', files => 'IN ROLE pg_read_server_files');
my %canary = map { $_ => join '', "canary$_", map { sprintf '%08x', rand 2**32 } 1 .. 3 } qw(I S T F E P Q C R), @roles;

# ---------------------------------------------------------------- secrets in their places

my $shared = NeonS3Test->server;
my $statements = $shared->value("SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_stat_statements';");
my $server = own_server(preload => 1, conf => <<"CONF");
shared_preload_libraries = 'neon_s3@{[ $statements ? ', pg_stat_statements' : '' ]}'
neon_s3.access_key_id = '$canary{I}'
neon_s3.secret_access_key = '$canary{S}'
neon_s3.session_token = '$canary{T}'
neon_s3.bucket = 'my-bucket'
log_min_messages = debug5
log_statement = all
log_min_duration_statement = 0
log_error_verbosity = verbose
CONF

# scripts/pg keeps the environment of its caller out of the server.
$server->restart_with(AWS_ACCESS_KEY_ID => 'OFENVIRONMENT', AWS_SECRET_ACCESS_KEY => $canary{E});

my $credentials_file = "$server->{dir}/credentials";
open my $file, '>', $credentials_file or die $!;
print $file "[default]\naws_access_key_id = OFFILE\naws_secret_access_key = $canary{F}\n";
close $file;
chmod 0600, $credentials_file;
chown((stat $server->{env}{PGDATA})[ 4, 5 ], $credentials_file);

my @quiet = map { "SET $_;" } 'log_statement = none', 'log_min_duration_statement = -1', 'log_min_error_statement = panic',
  $statements ? 'pg_stat_statements.track = none' : ();
sub mapping { return "CREATE USER MAPPING FOR $_[0] SERVER $_[1] OPTIONS (access_key_id 'OF\U$_[0]\E', secret_access_key '$_[2]');" }

$server->do('CREATE EXTENSION neon_s3;', $statements ? 'CREATE EXTENSION pg_stat_statements;' : (),
  (map { "CREATE ROLE $_ LOGIN " . ($attributes{$_} // '') . ';' } @roles),
  'GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO PUBLIC;',
  map({ "CREATE SERVER $_->[0] FOREIGN DATA WRAPPER neon_s3 OPTIONS (region 'eu-central-1'$_->[1]);" }
    [ ours => '' ], [ theirs => '' ], [ by_environment => ", credential_providers 'environment'" ],
    [ by_file => ", credential_providers 'profile', credentials_file '$credentials_file'" ]),
  'GRANT USAGE ON FOREIGN SERVER ours, theirs, by_environment, by_file TO PUBLIC;', 'ALTER SERVER theirs OWNER TO owner;',
  @quiet, mapping('PUBLIC', 'ours', $canary{P}), mapping('PUBLIC', 'theirs', $canary{Q}),
  map({ mapping($_, 'ours', $canary{$_}) } grep { $_ ne 'ordinary' } @roles), mapping('monitor', 'theirs', $canary{monitor}));

my @refused = grep { $_->{sql} !~ /^SET/ } $server->try(@quiet, "ALTER ROLE mapped SET neon_s3.secret_access_key = '$canary{R}';",
  "ALTER DATABASE postgres SET neon_s3.session_token = '$canary{R}';",
  "ALTER SERVER ours OPTIONS (ADD secret_access_key '$canary{R}');", "ALTER SERVER ours OPTIONS (ADD secret '$canary{R}');",
  "ALTER USER MAPPING FOR mapped SERVER ours OPTIONS (ADD secret_key '$canary{R}');");
is_deeply [ map { $_->{state} } @refused ], [ ('22023') x @refused ], 'where everybody reads, secrets are refused'
  or diag map { $_->{notices} } @refused;

# Two sessions that stay: one has signed with all sources, the other has just said a secret.
my $sign = "SELECT substring(s3_presign_get('k', server => s) FROM 'Credential=(\\w+)%2F')
  FROM unnest('{NULL,ours,theirs,by_file,by_environment}'::text[]) s;" =~ s/\n */ /r;
sub stay {
  my ($statement) = @_;
  local @ENV{ keys %{ $server->{env} }, 'PGUSER' } = (values %{ $server->{env} }, 'mapped');
  open my $session, '|-', "$server->{bin}/psql", '-Xq', '-o', '/dev/null' or die $!;
  $session->autoflush;
  print $session $statement, "\n";
  return $session;
}
my @sessions = map { stay($_) } $sign, 'BEGIN; ' . mapping('mapped', 'theirs', $canary{C});
my $staying = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'mapped' AND state ~ 'idle' AND query ~ 'presign|CREATE';";
for (1 .. 1000) { last if $server->value($staying) == @sessions }
is $server->value($staying), @sessions, 'two sessions to be seen';

is_deeply [ map { $_->[0] } $server->with(PGUSER => $_->[0])->rows($sign) ], [ $canary{I}, $_->[1], 'OFPUBLIC', 'OFFILE', 'OFENVIRONMENT' ],
  "$_->[0] signs with all of them" for [ ordinary => 'OFPUBLIC' ], [ mapped => 'OFMAPPED' ];

# ---------------------------------------------------------------- trying

my @names = map { "neon_s3.$_" } qw(access_key_id secret_access_key session_token);
my ($postmaster) = NeonS3Test::slurp("$server->{env}{PGDATA}/postmaster.pid") =~ /^(\d+)/;
my $environ = "/proc/$postmaster/environ";
sub copy { return ('CREATE TEMP TABLE seen (line text);', "COPY seen FROM $_[0] (DELIMITER E'\\x01');", 'SELECT * FROM seen;') }
my %places = (
  SHOW => [ map { "SHOW $_;" } @names ],
  current_setting => [ map { "SELECT current_setting('$_');" } @names ],
  SHOW_ALL => ['SHOW ALL;'],
  pg_settings => [ 'SELECT * FROM pg_settings;', 'SELECT * FROM pg_show_all_settings();' ],
  pg_file_settings => ['SELECT * FROM pg_file_settings;'],
  pg_read_file_conf => ["SELECT pg_read_file('postgresql.conf');"],
  pg_read_file_credentials => ["SELECT pg_read_file('$credentials_file');"],
  pg_read_file_environ => ["SELECT encode(pg_read_binary_file('$environ'), 'escape');"],
  COPY_conf => [ copy("'$server->{env}{PGDATA}/postgresql.conf'") ],
  COPY_credentials => [ copy("'$credentials_file'") ],
  COPY_environ => [ copy("'$environ'") ],
  COPY_program => [ copy("PROGRAM 'env'") ],
  pg_user_mapping => ['SELECT * FROM pg_user_mapping;'],
  pg_user_mappings => ['SELECT * FROM pg_user_mappings;'],
  information_schema => ['SELECT * FROM information_schema.user_mapping_options;'],
  pg_foreign_server => [ 'SELECT * FROM pg_foreign_server;', 'SELECT * FROM information_schema.foreign_server_options;' ],
  pg_db_role_setting => [ 'SELECT * FROM pg_db_role_setting;', 'SELECT * FROM pg_roles;' ],
  pg_stat_activity => ['SELECT * FROM pg_stat_activity;'],
  pg_stat_statements => ['SELECT * FROM pg_stat_statements;'],
  signers => [ map { "SELECT s3_presign_explain('GET', 'k', server => $_), s3_presign_post('k', server => $_);" }
      "''", map { "'$_'" } qw(ours theirs by_file by_environment) ],
  errors => [ map { "SELECT s3_presign_get('', server => '$_');" } '', qw(ours theirs by_file by_environment) ],
  pg_dump => ['pg_dump'],
  pg_dumpall => [ 'pg_dumpall', '--no-role-passwords' ],
);

# What a role sees there: (all that was said, SQLSTATE or exit code of the first failure).
sub look {
  my ($role, $place) = @_;
  my $session = $server->with(PGUSER => $role);
  if ($place =~ /^pg_dump/) {
    my ($program, @arguments) = @{ $places{$place} };
    my ($status, $out, $err) = run_program([ "$server->{bin}/$program", @arguments ], '', $session->{env});
    return ("$out$err", $err =~ /permission denied|may lack SELECT privilege/ ? '42501' : $status || '00000');
  }
  my @results = $session->try(@{ $places{$place} });
  my ($failure) = grep { $_ ne '00000' } map { $_->{state} } @results;
  return (join("\n", map { ($_->{out}, $_->{notices}) } @results), $failure // '00000');
}

sub letters {
  my ($text, $role) = @_;
  my @found = grep { $text =~ $canary{$_} } sort keys %canary;
  my %letters = map { (length == 1 ? $_ : $_ eq $role ? 'M' : 'O') => 1 } @found;
  return join '', grep { $letters{$_} } qw(I S T F E M O P Q C R);
}

sub cell {
  my ($role, $place) = @_;
  my ($text, $state) = look($role, $place);
  return letters($text, $role) || { '00000' => '-', '42501' => 'x' }->{$state} // $state;
}

my %shown;
for my $line ((split /\n/, $expected)[ 1 .. $expected =~ tr/\n// - 1 ]) {
  my ($place, @cells) = split ' ', $line;
  next if $place eq 'pg_stat_statements' && !$statements;
  my %seen = map { $_ => cell($_, $place) } @roles;
  is_deeply \%seen, { map { $roles[$_] => $cells[$_] } 0 .. $#roles }, "$place" or diag explain \%seen;
  $shown{$_} = 1 for map { split //, /^\d/ ? '' : $_ } values %seen;
}
is_deeply [ grep { !$shown{$_} } qw(I S T F E M O P Q C) ], [], 'every secret was there to be seen';

subtest 'anybody who reads the log' => sub {
  my $log = $server->log_text;
  # PostgreSQL writes the postmaster's environment there when it starts, at debug3 and below: just this line, from version 18 on
  # as one of many in a message.
  is $log =~ s/^(?:[^\[\n]+\[$postmaster\] DEBUG:  00000: )?\tAWS_SECRET_ACCESS_KEY=$canary{E}$//gm, 1, 'the environment, once';
  like $log, qr/statement: \Q$sign\E/, 'statements';
  is letters($log, ''), 'C', 'of the secrets, what a statement says';
};

close $_ for @sessions;
done_testing;

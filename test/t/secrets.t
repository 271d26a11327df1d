# No setting, catalog, dump or log shows a secret that stands in postgresql.conf, however it gets there; and
# parallel workers sign with the right one. On a server of its own.
use v5.32;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use IPC::Open3 qw(open3);
use NeonS3Test;
use Test::More;

my @names = qw(access_key_id secret_access_key session_token);

# Three secrets, all different, and different each time.
sub new_secrets {
  my ($label) = @_;
  return { map { $_ => join '', 'canary', $label, map { sprintf '%08x', rand 2**32 } 1 .. 3 } @names };
}

sub conf_of { my ($secrets) = @_; return join '', map { "neon_s3.$_ = '$secrets->{$_}'\n" } @names }

sub set_of { my ($secrets) = @_; return map { "SET neon_s3.$_ = '$secrets->{$_}';" } @names }

my @secrets = map { new_secrets($_) } 'first', 'second', 'third';
my $of_set = new_secrets('set');
my $any_secret = join '|', map { values %$_ } @secrets, $of_set;
my $any_key = join '|', map { $_->{secret_access_key} } @secrets, $of_set;    # never in a URL

my $shared = NeonS3Test->server;
my $statements = $shared->value("SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_stat_statements';");
my $own = NeonS3Test::own_server(preload => 1, conf => conf_of($secrets[0]) . <<"CONF");
shared_preload_libraries = 'neon_s3@{[ $statements ? ', pg_stat_statements' : '' ]}'
neon_s3.bucket = 'my-bucket'
log_min_messages = debug5
log_statement = all
log_min_duration_statement = 0
log_error_verbosity = verbose
CONF

$own->do('CREATE EXTENSION neon_s3;', ($statements ? 'CREATE EXTENSION pg_stat_statements;' : ()), 'SELECT s3_create_files_table();');
my %roles = (ordinary => '', monitor => 'pg_monitor', settings => 'pg_read_all_settings', data => 'pg_read_all_data', superuser => '');
for my $role (sort keys %roles) {
  $own->do("CREATE ROLE $role LOGIN " . ($role eq 'superuser' ? 'SUPERUSER' : '') . ($roles{$role} ? " IN ROLE $roles{$role}" : '') . ';',
    "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO $role;");
}

# What a URL must be, by another server with the same settings.
my $sign = "SELECT s3_presign_get('k', signed_at => '2026-11-22T00:00:00Z');";
my $reference = $shared->new_database;
$reference->do('CREATE EXTENSION neon_s3;');
sub right_url { my ($secrets, @more) = @_; return $reference->value(set_of($secrets), "SET neon_s3.bucket = 'my-bucket';", @more, $sign) }

# ---------------------------------------------------------------- a session that lives through reloads

my $live_pid;
my ($live_in, $live_out);
{
  local @ENV{ keys %{ $own->{env} } } = values %{ $own->{env} };
  $live_pid = open3($live_in, $live_out, undef, "$own->{bin}/psql", '-XqAt', '-U', 'ordinary');
}
$live_in->autoflush;

sub live {
  my ($sql) = @_;
  print $live_in "\\set VERBOSITY sqlstate\n$sql\n\\echo end-of-answer\n";
  my $answer = '';
  while (defined(my $line = <$live_out>)) {
    last if $line eq "end-of-answer\n";
    $answer .= $line;
  }
  return $answer =~ s/\n\z//r;
}

# ---------------------------------------------------------------- every place that shows something

my @calls = ($sign, "SELECT s3_presign_put('k', 'a/b', content_length => 1);", "SELECT s3_presign_head('k');",
  "SELECT s3_presign_delete('k');",
  "SELECT s3_presign('GET', NULL, query => '{\"acl\": \"\"}');", "SELECT s3_public_url('k');",
  "SELECT * FROM s3_presign_upload('f', 'a/b');",
  "EXPLAIN (ANALYZE, VERBOSE, SETTINGS) $sign");
my @failing = ("SELECT s3_presign_get('');", "SELECT s3_presign_get('k', '8 days');", "SELECT s3_presign_get('k', bucket => 'x');",
  "SELECT s3_presign_get('k', headers => '{\"host\": \"x\"}');", "SELECT s3_presign('PATCH', 'k');",
  "SELECT s3_presign_get('k', server => 'x');",
  "SELECT s3_presign_get('k', query => '[]');", "SELECT s3_save_metadata(NULL, NULL, NULL);", "SET neon_s3.secret_access_key = DEFAULT;",
  "SET neon_s3.endpoint = 'x';", 'SELECT 1/0;');
my $listed = "SELECT name FROM pg_settings WHERE name ~ '^neon_s3.*(access|secret|session)';";
my @settings_views = ('SELECT * FROM pg_settings;', 'SELECT * FROM pg_show_all_settings();', 'SHOW ALL;',
  'SELECT * FROM pg_db_role_setting;',
  'SELECT * FROM pg_roles;', 'SELECT * FROM pg_proc WHERE proname ~ \'^s3_\';', 'SELECT * FROM pg_stat_activity;',
  'SELECT * FROM information_schema.routines WHERE routine_name ~ \'^s3_\';', 'SELECT * FROM information_schema.sql_implementation_info;',
  $listed, map({ ("SHOW neon_s3.$_;", "SELECT current_setting('neon_s3.$_');", "SELECT current_setting('neon_s3.$_', true);") } @names),
  "BEGIN; SELECT set_config('neon_s3.secret_access_key', 'x', true); ROLLBACK; SHOW neon_s3.secret_access_key;",
  'RESET ALL;', 'DISCARD ALL;');
my $statement_texts = 'SELECT * FROM pg_stat_statements;';

sub search_everywhere {
  my ($when) = @_;
  for my $role (sort keys %roles) {
    my $session = $own->with(PGUSER => $role);
    my @surfaces = (@settings_views, @settings_views[ 0 .. 3 ]);
    push @surfaces, $statement_texts if $statements;
    # To superusers PostgreSQL itself shows the file, line by line: they may read any file.
    push @surfaces, 'SELECT * FROM pg_file_settings;', 'SELECT * FROM pg_show_all_file_settings();' if $role ne 'superuser';
    my @results = $session->try(@calls, @failing, @surfaces);
    my %by_sql = map { $_->{sql} => $_ } @results;
    my @shown = grep { "$_->{out}$_->{notices}" =~ $any_secret } @results[ @calls .. $#results ];
    push @shown, grep { "$_->{out}$_->{notices}" =~ $any_key } @results[ 0 .. $#calls ];
    is_deeply [ map { $_->{sql} } @shown ], [], "$when: as $role";
    is_deeply [ map { $by_sql{$_}{state} } @calls, $settings_views[0], 'SHOW ALL;' ], [ ('00000') x (@calls + 2) ], '... where calls work';
    is $by_sql{"SHOW neon_s3.$_;"}{out}, '****', "... and neon_s3.$_ is ****" for @names;
    is $by_sql{$listed}{out}, '', '... and pg_settings does not even list them';
    is scalar(grep { $_->{state} ne '00000' } @results[ @calls .. $#calls + @failing ]), @failing - ($role eq 'superuser'),
      '... and bad calls fail';
  }
  for my $program (qw(pg_dump pg_dumpall)) {
    my ($status, $out, $err) = run_program([ "$own->{bin}/$program" ], '', $own->{env});
    is $status, 0, "$when: $program";
    unlike $out . $err, qr/$any_secret/, '... shows none';
  }
}

is live($sign), right_url($secrets[0]), 'a session signs with the secrets of the file';
search_everywhere('at start');

$own->append_conf(conf_of($secrets[1]) . "neon_s3.region = 'eu-central-1'");
$own->reload;
is live($sign), right_url($secrets[1], "SET neon_s3.region = 'eu-central-1';"), 'after a reload the same session signs with the new ones';
search_everywhere('after a reload');

$own->append_conf(conf_of($secrets[2]) . "neon_s3.region = 'us-west-2'");
$own->reload;
is live($sign), right_url($secrets[2], "SET neon_s3.region = 'us-west-2';"), '... and after another';
is $own->value($sign), live($sign), '... as a new session does';

# All lines of the secrets leave the file, and come back.
edit_conf(sub { s/^neon_s3\.(?=access|secret|session)/#$&/gm });
$own->reload;
is live($sign), 'ERROR:  28000', 'without its lines in the file the session has no credentials';
edit_conf(sub { s/^#(?=neon_s3\.)//gm });
$own->reload;
is live($sign), right_url($secrets[2], "SET neon_s3.region = 'us-west-2';"), '... and with them it has';
search_everywhere('at last');

sub edit_conf {
  my ($edit) = @_;
  open my $file, '+<', "$own->{env}{PGDATA}/postgresql.conf" or die "postgresql.conf: $!";
  local $_ = do { local $/; <$file> };
  $edit->();
  seek $file, 0, 0;
  truncate $file, 0;
  print $file $_;
  close $file;
}

subtest 'the log' => sub {
  my $log = $own->log_text;
  like $log, qr/parameter "neon_s3\.region" changed to "us-west-2"/, 'tells of settings that a reload changed';
  like $log, qr/parameter "neon_s3\.region" changed to "eu-central-1"/, '... each time';
  like $log, qr/DEBUG/, '... and has debug messages';
  like $log, qr/statement: \Q$sign\E/, '... and statements';
  is_deeply [ grep { /$any_secret/ } split /\n/, $log ], [], '... but no secret';
};

# ---------------------------------------------------------------- a superuser's SET

subtest 'secrets that a superuser SET' => sub {
  # The text of a SET is in the log, in pg_stat_statements and, while it runs, in pg_stat_activity: those are left out here.
  my @results = $own->try(join(' ', set_of($of_set)), $sign, @settings_views[ 0 .. 5 ],
    map({ ("SHOW neon_s3.$_;", "SELECT current_setting('neon_s3.$_');") } @names), (grep { !/DEFAULT/ } @failing),
    "BEGIN; SET LOCAL neon_s3.secret_access_key = 'other';",
    "SELECT set_config('neon_s3.secret_access_key', 'another', true);", 'ROLLBACK;', $sign, 'SET SESSION AUTHORIZATION ordinary;', $sign,
    @settings_views[ 0 .. 5 ], map({ "SHOW neon_s3.$_;" } @names));
  my @urls = grep { $_->{sql} eq $sign } @results;
  is $urls[0]{out}, right_url($of_set, "SET neon_s3.region = 'us-west-2';"), 'they sign';
  is $_->{out}, $urls[0]{out}, '... still' for @urls[ 1, 2 ];
  is_deeply [ map { $_->{sql} } grep { $_->{sql} ne $sign && "$_->{out}$_->{notices}" =~ $any_secret } @results ], [],
    '... and nothing shows them';

  is_deeply [ map { $_->{out} } grep { $_->{sql} =~ /set_config/ } @results ], ['****'], 'set_config gives no value back';

  my $connected = $own->with(PGOPTIONS => join ' ', map { "-c neon_s3.$_=$of_set->{$_}" } @names);
  @results = $connected->try($sign, @settings_views);
  is $results[0]{out}, $urls[0]{out}, 'given when connecting they sign as well';
  is_deeply [ map { $_->{sql} } grep { "$_->{out}$_->{notices}" =~ $any_secret } @results[ 1 .. $#results ] ], [],
    '... and nothing shows them';
};

# ---------------------------------------------------------------- parallel workers

$own->do('CREATE TABLE numbers AS SELECT generate_series(1, 5000) n;', 'ANALYZE numbers;', 'GRANT SELECT ON numbers TO ordinary;');
my $keys = "s3_presign_get('k' || n % 5, signed_at => '2026-11-22T00:00:00Z')";
my $query = "SELECT count(*), min($keys), max($keys) FROM numbers;";
my @parallel = map { "SET $_;" } 'parallel_setup_cost = 0', 'parallel_tuple_cost = 0', 'min_parallel_table_scan_size = 0',
  'max_parallel_workers_per_gather = 2', 'parallel_leader_participation = off';

sub check_parallel {
  my ($name, $session, $secrets, @first) = @_;
  subtest "parallel workers: $name" => sub {
    my @expected = $reference->row(set_of($secrets), "SET neon_s3.bucket = 'my-bucket';", "SET neon_s3.region = 'us-west-2';",
      $query =~ s/FROM numbers/FROM generate_series(1, 5000) n/r);
    my @results = $session->try("@parallel @first SELECT 1;", "EXPLAIN (ANALYZE, COSTS off) $query", $query,
      'SHOW neon_s3.secret_access_key;');
    my $plan = $results[1]{out} =~ tr/\x1e/\n/r;
    like $plan, qr/Workers Launched: [12]\b.*Partial Aggregate/s, 'workers did it' or diag $plan;
    is_deeply [ split /\x1f/, $results[2]{out} ], \@expected, '... and signed with the right secret';
    is $results[3]{out}, '****', '... which stays hidden';
  };
}

check_parallel('secrets of the file, preloaded', $own, $secrets[2]);
check_parallel('... for an ordinary role', $own->with(PGUSER => 'ordinary'), $secrets[2]);
check_parallel('secrets of a SET', $own, $of_set, set_of($of_set));
check_parallel('... then an ordinary role', $own, $of_set, set_of($of_set), 'SET SESSION AUTHORIZATION ordinary;');
check_parallel('a SET that was RESET', $own, $secrets[2], set_of($of_set), map { "RESET neon_s3.$_;" } @names);

close $live_in;
waitpid $live_pid, 0;
edit_conf(sub { s/^(?=shared_preload_libraries)/#/gm });
$own->control('restart');
is $own->value('SHOW shared_preload_libraries;'), '', 'a restart without preloading';
check_parallel('not preloaded, the leader has loaded it', $own, $secrets[2], $sign);
check_parallel('not preloaded, workers are the first to load it', $own, $secrets[2]);
check_parallel('not preloaded, secrets of a SET', $own, $of_set, $sign, set_of($of_set));
check_parallel('not preloaded, secrets of a SET before it is loaded', $own, $of_set, set_of($of_set));
for my $role (sort keys %roles) {
  my @results = $own->with(PGUSER => $role)->try($sign, @settings_views);
  is $results[0]{out}, right_url($secrets[2], "SET neon_s3.region = 'us-west-2';"), "not preloaded: $role signs";
  is_deeply [ map { $_->{sql} } grep { "$_->{out}$_->{notices}" =~ $any_secret } @results[ 1 .. $#results ] ], [],
    '... and sees none, once the library is loaded';
}

done_testing;

# ALTER EXTENSION neon_s3 UPDATE gives the catalog of a fresh install: on every path between the versions that are
# shipped, and on one to a version that the test makes up, so that there is always one. And the comparison notices
# what an upgrade script is likely to forget.
use v5.32;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use NeonS3Test;
use Test::More;

my $server = own_server(preload => 1, conf => "neon_s3.worker_database = 'app'\n");
chomp(my $share = (run_program([ "$server->{bin}/pg_config", '--sharedir' ]))[1]);
my $default = $server->value("SELECT default_version FROM pg_available_extensions WHERE name = 'neon_s3';");
my $count = 0;

sub fresh { my ($version) = @_; return made('CREATE EXTENSION neon_s3 VERSION ' . lit($version) . ';') }
sub updated { my ($from, $to) = @_; return made('CREATE EXTENSION neon_s3 VERSION ' . lit($from) . ';', 'ALTER EXTENSION neon_s3 UPDATE TO ' . lit($to) . ';') }

sub made {
  my @statements = @_;
  my $db = $server->new_database('upgrade_' . ++$count);
  $db->do(@statements);
  my $catalog = $db->catalog;
  $server->do("DROP DATABASE upgrade_$count;");
  return $catalog;
}

# More files beside those that the extension's own are.
sub add_file {
  my ($name, $text) = @_;
  my $file = "$share/extension/$name";
  unlink $file;
  open my $out, '>:encoding(UTF-8)', $file or die "$file: $!";
  print $out $text;
  close $out;
}

sub script { my ($name) = @_; return NeonS3Test::slurp(repo_dir() . "/sql/$name") }

# ---------------------------------------------------------------- what is shipped

subtest 'every path between the versions that are shipped' => sub {
  my %fresh = map { $_ => 1 } map { m{/neon_s3--([^-]+)\.sql\z} } glob repo_dir() . '/sql/neon_s3--*.sql';
  ok $fresh{$default}, "neon_s3--$default.sql is the one that CREATE EXTENSION runs";
  my %made = map { $_ => fresh($_) } sort keys %fresh;
  like $made{$default}, $_, 'what is compared has it all' for qr/^CREATE FUNCTION public\.s3_presign_get\(/m,
    qr/^REVOKE ALL ON FUNCTION public\.s3_presign_get\(/m, qr/^COMMENT ON FUNCTION public\.s3_presign_get\(/m,
    qr/^CREATE TABLE public\.s3_issued_keys \(/m, qr/^\Q$default\E f public s3_issued_keys $/m;
  for ($server->rows("SELECT source, target FROM pg_extension_update_paths('neon_s3') WHERE path IS NOT NULL;")) {
    my ($from, $to) = @$_;
    is updated($from, $to), $made{$to}, "$from to $to" if $fresh{$from} && $fresh{$to};
  }
};

# ---------------------------------------------------------------- a version to come

my $next = 'next';
my $addition = <<'SQL';
CREATE FUNCTION s3_added(key text) RETURNS text LANGUAGE sql VOLATILE PARALLEL SAFE RETURN key;
COMMENT ON FUNCTION s3_added(text) IS 'new';
REVOKE EXECUTE ON FUNCTION s3_added(text) FROM PUBLIC;
ALTER TABLE s3_issued_keys ADD added int NOT NULL DEFAULT 0;
SQL
add_file("neon_s3--$next.sql", script("neon_s3--$default.sql") . $addition);

subtest 'a script that does what it should' => sub {
  add_file("neon_s3--$default--$next.sql", $addition);
  my $fresh = fresh($next);
  isnt $fresh, fresh($default) =~ s/^\Q$default\E /$next /mgr, 'the versions differ';
  is updated($default, $next), $fresh, 'the same catalog';
};

for my $forgotten ('COMMENT', 'REVOKE', 'ALTER TABLE', 'VOLATILE', 'PARALLEL SAFE', 'NOT NULL', 'DEFAULT 0') {
  my $script = $forgotten =~ /^(?:COMMENT|REVOKE|ALTER)/ ? $addition =~ s/^$forgotten .*\n//mr : $addition =~ s/ $forgotten//r;
  $script =~ s/SAFE/SAFE STABLE/ if $forgotten eq 'VOLATILE';
  add_file("neon_s3--$default--$next.sql", $script);
  isnt updated($default, $next), fresh($next), "a script that forgets $forgotten is noticed";
}

subtest 'a database with rows' => sub {
  add_file("neon_s3--$default--$next.sql", $addition);
  my $db = $server->new_database('before');
  $db->do('CREATE EXTENSION neon_s3 VERSION ' . lit($default) . ';');
  $db->do('SELECT s3_create_files_table();', "INSERT INTO s3_files (object_key, file_url, user_id) VALUES ('k', 'u', 'me');",
    'ALTER EXTENSION neon_s3 UPDATE TO ' . lit($next) . ';');
  is $db->value('SELECT object_key FROM s3_files;'), 'k', 'rows stay';
  is $db->value("SELECT s3_added('new');"), 'new', 'what is new is there';
};

# ---------------------------------------------------------------- pg_upgrade

# It starts both servers as they are configured. A worker that connected or wrote anything meanwhile would disturb it.
subtest 'a server that pg_upgrade runs' => sub {
  my $workers = sub {
    my ($postmaster) = split /\n/, NeonS3Test::slurp("$server->{env}{PGDATA}/postmaster.pid");
    my @children = split ' ', NeonS3Test::slurp("/proc/$postmaster/task/$postmaster/children");
    return scalar grep { -e "/proc/$_/cmdline" && NeonS3Test::slurp("/proc/$_/cmdline") =~ /neon_s3 worker/ } @children;
  };
  wait_until(sub { $workers->() == 1 });
  ok 1, 'the worker runs';
  my @pg_ctl = ("$server->{bin}/pg_ctl", '-D', $server->{env}{PGDATA}, '-w');
  $server->as_server_user([ @pg_ctl, '-o', "-p $server->{env}{PGPORT} -b", '-l', "$server->{dir}/pg/log/postgresql.log", 'restart' ]);
  is $server->value('SELECT pg_is_in_recovery();'), 'f', 'the server is up';
  is $workers->(), 0, '... but no worker while pg_upgrade runs it';
  $server->as_server_user([ @pg_ctl, 'stop' ]);
};

done_testing;

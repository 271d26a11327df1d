# The examples as a reader would run them: a copy of the folder, its database, and its backends.
package Examples;
use v5.32;
use warnings;
use utf8;
use Exporter qw(import);
use File::Temp ();
use IO::Socket::INET;
use NeonS3Test;
use Test::More;

our @EXPORT = qw(copy_of_examples example_database has_flask has_node runs install_packages free_ports start_backend
  missing_for_chromium in_chromium);

# False, too, where there is no such program.
sub runs { return eval { (run_program([@_]))[0] == 0 } }

sub has_flask { return runs('/usr/bin/python3', '-c', 'import flask, dotenv, psycopg, psycopg_pool') }

sub has_node { return !grep { !runs($_, '--version') } qw(node npm) }

# Installs what a page and its test need; '' or why that can't be.
sub missing_for_chromium {
  my ($folder, @locks) = @_;
  return 'node, npm and chromium are not installed' if !has_node() || !-x '/usr/bin/chromium';
  for my $lock (@locks, 'test/browser') {
    my $missing = install_packages("$folder/$lock");
    return $missing if $missing;
  }
  return '';
}

# Runs a script of test/browser; each line of it is a test of ours.
sub in_chromium {
  my ($folder, $script, %environment) = @_;
  my ($status, $out, $err) = run_program([ 'timeout', '700', 'node', "$folder/test/browser/$script" ], '',
    { WORK => $folder->dirname, SCREENSHOTS => $ENV{NEON_S3_SCREENSHOTS} // '', %environment });
  for my $line (split /\n/, $out) {
    if ($line =~ /^(not )?ok - (.*)/) { ok !$1, $2 }
    elsif ($line =~ /^# ?(.*)/) { diag $1 }
  }
  ok $status == 0 && $out =~ /^done$/m, "$script ran to its end" or diag $out . $err;
}

# A folder of its own: what npm installs and builds stays out of the sources.
sub copy_of_examples {
  my $folder = File::Temp->newdir('neon_s3-examples.XXXXXX', TMPDIR => 1);
  chmod 0755, $folder->dirname;
  my ($status, $out, $err) = run_program([ qw(tar -C), repo_dir(), qw(--exclude=node_modules -cf), "$folder/all.tar", qw(examples test/browser) ]);
  ($status, $out, $err) = run_program([ qw(tar -C), $folder->dirname, qw(--no-same-owner -xf), "$folder/all.tar" ]) if !$status;
  die "tar: $err" if $status;
  return $folder;
}

# What a lock file names. '' or, where the registry does not answer, a sentence to skip the test with.
sub install_packages {
  my ($folder) = @_;
  my ($status, $out, $err) = run_program([ 'timeout', '240', 'npm', 'ci', '--prefix', $folder, '--ignore-scripts', '--no-audit',
    '--no-fund', qw(--fetch-retries=1 --fetch-retry-mintimeout=1000 --fetch-timeout=30000) ]);
  return '' if $status == 0;
  return "the npm registry can't be reached" if $status == 124 || "$out$err" =~ /\b(?:E?AI_AGAIN|ENOTFOUND|ETIMEDOUT|ECONNREFUSED|ECONNRESET|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT|E40[1-7]|\w*CERT\w*)\b/;
  die "npm ci in $folder: $out$err";
}

# examples/schema.sql in a server of its own, its bucket, and browsers let in from @origins. (server, database)
sub example_database {
  my ($bucket, @origins) = @_;
  my $server = own_server(preload => 1, conf => conf_lines(s3_settings($bucket)));
  my $db = $server->new_database;
  my ($status, $out, $err) = $db->psql('', '-f', repo_dir() . '/examples/schema.sql');
  die "schema.sql: $out$err" if $status;
  $db->do("ALTER ROLE app PASSWORD 'app';",
    'SELECT * FROM s3_setup_bucket(' . lit($bucket) . ', ARRAY[' . join(', ', map { lit($_) } @origins) . ']);');
  return ($server, $db);
}

sub free_ports {
  my ($how_many) = @_;
  my @sockets = map { IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1') // die "no port: $@" } 1 .. $how_many;
  return map { $_->sockport } @sockets;
}

# Runs until the end of the test. Its only setting is the database's URL; what it says goes to LOG.
sub start_backend {
  my ($folder, $kind, $port, $db, $log) = @_;
  my %command = (hono => [qw(node hono/server.mjs)], flask => [qw(/usr/bin/python3 -B flask/server.py)]);
  my $url = "postgresql://app:app\@127.0.0.1:$db->{env}{PGPORT}/$db->{env}{PGDATABASE}";
  my $pid = fork // die "fork: $!";
  if (!$pid) {
    %ENV = (PATH => $ENV{PATH}, HOME => $folder, PORT => $port, DATABASE_URL => $url);
    chdir "$folder/examples" or exit 1;
    open STDIN, '<', '/dev/null';
    open STDOUT, '>', $log;
    open STDERR, '>&', \*STDOUT;
    exec @{ $command{$kind} } or exit 1;
  }
  NeonS3Test->on_end(sub { kill TERM => $pid; waitpid $pid, 0 });
  wait_until(sub { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) });
  return "http://127.0.0.1:$port";
}

1;

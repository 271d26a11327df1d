# Helpers of the end-to-end tests: SQL through psql, HTTP through curl, servers of a test's own.
#
# The environment (scripts/check sets it) names a running PostgreSQL (PGBIN, PGHOST, PGPORT, PGUSER) and a
# running S3 server (S3_ENDPOINT, S3_VIRTUAL_ENDPOINT, S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY, S3_REGION).
package NeonS3Test;
use v5.32;
use warnings;
use utf8;
use Cwd qw(abs_path);
use Encode qw(decode encode);
use Exporter qw(import);
use File::Basename qw(dirname);
use File::Path qw(remove_tree);
use File::Temp ();
use IPC::Open2 qw(open2);
use IPC::Open3 qw(open3);
use JSON::PP ();
use Test::More;
use Time::HiRes ();

our @EXPORT = qw(lit ident json from_json run_program curl new_bucket s3_keys s3_settings conf_lines own_server repo_dir
  refused has_boto3 boto3 wait_until awkward_keys far_away);
our @EXPORT_OK = qw(shown);

binmode $_, ':encoding(UTF-8)' for *STDERR, Test::More->builder->output, Test::More->builder->failure_output,
  Test::More->builder->todo_output;

my @cleanups;    # run last to first, however the test ends
$SIG{$_} = sub { exit 1 } for qw(HUP INT TERM);

END {
  my $status = $?;
  (pop @cleanups)->() while @cleanups;
  $? = $status;
}

sub repo_dir { return dirname(dirname(dirname(abs_path(__FILE__)))) }

sub need {
  my @missing = grep { !length($ENV{$_} // '') } @_;
  die "not set: @missing (scripts/check sets them; so do the env files of scripts/pg and scripts/rgw)\n"
    if @missing;
}

# ---------------------------------------------------------------- programs

# All texts are characters; what cannot be decoded stays as bytes. (exit code, stdout, stderr)
sub run_program {
  my ($command, $input, $env) = @_;
  local @ENV{ keys %{ $env // {} } } = values %{ $env // {} };
  my @files = map { File::Temp->new } 1 .. 3;
  binmode $_ for @files;
  print { $files[0] } encode('utf8', $input // '');
  $files[0]->flush;
  seek $files[0], 0, 0;
  my @redirections = ('<&' . fileno($files[0]), map { '>&' . fileno($_) } @files[ 1, 2 ]);
  my $pid = open3(@redirections, map { encode('utf8', $_) } @$command);
  waitpid $pid, 0;
  my $status = $? >> 8 || $? & 127;
  return ($status, map { slurp($_->filename) } @files[ 1, 2 ]);
}

sub slurp {
  my ($name) = @_;
  open my $file, '<:raw', $name or die "$name: $!";
  local $/;
  my $bytes = <$file> // '';
  return eval { decode('utf8', "$bytes", Encode::FB_CROAK) } // $bytes;
}

# Waits until it says yes, or for much too long.
sub wait_until {
  my ($check) = @_;
  for (1 .. 1500) {
    my $yes = $check->();
    return $yes if $yes;
    Time::HiRes::sleep(0.02);
  }
  die "waited in vain";
}

# ---------------------------------------------------------------- SQL

# A literal; a JSON object for a hash.
sub lit {
  my ($value) = @_;
  return 'NULL' if !defined $value;
  $value = json($value) if ref $value;
  $value =~ s/'/''/g;
  return $value =~ s/\\/\\\\/g ? "E'$value'" : "'$value'";
}

sub ident { return '"' . $_[0] =~ s/"/""/gr . '"' }

my $json = JSON::PP->new->canonical->allow_nonref;
sub json { return $json->encode($_[0]) }
sub from_json { return $json->decode($_[0]) }

# A PostgreSQL to connect to: the one of the environment, or one of own_server().
sub server {
  my ($class) = @_;
  need(qw(PGBIN PGHOST PGPORT PGUSER));
  return bless { bin => $ENV{PGBIN}, env => { PGDATABASE => 'postgres', PGCLIENTENCODING => 'UTF8' } }, $class;
}

# The same server, with another database or more environment.
sub with {
  my ($self, %env) = @_;
  return bless { %$self, env => { %{ $self->{env} }, %env } }, ref $self;
}

# A new database, dropped at the end.
sub new_database {
  my ($self, $name, %options) = @_;
  $name //= 'neon_s3_t_' . $$;
  $self->do('DROP DATABASE IF EXISTS ' . ident($name) . ' WITH (FORCE);',
    'CREATE DATABASE ' . ident($name) . ($options{encoding}
      ? " ENCODING '$options{encoding}' LOCALE 'C' TEMPLATE template0;" : ';'));
  push @cleanups, sub { $self->try('DROP DATABASE IF EXISTS ' . ident($name) . ' WITH (FORCE);') };
  return $self->with(PGDATABASE => $name);
}

# A new role, dropped at the very end, when no database can depend on it any more.
sub new_role {
  my ($self, $name, $options) = @_;
  $self->do("DROP ROLE IF EXISTS " . ident($name) . ';', "CREATE ROLE " . ident($name) . ' ' . ($options // '') . ';');
  unshift @cleanups, sub { $self->try('DROP ROLE IF EXISTS ' . ident($name) . ';') };
  return $name;
}

sub on_end { my ($self, $cleanup) = @_; push @cleanups, $cleanup }

sub psql {
  my ($self, $script, @arguments) = @_;
  return run_program([ "$self->{bin}/psql", '-X', '-q', '-A', '-t', '-F', "\x1f", '-R', "\x1e", @arguments ],
    $script, $self->{env});
}

# One session; each of @statements (complete, with ';') succeeds or the test dies. The rows of all of them,
# as lists of texts; SQL NULL is ''.
sub rows {
  my ($self, @statements) = @_;
  my ($status, $out, $err) = $self->psql(join("\n", @statements), '-v', 'ON_ERROR_STOP=1');
  my $shown = join "\n", grep { !/^SET neon_s3\.secret/ } @statements;
  die "psql failed: $err\nin: " . substr($shown, 0, 2000) . "\n" if $status;
  return if $out eq '';
  my @rows = split /[\x1e\n]/, $out =~ s/\n\z//r, -1;
  return map { length ? [ split /\x1f/, $_, -1 ] : [''] } @rows ? @rows : '';    # split of '' gives nothing
}

sub do { my ($self, @statements) = @_; $self->rows(@statements); return }

sub row { my @rows = rows(@_); return @{ $rows[-1] // [] } }

sub value { return (row(@_))[0] }

# One session; each of @statements may fail, and the session goes on. For each: {sql, out, state ('00000'
# for success), message, detail, hint, notices (all that psql said)}.
my $mark = "\x02mark";

sub try {
  my ($self, @statements) = @_;
  my ($status, $out, $err) = $self->psql(join '', "\\set VERBOSITY verbose\n", map { marked($_) } @statements);
  my @out = split /\Q$mark\E (\w{5})\n/, $out;
  my @err = split /\Q$mark\E\n/, $err;
  my @results;
  for my $sql (@statements) {
    my ($text, $state) = (shift @out, shift @out);
    push @results, result($sql, $text // '', $state, shift @err // '');
  }
  return wantarray ? @results : $results[-1];
}

sub marked { my ($sql) = @_; return "$sql\n\\warn '$mark'\n\\echo '$mark' :SQLSTATE\n" }

sub result {
  my ($sql, $out, $state, $said) = @_;
  my %result = (sql => $sql, out => $out =~ s/[\x1e\n]\z//r, state => $state // 'lost', notices => $said);
  my $end = qr/(?=\n[A-Z ]+(?: \d+)?:|\n?\z)/;
  ($result{message}) = $said =~ /(?:ERROR|FATAL):  \w{5}: (.*?)$end/s;
  ($result{detail}) = $said =~ /^DETAIL:  (.*?)$end/sm;
  ($result{hint}) = $said =~ /^HINT:  (.*?)$end/sm;
  return \%result;
}

# A session that stays, for tests that do something meanwhile: see NeonS3Test::Session.
sub session {
  my ($self, @statements) = @_;
  my $errors = File::Temp->new;
  local @ENV{ keys %{ $self->{env} } } = values %{ $self->{env} };
  my $pid = open3(my $in, my $out, '>&' . fileno($errors), "$self->{bin}/psql", qw(-X -q -A -t -F), "\x1f", '-R', "\x1e");
  binmode $_, ':encoding(UTF-8)' for $in, $out;
  $in->autoflush;
  my $session = bless { psql => $pid, in => $in, out => $out, errors => $errors, said => 0 }, 'NeonS3Test::Session';
  push @cleanups, sub { $session->close };
  print $in "\\set VERBOSITY verbose\n";
  $session->{pid} = $session->run('SELECT pg_backend_pid();')->{out};
  $session->run($_) for @statements;
  return $session;
}

# All that a database has, and the extension owns, as pg_upgrade has pg_dump write it: definitions, columns, privileges, comments.
# Without OIDs and transaction IDs; tables whose rows a dump holds stand in pg_extension as OIDs, so they are asked by name.
sub catalog {
  my ($self) = @_;
  my ($status, $out, $err) = run_program([ "$self->{bin}/pg_dump", qw(--binary-upgrade --schema-only) ], '', $self->{env});
  die "pg_dump failed: $err" if $status;
  my $noise = qr/^\\(?:un)?restrict |binary_upgrade_(?:set_next|create_empty|set_missing)|^SET relfrozenxid|^WHERE oid = '\d|^--|^$/;
  my @lines = grep { $_ !~ $noise } split /\n/, $out;
  return join "\n", @lines, map({ join ' ', @$_ } $self->rows(<<'SQL')), '';
SELECT extversion, extrelocatable, extnamespace::regnamespace, c.t::regclass, c.condition
  FROM pg_extension LEFT JOIN LATERAL unnest(extconfig, extcondition) c(t, condition) ON true
 WHERE extname = 'neon_s3' ORDER BY c.t::regclass::text;
SQL
}

# Tests that a result of try() was refused with $state; $expect may name patterns: message, hint, not.
sub refused {
  my ($result, $state, $name, %expect) = @_;
  local $Test::Builder::Level = $Test::Builder::Level + 1;
  my @wrong;
  push @wrong, "SQLSTATE $result->{state}" if $result->{state} ne $state;
  for my $part (qw(message hint detail)) {
    push @wrong, "$part: " . ($result->{$part} // 'none')
      if exists $expect{$part} && ($result->{$part} // '') !~ $expect{$part};
  }
  push @wrong, 'it says what it must not' if exists $expect{not} && $result->{notices} =~ $expect{not};
  ok !@wrong, $name;
  diag "$result->{sql}\n  expected $state" . join('', map { "\n  got $_" } @wrong) . "\n$result->{notices}$result->{out}"
    if @wrong;
}

# ---------------------------------------------------------------- a server of the test's own

# options: conf (text of settings), preload, pg_config (of another PostgreSQL). Cleaned up at the end.
sub own_server {
  my (%options) = @_;
  my $base = $ENV{NEON_S3_PG_DIR} ? dirname($ENV{NEON_S3_PG_DIR}) : '/tmp';
  my $dir = File::Temp::tempdir('neon_s3-t.XXXXXX', DIR => $base);
  chmod 0711, $dir;
  my $self = bless { dir => $dir }, __PACKAGE__;
  push @cleanups, sub { $self->control('stop') if -e "$dir/pg/env"; remove_tree($dir) };

  my $conf = "$dir/more.conf";
  open my $file, '>:encoding(UTF-8)', $conf or die "$conf: $!";
  chmod 0600, $conf;
  print $file $options{conf} // '';
  close $file;
  local $ENV{PG_CONFIG} = $options{pg_config} // $ENV{PG_CONFIG};
  my @source = $options{pg_config} ? () : ('--source', repo_dir());
  $self->control('create', '--without-bitcode', ($options{preload} ? '--preload' : ()), '--conf', $conf, @source);
  unlink $conf;
  $self->control('start');
  my %env = map { /^(\w+)=(.*)$/ ? ($1 => $2) : () } split /\n/, slurp("$dir/pg/env");
  $self->{bin} = $env{PGBIN};
  $self->{env} = { %env, PGCLIENTENCODING => 'UTF8' };
  return $self;
}

sub control {
  my ($self, $command, @arguments) = @_;
  my ($status, $out, $err) = run_program([ repo_dir() . '/scripts/pg', $command, "$self->{dir}/pg", @arguments ]);
  die "scripts/pg $command failed: $out$err" if $status;
}

# A program as the operating system's user of the server, with an environment.
sub as_server_user {
  my ($self, $command, %environment) = @_;
  my @prefix = $> == 0 ? qw(runuser -u postgres --) : ();
  my ($status, $out, $err) = run_program([ @prefix, @$command ], '', { %environment, PWD => '/' });
  die "@$command: $out$err" if $status;
}

# With more environment for the server; scripts/pg keeps that of its caller out.
sub restart_with {
  my ($self, %environment) = @_;
  $self->as_server_user([ "$self->{bin}/pg_ctl", '-D', $self->{env}{PGDATA}, '-w', '-o', "-p $self->{env}{PGPORT}",
    '-l', "$self->{dir}/pg/log/postgresql.log", 'restart' ], %environment);
}

# The same for a server that sees other files (name => text) than the rest of the machine does. Needs root.
sub can_replace_files { return $> == 0 && (run_program([qw(unshare -m true)]))[0] == 0 }

sub restart_with_files {
  my ($self, $files, %environment) = @_;
  my @mounts;
  for my $name (sort keys %$files) {
    my $copy = "$self->{dir}/" . $name =~ tr{/}{_}r;
    open my $file, '>:encoding(UTF-8)', $copy or die "$copy: $!";
    print $file $files->{$name};
    close $file;
    push @mounts, $copy, $name;
  }
  my $pg_ctl = "$self->{bin}/pg_ctl";
  $self->as_server_user([ $pg_ctl, '-D', $self->{env}{PGDATA}, '-w', '-m', 'fast', 'stop' ]);
  my $script = 'while [ "$1" != -- ]; do mount --bind "$1" "$2" && shift 2 || exit 1; done; shift; exec "$@"';
  my ($status, $out, $err) = run_program([ qw(unshare -m --propagation private sh -c), $script, 'sh', @mounts, '--', qw(runuser -u postgres --), $pg_ctl,
    '-D', $self->{env}{PGDATA}, '-w', '-o', "-p $self->{env}{PGPORT}", '-l', "$self->{dir}/pg/log/postgresql.log", 'start' ], '', { %environment, PWD => '/' });
  die "no server with other files: $out$err" if $status;
}

# Those that run for this server: their working directory is the data directory.
sub processes {
  my ($self) = @_;
  return grep { (readlink("/proc/$_/cwd") // '') eq $self->{env}{PGDATA} } map { m{(\d+)\z} } glob '/proc/[0-9]*';
}

# kill -9 of the postmaster, then of what remains, and a new start at once: once the postmaster is reaped, which
# pg_ctl would take for a running one.
sub crash {
  my ($self) = @_;
  my ($postmaster) = slurp("$self->{env}{PGDATA}/postmaster.pid") =~ /\A(\d+)/ or die "no postmaster";
  die "postmaster $postmaster does not run" if !grep { $_ == $postmaster } $self->processes;
  kill KILL => $postmaster;
  wait_until(sub { my @left = $self->processes; kill KILL => @left; return !@left && !-e "/proc/$postmaster" });
  $self->control('start');
}

# A pg_basebackup of this server, started beside it. It shares the port's number: it listens on a socket of its own
# only. options: standby (follows this one), conf.
sub copy_of_server {
  my ($self, $name, %options) = @_;
  my $base = "$self->{dir}/pg";
  my ($data, $socket) = ("$base/$name", "$base/${name}_sock");
  mkdir $_ for $data, $socket;
  chown((stat $self->{env}{PGDATA})[ 4, 5 ], $data, $socket);
  chmod 0700, $data;
  $self->as_server_user([ "$self->{bin}/pg_basebackup", '-D', $data, qw(-X stream -c fast --no-sync), $options{standby} ? '-R' : () ],
    %{ $self->{env} });
  my $copy = $self->with(PGHOST => $socket, PGDATA => $data);
  $copy->{start} = [ '-l', "$base/log/$name.log", '-o',
    "-p $self->{env}{PGPORT} -c listen_addresses= -c unix_socket_directories=$socket" ];
  $copy->append_conf($options{conf}) if $options{conf};
  $copy->copy_control('start', @{ $copy->{start} });
  push @cleanups, sub { eval { $copy->copy_control(qw(-m immediate stop)) } };
  return $copy;
}

sub copy_control {
  my ($self, @command) = @_;
  $self->as_server_user([ "$self->{bin}/pg_ctl", '-D', $self->{env}{PGDATA}, '-w', @command ], %{ $self->{env} });
}

# More settings for postgresql.conf: the file keeps its owner and its mode.
sub append_conf {
  my ($self, $text) = @_;
  open my $file, '>>:encoding(UTF-8)', "$self->{env}{PGDATA}/postgresql.conf" or die "postgresql.conf: $!";
  print $file "$text\n";
  close $file;
}

# Reloads the configuration; returns once the postmaster has read it.
sub reload {
  my ($self) = @_;
  my $loaded = $self->value('SELECT pg_conf_load_time();');
  $self->do('SELECT pg_reload_conf();');
  for (1 .. 5000) {
    return if $self->value('SELECT pg_conf_load_time();') ne $loaded;
  }
  die "the server does not reload its configuration";
}

sub log_text { my ($self) = @_; return slurp("$self->{dir}/pg/log/postgresql.log") }

# ---------------------------------------------------------------- S3

my @s3_variables = qw(S3_ENDPOINT S3_VIRTUAL_ENDPOINT S3_ACCESS_KEY_ID S3_SECRET_ACCESS_KEY S3_REGION);

# SET statements for the S3 server of the environment, for a superuser's session.
sub s3_settings {
  my ($bucket, %more) = @_;
  need(@s3_variables);
  my %settings = (access_key_id => $ENV{S3_ACCESS_KEY_ID}, secret_access_key => $ENV{S3_SECRET_ACCESS_KEY},
    region => $ENV{S3_REGION}, endpoint => $ENV{S3_ENDPOINT}, bucket => $bucket // '', %more);
  return map { "SET neon_s3.$_ = " . lit($settings{$_}) . ';' } sort keys %settings;
}

# The same statements as lines of postgresql.conf.
sub conf_lines { return join '', map { s/\ASET (.*);\z/$1/r . "\n" } @_ }

# {status, body, headers (lower-case name => value)}. options: headers (hash), body (characters), and
# arguments (of curl's).
sub curl {
  my ($method, $url, %options) = @_;
  my ($sent, $body, $head) = map { File::Temp->new } 1 .. 3;
  binmode $sent;
  print $sent encode('utf8', $options{body} // '');
  $sent->flush;
  my @arguments = map { ('-H', length $options{headers}{$_} ? "$_: $options{headers}{$_}" : "$_;") }
    sort keys %{ $options{headers} // {} };
  push @arguments, $method eq 'HEAD' ? '--head' : ('-X', $method);
  # Not -T: that appends a file name to a URL that ends in '/'. And no type that the caller did not choose.
  if (defined $options{body}) {
    push @arguments, '--data-binary', '@' . $sent->filename;
    push @arguments, '-H', 'Content-Type:' if !grep { lc eq 'content-type' } keys %{ $options{headers} // {} };
  }
  # Newer versions of curl sign no path as it is.
  my @path_as_is = (grep { $_ eq '--aws-sigv4' } @{ $options{arguments} // [] }) ? () : '--path-as-is';
  my ($status, $code, $err) = run_program(
    [ qw(curl -q -sS --globoff --max-time 60 --noproxy *), @path_as_is, '-o', $body->filename, '-D', $head->filename,
      '-w', '%{http_code}', @arguments, @{ $options{arguments} // [] }, $url ], $options{input});
  diag "curl: $err" if $status;
  my %headers = map { /^([^:\s]+):\s*(.*?)\s*$/ ? (lc $1 => $2) : () } split /\n/, slurp($head->filename);
  return { status => $code, body => slurp($body->filename), headers => \%headers };
}

# Requests of the tests' own to the S3 server; curl signs them. The credentials go through standard input:
# arguments show in the process list. (curl 7.88 leaves out the hash where there is no payload.)
sub signed_curl {
  my ($method, $path) = @_;
  return curl($method, $ENV{S3_ENDPOINT} . $path,
    headers => { 'x-amz-content-sha256' => 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855' },
    arguments => [ '--aws-sigv4', "aws:amz:$ENV{S3_REGION}:s3", '--config', '-' ],
    input => qq(user = "$ENV{S3_ACCESS_KEY_ID}:$ENV{S3_SECRET_ACCESS_KEY}"\n));
}

sub uri_encode { return encode('utf8', $_[0]) =~ s{([^A-Za-z0-9\-_.~/])}{sprintf '%%%02X', ord $1}ger }

# A new bucket, emptied and removed at the end.
sub new_bucket {
  my ($name) = @_;
  need(@s3_variables);
  $name //= 'neon-s3-t-' . $$;
  my $reply = signed_curl('PUT', "/$name");
  die "no bucket: HTTP $reply->{status} $reply->{body}" if $reply->{status} ne '200';
  push @cleanups, sub {
    signed_curl('DELETE', "/$name/" . uri_encode($_)) for s3_keys($name);
    my $gone = signed_curl('DELETE', "/$name");
    diag "bucket $name is left: HTTP $gone->{status}" if $gone->{status} ne '204';
  };
  return $name;
}

# The keys of a bucket, as the S3 server lists them.
sub s3_keys {
  my ($bucket) = @_;
  my $reply = signed_curl('GET', "/$bucket?encoding-type=url&list-type=2");
  die "no list: HTTP $reply->{status} $reply->{body}" if $reply->{status} ne '200';
  my %entity = (lt => '<', gt => '>', amp => '&', quot => '"', apos => "'");
  return map { s/&(\w+);/$entity{$1}/g; s/\+/ /g; s/%([0-9A-Fa-f]{2})/chr hex $1/ge; decode('utf8', $_) }
    $reply->{body} =~ m{<Key>([^<]*)</Key>}g;
}

# Names that somebody, somewhere, gets wrong; all valid, and all different.
sub awkward_keys {
  return (
    # what a URL gives a meaning to
    'x', ' ', 'two  spaces ', '+', 'a+b c', '%', '100%', '%2F', '%252e', '%2e%2e/x', 'a%20b', '?', 'a?b=c', '#', 'a#b', '&', 'a&b=c', '=', ';',
    ',', ':', '@', '$', '!*()', "it's", '"quoted"', '\\', 'a\\b', '`<>|^', '{}[]', '${filename}', '~-_.', 'http://host/key?q#f',
    # slashes and dots; whole segments of "." and ".." are refused
    '/', '/lead', 'tail/', '//', 'a//b', '///a///', '...', 'a/...', '.hidden', 'a/..b', 'a./b', '. ', 'a/ /b',
    # beyond ASCII
    'é', "e\x{301}", 'ﬁ', 'Å', "A\x{30a}", '日本語', 'שלום/عربى', "\x{5d0}\x{202e}x", '😀', "\x{1F469}\x{200D}\x{1F4BB}.png", '🇩🇪',
    "o\x{308}\x{304}\x{323}", "\x{feff}bom", "\x{a0}", "\x{200b}", "\x{10fffd}",
    # control characters: RGW takes them all but NUL, which no text can hold
    "\x01", "a\nb", "a\r\nb", "\t", "\e[1m", "\x7f", "\x{85}", "\x{2028}",
    # 1024 bytes
    'a' x 1024, 'é' x 512, '語' x 341 . 'x', '😀' x 256, '%' x 1024, ('b' x 100 . '/') x 10 . 'b' x 14,
  );
}

# Another port of 127.0.0.1, as if it took that long to get there and back. Ends with the test.
sub far_away {
  my ($port, $milliseconds) = @_;
  my $pid = open2(my $out, my $in, '/usr/bin/python3', repo_dir() . '/test/far_away.py', $port, $milliseconds);
  push @cleanups, sub { close $in; waitpid $pid, 0 };
  chomp(my $own = <$out> // die "far_away.py does not start\n");
  return $own;
}

# For a test's name.
sub shown { my $text = json($_[0]); return length $text > 40 ? substr($text, 0, 20) . '... of ' . length($_[0]) : $text }

# ---------------------------------------------------------------- boto3, an independent client

sub has_boto3 { return -x '/usr/bin/python3' && (run_program([ '/usr/bin/python3', '-c', 'import boto3' ]))[0] == 0 }

# Runs a Python program with `s3`, a client for the S3 server of the environment; what it prints is JSON.
sub boto3 {
  my ($program, %options) = @_;
  my $start = <<'PYTHON';
import json, os
from concurrent.futures import ThreadPoolExecutor
import boto3
from botocore.config import Config
s3 = boto3.client('s3', region_name=os.environ['S3_REGION'], endpoint_url=os.environ['S3_ENDPOINT'],
    aws_access_key_id=os.environ['S3_ACCESS_KEY_ID'], aws_secret_access_key=os.environ['S3_SECRET_ACCESS_KEY'],
    config=Config(signature_version='s3v4', s3={'addressing_style': 'path'}, proxies={}))
PYTHON
  my ($status, $out, $err) = run_program([ '/usr/bin/python3', '-' ], $start . $program, { PYTHONIOENCODING => 'utf-8' });
  die "python3 failed: $err" if $status;
  return from_json($out);
}

# ---------------------------------------------------------------- a session that stays

package NeonS3Test::Session;

# One statement (or several in a line); its result is as that of try().
sub run { my ($self, $sql) = @_; $self->start($sql); return $self->result }

sub start {
  my ($self, $sql) = @_;
  $self->{sql} = $sql;
  local $SIG{PIPE} = 'IGNORE';
  print { $self->{in} } NeonS3Test::marked($sql);
}

# Waits for what was started; also {seconds} since then.
sub result {
  my ($self) = @_;
  my $text = '';
  my $state;
  local $SIG{ALRM} = sub { die "no result of $self->{sql} in 120 s\n" };
  alarm 120;
  while (defined(my $line = readline $self->{out})) {
    if ($line =~ /\A(.*?)\Q$mark\E (\w{5})\n\z/s) { $text .= $1; $state = $2; last }
    $text .= $line;
  }
  alarm 0;
  my $said = substr NeonS3Test::slurp($self->{errors}->filename), $self->{said};
  $self->{said} += length $said;
  return NeonS3Test::result($self->{sql}, $text, $state, $said =~ s/\Q$mark\E\n//r);
}

# Of the backend, where Linux tells: descriptors, threads, and memory of its own (bytes; the highest so far).
sub descriptors { my ($self) = @_; my @all = glob "/proc/$self->{pid}/fd/*"; return scalar @all }
sub threads { my ($self) = @_; my @all = glob "/proc/$self->{pid}/task/*"; return scalar @all }

# Its connections to a TCP port, as they are now: a number that each has for itself. The kernel lists one twice where others
# come and go meanwhile.
sub connections {
  my ($self, $port) = @_;
  my %own = map { (readlink($_) // '') =~ /^socket:\[(\d+)\]/ ? ($1 => 1) : () } glob "/proc/$self->{pid}/fd/*";
  my %found;
  for my $line (map { split /\n/ } map { NeonS3Test::slurp($_) } glob '/proc/net/tcp*') {
    my ($remote, $state, $inode) = (split ' ', $line)[ 2, 3, 9 ];
    $found{$inode} = 1 if $remote =~ /:([0-9A-F]{4})$/ && hex $1 == $port && $state eq '01' && $own{$inode};
  }
  return sort keys %found;
}

sub peak_memory {
  my ($self) = @_;
  my %kib = NeonS3Test::slurp("/proc/$self->{pid}/status") =~ /^(VmHWM|RssShmem):\s+(\d+) kB/mg;
  return ($kib{VmHWM} - $kib{RssShmem}) * 1024;    # pages of shared memory, once touched, stay
}

sub close {
  my ($self) = @_;
  my $psql = delete $self->{psql} // return;
  close $self->{in};
  waitpid $psql, 0;
  delete $self->{errors};    # its file goes now, in a process that ends without END, too
}

1;

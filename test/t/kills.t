# A server that is killed, all of it, at random moments, while clients upload, insert and delete and drainers drain: each
# delete that was committed reaches the bucket, and no row that lives loses its object. NEON_S3_KILLS says how often.
use v5.32;
use warnings;
use utf8;
use File::Temp ();
use FindBin;
use lib $FindBin::Bin;
use NeonS3Test;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep);

my $bucket = new_bucket();
my $server = own_server(preload => 1, conf => conf_lines(s3_settings($bucket)));
my $db = $server->new_database('app');
$db->do('CREATE EXTENSION neon_s3;', 'CREATE ROLE web;', <<'SQL');
SELECT s3_create_files_table();
ALTER TABLE s3_files ADD confirmed_at timestamptz;
ALTER TABLE s3_files ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON s3_files USING (user_id = current_setting('app.who', true));
GRANT SELECT, INSERT, UPDATE, DELETE ON s3_files TO web;
GRANT USAGE ON SEQUENCE s3_files_id_seq TO web;
SELECT s3_track_files(), s3_arm_lifecycle();
SQL

# ---------------------------------------------------------------- a client, a process of its own

my ($name, $session, @login);
my %lives;    # each key whose object was put: whether its row is there
my %count = map { $_ => 0 } qw(uploads deletes reinserts busy lost drains);

# The result of a statement. Nothing where the server died meanwhile: what it did then has to be looked up.
sub attempt {
  my ($sql) = @_;
  for (my $tries = 0; !$session || !$session->{pid}; ++$tries) {
    die "no server\n" if $tries == 3000;
    $session->close if $session;
    sleep 0.02;
    $session = $db->session(@login);
  }
  my $result = $session->run($sql);
  return $result if $result->{state} ne 'lost';
  $session->close;
  undef $session;
  ++$count{lost};
  return;
}

sub expect { my ($result) = @_; return $result->{state} eq '00000' ? $result : die "$result->{sql}: $result->{notices}\n" }

# What may be done twice.
sub repeat { my ($sql) = @_; my $result; 1 until $result = attempt($sql); return expect($result)->{out} }

sub has_row { return repeat('SELECT count(*) FROM s3_files WHERE object_key = ' . lit($_[0]) . ';') }
sub put_object { repeat('SELECT s3_put_object(' . lit($_[0]) . ", 'x');"); $lives{$_[0]} = 1 }
sub one_of { return $_[ rand @_ ] }
sub dead { return grep { !$lives{$_} } keys %lives }
sub alive { return grep { $lives{$_} } keys %lives }

# Only who has the row puts the object, so that nothing but a delete of the row is about to remove it.
sub insert {
  my ($key) = @_;
  my $result = attempt('INSERT INTO s3_files (object_key, file_url, user_id) VALUES (' . lit($key) . ", 'u', 'trusted');");
  return ++$count{busy} if $result && $result->{state} eq '55006';
  $result ? expect($result) : has_row($key) || return;
  ++$count{reinserts} if exists $lives{$key};
  put_object($key);
}

sub delete_row {
  my ($key) = @_;
  my $result = attempt('DELETE FROM s3_files WHERE object_key = ' . lit($key) . ';');
  $result ? expect($result) : has_row($key) && return;
  ++$count{deletes};
  $lives{$key} = 0;
}

# One statement that deletes a thousand rows, three of which have objects.
sub delete_many {
  my $prefix = "$name many " . ++$count{many} . ' ';
  my $like = 'FROM s3_files WHERE object_key LIKE ' . lit("$prefix%");
  repeat("INSERT INTO s3_files (object_key, file_url, user_id) SELECT @{[ lit($prefix) ]} || n, 'u', 'trusted' FROM generate_series(1, 1000) n ON CONFLICT DO NOTHING;");
  put_object("$prefix$_") for 1 .. 3;
  repeat("DELETE $like;");
  $count{deletes} += 3;
  $lives{"$prefix$_"} = 0 for 1 .. 3;
}

# An upload without an answer has no URL, so nobody puts its object.
sub upload {
  my $begun = attempt("SELECT object_key, presigned_url, headers FROM s3_begin_upload('f', 'text/plain', @{[ lit($name) ]}, content_length => 5);") // return;
  my ($key, $url, $headers) = split /\x1f/, expect($begun)->{out};
  my $put = curl('PUT', $url, headers => from_json($headers), body => 'hello')->{status};
  die "PUT: HTTP $put\n" if $put != 200;
  if (rand() < 0.2) {
    my $aborted = attempt('SELECT s3_abort_upload(' . lit($key) . ');');
    return $lives{$key} = 0 if $aborted ? expect($aborted) : !has_row($key);
  }
  repeat('SELECT size FROM s3_confirm_upload(' . lit($key) . ');');
  ++$count{uploads};
  $lives{$key} = 1;
}

sub as_user {
  return delete_row(one_of(alive())) if alive() && rand() < alive() / 20;
  upload();
}

sub as_trusted {
  return delete_many() if !$count{many} || rand() < 0.02;
  return delete_row(one_of(alive())) if alive() && rand() < alive() / 20;
  insert(dead() && rand() < 0.6 ? one_of(dead()) : "$name " . ++$count{inserts});
}

sub as_drainer {
  my $result = attempt('CALL s3_run_outbox();') // return;
  expect($result);
  ++$count{drains};
  sleep 0.02;
}

my $dir = File::Temp->newdir;
my @clients;

sub start_client {
  my ($act, @statements) = @_;
  my $id = @clients + 1;
  my $pid = fork // die "fork: $!";
  return push @clients, { pid => $pid, result => "$dir/$id" } if $pid;
  @SIG{qw(HUP INT TERM)} = ('DEFAULT') x 3;
  $SIG{PIPE} = 'IGNORE';
  srand;
  $name = "client$id";
  @login = (@statements, 'SET app.who = ' . lit($name) . ';');
  my $ok = eval {
    $act->() until -e "$dir/stop";
    1;
  };
  $session->close if $session;
  open my $file, '>', "$dir/$id" or POSIX::_exit(1);
  print $file JSON::PP->new->ascii->encode({ error => $ok ? undef : $@, lives => \%lives, count => \%count });
  POSIX::_exit(close $file ? 0 : 1);
}

# ---------------------------------------------------------------- the kills

subtest 'kill -9 at random moments' => sub {
  my $kills = $ENV{NEON_S3_KILLS} // 5;
  NeonS3Test->on_end(sub { kill TERM => map { $_->{pid} } @clients });
  start_client(\&as_user, 'SET ROLE web;') for 1, 2;
  start_client(\&as_trusted) for 1, 2;
  start_client(\&as_drainer) for 1, 2;
  for (1 .. $kills) {
    sleep 0.3 + rand;
    $server->crash;
  }
  sleep 0.5;
  open my $stop, '>', "$dir/stop" or die "$dir/stop: $!";
  waitpid $_->{pid}, 0 for @clients;
  my @results = map { from_json(NeonS3Test::slurp($_->{result})) } splice @clients;
  is $_->{error}, undef, 'a client, to its end' for @results;

  my (%lives, %sum);
  for my $result (@results) {
    %lives = (%lives, %{ $result->{lives} });
    $sum{$_} += $result->{count}{$_} for keys %{ $result->{count} };
  }
  note "$kills kills: ", join ', ', map { "$sum{$_} $_" } sort keys %sum;
  cmp_ok $sum{$_}, '>', 0, "there were $_" for qw(uploads deletes reinserts drains lost);

  $db->do("UPDATE s3_delete_queue SET next_attempt_at = now();", 'CALL s3_run_outbox(1000000);');
  is $db->value('SELECT count(*) FROM s3_outbox;'), 0, 'the outbox is emptied';
  my %objects = map { $_->[0] => 1 } $db->rows('SELECT key FROM s3_list_objects();');
  my %rows = map { $_->[0] => 1 } $db->rows('SELECT object_key FROM s3_files f WHERE NOT EXISTS (SELECT FROM s3_issued_keys i WHERE i.object_key = f.object_key AND pending);');
  my @live = sort grep { $lives{$_} } keys %lives;
  is_deeply [ grep { !$rows{$_} } @live ], [], 'no row is lost';
  is_deeply [ grep { !$lives{$_} } sort keys %rows ], [], '... and none comes back';
  is_deeply [ grep { !$objects{$_} } @live ], [], 'no live row has lost its object';
  is_deeply [ grep { !$lives{$_} } sort keys %objects ], [], 'every committed delete has reached the bucket';
  $db->do('SELECT count(*) FROM s3_delete_objects(ARRAY(SELECT key FROM s3_list_objects()));');
};

done_testing;

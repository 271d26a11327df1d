# s3_progress and s3_stats: what others see of a call while it runs, and what is counted afterwards.
# Runs alone: it counts the calls of the whole server.
use v5.32;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use FaultServer;
use NeonS3Test;
use Test::More;

my $server = NeonS3Test->server;
my $db = $server->new_database;
my ($owner, $stranger, $monitor) = map { $server->new_role("neon_s3_t_$$ $_", 'LOGIN') } qw(owner stranger monitor);
$db->do('CREATE EXTENSION neon_s3;', 'GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO ' . ident($owner) . ';',
  "GRANT pg_read_all_stats TO " . ident($monitor) . ';',
  'CREATE TABLE lo AS SELECT lo_from_bytea(0, convert_to(repeat(\'0123456789abcdef\', 1000000), \'UTF8\')) AS id;');
my $fault = FaultServer->new;
my $lo = $db->value('SELECT id FROM lo;');
my @settings = $fault->settings('http', request_timeout => '60s', connect_timeout => '10s', max_response_size => '64MB');
my $session = $db->session(@settings);
my $as = sub { my ($role, $sql) = @_; return $db->row('SET SESSION AUTHORIZATION ' . ident($role) . ';', $sql) };

sub progress { my @rows = map { from_json($_->[0]) } $db->rows("SELECT to_json(p) FROM s3_progress p WHERE pid = $session->{pid};"); return $rows[0] }

# [ name, fault, statement, what to see while it runs ]
my @calls = (
  [ 'get', 'slowly:2000000', "SELECT length(s3_get_object('size-16000000'));", { key => 'size-16000000', bytes_total => 16000000 } ],
  [ 'get into a large object', 'slowly:2000000', "SELECT count(*) FROM s3_get_large_object('size-16000000');",
  { key => 'size-16000000', bytes_total => 16000000 } ],
  [ 'put', 'slowly_in:2000000', "SELECT count(*) FROM s3_put_object('up', convert_to(repeat('0123456789abcdef', 1000000), 'UTF8'));", { key => 'up', bytes_total => 16000000 } ],
  [ 'put of a large object', 'slowly_in:2000000', "SELECT count(*) FROM s3_put_large_object('up', $lo);",
  { key => 'up', bytes_total => 16000000 } ],
);
for my $call (@calls) {
  my ($name, $faults, $statement, $expected) = @$call;
  subtest $name => sub {
    $fault->plays($faults);
    $session->start($statement);
    my $seen = wait_until(sub { my $p = progress(); $p && ($p->{bytes_done} // 0) > 0 && $p });
    is_deeply [ sort keys %$seen ], [ sort qw(pid operation key items_done items_total bytes_done bytes_total started_at) ], 'the columns';
    is_deeply { map { $_ => $seen->{$_} } keys %$expected }, $expected, 'what it does';
    my ($function) = $statement =~ /(s3_\w+)/;
    like $function, qr/\Q$seen->{operation}\E/, '... operation';
    cmp_ok $seen->{bytes_done}, '<', 16000000, 'bytes_done';
    my $later = wait_until(sub { my $p = progress(); $p && $p->{bytes_done} > $seen->{bytes_done} && $p });
    is $later->{started_at}, $seen->{started_at}, '... grows, started_at stays';
    $fault->plays();    # no longer slow
    my $result = $session->result;
    is $result->{state}, '00000', 'it ends' or diag explain $result;
    is progress(), undef, '... and is gone';
  };
}

subtest 'batches' => sub {
  for my $function (qw(s3_head_objects s3_get_objects s3_get_object)) {
    $fault->plays('gate');
    $session->start($function eq 's3_get_object' ? "SELECT s3_get_object('slow');"
      : "SELECT count(*) FROM $function((SELECT array_agg(CASE n WHEN 40 THEN 'slow' ELSE 'k' || n END) FROM generate_series(1, 40) n));");
    my $seen = wait_until(sub { my $p = progress(); $p && ($function eq 's3_get_object' || ($p->{items_done} // 0) >= 39) && $p });
    is_deeply [ @$seen{qw(operation items_done items_total)} ], [ $function, 39, 40 ], "$function: items" if $function ne 's3_get_object';
    $fault->plays();
    is $session->result->{state}, '00000', '... ends';
  }
};

subtest 'who sees what' => sub {
  $db->do("CREATE SERVER fault FOREIGN DATA WRAPPER neon_s3 OPTIONS (endpoint '${\ $fault->endpoint('http')}', bucket 'bucket');",
    "CREATE USER MAPPING FOR PUBLIC SERVER fault OPTIONS (access_key_id 'AKIAFAULT', secret_access_key 'secretCANARYsecret');",
    'GRANT USAGE ON FOREIGN SERVER fault TO ' . ident($owner) . ';');
  my $hers = $db->with(PGUSER => $owner)->session("SET neon_s3.server = 'fault';");
  my $columns = "SELECT operation, key, started_at IS NOT NULL FROM s3_progress WHERE pid = $hers->{pid};";
  $fault->plays('gate');
  $hers->start("SELECT s3_get_object('slow secret');");
  wait_until(sub { $fault->requests });
  my $operation = ($db->row($columns))[0];
  is_deeply [ $db->row($columns) ], [ $operation, 'slow secret', 't' ], 'a superuser sees all';
  is_deeply [ $as->($owner, $columns) ], [ $operation, 'slow secret', 't' ], 'its own role, too';
  is_deeply [ $as->($monitor, $columns) ], [ $operation, 'slow secret', 't' ], 'and pg_read_all_stats';
  my @theirs = $as->($stranger, $columns);
  is_deeply [ grep { /slow secret/ } @theirs ], [], 'others do not see what it does';
  is $as->($stranger, "SELECT count(*) FROM s3_progress WHERE pid = $hers->{pid};"), 1,
    '... but that it does something, as in pg_stat_activity';
  $fault->plays();
  is $hers->result->{state}, '00000', 'it ends';
};

subtest 'after an error' => sub {
  $fault->plays('status:403');
  refused($session->run("SELECT s3_get_object('k');"), '38000', 'refused');
  is progress(), undef, 'nothing is left';
  $fault->plays('hang');
  refused($session->run("SET statement_timeout = '200ms'; SELECT s3_get_object('k');"), '57014', 'cancelled');
  is progress(), undef, 'nothing is left';
  $session->run('RESET statement_timeout;');
  my $other = $db->session(@settings);
  $fault->plays('gate');
  $other->start("SELECT s3_get_object('slow');");
  wait_until(sub { $fault->requests });
  $db->do("SELECT pg_terminate_backend($other->{pid});");
  is $other->result->{state}, 'lost', 'terminated';
  wait_until(sub { $db->value("SELECT count(*) FROM pg_stat_activity WHERE pid = $other->{pid};") == 0 });
  is $db->value("SELECT count(*) FROM s3_progress WHERE pid = $other->{pid};"), 0, 'nothing is left';
};

subtest 'keys that do not fit, and do not suit everybody' => sub {
  for ([ "'x' || repeat('é', 600)", 'x' . 'é' x 511 ], [ "'日本.txt'", '日本.txt' ]) {
    my ($prefix, $shown) = @$_;
    $fault->plays('hang');
    $session->start("SELECT count(*) FROM s3_list_objects($prefix || '', server => '');");
    wait_until(sub { $fault->requests });
    is progress()->{key}, $shown, 'cut at a character';
    my $latin1 = $server->new_database("neon_s3_t_$$ latin1", encoding => 'LATIN1');
    $latin1->do('CREATE EXTENSION neon_s3;');
    is $latin1->value("SELECT key FROM s3_progress WHERE pid = $session->{pid};"), $shown =~ s/[日本]/?/gr, 'and seen from LATIN1';
    $db->do("SELECT pg_cancel_backend($session->{pid});");
    $session->result;
  }
};

subtest 'the file behind the views' => sub {
  my $directory = $db->value('SHOW data_directory;') . '/pg_stat_tmp';
  my @files = grep { -f } glob "$directory/neon_s3.*";
  is @files, 1, 'there is one' or diag explain \@files;
  my ($inode, $size) = (stat $files[0])[ 1, 7 ];
  my $earlier = "$directory/neon_s3.0.earlier";
  open my $file, '>', $earlier or die "$earlier: $!";
  print $file 'of another run of the server, or another build';
  close $file;
  is $session->run("SELECT count(*) FROM s3_stats;")->{state}, '00000', 'another build does not concern a session that has mapped its own';
  my $new = $db->session(@settings);
  is $new->run('SELECT count(*) FROM s3_stats;')->{state}, '00000', 'nor a new one';
  is_deeply [ (stat $files[0])[ 1, 7 ] ], [ $inode, $size ], 'the file stays what it was';
};

# This library with one more operation. What depends on their number is compiled anew; all else is linked as it is.
sub build_with_one_more {
  my ($dir, $pg_config) = @_;
  my ($status, $out, $err) = run_program([ 'sh', '-c', <<'SHELL', 'sh', repo_dir(), $dir, $pg_config ]);
set -e
cd "$2"
cp -rs "$1/src" "$1/Makefile" .
header=src/pg/operation.h
cp -p --remove-destination "$1/$header" $header
sed -i -e 's/^  kCount$/  kOneMore,\n&/' -e 's/^    {Operation::kGc, .*/&\n    {Operation::kOneMore, "s3_one_more", Effect::kReads},/' $header
grep -q '^  kOneMore,$' $header
touch -r "$1/$header" $header
rm $(grep -l kOperationCount src/pg/*.cpp | sed 's/cpp$/o/')
make -s neon_s3.so with_llvm=no PG_CONFIG="$3"
SHELL
  die "no other build: $out$err" if $status;
  return "$dir/neon_s3.so";
}

subtest 'another build beside live sessions' => sub {
  my $own = own_server(conf => join '', map { "neon_s3.$_ = 'x'\n" } qw(access_key_id secret_access_key));    # each session loads what is there
  $own->do('CREATE EXTENSION neon_s3;');
  my $signs = sub { $_[0]->run("SELECT length(s3_presign_get('k', bucket => 'bucket')) > 0;")->{out} };
  my $calls = sub { $_[0]->run("SELECT calls FROM s3_stats WHERE operation = 's3_presign_get';") };
  my $files = sub { my @files = glob "$own->{env}{PGDATA}/pg_stat_tmp/neon_s3.*"; return { map { $_ => [ (stat)[ 1, 7 ] ] } @files } };
  my @live = map { $own->session } 1, 2;
  is_deeply [ map { $signs->($_) } @live ], [ 't', 't' ], 'two sessions of this build';
  my $before = $files->();
  is keys %$before, 1, 'which share a file';

  my ($status, $libraries) = run_program([ $own->{env}{PG_CONFIG}, '--pkglibdir' ]);
  my $library = "$own->{dir}/pg/root" . $libraries =~ s/\n\z//r . '/neon_s3.so';
  my $other = build_with_one_more(File::Temp::tempdir(CLEANUP => 1), $own->{env}{PG_CONFIG});
  run_program([ 'install', '-m', '755', $other, "$library.new" ]);
  rename "$library.new", $library or die "$library: $!";
  my $new = $own->session;
  is $signs->($new), 't', 'a session of the other build signs';
  is $calls->($new)->{out}, 1, '... and counts for itself';
  my $after = $files->();
  is keys %$after, 2, '... in a file of its own';
  is_deeply { map { $_ => $after->{$_} } keys %$before }, $before, '... beside one that stays as it was';
  is scalar(keys %{ { map { $_->[1] => 1 } values %$after } }), 2, '... with another layout';
  is_deeply [ map { $signs->($_) } @live ], [ 't', 't' ], 'the sessions live';
  is_deeply [ map { $calls->($_)->{out} } @live ], [ 4, 4 ], '... and count together';
  is_deeply [ map { $_->run('SELECT count(*) FROM s3_progress;')->{state} } @live, $new ], [ ('00000') x 3 ], '... and see what is done';
};

# ---------------------------------------------------------------- s3_stats

sub stats {
  my ($operation) = @_;
  my ($row) = $db->rows("SELECT to_json(s) FROM s3_stats s WHERE operation IN ('$operation', 's3_$operation');");
  return $row && from_json($row->[0]) // {};
}

subtest 's3_stats' => sub {
  $db->do('SELECT s3_stats_reset();');
  is stats('get_object')->{calls} // 0, 0, 's3_stats_reset';
  $fault->plays();
  $session->run("SELECT s3_get_object('size-1000000');") for 1 .. 3;
  my $get = stats('get_object');
  is_deeply { map { $_ => $get->{$_} } qw(calls errors retries) }, { calls => 3, errors => 0, retries => 0 }, 'calls';
  cmp_ok $get->{bytes_received}, '>=', 3000000, 'bytes_received';
  cmp_ok $get->{bytes_received}, '<', 3100000, '... and not much more';
  ok defined $get->{total_time} && $get->{total_time} ne '00:00:00', 'total_time';
  $session->run("SELECT s3_put_object('k', convert_to(repeat('x', 500000), 'UTF8'));");
  cmp_ok stats('put_object')->{bytes_sent}, '>=', 500000, 'bytes_sent';
  cmp_ok stats('put_object')->{bytes_sent}, '<', 600000, '... and not much more';
  $fault->plays('status:500', 'ok');
  $session->run("SELECT s3_get_object('k');");
  $get = stats('get_object');
  is_deeply { map { $_ => $get->{$_} } qw(calls errors retries) }, { calls => 4, errors => 0, retries => 1 }, 'a retry';
  $fault->plays('status:403');
  $session->run("SELECT s3_get_object('k');");
  $get = stats('get_object');
  is_deeply { map { $_ => $get->{$_} } qw(calls errors retries) }, { calls => 5, errors => 1, retries => 1 }, 'an error';
  $session->run("SELECT count(s3_presign_get('k' || n)) FROM generate_series(1, 100) n;");
  like $db->value("SELECT string_agg(s::text, ' ') FROM s3_stats s WHERE s::text LIKE '%presign%' AND s::text LIKE '%100%';"), qr/\b100\b/, 'presigned URLs';
  refused(scalar $db->try('SET SESSION AUTHORIZATION ' . ident($stranger) . '; SELECT s3_stats_reset();'), '42501',
    'not everybody may reset');
};

subtest 'many resets at once' => sub {
  $fault->plays();
  $session->run("SELECT count(s3_presign_get('k' || n)) FROM generate_series(1, 1000) n;");
  my @others = map { $db->session } 1 .. 4;
  $_->start("DO 'BEGIN FOR i IN 1 .. 200 LOOP PERFORM s3_stats_reset(); END LOOP; END';") for @others;
  is $_->result->{state}, '00000', 'resets' for @others;
  is $db->value("SELECT coalesce(min(least(calls, errors, requests, bytes_sent, presigned_urls)), 0) FROM s3_stats;"), 0,
    'nothing is subtracted twice';
};

done_testing;

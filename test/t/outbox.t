# s3_run_outbox: what a committed delete does to the bucket, what it never does, and what it holds meanwhile.
use v5.32;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use FaultServer;
use NeonS3Test;
use Test::More;
use Time::HiRes ();

my $bucket = new_bucket();
my $server = NeonS3Test->server;
my ($owner, $drainer, $web) = map { $server->new_role("neon_s3_t_$$ $_") } qw(owner drainer web);
my $fault = FaultServer->new;
my @fault = $fault->settings('http');

# A database with a governed table whose objects are where the settings say, and all that the owner may do.
sub new_db {
  my ($name, @settings) = @_;
  my $db = $server->new_database("neon_s3_t_$$ $name");
  $db->do('CREATE EXTENSION neon_s3;', 'GRANT EXECUTE ON FUNCTION s3_presign_get TO ' . ident($owner) . ';',
    'GRANT EXECUTE ON PROCEDURE s3_run_outbox TO ' . ident($drainer) . ';', 'GRANT CREATE ON SCHEMA public TO '
    . ident($owner) . ';', @settings,
    'SET ROLE ' . ident($owner) . ';', 'SET client_min_messages = error;', 'SELECT s3_create_files_table();', 'SELECT s3_track_files();');
  return $db;
}

sub insert { return 'INSERT INTO s3_files (object_key, file_url, user_id) SELECT k, \'u\', \'me\' FROM unnest(ARRAY['
  . join(', ', map { lit($_) } @_) . ']::text[]) AS k;' }
sub last_of { return (@_)[-1] }

my @real = s3_settings($bucket);
my $db = new_db('real', @real);
my $other = new_db('fault', @fault);

# (key state) of each item
sub items { my ($in) = @_; return [ map { "$_->[0] $_->[1]" } $in->rows('SELECT object_key, state FROM s3_outbox ORDER BY object_key COLLATE "C";') ] }
sub is_empty { my ($in, $name) = @_; is_deeply items($in), [], $name }

# Enqueues deletes of these keys, with no row and no item of any other.
sub only_items {
  my ($in, @keys) = @_;
  $in->do('DELETE FROM s3_files;', 'DELETE FROM s3_delete_queue;', insert(@keys), 'DELETE FROM s3_files;');
}

# ---------------------------------------------------------------- who, where and when

subtest 'a database that was not armed' => sub {
  only_items($db, 'k');
  refused(last_of($db->try(@real, 'CALL s3_run_outbox();')), '55000', 'deletes nothing', hint => qr/s3_arm_lifecycle/);
  is_deeply items($db), ['k pending'], '... and forgets nothing';
  $_->do('SELECT s3_arm_lifecycle();') for $db, $other;
};

subtest 'refusals' => sub {
  my $call = 'CALL s3_run_outbox();';
  my $in_block = qr/\As3_run_outbox cannot run inside a transaction block\z/;
  refused(($db->try(@real, 'BEGIN;', $call))[-1], '2D000', 'in a transaction block', message => $in_block);
  refused(($db->try(@real, 'CREATE FUNCTION run() RETURNS void LANGUAGE plpgsql AS $$ BEGIN CALL s3_run_outbox(); END $$;',
    'SELECT run();'))[-1], '2D000', 'in a function', message => $in_block);
  refused(($db->try(@real, 'CREATE PROCEDURE run_with() LANGUAGE plpgsql SET work_mem = \'1MB\' AS $$ BEGIN CALL s3_run_outbox(); END $$;', 'CALL run_with();'))[-1], '2D000', 'in a procedure with settings');
  refused(($db->try(@real, 'DO $$ BEGIN CALL s3_run_outbox(); EXCEPTION WHEN no_data_found THEN END $$;'))[-1], '2D000',
    'in a subtransaction');
  refused(last_of($db->try(@real, "CALL s3_run_outbox($_);")), '22023', "max_items $_") for qw(NULL 0 -1);
  refused(last_of($db->try(@real, 'SET default_transaction_read_only = on;', $call)), '25006', 'read only');
  refused(last_of($db->try(@real, 'SET ROLE ' . ident($_) . ';', $call)), '42501', 'not granted',
    message => qr/permission denied for procedure/) for $web, $owner;
  is_deeply items($db), ['k pending'], 'nothing has happened';
  is last_of($db->try(@real, 'DO $$ BEGIN CALL s3_run_outbox(); END $$;'))->{state}, '00000', 'in an anonymous block: works';
  is_empty($db, '... and is done');
};

subtest 'only what was committed, only when it is due' => sub {
  my @awkward = awkward_keys();
  my @keys = (@awkward, map { "k$_" } 1 .. 1200);
  $db->do(@real, insert(@keys), "SELECT count(*) FROM s3_put_objects((SELECT array_agg(object_key) FROM s3_files), (SELECT array_agg('x'::bytea) FROM s3_files));");
  my $objects = sub { $db->value(@real, 'SELECT count(*) FROM s3_list_objects();') };
  is $objects->(), @keys, 'objects with rows';
  $db->do('BEGIN;', 'DELETE FROM s3_files;', 'ROLLBACK;');
  my $deleting = $db->session('BEGIN;', 'DELETE FROM s3_files WHERE object_key = \'k1\';');
  $db->do("SET neon_s3.delete_delay = '1 h';", "DELETE FROM s3_files WHERE object_key IN ('k2', 'k3');");
  $db->do(@real, 'CALL s3_run_outbox();');
  is $objects->(), @keys, 'rolled back, under way or delayed: nothing is deleted';
  $deleting->run('COMMIT;');
  $deleting->close;
  $db->do(@real, 'CALL s3_run_outbox();');
  is $objects->(), @keys - 1, 'committed: deleted';
  $db->do('DELETE FROM s3_files WHERE object_key <> \'k9\';');
  $db->do(@real, 'CALL s3_run_outbox(7);');
  is $objects->(), @keys - 8, 'no more than max_items';
  $db->do(@real, 'SET ROLE ' . ident($drainer) . ';', "SET default_transaction_isolation = 'serializable';", 'CALL s3_run_outbox(100000);');
  is_deeply [ s3_keys($bucket) ], [qw(k2 k3 k9)], 'awkward keys, too; neither the delayed ones nor the one with a row';
  is_deeply items($db), [ 'k2 pending', 'k3 pending' ], 'the outbox has the delayed ones';
  $db->do("UPDATE s3_delete_queue SET next_attempt_at = now();", insert('k2'));
  $db->do(@real, 'CALL s3_run_outbox();');
  is_deeply [ s3_keys($bucket) ], [qw(k2 k9)], 'k2, inserted again, keeps its object';
  $db->do('DELETE FROM s3_files;');
  $db->do(@real, 'CALL s3_run_outbox();');
  is_deeply [ s3_keys($bucket) ], [], 'deleted again: gone';
};

subtest 'many at once' => sub {
  my @keys = map { "k$_" } 1 .. 2500;
  my $queued = sub { $db->value('SELECT (SELECT count(*) FROM s3_outbox) || \' \' || (SELECT count(*) FROM s3_delete_queue);') };
  my $due = "UPDATE s3_bulk_deletes SET due_at = now(); UPDATE s3_delete_queue SET next_attempt_at = now();";
  $db->do(insert(@keys), "SET neon_s3.delete_delay = '1 h';", 'DELETE FROM s3_files;');
  is $queued->(), '2500 0', 'items of one statement share rows';
  is_deeply [ $db->row("SELECT count(DISTINCT object_key), min(bucket), min(state), max(attempts), min(next_attempt_at) > now() + interval '59 min' FROM s3_outbox;") ],
    [ 2500, $bucket, 'pending', 0, 't' ], '... but not in s3_outbox';
  $db->do(@real, 'CALL s3_run_outbox(10000);');
  is $queued->(), '2500 0', 'nothing is due';
  $db->do('BEGIN;', insert('k7'), 'ROLLBACK;');
  is $queued->(), '2500 0', 'an insert that is rolled back';
  $db->do(insert('other'));
  is $queued->(), '2500 0', 'an insert of another key';
  $db->do(insert('k7'));
  my ($all, $items) = split / /, $queued->();
  ok $all == 2499 && $items > 0 && $items < 2499, 'an insert of one of the keys cancels its item alone' or diag "$all $items";
  $db->do(@real, "SELECT s3_put_object('k7', 'x');", $due);
  my @sessions = map { $db->session('BEGIN;') } 1, 2;
  my ($mine) = $db->value("SELECT object_keys[1] FROM s3_bulk_deletes ORDER BY id LIMIT 1;");
  $sessions[0]->run(insert($mine));
  $sessions[1]->start(insert($mine =~ s/\Ak/x/r));
  is $sessions[1]->result->{state}, '00000', 'inserts of other keys wait for nobody';
  $db->do(@real, 'CALL s3_run_outbox(10000);');
  my $left = $db->value("SELECT count(*) FROM s3_outbox WHERE object_key = @{[ lit($mine) ]};");
  is $left, 1, 'a drainer leaves what is being inserted';
  $sessions[0]->run('COMMIT;');
  $sessions[1]->run('ROLLBACK;');
  $_->close for @sessions;
  $db->do(@real, $due, 'CALL s3_run_outbox(10000);', $due, 'CALL s3_run_outbox(10000);');
  is $queued->(), '0 0', 'all is drained in the end';
  is_deeply [ s3_keys($bucket) ], ['k7'], 'the key that was inserted again keeps its object';
  $db->do(insert(map { "t$_" } 1 .. 20000), 'TRUNCATE s3_files;');
  is $queued->(), '20003 0', 'TRUNCATE does the same';
  $db->do('BEGIN ISOLATION LEVEL REPEATABLE READ;', insert('t19999'), 'COMMIT;');
  is $db->value('SELECT count(*) FROM s3_outbox;'), 20002, 'another number of parts: found, too';
  $db->do(@real, $due, 'DELETE FROM s3_files;', 'CALL s3_run_outbox(100000);');
  is $queued->(), '0 0', '... and drained';
};

subtest 'a long queue' => sub {
  $db->do("INSERT INTO s3_delete_queue (object_key, bucket, signs_as, enqueued_at, next_attempt_at) SELECT n, 'elsewhere', 'nobody', now(), now() + '1 h' FROM generate_series(1, 50000) AS n;",
    'ANALYZE s3_delete_queue;');
  my $scans = sub { return [ $db->row("SELECT seq_scan, idx_scan FROM pg_stat_all_tables WHERE relname = 's3_delete_queue';") ] };
  my $before = $scans->();
  $db->do(@real, insert('k'), 'DELETE FROM s3_files;', insert('k'), 'DELETE FROM s3_files;', 'CALL s3_run_outbox();');
  wait_until(sub { $scans->()[1] > $before->[1] + 4 });
  is $scans->()[0], $before->[0], 'is not read from end to end by deletes, inserts and drainers';
  is $db->value("SELECT count(*) FROM s3_outbox WHERE object_key = 'k';"), 0, '... which do their work';
  $db->do('DELETE FROM s3_delete_queue;');
};

# ---------------------------------------------------------------- a key that lives

subtest 'a key that has a row in any table of the bucket' => sub {
  $db->do('SET ROLE ' . ident($owner) . ';', @real[0 .. -1], 'CREATE TABLE more (object_key varchar UNIQUE, note text);');
  $db->do(@real, 'SET client_min_messages = error;', "SELECT s3_track_files('more');");
  $db->do(@real, insert(qw(a b c)), "SELECT s3_put_objects('{a,b,c}', '{x,x,x}');",
    'ALTER TABLE more ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;');
  $db->do('INSERT INTO more VALUES (\'a\');');
  my $inserting = $db->session('BEGIN;', "INSERT INTO more VALUES ('b');");
  $db->do('DELETE FROM s3_files;');
  $db->do(@real, 'CALL s3_run_outbox();');
  is_deeply [ s3_keys($bucket) ], [qw(a b)], 'a row that row-level security hides, and one that is not committed yet, keep their objects';
  is_deeply items($db), ['b pending'], 'the item of the row that is there is gone';
  $inserting->run('COMMIT;');
  $inserting->close;
  $db->do('UPDATE s3_delete_queue SET next_attempt_at = now();');
  $db->do(@real, 'CALL s3_run_outbox();');
  is_empty($db, 'committed: so is the other');
  $db->do('DELETE FROM more;');
  $db->do(@real, 'CALL s3_run_outbox();');
  is_deeply [ s3_keys($bucket) ], [], 'deleted: gone';

  $db->do('SET ROLE ' . ident($owner) . ';', 'ALTER TABLE s3_files RENAME object_key TO key;');
  $db->do("INSERT INTO s3_delete_queue (object_key, bucket, signs_as, enqueued_at, next_attempt_at) VALUES ('a', '$bucket', 'nobody', now(), now());");
  $db->do(@real, "SELECT s3_put_object('a', 'x');", 'CALL s3_run_outbox();');
  is_deeply [ s3_keys($bucket) ], ['a'], 'a table that cannot be searched: its objects stay';
  like $db->value('SELECT last_error FROM s3_outbox;'), qr/"object_key"/, '... and the item says why';
  $db->do('ALTER TABLE s3_files RENAME key TO object_key; DROP TABLE more; UPDATE s3_delete_queue SET next_attempt_at = now();');
  $db->do(@real, 'CALL s3_run_outbox();');
  is_deeply [ s3_keys($bucket) ], [], 'later it goes';
};

subtest 'a table that is tracked during the claim' => sub {
  $db->do('DELETE FROM s3_delete_queue;', insert('late'), 'DELETE FROM s3_files;', @real, "SELECT s3_put_object('late', 'x');");
  $db->do('SET ROLE ' . ident($owner) . ';', 'CREATE TABLE later (object_key text UNIQUE);', "INSERT INTO later VALUES ('late');");
  my $locking = $db->session('BEGIN;', 'LOCK TABLE s3_files IN ACCESS EXCLUSIVE MODE;');
  my $draining = $db->session(@real);
  $draining->start('CALL s3_run_outbox();');
  wait_until(sub { $db->value("SELECT count(*) FROM pg_locks WHERE pid = $draining->{pid} AND NOT granted;") });
  $db->do(@real, 'SET client_min_messages = error;', 'SET ROLE ' . ident($owner) . ';', "SELECT s3_track_files('later');");
  $locking->run('COMMIT;');
  is $draining->result->{state}, '00000', 'it ends';
  $_->close for $locking, $draining;
  is_deeply [ s3_keys($bucket) ], ['late'], 'its rows count';
  $db->do('UPDATE s3_delete_queue SET next_attempt_at = now();', @real, 'CALL s3_run_outbox();');
  is_empty($db, '... and take the item out');
  $db->do('DROP TABLE later;', @real, "SELECT s3_delete_object('late');");
};

# ---------------------------------------------------------------- while S3 is asked

my $held = q{SELECT backend_xid IS NULL AND backend_xmin IS NULL, (SELECT count(*) FROM pg_locks l WHERE l.pid = a.pid AND locktype <> 'virtualxid') FROM pg_stat_activity a WHERE pid = };

subtest 'during HTTP' => sub {
  only_items($other, 'slow');
  $fault->plays('gate');
  my $session = $other->session(@fault);
  $session->start('CALL s3_run_outbox();');
  wait_until(sub { $fault->requests });
  is_deeply [ $other->row("$held$session->{pid};") ], [ 't', 0 ], 'neither xid, xmin nor lock';
  is_deeply items($other), ['slow running'], 'the item is leased';
  is_deeply [ $other->row("SELECT operation, items_total FROM s3_progress WHERE pid = $session->{pid};") ],
    [ 's3_run_outbox', 1 ], 's3_progress';
  refused(last_of($other->try(insert('slow'))), '55006', 'its key cannot be inserted now',
    message => qr/\Aobject "slow" is being deleted\z/);
  refused(last_of($other->try("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1; " . insert('slow'))), '55006',
    '... at any isolation level');
  is $other->value('SELECT next_attempt_at - clock_timestamp() > interval \'60 s\' FROM s3_outbox;'), 't',
    'the lease is longer than request_timeout and what follows it';
  $other->do(insert('k'), 'DELETE FROM s3_files;');
  $other->do(@fault, 'CALL s3_run_outbox();');
  is_deeply [ map { "$_->{method} $_->{key}" } $fault->requests ], [ 'DELETE slow', 'DELETE k' ], 'another drainer takes what is left';
  $fault->plays();
  is $session->result->{state}, '00000', 'it ends';
  is_empty($other, 'both are done');
  is last_of($other->try(insert('slow')))->{state}, '00000', 'the key may be inserted again';
};

subtest 'a snapshot that is older than the claim' => sub {
  only_items($other, 'slow');
  my $old = $other->session('BEGIN ISOLATION LEVEL REPEATABLE READ;', 'SELECT count(*) FROM s3_files;');
  $fault->plays('gate');
  my $session = $other->session(@fault);
  $session->start('CALL s3_run_outbox();');
  wait_until(sub { $fault->requests });
  refused($old->run(insert('slow')), '55006', 'sees the running item even so');
  $fault->plays();
  $session->result;
};

subtest 'a drainer that is gone' => sub {
  only_items($other, 'slow');
  $fault->plays('gate');
  my $session = $other->session(@fault);
  $session->start('CALL s3_run_outbox();');
  wait_until(sub { $fault->requests });
  $other->do("SELECT pg_cancel_backend($session->{pid});");
  refused($session->result, '57014', 'cancelled');
  is_deeply items($other), ['slow running'], 'its item is leased on';
  $fault->plays();
  $other->do(@fault, 'CALL s3_run_outbox();');
  is_deeply [ $fault->requests ], [], 'nobody takes them before the lease ends';
  $other->do('UPDATE s3_delete_queue SET next_attempt_at = now();');
  $other->do(@fault, 'CALL s3_run_outbox();');
  is_empty($other, '... somebody does then');
};

subtest 'a lease that has ended' => sub {
  only_items($other, 'slow');
  $fault->plays('gate');
  my @sessions = map { $other->session(@fault) } 1, 2;
  $sessions[0]->start('CALL s3_run_outbox();');
  wait_until(sub { $fault->requests });
  $other->do('UPDATE s3_delete_queue SET next_attempt_at = now();');
  $sessions[1]->start('CALL s3_run_outbox();');
  wait_until(sub { $fault->requests == 2 });
  $other->do("UPDATE s3_delete_queue SET attempts = 5;");
  $fault->plays('status:403:AccessDenied');
  is $_->result->{state}, '00000', 'it ends' for @sessions;
  # Both requests were answered by the gate as it opened; only the second claim may settle the item.
  is_empty($other, 'who has the lease settles');
};

# ---------------------------------------------------------------- failures

subtest 'what fails is tried again, and dead in the end' => sub {
  only_items($other, qw(a));
  $fault->plays('status:403:AccessDenied');
  $other->do(@fault, 'CALL s3_run_outbox();');
  my $item = "SELECT state, attempts, last_error, extract(epoch FROM next_attempt_at - clock_timestamp()) FROM s3_outbox;";
  my @item = $other->row($item);
  is_deeply [ @item[ 0, 1 ] ], [ 'pending', 1 ], 'pending';
  like $item[2], qr/AccessDenied/, 'it says why';
  ok $item[3] > 10 && $item[3] <= 30, 'it waits for half a minute or less' or diag $item[3];
  $other->do("UPDATE s3_delete_queue SET next_attempt_at = now(), attempts = 4;");
  $other->do(@fault, 'CALL s3_run_outbox();');
  @item = $other->row($item);
  ok $item[3] > 200 && $item[3] <= 480, '... for longer and longer' or diag "@item";
  $other->do("UPDATE s3_delete_queue SET next_attempt_at = now(), attempts = 9;");
  $other->do(@fault, 'CALL s3_run_outbox();', 'CALL s3_run_outbox();');
  is_deeply [ ($other->row($item))[ 0, 1 ] ], [ 'dead', 10 ], 'dead after 10 attempts';
  is $other->value("SELECT s3_retry_outbox('a');"), 1, 's3_retry_outbox';
  $fault->plays();
  $other->do(@fault, 'CALL s3_run_outbox();');
  is_empty($other, '... brings it back');
};

subtest 'failures of one, and of all' => sub {
  only_items($other, qw(a b), "c\x01", '../d');
  $fault->plays('status:503:SlowDown');
  $other->do(@fault, 'SET neon_s3.max_attempts = 1;', 'CALL s3_run_outbox();');
  is_deeply [ map { "@$_[0, 1]" } $other->rows('SELECT replace(object_key, chr(1), \'\'), attempts, last_error FROM s3_outbox ORDER BY 1;') ], [ '../d 1', 'a 1', 'b 1', 'c 1' ], 'a server that fails: attempts of all';
  $fault->plays();
  $other->do('UPDATE s3_delete_queue SET next_attempt_at = now();');
  $other->do(@fault, 'CALL s3_run_outbox();');
  is_deeply items($other), ['../d pending'], 'then only a key that no object can have is left';
  like $other->value('SELECT last_error FROM s3_outbox;'), qr/\.\./, '... and says so';
  only_items($other, 'a');
  my @without = grep { !/access_key|secret|token/ } @fault;
  $other->do(@without, 'CALL s3_run_outbox();');
  like $other->value('SELECT last_error FROM s3_outbox;'), qr/no S3 credentials/, 'without credentials';
  $other->do('UPDATE s3_delete_queue SET next_attempt_at = now();');
  $other->do(@fault, "SET neon_s3.endpoint = '${\ $fault->endpoint('closed')}';", 'CALL s3_run_outbox();');
  like $other->value('SELECT last_error FROM s3_outbox;'), qr/connect/i, 'nobody listens';
  is $other->value('SELECT attempts FROM s3_outbox;'), 2, 'each counts';
};

# ---------------------------------------------------------------- who signs

subtest 'who signs' => sub {
  my $signer = sub {
    $fault->plays();
    $other->do('UPDATE s3_delete_queue SET next_attempt_at = now();');
    $other->do((grep { !/neon_s3\.(?:access|secret|session)/ } @fault), 'SET ROLE ' . ident($drainer) . ';', 'CALL s3_run_outbox();');
    my ($request) = $fault->requests;
    return $request ? $request->{headers}{authorization} =~ s/.*Credential=(\w+).*/$1/r : 'nobody';
  };
  my $mapping = sub { return "CREATE USER MAPPING FOR $_[0] SERVER files OPTIONS (access_key_id '$_[1]', secret_access_key 'secret');" };
  my $start = sub { $other->do('DELETE FROM s3_files;', 'DELETE FROM s3_delete_queue;', insert('k'), 'DELETE FROM s3_files;') };
  $other->do("CREATE SERVER files FOREIGN DATA WRAPPER neon_s3 OPTIONS (endpoint '${\ $fault->endpoint('http')}', bucket 'bucket');",
    $mapping->(ident($owner), 'AKIAOWNER'), $mapping->('PUBLIC', 'AKIAPUBLIC'), $mapping->(ident($drainer), 'AKIADRAINER'),
    'GRANT USAGE ON FOREIGN SERVER files TO ' . ident($owner) . ';', 'SET ROLE ' . ident($owner) . ';',
    'SET client_min_messages = error;', "SELECT s3_track_files(server => 'files');");
  $start->();
  is $signer->(), 'AKIAOWNER', "the owner's mapping, not the caller's";
  is_empty($other, '... without USAGE of the caller');
  $start->();
  $other->do('DROP USER MAPPING FOR ' . ident($owner) . ' SERVER files;');
  is $signer->(), 'AKIAPUBLIC', "... else PUBLIC's";
  $start->();
  $other->do("UPDATE s3_delete_queue SET signs_as = 'dropped role';");
  is $signer->(), 'AKIAPUBLIC', 'as for a role that is gone';
  $start->();
  $other->do('DROP USER MAPPING FOR PUBLIC SERVER files;');
  is $signer->(), 'nobody', 'else nobody';
  like $other->value('SELECT last_error FROM s3_outbox;'), qr/no S3 credentials/, '... and the item says so';
  $other->do('DROP SERVER files CASCADE;');
  $signer->();
  like $other->value('SELECT last_error FROM s3_outbox;'), qr/server "files" does not exist/, 'a server that is gone';
};

# ---------------------------------------------------------------- branches

subtest 'a branch' => sub {
  my $name = "neon_s3_t_$$ branch";
  $db->do('DELETE FROM s3_files;', 'DELETE FROM s3_delete_queue;', insert(qw(mine theirs pending)), @real,
    "SELECT s3_put_objects('{mine,theirs,pending}', '{x,x,x}');");
  $db->do("DELETE FROM s3_files WHERE object_key = 'pending';");
  $server->do('DROP DATABASE IF EXISTS ' . ident($name) . ';', 'CREATE DATABASE ' . ident($name) . ' TEMPLATE '
    . ident("neon_s3_t_$$ real") . ';');
  my $branch = $server->with(PGDATABASE => $name);
  $server->on_end(sub { $server->try('DROP DATABASE IF EXISTS ' . ident($name) . ' WITH (FORCE);') });
  refused(last_of($branch->try(@real, 'CALL s3_run_outbox();')), '55000', 'a clone is fenced');
  $branch->do('SELECT s3_arm_lifecycle(as_branch => true);');
  Time::HiRes::sleep(1.1);    # Last-Modified has whole seconds
  $branch->do(insert('own'), @real, "SELECT s3_put_object('own', 'x');");
  $branch->do(insert('pending'));
  $branch->do('DELETE FROM s3_files;');
  $branch->do(@real, 'CALL s3_run_outbox();');
  is_deeply [ s3_keys($bucket) ], [qw(mine pending theirs)], 'its own object is gone, those of the original are not';
  is_deeply [ sort { $a cmp $b } grep { !/ kept\z/ } @{ items($branch) } ], [], 'their items are kept';
  is $branch->value('SELECT count(*) FROM s3_delete_queue WHERE state <> \'kept\';'), 0, '... in the queue as well';
  $db->do('DELETE FROM s3_files;');
  $db->do(@real, 'CALL s3_run_outbox();');
  is_deeply [ s3_keys($bucket) ], [], 'the original goes on';
  is_empty($db, '... to the end');
};

# ---------------------------------------------------------------- what goes on beside it

subtest 'several drainers' => sub {
  $other->do(@fault, 'SET ROLE ' . ident($owner) . ';', 'SET client_min_messages = error;', 'SELECT s3_track_files();');
  only_items($other, map { "k$_" } 1 .. 3000);
  $fault->plays();
  my @sessions = map { $other->session(@fault) } 1 .. 3;
  $_->start('CALL s3_run_outbox(100000);') for @sessions;
  is $_->result->{state}, '00000', 'a drainer' for @sessions;
  is_empty($other, 'they leave nothing');
  is $other->value("SELECT sum(calls) FROM s3_stats WHERE operation = 's3_run_outbox';") > 0, 1, 's3_stats counts them';
};

subtest 'DROP EXTENSION meanwhile' => sub {
  only_items($other, 'slow');
  $fault->plays('gate');
  my $session = $other->session(@fault);
  $session->start('CALL s3_run_outbox();');
  wait_until(sub { $fault->requests });
  is last_of($other->try("SET lock_timeout = '5s';", 'DROP EXTENSION neon_s3 CASCADE;'))->{state}, '00000', 'nothing is in its way';
  $fault->plays();
  my $result = $session->result;
  like $result->{state}, qr/\A(42P01|42883|3F000)\z/, 'the drainer has nothing to settle' or diag $result->{notices};
  is $session->run('SELECT 1;')->{out}, 1, '... and its session goes on';
  is $other->value('SELECT count(*) FROM pg_class WHERE relname = \'s3_files\';'), 1, 'the files table stays';
};

# ---------------------------------------------------------------- a server that dies

subtest 'kill -9 in the middle' => sub {
  my $own = own_server(preload => 1);
  $own->do('CREATE EXTENSION neon_s3;', 'SET client_min_messages = error;', @fault, 'SELECT s3_create_files_table();',
    'SELECT s3_track_files();', 'SELECT s3_arm_lifecycle();',
    insert(qw(slow k)), 'DELETE FROM s3_files;');
  $fault->plays('gate');
  my $session = $own->session(@fault);
  $session->start('CALL s3_run_outbox(1);');
  wait_until(sub { $fault->requests });
  kill KILL => $session->{pid};
  wait_until(sub { my ($status) = $own->psql('SELECT 1;'); $status == 0 });
  is $own->value('SELECT count(*) FROM s3_outbox;'), 2, 'no delete is lost';
  $fault->plays();
  $own->do('UPDATE s3_delete_queue SET next_attempt_at = now();');
  $own->do(@fault, 'CALL s3_run_outbox();');
  is_empty($own, 'all are done in the end');
  is_deeply [ sort map { $_->{key} || 'many' } $fault->requests ], ['many'], '... in the bucket, too';
};

done_testing;

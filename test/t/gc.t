# s3_gc: what it finds, what it touches, and what it never does.
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
my $db = $server->new_database;
my ($owner, $web) = map { $server->new_role("neon_s3_t_$$ $_") } qw(owner web);
my ($as_owner, $as_web) = map { 'SET ROLE ' . ident($_) . ';' } $owner, $web;
my @real = s3_settings($bucket);
my $fault = FaultServer->new;

$db->do('CREATE EXTENSION neon_s3;', 'GRANT EXECUTE ON FUNCTION s3_presign_get TO ' . ident($owner) . ';',
  'GRANT CREATE ON SCHEMA public TO ' . ident($owner) . ';', @real, $as_owner, <<"SQL");
SELECT s3_create_files_table();
ALTER TABLE s3_files ADD size bigint, ADD confirmed_at timestamptz;
ALTER TABLE s3_files ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON s3_files USING (user_id = current_setting('app.who', true)) WITH CHECK (user_id = current_setting('app.who', true));
GRANT SELECT, INSERT, UPDATE, DELETE ON s3_files TO @{[ ident($web) ]};
GRANT USAGE ON SEQUENCE s3_files_id_seq TO @{[ ident($web) ]};
SELECT s3_track_files();
SQL

sub last_of { return (@_)[-1] }
my @alice = (@real, $as_web, "SET app.who = 'alice';");

sub begin {
  my %upload;
  @upload{qw(key url headers)} = $db->row(@alice,
    "SELECT object_key, presigned_url, headers FROM s3_begin_upload('$_[0]', 'a/b', 'alice', content_length => 5);");
  $upload{headers} = from_json($upload{headers});
  return \%upload;
}
sub put { my ($upload) = @_; my $r = curl('PUT', $upload->{url}, headers => $upload->{headers}, body => 'hello');
  is $r->{status}, 200, 'put'; return }
sub put_object { my ($key, $in) = @_; ($in // $db)->do(@real, 'SELECT s3_put_object(' . lit($key) . ", 'x');") }
sub expire { my ($upload) = @_; $db->do('UPDATE s3_issued_keys SET expires_at = now() - interval \'1 s\' WHERE object_key = '
  . lit($upload->{key}) . ';') }
# "kind key action" of what a run tells, keys without what is random
sub gc {
  my ($arguments, $in) = @_;
  Time::HiRes::sleep(1.05);    # Last-Modified has whole seconds, and nothing as young as the run is judged
  my @rows = ($in // $db)->rows(@real, "SELECT kind, object_key, action FROM s3_gc($arguments);");
  return [ sort map { join ' ', $_->[0], $_->[1] =~ s/\A[0-9a-f-]{36}-//r, $_->[2] } @rows ];
}
my $now = "older_than => '0'";
my $for_real = "$now, dry_run => false";
sub drain { $db->do(@real, 'CALL s3_run_outbox();') }
sub reset_all {
  $db->do('DELETE FROM s3_files;', 'DELETE FROM s3_delete_queue;', 'DELETE FROM s3_issued_keys;', @real,
    'SELECT s3_abort_multipart_upload(key, upload_id) FROM s3_list_multipart_uploads();',
    'SELECT count(*) FROM s3_delete_objects((SELECT array_agg(key) FROM s3_list_objects()));');
}

subtest 'refusals' => sub {
  refused(last_of($db->try(@real, 'SELECT * FROM s3_gc();')), '55000', 'nothing is armed', hint => qr/s3_arm_lifecycle/);
  $db->do('SELECT s3_arm_lifecycle();');
  refused(last_of($db->try(@real, $as_owner, 'SELECT * FROM s3_gc();')), '42501', 'not granted');
  refused(last_of($db->try(@real, "SELECT * FROM s3_gc($_);")), '22023', $_) for "older_than => '-1 s'",
    'older_than => NULL', 'files_table => NULL';
  refused(last_of($db->try(@real, 'SET default_transaction_read_only = on;', 'SELECT * FROM s3_gc();')), '25006', 'read only');
  refused(last_of($db->try(@real, 'CREATE TABLE other (object_key text);', "SELECT * FROM s3_gc(files_table => 'other');")),
    '55000', 'a table that is not governed');
};

subtest 'expired uploads' => sub {
  my %upload = map { $_ => begin($_) } qw(there absent wrong young held under-way);
  put($upload{$_}) for qw(there young under-way held);
  put_object($upload{wrong}{key});
  $db->do("CREATE TABLE holds (key text REFERENCES s3_files (object_key));", 'INSERT INTO holds VALUES ('
    . lit($upload{absent}{key}) . ');');
  expire($upload{$_}) for qw(there absent wrong);
  is_deeply gc($now), [ map { "expired_upload $_ reported" } qw(absent there wrong) ], 'a dry run';
  is $db->value('SELECT count(*) FROM s3_files WHERE confirmed_at IS NULL;'), 6, '... does nothing';
  is_deeply gc('dry_run => false'), [], 'what is younger than older_than is not judged';
  is_deeply gc($for_real), [ 'expired_upload absent blocked', 'expired_upload there confirmed',
    'expired_upload wrong removed' ], 'for real';
  is $db->value('SELECT size FROM s3_files WHERE confirmed_at IS NOT NULL;'), 5, 'what was measured is in the row';
  is $db->value('SELECT count(*) FROM s3_outbox WHERE object_key = ' . lit($upload{wrong}{key}) . ';'), 1,
    'the object that is not as promised is in the outbox';
  $db->do('DROP TABLE holds;');
  is_deeply gc($for_real), ['expired_upload absent removed'], 'no longer held: removed';
  is_deeply gc($for_real), [], 'nothing is left to say';
  is $db->value('SELECT count(*) FROM s3_files;'), 4, 'uploads under way, confirmed ones and their rows stay';
  reset_all();
};

subtest 'objects without a row' => sub {
  my ($mine, $again) = map { begin($_) } qw(mine again);
  put($_) for $mine, $again;
  put_object('of-another-program');
  $db->do("INSERT INTO s3_files (object_key, file_url, user_id) VALUES ('in-a-row', 'u', 'bob');");
  put_object('in-a-row');
  $db->do('DELETE FROM s3_files WHERE object_key IN (' . join(', ', map { lit($_->{key}) } $mine, $again) . ');');
  is_deeply gc($for_real), ['object_without_row of-another-program foreign'], 'those in the outbox are on their way';
  drain();
  is_deeply [ map { s/\A[0-9a-f-]{36}-//r } s3_keys($bucket) ], [qw(in-a-row of-another-program)], '... and gone';
  put($again);
  my $foreign = 'object_without_row of-another-program foreign';
  is_deeply gc($now), [ 'object_without_row again reported', $foreign ], 'an object that was put again with its old URL';
  is_deeply gc('dry_run => false'), [], 'it is younger than older_than';
  is_deeply gc($for_real), [ 'object_without_row again removed', $foreign ], 'removed';
  is_deeply gc($for_real), [$foreign], '... once';
  drain();
  is_deeply [ s3_keys($bucket) ], [qw(in-a-row of-another-program)], 'it is gone; what is not ours stays';
  my $entries = 'SELECT count(*) FROM s3_issued_keys;';
  $db->do("UPDATE s3_issued_keys SET pending = false, expires_at = now() - interval '23 h';");
  gc($for_real);
  is $db->value($entries), 2, 'the ledger keeps its entries for a day';
  $db->do("UPDATE s3_issued_keys SET expires_at = now() - interval '25 h';");
  gc($_) for $now, 'dry_run => false';
  is $db->value($entries), 2, '... and as long as older_than spares objects that the last URL may have left';
  gc($for_real);
  is $db->value($entries), 0, '... no longer';
  reset_all();
};

subtest 'rows without objects' => sub {
  my $upload = begin('under-way');
  $db->do("INSERT INTO s3_files (object_key, file_url, user_id) VALUES ('lost', 'u', 'bob');");
  is_deeply gc($_), ['row_without_object lost reported'], "reported: $_" for $now, $for_real;
  reset_all();
};

subtest 'the bucket of two tables' => sub {
  $db->do(@real, $as_owner, 'SET client_min_messages = error;', 'CREATE TABLE more (object_key text UNIQUE);',
    "SELECT s3_track_files('more');");
  my $upload = begin('moved');
  put($upload);
  $db->do('INSERT INTO more VALUES (' . lit($upload->{key}) . ');', 'DELETE FROM s3_files;', 'DELETE FROM s3_delete_queue;');
  is_deeply gc($for_real), [], 'an object with a row in another governed table';
  $db->do('DROP TABLE more;');
  is_deeply gc($for_real), ['object_without_row moved removed'], '... and without it';
  reset_all();
};

subtest 'multipart uploads' => sub {
  my $begin = sub { $db->row(@alice, "SELECT object_key, upload_id FROM s3_begin_multipart_upload('$_[0]', 'a/b', 'alice', 10000000);") };
  my @mine = $begin->('mine');
  my @active = $begin->('active');
  $db->do(@real, "SELECT s3_create_multipart_upload('theirs');");
  $db->do(@alice, 'SELECT s3_abort_upload(' . lit($mine[0]) . ');');
  my $foreign = 'abandoned_multipart theirs foreign';
  is_deeply gc($now), [ 'abandoned_multipart mine reported', $foreign ], 'a dry run';
  is_deeply gc($for_real), [ 'abandoned_multipart mine aborted', $foreign ], 'for real';
  is_deeply gc($for_real), [$foreign], 'it is gone';
  expire({ key => $active[0] });
  is_deeply gc($for_real), [ 'abandoned_multipart active aborted', $foreign, 'expired_upload active removed' ],
    'one that has expired: with its row';
  is_deeply [ $db->row(@real, "SELECT string_agg(key, ',') FROM s3_list_multipart_uploads();") ], ['theirs'], 'the other program goes on';
  reset_all();
};

subtest 'a listing that fails' => sub {
  my $upload = begin('k');
  put($upload);
  $db->do('DELETE FROM s3_files;', 'DELETE FROM s3_delete_queue;');
  for my $play ('status:503:SlowDown', 'truncated', 'wrong_xml:unclosed') {
    $fault->plays($play);
    my $result = last_of($db->try(@real,
      "SET neon_s3.max_attempts = 1; SET neon_s3.endpoint = '${\ $fault->endpoint('http')}';", "SELECT * FROM s3_gc($for_real);"));
    isnt $result->{state}, '00000', "$play: an error";
    is $db->value('SELECT count(*) FROM s3_outbox;'), 0, '... and nothing is removed';
  }
  reset_all();
};

subtest 'branches' => sub {
  my $name = "neon_s3_t_$$ branch";
  my $clone = sub {
    $server->do('DROP DATABASE IF EXISTS ' . ident($name) . ' WITH (FORCE);', 'CREATE DATABASE ' . ident($name)
      . ' TEMPLATE ' . ident("neon_s3_t_$$") . ';');
    return $server->with(PGDATABASE => $name);
  };
  $server->on_end(sub { $server->try('DROP DATABASE IF EXISTS ' . ident($name) . ' WITH (FORCE);') });
  my ($finished, $pending) = map { begin($_) } qw(finished pending);
  put($_) for $finished, $pending;
  $db->do(@alice, 'SELECT s3_confirm_upload(' . lit($finished->{key}) . ');');
  my $branch = $clone->();
  refused(last_of($branch->try(@real, 'SELECT * FROM s3_gc();')), '55000', 'a clone is fenced');
  $branch->do('SELECT s3_arm_lifecycle(as_branch => true);',
    "INSERT INTO s3_files (object_key, file_url, user_id) VALUES ('own', 'u', 'bob');");
  Time::HiRes::sleep(1.05);
  put_object('own', $branch);
  put_object('of-branch', $branch);
  my ($key, $id) = $branch->row(@alice, "SELECT object_key, upload_id FROM s3_begin_multipart_upload('film', 'a/b', 'alice', 10000000);");
  $db->do('DELETE FROM s3_files WHERE object_key = ' . lit($finished->{key}) . ';');
  drain();
  is_deeply gc($for_real), [ 'abandoned_multipart film foreign', 'object_without_row of-branch foreign',
    'object_without_row own foreign' ], "gc of the original touches nothing of the branch";
  $branch->do('UPDATE s3_issued_keys SET expires_at = now() - interval \'1 s\' WHERE object_key = ' . lit($pending->{key}) . ';');
  is_deeply gc($for_real, $branch), [ 'object_without_row of-branch foreign', 'row_without_object finished inherited' ],
    "gc of the branch touches nothing of the original";
  $branch->do('DELETE FROM s3_files;', 'DELETE FROM s3_delete_queue WHERE object_key = \'own\';');
  is_deeply gc($for_real, $branch), [ 'object_without_row of-branch foreign', 'object_without_row own removed' ], '... only its own';
  is $db->value('SELECT count(*) FROM s3_files;'), 1, 'the original has its upload under way';
  reset_all();
};

done_testing;

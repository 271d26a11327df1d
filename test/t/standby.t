# Signing works on a hot standby, and gives what the primary gives. What waits for S3 there does not hold up recovery.
use v5.32;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use FaultServer;
use NeonS3Test;
use Test::More;
use Time::HiRes qw(time);

my $primary = own_server(preload => 1, conf => <<'CONF');
neon_s3.access_key_id = 'AKIAIOSFODNN7EXAMPLE'
neon_s3.secret_access_key = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'
neon_s3.bucket = 'my-bucket'
CONF
$primary->do('CREATE EXTENSION neon_s3;', 'SELECT s3_create_files_table();');

my $standby = $primary->copy_of_server('standby', standby => 1);
is $standby->value('SELECT pg_is_in_recovery();'), 't', 'it is a standby';
my $sign = "SELECT s3_presign_put('k', 'image/png', signed_at => '2026-01-01 00:00:00Z');";
is $standby->value($sign), $primary->value($sign), 'both sign the same';
like $standby->value("SELECT presigned_url FROM s3_presign_upload('a.png', 'image/png');"), qr/X-Amz-Signature=/, 's3_presign_upload works';
is $standby->value("SELECT url FROM s3_presign_post('k');"), 'https://my-bucket.s3.us-east-1.amazonaws.com/', 's3_presign_post works';
refused(scalar $standby->try("SELECT s3_put_object('k', 'x');"), '25006', 's3_put_object writes');
refused(scalar $standby->try("SELECT s3_delete_object('k');"), '25006', 's3_delete_object, too');
refused(scalar $standby->try("SELECT s3_save_metadata('k', 'u', 'user');"), '25006', 's3_save_metadata writes');

# Until the standby has all that the primary did so far.
sub await_replay {
  my $lsn = $primary->value('SELECT pg_current_wal_lsn();');
  wait_until(sub { $standby->value("SELECT pg_last_wal_replay_lsn() >= '$lsn';") eq 't' });
}

subtest 'governed tables' => sub {
  $primary->do('ALTER TABLE s3_files ENABLE ROW LEVEL SECURITY;', 'CREATE ROLE web;',
    "CREATE POLICY own ON s3_files USING (user_id = current_user);",
    'GRANT SELECT, INSERT, DELETE ON s3_files TO web; GRANT USAGE ON SEQUENCE s3_files_id_seq TO web;',
    'SELECT s3_track_files();', 'SELECT s3_arm_lifecycle();');
  my $key = $primary->value('SET ROLE web;', "SELECT object_key FROM s3_begin_upload('a.png', 'image/png', 'web');");
  await_replay();
  like $standby->value('SET ROLE web;', "SELECT s3_file_url('$key');"), qr/X-Amz-Signature=/, 's3_file_url works';
  refused(($standby->try('SET ROLE web;', "SELECT s3_file_url('absent');"))[1], '42501', '... behind the gate');
  is $standby->value('SET ROLE web;', 'SELECT object_key FROM s3_uploads;'), $key, 's3_uploads, too';
  refused($_, '25006', "25006: $_->{sql}") for $standby->try("SELECT s3_begin_upload('a.png', 'image/png', 'web');",
    "SELECT s3_abort_upload('$key');",
    'SELECT s3_track_files();', 'SELECT s3_untrack_files();', 'SELECT s3_arm_lifecycle();', 'SELECT s3_retry_outbox();',
    "SELECT s3_confirm_upload('$key');", 'CALL s3_run_outbox();', 'SELECT s3_gc();', "SELECT s3_gc(dry_run => false);", 'DELETE FROM s3_files;',
    "SELECT s3_begin_multipart_upload('a.png', 'image/png', 'web', 10);", "SELECT s3_upload_part_urls('$key');");
};

my $bucket = new_bucket();
$primary->do(s3_settings($bucket), "SELECT s3_put_object('k', 'hello');");
is $standby->value(s3_settings($bucket), "SELECT encode(s3_get_object('k'), 'escape');"), 'hello', 's3_get_object reads';

subtest 'recovery conflicts end a wait' => sub {
  my $fault = FaultServer->new;
  $primary->do('CREATE TABLE held AS SELECT generate_series(1, 1000) AS n;', 'CREATE DATABASE doomed;');
  $primary->with(PGDATABASE => 'doomed')->do('CREATE EXTENSION neon_s3;');
  await_replay();
  $standby->append_conf("max_standby_streaming_delay = '200ms'");
  $standby->reload;

  # [what, database, what the session has done before, what the primary does, how the wait ends]
  my @conflicts = (
    [ 'rows that are vacuumed', 'postgres', 'BEGIN ISOLATION LEVEL REPEATABLE READ;', [ 'DELETE FROM held;', 'VACUUM held;' ], '40001' ],
    [ 'a table that is dropped', 'postgres', 'BEGIN;', ['DROP TABLE held;'], '40001' ],
    [ 'a database that is dropped', 'doomed', 'BEGIN;', ['DROP DATABASE doomed;'], '57P04' ],
  );
  for (@conflicts) {
    my ($what, $database, $begin, $conflict, $state) = @$_;
    my $session = $standby->with(PGDATABASE => $database)->session($fault->settings('http', connect_timeout => '60s', request_timeout => '60s'), $begin);
    $session->run('SELECT count(*) FROM held;') if $database eq 'postgres';
    $fault->plays('hang');
    $session->start("SELECT s3_get_object('k');");
    wait_until(sub { $fault->requests });
    my $started = time;
    $primary->do(@$conflict);
    my $result = $session->result;
    cmp_ok time - $started, '<', 10, "$what: soon";
    like $result->{notices}, qr/$state: .* due to conflict with recovery/, "... $state";
    is $result->{state}, $state eq '40001' ? $state : 'lost', '... of the statement, or of the session';
    await_replay();
    next if $state ne '40001';
    $fault->plays();
    is $session->run("ROLLBACK; SELECT encode(s3_get_object('k'), 'escape');")->{out}, 'hello', '... and the session goes on';
  }
};

done_testing();

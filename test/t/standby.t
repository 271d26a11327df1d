# Signing works on a hot standby, and gives what the primary gives.
use v5.32;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use NeonS3Test;
use Test::More;

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

subtest 'governed tables' => sub {
  $primary->do('ALTER TABLE s3_files ENABLE ROW LEVEL SECURITY;', 'CREATE ROLE web;',
    "CREATE POLICY own ON s3_files USING (user_id = current_user);",
    'GRANT SELECT, INSERT, DELETE ON s3_files TO web; GRANT USAGE ON SEQUENCE s3_files_id_seq TO web;',
    'SELECT s3_track_files();', 'SELECT s3_arm_lifecycle();');
  my $key = $primary->value('SET ROLE web;', "SELECT object_key FROM s3_begin_upload('a.png', 'image/png', 'web');");
  my $lsn = $primary->value('SELECT pg_current_wal_lsn();');
  wait_until(sub { $standby->value("SELECT pg_last_wal_replay_lsn() >= '$lsn';") eq 't' });
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
done_testing();

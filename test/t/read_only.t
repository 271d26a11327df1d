# What writes to the bucket is refused where a transaction may not write: read only, and on a standby. What reads works.
use v5.32;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use NeonS3Test;
use Test::More;

my $bucket = new_bucket();
my $db = NeonS3Test->server->new_database;
$db->do('CREATE EXTENSION neon_s3;', "CREATE TABLE lo AS SELECT lo_from_bytea(0, 'hello') AS id;");
$db->do(s3_settings($bucket), "SELECT s3_put_object('k', 'hello');");
my $upload = $db->value(s3_settings($bucket), "SELECT s3_create_multipart_upload('upload');");
my $id = lit($upload);
my $lo = $db->value('SELECT id FROM lo;');

my @writers = map { "SELECT * FROM $_;" } "s3_put_object('k', 'x')", "s3_put_large_object('k', $lo)",
  "s3_copy_object('k', 'copy')", "s3_delete_object('k')", "s3_delete_objects('{k}')", "s3_put_objects('{k}', '{x}')",
  "s3_create_multipart_upload('k')",
  "s3_complete_multipart_upload('upload', $id, '[{\"part_number\": 1, \"etag\": \"x\"}]')", "s3_abort_multipart_upload('upload', $id)",
  "s3_create_bucket('$bucket-other')", "s3_delete_bucket('$bucket')",
  q{s3_put_bucket_cors('[{"AllowedOrigins": ["*"], "AllowedMethods": ["GET"]}]')}, 's3_delete_bucket_cors()',
  q{s3_put_bucket_policy('{"Version": "2012-10-17", "Statement": []}')}, 's3_delete_bucket_policy()', 's3_put_public_access_block(true)',
  q{s3_put_bucket_lifecycle('[{"ID": "x", "Status": "Enabled", "Filter": {"Prefix": "x"}, "Expiration": {"Days": 1}}]')},
  "s3_setup_bucket('$bucket', '{https://x.example}', true)",
  "s3_get_large_object('k')", 's3_delete_bucket_lifecycle()', 's3_put_bucket_versioning(true)',
  "s3_restore_version('k', 'null')", "s3_move_object('k', 'moved')", "s3_export_query('SELECT 1', 'k')", "s3_import_table('lo', 'k')", "s3_delete_object_versions('{k}', '{1}')";
my @readers = map { "SELECT * FROM $_;" } "s3_get_object('k')", "s3_head_object('k')", "s3_object_exists('k')",
  "s3_head_objects('{k}')", "s3_get_objects('{k}')", 's3_list_objects()', "s3_list_parts('upload', $id)",
  's3_list_multipart_uploads()', "s3_bucket_exists('$bucket')", 's3_list_buckets()', 's3_get_bucket_cors()',
  's3_get_bucket_policy()', 's3_get_public_access_block()', 's3_get_bucket_lifecycle()', 's3_get_bucket_versioning()',
  's3_list_object_versions()',
  's3_progress', 's3_stats';

subtest 'a read-only transaction' => sub {
  my @results = $db->try(s3_settings($bucket), 'SET default_transaction_read_only = on;', @writers, @readers);
  splice @results, 0, @results - @writers - @readers;
  refused((shift @results), '25006', $_) for @writers;
  is((shift @results)->{state}, '00000', "works: $_") for @readers;
};

subtest 'nothing has happened' => sub {
  is $db->value(s3_settings($bucket), "SELECT encode(s3_get_object('k'), 'escape');"), 'hello', 'the object';
  is_deeply [ s3_keys($bucket) ], ['k'], '... is alone';
  is $db->value(s3_settings($bucket), 'SELECT upload_id FROM s3_list_multipart_uploads();'), $upload, 'the upload';
  is $db->value(s3_settings($bucket),
    'SELECT num_nulls(s3_get_bucket_cors(), s3_get_bucket_policy(), s3_get_bucket_lifecycle());'), 3, 'the configuration';
  is $db->value(s3_settings($bucket), "SELECT s3_bucket_exists('$bucket-other');"), 'f', 'no other bucket';
};
$db->do(s3_settings($bucket), "SELECT s3_abort_multipart_upload('upload', $id);");

subtest 's3_doctor, which writes a probe' => sub {
  my $result = $db->try("@{[s3_settings($bucket)]} SET default_transaction_read_only = on; SELECT count(*) FROM s3_doctor();");
  like $result->{state}, qr/\A(00000|25006)\z/, 'works without it, or is refused';
  is_deeply [ s3_keys($bucket) ], ['k'], 'no probe is left';
};

done_testing;

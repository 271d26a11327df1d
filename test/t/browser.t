# examples/browser in Chromium, through the backend with Hono, against the S3 server of the environment; CORS as
# s3_setup_bucket sets it. uppy.t has the backend with Flask. For docs/screenshots: NEON_S3_SCREENSHOTS names a folder.
use v5.32;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use Examples;
use NeonS3Test;
use Test::More;

my $folder = copy_of_examples();
my $missing = missing_for_chromium($folder, 'examples/hono');
plan skip_all => $missing if $missing;

my $bucket = new_bucket();
my ($port) = free_ports(1);
my ($server, $db) = example_database($bucket, "http://127.0.0.1:$port");
my $expired = $db->value("SELECT s3_presign_put('late.txt', expires_in => '1 min', signed_at => now() - interval '1 hour');");
my $site = start_backend($folder, 'hono', $port, $db, "$folder/hono.log");
in_chromium($folder, 'page.mjs', SITE => $site, OTHER_SITE => "http://localhost:$port", EXPIRED => $expired);
unlike NeonS3Test::slurp("$folder/hono.log"), qr/X-Amz-Signature|\Q$ENV{S3_SECRET_ACCESS_KEY}\E/, 'no signature in the log';

is $db->value('SELECT count(*) FROM s3_files WHERE confirmed_at IS NOT NULL AND NOT s3_object_exists(object_key);'), 0,
  'every file that is listed is there';
$db->do('DELETE FROM s3_files;', 'CALL s3_run_outbox();');
is $db->value('SELECT count(*) FROM s3_delete_queue WHERE attempts > 0;'), 0, 'and the outbox takes them away';
done_testing;

# examples/uppy in Chromium, through the backend with Flask; and examples/browser as far as a backend may differ.
use v5.32;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use Examples;
use NeonS3Test;
use Test::More;

plan skip_all => 'python3-flask, python3-psycopg-pool and python3-dotenv are not installed' if !has_flask();
my $folder = copy_of_examples();
my $missing = missing_for_chromium($folder, 'examples/uppy');
plan skip_all => $missing if $missing;
my ($built, $out, $err) = run_program([ 'npm', 'run', '--prefix', "$folder/examples/uppy", 'build' ]);
is $built, 0, 'Uppy is bundled' or diag $out . $err;

my ($port) = free_ports(1);
my ($server, $db) = example_database(new_bucket(), "http://127.0.0.1:$port");
my $site = start_backend($folder, 'flask', $port, $db, "$folder/flask.log");
in_chromium($folder, 'page.mjs', SITE => $site, ONLY => 'keyboard,pause,without JavaScript');
in_chromium($folder, 'uppy.mjs', SITE => $site);

$db->do('DELETE FROM s3_files;', 'CALL s3_run_outbox();');
is $db->value('SELECT count(*) FROM s3_delete_queue WHERE attempts > 0;'), 0, 'the outbox takes them away';
done_testing;

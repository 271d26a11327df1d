# Where an allocation fails in a function of the extension, or in what it calls: 53200, or the same result as ever; the
# session goes on, the next call is right, and nothing is left behind.
#
# NEON_S3_TORTURE: how many allocations of a statement fail, evenly spread; "all" of them (see test/torture).
use v5.32;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use NeonS3Test;
use Test::More;
use Torture;

my $bucket = new_bucket();
my $torture = Torture->new($bucket);
my $db = $torture->db;

my @all = qw(malloc palloc runtime_error int);
my $left = "SELECT count(*) FROM s3_list_multipart_uploads('left/');";

subtest 'signing and settings' => sub { $torture->run(Torture::signing(), most => 6, kinds => \@all) };
subtest 'governed tables' => sub { $torture->run($torture->lifecycle, first => 12, most => 6, kinds => \@all) };

my $requests = $torture->requests;
subtest 'requests to S3, palloc()' => sub { $torture->run($requests, most => 2, kinds => ['palloc']) };
is $db->value($left), 0, 'no multipart upload is left';
subtest 'requests to S3, malloc()' => sub { $torture->run($requests, most => 2, kinds => ['malloc']) };
# The reply with its name was lost: in two statements, by about 20 of 750 allocations.
cmp_ok $db->value($left), '<=', 4 + $torture->points / 100, '... but those that nobody could know of';

subtest 'first calls' => sub { $torture->run_first_calls($torture->first_calls, most => 4, kinds => [qw(malloc palloc)]) };

is $torture->lost, 0, 'no session ended';
diag $torture->points . ' allocations failed, ' . $torture->hidden . ' by another name';
done_testing;

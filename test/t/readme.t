# Every SQL block of the README runs, in order, in one session of a fresh database; those of "S3 operations"
# against the S3 server of the environment.
use v5.32;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use NeonS3Test;
use Test::More;

my $readme = NeonS3Test::slurp(repo_dir() . '/README.md');
my @blocks;
for my $section (split /^(?=## )/m, $readme) {
  my @own = $section =~ /^```sql\n(.*?)^```$/msg;
  $own[0] = join("\n", s3_settings('my-bucket')) . "\n$own[0]" if @own && $section =~ /^## S3 operations/;
  push @blocks, @own;
}
cmp_ok @blocks, '>=', 5, 'the README has SQL blocks';

# What the README's configuration file would have set.
my $prologue = <<'SQL';
CREATE EXTENSION neon_s3;
SET neon_s3.access_key_id = 'AKIAIOSFODNN7EXAMPLE';
SET neon_s3.secret_access_key = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
SET neon_s3.region = 'eu-central-1';
SET neon_s3.bucket = 'my-bucket';
SET neon_s3.endpoint = '';
SET neon_s3.public_endpoint = '';
SELECT s3_create_files_table();
SQL

my $server = NeonS3Test->server;
NeonS3Test->on_end(sub { $server->try('DROP ROLE IF EXISTS app;') });
my $db = $server->new_database("neon_s3_t_readme_$$");
my ($status, $output, $errors) = $db->psql(join("\n", $prologue, (map { "\\echo BLOCK $_\n$blocks[$_]" } 0 .. $#blocks),
  "\\echo END\nSELECT s3_delete_bucket('my-bucket');\nDROP OWNED BY app;\nDROP ROLE app;\n"), '-v', 'ON_ERROR_STOP=1');
is $status, 0, 'psql ran to the end' or diag $errors;
for my $i (0 .. $#blocks) {
  my $next = $i == $#blocks ? 'END' : 'BLOCK ' . ($i + 1);
  like $output, qr/$next\n/, "block $i runs" or diag $blocks[$i];
}
like $output, qr{https://my-bucket\.s3\.eu-central-1\.amazonaws\.com/users/123/[0-9a-f-]{36}-report\.pdf\?},
  'the upload is signed for the configured bucket';
unlike $output . $errors, qr/wJalrXUtnFEMI/, 'and no secret shows';

done_testing;

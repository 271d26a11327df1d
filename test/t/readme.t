#!/usr/bin/perl
# Every SQL block of the README runs, in order, in one session of a fresh database; those of "S3 operations"
# against the S3 server of the environment.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempfile);
use Test::More;
use lib dirname(__FILE__);
use NeonS3Test;

my $readme = abs_path(dirname(__FILE__)) . '/../../README.md';
open my $in, '<', $readme or die "$readme: $!";
my $text = do { local $/; <$in> };
my @blocks;
for my $section (split /^(?=## )/m, $text) {
	my @own = $section =~ /^```sql\n(.*?)^```$/msg;
	$own[0] = join("\n", s3_settings('my-bucket')) . "\n$own[0]" if @own && $section =~ /^## S3 operations/;
	push @blocks, @own;
}
cmp_ok(scalar(@blocks), '>=', 5, 'the README has SQL blocks');

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

my $database = "readme_$$";
my $psql = ($ENV{PGBIN} ? "$ENV{PGBIN}/" : '') . 'psql';
system($psql, '-Xqc', "CREATE DATABASE $database") == 0 or BAIL_OUT('no server');
my ($out, $file) = tempfile(UNLINK => 1);
chmod 0644, $file;
print $out "\\set ON_ERROR_STOP 1\n$prologue";
print $out "\\echo BLOCK $_\n$blocks[$_]\n" for 0 .. $#blocks;
print $out "\\echo END\nSELECT s3_delete_bucket('my-bucket');\nDROP OWNED BY app;\nDROP ROLE app;\n";
close $out;

my $output = `$psql -XqAt -d $database -f $file 2>&1`;
is($?, 0, 'psql ran to the end') or diag($output);
for my $i (0 .. $#blocks) {
	my $next = $i == $#blocks ? 'END' : 'BLOCK ' . ($i + 1);
	ok(index($output, "$next\n") >= 0, "block $i runs") or diag($blocks[$i]);
}
like($output, qr{https://my-bucket\.s3\.eu-central-1\.amazonaws\.com/users/123/[0-9a-f-]{36}-report\.pdf\?},
	'the upload is signed for the configured bucket');
unlike($output, qr/wJalrXUtnFEMI/, 'and no secret shows');
system($psql, '-Xqc', "DROP DATABASE $database");
system("$psql -Xqc 'DROP ROLE IF EXISTS app' 2>/dev/null");
done_testing();

# Every SQL block of the README and of each page in docs/ runs, in order, in one session of a fresh database for each;
# those of docs/recipes.md in recipes.t, which has the roles, pools and shards for them.
# A block that follows the line "<!-- not run: WHY -->" does not; one that follows "<!-- against a server -->"
# reaches the S3 server of the environment, where the bucket is my-bucket.
use v5.32;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use NeonS3Test;
use Test::More;

my $server = NeonS3Test->server;
my $drop_app = 'DROP ROLE IF EXISTS app;';
NeonS3Test->on_end(sub { $server->try($drop_app) });

# What the configuration file of the README would have set, and the guide's table.
my $no_server = <<'SQL';
SET neon_s3.access_key_id = 'AKIAIOSFODNN7EXAMPLE';
SET neon_s3.secret_access_key = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
SET neon_s3.region = 'eu-central-1';
SET neon_s3.bucket = 'my-bucket';
SET neon_s3.endpoint = '';
SET neon_s3.public_endpoint = '';
SQL
my $prologue = "CREATE EXTENSION neon_s3;\n${no_server}SELECT s3_create_files_table();\n";

my $server_settings = join("\n", s3_settings('my-bucket'), '');
my $create_bucket = "${server_settings}SELECT s3_create_bucket('my-bucket') WHERE NOT s3_bucket_exists('my-bucket');\n";
my $delete_bucket = $server_settings . <<'SQL';
SELECT count(*) FROM s3_list_object_versions() v, s3_delete_object_versions(ARRAY[v.key], ARRAY[v.version_id]);
SELECT s3_delete_bucket('my-bucket');
SQL

# ({line, sql, against a server}, ...)
sub blocks {
  my ($text) = @_;
  my @found;
  while ($text =~ /^(?:<!-- (not run: [^\n]+|against a server) -->\n)?```sql\n(.*?)^```$/msg) {
    my ($directive, $sql) = ($1 // '', $2);
    next if $directive =~ /^not run/;
    push @found, { line => 1 + (substr($text, 0, $-[2]) =~ tr/\n//), sql => $sql, server => $directive ne '' };
  }
  return @found;
}

# Runs them; gives what psql printed.
sub run_blocks {
  my ($page, @blocks) = @_;
  my ($script, $reached) = ($prologue, 0);
  for my $block (@blocks) {
    $script .= $create_bucket if $block->{server} && !$reached++;
    $script .= $block->{server} ? $server_settings : $no_server if $reached;
    $script .= "\\echo BLOCK $block->{line}\n$block->{sql}\n";
  }
  $script .= "\\echo BLOCK end\nRESET ROLE;\n" . ($reached ? $delete_bucket : '');
  my $db = $server->new_database;
  $db->try($drop_app);
  my ($status, $output, $errors) = $db->psql($script, '-v', 'ON_ERROR_STOP=1');
  my ($last) = $output =~ /.*^BLOCK (\w+)$/ms;
  is $status, 0, "$page: runs to its end" or diag 'line ', $last // '?', ": $errors";
  unlike $output . $errors, qr/wJalrXUtnFEMI|\Q$ENV{S3_SECRET_ACCESS_KEY}\E/, '... and shows no secret';
  $db->try(q{SELECT 'DROP OWNED BY app;' FROM pg_roles WHERE rolname = 'app' \gexec}, $drop_app);
  return $output;
}

my %output;
for my $page ('README.md', grep { $_ ne 'docs/recipes.md' } map { s{.*/}{docs/}r } glob repo_dir() . '/docs/*.md') {
  my @blocks = blocks(NeonS3Test::slurp(repo_dir() . "/$page")) or next;
  $output{$page} = run_blocks($page, @blocks);
}

like $output{'README.md'}, qr{https://my-bucket\.s3\.eu-central-1\.amazonaws\.com/users/123/[0-9a-f-]{36}-report\.pdf\?},
  'the upload is signed for the configured bucket';
like $output{'docs/presigning.md'}, qr{^https://cdn\.example\.com/logos/Gr%C3%B6%C3%9Fe%201\.png$}m, 'a public URL is as the page says';
like $output{'docs/objects.md'}, qr/^first\n.*^Suspended\n/ms, 'a version is restored';
cmp_ok length(NeonS3Test::slurp(repo_dir() . '/README.md') =~ tr/\n//cdr), '<=', 200, 'the README has 200 lines at most';

my $guide = NeonS3Test::slurp(repo_dir() . '/test/README.md');
my @named = $guide =~ /`(\w+\.(?:t|sql))` \*([^*\n]+)\*/g;
my @absent;
while (my ($file, $name) = splice @named, 0, 2) {
  my $text = NeonS3Test::slurp(repo_dir() . ($file =~ /\.t\z/ ? "/test/t/$file" : "/sql/$file"));
  push @absent, "$file: $name" if $text !~ ($file =~ /\.t\z/ ? qr/^subtest ['"]\Q$name\E['"] =>/m : qr/^-- \Q$name\E$/m);
}
is_deeply \@absent, [], 'test/README.md names tests that are there';

done_testing;

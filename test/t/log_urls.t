# neon_s3.log_urls: one line of the server's log for each URL that is signed, whoever signs it. On a server of its own.
use v5.32;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use NeonS3Test;
use Test::More;

my $own = own_server(preload => 1, conf => "log_line_prefix = '%u '\nlog_min_error_statement = debug5\n");
my @settings = map { "SET neon_s3.$_;" } "access_key_id = 'AKIAEXAMPLE'", "secret_access_key = 'secretCANARY'", "bucket = 'my-bucket'";
$own->do('CREATE EXTENSION neon_s3;', 'SELECT s3_create_files_table();', 'ALTER TABLE s3_files ENABLE ROW LEVEL SECURITY;', @settings,
  "SELECT s3_track_files(bucket => 'my-bucket');", 'CREATE ROLE "Eve ""x"" =";', 'GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO "Eve ""x"" =";');

my $read = 0;

# The lines since it was asked last.
sub lines {
  my $text = $own->log_text;
  my $new = substr $text, $read;
  $read = length $text;
  return grep { /signed URL/ } split /\n/, $new;
}

sub logged { my (@statements) = @_; lines(); $own->do(@settings, @statements); return lines() }

my $at = "signed_at => '2026-01-01T00:00:00Z'";

subtest 'off' => sub {
  is_deeply [ logged("SELECT s3_presign_get('k');") ], [], 'is the default';
  is $own->value('SHOW neon_s3.log_urls;'), 'off', '... as SHOW says';
};

my $on = 'SET neon_s3.log_urls = on;';
subtest 'a line' => sub {
  my ($user) = $own->value('SELECT current_user;');
  is_deeply [ logged($on, "SELECT s3_presign_get('a b/é.png', '10min', $at);") ],
    [ "$user LOG:  signed URL: role=$user function=s3_presign_get method=GET bucket=my-bucket key=a%20b/%C3%A9.png expires=2026-01-01T00:10:00Z" ],
    'has all that was asked for, and not the statement';
  is_deeply [ map { s/.*role=//r } logged($on, 'SET ROLE "Eve ""x"" =";', "SELECT s3_presign_get('k', $at);") ],
    ['Eve%20%22x%22%20%3D function=s3_presign_get method=GET bucket=my-bucket key=k expires=2026-01-01T00:05:00Z'], 'the role is the current one';
  my @forged = logged($on, q{SELECT s3_presign_get(E'x\n2026-01-01 LOG:  signed URL: role=root key=y\r\x1b[2J' || U&'\2028\0085\202E');});
  is scalar @forged, 1, 'no key makes another line';
  like $forged[0], qr/key=x%0A2026-01-01%20LOG%3A%20%20signed%20URL%3A%20role%3Droot%20key%3Dy%0D%1B%5B2J%E2%80%A8%C2%85%E2%80%AE expires=/, '... nor another field';
  is_deeply [ map { /key=(\S*) / } logged($on, q{SELECT s3_presign('GET', NULL, query => '{"list-type": "2"}');}) ], [''], 'no key: the bucket itself';
};

# Each function that signs: all that s3_stats counts a URL of.
my %calls = (
  s3_presign_get => "SELECT s3_presign_get('k');", s3_presign_put => "SELECT s3_presign_put('k');", s3_presign_head => "SELECT s3_presign_head('k');",
  s3_presign_delete => "SELECT s3_presign_delete('k');", s3_presign => "SELECT s3_presign('PUT', 'k');",
  s3_presign_explain => "SELECT s3_presign_explain('GET', 'k');", s3_presign_post => "SELECT s3_presign_post('k/\${filename}');",
  s3_presign_upload_part => "SELECT s3_presign_upload_part('k', 'upload', 1);", s3_presign_upload => "SELECT s3_presign_upload('f.png', 'image/png');",
  s3_begin_upload => "SELECT s3_begin_upload('f.png', 'image/png', 'user');",
  s3_file_url => "SELECT s3_file_url(object_key) FROM (SELECT object_key FROM s3_files LIMIT 1) f;",
);
subtest 'every function' => sub {
  $own->do(@settings, $calls{s3_begin_upload});
  for my $function (sort keys %calls) {
    my @lines = logged($on, $calls{$function});
    is scalar @lines, 1, "$function: a line" or diag explain \@lines;
    like $lines[0] // '', qr/ function=$function method=(GET|PUT|HEAD|DELETE|POST) bucket=my-bucket key=\S+ expires=20\d\d-\S+Z\z/, '... as the others';
  }
  is_deeply [ logged($on, "SELECT s3_public_url('k');") ], [], 'a public URL is not signed';
  is scalar(logged($on, "SELECT s3_presign_get('k' || n) FROM generate_series(1, 20) n;")), 20, 'a line for each row';
};

subtest 'parts' => sub {
  $own->do(@settings, 'ALTER SYSTEM SET neon_s3.log_urls = on;', 'SELECT pg_reload_conf();',
    "INSERT INTO s3_files (object_key, file_url, user_id) VALUES ('parts', 'u', 'user');",
    "INSERT INTO s3_issued_keys (object_key, governed_table, bucket, pending, begun_at, begun_by, expires_at, content_length, upload_id, part_size)
       SELECT 'parts', id, bucket, true, clock_timestamp(), current_user, now() + '1h', 12000000, 'upload', 5242880 FROM s3_governed_tables;");
  my @lines = logged("SELECT * FROM s3_upload_part_urls('parts', ARRAY[1, 2, 3]);");
  is scalar @lines, 3, 'a line for each part' or diag explain \@lines;
  my @counted = map { $_->[0] } $own->rows('SELECT operation FROM s3_stats WHERE presigned_urls IS NOT NULL;');
  my @known = sort keys %calls, 's3_upload_part_urls';
  is_deeply [ sort @counted ], \@known, 'no other function has signed' or diag explain \@counted;
};

subtest 'secrets' => sub {
  unlike $own->log_text, qr/X-Amz-Signature|secretCANARY(?!';)/, 'no signature and no secret';
  refused(scalar $own->try('SET ROLE "Eve ""x"" ="; SET neon_s3.log_urls = off;'), '42501', 'only superusers set it');
};

done_testing;

# What no S3 server takes is refused at once, with 54000, and leaves nothing behind in the session.
use v5.32;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use NeonS3Test;
use Test::More;

my $db = NeonS3Test->server->new_database("neon_s3_t_limits_$$");
$db->do('CREATE EXTENSION neon_s3;');
my $session = $db->session("SET neon_s3.access_key_id = 'AKIAIOSFODNN7EXAMPLE';",
  "SET neon_s3.secret_access_key = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';",
  "SET neon_s3.bucket = 'my-bucket';");

# A JSON value of that many members.
sub many {
  my ($count, $aggregate) = @_;
  $aggregate //= q{jsonb_object_agg('a' || i, '')};
  $session->run("CREATE TEMP TABLE IF NOT EXISTS many AS SELECT 0 AS n, '' AS a, '{}'::jsonb AS j LIMIT 0;");
  $session->run("INSERT INTO many SELECT $count, @{[ lit($aggregate) ]}, $aggregate FROM generate_series(1, $count) i;");
  return "(SELECT j FROM many WHERE n = $count AND a = @{[ lit($aggregate) ]} LIMIT 1)";
}

my %limits = (
  query => qr/\Aquery parameters exceed the limit of 8192 bytes/,
  headers => qr/\Aheaders exceed the limit of 8192 bytes/,
  metadata => qr/\Ametadata exceeds the limit of 2048 bytes/,
  form => qr/\Afields of the POST form exceed the limit of 20480 bytes/,
);

sub too_large {
  my ($limit, $call) = @_;
  refused($session->run(($call =~ /\AFROM/ ? 'SELECT count(*) ' : 'SELECT ') . "$call;"), '54000', $call, message => $limits{$limit});
}

# ---------------------------------------------------------------- many members

my %many = (query => many(200_000), few => many(900), fields => many(30_000), some => many(400),
  equal => many(30_000, q{jsonb_agg(jsonb_build_object('a' || i, ''))}),
  starts => many(30_000, q{jsonb_agg(jsonb_build_array('starts-with', '$a', ''))}));
$session->run("SET statement_timeout = '5s';");

too_large(query => "s3_presign_get('k', query => $many{query})");
too_large(query => "s3_presign('GET', NULL, query => $many{query})");
too_large(headers => "s3_presign_put('k', headers => $many{query})");
too_large(form => "s3_presign_post('k', fields => $many{fields})");
too_large(form => "s3_presign_post('k', conditions => $many{equal})");
too_large(form => "s3_presign_post('k', conditions => $many{starts})");
too_large(metadata => "s3_put_object('k', '', metadata => $many{query})");
too_large(metadata => "s3_create_multipart_upload('k', metadata => $many{query})");

# As many as fit are still quick.
is $session->run("SELECT length(s3_presign_get('k', query => $many{few})) > 4000;")->{out}, 't', '900 query parameters';
is $session->run("SELECT length(s3_presign_put('k', headers => $many{few})) > 4000;")->{out}, 't', '900 headers';
is $session->run("SELECT count(*) FROM s3_presign_post('k', fields => $many{some}) p, jsonb_object_keys(p.fields);")->{out}, 406, '400 fields';

# ---------------------------------------------------------------- one huge value

$session->run("SET statement_timeout = '20s';");
my $huge = q{repeat('x', 100000000)};
my $memory = sub { $session->run(q{SELECT (regexp_match(pg_read_file('/proc/self/status'), 'VmRSS:\s+(\d+)'))[1];})->{out} };
$session->run("SELECT s3_presign_get('k');");
my $before = $memory->();

too_large(query => "s3_presign_get('k', version_id => $huge)");
too_large(query => "s3_presign_delete('k', version_id => $huge)");
too_large(query => "s3_presign_upload_part('k', $huge, 1)");
too_large(query => "s3_presign_get('k', query => jsonb_build_object('a', $huge))");
too_large(query => "s3_presign_get('k', query => jsonb_build_object($huge, 'a'))");
too_large(headers => "s3_presign_put('k', $huge)");
too_large(headers => "s3_presign_get('k', headers => jsonb_build_object('a', $huge))");
too_large(headers => "s3_presign_upload('f', $huge)");
too_large(form => "s3_presign_post('k', content_type => $huge)");
too_large(form => "s3_presign_post('k', fields => jsonb_build_object('a', $huge))");
too_large(form => "s3_presign_post('k', conditions => jsonb_build_array(jsonb_build_object('a', $huge)))");
too_large(query => "s3_get_object('k', version_id => $huge)");
too_large(query => "s3_abort_multipart_upload('k', $huge)");
too_large(query => "s3_complete_multipart_upload('k', $huge, '[{\"part_number\": 1, \"etag\": \"e\"}]')");
too_large(query => "FROM s3_list_objects(prefix => $huge)");
too_large(query => "FROM s3_list_objects(start_after => $huge)");
too_large(query => "FROM s3_list_multipart_uploads(prefix => $huge)");
too_large(headers => "s3_put_object('k', '', content_type => $huge)");
too_large(metadata => "s3_put_object('k', '', metadata => jsonb_build_object('a', $huge))");
refused($session->run("SELECT $_;"), '22023', $_) for "s3_presign_get($huge)", "s3_presign_post($huge)", "s3_public_url($huge)",
  "s3_presign_get('k', bucket => $huge)", "s3_head_object($huge)";
is $session->run("SELECT length(s3_presign_get('k', download_as => $huge)) < 2000;")->{out}, 't', 'download_as is cut, as ever';

my $grown = $memory->() - $before;
cmp_ok $grown, '<', 32 * 1024, "the session has kept $grown KiB of all that";

# ---------------------------------------------------------------- what a URL above 1 GiB would take

my $giant = q{repeat(repeat('/', 1000000), 400)};
too_large(query => "s3_presign_get('k', version_id => $giant)");
for ([ session_token => $giant ], map { [ $_ => q{repeat('x', 65537)} ] } qw(access_key_id secret_access_key)) {
  my ($name, $value) = @$_;
  refused($session->run("SELECT set_config('neon_s3.$name', $value, false);"), '22023', "$name: $value",
    message => qr/\A$name is longer than 65536 bytes\z/);
}
refused($session->run("SELECT set_config('neon_s3.$_', 'https://s3.example.com' || repeat('/', 2048), false);"), '22023', "$_ of 2 KiB",
  message => qr/\Aendpoint is longer than 2048 bytes\z/) for qw(endpoint public_endpoint);

# ---------------------------------------------------------------- what passes

$session->run("SET neon_s3.session_token = '" . '/+=a' x 1024 . "';");
for my $call ("s3_presign_get('k', version_id => repeat('v', 1024), download_as => repeat('ü', 120) || '.pdf')",
  "s3_presign_get(repeat('é', 512))", "s3_presign_post(repeat('é', 512))",
  "s3_presign_put('k', headers => jsonb_build_object('x-amz-meta-a', repeat('a', 2000)))") {
  is $session->run("SELECT count($call);")->{state}, '00000', "with a session token of 4 KiB: $call";
}

# ---------------------------------------------------------------- many names that are none

# PostgreSQL itself remembers that there is no server of that name; nothing else is kept.
sub grows_by {
  my ($call) = @_;
  my $start = $memory->();
  is $session->run(<<"SQL")->{out}, '', "20000 names that are none: $call";
DO \$\$ BEGIN FOR i IN 1 .. 20000 LOOP
  BEGIN PERFORM $call; RAISE EXCEPTION 'there is one'; EXCEPTION WHEN undefined_object THEN END;
END LOOP; END \$\$;
SQL
  return $memory->() - $start;
}
$session = $db->session;    # whose memory has no room yet
my $kept = grows_by(q{has_server_privilege('none ' || i, 'USAGE')});
$grown = grows_by(q{s3_presign_get('k', server => 'no such ' || i)});
cmp_ok $grown - $kept, '<', 2048, "the session has kept $grown KiB of those, $kept of PostgreSQL's own";

done_testing;

# Databases that are not in UTF-8: the same text gives the same URL, and text comes back in the database's encoding.
use v5.32;
use warnings;
use utf8;
use Encode qw(encode);
use FindBin;
use lib $FindBin::Bin;
use NeonS3Test;
use Test::More;

my $server = NeonS3Test->server;
my @settings = ("SET neon_s3.access_key_id = 'AKIAIOSFODNN7EXAMPLE';",
  "SET neon_s3.secret_access_key = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';",
  "SET neon_s3.bucket = 'my-bucket';", "SET neon_s3.endpoint = 'https://s3.example.com';");

sub database {
  my ($encoding) = @_;
  my $db = $server->new_database("neon_s3_t_$$ $encoding", encoding => $encoding);
  $db->do('CREATE EXTENSION neon_s3;');
  return $db;
}

my $utf8 = database('UTF8');

# Every place that takes text, with %s for the text; each gives one text.
my $at = "signed_at => '2026-11-22T00:00:00Z'";
my @places = (
  "s3_presign_get(%s, $at)",
  "s3_presign_get('k', download_as => %s, $at)",
  "s3_presign_get('k', version_id => %s, $at)",
  "s3_presign_get('k', query => jsonb_build_object('response-content-type', %s), $at)",
  "s3_presign_get('k', query => jsonb_build_object(%s, 'x'), $at)",
  "s3_presign_get('k', headers => jsonb_build_object('x-amz-meta-a', %s), $at)",
  "s3_presign_put(%s, $at)",
  "s3_presign_put('k', %s, $at)",
  "s3_presign_head(%s, version_id => %s, $at)",
  "s3_presign_delete(%s, version_id => %s, $at)",
  "s3_presign('POST', %s, query => jsonb_build_object('uploads', %s), $at)",
  "s3_presign('GET', NULL, query => jsonb_build_object('prefix', %s), $at)",
  "s3_presign_upload_part(%s, %s, 1, $at)",
  "s3_public_url(%s)",
  (map { "(s3_presign_explain('GET', %s, headers => jsonb_build_object('x-amz-meta-a', %s), query => jsonb_build_object('a', %s), $at)).$_" }
      qw(url canonical_request string_to_sign signature)),
  (map { "(s3_presign_post(%s, content_type => %s, fields => jsonb_build_object('x-amz-meta-a', %s), "
        . "conditions => jsonb_build_array(jsonb_build_array('starts-with', '\$x-amz-meta-b', %s), jsonb_build_object('x-amz-meta-c', %s)), $at)).$_" }
      "url", map { "fields->>'$_'" } qw(key Content-Type x-amz-meta-a policy x-amz-signature)),
);

# The text, as an SQL literal, in that place.
sub at { my ($place, $literal) = @_; return $place =~ s/%s/$literal/gr }

# The value of each place, newlines as '|'.
sub signed {
  my ($db, $text) = @_;
  return map { $_->[0] } $db->rows(@settings, map { "SELECT replace(" . at($_, lit($text)) . ", E'\\n', '|');" } @places);
}

my %cases = (
  LATIN1    => [ 'Größe é ÿ.txt', 13 ],
  LATIN9    => [ 'Preis 5 €.txt', 13 ],
  WIN1251   => [ 'Отчёт №5.txt', 12 ],
  EUC_JP    => [ '日本語ソ表 ｶﾅ.txt', 19 ],
  EUC_KR    => [ '한국어.txt', 10 ],
  SQL_ASCII => [ 'Größe 日本é😀.txt', 24 ],
);

for my $encoding (sort keys %cases) {
  subtest $encoding => sub {
    my ($text, $bytes) = @{ $cases{$encoding} };
    my $db = database($encoding);
    my $t = lit($text);
    is $db->value('SHOW server_encoding;'), $encoding, 'the database';
    is $db->value("SELECT octet_length($t);"), $bytes, '... holds the text in its own encoding';

    my @expected = signed($utf8, $text);
    my @got = signed($db, $text);
    is $got[$_], $expected[$_], $places[$_] =~ s/signed_at => '[^']*'/.../r for 0 .. $#places;
    my $encoded = encode('utf8', $text) =~ s/([^A-Za-z0-9\-_.~])/sprintf '%%%02X', ord $1/ger;
    like $got[0], qr{/my-bucket/\Q$encoded\E\?}, 'the key is UTF-8 in the URL';

    $db->do('SELECT s3_create_files_table();', 'ALTER TABLE s3_files ADD content_type text;');
    my ($upload, $saved, $length) = $db->row(@settings, "SELECT to_jsonb(u), to_jsonb(f), octet_length(u.object_key)"
        . " FROM s3_presign_upload('dir/' || $t, 'text/' || $t, key_prefix => $t || '/') u,"
        . " LATERAL s3_save_metadata(u.object_key, u.public_file_url, 'user ' || $t, 'text/' || $t) f;");
    ($upload, $saved) = map { from_json($_) } $upload, $saved;
    like $upload->{object_key}, qr{\A\Q$text\E/[0-9a-f-]{36}-\Q$text\E\z}, 's3_presign_upload: object_key';
    is $length, 2 * $bytes + 38, '... in the database\'s encoding';
    like $upload->{presigned_url}, qr{/my-bucket/\Q$encoded\E/[0-9a-f-]{36}-\Q$encoded\E\?}, '... presigned_url';
    is_deeply $upload->{headers}, { 'content-type' => "text/$text" }, '... headers';
    is_deeply [ @$saved{qw(object_key user_id)} ], [ $upload->{object_key}, "user $text" ], '... s3_save_metadata';
    is $db->value("SELECT content_type FROM s3_files WHERE object_key = " . lit($upload->{object_key}) . ';'), "text/$text", '... the row';

    # Messages name the offending value.
    my @errors = grep { $_->{sql} =~ /SELECT/ } $db->try(@settings, map { "SELECT $_;" } "s3_presign_get('../' || $t)",
      "s3_presign_get('k', headers => jsonb_build_object($t, 'x'))", "s3_presign_get('k', bucket => $t)", "s3_presign('Q' || $t, 'k')");
    refused($_, '22023', $_->{sql}, message => qr/\Q$text\E/) for @errors;
  };
}

# ---------------------------------------------------------------- limits count UTF-8

subtest 'lengths are those of UTF-8' => sub {
  my $db = $server->with(PGDATABASE => "neon_s3_t_$$ LATIN1");
  my @tries = $db->try(@settings, "SELECT octet_length(s3_presign_get(repeat('é', 512)));", "SELECT s3_presign_get(repeat('é', 513));");
  is $tries[-2]{state}, '00000', '512 é are 1024 bytes';
  refused($tries[-1], '22023', '513 are too many', message => qr/1026 bytes/);
  is $db->value(@settings, "SELECT length(object_key) FROM s3_presign_upload(repeat('é', 1000), 'a/b');"), 37 + 493,
    's3_presign_upload cuts at 1024 bytes';
};

# ---------------------------------------------------------------- what is no UTF-8, or cannot become it

subtest 'SQL_ASCII: bytes that are no UTF-8' => sub {
  my $db = $server->with(PGDATABASE => "neon_s3_t_$$ SQL_ASCII");
  my @bytes = ("E'\\xff'", "E'a\\xc3'", "E'\\xe9'", "E'\\xc0\\xaf'", "E'\\xed\\xa0\\x80'", "E'\\xf4\\x90\\x80\\x80'", "E'\\x80'");
  my @statements = map { my $bytes = $_; map { 'SELECT ' . at($_, $bytes) . ';' } @places, "(s3_presign_upload(%s, 'a/b')).object_key",
    "(s3_presign_upload('f', 'a/' || %s)).object_key", "(s3_presign_upload('f', 'a/b', key_prefix => %s)).object_key",
    "s3_presign_get('k', bucket => %s)",
    "s3_presign(%s, 'k')" } @bytes;
  my @results = $db->try(@settings, @statements);
  splice @results, 0, @settings;
  is_deeply [ map { "$_->{state} $_->{sql}" } grep { $_->{state} ne '22021' } @results ], [], @results . ' refused with 22021';
  is $db->value(@settings, "SELECT s3_public_url('still here');"), 'https://s3.example.com/my-bucket/still%20here', 'the session goes on';
};

subtest 'characters that Unicode does not have' => sub {
  for ([ WIN1251 => "E'\\x98'" ], [ EUC_JP => "E'\\xf5\\xa1'" ]) {
    my ($encoding, $bytes) = @$_;
    my $db = $server->with(PGDATABASE => "neon_s3_t_$$ $encoding");
    is $db->value("SELECT octet_length($bytes);"), length($bytes =~ s/^E'|'$//gr =~ s/\\x../x/gr), "$encoding takes the bytes";
    my @results = $db->try(@settings, map { 'SELECT ' . at($_, $bytes) . ';' } @places);
    splice @results, 0, @settings;
    is_deeply [ map { "$_->{state} $_->{sql}" } grep { $_->{state} ne '22021' } @results ], [], '... ' . @results . ' refused with 22021';
  }
};

subtest 'an encoding that has no conversion' => sub {
  my $db = $server->new_database("neon_s3_t_$$ MULE", encoding => 'MULE_INTERNAL')->with(PGCLIENTENCODING => 'MULE_INTERNAL');
  $db->do('CREATE EXTENSION neon_s3;');
  is $db->value(@settings, "SELECT s3_public_url('plain ASCII');"), 'https://s3.example.com/my-bucket/plain%20ASCII', 'ASCII needs none';
  refused(scalar $db->try(@settings, "SELECT s3_public_url(E'\\x81\\xe4');"), '22021', 'anything else is refused',
    message => qr/MULE_INTERNAL/);
};

done_testing;

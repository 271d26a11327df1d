# The guide's workflow against a real S3 server, and what that server refuses.
use v5.32;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use NeonS3Test;
use Test::More;

my $bucket = new_bucket();
my $db = NeonS3Test->server->new_database;
$db->do('CREATE EXTENSION neon_s3;');

# An expression's value, with the S3 server's settings; more statements may come first.
sub sql { my ($expression, @first) = @_; return $db->value(s3_settings($bucket), @first, "SELECT $expression;") }

sub code { return $_[0]{status} . ($_[0]{body} =~ m{<Code>(.*?)</Code>} ? " $1" : '') }

# ---------------------------------------------------------------- the guide, in one transaction

my $photo = join '', map { chr($_ % 128) } 1 .. 5000;
my $save = <<'SQL';
SELECT to_jsonb(u), to_jsonb(m)
  FROM s3_presign_upload('cat photo.png', 'image/png', content_length => 5000) u,
       LATERAL s3_save_metadata(u.object_key, u.public_file_url, 'user_123', 'image/png', 5000) m;
SQL

subtest 'presign and insert in one statement of one transaction' => sub {
  my ($upload, $row) = map { from_json($_) } $db->row(s3_settings($bucket), <<"SQL");
DO 'BEGIN PERFORM s3_create_files_table(); END';
BEGIN;
$save
COMMIT;
SQL
  like $upload->{object_key}, qr/\A[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}-cat photo\.png\z/,
    'object_key: a random UUID and the file name';
  is $upload->{method}, 'PUT', 'method';
  is_deeply $upload->{headers}, { 'content-type' => 'image/png', 'content-length' => '5000' }, 'headers';
  is $upload->{public_file_url}, sql('s3_public_url(' . lit($upload->{object_key}) . ')'), 'public_file_url';
  is_deeply [ @$row{qw(object_key file_url user_id)} ], [ @$upload{qw(object_key public_file_url)}, 'user_123' ], 'the row';
  is $db->value('SELECT count(*) FROM s3_files WHERE ' . join ' AND ',
    map { "$_ = " . lit($row->{$_}) } qw(id object_key file_url user_id upload_timestamp)) , 1, '... is in s3_files';
  is sql(lit($upload->{expires_at}) . '::timestamptz - '
      . lit($upload->{presigned_url} =~ s/.*X-Amz-Date=(\w+).*/$1/r) . '::timestamptz'), '00:05:00', 'expires_at';

  is code(curl('PUT', $upload->{presigned_url}, headers => $upload->{headers}, body => $photo)), '200',
    'PUT with exactly these headers';
  my $key = lit($row->{object_key});
  my $get = curl('GET', sql("s3_presign_get($key)"));
  is code($get), '200', 'GET';
  ok $get->{body} eq $photo, '... gives the same bytes';
  is $get->{headers}{'content-type'}, 'image/png', '... of that type';
  my $head = curl('HEAD', sql("s3_presign_head($key)"));
  is "$head->{status} $head->{headers}{'content-length'}", '200 5000', 'HEAD';
  is curl('GET', $row->{file_url})->{status}, 403, 'the unsigned URL is refused: the bucket is private';
  is code(curl('DELETE', sql("s3_presign_delete($key)"))), '204', 'DELETE';
  is code(curl('GET', sql("s3_presign_get($key)"))), '404 NoSuchKey', '... and it is gone';
};

subtest 'the steps apart, and rolled back' => sub {
  $db->do(s3_settings($bucket), <<'SQL');
BEGIN;
SELECT * FROM s3_presign_upload('a.txt', 'text/plain') \gset
SELECT * FROM s3_save_metadata(:'object_key', :'public_file_url', 'steps') \gset saved_
COMMIT;
BEGIN;
SELECT * FROM s3_presign_upload('b.txt', 'text/plain') \gset
SELECT * FROM s3_save_metadata(:'object_key', :'public_file_url', 'rolled back') \gset saved_
ROLLBACK;
SQL
  is_deeply [ $db->row("SELECT count(*) FILTER (WHERE user_id = 'steps'), count(*) FILTER (WHERE user_id = 'rolled back') FROM s3_files;") ],
    [ 1, 0 ], 'COMMIT keeps the row, ROLLBACK leaves none';
};

subtest 'content_type and size are filled where the table has them' => sub {
  my $columns = 'SELECT content_type, size FROM s3_files ORDER BY id DESC LIMIT 1;';
  my $first = "BEGIN; ALTER TABLE s3_files ADD content_type text, ADD size bigint;";
  is_deeply [ $db->row(s3_settings($bucket), "$first\n$save", $columns) ], [ 'image/png', 5000 ], 'both are given';
  is_deeply [ $db->row(s3_settings($bucket), $first, $save =~ s/, 5000\)/)/r, $columns) ], [ 'image/png', '' ], 'only the type is given';
  is_deeply [ $db->row(s3_settings($bucket), $first, $save =~ s/, 'image\/png', 5000\)/)/r, $columns) ], [ '', '' ],
    'nothing is remembered';
  is_deeply [ $db->row(s3_settings($bucket), <<"SQL") ], [ 'in my schema', 'image/png' ], 'neon_s3.files_table names another table';
BEGIN;
CREATE SCHEMA "my schema";
SELECT FROM s3_create_files_table('"my schema"."My Files"');
ALTER TABLE "my schema"."My Files" ADD content_type varchar(40);
SET neon_s3.files_table = '"my schema"."My Files"';
SELECT FROM s3_presign_upload('x', 'image/png') u, LATERAL s3_save_metadata(u.object_key, u.public_file_url, 'in my schema', u.headers->>'content-type');
SELECT user_id, content_type FROM "my schema"."My Files";
SQL
};

subtest 'object keys made of file names' => sub {
  my $key = sub { sql("(s3_presign_upload($_[0])).object_key") };
  my %named = ('C:\\dir\\x y.txt' => 'x y.txt', 'a/../b/..c' => '..c', "bell\x07 and\nnew line\x{85}" => 'bell andnew line',
    'ünïcödé 😀?#%.png' => 'ünïcödé 😀?#%.png', '..' => '..');
  is $key->(lit($_) . ", 'a/b'") =~ s/\A[0-9a-f-]{36}-//r, $named{$_}, 'only the last path component, no control characters: ' . json($_)
    for sort keys %named;
  my $long = $key->("repeat('😀', 500), content_type => 'a/b', key_prefix => 'up/é'");
  like $long, qr{\Aup/é[0-9a-f-]{36}-😀{245}\z}, 'cut at a character boundary so that the key fits';
  is code(curl('PUT', sql("s3_presign_put(" . lit($long) . ')'), body => 'x')), '200', '... and S3 takes it';
};

# ---------------------------------------------------------------- tampering

my $content = 'hello';
is code(curl('PUT', sql("s3_presign_put('dir/one', 'text/plain')"), headers => { 'content-type' => 'text/plain' }, body => $content)),
  '200', 'an object to tamper with';

subtest 'one changed byte is refused' => sub {
  my $url = sql("s3_presign_get('dir/one', download_as => 'one.txt')", "SET neon_s3.session_token = '';");
  is curl('GET', $url)->{status}, 200, 'the URL as it is';
  my %changes = (
    'key'                => qr/(?<=dir\/)(o)/,
    'folder'             => qr/(?<=\/)(d)(?=ir\/one)/,
    'bucket'             => qr/(?<=$bucket)()(?=\/)/,
    'caller parameter'   => qr/(?<=one\.tx)(t)/,
    'caller name'        => qr/(?<=response-content-dispositio)(n)/,
    'algorithm'          => qr/(?<=HMAC-SHA25)(6)/,
    'access key'         => qr/(?<=X-Amz-Credential=)(.)/,
    'scope date'         => qr/(?<=%2F20\d{5})(\d)/,
    'scope region'       => qr/(?<=us-east-)(1)/,
    'scope service'      => qr/(?<=%2Fs)(3)/,
    'date'               => qr/(?<=X-Amz-Date=\w{14})(\d)(?=Z)/,
    'expiry'             => qr/(?<=X-Amz-Expires=3)(0)/,
    'expiry, longer'     => qr/(?<=X-Amz-Expires=300)()/,
    'signed headers'     => qr/(?<=X-Amz-SignedHeaders=)(h)/,
    'signature, first'   => qr/(?<=X-Amz-Signature=)(.)/,
    'signature, last'    => qr/(.)\z/,
    'one more parameter' => qr/(?<=&X-Amz-Signature=.{64})()\z/s,
  );
  for my $name (sort keys %changes) {
    my $added = $name eq 'one more parameter' ? '&versionId=x' : '1';
    my $changed = $url =~ s/$changes{$name}/length $1 ? $1 =~ tr{0-9a-zA-Z}{1-90b-zaB-ZA}r : $added/er;
    isnt $changed, $url, "$name is there to change";
    is curl('GET', $changed)->{status}, 403, "$name changed";
  }
  my $terminator = curl('GET', $url =~ s/aws4_request/aws4_requesu/r);
  like $terminator->{status}, qr/\A40[03]\z/, 'scope terminator changed (RGW calls that malformed: 400)';
  is curl('PUT', $url, body => 'x')->{status}, 403, 'another method';
};

subtest 'another content type, length, checksum than signed is refused' => sub {
  my %plain = ('content-type' => 'text/plain');
  my $put = sql("s3_presign_put('dir/two', 'text/plain', content_length => 5)");
  is code(curl('PUT', $put, headers => \%plain, body => 'hello')), '200', 'as signed';
  is code(curl('PUT', $put, headers => { 'content-type' => 'text/html' }, body => 'hello')), '403 SignatureDoesNotMatch', 'another type';
  is code(curl('PUT', $put, headers => { 'content-type' => 'Text/plain' }, body => 'hello')), '403 SignatureDoesNotMatch', 'another case';
  is code(curl('PUT', $put, body => 'hello')), '403 SignatureDoesNotMatch', 'no type';
  is code(curl('PUT', $put, headers => \%plain, body => 'hell')), '403 SignatureDoesNotMatch', 'shorter';
  is code(curl('PUT', $put, headers => \%plain, body => 'hello!')), '403 SignatureDoesNotMatch', 'longer';

  my $checked = sql("s3_presign_put('dir/three', checksum_sha256 => sha256('hello'))");
  my %sum = map { $_ => $db->value("SELECT encode(sha256('$_'), 'base64');") } qw(hello jello);
  is code(curl('PUT', $checked, headers => { 'x-amz-checksum-sha256' => $sum{hello} }, body => 'hello')), '200', 'checksum as signed';
  is code(curl('PUT', $checked, headers => { 'x-amz-checksum-sha256' => $sum{jello} }, body => 'jello')), '403 SignatureDoesNotMatch',
    'another checksum';
  is code(curl('PUT', $checked, body => 'jello')), '403 SignatureDoesNotMatch', 'no checksum';
  my $wrong = curl('PUT', $checked, headers => { 'x-amz-checksum-sha256' => $sum{hello} }, body => 'jello');
SKIP: {
    skip 'this S3 server does not compare x-amz-checksum-sha256 with the body (Amazon S3 does)', 1
      if $wrong->{status} == 200;
    is $wrong->{status}, 400, 'another body under the signed checksum';
  }
  is curl('GET', sql("s3_presign_get('dir/two')"))->{body}, 'hello', 'the object is as it was';
};

subtest 'overwrite => false' => sub {
  my $upload = sub { sql("s3_presign_put('dir/$_[0]', overwrite => false)") };
  my %once = ('if-none-match' => '*');
  is code(curl('PUT', $upload->('one'), headers => \%once, body => 'x')), '412 PreconditionFailed', 'onto an object';
  is code(curl('PUT', $upload->('new'), headers => \%once, body => 'x')), '200', 'onto nothing';
  is code(curl('PUT', $upload->('one'), body => 'x')), '403 SignatureDoesNotMatch', 'without the header';
  is curl('GET', sql("s3_presign_get('dir/one')"))->{body}, $content, 'the object is untouched';
  is_deeply from_json(sql("(s3_presign_upload('f', 'a/b', overwrite => false)).headers")),
    { 'content-type' => 'a/b', 'if-none-match' => '*' }, 's3_presign_upload lists the header';
};

subtest 'time' => sub {
  my $get = sub { curl('GET', sql("s3_presign_get('dir/one', $_[0])")) };
  is code($get->("'1 s', signed_at => now() - interval '1 minute'")), '403 AccessDenied', 'expired';
  is code($get->("'2 h', signed_at => now() - interval '1 h'")), '200', 'an hour ago, for two';
  is code($get->("'7 days', signed_at => now() - interval '7 days 1 minute'")), '403 AccessDenied', 'a week and a minute ago';
};

# ---------------------------------------------------------------- addresses

subtest 'virtual hosts' => sub {
  my @virtual = ("SET neon_s3.endpoint = '$ENV{S3_VIRTUAL_ENDPOINT}';", "SET neon_s3.addressing_style = 'virtual';");
  my $url = sql("s3_presign_get('dir/one')", @virtual);
  like $url, qr{\Ahttp://\Q$bucket\E\.s3\.localhost:\d+/dir/one\?}, 'the bucket is in the host';
  is curl('GET', $url)->{body}, $content, 'GET';
  is curl('PUT', sql("s3_presign_put('dir/v é+', 'a/b')", @virtual), headers => { 'content-type' => 'a/b' },
    body => 'v')->{status}, 200, 'PUT';
  is curl('GET', sql("s3_presign_get('dir/v é+')"))->{body}, 'v', '... is there in path style too';
  is curl('GET', $url =~ s{//\Q$bucket\E\.(s3[^/]*)}{//$1/$bucket}r)->{status}, 403, 'the URL rewritten to path style is refused';
};

subtest 'public_endpoint' => sub {
  my $url = sql("s3_presign_get('dir/one')", "SET neon_s3.public_endpoint = '$ENV{S3_VIRTUAL_ENDPOINT}';");
  like $url, qr{\A\Q$ENV{S3_VIRTUAL_ENDPOINT}/$bucket/dir/one?\E}, 'the URL names the host that clients reach';
  is curl('GET', $url)->{body}, $content, '... and is signed for it';
  is code(curl('GET', $url =~ s/\Q$ENV{S3_VIRTUAL_ENDPOINT}\E/$ENV{S3_ENDPOINT}/r)), '403 SignatureDoesNotMatch',
    '... not for neon_s3.endpoint';
  like sql("s3_public_url('dir/one')", "SET neon_s3.public_endpoint = '$ENV{S3_VIRTUAL_ENDPOINT}';"), qr{\A\Q$ENV{S3_VIRTUAL_ENDPOINT}\E/},
    's3_public_url names it too';
};

# ---------------------------------------------------------------- what GET can ask for

subtest 'overrides and extra headers' => sub {
  my $download = curl('GET', sql(q{s3_presign_get('dir/one', download_as => E'na"me é\r\n%.txt')}));
  is $download->{headers}{'content-disposition'}, q{attachment; filename="na_me __.txt"; filename*=UTF-8''na%22me%20%C3%A9%25.txt},
    'download_as becomes the Content-Disposition';
  my $typed = curl('GET', sql(q{s3_presign_get('dir/one', query => '{"response-content-type": "text/x-other; a=b"}')}));
  is $typed->{headers}{'content-type'}, 'text/x-other; a=b', 'response-content-type';
  my $range = sql(q{s3_presign_get('dir/one', headers => '{"Range": "bytes=1-3"}')});
  is curl('GET', $range, headers => { range => 'bytes=1-3' })->{body}, 'ell', 'a signed range';
  is curl('GET', $range)->{status}, 403, '... must be sent';
  my $meta = sql(q{s3_presign_put('dir/meta', headers => '{"x-amz-meta-who": "me  and   you"}')});
  is curl('PUT', $meta, headers => { 'x-amz-meta-who' => 'me  and   you' }, body => 'm')->{status}, 200, 'signed metadata';
  like curl('HEAD', sql("s3_presign_head('dir/meta')"))->{headers}{'x-amz-meta-who'}, qr/\Ame +and +you\z/, '... is stored';
  like curl('GET', sql(q{s3_presign('GET', NULL, query => '{"list-type": "2", "prefix": "dir/o"}')}))->{body},
    qr{<Key>dir/one</Key>}, 'an operation on the bucket itself';
};

done_testing;

# Bad input: the contract's SQLSTATE, a message that says what was wrong, a hint where one helps, and a
# session that goes on.
use v5.32;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use NeonS3Test;
use Test::More;

my $server = NeonS3Test->server;
my $db = $server->new_database;
my $role = $server->new_role("neon_s3_t_$$ caller");
my $pg_version = $db->value('SHOW server_version_num;');
$db->do('CREATE EXTENSION neon_s3;', 'GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO ' . ident($role) . ';');

my @settings = ("SET neon_s3.access_key_id = 'AKIAIOSFODNN7EXAMPLE';",
  "SET neon_s3.secret_access_key = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';", "SET neon_s3.bucket = 'my-bucket';");

# After each bad statement comes this one, which must give the same as ever.
my $probe = "RESET ALL; RESET SESSION AUTHORIZATION; @settings SELECT s3_presign_get('ok', signed_at => '2026-11-22T00:00:00Z');";

# Each case: [ statement, SQLSTATE, what refused() checks... ].
sub check_refusals {
  my (@cases) = @_;
  my @results = $db->try("@settings $probe", map { ($_->[0], $probe) } @cases);
  my $usual = shift @results;
  is $usual->{state}, '00000', 'the session works';
  my @unusual;
  for my $case (@cases) {
    my ($sql, $state, %expect) = @$case;
    my ($result, $after) = splice @results, 0, 2;
    $expect{not} //= qr/X-Amz-Signature=|wJalrXUtnFEMI|^HINT: *$/m;
    $expect{hint} = qr/\w/ if exists $expect{hint} && !ref $expect{hint};
    my $label = $sql =~ s/(.{90}).+/$1.../sr =~ s/\n/ /gr;
    refused($result, $state, "$state: $label", %expect);
    is $result->{out}, '', '... and no URL' if $result->{out} ne '';
    my $message = $result->{message} // '';
    like $message, qr/\A[^A-Z].*[^.]\z/s, '... a message in lower case, without a full stop: ' . $message
      if $message !~ /\A[^A-Z].*[^.]\z/s;
    push @unusual, $sql if $after->{state} ne '00000' || $after->{out} ne $usual->{out};
  }
  is_deeply \@unusual, [], 'the session goes on after each';
}

my @of_a_key = ('s3_presign_get(%s)', 's3_presign_put(%s)', 's3_presign_head(%s)', 's3_presign_delete(%s)',
  "s3_presign('PUT', %s)", "s3_presign_explain('GET', %s)", "s3_presign_upload_part(%s, 'id', 1)", 's3_presign_post(%s)',
  's3_public_url(%s)');

sub each_signer { my ($argument) = @_; return map { 'SELECT ' . sprintf($_, $argument) . ';' } @of_a_key }

subtest 'keys' => sub {
  check_refusals(
    map({ [ $_, '22023', message => qr/empty/ ] } each_signer("''")),
    map({ [ $_, '22023', message => qr/1025.*1024/ ] } each_signer("repeat('a', 1025)")),
    map({ [ $_, '22023', message => qr/1026/ ] } each_signer("repeat('é', 513)")),
    [ "SELECT s3_presign_get(repeat('x', 20000000));", '22023', message => qr/20000000/ ],
    map({ my $key = $_; map { [ $_, '22023', message => qr/"\Q$key\E"/, hint => 1 ] } each_signer(lit($key)) }
        qw(. .. ./a ../a a/. a/.. a/./b a/../b /. /.. ./ ../ //..// a//../b)),
    [ "SELECT s3_presign_get(repeat('d/', 509) || '../xyz');", '22023', message => qr/d\/\.\.\/xyz/ ],
    [ "SELECT s3_presign_get(E'a\\x00b');", '22021' ],
  );
};

subtest 'expiry' => sub {
  my @bad = ('0', '-1 s', '-300', '8 days', '7 days 1 s', '1 month', '100 years', '-100 years', '178000000 years', '-178000000 years');
  check_refusals(
    map({ my $expiry = $_; map { [ $_, '22023', hint => 1 ] }
          map({ "SELECT s3_presign_$_('k', expires_in => '$expiry');" } qw(get put head delete)),
          "SELECT s3_presign('GET', 'k', '$expiry');", "SELECT s3_presign_upload('f', 'a/b', '$expiry');" } @bad),
    map({ [ "SELECT s3_presign_get('k', '$_');", '22023', message => qr/expires_in/, hint => 1 ] }
        '1.5 s', '0.9 s', '0.000001 s', '6 days 0.000001 s', '604799.5', '7 days 0.000001 s'),
    [ "SELECT s3_presign_get('k', '8 days');", '22023', message => qr/8 days|691200|192:00/ ],
    [ "SELECT s3_presign_get('k', '1.5 s');", '22023', message => qr/1\.5/ ],
    [ "SELECT s3_presign_get('k', make_interval(months => 2147483647, days => 2147483647, secs => 9000000000000));", '22023', hint => 1 ],
    [ "SELECT s3_presign_get('k', make_interval(months => -2147483648, days => -2147483648, secs => -9000000000000));",
    '22023', hint => 1 ],
    map({ [ "SELECT s3_presign_get('k', '$_');", $pg_version >= 170000 ? '22023' : '22007' ] } 'infinity', '-infinity'),
    [ 'SET neon_s3.expires_in = 0;', '22023' ], [ "SET neon_s3.expires_in = '8 days';", '22023' ],
    [ 'SET neon_s3.max_expires_in = 0;', '22023' ], [ 'SET neon_s3.max_expires_in = 604801;', '22023' ],
  );
  my %good = ('1 s' => 1, '300' => 300, '7 days' => 604800, '604800' => 604800, '168:00:00' => 604800, '1 week' => 604800,
    '1 month -29 days' => 86400, '90 min' => 5400);
  is $db->value(@settings, "SELECT s3_presign_get('k', '$_');") =~ s/.*X-Amz-Expires=(\d+).*/$1/r, $good{$_}, "'$_' is $good{$_} s"
    for sort keys %good;
};

subtest 'neon_s3.max_expires_in' => sub {
  my $as = 'SET neon_s3.max_expires_in = 600; SET SESSION AUTHORIZATION ' . ident($role) . ';';
  check_refusals(
    map({ [ "$as SELECT $_;", '22023', message => qr/601.*max_expires_in/ ] } "s3_presign_get('k', '601 s')",
      "s3_presign_put('k', expires_in => '601 s')", "s3_presign_upload('f', 'a/b', '601 s')", "s3_presign('GET', 'k', '601 s')"),
    [ "$as SET neon_s3.max_expires_in = 700;", '42501' ],
    map({ [ "$as SELECT $_;", '22023', message => qr/^signed_at .* makes a URL that ends later than neon_s3\.max_expires_in from now/,
          hint => qr/earlier signed_at/ ] } "s3_presign_get('k', '60 s', signed_at => clock_timestamp() + '10 min')",
      "s3_presign_put('k', expires_in => '60 s', signed_at => '2100-01-01')", "s3_presign('DELETE', 'k', '60 s', signed_at => '2100-01-01')",
      "s3_presign_upload_part('k', 'u', 1, '60 s', signed_at => '2100-01-01')", "s3_presign_post('k', '60 s', signed_at => '2100-01-01')",
      "s3_presign_explain('GET', 'k', '60 s', signed_at => '2100-01-01')"),
  );
  my $expires = sub { $db->value(@settings, $_[0]) =~ s/.*X-Amz-Expires=(\d+).*/$1/r };
  is $expires->("$as SELECT s3_presign_get('k', '600 s');"), 600, 'the ceiling itself';
  is $expires->("$as SET neon_s3.expires_in = 86400; SELECT s3_presign_get('k');"), 600, 'the default stays below the ceiling';
  is $expires->("SET neon_s3.max_expires_in = 600; SELECT s3_presign_get('k', '601 s');"), 601, 'a superuser may ask for more';
};

subtest 'buckets' => sub {
  my @bad = ('192.168.0.1', '999.1.1.1', '', 'a', 'ab', 'a/b', '/ab', 'a b c', 'a:b', 'a%2Fb', 'a?b', 'a#b', 'bücket', "abc\n", "a\r\nb",
    'a' x 256);
  check_refusals(
    map({ my $bucket = lit($_); my $shown = qr/bucket name "\Q${\ s{[\r\n]}{}gr }/;
          map { [ "SELECT $_;", '22023', message => qr/bucket/, hint => 1 ] } "s3_presign_get('k', bucket => $bucket)",
          "s3_presign('GET', NULL, bucket => $bucket, query => '{\"acl\": \"\"}')", "s3_public_url('k', $bucket)",
          "s3_presign_upload('f', 'a/b', bucket => $bucket)" } @bad),
    map({ [ 'SET neon_s3.bucket = ' . lit($_) . ';', '22023', hint => 1 ] } grep { length } @bad),
    [ "SET neon_s3.bucket = ''; SELECT s3_presign_get('k');", '22023', message => qr/bucket/, hint => qr/neon_s3\.bucket/ ],
    [ "SET neon_s3.bucket = ''; SELECT s3_public_url('k');", '22023', hint => qr/neon_s3\.bucket/ ],
    [ "SET neon_s3.bucket = ''; SELECT s3_presign_upload('f', 'a/b');", '22023', hint => qr/neon_s3\.bucket/ ],
    map({ [ "SET neon_s3.addressing_style = 'virtual'; SELECT s3_presign_get('k', bucket => '$_');", '22023', message => qr/"\Q$_\E"/,
            hint => qr/addressing_style/ ] } 'my.bucket', 'My_Bucket', 'UPPER', '-abc', 'abc-', 'a' x 64),
    map({ [ "SET neon_s3.addressing_style = 'virtual'; SET neon_s3.endpoint = '$_'; SELECT s3_presign_get('k');", '22023', hint => 1 ] }
        'http://127.0.0.1:9000', 'https://[::1]'),
  );
};

# Not errors, but what is right beside them.
subtest 'addresses' => sub {
  my $url = sub { $db->value(@settings, @_[ 1 .. $#_ ], "SELECT s3_public_url('k', bucket => '$_[0]');") };
  my $https_virtual = "SET neon_s3.addressing_style = 'virtual';";
  is $url->('my-bucket'), 'https://my-bucket.s3.us-east-1.amazonaws.com/k', "Amazon's regional host";
  is $url->('my-bucket', "SET neon_s3.region = 'cn-north-1';"), 'https://my-bucket.s3.cn-north-1.amazonaws.com.cn/k', 'China';
  is $url->('my-bucket', "SET neon_s3.region = 'us-gov-west-1';"), 'https://my-bucket.s3.us-gov-west-1.amazonaws.com/k', 'US GovCloud';
  is $url->($_), "https://s3.us-east-1.amazonaws.com/$_/k", "no DNS label, so in the path: $_"
    for 'my.bucket', 'My_Bucket', 'a' x 64, 'a' x 255;
  is $url->('a' x 63), 'https://' . 'a' x 63 . '.s3.us-east-1.amazonaws.com/k', '63 characters are a label';
  is $url->('my-bucket', "SET neon_s3.addressing_style = 'path';"), 'https://s3.us-east-1.amazonaws.com/my-bucket/k', 'path';
  is $url->('my-bucket', "SET neon_s3.endpoint = 'HTTP://Minio.Example:80/a/b/';"), 'http://minio.example/a/b/my-bucket/k',
    'own endpoint: in the path, base path kept, default port dropped';
  is $url->('my-bucket', "SET neon_s3.endpoint = 'https://x.example:8443/b';", $https_virtual), 'https://my-bucket.x.example:8443/b/k',
    'own endpoint, virtual';
};

subtest 'headers' => sub {
  my @names = ("a\r\nb", "a\nb", "a\rb", "\x01", "a\x7fb", 'a b', 'a:b', '', 'é', "a\x{85}", 'a(b)');
  my @values = ("b\r\nEvil: 1", "b\n", "\rb", "a\x01b", "a\x7f", "a\tb", "a\x{85}b");
  my @reserved = qw(host Host HOST authorization Authorization x-amz-date X-Amz-Security-Token x-amz-signature X-AMZ-CREDENTIAL);
  my $with = sub { my ($headers) = @_; $headers = lit($headers);
    map { "SELECT $_, headers => $headers);" } "s3_presign_get('k'", "s3_presign_put('k'", "s3_presign_head('k'", "s3_presign_delete('k'",
      "s3_presign('PUT', 'k'" };
  check_refusals(
    map({ my $name = $_; map { [ $_, '22023', message => qr/header/ ] } $with->({ $name => 'x' }) } @names),
    map({ my $value = $_; map { [ $_, '22023', message => qr/header.*x-thing/ ] } $with->({ 'x-thing' => $value }) } @values),
    map({ my $name = $_; map { [ $_, '22023', message => qr/"\Q$name\E"/, hint => 1 ] } ($with->({ $name => 'x' }))[ 0, 1, 4 ] } @reserved),
    map({ my $type = lit($_); map { [ "SELECT $_;", '22023', message => qr/content.type/ ] } "s3_presign_put('k', $type)",
        "s3_presign_upload('f', $type)" } "a/b\r\nX: y", "a/b\n", "a/\x01", ''),
    [ ($with->({ a => 1, A => 2 }))[0], '22023', message => qr/must be|string/ ],
    [ ($with->({ a => '1', A => '2' }))[0], '22023', message => qr/twice/ ],
    [ "SELECT s3_presign_put('k', 'a/b', headers => '{\"Content-Type\": \"c/d\"}');", '22023', message => qr/content-type.*twice/ ],
    [ "SELECT s3_presign_get('k', headers => '{\"a\": \"\\u0000\"}');", '22P05' ],    # PostgreSQL's own: jsonb has no NUL
  );
};

subtest 'query parameters' => sub {
  my $with = sub { my ($query) = @_; $query = lit($query);
    map { "SELECT $_, query => $query);" } "s3_presign_get('k'", "s3_presign_put('k'", "s3_presign_head('k'", "s3_presign_delete('k'",
      "s3_presign('PUT', 'k'" };
  my @reserved = map { ("X-Amz-$_", "x-amz-\L$_", "X-AMZ-\U$_", lcfirst "X-Amz-$_") }
    qw(Algorithm Credential Date Expires SignedHeaders Signature Security-Token);
  check_refusals(
    map({ my $name = $_; map { [ $_, '22023', message => qr/"\Q$name\E"/, hint => 1 ] } ($with->({ $name => 'x' }))[ 0, 4 ] } @reserved),
    map({ [ $_, '22023' ] } map { $with->($_) } { 'X-Amz-Expires' => '5' }, { '' => 'x' }),
    map({ my $value = $_; map { [ $_, '22023',
    message => qr/response-content-type/i ] } ($with->({ 'response-content-type' => $value }))[ 0, 4 ],
        ($with->({ 'Response-Content-Type' => $value }))[0] } "a\r\nb", "a\n", "a\x01", "\x7f", "a\tb", "a\x{85}"),
    [ "SELECT s3_presign_get('k', version_id => 'a', query => '{\"versionId\": \"b\"}');", '22023', message => qr/versionId/ ],
    [ "SELECT s3_presign_get('k', download_as => 'a', query => '{\"response-content-disposition\": \"b\"}');", '22023',
      message => qr/response-content-disposition/ ],
  );
  is $db->try(@settings, 'SELECT 1;', ($with->({ "n\n\x01é" => "v\r\n\x01é%" }))[0])->{out} =~ s/.*?\?(.*?)&X-Amz-Algorithm.*/$1/r,
    'n%0A%01%C3%A9=v%0D%0A%01%C3%A9%25', 'other names and values are percent-encoded, whatever they hold';
};

subtest 'JSON' => sub {
  my @bad = ('[]', '["a"]', '"a"', '1', 'null', 'true', '{"a": 1}', '{"a": null}', '{"a": true}', '{"a": ["b"]}', '{"a": {"b": "c"}}',
    '{"a": "b", "c": 1}', '{"a": {}}', '[[]]', '{"a": []}');
  check_refusals(map { my $json = $_; map { [ "SELECT $_ => '$json');", '22023', message => qr/query|headers/, hint => 1 ] }
      map { ("s3_presign_get('k', $_", "s3_presign_put('k', $_", "s3_presign('GET', 'k', $_") } qw(query headers) } @bad);
};

subtest 'methods' => sub {
  check_refusals(map { [ 'SELECT s3_presign(' . lit($_) . ", 'k');", '22023', message => qr/method/, hint => qr/GET/ ] }
      'PATCH', 'OPTIONS', 'CONNECT', '', ' GET', 'GET ', "GET\n", 'GETT', 'GE', 'get put', 'é');
  is $db->value(@settings, "SELECT s3_presign('delete', 'k', signed_at => t) = s3_presign_delete('k', signed_at => t) FROM now() t;"), 't',
    'in any case of letters';
};

subtest 'credentials' => sub {
  check_refusals(
    map({ my ($none, @says) = @$_; map { [ "$none SELECT $_;", '28000', @says ] }
          (map { sprintf $_, "'k'" } @of_a_key[ 0 .. $#of_a_key - 1 ]), "s3_presign_upload('f', 'a/b')" }
        [ "SET neon_s3.access_key_id = '';", message => qr/^neon_s3\.secret_access_key is set without neon_s3\.access_key_id$/ ],
        [ "SET neon_s3.secret_access_key = '';", message => qr/^neon_s3\.access_key_id is set without neon_s3\.secret_access_key$/ ],
        [ "SET neon_s3.access_key_id = ''; SET neon_s3.secret_access_key = '';", message => qr/credentials/, hint => qr/neon_s3\.access_key_id/ ]),
  );
  is $db->value(@settings, "SET neon_s3.access_key_id = ''; SELECT s3_public_url('k');"), 'https://my-bucket.s3.us-east-1.amazonaws.com/k',
    's3_public_url needs none';
};

subtest 'endpoints and other settings' => sub {
  my @bad = ('x', 'host:9000', 'ftp://host', 'file:///etc/passwd', '//host', 'http:', 'http://', 'https:///', 'http:///path', 'http://:80',
    'http://host:0', 'http://host:65536', 'http://host:abc', 'http://host:-1', 'http://host:80:80', 'http://ho st',
    'http://host/?q', 'http://host?q=1',
    'http://host#f', 'http://host/#', "http://host\r\nX: y", "http://ho\nst", 'http://host/../x', 'http://host/a/./b',
    'http://host/%2e%2e/x',
    'http://[::1', 'http://::1', 'http://[fe80::1%25eth0]/', 'http://a..b', 'http://.host', 'http://höst', 'http://a b/', 'http://host\\x',
    'http://a,b', 'http://a/b ?', ' http://host', 'http://a"b', "javascript:alert('x')");
  check_refusals(
    map({ my $value = lit($_); map { [ "SET neon_s3.$_ = $value;", '22023', message => qr/endpoint/, hint => qr{https?://} ] }
        qw(endpoint public_endpoint) } @bad),
    map({ [ "SET neon_s3.$_ = 'https://joe:hunter2\@host';", '22023', message => qr/endpoint/, not => qr/hunter2/ ] }
        qw(endpoint public_endpoint)),
    map({ [ 'SET neon_s3.region = ' . lit($_) . ';', '22023' ] } '', 'a b', 'us/east', "x\n", 'é', 'us-east-1/s3', '-x', 'a.b', 'a' x 64),
    map({ [ "SET neon_s3.addressing_style = '$_';", '22023' ] } '', 'host', 'virtual,path'),
    [ "SET neon_s3.no_such_setting = 'x';", $pg_version >= 150000 ? '42602' : '00000' ],
  );
};

subtest 'named servers' => sub {
  check_refusals(map { [ "SELECT $_, server => 'files');", '42704', message => qr/server/,
    hint => 1 ] } map({ s/\)\z//r } map { sprintf $_, "'k'" } @of_a_key),
    "s3_presign_upload('f', 'a/b'");
};

subtest 'what an upload promises' => sub {
  check_refusals(
    map({ my $f = $_; map { [ "SELECT $f, $_->[0]);", '22023', message => $_->[1] ] }
        [ 'content_length => -1', qr/-1/ ], [ 'content_length => -9223372036854775808', qr/-9223372036854775808/ ],
        [ "checksum_sha256 => ''", qr/checksum_sha256/ ], [ "checksum_sha256 => '\\x00'", qr/checksum_sha256/ ],
        [ "checksum_sha256 => sha512('x')", qr/64/ ] } "s3_presign_put('k', 'a/b'", "s3_presign_upload('f', 'a/b'"),
    map({ [ 'SELECT s3_presign_upload(' . lit($_) . ", 'a/b');", '22023', message => qr/file.?name/ ] } '', 'a/', 'C:\\', "\x01\n", '/'),
    [ "SELECT s3_presign_upload('f', 'a/b', key_prefix => repeat('p', 990));", '22023', message => qr/prefix/ ],
    [ "SELECT s3_presign_upload('f', 'a/b', key_prefix => '../');", '22023', message => qr/"\.\.\// ],
    [ "SELECT s3_presign_upload('f', 'a/b', key_prefix => repeat('p', 20000000));", '22023' ],
  );
};

subtest 'times that cannot be signed' => sub {
  check_refusals(map { [ "SELECT s3_presign_get('k', signed_at => '$_');", '22023', message => qr/signed_at|time|year/ ] }
      'infinity', '-infinity', '10000-01-01 00:00:00Z', '294276-01-01', '0002-12-31 23:59:59Z BC', '4713-01-01 BC');
  like $db->value(@settings, "SELECT s3_presign_get('k', signed_at => '$_->[0]');"), qr/X-Amz-Date=$_->[1]&/, "signed_at => $_->[0]"
    for [ '9999-12-31 23:59:59.999999Z', '99991231T235959Z' ], [ '1969-12-31 23:59:59.5Z', '19691231T235959Z' ],
    [ '2024-02-29 12:00+14', '20240228T220000Z' ], [ '1999-12-31 23:59:59.999999Z', '19991231T235959Z' ];
};

subtest 'the files table' => sub {
  check_refusals(
    [ "SELECT s3_save_metadata('k', 'u', 'me');", '42P01', message => qr/"s3_files"/, hint => qr/s3_create_files_table/ ],
    [ "SET neon_s3.files_table = 'no.such'; SELECT s3_save_metadata('k', 'u', 'me');", '42P01', message => qr/"no\.such"/, hint => 1 ],
    [ "SELECT s3_save_metadata('', 'u', 'me');", '22023' ],
    [ "SELECT s3_save_metadata(repeat('k', 1025), 'u', 'me');", '22023' ],
    [ "SELECT s3_save_metadata('a/../b', 'u', 'me');", '22023' ],
    map({ [ 'SELECT s3_create_files_table(' . lit($_) . ');', '22023' ] } 'a.b.c', '', 'a b', '1a', '"', 'a.', '.a', 'x; DROP TABLE y'),
    [ "SELECT s3_create_files_table('no_such_schema.t');", '3F000' ],
    [ "SET search_path = ''; SELECT public.s3_create_files_table();", '3F000' ],
  );
};

# ---------------------------------------------------------------- NULL, everywhere

subtest 'NULL' => sub {
  my %usual = (key => "'k'", method => "'GET'", file_name => "'f'", content_type => "'a/b'", key_prefix => "''", overwrite => 'true',
    signed_at => "'2026-11-22T00:00Z'", table_name => "'t'", object_key => "'k'", public_file_url => "'u'", user_id => "'me'",
    new_key => "'k'", new_url => "'u'", new_user => "'me'", expires_in => "'300'", download_as => "'f'");
  my @functions = map { [ $_->[0], map { [ split /:/ ] } split /,/, $_->[1] ] } $db->rows(<<'SQL');
SELECT CASE p.prokind WHEN 'p' THEN 'CALL ' ELSE 'SELECT ' END || p.proname,
       (SELECT string_agg(a.name || ':' || a.type::regtype, ',' ORDER BY a.n)
          FROM unnest(p.proargnames[:p.pronargs], p.proargtypes::oid[]) WITH ORDINALITY a(name, type, n))
  FROM pg_proc p, pg_depend d
 WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.refclassid = 'pg_extension'::regclass
   AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'neon_s3') AND p.pronargs > 0 ORDER BY 1;
SQL
  cmp_ok @functions, '>=', 8, @functions . ' functions';
  my @calls;
  for (@functions) {
    my ($call, @arguments) = @$_;
    push @calls, "$call(" . join(', ', map { "NULL::$_->[1]" } @arguments) . ');';
    for my $null (0 .. $#arguments) {
      push @calls, "$call(" . join(', ', map { $_ == $null ? "NULL::$arguments[$_][1]"
        : $usual{ $arguments[$_][0] } // "NULL::$arguments[$_][1]" }
          0 .. $#arguments) . ');';
    }
  }
  $db->do('SELECT s3_create_files_table();');
  # Nobody answers those who would ask S3.
  my $nobody = "SET neon_s3.endpoint = 'http://127.0.0.1:1'; SET neon_s3.max_attempts = 1;";
  my @results = $db->try("@settings $nobody $probe", map { ($_, $probe) } @calls);
  my $usual = shift @results;
  my (@bad, @unusual);
  while (my ($result, $after) = splice @results, 0, 2) {
    push @bad, "$result->{sql} $result->{state} " . ($result->{message} // '')
      if $result->{state} !~ /\A(?:00000|22023|23502|23505|08001|55000)\z/;
    push @unusual, $result->{sql} if $after->{out} ne $usual->{out};
  }
  is_deeply \@bad, [], @calls . ' calls with NULL here and there: a result, or 22023, or what the table does not take, or is not governed for';
  is_deeply \@unusual, [], 'the session goes on after each';
  for (each_signer('NULL'), "SELECT s3_presign(NULL, 'k');", "SELECT s3_presign('GET', NULL, query => '{}');",
    "SELECT s3_presign('GET', NULL, headers => '{\"a\": \"b\"}');", "SELECT s3_create_files_table(NULL);") {
    my $result = $db->try("@settings", $_);
    is "$result->{state} $result->{out}", '00000 ', "NULL: $_";
  }
};

subtest 'encodings' => sub {
  my $ascii = $server->new_database("neon_s3_t_$$ ascii", encoding => 'SQL_ASCII');
  $ascii->do('CREATE EXTENSION neon_s3;');
  my @results = $ascii->try("@settings SELECT 1;", map { "SELECT $_;" } "s3_presign_get(E'\\xff')", "s3_presign_upload(E'\\xff', 'a/b')",
    "s3_presign_put('k', E'a/\\xe9')", "s3_presign_get('k', download_as => E'\\xe9')", "s3_public_url(E'\\xc3')",
    "s3_presign_get(E'\\xc3\\xa9')");
  refused($results[$_], '22021', "22021: $results[$_]{sql}") for 1 .. 5;
  like $results[6]{out}, qr{/%C3%A9\?}, 'what is UTF-8 goes';
};

done_testing;

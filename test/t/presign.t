# What presigned URLs enforce: parts, length, checksum and novelty of uploads; and what s3_presign_explain explains.
use v5.32;
use warnings;
use utf8;
use Digest::MD5 qw(md5_base64);
use Digest::SHA qw(hmac_sha256 hmac_sha256_hex sha256_base64 sha256_hex);
use Encode qw(encode);
use File::Temp ();
use FindBin;
use lib $FindBin::Bin;
use NeonS3Test;
use Test::More;

my $bucket = new_bucket("neon-s3-t-parts-$$");
my $db = NeonS3Test->server->new_database("neon_s3_t_parts_$$");
$db->do('CREATE EXTENSION neon_s3;');

sub sql { my ($expression, @first) = @_; return $db->value(s3_settings($bucket), @first, "SELECT $expression;") }

sub code { return $_[0]{status} . ($_[0]{body} =~ m{<Code>(.*?)</Code>} ? " $1" : '') }

sub text { return $_[0]{body} =~ m{<$_[1]>(.*?)</$_[1]>} ? $1 : undef }

# Bytes that are no UTF-8, so that nobody decodes them on the way.
sub file_of {
  my ($content) = @_;
  my $file = File::Temp->new;
  binmode $file;
  print $file $content;
  $file->flush;
  return $file;
}

sub send_file {
  my ($url, $file, %headers) = @_;
  return curl('PUT', $url, headers => \%headers, arguments => [ '--data-binary', '@' . $file->filename, '-H', 'Content-Type:' ]);
}

# ---------------------------------------------------------------- three parts

my $MiB = 1 << 20;
my $key = 'big/três pártes +%.bin';
my $k = lit($key);
my @contents = ("\xff" x (5 * $MiB), "\xfe" x (5 * $MiB), "\xfd" x 12345);
my @parts = map { file_of($_) } @contents;

sub start { return text(curl('POST', sql("s3_presign('POST', $_[0], query => '{\"uploads\": \"\"}')")), 'UploadId') }

sub part_url { my ($upload, $number, $more) = @_; return sql("s3_presign_upload_part($k, " . lit($upload) . ", $number"
  . ($more // '') . ')') }

sub list_parts { return curl('GET', sql("s3_presign('GET', $k, query => " . lit({ uploadId => $_[0] }) . ')')) }

sub manifest {
  return '<CompleteMultipartUpload>' . join('', map { "<Part><PartNumber>$_->[0]</PartNumber><ETag>$_->[1]</ETag></Part>" } @_)
    . '</CompleteMultipartUpload>';
}

sub complete {
  my ($upload, @etags) = @_;
  return curl('POST', sql("s3_presign('POST', $k, query => " . lit({ uploadId => $upload }) . ')'), body => manifest(@etags));
}

subtest 'three parts' => sub {
  my $upload = start($k);
  ok length($upload // ''), 'started through a presigned POST ?uploads';
  like part_url($upload, 1), qr{/big/tr%C3%AAs%20p%C3%A1rtes%20%2B%25\.bin\?partNumber=1&uploadId=\Q@{[$upload =~ s/~/~/gr]}\E&X-Amz-},
    'the part is in the query';

  my @etags;
  for my $number (2, 1, 3) {
    my $reply = send_file(part_url($upload, $number), $parts[ $number - 1 ]);
    is $reply->{status}, 200, "part $number";
    push @etags, [ $number, $reply->{headers}{etag} ];
  }
  @etags = sort { $a->[0] <=> $b->[0] } @etags;

  my $url = part_url($upload, 1);
  my $small = file_of("\xffsmall");
  is code(send_file($url =~ s/partNumber=1/partNumber=2/r, $small)), '403 SignatureDoesNotMatch', 'another partNumber';
  is code(send_file($url =~ s/(uploadId=[^&]+)/$1x/r, $small)), '403 SignatureDoesNotMatch', 'another uploadId';
  is code(send_file($url =~ s/partNumber=1&//r, $small)), '403 SignatureDoesNotMatch', 'no partNumber';
  is code(send_file($url =~ s{/big/}{/bag/}r, $small)), '403 SignatureDoesNotMatch', 'another key';
  is code(curl('GET', $url)), '403 SignatureDoesNotMatch', 'another method';
  is code(send_file(part_url($upload, 1, ", '1 s', signed_at => now() - interval '1 min'"), $small)), '403 AccessDenied', 'expired';
  is code(send_file(part_url('no-such-upload', 1), $small)), '404 NoSuchUpload', 'an upload that is none';
  is code(curl('GET', sql("s3_presign_get($k)"))), '404 NoSuchKey', 'there is no object yet';
  my @listed = map { join ' ', m{<PartNumber>(\d+)</PartNumber>},
    m{<Size>(\d+)</Size>} } list_parts($upload)->{body} =~ m{<Part>(.*?)</Part>}gs;
  is_deeply \@listed, [ '1 ' . 5 * $MiB, '2 ' . 5 * $MiB, '3 12345' ], 'ListParts: nobody has touched the parts';

  is code(complete($upload, @etags[ 0, 1 ], [ 3, '"00000000000000000000000000000000"' ])), '400 InvalidPart', 'a wrong ETag is refused';
  is complete($upload, @etags)->{status}, 200, 'completed through a presigned POST ?uploadId';

  is sha256_hex(curl('GET', sql("s3_presign_get($k)"))->{body}), sha256_hex(join '', @contents), 'the object is the three parts in order';
  is code(send_file($url, $small)), '404 NoSuchUpload', 'a part URL is worth nothing afterwards';
};

subtest 'headers of a part, and abort' => sub {
  my $upload = start($k);
  my $content = "\xffpart";
  my $url = part_url($upload, 10000, ', headers => ' . lit({ 'content-length' => '5' }));
  is send_file($url, file_of($content))->{status}, 200, 'part 10000, of a signed length';
  is code(send_file($url, file_of("$content!"))), '403 SignatureDoesNotMatch', '... and of no other';
  my $abort = sql("s3_presign('DELETE', $k, query => " . lit({ uploadId => $upload }) . ')');
  is code(curl('DELETE', $abort)), '204', 'aborted through a presigned DELETE';
  is code(send_file($url, file_of($content))), '404 NoSuchUpload', 'the part URL is worth nothing afterwards';
  like code(list_parts($upload)), qr/\A404 NoSuch/, 'nothing is left';
};

subtest 'arguments' => sub {
  my @bad = $db->try(s3_settings($bucket), map { "SELECT s3_presign_upload_part($_);" }
    "'k', 'u', 0", "'k', 'u', 10001", "'k', 'u', -1", "'k', 'u', 2147483647", "'k', '', 1", "'', 'u', 1", "'a/../k', 'u', 1",
    "'k', 'u', 1, query => '{\"partNumber\": \"1\"}'", "'k', 'u', 1, query => '{\"uploadId\": \"u\"}'", "'k', 'u', 1, '0'");
  refused($_, '22023', $_->{sql}) for grep { $_->{sql} =~ /upload_part/ } @bad;
  like $bad[-9]{message}, qr/10001/, 'the message names the number';
  is sql("count(*) FROM (VALUES (s3_presign_upload_part(NULL, 'u', 1)), (s3_presign_upload_part('k', NULL, 1)), "
      . "(s3_presign_upload_part('k', 'u', NULL))) v(url) WHERE url IS NULL"), 3, 'NULL for a NULL key, upload_id or part_number';
  my $at = "signed_at => '2026-01-01T00:00:00Z'";
  for (1, 10000) {
    is sql("s3_presign_upload_part('k', 'a+b/c=~é', $_, $at)"),
      sql("s3_presign('PUT', 'k', query => '{\"partNumber\": \"$_\", \"uploadId\": \"a+b/c=~é\"}', $at)"),
      "part $_: as s3_presign signs it";
  }
};

# ---------------------------------------------------------------- one PUT that cannot lie

subtest 'another length' => sub {
  my $url = sql("s3_presign_put('one/length', content_length => 5)");
  my $put = sub { code(curl('PUT', $url, body => $_[0])) };
  is $put->('12345'), '200', 'as signed';
  is $put->($_), '403 SignatureDoesNotMatch', length($_) . ' bytes' for '', '1234', '123456';
  is code(curl('PUT', $url, body => '12345', arguments => [ '-H', 'Transfer-Encoding: chunked' ])),
    '403 SignatureDoesNotMatch', 'no length at all';
  is curl('GET', sql("s3_presign_get('one/length')"))->{body}, '12345', 'the object is as it was';
};

subtest 'another checksum' => sub {
  my $sum = sub { sha256_base64($_[0]) . '=' };
  my $url = sql("s3_presign_put('one/checksum', checksum_sha256 => sha256('12345'))");
  my $put = sub { curl('PUT', $url, body => $_[0], headers => defined $_[1] ? { 'x-amz-checksum-sha256' => $_[1] } : {}) };
  is code($put->('12345', $sum->('12345'))), '200', 'as signed';
  is code($put->('54321', $sum->('54321'))), '403 SignatureDoesNotMatch', 'another checksum than signed';
  is code($put->('54321')), '403 SignatureDoesNotMatch', 'no checksum';
  my $lie = $put->('54321', $sum->('12345'));
SKIP: {
    skip "this S3 server takes a body that is not what x-amz-checksum-sha256 says: it does not check it (Amazon S3 does)", 2
      if $lie->{status} == 200;
    is $lie->{status}, 400, 'another content under the signed checksum';
    is curl('GET', sql("s3_presign_get('one/checksum')"))->{body}, '12345', 'the object is as it was';
  }
};

subtest 'another MD5' => sub {
  my %md5 = map { $_ => md5_base64($_) . '==' } qw(12345 54321);
  my $url = sql("s3_presign_put('one/md5', headers => " . lit({ 'content-md5' => $md5{12345} }) . ')');
  is code(curl('PUT', $url, body => '12345', headers => { 'content-md5' => $md5{12345} })), '200', 'as signed';
  is code(curl('PUT', $url, body => '54321', headers => { 'content-md5' => $md5{54321} })), '403 SignatureDoesNotMatch',
    'another MD5 than signed';
  is code(curl('PUT', $url, body => '54321', headers => { 'content-md5' => $md5{12345} })), '400 BadDigest',
    'another content under the signed MD5';
  is curl('GET', sql("s3_presign_get('one/md5')"))->{body}, '12345', 'the object is as it was';
};

subtest 'onto an existing object' => sub {
  my $put = sub { my ($name, %headers) = @_; code(curl('PUT', sql("s3_presign_put('one/$name', overwrite => false)"),
    body => 'second', headers => \%headers)) };
  is $put->('length'), '403 SignatureDoesNotMatch', 'without the header';
  my $reply = $put->('length', 'if-none-match' => '*');
SKIP: {
    skip 'this S3 server does not know if-none-match on PUT', 2 if $reply eq '200';
    is $reply, '412 PreconditionFailed', 'an object is there';
    is curl('GET', sql("s3_presign_get('one/length')"))->{body}, '12345', '... and stays as it was';
  }
  is $put->('new', 'if-none-match' => '*'), '200', 'none is there';
};

# ---------------------------------------------------------------- s3_presign_explain

sub signature {
  my ($scope, $string_to_sign) = @_;
  my $hmac = encode('utf8', "AWS4$ENV{S3_SECRET_ACCESS_KEY}");
  $hmac = hmac_sha256($_, $hmac) for split m{/}, $scope;
  return hmac_sha256_hex(encode('utf8', $string_to_sign), $hmac);
}

subtest 's3_presign_explain' => sub {
  my @calls = (
    "'GET', 'dir//a b+c%2F?é😀'",
    "'put', 'k', '1 h', headers => '{\"Content-Type\": \"text/plain; charset=utf-8\", \"x-amz-meta-a\": \" b   c \"}'",
    "'POST', 'k', query => '{\"uploads\": \"\"}'",
    "'GET', NULL, query => '{\"prefix\": \"é/\", \"list-type\": \"2\", \"a\": \"=&+ \"}'",
    "'DELETE', 'k', '7 days', bucket => 'other.bucket', signed_at => '2024-02-29T23:59:59.9Z'",
  );
  for my $call (@calls) {
    my ($json) = $db->value(s3_settings($bucket), "SET neon_s3.session_token = 'a/+= b';",
      "SELECT to_json(e) FROM s3_presign_explain($call) e;");
    my $e = from_json($json);
    is_deeply [ sort keys %$e ], [qw(canonical_request credential_scope signature string_to_sign url)], $call;
    my ($date) = $e->{url} =~ /X-Amz-Date=(\w+)/;
    my $again = $call =~ /signed_at/ ? $call : "$call, signed_at => '$date'";
    is $e->{url}, $db->value(s3_settings($bucket), "SET neon_s3.session_token = 'a/+= b';", "SELECT s3_presign($again);"),
      '... the URL is that of s3_presign';
    is $e->{string_to_sign}, join("\n", 'AWS4-HMAC-SHA256', $date, $e->{credential_scope},
      sha256_hex(encode('utf8', $e->{canonical_request}))),
      '... string_to_sign has the hash of canonical_request';
    is $e->{signature}, signature($e->{credential_scope}, $e->{string_to_sign}), '... whose HMAC is signature';
    like $e->{url}, qr/&X-Amz-Signature=\Q$e->{signature}\E\z/, '... which ends the URL';
    is $e->{credential_scope}, substr($date, 0, 8) . "/$ENV{S3_REGION}/s3/aws4_request", '... credential_scope';

    my ($method, $path, $query, @rest) = split /\n/, $e->{canonical_request};
    my ($url_path, $url_query) = $e->{url} =~ m{\Ahttp://[^/]+([^?]*)\?(.*)\z};
    is "$method $path", "\U@{[$call =~ /'(\w+)'/]}\E $url_path", '... canonical_request: method and path';
    is $query, join('&', sort { ($a =~ /\A([^=]*)/)[0] cmp ($b =~ /\A([^=]*)/)[0] } grep { !/\AX-Amz-Signature=/ } split /&/,
      $url_query), '... the sorted query';
    is $rest[-1], 'UNSIGNED-PAYLOAD', '... the payload';
    unlike join("\n", values %$e), qr/\Q$ENV{S3_SECRET_ACCESS_KEY}\E/, '... no secret anywhere';
  }
  is $db->value(s3_settings($bucket), "SELECT count(*) FROM s3_presign_explain('GET', NULL) e WHERE e IS NULL;"), 1, 'NULL for a NULL key';

  my $e = from_json($db->value(s3_settings($bucket), "SELECT to_json(e) FROM s3_presign_explain('GET', 'k') e;"));
  my $reply = curl('GET', $e->{url} =~ s/.\z/z/r);
  is code($reply), '403 SignatureDoesNotMatch', 'a signature that does not match';
SKIP: {
    my $theirs = text($reply, 'StringToSign');
    skip 'this S3 server does not tell what it has signed (Amazon S3 does)', 1 if !defined $theirs;
    is $theirs, $e->{string_to_sign}, "string_to_sign is the server's";
  }
};

# ---------------------------------------------------------------- midnight, and changes within one session

subtest 'the same call across midnight, a new secret and a new region' => sub {
  my @times = ("2025-12-31T23:59:59Z", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00+14", "2025-12-31T23:59:59Z");
  my (@statements, @expected);
  for my $secret ('first/secret+=', 'second', 'first/secret+=') {
    for my $region (qw(eu-central-1 us-east-1 auto)) {
      push @statements, "SET neon_s3.secret_access_key = '$secret';", "SET neon_s3.region = '$region';";
      for my $time (@times) {
        push @statements, "SELECT credential_scope, replace(string_to_sign, E'\\n', '|'), signature, url FROM s3_presign_explain('GET', 'k', bucket => 'my-bucket', signed_at => '$time');";
        push @expected, [ $secret, ($time eq '2026-01-01T00:00:00Z' ? '20260101' : '20251231') . "/$region/s3/aws4_request" ];
      }
    }
  }
  my @rows = $db->rows("SET neon_s3.access_key_id = 'AKIAIOSFODNN7EXAMPLE';",
    "SET neon_s3.endpoint = 'https://s3.example.com';", @statements);
  is @rows, @expected, @rows . ' calls in one session';
  my @wrong;
  for (0 .. $#expected) {
    my ($secret, $scope) = @{ $expected[$_] };
    my ($got_scope, $string, $signature, $url) = @{ $rows[$_] };
    my $hmac = "AWS4$secret";
    $hmac = hmac_sha256($_, $hmac) for split m{/}, $scope;
    push @wrong, "$scope: @{ $rows[$_] }" if $got_scope ne $scope
      || $signature ne hmac_sha256_hex($string =~ s/\|/\n/gr, $hmac)
      || $url !~ m{X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F\Q@{[$scope =~ s{/}{%2F}gr]}\E&.*X-Amz-Signature=$signature\z};
  }
  is_deeply \@wrong, [], 'each with its own scope and key';
};

done_testing;

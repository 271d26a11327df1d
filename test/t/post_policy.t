# POST policies: the recorded ones, forms sent to a real S3 server, and what must be refused.
use v5.32;
use warnings;
use utf8;
use Digest::SHA qw(hmac_sha256 hmac_sha256_hex sha256_hex);
use Encode qw(decode encode);
use File::Temp ();
use FindBin;
use lib $FindBin::Bin;
use MIME::Base64 qw(decode_base64);
use NeonS3Test;
use Test::More;
use Time::Local qw(timegm);

my $db = NeonS3Test->server->new_database("neon_s3_t_post_$$");
$db->do('CREATE EXTENSION neon_s3;');

# ---------------------------------------------------------------- a verifier that shares nothing with the signer

# Signature Version 4 of a policy: the HMAC of its base64 text.
sub signature {
  my ($secret, $credential, $policy) = @_;
  my (undef, $date, $region, $service) = split m{/}, $credential;
  my $key = hmac_sha256($date, encode('utf8', "AWS4$secret"));
  $key = hmac_sha256($_, $key) for $region, $service, 'aws4_request';
  return hmac_sha256_hex($policy, $key);
}

sub policy_of { return from_json(decode('utf8', decode_base64($_[0]), Encode::FB_CROAK)) }

sub instant {
  my ($text) = @_;
  my @t = $text =~ /\A(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.0+)?Z\z/ or return "no time: $text";
  return timegm(@t[ 5, 4, 3, 2 ], $t[1] - 1, $t[0]);
}

# Conditions in one form: {"n": "v"} is ["eq", "$n", "v"], and names are case-insensitive.
sub canonical {
  my ($conditions) = @_;
  return map {
    my $c = $_;
    ref $c eq 'HASH' ? map { json([ 'eq', lc, $c->{$_} ]) } keys %$c
      : $c->[0] eq 'content-length-range' ? json([ $c->[0], map { $_ + 0 } @$c[ 1, 2 ] ])
      : json([ $c->[0], lc($c->[1]) =~ s/\A\$//r, $c->[2] ])
  } @$conditions;
}

# The default port is not part of the host, and both ends of a URL may have a slash.
sub canonical_url {
  return $_[0] =~ s{\A(https://[^/]+):443(?=/|\z)}{$1}r =~ s{\A(http://[^/]+):80(?=/|\z)}{$1}r =~ s{/?\z}{/}r;
}

# Where the recorded signers address the bucket in another way than they were asked to: us-east-1 has two
# names, botocore 1.29 takes the host of no region or of us-east-1, some put a dotted bucket into the path, and
# minio-js knows no path style at Amazon.
sub same_host {
  my ($ours, $case) = @_;
  my $bucket = $case->{bucket};
  my ($got, $recorded) = map { canonical_url($_) =~ s{(?<=s3|ps)\.[a-z]{2}(?:-[a-z]+)+-\d(?=\.amazonaws\.com)}{}r } $ours, $case->{expected_url};
  return $case->{region} eq 'us-east-1' ? 'us-east-1' : "region, $case->{source}" if $got eq $recorded;
  return 'dotted bucket over http' if $bucket =~ /\./ && $recorded =~ s{\Ahttp://([^/]+)/\Q$bucket\E/\z}{http://$bucket.$1/}r eq $got;
  return 'path style at Amazon' if $case->{source} =~ /minio-js/ && $recorded =~ s{//\Q$bucket\E\.([^/]+\.amazonaws\.com[^/]*)/\z}{//$1/$bucket/}r eq $got;
  return;
}

my $folder = $ENV{NEON_S3_VECTORS} // repo_dir() . '/test/vectors';

# ---------------------------------------------------------------- the recorded policies

# Four requests, by three signers each, ask for a field that their own condition forbids.
my @contradictory = map { my $name = $_; map { "post/$name/$_" }
    qw(aws-sdk-js-v3-presigned-post-3.1162.0 botocore-1.29.27 botocore-1.43.11) }
  qw(plain.10.p0 dots.16.p1 plus.04.p1 utf8-4.08.p0);

my $sign_all = <<'SQL';
CREATE TEMP TABLE result (name text, state text, url text, fields jsonb);
DO $$
DECLARE
  c jsonb; post record;
BEGIN
  FOR c IN SELECT j FROM vector LOOP
    PERFORM set_config('neon_s3.' || s.name, coalesce(s.value, ''), false) FROM (VALUES
      ('endpoint', c->>'endpoint'), ('addressing_style', c->>'addressing'), ('region', c->>'region'),
      ('access_key_id', c->>'access_key'), ('secret_access_key', c->>'secret_key'),
      ('session_token', c->>'session_token')) s(name, value);
    BEGIN
      SELECT * INTO post FROM s3_presign_post(c->>'key', make_interval(secs => (c->>'expires_s')::int),
        fields => c->'fields', conditions => c->'conditions', bucket => c->>'bucket',
        signed_at => (c->>'signed_at')::timestamptz);
      INSERT INTO result VALUES (c->>'name', '00000', post.url, post.fields);
    EXCEPTION WHEN OTHERS THEN
      INSERT INTO result VALUES (c->>'name', SQLSTATE, '', NULL);
    END;
  END LOOP;
END $$;
SELECT name, state, url, fields FROM result;
SQL

subtest 'post_policy' => sub {
  my $path = "$folder/post_policy.jsonl";
  open my $in, '<', $path or die "$path: $!";
  my %cases = map { $_->{name} => $_ } map { from_json($_) } <$in>;
  my @results = $db->rows('CREATE TEMP TABLE vector (j jsonb);',
    "\\copy vector FROM '$path' (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')", $sign_all);
  is @results, $ENV{NEON_S3_VECTORS} ? 910 : 100, scalar(@results) . ' cases';

  my (%failed, %refused, %other_hosts, $compared);
  my $check = sub { my ($what, $name, $ok) = @_; push @{ $failed{$what} }, $name if !$ok };
  for (@results) {
    my ($name, $state, $url, $fields) = @$_;
    my $case = $cases{$name};
    my $key = $case->{key};
    if ($key =~ m{(?:\A|/)\.\.?(?:/|\z)}) { push @{ $refused{'dot segment'} }, "$name $state"; next }
    if (grep { $_ eq $name } @contradictory) { push @{ $refused{contradiction} }, "$name $state"; next }
    $check->('is signed', "$name: $state", $state eq '00000');
    next if $state ne '00000';
    ++$compared;

    $fields = from_json($fields);
    my %asked = %{ $case->{fields} };
    my $scope = substr($case->{signed_at} =~ s/\D//gr, 0, 8) . "/$case->{region}/s3/aws4_request";
    my %signed = ('x-amz-algorithm' => 'AWS4-HMAC-SHA256', 'x-amz-credential' => "$case->{access_key}/$scope",
      'x-amz-date' => $case->{signed_at} =~ s/[-:]//gr,
      length($case->{session_token} // '') ? ('x-amz-security-token' => $case->{session_token}) : ());
    my %expected = (%asked, %signed, key => $key, policy => $fields->{policy}, 'x-amz-signature' => $fields->{'x-amz-signature'});
    $check->('fields complete', $name, json($fields) eq json(\%expected));
    $check->('signature over the own policy', $name,
      $fields->{'x-amz-signature'} eq signature($case->{secret_key}, $fields->{'x-amz-credential'}, $fields->{policy}));
    my $same = canonical_url($url) eq canonical_url($case->{expected_url});
    my $host = $same ? undef : same_host($url, $case);
    ++$other_hosts{$host} if $host;
    $check->('url', "$name: $url, not $case->{expected_url}", $same || $host);

    my $policy = policy_of($fields->{policy});
    $check->('nothing but expiration and conditions', $name, "@{[ sort keys %$policy ]}" eq 'conditions expiration');
    $check->('expiry', "$name: $policy->{expiration}",
      instant($policy->{expiration}) eq instant($case->{expected_expiration})
      && instant($policy->{expiration}) == instant($case->{signed_at}) + $case->{expires_s});
    my %has = map { $_ => 1 } canonical($policy->{conditions});
    my @needed = (canonical($case->{conditions}), (map { json([ 'eq', lc, $asked{$_} ]) } keys %asked),
      (map { json([ 'eq', $_, $signed{$_} ]) } keys %signed), json([ 'eq', 'bucket', $case->{bucket} ]),
      $key =~ /\A(.*)\$\{filename\}\z/s ? json([ 'starts-with', 'key', $1 ]) : json([ 'eq', 'key', $key ]));
    $check->('every condition', "$name: $_", $has{$_}) for @needed;
    delete @has{@needed};
    $check->('no condition that nobody asked for', "$name: @{[ keys %has ]}", !%has);
  }
  for my $what ('is signed', 'fields complete', 'signature over the own policy', 'url', 'nothing but expiration and conditions',
    'expiry', 'every condition', 'no condition that nobody asked for') {
    is @{ $failed{$what} // [] }, 0, "$what, in $compared cases" or diag join "\n", grep { defined } @{ $failed{$what} }[ 0 .. 4 ];
  }

  my %differ = $ENV{NEON_S3_VECTORS} ? ('us-east-1' => 14, 'dotted bucket over http' => 6,
    'region, generated by botocore-1.29.27' => 22, 'path style at Amazon' => 4)
    : ('us-east-1' => 5, 'region, generated by botocore-1.29.27' => 4);
  is_deeply \%other_hosts, \%differ, '... but for what the signers are known to do with hosts';

  my @contradict = grep { $cases{$_} } @contradictory;
  is @contradict, $ENV{NEON_S3_VECTORS} ? 12 : 5, @contradict . ' contradict themselves';
  is_deeply [ sort @{ $refused{contradiction} // [] } ], [ sort map { "$_ 22023" } @contradict ], '... and are refused';
  my $dotted = grep { $_->{key} =~ m{(?:\A|/)\.\.?(?:/|\z)} } values %cases;
  is_deeply [ grep { !/ 22023\z/ } @{ $refused{'dot segment'} // [] } ], [], "$dotted keys with dot segments are refused";
  is $compared + $dotted + @contradict, @results, 'every case is accounted for';
};

# Not the extension: that the verifier above agrees with all the recorded signers.
subtest 'the verifier itself' => sub {
  for my $file (qw(post_policy public-post)) {
    my $path = "$folder/$file.jsonl";
    open my $in, '<', $path or die "$path: $!";
    my @cases = map { from_json($_) } <$in>;
    my @wrong = grep { signature($_->{secret_key}, 'x/' . substr($_->{signed_at} =~ s/\D//gr, 0, 8) . "/$_->{region}/$_->{service}",
        $_->{expected_policy_b64}) ne $_->{expected_signature} } @cases;
    is_deeply [ map { $_->{name} } @wrong ], [], "$file: " . @cases . ' signatures';
  }
  # From Amazon's documentation of POST policies.
  is signature('wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', 'AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request',
    'eyAiZXhwaXJhdGlvbiI6ICIyMDE1LTEyLTMwVDEyOjAwOjAwLjAwMFoiLA0KICAiY29uZGl0aW9ucyI6IFsNCiAgICB7ImJ1Y2tldCI6ICJz'
    . 'aWd2NGV4YW1wbGVidWNrZXQifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRrZXkiLCAidXNlci91c2VyMS8iXSwNCiAgICB7ImFjbCI6ICJw'
    . 'dWJsaWMtcmVhZCJ9LA0KICAgIHsic3VjY2Vzc19hY3Rpb25fcmVkaXJlY3QiOiAiaHR0cDovL3NpZ3Y0ZXhhbXBsZWJ1Y2tldC5zMy5hbWF6'
    . 'b25hd3MuY29tL3N1Y2Nlc3NmdWxfdXBsb2FkLmh0bWwifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRDb250ZW50LVR5cGUiLCAiaW1hZ2Uv'
    . 'Il0sDQogICAgeyJ4LWFtei1tZXRhLXV1aWQiOiAiMTQzNjUxMjM2NTEyNzQifSwNCiAgICB7IngtYW16LXNlcnZlci1zaWRlLWVuY3J5cHRp'
    . 'b24iOiAiQUVTMjU2In0sDQogICAgWyJzdGFydHMtd2l0aCIsICIkeC1hbXotbWV0YS10YWciLCAiIl0sDQoNCiAgICB7IngtYW16LWNyZWRl'
    . 'bnRpYWwiOiAiQUtJQUlPU0ZPRE5ON0VYQU1QTEUvMjAxNTEyMjkvdXMtZWFzdC0xL3MzL2F3czRfcmVxdWVzdCJ9LA0KICAgIHsieC1hbXot'
    . 'YWxnb3JpdGhtIjogIkFXUzQtSE1BQy1TSEEyNTYifSwNCiAgICB7IngtYW16LWRhdGUiOiAiMjAxNTEyMjlUMDAwMDAwWiIgfQ0KICBdDQp9'),
    '8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e', "Amazon's example";
};

# ---------------------------------------------------------------- forms, sent to the S3 server

my $bucket = new_bucket("neon-s3-t-post-$$");

# {url, fields} of s3_presign_post(arguments).
sub post {
  my ($arguments, @first) = @_;
  my ($url, $fields) = $db->row(s3_settings($bucket), @first, "SELECT * FROM s3_presign_post($arguments);");
  return { url => $url, fields => from_json($fields) };
}

# Sends a form of exactly these fields, the file last.
sub form {
  my ($post, $content, %options) = @_;
  my $file = File::Temp->new;
  binmode $file;
  print $file $content;
  $file->flush;
  my $name = $options{name} // 'upload.bin';
  my %fields = (%{ $post->{fields} }, %{ $options{with} // {} });
  delete @fields{ @{ $options{without} // [] } };
  return curl('POST', $post->{url}, arguments => [
    (map { ('--form-string', "$_=$fields{$_}") } sort keys %fields),
    '-F', 'file=@' . $file->filename . qq(;type=application/x-of-the-part;filename="$name") ]);
}

sub object { return curl($_[0], $db->value(s3_settings($bucket), 'SELECT s3_presign(' . lit($_[0]) . ', ' . lit($_[1]) . ');')) }

sub code { return $_[0]{status} . ($_[0]{body} =~ m{<Code>(.*?)</Code>} ? " $1" : '') }

my $bytes = join('', map { chr } 0 .. 255) x 4;

subtest 'accepted' => sub {
  my $post = post(q{'form/é +%.bin', content_type => 'image/png', min_length => 1, max_length => 2048,
    fields => '{"x-amz-meta-owner": "user_123"}'});
  is $post->{url}, "$ENV{S3_ENDPOINT}/$bucket", 'the url is the bucket';
  like code(form($post, $bytes)), qr/\A20[04]\z/, 'a form with exactly these fields';
  my $object = object('GET', 'form/é +%.bin');
  is $object->{status}, 200, 'the object is there';
  ok $object->{body} eq $bytes, '... byte for byte';
  is_deeply [ @{ $object->{headers} }{qw(content-type x-amz-meta-owner)} ], [ 'image/png', 'user_123' ], '... with its type and metadata';

  like code(form(post("'form/plain'"), 'x')), qr/\A20[04]\z/, 'a key alone';
  like code(form(post("'form/virtual'", "SET neon_s3.endpoint = '$ENV{S3_VIRTUAL_ENDPOINT}';",
    "SET neon_s3.addressing_style = 'virtual';"), 'v')), qr/\A20[04]\z/, 'virtual host';
  is object('GET', 'form/virtual')->{body}, 'v', '... the object is there';
  like code(form(post("'form/public'", "SET neon_s3.public_endpoint = '$ENV{S3_VIRTUAL_ENDPOINT}';"), 'p')),
    qr/\A20[04]\z/, 'public_endpoint';
  is object('GET', 'form/public')->{body}, 'p', '... the object is there';
};

subtest '${filename}' => sub {
  my $post = post(q{'names/user 1/${filename}'});
  is $post->{fields}{key}, 'names/user 1/${filename}', 'the field is as it was given';
  like code(form($post, 'cat', name => 'cat 1.png')), qr/\A20[04]\z/, 'one file';
  like code(form($post, 'dog', name => 'dog.png')), qr/\A20[04]\z/, 'another, with the same fields';
  is object('GET', 'names/user 1/cat 1.png')->{body}, 'cat', '... is stored under its own name';
  is object('GET', 'names/user 1/dog.png')->{body}, 'dog', '... and so is the other';
  like code(form($post, 'x', with => { key => 'names/user 1/chosen' })), qr/\A20[04]\z/, 'any key with the prefix';
  is code(form($post, 'x', with => { key => 'names/user 2/chosen' })), '403 AccessDenied', 'another prefix is refused';
  is code(form($post, 'x', with => { key => 'names/user 1' })), '403 AccessDenied', 'less than the prefix is refused';
};

subtest 'what the server answers' => sub {
  my $created = form(post(q{'form/201', fields => '{"success_action_status": "201"}'}), 'x');
  is $created->{status}, 201, 'success_action_status';
  like $created->{body}, qr{<Key>form/201</Key>}, '... with an XML body';
  my $redirect = form(post(q{'form/303', fields => '{"success_action_redirect": "http://127.0.0.1:9/done?a=b&c=%20d"}'}), 'x');
  is $redirect->{status}, 303, 'success_action_redirect';
  like $redirect->{headers}{location}, qr{\Ahttp://127\.0\.0\.1:9/done\?a=b&c=%20d}, '... to that place';
};

subtest 'conditions' => sub {
  my $post = post(q{'form/image', conditions => '[["starts-with", "$Content-Type", "image/"], ["starts-with", "$x-amz-meta-tag", ""], {"acl": "private"}]'});
  ok !exists $post->{fields}{'Content-Type'}, 'the value that starts with something is the client\'s to choose';
  is $post->{fields}{acl}, 'private', 'the value that can be no other is among the fields';
  my %with = ('Content-Type' => 'image/webp', 'x-amz-meta-tag' => 'mine');
  like code(form($post, 'x', with => \%with)), qr/\A20[04]\z/, 'met';
  is_deeply [ @{ object('HEAD', 'form/image')->{headers} }{qw(content-type x-amz-meta-tag)} ], [ 'image/webp', 'mine' ], '... and used';
  is code(form($post, 'x', with => { %with, 'Content-Type' => 'text/html' })), '403 AccessDenied', 'another type is refused';
  is code(form($post, 'x', with => { %with, acl => 'public-read' })), '403 AccessDenied', 'another acl is refused';
  is code(form($post, 'x', with => { %with, 'x-amz-meta-more' => '1' })), '403 AccessDenied', 'a field that the policy does not name is refused';
  like code(form(post(q{'form/range', conditions => '[["content-length-range", 2, 3]]'}), 'xx')), qr/\A20[04]\z/, 'a range among the conditions';
  is code(form(post(q{'form/range', conditions => '[["content-length-range", 2, 3]]'}), 'xxxx')), '400 EntityTooLarge', '... is enforced';
};

subtest 'refused by the server' => sub {
  my $arguments = q{'form/strict', '1 hour', content_type => 'image/png', min_length => 10, max_length => 20,
    fields => '{"x-amz-meta-owner": "user_123"}'};
  my $post = post($arguments);
  my $good = 'x' x 15;
  is code(form($post, 'x' x 21)), '400 EntityTooLarge', 'too long';
  is code(form($post, 'x' x 9)), '400 EntityTooSmall', 'too short';
  is object('GET', 'form/strict')->{status}, 404, 'no object so far';
  like code(form($post, 'x' x $_)), qr/\A20[04]\z/, "$_ bytes, a limit" for 10, 20;

  my %fields = %{ $post->{fields} };
  is code(form($post, $good, with => { 'Content-Type' => 'text/html' })), '403 AccessDenied', 'another content type';
  is code(form($post, $good, with => { key => 'other/strict' })), '403 AccessDenied', 'another key';
  is code(form($post, $good, with => { key => 'form/strict2' })), '403 AccessDenied', 'a longer key';
  is code(form({ %$post, url => "$ENV{S3_ENDPOINT}/$bucket-other" }, $good)), '404 NoSuchBucket', 'another bucket';
  my $earlier = $arguments =~ s{form/strict}{form/earlier}r;
  is code(form(post("$earlier, signed_at => now() - interval '61 minutes'"), $good)), '403 AccessDenied', 'expired';
  like code(form(post("$earlier, signed_at => now() - interval '59 minutes'"), $good)), qr/\A20[04]\z/, 'two minutes before that';

  for my $name (sort keys %fields) {
    my $value = $fields{$name};
    for my $at (0, length($value) >> 1, length($value) - 1) {
      my $changed = $value;
      substr($changed, $at, 1) =~ tr{0-9A-Za-z/=+_-}{1-90B-ZAb-za.AZ+_};
      isnt $changed, $value, "$name has a byte to change" if $changed eq $value;
      like code(form($post, $good, with => { $name => $changed })), qr/\A(?:403|400) /, "$name, byte $at changed";
    }
    # The fields themselves are what the signature protects.
    like code(form($post, $good, without => [$name])), qr/\A(?:403|400) /, "$name is missing";
  }
  is object('GET', 'form/strict')->{body}, 'x' x 20, 'the object is as the last good form made it';
};

subtest 'a session token is a field and a condition' => sub {
  my $fields = post("'k'", "SET neon_s3.session_token = 'Fwo/+= token';")->{fields};
  is $fields->{'x-amz-security-token'}, 'Fwo/+= token', 'field';
  ok scalar(grep { $_ eq '["eq","x-amz-security-token","Fwo/+= token"]' } canonical(policy_of($fields->{policy})->{conditions})), 'condition';
};

# ---------------------------------------------------------------- text

subtest 'any text survives the JSON' => sub {
  my $key = "q\"uo\\te\x01\n\x{7f}\x{2028}é😀</script>\${filename";
  my $value = "\"'\\/<>&{}[]\$ é😀\x{202e}";
  my $post = post(lit($key) . ', fields => ' . lit({ 'x-amz-meta-a' => $value }));
  is $post->{fields}{key}, $key, 'key';
  my %has = map { $_ => 1 } canonical(policy_of($post->{fields}{policy})->{conditions});
  ok $has{ json([ 'eq', 'key', $key ]) }, '... in the policy';
  is $post->{fields}{'x-amz-meta-a'}, $value, 'field';
  ok $has{ json([ 'eq', 'x-amz-meta-a', $value ]) }, '... in the policy';
  is $post->{fields}{'x-amz-signature'}, signature($ENV{S3_SECRET_ACCESS_KEY}, @{ $post->{fields} }{qw(x-amz-credential policy)}), 'signature';
};

# ---------------------------------------------------------------- refused by the extension

sub try_post { return $db->try(s3_settings($bucket), map { "SELECT * FROM s3_presign_post($_);" } @_) }

sub all_refused {
  my ($name, @arguments) = @_;
  subtest $name => sub {
    my @results = try_post(@arguments);
    refused($_, '22023', $_->{sql} =~ s/.*s3_presign_post//sr) for @results[ $#results - $#arguments .. $#results ];
  };
}

all_refused('contradictions',
  q{'k', content_type => 'a/b', fields => '{"Content-Type": "c/d"}'},
  q{'k', content_type => 'a/b', fields => '{"content-type": "c/d"}'},
  q{'k', content_type => 'a/b', conditions => '[{"content-type": "c/d"}]'},
  q{'k', content_type => 'a/b', conditions => '[["eq", "$Content-Type", "c/d"]]'},
  q{'k', content_type => 'a/b', conditions => '[["starts-with", "$Content-Type", "image/"]]'},
  q{'k', fields => '{"acl": "private"}', conditions => '[{"acl": "public-read"}]'},
  q{'k', fields => '{"acl": "private"}', conditions => '[["eq", "$ACL", "public-read"]]'},
  q{'k', fields => '{"acl": "private"}', conditions => '[["starts-with", "$acl", "public"]]'},
  q{'k', fields => '{"acl": "private", "ACL": "public-read"}'},
  q{'k', conditions => '[{"acl": "private"}, {"acl": "public-read"}]'},
  q{'k', conditions => '[{"acl": "private"}, ["starts-with", "$acl", "public"]]'},
  q{'k', conditions => '[["starts-with", "$acl", "a"], ["starts-with", "$acl", "b"]]'},
  q{'k', conditions => '[{"key": "other"}]'},
  q{'k', conditions => '[["starts-with", "$key", "kk"]]'},
  q{'a/${filename}', conditions => '[["starts-with", "$key", "b/"]]'},
  q{'a/${filename}', conditions => '[{"key": "b/c"}]'},
  q{'k', conditions => '[{"bucket": "other-bucket"}]'},
  qq/'k', bucket => 'other-bucket', conditions => '[{"bucket": "$bucket"}]'/,
  q{'k', fields => '{"key": "other"}'},
  q{'k', fields => '{"bucket": "other-bucket"}'},
  q{'k', max_length => 5, conditions => '[["content-length-range", 0, 6]]'},
  q{'k', min_length => 5, conditions => '[["content-length-range", 0, 4]]'},
  q{'k', conditions => '[["content-length-range", 0, 6], ["content-length-range", 7, 8]]'},
  q{'k', min_length => 6, max_length => 5},
  q{'k', min_length => -1},
  q{'k', max_length => -1},
);

all_refused("what is the signer's",
  map { (qq{'k', fields => '{"$_": "x"}'}, qq{'k', conditions => '[{"\U$_\E": "x"}]'}) }
    qw(policy x-amz-algorithm x-amz-credential x-amz-date x-amz-security-token x-amz-signature file),
);

all_refused('conditions that are none', map { "'k', conditions => '$_'" }
  '{}', '{"acl": "private"}', '"acl"', '1', 'null', 'true', '["acl"]', '[null]', '[1]', '[[]]', '[{}]',
  '[["eq", "$acl"]]', '[["eq", "$acl", "a", "b"]]', '[["eq", "acl", "private"]]', '[["eq", "$", "private"]]',
  '[["eq", "", "private"]]', '[["eq", "$acl", 1]]', '[["eq", "$acl", null]]', '[["eq", "$acl", ["a"]]]', '[["eq", 1, "a"]]',
  '[[1, "$acl", "a"]]', '[["ends-with", "$acl", "a"]]', '[["EQ", "$acl", "a"]]', '[{"acl": 1}]', '[{"acl": null}]',
  '[{"acl": {"a": "b"}}]', '[{"acl": "a", "tagging": "b"}]', '[{"": "a"}]', '[{"a b": "a"}]',
  '[["content-length-range", 1]]', '[["content-length-range", "1", "2"]]', '[["content-length-range", 1.5, 2]]',
  '[["content-length-range", -1, 2]]', '[["content-length-range", 2, 1]]', '[["content-length-range", 1, 1e30]]',
  '[["content-length-range", 1, null]]', '[["content-length-range", 1, 2, 3]]', '[[["eq", "$acl", "a"]]]',
);

all_refused('fields that are none', map { "'k', fields => '$_'" }
  '[]', '"a"', '1', 'null', '{"acl": 1}', '{"acl": null}', '{"acl": ["a"]}', '{"": "a"}', '{"a b": "a"}', '{"a\nb": "a"}',
  '{"x-amz-meta-a": "b\r\nc"}', '{"x-amz-meta-a": "\u0085"}');

all_refused('other arguments', q{''}, q{'a/../b'}, q{'a/${filename}/b'}, q{'${filename}.png'}, q{'${filename}${filename}'}, q{repeat('k', 1025)}, q{'k', '0'}, q{'k', '8 days'}, q{'k', bucket => '1.2.3.4'});

subtest 'not contradictions' => sub {
  my @good = try_post(
    q{'k', content_type => 'image/png', fields => '{"content-type": "image/png"}', conditions => '[["starts-with", "$Content-Type", "image/"], {"CONTENT-TYPE": "image/png"}]'},
    q{'k', min_length => 1, max_length => 2, conditions => '[["content-length-range", 1, 2]]'},
    q{'a/${filename}', conditions => '[["starts-with", "$key", "a/"], ["starts-with", "$key", ""]]'},
    qq/'k', conditions => '[{"bucket": "$bucket"}, {"key": "k"}]'/,
    q{'k', fields => '{}', conditions => '[]'},
    q{'k', max_length => 0},
    q{'k', min_length => 6000000000},
  );
  is "$_->{state} $_->{notices}", '00000 ', $_->{sql} for @good;
  is $db->value(s3_settings($bucket), 'SELECT count(*) FROM s3_presign_post(NULL) p WHERE p IS NULL;'), 1, 'NULL for a NULL key';
};

done_testing;

# Replies that are not what was asked for: other bytes, other lengths, other objects; and what was done though nobody heard of it.
use v5.32;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use FaultServer;
use NeonS3Test;
use Test::More;

my (undef, $fault, $session) = FaultServer->set_up(request_timeout => '20s');
sub gives { return $fault->gives($session, @_) }

sub get { return "SELECT encode(s3_get_object($_[0]), 'escape');" }
my %malformed = (message => qr{malformed reply from});

subtest 'ranges' => sub {
  my $part = get("'size-40', 5, 3");
  gives('ranges:whole', $part, '567');
  gives('ranges:chunked', $part, '567');
  gives('ranges:whole', get("'size-40', 36"), '4567');
  gives('ranges:whole', get("'size-40', 36, 100"), '4567');
  gives('ranges:whole', get("'size-40', 0, 2"), '01');
  gives('ranges:whole', get("'size-40', 41, 3"), '38000', message => qr/range/);
  gives("ranges:$_", $part, '08P01', %malformed, detail => qr/\w/) for qw(other first unnamed less more nonsense times25);
  gives('ranges:lies', $part, '08P01', %malformed);
  gives('ok', get("'size-40', 36, 100"), '4567');
  gives('no_range', get("'k', 5, 3"), '');
  gives('no_range', get("'k', 0"), '');
  gives('no_range:40', get("'k', 50"), '38000', detail => qr/416/);
  $session->run("SET neon_s3.max_response_size = '1MB';");
  gives('ranges:whole', get("'size-2000000', 5, 3"), '567');
  gives('ranges:whole', get("'size-2000000', 1500000, 3"), '08P01', %malformed);
  gives('ranges:times25', "SELECT length(s3_get_object('size-2000000', 0, 1000000));", '08P01', %malformed);
  $session->run('RESET neon_s3.max_response_size;');
};

subtest 'a status that was not asked for' => sub {
  gives("as_status:$_", get("'k'"), '08P01', %malformed, detail => qr/$_/) for 201, 202, 203, 204, 206;
  gives('as_status:206', get("'k', 1, 2"), 'el');
};

subtest 'large objects' => sub {
  gives('ok', FaultServer::gets_large(20000000), 't');
  gives('ranges:whole', FaultServer::gets_large(20000000), 't');
  gives("ranges:$_", "SELECT s3_get_large_object('size-20000000');", '08P01', %malformed) for qw(other first less etags times25);
};

subtest 'lengths' => sub {
  gives('unmeasured:0.5', get("'size-4000'"), '08P01', message => qr/malformed reply from/, detail => qr/length/);
  gives('unmeasured:0.5', get("'size-4000', 0, 3000"), '08P01');
  gives('two_lengths', get("'size-40'"), '08P01', detail => qr/Content-Length/);
  gives('two_lengths', 'SELECT s3_head_object(\'k\');', '08P01', detail => qr/Content-Length/);
  gives('two_lengths', 'SELECT count(*) FROM s3_list_objects();', '08P01', detail => qr/Content-Length/);
};

subtest 'uploads that ended unheard' => sub {
  my $complete = q{SELECT etag FROM s3_complete_multipart_upload('k', 'upload', '[{"part_number": 1, "etag": "x"}]');};
  gives('ends:done', $complete, 'a' x 32 . '-1');
  gives('ends:lost', $complete, '08006', message => qr{the upload of "k" was completed}, hint => qr{Look at the object});
  gives('ends:missing', $complete, 'P0002', message => qr/multipart upload of "k"/);
  gives('status:404:NoSuchUpload', $complete, 'P0002');
  is scalar($fault->requests), 1, '... who was not retried looks no further';
  gives('ends:done', "SELECT s3_abort_multipart_upload('k', 'upload')::text;", '');
  gives('status:404:NoSuchUpload', "SELECT s3_abort_multipart_upload('k', 'upload')::text;", 'P0002');
};

# From 4 MiB on the body is received in the memory of its bytea, which a retry may want anew.
subtest 'large bodies' => sub {
  my $pattern = "repeat('0123456789abcdef', 1250001)";
  for my $play (['ok'], [ 'truncated', 'ok' ], [ 'reset_body', 'ok' ], ['ranges:whole'], ['transcoded']) {
    gives($play, "SELECT md5(s3_get_object('size-20000000')) = md5(left($pattern, 20000000));", 't');
    gives($play, "SELECT md5(s3_get_object('size-20000000', 7, 9000000)) = md5(substr($pattern, 8, 9000000));",
      't');
  }
  gives('truncated', "SELECT length(s3_get_object('size-20000000'));", '08006');
  $session->run("SET statement_timeout = '500ms';");
  gives('hang_body', "SELECT length(s3_get_object('size-20000000'));", '57014');
  $session->run('RESET statement_timeout;');
  gives('ok', "SELECT length(s3_get_object('size-20000000')) = 20000000;", 't');
};

done_testing;

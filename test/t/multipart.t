# Multipart uploads: created, listed, completed and aborted from SQL, their parts uploaded by anybody with a URL.
use v5.32;
use warnings;
use utf8;
use Digest::MD5 qw(md5_hex);
use FindBin;
use lib $FindBin::Bin;
use NeonS3Test;
use Test::More;

plan skip_all => 'python3-boto3 is not installed' if !has_boto3();

my $MiB = 1 << 20;
my $bucket = new_bucket();
my $db = NeonS3Test->server->new_database;
$db->do('CREATE EXTENSION neon_s3;');

sub sql { my ($expression) = @_; return $db->value(s3_settings($bucket), "SELECT $expression;") }
sub try { my @results = $db->try(s3_settings($bucket), @_); return @results[ -@_ .. -1 ] }
sub uploads { return boto3("print(json.dumps([[u['Key'], u['UploadId']] for u in s3.list_multipart_uploads(Bucket='$bucket').get('Uploads', [])]))") }

# The part's ETag.
sub send_part {
  my ($key, $upload, $number, $body) = @_;
  my $reply = curl('PUT', sql('s3_presign_upload_part(' . lit($key) . ', ' . lit($upload) . ", $number)"), body => $body);
  is $reply->{status}, 200, "part $number";
  return $reply->{headers}{etag} =~ tr/"//dr;
}

my $key = "dir/Größe +&<>\r\n😀.bin";
my $k = lit($key);
my @parts = map { chr(96 + $_) x ($_ < 3 ? 5 * $MiB : 12345) } 1 .. 3;

my ($upload, @etags);
subtest 'an upload' => sub {
  $upload = sql("s3_create_multipart_upload($k, 'video/mp4', " . lit({ owner => 'user 1' }) . ')');
  ok length $upload, 'an upload id';
  is_deeply uploads(), [ [ $key, $upload ] ], 'boto3 sees it';
  is_deeply [ grep { length } map { $_->[0] } $db->rows(s3_settings($bucket), "SELECT part_number FROM s3_list_parts($k, "
    . lit($upload) . ');') ], [], 'no parts yet';
  @etags = map { send_part($key, $upload, $_, $parts[ $_ - 1 ]) } 1 .. 3;
  is_deeply [ $db->rows(s3_settings($bucket),
    "SELECT part_number, size, etag, last_modified > now() - interval '1 hour' FROM s3_list_parts($k, " . lit($upload) . ');') ],
    [ map { [ $_, length $parts[ $_ - 1 ], $etags[ $_ - 1 ], 't' ] } 1 .. 3 ], 's3_list_parts';
  is_deeply from_json(sql('jsonb_build_array(key, upload_id) FROM s3_list_multipart_uploads()')), [ $key, $upload ],
    's3_list_multipart_uploads';
  is sql('count(*) FROM s3_list_multipart_uploads(' . lit('dir/Größe +') . ')'), 1, '... of a prefix';
  is sql("count(*) FROM s3_list_multipart_uploads('other')"), 0, '... of another';
};

sub complete { my ($id, $list) = @_; return "SELECT to_json(c) FROM s3_complete_multipart_upload($k, " . lit($id) . ', '
  . lit($list) . ') c;' }
sub part { my ($number, $etag) = @_; return { part_number => $number, etag => $etag } }

subtest 'completed' => sub {
  my @lists = ([ part(1, $etags[0]), part(2, '0' x 32) ], [ part(1, $etags[0]), part(7, $etags[1]) ]);
  refused($_, '38000', $_->{sql} =~ s/\s+/ /gr, detail => qr/InvalidPart/) for try(map { complete($upload, $_) } @lists);
  refused($_, '22023', $_->{sql} =~ s/\s+/ /gr) for try(map { complete($upload, $_) } [], {}, [1], [ { part_number => 1 } ],
    [ { etag => 'x' } ], [ part('x', 'y') ], [ part(0, 'y') ],
    [ part(10001, 'y') ], [ part(1.5, 'y') ]);
  my ($done) = try(complete($upload, [ part(1, $etags[0]), part(2, qq("$etags[1]")), part(3, $etags[2]) ]));
  is $done->{state}, '00000', 'an etag may have its quotes' or diag explain $done;
  my $etag = md5_hex(pack 'H*', join '', @etags) . '-3';
  is_deeply from_json($done->{out}), { etag => $etag, version_id => undef }, 'etag and version_id';
  is sql("encode(sha256(s3_get_object($k)), 'hex')"), sql("encode(sha256(convert_to("
    . join(' || ', map { "repeat('" . substr($_, 0, 1) . "', " . length . ')' } @parts) . ", 'UTF8')), 'hex')"),
    'the object is the parts in order';
  my $head = from_json(sql("to_json(h) FROM s3_head_object($k) h"));
  is_deeply [ @$head{qw(size etag content_type)}, $head->{metadata}{owner} ],
    [ 10 * $MiB + 12345, $etag, 'video/mp4', 'user 1' ], 'its type and metadata';
  is_deeply uploads(), [], 'the upload is over';
  refused($_, 'P0002', $_->{sql} =~ s/\s+/ /gr) for try("SELECT * FROM s3_list_parts($k, " . lit($upload) . ');');
};

subtest 'aborted' => sub {
  my $other = sql("s3_create_multipart_upload($k)");
  send_part($key, $other, 9999, 'x');
  sql("s3_abort_multipart_upload($k, " . lit($other) . ')');
  is_deeply uploads(), [], 'nothing is left';
  is curl('PUT', sql("s3_presign_upload_part($k, " . lit($other) . ', 1)'), body => 'x')->{status}, 404, 'a part has nowhere to go';
  refused($_, 'P0002', $_->{sql} =~ s/\s+/ /gr) for try("SELECT s3_abort_multipart_upload($k, 'none');",
    "SELECT * FROM s3_list_parts($k, 'none');", "SELECT s3_create_multipart_upload('k', bucket => 'neon-s3-no-such-bucket');");
};

subtest 'completed, but there is none' => sub {
  my ($result) = try("SELECT s3_complete_multipart_upload($k, 'none', " . lit([ part(1, 'x' x 32) ]) . ');');
  # Ceph RGW takes its lock, which it cannot have, for one that somebody else has: 500.
  like $result->{state}, qr/\A(P0002|58000)\z/, 'refused';
};

subtest "somebody else's uploads, many of them" => sub {
  my $made = boto3(<<"PYTHON");
create = lambda n: s3.create_multipart_upload(Bucket='$bucket', Key=f'many/{n:04d}')['UploadId']
print(json.dumps(list(ThreadPoolExecutor(8).map(create, range(1100)))))
PYTHON
  my $first = lit($made->[0]);
  is sql("count(*) FROM s3_list_multipart_uploads('many/') WHERE initiated > now() - interval '1 hour'"), 1100,
    's3_list_multipart_uploads goes on after 1,000';
  boto3(<<"PYTHON");
part = lambda n: s3.upload_part(Bucket='$bucket', Key='many/0000', UploadId=$first, PartNumber=n, Body=b'x')['ETag']
print(len(list(ThreadPoolExecutor(8).map(part, range(1, 1101)))))
PYTHON
  is sql("count(*) || ' ' || sum(part_number) FROM s3_list_parts('many/0000', $first)"), '1100 605550', '... and so does s3_list_parts';
  is sql("count(s3_abort_multipart_upload(key, upload_id)::text) FROM s3_list_multipart_uploads('many/')"), 1100,
    'all are aborted in one query';
  is_deeply uploads(), [], '... and gone';
};

subtest 'NULL' => sub {
  is sql($_), 't', $_ for 's3_create_multipart_upload(NULL) IS NULL', "s3_abort_multipart_upload(NULL, 'u') IS NULL",
    "s3_complete_multipart_upload(NULL, 'u', '[]') IS NULL",
    "NOT EXISTS (SELECT FROM s3_list_parts(NULL, 'u') p WHERE p IS NOT NULL)";
};

done_testing;

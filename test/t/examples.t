# The guide's two backends in examples/, with the guide's three curl commands; and what the database decides for them.
use v5.32;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use Examples;
use NeonS3Test;
use Test::More;

my $bucket = new_bucket();
my $folder = copy_of_examples();
my ($server, $db) = example_database($bucket, 'http://127.0.0.1:5000');
my @ports = free_ports(2);
my $type = { 'Content-Type' => 'application/json' };

# The guide's commands, but for the port, the file's path, and what the reply of one is for the next.
sub shell { my ($command) = @_; my ($status, $out, $err) = run_program([ 'bash', '-c', $command =~ s/^curl/curl -q -sS -w '\\n%{http_code}'/r ]);
  diag $err if $status; my ($body, $code) = $out =~ /\A(.*)\n(\d+)\z/s; return ($code, $body) }

sub guide {
  my ($port, $saved) = @_;
  my $file = "$folder/test-s3.txt";
  open my $out, '>', $file or die $!;
  print $out "Hello S3\n";
  close $out;

  my ($code, $body) = shell(<<"EOS");
curl -X POST http://localhost:$port/presign-upload \\
     -H "Content-Type: application/json" \\
     -d '{"fileName": "test-s3.txt", "contentType": "text/plain"}'
EOS
  is $code, 200, 'presign-upload';
  my $upload = from_json($body);
  is_deeply [ sort keys %$upload ], [qw(objectKey presignedUrl publicFileUrl success)], '... in the guide\'s words';
  ok ref $upload->{success} && $upload->{success}, '... success is true';
  like $upload->{objectKey}, qr/\A[0-9a-f]{8}-[0-9a-f-]{27}-test-s3\.txt\z/, '... the guide\'s key';
  is $upload->{publicFileUrl}, "$ENV{S3_ENDPOINT}/$bucket/$upload->{objectKey}", '... and its public URL';

  my $save = <<"EOS";
curl -X POST http://localhost:$port/save-metadata \\
     -H "Content-Type: application/json" \\
     -d '{"objectKey": "$upload->{objectKey}", "publicFileUrl": "$upload->{publicFileUrl}"}'
EOS
  ($code, $body) = shell($save);
  is $code, 500, 'a file that nobody uploaded is not saved';
  is_deeply from_json($body), { success => JSON::PP::false, error => 'Failed to save metadata' }, '... with the guide\'s error';

  ($code) = shell(<<"EOS");
curl -X PUT "$upload->{presignedUrl}" \\
     --upload-file $file \\
     -H "Content-Type: text/plain"
EOS
  is $code, 200, 'the upload';
  ($code, $body) = shell($save);
  is $code, $saved, 'save-metadata';
  is_deeply from_json($body), { success => JSON::PP::true }, '... in the guide\'s words';
  is_deeply [ $db->row('SELECT user_id, file_url, file_name, content_type, size, confirmed_at IS NOT NULL FROM s3_files WHERE object_key = '
        . lit($upload->{objectKey}) . ';') ],
    [ 'user_123', $upload->{publicFileUrl}, 'test-s3.txt', 'text/plain', 9, 't' ], 'the row has what was measured';
  is curl(PUT => $upload->{presignedUrl}, headers => { 'Content-Type' => 'text/html' }, body => 'x')->{status}, 403,
    'the URL takes no other type';
  return $upload;
}

sub refusals {
  my ($site, $incomplete) = @_;
  my $reply = curl(POST => "$site/presign-upload", headers => $type, body => '{"fileName": "x"}');
  is $reply->{status}, 500, 'a request without a type';
  is_deeply from_json($reply->{body}), { success => JSON::PP::false, error => $incomplete }, '... with the guide\'s error';
  $reply = curl(POST => "$site/save-metadata", headers => $type, body => json({ objectKey => "somebody's" }));
  is $reply->{status}, 500, 'a key that was not issued';
  is_deeply from_json($reply->{body}), { success => JSON::PP::false, error => 'Failed to save metadata' }, '... with the guide\'s error';

  for my $refused ([ 'page.html', 'text/html', 10, 400, qr/content type/ ], [ 'a.png', 'image/png', 3 * 2**30, 413, qr/larger/ ]) {
    my ($name, $content_type, $size, $status, $words) = @$refused;
    for my $path ('/uploads', '/uploads/multipart') {
      $reply = curl(POST => "$site$path", headers => $type, body => json({ name => $name, type => $content_type, size => $size }));
      is $reply->{status}, $status, "$path: $name of $size bytes";
      like from_json($reply->{body})->{error}, $words, '... and why';
    }
  }
  is curl(POST => "$site/uploads/confirm", headers => $type, body => json({ objectKey => 'x' }))->{status}, 404, 'an unknown key';
  is curl(DELETE => "$site/files/2147483647")->{status}, 404, 'an unknown file';
  return;
}

# The rows of other users are not there for this one.
sub confined {
  my ($site, $upload) = @_;
  my $key = lit($upload->{objectKey});
  my $as = sub { $db->value('SET ROLE app;', "SET app.user_id = $_[0];", $_[1]) };
  is $as->("'user_123'", "SELECT count(*) FROM s3_files WHERE object_key = $key;"), 1, 'the row is the user\'s';
  is $as->("'user_456'", 'SELECT count(*) FROM s3_files;'), 0, '... and nobody else\'s';
  my @tries = $db->try('SET ROLE app;', "SET app.user_id = 'user_456';", "SELECT s3_file_url($key);", "SELECT s3_confirm_upload($key);",
    "SELECT * FROM s3_begin_upload('x.png', 'image/png', 'user_123', content_length => 1);",
    "INSERT INTO s3_files (object_key, file_url, user_id) VALUES ('made up', 'x', 'user_456');", "SELECT s3_presign_get($key);",
    "SELECT save_form($key);", 'SELECT count(*) FROM s3_files;');
  refused($tries[$_], '42501', "another user is refused: $tries[$_]{sql}") for 2 .. 6;
  is $tries[7]{out} . $tries[8]{out}, '0', '... and can save nobody\'s file as its own';
  my ($file) = grep { $_->{objectKey} eq $upload->{objectKey} } @{ from_json(curl(GET => "$site/files")->{body}) };
  is curl(GET => $file->{url})->{body}, "Hello S3\n", 'the list has a link';
  like curl(GET => $file->{downloadUrl})->{headers}{'content-disposition'}, qr/filename="test-s3\.txt"/, '... and one with the name';
  is curl(DELETE => "$site/files/$file->{id}")->{status}, 200, 'it is deleted';
  $db->do('CALL s3_run_outbox();');
  ok !(grep { $_ eq $upload->{objectKey} } s3_keys($bucket)), '... from the bucket too';
  return;
}

SKIP: {
  skip 'hono: node and npm are not installed', 1 if !has_node();
  my $missing = install_packages("$folder/examples/hono");
  skip "hono: $missing", 1 if $missing;
  my $site = start_backend($folder, 'hono', $ports[0], $db, "$folder/hono.log");
  subtest hono => sub { my $upload = guide($ports[0], 200); refusals($site, 'Failed to prepare upload'); confined($site, $upload) };
}

SKIP: {
  skip 'flask: python3-flask, python3-psycopg-pool and python3-dotenv are not installed', 1 if !has_flask();
  my $site = start_backend($folder, 'flask', $ports[1], $db, "$folder/flask.log");
  subtest flask => sub {
    my $upload = guide($ports[1], 201);
    refusals($site, 'Failed to prepare upload: fileName and contentType required');
    confined($site, $upload);
  };
}

my ($status, $table, $errors) = run_program([ repo_dir() . '/scripts/count_examples' ]);
is $status, 0, 'scripts/count_examples runs' or diag $errors;
my ($kept) = NeonS3Test::slurp(repo_dir() . '/examples/README.md') =~ /^(\| \| lines: .*?)^$/ms;
is $kept, $table, 'its table is the one in examples/README.md';

for my $file (glob "$folder/examples/{hono,flask}/*") {
  unlike NeonS3Test::slurp($file), qr/\@aws|AWS_|boto|S3Client|access_?key/i, "$file: no SDK, no credentials" if -f $file && $file !~ /lock/;
}
done_testing;

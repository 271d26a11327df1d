# examples/app.py against both servers, as a browser would use it.
use v5.32;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use IO::Socket::INET;
use NeonS3Test;
use Test::More;

plan skip_all => 'python3-flask and python3-psycopg2 are not installed'
  if (run_program([ '/usr/bin/python3', '-c', 'import flask, psycopg2' ]))[0];

my $bucket = new_bucket();
my $conf = join '', map { s/^SET (.*?) = (.*);$/$1 = $2\n/r } s3_settings($bucket);
my $server = own_server(preload => 1, conf => $conf);
my $db = $server->new_database;
$db->do(
  'CREATE ROLE app LOGIN;',
  'CREATE EXTENSION neon_s3;', 'SELECT s3_create_files_table();',
  'GRANT SELECT, INSERT ON s3_files TO app;',
  'GRANT USAGE ON SEQUENCE s3_files_id_seq TO app;',
  'GRANT EXECUTE ON FUNCTION s3_presign_upload, s3_presign_get TO app;',
  'SELECT * FROM s3_setup_bucket(' . lit($bucket) . ", ARRAY['http://127.0.0.1:5000']);");

my $port = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1')->sockport;
my $pid = fork // die "fork: $!";
if (!$pid) {
  %ENV = (PATH => $ENV{PATH}, PORT => $port,
    DATABASE_URL => "host=$db->{env}{PGHOST} port=$db->{env}{PGPORT} user=app dbname='$db->{env}{PGDATABASE}'");
  open STDOUT, '>', '/dev/null';
  open STDERR, '>', '/dev/null';
  exec '/usr/bin/python3', repo_dir() . '/examples/app.py' or exit 1;
}
$server->on_end(sub { kill TERM => $pid; waitpid $pid, 0 });
my $site = "http://127.0.0.1:$port";
wait_until(sub { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) });

like curl(GET => "$site/")->{body}, qr/<input type="file"/, 'the page';

my $content = "Größe\n" x 1000;
my $size = length(Encode::encode('utf8', $content));
my $begun = from_json(curl(POST => "$site/uploads", headers => { 'Content-Type' => 'application/json' },
  body => json({ name => 'größe.txt', type => 'text/plain', size => $size }))->{body});
is $begun->{method}, 'PUT', 'an upload is begun';
is_deeply from_json(curl(GET => "$site/files")->{body})->[0]{id}, $begun->{id}, '... and has its row';

delete $begun->{headers}{'content-length'};
my $reply = curl(PUT => $begun->{presigned_url}, headers => { %{ $begun->{headers} }, Origin => 'http://127.0.0.1:5000' },
  body => $content);
is $reply->{status}, 200, 'the bucket takes it' or diag $reply->{body};
is curl(PUT => $begun->{presigned_url}, headers => $begun->{headers}, body => 'shorter')->{status}, 403, '... and no other size';

my ($file) = @{ from_json(curl(GET => "$site/files")->{body}) };
is curl(GET => $file->{url})->{body}, $content, 'the link downloads it';
done_testing;

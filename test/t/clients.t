# The code of docs/clients.md, as far as its clients are installed; and what PostgREST would send for examples/postgrest.
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
my ($port, $name) = @{ $db->{env} }{qw(PGPORT PGDATABASE)};
my %environment = (DATABASE_URL => "postgresql://app:app\@127.0.0.1:$port/$name", PATH => "$server->{bin}:$ENV{PATH}",
  JDBC_URL => "jdbc:postgresql://127.0.0.1:$port/$name?user=app&password=app", PYTHONDONTWRITEBYTECODE => 1, map { $_ => '' } qw(PGHOST PGPORT PGUSER PGDATABASE PGPASSWORD));
my $page = NeonS3Test::slurp(repo_dir() . '/docs/clients.md');
my %code = $page =~ /^## ([^\n]+)\n.*?^```\w+\n(.*?)^```$/msg;

sub write_file {
  my ($file, $content) = @_;
  open my $out, '>:encoding(UTF-8)', "$folder/$file" or die "$file: $!";
  print $out $content;
  close $out;
  return "$folder/$file";
}

# What the code prints is the upload: the file goes there, and is confirmed.
sub uploads {
  my ($title, $content, @command) = @_;
  my ($status, $out, $err) = run_program(\@command, '', \%environment);
  my ($json) = reverse grep { /^\{/ } split /\n/, $out;
  my $upload = eval { from_json($json) };
  ok $upload && $upload->{presigned_url}, "$title begins an upload" or return diag "$out$err";
  my $reply = curl(PUT => $upload->{presigned_url}, headers => $upload->{headers}, body => $content);
  is $reply->{status}, 200, '... the file goes there' or diag $reply->{body};
  is $db->value('SET ROLE app;', "SET app.user_id = 'user_123';", "SELECT size FROM s3_confirm_upload(" . lit($upload->{object_key}) . ');'),
    67, '... and is confirmed';
}

my $content = 'x' x 67;
my ($statement) = $page =~ /^```sql\n(.*?);\n```$/ms;
uploads('the statement', $content, 'psql', $environment{DATABASE_URL}, '-XqAtc', "SELECT to_json(u) FROM ($statement) u");
uploads('psql', $content, 'bash', '-c', $code{psql});

SKIP: {
  skip 'psycopg: python3-psycopg is not installed', 3 if !runs('/usr/bin/python3', '-c', 'import psycopg');
  uploads('psycopg', $content, '/usr/bin/python3', write_file('client.py', $code{'Python: psycopg'}));
}

SKIP: {
  skip 'Django: python3-django is not installed', 3 if !runs('/usr/bin/python3', '-c', 'import django, psycopg2');
  my $view = write_file('django_client.py', <<"EOS" . $code{Django} . <<'EOS');
import django
from django.conf import settings
settings.configure(DATABASES={'default': dict(ENGINE='django.db.backends.postgresql', HOST='127.0.0.1', PORT=$port, NAME='$name', USER='app', PASSWORD='app')})
django.setup()
EOS
from django.test import RequestFactory
request = RequestFactory().post('/', json.dumps({'name': 'cat.png', 'type': 'image/png', 'size': 67}), content_type='application/json')
request.user = type('User', (), {'id': 'user_123'})
print(begin_upload(request).content.decode())
EOS
  uploads('Django', $content, '/usr/bin/python3', $view);
}

SKIP: {
  skip 'node-postgres: node and npm are not installed', 3 if !has_node();
  my $missing = install_packages("$folder/examples/hono");
  skip "node-postgres: $missing", 3 if $missing;
  my $route = write_file('examples/hono/route.mjs', $code{'Next.js: node-postgres'} . <<'EOS');
const request = new Request('http://localhost/uploads', { method: 'POST', body: JSON.stringify({ name: 'cat.png', type: 'image/png', size: 67 }) })
console.log(JSON.stringify(await (await POST(request)).json()))
await pool.end()
EOS
  uploads('node-postgres', $content, 'node', $route);
}

SKIP: {
  my $jar = '/usr/share/java/postgresql.jar';
  skip 'JDBC: java and libpostgresql-jdbc-java are not installed', 3 if !-e $jar || !runs(qw(java -version)) || !runs(qw(javac -version));
  uploads('JDBC', $content, 'java', '-cp', $jar, write_file('BeginUpload.java', $code{'Java: JDBC'}));
}

SKIP: {
  skip 'Rails: ruby-activerecord and ruby-pg are not installed', 3 if !runs('ruby', '-e', 'require "active_record"; require "pg"');
  my $controller = write_file('client.rb', <<'EOS' . $code{'Ruby on Rails'} . <<'EOS');
require 'active_record'
require 'json'
ActiveRecord::Base.establish_connection(ENV['DATABASE_URL'])
class ApplicationRecord < ActiveRecord::Base; self.abstract_class = true; end
class ApplicationController
  def params = { name: 'cat.png', type: 'image/png', size: '67' }
  def current_user = Struct.new(:id).new('user_123')
  def render(json:) = puts(json.to_json)
end
EOS
UploadsController.new.create
EOS
  uploads('Rails', $content, 'ruby', $controller);
}

SKIP: {
  my $library = 'src/github.com/jackc/pgx/v4';
  my ($path) = grep { -d "$_/$library" } split(/:/, $ENV{GOPATH} // ''), '/usr/share/gocode';
  skip 'pgx: golang-go and golang-github-jackc-pgx-v4-dev are not installed', 3 if !$path || !runs(qw(go version));
  @environment{qw(GOPATH GO111MODULE GOCACHE GOFLAGS)} = ($path, 'off', "$folder/go-cache", '');
  uploads('pgx', $content, 'go', 'run', write_file('begin_upload.go', $code{'Go: pgx'}));
}

# ---------------------------------------------------------------- PostgREST

my ($status, $out, $err) = $db->psql('', '-f', repo_dir() . '/examples/postgrest/schema.sql');
is $status, 0, 'examples/postgrest/schema.sql' or diag $out . $err;
$db->do("ALTER ROLE authenticator PASSWORD 'web';");
my $rest = $db->with(PGUSER => 'authenticator', PGHOST => '127.0.0.1', PGPASSWORD => 'web');

# The transaction of one request: read-only for GET.
sub rest {
  my ($method, $user, $sql) = @_;
  my @results = $rest->try('BEGIN' . ($method eq 'GET' ? ' READ ONLY' : '') . ';', 'SET LOCAL ROLE web_user;',
    "SELECT set_config('request.jwt.claims', " . lit({ role => 'web_user', sub => $user }) . ', true);',
    "SET LOCAL search_path = api, public;", "$sql;", 'COMMIT;');
  return $results[4];
}
sub rows_of { my ($result) = @_; return from_json($result->{out} || '[]') }
my $as_json = sub { "SELECT coalesce(json_agg(r), '[]') FROM ($_[0]) r" };

refused(rest(GET => 'ann', "SELECT * FROM api.begin_upload('cat.png', 'image/png', 67)"), '25006', 'GET can\'t begin an upload');
my ($begun) = @{ rows_of(rest(POST => 'ann', $as_json->(q{SELECT * FROM api.begin_upload('cat.png', 'image/png', 67)}))) };
ok $begun->{presigned_url}, 'POST /rpc/begin_upload' or BAIL_OUT('no upload');
is rest(GET => 'ann', $as_json->('SELECT name, size, parts FROM api.unfinished()'))->{out}, '[{"name":"cat.png","size":67,"parts":false}]',
  'GET /rpc/unfinished';
is rest(GET => 'ann', $as_json->('SELECT * FROM api.files'))->{out}, '[]', 'GET /files: not yet';
is curl(PUT => $begun->{presigned_url}, headers => $begun->{headers}, body => $content)->{status}, 200, 'the upload';
my $key = lit($begun->{object_key});
refused(rest(POST => 'eve', "SELECT * FROM api.confirm_upload($key)"), '42501', 'another user can\'t confirm it');
is rest(POST => 'ann', "SELECT size FROM api.confirm_upload($key)")->{out}, 67, 'POST /rpc/confirm_upload';
is rows_of(rest(GET => 'ann', $as_json->('SELECT * FROM api.files')))->[0]{name}, 'cat.png', 'GET /files';
is rest(GET => 'eve', $as_json->('SELECT * FROM api.files'))->{out}, '[]', '... not for another user';
my $url = rest(GET => 'ann', "SELECT api.file_url($begun->{id}, true)")->{out};
my $reply = curl(GET => $url);
is $reply->{body}, $content, 'GET /rpc/file_url';
like $reply->{headers}{'content-disposition'}, qr/filename="cat\.png"/, '... with the name';
is rest(GET => 'eve', "SELECT api.file_url($begun->{id}) IS NULL")->{out}, 't', '... not for another user';

my ($parts) = @{ rows_of(rest(POST => 'ann', $as_json->(q{SELECT * FROM api.begin_multipart_upload('a.mp4', 'video/mp4', 20000000)}))) };
is $parts->{part_count}, 3, 'POST /rpc/begin_multipart_upload';
my $parts_key = lit($parts->{object_key});
is scalar @{ rows_of(rest(POST => 'ann', $as_json->("SELECT * FROM api.part_urls($parts_key)"))) }, 3, 'POST /rpc/part_urls';
refused(rest(POST => 'eve', "SELECT * FROM api.part_urls($parts_key)"), '42501', '... not for another user');
is rest(POST => 'ann', "SELECT api.abort_upload($parts_key)")->{out}, 't', 'POST /rpc/abort_upload';

refused(rest(POST => 'ann', "SELECT * FROM api.begin_upload('big.mp4', 'video/mp4', 3000000000)"), '23514', 'a file that is too large');
refused(rest(POST => 'ann', "SELECT * FROM api.begin_upload('a.html', 'text/html', 1)"), '22023', 'a type that is not accepted');
refused(rest(POST => 'ann', "SELECT s3_presign_get($key)"), '42501', 'no signing past the rows');
is rest(PATCH => 'ann', "UPDATE api.files SET name = 'tiger.png' WHERE id = $begun->{id} RETURNING name")->{out}, 'tiger.png', 'PATCH /files';
refused(rest(PATCH => 'ann', "UPDATE api.files SET size = 1 WHERE id = $begun->{id}"), '42501', '... only the name');
is rest(DELETE => 'eve', "DELETE FROM api.files WHERE id = $begun->{id} RETURNING id")->{out}, '', 'another user deletes nothing';
is rest(DELETE => 'ann', "DELETE FROM api.files WHERE id = $begun->{id} RETURNING id")->{out}, $begun->{id}, 'DELETE /files';
$db->do('CALL s3_run_outbox();');
ok !(grep { $_ eq $begun->{object_key} } s3_keys($bucket)), '... and the object goes';

my @anonymous = $rest->try('BEGIN;', 'SET LOCAL ROLE web_anonymous;', 'SELECT * FROM api.files;', 'COMMIT;');
refused($anonymous[2], '42501', 'nothing without a token');
done_testing;

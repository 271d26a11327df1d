# A server of its own, in which allocations fail at will: test/failing_memory. And what is called there.
package Torture;
use v5.32;
use warnings;
use utf8;
use File::Copy qw(copy);
use File::Temp qw(tempdir);
use NeonS3Test;
use Test::More;

my $at = "timestamptz '2026-01-31 12:00+00'";

sub new {
  my ($class, $bucket) = @_;
  my $dir = tempdir('neon_s3-torture.XXXXXX', TMPDIR => 1, CLEANUP => 1);
  chmod 0755, $dir;
  my @files = glob repo_dir() . '/test/failing_memory/*';
  copy($_, $dir) or die "$_: $!" for @files;
  my ($status, @log) = run_program([ 'make', '-C', $dir, 'with_llvm=no', 'PG_CONFIG=' . ($ENV{PG_CONFIG} // 'pg_config') ]);
  BAIL_OUT("no module: @log") if $status;

  my $server = own_server(preload => 1, conf => conf_lines(s3_settings($bucket)) . "session_preload_libraries = '$dir/failing_memory'\n");
  $server->restart_with(LD_PRELOAD => "$dir/failing_malloc.so",
    GLIBC_TUNABLES => 'glibc.malloc.tcache_count=0');    # what is there counts as in use
  my $db = $server->new_database;
  my $module = "AS '$dir/failing_memory' LANGUAGE C";
  $db->do('CREATE EXTENSION neon_s3;', <<"SQL");
CREATE FUNCTION failing_memory_next(int, bigint) RETURNS void $module;
CREATE FUNCTION failing_memory_last() RETURNS text $module;
CREATE FUNCTION failing_memory_set(text, text, boolean) RETURNS text $module;
CREATE FUNCTION failing_memory_in_use() RETURNS bigint[] $module;
SQL
  return bless { db => $db, bucket => $bucket, points => 0, hidden => 0, lost => 0 }, $class;
}

sub db { return $_[0]{db} }
sub points { return $_[0]{points} }
sub hidden { return $_[0]{hidden} }
sub lost { return $_[0]{lost} }

# ---------------------------------------------------------------- the torture

my %number = (malloc => 1, palloc => 2, runtime_error => 3, int => 4);
my $in_use = 'SELECT failing_memory_in_use();';
my $connect = "\\c -\nSELECT;";

# A statement, in a transaction that is rolled back but for a procedure; its outcome is that of the first of these.
sub statements {
  my ($case, @first) = @_;
  my @before = map { "$_ \\g /dev/null\n" } ($case->{before} ? $case->{before} : ()), @first;
  return (join('', $case->{is_procedure} ? () : "BEGIN;\n", @before, $case->{sql}), 'ROLLBACK;');
}

# The same with an allocation that fails, and then without.
sub failing {
  my ($case, $kind, $nth) = @_;
  return (statements($case, "SELECT failing_memory_next($number{$kind}, $nth)"), 'SELECT failing_memory_last();');
}

sub outcome { my ($result) = @_; return "$result->{state} $result->{out}" }

sub numbers { my ($result) = @_; return ($result->{out} // '') =~ /(-?\d+)/g }

# The first ones of `count`, and up to `most` of the others, each from its share of them.
sub spread {
  my ($count, $most, $first) = @_;
  $most = $ENV{NEON_S3_TORTURE} // $most;
  $first //= 0;
  return 1 .. $count if $most eq 'all' || $count <= $first + $most;
  return 1 .. $first, map { 1 + $first + int(($_ + rand) * ($count - $first) / $most) } 0 .. $most - 1;
}

# What libcurl 7.88 makes of missing memory: it takes it for a header of more than 100 KiB, or sends the request without
# its query, so that the signature is another's. What functions of many keys tell of one of them. And an internal error of
# PostgreSQL 17's, where a hash table of its own gets no memory.
my $other_names = qr/is larger than the limit|SignatureDoesNotMatch|NotImplemented|out of memory|failed to initialize hash table "(?!neon_s3 )/;

sub is_hidden {
  my ($result) = @_;
  return $result->{state} ne '53200' && join(' ', map { $_ // '' } @$result{qw(message detail out)}) =~ $other_names;
}

sub is_fine {
  my ($case, $kind, $failed, $result) = @_;
  return 1 if outcome($result) eq $case->{expected};
  return $failed && ($result->{state} eq ($kind =~ /alloc/ ? '53200' : '58000') || is_hidden($result));
}

# What each statement gives, and how much it allocates, once it has been called a few times.
sub measure {
  my ($self, $cases, $kinds) = @_;
  my @results = $self->{db}->try(map { my $case = $_; ((map { statements($case) } 1 .. 3), map { failing($case, $_, 0) } @$kinds) } @$cases);
  for my $case (@$cases) {
    $case->{expected} = outcome((splice @results, 0, 6)[4]);
    for my $kind (@$kinds) { ($case->{count}{$kind}) = numbers((splice @results, 0, 3)[2]) }
  }
}

sub run {
  my ($self, $cases, %how) = @_;
  $self->measure($cases, $how{kinds});
  $self->run_case($_, %how) for @$cases;
}

sub run_case {
  my ($self, $case, %how) = @_;
  my %points = map { $_ => [ spread($case->{count}{$_}, @how{qw(most first)}) ] } @{ $how{kinds} };
  my @each = map { my $kind = $_; map { [ $kind, $_ ] } @{ $points{$kind} } } @{ $how{kinds} };
  # What grows anyway does so at first.
  my @first = @each[ grep { $_ % 4 == 0 } 0 .. $#each ];
  my @calls = map { (failing($case, @$_), statements($case)) } @first, @each;
  my @results = $self->{db}->try((map { statements($case) } 1 .. 3), splice(@calls, 0, 5 * @first), $in_use, @calls, $in_use);
  splice @results, 0, 6;
  my @wrong = map { $self->judge($case, @$_, \@results) } @first;
  my @before = numbers(shift @results);
  push @wrong, map { $self->judge($case, @$_, \@results) } @each;
  my @after = numbers(shift @results);
  my @growth = map { ($after[$_] // 0) - ($before[$_] // 0) } 0 .. 2;
  push @wrong, "memory grows by @growth bytes" if grep { $growth[$_] > (65536, 8192, 131072)[$_] + (50, 50, 4096)[$_] * @each } 0 .. 2;
  report($case, $case->{name}, join(', ', map { @{ $points{$_} } . " of $case->{count}{$_} $_" } @{ $how{kinds} }) . ", memory @growth", @wrong);
}

# Takes the results of a call in which an allocation failed, and of the one after it.
sub judge {
  my ($self, $case, $kind, $nth, $results) = @_;
  my @wrong = $self->judge_failure($case, $kind, $nth, $results);
  my ($again) = splice @$results, 0, 2;
  push @wrong, "after $kind $nth: " . shown_result($again) if outcome($again) ne $case->{expected};
  return @wrong;
}

sub judge_failure {
  my ($self, $case, $kind, $nth, $results) = @_;
  my ($call, undef, $last) = splice @$results, 0, 3;
  my (undef, $failed) = numbers($last);
  $self->{points} += $failed // 0;
  $self->{hidden} += 1 if $failed && is_hidden($call);
  $self->{lost} += 1 if $last->{state} eq 'lost';
  return is_fine($case, $kind, $failed, $call) ? () : "$kind $nth: " . shown_result($call);
}

sub shown_result {
  my ($result) = @_;
  return "$result->{state} " . substr(join(' | ', grep { defined } @$result{qw(message detail out)}), 0, 300);
}

sub report {
  my ($case, $name, $what, @wrong) = @_;
  ok !@wrong, "$name: $what";
  diag "$case->{sql}\n  expected $case->{expected}\n", map { "  $_\n" } @wrong > 8 ? (@wrong[ 0 .. 7 ], '...') : @wrong if @wrong;
}

# The same for the first calls of a session: what is made once is not there yet, and is not left half made.
sub run_first_calls {
  my ($self, $cases, %how) = @_;
  $self->measure($cases, $how{kinds});
  for my $case (@$cases) {
    for my $kind (@{ $how{kinds} }) {
      $self->run_first_call($case, $kind, $how{most});
      $self->run_rising($case, $kind) if $case->{count}{$kind} < ($ENV{NEON_S3_TORTURE} ? 200 : 30);
    }
  }
}

# In a new session for each of them.
sub run_first_call {
  my ($self, $case, $kind, $most) = @_;
  my ($count) = numbers(($self->{db}->try($connect, failing($case, $kind, 0)))[3]);
  my @points = spread($count, $most);
  my @results = $self->{db}->try(map { ($connect, failing($case, $kind, $_), statements($case)) } @points);
  my @wrong = map { shift @results; $self->judge($case, $kind, $_, \@results) } @points;
  report($case, "$case->{name}, first", @points . " of $count $kind", @wrong);
}

# In one new session, from the first allocation on, each of them so often that what leaks shows: what comes before it has
# been made by then, and nothing of what comes after.
sub run_rising {
  my ($self, $case, $kind) = @_;
  my ($times, $last) = (12, 20 + int(1.2 * $case->{count}{$kind}));
  my @each = map { ($_) x $times } 1 .. $last;
  my @usual = numbers(($self->{db}->try($connect, (map { failing($case, $kind, 0) } @each), $in_use))[-1]);
  my @results = $self->{db}->try($connect, (map { failing($case, $kind, $_) } @each), statements($case), $in_use);
  shift @results;
  my @wrong = map { $self->judge_failure($case, $kind, $_, \@results) } @each;
  my ($again, undef, $used) = @results;
  push @wrong, "afterwards: " . shown_result($again) if outcome($again) ne $case->{expected};
  my @used = numbers($used);
  my @more = map { ($used[$_] // 0) - $usual[$_] } 0 .. 2;
  # What PostgreSQL loses of its own caches where it lacks memory does not count.
  push @wrong, "@more bytes of memory more" if $more[0] > 131072 || $more[1] > 16384;
  report($case, "$case->{name}, rising", "$times times 1 to $last $kind, memory @more", @wrong);
}

# ---------------------------------------------------------------- what is called

sub cases {
  my ($more, %sql) = @_;
  return [ map { +{ name => $_, sql => "$sql{$_};", %$more } } sort keys %sql ];
}

sub signing {
  my $more = "signed_at => $at, query => '{\"x-id\": \"GetObject\"}', headers => '{\"x-amz-request-payer\": \"requester\"}'";
  return cases({},
    s3_presign_get => "SELECT s3_presign_get('a b/é.png', '1 hour', download_as => 'é.png', version_id => 'v', $more)",
    s3_presign_put => "SELECT s3_presign_put('k', 'image/png', content_length => 5, checksum_sha256 => sha256('a'), overwrite => false, $more)",
    s3_presign_head => "SELECT s3_presign_head('k', $more)",
    s3_presign_delete => "SELECT s3_presign_delete('k', $more)",
    s3_presign => "SELECT s3_presign('GET', NULL, query => '{\"list-type\": \"2\"}', signed_at => $at)",
    s3_presign_explain => "SELECT * FROM s3_presign_explain('PUT', 'k', $more)",
    s3_presign_upload_part => "SELECT s3_presign_upload_part('k', 'u', 3, $more)",
    s3_presign_post => "SELECT * FROM s3_presign_post('u/\${filename}', content_type => 'image/png', max_length => 9, fields => '{\"acl\": \"private\"}', conditions => '[[\"starts-with\", \"\$x-amz-meta-a\", \"\"]]', signed_at => $at)",
    s3_presign_upload => "SELECT method, headers, substr(object_key, 1, 2) FROM s3_presign_upload('a.png', 'image/png', key_prefix => 'u/')",
    s3_public_url => "SELECT s3_public_url('a b/é.png')",
    s3_content_disposition => "SELECT s3_content_disposition('é \"q\".png')",
    s3_content_type => "SELECT s3_content_type('a.tar.gz')",
    s3_settings => 'SELECT * FROM s3_settings()',
    'refused' => "SELECT s3_presign_get('a/../b', signed_at => $at)",
    s3_stats => 'SELECT count(*) FROM s3_stats',
    s3_progress => 'SELECT count(*) FROM s3_progress',
    s3_stats_reset => 'SELECT s3_stats_reset()',
    s3_create_files_table => "SELECT s3_create_files_table('public.other_files')",
    (map { my ($name, $value) = @$_; ("neon_s3.$name" => "SELECT failing_memory_set('neon_s3.$name', '$value', false)") }
      [ region => 'eu-west-1' ], [ bucket => 'another-bucket' ], [ endpoint => 'https://s3.example.com' ], [ public_url_base => 'https://cdn.example.com/a' ],
      [ addressing_style => 'path' ], [ credential_providers => 'static, environment' ], [ access_key_id => 'AKIDEXAMPLE' ],
      [ secret_access_key => 'a secret' ], [ session_token => 'a token' ], [ allowed_hosts => '*.example.com, s3.example.org' ],
      [ http_proxy => 'http://user:password@proxy.example.com:3128' ], [ files_table => 'some.table' ], [ log_urls => 'on' ],
      [ expires_in => '5min' ]),
    "the file's neon_s3.http_proxy" => "SELECT failing_memory_set('neon_s3.http_proxy', 'http://user:password\@proxy.example.com:3128', true)",
    "the file's neon_s3.region" => "SELECT failing_memory_set('neon_s3.region', 'eu-west-1', true)",
    'CREATE SERVER' => "CREATE SERVER another FOREIGN DATA WRAPPER neon_s3 OPTIONS (region 'eu-west-1', bucket 'another-bucket', endpoint 'https://s3.example.com', credential_providers 'static, environment')",
  );
}

sub lifecycle {
  my ($self) = @_;
  my $db = $self->{db};
  $db->do(<<'SQL');
SELECT s3_create_files_table();
ALTER TABLE s3_files ADD size bigint, ADD etag text, ADD content_type text, ADD confirmed_at timestamptz, ADD note text;
SELECT s3_track_files(key_prefix => 'files/', max_size => 1000000, content_types => '{image/*}');
SELECT s3_arm_lifecycle();
CREATE SERVER named FOREIGN DATA WRAPPER neon_s3 OPTIONS (region 'eu-west-1', endpoint 'https://s3.example.com', bucket 'a-bucket');
CREATE USER MAPPING FOR CURRENT_USER SERVER named OPTIONS (access_key_id 'AKID', secret_access_key 'secret');
CREATE TABLE partitioned (object_key text PRIMARY KEY, file_url text, user_id text) PARTITION BY HASH (object_key);
CREATE TABLE part PARTITION OF partitioned FOR VALUES WITH (MODULUS 1, REMAINDER 0);
SQL
  my $key = $db->value("SELECT object_key FROM s3_begin_upload('a.png', 'image/png', 'alice', '1 day', content_length => 5, overwrite => true);");
  my $aborted = $db->value("SELECT object_key FROM s3_begin_upload('b.png', 'image/png', 'alice', '1 day', content_length => 5);");
  $db->do("SELECT s3_put_object('$key', 'hello', 'image/png');");
  @$self{qw(key aborted)} = ($key, $aborted);
  my $new = q{file_url LIKE '%.png', method, headers};
  push @{ $self->{lifecycle} }, @{ cases({ before => "ALTER SERVER named OPTIONS (SET region 'eu-west-2')" },
    'server, anew' => "SELECT s3_presign_get('k', server => 'named', signed_at => $at)") };
  push @{ $self->{lifecycle} }, @{ cases({},
    s3_begin_upload => "SELECT $new FROM s3_begin_upload('a.png', 'image/png', 'alice', content_length => 5, columns => '{\"note\": \"x\"}')",
    's3_begin_upload, no columns' => "SELECT $new FROM s3_begin_upload('a.png', 'image/png', 'alice')",
    's3_begin_upload, refused' => "SELECT $new FROM s3_begin_upload('a.txt', 'text/plain', 'alice')",
    s3_abort_upload => "SELECT s3_abort_upload('$aborted')",
    s3_file_url => "SELECT s3_file_url('$key') LIKE 'http%', s3_file_url('$key', '1 hour', 'é.png') LIKE 'http%'",
    s3_uploads => 'SELECT count(*) FROM s3_uploads',
    s3_outbox => 'SELECT count(*) FROM s3_outbox',
    s3_tracked_files => 'SELECT * FROM s3_tracked_files',
    s3_retry_outbox => "SELECT s3_retry_outbox(), s3_retry_outbox('k')",
    s3_track_files => "SELECT s3_track_files(key_prefix => 'other/')",
    's3_track_files, partitions' => "SELECT s3_track_files('partitioned')",
    s3_untrack_files => 'SELECT s3_untrack_files()',
    s3_arm_lifecycle => 'SELECT s3_arm_lifecycle()',
    s3_save_metadata => "SELECT user_id FROM s3_save_metadata('k', 'https://x/k', 'alice', size => 5)",
    'DELETE' => "DELETE FROM s3_files WHERE object_key = '$key'",
    'TRUNCATE' => 'TRUNCATE s3_files',
    'INSERT' => "INSERT INTO s3_files (object_key, file_url, user_id) VALUES ('files/x', 'u', 'bob')",
    'UPDATE' => "UPDATE s3_files SET object_key = 'files/y' WHERE object_key = '$key'",
    'server' => "SELECT s3_presign_get('k', server => 'named', signed_at => $at)",
    'server, public URL' => "SELECT s3_public_url('k', server => 'named')",
    'CREATE USER MAPPING' => "CREATE USER MAPPING FOR PUBLIC SERVER named OPTIONS (access_key_id 'AKID', secret_access_key 'secret', session_token 't')") };
  return $self->{lifecycle};
}

# What requests are about: two more buckets, objects, an upload. What those leave is below "left/".
sub prepare_requests {
  my ($self) = @_;
  my ($db, $versions) = ($self->{db}, "$self->{bucket}-v");
  $db->do("SELECT s3_create_bucket('$versions');", "SELECT s3_put_bucket_versioning(true, '$versions');");
  $db->on_end(sub { $db->do(<<"SQL") });
SELECT s3_delete_object_versions(array_agg(key), array_agg(version_id), '$versions') FROM s3_list_object_versions(bucket => '$versions');
SELECT s3_delete_bucket(b) FROM s3_list_buckets() AS l(b) WHERE b LIKE '$self->{bucket}-_';
SELECT s3_abort_multipart_upload(key, upload_id) FROM s3_list_multipart_uploads();
SQL
  $db->do(<<"SQL");
SELECT s3_put_object('o', 'hello', 'text/plain', '{"a": "b"}');
SELECT s3_put_object('v', 'hello', bucket => '$versions');
SELECT s3_export_query('SELECT generate_series(1, 100)', 'left/numbers.csv');
CREATE TABLE numbers (n int);
SELECT s3_put_object('1MB', convert_to(repeat('0123456789', 100000), 'UTF8'));
SELECT lo_from_bytea(4711, convert_to(repeat('0123456789', 900000), 'UTF8'));
SELECT lo_create(4712);
SELECT s3_create_multipart_upload('uploaded');
SQL
  $self->{version} = $db->value("SELECT version_id FROM s3_list_object_versions('v', bucket => '$versions');");
  $self->{upload} = $db->value('SELECT upload_id FROM s3_list_multipart_uploads();');
  $self->{multi} = $db->value("SELECT object_key FROM s3_begin_multipart_upload('a.png', 'image/png', 'alice', 1000000, expires_in => '1 day');");
}

sub object_cases {
  my ($self) = @_;
  my ($key, $upload, $multi, $version) = @$self{qw(key upload multi version)};
  my $versions = "$self->{bucket}-v";
  my $numbers = q{SELECT n, repeat('x', 100000) FROM generate_series(1, 90) n};
  return cases({},
    s3_confirm_upload => "SELECT size, etag FROM s3_confirm_upload('$key')",
    's3_confirm_upload, no object' => "SELECT size FROM s3_confirm_upload('$self->{aborted}')",
    s3_begin_multipart_upload => "SELECT part_size, part_count FROM s3_begin_multipart_upload('a.png', 'image/png', 'alice', 1000000)",
    s3_upload_part_urls => "SELECT part_number, size FROM s3_upload_part_urls('$multi')",
    s3_uploaded_parts => "SELECT count(*) FROM s3_uploaded_parts('$multi')",
    s3_gc => "SELECT count(*) > 0 FROM s3_gc('0 s')",
    's3_gc, for real' => "SELECT count(*) > 0 FROM s3_gc('0 s', false)",
    s3_put_object => "SELECT etag FROM s3_put_object('left/o', 'hello', 'text/plain', '{\"a\": \"b\"}', headers => '{\"cache-control\": \"no-cache\"}')",
    s3_put_objects => "SELECT key, etag, code, message FROM s3_put_objects('{left/a,left/b}', '{x,y}')",
    s3_get_object => "SELECT s3_get_object('o')",
    's3_get_object, none' => "SELECT s3_get_object('none')",
    s3_get_objects => "SELECT key, body, code, split_part(message, ' (', 1) FROM s3_get_objects('{o,none}')",
    s3_head_object => "SELECT size, metadata FROM s3_head_object('o')",
    s3_head_objects => "SELECT key, found, etag, error FROM s3_head_objects('{o,none}')",
    s3_object_exists => "SELECT s3_object_exists('o'), s3_object_exists('none')",
    s3_copy_object => "SELECT etag FROM s3_copy_object('o', 'left/copy')",
    s3_delete_object => "SELECT s3_delete_object('left/none')",
    s3_delete_objects => "SELECT * FROM s3_delete_objects('{left/none,left/nothing}')",
    s3_list_objects => "SELECT key, size FROM s3_list_objects('o', delimiter => '/')",
    s3_put_large_object => "SELECT etag FROM s3_put_large_object('left/large', 4711)",
    s3_get_large_object => "SELECT s3_get_large_object('1MB', 4712)",
    s3_create_multipart_upload => "SELECT s3_create_multipart_upload('uploaded') <> ''",
    s3_complete_multipart_upload => "SELECT s3_complete_multipart_upload('uploaded', '$upload', '[{\"part_number\": 1, \"etag\": \"5d41402abc4b2a76b9719d911017c592\"}]')",
    s3_abort_multipart_upload => "SELECT s3_abort_multipart_upload('uploaded', 'no-such-upload')",
    s3_list_parts => "SELECT * FROM s3_list_parts('uploaded', '$upload')",
    s3_list_multipart_uploads => 'SELECT count(*) > 0 FROM s3_list_multipart_uploads()',
    s3_list_object_versions => "SELECT count(*) > 0 FROM s3_list_object_versions('v', bucket => '$versions')",
    s3_delete_object_versions => "SELECT key, deleted FROM s3_delete_object_versions('{none}', '{null}', '$versions')",
    s3_restore_version => "SELECT etag FROM s3_restore_version('v', '$version', '$versions')",
    s3_export_query => "SELECT * FROM s3_export_query('VALUES (1)', 'left/one.csv')",
    's3_export_query, in parts' => "SELECT rows, parts FROM s3_export_query(\$\$$numbers\$\$, 'left/many.csv')",
    's3_export_query, gzip' => "SELECT rows, parts FROM s3_export_query(\$\$$numbers\$\$, 'left/many.csv.gz')",
    s3_import_table => "SELECT s3_import_table('numbers', 'left/numbers.csv')",
  );
}

sub bucket_cases {
  my ($self) = @_;
  my $versions = "$self->{bucket}-v";
  my $rules = q{'[{"AllowedMethods": ["PUT"], "AllowedOrigins": ["https://app.example.com"]}]'};
  my $policy = qq{'{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::$self->{bucket}/public/*"}]}'};
  my $expiry = q{'[{"ID": "a", "Status": "Enabled", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 1}}]'};
  return cases({},
    s3_create_bucket => "SELECT s3_create_bucket('$versions')",
    s3_delete_bucket => "SELECT s3_delete_bucket('$self->{bucket}-none')",
    s3_bucket_exists => "SELECT s3_bucket_exists('$versions')",
    s3_list_buckets => 'SELECT count(*) > 0 FROM s3_list_buckets()',
    s3_put_bucket_cors => "SELECT s3_put_bucket_cors($rules)",
    s3_get_bucket_cors => "SELECT s3_get_bucket_cors('$versions')",
    s3_delete_bucket_cors => 'SELECT s3_delete_bucket_cors()',
    s3_put_bucket_policy => "SELECT s3_put_bucket_policy($policy)",
    s3_get_bucket_policy => "SELECT s3_get_bucket_policy('$versions')",
    s3_delete_bucket_policy => 'SELECT s3_delete_bucket_policy()',
    s3_put_public_access_block => 'SELECT s3_put_public_access_block(false)',
    s3_get_public_access_block => "SELECT s3_get_public_access_block('$versions')",
    s3_put_bucket_lifecycle => "SELECT s3_put_bucket_lifecycle($expiry)",
    s3_get_bucket_lifecycle => "SELECT s3_get_bucket_lifecycle('$versions')",
    s3_delete_bucket_lifecycle => "SELECT s3_delete_bucket_lifecycle('$versions')",
    s3_put_bucket_versioning => "SELECT s3_put_bucket_versioning(true, '$versions')",
    s3_get_bucket_versioning => "SELECT s3_get_bucket_versioning('$versions')",
    s3_setup_bucket => "SELECT step, done, CASE WHEN NOT done THEN detail END FROM s3_setup_bucket('$self->{bucket}-s', '{https://app.example.com}')",
    s3_doctor => 'SELECT count(*) FROM s3_doctor()',
  );
}

sub requests {
  my ($self) = @_;
  $self->prepare_requests;
  return [ @{ $self->object_cases }, @{ $self->bucket_cases }, @{ cases({ before => q{SELECT s3_put_object('left/source', 'hello')} },
    s3_move_object => "SELECT etag FROM s3_move_object('left/source', 'left/moved')",
  ) }, @{ cases({ is_procedure => 1, before => "INSERT INTO s3_files (object_key, file_url, user_id) VALUES ('files/gone', 'u', 'bob') \\g /dev/null\nDELETE FROM s3_files WHERE object_key = 'files/gone'" },
    s3_run_outbox => 'CALL s3_run_outbox()',
  ) } ];
}

sub first_calls {
  my ($self) = @_;
  my %wanted = map { $_ => 1 } qw(s3_presign_get s3_presign_explain s3_presign_upload s3_begin_upload server s3_file_url s3_settings s3_save_metadata s3_uploads);
  return [ grep { $wanted{ $_->{name} } } @{ signing() }, @{ $self->{lifecycle} } ];
}

1;

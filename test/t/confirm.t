# s3_confirm_upload: an upload is what was promised, or it is not confirmed; nothing is locked while S3 is asked.
use v5.32;
use warnings;
use utf8;
use Digest::SHA qw(sha256 sha256_hex);
use FindBin;
use lib $FindBin::Bin;
use FaultServer;
use MIME::Base64 qw(encode_base64);
use NeonS3Test;
use Test::More;
use Time::HiRes qw(time);

my $bucket = new_bucket();
my $server = NeonS3Test->server;
my $db = $server->new_database;
my ($owner, $web) = map { $server->new_role("neon_s3_t_$$ $_") } qw(owner web);
my ($as_owner, $as_web) = map { 'SET ROLE ' . ident($_) . ';' } $owner, $web;
my @real = s3_settings($bucket);
my $fault = FaultServer->new;
my @fault = $fault->settings('http');

$db->do('CREATE EXTENSION neon_s3;', 'GRANT EXECUTE ON FUNCTION s3_presign_get TO ' . ident($owner) . ';',
  'GRANT CREATE ON SCHEMA public TO ' . ident($owner) . ';', @real, $as_owner, <<"SQL");
SELECT s3_create_files_table();
ALTER TABLE s3_files ADD size integer, ADD etag text, ADD content_type varchar, ADD version_id text, ADD checksum_sha256 bytea, ADD confirmed_at timestamptz, ADD note text;
ALTER TABLE s3_files ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON s3_files USING (user_id = current_setting('app.who', true)) WITH CHECK (user_id = current_setting('app.who', true));
GRANT SELECT, INSERT, DELETE ON s3_files TO @{[ ident($web) ]};
GRANT USAGE ON SEQUENCE s3_files_id_seq TO @{[ ident($web) ]};
SELECT s3_track_files();
SQL
$db->do('SELECT s3_arm_lifecycle();');

sub last_of { return (@_)[-1] }
sub user { my ($who, @settings) = @_; return (@settings ? @settings : @real, $as_web, "SET app.who = " . lit($who) . ';') }

# Begins alice's upload of 'hello', and puts what is given.
sub begin {
  my ($more, @settings) = @_;
  my %upload;
  @upload{qw(key url headers)} = $db->row(user('alice', @settings),
    "SELECT object_key, presigned_url, headers FROM s3_begin_upload($more);");
  $upload{headers} = from_json($upload{headers});
  $upload{call} = 's3_confirm_upload(' . lit($upload{key}) . ')';
  return \%upload;
}

sub put { my ($upload, $body) = @_; return curl('PUT', $upload->{url}, headers => $upload->{headers}, body => $body)->{status} }
sub replace { my ($upload, $body, $type) = @_; $db->do(@real, 'SELECT s3_put_object('
  . join(', ', lit($upload->{key}), lit($body), lit($type)) . ');') }
sub confirm { my ($upload, $who, @settings) = @_;
  return last_of($db->try(user($who // 'alice', @settings), "SELECT * FROM $upload->{call};")) }
sub measured { my ($upload) = @_; return [ $db->row("SELECT size, etag, content_type, confirmed_at IS NOT NULL FROM s3_files WHERE object_key = @{[ lit($upload->{key}) ]};") ] }
sub is_pending { my ($upload) = @_;
  return $db->value("SELECT pending FROM s3_issued_keys WHERE object_key = @{[ lit($upload->{key}) ]};") eq 't' }

my $md5 = '5d41402abc4b2a76b9719d911017c592';
my $hello = "'a.png', 'image/png', 'alice', content_length => 5";

subtest 'an upload' => sub {
  my $upload = begin($hello);
  refused(confirm($upload), 'P0002', 'before it is there: P0002');
  is put($upload, 'hello'), 200, 'put';
  refused(confirm($upload, 'bob'), '42501', 'another user', message => qr/does not exist, or is not yours\z/);
  refused(last_of($db->try(user('alice'), "SELECT s3_confirm_upload('absent');")), '42501',
    'a key that does not exist: the same', message => qr/does not exist, or is not yours\z/);
  refused(last_of($db->try(@real, "SET default_transaction_read_only = on; $as_web SET app.who = 'alice';",
    "SELECT $upload->{call};")), '25006', 'in a read-only transaction');
  ok is_pending($upload), 'pending';
  my @row = $db->row(user('alice'),
    "SELECT object_key, size, etag, content_type, last_modified > now() - interval '1 min' FROM $upload->{call};");
  is_deeply \@row, [ $upload->{key}, 5, $md5, 'image/png', 't' ], 'confirmed, without a right to UPDATE';
  is_deeply measured($upload), [ 5, $md5, 'image/png', 't' ], 'what was measured is in the row';
  ok !is_pending($upload), 'pending no longer';
  my $at = $db->value('SELECT confirmed_at FROM s3_files;');
  is confirm($upload)->{out} =~ s/\x1f[^\x1f]*\z//r, join("\x1f", $upload->{key}, 5, $md5, 'image/png', ''), 'again: the same';
  is $db->value('SELECT confirmed_at FROM s3_files;'), $at, '... and it stays confirmed since then';
  is put($upload, 'hullo'), 412, 'the URL takes no other file';
  is $db->value(user('alice'), "SELECT s3_abort_upload(@{[ lit($upload->{key}) ]});"), 'f', 'what is confirmed is not aborted';
  replace($upload, 'hellohello', 'image/png');
  refused(confirm($upload), '55000', 'replaced by a trusted role: no longer what was promised',
    detail => qr/length is 10, but 5 was promised/);
};

subtest 'not what was promised' => sub {
  my %wrong = (truncated => [ 'hell', 'image/png', qr/length is 4, but 5/ ], longer => [ 'hello!', 'image/png', qr/length is 6, but 5/ ],
    'of another type' => [ 'hello', 'text/html', qr{content type is "text/html", but "image/png"} ]);
  for my $what (sort keys %wrong) {
    my $upload = begin($hello);
    my ($body, $type, $detail) = @{ $wrong{$what} };
    replace($upload, $body, $type);
    refused(confirm($upload), '55000', $what, detail => $detail, hint => qr/\w/);
    is_deeply measured($upload), [ '', '', '', 'f' ], '... records nothing';
    ok is_pending($upload), '... and stays pending';
    replace($upload, 'hello', 'image/png');
    is confirm($upload)->{state}, '00000', '... until it is right';
  }
  my $free = begin("'b', NULL, 'alice'");
  is put($free, 'anything'), 200, 'nothing promised';
  is confirm($free)->{state}, '00000', '... nothing compared';
  my $sum = begin("'c', 'a/b', 'alice', checksum_sha256 => '\\x" . sha256_hex('hello') . "'");
  is put($sum, 'hello'), 200, 'with a checksum';
  is confirm($sum)->{state}, '00000', '... that the server may not report';

  my ($promised, $other) = map { sha256_hex($_) } qw(hello hullo);
  $sum = begin("'c', 'text/plain', 'alice', content_length => 5, checksum_sha256 => '\\x$promised'", @fault);
  $fault->plays('checksum:' . encode_base64(sha256('hullo'), ''));
  refused(confirm($sum, 'alice', @fault), '55000', 'a checksum that the server reports, and that is another one',
    detail => qr/\AIts SHA-256 is $other, but $promised was promised\.\z/, hint => qr/\w/);
  is_deeply measured($sum), [ '', '', '', 'f' ], '... records nothing';
  ok is_pending($sum), '... and stays pending';
  $fault->plays('checksum:' . encode_base64(sha256('hello'), ''));
  is confirm($sum, 'alice', @fault)->{state}, '00000', 'the one that was promised';
  is $db->value("SELECT encode(checksum_sha256, 'hex') FROM s3_files WHERE object_key = @{[ lit($sum->{key}) ]};"), $promised, '... is recorded';
  $fault->plays();
};

subtest 'what happens in between' => sub {
  my $upload = begin($hello);
  put($upload, 'hello');
  $db->do('BEGIN;', "SET app.who = 'alice';", @real, "SELECT $upload->{call};", 'ROLLBACK;');
  ok is_pending($upload), 'ROLLBACK: still pending';
  $db->do($as_owner, 'DROP POLICY own ON s3_files;', "CREATE POLICY none ON s3_files USING (false);");
  refused(confirm($upload), '42501', 'a policy that hides the row by now');
  $db->do($as_owner, 'DROP POLICY none ON s3_files;', "CREATE POLICY own ON s3_files USING (user_id = current_setting('app.who', true)) WITH CHECK (user_id = current_setting('app.who', true));");
  $db->do($as_owner, 'ALTER TABLE s3_files DISABLE TRIGGER s3_guard;');
  refused(confirm($upload), '55000', 'a table that is not governed any more');
  $db->do($as_owner, 'ALTER TABLE s3_files ENABLE TRIGGER s3_guard;');
  $db->do($as_owner, 'CREATE FUNCTION who() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.note = current_user; PERFORM set_config(\'app.superuser\', (SELECT rolsuper::text FROM pg_roles WHERE rolname = current_user), false); RETURN NEW; END $$;',
    'CREATE TRIGGER who BEFORE UPDATE ON s3_files FOR EACH ROW EXECUTE FUNCTION who();');
  is confirm($upload)->{state}, '00000', 'confirmed';
  is $db->value("SELECT note FROM s3_files WHERE object_key = @{[ lit($upload->{key}) ]};"), $owner,
    "the owner's trigger runs as the owner";
  $db->do($as_owner, 'DROP FUNCTION who() CASCADE;');
  $db->do($as_owner, 'CREATE FUNCTION become() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RESET ROLE; RETURN NEW; END $$;',
    'CREATE TRIGGER become BEFORE UPDATE ON s3_files FOR EACH ROW EXECUTE FUNCTION become();');
  my $other = begin($hello);
  put($other, 'hello');
  refused(confirm($other), '42501', '... and cannot become another role');
  $db->do($as_owner, 'DROP FUNCTION become() CASCADE;');
};

subtest 'during HTTP' => sub {
  my @other = ("SET app.who = 'alice';");
  my $upload = begin("'slow', NULL, 'alice', content_length => 5", @fault, "SET neon_s3.bucket = '$bucket';");
  $fault->plays('gate');
  my @sessions = map { $db->session(user('alice', @fault)) } 1, 2;
  $_->start("SELECT size FROM $upload->{call};") for @sessions;
  wait_until(sub { $fault->requests == 2 });
  is $db->value("SELECT count(*) FROM pg_locks WHERE pid IN ($sessions[0]{pid}, $sessions[1]{pid}) AND (locktype IN ('tuple', 'transactionid') OR mode IN ('ExclusiveLock', 'RowShareLock') AND locktype = 'relation');"), 0, 'no row is locked';
  is $db->value("SELECT count(*) FROM pg_stat_activity WHERE pid IN ($sessions[0]{pid}, $sessions[1]{pid}) AND backend_xid IS NOT NULL;"), 0, 'nothing is written';
  is last_of($db->try("SET lock_timeout = '2s';",
    "UPDATE s3_files SET note = 'mine' WHERE object_key = @{[ lit($upload->{key}) ]};"))->{state}, '00000',
    'the row can be updated meanwhile';
  $fault->plays();
  is_deeply [ map { my $r = $_->result; "$r->{state} $r->{out}" } @sessions ], [ '00000 5', '00000 5' ], 'both succeed';
  ok !is_pending($upload), 'it is confirmed';
  is $db->value("SELECT note || size FROM s3_files WHERE object_key = @{[ lit($upload->{key}) ]};"), 'mine5',
    '... once, and the update is there';

  $upload = begin("'slow', NULL, 'alice', content_length => 5", @fault, "SET neon_s3.bucket = '$bucket';");
  $fault->plays('gate');
  $sessions[0]->start("SELECT size FROM $upload->{call};");
  wait_until(sub { $fault->requests });
  $db->do(user('alice'), "SELECT s3_abort_upload(@{[ lit($upload->{key}) ]});");
  $fault->plays();
  refused($sessions[0]->result, '42501', 'aborted meanwhile: nothing to confirm');
  is $db->value("SELECT count(*) FROM s3_outbox WHERE object_key = @{[ lit($upload->{key}) ]};"), 1, 'its object is going to be deleted';
};

subtest 'in parts' => sub {
  my $mib = 1 << 20;
  my $size = 5 * $mib + 3;
  my ($key, $id) = $db->row(user('alice'),
    "SELECT object_key, upload_id FROM s3_begin_multipart_upload('film.mp4', 'video/mp4', 'alice', $size, 5 * $mib);");
  my $upload = { key => $key, call => 's3_confirm_upload(' . lit($key) . ')' };
  $db->do('GRANT UPDATE ON s3_files TO ' . ident($web) . ';');
  my @parts = $db->rows(user('alice'), "SELECT * FROM s3_upload_part_urls(@{[ lit($key) ]});");
  my $send = sub { my ($part) = @_; return curl('PUT', $part->[2], body => 'x' x $part->[1],
    headers => { 'content-length' => $part->[1] })->{status} };
  refused(confirm($upload), '55000', 'no part yet', detail => qr/Part 1 of 2 is not uploaded/);
  is $send->($parts[0]), 200, 'part 1';
  refused(confirm($upload), '55000', 'one part', detail => qr/Part 2 of 2 is not uploaded/);
  is $send->($parts[1]), 200, 'part 2';
  refused(confirm($upload, 'bob'), '42501', "somebody else's upload");
  $db->do('UPDATE s3_lifecycle_identity SET instance = \'elsewhere\';');
  refused(confirm($upload), '55000', 'a copy completes nothing', hint => qr/s3_arm_lifecycle/);
  $db->do('DELETE FROM s3_lifecycle_identity;', 'SELECT s3_arm_lifecycle();');
  $db->do('BEGIN;', user('alice'), "SELECT $upload->{call};", 'ROLLBACK;');
  ok is_pending($upload), 'completed, but rolled back: pending';
  my $result = confirm($upload);
  is $result->{state}, '00000', '... finds its own object' or diag $result->{notices};
  is measured($upload)->[0], $size, 'of its size';
  ok !is_pending($upload), 'confirmed';
  is confirm($upload)->{state}, '00000', '... again';
};

subtest 'a table that records nothing' => sub {
  $db->do($as_owner, 'ALTER TABLE s3_files DROP size, DROP etag, DROP content_type, DROP version_id, DROP checksum_sha256, DROP confirmed_at;');
  my $upload = begin($hello);
  put($upload, 'hello');
  is confirm($upload)->{state}, '00000', 'confirmed';
  ok !is_pending($upload), 'pending no longer';
};

subtest 'in ten thousand parts' => sub {
  my $mib = 1 << 20;
  my $session = $db->session(user('alice', @fault));
  my $run = sub { my $result = $session->run($_[0]); is $result->{state}, '00000', $_[0] =~ s/'[^']{20,}'/'...'/r or diag $result->{notices};
    return split /\x1f/, $result->{out} };
  my $begin = sub { "SELECT object_key, part_size, part_count FROM s3_begin_multipart_upload('film', 'text/plain', 'alice', $_[0]);" };
  $fault->plays();
  is_deeply [ ($run->($begin->(80000 * $mib + 1)))[ 1, 2 ] ], [ 9 * $mib, 8889 ], 'parts grow';
  is_deeply [ ($run->($begin->(5 << 40)))[ 1, 2 ] ], [ 525 * $mib, 9987 ], '... up to 5 TiB';
  refused($session->run($begin->((5 << 40) + 1)), '22023', '... and no further');
  my $total = 80000 * $mib - 5;
  my ($key, @plan) = $run->($begin->($total));
  is_deeply \@plan, [ 8 * $mib, 10000 ], 'as many as there can be';
  my $k = lit($key);

  my $urls = sub { "s3_upload_part_urls($k$_[0])" };
  my ($memory, $start) = ($session->peak_memory, time);
  is_deeply [ $run->('SELECT count(*), count(DISTINCT part_number), min(part_number), max(part_number), count(DISTINCT presigned_url), sum(size), bool_and(presigned_url LIKE \'%partNumber=\' || part_number || \'&uploadId=upload&%\') FROM ' . $urls->('') . ';') ],
    [ 10000, 10000, 1, 10000, 10000, $total, 't' ], 'URLs of all parts';
  cmp_ok time - $start, '<', 10, '... in seconds';
  cmp_ok $session->peak_memory - $memory, '<', 64 * $mib, '... and little memory' if -r "/proc/$session->{pid}/status";
  is_deeply [ $run->('SELECT part_number, size FROM ' . $urls->(", '{10000}'") . ';') ], [ 10000, 8 * $mib - 5 ], 'the last one is shorter';
  refused($session->run('SELECT ' . $urls->(", '{10001}'") . ';'), '22023', '... and there is none after it');

  $fault->plays("in_parts:$total:" . 8 * $mib . ':7777');
  is_deeply [ $run->("SELECT count(*), sum(part_number) FROM s3_uploaded_parts($k);") ], [ 9999, 50005000 - 7777 ], 'all but one are uploaded';
  is scalar $fault->requests, 10, '... listed by the thousand';
  is_deeply [ $run->('SELECT part_number, size FROM ' . $urls->('') . ';') ], [ 7777, 8 * $mib ], 'the one that is missing';
  my $confirm = "SELECT size FROM s3_confirm_upload($k);";
  refused($session->run($confirm), '55000', 'is not there: not confirmed', detail => qr/Part 7777 of 10000/);
  $fault->plays("in_parts:$total:" . 8 * $mib);
  is_deeply [ $run->($confirm) ], [$total], 'all are: confirmed';
  is_deeply [ map { $_->{method} } $fault->requests ], [ ('GET') x 10, 'POST', 'HEAD' ], '... with what the server lists';
  $fault->plays();
};

subtest 'a row of a key that was never issued' => sub {
  $db->do(@real, "SELECT s3_put_object('legacy', 'x');",
    "INSERT INTO s3_files (object_key, file_url, user_id) VALUES ('legacy', 'u', 'alice');");
  is $db->value(user('alice'), "SELECT size FROM s3_confirm_upload('legacy');"), 1, 'its object is measured, and nothing compared';
};

done_testing;

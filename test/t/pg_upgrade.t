# pg_upgrade, into the same PostgreSQL or from an older one, whose pg_config NEON_S3_OLD_PG_CONFIG names: governed tables,
# ledger and outbox come along, nothing is deleted until the new database is armed, and then everything goes on.
use v5.32;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use NeonS3Test;
use Test::More;

my $bucket = new_bucket();
my %options = (preload => 1, conf => "neon_s3.worker_database = 'app'\n" . conf_lines(s3_settings($bucket)));
my $old = own_server(%options, pg_config => $ENV{NEON_S3_OLD_PG_CONFIG});
my $new = own_server(%options);
my ($from, $to) = map { int($_->value('SHOW server_version_num;') / 10000) } $old, $new;
note "from $from to $to";

# ---------------------------------------------------------------- what is upgraded

my $mib = 1 << 20;
my $db = $old->new_database('app');
my $plain = $old->new_database('plain');
$_->do('CREATE EXTENSION neon_s3;') for $db, $plain;
$db->do(<<"SQL");
SELECT s3_create_files_table();
ALTER TABLE s3_files ADD size bigint, ADD confirmed_at timestamptz;
SELECT s3_track_files(max_size => ${\(10 * $mib)});
ALTER SYSTEM SET neon_s3.delete_delay = '1 h';
CREATE SERVER other FOREIGN DATA WRAPPER neon_s3 OPTIONS (bucket '$bucket', region 'eu-central-1');
CREATE USER MAPPING FOR PUBLIC SERVER other OPTIONS (access_key_id 'AK', secret_access_key 'SK');
SQL
$old->reload;

sub begin { my ($name) = @_; return $db->row("SELECT object_key, presigned_url, headers FROM s3_begin_upload('$name', 'a/b', 'me', content_length => 5);") }
sub put { my ($url, $headers) = @_; return curl('PUT', $url, headers => from_json($headers), body => 'hello')->{status} }
sub upload { my ($name) = @_; my ($key, @url) = begin($name); is put(@url), 200, "$name is uploaded"; return $key }
sub confirm { my ($key) = @_; return $db->value('SELECT size FROM s3_confirm_upload(' . lit($key) . ');') }
sub delete_row { my ($key) = @_; $db->do('DELETE FROM s3_files WHERE object_key = ' . lit($key) . ';') }

my ($kept, $deleted, $pending) = map { upload($_) } qw(kept deleted pending);
$db->do('SELECT s3_arm_lifecycle();');
my $begun = upload('begun');
is confirm($_), 5, 'confirmed' for $kept, $deleted;
delete_row($deleted);
my $film = $db->value("SELECT object_key FROM s3_begin_multipart_upload('film', 'a/b', 'me', 5 * $mib);");
sub send_part { return curl('PUT', $db->value('SELECT presigned_url FROM s3_upload_part_urls(' . lit($film) . ');'),
  headers => { 'content-length' => 5 * $mib }, body => 'x' x (5 * $mib))->{status} }
is send_part(), 200, 'a multipart upload is under way';

my @tables = (qw(s3_files s3_governed_tables s3_issued_keys s3_delete_queue s3_bulk_deletes s3_lifecycle_identity s3_outbox s3_uploads s3_tracked_files),
  '(SELECT srvname, usename, umoptions FROM pg_user_mappings)');
sub content { return { map { my $table = $_; $table => [ map { @$_ } $db->rows("SELECT to_jsonb(t) FROM $table t ORDER BY 1;") ] } @tables } }
sub objects { return [ sort map { s/\A[0-9a-f-]{36}-//r } s3_keys($bucket) ] }

# ---------------------------------------------------------------- pg_upgrade

my $content = content();
is scalar(@{ $content->{s3_outbox} }), 1, 'a delete waits';
is scalar(@{ $content->{s3_uploads} }), 3, 'uploads are under way';
my $objects = objects();
$_->control('stop') for $old, $new;
my $work = "$new->{dir}/pg/log";
eval {
  $new->as_server_user([ 'sh', '-c', 'cd "$1" && shift && exec "$@"', 'sh', $work, "$new->{bin}/pg_upgrade", '-U', 'postgres', '-s', $work,
    '-b', $old->{bin}, '-B', $new->{bin}, '-d', $old->{env}{PGDATA}, '-D', $new->{env}{PGDATA} ]);
  1;
} or do {
  diag map { /^((?:.*\n){0,30})\z/m } map { NeonS3Test::slurp($_) } glob "$new->{env}{PGDATA}/pg_upgrade_output.d/*/log/*dump_*.log";
  die $@;
};
$new->control('start');
$_ = $new->with(PGDATABASE => $_->{env}{PGDATABASE}) for $db, $plain;

is int($db->value('SHOW server_version_num;') / 10000), $to, "pg_upgrade succeeds";
is_deeply content(), $content, 'all rows are as they were';
is_deeply objects(), $objects, 'no object is gone';
my $fresh = $new->new_database('fresh');
$fresh->do('CREATE EXTENSION neon_s3;');
is $plain->catalog, $fresh->catalog, 'the catalog is that of a fresh install';

# ---------------------------------------------------------------- armed again

$db->do("ALTER SYSTEM SET neon_s3.delete_delay = '0';", 'UPDATE s3_delete_queue SET next_attempt_at = now();');
$new->reload;
refused(scalar $db->try('CALL s3_run_outbox();'), '55000', 'it deletes nothing', hint => qr/s3_arm_lifecycle/);
is_deeply objects(), $objects, '... indeed';
my $armed = $db->try('SELECT s3_arm_lifecycle();');
is $armed->{state}, '00000', 'armed again' or diag $armed->{notices};

$db->do('CALL s3_run_outbox();');
is_deeply objects(), [ grep { $_ ne 'deleted' } @$objects ], 'what was deleted before is deleted now';
is confirm($begun), 5, 'an upload of before is confirmed';
is confirm($film), 5 * $mib, 'so is one in parts';
delete_row($kept);
$db->do('CALL s3_run_outbox();');
is_deeply objects(), [ sort 'begun', 'film', 'pending' ], 'a row of before takes its object along';
my ($key, @url) = begin('new');
is put(@url), 200, 'a new upload';
is confirm($key), 5, '... is confirmed';

done_testing;

# The fence and the branch: no copy of a database deletes anything of the original's, however it was made, and a copy
# that becomes a branch lives beside it.
use v5.32;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use NeonS3Test;
use Test::More;
use Time::HiRes ();

my $bucket = new_bucket();
my $server = own_server(preload => 1, conf => conf_lines(s3_settings($bucket)));
my $db = $server->new_database('app');
$db->do('CREATE EXTENSION neon_s3;', 'CREATE ROLE web;', <<'SQL');
SELECT s3_create_files_table();
ALTER TABLE s3_files ADD size bigint, ADD confirmed_at timestamptz;
ALTER TABLE s3_files ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON s3_files USING (user_id = current_setting('app.who', true));
GRANT SELECT, INSERT, UPDATE, DELETE ON s3_files TO web;
GRANT USAGE ON SEQUENCE s3_files_id_seq TO web;
SELECT s3_track_files();
SQL

my $mib = 1 << 20;
my @alice = ('SET ROLE web;', "SET app.who = 'alice';");
sub last_of { return (@_)[-1] }
sub begin { my ($in, $name) = @_; return $in->row(@alice, "SELECT object_key, presigned_url, headers FROM s3_begin_upload('$name', 'a/b', 'alice', content_length => 5);") }
sub begin_multipart { my ($in, $name) = @_; return $in->value(@alice, "SELECT object_key FROM s3_begin_multipart_upload('$name', 'a/b', 'alice', 5 * $mib);") }
sub send_part { my ($in, $key) = @_; return curl('PUT', $in->value(@alice, 'SELECT presigned_url FROM s3_upload_part_urls(' . lit($key) . ');'),
  headers => { 'content-length' => 5 * $mib }, body => 'x' x (5 * $mib))->{status} }
sub confirm { my ($in, $key) = @_; return last_of($in->try(@alice, 'SELECT size FROM s3_confirm_upload(' . lit($key) . ');')) }
sub upload {
  my ($in, $name) = @_;
  my ($key, $url, $headers) = begin($in, $name);
  is curl('PUT', $url, headers => from_json($headers), body => 'hello')->{status}, 200, "$name is uploaded";
  is confirm($in, $key)->{state}, '00000', '... and confirmed';
  return $key;
}
sub delete_row { my ($in, @keys) = @_; $in->do(@alice, 'DELETE FROM s3_files WHERE object_key IN (' . join(', ', map { lit($_) } @keys) . ');') }
sub drain { return $_[0]->try('CALL s3_run_outbox();') }
sub gc { return [ sort map { join ' ', $_->[0], $_->[1] =~ s/\A[0-9a-f-]{36}-//r, $_->[2] } $_[0]->rows(
  "SELECT kind, object_key, action FROM s3_gc(older_than => '0', dry_run => false);") ] }
sub objects { return [ map { s/\A[0-9a-f-]{36}-//r } s3_keys($bucket) ] }
sub sorted { return [ sort @{ $_[0] } ] }

# The same for every copy: $copy is a database that was copied while $film was under way.
sub is_fenced {
  my ($copy, $film, $live) = @_;
  my $before = sorted(objects());
  my %hint = (hint => qr/s3_arm_lifecycle/);
  refused(drain($copy), '55000', 's3_run_outbox', %hint);
  refused(scalar $copy->try("SELECT * FROM s3_gc(older_than => '0'$_);"), '55000', "s3_gc$_", %hint) for '', ', dry_run => false';
  refused(confirm($copy, $film), '55000', 'completing a multipart upload', %hint);
  like $copy->value(@alice, 'SELECT s3_file_url(' . lit($live) . ');'), qr/X-Amz-Signature/, 's3_file_url goes on';
  is confirm($copy, $live)->{out}, 5, 'so does a second look at what was confirmed';
  my ($key) = begin($copy, 'of-copy');
  ok $key, 's3_begin_upload';
  is $copy->value(@alice, 'SELECT count(*) FROM s3_upload_part_urls(' . lit($film) . ');'), 0, 's3_upload_part_urls, of parts that are missing';
  is $copy->value(@alice, 'SELECT count(*) FROM s3_upload_part_urls(' . lit($film) . ", '{1}');"), 1, '... and again';
  is $copy->value(@alice, 'SELECT s3_abort_upload(' . lit($film) . ');'), 't', 's3_abort_upload, which enqueues';
  delete_row($copy, $live);
  is $copy->value('SELECT count(*) FROM s3_outbox WHERE object_key IN (' . lit($film) . ', ' . lit($live) . ');'), 2, 'so does DELETE';
  refused(drain($copy), '55000', '... and none of it is done', %hint);
  is_deeply sorted(objects()), $before, 'the bucket is as it was';
}

subtest 'nothing was armed' => sub {
  refused(drain($db), '55000', 's3_run_outbox', hint => qr/s3_arm_lifecycle/, detail => qr/No database has been armed/);
  refused(scalar $db->try('SELECT * FROM s3_gc();'), '55000', 's3_gc');
};
$db->do('SELECT s3_arm_lifecycle();');
my $live = upload($db, 'live');
my $film = begin_multipart($db, 'film');
is send_part($db, $film), 200, 'a multipart upload is under way';
my $deleted = upload($db, 'deleted');
delete_row($db, $deleted);

subtest 'CREATE DATABASE ... TEMPLATE' => sub {
  $server->do('CREATE DATABASE clone TEMPLATE app;');
  is_fenced($server->with(PGDATABASE => 'clone'), $film, $live);
};

subtest 'pg_dump, restored' => sub {
  my $restored = $server->new_database('restored');
  my ($status, $dump, $err) = run_program([ "$db->{bin}/pg_dump" ], '', $db->{env});
  is $status, 0, 'pg_dump' or diag $err;
  $restored->do($dump);
  is_fenced($restored, $film, $live);
};

subtest 'pg_basebackup, started beside it' => sub {
  my $copy = $server->copy_of_server('copy');
  is $copy->value('SELECT system_identifier FROM pg_control_system();'), $server->value('SELECT system_identifier FROM pg_control_system();'),
    'it has the same system identifier';
  is_fenced($copy->with(PGDATABASE => 'app'), $film, $live);
  $copy->copy_control(qw(-m immediate stop));
};

subtest 'the original goes on' => sub {
  is drain($db)->{state}, '00000', 's3_run_outbox';
  is_deeply sorted(objects()), [qw(live)], '... and deletes what was deleted here';
  is confirm($db, $film)->{out}, 5 * $mib, 'the multipart upload is completed';
  is_deeply gc($db), [], 'gc finds nothing wrong';
};

subtest 'a copy that is armed after all' => sub {
  my $copy = $server->with(PGDATABASE => 'restored');
  refused(last_of($copy->try('SET ROLE web;', 'SELECT s3_arm_lifecycle();')), '42501', 'not by everybody');
  my $armed = $copy->try('SELECT s3_arm_lifecycle();');
  is $armed->{state}, '00000', 'by a superuser';
  like $armed->{notices}, qr/WARNING:.*armed at/, '... who is warned of the original';
  $copy->do('DELETE FROM s3_delete_queue;');
  is drain($copy)->{state}, '00000', '... it drains';
  $server->do('DROP DATABASE restored;');
};

subtest 'lifecycle_id' => sub {
  my $id = sub { "neon_s3.lifecycle_id = '$_[0]'" };
  $server->append_conf($id->('one'));
  $server->reload;
  refused(drain($db), '55000', 'another name, another owner: it is armed again');
  $db->do('SET client_min_messages = error;', 'SELECT s3_arm_lifecycle();');
  my $standby = $server->copy_of_server('member', standby => 1);
  my $app = $standby->with(PGDATABASE => 'app');
  refused(drain($app), '25006', 'a standby drains nothing');
  $standby->copy_control('promote');
  wait_until(sub { $app->value('SELECT pg_is_in_recovery();') eq 'f' });
  is drain($app)->{state}, '00000', 'promoted, with the same lifecycle_id: it goes on';
  $standby->append_conf($id->('two'));
  $standby->reload;
  refused(drain($app), '55000', 'a copy with another one is fenced');
  $standby->append_conf($id->(''));
  $standby->reload;
  refused(drain($app), '55000', '... or with none');
  $standby->copy_control(qw(-m immediate stop));
};

subtest 'neon.timeline_id and neon.branch_id' => sub {
  my $ids = sub { "neon.timeline_id = '$_[0]'\nneon.branch_id = '$_[1]'" };
  $server->append_conf($ids->('t1', 'b1'));
  $server->reload;
  refused(drain($db), '55000', 'they come before lifecycle_id: it is armed again');
  $db->do('SET client_min_messages = error;', 'SELECT s3_arm_lifecycle();');
  is drain($db)->{state}, '00000', 'armed';
  is last_of($db->try("SET neon.timeline_id = 't2';", 'CALL s3_run_outbox();'))->{state}, '00000', 'what a session sets counts for nothing';
  my $copy = $server->copy_of_server('timeline', conf => $ids->('t2', 'b1'));
  my $app = $copy->with(PGDATABASE => 'app');
  refused(drain($app), '55000', 'a copy with another timeline is fenced', detail => qr{"neon:t1/b1"});
  refused(last_of($app->try("SET neon.timeline_id = 't1';", 'CALL s3_run_outbox();')), '55000', '... whatever a session sets');
  my %other = ('another branch' => [qw(t1 b2)], 'no branch' => [ 't1', '' ], 'neither' => [ '', '' ]);
  for my $what (sort keys %other) {
    $copy->append_conf($ids->(@{ $other{$what} }));
    $copy->reload;
    refused(drain($app), '55000', "... one with $what");
  }
  $copy->append_conf($ids->('t1', 'b1'));
  $copy->reload;
  is drain($app)->{state}, '00000', 'with both the same, on another data directory: it goes on';
  $copy->copy_control(qw(-m immediate stop));
};

# Both do the same at once, each with its own files.
subtest 'a branch' => sub {
  my ($kept, $both, $pending) = map { upload($db, $_) } qw(kept both gone);
  my $started = begin_multipart($db, 'started');
  is send_part($db, $started), 200, 'a part';
  delete_row($db, $pending);
  $server->do('CREATE DATABASE branch TEMPLATE app;');
  my $branch = $server->with(PGDATABASE => 'branch');
  $branch->do('SELECT s3_arm_lifecycle(as_branch => true);');
  refused(confirm($branch, $started), '55000', 'an upload of the original is read-only', hint => qr/original/);
  Time::HiRes::sleep(1.1);    # Last-Modified has whole seconds

  my %own = map { $_->[0] => upload($_->[1], "own of $_->[0]") } [ original => $db ], [ branch => $branch ];
  my %film = map { $_->[0] => begin_multipart($_->[1], "film of $_->[0]") } [ original => $db ], [ branch => $branch ];
  is send_part($branch, $film{branch}), 200, 'a part';
  is confirm($branch, $film{branch})->{out}, 5 * $mib, 'the branch completes its own multipart upload';
  delete_row($branch, $kept, $both, $own{branch});
  delete_row($db, $both, $own{original});
  is_deeply sorted(objects()), sorted([ 'both', 'film', 'film of branch', 'gone', 'kept', 'live', 'own of branch', 'own of original' ]), 'all is there';

  is drain($branch)->{state}, '00000', 'the branch drains';
  is_deeply sorted(objects()), sorted([ 'both', 'film', 'film of branch', 'gone', 'kept', 'live', 'own of original' ]),
    "its own object goes, those of the original stay: what it inherited deleted, and the original's item that was copied";
  is drain($db)->{state}, '00000', 'the original drains';
  is_deeply sorted(objects()), sorted([ 'film', 'film of branch', 'kept', 'live' ]), '... what was deleted there';
  is_deeply [ grep { !/foreign|inherited/ } @{ gc($_) } ], [], 'gc of neither touches the other' for $db, $branch;
  is_deeply sorted(objects()), sorted([ 'film', 'film of branch', 'kept', 'live' ]), '... nothing crosses';
  is $branch->value('SELECT count(*) FROM s3_outbox WHERE state <> \'kept\';'), 0, "the branch keeps the original's items";
  is $branch->value('SELECT s3_retry_outbox();'), 0, '... for good';
  is send_part($db, $film{original}), 200, "the original's uploads go on";
  is confirm($db, $film{original})->{out}, 5 * $mib, '... to their end';

  $server->do('CREATE DATABASE twig TEMPLATE branch;');
  my $twig = $server->with(PGDATABASE => 'twig');
  refused(drain($twig), '55000', 'a branch of the branch is fenced');
  refused(scalar $twig->try('SELECT s3_arm_lifecycle();'), '55000', '... and no original');
  $twig->do('SELECT s3_arm_lifecycle(as_branch => true);');
  Time::HiRes::sleep(1.1);
  my $leaf = upload($twig, 'leaf');
  delete_row($twig, $leaf, $film{branch}, $live);
  is drain($twig)->{state}, '00000', 'it drains';
  is_deeply sorted(objects()), sorted([ 'film', 'film of branch', 'film of original', 'kept', 'live' ]), '... its own alone';
  delete_row($branch, $film{branch});
  drain($branch);
  delete_row($db, $kept);
  drain($db);
  is_deeply sorted(objects()), sorted([ 'film', 'film of original', 'live' ]), 'the others go on';
  $server->do("DROP DATABASE $_;") for qw(twig branch clone);
};

done_testing;

# Versions of objects: kept, listed, restored; and objects that get another key.
use v5.32;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use FaultServer;
use NeonS3Test;
use Test::More;

plan skip_all => 'python3-boto3 is not installed' if !has_boto3();

my $bucket = new_bucket();
my $db = NeonS3Test->server->new_database;
$db->do('CREATE EXTENSION neon_s3;');
NeonS3Test->on_end(sub { boto3(<<"PYTHON") });
for page in s3.get_paginator('list_object_versions').paginate(Bucket='$bucket'):
    for v in page.get('Versions', []) + page.get('DeleteMarkers', []): s3.delete_object(Bucket='$bucket', Key=v['Key'], VersionId=v['VersionId'])
print(1)
PYTHON

sub sql { my ($expression) = @_; return $db->value(s3_settings($bucket), "SELECT $expression;") }
sub try { my @results = $db->try(s3_settings($bucket), @_); return @results[ -@_ .. -1 ] }
sub body { my ($key, $id) = @_; return sql("convert_from(s3_get_object('$key'" . (defined $id ? ", version_id => '$id'" : '') . "), 'UTF8')") }
sub versions { my ($arguments) = @_; return map { from_json($_->[0]) } $db->rows(s3_settings($bucket), "SELECT to_json(v) FROM s3_list_object_versions($arguments) v;") }

subtest 'versioning' => sub {
  is sql('s3_get_bucket_versioning() IS NULL'), 't', 'never enabled';
  for ([ 'false', 'Suspended' ], [ 'true', 'Enabled' ]) {
    is((try("SELECT s3_put_bucket_versioning($_->[0]);"))[0]{state}, '00000', $_->[1]);
    is sql('s3_get_bucket_versioning()'), $_->[1], '... s3_get_bucket_versioning';
    is boto3("print(json.dumps(s3.get_bucket_versioning(Bucket='$bucket').get('Status')))"), $_->[1], '... boto3 sees it';
  }
  is sql('s3_put_bucket_versioning(NULL) IS NULL'), 't', 'NULL changes nothing';
  refused((try("SELECT s3_get_bucket_versioning('neon-s3-no-such-bucket');"))[0], 'P0002', 'no such bucket');
};

my ($first, $second) = map { $db->value(s3_settings($bucket), "SELECT version_id FROM s3_put_object('a/é b', '$_', 'text/plain', '{\"n\": \"$_\"}');") } qw(first second);

subtest 'a list' => sub {
  sql("s3_delete_object('a/é b')");
  sql("s3_put_object('b', 'other')");
  my @rows = versions("'a/'");
  is_deeply [ map { $_->{key} } @rows ], [ ('a/é b') x 3 ], 'of a prefix';
  is_deeply [ map { $_->{is_delete_marker} ? 'marker' : $_->{version_id} } @rows ], [ 'marker', $second, $first ], 'the newest first';
  is_deeply [ map { $_->{is_latest} ? 1 : 0 } @rows ], [ 1, 0, 0 ], 'is_latest';
  is_deeply [ map { $_->{size} } @rows ], [ undef, 6, 5 ], 'size';
  is_deeply [ map { $_->{etag} } @rows ], [ undef, map { sql("md5('$_')") } qw(second first) ], 'etag';
  is_deeply [ map { $_->{storage_class} } @rows ], [ undef, 'STANDARD', 'STANDARD' ], 'storage_class';
  is scalar(grep { defined $_->{last_modified} } @rows), 3, 'last_modified';
  is scalar(versions('')), 4, 'of the bucket';
  is scalar(versions('max_keys => 2')), 2, 'max_keys';
  is scalar(versions('max_keys => 0')), 0, '... none';
  is scalar(versions("'no such'")), 0, 'of nothing';
  refused((try('SELECT * FROM s3_list_object_versions(max_keys => -1);'))[0], '22023', 'max_keys', message => qr/\Amax_keys -1 is negative\z/);
};

subtest 'many pages' => sub {
  boto3(<<"PYTHON");
with ThreadPoolExecutor(16) as pool:
    list(pool.map(lambda n: s3.put_object(Bucket='$bucket', Key='many/%20+ ' + str(n % 350), Body=b'x'), range(1050)))
print(1)
PYTHON
  # boto3's paginator stumbles here: Ceph encodes keys, but not NextKeyMarker.
  my @rows = versions("'many/'");
  my %ids;
  push @{ $ids{ $_->{key} } }, $_->{version_id} for @rows;
  is scalar(@rows), 1050, 'all are listed';
  is_deeply [ sort keys %ids ], [ sort map { "many/%20+ $_" } 0 .. 349 ], '... of all keys';
  is_deeply [ map { scalar keys %{ { map { $_ => 1 } @$_ } } } values %ids ], [ (3) x 350 ], '... and no version twice';
  my $fault = FaultServer->new;
  $fault->plays('versions_again');
  my @results = $db->try($fault->settings, 'SELECT count(*) FROM s3_list_object_versions();');
  refused($results[-1], '08P01', 'pages that repeat', detail => qr/\AIts pages repeat\.\z/);
};

subtest 's3_restore_version' => sub {
  my ($restored) = map { from_json($_->[0]) } $db->rows(s3_settings($bucket), "SELECT to_json(r) FROM s3_restore_version('a/é b', '$first') r;");
  is $restored->{etag}, sql("md5('first')"), 'etag';
  is body('a/é b'), 'first', 'the first one is current again, in spite of the marker';
  my ($newest) = versions("'a/'");
  ok $newest->{is_latest} && $newest->{version_id} ne $first && $newest->{etag} eq $restored->{etag}, '... as a new version';    # Ceph does not tell its id
  is sql("metadata ->> 'n' FROM s3_head_object('a/é b')"), 'first', '... with its metadata';
  is body('a/é b', $second), 'second', '... and the second is still there';
  is sql("num_nonnulls(etag, version_id) FROM s3_restore_version('a/é b', NULL)"), 0, 'NULL';
  refused($_->[0], $_->[1], $_->[0]{sql}, message => $_->[2]) for [ (try("SELECT s3_restore_version('a/é b', '');"))[0], '22023', qr/\Aversion_id is empty\z/ ],
    [ (try("SELECT s3_restore_version('none', '$first');"))[0], 'P0002', qr/none/ ];
};

subtest 's3_move_object' => sub {
  my $etag = sql("etag FROM s3_move_object('b', 'c/é')");
  is $etag, sql("md5('other')"), 'etag';
  is body('c/é'), 'other', 'it has its new key';
  is sql("s3_object_exists('b')"), 'f', '... and no longer the old one';
  refused((try("SELECT s3_move_object('none', 'd');"))[0], 'P0002', 'no such object', message => qr/\Aobject "none" does not exist/);
  refused((try("SELECT s3_move_object('c/é', 'c/é');"))[0], '22023', 'to where it is', message => qr{\Asource_key and key are both "c/é"\z});
  is body('c/é'), 'other', '... it is still there';
  refused((try("SELECT s3_move_object('c/é', '..');"))[0], '22023', 'to no key');
  is sql("num_nonnulls(etag, version_id) FROM s3_move_object('c/é', NULL)"), 0, 'NULL';
};

my $all = '(SELECT array_agg(key) AS keys, array_agg(version_id) AS ids FROM s3_list_object_versions()) v';
subtest 's3_delete_object_versions' => sub {
  my $delete = sub { return map { from_json($_->[0]) } $db->rows(s3_settings($bucket), "SELECT to_json(d) FROM s3_delete_object_versions($_[0]) d;") };
  my $deleted = { key => 'a/é b', version_id => $second, deleted => JSON::PP::true(), code => undef, message => undef };
  is_deeply [ $delete->("ARRAY['a/é b'], ARRAY['$second']") ], [$deleted], 'one';
  is_deeply [ grep { $_->{version_id} eq $second } versions("'a/é b'") ], [], '... is gone';
  is body('a/é b'), 'first', '... and no other';
  my ($invalid) = $delete->("ARRAY['a/é b'], ARRAY['no version']");
  ok $invalid->{deleted} || length($invalid->{code}) && length($invalid->{message}), 'none' or diag explain $invalid;
  is scalar($delete->("'{}', '{}'")), 0, 'nothing';
  is scalar($delete->("NULL, '{}'")), 0, 'NULL';
  refused($_->[0], '22023', $_->[0]{sql}, message => $_->[1]) for [ (try("SELECT * FROM s3_delete_object_versions('{a,b}', '{1}');"))[0], qr/\A2 keys, but 1 version_ids\z/ ],
    [ (try("SELECT * FROM s3_delete_object_versions('{a}', '{\"\"}');"))[0], qr/\Aa version_id is empty\z/ ],
    [ (try("SELECT * FROM s3_delete_object_versions('{a}', '{NULL}');"))[0], qr/\Aversion_ids must not contain nulls\z/ ],
    [ (try("SELECT * FROM s3_delete_object_versions('{..}', '{1}');"))[0], qr/path segment/ ];
  my $before = scalar(versions(''));
  my $fault = FaultServer->new;
  $fault->plays('status:403');
  my @one = map { from_json($_->[0]) } $db->rows($fault->settings, "SELECT to_json(d) FROM s3_delete_object_versions('{a}', '{1}') d;");
  is_deeply [ map { [ @$_{qw(key version_id code)}, $_->{deleted} ? 1 : 0 ] } @one ], [ [ 'a', 1, 'AccessDenied', 0 ] ], 'refused, in its row';
  my @all = $db->try($fault->settings, "SELECT * FROM s3_delete_object_versions('{a,b}', '{1,2}');");
  refused($all[-1], '38000', 'all of them refused', detail => qr/AccessDenied/);
  is scalar(versions('')), $before, '... and nothing is gone';
};

subtest 'to empty a bucket' => sub {
  refused((try("SELECT s3_delete_bucket('$bucket');"))[0], '38000', 'it is not', hint => qr/s3_list_object_versions/);
  is sql("count(*) = count(*) FILTER (WHERE deleted) FROM $all, s3_delete_object_versions(v.keys, v.ids)"), 't', 'all versions go';
  is scalar(versions('')), 0, '... and none is left';
};

done_testing;

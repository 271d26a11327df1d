# A short run of test/fuzz_sql: random calls of every function, on a server of its own.
#
# FUZZ_SQL_SEED says which (by default another one each day), FUZZ_SQL_CALLS how many at most.
use v5.32;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use NeonS3Test;
use Test::More;

my @fuzz = ('/usr/bin/python3', repo_dir() . '/test/fuzz_sql.py');
plan skip_all => 'python3-psycopg is not installed' if (run_program([ $fuzz[0], '-c', 'import psycopg' ]))[0];

# Ceph's S3 server has died of it before: others need theirs.
my $s3_dir = File::Temp::tempdir('neon_s3-t.XXXXXX', TMPDIR => 1, CLEANUP => 1);
chmod 0711, $s3_dir;
NeonS3Test->on_end(sub { run_program([ repo_dir() . '/scripts/rgw', 'stop', $s3_dir ]) });
my ($status) = run_program([ repo_dir() . '/scripts/rgw', 'start', $s3_dir ]);
die 'scripts/rgw start failed' if $status;
%ENV = (%ENV, NEON_S3_RGW_DIR => $s3_dir, map { /^(\w+)=(.*)$/ ? ($1 => $2) : () } split /\n/, NeonS3Test::slurp("$s3_dir/env"));

($status, my $conf) = run_program([ @fuzz, '--conf' ]);
die 'fuzz_sql.py --conf failed' if $status;
my $server = own_server(preload => 1, conf => $conf);
my $seed = $ENV{FUZZ_SQL_SEED} // int(time / 86400);
($status, my $out, my $err) = run_program([ @fuzz, '--seconds', 15, '--seed', $seed, '--calls', $ENV{FUZZ_SQL_CALLS} // 4000 ], undef, $server->{env});
note $out;
is $status, 0, "seed $seed: no rule is broken" or diag "$out$err";
my ($calls, $functions, $statements) = $out =~ /(\d+) calls of (\d+) functions, (\d+) statements/;
cmp_ok $calls // 0, '>=', 200, '... in ' . ($calls // 'no') . ' calls';
like $out, qr/\b57014 \d/, '... of which some were timed out';
like $out, qr/\b$_ \d/, "... $_" for qw(00000 22023 42501);

# Functions that break the rules are noticed.
my $broken = <<'SQL';
CREATE FUNCTION s3_internal() RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'XX000', MESSAGE = 'inside'; END $$;
CREATE FUNCTION s3_late() RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(9); EXCEPTION WHEN query_canceled THEN PERFORM pg_sleep(2); END $$;
CREATE FUNCTION s3_tells() RETURNS text LANGUAGE sql SECURITY DEFINER AS $$ SELECT umoptions::text FROM pg_user_mapping ORDER BY 1 DESC LIMIT 1 $$;
CREATE FUNCTION s3_says() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN RAISE EXCEPTION '%', (SELECT umoptions FROM pg_user_mapping LIMIT 1); END $$;
CREATE FUNCTION s3_ends() RETURNS boolean LANGUAGE sql SECURITY DEFINER AS $$ SELECT pg_terminate_backend(pg_backend_pid()) $$;
ALTER EXTENSION neon_s3 ADD FUNCTION s3_internal();
ALTER EXTENSION neon_s3 ADD FUNCTION s3_late();
ALTER EXTENSION neon_s3 ADD FUNCTION s3_tells();
ALTER EXTENSION neon_s3 ADD FUNCTION s3_says();
ALTER EXTENSION neon_s3 ADD FUNCTION s3_ends();
SQL
($status, $out, $err) = run_program([ @fuzz, '--seconds', 20, '--seed', $seed, '--only', 's3_(internal|late|tells|says|ends)', '--prepare', $broken ], undef, $server->{env});
isnt $status, 0, 'broken rules make it fail';
is $err, '', '... and nothing else';
like $out, qr/^FAILED: $_/m, "... $_"
  for 'ERROR XX000: inside', 'outlives its statement_timeout: s3_late', 'a secret in a row', 'a secret in a message', '(?:ERROR|FATAL) (?:57P01|lost)';

done_testing;

# Whatever C++ throws at an entry point becomes one ERROR; the session lives on and its memory is flat. And
# who calls PostgreSQL from the C++ side is told so, in a build with assertions.
use v5.32;
use warnings;
use utf8;
use File::Copy qw(copy);
use File::Temp qw(tempdir);
use FindBin;
use lib $FindBin::Bin;
use NeonS3Test;
use Test::More;

my $dir = tempdir('neon_s3-boundary.XXXXXX', TMPDIR => 1, CLEANUP => 1);
chmod 0755, $dir;
for my $file (qw(Makefile boundary_test.cpp)) {
  copy(repo_dir() . "/test/boundary/$file", $dir) or die "$file: $!";
}
my ($status, @log) = run_program([ 'make', '-C', $dir, 'with_llvm=no', 'SOURCE=' . repo_dir(),
  'PG_CONFIG=' . ($ENV{PG_CONFIG} // 'pg_config') ]);
is $status, 0, 'the throwing module builds' or BAIL_OUT("no module: @log");
my $throw_it = "CREATE FUNCTION throw_it(text) RETURNS int AS '$dir/neon_s3_boundary_test' LANGUAGE C STRICT;";

my %sqlstate = (
  bad_argument => '22023', encoding => '22021', not_permitted => '42501', no_credentials => '28000',
  too_large => '54000', out_of_memory => '53200', unsupported => '0A000', system => '58000',
  percent => '22023', long_text => '22023', bad_alloc => '53200', real_bad_alloc => '53200',
  length_error => '54000', out_of_range => '58000', bad_optional => '58000', exception => '58000',
  int => '58000', pointer => '58000', object => '58000', nested => '58000',
);
my @kinds = sort keys %sqlstate;

my $db = NeonS3Test->server->new_database;
$db->do($throw_it);

# ---------------------------------------------------------------- what is thrown

my @results = $db->try((map { "SELECT throw_it('$_');" } @kinds), "SELECT throw_it('nothing');");
my $nothing = pop @results;
my %result = map { $kinds[$_] => $results[$_] } 0 .. $#kinds;
for my $kind (@kinds) {
  refused($result{$kind}, $sqlstate{$kind}, "$kind is $sqlstate{$kind}", message => qr/./);
}
is $nothing->{out}, 0, 'no C++ object is left alive';
is_deeply [ @{ $result{percent} }{qw(message detail hint)} ], [ '%s%n%d', '%s%n', '%s%n' ], 'texts are no formats';
is_deeply [ map { length } @{ $result{long_text} }{qw(message detail hint)} ], [ 1023, 511, 255 ],
  'long texts are cut at a character';

# ---------------------------------------------------------------- memory

my ($before, $after) = map { $_->[0] } $db->rows(<<'SQL', <<"SQL");
CREATE FUNCTION pg_temp.throw_all(kinds text[], n int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  FOR i IN 1 .. n LOOP
    BEGIN
      PERFORM throw_it(kinds[1 + i % array_length(kinds, 1)]);
    EXCEPTION WHEN OTHERS OR query_canceled THEN
    END;
  END LOOP;
END $$;
CREATE FUNCTION pg_temp.resident() RETURNS bigint LANGUAGE sql AS
  $$ SELECT split_part(pg_read_file('/proc/self/statm'), ' ', 2)::bigint * 4096 $$;
SQL
SELECT pg_temp.throw_all('{@{[ join ',', @kinds ]}}', 10000) \\g /dev/null
SELECT pg_temp.resident();
SELECT pg_temp.throw_all('{@{[ join ',', @kinds ]}}', 50000) \\g /dev/null
SELECT pg_temp.resident();
SQL
cmp_ok $after - $before, '<', 1024 * 1024, 'memory is flat over 50,000 errors';

# ---------------------------------------------------------------- the assertion

my $own = own_server();
$own->do($throw_it);
is $own->try("SELECT throw_it('calls_postgres');")->{state}, 'lost', 'a call of PostgreSQL on the C++ side ends the session';
like $own->log_text, qr/^neon_s3 calls PostgreSQL inside a guard$/m, '... by an assertion';

done_testing;

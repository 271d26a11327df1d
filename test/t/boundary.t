#!/usr/bin/perl
# Whatever C++ throws at an entry point becomes one ERROR; the session lives on and its memory is flat.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Copy qw(copy);
use File::Temp qw(tempdir);
use Test::More;

my $here = abs_path(dirname(__FILE__));
my $dir = tempdir(CLEANUP => 1);
chmod 0755, $dir;
copy("$here/../boundary/$_", $dir) or die "$_: $!" for qw(Makefile boundary_test.cpp);
my $pg_config = $ENV{PG_CONFIG} // 'pg_config';
my $log = `make -C $dir with_llvm=no SOURCE=$here/../.. PG_CONFIG=$pg_config 2>&1`;
is($?, 0, 'the throwing module builds') or do { diag($log); BAIL_OUT("no module") };

my %sqlstate = (
	bad_argument => '22023', encoding => '22021', not_permitted => '42501', no_credentials => '28000',
	too_large => '54000', out_of_memory => '53200', unsupported => '0A000', system => '58000',
	percent => '22023', long_text => '22023', bad_alloc => '53200', real_bad_alloc => '53200',
	length_error => '54000', out_of_range => '58000', bad_optional => '58000', exception => '58000',
	int => '58000', pointer => '58000', object => '58000', nested => '58000');
my $kinds = join ',', map { "'$_'" } sort keys %sqlstate;

open my $sql, '>', "$dir/test.sql" or die $!;
print $sql <<"SQL";
\\set ON_ERROR_STOP 1
CREATE TEMP TABLE seen (kind text, state text, message text, detail text, hint text);
CREATE FUNCTION pg_temp.throw_it(text) RETURNS int AS '$dir/neon_s3_boundary_test', 'throw_it' LANGUAGE C STRICT;
CREATE FUNCTION pg_temp.try(kind text) RETURNS seen LANGUAGE plpgsql AS \$\$
DECLARE s text; m text; d text; h text;
BEGIN
  PERFORM pg_temp.throw_it(kind);
  RETURN ROW(kind, '00000', '', '', '');
EXCEPTION WHEN OTHERS OR query_canceled THEN
  GET STACKED DIAGNOSTICS s = RETURNED_SQLSTATE, m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
  RETURN ROW(kind, s, m, d, h);
END \$\$;
CREATE FUNCTION pg_temp.resident() RETURNS bigint LANGUAGE sql AS
  \$\$ SELECT split_part(pg_read_file('/proc/self/statm'), ' ', 2)::bigint * 4096 \$\$;
INSERT INTO seen SELECT (pg_temp.try(kind)).* FROM unnest(ARRAY[$kinds]) kind;
SELECT 'STATE', kind, state, length(message), length(detail), length(hint) FROM seen;
SELECT 'ALIVE', pg_temp.throw_it('nothing');
CREATE FUNCTION pg_temp.many(n int) RETURNS void LANGUAGE plpgsql AS \$\$
DECLARE kinds text[] := ARRAY[$kinds];
BEGIN
  FOR i IN 1..n LOOP
    PERFORM pg_temp.try(kinds[1 + i % array_length(kinds, 1)]);
  END LOOP;
END \$\$;
SELECT pg_temp.many(10000) \\g /dev/null
SELECT pg_temp.resident() AS before \\gset
SELECT pg_temp.many(50000) \\g /dev/null
SELECT 'GROWN', pg_temp.resident() - :before;
SELECT 'ALIVE', pg_temp.throw_it('nothing');
SQL
close $sql;

my $psql = ($ENV{PGBIN} ? "$ENV{PGBIN}/" : '') . 'psql';
my @rows = map { [ split /\|/ ] } split /\n/, `$psql -XqAt -f $dir/test.sql 2>&1`;
is($?, 0, 'the session lives on') or diag(join "\n", map { join '|', @$_ } @rows);

for my $row (grep { $_->[0] eq 'STATE' } @rows) {
	my (undef, $kind, $state, $message, $detail, $hint) = @$row;
	is($state, $sqlstate{$kind}, "$kind is $sqlstate{$kind}");
	cmp_ok($message, '>', 0, "$kind has a message");
	if ($kind eq 'long_text') {
		is($message, 1023, 'a long message is cut at a character');
		is($hint, 255, 'and a long hint');
	}
}
is(scalar(grep { $_->[0] eq 'STATE' } @rows), scalar(keys %sqlstate), 'every kind was thrown');
is_deeply([ map { $_->[1] } grep { $_->[0] eq 'ALIVE' } @rows ], [ 0, 0 ], 'no C++ object is left alive');
my ($grown) = map { $_->[1] } grep { $_->[0] eq 'GROWN' } @rows;
cmp_ok($grown, '<', 1024 * 1024, 'memory is flat over 50,000 errors') or diag("grown by $grown bytes");
done_testing();

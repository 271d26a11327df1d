# docs/reference.md is what scripts/reference makes of the catalog's COMMENTs.
use v5.32;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use NeonS3Test;
use Test::More;

my $db = NeonS3Test->server->new_database;
$db->do('CREATE SCHEMA "an S3"; CREATE EXTENSION neon_s3 SCHEMA "an S3";');
my ($status, $page, $errors) = NeonS3Test::run_program([ repo_dir() . '/scripts/reference' ], '', $db->{env});
is $status, 0, 'scripts/reference runs' or diag $errors;

my %sections = map { /\A(.*)\n/ ? ($1 => $_) : () } split /^(?=##)/m, $page;
my %kept = map { /\A(.*)\n/ ? ($1 => $_) : () } split /^(?=##)/m, NeonS3Test::slurp(repo_dir() . '/docs/reference.md');
is join("\n", map { $_ . 'differs' } grep { ($kept{$_} // '') ne ($sections{$_} // '') } sort keys %{ { %kept, %sections } }), '',
  'docs/reference.md is up to date' or diag 'run scripts/reference -d DATABASE >docs/reference.md, with a database that has neon_s3';

# The arguments of each function, without their defaults.
my @shown = map { s/ = (?:'[^']*'|[^,)]*(?:\(\))?)(?=,|\z)//gr =~ s/\(\s+/(/r =~ s/\s+/ /gr } $page =~ /^### \w+\n\n```\n(?:CALL )?(\w+\(.*?)\)\n(?:  ->|```)/msg;
my @known = map { $_->[0] =~ s/timestamp with time zone/timestamptz/gr } $db->rows(<<'SQL');
SELECT p.proname || '(' || regexp_replace(regexp_replace(pg_get_function_identity_arguments(p.oid),
         '(^|, )OUT [^,]*', '', 'g'), '(^|, )(IN|INOUT|VARIADIC) ', '\1', 'g')
  FROM pg_depend d JOIN pg_extension e ON d.refobjid = e.oid JOIN pg_proc p ON d.objid = p.oid
 WHERE d.classid = 'pg_proc'::regclass AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.extname = 'neon_s3'
   AND p.prorettype <> 'trigger'::regtype ORDER BY p.proname COLLATE "C", p.oid;
SQL
is_deeply \@shown, \@known, 'every function has its arguments';

is_deeply [ grep { !/\S/ } $page =~ /^```\n\n(.*)$/mg ], [], 'every function has a comment';
is_deeply [ $db->rows(q{SELECT name FROM pg_settings WHERE name LIKE 'neon\_s3.%' AND short_desc IS NULL;}) ], [], 'and every setting a description';

# pg_settings leaves the secrets out, so the script names them.
my @secrets = NeonS3Test::slurp(repo_dir() . '/src/pg/guc.cpp') =~ /DefineSecret<[^(]*\(\s*"([a-z0-9_.]+)"/g;
like $page, qr/^\| \Q${\ join ', ', map { "`$_`" } @secrets}\E \|/m, 'the secret settings are those of the source';

done_testing;

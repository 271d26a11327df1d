# One version everywhere; META.json by PGXN's rules; packages and containers name files and packages that are there;
# the extension in directories of its own.
use v5.32;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use NeonS3Test;
use Test::More;

chdir repo_dir() or die;
sub text { return NeonS3Test::slurp($_[0]) }

# ---------------------------------------------------------------- the version

my ($version) = text('neon_s3.control') =~ /^default_version = '([0-9]+\.[0-9]+)'$/m;
ok $version, 'the control file has a version' or BAIL_OUT('no version');
my $meta = from_json(text('META.json'));
ok -e "sql/neon_s3--$version.sql", 'the install script is of this version';
is $meta->{version}, "$version.0", 'so is META.json';
is_deeply $meta->{provides}{neon_s3}, { %{ $meta->{provides}{neon_s3} }, version => "$version.0", file => "sql/neon_s3--$version.sql" },
  '... and what it provides';
is +(text('debian/changelog') =~ /\Aneon-s3 \((.*)-[^-]+\)/)[0], $version, 'so is the Debian package';
is +(text('CHANGELOG.md') =~ /^## ([0-9.]+)/m)[0], $version, 'so is the changelog';
unlike text($_), qr/\b\Q$version\E\b/, "$_ has no version of its own" for qw(Makefile CMakeLists.txt debian/control.in debian/rules Dockerfile Dockerfile.cnpg);

# ---------------------------------------------------------------- PGXN, specification 1.0.0

# What is wrong with META.json.
sub complaints {
  my ($meta) = @_;
  my @bad;
  my $check = sub { my ($good, $what) = @_; push @bad, $what if !$good };
  my $string = sub { my ($value) = @_; return !!(defined $value && !ref $value && $value =~ /\S/) };
  my $term = sub { my ($value) = @_; return !!($string->($value) && length $value >= 2 && $value !~ m{[[:cntrl:]/\\\s]}) };
  my $semver = sub { my ($value) = @_; return !!($string->($value) && $value =~ /\A(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*)){2}(?:-?[A-Za-z][0-9A-Za-z-]*)?\z/) };
  $check->($string->($meta->{$_}), $_) for qw(abstract);
  $check->($term->($meta->{name}), 'name');
  $check->($semver->($meta->{version}), 'version');
  my @maintainers = ref $meta->{maintainer} ? @{ $meta->{maintainer} } : $meta->{maintainer};
  $check->(@maintainers && !(grep { !$string->($_) } @maintainers), 'maintainer');
  my %licenses = map { $_ => 1 } qw(agpl_3 apache_1_1 apache_2_0 artistic_1 artistic_2 bsd freebsd gfdl_1_2 gfdl_1_3 gpl_1 gpl_2 gpl_3
    lgpl_2_1 lgpl_3_0 mit mozilla_1_0 mozilla_1_1 openssl perl_5 postgresql qpl_1_0 ssleay sun zlib open_source restricted unrestricted unknown);
  $check->($string->($meta->{license}) && $licenses{ $meta->{license} }, 'license');
  $check->(!!(($meta->{release_status} // 'stable') =~ /\A(?:stable|testing|unstable)\z/), 'release_status');
  $check->(!!(($meta->{'meta-spec'}{version} // '') eq '1.0.0' && ($meta->{'meta-spec'}{url} // '') =~ m{\Ahttps?://pgxn\.org/meta/spec\.txt\z}), 'meta-spec');
  for my $name (keys %{ $meta->{provides} // {} }) {
    my $extension = $meta->{provides}{$name};
    $check->($term->($name), "provides $name");
    $check->($semver->($extension->{version}), "version of $name");
    $check->($string->($extension->{$_}) && -e $extension->{$_}, "$_ of $name") for qw(file docfile);
    $check->(!(grep { !/\A(?:file|version|abstract|docfile|x_.*)\z/i } keys %$extension), "keys of $name");
  }
  $check->(!!%{ $meta->{provides} // {} }, 'provides');
  for my $phase (keys %{ $meta->{prereqs} // {} }) {
    $check->(!!($phase =~ /\A(?:configure|build|test|runtime|develop)\z/), "prereqs of $phase");
    for my $relation (keys %{ $meta->{prereqs}{$phase} }) {
      $check->(!!($relation =~ /\A(?:requires|recommends|suggests|conflicts)\z/), "$relation of $phase");
      $check->($semver->($_), "version $_") for values %{ $meta->{prereqs}{$phase}{$relation} };
    }
  }
  $check->(!!($string->($_) && length $_ < 256 && !m{[[:cntrl:]/\\]}), "tag $_") for @{ $meta->{tags} // [] };
  $check->(!(grep { !/\A(?:name|abstract|version|maintainer|license|provides|meta-spec|description|generated_by|tags|no_index|prereqs|
    release_status|resources|x_.*)\z/xi } keys %$meta), 'keys');
  return @bad;
}

is_deeply [ complaints($meta) ], [], 'META.json';
for my $wrong ([ version => '1.0' ], [ name => 'neon s3' ], [ license => 'mine' ], [ 'meta-spec' => {} ], [ maintainer => [] ], [ tags => ['a/b'] ],
  [ release_status => 'soon' ], [ something => 1 ]) {
  is scalar(complaints({ %$meta, @$wrong })), 1, "... would be refused with another $wrong->[0]";
}

# ---------------------------------------------------------------- Debian

is text('debian/pgversions'), "15+\n", 'packages for PostgreSQL 15 and later';
my @versions = text('debian/control') =~ /^Package: postgresql-(\d+)-neon-s3$/mg;
my ($head, $package) = split /^\n(?=Package:)/m, text('debian/control.in');
is text('debian/control'), join("\n", $head, map { $package =~ s/PGVERSION/$_/gr } @versions), 'debian/control is what control.in makes';

# ---------------------------------------------------------------- containers

my %build = map { $_ => 1 } grep { !/^pkg-config$/ } map { split } text('scripts/lib.sh') =~ /^ +build_packages=\((.*)\)$/m;
for my $file (qw(Dockerfile Dockerfile.cnpg)) {
  my $docker = text($file) =~ s/\\\n//gr;
  is_deeply [ grep { !-e } map { my @words = split; @words[ 0 .. $#words - 1 ] } $docker =~ /^COPY (?!--from)(.*)$/mg ], [], "$file: what it copies is there";
  my %installs = map { $_ => 1 } map { split } $docker =~ /^RUN apt-get update .*?--no-install-recommends (.*?)&&/mg;
  is_deeply [ grep { !$installs{$_} } sort keys %build ], [], '... it installs what the build needs';
  my %args = map { $_ => 1 } $docker =~ /^ARG (\w+)/mg;
  is_deeply [ grep { !$args{$_} } $docker =~ /\$\{(\w+)\}/g ], [], '... each variable is declared';
  unlike $docker =~ s/^#.*\n//mgr, qr/secret|password/i, '... no secret in it';
}
for my $script (text('.github/workflows/check.yml') =~ m{(scripts/\w+)}g) {
  ok -x $script, "the workflow's $script is there";
}

# ---------------------------------------------------------------- make install

# Where there is no clang, as on a machine without LLVM: nothing of bitcode is tried.
for my $how ('CLANG=/nowhere/clang', 'with_llvm=no') {
  my ($status, $commands, $said) = NeonS3Test::run_program([ qw(make -n install), $how, "PG_CONFIG=$ENV{PG_CONFIG}" ]);
  is $status, 0, "make install $how";
  unlike $commands, qr/clang|llvm|bitcode/, '... builds and installs no bitcode';
  is $said, '', '... and says nothing';
}

# ---------------------------------------------------------------- elsewhere

SKIP: {
  skip 'extension_control_path came with PostgreSQL 18', 1 if NeonS3Test->server->value('SHOW server_version_num;') < 180000;
  subtest 'outside of the directories of PostgreSQL' => sub {
    my $server = own_server(preload => 1);
    my ($lib, $share) = map { chomp(my $path = (NeonS3Test::run_program([ "$server->{bin}/pg_config", $_ ]))[1]); $path } qw(--pkglibdir --sharedir);
    my $elsewhere = "$server->{dir}/elsewhere";
    mkdir $_ or die "$_: $!" for $elsewhere, "$elsewhere/extension";
    rename "$lib/neon_s3.so", "$elsewhere/neon_s3.so" or die $!;
    rename $_, $elsewhere . s/\A\Q$share//r or die $! for glob "$share/extension/neon_s3*";
    refused(scalar $server->try('CREATE EXTENSION neon_s3;'), '0A000', 'it is not there any more', message => qr/is not available/);
    $server->do("ALTER SYSTEM SET extension_control_path = '\$system:$elsewhere';", "ALTER SYSTEM SET dynamic_library_path = '\$libdir:$elsewhere';");
    $server->control('restart');
    $server->do('CREATE EXTENSION neon_s3;');
    like $server->value("SET neon_s3.access_key_id = 'AK';", "SET neon_s3.secret_access_key = 'SK';", "SELECT s3_presign_get('key', bucket => 'bucket');"),
      qr/X-Amz-Signature=/, 'it is found, and signs';
    is_deeply [ $server->row("SELECT version, file_name FROM pg_get_loaded_modules() WHERE module_name = 'neon_s3';") ], [ $version, 'neon_s3.so' ],
      'the server tells its version';
  };
}

done_testing;

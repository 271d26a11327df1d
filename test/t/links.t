# Every relative link between the pages leads to a file of the project and, where it has one, to a heading there.
use v5.32;
use warnings;
use utf8;
use Encode;
use File::Basename;
use FindBin;
use lib $FindBin::Bin;
use NeonS3Test;
use Test::More;

my @pages = ('README.md', 'CHANGELOG.md', map { s{\A\Q${\repo_dir()}\E/}{}r } map { glob repo_dir() . "/$_" } qw(
  docs/*.md examples/*.md examples/*/*.md test/*/*.md test/*/*/*.md));

sub text { return NeonS3Test::slurp(repo_dir() . "/$_[0]") =~ s/^```.*?^```$//msgr }

# As GitHub makes them of headings.
sub anchors {
  my ($page) = @_;
  my (%seen, %anchors);
  for my $heading (text($page) =~ /^#+ +(.+)$/mg) {
    my $anchor = lc $heading =~ s/[^\w\- ]//gr;
    $anchor =~ tr/ /-/;
    my $again = $seen{$anchor}++;
    $anchors{ $again ? "$anchor-$again" : $anchor } = 1;
  }
  return \%anchors;
}

# The path from the top of the project.
sub path_of {
  my ($page, $link) = @_;
  return $page if $link eq '';
  my $path = dirname($page) . "/$link";
  $path =~ s{^(?:\./)+}{};
  1 while $path =~ s{[^/]+/\.\./}{};
  return $path;
}

my (%anchors, $checked);
for my $page (@pages) {
  my @broken;
  for my $link (text($page) =~ /\]\(([^)\s]+)\)/g) {
    next if $link =~ m{^[a-z]+:};
    $checked++;
    my ($file, $anchor) = split /#/, $link, 2;
    my $path = path_of($page, $file);
    if (!-e repo_dir() . "/$path") { push @broken, $link }
    elsif (defined $anchor && !($anchors{$path} //= anchors($path))->{$anchor}) { push @broken, $link }
  }
  is_deeply \@broken, [], "$page: links";
}
cmp_ok $checked, '>', 20, 'there were links to check';

# Nobody finds a page that nothing leads to.
my $readme = text('README.md');
for my $page (grep { m{^docs/} } @pages) {
  like $readme, qr/\(\Q$page\E\)/, "the README leads to $page";
}

done_testing;

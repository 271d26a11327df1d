# The name under which curl and a real browser save a download, whatever s3_presign_get(download_as) is told.
use v5.32;
use warnings;
use utf8;
use Encode qw(decode encode);
use File::Temp qw(tempdir);
use FindBin;
use lib $FindBin::Bin;
use NeonS3Test;
use Test::More;

my $bucket = new_bucket("neon-s3-t-names-$$");
my $db = NeonS3Test->server->new_database("neon_s3_t_names_$$");
$db->do('CREATE EXTENSION neon_s3;');

my $content = 'the content of the object';
is curl('PUT', $db->value(s3_settings($bucket), "SELECT s3_presign_put('object', 'text/plain');"),
  headers => { 'content-type' => 'text/plain' }, body => $content)->{status}, 200, 'an object';

# ---------------------------------------------------------------- the contract, in Perl

# File systems take 255 bytes. While it downloads, Chromium appends ".crdownload"; it may have to add " (1)" as well.
my $max_bytes = 255 - length('.crdownload') - length(' (1)');

# Control characters are dropped, and invisible ones that make a name look like another, but not the joiners that
# Persian and emoji need; path separators become '_', and the name is cut, its extension kept.
sub intended {
  my ($name) = @_;
  $name =~ s/[\x{1}-\x{1f}\x{7f}-\x{9f}]//g;
  $name =~ s/[\x{ad}\x{61c}\x{180e}\x{200b}\x{200e}\x{200f}\x{2028}-\x{202e}\x{2060}-\x{206f}\x{feff}\x{fff9}-\x{fffb}]//g;
  $name =~ tr{/\\}{__};
  my $bytes = encode('utf8', $name);
  return $name if length $bytes <= $max_bytes;
  my ($extension) = $bytes =~ /(\.[^.]{0,15})\z/;
  $extension //= '';
  my $start = substr $bytes, 0, $max_bytes - length $extension;
  return decode('utf8', ($start =~ s/(?:[\xc0-\xff][\x80-\xbf]*)\z/incomplete($&) ? '' : $&/er) . $extension, Encode::FB_CROAK);
}

sub incomplete { my ($last) = @_; return length $last < (ord $last >= 0xf0 ? 4 : ord $last >= 0xe0 ? 3 : 2) }

# For clients that know no filename*: '_' for whatever is not ASCII, and for '"' and '%'.
sub fallback { return intended($_[0]) =~ s/[^\x20-\x7e]|["%]/_/gr }

is intended('é' x 150 . '.pdf'), 'é' x 118 . '.pdf', 'the contract itself: cut within a character';
is intended('a' x 300), 'a' x $max_bytes, 'the contract itself: no extension';

my @names = (
  'plain.txt', 'two  spaces.txt', ' lead and trail ', 'a;b=c.txt', 'a,b.txt', "it's *.txt", '(1) [2] {3}.txt', '-rf', '~', '$(id)`id`.txt', '#?&=+.txt',
  # quotes and backslashes
  'Übersicht "2026".pdf', '"', '""', 'a"; filename="evil.exe', q{a"; filename*=UTF-8''evil.exe}, '\\', 'a\\b', 'a\\"b', 'C:\\dir\\file.txt', 'end\\',
  # headers
  "a\r\nX-Injected: 1\r\n\r\n<script>.html", "a\nX-Injected: 1", "a\rX-Injected: 1", "\x{85}a\x{0b}b\x{0c}c", "a\tb", "a\x{7f}\x{1b}[1m", 'a%0d%0aX-Injected: 1',
  # paths
  '/etc/passwd', '../../etc/passwd', '..\\..\\boot.ini', 'dir/', '.bashrc', '..x', 'a/./b', '//',
  # percent signs
  '100%.txt', '%', '%2F', '%2e%2e%2fx', '%00', '%C3%A9.txt', '%%%',
  # beyond ASCII
  'résumé 📄.txt', "re\x{301}sume\x{301}.txt", '日本語.txt', "\x{1F469}\x{200D}\x{1F4BB}.png", '🇩🇪', "\x{feff}bom", "\x{a0}nbsp", "\x{2028}line\x{2029}", "\x{fffd}", "\x{10fffd}",
  '/' . "\x{2044}\x{2215}\x{ff0f}", "\x{201c}quoted\x{201d}", '=?utf-8?B?w6k=?=',
  # right to left
  "\x{5e9}\x{5dc}\x{5d5}\x{5dd}.pdf", "\x{200f}mark\x{200e}.txt", "invoice\x{202e}fdp.exe", "\x{2067}isolate\x{2069}.txt",
  # long
  'n' x 296 . '.txt', 'é' x 300 . '.pdf', '📄' x 300, 'n' x 300, 'n' x 240, 'n' x 236 . '.txt', 'n' x 241, 'n' x 237 . '.txt', 'é' x 120, 'é' x 121, 'a' . '📄' x 60,
  'n' x 300 . '.tar.gz', 'a.' . 'n' x 300, 'n' x 230 . '.' . 'x' x 15, 'n' x 230 . '.' . 'x' x 16, '"' x 300 . '.txt', '%' x 300,
);

sub shown { my $text = json($_[0]); return length $text > 50 ? substr($text, 0, 20) . '... of ' . length($_[0]) : $text }

my $n = 0;
my $values = join ",\n", map { '(' . $n++ . ', ' . lit($_) . '::text)' } @names;
my %urls = map { @$_ } $db->rows(s3_settings($bucket), "SELECT n, s3_presign_get('object', download_as => name) FROM (VALUES $values) v(n, name);");
is keys %urls, @names, @names . ' names';

# ---------------------------------------------------------------- curl -OJ

sub files_in { my ($dir) = @_; opendir my $handle, $dir or die "$dir: $!"; return grep { !/\A\.\.?\z/ } readdir $handle }

subtest 'curl -OJ, and the headers' => sub {
  for (0 .. $#names) {
    my ($name, $url) = ($names[$_], $urls{$_});
    my $shown = shown($name);
    my $dir = tempdir('neon_s3-names.XXXXXX', TMPDIR => 1, CLEANUP => 1);
    mkdir "$dir/saved" or die $!;
    my ($status, undef, $err) = run_program([ qw(curl -q -sS --globoff --path-as-is --max-time 60 --noproxy * -OJ), '--output-dir', "$dir/saved",
      '-D', "$dir/head", $url ]);
    is $status, 0, "$shown: curl -OJ" or diag $err;
    is_deeply [ files_in("$dir/saved") ], [ fallback($name) ], '... saves one file of that name';
    is_deeply [ files_in($dir) ] , [ grep { -e "$dir/$_" } files_in($dir) ], '... and nothing beside it';
    open my $head, '<:raw', "$dir/head" or die $!;
    my @lines = map { s/\r\n\z//r } <$head>;
    my @dispositions = grep { /\Acontent-disposition:/i } @lines;
    is @dispositions, 1, '... one Content-Disposition';
    is_deeply [ grep { /\A(?:x-injected|<script)/i || !/\A[\x20-\x7e]*\z/ } @lines ], [], '... no other header comes of it';
    my ($plain, $extended) = $dispositions[0] =~ /: attachment; filename="((?:[^"\\])*)"; filename\*=UTF-8''([A-Za-z0-9\-._~%]*)\z/;
    is $plain // $dispositions[0], fallback($name), '... filename';
    is decode('utf8', ($extended // '') =~ s/%([0-9A-F]{2})/chr hex $1/ger, Encode::FB_CROAK), intended($name), '... filename*';
  }
};

# ---------------------------------------------------------------- what has no name

subtest 'no name is left' => sub {
  my @bad = $db->try(s3_settings($bucket), map { "SELECT s3_presign_get('object', download_as => " . lit($_) . ');' } '', '.', '..', '....', ' ', '. .', "\r\n", "\x{7f}\x{85}");
  like $_->{out}, qr/attachment%3B%20filename%3D%22_%22%3B%20filename%2A%3DUTF-8%27%27_&/,
    'download_as ' . shown($_->{sql} =~ /download_as => (.*)\);/s ? $1 : '')
    for grep { $_->{sql} =~ /download_as/ } @bad;
};

subtest 'the override, past download_as' => sub {
  my @bad = grep { $_->{sql} =~ /SELECT/ } $db->try(s3_settings($bucket), map { "SELECT s3_presign_get('object', $_);" }
      q{query => '{"response-content-disposition": "a\r\nX-Injected: 1"}'}, q{query => '{"Response-Content-Type": "a\nX-Injected: 1"}'},
      q{query => '{"response-expires": "\u0085"}'}, q{download_as => 'a', query => '{"response-content-disposition": "attachment"}'});
  refused($_, '22023', $_->{sql}) for @bad;
};

# ---------------------------------------------------------------- Chromium

my ($chromium) = grep { -x } map { "$_/chromium" } split /:/, $ENV{PATH};

SKIP: {
  skip 'Chromium is not installed (Debian: chromium)', 1 if !$chromium;
  # The intended name, but for what Chromium itself allows in no file name.
  my @downloads = (
    [ 'résumé 📄.txt', 'résumé 📄.txt' ],
    [ 'Übersicht "2026".pdf', 'Übersicht _2026_.pdf' ],
    [ 'n' x 296 . '.txt', 'n' x 236 . '.txt' ],
    [ 'é' x 300 . '.pdf', 'é' x 118 . '.pdf' ],
    [ "\x{5e9}\x{5dc}\x{5d5}\x{5dd}.pdf", "\x{5e9}\x{5dc}\x{5d5}\x{5dd}.pdf" ],
    [ '100%25 %C3%A9.txt', '100%25 %C3%A9.txt' ],
    [ "a\r\nX-Injected: 1\r\n\r\n<script>.html", 'aX-Injected_ 1_script_.html' ],
    [ '../../etc/passwd', '_.._etc_passwd' ],
    [ q{a"; filename="evil.exe}, 'a_; filename=_evil.exe' ],
  );
  my @browser_urls = map { $_->[0] } $db->rows(s3_settings($bucket), map { "SELECT s3_presign_get('object', download_as => " . lit($_->[0]) . ');' } @downloads);
  my ($status, $out, $err) = run_program([ '/usr/bin/python3', repo_dir() . '/test/download_as.py', $chromium ], json(\@browser_urls),
    { PYTHONIOENCODING => 'utf-8', LC_ALL => 'C.UTF-8' });
  is $status, 0, 'Chromium downloads' or diag $err;
  my $saved = $status ? [] : from_json($out);
  for (0 .. $#downloads) {
    my ($name, $expected) = @{ $downloads[$_] };
    is_deeply $saved->[$_]{saved}, [$expected], 'Chromium saves ' . shown($name);
    is $saved->[$_]{content}, $content, '... with its content';
  }
}

done_testing;

# An S3 server with another clock: operations follow it, URLs are signed by the database server's.
use v5.32;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use FaultServer;
use NeonS3Test;
use POSIX qw(strftime);
use Test::More;

my $db = NeonS3Test->server->new_database;
$db->do('CREATE EXTENSION neon_s3;');
my $fault = FaultServer->new;
my @settings = $fault->settings('http', max_attempts => 1, session_token => '');

for my $skew (-3600, 3600, 86000) {
  subtest "$skew seconds" => sub {
    $fault->plays("skewed:$skew");
    my $session = $db->session(@settings);
    is $session->run("SELECT encode(s3_get_object('k'), 'escape');")->{out}, 'hello', 'the first request';
    is scalar($fault->requests), 2, '... is sent twice';
    is $session->run("SELECT etag IS NOT NULL FROM s3_put_object('k', 'body');")->{out}, 't', 'the next one';
    is scalar($fault->requests), 3, '... once';
    is $session->run("SELECT count(*) FROM s3_get_objects(ARRAY['a', 'b', 'c']);")->{out}, '3', 'several at once';
    is scalar($fault->requests), 6, '... once each';
    my $url = $session->run("SELECT s3_presign_get('k');")->{out};
    my ($date) = $url =~ /X-Amz-Date=(\w+)/;
    my @now = map { strftime('%Y%m%dT%H%M', gmtime time - $_) } 0, 60;
    ok scalar(grep { $date =~ /^$_/ } @now), 'a URL keeps the clock' or diag "$date, not @now";
    is curl('GET', $url)->{status}, '403', '... and is refused';
    $fault->plays();
    is $session->run("SELECT encode(s3_get_object('size-5'), 'escape');")->{out}, '01234', 'a server that takes any time takes that one';
    $session->close;
  };
}

subtest 'a reply without a body' => sub {
  $fault->plays('skewed:-3600');
  my $session = $db->session(@settings);
  is $session->run("SELECT size FROM s3_head_object('size-7');")->{out}, '7', 'HEAD';
  is join(' ', map { $_->{method} } $fault->requests), 'HEAD GET HEAD', '... asks for the reason';
};

subtest 'what is not followed' => sub {
  $fault->plays('skewed:90000');
  refused(scalar $db->try(@settings, "SELECT s3_get_object('k');"), '38000', 'a clock that is over a day off', detail => qr/RequestTimeTooSkewed/, hint => qr/clock/);
  is scalar($fault->requests), 1, '... once';
  $fault->plays('status:403:RequestTimeTooSkewed');
  refused(scalar $db->try(@settings, "SELECT s3_get_object('k');"), '38000', 'a server with the same clock', hint => qr/clock/);
  is scalar($fault->requests), 1, '... once';
};

done_testing;

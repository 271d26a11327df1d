# test/fault_server.py for a test: starts it, tells it what to do, asks what it saw.
package FaultServer;
use v5.32;
use warnings;
use FindBin;
use HTTP::Tiny;
use IPC::Open2 qw(open2);
use NeonS3Test;
use Test::More;

# A database with the extension, a server of faults, and a session that talks to it.
sub set_up {
  my ($class, %settings) = @_;
  my $db = NeonS3Test->server->new_database;
  $db->do('CREATE EXTENSION neon_s3;');
  my $fault = $class->new;
  return ($db, $fault, $db->session($fault->settings('http', %settings)));
}

# A self-signed certificate and its key, for `tls`; undef where there is no openssl.
sub certificate {
  my ($class, $dir, $name, $names) = @_;
  return if (run_program([qw(openssl version)]))[0] != 0;
  my @files = map { "$dir/$name.$_" } qw(crt key);
  my ($status, $out, $err) = run_program([ qw(openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj), "/CN=$name",
    '-addext', "subjectAltName=$names", '-out', $files[0], '-keyout', $files[1] ]);
  die $err if $status;
  chmod 0644, $files[0];
  return \@files;
}

# {ports}; tls => [certificate, key] for one over https, too. Ends with the test.
sub new {
  my ($class, %options) = @_;
  my $pid = open2(my $out, my $in, '/usr/bin/python3', repo_dir() . '/test/fault_server.py', @{ $options{tls} // [] });
  NeonS3Test->on_end(sub { close $in; waitpid $pid, 0 });
  my $ports = from_json(scalar <$out> // die "fault_server.py does not start\n");
  my $http = HTTP::Tiny->new(proxy => undef, http_proxy => undef, timeout => 30);
  return bless { ports => $ports, http => $http, in => $in, out => $out }, $class;
}

sub control {
  my ($self, $command, $body) = @_;
  my $reply = $self->{http}->post("http://127.0.0.1:$self->{ports}{http}/control/$command", { content => $body // '' });
  return $reply->{success} ? from_json($reply->{content}) : die "no $command: $reply->{status} $reply->{content}\n";
}

# What the first, second ... try of a request gets; the last is for all after it. Forgets all requests.
sub plays {
  my ($self, @faults) = @_;
  my $reply = $self->control('reset', json(\@faults));
  die "no fault @{ $reply->{unknown} }\n" if $reply->{unknown};
}

sub requests { my ($self) = @_; return @{ $self->control('requests') } }
sub connections { my ($self) = @_; return $self->control('alive') }

sub endpoint { my ($self, $port) = @_; return ($port eq 'https' ? 'https' : 'http') . "://127.0.0.1:$self->{ports}{$port}" }

# SET statements for a superuser's session that talks to one of its ports.
sub settings {
  my ($self, $port, %more) = @_;
  my %settings = (access_key_id => 'AKIAFAULT', secret_access_key => 'secretCANARYsecret',
    session_token => 'tokenCANARYtoken', region => 'us-east-1',
    endpoint => $self->endpoint($port // 'http'), bucket => 'bucket', connect_timeout => '1s', request_timeout => '2s', %more);
  return map { "SET neon_s3.$_ = " . lit($settings{$_}) . ';' } sort keys %settings;
}

# Tests a statement while the server plays that fault, or those: $expected is a SQLSTATE (and %expect what
# refused() takes) or the text that comes out.
sub gives {
  my ($self, $session, $play, $statement, $expected, %expect) = @_;
  local $Test::Builder::Level = $Test::Builder::Level + 2;    # as if its caller's own gives() did it
  my @plays = ref $play ? @$play : $play;
  $self->plays(@plays);
  my $result = $session->run($statement);
  my $name = "@plays: " . substr $statement, 7, 60;
  return refused($result, $expected, $name, not => qr/CANARY/, %expect) if $expected =~ /^[0-9A-Z]{5}$/;
  (my $out = $result->{out}) =~ tr{\x1e\x1f}{|};
  is $result->{state} eq '00000' ? $out : $result->{notices}, $expected, $name;
}

# Whether a large object has what the server says an object of that size has.
sub gets_large {
  my ($size) = @_;
  return "SELECT s3_get_large_object('size-$size') AS lo \\gset\n"
    . "SELECT md5(lo_get(:lo)) = md5(left(repeat('0123456789abcdef', $size / 16 + 1), $size));";
}

1;

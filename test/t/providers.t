# The settings for each provider, and the URL they give: where it points, and that its signature is botocore's.
use v5.32;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use NeonS3Test;
use Test::More;

my $db = NeonS3Test->server->new_database("neon_s3_t_providers_$$");
$db->do('CREATE EXTENSION neon_s3;');

my $account = '0123456789abcdef0123456789abcdef';

# What an administrator writes, and the object's address. boto3: what that takes to give the same address.
my @providers = (
  { name => 'AWS', region => 'eu-central-1', url => 'https://my-bucket.s3.eu-central-1.amazonaws.com/dir/a%20b.txt', boto3 => {} },
  { name => 'AWS, us-east-1', region => 'us-east-1', url => 'https://my-bucket.s3.us-east-1.amazonaws.com/dir/a%20b.txt' },
  { name => 'AWS, a dot in the bucket', region => 'eu-central-1', bucket => 'my.bucket',
  url => 'https://s3.eu-central-1.amazonaws.com/my.bucket/dir/a%20b.txt',
    boto3 => {} },
  { name => 'AWS GovCloud', region => 'us-gov-west-1',
  url => 'https://my-bucket.s3.us-gov-west-1.amazonaws.com/dir/a%20b.txt', boto3 => {} },
  { name => 'AWS GovCloud, east', region => 'us-gov-east-1',
  url => 'https://my-bucket.s3.us-gov-east-1.amazonaws.com/dir/a%20b.txt', boto3 => {} },
  { name => 'AWS China', region => 'cn-north-1', url => 'https://my-bucket.s3.cn-north-1.amazonaws.com.cn/dir/a%20b.txt', boto3 => {} },
  { name => 'AWS China, Ningxia', region => 'cn-northwest-1',
  url => 'https://my-bucket.s3.cn-northwest-1.amazonaws.com.cn/dir/a%20b.txt', boto3 => {} },
  { name => 'AWS dual-stack', region => 'eu-west-1', endpoint => 'https://s3.dualstack.eu-west-1.amazonaws.com',
    url => 'https://my-bucket.s3.dualstack.eu-west-1.amazonaws.com/dir/a%20b.txt', boto3 => { s3 => { use_dualstack_endpoint => 1 } } },
  { name => 'AWS FIPS', region => 'us-gov-west-1', endpoint => 'https://s3-fips.us-gov-west-1.amazonaws.com',
    url => 'https://my-bucket.s3-fips.us-gov-west-1.amazonaws.com/dir/a%20b.txt', boto3 => { use_fips_endpoint => 1 } },
  { name => 'AWS FIPS, commercial region', region => 'us-east-2', endpoint => 'https://s3-fips.us-east-2.amazonaws.com',
    url => 'https://my-bucket.s3-fips.us-east-2.amazonaws.com/dir/a%20b.txt' },
  { name => 'AWS FIPS, dual-stack', region => 'us-east-2', endpoint => 'https://s3-fips.dualstack.us-east-2.amazonaws.com',
    url => 'https://my-bucket.s3-fips.dualstack.us-east-2.amazonaws.com/dir/a%20b.txt' },
  { name => 'AWS transfer acceleration', region => 'eu-west-1', endpoint => 'https://s3-accelerate.amazonaws.com',
    url => 'https://my-bucket.s3-accelerate.amazonaws.com/dir/a%20b.txt', boto3 => { s3 => { use_accelerate_endpoint => 1 } } },
  { name => 'AWS transfer acceleration, dual-stack', region => 'eu-west-1', endpoint => 'https://s3-accelerate.dualstack.amazonaws.com',
    url => 'https://my-bucket.s3-accelerate.dualstack.amazonaws.com/dir/a%20b.txt',
    boto3 => { s3 => { use_accelerate_endpoint => 1, use_dualstack_endpoint => 1 } } },
  { name => 'Neon Object Storage', region => 'us-east-2',
  endpoint => 'https://br-cool-darkness-a1b2c3d4.storage.c-1.us-east-2.aws.neon.tech',
    url => 'https://br-cool-darkness-a1b2c3d4.storage.c-1.us-east-2.aws.neon.tech/my-bucket/dir/a%20b.txt', boto3 => {} },
  { name => 'Cloudflare R2', region => 'auto', endpoint => "https://$account.r2.cloudflarestorage.com",
    url => "https://$account.r2.cloudflarestorage.com/my-bucket/dir/a%20b.txt", boto3 => {} },
  { name => 'Cloudflare R2, EU jurisdiction', region => 'auto', endpoint => "https://$account.eu.r2.cloudflarestorage.com",
    url => "https://$account.eu.r2.cloudflarestorage.com/my-bucket/dir/a%20b.txt", boto3 => {} },
  { name => 'Cloudflare R2, virtual', region => 'auto', endpoint => "https://$account.r2.cloudflarestorage.com",
  addressing_style => 'virtual',
    url => "https://my-bucket.$account.r2.cloudflarestorage.com/dir/a%20b.txt", boto3 => {} },
  { name => 'Backblaze B2', region => 'us-west-004', endpoint => 'https://s3.us-west-004.backblazeb2.com',
    url => 'https://s3.us-west-004.backblazeb2.com/my-bucket/dir/a%20b.txt', boto3 => {} },
  { name => 'Backblaze B2, virtual', region => 'eu-central-003', endpoint => 'https://s3.eu-central-003.backblazeb2.com',
  addressing_style => 'virtual',
    url => 'https://my-bucket.s3.eu-central-003.backblazeb2.com/dir/a%20b.txt', boto3 => {} },
  { name => 'DigitalOcean Spaces', region => 'nyc3', endpoint => 'https://nyc3.digitaloceanspaces.com', addressing_style => 'virtual',
    url => 'https://my-bucket.nyc3.digitaloceanspaces.com/dir/a%20b.txt', boto3 => {} },
  { name => 'Google Cloud Storage', region => 'auto', endpoint => 'https://storage.googleapis.com',
    url => 'https://storage.googleapis.com/my-bucket/dir/a%20b.txt', boto3 => {} },
  { name => 'Google Cloud Storage, by location', region => 'europe-west1', endpoint => 'https://storage.googleapis.com',
  addressing_style => 'virtual',
    url => 'https://my-bucket.storage.googleapis.com/dir/a%20b.txt', boto3 => {} },
  { name => 'Ceph RGW', region => 'us-east-1', endpoint => 'http://rgw.example.com:7480',
  url => 'http://rgw.example.com:7480/my-bucket/dir/a%20b.txt', boto3 => {} },
  { name => 'Ceph RGW, rgw_dns_name', region => 'default', endpoint => 'https://s3.example.com', addressing_style => 'virtual',
    url => 'https://my-bucket.s3.example.com/dir/a%20b.txt', boto3 => {} },
  { name => 'Garage', region => 'garage', endpoint => 'http://garage.example.com:3900',
  url => 'http://garage.example.com:3900/my-bucket/dir/a%20b.txt', boto3 => {} },
  { name => 'SeaweedFS', region => 'us-east-1', endpoint => 'http://seaweedfs.example.com:8333',
    url => 'http://seaweedfs.example.com:8333/my-bucket/dir/a%20b.txt', boto3 => {} },
  { name => 'Supabase Storage', region => 'eu-central-1', endpoint => 'https://abcdefghijklmnopqrst.storage.supabase.co/storage/v1/s3',
    url => 'https://abcdefghijklmnopqrst.storage.supabase.co/storage/v1/s3/my-bucket/dir/a%20b.txt', boto3 => {} },
  { name => 'Supabase Storage, local', region => 'local', endpoint => 'http://127.0.0.1:54321/storage/v1/s3',
    url => 'http://127.0.0.1:54321/storage/v1/s3/my-bucket/dir/a%20b.txt', boto3 => {} },
);

my ($access_key, $secret, $key) = ('AKIAIOSFODNN7EXAMPLE', 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', 'dir/a b.txt');

# {get, put, public, form} of our own for a provider, signed at a time.
sub ours {
  my ($provider, $time) = @_;
  my %settings = (access_key_id => $access_key, secret_access_key => $secret, bucket => $provider->{bucket} // 'my-bucket',
    map { $_ => $provider->{$_} // '' } qw(endpoint region));
  $settings{addressing_style} = $provider->{addressing_style} if $provider->{addressing_style};
  my %found;
  @found{qw(get put public form scope)} = $db->row((map { "SET neon_s3.$_ = " . lit($settings{$_}) . ';' } sort keys %settings),
    "SELECT s3_presign_get(k, '777', signed_at => t), s3_presign_put(k, 'text/plain', '777', signed_at => t), s3_public_url(k), p.url,"
      . " p.fields->>'x-amz-credential' FROM (VALUES (" . lit($key) . ', ' . lit($time)
      . "::timestamptz)) v(k, t), s3_presign_post(k, signed_at => t) p;");
  return \%found;
}

# What botocore signs for the same addresses, and what boto3 makes of the same settings, dated as they like.
my $theirs;
if (has_boto3()) {
  my @asked = map { my $p = $_; +{ map { $_ => $p->{$_} } grep { $_ ne "name" } keys %$p } } @providers;
  $theirs = boto3("asked = json.loads(" . json(json(\@asked)) . ")\nkeys = " . json([ $access_key, $secret ]) . "\n" . <<'PYTHON');
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
answers = []
for p in asked:
    def signed(method, headers):
        request = AWSRequest(method=method, url=p['url'], headers=headers)
        S3SigV4QueryAuth(Credentials(*keys), 's3', p['region'], 777).add_auth(request)
        return request.url
    answer = {'get': signed('GET', {}), 'put': signed('PUT', {'Content-Type': 'text/plain'})}
    if 'boto3' in p:
        auto = 'path' if 'endpoint' in p and 'amazonaws' not in p['endpoint'] else 'virtual'
        options = p['boto3']
        s3 = {'addressing_style': p.get('addressing_style', auto), **{name: True for name in options.get('s3', {})}}
        special = bool(options)
        client = boto3.client('s3', region_name=p['region'], endpoint_url=None if special else p.get('endpoint', 'https://s3.%s.amazonaws.com%s' % (
                p['region'], '.cn' if p['region'].startswith('cn-') else '')),
            aws_access_key_id=keys[0], aws_secret_access_key=keys[1],
            config=Config(signature_version='s3v4', s3=s3, use_fips_endpoint=bool(options.get('use_fips_endpoint'))))
        answer['boto3'] = client.generate_presigned_url('get_object', {'Bucket': p.get('bucket', 'my-bucket'), 'Key': 'dir/a b.txt'}, 777)
    answers.append(answer)
print(json.dumps(answers))
PYTHON
}

for my $n (0 .. $#providers) {
  my $provider = $providers[$n];
  subtest $provider->{name} => sub {
    my $signed = $theirs ? $theirs->[$n] : {};
    my ($time) = ($signed->{get} // 'X-Amz-Date=20261122T120000Z') =~ /X-Amz-Date=(\w+)/;
    my $url = $provider->{url};
    my $ours = ours($provider, $time);
    my $scope = substr($time, 0, 8) . "/$provider->{region}/s3/aws4_request";
    is $ours->{public}, $url, 'address';
    is $ours->{get}, "$url?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=$access_key%2F" . $scope =~ s{/}{%2F}gr
      . "&X-Amz-Date=$time&X-Amz-Expires=777&X-Amz-SignedHeaders=host&X-Amz-Signature=" . $ours->{get} =~ s/.*=//sr, 'shape and scope';
    like $ours->{get}, qr/Signature=[0-9a-f]{64}\z/, '... with a signature';
    is $ours->{form}, $url =~ s{dir/a%20b\.txt\z}{}r =~ s{(?<=my-bucket|my\.bucket)/\z}{}r, 'the address of a form';
    is $ours->{scope}, "$access_key/$scope", '... and its scope';
  SKIP: {
      skip 'python3-boto3 is not installed', 2 if !$theirs;
      is $ours->{get}, $signed->{get}, "botocore's signature";
      my ($put_time) = $signed->{put} =~ /X-Amz-Date=(\w+)/;
      is ours($provider, $put_time)->{put}, $signed->{put}, '... of an upload';
    }
  SKIP: {
      skip 'boto3 cannot be told to go there', 1 if !defined $signed->{boto3};
      my ($boto3_time) = $signed->{boto3} =~ /X-Amz-Date=(\w+)/;
      is ours($provider, $boto3_time)->{get}, $signed->{boto3}, "boto3's URL for the same settings";
    }
  };
}

# ---------------------------------------------------------------- URLs for the host that clients reach

subtest 'public_endpoint' => sub {
  my @set = ("SET neon_s3.access_key_id = '$access_key';", "SET neon_s3.secret_access_key = '$secret';",
    "SET neon_s3.bucket = 'my-bucket';",
    "SET neon_s3.endpoint = 'http://rgw.internal:7480';");
  my $public = "SET neon_s3.public_endpoint = 'https://files.example.com/s3';";
  my $at = "signed_at => '2026-11-22T00:00:00Z'";
  is $db->value(@set, $public, "SELECT s3_presign_get('k', $at);"),
    $db->value(@set, "SET neon_s3.endpoint = 'https://files.example.com/s3';", "SELECT s3_presign_get('k', $at);"),
    'as if it were the endpoint';
  like $db->value(@set, $public, "SELECT (s3_presign_post('k', $at)).url;"),
    qr{\Ahttps://files\.example\.com/s3/my-bucket\z}, '... for forms';
  like $db->value(@set, $public, "SELECT s3_public_url('k');"), qr{\Ahttps://files\.example\.com/s3/my-bucket/k\z}, '... for public URLs';
  like $db->value(@set, $public, "SET neon_s3.public_endpoint = '';", "SELECT s3_public_url('k');"),
    qr{\Ahttp://rgw\.internal:7480/}, 'empty: the endpoint';
};

done_testing;

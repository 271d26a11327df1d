#!/usr/bin/env python3
"""Random signing requests, and what botocore makes of them.

  differential.py write SEED COUNT CASES      cases, one JSON object a line (plain ASCII)
  differential.py compare CASES RESULTS       RESULTS: {"n": ..., "state": ..., "url": ..., "fields": ...} a line

Three kinds of cases: "signer" goes to botocore's S3SigV4QueryAuth with an address that is put together here;
"client" to boto3's generate_presigned_url, all of it; "post" to S3SigV4PostAuth. compare prints one JSON object.
"""
import base64
import collections
import datetime
import hashlib
import json
import random
import re
import sys
from urllib.parse import quote, urlsplit

# ---------------------------------------------------------------- texts

ALPHABETS = [
    'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789',
    'abcXYZ019-._~',
    ' !"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~',
    '%+&=?#;/ ',
    'äöüßéèçñøåÄÖÜ¡¿£§\u00a0\u00ad\u00ff',
    'e\u0301o\u0308\u0304u\u0323A\u030a',
    'абвгдЯЖ αβγδΩ',
    '日本語漢字かなカナ한글',
    'שלוםعربى\u202e\u202d\u200f\u200e',
    '\u200b\u2028\u2029\u3000\ufeff\ufffd\ue000\ufffe\uffff',
    '😀📄👩🇩🇪\U0001d11e\U00020000\U0010fffd\U0010ffff',
]
CONTROLS = ''.join(map(chr, [*range(1, 32), *range(0x7f, 0xa0)]))
ESCAPES = ['%2F', '%2f', '%00', '%25', '%E9', '%C3%A9', '+', '%20', '${filename}', '\\', '//', '/./x', '/../x', '&amp;']
# Python calls these white space, and botocore collapses it; Signature Version 4 speaks of spaces only.
SPACES = set('\u00a0\u1680\u2028\u2029\u202f\u205f\u3000') | set(map(chr, range(0x2000, 0x200b)))


def text(rng, max_length, controls=True):
    alphabets = rng.sample(ALPHABETS, rng.randint(1, 4)) + ([CONTROLS] if controls and rng.random() < 0.15 else [])
    out = []
    for _ in range(rng.randint(1, max_length)):
        out.append(rng.choice(ESCAPES) if rng.random() < 0.05 else rng.choice(rng.choice(alphabets)))
    return ''.join(out)


def without_controls(value):
    return ''.join(c for c in value if c not in CONTROLS)


def object_key(rng):
    length = rng.choice([3, 10, 30, 100]) if rng.random() < 0.97 else 2000
    segments = [text(rng, length) for _ in range(rng.choice([1, 1, 1, 2, 3, 6]))]
    key = '/'.join(segments)
    if rng.random() < 0.1:
        key = rng.choice(['/', '//', '.', '...']) + key
    if rng.random() < 0.1:
        key += rng.choice(['/', '//', '.', ' '])
    key = key.encode()[:1024].decode(errors='ignore')
    key = '/'.join('_' if segment in ('.', '..') else segment for segment in key.split('/'))
    return key


def header_value(rng):
    value = ''.join(c for c in without_controls(text(rng, rng.choice([5, 40]))) if c not in SPACES)
    if rng.random() < 0.3:
        value = rng.choice(['', ' ', '  ']) + value + rng.choice(['', ' ', '   b', '  '])
    return value


# ---------------------------------------------------------------- who signs, and where

REGIONS = ['us-east-1', 'us-east-2', 'us-west-2', 'eu-central-1', 'eu-west-1', 'ap-southeast-2', 'sa-east-1', 'me-south-1',
           'us-gov-west-1', 'us-gov-east-1', 'cn-north-1', 'cn-northwest-1']
OTHER_REGIONS = ['auto', 'garage', 'europe-west1', 'nyc3', 'us-west-004', 'weur', 'default', 'Region_1', 'x']
LABEL_BUCKETS = ['my-bucket', 'abc', '0numeric1', 'a' * 63, 'xn--caf-dma', 'data-lake-prod']
DOTTED_BUCKETS = ['my.bucket.name', 'a.b.c', 'www.example.com']
LEGACY_BUCKETS = ['My_Bucket', 'UPPER', 'under_score.dot', '-x-', 'a..b', 'L' * 200]
OWN_HOSTS = ['localhost', 's3.example.com', 'minio', 'nyc3.digitaloceanspaces.com', 'storage.googleapis.com',
             's3.us-west-004.backblazeb2.com', '0123456789abcdef.r2.cloudflarestorage.com', 'amazonaws.com.example.org']
ADDRESSES = ['127.0.0.1', '192.0.2.17', '[::1]', '[2001:db8::1]', '[2001:db8:0:1::ffff]']
BASE_PATHS = ['/storage/v1/s3', '/base', '/a/b/c', '/s3~v1_2-3.4', '/x//y']


def dns_suffix(region):
    return 'amazonaws.com.cn' if region.startswith('cn-') else 'amazonaws.com'


def own_endpoint(rng):
    scheme = rng.choice(['http', 'https'])
    address = rng.random() < 0.3
    host = rng.choice(ADDRESSES if address else OWN_HOSTS)
    if not address and rng.random() < 0.2:
        host = host.title()
    endpoint = f'{scheme}://{host}'
    if rng.random() < 0.5:
        endpoint += ':' + rng.choice(['80', '443', '9000', '8443', '65535', '1'])
    if rng.random() < 0.35:
        endpoint += rng.choice(BASE_PATHS)
    if rng.random() < 0.2:
        endpoint += '/'
    return endpoint, address


def aws_endpoint(rng, region):
    scheme = 'https' if rng.random() < 0.8 else 'http'
    suffix = dns_suffix(region)
    hosts = [f's3.{region}.{suffix}', f's3.dualstack.{region}.{suffix}', f's3-fips.{region}.{suffix}',
             f's3-fips.dualstack.{region}.{suffix}']
    return f'{scheme}://{rng.choice(hosts)}'


def place(rng):
    """Endpoint settings, and a bucket that the style can address."""
    here = {'endpoint': '', 'public_endpoint': ''}
    draw = rng.random()
    address = False
    if draw < 0.5:
        here['region'] = rng.choice(REGIONS)
        if rng.random() < 0.5:
            here['endpoint'] = aws_endpoint(rng, here['region'])
        elif rng.random() < 0.1 and not here['region'].startswith('cn-'):
            here['endpoint'] = 'https://s3-accelerate.amazonaws.com'
    else:
        here['region'] = rng.choice(REGIONS + OTHER_REGIONS * 2)
        here['endpoint'], address = own_endpoint(rng)
        if rng.random() < 0.2:
            here['public_endpoint'], address = own_endpoint(rng)
    effective = here['public_endpoint'] or here['endpoint'] or 'https:'
    here['addressing_style'] = rng.choice(['auto', 'path', 'auto' if address else 'virtual'])
    buckets = list(LABEL_BUCKETS)
    if here['addressing_style'] != 'virtual':
        buckets += DOTTED_BUCKETS + LEGACY_BUCKETS
    elif effective.startswith('http:'):
        buckets += DOTTED_BUCKETS
    if 'accelerate' in effective:
        here['addressing_style'], buckets = 'virtual', LABEL_BUCKETS
    here['bucket'] = rng.choice(buckets)
    return here


def credentials(rng):
    alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
    access_key = rng.choice(['AKIA', 'ASIA', 'GK', 'GOOG1E', '']) + ''.join(rng.choices(alphabet, k=16))
    if rng.random() < 0.1:
        access_key = rng.choice(['minioadmin', 'a+b/c=@ d', 'ключ', 'k%2F&'])
    secret = base64.b64encode(rng.randbytes(30)).decode()
    if rng.random() < 0.1:
        secret = rng.choice(['x', 'pässwörd-€-🔑', ' a b ', 's' * 200])
    token = ''
    if rng.random() < 0.4:
        token = base64.b64encode(rng.randbytes(rng.choice([15, 100, 400]))).decode() + rng.choice(['', '==', ' &%+', 'é😀'])
    return {'access_key': access_key, 'secret_key': secret, 'session_token': token}


def moment(rng):
    start = datetime.datetime(1971, 1, 1)
    when = start + datetime.timedelta(seconds=rng.randrange(86400 * 365 * 120), microseconds=rng.randrange(1000000))
    draw = rng.random()
    if draw < 0.2:
        when = when.replace(hour=23, minute=59, second=59)
    elif draw < 0.4:
        when = when.replace(hour=0, minute=0, second=0)
    return when


# ---------------------------------------------------------------- cases

RESERVED = {'x-amz-' + name for name in ('algorithm', 'credential', 'date', 'expires', 'signedheaders', 'signature', 'security-token')}
QUERY_NAMES = ['a', 'a-b', 'a1', 'a.b', 'A', 'a~', 'aa', 'partNumber', 'uploadId', 'versionId', 'list-type', 'prefix', 'tagging',
               'acl', 'x-id', 'X-Amz-Zzz', 'x-amz-acl', 'delimiter', 'uploads', 'é', 'a b', 'a+b', 'a=b', 'a&b', '日', '😀', '%41']
OVERRIDES = ['response-content-type', 'response-content-disposition', 'response-cache-control', 'Response-Expires']
HEADER_NAMES = ['content-type', 'Content-MD5', 'cache-control', 'x-amz-acl', 'x-amz-meta-a', 'x-amz-meta-a-b', 'X-Amz-Meta-Title',
                'x-amz-server-side-encryption', 'x-amz-storage-class', 'x-amz-tagging', 'range', 'if-match', 'X-Custom!#$', 'aa', 'zz',
                'x-amz-request-payer', 'expires', 'content-encoding', "x-amz-meta-o'clock"]


def query(rng):
    found = {}
    for _ in range(rng.choice([0, 0, 1, 2, 3, 6])):
        name = rng.choice(QUERY_NAMES) if rng.random() < 0.7 else text(rng, 6)
        if rng.random() < 0.15:
            name = rng.choice(OVERRIDES)
        if name.lower() in RESERVED:
            continue
        value = rng.choice(['', text(rng, 3), text(rng, 40)])
        found[name] = without_controls(value) if name.lower().startswith('response-') else value
    return found


def headers(rng):
    found = {}
    for name in rng.sample(HEADER_NAMES, rng.choice([0, 0, 0, 1, 2, 5])):
        found[name] = header_value(rng)
    return found


def signer_case(rng):
    op = rng.choice(['any'] * 6 + ['get', 'head', 'delete', 'put', 'put', 'part'])
    case = {'kind': 'signer', 'op': op, 'key': object_key(rng), 'query': query(rng), 'headers': headers(rng)}
    case['method'] = {'get': 'GET', 'head': 'HEAD', 'delete': 'DELETE', 'put': 'PUT', 'part': 'PUT'}.get(op)
    if op == 'any':
        case['method'] = rng.choice(['GET', 'HEAD', 'PUT', 'POST', 'DELETE'])
        if case['query'] and rng.random() < 0.15:
            case['key'] = None
    own = {'get': ['versionId'], 'head': ['versionId'], 'delete': ['versionId'], 'part': ['partNumber', 'uploadId']}.get(op, [])
    case['query'] = {name: value for name, value in case['query'].items() if name not in own}
    if own and own[0] == 'versionId' and rng.random() < 0.5:
        case['version_id'] = text(rng, 20)
    if op == 'part':
        case['upload_id'], case['part_number'] = text(rng, 30), rng.randint(1, 10000)
    if op == 'put':
        taken = {'content-type', 'content-length', 'x-amz-checksum-sha256', 'if-none-match'}
        case['headers'] = {name: value for name, value in case['headers'].items() if name.lower() not in taken}
        if rng.random() < 0.5:
            case['content_type'] = rng.choice(['text/plain', 'image/svg+xml; charset=utf-8', 'a/b;c="d  e"', ' x/y '])
        if rng.random() < 0.4:
            case['content_length'] = rng.choice([0, 1, 4096, 5 * 2 ** 40, 2 ** 63 - 1, rng.randrange(10 ** 6)])
        if rng.random() < 0.3:
            case['checksum_sha256'] = hashlib.sha256(rng.randbytes(9)).hexdigest()
        if rng.random() < 0.3:
            case['overwrite'] = False
    return case


# What a boto3 client is asked for, and the same in our words.
def client_case(rng):
    key, version, kind = object_key(rng), text(rng, 20), rng.choice(['text/plain', 'image/png; a="b  c"', 'x/ü'])
    ascii_text = ''.join(c for c in header_value(rng) if c.isascii() and c.isprintable()) or 'x'
    disposition = without_controls(text(rng, 30))
    shapes = [
        ('get_object', {}, {'op': 'get'}),
        ('get_object', {'VersionId': version}, {'op': 'get', 'version_id': version}),
        ('get_object', {'ResponseContentDisposition': disposition, 'ResponseContentType': kind},
         {'op': 'get', 'query': {'response-content-disposition': disposition, 'response-content-type': kind}}),
        ('get_object', {'PartNumber': 3, 'RequestPayer': 'requester'},
         {'op': 'get', 'query': {'partNumber': '3'}, 'headers': {'x-amz-request-payer': 'requester'}}),
        ('put_object', {}, {'op': 'put'}),
        ('put_object', {'ContentType': kind}, {'op': 'put', 'content_type': kind}),
        ('put_object', {'ContentType': kind, 'ContentLength': 12345, 'ChecksumSHA256': base64.b64encode(b'\xff' * 32).decode()},
         {'op': 'put', 'content_type': kind, 'content_length': 12345, 'checksum_sha256': 'ff' * 32}),
        ('put_object', {'Metadata': {'a': ascii_text, 'b-c': 'x  y'}, 'ACL': 'private', 'CacheControl': ascii_text},
         {'op': 'put', 'headers': {'x-amz-meta-A': ascii_text, 'x-amz-meta-b-c': 'x  y', 'X-Amz-Acl': 'private', 'Cache-Control': ascii_text}}),
        ('put_object', {'ServerSideEncryption': 'AES256', 'StorageClass': 'STANDARD_IA', 'Tagging': 'a=b&c=d%20e'},
         {'op': 'put', 'headers': {'x-amz-server-side-encryption': 'AES256', 'x-amz-storage-class': 'STANDARD_IA', 'x-amz-tagging': 'a=b&c=d%20e'}}),
        ('delete_object', {}, {'op': 'delete'}),
        ('delete_object', {'VersionId': version}, {'op': 'delete', 'version_id': version}),
        ('head_object', {}, {'op': 'head'}),
        ('head_object', {'VersionId': version, 'IfMatch': '"etag"'}, {'op': 'head', 'version_id': version, 'headers': {'if-match': '"etag"'}}),
        ('upload_part', {'UploadId': version, 'PartNumber': 9999}, {'op': 'part', 'upload_id': version, 'part_number': 9999}),
        ('create_multipart_upload', {'ContentType': kind}, {'op': 'any', 'method': 'POST', 'query': {'uploads': ''}, 'headers': {'content-type': kind}}),
        ('list_objects_v2', {'Prefix': version, 'MaxKeys': 7},
         {'op': 'any', 'method': 'GET', 'key': None, 'query': {'list-type': '2', 'prefix': version, 'max-keys': '7', 'encoding-type': 'url'}}),
        ('get_bucket_cors', {}, {'op': 'any', 'method': 'GET', 'key': None, 'query': {'cors': ''}}),
    ]
    operation, parameters, ours = rng.choice(shapes)
    case = {'kind': 'client', 'key': key, 'query': {}, 'headers': {}, **ours, 'operation': operation, 'parameters': dict(parameters)}
    if case['key'] is not None:
        case['parameters']['Key'] = key
    return case


def post_case(rng):
    key = object_key(rng).replace('${filename}', '$').encode()[:1000].decode(errors='ignore')
    if rng.random() < 0.3:
        key += '${filename}'  # at the end only: elsewhere it is refused
    names = rng.sample(['acl', 'Content-Type', 'Cache-Control', 'success_action_status', 'x-amz-meta-a', 'X-Amz-Meta-B', 'tagging'], rng.randint(0, 4))
    fields = {name: without_controls(text(rng, 30)) for name in names}
    conditions = [['starts-with', '$' + name.lower(), value[:rng.randint(0, len(value))]] for name, value in fields.items() if rng.random() < 0.3]
    if rng.random() < 0.5:
        conditions.append(['content-length-range', rng.randint(0, 100), rng.randint(100, 10 ** 12)])
    return {'kind': 'post', 'op': 'post', 'key': key, 'query': {}, 'headers': {}, 'fields': fields, 'conditions': conditions}


def boto3_goes_there(case):
    """Other places boto3 refuses, or takes to another host; they go to the low-level signer only."""
    endpoint = case['public_endpoint'] or case['endpoint']
    url = urlsplit(endpoint)
    aws = endpoint == '' or url.hostname.endswith(('.amazonaws.com', '.amazonaws.com.cn'))
    plain = not aws or re.fullmatch(r'https://s3\.[a-z0-9-]+\.amazonaws\.com(\.cn)?', endpoint)
    default_port = url.port == {'http': 80, 'https': 443}.get(url.scheme)
    label = case['bucket'] in LABEL_BUCKETS
    return bool(endpoint and plain and not default_port and url.hostname == url.netloc.split(':')[0] and label
                and '//' not in url.path and case['region'] not in ('us-east-1', 'Region_1'))


def access_point(rng, case):
    """An access point that boto3 reaches from there, or the bucket."""
    host = urlsplit(case['public_endpoint'] or case['endpoint']).netloc
    if rng.random() > 0.2 or host.split(':')[0] in ADDRESSES or host.startswith('[') or 'amazonaws.com' in host:
        return case['bucket']
    partition = 'aws-cn' if case['region'].startswith('cn-') else 'aws-us-gov' if case['region'].startswith('us-gov-') else 'aws'
    region = rng.choice([r for r in REGIONS if r.startswith({'aws-cn': 'cn-', 'aws-us-gov': 'us-gov-'}.get(partition, ('us-e', 'us-w', 'eu', 'ap')))])
    return f"arn:{partition}:s3:{region}:123456789012:accesspoint/{rng.choice(['my-point', 'p', 'x' * 50])}"


def write(seed, count, path):
    rng = random.Random(seed)
    with open(path, 'w', encoding='ascii') as out:
        n = 0
        while n < count:
            # Some calls in a row by the same signer for the same place: what is cached in between must fit.
            here, who, when = place(rng), credentials(rng), moment(rng)
            for _ in range(rng.choice([1, 1, 2, 5])):
                if n == count:
                    break
                draw = rng.random()
                kind = post_case if draw < 0.1 else client_case if draw < 0.4 and boto3_goes_there(here) else signer_case
                if rng.random() < 0.3:
                    when = moment(rng)
                case = {'n': n, **here, **who, **kind(rng), 'expires_s': rng.choice([1, 300, 604800, rng.randint(1, 604800)]),
                        'signed_at': when.isoformat(timespec='microseconds') + 'Z'}
                if case['kind'] == 'client':
                    case['bucket'] = access_point(rng, case)
                out.write(json.dumps(case) + '\n')
                n += 1


# ---------------------------------------------------------------- botocore's answers

class Clock:
    """Stands in for the module datetime in botocore.auth: the time is the case's."""
    now = None
    datetime = None

    def __init__(self, module):
        self.__dict__.update(vars(module))
        clock = self

        class Datetime(module.datetime):
            @classmethod
            def utcnow(cls):
                return clock.now

            @classmethod
            def now(cls, tz=None):
                return clock.now.replace(tzinfo=tz)

        self.datetime = Datetime


def address(case):
    """scheme://host[:port] and the path up to the key, by the contract's rules and nobody's code."""
    endpoint = case['public_endpoint'] or case['endpoint'] or f"https://s3.{case['region']}.{dns_suffix(case['region'])}"
    url = urlsplit(endpoint)
    host = re.sub(r':\d+$', '', url.netloc).lower()
    if url.port and url.port != {'http': 80, 'https': 443}[url.scheme]:
        port = f':{url.port}'
    else:
        port = ''
    aws = host.endswith(('.amazonaws.com', '.amazonaws.com.cn'))
    virtual = {'virtual': True, 'path': False, 'auto': aws and case['bucket'] in LABEL_BUCKETS}[case['addressing_style']]
    base = quote(url.path.rstrip('/'), safe='/~')
    if not virtual:
        return f'{url.scheme}://{host}{port}', f"{base}/{case['bucket']}"
    # The bucket itself is the endpoint's own path then, as it was written.
    itself = case['key'] is None or case['kind'] == 'post'
    return f"{url.scheme}://{case['bucket']}.{host}{port}", quote(url.path, safe='/~') if itself else base


def sent_headers(case):
    found = dict(case['headers'])
    if 'content_type' in case:
        found['content-type'] = case['content_type']
    if 'content_length' in case:
        found['content-length'] = str(case['content_length'])
    if 'checksum_sha256' in case:
        found['x-amz-checksum-sha256'] = base64.b64encode(bytes.fromhex(case['checksum_sha256'])).decode()
    if not case.get('overwrite', True):
        found['if-none-match'] = '*'
    return found


def sent_query(case):
    found = dict(case['query'])
    if 'version_id' in case:
        found['versionId'] = case['version_id']
    if 'upload_id' in case:
        found.update(uploadId=case['upload_id'], partNumber=str(case['part_number']))
    return dict(sorted(found.items(), key=lambda pair: quote(pair[0], safe='-_.~').encode()))


class Reference:
    def __init__(self):
        import botocore.auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials
        self.auth, self.request, self.keys = botocore.auth, AWSRequest, Credentials
        self.clock = Clock(datetime)
        botocore.auth.datetime = self.clock
        botocore.auth.get_current_datetime = lambda: self.clock.datetime.utcnow()  # what newer versions ask
        self.session, self.clients = None, {}

    def credentials(self, case):
        return self.keys(case['access_key'], case['secret_key'], case['session_token'] or None)

    def signer(self, case):
        origin, path = address(case)
        if case['key'] is not None:
            path += '/' + quote(case['key'].encode(), safe='/~')
        request = self.request(method=case['method'], url=origin + (path or '/'), headers=sent_headers(case), params=sent_query(case))
        self.auth.S3SigV4QueryAuth(self.credentials(case), 's3', case['region'], case['expires_s']).add_auth(request)
        return request.url

    def client(self, case):
        style = {'auto': 'path', 'path': 'path', 'virtual': 'virtual'}[case['addressing_style']]
        endpoint = case['public_endpoint'] or case['endpoint']
        if case['addressing_style'] == 'auto' and urlsplit(endpoint).hostname.endswith(('.amazonaws.com', '.amazonaws.com.cn')):
            style = 'virtual'
        client = self.client_for(endpoint, case['region'], style)
        # A client is slow to make: it gets the case's credentials afterwards.
        client._request_signer._credentials = self.credentials(case)
        url = client.generate_presigned_url(case['operation'], dict(case['parameters'], Bucket=case['bucket']), case['expires_s'])
        head, _, rest = url.partition('?')
        callers, mark, signers = rest.partition('X-Amz-Algorithm=')
        # Its own order of the caller's parameters is that of its model; ours is sorted.
        callers = ''.join(pair + '&' for pair in sorted(callers.split('&')) if pair)
        return f'{head}?{callers}{mark}{signers}'

    def client_for(self, endpoint, region, style):
        import boto3
        from botocore.config import Config
        self.session = self.session or boto3.session.Session()
        name = (endpoint, region, style)
        if name not in self.clients:
            self.clients[name] = self.session.client(
                's3', region_name=region, endpoint_url=endpoint, aws_access_key_id='x', aws_secret_access_key='x',
                config=Config(signature_version='s3v4', s3={'addressing_style': style}))
        return self.clients[name]

    def post(self, case, fields):
        """Signs our own policy: first our text as it stands, then the same policy in botocore's words."""
        policy = json.loads(base64.b64decode(fields['policy']))
        auth = self.auth.S3SigV4PostAuth(self.credentials(case), 's3', case['region'])
        request = self.request(method='POST', url='https://unused.example/')
        signers = re.compile(r'x-amz-(algorithm|credential|date|security-token|signature)|policy')
        request.context['s3-presign-post-policy'] = {
            'expiration': policy['expiration'],
            'conditions': [c for c in policy['conditions'] if isinstance(c, list) or not signers.fullmatch(next(iter(c)))]}
        request.context['s3-presign-post-fields'] = {name: value for name, value in fields.items() if not signers.fullmatch(name)}
        auth.add_auth(request)
        theirs = request.context['s3-presign-post-fields']
        their_policy = json.loads(base64.b64decode(theirs['policy']))
        same = dict(theirs, policy=fields['policy'], **{'x-amz-signature': auth.signature(fields['policy'], request)})
        return same, canonical(their_policy)


def canonical(policy):
    def one(condition):
        if isinstance(condition, dict):
            (name, value), = condition.items()
            return ['eq', name.lower(), value]
        if condition[0] == 'content-length-range':
            return condition
        return [condition[0], condition[1].lstrip('$').lower(), condition[2]]
    return [policy['expiration'], sorted(json.dumps(one(c)) for c in policy['conditions'])]


def asked(case):
    """The policy by the contract, without what the signer adds."""
    expiration = datetime.datetime.fromisoformat(case['signed_at'][:-1]).replace(microsecond=0) + datetime.timedelta(seconds=case['expires_s'])
    conditions = [{name: value} for name, value in case['fields'].items()] + case['conditions'] + [{'bucket': case['bucket']}]
    suffix = '${filename}'
    conditions.append(['starts-with', '$key', case['key'][:-len(suffix)]] if case['key'].endswith(suffix) else {'key': case['key']})
    return canonical({'expiration': expiration.strftime('%Y-%m-%dT%H:%M:%SZ'), 'conditions': conditions})


def post_differences(reference, case, result):
    origin, path = address(case)
    fields = result['fields'] or {}
    if result['state'] != '00000' or 'policy' not in fields:
        yield 'fields', result['state'], 'a form'
        return
    same, their_policy = reference.post(case, fields)
    if result['url'] != origin + (path or '/'):
        yield 'url', result['url'], origin + (path or '/')
    if fields != same:
        yield 'fields', fields, same
    ours = canonical(json.loads(base64.b64decode(fields['policy'])))
    if ours != their_policy:
        yield 'policy', ours, their_policy
    expiration, conditions = asked(case)
    missing = set(conditions) - set(ours[1])
    if ours[0] != expiration or missing or set(case['fields'].items()) - set(fields.items()):
        yield 'asked', ours, [expiration, sorted(missing)]


def compare(cases_path, results_path):
    reference = Reference()
    counts, features, different = collections.Counter(), collections.Counter(), []
    with open(results_path, encoding='utf-8') as results, open(cases_path, encoding='ascii') as cases:
        by_number = {row['n']: row for row in map(json.loads, results)}
        for case in map(json.loads, cases):
            result = by_number.pop(case['n'], None) or {'state': 'missing', 'url': None, 'fields': None}
            reference.clock.now = datetime.datetime.fromisoformat(case['signed_at'][:-1])
            if case['kind'] == 'post':
                found = list(post_differences(reference, case, result))
            else:
                expected = getattr(reference, case['kind'])(case)
                found = [] if result['url'] == expected else [('url', result['url'] or result['state'], expected)]
            counts[case['kind']] += 1
            features.update(features_of(case))
            different += [{'case': case, 'what': what, 'got': got, 'expected': expected} for what, got, expected in found]
    print(json.dumps({'counts': counts, 'features': features, 'left_over': len(by_number),
                      'different': len(different), 'first': different[:5]}))


def features_of(case):
    """For the test to see that none of this is missing."""
    endpoint = case['public_endpoint'] or case['endpoint']
    yield from (name for name, there in {
        'session token': case['session_token'], 'IPv6': '[' in endpoint, 'port': re.search(r':\d+(/|$)', endpoint),
        'base path': urlsplit(endpoint).path.strip('/'), 'AWS without endpoint': not endpoint, 'China': case['region'].startswith('cn-'),
        'dualstack': 'dualstack' in endpoint, 'headers': case['headers'], 'query': case['query'], 'no key': case['key'] is None,
        'not ASCII': not (case['key'] or '').isascii(), 'controls': set(case['key'] or '') & set(CONTROLS), 'long key': len((case['key'] or '').encode()) > 1000,
        'double slash': '//' in (case['key'] or ''), 'percent': '%' in (case['key'] or ''), 'public_endpoint': case['public_endpoint'],
        'style ' + case['addressing_style']: True, 'op ' + case['op']: True,
    }.items() if there)


if __name__ == '__main__':
    if len(sys.argv) == 5 and sys.argv[1] == 'write':
        write(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
    elif len(sys.argv) == 4 and sys.argv[1] == 'compare':
        compare(*sys.argv[2:])
    else:
        sys.exit(__doc__)

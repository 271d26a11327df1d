"""An S3 server that fails in every way a server, or what is between, can fail. It checks no signature, and keeps
small objects until the next reset.

usage: fault_server.py [CERTIFICATE KEY [HTTPS_PORT]]

The end of standard input ends the server. The first line that it prints is a JSON object of its ports, on 127.0.0.1:
  http        plays the faults; https does so over TLS, where a certificate is given
  other       the same as http: the host that nobody may be sent to
  mute        accepts, and neither reads nor answers
  black_hole  its backlog is full: connects are never answered
  closed      nobody listens
  dns         true where UDP port 53 of 127.0.0.53 (of 127.0.0.9, if that is taken) takes questions, and answers none

POST /control/reset with a JSON list of faults: what the first, second ... try of a request gets; the last one is for all after
it. A try is a request of the same method and target. No fault: an answer that looks like that of S3 (see Answers).
POST /control/forget: forgets the requests, not the objects, and goes on.
POST /control/requests: what came since, a list of objects.
POST /control/alive: the number of connections that are open, but for this one.
"""
import calendar, collections, hashlib, itertools, json, os, random, re, select, socket, ssl, struct, sys, threading, time
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

LONGEST = 60  # seconds that anything is held
NS = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
REQUEST_ID = 'FAULT0123456789'
REASONS = collections.defaultdict(lambda: 'Whatever', {200: 'OK', 204: 'No Content', 206: 'Partial Content', 404: 'Not Found'})
CODES = {400: 'BadRequest', 403: 'AccessDenied', 404: 'NoSuchKey', 405: 'MethodNotAllowed', 409: 'OperationAborted',
         412: 'PreconditionFailed', 429: 'SlowDown', 500: 'InternalError', 501: 'NotImplemented', 503: 'SlowDown'}

lock = threading.Lock()
plan, tries, requests = [], collections.Counter(), []
generation = 0
objects = {}
connections = {}
numbers = itertools.count(1)


class Done(Exception):
    """This connection is at its end."""


class Request:
    def __init__(self, method, target, headers, connection, port):
        self.method, self.target, self.headers, self.connection, self.port = method, target, headers, connection, port
        parts = urlsplit(target)
        self.path, self.query = unquote(parts.path), parse_qs(parts.query, keep_blank_values=True)
        _, self.bucket, self.key = (self.path + '//').split('/', 2)
        self.key = self.key[:-1] if self.key.endswith('/') else self.key
        if parts.path.count('/') > 1: self.key = unquote(parts.path.split('/', 2)[2])
        self.length = int(headers.get('content-length') or 0)
        self.body, self.received, self.expect = b'', 0, headers.get('expect')
        scope = re.search(r'Credential=[^/]*/(\d{8})/([^/]*)/([^/]*)/aws4_request', headers.get('authorization', ''))
        self.region, self.service = (scope.group(2), scope.group(3)) if scope else (None, None)

    def record(self):
        return {'method': self.method, 'target': self.target, 'bucket': self.bucket, 'key': self.key, 'host': self.headers.get('host'),
                'headers': self.headers, 'region': self.region, 'service': self.service, 'port': self.port, 'received': self.received, 'expect': self.expect,
                'sha256': hashlib.sha256(self.body).hexdigest(), 'connection': self.connection, 'time': self.time}


# ---------------------------------------------------------------- what S3 answers

def content(size): return (b'0123456789abcdef' * (size // 16 + 1))[:size]


class Answers:
    """(status, headers, body) of a request. Keys: missing... is no object; size-N... is one of N bytes; all else is what was put, or 'hello'."""

    def __init__(self, request): self.request = request

    def answer(self):
        request, query, method = self.request, self.request.query, self.request.method
        has = lambda *names: all(name in query for name in names)
        if not request.bucket: return self.xml('ListAllMyBucketsResult', '<Buckets><Bucket><Name>b</Name>'
                                               '<CreationDate>2026-01-01T00:00:00.000Z</CreationDate></Bucket></Buckets>')
        if not request.key: return self.of_bucket(method, query)
        if has('uploads') and method == 'POST':
            return self.xml('InitiateMultipartUploadResult', f'<Bucket>b</Bucket><Key>{escape(request.key)}</Key><UploadId>upload</UploadId>')
        if has('uploadId') and method == 'POST':
            return self.xml('CompleteMultipartUploadResult', f'<Bucket>b</Bucket><Key>{escape(request.key)}</Key><ETag>"{"a" * 32}-1"</ETag>')
        if has('uploadId') and method == 'GET': return self.xml('ListPartsResult', '<IsTruncated>false</IsTruncated>')
        if method == 'DELETE':
            objects.pop(request.key, None)
            return 204, {}, b''
        if method == 'PUT' and 'x-amz-copy-source' in request.headers:
            return self.xml('CopyObjectResult', f'<LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>"{"b" * 32}"</ETag>')
        names = {name for name in request.query if not name.startswith('X-Amz-')}
        if method == 'PUT' and not names and len(request.body) < 1 << 16: objects[request.key] = request.body
        if method == 'PUT': return 200, {'ETag': f'"{hashlib.md5(request.body).hexdigest()}"'}, b''
        return self.of_object()

    def xml(self, root, inner): return 200, {'Content-Type': 'application/xml'}, f'{HEAD}<{root} {NS}>{inner}</{root}>'.encode()

    def of_object(self):
        key = self.request.key
        if key.startswith('missing'): return error(404, 'NoSuchKey')
        size = re.match(r'size-(\d+)', key)
        body = content(int(size[1])) if size else objects.get(key, b'hello')
        headers = {'Content-Type': 'text/plain', 'ETag': f'"{hashlib.md5(body).hexdigest()}"', 'Last-Modified': 'Thu, 01 Jan 2026 00:00:00 GMT',
                   'Accept-Ranges': 'bytes', 'x-amz-meta-owner': 'somebody'}
        range_ = re.fullmatch(r'bytes=(\d+)-(\d*)', self.request.headers.get('range', ''))
        if not range_: return 200, headers, body
        first, last = int(range_[1]), min(int(range_[2] or len(body) - 1), len(body) - 1)
        if first >= len(body): return error(416, 'InvalidRange')
        headers['Content-Range'] = f'bytes {first}-{last}/{len(body)}'
        return 206, headers, body[first:last + 1]

    def of_bucket(self, method, query):
        if 'delete' in query:
            keys = re.findall(rb'<Key>(.*?)</Key>', self.request.body, re.S)
            return self.xml('DeleteResult', ''.join(f'<Deleted><Key>{key.decode()}</Key></Deleted>' for key in keys))
        if method == 'GET' and 'list-type' in query:
            entry = lambda n: (f'<Contents><Key>k{n}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>"{"c" * 32}"</ETag>'
                               '<Size>5</Size><StorageClass>STANDARD</StorageClass></Contents>')
            return self.xml('ListBucketResult', '<Name>b</Name><IsTruncated>false</IsTruncated><KeyCount>3</KeyCount>' + ''.join(map(entry, range(3))))
        for name, code in (('cors', 'NoSuchCORSConfiguration'), ('policy', 'NoSuchBucketPolicy'), ('lifecycle', 'NoSuchLifecycleConfiguration'),
                           ('publicAccessBlock', 'NoSuchPublicAccessBlockConfiguration')):
            if name in query and method == 'GET': return error(404, code)
        if 'uploads' in query: return self.xml('ListMultipartUploadsResult', '<IsTruncated>false</IsTruncated>')
        return (204 if method == 'DELETE' else 200), {}, b''


def error(status, code=None, more='', message='what the fault server says'):
    body = f'{HEAD}<Error><Code>{code or CODES.get(status, "Other")}</Code><Message>{message}</Message>{more}<RequestId>{REQUEST_ID}</RequestId></Error>'
    return status, {'Content-Type': 'application/xml'}, body.encode()


# ---------------------------------------------------------------- one connection

class Connection:
    def __init__(self, sock, port):
        self.sock, self.port, self.number, self.buffer, self.clock = sock, port, next(numbers), b'', 0

    def serve(self):
        with lock: connections[self.number] = self
        try:
            self.sock.settimeout(LONGEST)
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.port == 'https':
                self.sock = tls.wrap_socket(self.sock, server_side=True)
            while True: self.serve_one()
        except (Done, OSError, ValueError, ssl.SSLError):
            pass
        finally:
            with lock: connections.pop(self.number, None)
            self.sock.close()

    def fill(self):
        more = self.sock.recv(1 << 16)
        if not more: raise Done
        self.buffer += more

    def read_head(self):
        while b'\r\n\r\n' not in self.buffer: self.fill()
        head, self.buffer = self.buffer.split(b'\r\n\r\n', 1)
        first, *lines = head.decode('latin-1').split('\r\n')
        method, target, _ = first.split(' ')
        headers = {name.lower(): value.strip() for name, value in (line.split(':', 1) for line in lines)}
        return Request(method, target, headers, self.number, self.port)

    def read_body(self, request, limit=None):
        if request.headers.pop('expect', None): self.sock.sendall(b'HTTP/1.1 100 Continue\r\n\r\n')
        if 'chunked' in request.headers.get('transfer-encoding', ''): raise Done  # S3 wants a length
        wanted = request.length if limit is None else min(limit, request.length)
        parts = []
        while request.received < wanted:
            if not self.buffer: self.fill()
            part, self.buffer = self.buffer[:wanted - request.received], self.buffer[wanted - request.received:]
            parts.append(part)
            request.received += len(part)
        request.body = b''.join(parts)

    def serve_one(self):
        request = self.read_head()
        request.time = time.time()
        if request.path.startswith('/control/'):
            self.read_body(request)
            return self.send(200, {'Content-Type': 'application/json'}, json.dumps(control(request, self)).encode())
        with lock:
            number = tries[request.method, request.target]
            tries[request.method, request.target] += 1
            fault = plan[min(number, len(plan) - 1)] if plan else 'ok'
            index = len(requests)
            requests.append(request.record())
        name, *arguments = fault.split(':')
        behaviour = FAULTS[name]
        if name not in WITH_BODY_UNREAD: self.read_body(request)
        with lock:
            if index < len(requests) and requests[index]['connection'] == self.number: requests[index] = request.record()
        behaviour(self, request, *arguments)

    def head(self, status, headers, length):
        lines = [f'HTTP/1.1 {status} {REASONS[status]}', f'x-amz-request-id: {REQUEST_ID}', 'Date: ' + time.strftime('%a, %d %b %Y %H:%M:%S GMT', time.gmtime(time.time() + self.clock))]
        if length is not None and status != 204: lines.append(f'Content-Length: {length}')
        return '\r\n'.join(lines + [f'{name}: {value}' for name, value in headers.items()]).encode('latin-1', 'surrogateescape') + b'\r\n\r\n'

    def send(self, status, headers, body, method=None):
        self.sock.sendall(self.head(status, headers, len(body)) + (b'' if method == 'HEAD' else body))

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        self.sock.close()
        raise Done

    def hold(self):
        """Until the client goes, the tests go on, or for LONGEST."""
        mine, end = generation, time.monotonic() + LONGEST
        while mine == generation and time.monotonic() < end:
            if select.select([self.sock], [], [], 0.05)[0] and not self.sock.recv(1 << 16): break
        raise Done

    def keep(self):
        """As hold, but what the client sends stays unread."""
        mine, end = generation, time.monotonic() + LONGEST
        poll = select.poll()
        poll.register(self.sock, select.POLLRDHUP)
        while mine == generation and time.monotonic() < end:
            if poll.poll(50): break
        raise Done

    def pour(self, chunk, bytes_):
        for _ in range(bytes_ // len(chunk)): self.sock.sendall(chunk)
        raise Done


# ---------------------------------------------------------------- faults

FAULTS, WITH_BODY_UNREAD = {}, set()


def fault(behaviour):
    FAULTS[behaviour.__name__] = behaviour
    return behaviour


def body_unread(behaviour):
    WITH_BODY_UNREAD.add(behaviour.__name__)
    return fault(behaviour)


@fault
def ok(c, request): c.send(*Answers(request).answer(), method=request.method)


@fault
def sometimes(c, request, percent, *faults):
    """So many requests of a hundred get one of the faults, which | separates; the others are answered."""
    name, *arguments = random.choice(':'.join(faults).split('|')).split(':') if random.random() * 100 < float(percent) else ['ok']
    FAULTS[name](c, request, *arguments)


@fault
def status(c, request, number, code=None): c.send(*error(int(number), code), method=request.method)


@fault
def empty(c, request, number): c.send(int(number), {}, b'')


@fault
def retry_after(c, request, number, seconds):
    _, headers, body = error(int(number))
    c.send(int(number), {**headers, 'Retry-After': seconds}, body, method=request.method)


@fault
def hang(c, request): c.hold()


@fault
def gate(c, request):
    """Answers, but objects whose keys have the word slow only after the next reset."""
    mine, end = generation, time.monotonic() + LONGEST
    while 'slow' in request.key and mine == generation and time.monotonic() < end: time.sleep(0.01)
    ok(c, request)


@fault
def dated(c, request, seconds):
    c.clock = int(seconds)
    ok(c, request)


@fault
def skewed(c, request, seconds):
    """Its clock is off by so much, and it takes no request that is signed 15 minutes off; URLs, too."""
    c.clock = int(seconds)
    signed = request.headers.get('x-amz-date') or request.query.get('X-Amz-Date', [''])[0]
    is_close = not signed or abs(calendar.timegm(time.strptime(signed, '%Y%m%dT%H%M%SZ')) - time.time() - c.clock) <= 900
    ok(c, request) if is_close else c.send(*error(403, 'RequestTimeTooSkewed'), method=request.method)


@body_unread
def hang_unread(c, request): c.keep()


@body_unread
def reset_sending(c, request):
    c.read_body(request, 1 << 16)
    c.reset()


@fault
def reset(c, request): c.reset()


@fault
def close(c, request): raise Done


def parts(request):
    number, headers, body = Answers(request).answer()
    return number, headers, b'' if request.method == 'HEAD' else body, len(body)


@fault
def reset_body(c, request):
    number, headers, body, length = parts(request)
    c.sock.sendall(c.head(number, headers, length) + body[:length // 2])
    time.sleep(0.05)  # a reset overtakes what was sent before it
    c.reset()


@fault
def truncated(c, request):
    number, headers, body, length = parts(request)
    c.sock.sendall(c.head(number, headers, length) + body[:length // 2])
    raise Done


@fault
def hang_body(c, request):
    number, headers, body, length = parts(request)
    c.sock.sendall(c.head(number, headers, length) + body[:length // 2])
    c.hold()


def dripping(c, data, seconds):
    for byte in data:
        c.sock.sendall(bytes([byte]))
        if select.select([c.sock], [], [], seconds)[0] and not c.sock.recv(1 << 16): raise Done
    c.hold()


@fault
def drip(c, request, seconds='1'):
    number, headers, body, length = parts(request)
    c.sock.sendall(c.head(number, headers, length))
    dripping(c, body, float(seconds))


@fault
def drip_head(c, request, seconds='1'):
    number, headers, body, length = parts(request)
    dripping(c, c.head(number, headers, length) + body, float(seconds))


@fault
def slowly(c, request, bytes_per_second):  # whole, in the end
    number, headers, body, length = parts(request)
    c.sock.sendall(c.head(number, headers, length))
    mine, step = generation, int(bytes_per_second) // 20
    for start in range(0, len(body), step):
        c.sock.sendall(body[start:start + step])
        if mine == generation: time.sleep(0.05)


@body_unread
def slowly_in(c, request, bytes_per_second):  # takes the request's body at that pace
    mine, step = generation, int(bytes_per_second) // 20
    while request.received < request.length:
        c.read_body(request, request.received + step)
        if mine == generation: time.sleep(0.05)
    request.body = b''
    c.send(*Answers(request).answer(), method=request.method)


@body_unread
def early(c, request, number, code=None, way='close'):
    """An answer while the body is still being sent; then the connection is closed, reset, or left as it is."""
    if 'expect' not in request.headers: c.read_body(request, 1 << 14)
    status_, headers, body = error(int(number), code)
    c.send(status_, {**headers, 'Connection': 'close'}, body)
    if way == 'reset':
        time.sleep(0.05)
        c.reset()
    if way == 'keep': c.keep()
    c.sock.shutdown(socket.SHUT_WR)
    c.hold()


@fault
def region(c, request, name, number='301', how='header'):
    """Only requests that are signed for that region are answered."""
    if request.region == name:
        status_, headers, body = Answers(request).answer()
        return c.send(status_, {**headers, 'x-amz-bucket-region': name}, body, method=request.method)
    code = 'AuthorizationHeaderMalformed' if number == '400' else 'PermanentRedirect' if number == '301' else 'TemporaryRedirect'
    status_, headers, body = error(int(number), code, f'<Region>{name}</Region>' if how == 'body' else '', 'another region is expected')
    if how == 'header': headers['x-amz-bucket-region'] = name
    if number != '400': headers['Location'] = f'http://127.0.0.1:{ports["other"]}{request.target}'
    c.send(status_, headers, b'' if request.method == 'HEAD' else body)


@fault
def regions(c, request):
    """Never the one that a request is signed for."""
    headers = {'x-amz-bucket-region': 'eu-west-1' if request.region != 'eu-west-1' else 'eu-west-2'}
    status_, more, body = error(301, 'PermanentRedirect')
    c.send(status_, {**headers, **more}, body, method=request.method)


@fault
def checksum(c, request, base64):
    """Whoever asks for checksums is told that one."""
    status_, headers, body = Answers(request).answer()
    more = {'x-amz-checksum-sha256': base64} if request.headers.get('x-amz-checksum-mode') == 'ENABLED' else {}
    c.send(status_, {**headers, **more}, body, method=request.method)


@fault
def in_parts(c, request, total, size, missing='0'):
    """Of an upload of `total` bytes all parts of that size are there, but for one. Whoever completes it has to name all, in order."""
    total, size, missing = int(total), int(size), int(missing)
    parts_ = [(n, f'{n:032x}', min(size, total - (n - 1) * size)) for n in range(1, -(-total // size) + 1) if n != missing]
    if 'uploadId' in request.query and request.method == 'GET':
        left = [part for part in parts_ if part[0] > int(request.query.get('part-number-marker', ['0'])[0])]
        page = ''.join(f'<Part><PartNumber>{n}</PartNumber><ETag>"{etag}"</ETag><Size>{bytes_}</Size></Part>' for n, etag, bytes_ in left[:1000])
        more = f'<IsTruncated>true</IsTruncated><NextPartNumberMarker>{left[999][0]}</NextPartNumberMarker>' if len(left) > 1000 else '<IsTruncated>false</IsTruncated>'
        return c.send(*Answers(request).xml('ListPartsResult', more + page))
    if 'uploadId' in request.query and request.method == 'POST':
        named = re.findall(rb'<PartNumber>(\d+)</PartNumber><ETag>(?:"|&quot;)?([0-9a-f]+)', request.body)
        return ok(c, request) if [(int(n), etag.decode()) for n, etag in named] == [part[:2] for part in parts_] else c.send(*error(400, 'InvalidPart'))
    if request.method == 'HEAD': return c.sock.sendall(c.head(200, Answers(request).of_object()[1], total))
    ok(c, request)


@fault
def objects_only(c, request):
    """Whoever asks may use objects, and nothing else of the bucket."""
    ok(c, request) if request.key else c.send(*error(403), method=request.method)


@fault
def versions_again(c, request):
    """The first page of versions, whatever is asked."""
    inner = '<IsTruncated>true</IsTruncated><Version><Key>k</Key><VersionId>v</VersionId><Size>1</Size></Version>'
    c.send(*Answers(request).xml('ListVersionsResult', inner) if 'versions' in request.query else Answers(request).answer(), method=request.method)


@fault
def cors(c, request, *origin):
    """The bucket has one CORS rule, for PUT: with that AllowedOrigin, or none. Preflights are answered, but allow no headers."""
    if request.method == 'OPTIONS': return c.send(200, {'Access-Control-Allow-Origin': request.headers['origin']}, b'')
    if 'cors' not in request.query: return ok(c, request)
    allowed = ''.join(f'<AllowedOrigin>{escape(":".join(origin))}</AllowedOrigin>' for _ in origin[:1])
    c.send(*Answers(request).xml('CORSConfiguration', f'<CORSRule>{allowed}<AllowedMethod>PUT</AllowedMethod></CORSRule>'))


@fault
def redirect(c, request, number='307'):
    status_, headers, body = error(int(number), 'TemporaryRedirect')
    c.send(status_, {**headers, 'Location': f'http://127.0.0.1:{ports["other"]}{request.target}'}, body, method=request.method)


@fault
def error200(c, request, code='InternalError'):
    _, headers, body = error(200, code)
    c.send(200, headers, body, method=request.method)


@fault
def late_error200(c, request, code='InternalError'):
    """As S3 does for long operations: white space that keeps the connection alive, then the result."""
    _, headers, body = error(200, code)
    c.sock.sendall(c.head(200, headers, len(HEAD) + 5 + len(body) - len(HEAD)) + HEAD.encode())
    for _ in range(5):
        time.sleep(0.05)
        c.sock.sendall(b' ')
    c.sock.sendall(body[len(HEAD):])


LIST = f'{HEAD}<ListBucketResult {NS}><Name>b</Name><IsTruncated>false</IsTruncated>'
ENTRY = '<Contents><Key>k</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>"c"</ETag><Size>5</Size></Contents>'


@fault
def giant(c, request, mebibytes='200', number='200'):
    c.sock.sendall(c.head(int(number), {'Content-Type': 'application/xml'}, int(mebibytes) << 20) + LIST.encode())
    c.pour(ENTRY.encode() * 500, int(mebibytes) << 20)


@fault
def giant_chunked(c, request, mebibytes='200', number='200'):
    c.sock.sendall(c.head(int(number), {'Content-Type': 'application/xml', 'Transfer-Encoding': 'chunked'}, None))
    chunk = ENTRY.encode() * 500
    c.pour(b'%x\r\n%s\r\n' % (len(chunk), chunk), int(mebibytes) << 20)


@fault
def deep(c, request, depth='100000'):
    c.send(200, {'Content-Type': 'application/xml'}, (LIST + '<a>' * int(depth) + '</a>' * int(depth) + '</ListBucketResult>').encode(), request.method)


@fault
def wrong_xml(c, request, which='garbage'):
    body = {'garbage': bytes(i * 37 % 256 for i in range(2000)), 'html': b'<html><body>It works!<br></body></html>', 'empty': b'',
            'unclosed': LIST.encode(), 'another': f'{HEAD}<Other {NS}/>'.encode(),
            'utf8': LIST.encode() + ENTRY.replace('>k<', '>k\udcff\udcfe<').encode('utf-8', 'surrogateescape') + b'</ListBucketResult>',
            'surrogate': LIST.encode() + ENTRY.replace('>k<', '>k\udced\udca0\udc80<').encode('utf-8', 'surrogateescape') + b'</ListBucketResult>',
            'nul': LIST.encode() + ENTRY.replace('>k<', '>k\0<').encode() + b'</ListBucketResult>',
            'size': (LIST + ENTRY.replace('>5<', '>five<') + '</ListBucketResult>').encode(),
            'time': (LIST + ENTRY.replace('2026-01-01T', '2026-99-99T') + '</ListBucketResult>').encode(),
            'entity': b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
                      + LIST[len(HEAD):].encode() + ENTRY.replace('>k<', '>&b;<').encode() + b'</ListBucketResult>'}[which]
    c.send(200, {'Content-Type': 'application/xml'}, body, request.method)


@fault
def wrong_header(c, request, which):
    status_, headers, body = Answers(request).answer()
    more = {'utf8': {'x-amz-meta-name': '\udcff\udcfe'}, 'length': {'Content-Length': 'many'}, 'time': {'Last-Modified': 'yesterday'},
            'type': {'Content-Type': 'text/\udcff'}, 'etag': {'ETag': '"\udcff"'},
            'long': {'x-amz-meta-long': 'x' * (1 << 20)}, 'many': {f'x-amz-meta-n{n}': 'x' * 100 for n in range(10000)}}[which]
    headers = {**headers, **more}
    c.sock.sendall(c.head(status_, headers, None if which == 'length' else len(body)) + (b'' if request.method == 'HEAD' else body))


@fault
def endless_header(c, request):
    c.sock.sendall(b'HTTP/1.1 200 OK\r\n')
    c.pour(b'x-amz-meta-a: ' + b'x' * 1000 + b'\r\n', 200 << 20)


@fault
def huge_length(c, request, length=str(1 << 40)):
    c.sock.sendall(c.head(200, {'Content-Type': 'text/plain', 'ETag': '"x"', 'Last-Modified': 'Thu, 01 Jan 2026 00:00:00 GMT'}, int(length)))
    if request.method != 'HEAD': c.pour(content(1 << 16), 1 << 30)


@fault
def nonsense(c, request): c.sock.sendall(b'SSH-2.0-OpenSSH_9.2\r\n') or c.hold()


@fault
def stale(c, request):
    """One answer for a connection: the next request on it meets a closed one."""
    ok(c, request)
    raise Done


# ---------------------------------------------------------------- other data than what was asked for

def range_of(request):
    """(first, last) of a request's range, last None where it goes to the end; None without a range."""
    match = re.fullmatch(r'bytes=(\d+)-(\d*)', request.headers.get('range', ''))
    return match and (int(match[1]), int(match[2]) if match[2] else None)


def whole(request):
    """The answer as if no range were asked for."""
    return Answers(Request(request.method, request.target, {**request.headers, 'range': ''}, request.connection, request.port)).answer()


def part(headers, body, first, size, total=None):
    return 206, {**headers, 'Content-Range': f'bytes {first}-{first + size - 1}/{total or len(body)}'}, body[first:first + size]


@fault
def ranges(c, request, how):
    """What a request for a range gets instead of it; all else is answered."""
    asked = range_of(request)
    if not asked: return ok(c, request)
    status_, headers, body = whole(request)
    first, last = asked
    size = (last if last is not None else len(body) - 1) - first + 1
    if how == 'chunked':
        c.sock.sendall(c.head(200, {**headers, 'Transfer-Encoding': 'chunked'}, None))
        for start in range(0, len(body), 4096): c.sock.sendall(b'%x\r\n%s\r\n' % (len(body[start:start + 4096]), body[start:start + 4096]))
        return c.sock.sendall(b'0\r\n\r\n')
    answers = {'whole': lambda: (200, headers, body), 'other': lambda: part(headers, body, first + 1, size), 'first': lambda: part(headers, body, 0, size),
               'unnamed': lambda: (206, headers, body[first:first + size]), 'less': lambda: part(headers, body, first, size - 1),
               'more': lambda: part(headers, body, first, size + 1), 'lies': lambda: (*part(headers, body, first, size)[:2], body[first:first + size - 1]),
               'nonsense': lambda: (206, {**headers, 'Content-Range': 'bytes 1-0/x'}, body[first:first + size]),
               'times25': lambda: (*part(headers, body, first, size)[:2], body[first:first + size] * 25),
               'etags': lambda: part({**headers, 'ETag': f'"{first}"'}, body, first, size)}
    c.send(*answers[how](), method=request.method)


@fault
def as_status(c, request, number):
    """What is answered with 200 comes with another status of success."""
    status_, headers, body = Answers(request).answer()
    c.send(int(number), headers, b'' if number == '204' else body, method=request.method)


@fault
def unmeasured(c, request, share='1'):
    """The body ends with the connection, and may be cut."""
    status_, headers, body = Answers(request).answer()
    c.sock.sendall(c.head(status_, headers, None) + (b'' if request.method == 'HEAD' else body[:int(len(body) * float(share))]))
    raise Done


@fault
def two_lengths(c, request):
    status_, headers, body = Answers(request).answer()
    c.sock.sendall(c.head(status_, {**headers, 'content-length': len(body) - 2}, len(body)) + (b'' if request.method == 'HEAD' else body))


@fault
def ends(c, request, how):
    """The first request that ends an upload breaks, and the next ones meet no such upload. done: it was completed (or aborted) all the same;
    lost: it was not, and an older object is there; missing: it was not, and there is no object."""
    if 'uploadId' in request.query and request.method in ('POST', 'DELETE'):
        if request.key in objects: return c.send(*error(404, 'NoSuchUpload'))
        objects[request.key] = b'parts'
        c.reset()
    if request.method == 'HEAD' and how == 'missing': return c.send(*error(404), method='HEAD')
    status_, headers, body = Answers(request).answer()
    if request.method == 'HEAD' and how == 'done': headers['ETag'] = f'"{"a" * 32}-1"'
    c.send(status_, headers, body, method=request.method)


# ---------------------------------------------------------------- servers of other kinds

@fault
def retention(c, request):
    """As a bucket with object lock by default."""
    checked = [name for name in request.headers if name == 'content-md5' or name.startswith('x-amz-checksum-') or name == 'x-amz-sdk-checksum-algorithm']
    if request.method == 'PUT' and request.body and not checked:
        return c.send(*error(400, 'InvalidRequest', message='Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock parameters'))
    ok(c, request)


@fault
def no_checksums(c, request):
    """Knows Content-MD5 only."""
    unknown = [name for name in request.headers if name.startswith('x-amz-checksum-')]
    if unknown: return c.send(*error(501, 'NotImplemented', message=f"Header '{unknown[0]}' with value '{request.headers[unknown[0]]}' not implemented"))
    ok(c, request)


@fault
def r2_copy(c, request):
    if request.headers.get('x-amz-copy-source', '').startswith('/'): return c.send(*error(400, 'InvalidArgument', message='copy source'))
    ok(c, request)


@fault
def huge(c, request, replaced='0', then='answer'):
    """An object of 6 GiB, which CopyObject refuses; it is replaced before that part is copied. then=hang: no part is ever done."""
    if 'tagging' in request.query:
        return c.send(*Answers(request).xml('Tagging', '<TagSet><Tag><Key>team</Key><Value>a b</Value></Tag></TagSet>'))
    if request.method == 'HEAD':
        return c.sock.sendall(c.head(200, {'ETag': '"huge"', 'Content-Type': 'video/mp4', 'Cache-Control': 'max-age=60', 'x-amz-meta-owner': 'somebody',
                                           'x-amz-tagging-count': '1', 'Last-Modified': 'Thu, 01 Jan 2026 00:00:00 GMT'}, 6 << 30))
    if 'partNumber' not in request.query:
        if 'x-amz-copy-source' in request.headers:
            return c.send(*error(400, 'InvalidRequest', message='The specified copy source is larger than the maximum allowable size for a copy source: 5368709120'))
        return ok(c, request)
    if then == 'hang': return c.hold()
    if request.query['partNumber'] == [replaced]: return c.send(*error(412))
    c.send(*Answers(request).xml('CopyPartResult', f'<LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>"{"b" * 32}"</ETag>'))


@fault
def transcoded(c, request):
    """Objects whose length is not known before they are sent, and which have no ranges."""
    status_, headers, body = whole(request)
    c.sock.sendall(c.head(status_, {**headers, **({} if request.method == 'HEAD' else {'Transfer-Encoding': 'chunked'})}, None))
    if request.method == 'HEAD': return
    for start in range(0, len(body), 1 << 16): c.sock.sendall(b'%x\r\n%s\r\n' % (len(body[start:start + (1 << 16)]), body[start:start + (1 << 16)]))
    c.sock.sendall(b'0\r\n\r\n')


@fault
def with_etag(c, request, etag=''):
    """Weak ones never match a condition (RFC 9110 section 13.1.1)."""
    asked = request.headers.get('if-match')
    if asked and (etag.startswith('W/') or asked != etag): return c.send(*error(412), method=request.method)
    status_, headers, body = Answers(request).answer()
    if etag: headers['ETag'] = etag
    else: headers.pop('ETag', None)
    c.send(status_, headers, body, method=request.method)


@fault
def no_multi_delete(c, request, number, code=None):
    if 'delete' in request.query: return c.send(*error(int(number), code))
    ok(c, request)


@fault
def dated_header(c, request, *date):
    status_, headers, body = Answers(request).answer()
    c.send(status_, {**headers, 'Last-Modified': ':'.join(date)}, body, method=request.method)


@fault
def spaces(c, request):
    """White space where HTTP lets it stand."""
    status_, headers, body = Answers(request).answer()
    c.send(status_, {name: f'  {value} \t ' for name, value in headers.items()}, body, method=request.method)


def listing(*inner, truncated=None):
    more = f'<IsTruncated>true</IsTruncated><NextContinuationToken>{truncated}</NextContinuationToken>' if truncated else '<IsTruncated>false</IsTruncated>'
    return (f'{HEAD}<ListBucketResult {NS}><Name>b</Name>{more}' + ''.join(inner) + '</ListBucketResult>').encode()


@fault
def lists(c, request, how, *more):
    token = request.query.get('continuation-token', ['0'])[0]
    number = int(token) if token.isdigit() else 0
    entry = ENTRY.replace('>k<', f'>k{number}<')
    body = {'cycle': lambda: listing(entry, truncated=number % 2 + 1), 'empty': lambda: listing(truncated=number + 1),
            'pages': lambda: listing(*([entry] if number % 10 == 9 else []), truncated=number + 1 if number < 99 else None),
            'dated': lambda: listing(ENTRY.replace('2026-01-01T00:00:00.000Z', ':'.join(more))),
            'spaces': lambda: listing(re.sub(r'>([^<]+)</(?!Key)', r'>\n  \1\t </', ENTRY)).replace(b'>false<', b'> false\n<'),
            'prefixed': lambda: re.sub(rb'<(/?)(?!\?)', rb'<\1ns2:', listing(ENTRY)).replace(b' xmlns=', b' xmlns:ns2=')}[how]()
    c.send(200, {'Content-Type': 'application/xml'}, body, request.method)


@fault
def uploads(c, request):
    """Markers in a circle."""
    marker = request.query.get('key-marker', ['a'])[0]
    other = 'b' if marker == 'a' else 'a'
    c.send(*Answers(request).xml('ListMultipartUploadsResult', f'<IsTruncated>true</IsTruncated><NextKeyMarker>{other}</NextKeyMarker><NextUploadIdMarker>u</NextUploadIdMarker>'))


@fault
def policy(c, request, which):
    c.send(200, {'Content-Type': 'application/json'}, {'nul': b'{"Id": "a\\u0000b"}', 'key': b'{"a\\u0000b": 1}', 'deep': b'[' * 20000 + b']' * 20000,
           'cut': b'{"Id": ', 'number': b'{"a": 1e999999}', 'surrogate': b'{"a": "\\ud800"}', 'utf8': b'{"a": "\xff"}', 'empty': b'',
           'good': b' {"Id": "\\u00e9", "Statement": []}\n'}[which])


@fault
def marker(c, request):
    """The version that was asked for is a delete marker."""
    status_, headers, body = error(405)
    c.send(status_, {**headers, 'x-amz-delete-marker': 'true', 'Allow': 'DELETE'}, body, method=request.method)


@fault
def no_range(c, request, size='0'):
    if not range_of(request): return ok(c, request)
    status_, headers, body = error(416, 'InvalidRange', f'<ActualObjectSize>{size}</ActualObjectSize>')
    c.send(status_, {**headers, 'Content-Range': f'bytes */{size}'}, body)


@fault
def says(c, request, *message):
    c.send(*error(403, message=escape(':'.join(message))), method=request.method)


# ---------------------------------------------------------------- control

def control(request, connection):
    global generation
    with lock:
        if request.path == '/control/reset':
            generation += 1
            plan[:] = json.loads(request.body or b'[]')
            unknown = [name for name in plan if name.split(':')[0] not in FAULTS]
            if unknown: return {'unknown': unknown}
            objects.clear()
        if request.path in ('/control/reset', '/control/forget'):
            tries.clear()
            requests.clear()
        if request.path == '/control/requests': return list(requests)
        if request.path == '/control/alive': return len([n for n in connections if n != connection.number])
    return {}


# ---------------------------------------------------------------- ports

def listen(backlog=128, port=0):
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(('127.0.0.1', port))
    sock.listen(backlog)
    return sock


def accept(sock, name):
    while True:
        client, _ = sock.accept()
        if name == 'mute':
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            threading.Thread(target=mute, args=(client,), daemon=True).start()
        else:
            threading.Thread(target=Connection(client, name).serve, daemon=True).start()


def mute(client):
    poll = select.poll()
    poll.register(client, select.POLLRDHUP)
    number = next(numbers)
    with lock: connections[number] = client
    poll.poll(LONGEST * 1000)
    with lock: connections.pop(number, None)
    client.close()


def black_hole():
    """Nobody accepts, and the backlog is full: further SYNs are dropped."""
    sock = listen(0)
    clients = [socket.socket() for _ in range(8)]
    for client in clients:
        client.setblocking(False)
        client.connect_ex(sock.getsockname())
    return sock, clients


def closed_port():
    sock = socket.socket()
    sock.bind(('127.0.0.1', 0))  # taken, so that nobody else gets it; but nobody listens
    return sock


def mute_dns():
    for address in '127.0.0.53', '127.0.0.9':
        try:
            sock = socket.socket(type=socket.SOCK_DGRAM)
            sock.bind((address, 53))
            return sock, address
        except OSError:
            pass
    return None, None


threading.stack_size(512 << 10)
listeners = {'http': listen(), 'other': listen(), 'mute': listen()}
if len(sys.argv) > 2:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*sys.argv[1:3])
    listeners['https'] = listen(port=int(sys.argv[3]) if len(sys.argv) > 3 else 0)
held = black_hole(), closed_port(), mute_dns()
ports = {name: sock.getsockname()[1] for name, sock in listeners.items()}
ports.update(black_hole=held[0][0].getsockname()[1], closed=held[1].getsockname()[1], dns=held[2][1])
for name, sock in listeners.items(): threading.Thread(target=accept, args=(sock, name), daemon=True).start()
print(json.dumps(ports), flush=True)
sys.stdin.read()
os._exit(0)

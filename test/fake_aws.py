"""What gives credentials on AWS, for tests: container agents, instance metadata and STS, with faults.

The first line of standard input is a word that all secrets contain; the end of the input ends the server.
It prints its port, on 127.0.0.1. Tests steer it with POST /control/...:
  reset[/PART:FAULT]...  no requests so far, and no faults but these; parts: container, token, roles, instance, sts, web
  requests               how often each part was asked since
  verify                 the key that signed the presigned URL in the body, or why it is none that was given out
"""
import calendar, collections, hmac, http.server, json, re, socket, sys, threading, time
from urllib.parse import parse_qs, urlsplit
from botocore.auth import S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

LONGEST = 10  # seconds that a request is held
MAX_BODY = 64 << 10
ROLES = {'reader': 'external id/1', 'writer': None}  # name: the ExternalId that its trust policy wants
CANARY = sys.stdin.readline().strip()
FORM = 'application/x-www-form-urlencoded'
XMLNS = 'xmlns="https://sts.amazonaws.com/doc/2011-06-15/"'
DENIED = f'User: arn:aws:iam::123456789012:user/{CANARY} is not authorized to perform: sts:AssumeRole'

lock = threading.Lock()
faults, requests, given = {}, collections.Counter(), {'AKIASTATIC'}


def secret_of(key): return f'{CANARY}/secret+{key}'


def token_of(key): return f'{CANARY}/token+{key}==' if key.startswith('ASIA') else None


def iso(seconds): return time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(time.time() + seconds))


def same(a, b): return hmac.compare_digest(a or '', b or '')


def signature(auth, method, url, timestamp, headers=None, data=b''):
    request = AWSRequest(method=method, url=url, headers=headers or {}, data=data)
    request.context['timestamp'] = timestamp
    return auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)


def verify_url(url):
    query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    if 'X-Amz-Credential' not in query: return 'no presigned URL'
    key, date, region, service, _ = query['X-Amz-Credential'].split('/')
    if key not in given: return f'{key} was never given out'
    if query.get('X-Amz-Security-Token') != token_of(key): return 'another session token'
    unsigned = re.sub('&X-Amz-Signature=[0-9a-f]+$', '', url)
    auth = S3SigV4QueryAuth(Credentials(key, secret_of(key)), service, region, int(query['X-Amz-Expires']))
    right = signature(auth, 'GET', unsigned, query['X-Amz-Date'])
    return key if same(query['X-Amz-Signature'], right) else f'not the signature of {key}'


class Refusal(Exception):
    """An HTTP status, and of STS a code."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    timeout = LONGEST

    def do_GET(self): self.handle_request()
    do_PUT = do_POST = do_GET

    def log_message(self, *_): pass

    def handle_request(self):
        self.close_connection = True
        self.body = self.rfile.read(min(int(self.headers.get('Content-Length') or 0), MAX_BODY))
        if self.path.startswith('/control/'): return self.control(*self.path.split('/')[2:])
        part = self.part()
        with lock:
            requests[part] += 1
            fault = faults.get(part, 'none')
        try:
            self.behave(part, *fault.split(':'))
        except Refusal as refusal:
            self.refuse(part, *refusal.args)
        except OSError:
            pass  # the client had enough

    def part(self):
        path = self.path
        if path.startswith('/sts/'): return 'web' if b'AssumeRoleWithWebIdentity' in self.body else 'sts'
        if path == '/latest/api/token': return 'token'
        if path == '/latest/meta-data/iam/security-credentials/': return 'roles'
        if path == '/latest/meta-data/iam/security-credentials/web-role': return 'instance'
        if path in ('/v1/credentials', '/v2/credentials/0f8b5f2e'): return 'container'
        return 'elsewhere'

    def send(self, status, body, *headers, length=None):
        body = body if isinstance(body, bytes) else body.encode()
        self.send_response(status)
        for name, value in headers: self.send_header(name, value)
        self.send_header('Content-Length', str(length or len(body)))
        self.send_header('Connection', 'close')
        self.end_headers()
        self.wfile.write(body)

    def refuse(self, part, status, code='AccessDenied'):
        if part not in ('sts', 'web'): return self.send(status, f'{CANARY} refused\n')
        self.send(status, f'<ErrorResponse {XMLNS}><Error><Type>Sender</Type><Code>{code}</Code><Message>{DENIED}</Message>'
                  '</Error><RequestId>01234567-89ab-cdef-0123-456789abcdef</RequestId></ErrorResponse>', ('Content-Type', 'text/xml'))

    # ------------------------------------------------------------ faults

    def behave(self, part, fault, argument=None):
        if fault == 'none': return self.send(*self.answer(part))
        if fault == 'expires': return self.send(*self.answer(part, int(argument)))
        if fault.isdigit(): raise Refusal(int(fault))
        getattr(self, 'fault_' + fault)(part)

    def fault_slow(self, part): self.connection.recv(1)  # nothing, until the client goes

    def fault_close(self, part): self.connection.shutdown(socket.SHUT_RDWR)

    def fault_drip(self, part):
        status, body = self.answer(part)
        self.send(status, b'', length=len(body))
        for byte in body[:LONGEST * 10].encode():
            self.wfile.write(bytes([byte]))
            time.sleep(0.1)

    def fault_truncated(self, part):
        status, body = self.answer(part)
        self.send(status, body[:-30], length=len(body))

    def fault_expired(self, part): self.send(*self.answer(part, -60))

    def fault_garbage(self, part): self.send(200, CANARY.encode() + bytes(i * 37 % 256 for i in range(2000)))

    def fault_nonsense(self, part): self.wfile.write(b'SSH-2.0-' + CANARY.encode() + b'\r\n')

    def fault_giant(self, part):
        self.send(200, b'', length=100 << 20)
        for _ in range(1600): self.wfile.write(b'{' * (64 << 10))

    def fault_redirect(self, part): self.send(307, '', ('Location', f'http://{self.headers["Host"]}/stolen'))

    def fault_failed(self, part):  # as instance metadata has it when it cannot assume the instance's role
        self.send(200, json.dumps({'Code': 'AssumeRoleUnauthorizedAccess', 'Message': DENIED, 'LastUpdated': iso(0)}))

    # ------------------------------------------------------------ what AWS answers

    def answer(self, part, lifetime=6 * 3600):
        return 200, getattr(self, 'answer_' + part, self.not_found)(lifetime)

    def not_found(self, lifetime): raise Refusal(404)

    def give(self, name, lifetime):
        key = 'ASIA' + name.upper()
        given.add(key)
        return {'AccessKeyId': key, 'SecretAccessKey': secret_of(key), 'Token': token_of(key), 'Expiration': iso(lifetime)}

    def answer_container(self, lifetime):
        if self.path == '/v2/credentials/0f8b5f2e':  # ECS
            return json.dumps({'RoleArn': 'arn:aws:iam::123456789012:role/task', **self.give('ecs', lifetime)})
        if not same(self.headers['Authorization'], CANARY + '.container.token'): raise Refusal(401)
        return json.dumps({**self.give('eks', lifetime), 'AccountId': '123456789012'})

    def answer_token(self, lifetime):
        ttl = self.headers.get('X-aws-ec2-metadata-token-ttl-seconds', '')
        if not ttl.isdigit() or not 1 <= int(ttl) <= 21600: raise Refusal(400)
        if self.command != 'PUT': raise Refusal(405)
        if 'X-Forwarded-For' in self.headers: raise Refusal(403)
        return CANARY + '/session+token=='

    def require_session(self):
        if not same(self.headers['X-aws-ec2-metadata-token'], CANARY + '/session+token=='): raise Refusal(401)

    def answer_roles(self, lifetime):
        self.require_session()
        return 'web-role'

    def answer_instance(self, lifetime):
        self.require_session()
        return json.dumps({'Code': 'Success', 'LastUpdated': iso(-60), 'Type': 'AWS-HMAC', **self.give('instance', lifetime)}, indent=2)

    def parameters(self):
        if self.command != 'POST' or FORM not in self.headers.get('Content-Type', ''): raise Refusal(400, 'MissingAction')
        form = {name: values[0] for name, values in parse_qs(self.body.decode(), strict_parsing=True).items()}
        role = re.fullmatch(r'arn:aws:iam::\d{12}:role/(\w+)', form.get('RoleArn', ''))
        valid = form['Version'] == '2011-06-15' and role and re.fullmatch(r'[\w+=,.@-]{2,64}', form.get('RoleSessionName', ''))
        if not valid: raise Refusal(400, 'ValidationError')
        return form, role[1]

    def answer_sts(self, lifetime):
        form, role = self.parameters()
        self.require_signature()
        trusted = form['Action'] == 'AssumeRole' and role in ROLES and form.get('ExternalId') == ROLES[role]
        if not trusted: raise Refusal(403)
        return self.role_reply('AssumeRole', role + form['RoleSessionName'], lifetime)

    def answer_web(self, lifetime):
        form, role = self.parameters()
        if not same(form.get('WebIdentityToken'), CANARY + '.web.token'): raise Refusal(400, 'InvalidIdentityToken')
        if 'Authorization' in self.headers: raise Refusal(400, 'IncompleteSignature')
        return self.role_reply('AssumeRoleWithWebIdentity', 'web' + role, lifetime)

    def role_reply(self, action, name, lifetime):
        keys = self.give(name, lifetime)
        keys['SessionToken'] = keys.pop('Token')
        fields = ''.join(f'<{name}>{value}</{name}>\n' for name, value in keys.items())
        return (f'<{action}Response {XMLNS}>\n<{action}Result>\n<AssumedRoleUser><AssumedRoleId>AROA:{name}</AssumedRoleId></AssumedRoleUser>\n'
                f'<Credentials>\n{fields}</Credentials>\n</{action}Result>\n<ResponseMetadata><RequestId>c6104cbe</RequestId>'
                f'</ResponseMetadata>\n</{action}Response>')

    def require_signature(self):
        found = re.fullmatch(r'AWS4-HMAC-SHA256 Credential=(\w+)/(\d{8})/([\w-]+)/sts/aws4_request, ?'
                             r'SignedHeaders=([\w;-]+), ?Signature=([0-9a-f]{64})', self.headers.get('Authorization', ''))
        if not found: raise Refusal(403, 'IncompleteSignature')
        key, date, region, names, given_signature = found.groups()
        names, timestamp, token = names.split(';'), self.headers['X-Amz-Date'], self.headers['X-Amz-Security-Token']
        if key not in given or token != token_of(key): raise Refusal(403, 'InvalidClientTokenId')
        needed = {'host', 'x-amz-date'} | ({'x-amz-security-token'} if token else set())
        age = abs(time.time() - calendar.timegm(time.strptime(timestamp, '%Y%m%dT%H%M%SZ')))
        if not needed <= set(names) or age > 300 or date != timestamp[:8]: raise Refusal(403, 'SignatureDoesNotMatch')
        auth = SigV4Auth(Credentials(key, secret_of(key)), 'sts', region)
        right = signature(auth, 'POST', f'http://{self.headers["Host"]}{self.path}', timestamp,
                          {name: self.headers[name] for name in names}, self.body)
        if not same(given_signature, right): raise Refusal(403, 'SignatureDoesNotMatch')

    # ------------------------------------------------------------ control

    def control(self, command, *arguments):
        with lock:
            if command == 'reset':
                requests.clear()
                faults.clear()
                faults.update(argument.split(':', 1) for argument in arguments)
            reply = verify_url(self.body.decode()) if command == 'verify' else dict(requests)
        self.send(200, json.dumps(reply))


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    slots = threading.BoundedSemaphore(32)

    def process_request_thread(self, *request):
        with self.slots: super().process_request_thread(*request)


server = Server(('127.0.0.1', 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_port, flush=True)
sys.stdin.read()

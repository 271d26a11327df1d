"""An HTTP proxy on 127.0.0.1: passes plain requests on, and opens tunnels for CONNECT.

usage: http_proxy.py [USER:PASSWORD]

The end of standard input ends it. The first line that it prints is its port; each later one a JSON object of a request: method,
target, authorization (what was sent of it), host (the header), connection (a number for each).
With USER:PASSWORD it answers 407 to whoever has others; a target that has the word "forbidden" gets 403, "broken" 502.
"""
import base64, itertools, json, select, socket, sys, threading
from urllib.parse import urlsplit

numbers, lock = itertools.count(1), threading.Lock()
wanted = 'Basic ' + base64.b64encode(sys.argv[1].encode()).decode() if len(sys.argv) > 1 else None


def tell(what):
    with lock: print(what, flush=True)


def read_head(sock, buffer):
    while b'\r\n\r\n' not in buffer:
        more = sock.recv(65536)
        if not more: return None, b''
        buffer += more
    head, rest = buffer.split(b'\r\n\r\n', 1)
    return head.decode('latin-1').split('\r\n'), rest


def relay(a, b):
    while True:
        for ready in select.select([a, b], [], [], 60)[0]:
            data = ready.recv(65536)
            if not data: return
            (b if ready is a else a).sendall(data)


def refuse(client, status):
    more = 'Proxy-Authenticate: Basic realm="p"\r\n' if status == 407 else ''
    client.sendall(f'HTTP/1.1 {status} No\r\n{more}Content-Length: 9\r\n\r\nthe proxy'.encode())


def serve(client):
    number, buffer = next(numbers), b''
    with client:
        while True:
            head, buffer = read_head(client, buffer)
            if head is None: return
            method, target, _ = head[0].split(' ')
            headers = {name.lower(): value.strip() for name, value in (line.split(':', 1) for line in head[1:])}
            tell(json.dumps({'method': method, 'target': target, 'authorization': headers.get('proxy-authorization'),
                             'host': headers.get('host'), 'connection': number}))
            status = 403 if 'forbidden' in target else 502 if 'broken' in target else 407
            if status != 407 or (wanted and headers.get('proxy-authorization') != wanted): refuse(client, status); continue
            address = target if method == 'CONNECT' else urlsplit(target).netloc
            host, _, port = address.rpartition(':')
            with socket.create_connection(('127.0.0.1' if host.endswith('.example') else host, int(port))) as server:
                if method == 'CONNECT':
                    client.sendall(b'HTTP/1.1 200 Established\r\n\r\n')
                    return relay(client, server)
                kept = [line for line in head[1:] if not line.lower().startswith(('proxy-', 'connection:'))] + ['Connection: close']
                parts = urlsplit(target)
                path = (parts.path or '/') + ('?' + parts.query if parts.query else '')
                server.sendall('\r\n'.join([f'{method} {path} HTTP/1.1', *kept]).encode('latin-1') + b'\r\n\r\n')
                left = int(headers.get('content-length', 0))
                while left:
                    buffer = buffer or client.recv(65536)
                    server.sendall(buffer[:left])
                    left, buffer = left - min(left, len(buffer)), buffer[left:]
                answer, rest = read_head(server, b'')
                client.sendall('\r\n'.join(answer).encode('latin-1') + b'\r\n\r\n' + rest)
                lengths = [int(line.split(':')[1]) for line in answer if line.lower().startswith('content-length:')]
                left = 0 if method == 'HEAD' else (lengths or [0])[0] - len(rest)
                while left > 0:
                    data = server.recv(65536)
                    if not data: return
                    client.sendall(data)
                    left -= len(data)


def attend(client):
    try: serve(client)
    except OSError: pass


listener = socket.create_server(('127.0.0.1', 0))
tell(listener.getsockname()[1])
threading.Thread(target=lambda: [threading.Thread(target=attend, args=(listener.accept()[0],), daemon=True).start() for _ in itertools.count()],
                 daemon=True).start()
sys.stdin.read()

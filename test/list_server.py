#!/usr/bin/env python3
"""A bucket of as many keys as are asked for: ListObjectsV2 by pages of 1000, and nothing else.

usage: list_server.py KEYS; prints its port, ends with its input. Nobody's signature is looked at.
"""
import http.server
import sys
import threading
import urllib.parse

KEYS = int(sys.argv[1])
PAGE = 1000
ENTRY = ('<Contents><Key>list/{0:03d}/an%20object%20with%20an%20ordinary%20name%20{1:07d}.jpg</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>'
         '<ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag><Size>{1}</Size><StorageClass>STANDARD</StorageClass></Contents>')


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def do_GET(self):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        first = int(query.get('continuation-token', ['0'])[0])
        last = min(first + PAGE, KEYS)
        entries = ''.join(ENTRY.format(n // PAGE, n) for n in range(first, last))
        more = f'<IsTruncated>true</IsTruncated><NextContinuationToken>{last}</NextContinuationToken>' if last < KEYS else '<IsTruncated>false</IsTruncated>'
        body = f'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><EncodingType>url</EncodingType>{more}{entries}</ListBucketResult>'.encode()
        self.wfile.write(f'HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n\r\n'.encode() + body)

    def log_message(self, *arguments):
        pass


server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_address[1], flush=True)
sys.stdin.read()

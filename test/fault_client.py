"""fault_server.py for a program in Python: starts it, tells it what to do, asks what it saw. test/t/FaultServer.pm does so in Perl."""
import json, os, subprocess, sys, urllib.request

# Proxies of the environment are not for servers of this machine.
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class FaultServer:
    def __init__(self):
        server = os.path.dirname(os.path.abspath(__file__)) + '/fault_server.py'
        self.process = subprocess.Popen([sys.executable, server], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ports = json.loads(self.process.stdout.readline())

    def endpoint(self, port='http'): return f'http://127.0.0.1:{self.ports[port]}'

    def control(self, command, body=''):
        request = urllib.request.Request(f'{self.endpoint()}/control/{command}', data=body.encode(), method='POST')
        return json.load(opener.open(request, timeout=30))

    def plays(self, *faults): self.control('reset', json.dumps(faults))

    def stop(self):
        self.process.stdin.close()
        self.process.wait(10)

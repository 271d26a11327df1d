"""Another port of 127.0.0.1, as if it were far away.

usage: far_away.py PORT MILLISECONDS; prints its own port, ends with its input. A connection takes the time of a round trip, and whatever
is sent over it takes half of that, either way; no more than about 64 KiB are under way, so that much data takes long.
"""
import os, socket, sys, threading, time

target, delay = int(sys.argv[1]), float(sys.argv[2]) / 2000
SIZE = 64 << 10


def pour(source, sink):
    try:
        while data := source.recv(SIZE):
            time.sleep(delay)
            sink.sendall(data)
    except OSError:
        pass
    for sock in source, sink:
        try: sock.shutdown(socket.SHUT_RDWR)
        except OSError: pass


def relay(client):
    time.sleep(2 * delay)
    with client, socket.create_connection(('127.0.0.1', target)) as server:
        for sock in client, server: sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        back = threading.Thread(target=pour, args=(server, client), daemon=True)
        back.start()
        pour(client, server)
        back.join()


def attend(client):
    try: relay(client)
    except OSError: client.close()


def accept():
    while True: threading.Thread(target=attend, args=(listener.accept()[0],), daemon=True).start()


listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SIZE)  # and so of all it accepts
listener.bind(('127.0.0.1', 0))
listener.listen()
threading.Thread(target=accept, daemon=True).start()
print(listener.getsockname()[1], flush=True)
sys.stdin.read()
os._exit(0)

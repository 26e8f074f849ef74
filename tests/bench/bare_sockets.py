"""The judge behind bare sockets: what any threaded server costs, before it does anything.

`python -m tests.bench.bare_sockets` prints its port and answers until its input ends. Nothing is
checked, logged, audited, limited or refused; a thread belongs to its connection for good.
"""

from __future__ import annotations

import socket
import sys
import threading

from fhir_remission import Classifier

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"


def answer(held: socket.socket, judge: Classifier) -> None:
    """The requests of one connection."""
    stream = held.makefile("rb")
    while stream.readline():
        length = 0
        while (line := stream.readline()).strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        body = judge(stream.read(length))[0].to_json()
        held.sendall(HEAD % len(body) + body)


def listen() -> None:
    """Answer each connection in a thread."""
    judge = Classifier()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            held, _ = listener.accept()
            threading.Thread(target=answer, args=(held, judge), daemon=True).start()


if __name__ == "__main__":
    threading.Thread(target=listen, daemon=True).start()
    sys.stdin.read()

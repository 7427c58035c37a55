"""A server that takes events as fast as it can, in a process of its own, and counts them.

The rule: it must never be what a contestant waits for, so it looks for one word in each body and parses nothing.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
# Each event has this key once; a value cannot hold it, because its quotes would be escaped.
EVENT = b'"event":'


@dataclass
class Sink:
    """The handle on a running sink."""

    url: str

    def begin(self, *, delay_seconds: float = 0.0, keep: Path | None = None) -> None:
        """Forget the counts; answer after `delay_seconds` from now on; append the bodies to `keep`, when given."""
        wanted = {"delay_seconds": delay_seconds, "keep": None if keep is None else str(keep)}
        request = urllib.request.Request(f"{self.url}/begin", data=json.dumps(wanted).encode())
        urllib.request.urlopen(request).read()

    def counts(self) -> tuple[int, int]:
        """The events and the requests received since `begin`."""
        with urllib.request.urlopen(f"{self.url}/counts") as answer:
            counts = json.load(answer)
        return counts["events"], counts["requests"]


@contextmanager
def running() -> Iterator[Sink]:
    """A sink on a free port of the loopback address."""
    process = subprocess.Popen([sys.executable, __file__], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield Sink(f"http://127.0.0.1:{int(process.stdout.readline())}")
    finally:
        process.kill()
        process.wait()


class _Server:
    def __init__(self) -> None:
        self.events = 0
        self.requests = 0
        self.delay_seconds = 0.0
        self.keep: Path | None = None
        self.lock = threading.Lock()

    def serve(self) -> None:
        listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        print(listener.getsockname()[1], flush=True)
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        waiting = b""
        with connection, suppress(OSError):
            while True:
                while (end := waiting.find(b"\r\n\r\n")) < 0:
                    part = connection.recv(65536)
                    if not part:
                        return
                    waiting += part
                head = waiting[:end].lower()
                length = 0
                if (at := head.find(b"content-length:")) >= 0:
                    length = int(head[at + 15 :].split(b"\r\n", 1)[0])
                if b"expect: 100-continue" in head:
                    connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                body = bytearray(length)
                have = waiting[end + 4 : end + 4 + length]
                body[: len(have)] = have
                waiting = waiting[end + 4 + length :]
                view, got = memoryview(body), len(have)
                while got < length:
                    more = connection.recv_into(view[got:])
                    if not more:
                        return
                    got += more
                connection.sendall(self._answer(head, body))

    def _answer(self, head: bytes, body: bytearray) -> bytes:
        if head.startswith(b"get /counts"):
            answer = json.dumps({"events": self.events, "requests": self.requests}).encode()
        elif head.startswith(b"post /begin"):
            wanted = json.loads(body)
            self.delay_seconds = wanted["delay_seconds"]
            self.keep = None if wanted["keep"] is None else Path(wanted["keep"])
            self.events = self.requests = 0
            answer = b"{}"
        else:
            count = body.count(EVENT)
            with self.lock:
                self.events += count
                self.requests += 1
                if self.keep is not None:
                    with self.keep.open("ab") as file:
                        file.write(bytes(body) + b"\n")
            if self.delay_seconds:
                time.sleep(self.delay_seconds)
            answer = b'{"success":true,"created":%d}' % count
        return HEAD % len(answer) + answer


if __name__ == "__main__":
    _Server().serve()

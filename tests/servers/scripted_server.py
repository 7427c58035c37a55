"""A loopback server on raw sockets that does to a client what a script says, and keeps the books of what it accepted.

    with ScriptedServer([fault, None, fault]) as server:   # None, and all after the script: the API's ordinary answer
        client.post(server.url + "/v1/track")
    server.accepted    # the events that were taken, in order: the oracle
    server.requests    # every request with its time, whatever became of it

A script is a list of behaviours, one a request in order of arrival, or a function that is given each request, read
whole, and returns its behaviour. A behaviour is a function of the `Exchange`; `scripted_faults.py` has many.
An event is accepted before its answer is written, so an answer that gets lost loses nothing of the oracle.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, TypeAlias

ACCOUNT = "shop-4711"
API_KEY = "scripted-key"


@dataclass
class Recorded:
    """One request. `at` is monotonic seconds when its head had arrived; `body` is None when it was not read whole."""

    number: int
    connection: int
    at: float
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes | None = None
    accepted: list[dict[str, Any]] = field(default_factory=list)

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events in the body; [] when there is none, or not such a one."""
        try:
            return list(json.loads(self.body or b"")["events"])
        except (ValueError, KeyError, TypeError):
            return []


class ClientLeft(Exception):
    """The connection ended while a behaviour was busy with it."""


class Exchange:
    """What a behaviour works with: one request on one connection."""

    def __init__(self, server: ScriptedServer, wire: Wire, request: Recorded) -> None:
        self.server = server
        self.request = request
        self._wire = wire

    def read_body(self) -> bytes:
        """The request's body; read at most once."""
        if self.request.body is None:
            self.request.body = self._wire.read(int(self.request.headers.get("content-length", "0")))
        return self.request.body

    def read_some(self, size: int) -> None:
        """Read only so many bytes of the body."""
        self._wire.read(size)

    def accept(self, events: Sequence[dict[str, Any]] | None = None) -> int:
        """Enter events, by default all of the request's, into the oracle; their number."""
        self.read_body()
        return self.server.enter(self.request, self.request.events if events is None else events)

    def answer(self, status: int, body: object = b"", *, headers: Mapping[str, str] | None = None) -> None:
        """A well-formed answer; anything but bytes becomes JSON."""
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = {"Date": http_date(), "Content-Type": "application/json", "Content-Length": str(len(payload))}
        if status in (204, 304):
            payload, lines = b"", {"Date": lines["Date"]}
        self.send(head(status, {**lines, **(headers or {})}) + payload)

    def send(self, data: bytes) -> None:
        """Raw bytes."""
        self._wire.send(data)

    def drip(self, data: bytes, *, seconds: float) -> None:
        """Raw bytes, one at a time with a pause after each."""
        for place in range(len(data)):
            self.send(data[place : place + 1])
            self.pause(seconds)

    def pause(self, seconds: float) -> None:
        """Wait; a server that is being closed ends it."""
        if self.server.closing.wait(seconds):
            raise ClientLeft

    def hang(self) -> None:
        """Say nothing until the client gives up."""
        self._wire.read_until_client_leaves()

    def close(self) -> None:
        """End the connection in good order."""
        self._wire.close()

    def reset(self) -> None:
        """End the connection with a TCP reset."""
        self._wire.reset()


Behaviour: TypeAlias = Callable[[Exchange], None]
Script: TypeAlias = Sequence[Behaviour | None] | Callable[[Recorded], Behaviour | None]


def early(behaviour: Behaviour) -> Behaviour:
    """Mark a behaviour of a list as one that starts before the body is read."""
    behaviour.early = True  # type: ignore[attr-defined]
    return behaviour


def like_squeezely(exchange: Exchange) -> None:
    """The API's ordinary conduct: checks address and headers, accepts every event, says how many."""
    request = exchange.request
    exchange.read_body()
    told = (request.headers.get("x-auth-account"), request.headers.get("x-auth-apikey"))
    if exchange.server.credentials not in (None, told):
        exchange.answer(401, {"success": False, "errors": ["Unauthorized"]})
    elif request.method != "POST" or request.headers.get("content-type") != "application/json":
        exchange.answer(415 if request.method == "POST" else 405, {"success": False})
    elif request.target.endswith("/v1/verifyAuth?channel=2"):
        exchange.answer(200, {"verified": True})
    elif not request.target.endswith("/v1/track"):
        exchange.answer(404, {"success": False})
    elif not request.events:
        exchange.answer(400, {"success": False, "errors": ["events missing"]})
    else:
        exchange.answer(200, {"success": True, "created": exchange.accept()})


class ScriptedServer:
    """Listens on 127.0.0.1 while it is entered; one thread a connection. `accepted` and `requests` stay afterwards."""

    def __init__(
        self,
        script: Script = (),
        *,
        otherwise: Behaviour = like_squeezely,
        credentials: tuple[str, str] | None = (ACCOUNT, API_KEY),
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        self.accepted: list[dict[str, Any]] = []
        self.requests: list[Recorded] = []
        self.connections = 0
        self.credentials = credentials
        self.closing = threading.Event()
        self.script = script
        self._otherwise = otherwise
        self._tls = tls
        self._host = host
        self._lock = threading.Lock()
        self._wires: set[Wire] = set()
        self._threads: list[threading.Thread] = []

    @property
    def url(self) -> str:
        """The address for `destination.url`."""
        return f"{'https' if self._tls else 'http'}://{self._host}:{self._listener.getsockname()[1]}"

    @property
    def open_connections(self) -> int:
        """How many connections the server has not closed."""
        with self._lock:
            return len(self._wires)

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._start(self._listen)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            wires = list(self._wires)
        for wire in wires:
            wire.interrupt()
        for thread in self._threads:
            thread.join(10)

    def enter(self, request: Recorded, events: Sequence[dict[str, Any]]) -> int:
        """Enter events of a request into the oracle."""
        with self._lock:
            self.accepted.extend(events)
            request.accepted.extend(events)
        return len(events)

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _listen(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                wire = Wire(sock)
                self._wires.add(wire)
            self._start(self._serve, wire, self.connections)

    def _serve(self, wire: Wire, connection: int) -> None:
        try:
            if self._tls:
                wire.start_tls(self._tls)
            while not self.closing.is_set():
                self._serve_one(wire, connection)
        except (ClientLeft, OSError):
            pass
        finally:
            wire.close()
            with self._lock:
                self._wires.discard(wire)

    def _serve_one(self, wire: Wire, connection: int) -> None:
        first, *lines = wire.read_head().decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        with self._lock:
            request = Recorded(len(self.requests) + 1, connection, time.monotonic(), method, target, headers)
            self.requests.append(request)
        exchange = Exchange(self, wire, request)
        self._behaviour(exchange)(exchange)

    def _behaviour(self, exchange: Exchange) -> Behaviour:
        if callable(self.script):
            exchange.read_body()
            behaviour = self.script(exchange.request) or self._otherwise
        else:
            place = exchange.request.number - 1
            behaviour = (self.script[place] if place < len(self.script) else None) or self._otherwise
        if not getattr(behaviour, "early", False):
            exchange.read_body()
        return behaviour


class Wire:
    """A connection's bytes."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._ahead = b""

    def start_tls(self, context: ssl.SSLContext) -> None:
        self._sock = context.wrap_socket(self._sock, server_side=True)

    def read_head(self) -> bytes:
        while b"\r\n\r\n" not in self._ahead:
            self._ahead += self._receive()
        found, _, self._ahead = self._ahead.partition(b"\r\n\r\n")
        return found

    def read(self, size: int) -> bytes:
        parts = [self._ahead[:size]]
        self._ahead = self._ahead[size:]
        left = size - len(parts[0])
        while left > 0:
            parts.append(self._receive(min(left, 65536)))
            left -= len(parts[-1])
        return b"".join(parts)

    def read_until_client_leaves(self) -> None:
        while True:
            self._receive()

    def send(self, data: bytes) -> None:
        self._sock.sendall(data)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()

    def reset(self) -> None:
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._sock.close()

    def interrupt(self) -> None:
        """Wake the thread that works on this connection; from another thread."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def _receive(self, size: int = 65536) -> bytes:
        data = self._sock.recv(size)
        if not data:
            raise ClientLeft
        return data


@contextlib.contextmanager
def refusing_url() -> Iterator[str]:
    """An address where nothing listens, and nothing else can for the while."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"


def head(status: int, headers: Mapping[str, str]) -> bytes:
    """The head of an answer."""
    lines = [f"HTTP/1.1 {status} Scripted", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def http_date(*, ahead_seconds: float = 0.0) -> str:
    """The date of RFC 9110, so far from now."""
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + ahead_seconds))

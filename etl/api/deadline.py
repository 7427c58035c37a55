"""A network under httpcore on which one deadline holds for the whole attempt.

A client's own time-outs are per read, so a server that drips a byte at a time holds them for ever (C23). Here each
connect, read and write gets only the time that is left, and an answer is heard while the request is still going out.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import ssl
import threading
from collections.abc import Iterable, Sequence

import httpcore

from etl.clock import Clock
from etl.verdict.answer import Failure

_CERTIFICATE_FAILURES = {
    9: Failure.TLS_EXPIRED,  # X509_V_ERR_CERT_NOT_YET_VALID
    10: Failure.TLS_EXPIRED,  # X509_V_ERR_CERT_HAS_EXPIRED
    62: Failure.TLS_HOSTNAME,  # X509_V_ERR_HOSTNAME_MISMATCH
    64: Failure.TLS_HOSTNAME,  # X509_V_ERR_IP_ADDRESS_MISMATCH
}


OF_THE_HOST = {errno.EMFILE: Failure.FILES, errno.ENFILE: Failure.FILES_OF_HOST}
_FILES_OF_A_LOOK_UP = 4


class NotConnected(httpcore.ConnectError):
    """No connection could be made; `failure` says why. It has no text, because the system's may hold a secret."""

    def __init__(self, failure: Failure) -> None:
        super().__init__()
        self.failure = failure


class Attempt:
    """The attempt that runs now: its deadline, and whether its request was written whole."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ends_at = 0.0
        self.request_written = False

    def begin(self, *, timeout_seconds: float) -> None:
        """Start the clock of a new attempt."""
        self._ends_at = self._clock.monotonic() + timeout_seconds
        self.request_written = True

    def seconds_left(self, otherwise: type[httpcore.TimeoutException]) -> float:
        """Seconds until the deadline, above zero; raises `otherwise` if it has passed."""
        left = self._ends_at - self._clock.monotonic()
        if left <= 0:
            raise otherwise
        return left


class DeadlineBackend(httpcore.NetworkBackend):
    """Opens TCP connections within what is left of `attempt`."""

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002  # the attempt's deadline rules
        local_address: str | None = None,  # noqa: ARG002
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        """Try the host's addresses in turn; each gets a fair share of the time, so that a dead one leaves some over."""
        addresses = _resolve(host, port, timeout_seconds=self._attempt.seconds_left(httpcore.ConnectTimeout))
        failure = Failure.DNS
        for tried, (family, kind, protocol, _, address) in enumerate(addresses):
            share = self._attempt.seconds_left(httpcore.ConnectTimeout) / (len(addresses) - tried)
            sock = socket.socket(family, kind, protocol)
            try:
                sock.settimeout(share)
                sock.connect(address)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.setblocking(False)  # noqa: FBT003  # the standard library's signature
            except OSError as error:
                sock.close()
                failure = _connect_failure(error)
            else:
                return DeadlineStream(sock, self._attempt)
        raise NotConnected(failure)


class DeadlineStream(httpcore.NetworkStream):
    """One connection, plain or TLS, never blocking: every wait is for what the attempt's deadline leaves.

    The time-outs that httpcore hands in are ignored.
    """

    def __init__(self, sock: socket.socket, attempt: Attempt) -> None:
        self._sock = sock
        self._attempt = attempt
        self._parts: list[bytes] = []
        self._early = b""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        """Up to `max_bytes` bytes; b"" at the end of the stream."""
        if self._early:
            early, self._early = self._early[:max_bytes], self._early[max_bytes:]
            return early
        try:
            while True:
                try:
                    return self._sock.recv(max_bytes)
                except (BlockingIOError, ssl.SSLWantReadError):
                    self._wait(select.POLLIN, httpcore.ReadTimeout)
                except ssl.SSLWantWriteError:
                    self._wait(select.POLLOUT, httpcore.ReadTimeout)
        except OSError:
            raise httpcore.ReadError from None

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        """Keep a part of a request; at its end, for which httpcore writes nothing, send all of it as one.

        Headers sent separately would wake the server twice. Raises WriteError as soon as the server has answered or
        closed: httpcore then reads on.
        """
        if buffer:
            self._parts.append(buffer)
            return
        try:
            rest = memoryview(b"".join(self._parts))
            self._parts.clear()
            while rest:
                try:
                    rest = rest[self._sock.send(rest) :]
                except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                    self._wait_to_write()
        except (OSError, httpcore.WriteError, httpcore.WriteTimeout) as error:
            self._attempt.request_written = False
            raise (error if isinstance(error, httpcore.WriteTimeout) else httpcore.WriteError()) from None

    def _wait_to_write(self) -> None:
        ready = self._wait(select.POLLIN | select.POLLOUT, httpcore.WriteTimeout)
        if ready & select.POLLIN and not ready & select.POLLOUT:
            try:
                self._early = self._sock.recv(65536)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return  # a message of TLS itself (a session ticket), no data
            raise httpcore.WriteError

    def _wait(self, events: int, otherwise: type[httpcore.TimeoutException]) -> int:
        """Wait until the connection is ready for some of `events`; returns those, or 0. Raises `otherwise` too late."""
        poll = select.poll()
        poll.register(self._sock, events)
        ready = poll.poll(self._attempt.seconds_left(otherwise) * 1000 + 1)
        return ready[0][1] if ready else 0

    def arrived(self) -> bytes:
        """A surplus byte that has arrived; b"" for none. It is consumed."""
        try:
            return self._early or self._sock.recv(1)
        except OSError:
            return b""

    def close(self) -> None:
        """Close the connection without TLS's closing message, which could block."""
        self._sock.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        """The same connection under TLS; it always verifies, because the context does."""
        try:
            self._sock.settimeout(self._attempt.seconds_left(httpcore.ConnectTimeout))
            sock = ssl_context.wrap_socket(self._sock, server_hostname=server_hostname)
            sock.setblocking(False)  # noqa: FBT003  # the standard library's signature
            return DeadlineStream(sock, self._attempt)
        except OSError as error:
            raise NotConnected(_connect_failure(error)) from None
        finally:
            # `wrap_socket` took the descriptor over; when it failed before that, this closes it.
            self._sock.close()

    def get_extra_info(self, info: str) -> object:
        """What httpcore asks of a connection: its TLS, its socket, and whether an idle one was closed by the server."""
        match info:
            case "ssl_object":
                return self._sock if isinstance(self._sock, ssl.SSLSocket) else None
            case "socket":
                return self._sock
            case "is_readable":
                return _is_readable(self._sock)
            case _:
                return None


def _is_readable(sock: socket.socket) -> bool:
    if sock.fileno() < 0:
        return True
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


_AddressInfo = tuple[
    socket.AddressFamily, socket.SocketKind, int, str, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]
]


def _resolve(host: str, port: int, *, timeout_seconds: float) -> Sequence[_AddressInfo]:
    """The host's addresses. The system's resolver knows no deadline, so a name is looked up in a thread of its own."""
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except OSError:
        pass
    found: list[_AddressInfo] = []

    def look_up() -> None:
        try:
            found.extend(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError):
            return

    thread = threading.Thread(target=look_up, name="dns", daemon=True)
    thread.start()
    thread.join(timeout_seconds)
    if not found:
        _require_descriptors()
        raise NotConnected(Failure.DNS)
    return list(found)


def _require_descriptors() -> None:
    """Raise OSError if a look-up failed because no more files can be opened, which it does not report itself.

    A look-up opens the resolver's files and several sockets, and Python loads the codec for host names.
    """
    opened: list[int] = []
    try:
        opened.extend(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC) for _ in range(_FILES_OF_A_LOOK_UP))
    finally:
        for descriptor in opened:
            os.close(descriptor)


def _connect_failure(error: OSError) -> Failure:
    match error:
        case ssl.SSLCertVerificationError():
            return _CERTIFICATE_FAILURES.get(error.verify_code, Failure.TLS_UNTRUSTED)
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError() | ssl.SSLSyscallError():
            return Failure.UNREACHABLE
        case ssl.SSLError():
            return Failure.TLS
        case TimeoutError():
            return Failure.CONNECT_TIMEOUT
        case ConnectionRefusedError():
            return Failure.REFUSED
        case _:
            return Failure.UNREACHABLE

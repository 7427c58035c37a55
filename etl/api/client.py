"""Sends one request over one connection, and returns an answer or a failure, without judging it.

httpx sends the requests, over a connection with one deadline for a whole attempt. No exception of httpx or httpcore
leaves this module, because their texts hold the key.
"""

from __future__ import annotations

import logging
import os
import re
import ssl
from collections.abc import Callable
from urllib.parse import SplitResult, urlsplit

import httpcore
import httpx

import etl
from etl.api.credentials import CredentialCheck, CredentialOutcome, read_verification
from etl.api.deadline import OF_THE_HOST, Attempt, DeadlineBackend
from etl.api.failures import CLIENT_ERRORS, failure_of, forget
from etl.api.proxy import proxy_for
from etl.api.reading import BodyReader, read_head
from etl.api.transport import ConnectionTransport
from etl.clock import Clock
from etl.errors import DestinationMisconfigured
from etl.mapping.destination import Destination
from etl.verdict.answer import Answer, Failure
from etl.verdict.retry_after import silence_seconds

TRACK_PATH = "/v1/track"
VERIFY_PATH = "/v1/verifyAuth?channel=2"

# Seconds. An idle connection is closed before usual servers close it, because a request sent at that moment is
# ambiguous (C5).
KEEP_ALIVE_SECONDS = 4.0
NO_STREAM = httpx.ByteStream(b"")

_SHORTEST_TELLING_KEY = 8
_HEADER_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?\Z")


class ApiClient:
    """Sends requests over one kept-alive connection. Each thread needs its own.

    keep_silent: called with the seconds for which an answer to `verifyAuth` asks the account to wait. Raises
    DestinationMisconfigured when the address, account, key, CA file or proxy cannot be used.
    """

    def __init__(
        self, destination: Destination, *, clock: Clock, keep_silent: Callable[[float], None] = lambda _: None
    ) -> None:
        quiet_loggers()
        self._clock = clock
        self._keep_silent = keep_silent
        self._timeout_seconds = destination.timeout.total_seconds()
        self._attempt = Attempt(clock)
        address = _address(destination.url)
        base = f"{address.scheme}://{_host_header(address).decode()}{address.path.rstrip('/')}"
        self._urls = {path: httpx.URL(base + path) for path in (TRACK_PATH, VERIFY_PATH)}
        self._key = _header_value(destination.api_key.reveal(), "api_key")
        self._headers = [
            (b"Host", _host_header(address)),
            (b"X-AUTH-ACCOUNT", _header_value(destination.account, "account")),
            (b"X-AUTH-APIKEY", self._key),
            (b"Content-Type", b"application/json"),
            (b"Accept-Encoding", b"identity"),
            (b"User-Agent", f"squeezely-etl/{etl.__version__}".encode()),
        ]
        pool = httpcore.ConnectionPool(
            ssl_context=_tls_context(destination) if address.scheme == "https" else None,
            proxy=proxy_for(address, environment=os.environ) if destination.proxy else None,
            keepalive_expiry=KEEP_ALIVE_SECONDS,
            network_backend=DeadlineBackend(self._attempt),
        )
        # Only the transport: what `httpx.Client` adds (cookies, redirects, the environment's proxy, authentication) is
        # not wanted here, and costs a fifth of a request.
        self._transport = ConnectionTransport(pool)

    def track(self, body: bytes) -> Answer | Failure:
        """Send one request of events: `body` unchanged, once, without following redirects."""
        return self._post(TRACK_PATH, body)

    def verify_credentials(self) -> CredentialCheck:
        """Ask the API whether it knows this account and key."""
        answer = self._post(VERIFY_PATH, b"{}")
        if (silence := silence_seconds(answer)) is not None:
            self._keep_silent(silence)
        return read_verification(answer)

    def is_well(self) -> bool:
        """Whether the API answers yes or no about this account and key, so that it is not down."""
        return self.verify_credentials().said

    def knows_key(self) -> bool:
        """Whether the API confirms this account and key."""
        return self.verify_credentials().outcome is CredentialOutcome.VERIFIED

    def close(self) -> None:
        """Give the connection up."""
        self._transport.close()

    def _post(self, path: str, body: bytes) -> Answer | Failure:
        # Not by `content`: httpx would compute headers that are known already.
        headers = [*self._headers, (b"Content-Length", b"%d" % len(body))]
        request = httpx.Request("POST", self._urls[path], headers=headers, stream=httpx.ByteStream(body))
        self._attempt.begin(timeout_seconds=self._timeout_seconds)
        try:
            response = self._transport.handle_request(request)
        except CLIENT_ERRORS as error:
            forget(error)
            return failure_of(error)
        return self._read(response)

    def _read(self, response: httpx.Response) -> Answer | Failure:
        """Read the answer. If its body breaks off, a refusal still counts (a 401 is one even with half a body).

        A success does not; but its Retry-After still counts.
        """
        head = read_head(response.headers.raw, now=self._clock.utc_now())
        reader = BodyReader(head.encoding)
        failure: Failure | None = None
        try:
            assert isinstance(response.stream, httpx.SyncByteStream)
            reader.read(response.stream)
        except CLIENT_ERRORS as error:
            forget(error)
            if response.status_code < 300:
                failure = failure_of(error)
            reader.truncated = True
        finally:
            response.close()
            # Response and stream refer to each other: without this the request's body stays in memory until garbage
            # collection.
            response.stream = NO_STREAM
        if not reader.truncated and self._transport.surplus():
            # Bytes behind the answer: on a kept connection they would be read as the answer to the next request.
            failure = Failure.SURPLUS
        return Answer(
            status=response.status_code,
            headers=head.kept,
            # The body of an answer that does not count is dropped.
            body=self._without_key(reader.body) if failure is None else b"",
            truncated=reader.truncated or failure is not None,
            request_sent=self._attempt.request_written,
            failure=failure,
        )

    def _without_key(self, body: bytes) -> bytes:
        """Mask the key, which a server may echo; a short one is left, because it looks like other words (F2)."""
        return body.replace(self._key, b"[redacted]") if len(self._key) >= _SHORTEST_TELLING_KEY else body


def quiet_loggers() -> None:
    """Keep the HTTP client's own messages, which contain addresses and headers, out of every log (F4)."""
    for name in ("httpcore", "httpx", "hpack"):
        logger = logging.getLogger(name)
        if logger.level < logging.WARNING:
            logger.setLevel(logging.WARNING)


def _address(url: str) -> SplitResult:
    try:
        address = urlsplit(url)
        usable = address.scheme in ("http", "https") and address.hostname and address.port != 0 and url.isascii()
    except ValueError:
        usable = False
    if not usable:
        raise DestinationMisconfigured(
            "opening the API client: destination.url is not an address that HTTP can use",
            hint="it looks like https://api.squeezely.tech",
        )
    return address


def _host(address: SplitResult) -> bytes:
    return (address.hostname or "").encode("ascii")


def _default_port(address: SplitResult) -> int:
    return 443 if address.scheme == "https" else 80


def _host_header(address: SplitResult) -> bytes:
    host = _host(address)
    host = b"[%s]" % host if b":" in host else host
    return host if address.port in (None, _default_port(address)) else b"%s:%d" % (host, address.port)


def _header_value(value: str, name: str) -> bytes:
    """Checked here, because the client's own refusal prints the value (F10)."""
    if not _HEADER_VALUE.match(value):
        raise DestinationMisconfigured(
            f"opening the API client: destination.{name} is empty or holds characters that an HTTP header cannot carry",
            hint="look for line breaks, blanks and quotes around it",
        )
    return value.encode("ascii")


def _tls_context(destination: Destination) -> ssl.SSLContext:
    """Always verifying; there is no switch (F11)."""
    if destination.ca_file is None:
        return httpcore.default_ssl_context()
    try:
        return ssl.create_default_context(cafile=str(destination.ca_file))
    except OSError as error:
        if error.errno in OF_THE_HOST:
            raise
        raise DestinationMisconfigured(
            "opening the API client: destination.ca_file cannot be read, or holds no certificates",
            hint="it is a PEM file with the certificates of the authority to trust",
        ) from None

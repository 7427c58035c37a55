"""The outcome of one attempt, before a verdict on it: an answer, or why there was none.

An answer holds only the headers that a verdict reads, so that no other echo of the server gets further than this.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, unique


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer.

    headers: lower-case names, and only `retry-after`, `date`, `content-type` and `location` (cut down to its host).
    body: decoded, at most the first 1 MiB. truncated: the body is not complete: it was longer, could not be decoded, or
    (for a status other than 2xx) ended early. failure: set if a 2xx ended early, or was followed by surplus bytes: the
    verdict is that of the failure, but its headers (Retry-After) still count. request_sent: False when the answer came
    before the whole request was written, so the events were not accepted.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    truncated: bool = False
    request_sent: bool = True
    failure: Failure | None = None


@unique
class Failure(Enum):
    """Why an attempt has no answer; the value is a constant text for people."""

    # The request was not sent, so no event was delivered.
    REFUSED = "connection refused"
    DNS = "host name not found"
    UNREACHABLE = "host not reachable"
    CONNECT_TIMEOUT = "no connection in time"
    PROXY = "proxy not reachable"
    # The request may have arrived, so the outcome is ambiguous.
    TIMEOUT = "request not written, or not answered, in time"
    RESET = "connection lost before the answer was complete"
    PROTOCOL = "answer is not HTTP"
    SURPLUS = "more bytes came than the answer has"
    # Another attempt would not help.
    TLS = "TLS handshake failed"
    TLS_UNTRUSTED = "TLS certificate is not signed by a known authority"
    TLS_HOSTNAME = "TLS certificate is for another host"
    TLS_EXPIRED = "TLS certificate is not valid today"
    # Caused by this host or its proxy, not by the API.
    FILES = "this process may open no more files"
    FILES_OF_HOST = "this host can open no more files"
    PROXY_REFUSED = "proxy refuses the connection"
    ADDRESS = "address cannot be used"
    HEADERS = "account or API key cannot stand in an HTTP header"


def whole(came: Answer | Failure) -> Answer | Failure:
    """The answer itself, or the failure that cut it short."""
    return came if isinstance(came, Failure) or came.failure is None else came.failure

"""What came back from one attempt, before a verdict on it: an answer, or the way in which there was none.

An answer carries only the headers that a verdict reads, so that nothing a server echoes can travel further than this.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, unique


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer.

    headers: lower-case names, and only `retry-after`, `date`, `content-type` and `location` (cut down to its host).
    body: what was read of it, at most 1 MiB, decoded.
    truncated: the body is not whole: it was longer than that, could not be decoded, or, where the status is not 2xx,
    ended early.
    failure: not None where a 2xx ended early, or more came than the answer has: it means what that failure means, but
    what its headers ask for still holds.
    request_sent: False when the answer came before the whole request was written, so the events were not taken.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    truncated: bool = False
    request_sent: bool = True
    failure: Failure | None = None


@unique
class Failure(Enum):
    """Why an attempt has no answer; the value is the text for people, without anything from the wire."""

    # The request was not sent, so nothing was delivered.
    REFUSED = "connection refused"
    DNS = "host name not found"
    UNREACHABLE = "host not reachable"
    CONNECT_TIMEOUT = "no connection in time"
    PROXY = "proxy not reachable"
    # The request may have arrived: ambiguous.
    TIMEOUT = "request not written, or not answered, in time"
    RESET = "connection lost before the answer was complete"
    PROTOCOL = "answer is not HTTP"
    SURPLUS = "more bytes came than the answer has"
    # Nothing that another attempt would change.
    TLS = "TLS handshake failed"
    TLS_UNTRUSTED = "TLS certificate is not signed by a known authority"
    TLS_HOSTNAME = "TLS certificate is for another host"
    TLS_EXPIRED = "TLS certificate is not valid today"
    # Not the API's, but this host's.
    FILES = "this process may open no more files"
    FILES_OF_HOST = "this host can open no more files"
    PROXY_REFUSED = "proxy refuses the connection"
    ADDRESS = "address cannot be used"
    HEADERS = "account or API key cannot stand in an HTTP header"


def whole(came: Answer | Failure) -> Answer | Failure:
    """What came counts as this: an answer, or what broke it off."""
    return came if isinstance(came, Failure) or came.failure is None else came.failure

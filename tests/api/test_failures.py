"""Every exception of the HTTP client, the sockets and TLS is a failure, and every failure a verdict."""

from __future__ import annotations

import socket
import ssl

import httpcore
import httpx
import pytest

from etl.api.deadline import NotConnected, _connect_failure
from etl.api.failures import CLIENT_ERRORS, FAILURES, failure_of
from etl.errors import DestinationMisconfigured, HostRefused
from etl.verdict.answer import Failure
from etl.verdict.judge import Case, Stop, TryAgain, case_of, judge

HTTPCORE_ERRORS = sorted(
    (kind for kind in vars(httpcore).values() if isinstance(kind, type) and issubclass(kind, Exception)),
    key=lambda kind: kind.__name__,
)
# httpx names the same errors of its transport, and some that only its upper half, which is not used here, can raise.
ABOVE_THE_TRANSPORT = {"CloseError", "TransportError"}


@pytest.mark.parametrize("kind", HTTPCORE_ERRORS)
def test_every_httpcore_exception_has_its_own_row(kind: type[Exception]) -> None:
    assert kind in FAILURES
    assert issubclass(kind, CLIENT_ERRORS)
    assert failure_of(kind("canary")) is FAILURES[kind]


def test_every_httpx_transport_exception_has_a_row_of_its_name() -> None:
    """A release that tells more failures apart makes this fail."""
    names = {
        name
        for name in httpx.__all__
        if isinstance(getattr(httpx, name), type) and issubclass(getattr(httpx, name), httpx.TransportError)
    }
    assert names - ABOVE_THE_TRANSPORT == {
        kind.__name__ for kind in FAILURES if kind.__module__.startswith("httpcore")
    } - {"ConnectionNotAvailable"}


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (httpcore.ProxyError("407 Proxy Authentication Required"), Failure.PROXY_REFUSED),
        (httpcore.ProxyError("502 Bad Gateway"), Failure.PROXY),
        (httpcore.RemoteProtocolError("Server disconnected without sending a response."), Failure.RESET),
        (httpcore.RemoteProtocolError("illegal status line"), Failure.PROTOCOL),
        (NotConnected(Failure.TLS_EXPIRED), Failure.TLS_EXPIRED),
        (ConnectionResetError(104, "canary"), Failure.RESET),
        (BrokenPipeError(), Failure.RESET),
        (ssl.SSLError("canary"), Failure.RESET),
        (UnicodeEncodeError("idna", "x", 0, 1, "canary"), Failure.ADDRESS),
    ],
)
def test_failure_of(error: Exception, failure: Failure) -> None:
    assert failure_of(error) is failure


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (TimeoutError(), Failure.CONNECT_TIMEOUT),
        (ConnectionRefusedError(), Failure.REFUSED),
        (ConnectionResetError(), Failure.UNREACHABLE),
        (OSError(113, "No route to host"), Failure.UNREACHABLE),
        (socket.gaierror(), Failure.UNREACHABLE),
        (ssl.SSLEOFError(), Failure.UNREACHABLE),
        (ssl.SSLZeroReturnError(), Failure.UNREACHABLE),
        (ssl.SSLError(1, "WRONG_VERSION_NUMBER"), Failure.TLS),
    ],
)
def test_failure_of_connecting(error: OSError, failure: Failure) -> None:
    assert _connect_failure(error) is failure


@pytest.mark.parametrize("failure", Failure)
def test_every_failure_is_a_verdict(failure: Failure) -> None:
    """Nothing that was not sent is ambiguous, everything that may have been is, and the rest is for a person."""
    verdict = judge(failure, events=3)
    match case_of(failure, events=3):
        case Case.NOT_SENT:
            assert verdict == TryAgain(None, ambiguous=False, throttled=False, cause=failure.value, unreached=True)
        case Case.CUT_OFF:
            assert isinstance(verdict, TryAgain)
            assert verdict.ambiguous
            assert verdict.cause == failure.value
        case case:
            assert isinstance(verdict, Stop)
            assert isinstance(verdict.error, HostRefused if case is Case.NO_FILES else DestinationMisconfigured)
            assert verdict.error.message == f"sending events to the API: {failure.value}"
            assert verdict.error.hint


def test_no_two_failures_read_the_same() -> None:
    assert len({failure.value for failure in Failure}) == len(Failure)

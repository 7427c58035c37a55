"""Which failure each exception of the HTTP client stands for.

The exceptions' texts are dropped: that of `LocalProtocolError` holds the whole API key, others hold data of the server.
"""

from __future__ import annotations

import ssl

import httpcore
import httpx

from etl.api.deadline import OF_THE_HOST, NotConnected
from etl.verdict.answer import Failure

FAILURES: dict[type[Exception], Failure] = {
    httpcore.ConnectTimeout: Failure.CONNECT_TIMEOUT,
    httpcore.PoolTimeout: Failure.CONNECT_TIMEOUT,
    httpcore.TimeoutException: Failure.TIMEOUT,
    httpcore.ReadTimeout: Failure.TIMEOUT,
    httpcore.WriteTimeout: Failure.TIMEOUT,
    httpcore.ConnectError: Failure.UNREACHABLE,
    httpcore.ConnectionNotAvailable: Failure.UNREACHABLE,
    httpcore.NetworkError: Failure.RESET,
    httpcore.ReadError: Failure.RESET,
    httpcore.WriteError: Failure.RESET,
    httpcore.ProtocolError: Failure.PROTOCOL,
    httpcore.RemoteProtocolError: Failure.PROTOCOL,
    httpcore.LocalProtocolError: Failure.HEADERS,
    httpcore.ProxyError: Failure.PROXY,
    httpcore.UnsupportedProtocol: Failure.ADDRESS,
    httpx.TimeoutException: Failure.TIMEOUT,
    httpx.HTTPError: Failure.PROTOCOL,
    httpx.StreamError: Failure.PROTOCOL,
    httpx.InvalidURL: Failure.ADDRESS,
    httpx.CookieConflict: Failure.PROTOCOL,
    ssl.SSLError: Failure.RESET,
    OSError: Failure.RESET,
    UnicodeError: Failure.ADDRESS,
}
CLIENT_ERRORS = tuple(FAILURES)

# How messages of httpcore and h11 begin when the connection ended before the answer.
_CUT_OFF = ("Server disconnected", "peer closed connection")


def failure_of(error: Exception) -> Failure:
    """The failure that an exception out of `CLIENT_ERRORS` stands for."""
    match error:
        case NotConnected():
            return error.failure
        case OSError(errno=number) if number in OF_THE_HOST:
            return OF_THE_HOST[number]
        case httpcore.ProxyError() if str(error).startswith("4"):
            # "407 Proxy Authentication Required": the proxy will say so again.
            return Failure.PROXY_REFUSED
        case httpcore.RemoteProtocolError() if str(error).startswith(_CUT_OFF):
            return Failure.RESET
        case _:
            return next(FAILURES[kind] for kind in type(error).__mro__ if kind in FAILURES)


def forget(error: BaseException) -> None:
    """Drop the traceback of an exception: its frames form cycles that would keep the request in memory."""
    chain: BaseException | None = error
    while chain is not None:
        chain.__traceback__ = None
        chain = chain.__context__

"""How a scripted server may behave towards a request: what `tests/servers/scripted_faults.py` makes its faults of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.servers.scripted_server import Behaviour, Exchange, early, head, http_date, like_squeezely

Accept = Callable[[list[dict[str, Any]]], list[dict[str, Any]]]

ALL: Accept = list
DRIP_SECONDS = 0.02
MIB = 1024 * 1024
GOOD = b'{"success": true, "created": 4}'


def answering(
    status: int, body: object = b"", *, headers: Mapping[str, str] | None = None, accept: Accept | None = None
) -> Behaviour:
    """Answer so. accept: picks the events that are taken; None = none of them."""

    def behave(exchange: Exchange) -> None:
        if accept is not None:
            exchange.accept(accept(exchange.request.events))
        exchange.answer(status, body, headers=headers)

    return behave


def raw(*pieces: bytes, accept: bool = False, then: Callable[[Exchange], None] = Exchange.close) -> Behaviour:
    """Send bytes as they are, and end the connection."""

    def behave(exchange: Exchange) -> None:
        if accept:
            exchange.accept()
        for piece in pieces:
            exchange.send(piece)
        then(exchange)

    return behave


def part_read(end: Callable[[Exchange], None]) -> Behaviour:
    """Read a few bytes of the body, then `end`."""

    def behave(exchange: Exchange) -> None:
        exchange.read_some(10)
        end(exchange)

    return early(behave)


def accepted(end: Callable[[Exchange], None]) -> Behaviour:
    """Accept everything, and let the answer get lost."""

    def behave(exchange: Exchange) -> None:
        exchange.accept()
        end(exchange)

    return behave


def drip_head(exchange: Exchange) -> None:
    exchange.accept()
    exchange.drip(head(200, {"Content-Length": str(len(GOOD)), "X-Padding": "x" * 2000}) + GOOD, seconds=DRIP_SECONDS)


def drip_body(exchange: Exchange) -> None:
    exchange.accept()
    exchange.send(head(200, {"Content-Length": "2000"}))
    exchange.drip(GOOD.ljust(2000), seconds=DRIP_SECONDS)


def endless_body(exchange: Exchange) -> None:
    exchange.send(head(200, {"Transfer-Encoding": "chunked"}))
    while True:
        exchange.send(b"10000\r\n" + b" " * 65536 + b"\r\n")


def endless_head(exchange: Exchange) -> None:
    exchange.send(b"HTTP/1.1 200 OK\r\n")
    while True:
        exchange.send(b"X-Padding: " + b"x" * 1000 + b"\r\n")


def slow_answer(exchange: Exchange) -> None:
    exchange.pause(0.05)
    like_squeezely(exchange)


def announced(status: int, interim: bytes) -> Behaviour:
    """An interim answer before the real one."""

    def behave(exchange: Exchange) -> None:
        exchange.send(b"HTTP/1.1 %d Interim\r\n%s\r\n" % (status, interim))
        like_squeezely(exchange)

    return behave


def unread(status: int) -> Behaviour:
    """Answer without reading the body, and wait for the client to notice."""

    def behave(exchange: Exchange) -> None:
        exchange.answer(status, {"success": False}, headers={"Connection": "close"})
        exchange.pause(0.1)
        exchange.close()

    return early(behave)


def unread_and_open(exchange: Exchange) -> None:
    """Answer without reading the body, and go on not reading: no reset tells the client that it may stop writing."""
    exchange.answer(413, headers={"Connection": "close"})
    exchange.server.closing.wait()


def closed_at_reuse(exchange: Exchange) -> None:
    """Promise to keep the connection, and close it right after the answer."""
    exchange.answer(200, {"success": True, "created": exchange.accept()}, headers={"Connection": "keep-alive"})
    exchange.close()


def chunked(*chunks: bytes) -> bytes:
    """A chunked answer without its end."""
    return head(200, {"Transfer-Encoding": "chunked"}) + b"".join(b"%x\r\n%s\r\n" % (len(c), c) for c in chunks)


def encoded(encoding: str, body: bytes, *, accept: bool = True) -> Behaviour:
    """An answer with a content encoding that was not asked for."""
    return answering(200, body, headers={"Content-Encoding": encoding}, accept=ALL if accept else None)


def too_many(retry_after: str | None, *, date: str | None = None) -> Behaviour:
    """429 with this Retry-After; date "" = no Date header."""

    def behave(exchange: Exchange) -> None:
        lines = {"Content-Length": "0", "Date": http_date() if date is None else date}
        if retry_after is not None:
            lines["Retry-After"] = retry_after
        exchange.send(head(429, {name: value for name, value in lines.items() if value}))

    return behave


def but(place: int) -> Accept:
    """All events but this one."""
    return lambda events: [event for at, event in enumerate(events) if at != place]


def first(count: int, *, skip: int = 0) -> Accept:
    """Only so many."""
    return lambda events: events[skip : skip + count]


def refusing(errors: object, *, status: int = 200, accept: Accept | None = None, **rest: object) -> Behaviour:
    """An answer with `errors`, and `success: false` unless `rest` says otherwise."""
    return answering(status, {"success": False, "errors": errors, **rest}, accept=accept)

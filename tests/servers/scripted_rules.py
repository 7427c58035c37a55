"""Faults that depend on what a request holds, as scripts for `ScriptedServer`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.servers.behaviours import answering
from tests.servers.scripted_server import Behaviour, Exchange, Recorded

Predicate = Callable[[dict[str, Any]], bool]


def poisoned(is_poison: Predicate) -> Callable[[Recorded], Behaviour | None]:
    """400 without details for every batch that holds a poisoned event, which is then not accepted at all."""
    return lambda request: answering(400) if any(map(is_poison, request.events)) else None


def picky(
    is_bad: Predicate, *, shape: str, status: int = 200, echo: bool = False
) -> Callable[[Recorded], Behaviour | None]:
    """Errors that name the bad events, as `index`, `mapping` or `place`; at 2xx the others are accepted.

    `echo`: with an `index` stands the address, which tells what the indexes count from.
    """

    def script(request: Recorded) -> Behaviour | None:
        bad = [place for place, event in enumerate(request.events) if is_bad(event)]
        if not bad:
            return None
        errors: object = {
            "index": [
                {"index": place, "code": "BAD_EVENT", **({"email": request.events[place]["email"]} if echo else {})}
                for place in bad
            ],
            "mapping": {str(place): "BAD_EVENT" for place in bad},
            "place": ["BAD_EVENT" if place in bad else None for place in range(len(request.events))],
        }[shape]
        body = {"success": status < 300, "errors": errors}

        def behave(exchange: Exchange) -> None:
            if status < 300:
                exchange.accept([event for place, event in enumerate(request.events) if place not in bad])
            exchange.answer(status, body)

        return behave

    return script


def unauthorized_from(number: int) -> Callable[[Recorded], Behaviour | None]:
    """401 from the request of this number on."""
    return lambda request: answering(401) if request.number >= number else None


def at_most(max_bytes: int) -> Callable[[Recorded], Behaviour | None]:
    """413 for a body above `max_bytes`."""
    return lambda request: answering(413) if len(request.body or b"") > max_bytes else None

"""Answers that name an event by its address, its user id or an index in quotes, through whole runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.job.nights import WITH_CURSOR, Nights
from tests.servers.scripted_server import Behaviour, Exchange, Recorded, ScriptedServer

DESTINATION = "  concurrency: 2\n  batch_size: 20\n  retry: {max_attempts: 3, max_backoff: 100ms}"
GUILTY = {f"person{number}@example.com": number for number in (7, 66, 67, 130)}

SHAPES: dict[str, Callable[[list[tuple[int, str]]], Any]] = {
    "by address": lambda bad: {email.upper(): "wrong" for _, email in bad},
    "by address, a list each": lambda bad: {email: [{"code": "WRONG"}] for _, email in bad},
    "with its address": lambda bad: [{"email": email, "message": "wrong"} for _, email in bad],
    "an index in quotes": lambda bad: [{"index": str(at), "email": email, "message": "wrong"} for at, email in bad],
}


@pytest.mark.parametrize("status", [200, 422])
@pytest.mark.parametrize("shape", SHAPES)
def test_what_an_answer_names_is_given_up_alone_and_nothing_is_sent_twice(
    tmp_path: Path, shape: str, status: int
) -> None:
    """What was taken beside it is not sent again: halving would."""

    def script(request: Recorded) -> Behaviour | None:
        bad = [(at, event["email"]) for at, event in enumerate(request.events) if event["email"] in GUILTY]
        taken = status == 200

        def answer(exchange: Exchange) -> None:
            if taken:
                exchange.accept([event for event in request.events if event["email"] not in GUILTY])
            exchange.answer(status, {"success": taken, "errors": SHAPES[shape](bad)})

        return answer if bad else None

    with ScriptedServer(script) as server:
        nights = Nights(tmp_path, server.url, source=WITH_CURSOR, destination=DESTINATION)
        nights.fill(200)
        ended = nights.run("beginning")
        assert (ended.exit_code, ended.books.sent) == (3, 196)
        assert sorted(key for key, _, _ in nights.letters()) == sorted(GUILTY.values())
        sent = [event["email"] for event in server.accepted]
        assert len(sent) == len(set(sent)) == 196
        assert len(server.requests) == 10 + (0 if status == 200 else 3)

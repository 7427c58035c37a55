"""Rows that make the API fail, or a firewall refuse, by what they hold: whole runs over real sockets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from tests.job.nights import WITH_CURSOR, Nights, emails
from tests.servers.behaviours import answering
from tests.servers.scripted_server import Behaviour, Exchange, Recorded, ScriptedServer

PATIENCE = "  concurrency: 2\n  batch_size: 20\n  retry: {max_attempts: 3, max_backoff: 100ms}"
FIREWALL_PAGE = b"<html><body>Request blocked</body></html>"


def takes_and_fails(exchange: Exchange) -> None:
    """As an API that stores what it can, and then falls over the guilty one."""
    exchange.accept()
    exchange.answer(500, {"error": "Internal error"})


KINDS: dict[str, tuple[Behaviour, str]] = {
    "500": (answering(500, {"error": "Internal error: string offset"}), "server_error"),
    "503 with a page": (answering(503, b"<html>", headers={"Content-Type": "text/html"}), "server_error"),
    "500 after it took them": (takes_and_fails, "server_error"),
    "closed": (Exchange.close, "server_error"),
    "reset": (Exchange.reset, "server_error"),
    "403 with a page": (answering(403, FIREWALL_PAGE, headers={"Content-Type": "text/html"}), "http_403"),
    "404": (answering(404), "http_404"),
    "406 of mod_security": (answering(406, FIREWALL_PAGE, headers={"Content-Type": "text/html"}), "http_406"),
    "501 of mod_security": (answering(501, FIREWALL_PAGE, headers={"Content-Type": "text/html"}), "http_501"),
    "a redirect to a page": (answering(302, headers={"Location": "https://blocked.example/"}), "http_302"),
    "503 with Retry-After": (answering(503, headers={"Retry-After": "0.05"}), "server_error"),
    "403 without a body": (answering(403), "http_403"),
}


def by_content(behaviour: Behaviour, *guilty: int) -> Callable[[Recorded], Behaviour | None]:
    addresses = {f"person{number}@example.com" for number in guilty}
    return lambda request: behaviour if addresses.intersection(emails(request)) else None


@pytest.mark.parametrize("guilty", [(150,), (41, 42, 199)])
@pytest.mark.parametrize("kind", KINDS)
def test_a_guilty_row_becomes_a_dead_letter_and_every_other_is_sent(
    tmp_path: Path, kind: str, guilty: tuple[int, ...]
) -> None:
    """One text with an odd letter must not stop the night, nor the next ones."""
    behaviour, reason = KINDS[kind]
    with ScriptedServer(by_content(behaviour, *guilty)) as server:
        nights = Nights(tmp_path, server.url, source=WITH_CURSOR, destination=PATIENCE)
        nights.fill(200)
        ended = nights.run("beginning")
        assert (ended.exit_code, ended.outcome, ended.error) == (3, "done", None)
        assert (ended.books.sent, ended.books.rejected) == (200 - len(guilty), len(guilty))
        assert sorted(nights.letters()) == [(number, reason, 1) for number in guilty]
        assert {f"person{number}@example.com" for number in range(1, 201) if number not in guilty} <= {
            event["email"] for event in server.accepted
        }
        # The next night is a good one, and `retry` sends the row once the API is mended.
        assert nights.run(run_id="next").books.requests == 0
        server.script = ()
        assert nights.retry().books.sent == len(guilty)
        assert nights.letters() == []


@pytest.mark.parametrize("kind", KINDS)
def test_while_everything_fails_nothing_is_given_up(tmp_path: Path, kind: str) -> None:
    """An outage, a wrong key: the next run goes on where this one stopped."""
    behaviour, reason = KINDS[kind]
    with ScriptedServer(lambda _: behaviour) as server:
        nights = Nights(tmp_path, server.url, source=WITH_CURSOR, destination=PATIENCE)
        nights.fill(200)
        ended = nights.run("beginning")
        assert ended.exit_code == {"http_403": 5, "server_error": 6}.get(reason, 2)
        assert (ended.books.sent, ended.books.rejected, nights.letters()) == (0, 0, [])
        assert len(server.requests) <= 100
        server.script = ()
        assert nights.run(run_id="next").books.sent == 200


@pytest.mark.parametrize(("status", "code"), [(500, 6), (404, 2), (302, 2)])
def test_an_outage_in_the_middle_gives_nothing_up(tmp_path: Path, status: int, code: int) -> None:
    """What was accepted before it says nothing of now."""

    def script(request: Recorded) -> Behaviour | None:
        return answering(status) if request.number > 4 else None

    with ScriptedServer(script) as server:
        nights = Nights(tmp_path, server.url, source=WITH_CURSOR, destination=PATIENCE)
        nights.fill(200)
        ended = nights.run("beginning")
        assert (ended.exit_code, ended.books.sent, nights.letters()) == (code, 80, [])
        server.script = ()
        assert nights.run(run_id="next").books.sent == 120


@pytest.mark.parametrize(("status", "share"), [(404, 0.25), (503, 0.5)])
def test_one_bad_server_of_some_costs_no_row(tmp_path: Path, status: int, share: float) -> None:
    """So many of the requests fail, whatever they hold: chance explains each failure.

    A 404 makes its batch suspect at once, and failures of suspects count late in the rate of failures: where half of
    all requests are answered so, one in some ten of such tests gave up a row, which is then a dead letter.
    """
    chance = Random(7)
    with ScriptedServer(lambda _: answering(status) if chance.random() < share else None) as server:
        nights = Nights(tmp_path, server.url, source=WITH_CURSOR, destination=PATIENCE)
        nights.fill(200)
        for night in range(4):
            nights.run("beginning" if night == 0 else None, run_id=f"run {night}")
            assert nights.letters() == []


def test_the_hint_for_a_firewall_that_answers_as_a_wrong_key_does_works(tmp_path: Path) -> None:
    """403 with JSON for the first request of each night: nothing tells it from a wrong key, so the hint names both."""
    with ScriptedServer(by_content(answering(403, {"message": "Forbidden"}), 1)) as server:
        nights = Nights(tmp_path, server.url, source=WITH_CURSOR, destination="  concurrency: 1")
        nights.fill(30)
        ended = nights.run("beginning")
        assert ended.exit_code == 5
        assert ended.error is not None
        assert "batch_size: 1 and concurrency: 2 finds it" in (ended.error.hint or "")
        nights.destination = "  batch_size: 1\n  concurrency: 2"
        assert nights.run(run_id="as told").books.sent == 29
        assert [(key, reason) for key, reason, _ in nights.letters()] == [(1, "http_403")]


def test_a_key_that_is_withdrawn_in_the_middle_gives_nothing_up(tmp_path: Path) -> None:
    """403 for all that follows is no row's fault, though something was accepted before."""
    with ScriptedServer(lambda request: answering(403) if request.number > 4 else None) as server:
        nights = Nights(tmp_path, server.url, source=WITH_CURSOR, destination=PATIENCE)
        nights.fill(200)
        ended = nights.run("beginning")
        assert (ended.exit_code, ended.books.sent, nights.letters()) == (5, 80, [])
        server.script = ()
        assert nights.run(run_id="next").books.sent == 120

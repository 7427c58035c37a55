"""Two of something that is one: a person under an address and its hash, a key that is named twice."""

from __future__ import annotations

import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from etl.job.retry import send_keys
from tests.job.nights import Nights
from tests.servers.behaviours import answering
from tests.servers.scripted_server import Exchange, Recorded, ScriptedServer

EVA = "eva@example.com"
HASH = sha256(EVA.encode()).hexdigest()
ONE_EACH = "  batch_size: 1\n  concurrency: 4\n  retry: {max_backoff: 100ms}"


@pytest.mark.parametrize("first", [EVA, HASH])
@pytest.mark.parametrize("fails", [0, 2])
def test_a_row_with_an_address_and_one_with_its_hash_arrive_in_order(tmp_path: Path, first: str, fails: int) -> None:
    """Over four connections, with a slow answer to the first row, or after two failures of it; others go ahead."""
    arrived: list[str] = []
    answered: list[str] = []

    def slow(exchange: Exchange) -> None:
        exchange.read_body()
        who = exchange.request.events[0]["email"]
        arrived.append(who)
        if who == first:
            time.sleep(0.3)
        if who == first and arrived.count(first) <= fails:
            exchange.answer(502)
            return
        answered.append(who)
        answering(200, {"success": True}, accept=list)(exchange)

    def script(request: Recorded) -> Any:
        return slow if request.method == "POST" else None

    second = HASH if first == EVA else EVA
    with ScriptedServer(script) as server:
        nights = Nights(tmp_path, server.url, destination=ONE_EACH)
        nights.fill(6)
        nights.change("UPDATE people SET email = ? WHERE id = ?", [(first, 1), (second, 2)])
        assert nights.run("beginning").books.sent == 6
    assert [who for who in answered if who in {first, second}] == [first, second]
    assert arrived.index(second) > max(at for at, who in enumerate(arrived) if who == first)
    assert arrived.index("person3@example.com") < arrived.index(second)


def test_a_key_that_is_named_twice_is_sent_and_retried_once(tmp_path: Path) -> None:
    """Also where one of the two would end a piece of five hundred keys, and the other begin the next."""
    twice = [(1,), *((number,) for number in range(2, 261) for _ in range(2))]
    with ScriptedServer() as server:
        nights = Nights(tmp_path, server.url)
        nights.fill(260)
        nights.run("beginning")
        ended = nights._open(lambda context: send_keys(context, twice, run_id="keys"))
        assert (ended.books.read, ended.books.sent) == (260, 260)
        nights.bury(range(1, 261))
        assert nights.retry(keys=twice).books.read == 260


@pytest.mark.parametrize("seen", [True, False])
def test_letters_that_a_person_has_seen_are_counted_whether_we_or_the_api_refused_the_row(
    tmp_path: Path, *, seen: bool
) -> None:
    """Two of each; one more of each comes in the next night, which no run has seen."""

    def script(request: Recorded) -> Any:
        return refuse if request.method == "POST" else None

    def refuse(exchange: Exchange) -> None:
        exchange.read_body()
        errors = [
            {"index": at, "code": "NO_POINTS"}
            for at, event in enumerate(exchange.request.events)
            if event["custom_points"] == 99
        ]
        answering(207, {"success": True, "errors": errors} if errors else {"success": True}, accept=list)(exchange)

    with ScriptedServer(script) as server:
        nights = Nights(tmp_path, server.url)
        nights.fill(40)
        nights.change("UPDATE people SET email = 'none' WHERE id IN (1, 2)")
        nights.change("UPDATE people SET points = 99 WHERE id IN (3, 4)")
        first = nights.run("beginning")
        assert (first.books.invalid, first.books.rejected, first.books.acknowledged) == (2, 2, 0)
        if seen:
            acknowledge(nights)
        nights.change("UPDATE people SET changed = 100, name = 'new' WHERE id <= 4")
        nights.change("UPDATE people SET changed = 100, email = 'none' WHERE id = 5")
        nights.change("UPDATE people SET changed = 100, points = 99 WHERE id = 6")
        second = nights.run(run_id="second")
        assert (second.books.invalid, second.books.rejected) == (3, 3)
        assert second.books.acknowledged == (4 if seen else 0)


def acknowledge(nights: Nights) -> None:
    nights._open(lambda context: context.state.letters.acknowledge(nights.clock.utc_now()))  # type: ignore[attr-defined]

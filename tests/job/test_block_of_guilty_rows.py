"""Many neighbours that make the API fail, more than a batch holds: their end comes, and an outage buries nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pytest

from etl.delivery import retry
from etl.job.left_alone import NIGHTS
from tests.job.nights import emails
from tests.job.test_left_alone import VERIFY, Life, life
from tests.servers.behaviours import answering
from tests.servers.scripted_server import Behaviour, Recorded, ScriptedServer

FAST = "  batch_size: {size}\n  concurrency: {connections}\n  retry: {{max_attempts: 8, max_backoff: 100ms}}"
BROKEN = answering(500, {"error": "Internal error: string offset"})
FORBIDDEN = answering(403, {"message": "Forbidden"})
NEW = 30


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A night has hundreds of failures, and each waits at least so long."""
    monkeypatch.setattr(retry, "MINIMUM_BACKOFF_SECONDS", 0.001)


def block(first: int, last: int, behaviour: Behaviour) -> Callable[[Recorded], Behaviour | None]:
    """Each request that holds one of these rows is answered so."""
    addresses = named(range(first, last + 1))
    return lambda request: behaviour if addresses.intersection(emails(request)) else None


def named(numbers: Iterable[int]) -> set[str]:
    return {f"person{number}@example.com" for number in numbers}


def shop_of(tmp_path: Path, server: ScriptedServer, *, rows: int, size: int = 20, connections: int = 4) -> Life:
    shop = life(tmp_path, server, rows=rows, destination=FAST.format(size=size, connections=connections))
    shop.nights.rate = "100%"
    return shop


def to_the_end(shop: Life, *, rows: int) -> list[int]:
    """A night, and new rows before each other, until one ends with dead letters; the exit codes."""
    codes = [shop.night()]
    while codes[-1] != 3 and len(codes) < 2 * NIGHTS:
        shop.nights.fill(NEW, first=rows + 1 + NEW * (len(codes) - 1))
        codes.append(shop.night())
    return codes


@pytest.mark.parametrize(
    ("first", "last", "settings", "behaviour"),
    [
        pytest.param(41, 60, {}, BROKEN, id="a batch"),
        pytest.param(35, 64, {"connections": 1}, BROKEN, id="more than a batch, one connection"),
        pytest.param(1, 200, {"size": 100}, BROKEN, id="two large batches"),
        pytest.param(41, 60, {}, FORBIDDEN, id="as if the key were wrong"),
        pytest.param(1, 45, {"connections": 1}, FORBIDDEN, id="the same, before any other, more than are in flight"),
    ],
)
def test_each_of_a_block_becomes_a_dead_letter_and_every_other_is_sent(
    tmp_path: Path, first: int, last: int, settings: Mapping[str, int], behaviour: Behaviour
) -> None:
    """It was the same exit code every night, for ever, and no row was named."""
    rows = max(100, last)
    with ScriptedServer(block(first, last, behaviour)) as server:
        shop = shop_of(tmp_path, server, rows=rows, **settings)
        codes = to_the_end(shop, rows=rows)
        assert codes[-1] == 3
        reason = "server_error" if behaviour is BROKEN else "http_403"
        assert sorted(shop.nights.letters()) == [(number, reason, 1) for number in range(first, last + 1)]
        others = rows + NEW * (len(codes) - 1) - (last - first + 1)
        assert len({event["email"] for event in server.accepted}) == others
        # A few requests for each row and night, and the next night is quiet.
        assert len(server.requests) < len(codes) * (100 + 2 * (last - first + 1))
        before = len(server.requests)
        assert (shop.night(), len(server.requests)) == (0, before)


def test_a_block_that_grows_each_night_ends_too(tmp_path: Path) -> None:
    """Each row has its own count, and another that fails beside it does not begin that anew."""
    guilty = [*range(41, 61)]
    with ScriptedServer(lambda request: BROKEN if named(guilty).intersection(emails(request)) else None) as server:
        shop = shop_of(tmp_path, server, rows=100)
        codes = []
        while not codes or codes[-1] == 6:
            codes.append(shop.night())
            assert len(codes) <= 2 * NIGHTS
            shop.nights.fill(5, first=1000 * len(codes))
            # One more among the first ones, as long as the night failed.
            guilty += [500 + len(codes)] * (codes[-1] == 6)
            new = (500 + len(codes), f"person{500 + len(codes)}@example.com")
            shop.nights.change("INSERT INTO people (id, email, changed) VALUES (?, ?, 45)", [new])
        assert codes[-1] == 3
        assert sorted(key for key, _, _ in shop.nights.letters()) == guilty


@pytest.mark.parametrize("taken", [1, 2])
def test_an_api_that_goes_down_each_night_buries_nothing(tmp_path: Path, taken: int) -> None:
    """It takes some requests and fails then, night after night, though of the account it says that all is well."""
    left = [0]

    def script(request: Recorded) -> Behaviour | None:
        if request.target.endswith(VERIFY):
            return None
        left[0] -= 1
        return BROKEN if left[0] < 0 else None

    with ScriptedServer(script) as server:
        shop = shop_of(tmp_path, server, rows=100)
        codes = []
        while not codes or codes[-1] == 6:
            left[0] = taken
            codes.append(shop.night())
            assert len(codes) <= 10
        assert codes[-1] == 0
        assert shop.nights.letters() == []
        assert len({event["email"] for event in server.accepted}) == 100

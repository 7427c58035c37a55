"""Rows that would end every night: those that make the API refuse the account, and many in a row that make it fail."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from etl.delivery import retry
from etl.job.left_alone import NIGHTS
from tests.job.test_guilty_rows import by_content
from tests.job.test_left_alone import VERIFY, life, track_fails
from tests.servers.scripted_faults import answering
from tests.servers.scripted_server import Behaviour, Recorded, ScriptedServer

ONE_BY_ONE = "  concurrency: 1\n  batch_size: 20\n  retry: {max_attempts: 2, max_backoff: 100ms}"

# What one row is answered, the exit code of a night that ends with it, and its reason in the end.
AS_IF_THE_ACCOUNT: dict[str, tuple[Behaviour, int, str]] = {
    "401": (answering(401, {"success": False, "errors": ["Unauthorized"]}), 5, "http_401"),
    "402": (answering(402), 6, "http_402"),
    "403": (answering(403, {"message": "Forbidden"}), 5, "http_403"),
    "404": (answering(404), 2, "http_404"),
    "a redirect": (answering(302, headers={"Location": "https://blocked.example/"}), 2, "http_302"),
    "suspended": (answering(400, {"errors": ["Account suspended"]}), 5, "http_400"),
    "429": (answering(429), 6, "server_error"),
    "try later": (answering(400, {"errors": ["Please try again later"]}), 6, "server_error"),
}


@pytest.mark.parametrize("kind", AS_IF_THE_ACCOUNT)
def test_a_row_that_is_refused_as_the_account_would_be_is_found_in_the_fifth_night(tmp_path: Path, kind: str) -> None:
    """It stands in the first request of each night, before anything is accepted; but the API calls the key right."""
    behaviour, code, reason = AS_IF_THE_ACCOUNT[kind]
    with ScriptedServer(by_content(behaviour, 7)) as server:
        shop = life(tmp_path, server, rows=30, destination=ONE_BY_ONE)
        for number in range(1, NIGHTS):
            assert shop.night() == code
            assert (shop.nights.letters(), len(server.accepted)) == ([], 0)
            assert f"in {number} of {NIGHTS} nights" in shop.hint
        assert shop.night() == 3
        assert shop.nights.letters() == [(7, reason, 1)]
        assert len({event["email"] for event in server.accepted}) == len(server.accepted) == 29
        assert shop.night() == 0


@pytest.mark.parametrize("kind", AS_IF_THE_ACCOUNT)
def test_an_account_that_is_refused_for_all_its_rows_loses_none(tmp_path: Path, kind: str) -> None:
    """Though the API goes on calling its key right."""
    behaviour, code, _ = AS_IF_THE_ACCOUNT[kind]

    def script(request: Recorded) -> Behaviour | None:
        return None if request.target.endswith(VERIFY) else behaviour

    with ScriptedServer(script) as server:
        shop = life(tmp_path, server, rows=30, destination=ONE_BY_ONE)
        assert [shop.night() for _ in range(NIGHTS + 2)] == [code] * (NIGHTS + 2)
        assert shop.nights.letters() == []
        # In the last two nights each row is asked about alone, besides.
        assert len(server.requests) < 200 + 2 * 30
        assert "looked for in vain" in shop.hint or code == 2
        server.script = ()
        assert shop.night() == 0
        assert len(server.accepted) == 30


@pytest.mark.parametrize("kind", ["401", "402", "403", "429", "try later"])
def test_with_nothing_beside_it_such_a_row_is_kept_until_another_is_accepted(tmp_path: Path, kind: str) -> None:
    """It may be the account after all, however many nights; but it stops no other row."""
    behaviour, code, reason = AS_IF_THE_ACCOUNT[kind]
    with ScriptedServer(by_content(behaviour, 1)) as server:
        shop = life(tmp_path, server, destination=ONE_BY_ONE)
        shop.nights.rate = "100%"
        assert [shop.night() for _ in range(NIGHTS + 2)] == [code] * (NIGHTS + 2)
        assert shop.nights.letters() == []
        shop.nights.fill(5, first=2)
        assert shop.night() == 3
        assert shop.nights.letters() == [(1, reason, 1)]
        assert len(server.accepted) == 5


@pytest.mark.parametrize("kind", ["402", "quota"])
def test_a_shut_account_costs_few_requests(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run stops at once; a guilty row is looked for from the fifth night to the tenth, once in each."""
    monkeypatch.setattr(retry, "MINIMUM_BACKOFF_SECONDS", 0.001)
    quota = answering(200, {"success": False, "message": "Monthly quota exceeded"})
    with ScriptedServer(track_fails(quota if kind == "quota" else answering(402))) as server:
        shop = life(tmp_path, server, rows=100, destination=ONE_BY_ONE.replace("concurrency: 1", "concurrency: 4"))

        def cost() -> int:
            before = len(server.requests)
            assert shop.night() == 6
            return len(server.requests) - before

        looked = [cost() > 4 + 1 for _ in range(2 * NIGHTS)]
        assert looked == [False] * (NIGHTS - 1) + [True] * (NIGHTS + 1)
        shop.clock.now -= timedelta(hours=23)
        assert cost() <= 5, "an hour later"
        shop.clock.now += timedelta(hours=23)
        assert cost() <= 5, "the eleventh night"
        assert shop.nights.letters() == []


def test_nothing_is_asked_of_the_account_while_the_api_wants_silence(tmp_path: Path) -> None:
    destination = ONE_BY_ONE.replace("max_attempts: 2", "max_attempts: 1")
    with ScriptedServer(lambda _: answering(429, headers={"Retry-After": "60"})) as server:
        shop = life(tmp_path, server, rows=30, destination=destination)
        assert shop.night() == 6
        assert [one.target for one in server.requests] == ["/v1/track"]


@pytest.mark.parametrize("said", [answering(401), answering(200, {"verified": False}), answering(503)])
def test_a_key_that_is_not_called_right_stops_each_night_at_once(tmp_path: Path, said: Behaviour) -> None:
    """C18."""
    with ScriptedServer(lambda request: said if request.target.endswith(VERIFY) else answering(401)) as server:
        shop = life(tmp_path, server, rows=30, destination=ONE_BY_ONE)
        assert [shop.night() for _ in range(NIGHTS + 2)] == [5] * (NIGHTS + 2)
        assert "nights" not in shop.hint
        assert len([one for one in server.requests if not one.target.endswith(VERIFY)]) == NIGHTS + 2


@pytest.mark.parametrize(("guilty", "most_nights"), [(10, 2), (14, 2), (40, 4)])
def test_many_guilty_rows_in_a_row_end_in_some_nights(tmp_path: Path, guilty: int, most_nights: int) -> None:
    """Each a request of its own: what is behind them is asked further and further, and tells in the end."""
    destination = ONE_BY_ONE.replace("batch_size: 20", "batch_size: 1").replace("concurrency: 1", "concurrency: 2")
    with ScriptedServer(by_content(answering(500), *range(1, guilty + 1))) as server:
        shop = life(tmp_path, server, rows=guilty + 20, destination=destination)
        shop.nights.rate = "100%"
        codes = []
        while not codes or codes[-1] == 6:
            codes.append(shop.night())
            assert len(codes) <= most_nights
        assert codes[-1] == 3
        assert sorted(key for key, _, _ in shop.nights.letters()) == [*range(1, guilty + 1)]
        assert len({event["email"] for event in server.accepted}) == 20
        assert shop.night() == 0

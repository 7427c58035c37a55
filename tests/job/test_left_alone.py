"""A row that is all a run has left, and that makes the API fail: it ends one night, and an outage buries nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from etl.host.system_clock import SystemClock
from etl.job.left_alone import MOST_ROWS, NIGHTS
from tests.job.nights import WITH_CURSOR, Nights
from tests.servers.behaviours import answering
from tests.servers.scripted_server import Behaviour, Exchange, Recorded, ScriptedServer

PATIENCE = "  concurrency: 2\n  batch_size: 20\n  retry: {max_attempts: 2, max_backoff: 100ms}"
VERIFY = "/v1/verifyAuth?channel=2"


@dataclass
class Calendar(SystemClock):
    """The wall clock of the night that a test wants; durations stay true."""

    now: datetime = field(default=datetime(2026, 3, 1, 3, 17, tzinfo=UTC))

    def __post_init__(self) -> None:
        super().__init__()

    def utc_now(self) -> datetime:
        return self.now

    def jitter(self) -> float:
        return 0.0


def track_fails(behaviour: Behaviour, *, verify: Behaviour | None = None) -> Callable[[Recorded], Behaviour | None]:
    """Whatever is sent fails; of the account the API says something."""
    return lambda request: verify if request.target.endswith(VERIFY) else behaviour


@dataclass
class Life:
    """Nights of one shop, whose rows all make the API fail."""

    nights: Nights
    clock: Calendar
    count: int = 0

    def night(self) -> int:
        """One more run; its exit code."""
        self.count += 1
        ended = self.nights.run("beginning" if self.count == 1 else None, run_id=f"night {self.count}")
        self.last = ended
        self.hint = (ended.error.hint or "") if ended.error else ""
        self.clock.now += timedelta(days=1)
        return ended.exit_code


def life(tmp_path: Path, server: ScriptedServer, *, rows: int = 1, destination: str = PATIENCE) -> Life:
    clock = Calendar()
    nights = Nights(tmp_path, server.url, source=WITH_CURSOR, destination=destination, clock=clock)
    nights.fill(rows)
    return Life(nights, clock)


ALONE: dict[str, Behaviour] = {
    "500": answering(500, {"error": "Internal error: string offset"}),
    "503 empty": answering(503),
    "closed": Exchange.close,
    "a page with 200": answering(200, b"<html>", headers={"Content-Type": "text/html"}),
}


@pytest.mark.parametrize(
    ("kind", "rows", "verified"),
    [
        ("500", 1, True),
        ("500", 3, False),
        ("503 empty", 1, True),
        ("closed", 1, True),
        ("a page with 200", 1, True),
    ],
)
def test_what_fails_with_nothing_beside_it_ends_after_five_nights(
    tmp_path: Path, kind: str, rows: int, *, verified: bool
) -> None:
    """C9: it was exit code 6 every night, for ever."""
    said = answering(200, {"verified": verified})
    with ScriptedServer(track_fails(ALONE[kind], verify=said)) as server:
        shop = life(tmp_path, server, rows=rows)
        for number in range(1, NIGHTS):
            assert shop.night() == 6
            assert f"in {number} of {NIGHTS} nights" in shop.hint
            assert shop.nights.letters() == []
        assert shop.night() == 3
        assert shop.nights.letters() == [(number, "server_error", 1) for number in range(1, rows + 1)]
        # It is over: the next night is quiet, and once the API is mended `retry` sends the row.
        before = len(server.requests)
        assert (shop.night(), len(server.requests)) == (0, before)
        server.script = ()
        assert shop.nights.retry().books.sent == rows


OUTAGES: dict[str, Callable[[Recorded], Behaviour | None]] = {
    "all of it answers 500": track_fails(answering(500), verify=answering(500)),
    "all of it is closed": track_fails(Exchange.close, verify=Exchange.close),
    "a login page": track_fails(answering(200, b"<html>"), verify=answering(200, b"<html>")),
    "its account is gone": track_fails(answering(500), verify=answering(401)),
    "too fast": track_fails(answering(429), verify=answering(200, {"verified": True})),
}


@pytest.mark.parametrize("kind", OUTAGES)
def test_an_api_that_is_down_buries_nothing_however_long(tmp_path: Path, kind: str) -> None:
    """C28."""
    destination = PATIENCE.replace("}", ", give_up_after: 1s}")
    with ScriptedServer(OUTAGES[kind]) as server:
        shop = life(tmp_path, server, destination=destination)
        for _ in range(NIGHTS + 1):
            assert shop.night() == 6
        assert shop.nights.letters() == []
        server.script = ()
        assert shop.night() == 0


def test_many_rows_that_fail_are_no_row_s_fault(tmp_path: Path) -> None:
    """Though of the account it says all is well: what takes events is down."""
    destination = PATIENCE.replace("batch_size: 20", "batch_size: 1")
    with ScriptedServer(track_fails(answering(500))) as server:
        shop = life(tmp_path, server, rows=2 * MOST_ROWS, destination=destination)
        assert [shop.night() for _ in range(NIGHTS + 1)] == [6] * (NIGHTS + 1)
        assert shop.nights.letters() == []


def test_a_good_night_between_begins_anew(tmp_path: Path) -> None:
    """What failed once and was taken then is no guilty row a month later."""
    with ScriptedServer(track_fails(answering(500))) as server:
        shop = life(tmp_path, server)
        for _ in range(NIGHTS - 1):
            assert shop.night() == 6
        server.script = ()
        assert shop.night() == 0
        server.script = track_fails(answering(500))
        shop.nights.change("UPDATE people SET points = 99, changed = 99")
        assert shop.night() == 6
        assert f"in 1 of {NIGHTS} nights" in shop.hint


@pytest.mark.parametrize("batch_size", [1, 20])
def test_the_later_row_of_the_same_person_has_its_turn_then(tmp_path: Path, batch_size: int) -> None:
    """It waits for the guilty one, and says nothing of the API until then."""
    guilty = answering(500)

    def script(request: Recorded) -> Behaviour | None:
        return guilty if any(event["custom_points"] == 1 for event in request.events) else None

    destination = PATIENCE.replace("batch_size: 20", f"batch_size: {batch_size}")

    with ScriptedServer(script) as server:
        shop = life(tmp_path, server, destination=destination)
        # A fuse of one row would take the first one for all.
        shop.nights.rate = "100%"
        shop.nights.change("INSERT INTO people (id, email, points, changed) VALUES (2, 'person1@example.com', 5, 2)")
        assert [shop.night() for _ in range(NIGHTS)] == [6] * (NIGHTS - 1) + [3]
        assert [event["custom_points"] for event in server.accepted] == [5]
        assert shop.nights.letters() == [(1, "server_error", 1)]

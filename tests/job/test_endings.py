"""However a run ends, it ends soon, cleanly, and with nothing hidden; and the next one goes on."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from etl.errors import EtlError, Interrupted
from etl.host.system_clock import SystemClock
from etl.job.loop import GRACE_SECONDS, Delivery
from etl.job.run import RunContext
from etl.job.start import RunLimits
from etl.state.store import open_state
from tests.job.nights import Nights
from tests.servers.scripted_server import Exchange, ScriptedServer, like_squeezely

ONE_BY_ONE = "  batch_size: 10\n  concurrency: 1"
TWO = "  batch_size: 10\n  concurrency: 2"
SIGNAL = Interrupted("stopped by a signal; the checkpoint is saved", signal_number=15)


class FastClock(SystemClock):
    """Runs twenty times as fast as the machine's."""

    def monotonic(self) -> float:
        return super().monotonic() * 20


@dataclass
class WallClock(SystemClock):
    """Its wall clock says what a test wants; durations stay true."""

    wall: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        super().__init__()

    def utc_now(self) -> datetime:
        return self.wall()


class BugError(Exception):
    """An error that the program does not know."""


def test_what_is_in_flight_at_a_stop_settles_within_the_grace(tmp_path: Path) -> None:
    """E1: nothing new leaves, and what is answered in time is not sent again."""
    deliveries: list[Delivery] = []

    def second(exchange: Exchange) -> None:
        deliveries[0].stop(SIGNAL)
        while deliveries[0]._end is None:
            exchange.pause(0.05)
        like_squeezely(exchange)

    with ScriptedServer([None, second]) as server:
        nights = Nights(tmp_path, server.url, destination=ONE_BY_ONE, started=deliveries.append)
        nights.fill(100)
        ended = nights.run("beginning")
        assert (ended.exit_code, ended.books.sent, len(server.requests)) == (143, 20, 2)
        nights.started = lambda _: None
        assert nights.run(run_id="again").books.sent == 80
        assert len(server.accepted) == 100


def test_a_stop_waits_no_longer_than_the_grace(tmp_path: Path) -> None:
    """E1: 20 s, by a clock that runs fast here; the attempt itself would wait an hour."""
    clock, asked = FastClock(), []
    deliveries: list[Delivery] = []

    def second(exchange: Exchange) -> None:
        asked.append(clock.monotonic())
        deliveries[0].stop(SIGNAL)
        exchange.hang()

    with ScriptedServer([None, second]) as server:
        nights = Nights(
            tmp_path,
            server.url,
            destination=ONE_BY_ONE + "\n  timeout: 1h",
            started=deliveries.append,
            clock=clock,
        )
        nights.fill(100)
        ended = nights.run("beginning")
        waited = clock.monotonic() - asked[0]
    assert (ended.exit_code, ended.books.sent) == (143, 10)
    assert GRACE_SECONDS == 20.0
    assert GRACE_SECONDS <= waited < 600


def test_a_run_ends_when_its_time_is_over(tmp_path: Path) -> None:
    """E8: by `--max-runtime`; exit 6, and the next run goes on."""
    with ScriptedServer() as server:
        nights = Nights(tmp_path, server.url, destination=ONE_BY_ONE)
        nights.fill(100)
        ended = nights.run("beginning", limits=RunLimits(deadline=time.monotonic()))
        assert (ended.exit_code, ended.outcome) == (6, "stopped")
        assert ended.error is not None
        assert ended.error.message == "the time for this run is over"
        assert nights.run(run_id="again").books.sent == 100 - ended.books.sent


def test_a_run_whose_time_is_over_says_what_the_api_did_all_that_time(tmp_path: Path) -> None:
    """C9: exit 6 night after night is the API's doing, and the message is what the person reads."""
    with ScriptedServer(lambda _: lambda exchange: exchange.answer(503, {"success": False})) as server:
        nights = Nights(tmp_path, server.url, destination=ONE_BY_ONE)
        nights.fill(3)
        ended = nights.run("beginning", limits=RunLimits(deadline=time.monotonic() + 2))
        assert (ended.exit_code, ended.books.sent) == (6, 0)
        assert ended.error is not None
        assert re.fullmatch(
            r"the time for this run is over; of \d+ requests \d+ were repeated, the API last said: HTTP 503.*",
            ended.error.message,
        )


def test_a_host_that_slept_past_the_deadline_stops_when_it_wakes(tmp_path: Path) -> None:
    """E6, E8: the monotonic clock has not counted the sleep; the wall clock tells."""
    six, slept = datetime(2026, 1, 2, 6, tzinfo=UTC), threading.Event()
    clock = WallClock(lambda: six + timedelta(hours=3 if slept.is_set() else -1))

    def second(exchange: Exchange) -> None:
        slept.set()
        like_squeezely(exchange)

    with ScriptedServer([None, second]) as server:
        nights = Nights(tmp_path, server.url, destination=ONE_BY_ONE, clock=clock)
        nights.fill(100)
        ended = nights.run("beginning", limits=RunLimits(until=six))
        assert ended.exit_code == 6
        assert 20 <= ended.books.sent <= 30


def test_a_wall_clock_that_jumps_changes_nothing(tmp_path: Path) -> None:
    """E5: durations and waits come from the monotonic clock."""
    jumps = iter(range(10**6))
    clock = WallClock(lambda: datetime(2026, 1, 2, tzinfo=UTC) + timedelta(days=30 * (-1) ** next(jumps)))
    with ScriptedServer([None, lambda exchange: exchange.answer(503)]) as server:
        nights = Nights(tmp_path, server.url, destination=TWO + "\n  retry: {max_backoff: 100ms}", clock=clock)
        nights.fill(100)
        ended = nights.run("beginning")
    assert (ended.exit_code, ended.books.sent, ended.books.retries) == (0, 100, 1)
    assert 0 < ended.duration_seconds < 600


class BrokenClient:
    """A connection with a bug; `track` of the second request meets it."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self._count = 0

    def track(self, body: bytes) -> Any:
        self._count += 1
        if self._count == 2:
            raise BugError
        return self._real.track(body)

    def close(self) -> None:
        self._real.close()


def sender_with_a_bug(context: RunContext) -> RunContext:
    return replace(context, open_client=lambda: BrokenClient(context.open_client()))


def reader_with_a_bug(context: RunContext) -> RunContext:
    pages = 0

    def transform(page: Any) -> Any:
        nonlocal pages
        pages += 1
        if pages == 2:
            raise BugError
        return context.transform(page)

    return replace(context, transform=transform)


@pytest.mark.parametrize("alter", [sender_with_a_bug, reader_with_a_bug])
def test_a_bug_in_a_thread_ends_the_run_and_hides_nothing(
    tmp_path: Path, alter: Callable[[RunContext], RunContext]
) -> None:
    """E12: no hang, although another connection still waits for its answer; what was settled stays settled."""
    before = set(threading.enumerate())
    with ScriptedServer([None, lambda exchange: exchange.hang()]) as first:
        nights = Nights(tmp_path, first.url, destination=TWO + "\n  timeout: 1h", alter=alter)
        nights.fill(100)
        begun = time.monotonic()
        with pytest.raises(BugError):
            nights.run("beginning")
        assert time.monotonic() - begun < 300
        with open_state(nights.state, clock=nights.clock, write=False) as store:
            assert [run.outcome for run in store.mapping("people").runs()] == ["died"]
    alive = [one for one in {*threading.enumerate()} - before if one.name.startswith(("sender-", "reader"))]
    for thread in alive:
        thread.join(60)
    assert not any(thread.is_alive() for thread in alive)
    with ScriptedServer() as server:
        nights.alter, nights.api_url = lambda context: context, server.url
        assert nights.run(run_id="again").exit_code == 0
    # How far the first run came before its bug is chance; of what was accepted, one request may not have been settled.
    accepted = [event["email"] for event in first.accepted + server.accepted]
    assert len(set(accepted)) == 100
    assert len(accepted) <= 100 + 10


def test_the_next_page_is_read_and_transformed_while_the_last_one_is_sent(tmp_path: Path) -> None:
    transformed: list[int] = []
    third_page = threading.Event()
    went_on: list[bool] = []

    def watching(context: RunContext) -> RunContext:
        def transform(page: Any) -> Any:
            transformed.append(len(page.rows))
            if len(transformed) == 3:
                third_page.set()
            return context.transform(page)

        return replace(context, transform=transform)

    def first(exchange: Exchange) -> None:
        # Answered only when the reader has gone on meanwhile.
        went_on.append(third_page.wait(60))
        like_squeezely(exchange)

    with ScriptedServer([first]) as server:
        nights = Nights(tmp_path, server.url, destination=ONE_BY_ONE, alter=watching)
        nights.fill(200)
        assert nights.run("beginning").books.sent == 200
        assert went_on == [True]


@pytest.mark.parametrize(
    ("status", "code"),
    [(402, 6), (401, 5), (403, 5), (404, 2), (301, 2)],
)
def test_an_answer_that_no_other_request_would_better_stops_the_run_and_rejects_nothing(
    tmp_path: Path, status: int, code: int
) -> None:
    """C10, C18, C19, C22: the checkpoint stays where it was, and the next run sends everything."""
    headers = {"Location": "https://evil.example/steal?key=secret"} if status == 301 else {}
    with ScriptedServer([lambda exchange: exchange.answer(status, headers=headers)]) as server:
        nights = Nights(tmp_path, server.url, destination=ONE_BY_ONE)
        nights.fill(30)
        ended = nights.run("beginning")
        books = ended.books
        assert (ended.exit_code, books.rejected, books.sent, books.unsent) == (code, 0, 0, books.read)
        assert ended.checkpoint is not None
        assert ended.checkpoint.position is None
        assert isinstance(ended.error, EtlError)
        if status == 301:
            assert ended.error.message == "sending events to the API: the address redirects to evil.example (HTTP 301)"
        assert nights.letters() == []
        assert nights.run(run_id="again").books.sent == 30


def test_a_row_that_changes_between_reading_and_sending_goes_out_twice_in_order(tmp_path: Path) -> None:
    """A18: the older version is sent; the newer one lies above the bound and comes with the next run."""
    with ScriptedServer() as server:
        nights = Nights(tmp_path, server.url, destination=ONE_BY_ONE)
        nights.fill(30)

        def first(exchange: Exchange) -> None:
            if exchange.request.number == 1:
                nights.change("UPDATE people SET points = 99, changed = 100 WHERE id = 25")
            like_squeezely(exchange)

        server._otherwise = first
        assert nights.run("beginning").books.sent == 30
        assert nights.run(run_id="next").books.sent == 1
        sent = [event["custom_points"] for event in server.accepted if event["email"] == "person25@example.com"]
        assert sent == [25 % 7, 99]

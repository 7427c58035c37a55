"""A row that goes from A to B and back to A, whatever is lost on the way: the receiver ends with A.

Real sockets, a real table and a real state file. The kills are in `tests/e2e/test_returning_contents.py`.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from etl.errors import AlreadyBegun, Interrupted
from etl.job.loop import Delivery
from etl.job.run import RunContext
from etl.job.start import RunLimits
from etl.page import Page, Window
from tests.job.nights import Nights
from tests.servers.scripted_server import Behaviour, Exchange, Recorded, ScriptedServer

QUICK_END = "  retry: {max_attempts: 1, give_up_after: 1s}\n  concurrency: 1"


def points_of(server: ScriptedServer, number: int) -> list[object]:
    """What the receiver got of a person, in order."""
    return [one["custom_points"] for one in server.accepted if one["email"] == f"person{number}@example.com"]


def accepted_and_lost(status: int) -> Behaviour:
    def behave(exchange: Exchange) -> None:
        exchange.accept()
        exchange.answer(status)

    return behave


def accepted_and_closed(exchange: Exchange) -> None:
    exchange.accept()
    exchange.close()


def accepted_in_part(exchange: Exchange) -> None:
    exchange.accept()
    exchange.answer(200, {"success": True, "created": len(exchange.request.events) - 1, "errors": []})


def refused_after_it_was_taken(exchange: Exchange) -> None:
    """As a receiver that takes no event twice."""
    exchange.answer(400, {"success": False, "errors": [{"index": 0, "code": "DUPLICATE"}]})


@pytest.mark.parametrize(
    "script",
    [
        [accepted_and_lost(502)],
        [accepted_and_lost(503)],
        [accepted_and_closed],
        [accepted_in_part],
        [accepted_and_lost(502), refused_after_it_was_taken],
    ],
    ids=["502 after acceptance", "503 after acceptance", "closed", "in part", "refused at the second attempt"],
)
def test_a_value_that_went_back_is_right_after_an_answer_that_was_lost(tmp_path: Path, script: list[Behaviour]) -> None:
    """C3, C4, C13: the ledger knows A, and the receiver may have B."""
    answers: list[Behaviour] = []
    with ScriptedServer(lambda _: answers.pop(0) if answers else None) as server:
        nights = Nights(tmp_path, server.url, destination=QUICK_END if len(script) == 1 else "  concurrency: 1")
        nights.fill(3)
        nights.run("beginning")
        nights.change("UPDATE people SET points = 50, changed = 100 WHERE id = 2")
        answers += script
        nights.run(run_id="lost")
        assert points_of(server, 2)[-1] == 50
        nights.change("UPDATE people SET points = 2, changed = 101 WHERE id = 2")
        ended = nights.run(run_id="quiet")
        assert (ended.exit_code, points_of(server, 2)[-1]) == (0, 2)
        assert nights.run(run_id="later").books.sent == 0, "once it is sure, it is not sent again"


def test_a_value_that_went_back_is_right_after_a_stop_that_did_not_wait(tmp_path: Path) -> None:
    """E1: the answer comes after the process is gone."""
    deliveries: list[Delivery] = []
    released = threading.Event()

    def stopped(exchange: Exchange) -> None:
        exchange.accept()
        deliveries[-1].stop(Interrupted("stopped", signal_number=15))
        released.wait(30)
        exchange.close()

    answers: list[Behaviour] = []
    with ScriptedServer(lambda _: answers.pop(0) if answers else None) as server:
        nights = Nights(tmp_path, server.url, destination="  timeout: 1s\n  concurrency: 1", started=deliveries.append)
        nights.fill(3)
        nights.run("beginning")
        nights.change("UPDATE people SET points = 50, changed = 100 WHERE id = 2")
        answers.append(stopped)
        assert nights.run(run_id="stopped").exit_code == 143
        released.set()
        nights.change("UPDATE people SET points = 2, changed = 101 WHERE id = 2")
        nights.run(run_id="quiet")
        assert points_of(server, 2) == [2, 50, 2]


def test_what_was_sent_since_a_backup_is_sent_again_whatever_it_holds(tmp_path: Path) -> None:
    """D15: the older copy knows A, the receiver has B, and the row is A again."""
    with ScriptedServer() as server:
        nights = Nights(tmp_path, server.url)
        nights.fill(3)
        nights.run("beginning")
        backup = tmp_path / "backup.sqlite"
        shutil.copyfile(nights.state, backup)
        nights.change("UPDATE people SET points = 50, changed = 100 WHERE id = 2")
        nights.run(run_id="since")
        shutil.copyfile(backup, nights.state)
        nights.change("UPDATE people SET points = 2, changed = 101 WHERE id = 2")
        nights.run(run_id="restored")
        assert points_of(server, 2) == [2, 50, 2]


class ReadTwice:
    """A source that reads on only when the event of its first page has left, and the row has changed back since."""

    def __init__(self, source: Any, left: threading.Event, change_back: Callable[[], None]) -> None:
        self._source = source
        self._left = left
        self._change_back = change_back
        self.all_read = threading.Event()

    def pages(self, window: Window, **more: Any) -> Iterator[Page]:
        pages = self._source.pages(window, **more)
        yield next(pages)
        assert self._left.wait(30)
        self._change_back()
        yield from pages
        self.all_read.set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)


@pytest.mark.parametrize("moved", [False, True], ids=["same person", "moved to another address"])
def test_a_row_that_changes_back_while_its_event_is_under_way_is_sent_as_it_is(tmp_path: Path, *, moved: bool) -> None:
    """The row is read twice in one run, the second time before the first event has an answer."""
    left, overtaken = threading.Event(), threading.Event()
    changed = "moved@example.com" if moved else "person2@example.com"
    sources: list[ReadTwice] = []

    def twice(context: RunContext) -> RunContext:
        back = "UPDATE people SET points = 7, email = 'person2@example.com', changed = 1000 WHERE id = 2"
        sources.append(ReadTwice(context.source, left, lambda: nights.change(back)))
        return replace(context, source=sources[0])  # type: ignore[arg-type]

    def script(request: Recorded) -> Behaviour | None:
        points = [event["custom_points"] for event in request.events]
        if 7 in points and left.is_set():
            overtaken.set()
        return slow if 50 in points else None

    def slow(exchange: Exchange) -> None:
        left.set()
        assert sources[0].all_read.wait(30)
        # Long enough for the last page to be prepared. An event that overtakes this one is there at once.
        overtaken.wait(0.5)
        exchange.accept()
        exchange.answer(200, {"success": True, "created": len(exchange.request.events)})

    with ScriptedServer(script) as server:
        source = "  cursor_field: changed\n  page_size: 5\n  lookback: 0"
        destination = "  concurrency: 4\n  batch_size: 5"
        nights = Nights(tmp_path, server.url, source=source, destination=destination)
        nights.fill(3)
        nights.change("UPDATE people SET points = 7 WHERE id = 2")
        nights.run("beginning")
        nights.change("UPDATE people SET points = 50, email = ?, changed = 100 WHERE id = 2", [(changed,)])
        nights.fill(10, first=110)
        # Its cursor is the bound of the run, below which the row may change once more.
        nights.fill(1, first=2000)
        nights.alter = twice
        assert nights.run(run_id="twice").exit_code == 0
        last = [one for one in server.accepted if one["email"] in {"person2@example.com", changed}][-1]
        assert (last["email"], last["custom_points"]) == ("person2@example.com", 7)


def test_start_from_is_refused_where_there_is_a_checkpoint(tmp_path: Path) -> None:
    """`--start-from now`, left in a crontab, would skip what waits, night after night, with exit 0."""
    with ScriptedServer() as server:
        nights = Nights(tmp_path, server.url)
        nights.fill(10)
        nights.run("now")
        nights.fill(50, first=100)
        for start in ("now", "beginning", "120"):
            with pytest.raises(AlreadyBegun) as refused:
                nights.run(start)
            assert refused.value.exit_code == 8
        assert nights.run(run_id="next").books.sent == 50
        assert nights.run("now", run_id="wanted", move_checkpoint=True).books.sent == 0


@pytest.mark.parametrize("cursor", [True, False], ids=["with a cursor", "without a cursor"])
def test_a_full_refresh_that_is_stopped_is_finished_by_the_next_runs(tmp_path: Path, *, cursor: bool) -> None:
    """Each row goes out once more, and once only."""
    enough: Callable[[Recorded], Behaviour | None] = lambda request: stop if len(seen) >= 3 else seen.append(request)  # noqa: E731
    seen: list[Recorded] = []
    deliveries: list[Delivery] = []

    def stop(exchange: Exchange) -> None:
        deliveries[-1].stop(Interrupted("stopped", signal_number=15))
        exchange.accept()
        exchange.answer(200, {"success": True, "created": len(exchange.request.events)})

    with ScriptedServer() as server:
        source = "  cursor_field: changed\n  page_size: 50" if cursor else "  page_size: 50"
        nights = Nights(tmp_path, server.url, source=source, destination="  batch_size: 10\n  concurrency: 1")
        nights.fill(200)
        nights.run(*(["beginning"] if cursor else []), full_refresh=not cursor)
        assert len(server.accepted) == 200
    with ScriptedServer(enough) as server:
        nights.api_url = server.url
        nights.started = deliveries.append
        first = nights.run(full_refresh=True, run_id="refresh")
        assert (first.exit_code, 0 < first.books.sent < 200) == (143, True)
    with ScriptedServer() as server:
        nights.api_url = server.url
        second = nights.run(limits=RunLimits(rows=100), run_id="limited")
        third = nights.run(run_id="third")
        assert first.books.sent + second.books.sent + third.books.sent == 200
        assert nights.run(run_id="usual").books.sent == 0


def test_a_limit_makes_progress_by_as_many_rows_each_night(tmp_path: Path) -> None:
    """Rows of one moment all lie within the lookback: they must not use the limit up."""
    with ScriptedServer() as server:
        nights = Nights(tmp_path, server.url, source="  cursor_field: changed\n  lookback: 1000\n  page_size: 70")
        nights.fill(400)
        nights.change("UPDATE people SET changed = 5")
        sent = [
            nights.run(*(["beginning"] if not night else []), limits=RunLimits(rows=100)).books.sent
            for night in range(5)
        ]
        assert sent == [100, 100, 100, 100, 0]

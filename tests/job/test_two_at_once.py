"""A backfill and a run have a version of one row under way at once, and the receiver takes the newer one first.

Real sockets, a real table and a real state file; every order of the steps stands in `tests/state/test_two_runs.py`.
"""

from __future__ import annotations

import threading
from itertools import count
from typing import Any

import pytest

from etl.job.backfill import BackfillOptions, backfill_mapping
from etl.job.outcome import Outcome
from etl.job.run import RunContext, run_mapping
from etl.job.start import RunOptions
from tests.job.in_process import InProcess
from tests.servers.scripted_server import Exchange, ScriptedServer
from tests.source.tables import run_sql

YES = {"success": True, "processed": 1}
RUN, BACKFILL, RESEND = "run", "backfill", "backfill --resend"
NUMBERS = count(1)
SOURCES = {
    "time": "cursor_field: at, timezone: UTC, settle: 0s, lookback: 1h",
    "none": "settle: 0s",
    "int": "cursor_field: n, lookback: 0",
}


def locked(job: InProcess, command: str, *, start_from: str | None = None) -> Outcome:
    """The command, which holds its lock as a process does."""

    def work(context: RunContext) -> Outcome:
        run_id = f"{command.split(maxsplit=1)[0]}-{next(NUMBERS)}"
        with context.state.lock("run" if command == RUN else "backfill"):
            if command == RUN:
                return run_mapping(context, RunOptions(run_id, start_from=start_from))
            return backfill_mapping(context, BackfillOptions(run_id, resend=command == RESEND))

    return job.do(work)


class OutOfOrder:
    """A receiver that takes the second of two requests first, and whose answer to it comes last."""

    def __init__(self) -> None:
        self.first_is_there, self.second_is_taken, self.first_is_over = (threading.Event() for _ in range(3))
        self.script = [self.first, self.second]

    def first(self, exchange: Exchange) -> None:
        exchange.read_body()
        self.first_is_there.set()
        self.second_is_taken.wait(30)
        exchange.accept()
        exchange.answer(200, YES)

    def second(self, exchange: Exchange) -> None:
        exchange.accept()
        self.second_is_taken.set()
        self.first_is_over.wait(30)
        exchange.answer(200, YES)


@pytest.mark.parametrize("back", [True, False], ids=["A B A", "A B C"])
@pytest.mark.parametrize("commands", [(RUN, RESEND), (RUN, BACKFILL), (BACKFILL, RUN)], ids=", then ".join)
@pytest.mark.parametrize("cursor", SOURCES)
def test_the_newer_version_that_was_taken_first_is_sent_again(
    sqlite_url: str, make_job: Any, cursor: str, commands: tuple[str, str], *, back: bool
) -> None:
    run_sql(sqlite_url, "CREATE TABLE t (id INTEGER PRIMARY KEY, at TEXT, n INTEGER, name TEXT)")
    run_sql(sqlite_url, "INSERT INTO t VALUES (1, strftime('%Y-%m-%d %H:%M:%f', 'now', '-9 seconds'), 1, 'A')")
    change = "UPDATE t SET name = '{}', n = n + 1, at = strftime('%Y-%m-%d %H:%M:%f', at, '+1 seconds')"
    order, outcomes = OutOfOrder(), {}
    script: list[Any] = []
    with ScriptedServer(lambda _: script.pop(0) if script else None) as api:
        job = make_job(
            sqlite_url,
            api,
            source=f"table: t, primary_key: id, {SOURCES[cursor]}",
            fields="userid: {column: id, type: text}, firstname: name",
        )
        assert locked(job, RUN, start_from="beginning").books.sent == 1
        script += order.script
        newest = "A" if back else "C"
        threads = []
        for command, name in zip(commands, ("B", newest), strict=True):
            run_sql(sqlite_url, change.format(name))
            threads.append(threading.Thread(target=lambda one=command: outcomes.update({one: locked(job, one)})))
            threads[-1].start()
            assert order.first_is_there.wait(30)
        threads[0].join()
        order.first_is_over.set()
        threads[1].join()
        assert [event["firstname"] for event in api.accepted] == ["A", newest, "B"]
        assert [outcomes[command].books.reasons for command in commands] == [{}, {"overtaken": 1}]
        assert job.dead_letters() == {1: "overtaken"}
        # What a run reads again it sends; what it does not is for `retry`.
        again = locked(job, RUN) if cursor != "int" else job.retry()
        assert (again.exit_code, api.accepted[-1]["firstname"], job.dead_letters()) == (0, newest, {})
        assert locked(job, RUN).books.sent == 0


def test_two_that_send_the_same_are_no_trouble(sqlite_url: str, make_job: Any) -> None:
    """Whichever came last."""
    run_sql(sqlite_url, "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)", "INSERT INTO t VALUES (1, 'A')")
    order, outcomes = OutOfOrder(), []
    with ScriptedServer(list(order.script)) as api:
        job = make_job(sqlite_url, api, source="table: t, primary_key: id", fields="userid: id, firstname: name")
        first = threading.Thread(target=lambda: outcomes.append(locked(job, RUN, start_from="beginning")))
        second = threading.Thread(target=lambda: outcomes.append(locked(job, BACKFILL)))
        first.start()
        assert order.first_is_there.wait(30)
        second.start()
        first.join()
        order.first_is_over.set()
        second.join()
        assert [(each.exit_code, each.books.sent) for each in outcomes] == [(0, 1), (0, 1)]
        assert locked(job, RUN).books.sent == 0

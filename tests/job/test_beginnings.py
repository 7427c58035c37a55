"""Two that meet: a limit and a full refresh, a beginning and a lookback, a dry run and a refresh, two commands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from etl.errors import AlreadyBegun
from etl.host.system_clock import SystemClock
from etl.job.retry import send_keys
from etl.job.start import REFRESH, RunLimits, RunOptions
from etl.state.store import open_state
from tests.job.nights import Nights
from tests.servers.scripted_rules import unauthorized_from
from tests.servers.scripted_server import ScriptedServer
from tests.source.tables import insert, run_sql

FAILED = (((1,), "HTTP 500: no"),)


def test_a_full_refresh_that_a_limit_ends_is_not_complete(tmp_path: Path) -> None:
    """The next runs finish it, with a limit or without."""
    with ScriptedServer() as server:
        nights = Nights(tmp_path, server.url)
        nights.fill(30)
        nights.run("beginning")
        limits = RunLimits(rows=10)
        sent: list[int] = []
        refreshing: list[bool] = []
        for options in ({"full_refresh": True, "limits": limits}, {"limits": limits}, {}, {}):
            sent.append(nights.run(run_id=f"night {len(sent)}", **options).books.sent)
            with open_state(nights.state, clock=SystemClock(), write=False) as store:
                refreshing.append(store.mapping("people").checkpoint(REFRESH) is not None)
    assert (sent, refreshing) == ([10, 10, 10, 0], [True, True, False, False])


def test_a_dry_run_of_a_full_refresh_counts_all_rows_also_of_one_that_was_stopped(tmp_path: Path) -> None:
    """Of one that began, those that are left."""
    with ScriptedServer() as server:
        nights = Nights(tmp_path, server.url, source="  cursor_field: changed\n  lookback: 0")
        nights.fill(30)
        nights.run("beginning")
        assert nights.forecast(full_refresh=True).books.read == 30
        assert nights.forecast().books.read == 0
        nights.run(run_id="refresh", full_refresh=True, limits=RunLimits(rows=10))
        assert nights.forecast(full_refresh=True).books.read == 20


def test_the_lookback_of_a_run_that_began_now_reads_nothing_of_before(tmp_path: Path) -> None:
    """Also after the next beginning, which is another one."""
    with ScriptedServer() as server:
        nights = Nights(tmp_path, server.url)
        nights.fill(10)
        assert nights.run("now").books.sent == 0
        nights.fill(2, first=11)
        assert nights.run(run_id="second").books.sent == 2
        assert nights.run(run_id="third").books.read == 2
        nights.run("beginning", run_id="fourth", move_checkpoint=True)
        assert nights.run(run_id="fifth").books.read == 12
        nights.run("5", run_id="sixth", move_checkpoint=True)
        assert nights.run(run_id="seventh").books.read == 8
        nights.run("now", run_id="eighth", move_checkpoint=True)
        assert nights.run(run_id="ninth").books.read == 0
        nights.run("5", run_id="tenth", move_checkpoint=True)
        assert nights.run(run_id="eleventh").books.read == 8
        nights.run("beginning", run_id="twelfth", move_checkpoint=True)
        assert nights.run(run_id="thirteenth").books.read == 12


@pytest.mark.parametrize(
    ("command", "forgets"), [("run", True), ("retry", False), ("backfill", False), ("run --key", False)]
)
def test_only_a_run_of_the_night_ends_the_nights_in_which_rows_failed_alone(
    tmp_path: Path, command: str, *, forgets: bool
) -> None:
    with ScriptedServer() as server:
        nights = Nights(tmp_path, server.url)
        nights.fill(3)
        nights.run("beginning")
        with open_state(nights.state, clock=nights.clock, write=True) as store:
            assert store.mapping("people").lone.nights(FAILED) == 1
        match command:
            case "run":
                nights.run(run_id="second")
            case "retry":
                nights.retry()
            case "backfill":
                nights.backfill(1, 3)
            case _:
                nights._open(lambda context: send_keys(context, [(2,)], run_id="keys"))
        with open_state(nights.state, clock=nights.clock, write=True) as store:
            assert bool(store.mapping("people").lone._noted()) is not forgets


@pytest.mark.parametrize(
    ("options", "arguments"),
    [
        ({}, ()),
        ({"start_from": "now"}, ("--start-from", "now")),
        ({"full_refresh": True}, ("--full-refresh",)),
    ],
)
def test_where_a_run_begins_is_told_as_its_arguments(options: Any, arguments: tuple[str, ...]) -> None:
    assert RunOptions("r1", **options).as_arguments == arguments


def test_where_to_begin_may_be_said_anew_while_nothing_was_accepted(sqlite_url: str, make_job: Any) -> None:
    run_sql(sqlite_url, "CREATE TABLE t (id INTEGER PRIMARY KEY, at TEXT)")
    insert(sqlite_url, "t", [{"id": n, "at": f"2024-01-0{n} 00:00:00"} for n in (1, 2, 3)])
    with ScriptedServer(unauthorized_from(0)) as refusing:
        assert make_job(sqlite_url, refusing).run("2024-01-03").exit_code == 5
    job = make_job(sqlite_url)
    assert job.run("2024-01-02").books.sent == 2
    with pytest.raises(AlreadyBegun):
        job.run("2024-01-01")

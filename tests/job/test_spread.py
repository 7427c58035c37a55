"""`--workers`: what arrives, and what the state holds afterwards, is byte for byte that of one process."""

from __future__ import annotations

import multiprocessing
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from etl.errors import StoppedEarly
from etl.host.system_clock import SystemClock
from etl.job.outcome import Outcome
from etl.job.run import RunContext
from etl.job.spread import MOST_ROWS, Workers
from etl.job.spread_ranges import SpreadRanges
from etl.job.start import RunLimits
from etl.page import Position, Window
from etl.source import spooled
from etl.state.store import open_state
from tests.job.in_process import InProcess
from tests.job.working import ScriptedExecutor, workers_by, workers_in
from tests.servers.scripted_server import ScriptedServer
from tests.source.clocks import FakeClock
from tests.source.tables import insert, run_sql

# Everything that a state holds but for moments, and for stamps, of which ranges that are read again use more.
TOLD = (
    "SELECT key, event, marks FROM etl_ledger ORDER BY key",
    "SELECT track, position FROM etl_checkpoint ORDER BY track",
    "SELECT ledger_key, key, reason, words, attempts, digest FROM etl_dead_letter ORDER BY letter_id",
    "SELECT command, outcome, exit_code FROM etl_run ORDER BY run_no",
)

# What makes of a table one that is read so.
WAYS = {
    "ranges": ("CREATE INDEX t_at ON t (at)",),
    "places": (),
}


@pytest.fixture(scope="module")
def processes() -> Iterator[Executor]:
    """Two real processes for all tables."""
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as executor:
        yield executor


@dataclass
class Shop:
    """A random table with its mapping, and how it goes on."""

    chance: Random
    url: str

    def __post_init__(self) -> None:
        chance = self.chance
        self.text_key, self.two_keys = chance.random() < 0.3, chance.random() < 0.3
        self.cursor = chance.choice(["at", "at", "at", None])
        self.children = chance.random() < 0.4
        self.last = 0
        key = "id TEXT NOT NULL" if self.text_key else "id INTEGER NOT NULL"
        keys = "id, part" if self.two_keys else "id"
        run_sql(
            self.url,
            f"CREATE TABLE t ({key}, part TEXT NOT NULL, at TIMESTAMP, email TEXT, points, PRIMARY KEY ({keys}))",
            "CREATE INDEX t_at ON t (at)",
            "CREATE TABLE line (parent, place INTEGER, sku TEXT)",
        )

    @property
    def sections(self) -> dict[str, str]:
        chance = self.chance
        source = ["table: t", f"primary_key: [{'id, part' if self.two_keys else 'id'}]", "timezone: UTC", "settle: 0s"]
        source.append(f"page_size: {chance.choice([1, 2, 3, 5, 8])}")
        resend = chance.choice(["changed", "changed", "always"])
        if self.cursor:
            lookback = "0s" if resend == "always" else chance.choice(["0s", "20s", "2d"])
            source += ["cursor_field: at", f"lookback: {lookback}", "on_null_cursor: skip"]
        if chance.random() < 0.3:
            source.append("where: \"part <> 'x'\"")
        fields = "email: email, custom_points: points, custom_part: part"
        top = [f"resend: {resend}"]
        if chance.random() < 0.3:
            top.append("on_invalid: omit")
        if chance.random() < 0.3:
            top.append("steps: steps.py")
            fields = "email: email, custom_points: points, custom_part: {column: part, transform: [louder]}"
        if self.children:
            top.append("products: {table: line, match: {parent: id}, order_by: place, fields: {id: sku}}")
        return {
            "source": ", ".join(source),
            "fields": fields,
            "top": "\n".join(top),
            "destination": f"concurrency: 1, batch_size: {chance.choice([1, 2, 7, 50])}",
        }

    def change(self) -> None:
        """Rows appear, change and go."""
        chance = self.chance
        connection = sqlite3.connect(self.url.removeprefix("sqlite:///"))
        with connection:
            for _ in range(chance.choice([0, 1, 8, 16, 24])):
                self.last += 1
                number: Any = f"k{self.last % 7}-{self.last}" if self.text_key else self.last
                # Several rows of one moment; one without; addresses that are none; a text that is no UTF-8.
                at = None if chance.random() < 0.03 else f"2026-03-01 00:00:{self.last // 4 % 60:02}"
                email = chance.choice([f"P{self.last}@Example.com"] * 8 + ["none", None])
                points = chance.choice([1, 2.5, "x", None, 2**60, sqlite3.Binary(b"\xff")])
                connection.execute(
                    "INSERT INTO t VALUES (?, ?, ?, ?, ?)", (number, chance.choice("abx"), at, email, points)
                )
                for place in range(chance.choice([0, 0, 1, 3]) if self.children else 0):
                    connection.execute("INSERT INTO line VALUES (?, ?, ?)", (number, place, f"sku-{place}"))
            for _ in range(chance.choice([0, 3])):
                connection.execute(
                    "UPDATE t SET points = ?, at = ? WHERE rowid = ?",
                    (chance.randrange(9), "2026-03-02 00:00:00", chance.randrange(1, 40)),
                )
            if chance.random() < 0.3:
                connection.execute("DELETE FROM t WHERE rowid % 5 = 0")
            if chance.random() < 0.2:
                connection.execute("UPDATE t SET email = CAST(X'80' AS TEXT) WHERE rowid % 11 = 3")
        connection.close()


def told(folder: Path) -> list[list[Any]]:
    connection = sqlite3.connect(folder / "etl" / "state.sqlite")
    try:
        return [connection.execute(statement).fetchall() for statement in TOLD]
    finally:
        connection.close()


def ended(outcome: Outcome) -> Any:
    error = None if outcome.error is None else (type(outcome.error), outcome.error.message)
    books = replace(outcome.books, waited_seconds=0.0)
    return outcome.exit_code, error, books, outcome.checkpoint and outcome.checkpoint.position, outcome.forecast


def same_as_alone(
    folder: Path,
    made: Callable[[RunContext], Workers],
    *,
    chance: Random,
    server: ScriptedServer,
    begin: Callable[[Random, str], Shop] = Shop,
) -> int:
    """A run of a random table, and for some what follows, with and without workers; how many ranges went to those."""
    url = f"sqlite:///{folder}/t.sqlite"
    context = begin(chance, url)
    sections = context.sections
    with_workers = InProcess(folder / "workers", server, url, **sections)
    alone = InProcess(folder / "alone", server, url, **sections)
    for job in (with_workers, alone):
        # Of one key of the hashes.
        shutil.copytree(folder.parent / "made", job._folder / "etl")
        (job._folder / "steps.py").write_text("def louder(values):\n    return values.str.upper()\n")
    ranges = 0

    def counted(context: Any) -> Any:
        workers = made(context)
        submit = workers.submit

        def submitted(wanted: Any) -> Any:
            nonlocal ranges
            ranges += 1
            return submit(wanted)

        workers.submit = submitted  # type: ignore[method-assign]
        return workers

    with_workers.workers = counted
    for day in range(chance.choice([1, 1, 1, 1, 1, 1, 1, 4])):
        context.change()
        limits = RunLimits(rows=chance.choice([None, None, 1, 7, 20]))
        command = chance.choice(["run", "run", "backfill", "forecast"]) if day else "run"
        results, resend, in_range = list[Any](), chance.random() < 0.5, chance.random() < 0.5
        for job in (with_workers, alone):
            del server.requests[:]
            match command:
                case "run":
                    outcome = job.run(None if day else "beginning", limits=limits)
                case "forecast":
                    outcome = job.forecast(limits=limits)
                case _ if context.cursor and in_range:
                    outcome = job.backfill("2026-03-01", "2026-03-02", "1h", resend=resend)
                case _:
                    outcome = job.backfill()
            bodies = [request.body for request in server.requests]
            results.append((bodies, ended(outcome), told(job._folder)))
        assert results[0] == results[1], (sections, command, limits)
    return ranges


def handed_out(tmp_path: Path, processes: Executor, *, seed: str, shops: int, begin: type[Shop] = Shop) -> int:
    """How much workers were asked for so many shops, each of which ended as without workers."""
    asked = 0
    open_state(str(tmp_path / "made" / "state.sqlite"), clock=SystemClock(), write=True).close()
    with ScriptedServer() as server:
        for number in range(shops):
            folder = tmp_path / str(number)
            folder.mkdir()
            chance = Random(f"{seed} {number}")
            asked += same_as_alone(folder, workers_in(processes), chance=chance, server=server, begin=begin)
            shutil.rmtree(folder)
    return asked


@pytest.mark.parametrize("seed", range(10))
def test_workers_change_nothing_of_what_is_sent_and_recorded(seed: int, tmp_path: Path, processes: Executor) -> None:
    assert handed_out(tmp_path, processes, seed=str(seed), shops=22) > 30


class Unordered(Shop):
    """A shop whose rows no index gives in order, of which the places are handed out."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.cursor = "at"
        run_sql(self.url, "DROP INDEX t_at")


@pytest.mark.parametrize("seed", range(5))
def test_workers_change_nothing_where_no_index_gives_the_order(seed: int, tmp_path: Path, processes: Executor) -> None:
    assert handed_out(tmp_path, processes, seed=f"unordered {seed}", shops=16, begin=Unordered) > 30


class Moving:
    """A table of people that changes while it is read."""

    def __init__(self, folder: Path, server: ScriptedServer, *, read: str = "ranges", **sections: str) -> None:
        self.url = f"sqlite:///{folder}/t.sqlite"
        run_sql(self.url, "CREATE TABLE t (id INTEGER PRIMARY KEY, at INTEGER)", *WAYS[read])
        self.job = InProcess(folder, server, self.url, **SECTIONS | sections)
        self.executors: list[ScriptedExecutor] = []

    def spread(self, **script: Any) -> None:
        """Have ranges done by a scripted executor, and by another one after its death."""

        def opened() -> Executor:
            done = sum(executor.count for executor in self.executors)
            shifted = {name: lambda number, call=call: call(number + done) for name, call in script.items()}
            self.executors.append(ScriptedExecutor(**shifted))
            return self.executors[-1]

        self.job.workers = partial(workers_by, opened)


SECTIONS = {
    "source": "table: t, primary_key: id, cursor_field: at, settle: 0, lookback: 0, page_size: 4",
    "destination": "concurrency: 1, batch_size: 1",
}


@pytest.mark.parametrize("seed", range(12))
def test_rows_that_come_and_go_between_ranges_cost_no_other_row(seed: int, tmp_path: Path, api: ScriptedServer) -> None:
    """What was there all the time arrives once, in its order; workers die meanwhile."""
    chance = Random(seed)
    table = Moving(tmp_path, api, read=list(WAYS)[seed % 2])
    stable = set(range(0, 200, 2))
    insert(table.url, "t", [{"id": number, "at": number // 7 * 10} for number in range(0, 200, 2)])

    def before(_: int) -> None:
        odd = 2 * chance.randrange(100) + 1
        if chance.random() < 0.5:
            run_sql(table.url, f"INSERT OR IGNORE INTO t VALUES ({odd}, {odd // 7 * 10})")
        elif chance.random() < 0.3:
            gone = 2 * chance.randrange(100)
            stable.discard(gone)
            run_sql(table.url, f"DELETE FROM t WHERE id = {gone} OR id = {odd}")

    deaths = set(chance.sample(range(1, 20), 3))
    table.spread(before=before, early=lambda _: chance.random() < 0.7, dies=deaths.__contains__)
    ended = table.job.run("beginning")
    sent = [int(one) for one in table.job.sent()]
    assert (ended.exit_code, len(table.executors)) == (0, 4)
    assert sent == sorted(set(sent))
    assert stable <= set(sent)


def test_rows_too_large_for_what_was_asked_are_asked_for_again(
    tmp_path: Path, api: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each time what lies behind them, which was handed out already."""
    monkeypatch.setattr(spooled, "PAGE_BYTES", 100)
    table = Moving(tmp_path, api, read="places")
    insert(table.url, "t", [{"id": number, "at": number // 7} for number in range(60)])
    table.spread(early=lambda number: number % 2 == 0)
    assert table.job.run("beginning").exit_code == 0
    assert [int(one) for one in table.job.sent()] == list(range(60))
    assert sum(executor.count for executor in table.executors) > 25


@pytest.mark.parametrize("read", WAYS)
def test_the_fourth_death_ends_the_run_and_the_next_one_goes_on(read: str, tmp_path: Path, api: ScriptedServer) -> None:
    table = Moving(tmp_path, api, read=read)
    insert(table.url, "t", [{"id": number, "at": number} for number in range(60)])
    table.spread(dies=lambda number: number % 3 == 0)
    ended = table.job.run("beginning")
    assert isinstance(ended.error, StoppedEarly)
    assert (ended.exit_code, len(table.executors)) == (6, 4)
    assert 0 < ended.books.sent < 60
    table.job.workers = None
    assert table.job.run().exit_code == 0
    assert [int(one) for one in table.job.sent()] == list(range(60))


@pytest.mark.parametrize("read", WAYS)
def test_a_worker_that_is_stopped_does_not_keep_a_run_beyond_its_time(
    read: str, tmp_path: Path, api: ScriptedServer
) -> None:
    """Nothing is settled that it holds, and the next run goes on."""
    table = Moving(tmp_path, api, read=read)
    insert(table.url, "t", [{"id": number, "at": number} for number in range(60)])

    waited_for: list[Future[Any]] = []

    class Stopped(ScriptedExecutor):
        def submit(self, task: Callable[..., Any], /, *arguments: Any, **_: Any) -> Any:
            if self.count < 3:
                return super().submit(task, *arguments)
            waited_for.append(Future())
            return waited_for[-1]

    table.job.workers = partial(workers_by, Stopped)
    ended = table.job.run("beginning", limits=RunLimits(deadline=time.monotonic() + 2))
    assert isinstance(ended.error, StoppedEarly)
    assert 0 < ended.books.sent < 60
    for one in waited_for:  # as when the pool kills the worker: the thread that reads waits no longer
        one.set_exception(BrokenExecutor())
    table.job.workers = None
    assert table.job.run().exit_code == 0
    assert [int(one) for one in table.job.sent()] == list(range(60))


def test_no_more_rows_are_under_way_than_memory_should_hold_whatever_the_number_of_workers() -> None:
    """Rows are counted, not ranges: 64 workers have smaller ones."""
    workers = Workers(ScriptedExecutor, NO_SOURCE, count=64)
    spread = SpreadRanges(NO_SOURCE, NO_SOURCE, workers, encode=NO_SOURCE, page_rows=5000, clock=FakeClock())
    spread._learn(100)
    assert spread._rows * spread._most_ahead <= MOST_ROWS
    spread._learn(10**6)
    assert spread._rows == 1


def test_a_window_of_which_nothing_was_handed_out_is_not_taken_for_read() -> None:
    """Its checkpoint would pass rows that nothing has read."""
    ranges: Any = SimpleNamespace(end=lambda _, rows: Position(rows, (rows,)))
    workers = Workers(ScriptedExecutor, NO_SOURCE, count=-1)
    spread = SpreadRanges(NO_SOURCE, ranges, workers, encode=NO_SOURCE, page_rows=5000, clock=FakeClock())
    with pytest.raises(RuntimeError, match="it was not read"):
        list(spread.pages(Window()))


NO_SOURCE: Any = None

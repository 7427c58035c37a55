"""`--workers`: what arrives, and what the state holds afterwards, is byte for byte that of one process."""

from __future__ import annotations

import multiprocessing
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from etl.host.system_clock import SystemClock
from etl.job.outcome import Outcome
from etl.job.start import Limits
from etl.state.store import open_state
from tests.job.in_process import InProcess
from tests.job.working import workers_in
from tests.servers.scripted_server import ScriptedServer
from tests.source.tables import run_sql

# Everything that a state holds but for moments, and for stamps, of which ranges that are read again use more.
TOLD = (
    "SELECT key, event, marks FROM etl_ledger ORDER BY key",
    "SELECT track, position FROM etl_checkpoint ORDER BY track",
    "SELECT ledger_key, key, reason, words, attempts, digest FROM etl_dead_letter ORDER BY letter_id",
    "SELECT command, outcome, exit_code FROM etl_run ORDER BY run_no",
)


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
            for _ in range(chance.choice([0, 1, 8, 20, 40])):
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
    executor: Callable[[], Executor],
    *,
    chance: Random,
    server: ScriptedServer,
    begin: Callable[[Random, str], Shop] = Shop,
) -> int:
    """A run of a random table, and for some what follows, with and without workers; how many ranges went to those."""
    url = f"sqlite:///{folder}/t.sqlite"
    shop = begin(chance, url)
    sections = shop.sections
    with_workers = InProcess(folder / "workers", server, url, **sections)
    alone = InProcess(folder / "alone", server, url, **sections)
    for job in (with_workers, alone):
        # Of one key of the hashes.
        shutil.copytree(folder.parent / "made", job._folder / "etl")
        (job._folder / "steps.py").write_text("def louder(values):\n    return values.str.upper()\n")
    ranges = 0

    def counted(shop: Any) -> Any:
        nonlocal ranges
        made = workers_in(executor())(shop)
        submit = made.submit

        def submitted(wanted: Any) -> Any:
            nonlocal ranges
            ranges += 1
            return submit(wanted)

        made.submit = submitted
        return made

    with_workers.workers = counted
    for day in range(chance.choice([1, 1, 1, 1, 1, 1, 1, 4])):
        shop.change()
        limits = Limits(rows=chance.choice([None, None, 1, 7, 20]))
        command = chance.choice(["run", "run", "backfill", "forecast"]) if day else "run"
        results, resend, in_range = list[Any](), chance.random() < 0.5, chance.random() < 0.5
        for job in (with_workers, alone):
            del server.requests[:]
            match command:
                case "run":
                    outcome = job.run(None if day else "beginning", limits=limits)
                case "forecast":
                    outcome = job.forecast(limits=limits)
                case _ if shop.cursor and in_range:
                    outcome = job.backfill("2026-03-01", "2026-03-02", "1h", resend=resend)
                case _:
                    outcome = job.backfill()
            bodies = [request.body for request in server.requests]
            results.append((bodies, ended(outcome), told(job._folder)))
        assert results[0] == results[1], (sections, command, limits)
    return ranges


@pytest.mark.parametrize("seed", range(10))
def test_workers_change_nothing_of_what_is_sent_and_recorded(seed: int, tmp_path: Path, processes: Executor) -> None:
    ranges = 0
    open_state(str(tmp_path / "made" / "state.sqlite"), clock=SystemClock(), write=True).close()
    with ScriptedServer() as server:
        for number in range(22):
            folder = tmp_path / str(number)
            folder.mkdir()
            chance = Random(f"{seed} {number}")
            ranges += same_as_alone(folder, lambda: processes, chance=chance, server=server)
            shutil.rmtree(folder)
    assert ranges > 50

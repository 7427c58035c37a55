"""A shop whose rows change, an API that keeps the books, and a job between them that is killed again and again.

What holds after every kill, whatever was killed where:

* the state can be opened, and knows the killed run as such;
* every row at or below the checkpoint was accepted as it is now, or is an open dead letter;
* the ledger holds no row that was not accepted;
* a run repeats at most `CONCURRENCY x BATCH_SIZE` events, and nothing unless the run before was killed;
* a version of a row always leaves as the same bytes.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from etl.event.key_hash import KeyHasher
from etl.host.system_clock import SystemClock
from etl.page import Position
from etl.state.mapping_state import MappingState
from etl.state.store import open_state
from tests.processes.forked_cli import Ended, ForkedCli
from tests.servers.scripted_rules import picky
from tests.servers.scripted_server import Behaviour, Exchange, Recorded, ScriptedServer, head
from tests.state.filling import digests_of

BATCH_SIZE = 4
CONCURRENCY = 3
BEGIN = datetime(2025, 3, 1)  # noqa: DTZ001 - as the table keeps it
DAY_SECONDS = 86_400
Version = tuple[int, int]

MAPPING = """\
version: 1
name: people
source:
  url: sqlite:///people.sqlite
  table: people
  primary_key: id
  cursor_field: updated_at
  timezone: UTC
  page_size: 10
  lookback: {lookback}
event: PersonUpdated
fields:
  userid: id
  email: email
  custom_version: version
resend: {resend}
max_failure_rate: 100%
destination:
  url: {url}
  account: shop
  api_key: the-key
  batch_size: {batch_size}
  concurrency: {concurrency}
  rate_limit: {{requests_per_second: 10000, events_per_second: 1000000}}
"""


@dataclass(frozen=True)
class Kill:
    """One way to be killed.

    stages: as `tests/processes/crash_points.py`. request: by the server at the run's n-th request, `when` as
    `kill_points.SERVER`. after_seconds: from outside, so long after the start.
    """

    name: str
    stages: Sequence[Mapping[str, Any]] = ()
    request: int | None = None
    when: str = ""
    after_seconds: float | None = None


@dataclass
class Row:
    version: int
    email: str
    at: str

    @property
    def fate(self) -> str:
        """What becomes of it."""
        return "invalid" if "@" not in self.email else "refused" if self.email.startswith("refused") else "good"


@dataclass
class Life:
    """One folder with a table, a mapping and a state."""

    folder: Path
    cli: ForkedCli
    chance: Random
    resend: str = "changed"
    indexed: bool = True
    rows: dict[int, Row] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    killed: int = 0

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self.server = ScriptedServer(self._script, credentials=("shop", "the-key"))
        self._victim: int | None = None
        self._kill = Kill("none")
        self._first_request = 0
        self._accepted: set[Version] = set()
        self._bytes: dict[Version, str] = {}
        self._may_repeat = False
        self._numbers = 0
        self._moments = 0
        self._begun = False
        with sqlite3.connect(self.folder / "people.sqlite") as connection:
            connection.execute(
                "CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT, version INT, updated_at DATETIME NOT NULL)"
            )
            if self.indexed:
                connection.execute("CREATE INDEX people_updated ON people (updated_at, id)")
        connection.close()

    # What the shop does

    def insert(self, count: int, *, broken: int, seconds_apart: int = 1) -> None:
        """New rows, later than all others; `broken` of them, half and half, are invalid or will be refused."""
        kinds = ["nobody", "refused{}@example.com"] * (broken // 2) + ["person{}@example.com"] * (count - broken)
        self.chance.shuffle(kinds)
        for kind in kinds:
            self._numbers += 1
            self.rows[self._numbers] = Row(1, kind.format(self._numbers), self._moment(seconds_apart))
        self._save()

    def next_day(self) -> datetime:
        """Let the rows to come be of the next day, which is returned."""
        self._moments = (self._moments // DAY_SECONDS + 1) * DAY_SECONDS
        return BEGIN + timedelta(seconds=self._moments)

    def update(self, count: int) -> None:
        """New versions of rows, later than all others."""
        for number in self.chance.sample(sorted(self.rows), min(count, len(self.rows))):
            row = self.rows[number]
            self.rows[number] = Row(row.version + 1, row.email, self._moment(1))
        self._save()

    def mend(self) -> None:
        """Every row gets an address that can be delivered."""
        for number, row in self.rows.items():
            if row.fate != "good":
                self.rows[number] = Row(row.version + 1, f"mended{number}@example.com", row.at)
        self._save()

    def delete(self, count: int) -> None:
        """Rows that are gone; only broken ones."""
        broken = [number for number, row in self.rows.items() if row.fate != "good"]
        for number in self.chance.sample(broken, count):
            del self.rows[number]
        self._save()

    # What the job does

    def call(self, *arguments: str, kill: Kill | None = None) -> Ended:
        """Run a command, to its end or to its kill, and hold everything to the law."""
        self._kill = kill or Kill("none")
        self._first_request = len(self.server.requests)
        self._victim = None
        url, lookback = self.server.url, "1h" if self.resend == "changed" else "0s"
        (self.folder / "people.yaml").write_text(
            MAPPING.format(
                url=url, resend=self.resend, lookback=lookback, batch_size=BATCH_SIZE, concurrency=CONCURRENCY
            )
        )
        child = self.cli.start(
            *arguments,
            "people.yaml",
            "-o",
            "json",
            environment={"PATH": os.environ["PATH"], "SQUEEZELY_ETL_STATE": str(self.state)},
            folder=self.folder,
            crash=self._kill.stages,
        )
        self._victim = child.pid
        if self._kill.after_seconds is not None:
            time.sleep(self._kill.after_seconds)
            os.kill(child.pid, signal.SIGKILL)
        ended = child.wait()
        while self.server.open_connections:  # what a killed process had written still arrives
            time.sleep(0.001)
        self.log.append(f"{' '.join(arguments)} · {self._kill.name} · {ended.code}")
        self._check(ended)
        return ended

    def run(self, kill: Kill | None = None, *options: str) -> Ended:
        """`run`; the first time, and until its mark stands in the state, from the beginning."""
        return self.call("run", *(() if self._begun else ("--start-from", "beginning")), *options, kill=kill)

    def told(self, problem: str) -> str:
        """A problem with the life that led to it."""
        return "\n".join([problem, *self.log])

    @property
    def state(self) -> Path:
        return self.folder / "state.sqlite"

    # The law

    def _check(self, ended: Ended) -> None:
        by_kill = ended.code in (-signal.SIGKILL, -signal.SIGXFSZ)
        self.killed += by_kill
        assert by_kill or ended.code in (0, 3), self.told(ended.err)
        self._check_events(by_kill=by_kill)
        if not by_kill:
            books = ended.summary
            parts = ("sent", "unchanged", "invalid", "rejected", "unsent")
            assert books["read"] == sum(books[part] for part in parts), self.told(str(books))
        if self.state.exists():
            with open_state(str(self.state), clock=SystemClock(), write=False) as store:
                self._check_state(store.mapping("people"), by_kill=by_kill)

    def _check_events(self, *, by_kill: bool) -> None:
        repeats = []
        for request in self.server.requests[self._first_request :]:
            for version, text in events_in(request):
                assert self._bytes.setdefault(version, text) == text, self.told(f"{version} left as other bytes")
            for event in request.accepted:
                version = int(event["userid"]), event["custom_version"]
                if version in self._accepted:
                    repeats.append(version)
                self._accepted.add(version)
        allowed = CONCURRENCY * BATCH_SIZE if self._may_repeat else 0
        assert len(repeats) <= allowed, self.told(f"{len(repeats)} repeats, {allowed} allowed: {repeats}")
        # A killed run that never came to repeat leaves the repeats of the one before to the next.
        self._may_repeat = by_kill

    def _check_state(self, state: MappingState, *, by_kill: bool) -> None:
        checkpoint = state.checkpoint("run")
        self._begun = checkpoint is not None
        dead = {int(letter.key[0]) for letter in state.open_dead_letters()}
        if checkpoint is not None and checkpoint.position is not None:
            self._check_passed(checkpoint.position, dead)
        for backfill in state.backfills():
            window_at = backfill.spec.end if backfill.finished_at else backfill.window_at
            if window_at is not None:
                self._check_passed(Position(window_at, (0,)), dead)
            within = state.checkpoint(backfill.track)
            if within is not None and within.position is not None:
                self._check_passed(within.position, dead)
        ledger_key = KeyHasher(state.hash_key).ledger_key
        known = digests_of(state, [ledger_key((number,)) for number in self.rows])
        ever = {number for number, _ in self._accepted}
        false = [number for number in self.rows if ledger_key((number,)) in known and number not in ever]
        assert not false, self.told(f"in the ledger and never accepted: {false}")
        outcomes = [run.outcome for run in state.runs(1)]
        assert outcomes in ([], ["done"]) or (outcomes == ["died"] and by_kill), self.told(f"outcome {outcomes}")

    def _check_passed(self, position: Position, dead: set[int]) -> None:
        lost = [
            (number, row)
            for number, row in self.rows.items()
            if (row.at, number) <= (str(position.cursor), position.key[0])
            and (number, row.version) not in self._accepted
            and number not in dead
        ]
        assert not lost, self.told(f"passed by {position} and lost: {lost}")

    def check_nothing_lost(self) -> None:
        """After a last run without a kill: every row is where it belongs, and in its last version."""
        with open_state(str(self.state), clock=SystemClock(), write=False) as store:
            dead = {int(letter.key[0]) for letter in store.mapping("people").open_dead_letters()}
        last: dict[int, int] = {}
        for request in self.server.requests:
            last.update((int(event["userid"]), event["custom_version"]) for event in request.accepted)
        good = {number: row.version for number, row in self.rows.items() if row.fate == "good"}
        assert {number: last.get(number) for number in good} == good, self.told("lost or overtaken")
        assert dead == {number for number in self.rows if number not in good}, self.told("dead letters")

    # What the server does

    def _script(self, request: Recorded) -> Behaviour | None:
        ordinary = picky(lambda event: event.get("email", "").startswith("refused"), shape="index", echo=True)(request)
        if self._kill.request is None or request.number - self._first_request != self._kill.request:
            return ordinary
        while self._victim is None:
            time.sleep(0.001)
        victim, when = self._victim, self._kill.when

        def behave(exchange: Exchange) -> None:
            if when != "before the events are accepted":
                exchange.accept([event for event in request.events if not event["email"].startswith("refused")])
            if when == "in the middle of the answer":
                exchange.send(head(200, {"Content-Length": "50"}) + b'{"success"')
            os.kill(victim, signal.SIGKILL)
            exchange.close()

        return behave

    def _moment(self, seconds_apart: int) -> str:
        # Some share a second, so that pages end among equals.
        self._moments += seconds_apart * (self.chance.random() < 0.7)
        return str(BEGIN + timedelta(seconds=self._moments))

    def _save(self) -> None:
        with sqlite3.connect(self.folder / "people.sqlite") as connection:
            connection.execute("DELETE FROM people")
            connection.executemany(
                "INSERT INTO people VALUES (?, ?, ?, ?)",
                [(number, row.email, row.version, row.at) for number, row in self.rows.items()],
            )
        connection.close()


def events_in(request: Recorded) -> Iterator[tuple[Version, str]]:
    """The events of a request: which version of which row, and the very text of it."""
    text = (request.body or b"").decode()
    decoder = json.JSONDecoder()
    at = text.find("[") + 1
    while 0 < at < len(text) and text[at] == "{":
        event, end = decoder.raw_decode(text, at)
        yield (int(event["userid"]), event["custom_version"]), text[at:end]
        at = end + 1

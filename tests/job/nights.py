"""A shop's table, a receiver on a socket and a state file: nights in this process, which cost no start."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from etl.clock import Clock
from etl.commands.wiring import run_context
from etl.dead_letter import DeadLetter
from etl.host.system_clock import SystemClock
from etl.job.backfill import BackfillOptions, backfill_mapping
from etl.job.loop import Delivery
from etl.job.outcome import Outcome
from etl.job.retry import retry_mapping
from etl.job.run import RunContext, forecast_mapping, run_mapping
from etl.job.start import RunOptions
from etl.mapping.load import load_mapping
from etl.state.store import open_state
from tests.servers.scripted_server import ACCOUNT, API_KEY, Recorded

MAPPING = """\
version: 1
name: people
source:
  url: ${{PEOPLE_URL}}
  table: people
  primary_key: id
{source}
event: PersonUpdated
fields: {{email: email, firstname: name, custom_points: points}}
max_failure_rate: {rate}
{top}
destination:
  url: {api_url}
  account: {account}
  api_key: ${{API_KEY}}
  rate_limit: {{requests_per_second: 10000, events_per_second: 1000000}}
{destination}
"""
WITH_CURSOR = "  cursor_field: changed"


def nothing_started(_: Delivery) -> None:
    """Nothing asks for the end of the delivery."""


@dataclass
class Nights:
    """`api_url` is where events go; `state` is a path or a URL; `alter` may change the run's context."""

    folder: Path
    api_url: str
    source: str = WITH_CURSOR + "\n  lookback: 1000\n  page_size: 50"
    top: str = ""
    rate: str = "90%"
    destination: str = ""
    state: str = ""
    started: Callable[[Delivery], None] = field(default=nothing_started)
    alter: Callable[[RunContext], RunContext] = field(default=lambda context: context)
    clock: Clock = field(default_factory=SystemClock)

    def __post_init__(self) -> None:
        self.state = self.state or str(self.folder / "state" / "state.sqlite")
        self.change(
            "CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT, points INTEGER, changed INTEGER, name TEXT)"
        )
        self.change("CREATE INDEX people_changed ON people (changed, id)")

    def change(self, sql: str, rows: Sequence[tuple[object, ...]] = ((),)) -> None:
        """Change the shop's table."""
        connection = sqlite3.connect(self.folder / "people.sqlite")
        with connection:
            connection.executemany(sql, rows)
        connection.close()

    def fill(self, count: int, *, first: int = 1) -> None:
        """`count` people; each was changed at the moment that is its number."""
        rows = [(number, f"person{number}@example.com", number % 7, number) for number in range(first, first + count)]
        self.change("INSERT INTO people (id, email, points, changed) VALUES (?, ?, ?, ?)", rows)

    def run(self, start_from: str | None = None, *, run_id: str = "run", **options: Any) -> Outcome:
        """A nightly run."""
        return self._open(
            lambda context: run_mapping(
                context, RunOptions(run_id=run_id, start_from=start_from, **options), started=self.started
            )
        )

    def forecast(self, **options: Any) -> Outcome:
        """A dry run."""
        return self._open(lambda context: forecast_mapping(context, RunOptions(run_id="dry", **options)))

    def retry(self, *, run_id: str = "retry", **options: Any) -> Outcome:
        """The dead letters again."""
        return self._open(
            lambda context: retry_mapping(context, context.state, run_id=run_id, started=self.started, **options)
        )

    def backfill(self, start: int, end: int, *, window: str | None = None) -> Outcome:
        """A range of the past again."""
        options = BackfillOptions(run_id="backfill", start=str(start), end=str(end), window=window)
        return self._open(lambda context: backfill_mapping(context, options, started=self.started))

    def letters(self) -> list[tuple[object, str, int]]:
        """The open dead letters: key, reason, attempts."""
        with open_state(self.state, clock=SystemClock(), write=False) as store:
            return [(one.key[0], one.reason, one.attempts) for one in store.mapping("people").open_dead_letters()]

    def bury(self, keys: Iterable[int]) -> None:
        """Open a dead letter for each of `keys`, the first one as the oldest."""
        began = self.clock.utc_now() - timedelta(days=1)
        with open_state(self.state, clock=self.clock, write=True) as store:
            for at, key in enumerate(keys):
                then = began + timedelta(seconds=at)
                letter = DeadLetter((key,), "invalid_email", "", 1, then, then, b"", "earlier")
                store.mapping("people").bury([letter])

    def _open(self, work: Callable[[RunContext], Outcome]) -> Outcome:
        file = self.folder / "people.yaml"
        given = {"rate": self.rate, "source": self.source, "top": self.top, "destination": self.destination}
        file.write_text(MAPPING.format(api_url=self.api_url, account=ACCOUNT, **given))
        environment = {"PEOPLE_URL": f"sqlite:///{self.folder}/people.sqlite", "API_KEY": API_KEY}
        mapping = load_mapping(file, environment=environment, read_file=Path.read_bytes)
        with (
            open_state(self.state, clock=self.clock, write=True) as store,
            run_context(mapping, store, clock=self.clock) as context,
            context.state.lock("run"),
        ):
            return work(self.alter(context))


def emails(request: Recorded) -> list[str]:
    """The addresses in a request."""
    return [event["email"] for event in request.events]

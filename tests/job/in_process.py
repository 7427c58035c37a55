"""Jobs in this process, with nothing faked: a real database, a real state file, the real client over a real socket."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from etl.books import Books
from etl.clock import Clock
from etl.commands.wiring import run_context
from etl.host.system_clock import SystemClock
from etl.job.backfill import BackfillOptions, backfill_mapping, forecast_backfill
from etl.job.loop import Delivery
from etl.job.outcome import Outcome
from etl.job.retry import retry_mapping
from etl.job.run import RunContext, forecast_mapping, run_mapping
from etl.job.spread import Workers
from etl.job.start import NO_LIMITS, RunLimits, RunOptions
from etl.mapping.load import load_mapping
from etl.state.mapping_state import MappingState
from etl.state.store import open_state
from tests.servers.scripted_server import ACCOUNT, API_KEY, ScriptedServer

MAPPING = """\
version: 1
name: {name}
source: {{url: "{url}", {source}}}
event: {event}
fields: {{{fields}}}
{top}
max_failure_rate: 100%
destination: {{url: "{api}", account: {account}, api_key: {key}, {destination}, rate_limit: {{
  requests_per_second: 10000, events_per_second: 1000000}}}}
"""
SECTIONS = {
    "source": "table: t, primary_key: id, cursor_field: at, timezone: UTC, settle: 0s",
    "fields": "userid: {column: id, type: text}",
    "destination": "concurrency: 2",
    "name": "t",
    "event": "PersonUpdated",
    "top": "",
}


class InProcess:
    """One mapping and what is done with it. Its sections are what stands inside braces of YAML, in one line each."""

    def __init__(self, folder: Path, server: ScriptedServer, url: str, **sections: str) -> None:
        self._folder = folder
        self._server = server
        self._url = url
        self._numbers = itertools.count(1)
        self.sections = sections
        # Makes the workers of a shop; None: there are none.
        self.workers: Callable[[RunContext], Workers] | None = None

    def run(
        self,
        start_from: str | None = None,
        *,
        limits: RunLimits = NO_LIMITS,
        full_refresh: bool = False,
        move_checkpoint: bool = False,
        ignore_guards: bool = False,
        looking: Callable[[Books], None] = lambda _: None,
        **hooks: Any,
    ) -> Outcome:
        """`run`; hooks: `started`, `clock`."""
        options = RunOptions(
            self._run_id(),
            start_from=start_from,
            move_checkpoint=move_checkpoint,
            full_refresh=full_refresh,
            limits=limits,
            ignore_guards=ignore_guards,
        )
        return self.do(lambda context, **more: run_mapping(context, options, looking=looking, **more), **hooks)

    def forecast(self, start_from: str | None = None, *, limits: RunLimits = NO_LIMITS, **more: Any) -> Outcome:
        """`run --dry-run`."""
        options = RunOptions(self._run_id(), start_from=start_from, limits=limits, **more)
        return self.do(lambda context: forecast_mapping(context, options))

    def backfill(
        self,
        start: str | None = None,
        end: str | None = None,
        window: str | None = None,
        *,
        restart: bool = False,
        resend: bool = False,
        **more: Any,
    ) -> Outcome:
        """`backfill`; more: `limits`, `started`, `clock`."""
        limits = more.pop("limits", NO_LIMITS)
        options = BackfillOptions(self._run_id(), start, end, window, resend=resend, restart=restart, limits=limits)
        return self.do(lambda context, **hooks: backfill_mapping(context, options, **hooks), **more)

    def forecast_backfill(self, start: str | None = None, end: str | None = None, window: str | None = None) -> Outcome:
        """`backfill --dry-run`."""
        options = BackfillOptions(self._run_id(), start, end, window)
        return self.do(lambda context: forecast_backfill(context, options))

    def retry(self) -> Outcome:
        """`retry`."""
        return self.do(lambda context: retry_mapping(context, context.state, run_id=self._run_id()))  # type: ignore[arg-type]

    def sent(self) -> list[str]:
        """The userid of every event that arrived, in order."""
        return [event["userid"] for event in self._server.accepted]

    def events(self) -> list[dict[str, Any]]:
        """Every event that arrived, in order."""
        return list(self._server.accepted)

    def taken(self) -> list[str]:
        """As `sent`, and forgets them."""
        found = self.sent()
        self._server.accepted.clear()
        return found

    @contextmanager
    def state(self, *, write: bool = False) -> Iterator[MappingState]:
        """The mapping's state, by itself only for looking."""
        with open_state(str(self._folder / "etl" / "state.sqlite"), clock=SystemClock(), write=write) as store:
            yield store.mapping(self.sections.get("name", "t"))

    def dead_letters(self) -> dict[Any, str]:
        """The reason of each open dead letter by its key, of one column only its value."""
        with self.state() as state:
            letters = state.open_dead_letters()
        return {one.key if len(one.key) > 1 else one.key[0]: one.reason for one in letters}

    def _run_id(self) -> str:
        return f"run-{next(self._numbers)}"

    def do(
        self,
        work: Callable[..., Outcome],
        *,
        clock: Clock | None = None,
        started: Callable[[Delivery, RunContext], None] | None = None,
    ) -> Outcome:
        """Any `work` in the context of the mapping's run."""
        clock = clock or SystemClock()
        path = self._folder / "t.yaml"
        places = {"url": self._url, "api": self._server.url, "account": ACCOUNT, "key": API_KEY}
        path.write_text(MAPPING.format(**places, **SECTIONS | self.sections))
        mapping = load_mapping(path, environment={}, read_file=Path.read_bytes)
        state = str(self._folder / "etl" / "state.sqlite")
        with open_state(state, clock=clock, write=True) as store, run_context(mapping, store, clock=clock) as context:
            if self.workers is not None:
                context = replace(context, workers=self.workers(context))  # noqa: PLW2901 - with workers from here on
            if started is None:
                return work(context)
            return work(context, started=lambda delivery: started(delivery, context))

"""Reports the progress of the work to monitoring, if an option asks for it.

The rule: nothing here stops, delays or fails a run; a report that failed is mentioned on stderr, or logged if Python
called.
"""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import click

from etl.books import Books
from etl.errors import EtlError, Interrupted, MappingInvalid, TooManyFailures, worst_exit_code
from etl.job.outcome import Outcome
from etl.monitoring.addresses import PingUrl
from etl.monitoring.ending import Ending
from etl.screen.messages import tell
from etl.secret import Secret

if TYPE_CHECKING:
    from etl.clock import Clock
    from etl.mapping.model import Mapping
    from etl.monitoring.ping import Pinger
    from etl.state.store import StateStore

LATEST_RUNS = 50
LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Calls:
    """What a command was called with: its mapping files or folders, and its state. `printed`: not from Python."""

    paths: tuple[Path, ...]
    state: str
    printed: bool = True


@dataclass(frozen=True, slots=True)
class ReportTo:
    """The receivers of reports, each optional: Prometheus by file or gateway, a cron monitor, people, the caller."""

    metrics_file: Path | None = None
    pushgateway: Secret | None = None
    ping_url: PingUrl | None = None
    notify_url: tuple[Secret, ...] = ()
    heard: Callable[[Ending], None] | None = None


class Reports:
    """The reports of one process; a context manager around all of its work. A dry run reports nothing."""

    def __init__(self, to: ReportTo, *, command: str, calls: Calls, clock: Clock) -> None:
        self._to = to
        self._calls = calls
        self._command = command
        self._clock = clock
        self._pinger: Pinger | None = None
        self._pushgateway = to.pushgateway
        self._begun = False
        self._expected: Sequence[Mapping] = ()
        self._endings: list[Ending] = []
        self._said: set[str] = set()
        self._refused: EtlError | None = None
        # How many mappings `max_failure_rate` stopped.
        self.stopped_by_failures = 0

    def __enter__(self) -> Self:
        """Begin."""
        if self._to.ping_url is not None:
            from etl.monitoring.ping import Pinger

            self._pinger = Pinger(self._to.ping_url)
        return self

    def expect(self, mappings: Sequence[Mapping]) -> None:
        """Take in the mappings to be worked on."""
        self._expected = mappings

    def refused(self, error: EtlError) -> None:
        """Report that some mappings could not be loaded; the others are worked on."""
        self._refused = error

    def begun(self) -> None:
        """Report that the work began. Called for each mapping whose lock is held; only the first call reports."""
        if self._pinger is not None and not self._begun:
            self._pinger.send("start")
        self._begun = True

    def ended(self, mapping: Mapping, outcome: Outcome, store: StateStore | None) -> None:
        """Report how the work on `mapping` ended; `store` is None without a state."""
        if self._to == ReportTo():
            self._count(outcome)
            return
        ending = _ending(mapping, outcome, store, now=self._clock.utc_now())
        self.heard(ending)
        if self._to.heard is not None:
            self._to.heard(ending)
        self._write_figures(ending)

    def _write_figures(self, ending: Ending) -> None:
        if self._to.metrics_file is not None and ending.ran:
            from etl.monitoring.textfile import MetricsNotWrittenError, write_metrics

            try:
                write_metrics(self._to.metrics_file, ending)
            except MetricsNotWrittenError as problem:
                self._say(f"the metrics file was not written: {problem}")

    def heard(self, ending: Ending) -> None:
        """Take in how the work on a mapping ended, perhaps in another process."""
        self._endings.append(ending)
        self._count(ending.outcome)
        self._push_figures(ending)

    def _push_figures(self, ending: Ending) -> None:
        if self._pushgateway is None or not ending.ran:
            return
        from etl.monitoring.pushgateway import push_metrics

        if (said := push_metrics(self._pushgateway, ending)) is not None:
            # Not tried again: a Pushgateway that is unreachable would cost its time-out for every mapping.
            self._pushgateway = None
            self._say(f"the figures were not taken by the Pushgateway: {said}")

    def _count(self, outcome: Outcome) -> None:
        self.stopped_by_failures += isinstance(outcome.error, TooManyFailures)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Report how the whole call ended, even if no mapping was worked on."""
        problem = None if error is None else _told_as_ours(error)
        if problem is not None:
            told = {ending.outcome.mapping for ending in self._endings}
            for mapping in self._expected:
                if mapping.name not in told:
                    self.ended(mapping, _nothing_done(mapping, self._command, problem), None)
        self._refused_figures(problem or self._refused)
        if self._to.notify_url:
            self._tell_people(problem)
        if self._pinger is not None:
            self._tell_end(self._pinger, problem)
            if (said := self._pinger.close()) is not None:
                self._say(f"the ping URL was not told: {said}")

    def _refused_figures(self, error: EtlError | None) -> None:
        # Otherwise the last success would still be shown for a mapping whose file is now wrong.
        for file in error.files if isinstance(error, MappingInvalid) else ():
            if file.mapping is not None:
                outcome = Outcome(file.mapping, self._command, "", Books(), 0.0, None, None, error=error)
                ending = Ending(outcome, self._clock.utc_now())
                self._write_figures(ending)
                self._push_figures(ending)

    def _tell_end(self, pinger: Pinger, problem: EtlError | None) -> None:
        from etl.monitoring.ping import words_for

        problem = problem or self._refused
        ran = [ending for ending in self._endings if ending.ran]
        if problem is None and not ran and not self._begun:
            return
        codes = [ending.outcome.exit_code for ending in ran]
        worst = worst_exit_code(codes) if problem is None else problem.exit_code
        refused = self._refused is not None or (problem is not None and not ran)
        bad = refused or any(ending.needs_person for ending in ran)
        pinger.send("fail" if bad else "success", words_for(self._endings, exit_code=worst))

    def _tell_people(self, problem: EtlError | None) -> None:
        from etl.commands.notices import tell_changes

        files = {mapping.name: mapping.path for mapping in self._expected}
        done = [(files[one.outcome.mapping], one) for one in self._endings if one.outcome.mapping in files]
        said = tell_changes(self._to.notify_url, self._calls, done, problem or self._refused, self._clock)
        if said is not None:
            self._say(f"the notification was not sent, the next run tries again: {said}")

    def _say(self, words: str) -> None:
        if words not in self._said:
            self._said.add(words)
            if self._calls.printed:
                tell(f"warning: {words}")
            else:
                LOG.warning(words)


def _ending(mapping: Mapping, outcome: Outcome, store: StateStore | None, *, now: datetime) -> Ending:
    # What was sent by --key is not the run that was due.
    done = now if outcome.outcome == "done" and outcome.partial != "keys" else None
    letters = None
    if store is not None:
        try:
            state = store.mapping(mapping.name)
            letters = state.dead_letter_counts()
            done = done or next(
                (
                    run.finished_at
                    for run in state.runs(LATEST_RUNS)
                    if run.command == outcome.command
                    and run.outcome == "done"
                    and (run.summary or {}).get("partial") != "keys"
                ),
                None,
            )
        except EtlError:
            letters = None  # the run reports the same error of the state
    # Not a backfill's checkpoint, which is in the past on purpose.
    return Ending(outcome, now, done, letters, None if outcome.command == "backfill" else outcome.checkpoint_at)


def _told_as_ours(error: BaseException) -> EtlError:
    match error:
        case EtlError():
            return error
        case KeyboardInterrupt() | click.Abort():
            return Interrupted("interrupted", signal_number=signal.SIGINT)
        case _:
            return EtlError("ended by a bug")


def _nothing_done(mapping: Mapping, command: str, problem: EtlError) -> Outcome:
    return Outcome(mapping.name, command, "", Books(), 0.0, None, None, error=problem)

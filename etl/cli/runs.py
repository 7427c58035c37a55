"""Runs mapping after mapping and tells how each ended.

The rule: the lock comes first. Whoever finds a mapping at work leaves before anything heavy is imported, and without a
word to its database.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias
from uuid import uuid4

import click

from etl.books import Books
from etl.cli.boundary import show_error
from etl.cli.loading import load
from etl.cli.logs import log_context
from etl.cli.progress import Progress
from etl.cli.reports import Reports, ReportTo
from etl.cli.summary import show_outcome
from etl.clock import Clock
from etl.errors import EtlError, FirstRunUndecided, Interrupted, MappingLocked, UsageProblem, worst_exit_code
from etl.host.collector import ease_collector
from etl.host.signals import on_signals
from etl.host.system_clock import SystemClock
from etl.job.outcome import Outcome
from etl.mapping.model import Mapping
from etl.mapping.quantities import parse_duration
from etl.page import Window
from etl.state.mapping_state import MappingState
from etl.state.store import StateStore, open_state

if TYPE_CHECKING:
    from etl.job.deliver import Delivery
    from etl.job.run import RunOptions, Workshop

LOCK_POLL_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class RunCall:
    """The options of `run`, as given."""

    dry_run: bool
    start_from: str | None
    full_refresh: bool
    limit: int | None
    max_runtime: str | None
    deadline: str | None
    if_locked: str
    state: str
    output: str
    yes: bool
    report_to: ReportTo


class Stopper:
    """Turns the first signal into a clean stop of the delivery that is under way, and of those that would follow."""

    def __init__(self, clock: SystemClock, begun: Callable[[], None]) -> None:
        self.error: Interrupted | None = None
        self._clock = clock
        self._begun = begun
        self._delivery: Delivery | None = None

    def signalled(self, number: int) -> None:
        """Ask for the clean stop. Safe in a signal handler: a SimpleQueue's put may interrupt itself."""
        self.error = Interrupted("stopped by a signal; the checkpoint is saved", signal_number=number)
        # Waits for a lock or for the database end at once.
        self._clock.interrupt()
        if self._delivery is not None:
            self._delivery.stop(self.error)

    def watch(self, delivery: Delivery) -> None:
        """Stop `delivery` when the signal comes, or came already."""
        self._delivery = delivery
        self._begun()
        if self.error is not None:
            delivery.stop(self.error)


@dataclass(frozen=True, slots=True)
class RetryCall:
    """The options of `retry`, as given."""

    reason: str | None
    limit: int | None
    state: str
    output: str
    report_to: ReportTo


@dataclass(frozen=True, slots=True)
class BackfillCall:
    """The options of `backfill`, as given."""

    start: str
    end: str
    window: str | None
    restart: bool
    dry_run: bool
    state: str
    output: str
    report_to: ReportTo


Work: TypeAlias = "Callable[[Workshop, str, Progress, Stopper], Outcome]"


def run_all(paths: tuple[Path, ...], call: RunCall) -> int:
    """Run every mapping of `paths` in order; each runs, whatever became of the one before.

    Returns the worst exit code.
    """
    clock = SystemClock()
    deadline = _deadline(call, clock)

    def work(shop: Workshop, run_id: str, progress: Progress, stopper: Stopper) -> Outcome:
        from etl.job.deliver import Limits
        from etl.job.run import RunOptions, forecast_mapping, run_mapping

        options = RunOptions(
            run_id=run_id,
            start_from=call.start_from,
            full_refresh=call.full_refresh,
            limits=Limits(rows=call.limit, deadline=deadline),
        )
        options = _decided(shop, options, call, progress)
        if call.dry_run:
            return forecast_mapping(shop, options, report=progress.report)
        return run_mapping(shop, options, report=progress.report, started=stopper.watch)

    job = Call(
        "run",
        call.state,
        call.output,
        report_to=call.report_to,
        dry_run=call.dry_run,
        if_locked=call.if_locked,
    )
    return _each(paths, job, work, clock=clock)


def retry_all(paths: tuple[Path, ...], call: RetryCall) -> int:
    """Retry the dead letters of every mapping of `paths`; returns the worst exit code."""
    clock = SystemClock()

    def work(shop: Workshop, run_id: str, progress: Progress, stopper: Stopper) -> Outcome:
        from etl.job.retry import retry_mapping

        return retry_mapping(
            shop,
            shop.state,
            run_id=run_id,
            reason=call.reason,
            limit=call.limit,
            report=progress.report,
            started=stopper.watch,
        )

    return _each(paths, Call("retry", call.state, call.output, report_to=call.report_to), work, clock=clock)


def backfill_one(path: Path, call: BackfillCall) -> int:
    """Backfill one mapping; returns the exit code."""
    clock = SystemClock()

    def work(shop: Workshop, run_id: str, progress: Progress, stopper: Stopper) -> Outcome:
        from etl.job.backfill import BackfillOptions, backfill_mapping, forecast_backfill

        options = BackfillOptions(
            run_id=run_id, start=call.start, end=call.end, window=call.window, restart=call.restart
        )
        if call.dry_run:
            return forecast_backfill(shop, options, report=progress.report)
        return backfill_mapping(shop, options, report=progress.report, started=stopper.watch)

    job = Call("backfill", call.state, call.output, report_to=call.report_to, dry_run=call.dry_run, track="backfill")
    return _each((path,), job, work, clock=clock)


@dataclass(frozen=True, slots=True)
class Call:
    """What all commands that work through mappings share. `track` is what is locked, unless in a dry run."""

    command: str
    state: str
    output: str
    report_to: ReportTo
    dry_run: bool = False
    track: str = "run"
    if_locked: str = "fail"


def _each(paths: tuple[Path, ...], call: Call, work: Work, *, clock: SystemClock) -> int:
    codes: list[int] = []
    with ExitStack() as stack:
        # A rehearsal is nobody's news.
        to = ReportTo() if call.dry_run else call.report_to
        reports = stack.enter_context(Reports(to, command=call.command, clock=clock))
        mappings = load(paths)
        reports.expect(mappings)
        stopper = Stopper(clock, reports.begun)
        stack.enter_context(on_signals(stopper.signalled))
        store = stack.enter_context(open_state(call.state, clock=clock, write=not call.dry_run))
        for mapping in mappings:
            if stopper.error is not None:
                codes.append(stopper.error.exit_code)
                break
            codes.append(_one(mapping, store, call, work, clock=clock, stopper=stopper, reports=reports))
    return worst_exit_code(codes)


def _one(  # noqa: PLR0913 - what all mappings share
    mapping: Mapping, store: StateStore, call: Call, work: Work, *, clock: Clock, stopper: Stopper, reports: Reports
) -> int:
    run_id = uuid4().hex[:12]
    log_context(mapping=mapping.name, run_id=run_id)
    begun = clock.monotonic()
    try:
        with ExitStack() as stack:
            if not call.dry_run:
                stack.enter_context(_locked(store.mapping(mapping.name), call, clock))
            from etl.cli.wiring import workshop

            ease_collector()
            shop = stack.enter_context(workshop(mapping, store, patient=call.command == "backfill", clock=clock))
            outcome = work(shop, run_id, stack.enter_context(Progress(mapping.name)), stopper)
    except EtlError as error:
        if isinstance(error, MappingLocked) and call.if_locked == "skip":
            click.echo(f"{mapping.name}: skipped, {error.message}", err=True)
            return 0
        outcome = Outcome(
            mapping=mapping.name,
            command=call.command,
            run_id=run_id,
            books=Books(),
            duration_seconds=clock.monotonic() - begun,
            before=None,
            checkpoint=None,
            error=stopper.error or error,
            dry_run=call.dry_run,
        )
    reports.ended(mapping, outcome, store)
    show_outcome(outcome, output=call.output)
    if outcome.error is not None:
        show_error(outcome.error, subject=mapping.name)
    return outcome.exit_code


def _decided(shop: Workshop, options: RunOptions, call: RunCall, progress: Progress) -> RunOptions:
    # A first run is a person's decision; on a terminal it is asked for, with what is at stake.
    if options.full_refresh and not call.yes and not call.dry_run and sys.stdin.isatty():
        progress.pause()
        click.confirm(f"{shop.mapping.name}: send every row again?", abort=True, err=True)
    if options.start_from is not None or options.full_refresh or shop.state.checkpoint("run") is not None:
        return options
    if not sys.stdin.isatty() or not sys.stderr.isatty():
        return options
    progress.pause()
    rows = shop.source.count(Window())
    click.echo(f"{shop.mapping.name} has no checkpoint: this is a first run. The table has {rows} rows.", err=True)
    choice = click.prompt("Start from", type=click.Choice(["beginning", "now", "stop"]), default="stop", err=True)
    if choice == "stop":
        raise FirstRunUndecided(f"{shop.mapping.name}: not started", hint="--start-from says where a first run begins")
    return replace(options, start_from=choice)


def _locked(state: MappingState, call: Call, clock: Clock) -> ExitStack:
    told = False
    while True:
        stack = ExitStack()
        try:
            stack.enter_context(state.lock(call.track))
        except MappingLocked as error:
            if call.if_locked != "wait":
                raise
            if not told:
                click.echo(f"{error.message}; waiting for its end", err=True)
                told = True
            if clock.wait(LOCK_POLL_SECONDS):
                raise
        else:
            return stack


def _deadline(call: RunCall, clock: Clock) -> float | None:
    """The earlier of --max-runtime and --deadline on the monotonic clock, in seconds; None without both."""
    ends: list[float] = []
    if call.max_runtime is not None:
        try:
            ends.append(parse_duration(call.max_runtime).total_seconds())
        except ValueError as problem:
            raise UsageProblem(f"--max-runtime: {problem}", hint="such as 90m or 2h") from None
    if call.deadline is not None:
        if not re.fullmatch(r"([01]?\d|2[0-3]):[0-5]\d", call.deadline, re.ASCII):
            raise UsageProblem("--deadline: not a time of the day", hint="such as 06:00")
        hour, minute = map(int, call.deadline.split(":"))
        now = datetime.fromtimestamp(time.time()).astimezone()
        end = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
        ends.append(((end if end > now else end + timedelta(days=1)) - now).total_seconds())
    return clock.monotonic() + min(ends) if ends else None

"""What `run`, `retry` and `backfill` do with one mapping, by the options of the call."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from etl.cli.ends import clock_end, running_end
from etl.cli.progress import Progress
from etl.cli.reports import ReportTo
from etl.cli.working import Call, Stopper, each
from etl.errors import FirstRunUndecided
from etl.host.system_clock import SystemClock
from etl.job.outcome import Outcome
from etl.page import Window

if TYPE_CHECKING:
    from etl.job.run import RunOptions, Workshop


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


def run_all(paths: tuple[Path, ...], call: RunCall) -> int:
    """Run every mapping of `paths` in order; each runs, whatever became of the one before.

    Returns the worst exit code.
    """
    clock = SystemClock()
    deadline, until = running_end(call.max_runtime, clock=clock), clock_end(call.deadline, clock=clock)

    def work(shop: Workshop, run_id: str, progress: Progress, stopper: Stopper) -> Outcome:
        from etl.job.deliver import Limits
        from etl.job.run import RunOptions, forecast_mapping, run_mapping

        options = RunOptions(
            run_id=run_id,
            start_from=call.start_from,
            full_refresh=call.full_refresh,
            limits=Limits(rows=call.limit, deadline=deadline, until=until),
        )
        options = _decided(shop, options, call, progress)
        if call.dry_run:
            return forecast_mapping(shop, options, report=progress.report, planned=progress.planned)
        return run_mapping(shop, options, report=progress.report, started=stopper.watch, planned=progress.planned)

    job = Call(
        "run",
        call.state,
        call.output,
        report_to=call.report_to,
        dry_run=call.dry_run,
        if_locked=call.if_locked,
        limit=call.limit,
        out_of_time=lambda: (
            (deadline is not None and clock.monotonic() >= deadline) or (until is not None and clock.utc_now() >= until)
        ),
    )
    return each(paths, job, work, clock=clock)


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
            planned=progress.planned,
        )

    return each(paths, Call("retry", call.state, call.output, report_to=call.report_to), work, clock=clock)


def backfill_one(path: Path, call: BackfillCall) -> int:
    """Backfill one mapping; returns the exit code."""
    clock = SystemClock()

    def work(shop: Workshop, run_id: str, progress: Progress, stopper: Stopper) -> Outcome:
        from etl.job.backfill import BackfillOptions, backfill_mapping, forecast_backfill

        options = BackfillOptions(
            run_id=run_id, start=call.start, end=call.end, window=call.window, restart=call.restart
        )
        if call.dry_run:
            return forecast_backfill(shop, options, report=progress.report, planned=progress.planned)
        return backfill_mapping(shop, options, report=progress.report, started=stopper.watch, planned=progress.planned)

    job = Call("backfill", call.state, call.output, report_to=call.report_to, dry_run=call.dry_run, track="backfill")
    return each((path,), job, work, clock=clock)


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

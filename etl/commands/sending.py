"""What `run`, `retry` and `backfill` do with one mapping, by the options of the call."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import click

from etl.books import Books
from etl.checkpoint import Checkpoint
from etl.clock import Clock
from etl.commands.calls import BackfillCall, RetryCall, RunCall
from etl.commands.each_mapping import Call, Reported, Stopper, each
from etl.commands.not_started import refusals_noted
from etl.commands.reports import ReportTo
from etl.errors import FirstRunUndecided, UsageProblem
from etl.host.system_clock import SystemClock
from etl.job.outcome import Outcome
from etl.mapping.quantities import parse_duration
from etl.monitoring.ending import Ending
from etl.page import Window
from etl.screen.progress import Progress

if TYPE_CHECKING:
    from etl.commands.report import ReportFile
    from etl.job.run import RunContext
    from etl.job.start import RunOptions


Heard: TypeAlias = "Callable[[Outcome], None] | None"


def run_all(
    paths: tuple[Path, ...],
    call: RunCall,
    *,
    heard: Heard = None,
    ended: Callable[[Ending], None] | None = None,
    reported: Reported | None = None,
) -> int:
    """Run every mapping of `paths` in order; each runs, whatever became of the one before.

    `heard` as in `Call`; nothing is asked then. `ended` hears what monitoring hears.
    `reported` takes in what a `--report` would say, where another process writes it.

    Returns the worst exit code. Raises `click.UsageError` for options that do not go together.
    """
    # A dry run and rows by their keys are no nights.
    with nullcontext() if call.dry_run or call.keys else refusals_noted(paths, call.state):
        return _run_all(paths, call, heard=heard, ended=ended, reported=reported)


def _run_all(
    paths: tuple[Path, ...],
    call: RunCall,
    *,
    heard: Heard,
    ended: Callable[[Ending], None] | None,
    reported: Reported | None,
) -> int:
    call.check_options(paths)
    clock = SystemClock()
    deadline, until = running_end(call.max_runtime, clock=clock), clock_end(call.deadline, clock=clock)
    if call.jobs > 1:
        from etl.commands.side_by_side import run_side_by_side

        return run_side_by_side(paths, call, report=_report(call), clock=clock)

    def work(context: RunContext, run_id: str, progress: Progress, stopper: Stopper) -> Outcome:
        from etl.job.run import forecast_mapping, run_mapping
        from etl.job.start import RunLimits, RunOptions

        if call.show_answer or call.keys:
            context = _showing(context, call)
        if call.keys:
            from etl.job.retry import send_keys

            return send_keys(
                context,
                [context.source.parse_key(key) for key in call.keys],
                run_id=run_id,
                limits=RunLimits(deadline=deadline, until=until),
                report=progress.report,
                started=stopper.watch,
                planned=progress.planned,
            )
        options = RunOptions(
            run_id=run_id,
            start_from=call.start_from,
            full_refresh=call.full_refresh,
            limits=RunLimits(rows=call.limit, deadline=deadline, until=until),
            ignore_guards=call.ignore_guards,
        )
        options = _decided(context, options, call, progress, ask=heard is None)
        if call.dry_run:
            return _with_differing(
                context, forecast_mapping(context, options, report=progress.report, planned=progress.planned)
            )

        def looking(so_far: Books) -> None:
            stopper.check()
            progress.report(so_far, looking=True)

        ended = run_mapping(
            context,
            options,
            report=progress.report,
            started=stopper.watch,
            planned=progress.planned,
            looking=looking,
        )
        return _with_differing(context, ended)

    job = Call(
        "run",
        call.state,
        call.output,
        report_to=_report_to(call, ended=ended),
        dry_run=call.dry_run,
        check=call.check,
        fine=call.exit_zero_on,
        shard=call.shard,
        if_locked=call.if_locked,
        limit=call.limit,
        report=reported or _report(call),
        needs_state=not (call.start_from or call.full_refresh or call.keys or _can_ask(heard)),
        out_of_time=lambda: (
            (deadline is not None and clock.monotonic() >= deadline) or (until is not None and clock.utc_now() >= until)
        ),
        heard=heard,
        workers=call.workers,
        of_keys=bool(call.keys),
        again=call.again,
    )
    return each(paths, job, work, clock=clock)


def _with_differing(context: RunContext, outcome: Outcome) -> Outcome:
    if outcome.mapping_change is None or outcome.error is not None:
        return outcome
    from etl.job.forecast import rows_that_differ

    return replace(outcome, differing=rows_that_differ(context))


def _showing(context: RunContext, call: RunCall) -> RunContext:
    from etl.commands.answers import ShowingSender

    return replace(
        context, open_client=lambda: ShowingSender(context.open_client(), values=call.show_values, output=call.output)
    )


def retry_all(paths: tuple[Path, ...], call: RetryCall, *, heard: Heard = None) -> int:
    """Retry the dead letters of every mapping of `paths`; returns the worst exit code. `heard` as in `Call`.

    Raises `click.UsageError` for options that do not go together.
    """
    call.check_options(paths)
    clock = SystemClock()
    if call.reason is not None:
        from etl.commands.letters import require_reason

        require_reason(call.reason, paths, state=call.state, clock=clock)

    def work(context: RunContext, run_id: str, progress: Progress, stopper: Stopper) -> Outcome:
        from etl.job.retry import retry_mapping

        return retry_mapping(
            context,
            context.state,
            run_id=run_id,
            keys=[context.source.parse_key(key) for key in call.keys] or None,
            reason=call.reason,
            limit=call.limit,
            report=progress.report,
            started=stopper.watch,
            planned=progress.planned,
        )

    return each(
        paths,
        Call(
            "retry",
            call.state,
            call.output,
            report_to=_report_to(call),
            fine=call.exit_zero_on,
            heard=heard,
        ),
        work,
        clock=clock,
    )


def backfill_one(path: Path, call: BackfillCall, *, heard: Heard = None) -> int:
    """Backfill one mapping; returns the exit code. `heard` as in `Call`.

    Raises `click.UsageError` for options that do not go together.
    """
    call.check_options()
    clock = SystemClock()

    def work(context: RunContext, run_id: str, progress: Progress, stopper: Stopper) -> Outcome:
        from etl.job.backfill import BackfillOptions, backfill_mapping, forecast_backfill

        options = BackfillOptions(
            run_id=run_id, start=call.start, end=call.end, window=call.window, resend=call.resend, restart=call.restart
        )
        if call.dry_run:
            return forecast_backfill(context, options, report=progress.report, planned=progress.planned)
        return backfill_mapping(
            context, options, report=progress.report, started=stopper.watch, planned=progress.planned
        )

    job = Call(
        "backfill",
        call.state,
        call.output,
        report_to=_report_to(call),
        dry_run=call.dry_run,
        fine=call.exit_zero_on,
        track="backfill",
        report=_report(call),
        heard=heard,
        workers=call.workers,
    )
    return each((path,), job, work, clock=clock)


def _report_to(call: RunCall | RetryCall | BackfillCall, *, ended: Callable[[Ending], None] | None = None) -> ReportTo:
    # Who calls with keys sees what became of them; what is new then is told after the next run.
    by_key = not isinstance(call, BackfillCall) and bool(call.keys)
    people = () if by_key else call.notify_url
    return ReportTo(call.metrics_file, call.pushgateway, call.ping_url, people, heard=ended)


def _report(call: RunCall | BackfillCall) -> ReportFile | None:
    if call.report is None:
        return None
    from etl.commands.report import ReportFile

    return ReportFile(call.report, masked=not call.no_mask, state=call.state)


def _can_ask(heard: Heard) -> bool:
    """Whether a person sits at the terminal."""
    return heard is None and sys.stdin.isatty() and sys.stderr.isatty()


def _decided(context: RunContext, options: RunOptions, call: RunCall, progress: Progress, *, ask: bool) -> RunOptions:
    # A first run is a person's decision; on a terminal it is asked for, with what is at stake.
    if ask and options.full_refresh and not call.yes and not call.dry_run and sys.stdin.isatty():
        progress.pause()
        click.confirm(f"{context.mapping.name}: send every row again?", abort=True, err=True)
    from etl.job.start import has_begun

    before = context.state.checkpoint("run")
    if before is not None and options.start_from is not None and has_begun(context, before):
        return _begun_already(context, options, call, progress, before, ask=ask)
    if options.start_from is not None or options.full_refresh or before is not None:
        return options
    if not ask or not sys.stdin.isatty() or not sys.stderr.isatty():
        return options
    progress.pause()
    rows = context.source.count_for_report(Window())
    at_stake = (
        "How many rows the table has could not be counted quickly." if rows is None else f"The table has {rows} rows."
    )
    click.echo(f"{context.mapping.name} has no checkpoint: this is a first run. {at_stake}", err=True)
    choice = click.prompt("Start from", type=click.Choice(["beginning", "now", "stop"]), default="stop", err=True)
    if choice == "stop":
        raise FirstRunUndecided(
            f"{context.mapping.name}: not started", hint="--start-from says where a first run begins"
        )
    return replace(options, start_from=choice)


def _begun_already(  # noqa: PLR0913 - what the answer depends on
    context: RunContext, options: RunOptions, call: RunCall, progress: Progress, before: Checkpoint, *, ask: bool
) -> RunOptions:
    # `--start-from` left in a crontab must not skip what waits, nor read everything anew each night.
    if call.yes or call.dry_run:
        return replace(options, move_checkpoint=True)
    if not ask or not sys.stdin.isatty() or not sys.stderr.isatty():
        return options
    progress.pause()
    waiting = context.source.count(Window(after=before.position))
    what = f"{waiting} rows wait above it" + (" and would never be sent" if options.start_from == "now" else "")
    click.echo(f"{context.mapping.name} has a checkpoint: {what}.", err=True)
    click.confirm(f"begin from {options.start_from} all the same?", abort=True, err=True)
    return replace(options, move_checkpoint=True)


def running_end(max_runtime: str | None, *, clock: Clock) -> float | None:
    """The end by `--max-runtime` on the monotonic clock, in seconds. Raises `UsageProblem`."""
    if max_runtime is None:
        return None
    try:
        return clock.monotonic() + parse_duration(max_runtime).total_seconds()
    except ValueError as problem:
        raise UsageProblem(f"--max-runtime: {problem}", hint="such as 90m or 2h") from None


def clock_end(deadline: str | None, *, clock: Clock) -> datetime | None:
    """The end by `--deadline`, the next such local time; aware, UTC. Raises `UsageProblem`."""
    if deadline is None:
        return None
    if not re.fullmatch(r"([01]?\d|2[0-3]):[0-5]\d", deadline, re.ASCII):
        raise UsageProblem("--deadline: not a time of the day", hint="such as 06:00")
    hour, minute = map(int, deadline.split(":"))
    # Naive, so that the system's zone is asked again for that moment: it may lie behind a change of summer time.
    now = clock.utc_now().astimezone().replace(tzinfo=None)
    end = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    return (end if end > now else end + timedelta(days=1)).astimezone(UTC)

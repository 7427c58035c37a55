"""Runs one mapping from the checkpoint to the upper bound, and keeps a record of the run in the state.

The rule: the record of a run is written before anything is sent, and closed whatever ends the run.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from etl.books import Books
from etl.clock import Clock
from etl.delivery.courier import Courier
from etl.errors import EtlError, GuardTripped, StateUnusable, StoppedEarly
from etl.event.event import Event
from etl.event.hashes import hashers
from etl.host.refusal import refusal_of
from etl.job.encoder import Encoder
from etl.job.fingerprint import fingerprint_of
from etl.job.forecast import Forecaster, forecast_outcome
from etl.job.fuse import Fuse
from etl.job.guards import rows_gone, rows_gone_now, tripped_guards
from etl.job.loop import Delivery, Line
from etl.job.outcome import Forecast, Outcome, TrippedGuard, checkpoint_dict
from etl.job.ports import Pages, RunSource, RunState, Sender, Suppressions, Transform
from etl.job.prepare import Preparer
from etl.job.spread import Workers
from etl.job.spread_places import SpreadPlaces
from etl.job.spread_ranges import SpreadRanges
from etl.job.start import NO_LIMITS, REFRESH, RunLimits, RunOptions, planned_windows, require_start, windows_to_read
from etl.mapping.change import MappingChange
from etl.mapping.mapped import mapped_parts
from etl.mapping.model import Mapping
from etl.page import Bound, Window

LOG = logging.getLogger(__name__)
# What a job is going to read: windows, or the number of rows where that is known.
Plan: TypeAlias = Sequence[Window] | int


@dataclass(frozen=True, slots=True)
class RunContext:
    """The parts of a run of one mapping, put together by the command. `workers` None: no worker processes."""

    mapping: Mapping
    source: RunSource
    state: RunState
    transform: Transform
    clock: Clock
    suppressions: Suppressions
    courier: Callable[[], Courier]
    open_client: Callable[[], Sender]
    workers: Workers | None = None

    def confirm_fingerprint(self) -> None:
        """Raise `StateUnusable` when the state is that of another source or account."""
        self.state.confirm_fingerprint(fingerprint_of(self.mapping, self.source))

    @property
    def mapping_change(self) -> MappingChange | None:
        """How the mapping differs from that of the last run that was done; None when it does not, or there was none."""
        return self.state.mapped.change_to(mapped_parts(self.mapping))

    @property
    def fuse(self) -> Fuse:
        """The fuse that stops the run when too many rows fail."""
        return Fuse(self.mapping.max_failure_rate, self.mapping.destination.batch_size)

    def preparer(self, *, compare: bool, letters: bool = True, leaves: bool = False) -> Preparer:
        """The step from pages to events.

        Without `compare` no row counts as unchanged; without `letters` events that were refused before are sent again.
        leaves: prepared events may be sent, so ledger entries that become doubtful are recorded.
        """
        hashed = self.mapping.resend == "changed"
        return Preparer(
            self.encoder(),
            ledger=self.state if hashed else None,
            compare=compare,
            doubts=self.state if hashed and leaves else None,
            letters=self.state if letters else None,
            suppressions=self.suppressions,
            max_event_bytes=self.mapping.destination.max_batch_bytes,
        )

    def encoder(self) -> Encoder:
        """The part of that step that any process can do."""
        hashed = self.mapping.resend == "changed"
        return Encoder(
            self.transform,
            hashers=hashers(self.state.hash_key, self.marked_fields()) if hashed else None,
            resend_ignores=self.mapping.resend_ignores,
            max_event_bytes=self.mapping.destination.max_batch_bytes,
        )

    @property
    def pages(self) -> Pages:
        """Where the pages come from: workers if there are any and they can read this source, else this process."""
        workers, source = self.workers, self.source
        if workers is None:
            return source
        how: Any = {"encode": self.encoder(), "page_rows": self.mapping.source.page_size, "clock": self.clock}
        if source.ranges is not None:
            return SpreadRanges(source, source.ranges, workers, **how)
        if source.places is not None:
            return SpreadPlaces(source, source.places, workers, **how)
        return source

    def marked_fields(self) -> Sequence[str]:
        """The fields whose marks the ledger keeps, in order; a later run tells by them which fields changed."""
        wanted = ["event", *self.mapping.fields, *([] if self.mapping.products is None else ["products"])]
        return self.state.field_names(wanted)


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work on a mapping: `run`, `backfill` and `retry` are different plans of the same loop.

    `plan` is called after the run's record is written, and returns what to read; an error that it raises ends the run.
    `pages` is where pages come from. `compare`: unchanged rows are not sent. `tries_again`: rows that were refused
    before are sent again. `fuse` None: the mapping's own. `completed` is called when all that was planned is read and
    settled, unless a limit ended it; an error that it raises ends the run. `window_done` is called with each settled
    window. Called at the end: `windows` returns how many windows are done and how many there are (None: not counted),
    `forecast` what would have been sent if guards stopped the run, `rows_gone` a number for the guards of the next
    runs. `rows` is how many will be read; None: their windows have to be counted. `as_mapped`: once the job is done,
    the mapping is recorded as the one last used. `whole`: the job compares every row, so once it is done no accepted
    event is one that an earlier mapping made.
    """

    command: str
    track: str
    run_id: str
    plan: Callable[[Books], Iterable[Window]]
    pages: Pages
    compare: bool = True
    tries_again: bool = False
    fuse: Fuse | None = None
    limits: RunLimits = NO_LIMITS
    completed: Callable[[], None] = lambda: None
    window_done: Callable[[Window], None] = lambda _: None
    windows: Callable[[], tuple[int, int] | None] = lambda: None
    rows: int | None = None
    forecast: Callable[[], Forecast | None] = lambda: None
    rows_gone: Callable[[], int] = lambda: 0
    as_mapped: bool = False
    whole: bool = False


def do(
    context: RunContext,
    job: Job,
    *,
    report: Callable[[Books], None] = lambda _: None,
    started: Callable[[Delivery], None] = lambda _: None,
    planned: Callable[[Plan], None] = lambda _: None,
) -> Outcome:
    """Do one job, with its record in the state. The lock is the caller's.

    `started` is called with the delivery, so that the caller can stop it; `planned` with what is going to be read.
    """
    begun = context.clock.monotonic()
    before = context.state.checkpoint(job.track)
    _warn_of_an_older_state(context)
    run_no = context.state.start_run(run_id=job.run_id, command=job.command, before=checkpoint_dict(before))
    ledger = context.mapping.resend == "changed"
    courier = context.courier()
    delivery = Delivery(
        Line(
            source=job.pages,
            prepare=context.preparer(compare=job.compare, letters=not job.tries_again, leaves=True),
            courier=courier,
            state=context.state,
            suppressions=context.suppressions,
            fuse=job.fuse or context.fuse,
            clock=context.clock,
            open_client=context.open_client,
            concurrency=context.mapping.destination.concurrency,
            ledger=ledger,
            tries_again=job.tries_again,
            track=job.track,
            run_no=run_no,
            run_id=job.run_id,
            lone=context.state.lone if job.command == "run" and job.rows is None else None,
        ),
        limits=job.limits,
        report=report,
        window_done=job.window_done,
    )
    error: EtlError | None = None
    try:
        windows = tuple(job.plan(delivery.books))
        context.state.mapped.enter(mapped_parts(context.mapping))
        planned(windows if job.rows is None else job.rows)
        started(delivery)
        error = delivery.run(windows)
        if error is None and not delivery.limited:
            job.completed()
    except (EtlError, OSError, RuntimeError, MemoryError) as problem:
        error = problem if isinstance(problem, EtlError) else refusal_of(problem)
        if error is None:
            raise
        delivery.books.close()
    outcome = Outcome(
        mapping=context.mapping.name,
        command=job.command,
        run_id=job.run_id,
        books=delivery.books,
        duration_seconds=context.clock.monotonic() - begun,
        before=before,
        checkpoint=before,
        error=error,
        windows=job.windows(),
        forecast=job.forecast(),
        partial="keys" if job.rows is not None else "limit" if delivery.limited else None,
        mapping_change=context.mapping_change if job.as_mapped else None,
        follows_clock=context.source.follows_clock,
        rows_gone=job.rows_gone(),
    )
    now = context.clock.utc_now()
    return _recorded(context, job, run_no, outcome, unanswered=courier.unanswered).ended(now)


def _recorded(
    context: RunContext, job: Job, run_no: int, outcome: Outcome, *, unanswered: list[Event] | None
) -> Outcome:
    # An error of the state at the end must not hide what was sent.
    try:
        checkpoint = context.state.checkpoint(job.track)
        position = None if checkpoint is None else checkpoint.position
        moment = None if position is None or position.cursor is None else context.source.instant(position.cursor)
        outcome = replace(outcome, checkpoint=checkpoint, checkpoint_at=moment)
        context.state.finish_run(run_no, outcome.to_keep(), unanswered=unanswered)
        if job.as_mapped and outcome.outcome == "done":
            context.state.mapped.record(mapped_parts(context.mapping))
        if job.whole and outcome.outcome == "done" and outcome.partial is None:
            context.state.mapped.settle(mapped_parts(context.mapping))
        if job.command == "run" and outcome.outcome == "done" and outcome.partial != "keys":
            context.state.lone.forget()
    except StateUnusable as trouble:
        return outcome if isinstance(outcome.error, StateUnusable) else replace(outcome, error=trouble)
    return outcome


def _warn_of_an_older_state(context: RunContext) -> None:
    last = context.state.forgotten_run()
    if last is not None:
        hours = (context.clock.utc_now() - last.noted_at).total_seconds() / 3600
        LOG.warning(
            "the state is older than its last run, as from a backup: what was sent since may be sent again",
            extra={"last_run": last.run_id, "hours_ago": round(hours, 1), "sent_by_it": last.sent},
        )


def run_mapping(  # noqa: PLR0913 - who hears of it
    context: RunContext,
    options: RunOptions,
    *,
    report: Callable[[Books], None] = lambda _: None,
    started: Callable[[Delivery], None] = lambda _: None,
    planned: Callable[[Plan], None] = lambda _: None,
    looking: Callable[[Books], None] = lambda _: None,
) -> Outcome:
    """Run one mapping from its checkpoint to the upper bound.

    With guards, a dry run over the same windows comes first; `looking` is called with its progress, and an error that
    it raises ends the run. A full refresh that is stopped is continued by the next runs until it is complete.
    """
    before = context.state.checkpoint("run")
    require_start(context, before, options)
    context.confirm_fingerprint()
    refreshing = options.full_refresh or context.state.checkpoint(REFRESH) is not None

    stopped: Forecast | None = None
    gone = 0

    def plan(books: Books) -> Sequence[Window]:
        nonlocal gone
        gone = rows_gone(context)

        def look(windows: Sequence[Window]) -> None:
            nonlocal stopped
            if not context.mapping.guards.any or not options.looks_first:
                return
            forecaster = _forecaster(context, options)
            forecaster.read(context.pages, windows, limit=options.limits.rows, report=heed)
            guards = _tripped(context, forecaster, options)
            if guards:
                stopped = forecaster.forecast(guards=guards)
                books.take_unsent(forecaster.books)
                raise _guard_tripped(guards, options)

        def heed(so_far: Books) -> None:
            looking(so_far)
            if options.limits.seconds_left(context.clock, context.clock.monotonic()) <= 0:
                raise StoppedEarly("the time for this run is over", hint="the next run goes on from here")

        return windows_to_read(context, before, _bound(context, books), options, look=look)

    def completed() -> None:
        nonlocal gone
        if refreshing:
            context.state.end_anew(REFRESH)
        if options.ignore_guards:
            gone = rows_gone_now(context)

    job = Job(
        command="run",
        track="run",
        run_id=options.run_id,
        plan=plan,
        pages=context.pages,
        tries_again=refreshing,
        limits=options.limits,
        completed=completed,
        rows_gone=lambda: gone,
        forecast=lambda: stopped,
        as_mapped=True,
        whole=not context.mapping.source.cursor_field,
    )
    return do(context, job, report=report, started=started, planned=planned)


def forecast_mapping(
    context: RunContext,
    options: RunOptions,
    *,
    report: Callable[[Books], None] = lambda _: None,
    planned: Callable[[Plan], None] = lambda _: None,
) -> Outcome:
    """A dry run: everything that a run does, except sending; the state is only read."""
    begun = context.clock.monotonic()
    before = context.state.checkpoint("run")
    require_start(context, before, options)
    context.confirm_fingerprint()
    forecaster = _forecaster(context, options)
    windows = planned_windows(context, before, _bound(context, forecaster.books), options)
    planned(windows)
    forecaster.read(context.pages, windows, limit=options.limits.rows, report=report)
    forecaster.books.close_forecast(forecaster.events)
    forecast = forecaster.forecast(guards=_tripped(context, forecaster, options))
    return forecast_outcome(context, "run", options.run_id, forecaster.books, forecast, begun=begun, before=before)


def _forecaster(context: RunContext, options: RunOptions) -> Forecaster:
    """Counts what a run with `options` would do."""
    refreshing = context.state.checkpoint(REFRESH) is not None
    begins_anew = options.full_refresh and not refreshing
    prepare = context.preparer(compare=not begins_anew, letters=not (options.full_refresh or refreshing))
    return Forecaster(
        context.mapping,
        prepare=prepare,
        fuse=context.fuse,
        letters=context.state.letters,
        change=context.mapping_change,
    )


def _tripped(context: RunContext, forecaster: Forecaster, options: RunOptions) -> tuple[TrippedGuard, ...]:
    if not options.looks_first:
        return ()
    limited = options.limits.rows is not None
    return tripped_guards(context, forecaster.books, events=forecaster.events, limited=limited)


def _guard_tripped(guards: Sequence[TrippedGuard], options: RunOptions) -> GuardTripped:
    why = "; ".join(f"{guard.words} (guards.{guard.name})" for guard in guards)
    return GuardTripped(
        f"nothing was sent: {why}",
        again=options.as_arguments,
        hint="if this is not meant, correct the source or the mapping, and the next run goes on",
    )


def _bound(context: RunContext, books: Books) -> Bound:
    """The bound of a run that starts now; the rows that it leaves unread are counted in `books`."""
    bound = context.source.upper_bound()
    told = {
        "null_cursor": context.source.check_null_cursors(),
        "misshaped_cursor": context.source.misshaped_cursors(),
        "future_cursor": bound.beyond_now,
    }
    for reason, count in told.items():
        books.put_beside(reason, count)
    books.put_held(bound.held)
    return bound

"""One mapping's run: from the checkpoint to the upper bound, with its record in the state.

The rule: where to begin is never guessed. Without a checkpoint somebody has to say so, because a lost state file must
not turn a nightly run into a re-send of everything.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from etl.batch.hashers import hashers
from etl.books import Books
from etl.checkpoint import Checkpoint
from etl.clock import Clock
from etl.delivery.courier import Courier
from etl.errors import EtlError, FirstRunUndecided, StateUnusable
from etl.job.deliver import Delivery, Limits, Line
from etl.job.fingerprint import fingerprint_of
from etl.job.forecast import Forecaster
from etl.job.fuse import Fuse
from etl.job.outcome import Outcome, checkpoint_dict
from etl.job.ports import PageSource, RunSource, RunState, Sender, Transform
from etl.job.prepare import Preparer
from etl.mapping.model import Mapping
from etl.page import Bound, Position, Window

LOG = logging.getLogger(__name__)
NO_LIMITS = Limits()
# What is going to be read: windows, or a number of rows where that is known.
Plan: TypeAlias = Sequence[Window] | int
# A track that remembers where `--start-from now` was: lookback reads nothing below it again.
FLOOR = "floor"
# A track that remembers the value of `--start-from VALUE`: also a run that never got there begins at it, not below.
START = "start"


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the caller chose.

    `start_from` is "beginning", "now", a cursor's text, or None to go on from the checkpoint.
    """

    run_id: str
    start_from: str | None = None
    full_refresh: bool = False
    limits: Limits = NO_LIMITS


@dataclass(frozen=True, slots=True)
class Workshop:
    """What a run of one mapping is made of, built by the command line."""

    mapping: Mapping
    source: RunSource
    state: RunState
    transform: Transform
    clock: Clock
    courier: Callable[[], Courier]
    open_client: Callable[[], Sender]

    def confirm_fingerprint(self) -> None:
        """Raise `StateUnusable` when the state is that of another source or account."""
        self.state.confirm_fingerprint(fingerprint_of(self.mapping, self.source))

    @property
    def fuse(self) -> Fuse:
        """When too many rows fail."""
        return Fuse(self.mapping.max_failure_rate, self.mapping.destination.batch_size)

    def preparer(self, *, ledger: bool, letters: bool = True) -> Preparer:
        """The step from pages to events.

        Without the ledger nothing counts as unchanged; without the letters what was refused before is sent again.
        """
        hashed = self.mapping.resend == "changed"
        return Preparer(
            self.transform,
            hashers=hashers(self.state.hash_key, self.marked_fields()) if hashed else None,
            ledger=self.state if ledger else None,
            letters=self.state if letters else None,
            resend_ignores=self.mapping.resend_ignores,
            max_event_bytes=self.mapping.destination.max_batch_bytes,
        )

    def marked_fields(self) -> Sequence[str]:
        """The fields whose marks the ledger keeps, so that it can tell later which of them changed; in their order."""
        wanted = ["event", *self.mapping.fields, *([] if self.mapping.products is None else ["products"])]
        return self.state.field_names(wanted)


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work on a mapping: `run`, `backfill` and `retry` are different plans of the same loop.

    `plan` is called when the run's record stands, and says what to read; what it raises ends the run. `pages` is
    where pages come from. `compare` says whether the ledger keeps unchanged rows back, `tries_again` whether rows that
    were refused before are sent again. `window_done` hears of settled windows; `windows` tells at the end how many are
    done and how many there are, None where nobody counts them. `rows` is how many will be read, None where their
    windows have to be counted.
    """

    command: str
    track: str
    run_id: str
    plan: Callable[[Books], Iterable[Window]]
    pages: PageSource
    compare: bool = True
    tries_again: bool = False
    limits: Limits = NO_LIMITS
    window_done: Callable[[Window], None] = lambda _: None
    windows: Callable[[], tuple[int, int] | None] = lambda: None
    rows: int | None = None


def do(
    shop: Workshop,
    job: Job,
    *,
    report: Callable[[Books], None] = lambda _: None,
    started: Callable[[Delivery], None] = lambda _: None,
    planned: Callable[[Plan], None] = lambda _: None,
) -> Outcome:
    """Do one job, with its record in the state. The lock is the caller's.

    `started` gets the delivery, to stop it; `planned` hears what is going to be read.
    """
    begun = shop.clock.monotonic()
    before = shop.state.checkpoint(job.track)
    _warn_of_an_older_state(shop)
    run_no = shop.state.start_run(run_id=job.run_id, command=job.command, before=checkpoint_dict(before))
    ledger = shop.mapping.resend == "changed"
    delivery = Delivery(
        Line(
            source=job.pages,
            prepare=shop.preparer(ledger=ledger and job.compare, letters=not job.tries_again),
            courier=shop.courier(),
            state=shop.state,
            fuse=shop.fuse,
            clock=shop.clock,
            open_client=shop.open_client,
            concurrency=shop.mapping.destination.concurrency,
            ledger=ledger,
            tries_again=job.tries_again,
            track=job.track,
            run_no=run_no,
            run_id=job.run_id,
        ),
        limits=job.limits,
        report=report,
        window_done=job.window_done,
    )
    error: EtlError | None = None
    try:
        windows = tuple(job.plan(delivery.books))
        planned(windows if job.rows is None else job.rows)
        started(delivery)
        error = delivery.run(windows)
    except EtlError as problem:
        error = problem
        delivery.books.close()
    outcome = Outcome(
        mapping=shop.mapping.name,
        command=job.command,
        run_id=job.run_id,
        books=delivery.books,
        duration_seconds=shop.clock.monotonic() - begun,
        before=before,
        checkpoint=before,
        error=error,
        windows=job.windows(),
    )
    return _recorded(shop, job, run_no, outcome)


def _recorded(shop: Workshop, job: Job, run_no: int, outcome: Outcome) -> Outcome:
    # A state that fails at the end must not hide what was sent.
    try:
        outcome = replace(outcome, checkpoint=shop.state.checkpoint(job.track))
        shop.state.finish_run(run_no, outcome.as_dict())
    except StateUnusable as trouble:
        return outcome if isinstance(outcome.error, StateUnusable) else replace(outcome, error=trouble)
    return outcome


def _warn_of_an_older_state(shop: Workshop) -> None:
    last = shop.state.forgotten_run()
    if last is not None:
        hours = (shop.clock.utc_now() - last.finished_at).total_seconds() / 3600
        LOG.warning(
            "the state is older than its last run, as from a backup: what was sent since may be sent again",
            extra={"last_run": last.run_id, "hours_ago": round(hours, 1), "sent_by_it": last.sent},
        )


def run_mapping(
    shop: Workshop,
    options: RunOptions,
    *,
    report: Callable[[Books], None] = lambda _: None,
    started: Callable[[Delivery], None] = lambda _: None,
    planned: Callable[[Plan], None] = lambda _: None,
) -> Outcome:
    """Run one mapping from its checkpoint to the upper bound."""
    before = shop.state.checkpoint("run")
    _require_start(shop.mapping.name, before, options)
    shop.confirm_fingerprint()

    def plan(books: Books) -> Sequence[Window]:
        return _windows(shop, before, _bound(shop, books), options)

    job = Job(
        command="run",
        track="run",
        run_id=options.run_id,
        plan=plan,
        pages=shop.source,
        compare=not options.full_refresh,
        tries_again=options.full_refresh,
        limits=options.limits,
    )
    return do(shop, job, report=report, started=started, planned=planned)


def forecast_mapping(
    shop: Workshop,
    options: RunOptions,
    *,
    report: Callable[[Books], None] = lambda _: None,
    planned: Callable[[Plan], None] = lambda _: None,
) -> Outcome:
    """The whole run but the sending; the state is only read."""
    begun = shop.clock.monotonic()
    before = shop.state.checkpoint("run")
    _require_start(shop.mapping.name, before, options)
    shop.confirm_fingerprint()
    compare = shop.mapping.resend == "changed" and not options.full_refresh
    prepare = shop.preparer(ledger=compare, letters=not options.full_refresh)
    forecaster = Forecaster(shop.mapping, prepare=prepare, fuse=shop.fuse)
    windows = _plan(shop, before, _bound(shop, forecaster.books), options)
    planned(windows)
    forecaster.read(shop.source, windows, limit=options.limits.rows, report=report)
    forecaster.books.close_forecast(forecaster.events)
    return Outcome(
        mapping=shop.mapping.name,
        command="run",
        run_id=options.run_id,
        books=forecaster.books,
        duration_seconds=shop.clock.monotonic() - begun,
        before=before,
        checkpoint=before,
        dry_run=True,
        forecast=forecaster.forecast(),
    )


def _bound(shop: Workshop, books: Books) -> Bound:
    """The bound of a run that starts now; `books` get what it leaves unread."""
    bound = shop.source.upper_bound()
    books.held = bound.held
    for reason, count in (("null_cursor", shop.source.check_null_cursors()), ("future_cursor", bound.beyond_now)):
        if count:
            books.reasons[reason] = count
    return bound


def _require_start(name: str, before: Checkpoint | None, options: RunOptions) -> None:
    if before is None and options.start_from is None and not options.full_refresh:
        raise FirstRunUndecided(
            f"{name}: there is no checkpoint, so this would be a first run",
            hint="say where to begin: --start-from beginning, --start-from now, or --start-from VALUE of the cursor; "
            "if a state file was lost, restore it first",
        )


def _windows(shop: Workshop, before: Checkpoint | None, bound: Bound, options: RunOptions) -> Sequence[Window]:
    # A first run leaves its mark at once: a kill before the first batch must not make the next run ask again.
    match options.start_from:
        case "now":
            begin = shop.source.last_position(bound.until)
            shop.state.set_checkpoint("run", begin, run_id=options.run_id)
            _mark_begin(shop, options, floor=begin)
            return ()
        case None:
            pass
        case "beginning":
            _mark_begin(shop, options)
        case text:
            _mark_begin(shop, options, start=Position(shop.source.parse_cursor(text), ()))
    if before is None or shop.mapping.source.cursor_field is None:
        shop.state.set_checkpoint("run", None, run_id=options.run_id)
    elif options.start_from is None and not options.full_refresh and before.position is not None:
        floor = shop.state.checkpoint(FLOOR)
        # Where `--start-from now` began, no row needs to be.
        if floor is None or floor.position != before.position:
            shop.source.check_not_backwards(before.position)
    return _plan(shop, before, bound, options)


def _mark_begin(
    shop: Workshop, options: RunOptions, *, floor: Position | None = None, start: Position | None = None
) -> None:
    for track, position in ((FLOOR, floor), (START, start)):
        if position is not None or shop.state.checkpoint(track) is not None:
            shop.state.set_checkpoint(track, position, run_id=options.run_id)


def next_windows(shop: Workshop, bound: Bound) -> Sequence[Window]:
    """What the next run would read. Raises `FirstRunUndecided` when nobody has said yet where to begin."""
    before, options = shop.state.checkpoint("run"), RunOptions(run_id="")
    _require_start(shop.mapping.name, before, options)
    return _plan(shop, before, bound, options)


def _plan(shop: Workshop, before: Checkpoint | None, bound: Bound, options: RunOptions) -> Sequence[Window]:
    match options.start_from:
        case "now":
            return ()
        case "beginning":
            return shop.source.start_windows(None, bound)
        case None:
            if options.full_refresh:
                return shop.source.windows(None, bound)
            start = shop.state.checkpoint(START)
            value = start.position.cursor if start and start.position else None
            windows = shop.source.windows(before.position if before else None, bound, floor=value)
            floor = shop.state.checkpoint(FLOOR)
            if floor is None:
                return windows
            return [replace(window, after=window.after or floor.position) for window in windows]
        case text:
            return shop.source.start_windows(shop.source.parse_cursor(text), bound)

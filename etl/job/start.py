"""Decides where a run begins and what it reads, by the checkpoint and the options.

The rule: where to begin is never guessed. Without a checkpoint a person has to say it, because a lost state file must
not make a nightly run send everything again. Light to import, because `status` uses it too.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from etl.checkpoint import Checkpoint
from etl.clock import Clock
from etl.errors import AlreadyBegun, FirstRunUndecided
from etl.page import Bound, Position, Window

if TYPE_CHECKING:
    from etl.job.run import RunContext

LOG = logging.getLogger(__name__)
# The track that remembers where `--start-from now` began: lookback reads nothing below it.
FLOOR = "floor"
# The track that remembers the value of `--start-from VALUE`: the next run begins at it, even if the first one sent
# nothing.
START = "start"
# The track that exists while a full refresh is not complete; its position is the checkpoint from before it.
REFRESH = "refresh"


@dataclass(frozen=True, slots=True)
class RunLimits:
    """Limits that end a run early; None: no limit.

    rows: the number of rows that move the checkpoint. deadline: on the monotonic clock, in seconds. until: by the wall
    clock, aware, because a host that slept has not counted that time (E6).
    """

    rows: int | None = None
    deadline: float | None = None
    until: datetime | None = None

    def seconds_left(self, clock: Clock, now: float) -> float:
        """Seconds until the deadline, where the monotonic clock is at `now`; infinite without a deadline."""
        left = math.inf if self.deadline is None else self.deadline - now
        return left if self.until is None else min(left, (self.until - clock.utc_now()).total_seconds())


NO_LIMITS = RunLimits()


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the caller chose.

    `start_from` is "beginning", "now", a cursor's text, or None to go on from the checkpoint. move_checkpoint: use
    `start_from` although there is a checkpoint (`--yes`).
    """

    run_id: str
    start_from: str | None = None
    move_checkpoint: bool = False
    full_refresh: bool = False
    limits: RunLimits = NO_LIMITS
    ignore_guards: bool = False

    @property
    def looks_first(self) -> bool:
        """Whether guards apply. They do even when there is nothing to read, because the table may have been emptied."""
        return not self.ignore_guards and self.start_from != "now"

    @property
    def as_arguments(self) -> tuple[str, ...]:
        """The options that say where to begin, as arguments of the command line."""
        if self.full_refresh:
            return ("--full-refresh",)
        return () if self.start_from is None else ("--start-from", self.start_from)


def has_begun(context: RunContext, before: Checkpoint | None) -> bool:
    """Whether a first run has accepted anything.

    Until then the checkpoint `before` has no position, and `--start-from` may be given again.
    """
    if before is None or before.position is not None or not context.mapping.source.cursor_field:
        return before is not None
    return bool(context.state.ledger_size() or context.state.history.last_done(1))


def require_start(context: RunContext, before: Checkpoint | None, options: RunOptions) -> None:
    """Check that the checkpoint `before` and `options` say clearly where to begin.

    Raises:
        FirstRunUndecided: there is no checkpoint, and nothing says where to begin.
        AlreadyBegun: there is one, and `start_from` would leave it.
    """
    name, place = context.mapping.name, context.state.place
    if before is None and options.start_from is None and not options.full_refresh:
        raise first_run_undecided(f"{name}: there is no checkpoint in the state {place}, so this would be a first run")
    if options.start_from is not None and not options.move_checkpoint and has_begun(context, before):
        raise AlreadyBegun(
            f"{name}: there is a checkpoint already, and --start-from is for a first run",
            hint="leave --start-from out: the run goes on from the checkpoint; "
            "with --yes it begins there all the same; a backfill sends a range again without moving the checkpoint",
        )


def first_run_undecided(message: str) -> FirstRunUndecided:
    """The error of a first run without `--start-from`."""
    return FirstRunUndecided(
        message,
        hint="say where to begin: --start-from beginning, --start-from now, or --start-from VALUE of the cursor; "
        "if a state file was lost, restore it first; if it lies elsewhere, name it with --state",
    )


def windows_to_read(
    context: RunContext,
    before: Checkpoint | None,
    bound: Bound,
    options: RunOptions,
    *,
    look: Callable[[Sequence[Window]], None] = lambda _: None,
) -> Sequence[Window]:
    """The windows of a run from the checkpoint `before` up to `bound`; records in the state where it began.

    `look` is called with the windows before anything is recorded; an error that it raises ends the run.
    """
    _check_not_backwards(context, before, options)
    look(planned_windows(context, before, bound, options))
    if options.full_refresh and context.state.checkpoint(REFRESH) is None:
        _tell_of_refresh(options)
        context.state.begin_anew(REFRESH, run_id=options.run_id)
        return planned_windows(context, None, bound, options)
    if context.state.checkpoint(REFRESH) is not None and (
        options.full_refresh or options.start_from not in {None, "beginning"}
    ):
        LOG.warning(
            "a full refresh was not complete, and this run goes on with it: what it has sent already is not sent again "
            "(--full-refresh does so once it is complete)"
            if options.full_refresh
            else "a full refresh was not complete: the rows that --start-from passes over are not sent again by it"
        )
    # Recorded at once: a first run that is killed before its first batch must not make the next run ask where to begin.
    match options.start_from:
        case "now":
            begin = context.source.last_position(bound.until)
            context.state.set_checkpoint("run", begin, run_id=options.run_id)
            _mark_begin(context, options, floor=begin)
            return ()
        case None:
            pass
        case "beginning":
            _mark_begin(context, options)
        case text:
            _mark_begin(context, options, start=Position(context.source.parse_cursor(text), ()))
    if before is None or not context.mapping.source.cursor_field:
        context.state.set_checkpoint("run", None, run_id=options.run_id)
    return planned_windows(context, before, bound, options)


def _check_not_backwards(context: RunContext, before: Checkpoint | None, options: RunOptions) -> None:
    if before is None or before.position is None or not context.mapping.source.cursor_field:
        return
    if options.start_from is not None or (options.full_refresh and context.state.checkpoint(REFRESH) is None):
        return
    floor = context.state.checkpoint(FLOOR)
    # Where `--start-from now` began there need not be a row.
    if floor is None or floor.position != before.position:
        warning = context.source.check_not_backwards(before.position)
        if warning is not None:
            LOG.warning(warning)


def _tell_of_refresh(options: RunOptions) -> None:
    LOG.info("a full refresh began: the checkpoint went back to the beginning, and every row is sent again")
    if options.limits.rows is not None:
        LOG.warning(
            "the checkpoint went back to the beginning, and --limit ends this run before the refresh is complete: "
            "the next runs go on with it, and read every row",
            extra={"limit": options.limits.rows},
        )


def _mark_begin(
    context: RunContext, options: RunOptions, *, floor: Position | None = None, start: Position | None = None
) -> None:
    for track, position in ((FLOOR, floor), (START, start)):
        if position is not None or context.state.checkpoint(track) is not None:
            context.state.set_checkpoint(track, position, run_id=options.run_id)


def next_windows(context: RunContext, bound: Bound) -> Sequence[Window]:
    """The windows of the next run. Raises `FirstRunUndecided` when no option or checkpoint says where to begin."""
    before, options = context.state.checkpoint("run"), RunOptions(run_id="")
    require_start(context, before, options)
    return planned_windows(context, before, bound, options)


def planned_windows(
    context: RunContext, before: Checkpoint | None, bound: Bound, options: RunOptions
) -> Sequence[Window]:
    """The windows between the checkpoint `before` and `bound`; records nothing."""
    match options.start_from:
        case "now":
            return ()
        case "beginning":
            return context.source.start_windows(None, bound)
        case None:
            refreshing = context.state.checkpoint(REFRESH) is not None
            if options.full_refresh or refreshing:
                reached = before.position if before is not None and refreshing else None
                return context.source.windows(reached, bound)
            start = context.state.checkpoint(START)
            value = start.position.cursor if start and start.position else None
            windows = context.source.windows(before.position if before else None, bound, floor=value)
            floor = context.state.checkpoint(FLOOR)
            if floor is None:
                return windows
            return [replace(window, after=window.after or floor.position) for window in windows]
        case text:
            return context.source.start_windows(context.source.parse_cursor(text), bound)

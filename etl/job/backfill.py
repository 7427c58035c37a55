"""The backfill: sends a range of the past window by window, independently of the nightly run.

The rule: a backfill has a checkpoint of its own and never touches the nightly one; what it sent stands in the same
ledger, so that the nightly run does not repeat it. A window is done when all of it is settled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from etl.books import Books
from etl.errors import UsageProblem
from etl.job.forecast import Forecaster, forecast_outcome
from etl.job.loop import Delivery
from etl.job.outcome import Outcome, WindowForecast
from etl.job.ports import RunSource
from etl.job.run import Job, Plan, RunContext, do
from etl.job.start import NO_LIMITS, RunLimits
from etl.page import Bound, Position, Scalar, Window

# The track that exists while a backfill of everything is not complete.
EVERYTHING = "backfill:all"


@dataclass(frozen=True, slots=True)
class BackfillOptions:
    """What the caller chose: the half-open range [start, end) as cursor texts (None: everything), and windows.

    window: the width of each; None: one window for the whole range. resend: unchanged rows are sent too; a backfill
    with it and one without it are two different backfills, each with its own progress.
    """

    run_id: str
    start: str | None = None
    end: str | None = None
    window: str | None = None
    resend: bool = False
    restart: bool = False
    limits: RunLimits = NO_LIMITS

    @property
    def step(self) -> str:
        """The text that tells this backfill from others of the same range: the width of its windows, and `resend`."""
        return f"{self.window or ''} resend".strip() if self.resend else self.window or ""

    @property
    def everything(self) -> bool:
        """Whether it has no range."""
        return self.start is None and self.end is None


def backfill_mapping(
    context: RunContext,
    options: BackfillOptions,
    *,
    report: Callable[[Books], None] = lambda _: None,
    started: Callable[[Delivery], None] = lambda _: None,
    planned: Callable[[Plan], None] = lambda _: None,
) -> Outcome:
    """Send [start, end) of the cursor, going on where an earlier call stopped. The lock is the caller's."""
    if options.everything:
        return _backfill_everything(context, options, report=report, started=started, planned=planned)
    source, state = context.source, context.state
    start, end = _range(source, options)
    whole = source.backfill_windows(start, end, options.window)
    context.confirm_fingerprint()
    record = state.backfill(start, end, options.step, restart=options.restart)
    done = record.windows_done
    begun_at = whole[done].start if done < len(whole) else None
    if record.finished_at is None and record.window_at is not None and record.window_at != begun_at:
        raise UsageProblem(
            "the windows of this backfill are no longer those that it began with",
            hint="source.timezone changed? --restart begins anew; what was sent and did not change is not sent again",
        )
    windows: Sequence[Window] = ()

    def plan(books: Books) -> Sequence[Window]:
        nonlocal windows
        if record.finished_at is not None:
            return ()
        windows = _settled(source, start, end, options, books=books)
        left = list(windows[done:])
        checkpoint = state.checkpoint(record.track)
        if left and checkpoint is not None and checkpoint.position is not None:
            left[0] = replace(left[0], after=checkpoint.position)
        return left

    def window_done(_: Window) -> None:
        nonlocal done
        if windows[done] != whole[done]:
            # The upper bound cut this window short: the same command, called later, sends the rest of it.
            return
        done += 1
        if done < len(whole):
            at = whole[done].start
            assert at is not None, "a window of a backfill has a lower end"
            state.enter_window(record, at, windows_done=done)
        else:
            state.finish_backfill(record, windows_done=done)

    job = Job(
        command="backfill",
        track=record.track,
        run_id=options.run_id,
        plan=plan,
        pages=context.pages,
        compare=not options.resend,
        tries_again=options.resend,
        limits=options.limits,
        window_done=window_done,
        windows=lambda: (done, len(whole)),
    )
    return do(context, job, report=report, started=started, planned=planned)


def _backfill_everything(
    context: RunContext,
    options: BackfillOptions,
    *,
    report: Callable[[Books], None],
    started: Callable[[Delivery], None],
    planned: Callable[[Plan], None],
) -> Outcome:
    """Read every row, and send what the receiver does not have as it is now."""
    context.confirm_fingerprint()
    track = f"{EVERYTHING} resend" if options.resend else EVERYTHING

    def plan(books: Books) -> Sequence[Window]:
        if options.restart:
            context.state.end_anew(track)
        reached = context.state.checkpoint(track)
        bound = context.source.upper_bound()
        books.put_held(bound.held)
        after = None if reached is None else reached.position
        return [replace(window, after=after) for window in _all_rows(context, bound)]

    job = Job(
        command="backfill",
        track=track,
        run_id=options.run_id,
        plan=plan,
        pages=context.pages,
        compare=not options.resend,
        tries_again=options.resend,
        limits=options.limits,
        completed=lambda: context.state.end_anew(track),
        as_mapped=True,
        # A backfill that is resumed may have begun with another mapping.
        whole=options.restart or context.state.checkpoint(track) is None,
    )
    return do(context, job, report=report, started=started, planned=planned)


def _all_rows(context: RunContext, bound: Bound, step: str | None = None) -> Sequence[Window]:
    """All rows up to `bound`, in windows of a width where that is given and the source has a cursor."""
    source = context.source
    whole = [replace(window, label="all rows") for window in source.start_windows(None, bound)]
    if step is None or not whole or whole[0].until is None:
        return whole
    first, last = source.lowest(whole[0]), whole[0].until
    if first is None or first == last:
        return whole
    *windows, end = source.backfill_windows(first, last, step, bound=bound)
    # The last window includes the bound itself.
    return [*windows, replace(end, until=last, until_open=False)]


def forecast_backfill(
    context: RunContext,
    options: BackfillOptions,
    *,
    report: Callable[[Books], None] = lambda _: None,
    planned: Callable[[Plan], None] = lambda _: None,
) -> Outcome:
    """A dry run of the whole backfill, with a forecast for each window; nothing is sent, and the state is only read."""
    begun, source, pages = context.clock.monotonic(), context.source, context.pages
    context.confirm_fingerprint()
    prepare = context.preparer(compare=not options.resend, letters=not options.resend)
    forecaster = Forecaster(
        context.mapping,
        prepare=prepare,
        fuse=context.fuse,
        letters=context.state.letters,
        change=context.mapping_change,
    )
    by_window: list[WindowForecast] = []
    if options.everything:
        bound = source.upper_bound()
        forecaster.books.put_held(bound.held)
        windows = _all_rows(context, bound, options.window)
    else:
        windows = _settled(source, *_range(source, options), options, books=forecaster.books)
    planned(windows)
    so_far = _counts(forecaster)
    for window in windows:
        forecaster.read(pages, [window], report=report)
        before, so_far = so_far, _counts(forecaster)
        by_window.append(WindowForecast(window.label, *(now - then for now, then in zip(so_far, before, strict=True))))
    forecaster.books.close_forecast(forecaster.events)
    forecast = replace(forecaster.forecast(in_windows=True), windows=tuple(by_window))
    return forecast_outcome(context, "backfill", options.run_id, forecaster.books, forecast, begun=begun)


def _counts(forecaster: Forecaster) -> tuple[int, ...]:
    """The counts of a `WindowForecast`, in its order."""
    books = forecaster.books
    letters = books.reasons["dead_letter"]
    accepted = books.unchanged - letters
    sent = (books.new, books.changed, books.resent)
    return (books.read, forecaster.events, accepted, *sent, letters, books.invalid, books.suppressed)


def _range(source: RunSource, options: BackfillOptions) -> tuple[Scalar, Scalar]:
    if options.start is None or options.end is None:
        raise UsageProblem("a range has both ends", hint="--from A --to B; without both it is everything")
    return source.parse_cursor(options.start), source.parse_cursor(options.end)


def _settled(
    source: RunSource, start: Scalar, end: Scalar, options: BackfillOptions, *, books: Books
) -> Sequence[Window]:
    """The windows up to the bound of a run that starts now; `books` get the rows of the range that lie above it."""
    bound = source.upper_bound()
    if bound.until is not None:
        above = Window(start=start, after=Position(bound.until, ()), until=end, until_open=True)
        books.put_held(source.count_for_report(above))
    return source.backfill_windows(start, end, options.window, bound=bound)

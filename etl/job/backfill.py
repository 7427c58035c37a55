"""A range of the past, window by window, beside the nightly run.

The rule: a backfill has a checkpoint of its own and never touches the nightly one; what it sent stands in the same
ledger, so that the nightly run does not repeat it. A window is done when all of it is settled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from etl.books import Books
from etl.errors import UsageProblem
from etl.job.deliver import Delivery, Limits
from etl.job.forecast import Forecaster
from etl.job.outcome import Outcome, WindowForecast
from etl.job.ports import RunSource
from etl.job.run import NO_LIMITS, Job, Plan, Workshop, do
from etl.page import Position, Scalar, Window


@dataclass(frozen=True, slots=True)
class BackfillOptions:
    """What the caller chose: the half-open range [start, end) as cursor texts, and a window's width (None: one)."""

    run_id: str
    start: str
    end: str
    window: str | None = None
    restart: bool = False
    limits: Limits = NO_LIMITS


def backfill_mapping(
    shop: Workshop,
    options: BackfillOptions,
    *,
    report: Callable[[Books], None] = lambda _: None,
    started: Callable[[Delivery], None] = lambda _: None,
    planned: Callable[[Plan], None] = lambda _: None,
) -> Outcome:
    """Send [start, end) of the cursor, going on where an earlier call stopped. The lock is the caller's."""
    source, state = shop.source, shop.state
    start, end = _range(source, options)
    whole = source.backfill_windows(start, end, options.window)
    shop.confirm_fingerprint()
    record = state.backfill(start, end, options.window or "", restart=options.restart)
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
            # The bound cut it: the same command goes on inside it when its rows have settled.
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
        pages=shop.source,
        limits=options.limits,
        window_done=window_done,
        windows=lambda: (done, len(whole)),
    )
    return do(shop, job, report=report, started=started, planned=planned)


def forecast_backfill(
    shop: Workshop,
    options: BackfillOptions,
    *,
    report: Callable[[Books], None] = lambda _: None,
    planned: Callable[[Plan], None] = lambda _: None,
) -> Outcome:
    """The whole backfill but the sending, with a forecast for each window; the state is only read."""
    begun, source = shop.clock.monotonic(), shop.source
    start, end = _range(source, options)
    shop.confirm_fingerprint()
    forecaster = Forecaster(
        shop.mapping, prepare=shop.preparer(ledger=shop.mapping.resend == "changed"), fuse=shop.fuse
    )
    by_window: list[WindowForecast] = []
    windows = _settled(source, start, end, options, books=forecaster.books)
    planned(windows)
    for window in windows:
        rows, events = forecaster.books.read, forecaster.events
        forecaster.read(shop.source, [window], report=report)
        by_window.append(WindowForecast(window.label, forecaster.books.read - rows, forecaster.events - events))
    forecaster.books.close_forecast(forecaster.events)
    return Outcome(
        mapping=shop.mapping.name,
        command="backfill",
        run_id=options.run_id,
        books=forecaster.books,
        duration_seconds=shop.clock.monotonic() - begun,
        before=None,
        checkpoint=None,
        dry_run=True,
        forecast=replace(forecaster.forecast(), windows=tuple(by_window)),
    )


def _range(source: RunSource, options: BackfillOptions) -> tuple[Scalar, Scalar]:
    return source.parse_cursor(options.start), source.parse_cursor(options.end)


def _settled(
    source: RunSource, start: Scalar, end: Scalar, options: BackfillOptions, *, books: Books
) -> Sequence[Window]:
    """The windows up to the bound of a run that starts now; `books` get the rows of the range that lie above it."""
    bound = source.upper_bound()
    if bound.until is not None:
        above = Window(start=start, after=Position(bound.until, ()), until=end, until_open=True)
        books.held = source.count(above)
    return source.backfill_windows(start, end, options.window, bound=bound)

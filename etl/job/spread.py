"""The pages of windows, read and encoded by other processes, a bounded number at a time, in their order.

The rule: what is handed out is a range of places and nothing of a row; what comes back is taken in the order of the
places. A process that dies, or a range that holds other rows than were expected, costs that what lies ahead is read
again: nothing is skipped and nothing comes twice.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from etl.clock import Clock
from etl.errors import EtlError, StoppedEarly
from etl.job.ports import PageSource, Ranges
from etl.page import Key, Page, Position, Window

if TYPE_CHECKING:
    from etl.job.encoder import Encoded, Encoder

LOG = logging.getLogger(__name__)

# How large rows are is not known before some of them are here.
FIRST_ROWS = 500
# What may be under way together, whatever the number of workers: it is kept in the memory of this process.
MOST_ROWS = 40_000
MOST_BYTES = 64 * 1024 * 1024
# How often dead workers are replaced in one piece of work.
MOST_RENEWALS = 3
LOOK_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Range:
    """What a worker reads: `window`, where `rows` are expected; `limit` rows at most (None: no such limit)."""

    window: Window
    rows: int
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class RangeEncoded:
    """What a worker made of a range. `page` None: it holds no row.

    `reached` is where it goes on; None: all of it was read. `row_bytes` is what a row weighs, 0 where there was none.
    """

    page: Encoded | None
    reached: Position | None
    row_bytes: int


# What a worker does. Errors are values: they must say the same as in this process.
Task = Callable[[Range], RangeEncoded | EtlError]
_Future: TypeAlias = "Future[RangeEncoded | EtlError]"


class Workers:
    """The processes that read and encode. For one thread at a time.

    `open_executor` starts `count` of them, others after some died; who made it ends them. `look` is called again and
    again while a result is awaited, and raises where none will come. `under_way` is how many ranges are handed out, or
    wait for their turn. `hint`: what to do about workers that die.
    """

    def __init__(
        self,
        open_executor: Callable[[], Executor],
        task: Task,
        *,
        count: int,
        look: Callable[[], None] = lambda: None,
        hint: str = "too little memory for so many? Take fewer --workers; the next run goes on from here",
    ) -> None:
        self.count = count
        self.look = look
        self._hint = hint
        self.under_way = 0
        self._open = open_executor
        self._task = task
        self._executor: Executor | None = None
        self._renewals = 0

    def submit(self, wanted: Range) -> _Future:
        """Have `wanted` done."""
        if self._executor is None:
            self._executor = self._open()
        try:
            return self._executor.submit(self._task, wanted)
        except BrokenExecutor as broken:
            # Told where its turn comes, like the others that are lost.
            lost: _Future = Future()
            lost.set_exception(broken)
            return lost

    def renew(self) -> None:
        """Let others take the place of all workers, since some died. Raises `StoppedEarly` the fourth time."""
        self._renewals += 1
        if self._renewals > MOST_RENEWALS:
            raise StoppedEarly(f"worker processes died {self._renewals} times", hint=self._hint)
        LOG.warning("a worker process died, others take over", extra={"times": self._renewals})
        self._executor = None


class Spread:
    """Pages as the source gives them, but read and encoded by `workers`, of `page_rows` rows at most.

    A window of a page or less is read and encoded by this process: to start others for it would take longer.
    """

    def __init__(  # noqa: PLR0913 - where rows come from, and what is made of them
        self,
        source: PageSource,
        ranges: Ranges,
        workers: Workers,
        *,
        encode: Encoder,
        page_rows: int,
        clock: Clock,
    ) -> None:
        self._source = source
        self._ranges = ranges
        self._workers = workers
        self._encode = encode
        self._clock = clock
        # Each worker has one at work and one that waits.
        self._most_ahead = 2 * workers.count
        self._most_rows = max(1, min(page_rows, MOST_ROWS // self._most_ahead))
        self._rows = min(FIRST_ROWS, self._most_rows)
        self._sizes_known = False

    @property
    def remote(self) -> bool:
        """Reading waits for other processes."""
        return True

    def pages(self, window: Window, *, limit: int | None = None) -> Iterator[Encoded]:
        """The pages of `window` in order, none empty; the first `limit` rows (None: all)."""
        return (page for _, page in self.stamped(window, limit=limit, next_stamp=lambda: 0))

    def stamped(
        self, window: Window, *, limit: int | None, next_stamp: Callable[[], int]
    ) -> Iterator[tuple[int, Encoded]]:
        """As `pages`, each with a number that `next_stamp` gave before it was read."""
        handed_out = _HandedOut(window, limit, self._ranges, self._workers, next_stamp)
        if (limit is not None and limit <= self._rows) or handed_out.is_whole(self._rows):
            yield from self._here(window, limit, next_stamp)
            return
        try:
            while True:
                most = self._most_ahead if self._sizes_known else self._workers.count
                while handed_out.count < most and handed_out.more(self._rows):
                    pass
                if not handed_out.count:
                    return
                stamp, done = handed_out.next(self._done)
                if done is None or done.page is None:
                    continue
                self._learn(done.row_bytes)
                page = done.page
                self._encode.complete(page)
                del done
                yield stamp, page
                # Before the next is taken, which then finds the memory of this one in one piece.
                del page
        finally:
            handed_out.drop()

    def pages_by_key(self, keys: Sequence[Key]) -> Iterator[Page]:
        """As the source's."""
        return self._source.pages_by_key(keys)

    def count(self, window: Window) -> int:
        """As the source's."""
        return self._source.count(window)

    def _here(self, window: Window, limit: int | None, next_stamp: Callable[[], int]) -> Iterator[tuple[int, Encoded]]:
        pages = self._source.pages(window, limit=limit)
        while True:
            stamp = next_stamp()
            try:
                yield stamp, self._encode(next(pages))
            except StopIteration:
                return

    def _done(self, future: _Future) -> RangeEncoded:
        """What `future` gives. Raises what the worker met; BrokenExecutor where it died."""
        while True:
            try:
                found = future.result(timeout=LOOK_SECONDS)
            except TimeoutError:
                # A worker may be stopped, or wait for its database.
                if self._clock.wait(0.0):
                    raise StoppedEarly("stopped while workers were at work") from None
                self._workers.look()
                continue
            except BrokenExecutor:
                # Those that hang are killed where the run is to end.
                if self._clock.wait(0.0):
                    raise StoppedEarly("stopped while workers were at work") from None
                raise
            if isinstance(found, EtlError):
                raise found
            return found

    def _learn(self, row_bytes: int) -> None:
        """Ask for as many rows a range as memory can hold, by the size of the last ones."""
        self._sizes_known = True
        room = MOST_BYTES // self._most_ahead // (row_bytes + 1)
        self._rows = max(1, min(self._most_rows, self._rows * 8, room))


class _HandedOut:
    """The ranges of one window that are under way, and what is left of it."""

    def __init__(
        self, window: Window, limit: int | None, ranges: Ranges, workers: Workers, next_stamp: Callable[[], int]
    ) -> None:
        self._window = window
        self._rest: Window | None = window
        self._left = limit
        self._ranges = ranges
        self._workers = workers
        self._next_stamp = next_stamp
        self._ahead: deque[tuple[Range, int, _Future]] = deque()

    @property
    def count(self) -> int:
        """How many are under way."""
        return len(self._ahead)

    def is_whole(self, rows: int) -> bool:
        """Whether the whole window has less than `rows`."""
        return self._ranges.end(self._window, rows=rows) is None

    def more(self, rows: int) -> bool:
        """Hand out `rows` more, if there are any; whether there were."""
        wanted = None if self._left is None else self._left - sum(one.rows for one, _, _ in self._ahead)
        rest = self._rest
        if rest is None or wanted == 0:
            return False
        rows = rows if wanted is None else min(rows, wanted)
        end = self._ranges.end(rest, rows=rows)
        self._rest = None if end is None else replace(rest, after=end, start=None)
        # Without the window's end, up to which SQLite would look for rows behind those of the range.
        own = rest if end is None else replace(rest, upto=end, until=None, until_open=False)
        asked = Range(own, rows, wanted)
        stamp = self._next_stamp()
        self._ahead.append((asked, stamp, self._workers.submit(asked)))
        self._workers.under_way = len(self._ahead)
        return True

    def next(self, result: Callable[[_Future], RangeEncoded]) -> tuple[int, RangeEncoded | None]:
        """The stamp and the `result` of the first one; None when it is lost with its worker, and will be read again."""
        asked, stamp, future = self._ahead[0]
        try:
            done = result(future)
        except (BrokenExecutor, CancelledError):
            self._workers.renew()
            self._go_on_at(asked.window.after)
            return stamp, None
        self._ahead.popleft()
        if done.reached is not None:
            # Other rows than were expected: what was handed out behind it begins elsewhere now.
            self._go_on_at(done.reached)
        if self._left is not None and done.page is not None:
            self._left -= done.page.count
        return stamp, done

    def drop(self) -> None:
        """Give up what is under way: each ends by itself, and is not kept."""
        for _, _, future in self._ahead:
            future.cancel()
        self._ahead.clear()
        self._workers.under_way = 0

    def _go_on_at(self, after: Position | None) -> None:
        self.drop()
        first = after == self._window.after
        self._rest = replace(self._window, after=after, start=self._window.start if first else None)

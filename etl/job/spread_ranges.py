"""Spreads windows over workers where an index gives the order: each worker reads and encodes a range.

The rule: nothing is skipped and nothing comes twice. When a worker dies, or a range holds other rows than expected,
everything ahead is read again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from etl.job.ports import PageSource, Ranges
from etl.job.spread import AskedOfWorkers, EncodedLater, Range, RangeEncoded, Spread, Workers
from etl.page import Position, Window

if TYPE_CHECKING:
    from etl.clock import Clock
    from etl.job.encoder import Encoded, Encoder


class SpreadRanges(Spread):
    """Pages of `page_rows` rows at most.

    A window of a page or less is read and encoded in this process: starting workers for it would take longer.
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
        super().__init__(source, workers, encode=encode, page_rows=page_rows, clock=clock)
        self._ranges = ranges

    def stamped(
        self, window: Window, *, limit: int | None, next_stamp: Callable[[], int]
    ) -> Iterator[tuple[int, Encoded]]:
        """As `pages`, each with a number that `next_stamp` gave before it was read."""
        handed_out = _HandedOut(window, limit, self._ranges, self._workers, next_stamp)
        if (limit is not None and limit <= self._rows) or handed_out.is_whole(self._rows):
            return self._here(window, limit, next_stamp)
        return self._there(handed_out)


class _HandedOut:
    """The ranges of one window that are under way, and the rest of the window."""

    def __init__(
        self, window: Window, limit: int | None, ranges: Ranges, workers: Workers, next_stamp: Callable[[], int]
    ) -> None:
        self._window = window
        self._rest: Window | None = window
        self._left = limit
        self._ranges = ranges
        self.under_way: AskedOfWorkers[Range] = AskedOfWorkers(workers, next_stamp)

    def is_whole(self, rows: int) -> bool:
        """Whether the whole window has fewer than `rows` rows."""
        return self._ranges.end(self._window, rows=rows) is None

    def more(self, rows: int) -> bool:
        """Request a range of `rows` more rows. False when none are left."""
        wanted = None if self._left is None else self._left - sum(one.rows for one in self.under_way)
        rest = self._rest
        if rest is None or wanted == 0:
            return False
        rows = rows if wanted is None else min(rows, wanted)
        end = self._ranges.end(rest, rows=rows)
        self._rest = None if end is None else replace(rest, after=end, start=None)
        # The window's own end is dropped: SQLite would go on searching up to it, behind the range's last row.
        own = rest if end is None else replace(rest, upto=end, until=None, until_open=False)
        self.under_way.ask(Range(own, rows, wanted))
        return True

    def next(self, result: Callable[[EncodedLater], RangeEncoded]) -> tuple[int, RangeEncoded | None]:
        """The stamp and the `result` of the first request; None when its worker died, so it will be requested again."""
        asked, stamp, done = self.under_way.first(result)
        if done is None:
            self._go_on_at(asked.window.after)
            return stamp, None
        self.under_way.done()
        if done.reached is not None:
            # The range held other rows than expected, so the ranges behind it have to begin elsewhere.
            self._go_on_at(done.reached)
        if self._left is not None and done.page is not None:
            self._left -= done.page.count
        return stamp, done

    def _go_on_at(self, after: Position | None) -> None:
        self.under_way.drop()
        first = after == self._window.after
        self._rest = replace(self._window, after=after, start=self._window.start if first else None)

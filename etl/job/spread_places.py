"""Spreads windows over workers where no index gives the order: this process finds the positions, workers read by key.

The rule: the positions are found once, and a worker is given nothing of a row but its position. When a worker dies, or
its rows are too large for one page, the rows ahead are read again from the positions kept here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from etl.job.ports import PageSource, Places
from etl.job.spread import AskedOfWorkers, EncodedLater, RangeEncoded, RowsAt, Spread, Workers
from etl.page import Position, Window

if TYPE_CHECKING:
    from etl.clock import Clock
    from etl.job.encoder import Encoded, Encoder


class SpreadPlaces(Spread):
    """Pages of `page_rows` rows at most.

    A window of a page or less is read and encoded in this process: starting workers for it would take longer.
    """

    def __init__(  # noqa: PLR0913 - where rows come from, and what is made of them
        self,
        source: PageSource,
        places: Places,
        workers: Workers,
        *,
        encode: Encoder,
        page_rows: int,
        clock: Clock,
    ) -> None:
        super().__init__(source, workers, encode=encode, page_rows=page_rows, clock=clock)
        self._places = places

    def stamped(
        self, window: Window, *, limit: int | None, next_stamp: Callable[[], int]
    ) -> Iterator[tuple[int, Encoded]]:
        """As `pages`, each with a number that `next_stamp` gave before it was read."""
        places = self._places.of(window, limit=limit)
        if places is None:
            yield from self._here(window, limit, next_stamp)
            return
        handed_out = _HandedOut(places, self._workers, next_stamp)
        few = handed_out.whole(self._rows)
        if few is None:
            yield from self._there(handed_out)
            return
        while few:
            stamp = next_stamp()
            read = self._places.read(few)
            few = [] if read.reached is None else few[few.index(read.reached) + 1 :]
            if read.page is not None:
                yield stamp, self._encode(read.page)


class _HandedOut:
    """The positions of one window: those under way, and those still to be requested."""

    def __init__(self, places: Iterator[Sequence[Position]], workers: Workers, next_stamp: Callable[[], int]) -> None:
        self._coming = places
        self._waiting: deque[Position] = deque()
        self.under_way: AskedOfWorkers[RowsAt] = AskedOfWorkers(workers, next_stamp)

    def whole(self, rows: int) -> Sequence[Position] | None:
        """All positions of the window if it has fewer than `rows` rows, otherwise None."""
        self._await(rows)
        return list(self._waiting) if len(self._waiting) < rows else None

    def more(self, rows: int) -> bool:
        """Request the rows at `rows` more positions. False when none are left."""
        self._await(rows)
        places = [self._waiting.popleft() for _ in range(min(rows, len(self._waiting)))]
        if places:
            self.under_way.ask(RowsAt(places))
        return bool(places)

    def next(self, result: Callable[[EncodedLater], RangeEncoded]) -> tuple[int, RangeEncoded | None]:
        """The stamp and the `result` of the first request; None when its worker died, so it will be requested again."""
        asked, stamp, done = self.under_way.first(result)
        if done is None:
            self._take_back(0)
        elif done.reached is None:
            self.under_way.done()
        else:
            # Stamps must rise with the positions, so everything behind is requested again.
            self._take_back(asked.places.index(done.reached) + 1)
        return stamp, done

    def _await(self, rows: int) -> None:
        while len(self._waiting) < rows and (places := next(self._coming, None)) is not None:
            self._waiting += places

    def _take_back(self, done: int) -> None:
        """Put all positions under way back in front, except the first `done`."""
        ahead = [place for asked in self.under_way for place in asked.places]
        self.under_way.drop()
        self._waiting.extendleft(reversed(ahead[done:]))

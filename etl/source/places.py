"""A window by the places of its rows, where no index gives their order: several processes read the rows, by key.

The rule: the places are found once, by one statement, and proved by the process that finds them; who reads the rows
leaves out those that lie elsewhere by then, as one process does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import reduce

from etl.page import Page, Position, RangeRead, Window, findable
from etl.source.found import Found, joined, weight_of
from etl.source.spooled import SpooledReader


class Places:
    """Finds places of rows, and reads the rows at places, of one relation."""

    def __init__(self, spooled: SpooledReader, *, page_of: Callable[[Found], Page]) -> None:
        self._spooled = spooled
        self._page_of = page_of

    def of(self, window: Window, *, limit: int | None = None) -> Iterator[Sequence[Position]] | None:
        """The places of the first `limit` rows of `window` (None: all), in order; None: they have to be read as pages.

        Raises:
            SourceFailed: the database stayed away or refused, or the disk does not hold the places.
        """
        return self._spooled.places(window, limit=limit)

    def read(self, places: Sequence[Position]) -> RangeRead:
        """The rows that are still at the first of `places`, as many as memory should hold.

        Raises:
            SourceFailed, SourceMismatch: as for pages.
        """
        # From another process a NaN comes as another object.
        places = [Position(one.cursor, findable(one.key)) for one in places]
        found, count = self._spooled.rows_at(places)
        reached = None if count == len(places) else places[count - 1]
        if not found:
            return RangeRead(None, reached, 0)
        whole = reduce(joined, found)
        rows = len(whole.rows) + len(whole.unreadable)
        weight = weight_of(whole.rows) + sum(map(weight_of, whole.children.values()))
        return RangeRead(self._page_of(whole), reached, -(-weight // rows))

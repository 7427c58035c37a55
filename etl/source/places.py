"""Lets several processes read a window without an index: one finds the rows' positions, the others read them by key.

The rule: the positions are found once, by one statement, and checked by the process that finds them. A worker leaves
out rows whose position has changed since, as a single process does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import reduce

from etl.page import Page, Position, RangeRead, Window, findable
from etl.source.found import Found, joined, weight_of
from etl.source.spooled import SpooledReader


class Places:
    """Finds the positions of rows of one relation, and reads the rows at given positions."""

    def __init__(self, spooled: SpooledReader, *, page_of: Callable[[Found], Page]) -> None:
        self._spooled = spooled
        self._page_of = page_of

    def of(self, window: Window, *, limit: int | None = None) -> Iterator[Sequence[Position]] | None:
        """The positions of the first `limit` rows of `window` (None: all), in order; None: read pages instead.

        Raises:
            SourceFailed: the database stayed away or refused, or the disk has no room for the positions.
        """
        return self._spooled.places(window, limit=limit)

    def read(self, places: Sequence[Position]) -> RangeRead:
        """The rows that are still at the first of `places`, as many as fit into memory.

        Raises:
            SourceFailed, SourceMismatch: as for pages.
        """
        # A NaN from another process is another object, which equals no other NaN.
        places = [Position(one.cursor, findable(one.key)) for one in places]
        found, count = self._spooled.rows_at(places)
        reached = None if count == len(places) else places[count - 1]
        if not found:
            return RangeRead(None, reached, 0)
        whole = reduce(joined, found)
        rows = len(whole.rows) + len(whole.unreadable)
        weight = weight_of(whole.rows) + sum(map(weight_of, whole.children.values()))
        return RangeRead(self._page_of(whole), reached, -(-weight // rows))

"""Cuts a window into ranges that several processes read at once; the ends are found on the index, without full rows.

The rule: the ranges join without a gap by the database's order, so each row is in exactly one, whatever is inserted or
deleted meanwhile. A range is checked like any page, and reports how far it was read.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from etl.page import Page, Position, RangeRead, Window
from etl.source.database import Database
from etl.source.found import PAGE_BYTES, Found, joined, weight_of
from etl.source.order_guard import OrderGuard
from etl.source.pages import PageReader


class Ranges:
    """Finds the ends of ranges, and reads ranges, of one relation that an index gives in its order."""

    def __init__(
        self,
        database: Database,
        guard: OrderGuard,
        reader: PageReader,
        *,
        subject: str,
        page_of: Callable[[Found], Page],
    ) -> None:
        self._database = database
        self._guard = guard
        self._reader = reader
        self._purpose = f"read {subject}"
        self._page_of = page_of

    def end(self, window: Window, *, rows: int) -> Position | None:
        """The position of row number `rows` (from 1) of `window`; None: it holds fewer.

        Raises:
            SourceFailed: the database stayed away or refused, or the position is not behind the window's beginning.
        """
        find = partial(self._reader.positions, window, 1, skip=rows - 1)
        found, _ = self._database.patiently(find, purpose=self._purpose)
        self._guard.check_positions(window, found)
        return found[0] if found else None

    def read(self, window: Window, *, rows: int, limit: int | None) -> RangeRead:
        """The rows of `window`, about `rows` and at most `limit` of them; as many as fit into memory.

        Raises:
            SourceFailed, SourceMismatch: as for pages.
        """
        # One more than expected: fewer show that the range ended, and an inserted row is read with the others.
        asked = rows + 1 if limit is None else min(rows + 1, limit)
        self._reader.expect(asked)
        whole: Found | None = None
        weight = count = 0
        cut = False
        for found in self._reader.pages(window, limit=asked):
            whole = found if whole is None else joined(whole, found)
            count += len(found.rows) + len(found.unreadable)
            weight += weight_of(found.rows) + sum(map(weight_of, found.children.values()))
            cut = weight >= PAGE_BYTES // 2 and not found.complete
            if cut:
                break
        if whole is None:
            return RangeRead(None, None, 0)
        return RangeRead(self._page_of(whole), whole.last if cut or count == asked else None, -(-weight // count))

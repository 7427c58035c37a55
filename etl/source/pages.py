"""Reads a window page by page: whatever happens to a connection or a value, each row is read once and none is skipped.

A page is whole or not there: after a fault it is read again from the last position, smaller where time ran out, and
row by row down to the guilty ones where a value cannot be decoded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from sys import getsizeof
from typing import Any

from etl.errors import SourceFailed, SourceMismatch
from etl.page import Position, UnreadableRow, Window
from etl.source.database import RECONNECT_SECONDS, Database, Rows
from etl.source.fault import DatabaseFault, Fault
from etl.source.keyset import Keyset, PositionForm
from etl.source.layout import Layout
from etl.source.plan import ReadPlan

PAGE_BYTES = 16 * 1024 * 1024
FIRST_PAGE_ROWS = 500
SAMPLE_ROWS = 64
BUSY_ATTEMPTS = 3
# Types whose own size tells nothing of what is in them.
_NESTED = frozenset({dict, list})


@dataclass(frozen=True, slots=True)
class Found:
    """Rows in order, and the rows among them that cannot be decoded.

    `last` is the highest position of both, None when there is neither; `complete` says that the window ends here.
    """

    rows: Sequence[tuple[Any, ...]]
    unreadable: tuple[UnreadableRow, ...]
    last: Position | None
    complete: bool


class PageReader:
    """Reads the windows of one relation, whose full rows have `layout`."""

    def __init__(self, database: Database, keyset: Keyset, layout: Layout, plan: ReadPlan) -> None:
        self._database = database
        self._keyset = keyset
        self._layout = layout
        self._subject = plan.subject
        self._page_size = plan.page_size
        self._shape: tuple[tuple[str, object], ...] | None = None
        self._rows_ahead = min(plan.page_size, FIRST_PAGE_ROWS)

    def pages(self, window: Window) -> Iterator[Found]:
        """The pages of `window`, none empty; between two of them no transaction is open.

        Raises:
            SourceFailed: the database stayed away, or refused the statement.
            SourceMismatch: the table's columns changed since the first page.
        """
        while True:
            found = self._page(window)
            after, complete = found.last, found.complete
            if found.rows or found.unreadable:
                yield found
            # Before the next is read, which then finds the memory of this one in one piece.
            del found
            if complete:
                return
            window = replace(window, after=after)

    def _page(self, window: Window) -> Found:
        asked = self._rows_ahead
        waits = iter(RECONNECT_SECONDS)
        busy = 0
        purpose = f"read {self._subject}"
        while True:
            try:
                return self._attempt(window, asked)
            except DatabaseFault as fault:
                wait_seconds = next(waits, None)
                busy += fault.fault is Fault.BUSY
                if fault.fault is Fault.MISSING and self._shape is not None:
                    raise self._changed() from None
                if fault.fault not in {Fault.LOST, Fault.BUSY} or wait_seconds is None or busy > BUSY_ATTEMPTS:
                    raise self._database.failure(fault, purpose=purpose) from fault
                if fault.fault is Fault.BUSY:
                    asked = self._rows_ahead = max(1, asked // 2)
                self._database.pause(wait_seconds, fault=fault, purpose=purpose)

    def _attempt(self, window: Window, asked: int) -> Found:
        try:
            rows = self.read(window, limit=asked)
        except DatabaseFault as fault:
            if fault.fault is not Fault.UNDECODABLE:
                raise
            return self._without_unreadable(window, asked)
        self._adapt(rows)
        return Found(rows, (), self._layout.position(rows[-1]) if rows else None, complete=len(rows) < asked)

    def read(self, window: Window, *, limit: int | None) -> Sequence[tuple[Any, ...]]:
        """The first `limit` rows (None: all) of `window` in one statement, their columns checked (A39)."""
        return self.checked(self._database.read(self._keyset.rows(window, limit=limit)))

    def checked(self, answer: Rows) -> Sequence[tuple[Any, ...]]:
        """The rows of a full-row statement, after the check of their columns' names and types."""
        if self._shape is None:
            self._shape = answer.shape
        elif self._shape != answer.shape:
            raise self._changed()
        return answer.rows

    def _changed(self) -> SourceMismatch:
        return SourceMismatch(
            f"the columns of {self._subject} changed during the run",
            hint="compare the mapping with the table (validate --connect), then run again; it goes on where it stopped",
        )

    def _without_unreadable(self, window: Window, asked: int) -> Found:
        """The page again, by its keys: halves are read until each value that cannot be decoded stands alone."""
        positions, form = self._positions(window, asked)
        rows: list[tuple[Any, ...]] = []
        unreadable: list[UnreadableRow] = []
        # Spans of `positions`, lowest on top.
        spans = [(0, len(positions))] if positions else []
        while spans:
            low, high = spans.pop()
            after = window.after if low == 0 else positions[low - 1]
            span = replace(window, after=after, upto=positions[high - 1])
            try:
                # Without a limit: a row inserted between the two readings must not push another one out.
                rows += self.read(span, limit=None)
            except DatabaseFault as fault:
                if fault.fault is not Fault.UNDECODABLE:
                    raise
                if high - low == 1:
                    position = positions[low]
                    if form is not PositionForm.VALUES:
                        # Perhaps only another row of the page had to be asked for as text.
                        position = next(iter(self._positions(span, 1)[0]), position)
                    unreadable.append(UnreadableRow(position, fault.words))
                    continue
                middle = (low + high) // 2
                spans += [(middle, high), (low, middle)]
        # The window ends when its keys end, whatever was deleted between the two readings.
        last = positions[-1] if positions else None
        return Found(rows, tuple(unreadable), last, complete=len(positions) < asked)

    def _positions(self, window: Window, asked: int) -> tuple[list[Position], PositionForm]:
        width = len(self._layout.key_at)
        for form in PositionForm:
            try:
                answer = self._database.read(self._keyset.positions(window, limit=asked, form=form)).rows
            except DatabaseFault as fault:
                if fault.fault is not Fault.UNDECODABLE:
                    raise
                continue
            found = [Position(row[width] if len(row) > width else None, tuple(row[:width])) for row in answer]
            return found, form
        raise SourceFailed(
            f"a primary key or cursor of {self._subject} cannot be decoded, so its row cannot be named",
            hint="repair it in the database, or exclude the row with source.where",
        )

    def _adapt(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Ask for as many rows next time as PAGE_BYTES can hold, by the size of a sample of these (A42)."""
        if not rows:
            return
        sample = rows[:: 1 + len(rows) // SAMPLE_ROWS]
        values = list(chain.from_iterable(sample))
        nested = sum(2 * len(str(value)) for value in values if type(value) in _NESTED)
        row_bytes = (sum(map(getsizeof, values)) + nested) // len(sample) + 1
        self._rows_ahead = max(1, min(self._page_size, self._rows_ahead * 8, PAGE_BYTES // row_bytes))

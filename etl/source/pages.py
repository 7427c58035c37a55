"""Reads a window page by page; each row is read once and none is skipped, whatever happens to a connection or a value.

A page is complete or not handed out. After a fault it is read again from the last position: smaller after a time-out,
and in halves down to the guilty rows if a value cannot be decoded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import sqlalchemy as sa

from etl.errors import SourceFailed, SourceMismatch
from etl.page import UNDECODABLE, Key, Position, UnreadableRow, Window, findable
from etl.source.by_column import ColumnReader
from etl.source.completing import Completing, rows_that_fit
from etl.source.database import RECONNECT_SECONDS, Database, Rows
from etl.source.fault import DatabaseFault, Fault
from etl.source.found import FIRST_ROWS, PAGE_BYTES, PIECE_ROWS, Found, weight_of
from etl.source.keyset import Keyset, PositionForm
from etl.source.order_guard import ATTEMPTS, OrderGuard
from etl.source.plan import Layout, ReadPlan

FIRST_PAGE_ROWS = 500
BUSY_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class ReaderParts:
    """What every reader of a relation needs: connection, statements, layout, order guard and child rows."""

    database: Database
    keyset: Keyset
    layout: Layout
    plan: ReadPlan
    guard: OrderGuard
    complete: Completing


class PageReader:
    """Reads the windows of one relation."""

    def __init__(self, parts: ReaderParts) -> None:
        self._parts = parts
        self._page_size = parts.plan.page_size
        self._shape: tuple[tuple[str, object], ...] | None = None
        self._rows_ahead = min(self._page_size, FIRST_ROWS)
        self._began = False
        self._most_rows = self._page_size
        # The page before held values that cannot be decoded, so this one is likely to.
        self._lenient = False
        # The last piece was as large as a whole page may be, so the next may hold wide rows too.
        self._wide = False
        self._column_reader = ColumnReader(parts.database, parts.keyset, parts.layout)

    def pages(self, window: Window, *, limit: int | None = None) -> Iterator[Found]:
        """The pages of `window` with their children, none empty; between two of them no transaction is open.

        They hold the first `limit` rows, unreadable ones among them; None: all.

        Raises:
            SourceFailed: the database stayed away, or refused the statement.
            SourceMismatch: the table's columns changed since the first page.
        """
        left = limit
        while True:
            found = self._whole(window, left)
            after, complete = found.last, found.complete
            if left is not None:
                left -= len(found.rows) + len(found.unreadable)
                complete = complete or left <= 0
            if found.rows or found.unreadable:
                yield found
            # Free this page before the next is read, so that its memory can be reused in one piece.
            del found
            if complete:
                return
            # The window's start is dropped: it lies below `after`, and SQLite would begin each page there.
            window = replace(window, after=after, start=None)

    def expect(self, rows: int) -> None:
        """Read so many `rows` a page from now on, except the first page; the caller knows how large rows are."""
        if self._began:
            self._rows_ahead = self._most_rows = rows

    def _whole(self, window: Window, left: int | None) -> Found:
        """The next page with its children; read again with fewer rows while they take too much memory."""
        while True:
            found = self._next(window, left)
            whole = self._parts.complete(found)
            if whole is not None:
                self._hold_at_most(rows_that_fit(whole, most=self._page_size))
                return whole
            self._hold_at_most(max(1, len(found.rows) // 8))

    def _hold_at_most(self, rows: int) -> None:
        """Read at most so many `rows` a page from now on, because their children take memory too."""
        self._most_rows = rows
        self._rows_ahead = min(self._rows_ahead, rows)

    def _next(self, window: Window, left: int | None) -> Found:
        """The next page. The very first is read in two parts: a few rows, which show how large rows are, then the rest.

        So the first page is large enough to judge the mapping by, and still fits into memory.
        """
        asked = self._rows_ahead if left is None else min(self._rows_ahead, left)
        found = self._page(window, asked)
        if self._began or found.complete:
            return found
        self._began = True
        more = min(self._rows_ahead, self._page_size - asked, FIRST_PAGE_ROWS - asked)
        if left is not None:
            more = min(more, left - len(found.rows) - len(found.unreadable))
        if more <= 0 or weight_of(found.rows) > PAGE_BYTES // 2:
            return found
        rest = self._page(replace(window, after=found.last), more)
        return Found(
            [*found.rows, *rest.rows], found.unreadable + rest.unreadable, rest.last or found.last, rest.complete
        )

    def _page(self, window: Window, asked: int) -> Found:
        waits = iter(RECONNECT_SECONDS)
        busy = 0
        purpose = f"read {self._parts.plan.subject}"
        while True:
            try:
                return self._attempt(window, asked)
            except DatabaseFault as fault:
                wait_seconds = next(waits, None)
                busy += fault.fault is Fault.BUSY
                if fault.fault is Fault.MISSING and self._shape is not None:
                    raise self.changed() from None
                if fault.fault not in {Fault.LOST, Fault.BUSY} or wait_seconds is None or busy > BUSY_ATTEMPTS:
                    raise self._parts.database.failure(fault, purpose=purpose) from fault
                if fault.fault is Fault.BUSY:
                    asked = self._rows_ahead = max(1, asked // 2)
                    self._began = True
                self._parts.database.pause(wait_seconds, fault=fault, purpose=purpose)

    def _attempt(self, window: Window, asked: int) -> Found:
        try:
            rows, cut = self._as_decodable(window, asked)
        except DatabaseFault as fault:
            if fault.fault is not Fault.UNDECODABLE:
                raise
            return self._without_unreadable(window, asked)
        self._adapt(rows)
        complete = len(rows) < asked and not cut
        return Found(rows, (), self._parts.layout.position(rows[-1]) if rows else None, complete=complete)

    def _as_decodable(self, window: Window, asked: int) -> tuple[Sequence[tuple[Any, ...]], bool]:
        if self._lenient:
            found = self._proved(window, asked)
            self._lenient = any(UNDECODABLE in row for row in found[0])
            return found
        try:
            return self._proved(window, asked)
        except DatabaseFault as fault:
            if fault.fault is not Fault.UNDECODABLE:
                raise
        self._lenient = True
        return self._proved(window, asked)

    def _proved(self, window: Window, asked: int) -> tuple[Sequence[tuple[Any, ...]], bool]:
        for _ in range(ATTEMPTS):
            rows, cut = self._read(window, limit=asked)
            if self._parts.guard.check(window, rows):
                return rows, cut
        raise self._parts.guard.rows_left_out()

    def _read(self, window: Window, *, limit: int | None) -> tuple[Sequence[tuple[Any, ...]], bool]:
        """The first `limit` rows (None: all) of `window` by one statement; whether they were cut off at a page's size.

        The columns are compared with those of the first page (A39).
        """
        return self.held(self._parts.keyset.rows(window, limit=limit), lenient=self._lenient)

    def held(self, statement: sa.Select[Any], *, lenient: bool) -> tuple[Sequence[tuple[Any, ...]], bool]:
        """The first full rows of `statement`, as many as a page may hold, and whether they were cut off there.

        `lenient`: with `UNDECODABLE` in the place of a value that cannot be decoded.

        Raises:
            DatabaseFault: whatever the driver raised, by its meaning.
            SourceMismatch: the table's columns changed since the first page.
        """
        rows: list[tuple[Any, ...]] = []
        size = 0
        # The size of the very first rows is unknown, and so is that of rows behind wide ones: fetch them one by one.
        piece_rows = PIECE_ROWS if self._began and not self._wide else 1
        with closing(self._parts.database.pieces(statement, piece_rows=piece_rows, lenient=lenient)) as pieces:
            for piece in pieces:
                weight = weight_of(piece.rows)
                wide = weight >= PAGE_BYTES
                if wide and rows:
                    # Wide rows after narrow ones: read this page again row by row, or all of them would be in memory at
                    # once.
                    self._wide = True
                    return rows, True
                rows += self._parts.layout.checked(self.checked(piece)) if lenient else self.checked(piece)
                size += weight
                if size >= PAGE_BYTES:
                    self._wide = wide
                    return rows, True
        self._wide = False
        return rows, False

    def by_column(self, key: Key, *, ignore_where: bool = False) -> list[tuple[Any, ...]] | None:
        """The row of `key`, read column by column; [] when it is gone, None when that fails too.

        Raises:
            DatabaseFault: any other fault.
        """
        try:
            row = self._column_reader.row(key, ignore_where=ignore_where)
        except DatabaseFault as fault:
            if fault.fault is not Fault.UNDECODABLE:
                raise
            return None
        return [] if row is None else [row]

    def why_unreadable(self, key: Key, fault: DatabaseFault) -> str:
        """Why the row of `key`, for which `fault` was raised, cannot be read; printable.

        Raises:
            DatabaseFault: any other fault.
        """
        keyset = self._parts.keyset
        # If the row can be read without `where`, then `where` is what fails.
        of_where = keyset.everywhere is not keyset and self.by_column(key, ignore_where=True)
        return f"source.where fails for the row: {fault.words}" if of_where else fault.words

    def checked(self, answer: Rows) -> Sequence[tuple[Any, ...]]:
        """The rows of a full-row statement, after the check of their columns' names and types."""
        if self._shape is None:
            self._shape = answer.shape
        elif self._shape != answer.shape:
            raise self.changed()
        return answer.rows

    @property
    def began(self) -> bool:
        """Whether rows were read before, so that the columns are known."""
        return self._shape is not None

    def changed(self) -> SourceMismatch:
        """The error for a table whose columns are no longer those of the first page."""
        return SourceMismatch(
            f"the columns of {self._parts.plan.subject} changed during the run",
            hint="compare the mapping with the table (validate --connect), then run again; it goes on where it stopped",
        )

    def _without_unreadable(self, window: Window, asked: int) -> Found:
        """The page read by its keys, in halves, until each row with a value that cannot be decoded stands alone."""
        positions, form = self.positions(window, asked)
        self._parts.guard.check_positions(window, positions)
        rows: list[tuple[Any, ...]] = []
        unreadable: list[UnreadableRow] = []
        # A stack of spans of `positions`, the lowest span on top.
        spans = [(0, len(positions))] if positions else []
        while spans:
            low, high = spans.pop()
            after = window.after if low == 0 else positions[low - 1]
            span = replace(window, after=after, upto=positions[high - 1])
            try:
                # Without a limit: a row inserted between the two readings must not push another one out.
                read, cut = self._read(span, limit=None)
                rows += read
                if cut or weight_of(rows) >= PAGE_BYTES:
                    last = self._parts.layout.position(rows[-1]) if cut else positions[high - 1]
                    return Found(rows, tuple(unreadable), last, complete=False)
            except DatabaseFault as fault:
                if fault.fault is not Fault.UNDECODABLE:
                    raise
                if high - low == 1:
                    position, own_form = positions[low], form
                    if form is not PositionForm.VALUES:
                        # Perhaps it was another row of the page whose position had to be read as text.
                        asked_alone, own_form = self.positions(span, 1)
                        position = next(iter(asked_alone), position)
                    alone = self.by_column(position.key) if own_form is PositionForm.VALUES else None
                    if alone is None:
                        unreadable.append(UnreadableRow(position, self.why_unreadable(position.key, fault)))
                    else:
                        # If its cursor changed meanwhile, the row now lies above, and will be read there.
                        rows += [row for row in alone if self._parts.layout.position(row) == position]
                    continue
                middle = (low + high) // 2
                spans += [(middle, high), (low, middle)]
        # The window is complete when its positions end, even if rows were deleted between the two statements.
        end = positions[-1] if positions else None
        return Found(rows, tuple(unreadable), end, complete=len(positions) < asked)

    def positions(self, window: Window, asked: int, *, skip: int = 0) -> tuple[list[Position], PositionForm]:
        """The positions of `asked` rows of `window`, after the first `skip`, and in which form they had to be read.

        Raises:
            SourceFailed: one of them cannot be decoded, not even as text.
            DatabaseFault: any other fault.
        """
        width = len(self._parts.layout.key_at)
        keyset = self._parts.keyset
        # If `where` fails for a row, positions are read without it; positions that `where` would filter out do no harm.
        keysets = [keyset] if keyset.everywhere is keyset else [keyset, keyset.everywhere]
        for asks, form in product(keysets, PositionForm):
            try:
                answer = self._parts.database.read(asks.positions(window, limit=asked, skip=skip, form=form)).rows
            except DatabaseFault as fault:
                if fault.fault is not Fault.UNDECODABLE:
                    raise
                continue
            found = [Position(row[width] if len(row) > width else None, findable(row[:width])) for row in answer]
            return found, form
        raise SourceFailed(
            f"a primary key or cursor of {self._parts.plan.subject} cannot be decoded, so its row cannot be named",
            hint="repair it in the database, or exclude the row with source.where",
        )

    def _adapt(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Set the next page's number of rows to what PAGE_BYTES can hold, by a sample of these rows (A42)."""
        if not rows:
            return
        row_bytes = weight_of(rows) // len(rows) + 1
        grown = self._rows_ahead * 8 if self._began else FIRST_PAGE_ROWS
        self._rows_ahead = max(1, min(self._most_rows, grown, PAGE_BYTES // row_bytes))

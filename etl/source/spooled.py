"""Reads windows without an index: one statement fills a spool, its transaction ends, and pages come from the spool.

Where rows can be read by their key, only positions are spooled, and each page reads its rows by key when it is due. A
row whose cursor has changed by then is left out: it now lies above, where this run or the next one reads it, just as
with an index. So the checkpoint passes no row that was not read.
"""

from __future__ import annotations

import logging
import tempfile
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

from etl.errors import SourceFailed
from etl.page import Key, Position, Window, findable
from etl.source.access import Access
from etl.source.completing import rows_that_fit
from etl.source.fault import DatabaseFault
from etl.source.found import FIRST_ROWS, PAGE_BYTES, PIECE_ROWS, Found, weight_of
from etl.source.keyed import KeyedReader
from etl.source.pages import PageReader, ReaderParts
from etl.source.spool import Spool, SpoolFull, SpoolRefused
from etl.source.spool_range import Piece, Row, SpoolRange, WindowIncomplete, following

log = logging.getLogger(__name__)

Result = TypeVar("Result")

# How many positions are checked together.
PLACES_AT_ONCE = 500


class SpooledReader:
    """Gives pages as `PageReader` does; `plain` reads the windows that cannot be spooled.

    `folder` is where spools are; None: the system's folder for temporary files.
    """

    def __init__(
        self, parts: ReaderParts, *, plain: PageReader, keyed: KeyedReader, access: Access, folder: Path | None
    ) -> None:
        self._parts = parts
        self._plain = plain
        self._keyed = keyed
        self._by_key = access.way == "positions"
        self._folder = folder if folder is not None and folder.is_dir() else Path(tempfile.gettempdir())
        self._range: SpoolRange | None = None
        self._expected: Sequence[Window] = ()
        self._ahead = FIRST_ROWS
        self._keys_differ = False
        self._most_rows = parts.plan.page_size

    def expect(self, windows: Sequence[Window]) -> None:
        """Announce `windows`, most likely read in this order: consecutive ones are read by one statement."""
        self._expected = windows

    def pages(self, window: Window, *, limit: int | None = None) -> Iterator[Found]:
        """The pages of `window` with their children, none empty; no transaction is open while they are handed out.

        They hold the first `limit` rows, unreadable ones among them; None: all.

        Raises:
            SourceFailed: the database stayed away or refused, or the disk does not hold the spool.
            SourceMismatch: the table's columns changed since the first page.
        """
        if limit == 0:
            return
        pieces = self._pieces_of(window, limit)
        if pieces is None:
            yield from self._plain.pages(window, limit=limit)
            return
        yield from (
            self._from_positions(window, pieces, limit) if self._by_key else self._from_rows(window, pieces, limit)
        )

    def places(self, window: Window, *, limit: int | None = None) -> Iterator[list[Position]] | None:
        """The checked positions of the rows that `pages` would give; None where rows are not read by position.

        Raises:
            SourceFailed: as for `pages`.
        """
        if not self._by_key:
            return None
        pieces = iter(()) if limit == 0 else self._pieces_of(window, limit)
        return None if pieces is None else self._proved_places(window, pieces, limit)

    def rows_at(self, places: Sequence[Position]) -> tuple[list[Found], int]:
        """The rows still at the first of `places`, as many as fit into memory, and how many positions were read.

        Raises:
            SourceFailed, SourceMismatch: as for `pages`.
        """
        done: list[Found] = []
        at = weight = 0
        while at < len(places) and weight < PAGE_BYTES // 2:
            wanted = places[at : at + min(self._ahead, self._most_rows)]
            found = self._at(wanted)
            if found is None:
                self._ahead = max(1, len(wanted) // 8)
                continue
            at += len(wanted)
            if found.rows or found.unreadable:
                done.append(found)
                weight += weight_of(found.rows) + sum(map(weight_of, found.children.values()))
        return done, at

    def close(self) -> None:
        """Drop what was read ahead."""
        if self._range is not None:
            self._range.close()
            self._range = None

    def _pieces_of(self, window: Window, limit: int | None) -> Iterator[Piece] | None:
        """The spooled rows of `window`; None: it cannot be spooled."""
        pieces = None if self._range is None else self._range.take(window)
        if pieces is None:
            self.close()
            try:
                self._range = self._spooled(window, limit)
            except DatabaseFault as fault:
                log.warning(
                    "Not spooled, read page by page. subject=%s cause=%s", self._parts.plan.subject, fault.words
                )
                return None
            pieces = self._range.take(window)
            assert pieces is not None, "a range begins with the window that it was made for"
        assert self._range is not None, "the pieces come from it"
        return self._to_its_end(self._range, pieces)

    def _to_its_end(self, own: SpoolRange, pieces: Iterator[Piece]) -> Iterator[Piece]:
        try:
            yield from pieces
        except WindowIncomplete:
            raise self._parts.guard.rows_left_out() from None
        finally:
            if own.is_empty:
                own.close()

    def _spooled(self, window: Window, limit: int | None) -> SpoolRange:
        """A spool with `window` and those announced behind it, because the database sorts all rows anyway."""
        windows = (window,) if limit is not None else following(self._expected, window)
        try:
            return self._range_of(windows, limit)
        except SpoolFull as full:
            if len(windows) == 1:
                raise self._full(window, full) from full
            cause = "no room for them"
        except DatabaseFault as fault:
            if len(windows) == 1:
                raise
            cause = fault.words
        log.warning("Not spooled at once, so each is read by itself. windows=%d cause=%s", len(windows), cause)
        self._expected = ()
        return self._spooled(window, limit)

    def _range_of(self, windows: Sequence[Window], limit: int | None) -> SpoolRange:
        # One row more, to check that the last row differs from the row behind it.
        asked = None if limit is None else limit + 1
        statement = self._parts.keyset.spooled(windows, limit=asked, positions=self._by_key)
        purpose = f"read {self._parts.plan.subject}"
        attempt = partial(self._parts.database.leniently, partial(self._filled, statement))
        spool, counts = self._parts.database.patiently(attempt, purpose=purpose)
        return SpoolRange(windows, spool, self._pieces(spool), counts=counts)

    def _filled(self, statement: sa.Select[Any], *, lenient: bool) -> tuple[Spool, Counter[int]]:
        """The rows of `statement` in a spool, and the number of rows by window."""
        # A position needs all its values, so none may be `UNDECODABLE`.
        lenient = lenient and not self._by_key
        counts: Counter[int] = Counter()
        try:
            spool = Spool(self._folder)
            with ExitStack() as stack:
                stack.callback(spool.close)
                with closing(self._parts.database.pieces(statement, piece_rows=PIECE_ROWS, lenient=lenient)) as pieces:
                    for piece in pieces:
                        spool.write(self._parts.layout.checked(piece.rows) if lenient else piece.rows)
                        counts.update(row[-1] for row in piece.rows)
                stack.pop_all()
        except SpoolRefused as refused:
            raise SourceFailed(
                f"{self._parts.plan.subject} cannot be kept on the disk while it is read: {refused}",
                hint="an index for the cursor needs no spool; or give the state another folder (--state)",
            ) from refused
        return spool, counts

    def _full(self, window: Window, full: SpoolFull) -> SourceFailed:
        counted = self._parts.database.number_for_report(
            self._parts.keyset.count(window), purpose=f"count rows of {self._parts.plan.subject}"
        )
        need = full.size if not full.rows or counted is None else full.size * max(counted, full.rows) // full.rows
        words = "more than " if counted is None else "about "
        return SourceFailed(
            f"{self._parts.plan.subject} is read into a file first, and the disk of {self._folder} does not hold it: "
            f"it needs {words}{-(-need // 2**20):,} MiB",
            hint="make room there; or an index on (cursor, key), so that no file is needed; "
            "or read less at once: --limit, or backfill --window",
        )

    def _pieces(self, spool: Spool) -> Iterator[Piece]:
        try:
            yield from spool.pieces()
        except SpoolFull as full:
            raise self._full(Window(), full) from full

    def _from_rows(self, window: Window, pieces: Iterator[Piece], limit: int | None) -> Iterator[Found]:
        rows: list[Row] = []
        size, left = 0, limit
        for piece, piece_size, beyond in _with_next(pieces):
            while piece:
                most = self._most_rows if left is None else min(self._most_rows, left)
                room = max(0, most - len(rows))
                rows += piece[:room]
                size += piece_size
                piece = piece[room:]  # noqa: PLW2901  # the rest of the piece
                if len(rows) < most and size < PAGE_BYTES:
                    break
                found = self._proved(window, rows, piece[0] if piece else beyond)
                left = None if left is None else left - len(rows)
                window = replace(window, after=found.last)
                rows, size = [], 0
                yield from self._in_parts(found)
                del found
                if left == 0:
                    return
        if rows:
            yield from self._in_parts(self._proved(window, rows, None))

    def _in_parts(self, found: Found) -> Iterator[Found]:
        """`found` with its children, in as many parts as memory demands."""
        at = 0
        while at < len(found.rows):
            rows = found.rows[at : at + self._most_rows]
            whole = self._parts.complete(Found(rows, (), self._parts.layout.position(rows[-1]), complete=False))
            if whole is None:
                self._most_rows = max(1, len(rows) // 8)
                continue
            at += len(rows)
            self._most_rows = rows_that_fit(whole, most=self._parts.plan.page_size)
            yield whole

    def _proved(self, window: Window, rows: list[Row], following: Row | None) -> Found:
        positions = [self._parts.layout.position(row) for row in rows]
        # The row behind the page is checked too: the page must not end between two equal rows.
        seen = positions if following is None else [*positions, self._parts.layout.position(following)]
        self._parts.guard.check_positions(window, seen, again=False)
        if not self._keys_differ and self._parts.guard.look_alike(window, seen):
            # A run that begins after such a row would skip the rows equal to it.
            self._parts.guard.refuse_repeated_keys()
            self._keys_differ = True
        return Found(rows, (), positions[-1], complete=False)

    def _from_positions(self, window: Window, pieces: Iterator[Piece], limit: int | None) -> Iterator[Found]:
        waiting: deque[Position] = deque()
        left = limit
        while left is None or left > 0:
            wanted = min(self._ahead, self._most_rows) if left is None else min(self._ahead, self._most_rows, left)
            while len(waiting) < wanted and (piece := next(pieces, None)) is not None:
                waiting += map(self._position, piece[0])
            if not waiting:
                return
            positions = [waiting.popleft() for _ in range(min(wanted, len(waiting)))]
            self._parts.guard.check_positions(window, positions, again=False)
            found = self._at(positions)
            if found is None:
                # The rows are larger than before, so read fewer of them.
                waiting.extendleft(reversed(positions))
                self._ahead = max(1, len(positions) // 8)
                continue
            left = None if left is None else left - len(positions)
            window = replace(window, after=positions[-1])
            if found.rows or found.unreadable:
                yield found
            del found

    def _proved_places(self, window: Window, pieces: Iterator[Piece], limit: int | None) -> Iterator[list[Position]]:
        left = limit
        while left is None or left > 0:
            places: list[Position] = []
            while len(places) < PLACES_AT_ONCE and (piece := next(pieces, None)) is not None:
                places += map(self._position, piece[0])
            if left is not None:
                places = places[:left]
                left -= len(places)
            if not places:
                return
            self._parts.guard.check_positions(window, places, again=False)
            window = replace(window, after=places[-1])
            yield places

    def _position(self, row: Row) -> Position:
        width = len(self._parts.layout.key_at)
        return Position(row[width] if len(row) > width else None, findable(row[:width]))

    def _at(self, positions: Sequence[Position]) -> Found | None:
        """The rows that are still at `positions`, in their order; None when they are more than a page may hold."""
        read = self._keyed.found([position.key for position in positions])
        if read is None:
            return None
        place = {position.key: position for position in positions}
        rows = [row for row in read.rows if self._stands_at(row, place)]
        unreadable = tuple(replace(row, position=place[row.position.key]) for row in read.unreadable)
        found = self._parts.complete(Found(rows, unreadable, positions[-1], complete=False))
        if found is None:
            return None
        self._most_rows = rows_that_fit(found, most=self._parts.plan.page_size)
        if rows:
            self._ahead = max(1, min(self._ahead * 8, PAGE_BYTES // (weight_of(rows) // len(rows) + 1)))
        return found

    def _stands_at(self, row: Row, place: Mapping[Key, Position]) -> bool:
        """Whether the cursor of `row` is still that of its position in `place`."""
        position = place.get(self._parts.layout.key(row))
        if position is None:
            # Another row whose key is equal for the database only (letter case).
            return False
        one, other = self._parts.layout.position(row).cursor, position.cursor
        if one is not None and other is not None and type(one) is not type(other):
            raise self._parts.guard.not_found_by_key()
        # The texts are compared because a NaN is not equal to itself.
        return type(one) is type(other) and (one == other or str(one) == str(other))


def _with_next(pieces: Iterator[Piece]) -> Iterator[tuple[list[Row], int, Row | None]]:
    """Each piece with its size, and the row behind it (None: there is none)."""
    held = next(pieces, None)
    while held is not None:
        following = next(pieces, None)
        yield (*held, None if following is None else following[0][0])
        held = following

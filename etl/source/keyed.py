"""Reads rows by their keys, in portions that fit into memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial

from etl.page import Key, Position, UnreadableRow
from etl.source.completing import rows_that_fit
from etl.source.fault import DatabaseFault, Fault
from etl.source.found import FIRST_ROWS, PAGE_BYTES, PIECE_ROWS, Found, Row, weight_of
from etl.source.pages import PageReader, ReaderParts

KEYS_A_STATEMENT = 1000


class KeyedReader:
    """Reads rows of one relation by their keys; `plain` knows the columns that its first page had."""

    def __init__(self, parts: ReaderParts, *, plain: PageReader) -> None:
        self._parts = parts
        self._plain = plain
        self._ahead = FIRST_ROWS

    def pages(self, keys: Sequence[Key]) -> Iterator[Found]:
        """The rows of `keys` that exist, in the order of `keys`, with their children, as many at once as a page holds.

        Raises:
            SourceFailed, SourceMismatch: the database stayed away or refused.
        """
        at = 0
        while at < len(keys):
            wanted = keys[at : at + self._ahead]
            found = self.found(wanted)
            whole = None if found is None else self._parts.complete(found)
            if whole is None:
                self._ahead = max(1, len(wanted) // 8)
                continue
            at += len(wanted)
            self._ahead = _adapted(whole, most=min(KEYS_A_STATEMENT, 8 * len(wanted)))
            if whole.rows or whole.unreadable:
                yield whole
            # Free these rows before the next are read, so that their memory can be reused in one piece.
            del found, whole

    def found(
        self, keys: Sequence[Key], *, ignore_where: bool = False, most_bytes: int | None = PAGE_BYTES
    ) -> Found | None:
        """The rows of `keys` that exist, in their order; None when they take more than `most_bytes` (None: any size).

        One row may be of any size. `ignore_where` adds those that `where` filters out.

        Raises:
            SourceFailed, SourceMismatch: as for `pages`.
        """
        rows: list[Row] = []
        unreadable: list[UnreadableRow] = []
        size = 0
        step = min(KEYS_A_STATEMENT, self._parts.keyset.most_keys)
        spans = [(low, min(low + step, len(keys))) for low in range(0, len(keys), step)][::-1]
        while spans:
            low, high = spans.pop()
            room = None if most_bytes is None or len(keys) == 1 else most_bytes - size
            try:
                span = keys[low:high]
                read_span = partial(
                    self._parts.database.leniently, partial(self._read, span, room, ignore_where=ignore_where)
                )
                read = self._parts.database.patiently(
                    partial(self._parts.guard.complete, span, read_span), purpose=f"read {self._parts.plan.subject}"
                )
            except DatabaseFault as fault:
                if high - low > 1:
                    middle = (low + high) // 2
                    spans += [(middle, high), (low, middle)]
                    continue
                alone = self._parts.database.patiently(
                    partial(self._plain.by_column, keys[low], ignore_where=ignore_where),
                    purpose=f"read {self._parts.plan.subject}",
                )
                if alone is None:
                    why = self._plain.why_unreadable(keys[low], fault)
                    unreadable.append(UnreadableRow(Position(None, tuple(keys[low])), why))
                    continue
                read = alone
            if read is None:
                return None
            rows += read
            size += weight_of(read)
        place = {key: at for at, key in enumerate(keys)}
        # A key that differs from the requested one but is equal to the database (letter case) comes last.
        rows.sort(key=lambda row: place.get(self._parts.layout.key(row), len(keys)))
        return Found(rows, tuple(unreadable), None, complete=True)

    def _read(self, keys: Sequence[Key], room: int | None, *, ignore_where: bool, lenient: bool) -> list[Row] | None:
        rows: list[Row] = []
        size = 0
        statement = self._parts.keyset.by_keys(keys, ignore_where=ignore_where)
        try:
            # The size of the first rows is unknown, so they are fetched one by one.
            piece_rows = PIECE_ROWS if len(keys) > FIRST_ROWS else 1
            with closing(self._parts.database.pieces(statement, piece_rows=piece_rows, lenient=lenient)) as pieces:
                for piece in pieces:
                    rows += (
                        self._parts.layout.checked(self._plain.checked(piece))
                        if lenient
                        else self._plain.checked(piece)
                    )
                    size += weight_of(piece.rows)
                    if room is not None and size >= room:
                        return None
        except DatabaseFault as fault:
            if fault.fault is Fault.MISSING and self._plain.began:
                raise self._plain.changed() from None
            raise
        return rows


def _adapted(found: Found, *, most: int) -> int:
    if found.rows:
        most = min(most, PAGE_BYTES // (weight_of(found.rows) // len(found.rows) + 1))
    return rows_that_fit(found, most=max(1, most))

"""The source as the rest of the product sees it: what is new, page by page, and single rows by their key.

Every statement reads; between two pages no transaction is open; what a page holds is exactly what the driver gave.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self, TypeVar

import sqlalchemy as sa

from etl.errors import SourceFailed, StateUnusable, UsageProblem
from etl.page import Bound, Column, Key, Page, Position, Scalar, UnreadableRow, Window
from etl.source.bound import database_now, find_bound
from etl.source.cursor import CursorKind
from etl.source.fault import DatabaseFault
from etl.source.finding import Finding
from etl.source.fingerprint import fingerprint_of
from etl.source.key_text import parse_key
from etl.source.keyset import PositionForm, keys_a_statement
from etl.source.pages import Found
from etl.source.parts import Parts
from etl.source.preflight import find_problems
from etl.source.windows import range_windows, run_windows, start_windows

if TYPE_CHECKING:
    from etl.mapping.model import Mapping

Row = tuple[Any, ...]
Result = TypeVar("Result")


class Source:
    """One open source. Closing it closes its connections; it is not for several threads at a time."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self._database = parts.database
        self._plan = parts.plan
        self._keyset = parts.keyset
        self._reader = parts.reader
        self._domain = parts.domain
        self.columns: tuple[Column, ...] = tuple(parts.relation.column(name) for name in parts.layout.names)
        self.child_columns: tuple[Column, ...] = () if parts.children is None else parts.children.columns
        self.dialect: str = parts.database.dialect
        self.place: str = parts.database.place

    def __enter__(self) -> Self:
        """The source itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    @property
    def cursor_kind(self) -> CursorKind | None:
        """What the cursor column holds; None without a cursor."""
        return None if self._domain is None else self._domain.kind

    def fingerprint(self) -> dict[str, str]:
        """What gives a checkpoint its meaning, without secrets: compare before using one (A27, D11)."""
        return fingerprint_of(self._plan, self.parts.relation, place=self.place, dialect=self.dialect)

    def upper_bound(self) -> Bound:
        """Where a run that starts now has to stop; see `Bound`.

        Raises:
            SourceFailed: the database could not say.
            UsageProblem: `settle` or `lookback` do not fit the cursor.
        """
        return find_bound(self._database, self._keyset, self._domain, self._plan)

    def now(self) -> datetime:
        """The database's clock, aware, in UTC."""
        return database_now(self._database)

    def windows(self, checkpoint: Position | None, bound: Bound, *, floor: Scalar | None = None) -> list[Window]:
        """The windows of a run: the lookback below `checkpoint` again, then everything new up to `bound`.

        They do not begin below the cursor value `floor` (None: no such value).
        """
        lookback = 0 if self._domain is None else self._domain.lookback(self._plan)
        return run_windows(self._domain, checkpoint=checkpoint, bound=bound, lookback=lookback, floor=floor)

    def start_windows(self, start: Scalar | None, bound: Bound) -> list[Window]:
        """The windows of a first run, from the cursor value `start` on (inclusive; None: the beginning)."""
        if self._domain is None:
            return self.windows(None, bound)
        return start_windows(start=start, bound=bound)

    def backfill_windows(
        self, start: Scalar, end: Scalar, step: str | int | None = None, *, bound: Bound | None = None
    ) -> list[Window]:
        """Half-open windows over [start, end), cut at `bound`; see `range_windows`.

        To resume inside a window, give it `after` (dataclasses.replace).

        Raises:
            UsageProblem: there is no cursor, or `step` does not fit it.
        """
        if self._domain is None:
            raise UsageProblem("a backfill needs a source.cursor_field", hint="a run reads all rows of this mapping")
        return range_windows(self._domain, start=start, end=end, step=step, bound=bound)

    def parse_cursor(self, text: str) -> Scalar:
        """A cursor value as a person types it (`--start-from`, `--from`, `--to`, `state set`).

        Raises:
            UsageProblem: there is no cursor, or `text` is no value of it.
        """
        if self._domain is None:
            raise UsageProblem(
                "the mapping has no source.cursor_field, so there is no value to start from",
                hint="a run reads all rows of this mapping",
            )
        return self._domain.parse(text)

    def parse_key(self, text: str) -> Key:
        """A primary key as a person types it: `42`, or `order_id=7,line_no=2`.

        Raises:
            UsageProblem: it does not fit the key's columns.
        """
        return parse_key(text, [self.parts.relation.column(name) for name in self._plan.primary_key])

    def instant(self, cursor: Scalar) -> datetime | None:
        """The moment that a cursor value names, aware, in UTC; None for cursors without a clock."""
        return None if self._domain is None or not self._domain.is_time else self._domain.instant(cursor)

    @property
    def remote(self) -> bool:
        """Whether the database is a server, so that reading waits for another process."""
        return self.dialect != "sqlite"

    def pages(self, window: Window) -> Iterator[Page]:
        """The pages of `window` in order, none empty. When one is handed out its transaction has ended.

        Raises:
            SourceFailed: the database stayed away or refused.
            SourceMismatch: the table's columns changed since the source was opened.
        """
        return map(self._page, self._reader.pages(window))

    def rows_by_key(self, keys: Sequence[Key], *, ignore_where: bool = False) -> Page:
        """The rows of `keys` that exist, in the order of `keys`; `ignore_where` adds those that `where` filters out.

        Raises:
            SourceFailed, SourceMismatch: as for `pages`.
        """
        rows: list[Row] = []
        unreadable: list[UnreadableRow] = []
        step = min(1000, keys_a_statement(len(self._plan.primary_key), dialect=self.dialect))
        spans = [(low, min(low + step, len(keys))) for low in range(0, len(keys), step)][::-1]
        while spans:
            low, high = spans.pop()
            try:
                rows += self._read_keys(keys[low:high], ignore_where=ignore_where)
            except DatabaseFault as fault:
                if high - low == 1:
                    unreadable.append(UnreadableRow(Position(None, tuple(keys[low])), fault.words))
                    continue
                middle = (low + high) // 2
                spans += [(middle, high), (low, middle)]
        place = {key: at for at, key in enumerate(keys)}
        # A key that the database equates with one asked for (letter case) is not among them here: it comes last.
        rows.sort(key=lambda row: place.get(self.parts.layout.key(row), len(keys)))
        return self._page(Found(rows, tuple(unreadable), None, complete=True))

    def sample(self, limit: int) -> Page:
        """The newest rows, `limit` at most, in the order of windows (without a cursor: the highest keys)."""
        statement = self._keyset.newest(limit=limit)
        try:
            rows = self._patiently(lambda: self._reader.checked(self._database.read(statement)))
        except DatabaseFault:
            return self.rows_by_key(self._newest_keys(limit)[::-1])
        return self._page(Found(rows[::-1], (), None, complete=True))

    def _newest_keys(self, limit: int) -> list[Key]:
        try:
            keys = self._patiently(lambda: self._database.read(self._keyset.newest_keys(limit=limit)))
        except DatabaseFault:
            as_text = self._keyset.newest_keys(limit=limit, form=PositionForm.ALL_TEXT)
            keys = self._database.read_patiently(as_text, purpose=f"read keys of {self._plan.subject}")
        return [tuple(row) for row in keys.rows]

    def count(self, window: Window) -> int:
        """The number of rows in `window`."""
        return self._number(self._keyset.count(window), f"count rows of {self._plan.subject}")

    def holds(self, window: Window, key: Key) -> bool:
        """Whether `window` holds the row of `key`."""
        return bool(self._number(self._keyset.holds(window, key), f"look for a row of {self._plan.subject}"))

    def lowest(self, window: Window) -> Scalar | None:
        """The lowest cursor value in `window`; None when it is empty, or for a source without cursor."""
        if self._domain is None:
            return None
        purpose = f"find the lowest {self._domain.name}"
        statement = self._keyset.aggregate(sa.func.min, window)
        value: Scalar | None = self._database.read_patiently(statement, purpose=purpose).rows[0][0]
        return value

    def null_cursors(self) -> int:
        """The number of rows without a cursor value, which no window holds (A11). 0 without a cursor."""
        if self._domain is None or not self.parts.nullable(self._domain.name):
            return 0
        return self._number(
            self._keyset.null_cursors(), f"count rows of {self._plan.subject} without {self._domain.name}"
        )

    def check_null_cursors(self) -> int:
        """As `null_cursors`, for the start of a run; the rows counted are to be reported.

        Raises:
            SourceFailed: there are some, and the mapping says `on_null_cursor: fail`; or a key holds NULL (A12).
        """
        if any(self.parts.nullable(name) for name in self._plan.primary_key):
            nameless = self._number(self._keyset.null_keys(), f"count rows of {self._plan.subject} without a key")
            if nameless:
                raise SourceFailed(
                    f"{nameless} rows of {self._plan.subject} have NULL in a column of their primary key",
                    hint="exclude them with source.where, or choose columns that are never NULL",
                )
        count = self.null_cursors()
        if count and self._plan.on_null_cursor == "fail":
            raise SourceFailed(
                f"{count} rows of {self._plan.subject} have no {self._plan.cursor_field}, so no run would read them",
                hint="fill the column, or set source.on_null_cursor: skip",
            )
        return count

    def check_not_backwards(self, position: Position) -> None:
        """Check that the table still reaches up to a checkpoint's `position` (A13).

        Raises:
            StateUnusable: its highest cursor lies below: the database was restored, or the column went back.
        """
        if position.cursor is None or self._domain is None:
            return
        statement = self._keyset.any_from(position.cursor)
        purpose = f"compare the checkpoint with {self._plan.subject}"
        if self._database.read_patiently(statement, purpose=purpose).rows or not self.count(Window()):
            return
        raise StateUnusable(
            f"the highest {self._domain.name} of {self._plan.subject} lies below the checkpoint: the table went back",
            hint="after a restore, or when its newest rows were deleted, move the checkpoint back: state set; "
            "the ledger keeps rows that did not change from being sent again",
        )

    def last_position(self, cursor: Scalar | None) -> Position | None:
        """The place behind every row of the cursor value `cursor`, for a run that starts from now; None for None."""
        return None if cursor is None else Position(cursor, ())

    def preflight(self, mapping: Mapping | None = None) -> list[Finding]:
        """What `validate --connect` has to say about the source, and about `mapping`'s fields over it.

        Raises:
            SourceFailed: the database stayed away.
        """
        return find_problems(self.parts, mapping)

    def close(self) -> None:
        """Close every connection."""
        self._database.close()

    def _page(self, found: Found) -> Page:
        rows, unreadable = found.rows, found.unreadable
        children: dict[int, list[Row]] = {}
        if self.parts.children is not None and rows:
            reader = self.parts.children
            children, broken = self._patiently(lambda: reader.of(rows))
            if broken:
                unreadable += tuple(
                    UnreadableRow(self.parts.layout.position(rows[at]), words) for at, words in broken.items()
                )
                kept = [at for at in range(len(rows)) if at not in broken]
                rows = [rows[at] for at in kept]
                children = {new: children[old] for new, old in enumerate(kept) if old in children}
        return Page(
            columns=self.columns,
            rows=rows,
            key_at=self.parts.layout.key_at,
            cursor_at=self.parts.layout.cursor_at,
            unreadable=unreadable,
            child_columns=self.child_columns,
            children=children,
        )

    def _read_keys(self, keys: Sequence[Key], *, ignore_where: bool) -> Sequence[Row]:
        statement = self._keyset.by_keys(keys, ignore_where=ignore_where)
        return self._patiently(lambda: self._reader.checked(self._database.read(statement)))

    def _patiently(self, attempt: Callable[[], Result]) -> Result:
        return self._database.patiently(attempt, purpose=f"read {self._plan.subject}")

    def _number(self, statement: sa.Select[Any], purpose: str) -> int:
        return int(self._database.read_patiently(statement, purpose=purpose).rows[0][0])

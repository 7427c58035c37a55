"""The source as the rest of the program sees it: new rows page by page, and single rows by their key.

Statements only read; between two pages no transaction is open; a page holds exactly the driver's values.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeVar

import sqlalchemy as sa

from etl.errors import SourceFailed, UsageProblem
from etl.page import Bound, Column, Key, Page, Position, Scalar, Window
from etl.source.access import WORDS
from etl.source.asking import ask, ask_finally
from etl.source.backwards import check_not_backwards
from etl.source.bound import Survey, database_now, find_bound
from etl.source.cursor import FILE_DIALECTS, CursorKind
from etl.source.fault import DatabaseFault
from etl.source.found import Found
from etl.source.key_text import parse_key
from etl.source.keyset import Keyset, PositionForm
from etl.source.places import Places
from etl.source.preflight import find_problems
from etl.source.ranges import Ranges
from etl.source.source_parts import PreflightFinding, SourceParts, fingerprint_of
from etl.source.spelling import misshaped_cursors
from etl.source.windows import range_windows, run_windows, start_windows

if TYPE_CHECKING:
    from etl.mapping.model import Mapping

Row = tuple[Any, ...]
Result = TypeVar("Result")


class Source:
    """An open source; for one thread at a time. Closing it closes its connections."""

    def __init__(self, parts: SourceParts) -> None:
        self.parts = parts
        self._database = parts.database
        self._plan = parts.plan
        self._keyset = parts.keyset
        self._reader = parts.reader
        self._domain = parts.domain
        # The counts that the last `upper_bound` got from its scan, besides the bound.
        self._surveyed: Survey | None = None
        self.columns: tuple[Column, ...] = tuple(parts.relation.column(name) for name in parts.layout.names)
        self.child_columns: tuple[Column, ...] = () if parts.children is None else parts.children.columns
        # How several processes can read: by ranges of an index, or by positions and keys; both None: one process reads
        # all.
        self.ranges: Ranges | None = None
        self.places: Places | None = None
        if parts.spooled is None:
            self.ranges = Ranges(
                parts.database, parts.guard, parts.reader, subject=parts.plan.subject, page_of=self._page
            )
        elif parts.access.way == "positions":
            self.places = Places(parts.spooled, page_of=self._page)
        self.dialect: str = parts.database.dialect
        self.place: str = parts.database.place

    def __enter__(self) -> Self:
        """The source itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    @property
    def reading(self) -> str:
        """How the rows are read in their order, and why, for people."""
        access = self.parts.access
        return f"{WORDS[access.way]}: {access.why}"

    @property
    def cursor_kind(self) -> CursorKind | None:
        """What the cursor column holds; None without a cursor."""
        return None if self._domain is None else self._domain.kind

    def fingerprint(self) -> dict[str, str]:
        """What a checkpoint's meaning depends on (database, table, cursor, key), without secrets (A27, D11)."""
        return fingerprint_of(self._plan, self.parts.relation, self._domain, place=self.place, dialect=self.dialect)

    def upper_bound(self) -> Bound:
        """Where a run that starts now has to stop; see `Bound`.

        Raises:
            SourceFailed: the database could not say.
            UsageProblem: `settle` or `lookback` do not fit the cursor.
        """
        self._surveyed = None
        surveyed = None if self.parts.access.way == "keyset" else self._remember
        return find_bound(self._database, self._keyset, self._domain, self._plan, surveyed=surveyed)

    def _remember(self, found: Survey) -> None:
        self._surveyed = found

    def now(self) -> datetime:
        """The database's clock, aware, in UTC."""
        return database_now(self._database)

    def windows(self, checkpoint: Position | None, bound: Bound, *, floor: Scalar | None = None) -> list[Window]:
        """The windows of a run: the lookback below `checkpoint` again, then everything new up to `bound`.

        They do not begin below the cursor value `floor` (None: no such value).
        """
        lookback = 0 if self._domain is None else self._domain.lookback(self._plan)
        found = run_windows(self._domain, checkpoint=checkpoint, bound=bound, lookback=lookback, floor=floor)
        return self.parts.expected(found)

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
        return self.parts.expected(range_windows(self._domain, start=start, end=end, step=step, bound=bound))

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
        """A primary key as a person types it, `42` or `order_id=7,line_no=2`, as the row that it names spells it.

        Raises:
            UsageProblem: it does not fit the key's columns.
        """
        readings = parse_key(text, [self.parts.relation.column(name) for name in self._plan.primary_key])
        kept = (self._kept_key(key) for key in readings)
        return next((key for key in kept if key is not None), readings[0])

    def _kept_key(self, key: Key) -> Key | None:
        """The stored key of the only row that the database equates with `key`: padding and letter case may differ."""
        try:
            rows = self._database.read(self._keyset.keys_equal_to(key)).rows
        except DatabaseFault:
            return None  # no value of the column's type; or the database is away, which the next statement reports
        return tuple(rows[0]) if len(rows) == 1 else None

    def instant(self, cursor: Scalar) -> datetime | None:
        """The moment that a cursor value names, aware, in UTC; None for cursors without a clock."""
        return None if self._domain is None or not self._domain.is_time else self._domain.instant(cursor)

    @property
    def remote(self) -> bool:
        """Whether the database is a server, so that reading waits for another process."""
        return self.dialect not in FILE_DIALECTS

    def pages(self, window: Window, *, limit: int | None = None) -> Iterator[Page]:
        """The pages of `window` in order, none empty. When one is handed out its transaction has ended.

        They hold the first `limit` rows, unreadable ones among them (None: all); the database is asked for no more.

        Raises:
            SourceFailed: the database stayed away or refused.
            SourceMismatch: the table's columns changed since the source was opened.
        """
        reader = self.parts.spooled or self._reader
        return map(self._page, reader.pages(window, limit=limit))

    def pages_by_key(self, keys: Sequence[Key]) -> Iterator[Page]:
        """The rows of `keys` that exist, in the order of `keys`, in pages that fit into memory, none empty.

        Raises:
            SourceFailed, SourceMismatch: as for `pages`.
        """
        return map(self._page, self.parts.keyed.pages(keys))

    def rows_by_key(self, keys: Sequence[Key], *, ignore_where: bool = False) -> Page:
        """The rows of a few `keys` that exist, in one page; `ignore_where` adds those that `where` filters out.

        Raises:
            SourceFailed, SourceMismatch: as for `pages`.
        """
        found = self.parts.keyed.found(keys, ignore_where=ignore_where, most_bytes=None)
        whole = None if found is None else self.parts.complete(found, most_bytes=None)
        assert whole is not None, "without a limit all are read"
        return self._page(whole)

    def cursors_by_key(self, keys: Sequence[Key]) -> dict[Key, Scalar]:
        """The cursor value of each of `keys` that has a readable row; empty without a cursor.

        Raises:
            SourceFailed: the database stayed away or refused.
        """
        found: dict[Key, Scalar] = {}
        if self._domain is None:
            return found
        step = min(1000, self._keyset.most_keys)
        spans = [(low, min(low + step, len(keys))) for low in range(0, len(keys), step)]
        while spans:
            low, high = spans.pop()
            statement = self._keyset.cursors_by_key(keys[low:high])
            try:
                rows = self._patiently(partial(self._database.read, statement)).rows
            except DatabaseFault:
                if high - low > 1:
                    middle = (low + high) // 2
                    spans += [(low, middle), (middle, high)]
                continue
            found.update((tuple(row[:-1]), row[-1]) for row in rows)
        return found

    def sample(self, limit: int) -> Page:
        """The newest rows (without a cursor: of the highest keys), ascending; at most `limit`, and at most a page."""
        try:
            rows, _ = self._patiently(
                lambda: self._database.leniently(partial(self._reader.held, self._keyset.newest(limit=limit)))
            )
        except DatabaseFault:
            keys = self._newest_keys(limit)
        else:
            whole = self.parts.complete(Found(rows[::-1], (), None, complete=True))
            if whole is not None:
                return self._page(whole)
            keys = [self.parts.layout.key(row) for row in rows]
        while True:
            found = self.parts.keyed.found(keys[::-1])
            whole = None if found is None else self.parts.complete(found)
            if whole is not None:
                return self._page(whole)
            keys = keys[: len(keys) // 2]

    def _newest_keys(self, limit: int) -> list[Key]:
        purpose = f"read keys of {self._plan.subject}"
        try:
            keys = ask(self._database, self._keyset, lambda of: of.newest_keys(limit=limit), purpose=purpose)
        except DatabaseFault:
            form = PositionForm.ALL_TEXT
            keys = ask_finally(
                self._database, self._keyset, lambda of: of.newest_keys(limit=limit, form=form), purpose=purpose
            )
        return [tuple(row) for row in keys.rows]

    def count(self, window: Window) -> int:
        """The number of rows in `window`."""
        return self._number(lambda of: of.count(window), f"count rows of {self._plan.subject}")

    def count_for_report(self, window: Window) -> int | None:
        """As `count`, but None if the database needs longer than a report is worth."""
        purpose = f"count rows of {self._plan.subject}"
        return self._database.number_for_report(self._keyset.count(window), purpose=purpose)

    def holds(self, window: Window, key: Key) -> bool:
        """Whether `window` holds the row of `key`."""
        return bool(self._number(lambda of: of.holds(window, key), f"look for a row of {self._plan.subject}"))

    def lowest(self, window: Window) -> Scalar | None:
        """The lowest cursor value in `window`; None when it is empty, or for a source without cursor."""
        if self._domain is None:
            return None
        purpose = f"find the lowest {self._domain.name}"
        found = ask_finally(self._database, self._keyset, lambda of: of.aggregate(sa.func.min, window), purpose=purpose)
        value: Scalar | None = found.rows[0][0]
        return value

    def null_cursors(self) -> int:
        """The number of rows without a cursor value, which no window holds (A11). 0 without a cursor."""
        if self._domain is None or not self.parts.nullable(self._domain.name):
            return 0
        return self._number(Keyset.null_cursors, f"count rows of {self._plan.subject} without {self._domain.name}")

    def _null_cursors_for_report(self) -> int | None:
        if self._domain is None or not self.parts.nullable(self._domain.name):
            return 0
        purpose = f"count rows of {self._plan.subject} without {self._domain.name}"
        return self._database.number_for_report(self._keyset.null_cursors(), purpose=purpose)

    def check_null_cursors(self) -> int | None:
        """As `null_cursors`, for the start of a run, which reports the number. None: the count took too long.

        Raises:
            SourceFailed: there are some, and the mapping says `on_null_cursor: fail`; or a key holds NULL (A12).
        """
        known = self._surveyed
        if any(self.parts.nullable(name) for name in self._plan.primary_key):
            nameless = (
                known.without_key
                if known is not None
                else self._number(Keyset.null_keys, f"count rows of {self._plan.subject} without a key")
            )
            if nameless:
                raise SourceFailed(
                    f"{nameless} rows of {self._plan.subject} have NULL in a column of their primary key",
                    hint="exclude them with source.where, or choose columns that are never NULL",
                )
        if known is None and self._plan.on_null_cursor == "skip":
            return self._null_cursors_for_report()
        count = self.null_cursors() if known is None else known.without_cursor
        if self._plan.on_null_cursor == "skip":
            return count
        if count:
            raise SourceFailed(
                f"{count} rows of {self._plan.subject} have no {self._plan.cursor_field}, so no run would read them",
                hint="fill the column, or set source.on_null_cursor: skip",
            )
        return count

    def misshaped_cursors(self) -> int:
        """The number of rows whose cursor is a text that is no time, which no window holds. 0 for other cursors.

        Raises:
            SourceMismatch: some are times of another spelling, which do not sort with the others.
            SourceFailed: the database could not say.
        """
        domain = self._domain
        if domain is None or domain.shape is None or domain.numeric:
            return 0
        return misshaped_cursors(self._database, self._keyset, domain.name, domain.shape).counted(self._plan)

    @property
    def follows_clock(self) -> bool:
        """Whether the clock bounds what is read, so that late commits are not missed; also True without a cursor."""
        return self._domain is None or self._domain.kind != "integer"

    def check_not_backwards(self, position: Position) -> str | None:
        """A warning when the table ends below a checkpoint's `position` and a run may go on nevertheless; else None.

        Raises:
            StateUnusable: see `etl.source.backwards`.
        """
        highest = None if self._surveyed is None else self._surveyed.highest
        # Texts and NaN can only be compared by the database.
        reaches = (
            position.cursor is not None
            and type(highest) is type(position.cursor)
            and not isinstance(highest, str)
            and highest == highest  # noqa: PLR0124
            and position.cursor == position.cursor
            and operator.ge(highest, position.cursor)
        )
        return check_not_backwards(self.parts, position, reaches=reaches)

    def last_position(self, cursor: Scalar | None) -> Position | None:
        """The position behind every row with the cursor value `cursor`, for `--start-from now`; None for None."""
        return None if cursor is None else Position(cursor, ())

    def preflight(self, mapping: Mapping | None = None) -> list[PreflightFinding]:
        """The findings of `validate --connect` about the source, and about the fields of `mapping`.

        Raises:
            SourceFailed: the database stayed away.
        """
        return find_problems(self.parts, mapping)

    def close(self) -> None:
        """Close every connection, and drop what was read ahead."""
        if self.parts.spooled is not None:
            self.parts.spooled.close()
        self._database.close()

    def _page(self, found: Found) -> Page:
        return Page(
            columns=self.columns,
            rows=found.rows,
            key_at=self.parts.layout.key_at,
            cursor_at=self.parts.layout.cursor_at,
            unreadable=found.unreadable,
            child_columns=self.child_columns,
            children=found.children,
        )

    def _patiently(self, attempt: Callable[[], Result]) -> Result:
        return self._database.patiently(attempt, purpose=f"read {self._plan.subject}")

    def _number(self, make: Callable[[Keyset], sa.Select[Any]], purpose: str) -> int:
        return int(ask_finally(self._database, self._keyset, make, purpose=purpose).rows[0][0])

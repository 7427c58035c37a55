"""The values that a source works with: windows to read, pages that were read, and positions.

A row's cursor and key come from the driver's tuple, never from a frame, so that they are exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Final
from uuid import UUID

# What a cursor or a key column may hold: exactly the driver's value.
Scalar = int | str | Decimal | datetime | date | UUID | bytes
Key = tuple[Scalar, ...]
_NAN = Decimal("NaN")


def findable(values: Iterable[Any]) -> tuple[Any, ...]:
    """`values`, with every NaN replaced by the same object, so that sets and comparisons recognise it."""
    return tuple(_NAN if value != value else value for value in values)  # noqa: PLR0124  # what a NaN is told by


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the order (cursor, key). `cursor` is None for a source without `cursor_field`."""

    cursor: Scalar | None
    key: Key


@dataclass(frozen=True, slots=True)
class Window:
    """A span of the order (cursor, key) to read, lowest first. Every bound that is None is open.

    `after` (exclusive, keyset) and `upto` (inclusive) name positions; `start` is an inclusive lower bound on the cursor
    alone; `until` is an upper bound on the cursor alone, inclusive unless `until_open`. `moves_checkpoint` is False for
    the re-reading of what lies below the checkpoint (`lookback`). `label` is for people.
    """

    after: Position | None = None
    upto: Position | None = None
    start: Scalar | None = None
    until: Scalar | None = None
    until_open: bool = False
    moves_checkpoint: bool = True
    label: str = ""

    @property
    def is_lookback(self) -> bool:
        """Whether the window re-reads rows below the checkpoint; False for a source without a cursor."""
        return self.upto is not None and not self.moves_checkpoint


@dataclass(frozen=True, slots=True)
class Bound:
    """Where a run stops, fixed at its start by the database.

    `until` is inclusive; None: open (a source without cursor), or nothing to read (`empty`). `held` rows lie above it,
    `beyond_now` of them even above the database's clock (A14); None: the database needed too long to count them.
    `oldest_open_seconds` is the age of the oldest open writing transaction; None when there is none or the database
    does not say.
    """

    until: Scalar | None
    held: int | None = 0
    beyond_now: int | None = 0
    oldest_open_seconds: float | None = None
    empty: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """A column as the page holds it.

    `kind` is what the database declares, reduced to a word: "integer", "number" (float), "decimal", "text", "boolean",
    "date", "datetime" (naive), "datetime_tz", "time", "json", "list" (arrays), "bytes", "uuid", "other"; None when it
    is not known (queries on SQLite). On SQLite values keep the storage's form (text datetimes, 0/1 booleans); a scalar
    of a JSON column is its JSON text; the transform converts values by `kind`. `digits`: the width to which integers or
    decimals are filled with zeros (MySQL's ZEROFILL); None: not filled. `is_single`: the values are floats of four
    bytes, widened to eight, and stand for the fewest digits that give the same float.
    """

    name: str
    kind: str | None = None
    digits: int | None = None
    is_single: bool = False


class Undecodable(Enum):
    """Stands in a row for a value that the driver cannot decode, while the rest of the row is right."""

    VALUE = "(cannot be decoded)"

    def __str__(self) -> str:
        """For people who look at the row."""
        return self.value


UNDECODABLE: Final = Undecodable.VALUE


@dataclass(frozen=True, slots=True)
class UnreadableRow:
    """A row that cannot be read: computing or decoding it fails, or it has more children than any request can hold.

    `reason` is the problem's code. `position` orders it in the page; its key finds the row again.
    """

    position: Position
    cause: str
    reason: str = "unreadable_row"


@dataclass(frozen=True, slots=True)
class Page:
    """Rows in order (cursor, key), as the driver's tuples.

    `rows[i][j]` belongs to `columns[j]`. `key_at` are the indexes of the primary key's columns, `cursor_at` that of the
    cursor (None without one). `children[i]` are the child rows of row `i` as tuples of `child_columns` (a row without
    children is absent).
    """

    columns: tuple[Column, ...]
    rows: Sequence[tuple[Any, ...]]
    key_at: tuple[int, ...]
    cursor_at: int | None
    unreadable: tuple[UnreadableRow, ...] = ()
    child_columns: tuple[Column, ...] = ()
    children: Mapping[int, Sequence[tuple[Any, ...]]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """All rows, unreadable ones included."""
        return len(self.rows) + len(self.unreadable)

    def position(self, index: int) -> Position:
        """The position of row `index`."""
        row = self.rows[index]
        cursor = None if self.cursor_at is None else row[self.cursor_at]
        return Position(cursor, findable(row[at] for at in self.key_at))


@dataclass(frozen=True, slots=True)
class RangeRead:
    """The result of reading a range of a window. `page` None: no row.

    `reached` is the position up to which it was read; None: to its end. `row_bytes`: the memory that a row takes with
    its children, 0 without rows.
    """

    page: Page | None
    reached: Position | None
    row_bytes: int

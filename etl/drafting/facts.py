"""The facts about a table from which a mapping is drafted: plain data, without a connection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

CursorUnit = Literal["time", "epoch_seconds", "epoch_milliseconds"]


@dataclass(frozen=True, slots=True)
class SampledColumn:
    """A column with some of its values that are not NULL. `kind` as in `etl.page.Column`.

    `plain` is its name without what all columns of the table begin with, `sql` as a statement has it; "" where that is
    the name itself.
    """

    name: str
    kind: str | None
    values: tuple[object, ...] = ()
    plain: str = ""
    sql: str = ""

    @property
    def in_sql(self) -> str:
        """The name as a statement of the database has it, in quotes where it needs them."""
        return self.sql or self.name

    @property
    def known_as(self) -> str:
        """The name to compare with what people call columns."""
        return self.plain or self.name


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """The key of the table. `reason` says how it was found; `sure` is False if nothing unique was found."""

    columns: tuple[str, ...]
    reason: str
    sure: bool = True


@dataclass(frozen=True, slots=True)
class CursorFacts:
    """The column that grows with every write, or several of which the latest counts, and how we know.

    `unit` is what an integer counts. `indexed` is False where each run reads the whole table for want of an index.
    """

    columns: tuple[str, ...]
    kind: str | None
    indexed: bool
    reason: str
    unit: CursorUnit | None = None

    @property
    def column(self) -> str:
        """The first of the columns."""
        return self.columns[0]


@dataclass(frozen=True, slots=True)
class ChildFacts:
    """Rows that refer to this table's. `match` pairs their columns with ours; `order` is the rest of their key.

    Either a table, or a `query` that joins it with the articles. `by_key` says that a foreign key declares it.
    """

    table: str
    match: tuple[tuple[str, str], ...]
    order: tuple[str, ...]
    columns: tuple[SampledColumn, ...]
    by_key: bool = True
    query: str | None = None


@dataclass(frozen=True, slots=True)
class TableFacts:
    """A table, view or query as found.

    `query` is what is read instead of the table itself: a join that was drafted, or the person's own. `rows` is the
    size of the sample; `remarks` are for the person who reads the draft. `prefix` stands before all tables of the
    schema. `no_cursor` says why there is none; `changed` is a time of change that some rows lack. `joined` maps a field
    to the column that a join brought for it. `today` is when it was looked at; the calendar's end: not known, so that
    nothing lies in the future.
    """

    name: str
    columns: tuple[SampledColumn, ...]
    key: KeyFacts
    cursor: CursorFacts | None
    rows: int
    children: tuple[ChildFacts, ...] = ()
    remarks: tuple[str, ...] = field(default=())
    today: date = date(9999, 12, 30)
    query: str | None = None
    is_own_query: bool = False
    prefix: str = ""
    no_cursor: str = ""
    changed: str | None = None
    joined: tuple[tuple[str, str], ...] = ()

    def column(self, name: str) -> SampledColumn:
        """The column `name`, which is there."""
        return next(one for one in self.columns if one.name == name)


def columns_of(
    names: Sequence[str],
    kinds: Sequence[str | None],
    rows: Sequence[Sequence[object]],
    *,
    plain: Sequence[str] = (),
    sql: Sequence[str] = (),
) -> tuple[SampledColumn, ...]:
    """Columns from rows: `rows[i][j]` belongs to `names[j]`, as do `plain[j]` and `sql[j]`, where they are given."""
    return tuple(
        SampledColumn(
            name,
            kind,
            tuple(row[at] for row in rows if row[at] is not None),
            plain[at] if plain else "",
            sql[at] if sql else "",
        )
        for at, (name, kind) in enumerate(zip(names, kinds, strict=True))
    )

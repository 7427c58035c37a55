"""The plan of what to read; this is the only module of `source` that reads a mapping's settings for it.

A plan is plain data, so tests make one without a mapping file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from etl.page import UNDECODABLE, Key, Position, findable
from etl.source.fault import DatabaseFault, Fault

if TYPE_CHECKING:
    from etl.mapping.document import Path as MappingPath
    from etl.mapping.model import Mapping


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """Time limits in seconds; `patient`: faults that may pass are tried again."""

    connect_seconds: int = 10
    statement_seconds: int = 300
    lock_seconds: int = 30
    patient: bool = True


# For commands that a person waits for: better a quick error than a long wait for a silent database.
GLANCE = ReadLimits(connect_seconds=4, statement_seconds=8, lock_seconds=2, patient=False)


DEFAULT_SETTLE = timedelta(seconds=60)
DEFAULT_LOOKBACK = timedelta(hours=1)
# The children of one row may take so many times the size of a request in memory; an event made of more fits into no
# request, unless steps shorten its texts a lot.
TIMES_A_REQUEST = 32
MOST_CHILD_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ChildPlan:
    """The rows of another table, or of a query, that belong to a row.

    `match` maps a child column to the parent column that it equals. Exactly one of `table` and `query` is set. `named`:
    the paths where the mapping names columns.
    """

    table: str | None
    match: tuple[tuple[str, str], ...]
    order_by: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    where: str | None = None
    query: str | None = None
    named: tuple[tuple[MappingPath, str], ...] = ()

    @property
    def subject(self) -> str:
        """The table's name, or "products.query", for messages."""
        return self.table or "products.query"


@dataclass(frozen=True, slots=True)
class ReadPlan:
    """One source. Exactly one of `table` and `query` is set.

    `cursor_field` names the cursor's column in the rows that are read. Where the cursor is the latest of several
    columns, these are `cursor_columns`, and the name is our own. `cursor_unit` says what an integer cursor counts.
    `columns` are those that the events need beside key and cursor. `settle` and `lookback` are None for the default of
    the cursor's kind; an int counts in units of an integer cursor. `url` is in clear: never print it. `mapping_path` is
    the mapping file (None: there is none), `named` the paths where it names `columns`. A row whose children take more
    than `most_child_bytes` in memory is not read.
    """

    url: str
    primary_key: tuple[str, ...]
    table: str | None = None
    query: str | None = None
    cursor_field: str | None = None
    cursor_columns: tuple[str, ...] = ()
    cursor_unit: Literal["time", "epoch_seconds", "epoch_milliseconds"] | None = None
    columns: tuple[str, ...] = ()
    where: str | None = None
    timezone: str | None = None
    settle: timedelta | int | None = None
    lookback: timedelta | int | None = None
    on_null_cursor: Literal["fail", "skip"] = "fail"
    page_size: int = 5000
    statement_timeout: timedelta = timedelta(minutes=5)
    session_timezone: str | None = None
    child: ChildPlan | None = None
    most_child_bytes: int = MOST_CHILD_BYTES
    mapping_path: Path | None = None
    named: tuple[tuple[MappingPath, str], ...] = ()

    @property
    def ordered(self) -> tuple[str, ...]:
        """The columns that rows are sorted by."""
        return (*self.cursor_parts, *self.primary_key)

    @property
    def cursor_parts(self) -> tuple[str, ...]:
        """The columns of the cursor: none, one, or several of which the latest value counts."""
        return self.cursor_columns or ((self.cursor_field,) if self.cursor_field else ())

    @property
    def subject(self) -> str:
        """The table's name, or "the query", for messages."""
        return self.table or "the query"


Named = Sequence[tuple["MappingPath", str]]


def plan_of(
    mapping: Mapping, *, columns: Sequence[str], child_columns: Sequence[str], named: Named, child_named: Named
) -> ReadPlan:
    """The plan for `mapping`; `columns` and `child_columns` are those that its fields use.

    `named` and `child_named` are the paths where they use them.
    """
    source = mapping.source
    products = mapping.products
    child = None
    if products is not None and products.has_rows:
        child = ChildPlan(
            table=products.table,
            query=products.query,
            match=tuple(products.match.items()),
            order_by=tuple(products.order_by),
            columns=tuple(child_columns),
            where=products.where,
            named=tuple(child_named),
        )
    return ReadPlan(
        url=source.url.reveal(),
        primary_key=tuple(source.primary_key),
        table=source.table,
        query=source.query,
        cursor_field=", ".join(source.cursor_field) or None,
        cursor_columns=source.cursor_field if len(source.cursor_field) > 1 else (),
        cursor_unit=source.cursor_unit,
        columns=tuple(columns),
        where=source.where,
        timezone=source.timezone,
        settle=source.settle,
        lookback=source.lookback,
        on_null_cursor=source.on_null_cursor,
        page_size=source.page_size,
        statement_timeout=source.statement_timeout,
        session_timezone=source.session_timezone,
        child=child,
        most_child_bytes=max(MOST_CHILD_BYTES, TIMES_A_REQUEST * mapping.destination.max_batch_bytes),
        mapping_path=mapping.path,
        named=tuple(named),
    )


@dataclass(frozen=True, slots=True)
class Layout:
    """`names` are a full row's columns; the others are indexes into it (`cursor_at` None without a cursor)."""

    names: tuple[str, ...]
    key_at: tuple[int, ...]
    cursor_at: int | None
    match_at: tuple[int, ...]

    def key(self, row: Sequence[Any]) -> Key:
        """The key of a full row."""
        return findable(row[at] for at in self.key_at)

    @property
    def placed(self) -> tuple[int, ...]:
        """The indexes of the key, the cursor and the columns that match children."""
        cursor = () if self.cursor_at is None else (self.cursor_at,)
        return tuple(sorted({*self.key_at, *cursor, *self.match_at}))

    def checked(self, rows: Sequence[tuple[Any, ...]]) -> Sequence[tuple[Any, ...]]:
        """`rows`, read leniently, after checking that key, cursor and match columns are decoded in each.

        Raises:
            DatabaseFault: one of them is `UNDECODABLE`.
        """
        if any(row[at] is UNDECODABLE for row in rows for at in self.placed):
            raise DatabaseFault(Fault.UNDECODABLE, "a value of the key or the cursor cannot be decoded")
        return rows

    def position(self, row: Sequence[Any]) -> Position:
        """The position of a full row."""
        return Position(None if self.cursor_at is None else row[self.cursor_at], self.key(row))


def layout_of(plan: ReadPlan) -> Layout:
    """The layout of the rows that `plan` needs: key first, then cursor, then the other columns, each once."""
    cursor = (plan.cursor_field,) if plan.cursor_field else ()
    match = tuple(parent for _, parent in plan.child.match) if plan.child else ()
    names = tuple(dict.fromkeys((*plan.primary_key, *cursor, *plan.columns, *match)))
    return Layout(
        names=names,
        key_at=tuple(names.index(name) for name in plan.primary_key),
        cursor_at=names.index(plan.cursor_field) if plan.cursor_field else None,
        match_at=tuple(names.index(name) for name in match),
    )

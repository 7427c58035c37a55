"""What is to be read, as the mapping says it: the one place where the source room looks at a mapping.

Everything in it is plain data, so that a test can ask for any reading without writing a mapping file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from etl.mapping.model import Mapping

DEFAULT_SETTLE = timedelta(seconds=60)
DEFAULT_LOOKBACK = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class ChildPlan:
    """The rows of another table that belong to a row: `match` maps a child column to the parent column it equals."""

    table: str
    match: tuple[tuple[str, str], ...]
    order_by: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    where: str | None = None


@dataclass(frozen=True, slots=True)
class ReadPlan:
    """One source. Exactly one of `table` and `query` is set.

    `columns` are those that the events need beside key and cursor. `settle` and `lookback` are None for the default of
    the cursor's kind; an int counts in units of an integer cursor. `url` is in clear: never print it.
    """

    url: str
    primary_key: tuple[str, ...]
    table: str | None = None
    query: str | None = None
    cursor_field: str | None = None
    columns: tuple[str, ...] = ()
    where: str | None = None
    timezone: str | None = None
    settle: timedelta | int | None = None
    lookback: timedelta | int | None = None
    on_null_cursor: Literal["fail", "skip"] = "fail"
    page_size: int = 5000
    child: ChildPlan | None = None

    @property
    def subject(self) -> str:
        """The table's name, or "the query", for messages."""
        return self.table or "the query"


def plan_of(mapping: Mapping, *, columns: Sequence[str], child_columns: Sequence[str]) -> ReadPlan:
    """The reading that `mapping` asks for; `columns` and `child_columns` are what its fields use."""
    source = mapping.source
    products = mapping.products
    child = None
    if products is not None and products.table is not None:
        child = ChildPlan(
            table=products.table,
            match=tuple(products.match.items()),
            order_by=tuple(products.order_by),
            columns=tuple(child_columns),
            where=products.where,
        )
    return ReadPlan(
        url=source.url.reveal(),
        primary_key=tuple(source.primary_key),
        table=source.table,
        query=source.query,
        cursor_field=source.cursor_field,
        columns=tuple(columns),
        where=source.where,
        timezone=source.timezone,
        settle=source.settle,
        lookback=source.lookback,
        on_null_cursor=source.on_null_cursor,
        page_size=source.page_size,
        child=child,
    )

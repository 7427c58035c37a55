"""A drafted mapping as values, before it is written."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DraftField:
    """A line of `fields`. `reason` says why this column was chosen; options are those of a rule, in order.

    `column` None: the value stands in the options. `further` columns are used if `column` has no value. `said` is a SQL
    condition for the rows in which the column has a meaning; "" for every row with a value.
    """

    name: str
    column: str | None
    reason: str
    options: tuple[tuple[str, str], ...] = ()
    further: tuple[str, ...] = ()
    said: str = ""


@dataclass(frozen=True, slots=True)
class DraftProducts:
    """The `products` section: rows of `table` or `query`, a JSON `json_column`, or else the row's own columns."""

    fields: tuple[DraftField, ...]
    table: str | None = None
    match: tuple[tuple[str, str], ...] = ()
    order: tuple[str, ...] = ()
    query: str | None = None
    json_column: str | None = None
    reason: str = ""
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """What the mapping says beside the source. `customs` are the columns that no field needs yet.

    `stand_in` is a column that could identify people if no identity was found; it is written as a comment. `where`
    leaves out rows that cannot be what the event means, with the reason. `secrets` counts the columns that are never
    offered.
    """

    event: str
    event_reason: str
    fields: tuple[DraftField, ...]
    customs: tuple[DraftField, ...]
    products: DraftProducts | None
    needs_zone: bool
    remarks: tuple[str, ...]
    stand_in: DraftField | None = None
    where: tuple[str, str] | None = None
    secrets: int = 0

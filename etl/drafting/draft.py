"""A drafted mapping as values, before it is written."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DraftField:
    """A line of `fields`. `reason` says why this column was chosen; options are those of a rule, in order."""

    name: str
    column: str
    reason: str
    options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class DraftProducts:
    """The `products` section, from the rows of another table."""

    table: str
    match: tuple[tuple[str, str], ...]
    order: tuple[str, ...]
    fields: tuple[DraftField, ...]


@dataclass(frozen=True, slots=True)
class Draft:
    """What the mapping says beside the source. `customs` are the columns that nobody needs yet."""

    event: str
    event_reason: str
    fields: tuple[DraftField, ...]
    customs: tuple[DraftField, ...]
    products: DraftProducts | None
    needs_zone: bool
    remarks: tuple[str, ...]

"""Where things stand in a full row: key, cursor, the columns that children match."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from etl.page import Key, Position
from etl.source.plan import ReadPlan


@dataclass(frozen=True, slots=True)
class Layout:
    """`names` are a full row's columns; the others are indexes into it (`cursor_at` None without a cursor)."""

    names: tuple[str, ...]
    key_at: tuple[int, ...]
    cursor_at: int | None
    match_at: tuple[int, ...]

    def key(self, row: Sequence[Any]) -> Key:
        """The key of a full row."""
        return tuple(row[at] for at in self.key_at)

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

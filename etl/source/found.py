"""What one reading of the database found, and how much memory it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from sys import getsizeof
from typing import Any

from etl.page import Position, UnreadableRow

Row = tuple[Any, ...]
# How large the rows of a page may be, and its children.
PAGE_BYTES = 8 * 1024 * 1024
# How large rows are is not known before some of them are here.
FIRST_ROWS = 10
PIECE_ROWS = 16
_SAMPLE_ROWS = 16
# Types whose own size tells nothing of what is in them.
_NESTED = frozenset({dict, list})


@dataclass(frozen=True, slots=True)
class Found:
    """Rows in order, and the rows among them that cannot be decoded.

    `last` is the highest position of both, None when there is neither; `complete` says that the window ends here.
    `children[i]` are the child rows of row `i`; a row without any is absent.
    """

    rows: Sequence[Row]
    unreadable: tuple[UnreadableRow, ...]
    last: Position | None
    complete: bool
    children: Mapping[int, Sequence[Row]] = field(default_factory=dict)


def weight_of(rows: Sequence[tuple[Any, ...]]) -> int:
    """The bytes that the values of `rows` take, nearly; at least one a row."""
    if not rows:
        return 0
    sample = rows[:: 1 + (len(rows) - 1) // _SAMPLE_ROWS]
    values = list(chain.from_iterable(sample))
    total = sum(map(getsizeof, values))
    if not _NESTED.isdisjoint(map(type, values)):
        total += sum(2 * len(str(value)) for value in values if type(value) in _NESTED)
    return total * len(rows) // len(sample) + len(rows)


def joined(first: Found, second: Found) -> Found:
    """Two neighbours as one; unreadable rows stand behind the others, as in any page."""
    return Found(
        [*first.rows, *second.rows],
        first.unreadable + second.unreadable,
        second.last,
        complete=second.complete,
        children={**first.children, **{len(first.rows) + at: rows for at, rows in second.children.items()}},
    )

"""The rows that one statement found, and how much memory they take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from sys import getsizeof
from typing import Any

from etl.page import Position, UnreadableRow

Row = tuple[Any, ...]
# How many bytes of memory the rows of a page, with their children, may take.
PAGE_BYTES = 8 * 1024 * 1024
# How many rows to read first, while their size is not known.
FIRST_ROWS = 10
PIECE_ROWS = 16
_SAMPLE_ROWS = 16
# Types whose `sys.getsizeof` leaves out their contents.
_NESTED = frozenset({dict, list})


@dataclass(frozen=True, slots=True)
class Found:
    """Rows in order, and the rows among them that cannot be decoded.

    `last` is the highest position of both kinds of rows, None without rows; `complete`: the window ends here.
    `children[i]` are the child rows of row `i`; a row without any is absent.
    """

    rows: Sequence[Row]
    unreadable: tuple[UnreadableRow, ...]
    last: Position | None
    complete: bool
    children: Mapping[int, Sequence[Row]] = field(default_factory=dict)


def weight_of(rows: Sequence[tuple[Any, ...]]) -> int:
    """About how many bytes the values of `rows` take; at least one a row."""
    if not rows:
        return 0
    sample = rows[:: 1 + (len(rows) - 1) // _SAMPLE_ROWS]
    values = list(chain.from_iterable(sample))
    total = sum(map(getsizeof, values))
    if not _NESTED.isdisjoint(map(type, values)):
        total += sum(2 * len(str(value)) for value in values if type(value) in _NESTED)
    return total * len(rows) // len(sample) + len(rows)


def joined(first: Found, second: Found) -> Found:
    """Two neighbouring results as one; unreadable rows stand behind the others, as in any page."""
    return Found(
        [*first.rows, *second.rows],
        first.unreadable + second.unreadable,
        second.last,
        complete=second.complete,
        children={**first.children, **{len(first.rows) + at: rows for at, rows in second.children.items()}},
    )

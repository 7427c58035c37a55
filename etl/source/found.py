"""What one reading of the database found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from etl.page import Position, UnreadableRow

Row = tuple[Any, ...]
# How large the rows of a page may be, and its children.
PAGE_BYTES = 8 * 1024 * 1024
# How large rows are is not known before some of them are here.
FIRST_ROWS = 10
PIECE_ROWS = 16


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

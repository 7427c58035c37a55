"""How much memory rows take, by a sample of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from sys import getsizeof
from typing import Any

_SAMPLE_ROWS = 16
# Types whose own size tells nothing of what is in them.
_NESTED = frozenset({dict, list})


def weight_of(rows: Sequence[tuple[Any, ...]]) -> int:
    """The bytes that the values of `rows` take, nearly; at least one a row."""
    if not rows:
        return 0
    sample = rows[:: 1 + len(rows) // _SAMPLE_ROWS]
    values = list(chain.from_iterable(sample))
    total = sum(map(getsizeof, values))
    if not _NESTED.isdisjoint(map(type, values)):
        total += sum(2 * len(str(value)) for value in values if type(value) in _NESTED)
    return total * len(rows) // len(sample) + len(rows)

"""Marks of an event's fields: a byte a field, by which one can tell later which fields of an event changed.

The rule: a mark answers only "is it still the same?". 256 marks stand for all values, in an order that only the state's
own key knows, so none can be turned back into a value; and a changed value keeps its mark once in 256 times.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from itertools import repeat
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from etl.batch.encode import encode_events

# More fields than these have no mark: the ledger's entries stay small.
MOST_MARKS = 32
# A column in which a value stands this often on average is marked by its distinct values.
_OFTEN = 8
# Types whose equal values are the same value within the type; Decimal('1.0') == Decimal('1') is not.
_TELLING = frozenset({str, int, bool})


class Marker:
    """Marks events. `names` are the top-level fields in the order of their marks, `secret_key` is the state's."""

    def __init__(self, names: Sequence[str], secret_key: bytes) -> None:
        self.names = tuple(names[:MOST_MARKS])
        self._starts = [
            int.from_bytes(blake2b(name.encode(), digest_size=4, key=secret_key).digest()) for name in self.names
        ]
        lots = [blake2b(bytes((mark,)), digest_size=8, key=secret_key).digest() for mark in range(256)]
        self._order = bytes(sorted(range(256), key=lots.__getitem__))

    def marks(self, events: Sequence[Mapping[str, object]]) -> list[bytes]:
        """The marks of each of `events`, all of one length; a missing field has one too."""
        count, width = len(events), len(self.names)
        table = np.empty((count, width), dtype=np.uint8)
        for at, (name, start) in enumerate(zip(self.names, self._starts, strict=True)):
            table[:, at] = _sums([event.get(name) for event in events], start)
        marks = table.tobytes().translate(self._order)
        return [marks[at : at + width] for at in range(0, count * width, width)]

    def differing(self, before: bytes, after: bytes) -> list[str]:
        """The fields whose marks differ. `before` may be shorter: fields that had no mark then are not compared."""
        return [name for name, old, new in zip(self.names, before, after, strict=False) if old != new]


def _sums(values: list[object], start: int) -> NDArray[np.uint32]:
    kinds = set(map(type, values)) - {type(None)}
    if len(kinds) > 1 or not kinds <= _TELLING:
        return _each_sum(values, start)
    distinct = list(set(values))
    if len(distinct) * _OFTEN > len(values):
        return _each_sum(values, start)
    known = dict(zip(distinct, _each_sum(distinct, start).tolist(), strict=True))
    return np.fromiter(map(known.__getitem__, values), np.uint32, len(values))


def _each_sum(values: Sequence[object], start: int) -> NDArray[np.uint32]:
    texts, _ = encode_events(values)
    return np.fromiter(map(crc32, texts, repeat(start)), np.uint32, len(texts))

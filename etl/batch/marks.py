"""Marks of an event's fields: a byte a field, by which one can tell later which fields of an event changed.

The rule: a mark answers only "is it still the same?". 256 marks stand for all values, by a hash whose key is the
state's own, so none can be turned back into a value; and a changed value keeps its mark once in 256 times.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from etl.batch.content import FieldHashes

# More fields than these have no mark: the ledger's entries stay small.
MOST_MARKS = 32


class Marker:
    """Marks events. `names` are the top-level fields in the order of their marks."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names[:MOST_MARKS])

    def marks(self, hashes: FieldHashes, count: int) -> list[bytes]:
        """The marks of each of `count` events, all of one length, from the hashes of their fields by column.

        A field that an event lacks has a mark too.
        """
        width = len(self.names)
        table = np.zeros((count, width), dtype=np.uint8)
        for at, name in enumerate(self.names):
            if name in hashes:
                table[:, at] = hashes[name]
        marks: list[bytes] = table.view(f"V{width}").ravel().tolist()
        return marks

    def differing(self, before: bytes, after: bytes) -> list[str]:
        """The fields whose marks differ. `before` may be shorter: fields that had no mark then are not compared."""
        return [name for name, old, new in zip(self.names, before, after, strict=False) if old != new]

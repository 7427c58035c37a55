"""What an event says, as hashes: one for each field, and from these one for the whole.

The rule: the order of the fields says nothing, and neither does a field that is missing: its hash is 0. So a mapping
may gain a field or be sorted anew, and only the rows that have something to say in it count as changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from etl.batch.encode import NOTHING
from etl.batch.event import DIGEST_BYTES
from etl.batch.keyed_hash import derived_key, keyed_hashes

FieldHashes = Mapping[str, NDArray[np.uint64]]


class ContentHasher:
    """Hashes fields, each with a key of its own, derived from the state file's `secret_key` (16 to 64 bytes)."""

    def __init__(self, secret_key: bytes) -> None:
        self._secret_key = secret_key
        self._by_name: dict[str, tuple[str, np.uint64]] = {}

    def field_hashes(self, fields: Mapping[str, Sequence[bytes]]) -> FieldHashes:
        """The hashes of the JSON texts of a page's fields, by column."""
        found = {}
        for name, texts in fields.items():
            key, nothing = self._by_name.get(name) or self._known(name)
            hashes = keyed_hashes(texts, key)
            hashes[hashes == nothing] = 0
            found[name] = hashes
        return found

    def _known(self, name: str) -> tuple[str, np.uint64]:
        key = derived_key(self._secret_key, f"field {name}")
        self._by_name[name] = key, keyed_hashes([NOTHING], key)[0]
        return self._by_name[name]


def digests(hashes: Iterable[NDArray[np.uint64]]) -> list[bytes]:
    """From the hashes of a page's fields, by column, those of its events, 8 bytes each.

    The fields' keys differ, so that equal values of two fields do not cancel out; two events have the same digest by
    chance once in 2**64.
    """
    whole = np.bitwise_xor.reduce(list(hashes)).astype("<u8")
    digested: list[bytes] = whole.view(f"V{DIGEST_BYTES}").tolist()
    return digested

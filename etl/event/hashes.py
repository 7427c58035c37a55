"""Hashes an event's content: one hash for each field, and from these one for the whole.

The rule: neither the order of the fields nor a missing field changes the hash of the whole (its hash is 0). So after a
mapping gains a field or is sorted anew, only rows with a value in the new field count as changed.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import compress

import numpy as np
from numpy.typing import NDArray
from pandas.util import hash_array

from etl.event.encode import NOTHING
from etl.event.event import DIGEST_BYTES
from etl.event.key_hash import KeyHasher


def derived_key(secret_key: bytes, purpose: str) -> str:
    """A key for `purpose` derived from `secret_key`, without revealing it: 16 ASCII characters, 96 random bits."""
    return b64encode(blake2b(purpose.encode(), digest_size=12, key=secret_key).digest()).decode()


def keyed_hashes(texts: Sequence[bytes], key: str) -> NDArray[np.uint64]:
    """The hash of each of `texts` under a key of 16 ASCII characters."""
    return hash_array(np.fromiter(texts, dtype=object, count=len(texts)), hash_key=key, categorize=False)


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
    """The digests of a page's events, 8 bytes each, from the hashes of their fields by column.

    The fields' keys differ, so that equal values of two fields do not cancel out; two events have the same digest by
    chance once in 2**64.
    """
    whole = np.bitwise_xor.reduce(list(hashes)).astype("<u8")
    digested: list[bytes] = whole.view(f"V{DIGEST_BYTES}").tolist()
    return digested


# Fields beyond this number have no mark, so that the ledger's entries stay small.
MOST_MARKS = 32
# The type of a mark, two bytes of a field's hash. A changed field keeps its mark by chance once in 65,536 times.
_MARK = np.dtype("<u2")


class Marker:
    """Marks events. `names` are the top-level fields in the order of their marks."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names[:MOST_MARKS])

    def marks(self, hashes: FieldHashes, count: int) -> list[bytes]:
        """The marks of each of `count` events, all of one length, from the hashes of their fields by column.

        A field that an event lacks has a mark too.
        """
        width = len(self.names)
        table = np.zeros((count, width), dtype=_MARK)
        for at, name in enumerate(self.names):
            if name in hashes:
                table[:, at] = hashes[name].astype(_MARK)
        marks: list[bytes] = table.view(f"V{table.itemsize * width}").ravel().tolist()
        return marks

    def differing(self, before: Sequence[bytes], after: Sequence[bytes]) -> list[tuple[str, ...]]:
        """By event the fields whose marks differ.

        `before` may be shorter: fields without a mark then count as missing then. With none at all (b"") no field
        differs.
        """
        width = len(self.names) * _MARK.itemsize
        told = [b"" if not old else old.ljust(width, b"\0")[:width] for old in before]
        # An event without earlier marks is compared with itself, so that no field differs.
        old = np.frombuffer(b"".join(each or now for each, now in zip(told, after, strict=True)), dtype=_MARK)
        now = np.frombuffer(b"".join(after), dtype=_MARK)
        differs = (old != now).reshape(len(after), len(self.names))
        # Cached, because few combinations of fields make up nearly all changes.
        found: dict[bytes, tuple[str, ...]] = {}
        names = []
        for row in differs:
            packed = row.tobytes()
            if packed not in found:
                found[packed] = tuple(compress(self.names, row))
            names.append(found[packed])
        return names


@dataclass(frozen=True, slots=True)
class Hashers:
    """The hashers of one mapping."""

    keys: KeyHasher
    content: ContentHasher
    marker: Marker


def hashers(secret_key: bytes, field_names: Sequence[str]) -> Hashers:
    """Hashers under the state file's `secret_key` (16 to 64 bytes); `field_names` in the order of their marks."""
    return Hashers(KeyHasher(secret_key), ContentHasher(secret_key), Marker(field_names))

"""Keyed hashes of primary keys, so that the ledger can find a row without knowing it.

The rule: without the state file's own random key a hash cannot be turned back into a primary key, nor found by
guessing.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from etl.exact import key_text
from etl.page import Key

LEDGER_KEY_BYTES = 10
# How many of the first bytes neighbours share.
SHARED_BYTES = 8

_BUCKET_BITS = 12
_OFFSET_MASK = (1 << _BUCKET_BITS) - 1
_TAIL_DIGITS = 2
_FEW_HEADS, _MOST_HEADS = 64, 4096


class KeyHasher:
    """The hashes of one mapping's keys, with the state file's `secret_key` (16 to 64 bytes). For one thread.

    Ten bytes: with 10 million keys the chance that any two share one is below 1e-8.

    Keys that are neighbours (4096 numbers in a row, texts that differ in their last two digits) share the first eight
    bytes of their hash, so they are neighbours in the ledger too: rows mostly come in the order of their keys, and with
    random hashes each of them would be on another page of the file.
    """

    __slots__ = ("_heads", "_key", "_neighbours")

    def __init__(self, secret_key: bytes) -> None:
        self._key = blake2b(digest_size=LEDGER_KEY_BYTES, key=secret_key, person=b"ledger key")
        self._neighbours = blake2b(digest_size=LEDGER_KEY_BYTES, key=secret_key, person=b"neighbours")
        self._heads: dict[int | str, tuple[bytes, int]] = {}

    def ledger_key(self, key: Key) -> bytes:
        """The hash of a primary key, 10 bytes; equal for equal keys of the same types only."""
        last = key[-1]
        shared: int | str
        if type(last) is int:
            shared, offset = last >> _BUCKET_BITS, last & _OFFSET_MASK
        elif type(last) is str and last.isascii() and last[-_TAIL_DIGITS:].isdigit() and len(last) > _TAIL_DIGITS:
            shared, offset = last[:-_TAIL_DIGITS], int(last[-_TAIL_DIGITS:])
        else:
            return _hash(self._key, key)
        if len(key) > 1:
            # Not cached: tuples may be equal though their types differ, such as 1 and Decimal(1).
            head, mask = self._head((*key[:-1], shared))
        else:
            head, mask = self._heads.get(shared) or self._remembered(shared)
        return head + (offset ^ mask).to_bytes(2)

    def ledger_keys(self, keys: Sequence[Key]) -> list[bytes]:
        """`ledger_key` of each of a page's `keys`, which have as many parts as the table's key."""
        if keys and len(keys[0]) == 1 and {type(last) for (last,) in keys} == {int}:
            found = self._of_numbers(keys)
        else:
            found = list(map(self.ledger_key, keys))
        if len(self._heads) <= _FEW_HEADS:
            # Cleared after each page: kept, they would fragment the heap, because they lie between values that are
            # freed with the page.
            self._heads.clear()
        return found

    def _of_numbers(self, keys: Sequence[Key]) -> list[bytes]:
        heads, remembered = self._heads, self._remembered
        found = []
        # Without numpy, because `status` uses this module and should not wait for the import.
        for (last,) in keys:
            shared = last >> _BUCKET_BITS  # type: ignore[operator]  # every one is an int
            head, mask = heads.get(shared) or remembered(shared)
            found.append(head + ((last & _OFFSET_MASK) ^ mask).to_bytes(2))  # type: ignore[operator]
        return found

    def _remembered(self, shared: int | str) -> tuple[bytes, int]:
        if len(self._heads) >= _MOST_HEADS:
            self._heads.clear()
        found = self._heads[shared] = self._head((shared,))
        return found

    def _head(self, bucket: Key) -> tuple[bytes, int]:
        # The bytes that neighbours share, and a mask that hides the rest of the key in the file.
        hashed = _hash(self._neighbours, bucket)
        return hashed[:SHARED_BYTES], int.from_bytes(hashed[SHARED_BYTES:])


def _hash(keyed: blake2b, key: Key) -> bytes:
    state = keyed.copy()
    state.update(key_text(key).encode())
    return state.digest()

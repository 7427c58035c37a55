"""Keyed hashes of keys and contents, so that the ledger can compare without knowing.

The rule: what the state file holds cannot be turned back into a key or an address without the file's own random key,
and not by guessing values either.
"""

from __future__ import annotations

from hashlib import blake2b

from etl.exact import key_text
from etl.page import Key

LEDGER_KEY_BYTES = 10
DIGEST_BYTES = 8


class Hasher:
    """The two hashes of one mapping, keyed with the state file's `secret_key` (16 to 64 bytes).

    Ten bytes for keys: with 10 million keys the chance that any two share one is below 1e-10. Eight bytes for contents:
    one is compared with one, so a change goes unseen once in 2**64.
    """

    __slots__ = ("_content", "_key")

    def __init__(self, secret_key: bytes) -> None:
        self._key = blake2b(digest_size=LEDGER_KEY_BYTES, key=secret_key, person=b"ledger key")
        self._content = blake2b(digest_size=DIGEST_BYTES, key=secret_key, person=b"content")

    def ledger_key(self, key: Key) -> bytes:
        """The hash of a primary key, 10 bytes; equal for equal keys of the same types only."""
        state = self._key.copy()
        state.update(key_text(key).encode())
        return state.digest()

    def digest(self, content: bytes) -> bytes:
        """The hash of an encoded event (less what `resend_ignores` names), 8 bytes."""
        state = self._content.copy()
        state.update(content)
        return state.digest()

"""A keyed hash over a stored row, so that a flipped bit or a foreign hand does not pass for a checkpoint (D3, D13)."""

from __future__ import annotations

from hashlib import blake2b

from etl.errors import StateUnusable
from etl.state.trouble import DAMAGED_HINT


def seal(hash_key: bytes, *parts: object) -> bytes:
    """The seal of a row's `parts` (texts, numbers, bytes, None), 8 bytes."""
    return blake2b(repr(parts).encode(), digest_size=8, key=hash_key, person=b"state row").digest()


def check_seal(hash_key: bytes, found: object, *parts: object, what: str, place: str) -> None:
    """Raise `StateUnusable` when a row's seal is not that of its parts."""
    if bytes(found) != seal(hash_key, *parts):  # type: ignore[call-overload]  # bytes or memoryview
        raise StateUnusable(
            f"{what} in the state {place} is damaged or was changed by hand",
            hint=DAMAGED_HINT + "; `state set` moves a checkpoint properly",
        )

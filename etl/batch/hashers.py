"""All that the ledger is to know of an event: hashes of its key and content, marks of its fields."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from etl.batch.content import ContentHasher
from etl.batch.key_hash import KeyHasher
from etl.batch.marks import Marker


@dataclass(frozen=True, slots=True)
class Hashers:
    """The hashers of one mapping."""

    keys: KeyHasher
    content: ContentHasher
    marker: Marker


def hashers(secret_key: bytes, field_names: Sequence[str]) -> Hashers:
    """Hashers under the state file's `secret_key` (16 to 64 bytes); `field_names` in the order of their marks."""
    return Hashers(KeyHasher(secret_key), ContentHasher(secret_key), Marker(field_names))

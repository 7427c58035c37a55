"""What was mapped by the last run that was done, as keyed hashes: which parts of a mapping changed since."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import blake2b
from typing import Final

from etl.mapping.change import MappingChange, compared
from etl.state.database import Database


class Mapped:
    """The parts of one mapping, by name."""

    def __init__(self, database: Database, mapping_id: int, hash_key: bytes) -> None:
        self._database: Final = database
        self._mapping_id: Final = mapping_id
        self._hash_key: Final = hash_key

    def change_to(self, parts: Mapping[str, str]) -> MappingChange | None:
        """What changed since the last run that was done; None when nothing did, or there was none."""
        rows = self._database.rows("SELECT mapped FROM etl_mapping WHERE mapping_id = ?", (self._mapping_id,))
        if not rows or rows[0][0] is None:
            return None
        return compared(json.loads(rows[0][0]), self._hashed(parts))

    def record(self, parts: Mapping[str, str]) -> None:
        """A run that mapped `parts` was done."""
        with self._database.transaction("record a run in") as transaction:
            sql = "UPDATE etl_mapping SET mapped = ? WHERE mapping_id = ?"
            transaction.run(sql, (json.dumps(self._hashed(parts)), self._mapping_id))

    def _hashed(self, parts: Mapping[str, str]) -> dict[str, str]:
        # A constant of a field may be a secret.
        return {
            name: blake2b(text.encode(errors="surrogatepass"), digest_size=8, key=self._hash_key).hexdigest()
            for name, text in parts.items()
        }

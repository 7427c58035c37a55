"""Stores keyed hashes of a mapping's parts, to tell which parts changed since the last run that was done.

It also keeps every version of a part by which some accepted row may have been mapped: a run sends only new and changed
rows, so rows accepted before a change of the mapping stay as the old mapping made them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import blake2b
from typing import Final

from etl.mapping.change import MappingChange, compared
from etl.state.database import Database, Transaction

_ABSENT = ""


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
        """Record that a run with the mapping `parts` was done."""
        with self._database.transaction("record a run in") as transaction:
            sql = "UPDATE etl_mapping SET mapped = ? WHERE mapping_id = ?"
            transaction.run(sql, (json.dumps(self._hashed(parts)), self._mapping_id))

    def enter(self, parts: Mapping[str, str]) -> None:
        """Record that events made with `parts` may be accepted from now on, beside earlier ones."""
        seen, now = self._seen(), self._hashed(parts)
        names = dict.fromkeys((*seen, *now))
        before = [_ABSENT] if seen else []
        merged = {name: _with(seen.get(name, before), now.get(name, _ABSENT)) for name in names}
        if merged != seen:
            with self._database.transaction("record a run in") as transaction:
                self._set(transaction, merged)

    def settle(self, parts: Mapping[str, str]) -> None:
        """Record that every accepted event is now as `parts` make it."""
        with self._database.transaction("record a run in") as transaction:
            self._set(transaction, {name: [text] for name, text in self._hashed(parts).items()})

    def begin_anew(self, transaction: Transaction) -> None:
        """Forget the versions by which rows were accepted so far."""
        self._set(transaction, {})

    def earlier(self, parts: Mapping[str, str]) -> MappingChange | None:
        """How `parts` differ from any version by which some accepted row may still be mapped; None when they do not."""
        seen, now = self._seen(), self._hashed(parts)
        if not seen:
            return None
        others = {
            name: [text for text in seen.get(name, [_ABSENT]) if text != now.get(name, _ABSENT)]
            for name in dict.fromkeys((*now, *seen))
        }
        added = tuple(name for name, texts in others.items() if name in now and texts == [_ABSENT])
        removed = tuple(name for name, texts in others.items() if name not in now and texts)
        changed = tuple(name for name, texts in others.items() if name in now and texts and name not in added)
        return MappingChange(added, removed, changed) if added or removed or changed else None

    def _seen(self) -> dict[str, list[str]]:
        """By part, the hashes of all versions by which rows were mapped; `_ABSENT` for one without the part."""
        sql = "SELECT accepted_by, mapped FROM etl_mapping WHERE mapping_id = ?"
        rows = self._database.rows(sql, (self._mapping_id,))
        accepted_by, mapped = rows[0] if rows else (None, None)
        if accepted_by is not None:
            return {str(name): list(texts) for name, texts in json.loads(accepted_by).items()}
        # A state of an earlier version stored only what the last run mapped.
        return {} if mapped is None else {str(name): [str(text)] for name, text in json.loads(mapped).items()}

    def _set(self, transaction: Transaction, seen: Mapping[str, list[str]]) -> None:
        sql = "UPDATE etl_mapping SET accepted_by = ? WHERE mapping_id = ?"
        transaction.run(sql, (json.dumps(seen), self._mapping_id))

    def _hashed(self, parts: Mapping[str, str]) -> dict[str, str]:
        # A constant of a field may be a secret.
        return {
            name: blake2b(text.encode(errors="surrogatepass"), digest_size=8, key=self._hash_key).hexdigest()
            for name, text in parts.items()
        }


def _with(texts: list[str], text: str) -> list[str]:
    return texts if text in texts else [*texts, text]

"""What a person decided about a mapping: when its state was last moved by hand, and which name it was given.

The rule: it says when an exit code 8 has had its answer, and what a file still has to be told; no run hangs on it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from etl.clock import Clock
from etl.state.database import Database, Transaction

_DECIDED, _RENAMED = "decided:", "renamed:"
_PUT = "INSERT INTO etl_meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"


class Decisions:
    """The decisions that one state holds. Raises `StateUnusable` as the database does."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database: Final = database
        self._clock: Final = clock

    def note(self, mapping: str) -> None:
        """Remember that a person moved what is known of `mapping` just now."""
        with self._database.transaction("write") as transaction:
            transaction.run(_PUT, (_DECIDED + mapping, self._clock.utc_now().isoformat()))

    def decided_at(self, mapping: str) -> datetime | None:
        """When a person last moved what is known of `mapping`; None: never, as far as it is known."""
        text = self._value(_DECIDED + mapping)
        try:
            return None if text is None else datetime.fromisoformat(text)
        except ValueError:
            return None

    def new_name(self, mapping: str) -> str | None:
        """The name that what was known as `mapping` has now; None: it was given no other."""
        return self._value(_RENAMED + mapping)

    def _value(self, name: str) -> str | None:
        rows = self._database.rows("SELECT value FROM etl_meta WHERE name = ?", (name,))
        return str(rows[0][0]) if rows else None


def note_new_name(transaction: Transaction, old: str, new: str) -> None:
    """Remember that `old` has the name `new` now, and so whatever had the name `old` before."""
    _forget(transaction, (_DECIDED + old, _RENAMED + new))
    transaction.run("UPDATE etl_meta SET value = ? WHERE value = ? AND name LIKE ?", (new, old, f"{_RENAMED}%"))
    transaction.run(_PUT, (_RENAMED + old, new))


def drop_decisions(transaction: Transaction, mapping: str) -> None:
    """Forget what was decided about `mapping`, which is gone."""
    _forget(transaction, (_DECIDED + mapping,))
    transaction.run("DELETE FROM etl_meta WHERE value = ? AND name LIKE ?", (mapping, f"{_RENAMED}%"))


def _forget(transaction: Transaction, names: Iterable[str]) -> None:
    transaction.many("DELETE FROM etl_meta WHERE name = ?", [(name,) for name in names])

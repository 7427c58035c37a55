"""Remembers decisions of a person about a mapping: when its state was last moved by hand, and its new name.

The rule: `status` uses it to tell that an exit code 8 has been dealt with, or a mapping file still has the old name;
runs do not read it.
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
        """Remember that a person moved the state of `mapping` just now."""
        with self._database.transaction("write") as transaction:
            transaction.run(_PUT, (_DECIDED + mapping, self._clock.utc_now().isoformat()))

    def decided_at(self, mapping: str) -> datetime | None:
        """When a person last moved the state of `mapping`; None: no such move is recorded."""
        text = self._value(_DECIDED + mapping)
        try:
            return None if text is None else datetime.fromisoformat(text)
        except ValueError:
            return None

    def new_name(self, mapping: str) -> str | None:
        """The present name of what was once named `mapping`; None: it was not renamed."""
        return self._value(_RENAMED + mapping)

    def _value(self, name: str) -> str | None:
        rows = self._database.rows("SELECT value FROM etl_meta WHERE name = ?", (name,))
        return str(rows[0][0]) if rows else None


def note_new_name(transaction: Transaction, old: str, new: str) -> None:
    """Remember that `old` is now named `new`, and so is every mapping that was renamed to `old` before."""
    _forget(transaction, (_DECIDED + old, _RENAMED + new))
    transaction.run("UPDATE etl_meta SET value = ? WHERE value = ? AND name LIKE ?", (new, old, f"{_RENAMED}%"))
    transaction.run(_PUT, (_RENAMED + old, new))


def drop_decisions(transaction: Transaction, mapping: str) -> None:
    """Forget the decisions about `mapping`, which was removed."""
    _forget(transaction, (_DECIDED + mapping,))
    transaction.run("DELETE FROM etl_meta WHERE value = ? AND name LIKE ?", (mapping, f"{_RENAMED}%"))


def _forget(transaction: Transaction, names: Iterable[str]) -> None:
    transaction.many("DELETE FROM etl_meta WHERE name = ?", [(name,) for name in names])

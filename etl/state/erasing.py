"""Removes all that the state holds of single rows: ledger entry, dead letters open and closed, the runs that sent them.

The rule: this serves people who asked to be forgotten; the records of runs stay, because they name no row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from etl.exact import parse_key_text
from etl.page import Key
from etl.state.database import Database, Transaction

_ROWS_OF = {
    "etl_ledger": "key",
    "etl_dead_letter": "ledger_key",
    "etl_earlier_run": "key",
}


@dataclass(frozen=True, slots=True)
class Erased:
    """What was removed."""

    ledger_entries: int = 0
    dead_letters: int = 0


class Erasing:
    """Removes rows of one mapping from the state; `ledger_key` finds a key."""

    __slots__ = ("_database", "_ledger_key", "_mapping_id")

    def __init__(self, database: Database, mapping_id: int, ledger_key: Callable[[Key], bytes]) -> None:
        self._database: Final = database
        self._mapping_id: Final = mapping_id
        self._ledger_key: Final = ledger_key

    def knows(self, key: Key) -> bool:
        """Whether anything is kept of `key`."""
        return any(self._count(table, [self._ledger_key(key)]) for table in _ROWS_OF)

    def erase(self, keys: Iterable[Key]) -> Erased:
        """Remove durably what is kept of `keys`; writes nothing where nothing is kept."""
        ledger_keys = sorted(set(map(self._ledger_key, keys)))
        found = {table: self._count(table, ledger_keys) for table in _ROWS_OF}
        if any(found.values()):
            with self._database.transaction("erase rows in", synced=True) as transaction:
                self._delete(transaction, ledger_keys)
        return Erased(found["etl_ledger"], found["etl_dead_letter"])

    def keys_with(self, wanted: Callable[[Key], bool]) -> list[Key]:
        """The keys of dead letters, open and closed, for which `wanted` is true."""
        sql = "SELECT DISTINCT key FROM etl_dead_letter WHERE mapping_id = ?"
        keys = (parse_key_text(row[0]) for row in self._database.rows(sql, (self._mapping_id,)))
        return [key for key in keys if wanted(key)]

    def _count(self, table: str, ledger_keys: Sequence[bytes]) -> int:
        sql = f"SELECT count(*) FROM {table} WHERE mapping_id = ? AND {_ROWS_OF[table]} = ?"  # noqa: S608 - ours
        return sum(int(self._database.rows(sql, (self._mapping_id, key))[0][0]) for key in ledger_keys)

    def _delete(self, transaction: Transaction, ledger_keys: Sequence[bytes]) -> None:
        for table, column in _ROWS_OF.items():
            sql = f"DELETE FROM {table} WHERE mapping_id = ? AND {column} = ?"  # noqa: S608 - ours
            transaction.many(sql, [(self._mapping_id, key) for key in ledger_keys])

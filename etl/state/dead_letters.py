"""Opens, closes and counts the dead letters of one mapping.

The rule: a key has at most one open dead letter, and it holds no value of the row but its key (F19).
"""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Final

from etl.dead_letter import Closure, DeadLetter
from etl.event.key_hash import KeyHasher
from etl.exact import key_text, parse_key_text, printable
from etl.page import Key
from etl.state.database import Database, Row, Transaction
from etl.state.trouble import check_seal, seal

MOST_WORDS = 500
# With more open ones than this, keys are looked up in the database instead of in memory.
MOST_REMEMBERED = 100_000
_EMAIL = re.compile(r"[^\s\"'<>(),;:=@]+(?:@|%40)[^\s\"'<>(),;:=@]+")

_OPEN = """INSERT INTO etl_dead_letter
    (mapping_id, ledger_key, key, reason, words, attempts, opened_at, last_at, digest, run_id, stamp, seal)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_AGAIN = """UPDATE etl_dead_letter
    SET acknowledged_at = CASE WHEN reason = ? THEN acknowledged_at END,
        reason = ?, words = ?, attempts = ?, last_at = ?, digest = ?, run_id = ?, stamp = ?, seal = ?
    WHERE letter_id = ?"""
_CLOSE = """UPDATE etl_dead_letter SET closed_at = ?, closed_how = ?
    WHERE mapping_id = ? AND ledger_key = ? AND closed_at IS NULL AND stamp <= ?"""
_COLUMNS = (
    "key, reason, words, attempts, opened_at, last_at, digest, run_id, stamp, seal, letter_id, ledger_key, "
    "acknowledged_at"
)
_ID_AT, _ACKNOWLEDGED_AT = 10, 12
PAGE_LETTERS = 1000
# A stamp above all others: as of now.
NOW: Final = 2**63 - 1


class DeadLetters:
    """The dead letters of one mapping. Keys are found by their keyed hash."""

    def __init__(
        self, database: Database, mapping_id: int, hash_key: bytes, *, most_remembered: int = MOST_REMEMBERED
    ) -> None:
        self._database: Final = database
        self._mapping_id: Final = mapping_id
        self._hash_key: Final = hash_key
        self._hasher: Final = KeyHasher(hash_key)
        # The number of the newest open one, and the keys of all (None: too many to remember). One tuple, so that two
        # threads can read it without a lock.
        self._known: tuple[int, frozenset[bytes] | None] = (0, frozenset())
        self._most_remembered: Final = most_remembered

    def open(self, transaction: Transaction, letters: Iterable[DeadLetter], *, tried_again: bool = True) -> None:
        """Open `letters`. A letter whose key has an open one already counts as another attempt at that one.

        tried_again: False when the rows were only read again; then a letter with the same reason and words changes
        nothing. An open letter of a later reading of the row stays as it is.
        """
        fresh: list[tuple[object, ...]] = []
        new: dict[bytes, DeadLetter] = {self._hasher.ledger_key(letter.key): letter for letter in letters}
        for ledger_key, letter in new.items():
            digest, words = letter.digest, clean(letter.words)
            found = self._find(transaction, ledger_key)
            if found is None:
                text = key_text(letter.key)
                opened, last = letter.opened_at.isoformat(), letter.last_at.isoformat()
                row = (text, letter.reason, words, letter.attempts, opened, last, digest, letter.run_id, letter.stamp)
                fresh.append((self._mapping_id, ledger_key, *row, seal(self._hash_key, *row)))
                continue
            text, reason, said, attempts, opened, _, refused, run_id, stamp, _, letter_id, *_ = found
            if stamp > letter.stamp > 0:
                continue
            if not tried_again and (reason, said, bytes(refused)) == (letter.reason, words, digest):
                continue
            if run_id != letter.run_id:  # several refusals of a row within one run are one attempt
                attempts += 1
            last, by = letter.last_at.isoformat(), letter.run_id
            row = (text, letter.reason, words, attempts, opened, last, digest, by, letter.stamp)
            transaction.run(_AGAIN, (row[1], *row[1:4], *row[5:], seal(self._hash_key, *row), letter_id))
        transaction.many(_OPEN, fresh)

    def close(self, transaction: Transaction, ledger_keys: Mapping[bytes, int], how: Closure, now: datetime) -> None:
        """Close the open ones of `ledger_keys`, each if it is not newer than the stamp given with its key."""
        at = now.isoformat()
        transaction.many(_CLOSE, [(at, how, self._mapping_id, *each) for each in ledger_keys.items()])

    def ledger_key(self, key: Key) -> bytes:
        """The keyed hash by which `key` is found."""
        return self._hasher.ledger_key(key)

    def among(self, transaction: Transaction | Database, ledger_keys: Sequence[bytes]) -> list[bytes]:
        """Those of `ledger_keys` that have an open dead letter; costs next to nothing when none is open."""
        known = self._refreshed(transaction)
        if known is not None:
            return [] if not known or known.isdisjoint(ledger_keys) else [key for key in ledger_keys if key in known]
        sql = "SELECT 1 FROM etl_dead_letter WHERE mapping_id = ? AND ledger_key = ? AND closed_at IS NULL"
        return [key for key in ledger_keys if transaction.rows(sql, (self._mapping_id, key))]

    def refused(self, ledger_keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """By key, the digest of the refused event, for each of `ledger_keys` with an open one. For any thread."""
        digests: dict[bytes, bytes] = {}
        sql = "SELECT digest FROM etl_dead_letter WHERE mapping_id = ? AND ledger_key = ? AND closed_at IS NULL"
        for key in self.among(self._database, ledger_keys):
            for (digest,) in self._database.rows(sql, (self._mapping_id, key)):
                digests[key] = bytes(digest)
        return {key: digest for key, digest in digests.items() if digest}

    def any_open(self, transaction: Transaction | Database) -> bool:
        """Whether any dead letter is open."""
        known = self._refreshed(transaction)
        return known is None or bool(known)

    def listed(self, reason: str | None, limit: int | None) -> list[DeadLetter]:
        """The open ones, oldest first. Raises `StateUnusable` for a damaged one."""
        where, parameters = "mapping_id = ? AND closed_at IS NULL", [self._mapping_id]
        sql = f"SELECT {_COLUMNS} FROM etl_dead_letter WHERE {where}"  # noqa: S608 - constants
        values: list[object] = list(parameters)
        if reason is not None:
            sql += " AND reason = ?"
            values.append(reason)
        sql += " ORDER BY letter_id"
        if limit is not None:
            sql += " LIMIT ?"
            values.append(limit)
        return [self._letter(row) for row in self._database.rows(sql, values)]

    def example(self, reason: str, run_id: str = "") -> DeadLetter | None:
        """An open one as an example, if possible not acknowledged, then of that run, then the oldest."""
        sql = f"SELECT {_COLUMNS} FROM etl_dead_letter WHERE mapping_id = ? AND closed_at IS NULL"  # noqa: S608
        sql += " AND reason = ? ORDER BY acknowledged_at IS NOT NULL, run_id <> ?, letter_id LIMIT 1"
        rows = self._database.rows(sql, (self._mapping_id, reason, run_id))
        return self._letter(rows[0]) if rows else None

    def each(self, reason: str | None = None) -> Iterator[DeadLetter]:
        """Yield every open one, oldest first, reading a page of them at a time. Raises as `listed`."""
        sql = f"SELECT {_COLUMNS} FROM etl_dead_letter WHERE mapping_id = ? AND closed_at IS NULL"  # noqa: S608
        sql += " AND letter_id > ?" + ("" if reason is None else " AND reason = ?") + " ORDER BY letter_id LIMIT ?"
        after = 0
        while True:
            values = (self._mapping_id, after, *(() if reason is None else (reason,)), PAGE_LETTERS)
            rows = self._database.rows(sql, values)
            yield from map(self._letter, rows)
            if len(rows) < PAGE_LETTERS:
                return
            after = rows[-1][_ID_AT]

    def keys(self, reason: str | None, limit: int | None) -> list[Key]:
        """The keys of the open ones, oldest first; with a limit of those whose last attempt is the longest ago.

        Reads a page of letters at a time. Raises `StateUnusable` for a damaged one.
        """
        chosen, first, last = self._chosen(reason, limit)
        sql = f"SELECT {_COLUMNS} FROM etl_dead_letter WHERE mapping_id = ? AND closed_at IS NULL"  # noqa: S608
        sql += " AND letter_id > ? AND letter_id <= ?" + ("" if reason is None else " AND reason = ?")
        sql += " ORDER BY letter_id LIMIT ?"
        keys: list[Key] = []
        while first <= last:
            values = (self._mapping_id, first - 1, last, *(() if reason is None else (reason,)), PAGE_LETTERS)
            rows = self._database.rows(sql, values)
            keys += [self._letter(row).key for row in rows if chosen is None or row[_ID_AT] in chosen]
            if len(rows) < PAGE_LETTERS:
                break
            first = rows[-1][_ID_AT] + 1
        return keys

    def _chosen(self, reason: str | None, limit: int | None) -> tuple[frozenset[int] | None, int, int]:
        """The numbers of the letters within the limit (None: all), then the lowest and the highest number."""
        where = "mapping_id = ? AND closed_at IS NULL" + ("" if reason is None else " AND reason = ?")
        values: list[object] = [self._mapping_id, *(() if reason is None else (reason,))]
        if limit is None:
            sql = f"SELECT min(letter_id), max(letter_id) FROM etl_dead_letter WHERE {where}"  # noqa: S608 - constants
            lowest, highest = self._database.rows(sql, values)[0]
            return None, lowest or 0, highest or -1
        sql = f"SELECT letter_id FROM etl_dead_letter WHERE {where} ORDER BY last_at, letter_id LIMIT ?"  # noqa: S608
        numbers = frozenset(int(number) for (number,) in self._database.rows(sql, [*values, limit]))
        return numbers, min(numbers, default=0), max(numbers, default=-1)

    def of_key(self, key: Key) -> list[tuple[DeadLetter, Closure | None]]:
        """Every dead letter that `key` had within 400 days, oldest first, with how it was closed (None: open)."""
        sql = f"SELECT {_COLUMNS}, closed_how FROM etl_dead_letter WHERE mapping_id = ? AND ledger_key = ? ORDER BY letter_id"  # noqa: S608, E501
        rows = self._database.rows(sql, (self._mapping_id, self.ledger_key(key)))
        return [(self._letter(row), row[-1]) for row in rows]

    def counts(self) -> Counter[str]:
        """How many are open, by reason."""
        sql = "SELECT reason, count(*) FROM etl_dead_letter WHERE mapping_id = ? AND closed_at IS NULL GROUP BY reason"
        return Counter({str(reason): int(count) for reason, count in self._database.rows(sql, (self._mapping_id,))})

    def is_open(self, key: Key) -> bool:
        """Whether one of `key` is open."""
        return bool(self.among(self._database, [self.ledger_key(key)]))

    def acknowledge(self, now: datetime) -> int:
        """Mark all open ones as seen by a person. Returns how many were not marked before."""
        where = "mapping_id = ? AND closed_at IS NULL AND acknowledged_at IS NULL"
        with self._database.transaction("acknowledge dead letters in") as transaction:
            sql = f"SELECT count(*) FROM etl_dead_letter WHERE {where}"  # noqa: S608 - constants
            new = int(transaction.rows(sql, (self._mapping_id,))[0][0])
            if new:
                sql = f"UPDATE etl_dead_letter SET acknowledged_at = ? WHERE {where}"  # noqa: S608 - constants
                transaction.run(sql, (now.isoformat(), self._mapping_id))
        return new

    def acknowledged(self, found: Iterable[tuple[Key, str]]) -> int:
        """How many of the (key, reason) pairs have an acknowledged open one; quick when none is acknowledged."""
        where = "mapping_id = ? AND acknowledged_at IS NOT NULL AND closed_at IS NULL"
        any_sql = f"SELECT 1 FROM etl_dead_letter WHERE {where} LIMIT 1"  # noqa: S608 - constants
        if not self._database.rows(any_sql, (self._mapping_id,)):
            return 0
        sql = f"SELECT 1 FROM etl_dead_letter WHERE {where} AND ledger_key = ? AND reason = ?"  # noqa: S608 - constants
        asked = (self._database.rows(sql, (self._mapping_id, self.ledger_key(key), reason)) for key, reason in found)
        return sum(map(bool, asked))

    def acknowledged_counts(self) -> Counter[str]:
        """How many of the open ones are acknowledged, by reason."""
        sql = """SELECT reason, count(*) FROM etl_dead_letter
            WHERE mapping_id = ? AND closed_at IS NULL AND acknowledged_at IS NOT NULL GROUP BY reason"""
        return Counter({str(reason): int(count) for reason, count in self._database.rows(sql, (self._mapping_id,))})

    def forget(self, transaction: Transaction, *, closed_before: datetime | None) -> None:
        """Delete those closed before `closed_before`; None: delete all, the open ones too."""
        if closed_before is None:
            transaction.run("DELETE FROM etl_dead_letter WHERE mapping_id = ?", (self._mapping_id,))
        else:
            sql = "DELETE FROM etl_dead_letter WHERE mapping_id = ? AND closed_at < ?"
            transaction.run(sql, (self._mapping_id, closed_before.isoformat()))

    def _find(self, transaction: Transaction, ledger_key: bytes) -> Row | None:
        sql = f"SELECT {_COLUMNS} FROM etl_dead_letter WHERE mapping_id = ? AND ledger_key = ? AND closed_at IS NULL"  # noqa: S608
        rows = transaction.rows(sql, (self._mapping_id, ledger_key))
        return rows[0] if rows else None

    def _refreshed(self, transaction: Transaction | Database) -> frozenset[bytes] | None:
        # Only a newly opened letter makes the cached set wrong in a way that matters, and each has a higher number.
        sql = "SELECT max(letter_id) FROM etl_dead_letter WHERE mapping_id = ? AND closed_at IS NULL"
        newest = transaction.rows(sql, (self._mapping_id,))[0][0] or 0
        newest_known, known = self._known
        if newest == newest_known:
            return known
        sql = "SELECT ledger_key FROM etl_dead_letter WHERE mapping_id = ? AND closed_at IS NULL LIMIT ?"
        rows = transaction.rows(sql, (self._mapping_id, self._most_remembered + 1))
        known = frozenset(bytes(row[0]) for row in rows) if len(rows) <= self._most_remembered else None
        self._known = (newest, known)
        return known

    def _letter(self, row: Row) -> DeadLetter:
        text, reason, words, attempts, opened_at, last_at, digest, run_id, stamp, found = row[:10]
        parts = (text, reason, words, attempts, opened_at, last_at, bytes(digest), run_id, stamp)
        check_seal(self._hash_key, found, *parts, what="a dead letter", place=self._database.place)
        return DeadLetter(
            key=parse_key_text(text),
            reason=reason,
            words=words,
            attempts=attempts,
            opened_at=datetime.fromisoformat(opened_at),
            last_at=datetime.fromisoformat(last_at),
            digest=bytes(digest),
            run_id=run_id,
            stamp=stamp,
            acknowledged=row[_ACKNOWLEDGED_AT] is not None,
        )


def clean(words: str) -> str:
    """The API's words in a form that may be stored: one printable line of at most 500 characters, without addresses.

    Servers echo what they were sent (F3).
    """
    shown = _EMAIL.sub("(address)", printable(words))
    return shown if len(shown) <= MOST_WORDS else shown[: MOST_WORDS - 1] + "…"


_SQL = "SELECT DISTINCT reason FROM etl_dead_letter WHERE closed_at IS NULL ORDER BY reason"


def open_reasons(location: str) -> list[str]:
    """The reasons in the state file at `location`; [] when there are none, or when it cannot be read quickly.

    Reasons that another process is just writing may be missing.
    """
    if not location or "://" in location:
        return []
    try:
        # Immutable: takes no lock and makes no shared memory, so it cannot disturb a writer.
        uri = f"{Path(location).absolute().as_uri()}?mode=ro&immutable=1"
        with closing(sqlite3.connect(uri, uri=True)) as database:
            return [str(row[0]) for row in database.execute(_SQL)]
    except (sqlite3.Error, OSError, ValueError):
        return []

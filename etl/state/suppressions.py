"""The suppressed identities of forgotten people, as keyed hashes by account; no event may hold one of them.

The rule: an identity is kept only as a keyed hash, and for good: nothing done to a mapping removes it. An address and
its SHA-256 are the same identity. A user id is unique only within its account, so each account has its own list.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Final

from etl.event.identities import hashed
from etl.state.database import Database

HASH_BYTES = 16
# A number of placeholders that every version of SQLite accepts.
_AT_ONCE = 500

_ADD = """INSERT INTO etl_suppression (account, identity, since) VALUES (?, ?, ?)
    ON CONFLICT (account, identity) DO NOTHING"""
_AMONG_ARRAY = "SELECT identity FROM etl_suppression WHERE account = ? AND identity = ANY(?)"


def account_hash(hash_key: bytes, account: str) -> str:
    """The keyed hash by which the state knows `account`, 32 hexadecimal digits."""
    return blake2b(account.encode(), digest_size=HASH_BYTES, key=hash_key, person=b"account").hexdigest()


@dataclass(frozen=True, slots=True)
class Suppressed:
    """One suppressed identity as it is kept. `account` and `identity`: keyed hashes; `since`: ISO 8601, UTC."""

    account: str
    identity: bytes
    since: str


class Suppressions:
    """The suppressed identities of one account (None: the account is unknown, so there are none)."""

    __slots__ = ("_account", "_database", "_hash_key")

    def __init__(self, database: Database, hash_key: bytes, account: str | None) -> None:
        self._database: Final = database
        self._hash_key: Final = hash_key
        self._account: Final = account

    def newest(self) -> int:
        """A number that grows whenever an identity is suppressed; 0: none is. For any thread."""
        sql = "SELECT max(suppression_id) FROM etl_suppression WHERE account = ?"
        return self._database.rows(sql, (self._account,))[0][0] or 0

    def among(self, identities: Sequence[tuple[str, ...]]) -> frozenset[int]:
        """The indexes of the events with a suppressed identity; costs next to nothing if none is. For any thread."""
        if not self.newest():
            return frozenset()
        hashes: dict[bytes, list[int]] = {}
        for at, of_event in enumerate(identities):
            for one in self.hashes(of_event):
                hashes.setdefault(one, []).append(at)
        return frozenset(at for found in self._known(list(hashes)) for at in hashes[found])

    def hashes(self, identities: Iterable[str]) -> list[bytes]:
        """The keyed hash of each of `identities` ("u:…", "e:…"); an address is hashed by its SHA-256."""
        return [
            blake2b(
                one.encode("utf-8", "surrogatepass"), digest_size=HASH_BYTES, key=self._hash_key, person=b"suppressed"
            ).digest()
            for one in hashed(identities)
        ]

    def add(self, hashes: Iterable[bytes], *, now: datetime) -> int:
        """Suppress the identities of `hashes` durably. Returns how many were not suppressed before."""
        with self._database.transaction("suppress an identity in", synced=True) as transaction:
            return sum(transaction.run(_ADD, (self._account, one, now.isoformat())) for one in sorted(set(hashes)))

    def count(self) -> int:
        """How many identities are suppressed."""
        sql = "SELECT count(*) FROM etl_suppression WHERE account = ?"
        return int(self._database.rows(sql, (self._account,))[0][0])

    def _known(self, hashes: Sequence[bytes]) -> list[bytes]:
        if self._database.postgresql:
            rows = self._database.rows(_AMONG_ARRAY, (self._account, list(hashes)))
            return [bytes(row[0]) for row in rows]
        found: list[bytes] = []
        for start in range(0, len(hashes), _AT_ONCE):
            some = hashes[start : start + _AT_ONCE]
            marks = ", ".join("?" * len(some))
            sql = f"SELECT identity FROM etl_suppression WHERE account = ? AND identity IN ({marks})"  # noqa: S608 - marks
            found += [bytes(row[0]) for row in self._database.rows(sql, (self._account, *some))]
        return found


class SuppressedPeople:
    """The suppressed identities of every account, to be counted and carried to another state with the same key."""

    __slots__ = ("_database", "_hash_key")

    def __init__(self, database: Database, hash_key: bytes) -> None:
        self._database: Final = database
        self._hash_key: Final = hash_key

    @property
    def key_fingerprint(self) -> str:
        """Identifies the state's key without revealing it: 16 hexadecimal digits."""
        return blake2b(digest_size=8, key=self._hash_key, person=b"fingerprint").hexdigest()

    def count(self) -> int:
        """How many there are."""
        return int(self._database.rows("SELECT count(*) FROM etl_suppression")[0][0])

    def listed(self) -> list[Suppressed]:
        """All of them, oldest first."""
        rows = self._database.rows("SELECT account, identity, since FROM etl_suppression ORDER BY suppression_id")
        return [Suppressed(account, bytes(identity), since) for account, identity, since in rows]

    def take_over(self, others: Iterable[Suppressed]) -> int:
        """Suppress `others` too, durably. Returns how many were not suppressed before."""
        with self._database.transaction("suppress identities in", synced=True) as transaction:
            return sum(transaction.run(_ADD, (one.account, one.identity, one.since)) for one in others)

"""Counts the nights in which the same failing rows ended a run, so that they are given up one day.

The rule: each group of rows counted together (or single row) is stored as a keyed hash of its keys and of the answer,
with its own count. A night counts if it is 20 hours after the last one; after a week without a failure the count begins
anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Final, NamedTuple

from etl.clock import Clock
from etl.exact import key_text
from etl.page import Key
from etl.state.database import Database

# The least time between two nights: hourly runs would count one outage many times.
A_NIGHT = timedelta(hours=20)
FORGOTTEN_AFTER = timedelta(days=7)
# At most so many groups are stored, those that failed last.
MOST_GROUPS = 2000


class Count(NamedTuple):
    """In how many nights a group has failed; is_new: this call counted a new night."""

    nights: int
    is_new: bool


class LoneFailures:
    """Of one mapping."""

    def __init__(self, database: Database, mapping_id: int, hash_key: bytes, clock: Clock) -> None:
        self._database: Final = database
        self._mapping_id: Final = mapping_id
        self._hash_key: Final = hash_key
        self._clock: Final = clock

    def nights(self, failures: Iterable[tuple[Key, str]]) -> int:
        """Count a failure of these rows, as pairs of key and words. Returns in how many nights they have failed."""
        return self.nights_of([failures])[0].nights

    def nights_of(self, groups: Sequence[Iterable[tuple[Key, str]]]) -> list[Count]:
        """The same for several groups of rows, each with its own count."""
        now = self._clock.utc_now()
        noted = {
            group: (nights, last)
            for group, (nights, last) in self._noted().items()
            if last <= now <= last + FORGOTTEN_AFTER
        }
        counts = []
        for group in map(self._hash, groups):
            nights, last = noted.pop(group, (0, None))
            is_new = last is None or now - last >= A_NIGHT
            noted[group] = (nights + is_new, now if is_new or last is None else last)
            counts.append(Count(nights + is_new, is_new))
        if any(count.is_new for count in counts):
            newest = list(noted.items())[-MOST_GROUPS:]
            self._note(json.dumps({group: [nights, last.isoformat()] for group, (nights, last) in newest}))
        return counts

    def forget(self) -> None:
        """Forget all counts, because a run was done. Writes nothing when there are none."""
        if self._noted():
            self._note(None)

    def _hash(self, failures: Iterable[tuple[Key, str]]) -> str:
        text = "\n".join(sorted(f"{key_text(key)} {words}" for key, words in failures))
        return blake2b(text.encode(errors="surrogatepass"), digest_size=16, key=self._hash_key).hexdigest()

    def _noted(self) -> dict[str, tuple[int, datetime]]:
        sql = "SELECT lone_failures FROM etl_mapping WHERE mapping_id = ?"
        rows = self._database.rows(sql, (self._mapping_id,))
        noted = json.loads(rows[0][0]) if rows and rows[0][0] else {}
        # An earlier version stored a single group in another form, which is dropped.
        return {
            group: (count[0], datetime.fromisoformat(count[1]))
            for group, count in noted.items()
            if isinstance(count, list)
        }

    def _note(self, text: str | None) -> None:
        with self._database.transaction("save progress in") as transaction:
            sql = "UPDATE etl_mapping SET lone_failures = ? WHERE mapping_id = ?"
            transaction.run(sql, (text, self._mapping_id))

"""In how many nights the same rows were all that a run had left, and made the API fail, so that it ends one day.

The rule: the keys and what was answered stand here as one keyed hash. Nights count that lie 20 hours apart; other rows,
another answer, or a week without one begin anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Final

from etl.clock import Clock
from etl.exact import key_text
from etl.page import Key
from etl.state.database import Database

# A run each hour sees one outage many times.
A_NIGHT = timedelta(hours=20)
FORGOTTEN_AFTER = timedelta(days=7)


class LoneFailures:
    """Of one mapping."""

    def __init__(self, database: Database, mapping_id: int, hash_key: bytes, clock: Clock) -> None:
        self._database: Final = database
        self._mapping_id: Final = mapping_id
        self._hash_key: Final = hash_key
        self._clock: Final = clock

    def nights(self, failures: Iterable[tuple[Key, str]]) -> int:
        """Remember that the rows of these keys failed with these words; in how many nights they did so far."""
        text = "\n".join(sorted(f"{key_text(key)} {words}" for key, words in failures))
        rows = blake2b(text.encode(errors="surrogatepass"), digest_size=16, key=self._hash_key).hexdigest()
        now, before = self._clock.utc_now(), self._noted()
        last = datetime.fromisoformat(before["last_at"]) if before.get("rows") == rows else None
        if last is None or not last <= now <= last + FORGOTTEN_AFTER:
            nights = 1
        elif now - last < A_NIGHT:
            return int(before["nights"])
        else:
            nights = int(before["nights"]) + 1
        self._note(json.dumps({"rows": rows, "nights": nights, "last_at": now.isoformat()}))
        return nights

    def forget(self) -> None:
        """A run was done: nothing fails any more. Writes nothing where nothing is remembered."""
        if self._noted():
            self._note(None)

    def _noted(self) -> dict[str, str]:
        sql = "SELECT lone_failures FROM etl_mapping WHERE mapping_id = ?"
        rows = self._database.rows(sql, (self._mapping_id,))
        return dict(json.loads(rows[0][0])) if rows and rows[0][0] else {}

    def _note(self, text: str | None) -> None:
        with self._database.transaction("save progress in") as transaction:
            sql = "UPDATE etl_mapping SET lone_failures = ? WHERE mapping_id = ?"
            transaction.run(sql, (text, self._mapping_id))

"""The ledger: for each key the hash of the last accepted event, the marks of its fields, and the run that sent it.

The rule: an entry is never replaced by an older reading of its row, whichever process writes. Of a replaced entry only
the run that sent it is kept, for two months; rows that never change cost nothing in that table.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from operator import add, eq
from typing import Final

from etl.event.event import DIGEST_BYTES, Event
from etl.event.key_hash import LEDGER_KEY_BYTES, SHARED_BYTES
from etl.state.database import Database, Transaction

_KEY_AND_EVENT_BYTES = LEDGER_KEY_BYTES + DIGEST_BYTES

# One parameter holds the keys (with digests and marks) of a whole batch, one after the other, and SQLite cuts them
# apart. This costs half of binding a value for each row, and less than parsing a list of placeholders.
_EACH_AT = "WITH RECURSIVE each(at) AS (SELECT 1 UNION ALL SELECT at + {0} FROM each WHERE at + {0} < length(?1))"
_LOOK_UP = f"""{_EACH_AT.format(LEDGER_KEY_BYTES)}
    SELECT key, event FROM each CROSS JOIN etl_ledger
    WHERE mapping_id = ?2 AND key = substr(?1, at, {LEDGER_KEY_BYTES}) AND stamp > ?3"""  # noqa: S608 - numbers of ours
# How many keys have an entry, and how many of these entries have the digest given with the key.
_COUNT = f"""{_EACH_AT.format(_KEY_AND_EVENT_BYTES)}
    SELECT count(*), coalesce(sum(event = substr(?1, at + {LEDGER_KEY_BYTES}, {DIGEST_BYTES})), 0)
    FROM each CROSS JOIN etl_ledger
    WHERE mapping_id = ?2 AND key = substr(?1, at, {LEDGER_KEY_BYTES}) AND stamp > ?3"""  # noqa: S608 - numbers of ours
# A span is so many of these keys and digests, in the order of the table. If its first and last key share their
# beginning, one search finds all entries between them and returns them as one value, to be compared with the span as a
# whole. The limit is one more than the span has: a further entry is a difference too.
_SPAN_ENTRIES = 32
_SPAN_BYTES = _SPAN_ENTRIES * _KEY_AND_EVENT_BYTES
_LAST_AT = f"min(at + {_SPAN_BYTES}, length(?1) + 1) - {_KEY_AND_EVENT_BYTES}"
_SPANS = f"""{_EACH_AT.format(_SPAN_BYTES)}
    SELECT (SELECT CAST(group_concat(entry, '') AS BLOB) FROM (
        SELECT key || event AS entry FROM etl_ledger
        WHERE mapping_id = ?2 AND stamp > ?3 AND substr(?1, at, {SHARED_BYTES}) = substr(?1, {_LAST_AT}, {SHARED_BYTES})
            AND key BETWEEN substr(?1, at, {LEDGER_KEY_BYTES}) AND substr(?1, {_LAST_AT}, {LEDGER_KEY_BYTES})
        ORDER BY key LIMIT {_SPAN_ENTRIES + 1}))
    FROM each"""  # noqa: S608 - numbers of ours
_NEWER = f"""{_EACH_AT.format(LEDGER_KEY_BYTES)}
    SELECT key, stamp FROM each CROSS JOIN etl_ledger
    WHERE mapping_id = ?2 AND key = substr(?1, at, {LEDGER_KEY_BYTES}) AND stamp > ?3"""  # noqa: S608 - numbers of ours
_CONTENTS = f"""{_EACH_AT.format(LEDGER_KEY_BYTES)}
    SELECT key, event, marks FROM each CROSS JOIN etl_ledger
    WHERE mapping_id = ?2 AND key = substr(?1, at, {LEDGER_KEY_BYTES})"""  # noqa: S608 - numbers of ours
_TAKE_OVER = """ON CONFLICT (mapping_id, key)
    DO UPDATE SET event = excluded.event, stamp = excluded.stamp, marks = excluded.marks
    WHERE excluded.stamp >= etl_ledger.stamp"""
# `INSERT` comes first, because Python's driver reports the row count only of statements that begin with it.
_INSERT = f"""INSERT INTO etl_ledger (mapping_id, key, event, stamp, marks) {_EACH_AT.format("?4")}
    SELECT ?2, substr(?1, at, {LEDGER_KEY_BYTES}), substr(?1, at + {LEDGER_KEY_BYTES}, {DIGEST_BYTES}), ?3,
        substr(?1, at + {_KEY_AND_EVENT_BYTES}, ?4 - {_KEY_AND_EVENT_BYTES})
    FROM each WHERE true"""  # noqa: S608 - numbers of ours
_ADD, _UPSERT = f"{_INSERT} ON CONFLICT DO NOTHING", f"{_INSERT} {_TAKE_OVER}"

# Keeps the run that sent each entry about to be replaced.
_KEEP_RUNS = f"""{_EACH_AT.format("?4")}
    INSERT INTO etl_earlier_run (mapping_id, run_no, key)
    SELECT mapping_id, run_no, key FROM each CROSS JOIN etl_ledger JOIN etl_reading USING (mapping_id, stamp)
    WHERE mapping_id = ?2 AND key = substr(?1, at, {LEDGER_KEY_BYTES}) AND run_no <> ?3
    ON CONFLICT DO NOTHING"""  # noqa: S608 - numbers of ours

_LOOK_UP_ARRAY = "SELECT key, event FROM etl_ledger WHERE mapping_id = ? AND key = ANY(?) AND stamp > ?"
_COUNT_ARRAYS = """SELECT count(*), count(*) FILTER (WHERE entry.event = each.event)
    FROM unnest(?::bytea[], ?::bytea[]) AS each (key, event) JOIN etl_ledger AS entry USING (key)
    WHERE mapping_id = ? AND stamp > ?"""
_ALL = -1
_NEWER_ARRAY = "SELECT key, stamp FROM etl_ledger WHERE mapping_id = ? AND key = ANY(?) AND stamp > ?"
_CONTENTS_ARRAY = "SELECT key, event, marks FROM etl_ledger WHERE mapping_id = ? AND key = ANY(?)"
_INSERT_ARRAYS = """INSERT INTO etl_ledger (mapping_id, key, event, stamp, marks)
    SELECT ?, key, event, ?, marks FROM unnest(?::bytea[], ?::bytea[], ?::bytea[]) AS entry (key, event, marks)"""
_ADD_ARRAYS, _UPSERT_ARRAYS = f"{_INSERT_ARRAYS} ON CONFLICT DO NOTHING", f"{_INSERT_ARRAYS} {_TAKE_OVER}"

_KEEP_RUNS_ARRAY = """INSERT INTO etl_earlier_run (mapping_id, run_no, key)
    SELECT mapping_id, run_no, key FROM etl_ledger JOIN etl_reading USING (mapping_id, stamp)
    WHERE mapping_id = ? AND key = ANY(?) AND run_no <> ? ON CONFLICT DO NOTHING"""

_ENTRY = """SELECT event, marks, stamp, run_no FROM etl_ledger LEFT JOIN etl_reading USING (mapping_id, stamp)
    WHERE mapping_id = ? AND key = ?"""


@dataclass(frozen=True, slots=True)
class Entry:
    """What the ledger knows of a key's last accepted event.

    digest: the hash of its content. marks: those of its fields, fewer than today's if fields were added since. stamp:
    that of the page its row was read in. run_no: the run that sent it.
    """

    digest: bytes
    marks: bytes
    stamp: int
    run_no: int | None


class Ledger:
    """The entries of one mapping."""

    __slots__ = ("_database", "_mapping_id")

    def __init__(self, database: Database, mapping_id: int) -> None:
        self._database: Final = database
        self._mapping_id: Final = mapping_id

    def compare(
        self, ledger_keys: Sequence[bytes], digests: Sequence[bytes], *, trusted_after: int = _ALL
    ) -> tuple[list[bool], list[bool]]:
        """For each of `ledger_keys`, whether its entry has the given digest, and whether it has another one.

        Both are False where there is no entry. Entries with a stamp up to `trusted_after` count as none. Pages in which
        all rows are unchanged, or all are new, cost half as much as others.
        """
        if not ledger_keys:
            return [], []
        if self._database.postgresql:
            entries = unclear = list(ledger_keys)
            arguments = (unclear, list(digests), self._mapping_id, trusted_after)
            known, same = self._database.rows(_COUNT_ARRAYS, arguments)[0]
        else:
            entries = list(map(add, ledger_keys, digests))
            unclear = self._without_equal_spans(sorted(entries), trusted_after)
            known, same = self._database.rows(_COUNT, (b"".join(unclear), self._mapping_id, trusted_after))[0]
        total, rest = len(ledger_keys), len(unclear)
        # Freed before the sorted `entries`, so that memory is freed in the order of allocation, which avoids
        # fragmentation.
        del unclear
        if same == rest:
            return [True] * total, [False] * total
        if rest == total and not same and known in (0, total):
            return [False] * total, [bool(known)] * total
        del entries
        found = list(map(self._digests(ledger_keys, trusted_after).get, ledger_keys))
        same_each = list(map(eq, found, digests))
        return same_each, [digest is not None and not equal for digest, equal in zip(found, same_each, strict=True)]

    def stamps(self, ledger_keys: Iterable[bytes], transaction: Transaction | None = None) -> dict[bytes, int]:
        """The stamp of the entry of each of `ledger_keys` that has one."""
        keys, asked = sorted(ledger_keys), transaction or self._database
        if not keys:
            return {}
        if self._database.postgresql:
            rows = asked.rows(_NEWER_ARRAY, (self._mapping_id, keys, _ALL))
        else:
            rows = asked.rows(_NEWER, (b"".join(keys), self._mapping_id, _ALL))
        return {bytes(key): int(stamp) for key, stamp in rows}

    def contents(self, ledger_keys: Iterable[bytes]) -> dict[bytes, tuple[bytes, bytes]]:
        """Digest and marks of the entry of each of `ledger_keys` that has one, trusted or not."""
        keys = sorted(ledger_keys)
        if not keys:
            return {}
        if self._database.postgresql:
            rows = self._database.rows(_CONTENTS_ARRAY, (self._mapping_id, keys))
        else:
            rows = self._database.rows(_CONTENTS, (b"".join(keys), self._mapping_id))
        return {bytes(key): (bytes(digest), bytes(marks)) for key, digest, marks in rows}

    def recorded_stamp(self, transaction: Transaction) -> int:
        """The highest stamp of any entry so far."""
        sql = "SELECT recorded_stamp FROM etl_mapping WHERE mapping_id = ?"
        return int(transaction.rows(sql, (self._mapping_id,))[0][0])

    def overtaken(self, transaction: Transaction, events: Iterable[Event], *, recorded_stamp: int) -> list[Event]:
        """Those of `events` whose key has an entry of a later reading of the row.

        Pages are settled almost in the order of reading, so usually `recorded_stamp` alone shows that there are none.
        """
        late = [event for event in events if event.stamp < recorded_stamp and event.ledger_key]
        if not late:
            return []
        keys, oldest = sorted({event.ledger_key for event in late}), min(event.stamp for event in late)
        if transaction.postgresql:
            rows = transaction.rows(_NEWER_ARRAY, (self._mapping_id, keys, oldest))
        else:
            rows = transaction.rows(_NEWER, (b"".join(keys), self._mapping_id, oldest))
        newer: dict[bytes, int] = dict(rows)  # type: ignore[arg-type]  # rows of two
        return [event for event in late if newer.get(event.ledger_key, event.stamp) > event.stamp]

    def forget(self, transaction: Transaction, ledger_keys: Sequence[bytes]) -> None:
        """Delete the entries of `ledger_keys`, so that these rows count as never sent."""
        sql = "DELETE FROM etl_ledger WHERE mapping_id = ? AND key = ?"
        transaction.many(sql, [(self._mapping_id, key) for key in ledger_keys])

    def entry(self, ledger_key: bytes) -> Entry | None:
        """The entry of `ledger_key`; None if nothing was accepted for it."""
        rows = self._database.rows(_ENTRY, (self._mapping_id, ledger_key))
        return Entry(bytes(rows[0][0]), bytes(rows[0][1]), *rows[0][2:]) if rows else None

    def record(self, transaction: Transaction, events: Iterable[Event], *, run_no: int, recorded_stamp: int) -> None:
        """Enter accepted events, whose marks have the same length; does not replace an entry of a later reading."""
        by_stamp: dict[int, dict[bytes, Event]] = defaultdict(dict)
        for event in events:
            by_stamp[event.stamp][event.ledger_key] = event
        enter = self._enter_arrays if transaction.postgresql else self._enter
        for stamp in sorted(by_stamp):
            enter(transaction, stamp, by_stamp[stamp].values(), run_no)
        # The row for `recorded_stamp` exists already.
        if unknown := [(self._mapping_id, stamp, run_no) for stamp in by_stamp if stamp != recorded_stamp]:
            sql = "INSERT INTO etl_reading (mapping_id, stamp, run_no) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
            transaction.many(sql, unknown)
        if (latest := max(by_stamp)) > recorded_stamp:
            sql = "UPDATE etl_mapping SET recorded_stamp = ? WHERE mapping_id = ?"
            transaction.run(sql, (latest, self._mapping_id))

    def forget_runs(self, transaction: Transaction, *, started_before: str) -> None:
        """Forget which runs sent replaced events, for runs started before this time (ISO 8601, UTC)."""
        sql = """DELETE FROM etl_earlier_run WHERE mapping_id = ? AND run_no <
            (SELECT min(run_no) FROM etl_run WHERE mapping_id = ? AND started_at >= ?)"""
        transaction.run(sql, (self._mapping_id, self._mapping_id, started_before))

    def field_names(self, wanted: Sequence[str], transaction: Transaction | None = None) -> list[str]:
        """The fields that have marks, in the order of the marks: the stored ones, then new ones of `wanted`.

        New fields are stored by `transaction`; without one nothing is written.
        """
        sql = "SELECT name FROM etl_field WHERE mapping_id = ? ORDER BY place"
        known = [str(row[0]) for row in (transaction or self._database).rows(sql, (self._mapping_id,))]
        names = [*known, *(name for name in wanted if name not in known)]
        if transaction is not None:
            sql = "INSERT INTO etl_field (mapping_id, place, name) VALUES (?, ?, ?)"
            transaction.many(sql, [(self._mapping_id, at, names[at]) for at in range(len(known), len(names))])
        return names

    def size(self) -> int:
        """How many keys have an entry."""
        return int(
            self._database.rows("SELECT count(*) FROM etl_ledger WHERE mapping_id = ?", (self._mapping_id,))[0][0]
        )

    def clear(self, transaction: Transaction) -> None:
        """Forget every entry."""
        for table in ("etl_ledger", "etl_reading", "etl_earlier_run", "etl_field"):
            transaction.run(f"DELETE FROM {table} WHERE mapping_id = ?", (self._mapping_id,))  # noqa: S608 - ours

    def _digests(self, ledger_keys: Sequence[bytes], trusted_after: int) -> dict[bytes, bytes]:
        if self._database.postgresql:
            rows = self._database.rows(_LOOK_UP_ARRAY, (self._mapping_id, list(ledger_keys), trusted_after))
        else:
            rows = self._database.rows(_LOOK_UP, (b"".join(sorted(ledger_keys)), self._mapping_id, trusted_after))
        return dict(rows)  # type: ignore[arg-type]  # rows of two

    def _without_equal_spans(self, entries: list[bytes], trusted_after: int) -> list[bytes]:
        # The entries left were not compared, or differ somewhere in their span.
        packed, left = b"".join(entries), []
        for at, (found,) in enumerate(self._database.rows(_SPANS, (packed, self._mapping_id, trusted_after))):
            if found != packed[at * _SPAN_BYTES : (at + 1) * _SPAN_BYTES]:
                left += entries[at * _SPAN_ENTRIES : (at + 1) * _SPAN_ENTRIES]
        return left

    # Usually all keys are new, or none. So one statement adds the new ones, and only if some were not new, the runs of
    # the entries to be replaced are kept first.

    def _enter(self, transaction: Transaction, stamp: int, events: Collection[Event], run_no: int) -> None:
        entries = [event.ledger_key + event.digest + event.marks for event in events]
        # Sorted by the table's order, so that neighbours go to the same page. The unsorted list is freed last, in the
        # order of allocation.
        packed = b"".join(sorted(entries))
        entry_bytes = len(packed) // len(events)
        if transaction.run(_ADD, (packed, self._mapping_id, stamp, entry_bytes)) < len(events):
            transaction.run(_KEEP_RUNS, (packed, self._mapping_id, run_no, entry_bytes))
            transaction.run(_UPSERT, (packed, self._mapping_id, stamp, entry_bytes))

    def _enter_arrays(self, transaction: Transaction, stamp: int, events: Collection[Event], run_no: int) -> None:
        rows = ((event.ledger_key, event.digest, event.marks) for event in events)
        columns = [list(column) for column in zip(*rows, strict=True)]
        if transaction.run(_ADD_ARRAYS, (self._mapping_id, stamp, *columns)) < len(events):
            transaction.run(_KEEP_RUNS_ARRAY, (self._mapping_id, columns[0], run_no))
            transaction.run(_UPSERT_ARRAYS, (self._mapping_id, stamp, *columns))

"""Renames, removes and copies what the state holds of mappings.

The rule: everything moves in one transaction, or nothing does; a copy is counted, table by table, before it is kept.
The suppressed identities belong to no mapping: removing a mapping keeps them, and a copy includes them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from etl.errors import StateUnusable
from etl.state.database import Database, Row, Transaction
from etl.state.decisions import drop_decisions, note_new_name
from etl.state.not_started import drop_notes

# Each table with the columns to sort it by; all but the suppressions have a column `mapping_id`.
_KEYS: dict[str, tuple[str, ...]] = {
    "etl_mapping": ("mapping_id",),
    "etl_checkpoint": ("mapping_id", "track"),
    "etl_backfill": ("backfill_id",),
    "etl_ledger": ("mapping_id", "key"),
    "etl_doubt": ("doubt_id",),
    "etl_answer": ("answer_id",),
    "etl_reading": ("mapping_id", "stamp"),
    "etl_earlier_run": ("mapping_id", "run_no", "key"),
    "etl_field": ("mapping_id", "place"),
    "etl_dead_letter": ("letter_id",),
    "etl_suppression": ("suppression_id",),
    "etl_run": ("run_no",),
}
OF_MAPPINGS = tuple(table for table in _KEYS if table != "etl_suppression")
# Other entries to copy: refused calls, decisions of people, and who was told of trouble.
_NOTES = ("not_started:%", "decided:%", "renamed:%", "needs_person:%")
_AT_ONCE = 5000


def rename(database: Database, old: str, new: str) -> None:
    """Give the mapping `old` the name `new`, which none has."""
    with database.transaction("rename a mapping in") as transaction:
        transaction.run("UPDATE etl_mapping SET name = ? WHERE name = ?", (new, old))
        drop_notes(transaction, old)
        note_new_name(transaction, old, new)


def drop(database: Database, mapping_id: int, name: str) -> None:
    """Remove all that the state holds of one mapping, its runs and its name included."""
    with database.transaction("drop a mapping from") as transaction:
        drop_notes(transaction, name)
        drop_decisions(transaction, name)
        for table in (*OF_MAPPINGS, "etl_holder"):
            transaction.run(f"DELETE FROM {table} WHERE mapping_id = ?", (mapping_id,))  # noqa: S608 - ours


def copy(source: Database, target: Database) -> dict[str, int]:
    """Fill the empty state `target` with all of `source`, its key included; the rows by table.

    No process may write to `source` meanwhile. Raises `StateUnusable`; then `target` is as it was.
    """
    with target.transaction("copy a state into", synced=True) as transaction:
        (key,) = source.rows("SELECT value FROM etl_meta WHERE name = 'hash_key'")[0]
        transaction.run("UPDATE etl_meta SET value = ? WHERE name = 'hash_key'", (key,))
        for likeness in _NOTES:
            notes = source.rows("SELECT name, value FROM etl_meta WHERE name LIKE ?", (likeness,))
            transaction.many("INSERT INTO etl_meta VALUES (?, ?)", [tuple(row) for row in notes])
        copied = {table: _copy_table(source, transaction, table) for table in _KEYS}
        for table, expected in copied.items():
            sql = f"SELECT count(*) FROM {table}"  # noqa: S608 - ours
            found, there = int(transaction.rows(sql)[0][0]), int(source.rows(sql)[0][0])
            if not found == there == expected:
                words = f"the copy of {table} has {found:,} rows and the state {source.place} {there:,}"
                raise StateUnusable(f"{words}: nothing was kept of the copy", hint="is a run at work in it? Try again")
    return copied


def _copy_table(source: Database, transaction: Transaction, table: str) -> int:
    names = ", ".join(_columns(source, table))
    marks = ", ".join("?" * len(_columns(source, table)))
    sql = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608 - names of ours
    count = 0
    for rows in _pages(source, table, names):
        transaction.many(sql, [tuple(row) for row in rows])
        count += len(rows)
    keys = _KEYS[table]
    if transaction.postgresql and len(keys) == 1:
        # The rows keep their numbers, so the server's counter has to be set behind them.
        sql = f"SELECT setval(pg_get_serial_sequence(?, ?), max({keys[0]})) FROM {table} HAVING count(*) > 0"  # noqa: S608
        transaction.rows(sql, (table, keys[0]))
    return count


def _pages(source: Database, table: str, names: str) -> Iterator[Sequence[Row]]:
    keys = _KEYS[table]
    places = [names.split(", ").index(key) for key in keys]
    order, marks = ", ".join(keys), ", ".join("?" * len(keys))
    after: tuple[object, ...] = ()
    while True:
        where = f"WHERE ({order}) > ({marks})" if after else ""
        sql = f"SELECT {names} FROM {table} {where} ORDER BY {order} LIMIT {_AT_ONCE}"  # noqa: S608 - names of ours
        rows = source.rows(sql, after)
        if not rows:
            return
        yield rows
        after = tuple(rows[-1][at] for at in places)


def _columns(database: Database, table: str) -> list[str]:
    if database.postgresql:
        sql = """SELECT attname FROM pg_attribute WHERE attrelid = ?::regclass AND attnum > 0 AND NOT attisdropped
            ORDER BY attnum"""
        return [str(row[0]) for row in database.rows(sql, (table,))]
    return [str(row[1]) for row in database.rows(f"PRAGMA table_info({table})")]

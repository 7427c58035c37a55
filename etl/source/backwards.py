"""Tells a table that was restored to before its checkpoint from one that only lost its newest rows (A13, A35).

The rule: where a clock bounds the cursor, all new rows lie above the checkpoint, so a run may go on. Integers, however,
may be given out again after a restore; by the next night the table may even end above the checkpoint again, though
every key lies below the checkpoint's own. So with an integer cursor a run goes on only where the database shows that no
number was given out again: the checkpoint's own row is gone, and the sequence of its key has not gone back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from etl.errors import SourceMismatch, TableWentBack
from etl.page import Position, Window
from etl.source.fault import DatabaseFault
from etl.source.source_parts import SourceParts


def check_not_backwards(parts: SourceParts, position: Position, *, reaches: bool = False) -> str | None:
    """A warning if the table ends below the checkpoint's `position` but a run may go on; None if it does not.

    reaches: the table is known to hold cursors at the checkpoint or above it.

    Raises:
        TableWentBack: the database does not show that a run may go on.
    """
    if position.cursor is None or parts.domain is None:
        return None
    subject, name, database = parts.plan.subject, parts.domain.name, parts.database
    purpose = f"compare the checkpoint with {subject}"
    statement = parts.keyset.any_from(position.cursor)
    if reaches or database.read_patiently(statement, purpose=purpose).rows:
        if not parts.domain.is_time:
            _check_keys(parts, position, purpose)
        return None
    if not database.read_patiently(parts.keyset.count(Window()), purpose=purpose).rows[0][0]:
        return None
    words = f"the highest {name} of {subject} lies below the checkpoint"
    if parts.domain.is_time:
        return (
            f"{words}: its newest rows were deleted, or the database was restored; the run goes on, "
            "and after a restore a checkpoint that is moved back lets the next one send what differs since"
        )
    if _own_row_is_gone(parts, position, purpose):
        return f"{words}: its newest rows were deleted, and the key's sequence goes on above them; so does the run"
    raise _went_back(words)


def _went_back(words: str) -> TableWentBack:
    return TableWentBack(
        f"{words}: the table went back",
        hint="after a restore, or when its newest rows were deleted, move the checkpoint back with `state set`; the "
        "ledger keeps rows that did not change from being sent again",
    )


def _check_keys(parts: SourceParts, position: Position, purpose: str) -> None:
    """Raise `TableWentBack` if the table reaches the checkpoint with numbers that were given out again.

    That is so if the checkpoint's row is gone, and every key, and the sequence of the key if there is one, lies below
    the checkpoint's key. Read by index; keys of other types or of several columns are not checked.
    """
    plan, relation = parts.plan, parts.relation
    if plan.primary_key == (plan.cursor_field,) or not relation.is_table:
        return
    if len(position.key) != 1 or type(position.key[0]) is not int or plan.primary_key[0] not in relation.indexed:
        return
    if parts.database.read_patiently(parts.keyset.any_from_key(position.key[0]), purpose=purpose).rows:
        return
    if not _own_row_is_gone(parts, position, purpose):
        key = plan.primary_key[0]
        raise _went_back(f"the row of the checkpoint is gone from {plan.subject}, and every {key} lies below its own")


def _own_row_is_gone(parts: SourceParts, position: Position, purpose: str) -> bool:
    """Whether the row of `position` was deleted, and the sequence of its key goes on above it."""
    key = position.key
    if not key and position.cursor is not None and parts.plan.primary_key == (parts.plan.cursor_field,):
        key = (position.cursor,)
    if len(key) != 1 or type(key[0]) is not int or not parts.relation.is_table:
        return False
    try:
        if parts.database.read_patiently(parts.keyset.any_of_key(key), purpose=purpose).rows:
            return False
        last = _last_given_out(parts)
    except DatabaseFault:
        return False
    return last is not None and last >= key[0]


def _last_given_out(parts: SourceParts) -> int | None:
    """The last number of the sequence behind the table's key; None where there is none, or it may not be read."""
    find = _SEQUENCES.get(parts.database.dialect)
    if find is None:
        return None
    table, schema = parts.relation.table or "", parts.relation.schema
    try:
        rows = parts.database.patiently(
            lambda: parts.database.read(find(table, schema, parts.plan.primary_key[0])).rows,
            purpose=f"read the key's sequence of {parts.plan.subject}",
        )
    except (DatabaseFault, SourceMismatch):
        return None
    return int(rows[0][0]) if rows and rows[0][0] is not None else None


def _postgresql(table: str, schema: str | None, column: str) -> Any:  # noqa: ANN401  # a SQL statement
    # pg_get_serial_sequence takes the table as an identifier, quoted where needed, but the column's name as it is.
    quoted = sa.func.quote_ident
    name = quoted(table) if schema is None else sa.func.concat(quoted(schema), ".", quoted(table))
    sequences = sa.table("pg_sequences", sa.column("schemaname"), sa.column("sequencename"), sa.column("last_value"))
    found = sa.func.concat(quoted(sequences.c.schemaname), ".", quoted(sequences.c.sequencename))
    return sa.select(sequences.c.last_value).where(found == sa.func.pg_get_serial_sequence(name, column))


def _mysql(table: str, schema: str | None, column: str) -> sa.TextClause:
    del column  # a table has one at most, and it is a key
    sql = (
        "SELECT AUTO_INCREMENT - 1 FROM information_schema.TABLES"
        " WHERE TABLE_NAME = :t AND TABLE_SCHEMA = coalesce(:s, DATABASE())"
    )
    return sa.text(sql).bindparams(t=table, s=schema)


def _sqlite(table: str, schema: str | None, column: str) -> sa.TextClause:
    # Without AUTOINCREMENT there is no such table or row: SQLite gives the number of a deleted last row out again.
    del schema, column
    return sa.text("SELECT seq FROM sqlite_sequence WHERE lower(name) = lower(:t)").bindparams(t=table)


_SEQUENCES: dict[str, Callable[[str, str | None, str], Any]] = {
    "postgresql": _postgresql,
    "mysql": _mysql,
    "mariadb": _mysql,
    "sqlite": _sqlite,
}

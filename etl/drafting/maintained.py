"""Which columns the database itself sets at every update: ON UPDATE CURRENT_TIMESTAMP, and triggers."""

from __future__ import annotations

import re

import sqlalchemy as sa
import sqlalchemy.exc

from etl.drafting.structure import TableShape
from etl.source.database import Database
from etl.source.fault import DatabaseFault

_TRIGGERS = {
    # The extension moddatetime takes the column as the argument of its trigger.
    "postgresql": r"""
        SELECT CASE p.proname WHEN 'moddatetime'
        THEN 'NEW.' || split_part(encode(t.tgargs, 'escape'), '\000', 1) || ' =' ELSE p.prosrc END
        FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
        JOIN pg_namespace AS n ON n.oid = c.relnamespace JOIN pg_proc AS p ON p.oid = t.tgfoid
        WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' AND (t.tgtype & 16) <> 0 AND (t.tgtype & 2) <> 0
        AND c.relname = :name AND n.nspname = coalesce(:schema, current_schema())
    """,
    "mysql": """
        SELECT action_statement FROM information_schema.triggers
        WHERE event_object_table = :name AND event_object_schema = coalesce(:schema, database())
        AND event_manipulation = 'UPDATE' AND action_timing = 'BEFORE'
    """,
    "sqlite": "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :name AND :schema IS NULL",
}
_ON_UPDATE = """
    SELECT column_name FROM information_schema.columns
    WHERE table_name = :name AND table_schema = coalesce(:schema, database()) AND extra LIKE '%on update%'
"""


def maintained_columns(database: Database, table: TableShape) -> dict[str, str]:
    """The columns of `table` that every update sets, each with how: words for a comment."""
    dialect = "mysql" if database.dialect == "mariadb" else database.dialect
    found: dict[str, str] = {}
    if dialect == "mysql":
        for name in _column(database, _ON_UPDATE, table):
            found[name] = "the database sets it at every update: ON UPDATE CURRENT_TIMESTAMP"
    for text in _column(database, _TRIGGERS[dialect], table) if dialect in _TRIGGERS else ():
        body = text if dialect != "sqlite" else _sqlite_body(text, table.name)
        for name in table.kinds:
            if _assigns(body, name, dialect=dialect):
                found.setdefault(name, "a trigger sets it at every update")
    return {name: how for name, how in found.items() if name in table.kinds}


def _column(database: Database, sql: str, table: TableShape) -> list[str]:
    statement = sa.text(sql).bindparams(
        sa.bindparam("name", table.name, sa.String), sa.bindparam("schema", table.schema, sa.String)
    )
    try:
        return [str(row[0]) for row in database.read(statement).rows]
    except DatabaseFault:
        return []  # no right to look: the draft has one hint less


def _assigns(body: str, column: str, *, dialect: str) -> bool:
    """Whether a statement of `body` gives `column` a value; a condition that compares it does not."""
    plain = re.sub(r"--[^\n]*|/\*.*?\*/", " ", body, flags=re.DOTALL)
    name = rf"[`\"\[]?{re.escape(column)}[`\"\]]?"
    target = name if dialect == "sqlite" else rf"new\s*\.\s*{name}"
    return re.search(rf"(?:^|[;,]|\b(?:begin|then|else|set))\s*{target}\s*:?=", plain, re.IGNORECASE) is not None


def _sqlite_body(trigger: str, table: str) -> str:
    """What a trigger of SQLite sets in its own table after an update: the SET part of its UPDATE statements."""
    if not re.search(r"\bafter\s+update\b", trigger.partition("BEGIN")[0] or trigger, re.IGNORECASE):
        return ""
    updates = rf"\bupdate\s+[`\"\[]?{re.escape(table)}[`\"\]]?\s+set\s+(.*?)(?:\bwhere\b|;)"
    body = re.split(r"\bbegin\b", trigger, maxsplit=1, flags=re.IGNORECASE)[-1]
    return " , ".join(re.findall(updates, body, re.IGNORECASE | re.DOTALL))

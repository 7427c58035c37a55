"""Finds tables of PostgreSQL that others inherit from: their key and indexes do not cover the rows of the heirs."""

from __future__ import annotations

import sqlalchemy as sa

from etl.source.database import Database


def is_inherited(database: Database, table: str, schema: str | None) -> bool:
    """Whether other tables INHERIT from this one, so that reading it gives their rows too; partitions do not count."""
    inherits, tables, schemas = (
        sa.table(name, *map(sa.column, columns), schema="pg_catalog")
        for name, *columns in (
            ("pg_inherits", "inhparent"),
            ("pg_class", "oid", "relname", "relnamespace", "relkind"),
            ("pg_namespace", "oid", "nspname"),
        )
    )
    asked = (
        sa.select(sa.literal(1))
        .select_from(inherits)
        .join(tables, tables.c.oid == inherits.c.inhparent)
        .join(schemas, schemas.c.oid == tables.c.relnamespace)
        .where(tables.c.relname == table, tables.c.relkind == "r")
        .where(sa.func.pg_table_is_visible(tables.c.oid) if schema is None else schemas.c.nspname == schema)
        .limit(1)
    )
    return bool(database.read(asked).rows)

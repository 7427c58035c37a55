"""Reads what tables and views a database has, in all of its schemas: columns, keys, foreign keys.

The rule: schemas and tables that cannot be read are left out, without an error.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
import sqlalchemy.exc
from sqlalchemy.engine.reflection import ObjectKind

from etl.drafting.names import table_prefix
from etl.source.database import Database
from etl.source.kinds import kind_of_type

MOST_TABLES = 2000
_SYSTEM_SCHEMAS = frozenset({"information_schema", "pg_catalog", "mysql", "performance_schema", "sys", "pg_toast"})
# What SQLAlchemy raises when it reads a declaration that it does not understand.
_NOT_UNDERSTOOD = (
    sqlalchemy.exc.SQLAlchemyError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    AssertionError,
    NotImplementedError,
)


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """`columns` of a table refer to the columns `referred` of `table` (as `TableShape.full`)."""

    columns: tuple[str, ...]
    table: str
    referred: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class TableShape:
    """A table or view. `full` is its name as a mapping writes it: with its schema, where that is not the default."""

    full: str
    schema: str | None
    name: str
    kinds: Mapping[str, str | None]
    primary: tuple[str, ...] = ()
    foreign: tuple[ForeignKey, ...] = ()
    unique: tuple[tuple[str, ...], ...] = ()
    is_view: bool = False

    def is_unique(self, columns: Sequence[str]) -> bool:
        """Whether a declared key says that no two rows share their `columns`."""
        return any(one and set(one) <= set(columns) for one in (self.primary, *self.unique))


@dataclass(frozen=True, slots=True)
class Structure:
    """All tables and views that could be read. `prefixes` is what most tables of a schema begin with."""

    tables: tuple[TableShape, ...]
    prefixes: Mapping[str | None, str] = field(default_factory=dict)

    def find(self, name: str) -> list[TableShape]:
        """The tables of that name: exactly that one, or without its schema those of all schemas."""
        exact = [one for one in self.tables if one.full == name]
        return exact or [one for one in self.tables if one.name == name]

    def prefix_of(self, table: TableShape) -> str:
        """What most tables of its schema begin with."""
        return self.prefixes.get(table.schema, "")


def structure_of(database: Database) -> Structure:
    """What `database` holds; empty where it may not be looked at."""
    tables: list[TableShape] = []
    try:
        with database.engine.connect() as connection, warnings.catch_warnings():
            # Of types and indexes that it does not know.
            warnings.simplefilter("ignore", sqlalchemy.exc.SAWarning)
            inspector = sa.inspect(connection)
            for schema in _schemas(inspector, database.dialect):
                tables += _tables(inspector, schema, database.dialect)
                if len(tables) > MOST_TABLES:
                    break
    except _NOT_UNDERSTOOD:
        pass
    names: dict[str | None, list[str]] = {}
    for one in tables:
        names.setdefault(one.schema, []).append(one.name)
    return Structure(tuple(tables[:MOST_TABLES]), {schema: table_prefix(found) for schema, found in names.items()})


def _schemas(inspector: sa.Inspector, dialect: str) -> Iterator[str | None]:
    yield None
    # A schema of MySQL is a database of its own, and those of SQLite are files: not what the URL names.
    if dialect in {"mysql", "mariadb", "sqlite", "duckdb"}:
        return
    for schema in sorted(inspector.get_schema_names()):
        if schema not in _SYSTEM_SCHEMAS | {inspector.default_schema_name} and not schema.startswith("pg_"):
            yield schema


def _tables(inspector: sa.Inspector, schema: str | None, dialect: str) -> Iterator[TableShape]:
    try:
        views = {*inspector.get_view_names(schema=schema)}
    except _NOT_UNDERSTOOD:
        views = set()
    columns = _read(inspector, "columns", schema)
    primary, foreign = _read(inspector, "pk_constraint", schema), _read(inspector, "foreign_keys", schema)
    indexes = _read(inspector, "indexes", schema)
    default = inspector.default_schema_name
    for name, found in columns.items():
        yield TableShape(
            full=f"{schema}.{name}" if schema else name,
            schema=schema,
            name=name,
            kinds={one["name"]: kind_of_type(one["type"], dialect=dialect) for one in found},
            primary=tuple((primary.get(name) or {}).get("constrained_columns") or ()),
            foreign=tuple(
                ForeignKey(
                    tuple(one["constrained_columns"]),
                    # PostgreSQL names the schema of a table unless that is the default one.
                    _full(
                        one.get("referred_schema") or (None if dialect == "postgresql" else schema),
                        one["referred_table"],
                        default,
                    ),
                    tuple(one["referred_columns"]),
                )
                for one in foreign.get(name) or ()
            ),
            unique=tuple(_unique(indexes.get(name) or ())),
            is_view=name in views,
        )


def _read(inspector: sa.Inspector, what: str, schema: str | None) -> dict[str, Any]:
    """`what` of all tables by name, at once; or one after the other, without those that cannot be read."""
    everything = {"kind": ObjectKind.ANY} if what == "columns" else {}
    try:
        found = getattr(inspector, f"get_multi_{what}")(schema=schema, **everything)
        return {name: value for (_, name), value in found.items()}
    except _NOT_UNDERSTOOD:
        pass
    one_by_one: dict[str, Any] = {}
    try:
        names = [*inspector.get_table_names(schema=schema)]
        names += inspector.get_view_names(schema=schema) if everything else []
    except _NOT_UNDERSTOOD:
        return one_by_one
    for name in names[:MOST_TABLES]:
        try:
            one_by_one[name] = getattr(inspector, f"get_{what}")(name, schema=schema)
        except _NOT_UNDERSTOOD:
            continue
    return one_by_one


def _unique(indexes: Iterable[Any]) -> Iterator[tuple[str, ...]]:
    for one in indexes:
        partial = any(key.endswith("_where") for key, value in one.get("dialect_options", {}).items() if value)
        if one.get("unique") and not partial and None not in one["column_names"]:
            yield tuple(map(str, one["column_names"]))


def _full(schema: str | None, table: str, default: str | None) -> str:
    return table if schema in (None, default) else f"{schema}.{table}"

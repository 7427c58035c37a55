"""What is read from: a table, a view or the mapping's query, with the names and kinds of its columns as they are.

Every name that reaches a statement was found here first, and goes through SQLAlchemy's quoting.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
import sqlalchemy.exc

from etl.errors import SourceMismatch
from etl.mapping.nearest import did_you_mean
from etl.page import Column
from etl.source.database import Database
from etl.source.fault import fault_of
from etl.source.kinds import kind_of_code, kind_of_type


@dataclass(frozen=True, slots=True)
class Relation:
    """A table, a view or a query. `kinds` is by column name, in the order of the database.

    `nullable` names what may hold NULL, `unique` are the declared unique column sets, `indexed` the leading columns of
    indexes, `fraction_digits` those of a second by column: all empty for queries, where nothing is declared.
    """

    subject: str
    kinds: Mapping[str, str | None]
    nullable: frozenset[str] = frozenset()
    unique: tuple[frozenset[str], ...] = ()
    indexed: frozenset[str] = frozenset()
    is_table: bool = False
    fraction_digits: Mapping[str, int] = field(default_factory=dict)
    table: str | None = None
    schema: str | None = None
    query: str | None = None

    def source(self, names: Sequence[str], *, alias: str | None = None) -> sa.FromClause:
        """The FROM clause, offering the columns `names`, untyped so that drivers' values pass through as they are."""
        columns: list[Any] = [sa.column(name) for name in dict.fromkeys(names)]
        if self.query is not None:
            return _literal(self.query + "\n").columns(*columns).subquery(alias or "source")
        table = sa.table(self.table or "", *columns, schema=self.schema)
        return table.alias(alias) if alias else table

    def column(self, name: str) -> Column:
        """The column `name` as pages describe it."""
        return Column(name, self.kinds[name])


def condition(where: str) -> sa.TextClause:
    """The mapping's own SQL, in parentheses of its own. The mapping file is trusted like code (F12, A49)."""
    return _literal(f"({where}\n)")


def table_relation(database: Database, name: str) -> Relation:
    """The table or view `name` (`table` or `schema.table`).

    Raises:
        SourceMismatch: there is none; the nearest name is suggested.
        SourceFailed: the database could not say.
    """
    schema, _, table = name.rpartition(".")
    return database.patiently(
        lambda: _reflected(database, name, table, schema or None), purpose=f"read the structure of {name}"
    )


def query_relation(database: Database, query: str) -> Relation:
    """The mapping's query, wrapped as a subquery so that our own conditions and order apply to its result.

    Raises:
        SourceMismatch: the query names what the database does not have.
        SourceFailed: the query failed.
    """
    text = query.strip().rstrip(";")
    probe = sa.select(sa.text("*")).select_from(_literal(text + "\n").columns().subquery("source")).limit(0)
    shape = database.read_patiently(probe, purpose="run the query").shape
    kinds = {name: kind_of_code(code, dialect=database.dialect) for name, code in shape}
    if len(kinds) < len(shape):
        names = [name for name, _ in shape]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise SourceMismatch(
            f"the query returns several columns of one name: {', '.join(twice)}", hint="name each with AS"
        )
    return Relation(subject="the query", kinds=kinds, query=text)


def missing_columns(relation: Relation, wanted: Mapping[str, str]) -> list[str]:
    """A line for each missing column of `wanted` (name → where the mapping names it), with the nearest name."""
    return [
        f'{path}: {relation.subject} has no column "{name}"{did_you_mean(name, relation.kinds)}'
        for name, path in wanted.items()
        if name not in relation.kinds
    ]


def _literal(sql: str) -> sa.TextClause:
    # A colon before a word would be a parameter to SQLAlchemy; the mapping's SQL has none.
    return sa.text(re.sub(r":", r"\\:", sql))


def _reflected(database: Database, name: str, table: str, schema: str | None) -> Relation:
    try:
        with database.engine.connect() as connection, warnings.catch_warnings():
            # Of types and indexes that it does not know: such columns are of kind "other", such indexes unknown.
            warnings.simplefilter("ignore", sqlalchemy.exc.SAWarning)
            inspector = sa.inspect(connection)
            return _inspected(inspector, database, name, table, schema)
    except sqlalchemy.exc.NoSuchTableError:
        raise _no_table(database, name, schema) from None
    except sqlalchemy.exc.DBAPIError as error:
        raise fault_of(error, dialect=database.dialect) from None


def _inspected(inspector: sa.Inspector, database: Database, name: str, table: str, schema: str | None) -> Relation:
    columns = inspector.get_columns(table, schema=schema)
    if not columns:
        raise sqlalchemy.exc.NoSuchTableError(name)
    is_table = inspector.has_table(table, schema=schema) and table not in inspector.get_view_names(schema=schema)
    primary = inspector.get_pk_constraint(table, schema=schema).get("constrained_columns") or []
    # A partial index says nothing about the rows that it leaves out.
    indexes = [
        one
        for one in (inspector.get_indexes(table, schema=schema) if is_table else [])
        if not any(
            name.endswith("_where") and value is not None for name, value in one.get("dialect_options", {}).items()
        )
    ]
    constraints = inspector.get_unique_constraints(table, schema=schema) if is_table else []
    declared = [primary, *(one["column_names"] for one in constraints)]
    unique: list[Sequence[str | None]] = [*declared, *(one["column_names"] for one in indexes if one.get("unique"))]
    leading: list[Sequence[str | None]] = [*declared, *(one["column_names"] for one in indexes)]
    # SQLite lets NULL into any primary key but that of rowid, which is an INTEGER alone.
    kinds = {one["name"]: kind_of_type(one["type"], dialect=database.dialect) for one in columns}
    is_rowid = len(primary) == 1 and kinds[primary[0]] == "integer"
    never_null = primary if is_rowid or database.dialect != "sqlite" else []
    return Relation(
        subject=name,
        kinds=kinds,
        nullable=frozenset(
            one["name"] for one in columns if one.get("nullable", True) and one["name"] not in never_null
        ),
        unique=tuple(frozenset(str(name) for name in one) for one in unique if one and None not in one),
        indexed=frozenset(one[0] for one in leading if one and one[0] is not None),
        is_table=is_table,
        fraction_digits={one["name"]: digits for one in columns if (digits := _fraction(one["type"])) is not None},
        table=table,
        schema=schema,
    )


def _fraction(column_type: object) -> int | None:
    # MySQL: fsp, 0 when it is not declared; PostgreSQL: precision, 6 when it is not declared.
    for attribute in ("fsp", "precision"):
        if isinstance(column_type, sa.DateTime) and hasattr(column_type, attribute):
            digits = getattr(column_type, attribute)
            return digits if digits is not None else (0 if attribute == "fsp" else 6)
    return None


def _no_table(database: Database, name: str, schema: str | None) -> SourceMismatch:
    try:
        with database.engine.connect() as connection:
            inspector = sa.inspect(connection)
            known = [*inspector.get_table_names(schema=schema), *inspector.get_view_names(schema=schema)]
    except sqlalchemy.exc.DBAPIError:
        known = []  # the schema does not exist, or may not be listed: the message stands without candidates
    known = [f"{schema}.{one}" if schema else one for one in known]
    return SourceMismatch(f'{database.place} has no table or view "{name}"{did_you_mean(name, known)}')

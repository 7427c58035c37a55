"""A relation to read from: a table, a view or the mapping's query, with the names and kinds of its columns.

Every name that reaches a statement was found here first, and goes through SQLAlchemy's quoting.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa
import sqlalchemy.exc
from sqlalchemy.dialects import postgresql

from etl.errors import SourceMismatch
from etl.mapping.document import Path
from etl.mapping.nearest import did_you_mean
from etl.page import Column
from etl.secret import shown_name
from etl.source.database import Database, Rows
from etl.source.fault import DatabaseFault, Fault, fault_of
from etl.source.inheritance import is_inherited
from etl.source.kinds import (
    POSTGRESQL_ENUM,
    Ordinal,
    Widened,
    declared_by_flags,
    declared_name,
    declared_singles,
    duckdb_name,
    fraction_digits,
    is_boolean,
    is_zero_filled,
    kind_of_code,
    kind_of_type,
    ordinal_of,
    singles_of,
    zero_fill,
)

_UNKNOWN_TYPE = re.compile(r"Did not recognize type '(.+)' of column '(.+)'")
_NUMBERED = re.compile(r":\d+\Z")
_TEXT_NAMES = frozenset({POSTGRESQL_ENUM, "CITEXT"})


@dataclass(frozen=True, slots=True)
class Relation:
    """A table, a view or a query. `kinds` is by column name, in the order of the database.

    `nullable` names the columns that may hold NULL, `unique` are the declared unique column sets, `indexed` the leading
    columns of indexes, `indexes` their columns in order (None: an expression), `primary` those of the primary key,
    `fraction_digits` the decimals of a second by column: all empty for queries, where nothing is declared. `declared`
    are the database's own names of types, where known; `ordinals` the columns that sort by number; `zero_filled` the
    width to which numbers are filled with zeros; `singles` the floats of four bytes.
    """

    subject: str
    kinds: Mapping[str, str | None]
    nullable: frozenset[str] = frozenset()
    unique: tuple[frozenset[str], ...] = ()
    indexed: frozenset[str] = frozenset()
    indexes: tuple[tuple[str | None, ...], ...] = ()
    primary: tuple[str, ...] = ()
    is_table: bool = False
    fraction_digits: Mapping[str, int] = field(default_factory=dict)
    declared: Mapping[str, str] = field(default_factory=dict)
    ordinals: Mapping[str, Ordinal] = field(default_factory=dict)
    zero_filled: Mapping[str, int] = field(default_factory=dict)
    singles: frozenset[str] = frozenset()
    table: str | None = None
    schema: str | None = None
    query: str | None = None

    def source(self, names: Sequence[str], *, alias: str | None = None) -> sa.FromClause:
        """The FROM clause, offering the columns `names`, untyped so that drivers' values pass through as they are."""
        columns: list[Any] = [
            sa.column(name, Widened()) if name in self.singles else sa.column(name) for name in dict.fromkeys(names)
        ]
        if self.query is not None:
            return _literal(self.query + "\n").columns(*columns).subquery(alias or "source")
        table = sa.table(self.table or "", *columns, schema=self.schema)
        return table.alias(alias) if alias else table

    def type_name(self, name: str) -> str:
        """The type of column `name` for people: the database's own word, or else ours."""
        kind = self.kinds[name]
        return self.declared.get(name) or (f"of kind {kind}" if kind else "of no declared type")

    def column(self, name: str) -> Column:
        """The column `name` as pages describe it."""
        # MySQL's SET sorts by number and compares as a text, but its values are lists.
        kind = "list" if self.declared.get(name) == "SET" else self.kinds[name]
        return Column(name, kind, self.zero_filled.get(name), name in self.singles)


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
    purpose = f"read the structure of {shown_name(name)}"
    found = database.patiently(lambda: _reflected(database, name, table, schema or None), purpose=purpose)
    if database.dialect == "duckdb":
        # DuckDB's own names of types say more than its SQLAlchemy dialect does.
        asked = database.patiently(lambda: _probed(database, name, table, schema or None, why=None), purpose=purpose)
        found = replace(found, kinds=asked.kinds, declared=asked.declared, singles=asked.singles)
    return found


def query_relation(database: Database, query: str, *, subject: str = "the query") -> Relation:
    """The mapping's query, or that of its products (`subject`), wrapped as a subquery.

    Our own conditions and order apply to its result.

    Raises:
        SourceMismatch: the query names what the database does not have.
        SourceFailed: the query failed.
    """
    text = query.strip().rstrip(";")
    probe = sa.select(sa.text("*")).select_from(_literal(text + "\n").columns().subquery("source")).limit(0)
    answer = database.read_patiently(probe, purpose=f"run {subject}")
    shape = answer.shape
    declared = _declared(database, answer)
    kinds = _kinds(database, answer, declared)
    if twice := _named_twice(database, text, [name for name, _ in shape]):
        raise SourceMismatch(
            f"{subject} returns several columns of one name: {', '.join(twice)}", hint="name each with AS"
        )
    return Relation(
        subject=subject,
        kinds=kinds,
        query=text,
        declared=declared,
        zero_filled=_zero_filled(answer, kinds),
        singles=singles_of(answer.shape, dialect=database.dialect),
    )


def _named_twice(database: Database, query: str, names: Sequence[str]) -> list[str]:
    """The names that several columns of `query` have; `names` are those that the probe saw."""
    if database.dialect == "duckdb":
        # In its subqueries the second `id` is `id_1`, which may be a name of its own.
        described = database.read_patiently(_literal(f"DESCRIBE {query}\n"), purpose="look at the query's columns")
        names = [str(row[0]) for row in described.rows]
    if database.dialect == "sqlite":
        # In its subqueries the second `id` is `id:1`, the third `id:2`.
        known = {name.casefold() for name in names}
        names = [base if (base := _NUMBERED.sub("", name)).casefold() in known else name for name in names]
    return sorted({name for name in names if names.count(name) > 1})


def missing_columns(relation: Relation, wanted: Iterable[tuple[Path, str]]) -> list[tuple[Path, str]]:
    """The missing ones of the columns `wanted`, each a pair (path, name): pairs of the path and a message."""
    return [
        (path, f'{relation.subject} has no column "{shown_name(name)}"{did_you_mean(name, relation.kinds)}')
        for path, name in wanted
        if name not in relation.kinds
    ]


def _declared(database: Database, answer: Rows) -> dict[str, str]:
    """The database's type names by column of a query's result, for types that our kinds do not tell apart."""
    if database.dialect in {"mysql", "mariadb"}:
        return {
            name: word for (name, code), flags in zip(answer.shape, answer.flags, strict=False)
            if (word := declared_by_flags(code, flags))
        }  # fmt: skip
    if database.dialect == "duckdb":
        return {name: duckdb_name(code) for name, code in answer.shape}
    unknown = {name: code for name, code in answer.shape if kind_of_code(code, dialect=database.dialect) == "other"}
    if database.dialect != "postgresql" or not unknown:
        return {}
    types = sa.table("pg_type", *map(sa.column, ("oid", "typname", "typtype")), schema="pg_catalog")
    asked = sa.select(types.c.oid, types.c.typname, types.c.typtype).where(types.c.oid.in_(list(unknown.values())))
    names = {
        oid: POSTGRESQL_ENUM if sort == "e" else str(name).upper()
        for oid, name, sort in database.read_patiently(asked, purpose="read the types of the query").rows
    }
    return {name: names[code] for name, code in unknown.items() if code in names}


def _kinds(database: Database, answer: Rows, declared: Mapping[str, str]) -> dict[str, str | None]:
    """The kinds of the columns of a query's result; `declared` are the known type names."""
    kinds = {name: kind_of_code(code, dialect=database.dialect) for name, code in answer.shape}
    columns = zip(answer.shape, answer.lengths, strict=False)
    booleans = (name for (name, code), length in columns if is_boolean(code, length, dialect=database.dialect))
    return kinds | dict.fromkeys(booleans, "boolean") | _kinds_by_name(declared)


def _kinds_by_name(declared: Mapping[str, str]) -> dict[str, str | None]:
    """The kinds of columns by their type names. PostgreSQL names arrays _TEXT, _INT4 and so on."""
    texts: dict[str, str | None] = {name: "text" for name, word in declared.items() if word in _TEXT_NAMES}
    return texts | {name: "list" for name, word in declared.items() if word.startswith("_")}


def _zero_filled(answer: Rows, kinds: Mapping[str, str | None]) -> dict[str, int]:
    columns = zip(answer.shape, answer.flags, answer.lengths, strict=False)
    return {
        name: length
        for (name, _), flags, length in columns
        if length is not None and is_zero_filled(flags) and kinds[name] in {"integer", "decimal"}
    }


def _literal(sql: str) -> sa.TextClause:
    # SQLAlchemy would take a colon before a word for a parameter; the mapping's SQL has no parameters.
    return sa.text(re.sub(r":", r"\\:", sql))


def _reflected(database: Database, name: str, table: str, schema: str | None) -> Relation:
    try:
        with database.engine.connect() as connection, warnings.catch_warnings():
            # SQLAlchemy warns of types and indexes that it does not know: such columns get the kind "other", such
            # indexes are ignored.
            warnings.simplefilter("ignore", sqlalchemy.exc.SAWarning)
            reflection = _inspected(sa.inspect(connection), name, table, schema)
        # Asked after the connection is released, because a pooler may not give a second one.
        return _told_by(reflection, database, name, table, schema)
    except sqlalchemy.exc.NoSuchTableError:
        raise _no_table(database, name, schema) from None
    except sqlalchemy.exc.DBAPIError as error:
        fault = fault_of(error, dialect=database.dialect)
        if fault.fault in {Fault.LOST, Fault.BUSY}:
            raise fault from None
        return _probed(database, name, table, schema, why=fault)
    except _NOT_UNDERSTOOD:
        return _probed(database, name, table, schema, why=None)


# What SQLAlchemy raises for a declaration that it does not understand.
_NOT_UNDERSTOOD = (LookupError, ValueError, TypeError, AttributeError, AssertionError, NotImplementedError)


def _probed(database: Database, name: str, table: str, schema: str | None, *, why: DatabaseFault | None) -> Relation:
    """A relation that may be read, but whose structure may not: a view without SHOW VIEW, or granted columns.

    Only its columns are known, as for a query.
    """
    named = sa.table(table, schema=schema)
    try:
        answer = database.read(sa.select(sa.text("*")).select_from(named).limit(0))
    except DatabaseFault as fault:
        granted = _granted(database, table, schema) if fault.fault is Fault.DENIED else []
        if not granted:
            raise why or fault from None
        answer = database.read(sa.select(*map(sa.column, granted)).select_from(named).limit(0))
    declared = _declared(database, answer)
    kinds = _kinds(database, answer, declared)
    zero_filled = _zero_filled(answer, kinds)
    return Relation(
        subject=name,
        kinds=kinds,
        declared=declared,
        zero_filled=zero_filled,
        singles=singles_of(answer.shape, dialect=database.dialect),
        table=table,
        schema=schema,
    )


def _granted(database: Database, table: str, schema: str | None) -> list[str]:
    if database.dialect not in {"postgresql", "mysql", "mariadb"}:
        return []
    names = ("table_schema", "table_name", "column_name", "ordinal_position")
    columns = sa.table("columns", *map(sa.column, names), schema="information_schema")
    own = sa.func.current_schema() if database.dialect == "postgresql" else sa.func.database()
    asked = (
        sa.select(columns.c.column_name)
        .where(columns.c.table_name == table, columns.c.table_schema == (own if schema is None else schema))
        .order_by(columns.c.ordinal_position)
    )
    return [str(row[0]) for row in database.read(asked).rows]


@dataclass(frozen=True, slots=True)
class _Reflection:
    """What SQLAlchemy's inspector says of a table or view. unknown: by column, the types that it does not know."""

    columns: Sequence[Any]
    unknown: dict[str, str]
    is_table: bool
    keys: _Keys


def _inspected(inspector: sa.Inspector, name: str, table: str, schema: str | None) -> _Reflection:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", sqlalchemy.exc.SAWarning)
        columns = inspector.get_columns(table, schema=schema)
    # SQLAlchemy names types that it does not know only in its warnings.
    unknown = {found[2]: found[1].upper() for one in told if (found := _UNKNOWN_TYPE.search(str(one.message)))}
    if not columns:
        raise sqlalchemy.exc.NoSuchTableError(name)
    is_table = inspector.has_table(table, schema=schema) and table not in inspector.get_view_names(schema=schema)
    return _Reflection(columns, unknown, is_table, _keys_of(inspector, table, schema, is_table=is_table))


def _told_by(told: _Reflection, database: Database, name: str, table: str, schema: str | None) -> Relation:
    columns, unknown, is_table, keys = told.columns, told.unknown, told.is_table, told.keys
    inherited = database.dialect == "postgresql" and is_table and is_inherited(database, table, schema)
    if inherited:
        # Key, indexes and NOT NULL hold for this table only, not for the rows of tables that inherit from it.
        keys = _Keys([], [], [])
    # SQLite allows NULL in every primary key except a single INTEGER column, which is the rowid.
    kinds = {one["name"]: kind_of_type(one["type"], dialect=database.dialect) for one in columns}
    told_by_results = postgresql.DOMAIN | sa.types.NullType if database.dialect == "postgresql" else postgresql.DOMAIN
    if asked := [one["name"] for one in columns if isinstance(one["type"], told_by_results)]:
        kinds |= _base_kinds(database, asked, sa.table(table, schema=schema))
    is_rowid = len(keys.primary) == 1 and kinds[keys.primary[0]] == "integer"
    never_null = keys.primary if is_rowid or database.dialect != "sqlite" else []
    return Relation(
        subject=name,
        kinds=kinds,
        nullable=frozenset(
            one["name"] for one in columns if inherited or (one.get("nullable", True) and one["name"] not in never_null)
        ),
        unique=tuple(frozenset(str(name) for name in one) for one in keys.unique if one and None not in one),
        indexed=frozenset(one[0] for one in keys.leading if one and one[0] is not None),
        indexes=tuple(tuple(one) for one in keys.leading if one),
        primary=tuple(keys.primary),
        is_table=is_table,
        declared=unknown | {one["name"]: word for one in columns if (word := declared_name(one["type"]))},
        ordinals={
            one["name"]: labels for one in columns if (labels := ordinal_of(one["type"], dialect=database.dialect))
        },
        fraction_digits={
            one["name"]: digits for one in columns if (digits := fraction_digits(one["type"])) is not None
        },
        singles=declared_singles(columns, dialect=database.dialect),
        zero_filled={one["name"]: digits for one in columns if (digits := zero_fill(one["type"])) is not None},
        table=table,
        schema=schema,
    )


def _base_kinds(database: Database, names: Sequence[str], table: sa.TableClause) -> dict[str, str | None]:
    """Kinds by a result, for what SQLAlchemy loses: the zone of a DOMAIN `timestamptz(0)`, arrays of unknown types."""
    try:
        answer = database.read(sa.select(*map(sa.column, names)).select_from(table).limit(0))
    except DatabaseFault:
        return {}
    return _kinds(database, answer, _declared(database, answer))


@dataclass(frozen=True, slots=True)
class _Keys:
    """The primary key's columns, the unique column sets, and the columns of every index, in their order."""

    primary: list[str]
    unique: list[Sequence[str | None]]
    leading: list[Sequence[str | None]]


def _keys_of(inspector: sa.Inspector, table: str, schema: str | None, *, is_table: bool) -> _Keys:
    try:
        primary = inspector.get_pk_constraint(table, schema=schema).get("constrained_columns") or []
        # Partial indexes do not count, because they leave rows out.
        indexes = [
            one
            for one in (inspector.get_indexes(table, schema=schema) if is_table else [])
            # Only a B-tree gives an order.
            if one.get("dialect_options", {}).get("postgresql_using", "btree") == "btree"
            and not any(
                name.endswith("_where") and value is not None for name, value in one.get("dialect_options", {}).items()
            )
        ]
        constraints = inspector.get_unique_constraints(table, schema=schema) if is_table else []
    except _NOT_UNDERSTOOD:
        # An index that SQLAlchemy cannot read: as if there were none, which costs only speed.
        return _Keys([], [], [])
    declared = [primary, *(one["column_names"] for one in constraints)]
    return _Keys(
        primary,
        [*declared, *(one["column_names"] for one in indexes if one.get("unique"))],
        [*declared, *(one["column_names"] for one in indexes)],
    )


def _no_table(database: Database, name: str, schema: str | None) -> SourceMismatch:
    try:
        with database.engine.connect() as connection:
            inspector = sa.inspect(connection)
            known = [*inspector.get_table_names(schema=schema), *inspector.get_view_names(schema=schema)]
    except sqlalchemy.exc.DBAPIError:
        known = []  # the schema does not exist, or may not be listed: the message stands without candidates
    known = [f"{schema}.{one}" if schema else one for one in known]
    return SourceMismatch(f'{database.place} has no table or view "{shown_name(name)}"{did_you_mean(name, known)}')

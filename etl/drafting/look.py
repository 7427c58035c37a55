"""Looks at a table: its structure, and the newest of its rows. The part of drafting that asks the database.

The rule: what `validate --connect` checks of key and cursor is asked here by the same code, so that what it would
refuse is not drafted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
import sqlalchemy.exc

from etl.clock import Clock
from etl.drafting.facts import ChildFacts, CursorFacts, KeyFacts, TableFacts, columns_of
from etl.drafting.names import CURSOR_NAMES, rank
from etl.errors import SourceMismatch, UsageProblem
from etl.page import Window
from etl.source.connect import connect
from etl.source.database import Database
from etl.source.open import open_plan
from etl.source.plan import ReadPlan
from etl.source.reader import Source
from etl.source.relation import Relation, table_relation

SAMPLE_ROWS = 2000
_CURSOR_KINDS = frozenset({"datetime", "datetime_tz", "date", "text", "integer", None})
_UNREADABLE = frozenset({"bytes", "other"})
_HEAVY = frozenset({"json"})
_MOST_TABLES = 300
_KEY_NAMES = ("id", "uuid", "guid", "nummer", "number", "nr", "no", "code", "key", "schluessel", "sleutel")


@dataclass(frozen=True, slots=True)
class _Structure:
    relation: Relation
    primary: tuple[str, ...]
    children: tuple[ChildFacts, ...]


def look_at(url: str, table: str, *, clock: Clock, sample_rows: int = SAMPLE_ROWS) -> TableFacts:
    """What is known of `table` in the database at `url`, with a sample of at most `sample_rows` rows.

    Raises:
        SourceFailed: the database is unreachable, refuses the login, or a query failed.
        SourceMismatch: there is no such table; the nearest name is suggested.
        UsageProblem: the URL or its driver is wrong.
    """
    database = connect(url, clock=clock)
    try:
        structure = _structure(database, table)
    finally:
        database.close()
    relation = structure.relation
    plan = ReadPlan(url=url, table=table, primary_key=(next(iter(relation.kinds)),), timezone="UTC")
    key = _key(plan, structure, clock=clock)
    # A mapping cannot name a column with a control character in its name.
    shown = {name: kind for name, kind in relation.kinds.items() if name.isprintable()}
    names = tuple(name for name, kind in shown.items() if kind not in _UNREADABLE | _HEAVY)
    plan = ReadPlan(url=url, table=table, primary_key=key.columns, columns=names, timezone="UTC")
    cursor = _cursor(plan, relation, clock=clock)
    # Without an index the newest by key are as good, and do not cost a sort of the whole table.
    order = cursor.column if cursor is not None and (cursor.indexed or not relation.is_table) else None
    with _opened(plan, order, clock=clock) as source:
        page = source.sample(sample_rows)
    at = {column.name: index for index, column in enumerate(page.columns)}
    rows = [tuple(row[at[name]] if name in at else None for name in shown) for row in page.rows]
    return TableFacts(
        name=table,
        columns=columns_of(tuple(shown), tuple(shown.values()), rows),
        key=key,
        cursor=cursor,
        rows=len(rows),
        children=structure.children,
    )


def _opened(plan: ReadPlan, cursor: str | None, *, clock: Clock) -> Source:
    return open_plan(
        ReadPlan(
            url=plan.url,
            table=plan.table,
            primary_key=plan.primary_key,
            columns=plan.columns,
            timezone=plan.timezone,
            cursor_field=cursor,
            on_null_cursor="skip",
        ),
        clock=clock,
    )


def _structure(database: Database, table: str) -> _Structure:
    relation = table_relation(database, table)
    schema, _, name = table.rpartition(".")
    try:
        with database.engine.connect() as connection:
            inspector = sa.inspect(connection)
            primary = inspector.get_pk_constraint(name, schema=schema or None).get("constrained_columns") or []
            children = tuple(_children(inspector, database, schema, name)) if relation.is_table else ()
    except sqlalchemy.exc.DBAPIError:
        # The structure was read a moment ago; what cannot be read beside it is not needed.
        primary, children = [], ()
    return _Structure(relation, tuple(primary), children)


def _children(inspector: sa.Inspector, database: Database, schema: str, table: str) -> Iterator[ChildFacts]:
    for other in inspector.get_table_names(schema=schema or None)[:_MOST_TABLES]:
        for foreign in inspector.get_foreign_keys(other, schema=schema or None):
            same_schema = foreign.get("referred_schema") in (None, schema or None, inspector.default_schema_name)
            if foreign["referred_table"] != table or not same_schema or other == table:
                continue
            full = f"{schema}.{other}" if schema else other
            kinds = table_relation(database, full).kinds
            own = foreign["constrained_columns"]
            key = inspector.get_pk_constraint(other, schema=schema or None).get("constrained_columns") or []
            yield ChildFacts(
                table=full,
                match=tuple(zip(own, foreign["referred_columns"], strict=True)),
                order=tuple(one for one in key if one not in own),
                columns=columns_of(tuple(kinds), tuple(kinds.values()), []),
            )


def _key(plan: ReadPlan, structure: _Structure, *, clock: Clock) -> KeyFacts:
    candidates = list(_key_candidates(structure))
    for columns, reason in candidates:
        with open_plan(ReadPlan(url=plan.url, table=plan.table, primary_key=columns), clock=clock) as source:
            found = source.preflight()
        if not any(one.level == "error" and one.path == "source.primary_key" for one in found):
            return KeyFacts(columns, reason)
    columns = candidates[0][0] if candidates else plan.primary_key
    words = "nothing unique was found: this is a guess, and no run can tell rows apart by it. Name the columns that do"
    return KeyFacts(columns, words, sure=False)


def _key_candidates(structure: _Structure) -> Iterator[tuple[tuple[str, ...], str]]:
    relation = structure.relation
    order = list(relation.kinds)
    if structure.primary:
        yield structure.primary, "the table's primary key"
    unique = sorted(
        (len(one), len(one & relation.nullable), min(map(order.index, one)), tuple(sorted(one, key=order.index)))
        for one in relation.unique
        if set(one) != set(structure.primary) and one <= set(order)
    )
    for *_, columns in unique:
        yield columns, "no primary key is declared, but this is unique by an index"
    if not structure.primary and not unique:
        yield from (
            (one, "nothing is declared, but it is unique now: is it always?") for one in _by_name(order, relation)
        )


def _by_name(names: Sequence[str], relation: Relation) -> Iterator[tuple[str, ...]]:
    table = (relation.table or "").rstrip("sn").casefold()
    fit = [name for name in names if relation.kinds[name] in ("integer", "text", "uuid", "decimal", None)]
    exact = [name for name in fit if rank(name, _KEY_NAMES) is not None]
    own = [name for name in fit if name.casefold().startswith(table) and name.casefold().endswith(_KEY_NAMES)]
    others = [name for name in fit if name.casefold().endswith(("id", "nummer", "number", "nr"))]
    for name in dict.fromkeys((*exact, *own, *others)):
        yield (name,)


def _cursor(plan: ReadPlan, relation: Relation, *, clock: Clock) -> CursorFacts | None:
    ranked = sorted(
        (place, at, name)
        for at, (name, kind) in enumerate(relation.kinds.items())
        if kind in _CURSOR_KINDS and (place := rank(name, CURSOR_NAMES)) is not None
    )
    for _, _, name in ranked:
        try:
            with _opened(plan, name, clock=clock) as source:
                without = source.null_cursors()
                if without and not source.count(Window()):
                    continue  # nobody ever filled it
        except (SourceMismatch, UsageProblem):
            continue  # its values cannot be put in order
        return CursorFacts(name, relation.kinds[name], name in relation.indexed or not relation.is_table, without)
    return None

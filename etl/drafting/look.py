"""Looks at a table, a view or a query: its structure, its newest rows, and what other tables add to them.

The rule: key and cursor are checked by the code of `validate --connect`, so nothing is drafted that it would refuse.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from etl.clock import Clock
from etl.drafting.children import children_of
from etl.drafting.choose import chosen_fields, lacks_address
from etl.drafting.cursors import choose_cursor
from etl.drafting.facts import CursorFacts, SampledColumn, TableFacts, columns_of
from etl.drafting.joined import joins_of, query_of
from etl.drafting.keys import choose_key
from etl.drafting.maintained import maintained_columns
from etl.drafting.names import column_prefix, without_prefix
from etl.drafting.orders import order_of
from etl.drafting.reading import Reading
from etl.drafting.structure import Structure, TableShape, structure_of
from etl.errors import SourceFailed, SourceMismatch
from etl.mapping.catalogue import IDENTITY_FIELDS
from etl.source.connect import connect
from etl.source.database import Database
from etl.source.open import open_plan
from etl.source.plan import ReadPlan
from etl.source.relation import Relation, query_relation, table_relation

SAMPLE_ROWS = 2000
_FEW_ROWS = 100
_UNREADABLE = frozenset({"bytes", "other"})
_HEAVY = frozenset({"json"})


@dataclass(frozen=True, slots=True)
class _Subject:
    """What is drafted. `shape` None: a query, or what the catalog of the database does not show."""

    plan: ReadPlan
    relation: Relation
    shape: TableShape | None


def look_at(
    url: str, table: str, *, clock: Clock, query: str | None = None, sample_rows: int = SAMPLE_ROWS
) -> TableFacts:
    """What is known of `table` in the database at `url`, with a sample of at most `sample_rows` rows.

    With a `query` its result is looked at, and `table` is only the name that the draft gets.

    Raises:
        SourceFailed: the database is unreachable, refuses the login, or a query failed.
        SourceMismatch: there is no such table; the nearest name is suggested. Or the query is wrong.
        UsageProblem: the URL or its driver is wrong.
    """
    database = connect(url, clock=clock)
    try:
        structure = structure_of(database)
        subject = _subject(database, structure, url, table, query)
        return _facts(database, structure, subject, clock=clock, sample_rows=sample_rows, name=table)
    finally:
        database.close()


def _subject(database: Database, structure: Structure, url: str, table: str, query: str | None) -> _Subject:
    if query is not None:
        relation = query_relation(database, query)
        first = next(iter(relation.kinds))
        return _Subject(ReadPlan(url=url, query=query, primary_key=(first,), timezone="UTC"), relation, None)
    name = table
    try:
        relation = table_relation(database, name)
    except SourceMismatch:
        found = structure.find(name)
        if len(found) > 1:
            several = ", ".join(one.full for one in found)
            raise SourceMismatch(
                f"several schemas have a table of that name: {several}", hint="name one of them"
            ) from None
        if not found:
            raise
        name = found[0].full
        relation = table_relation(database, name)
    shape = next((one for one in structure.tables if one.full == name), None)
    if shape is None:
        same = [one for one in structure.tables if one.schema is None and name.rpartition(".")[2] == one.name]
        shape = same[0] if same and set(same[0].kinds) == set(relation.kinds) else None
    first = next(iter(relation.kinds))
    return _Subject(ReadPlan(url=url, table=name, primary_key=(first,), timezone="UTC"), relation, shape)


def _facts(  # noqa: PLR0913 - what is looked at
    database: Database, structure: Structure, subject: _Subject, *, clock: Clock, sample_rows: int, name: str
) -> TableFacts:
    relation, shape = subject.relation, subject.shape
    key = choose_key(subject.plan, relation, shape, clock=clock)
    plan = replace(subject.plan, primary_key=key.columns, columns=_readable(relation))
    columns, rows = _sampled(database, plan, relation, clock=clock, sample_rows=sample_rows)
    maintained = maintained_columns(database, shape) if shape is not None else {}
    found = choose_cursor(plan, relation, columns, maintained, rows=rows, clock=clock)
    facts = TableFacts(
        name=subject.plan.table or name,
        columns=columns,
        key=key,
        cursor=found.cursor,
        rows=rows,
        today=clock.utc_now().date(),
        query=subject.plan.query,
        is_own_query=subject.plan.query is not None,
        prefix="" if shape is None else structure.prefix_of(shape),
        no_cursor=found.why,
        changed=found.changed,
    )
    if found.cursor is not None and found.cursor.indexed and relation.is_table and len(found.cursor.columns) == 1:
        # The newest rows tell more than those of the highest keys.
        newest, rows = _sampled(database, plan, relation, clock=clock, sample_rows=sample_rows, order=found.cursor)
        facts = replace(facts, columns=newest, rows=rows)
    if shape is None:
        return facts
    return _with_others(database, structure, shape, facts, plan, clock=clock, sample_rows=sample_rows)


def _with_others(  # noqa: PLR0913 - what is looked at
    database: Database,
    structure: Structure,
    shape: TableShape,
    facts: TableFacts,
    plan: ReadPlan,
    *,
    clock: Clock,
    sample_rows: int,
) -> TableFacts:
    """`facts` with what other tables add: the joins and the lines."""
    reading = Reading(database)
    chosen = chosen_fields(facts)
    is_known = any(one in chosen for one in IDENTITY_FIELDS)
    wanted = [one for one in ("language", "currency", "country") if one not in chosen]
    if not is_known or lacks_address(facts, chosen):
        wanted = ["email", *wanted]
    joins = joins_of(structure, shape, wanted, read=reading.column, is_unique=reading.is_unique)
    if joins and (is_known or joins[0].field == "email"):
        query, named = query_of(shape, joins, dialect=database.engine.dialect)
        joined = replace(plan, table=None, query=query)
        try:
            relation = query_relation(database, query)
            joined = replace(joined, columns=_readable(relation))
            columns, rows = _sampled(database, joined, relation, clock=clock, sample_rows=sample_rows)
        except (SourceFailed, SourceMismatch) as problem:
            tables = ", ".join(dict.fromkeys(link.table.full for one in joins for link in one.links))
            words = (
                f"a join with {tables} would tell more, but it could not be read ({' '.join(problem.message.split())})"
            )
            return _with_lines(structure, shape, replace(facts, remarks=(*facts.remarks, words)), reading)
        cursor = None if facts.cursor is None else replace(facts.cursor, indexed=True)
        plain = {one.name: one.plain for one in facts.columns}
        columns = tuple(replace(one, plain=plain.get(one.name, "")) for one in columns)
        facts = replace(facts, columns=columns, rows=rows, query=query, cursor=cursor, joined=named)
    return _with_lines(structure, shape, facts, reading)


def _with_lines(structure: Structure, shape: TableShape, facts: TableFacts, reading: Reading) -> TableFacts:
    if order_of(facts, chosen_fields(facts)).is_order:
        facts = replace(facts, children=tuple(children_of(structure, shape, facts, reading)))
    return facts


def _readable(relation: Relation) -> tuple[str, ...]:
    return tuple(one for one, kind in relation.kinds.items() if one.isprintable() and kind not in _UNREADABLE | _HEAVY)


def _sampled(  # noqa: PLR0913 - how to read
    database: Database,
    plan: ReadPlan,
    relation: Relation,
    *,
    clock: Clock,
    sample_rows: int,
    order: CursorFacts | None = None,
) -> tuple[tuple[SampledColumn, ...], int]:
    """The columns with the values of some rows, and the number of these. JSON is read of few rows: it is large."""
    if order is not None:
        plan = replace(plan, cursor_field=order.column, cursor_unit=order.unit, on_null_cursor="skip")
    with open_plan(plan, clock=clock) as source:
        page = source.sample(sample_rows)
    # A mapping cannot name a column with a control character in its name.
    shown = {name: kind for name, kind in relation.kinds.items() if name.isprintable()}
    at = {column.name: index for index, column in enumerate(page.columns)}
    rows = [tuple(row[at[name]] if name in at else None for name in shown) for row in page.rows]
    prefix = column_prefix(list(shown))
    quote = database.engine.dialect.identifier_preparer.quote
    columns = columns_of(
        tuple(shown),
        tuple(shown.values()),
        rows,
        plain=[without_prefix(name, prefix) for name in shown],
        sql=[quote(name) for name in shown],
    )
    heavy = tuple(name for name, kind in shown.items() if kind in _HEAVY)
    if heavy:
        with open_plan(replace(plan, columns=heavy), clock=clock) as source:
            few = source.sample(_FEW_ROWS)
        place = {column.name: index for index, column in enumerate(few.columns)}
        columns = tuple(
            replace(one, values=tuple(row[place[one.name]] for row in few.rows if row[place[one.name]] is not None))
            if one.name in heavy
            else one
            for one in columns
        )
    return columns, len(rows)

"""Opens a source: connects, reads its structure, and refuses before a run what could not work."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from etl.clock import Clock
from etl.errors import SourceMismatch, UsageProblem
from etl.mapping.document import Path as MappingPath
from etl.mapping.document import listed
from etl.source.access import access_of
from etl.source.children import ChildReader
from etl.source.completing import Completing
from etl.source.connect import connect
from etl.source.cursor import CursorDomain
from etl.source.database import Database
from etl.source.domain import find_domain
from etl.source.fault import DatabaseFault
from etl.source.fitness import refuse_unfit_key, with_latest
from etl.source.keyed import KeyedReader
from etl.source.keyset import Keyset
from etl.source.order_guard import OrderGuard
from etl.source.pages import PageReader, ReaderParts
from etl.source.place import at_key, at_keys, at_offset
from etl.source.plan import Layout, ReadLimits, ReadPlan, layout_of, plan_of
from etl.source.relation import Relation, condition, missing_columns, query_relation, table_relation
from etl.source.session import is_utc
from etl.source.source import Source
from etl.source.source_parts import SourceParts
from etl.source.spooled import SpooledReader

if TYPE_CHECKING:
    from etl.mapping.model import Mapping


_CONDITION_HINT = "a SQL condition on the columns of what is read; a text stands in single quotes: status = 'active'"


def open_source(
    mapping: Mapping, *, clock: Clock, limits: ReadLimits | None = None, spool_folder: Path | None = None
) -> Source:
    """The source of `mapping`, connected and checked; `limits` are shorter for commands that only look.

    `spool_folder` is where rows are kept that no index gives in order; None, or a folder that does not exist: the
    system's folder for temporary files.

    Raises:
        SourceFailed: the database is unreachable, refuses the login, or is a file that does not exist.
        SourceMismatch: a table or column is missing, or the cursor cannot be one; the nearest names are suggested.
        UsageProblem: the URL, its driver, the time zone or the settings of the cursor are wrong.
    """
    from etl.mapping import columns  # noqa: PLC0415  # a plan needs no mapping

    plan = plan_of(
        mapping,
        columns=columns.columns_used(mapping),
        child_columns=columns.child_columns_used(mapping),
        named=tuple(columns.columns_named(mapping)),
        child_named=tuple(columns.child_columns_named(mapping)),
    )
    return open_plan(plan, clock=clock, limits=limits, spool_folder=spool_folder)


def open_plan(
    plan: ReadPlan, *, clock: Clock, limits: ReadLimits | None = None, spool_folder: Path | None = None
) -> Source:
    """As `open_source`, for a plan made without a mapping file."""
    if not plan.primary_key:
        raise UsageProblem("source.primary_key is required: without it rows of one cursor value cannot be told apart")
    allowed_seconds = max(1, round(plan.statement_timeout.total_seconds()))
    if limits is None:
        limits = ReadLimits(statement_seconds=allowed_seconds)
    limits = replace(limits, statement_seconds=min(limits.statement_seconds, allowed_seconds))
    database = connect(plan.url, clock=clock, limits=limits, zone=plan.session_timezone or "UTC")
    try:
        return _opened(database, plan, spool_folder)
    except BaseException:
        database.close()
        raise


def _opened(database: Database, plan: ReadPlan, spool_folder: Path | None) -> Source:
    if database.dialect == "sqlite" and plan.session_timezone not in {None, "UTC", "server"}:
        raise UsageProblem("SQLite computes in UTC, so source.session_timezone cannot be another zone")
    relation = _relation(database, plan, "source", table=plan.table, query=plan.query)
    child_relation, child = None, plan.child
    if child is not None:
        child_relation = _relation(database, plan, "products", table=child.table, query=child.query)
    _require_columns(plan, relation, child_relation)
    _try_conditions(database, plan, relation, child_relation)
    refuse_unfit_key(relation, plan)
    _refuse_shifted_instants(database, relation, plan)
    if plan.cursor_columns:
        relation = with_latest(relation, plan)
    layout = layout_of(plan)
    domain = _domain(database, plan, relation, layout)
    shape = None if domain is None or domain.numeric else domain.shape
    keyset = Keyset(relation, plan, names=layout.names, dialect=database.dialect, shape=shape)
    guard = OrderGuard(database, keyset, layout, plan, relation)
    children = None
    if child_relation is not None:
        children = ChildReader(database, child_relation, plan, parent=relation, layout=layout)
    complete = Completing(database, layout, children, plan=plan)
    read_with = ReaderParts(database, keyset, layout, plan, guard, complete)
    reader = PageReader(read_with)
    keyed = KeyedReader(read_with, plain=reader)
    access = access_of(relation, plan, dialect=database.dialect)
    spooled = None
    if access.way != "keyset":
        spooled = SpooledReader(read_with, plain=reader, keyed=keyed, access=access, folder=spool_folder)
    return Source(
        SourceParts(
            database=database,
            plan=plan,
            relation=relation,
            layout=layout,
            keyset=keyset,
            guard=guard,
            complete=complete,
            reader=reader,
            keyed=keyed,
            domain=domain,
            access=access,
            spooled=spooled,
            children=children,
            child_relation=child_relation,
        )
    )


def _relation(database: Database, plan: ReadPlan, section: str, *, table: str | None, query: str | None) -> Relation:
    key = "table" if query is None else "query"
    try:
        if query is None:
            return table_relation(database, table or "")
        return query_relation(database, query, subject="the query" if section == "source" else "products.query")
    except SourceMismatch as error:
        cause, path = error.__cause__, (section, key)
        spot = cause.spot if isinstance(cause, DatabaseFault) else None
        offset = None if query is None or spot is None else spot.within(query.strip())
        if query is None or offset is None:
            words = at_key(plan, path, error.message)
        else:
            words = at_offset(plan, path, error.message, text=query.strip(), offset=offset)
        raise SourceMismatch(words, hint=error.hint) from error


def _try_conditions(database: Database, plan: ReadPlan, relation: Relation, child_relation: Relation | None) -> None:
    """Run each `where` over no row, so that a wrong one is reported with its place before anything is read."""
    child = plan.child
    conditions = [("source", relation, plan.where, plan.columns)]
    if child is not None and child_relation is not None:
        conditions.append(("products", child_relation, child.where, child.columns))
    for section, read, where, columns in conditions:
        if where is None:
            continue
        statement = sa.select(sa.literal(1)).select_from(read.source(columns)).where(condition(where)).limit(0)
        try:
            database.patiently(partial(database.read, statement), purpose="try the condition")
        except (DatabaseFault, SourceMismatch) as error:
            # No row is read, so a value that cannot be decoded is one in the condition itself.
            words = error.words if isinstance(error, DatabaseFault) else error.message
            raise SourceMismatch(at_key(plan, (section, "where"), words), hint=_CONDITION_HINT) from None


def _domain(database: Database, plan: ReadPlan, relation: Relation, layout: Layout) -> CursorDomain | None:
    # No shape is known yet, so these statements see all values.
    keyset = Keyset(relation, plan, names=layout.names, dialect=database.dialect)
    domain = find_domain(database, relation, keyset, plan)
    if domain is not None:
        domain.settle(plan, dialect=database.dialect)
        domain.lookback(plan)
    return domain


def _refuse_shifted_instants(database: Database, relation: Relation, plan: ReadPlan) -> None:
    """Refuse a TIMESTAMP as cursor or key in another zone than UTC: two instants look alike when an hour repeats."""
    if database.dialect not in {"mysql", "mariadb"} or is_utc(database.instants):
        return
    for name in (*plan.cursor_parts, *plan.primary_key):
        if relation.kinds.get(name) == "datetime_tz":
            raise SourceMismatch(
                f"{name} is a TIMESTAMP, which orders rows in UTC only, but source.session_timezone is another zone",
                hint="leave source.session_timezone out, and name the zone in the view or query itself: CONVERT_TZ(…)",
            )


def _require_columns(plan: ReadPlan, relation: Relation, child_relation: Relation | None) -> None:
    fields: MappingPath = ("fields",)
    wanted = list(plan.named or ((fields, name) for name in plan.columns))
    wanted += listed(("source", "primary_key"), plan.primary_key)
    wanted += listed(("source", "cursor_field"), plan.cursor_parts)
    child = plan.child
    if child is not None and not plan.named:
        wanted += ((("products", "match", name), parent) for name, parent in child.match)
    missing = missing_columns(relation, wanted)
    if child is not None and child_relation is not None:
        of_child = list(child.named or ((("products", *fields), name) for name in child.columns))
        of_child += listed(("products", "order_by"), child.order_by)
        of_child += ((("products", "match", name), name) for name, _ in child.match)
        missing += missing_columns(child_relation, of_child)
    if missing:
        lines = "\n".join(dict.fromkeys(at_keys(plan, missing)))
        raise SourceMismatch(lines, hint="names are compared exactly, as the database keeps them")

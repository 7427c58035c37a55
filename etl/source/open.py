"""Opens a source: connects, looks at what is there, and refuses before a run what could not work in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etl.clock import Clock
from etl.errors import SourceMismatch, UsageProblem
from etl.source.children import ChildReader
from etl.source.connect import Limits, connect
from etl.source.database import Database
from etl.source.domain import find_domain
from etl.source.keyset import Keyset
from etl.source.layout import layout_of
from etl.source.pages import PageReader
from etl.source.parts import Parts
from etl.source.plan import ReadPlan, plan_of
from etl.source.reader import Source
from etl.source.relation import Relation, missing_columns, query_relation, table_relation

if TYPE_CHECKING:
    from etl.mapping.model import Mapping


def open_source(mapping: Mapping, *, clock: Clock, limits: Limits | None = None) -> Source:
    """The source of `mapping`, connected and checked; `limits` other than a run's are for who only looks.

    Raises:
        SourceFailed: the database is unreachable, refuses the login, or is a file that does not exist.
        SourceMismatch: a table or column is missing, or the cursor cannot be one; the nearest names are suggested.
        UsageProblem: the URL, its driver, the time zone or the settings of the cursor are wrong.
    """
    from etl.mapping.columns import child_columns_used, columns_used  # noqa: PLC0415  # keeps plans free of the mapping

    plan = plan_of(mapping, columns=columns_used(mapping), child_columns=child_columns_used(mapping))
    return open_plan(plan, clock=clock, limits=limits)


def open_plan(plan: ReadPlan, *, clock: Clock, limits: Limits | None = None) -> Source:
    """As `open_source`, for a plan made without a mapping file."""
    if not plan.primary_key:
        raise UsageProblem("source.primary_key is required: without it rows of one cursor value cannot be told apart")
    database = connect(plan.url, clock=clock, limits=limits)
    try:
        return _opened(database, plan)
    except BaseException:
        database.close()
        raise


def _opened(database: Database, plan: ReadPlan) -> Source:
    if plan.query is not None:
        relation = query_relation(database, plan.query)
    else:
        relation = table_relation(database, plan.table or "")
    child_relation = None if plan.child is None else table_relation(database, plan.child.table)
    _require_columns(plan, relation, child_relation)
    layout = layout_of(plan)
    keyset = Keyset(relation, plan, names=layout.names, dialect=database.dialect)
    reader = PageReader(database, keyset, layout, plan)
    children = None
    if child_relation is not None:
        children = ChildReader(database, child_relation, plan, parent=relation, layout=layout)
    domain = find_domain(database, relation, keyset, plan)
    if domain is not None:
        domain.settle(plan, dialect=database.dialect)
        domain.lookback(plan)
    parts = Parts(database, plan, relation, layout, keyset, reader, domain, children, child_relation)
    return Source(parts)


def _require_columns(plan: ReadPlan, relation: Relation, child_relation: Relation | None) -> None:
    cursor = {plan.cursor_field: "source.cursor_field"} if plan.cursor_field else {}
    wanted = dict.fromkeys(plan.columns, "fields") | dict.fromkeys(plan.primary_key, "source.primary_key") | cursor
    missing = missing_columns(relation, wanted)
    if plan.child is not None and child_relation is not None:
        child = plan.child
        missing += missing_columns(relation, {parent: "products.match" for _, parent in child.match})
        of_child = dict.fromkeys(child.columns, "products.fields") | dict.fromkeys(child.order_by, "products.order_by")
        missing += missing_columns(child_relation, of_child | {name: "products.match" for name, _ in child.match})
    if missing:
        lines = "\n".join(dict.fromkeys(missing))
        raise SourceMismatch(lines, hint="names are compared exactly, as the database keeps them")

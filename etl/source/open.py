"""Opens a source: connects, looks at what is there, and refuses before a run what could not work in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etl.clock import Clock
from etl.errors import UsageProblem
from etl.source.children import ChildReader
from etl.source.connect import Limits, connect
from etl.source.database import Database
from etl.source.domain import find_domain
from etl.source.keyset import Keyset
from etl.source.layout import Layout, layout_of
from etl.source.pages import PageReader
from etl.source.plan import ReadPlan, plan_of
from etl.source.reader import Parts, Source
from etl.source.relation import Relation, query_relation, require_columns, table_relation

if TYPE_CHECKING:
    from etl.mapping.model import Mapping


def open_source(mapping: Mapping, *, clock: Clock) -> Source:
    """The source of `mapping`, connected and checked.

    Raises:
        SourceFailed: the database is unreachable, refuses the login, or is a file that does not exist.
        SourceMismatch: a table or column is missing, or the cursor cannot be one; the nearest names are suggested.
        UsageProblem: the URL, its driver, the time zone or the settings of the cursor are wrong.
    """
    from etl.mapping.columns import child_columns_used, columns_used  # noqa: PLC0415  # keeps plans free of the mapping

    plan = plan_of(mapping, columns=columns_used(mapping), child_columns=child_columns_used(mapping))
    return open_plan(plan, clock=clock)


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
    wanted = dict.fromkeys(plan.columns, "fields")
    wanted |= {parent: "products.match" for _, parent in (plan.child.match if plan.child else ())}
    wanted |= dict.fromkeys(plan.primary_key, "source.primary_key")
    wanted |= {plan.cursor_field: "source.cursor_field"} if plan.cursor_field else {}
    require_columns(relation, wanted)
    layout = layout_of(plan)
    keyset = Keyset(relation, plan, names=layout.names, dialect=database.dialect)
    reader = PageReader(database, keyset, layout, plan)
    children, child_relation = _children(database, plan, relation, layout)
    domain = find_domain(database, relation, keyset, plan)
    if domain is not None:
        domain.settle(plan, dialect=database.dialect)
        domain.lookback(plan)
    parts = Parts(database, plan, relation, layout, keyset, reader, domain, children, child_relation)
    return Source(parts)


def _children(
    database: Database, plan: ReadPlan, parent: Relation, layout: Layout
) -> tuple[ChildReader | None, Relation | None]:
    child = plan.child
    if child is None:
        return None, None
    relation = table_relation(database, child.table)
    wanted = dict.fromkeys(child.columns, "products.fields")
    wanted |= dict.fromkeys(child.order_by, "products.order_by")
    wanted |= {name: "products.match" for name, _ in child.match}
    require_columns(relation, wanted)
    reader = ChildReader(database, relation, plan, parent=parent, layout=layout)
    return reader, relation

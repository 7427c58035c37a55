"""Every sort of statement that a run sends, asked for no row: what the database refuses is told before the night.

The database checks names, types and rights of a statement also when it returns nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from etl.page import Window
from etl.source.fault import DatabaseFault, Fault
from etl.source.parts import Finding, Parts

_HINTS = {
    "products.match": "compare columns of one type: in a view or query, CAST one of them",
}


def statement_findings(parts: Parts) -> Iterator[Finding]:
    """An error for each place in the mapping whose statement the database refuses, the first of each place."""
    refused: set[str] = set()
    for path, statement in _statements(parts):
        if path in refused or ("source" in refused and path.startswith("source")):
            continue
        try:
            parts.database.read(statement)
        except DatabaseFault as fault:
            refused.add(path)
            if fault.fault in {Fault.LOST, Fault.BUSY}:
                yield Finding("warning", path, f"not checked: {fault.words}")
            else:
                hint = _HINTS.get(path) if fault.fault is not Fault.DENIED else None
                yield Finding("error", path, f"the database refuses what a run asks: {fault.words}", hint or fault.hint)


def _statements(parts: Parts) -> Iterator[tuple[str, Any]]:
    plan, keyset, nothing = parts.plan, parts.keyset, Window()
    yield "source", keyset.rows(nothing, limit=0)
    yield "source", keyset.count(nothing).limit(0)
    yield "source", keyset.null_keys().limit(0)
    if parts.domain is not None:
        yield "source.cursor_field", keyset.null_cursors().limit(0)
        yield "source.cursor_field", keyset.aggregate(sa.func.max, nothing).limit(0)
    if plan.child is None or parts.child_relation is None or parts.children is None:
        return
    child = plan.child
    match = tuple(name for name, _ in child.match)
    columns = parts.child_relation.source((*child.columns, *match, *child.order_by))
    yield "products", sa.select(*columns.c).limit(0)
    # NULL is of every type, and matches nothing.
    yield "products", parts.children.statement([(None,) * len(match)]).limit(0)
    yield "products.match", parts.children.joined_statement([(None,) * len(plan.primary_key)]).limit(0)

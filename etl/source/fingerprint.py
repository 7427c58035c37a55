"""What gives a checkpoint its meaning, in words that may be stored and shown.

A checkpoint of another database, table, cursor or key would skip or repeat rows in silence; so each part is compared.
"""

from __future__ import annotations

import hashlib

from etl.source.plan import ReadPlan
from etl.source.relation import Relation


def fingerprint_of(plan: ReadPlan, relation: Relation, *, place: str, dialect: str) -> dict[str, str]:
    """The parts by name: dialect, database, relation, cursor (with its declared kind), key."""
    cursor = plan.cursor_field
    query = (
        "" if plan.query is None else hashlib.blake2b(" ".join(plan.query.split()).encode(), digest_size=8).hexdigest()
    )
    return {
        "dialect": dialect,
        "database": place,
        "relation": f"query {query}" if query else f"table {plan.table}",
        "cursor": "none" if cursor is None else f"{cursor}: {relation.kinds[cursor] or 'undeclared'}",
        "key": ", ".join(plan.primary_key),
    }

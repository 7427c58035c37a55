"""Chooses how rows are read in order: page by page from an index, or by one statement a run into a spool.

The rule: without an index each page costs a scan and a sort of the whole table, so the cost of a run grows with the
square of its size. A view or a query, whose indexes are unknown, counts as having none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from etl.source.plan import ReadPlan
from etl.source.relation import Relation

Way = Literal["keyset", "positions", "rows"]
WORDS: dict[Way, str] = {
    "keyset": "read page by page from an index",
    "positions": "put in order by one statement a run, kept in a file, then read by key",
    "rows": "read by one statement a run, and kept in a file",
}


@dataclass(frozen=True, slots=True)
class Access:
    """How rows are read, and why, in words for people.

    "keyset": pages from an index. "positions": cursor and key of all rows in one statement, then the rows by their key.
    "rows": all rows in one statement.
    """

    way: Way
    why: str


def access_of(relation: Relation, plan: ReadPlan, *, dialect: str) -> Access:
    """How to read `relation` in the order of `plan`."""
    if not relation.is_table:
        kind = "a query" if relation.query is not None else "a view"
        return Access("rows", f"{kind} has no index of its own")
    order = tuple(dict.fromkeys((*((plan.cursor_field,) if plan.cursor_field else ()), *plan.primary_key)))
    if len(plan.cursor_parts) > 1:
        why = "the latest of several columns has no index"
    elif any(_fits(index, order, relation, dialect=dialect) for index in relation.indexes):
        return Access("keyset", f"an index begins with {order[0]}")
    else:
        why = f"no index gives the order ({', '.join(order)})"
    by_key = frozenset(plan.primary_key) in relation.unique and dialect != "duckdb"
    return Access("positions" if by_key else "rows", why)


def _fits(index: tuple[str | None, ...], order: tuple[str, ...], relation: Relation, *, dialect: str) -> bool:
    match dialect:
        case "mysql" | "mariadb":
            # MySQL sorts all rows for each page unless the index gives the whole order; an index of InnoDB ends with
            # the primary key.
            whole = tuple(dict.fromkeys((*index, *relation.primary)))
            return whole[: len(order)] == order
        case "duckdb":
            return False
        case _:
            # The others need the cursor alone: they sort rows of one cursor value by key while reading.
            return index[0] == order[0]

"""Lists the tables of a database that look like customers, orders or subscriptions.

The rule: names and columns decide, no row is read but some addresses; so it is quick on any database.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from etl.clock import Clock
from etl.drafting.dictionary import (
    CUSTOMER_REFERENCES,
    FIELD_NAMES,
    ORDER_OWNERS,
    PRODUCT_NAMES,
    WEAK_ORDER_NUMBERS,
)
from etl.drafting.joined import address_column
from etl.drafting.names import (
    bare,
    column_prefix,
    is_no_order,
    is_order_table,
    is_people_table,
    is_subscriber_table,
    rank,
    without_prefix,
)
from etl.drafting.reading import Reading
from etl.drafting.structure import Structure, TableShape, structure_of
from etl.errors import SourceFailed
from etl.source.connect import connect

KINDS = ("customers", "orders", "subscriptions")
# Staff is not sent anywhere, and an address belongs to a person or an order of another table.
_OTHERS = (
    "order",
    "bestel",
    "auftrag",
    "address",
    "adres",
    "anschrift",
    "history",
    "admin",
    "employee",
    "staff",
    "medewerker",
    "mitarbeiter",
    "supplier",
    "leverancier",
    "lieferant",
    "vendor",
)
_LEAST = 2


@dataclass(frozen=True, slots=True)
class Candidate:
    """A table that looks like `kind`, one of `KINDS`; `table` is its name as a mapping writes it."""

    kind: str
    table: str


def candidates_of(url: str, *, clock: Clock) -> tuple[tuple[Candidate, ...], int]:
    """What looks like customers, orders and subscriptions in the database at `url`; and how many tables there are.

    Raises:
        SourceFailed: the database is unreachable, refuses the login, or shows none of its tables.
        UsageProblem: the URL or its driver is wrong.
    """
    database = connect(url, clock=clock)
    try:
        structure = structure_of(database)
        if not structure.tables:
            raise SourceFailed(
                f"{database.place} shows no tables to this user",
                hint="grant SELECT on them, or name one: init URL TABLE",
            )
        reading = Reading(database)
        found = [(*_kind(structure, one, reading), one) for one in structure.tables]
    finally:
        database.close()
    ranked = sorted((KINDS.index(kind), -score, table.full) for kind, score, table in found if score >= _LEAST)
    return tuple(Candidate(KINDS[at], table) for at, _, table in ranked), len(structure.tables)


def _kind(structure: Structure, table: TableShape, reading: Reading) -> tuple[str, int]:
    """The likeliest kind of `table`, and how many signs speak for it."""
    scores = {
        "orders": _orders(structure, table),
        "subscriptions": _subscriptions(structure, table, reading),
        "customers": _customers(structure, table, reading),
    }
    kind = max(scores, key=lambda one: scores[one])
    return kind, scores[kind]


def _orders(structure: Structure, table: TableShape) -> int:
    if is_no_order(table.name) and not is_order_table(table.name, structure.prefix_of(table)):
        return 0
    by_name = is_order_table(table.name, structure.prefix_of(table))
    numbers = (*FIELD_NAMES["orderid"], *(WEAK_ORDER_NUMBERS if by_name else ()))
    number = any(one not in table.primary for one in _called(table, numbers, owners=ORDER_OWNERS)) or by_name
    total = any(_called(table, FIELD_NAMES["totalvalue"], owners=ORDER_OWNERS))
    who = any(_called(table, (*FIELD_NAMES["email"], *CUSTOMER_REFERENCES)))
    lines = any(_called(table, PRODUCT_NAMES["quantity"][:-2])) and not by_name
    # A table called orders may have its total, or its buyer, elsewhere.
    told = (total and who) or (by_name and (total or who))
    return 0 if lines or not (number and told) else 3 + by_name


def _subscriptions(structure: Structure, table: TableShape, reading: Reading) -> int:
    if not is_subscriber_table(table.name, structure.prefix_of(table)):
        return 0
    # A subscription to a box or a magazine names its customer instead.
    referring = any(_called(table, CUSTOMER_REFERENCES))
    return 4 if referring or address_column(table, reading.column) is not None else 0


def _customers(structure: Structure, table: TableShape, reading: Reading) -> int:
    if bare(table.name).endswith(("log", "logs")) or any(one in bare(table.name) for one in _OTHERS):
        return 0
    by_name = is_people_table(table.name, structure.prefix_of(table))
    named = any(_called(table, (*FIELD_NAMES["firstname"], *FIELD_NAMES["lastname"])))
    if not (by_name or named) or address_column(table, reading.column) is None:
        return 0
    return 1 + 2 * by_name + named


def _called(table: TableShape, names: tuple[str, ...], *, owners: tuple[str, ...] | None = None) -> Iterator[str]:
    prefix = column_prefix(list(table.kinds))
    for one in table.kinds:
        plain = without_prefix(one, prefix)
        if (rank(plain, names) if owners is None else rank(plain, names, owners=owners)) is not None:
            yield one

"""The broken rows of the demo shop: one mistake each, at known ids, so that a run's report can be checked by hand."""

from __future__ import annotations

from dataclasses import dataclass

from etl.sandbox.shop_rows import Customer, Order


@dataclass(frozen=True, slots=True)
class BrokenRow:
    """One mistake: `column` of the row `id` in `table` holds `value`."""

    what: str
    table: str
    id: int
    column: str
    value: str | bytes | int | None


# Ids are fixed, so they stay the same whatever the size of the shop; a shop with fewer rows has fewer of them.
_BROKEN = (
    BrokenRow("an email without an @", "customers", 41, "email", "jan.jansen.example.com"),
    BrokenRow("two addresses in email", "customers", 82, "email", "eva@example.com; eva@example.org"),
    BrokenRow("no email", "customers", 123, "email", None),
    BrokenRow("an email at a reserved domain", "customers", 164, "email", "noor@webshop.invalid"),
    BrokenRow("a currency that does not exist", "customers", 205, "currency", "XQQ"),
    BrokenRow("a currency as a word", "customers", 246, "currency", "EURO"),
    BrokenRow("a language that does not exist", "customers", 287, "locale", "qq_ZZ"),
    BrokenRow("a newsletter that is neither yes nor no", "customers", 328, "newsletter_opt_in", 7),
    BrokenRow("a control character in first_name", "customers", 369, "first_name", "Ev\x00a"),
    BrokenRow("bytes that are not text in last_name", "customers", 411, "last_name", b"M\xfcller"),
    BrokenRow("an order without lines", "orders", 77, "lines", None),
    BrokenRow("an order without email", "orders", 154, "email", None),
)


def broken_rows() -> tuple[BrokenRow, ...]:
    """Every broken row of a shop with at least 500 customers."""
    return _BROKEN


def break_rows(customers: list[Customer], orders: list[Order]) -> None:
    """Damages the rows that are to be broken, and makes sure that a run meets them: not deleted, and paid."""
    for broken in _BROKEN:
        if broken.table == "customers" and broken.id <= len(customers):
            customer = customers[broken.id - 1]
            customer.deleted_at = None
            setattr(customer, broken.column, broken.value)
        elif broken.table == "orders" and broken.id <= len(orders):
            order = orders[broken.id - 1]
            order.status = "paid"
            setattr(order, broken.column, [] if broken.column == "lines" else broken.value)

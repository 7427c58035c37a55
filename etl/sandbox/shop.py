"""Makes the demo shop's SQLite database, and changes it as a day of business would.

The same call makes the same rows. A few rows are broken on purpose, each in one way; the rest of the data is only as
untidy as real data is: NULLs, mixed case, ties, several spellings of a language. All of it is invented.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from etl.sandbox.shop_rows import Customer, Order, Roller, break_rows, broken_rows
from etl.sandbox.shop_words import NETHERLANDS

_SCHEMA = """
CREATE TABLE customers (
    id INTEGER PRIMARY KEY, email VARCHAR(254), first_name VARCHAR(80), last_name VARCHAR(120), gender CHAR(1),
    birthdate DATE, phone VARCHAR(30), street VARCHAR(120), house_number VARCHAR(20), postcode TEXT, city VARCHAR(120),
    province VARCHAR(120), country CHAR(2), locale VARCHAR(10), currency VARCHAR(3), newsletter_opt_in INTEGER,
    lifetime_value NUMERIC(10,2), order_count INTEGER, created_at DATETIME, updated_at DATETIME NOT NULL,
    deleted_at DATETIME
);
CREATE TABLE orders (
    id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers (id), email VARCHAR(254), order_number TEXT,
    currency VARCHAR(3), locale VARCHAR(10), total NUMERIC(10,2), status TEXT, ordered_at DATETIME,
    updated_at DATETIME NOT NULL
);
CREATE TABLE order_lines (
    order_id INTEGER NOT NULL REFERENCES orders (id), line_no INTEGER NOT NULL, sku TEXT, title TEXT,
    unit_price NUMERIC(10,2), quantity INTEGER, category_id INTEGER, PRIMARY KEY (order_id, line_no)
);
"""
_INDEXES = """
CREATE INDEX customers_updated_at ON customers (updated_at);
CREATE INDEX orders_updated_at ON orders (updated_at);
CREATE INDEX orders_customer_id ON orders (customer_id);
"""


def build_shop(path: Path, *, customers: int = 20_000, seed: int = 7, now: datetime | None = None) -> dict[str, int]:
    """Makes the database at `path`, in place of one that is there; gives the number of rows of each table.

    `now` (naive UTC; None = the clock's) is the end of the shop's two years of history; everything in it is at least a
    minute older. One row in twenty comes from a bulk import and shares one `updated_at`.
    """
    now = (now or _utc_now()) - timedelta(minutes=1)
    roller = Roller(seed=seed, now=now)
    imported_at = (now - timedelta(days=200)).replace(microsecond=0)
    people: list[Customer] = []
    orders: list[Order] = []
    for number in range(1, customers + 1):
        customer = roller.customer(number)
        if number % 20 == 0:
            customer.created_at = min(customer.created_at, imported_at)
            customer.updated_at = imported_at
            customer.deleted_at = customer.deleted_at and imported_at
        orders += roller.orders_of(customer, first_id=len(orders) + 1)
        people.append(customer)
    break_rows(people, orders)
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as database:
        database.executescript(_SCHEMA)
        _insert(database, people, orders)
        database.executescript(_INDEXES)
        database.commit()
    return {"customers": len(people), "orders": len(orders), "order_lines": sum(len(order.lines) for order in orders)}


def change_shop(path: Path, *, customers: int = 250, seed: int = 8, now: datetime | None = None) -> dict[str, int]:
    """A day of business: new orders, new customers, people who move house and change their mind about the newsletter.

    `customers` is how many existing ones change; a fifth as many are new and a tenth as many are only touched: their
    `updated_at` moves and nothing else, so a mapping with `resend_ignores: [timestamp]` has nothing to send. `now`
    (naive UTC; None = the clock's) becomes the `updated_at` of all of them.

    Returns how many rows were `…_changed`, `…_inserted` and `…_touched`, and under `customers` and `orders` how many
    the next run has to send: customers that are not deleted, orders that are paid. No broken row is among them.
    """
    now = now or _utc_now()
    roller = Roller(seed=seed, now=now)
    with closing(sqlite3.connect(path)) as database:
        last_customer = _one(database, "SELECT max(id) FROM customers")
        last_order = _one(database, "SELECT max(id) FROM orders")
        changed, touched = _choose_customers(database, roller, count=customers)
        for number in changed:
            street, city, province, postcode = roller.move_house(NETHERLANDS)
            database.execute(
                "UPDATE customers SET street = ?, city = ?, province = ?, postcode = ?, country = 'NL', updated_at = ?,"
                " newsletter_opt_in = CASE newsletter_opt_in WHEN 1 THEN 0 ELSE 1 END,"
                " lifetime_value = round(coalesce(lifetime_value, 0) + 10.05, 2) WHERE id = ?",
                (street, city, province, postcode, _text(now), number),
            )
        database.executemany("UPDATE customers SET updated_at = ? WHERE id = ?", [(_text(now), n) for n in touched])
        paid = _choose_open_orders(database, roller, count=customers // 5)
        # The customer pays the postage that was not on the bill yet, so the order's total changes with its status.
        database.executemany(
            "UPDATE orders SET status = 'paid', total = round(total + 4.95, 2), updated_at = ? WHERE id = ?",
            [(_text(now), number) for number in paid],
        )
        people = [roller.customer(last_customer + 1 + each) for each in range(customers // 5)]
        orders = [
            roller.order(customer, number=last_order + 1 + each, ordered_at=now, status="paid")
            for each, customer in enumerate(people)
        ]
        for customer in people:
            customer.created_at, customer.updated_at, customer.deleted_at = now, now, None
        _insert(database, people, orders)
        database.commit()
    return {
        "customers": len(changed) + len(people),
        "orders": len(paid) + len(orders),
        "customers_changed": len(changed),
        "customers_inserted": len(people),
        "customers_touched": len(touched),
        "orders_changed": len(paid),
        "orders_inserted": len(orders),
    }


def _choose_customers(database: sqlite3.Connection, roller: Roller, *, count: int) -> tuple[list[int], list[int]]:
    broken = {broken.id for broken in broken_rows() if broken.table == "customers"}
    rows = database.execute("SELECT id FROM customers WHERE deleted_at IS NULL ORDER BY id")
    whole = [number for (number,) in rows if number not in broken]
    changed = roller.pick(whole, count=count)
    rest = sorted(set(whole) - set(changed))
    return changed, roller.pick(rest, count=count // 10)


def _choose_open_orders(database: sqlite3.Connection, roller: Roller, *, count: int) -> list[int]:
    rows = database.execute("SELECT id FROM orders WHERE status = 'open' ORDER BY id")
    return roller.pick([number for (number,) in rows], count=count)


def _insert(database: sqlite3.Connection, people: Iterable[Customer], orders: Iterable[Order]) -> None:
    database.executemany(
        "INSERT INTO customers VALUES (?,?,?,CAST(? AS TEXT),?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
        (
            (
                *(each.id, each.email, each.first_name, each.last_name, each.gender, each.birthdate, each.phone),
                *(each.street, each.house_number, each.postcode, each.city, each.province, each.country),
                *(each.locale, each.currency, each.newsletter_opt_in, _money(each.lifetime_cents), each.order_count),
                *(_text(each.created_at), _text(each.updated_at), each.deleted_at and _text(each.deleted_at)),
            )
            for each in people
        ),
    )
    orders = list(orders)
    database.executemany(
        "INSERT INTO orders VALUES (?,?,?,?,?,?,?,?,?,?)",
        (
            (
                *(each.id, each.customer_id, each.email, each.order_number, each.currency, each.locale),
                *(_money(each.total_cents), each.status, _text(each.ordered_at), _text(each.updated_at)),
            )
            for each in orders
        ),
    )
    database.executemany(
        "INSERT INTO order_lines VALUES (?,?,?,?,?,?,?)",
        (
            (each.id, line, sku, title, _money(cents), quantity, category)
            for each in orders
            for line, (sku, title, cents, quantity, category) in enumerate(each.lines, start=1)
        ),
    )


def _one(database: sqlite3.Connection, query: str) -> int:
    (number,) = database.execute(query).fetchone()
    return int(number)


def _money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def _text(moment: datetime) -> str:
    # One width for all, so that the order of the texts is the order of the moments.
    return moment.isoformat(sep=" ", timespec="microseconds")


def _utc_now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)

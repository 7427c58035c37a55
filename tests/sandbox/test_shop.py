"""The demo shop: the same rows each time, untidy as real data, broken only where it says so."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from etl.sandbox.shop import build_shop, change_shop
from etl.sandbox.shop_rows import broken_rows

NOW = datetime(2026, 11, 23, 12, 0, 0)  # noqa: DTZ001 - the shop's own naive UTC
CUSTOMERS = 2_000


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    path = tmp_path / "shop.sqlite"
    build_shop(path, customers=CUSTOMERS, now=NOW)
    return path


def query(path: Path, statement: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as database:
        database.text_factory = lambda raw: raw.decode(errors="replace")
        return database.execute(statement).fetchall()


def dump(path: Path) -> list[list[tuple[Any, ...]]]:
    return [query(path, f"SELECT * FROM {table} ORDER BY 1, 2") for table in ("customers", "orders", "order_lines")]


def test_the_same_seed_makes_the_same_shop(shop: Path, tmp_path: Path) -> None:
    again, other = tmp_path / "again.sqlite", tmp_path / "other.sqlite"
    counts = build_shop(again, customers=CUSTOMERS, now=NOW)
    build_shop(other, customers=CUSTOMERS, now=NOW, seed=8)
    assert dump(again) == dump(shop)
    assert dump(other) != dump(shop)
    assert list(counts.values()) == [len(rows) for rows in dump(shop)]


def test_a_shop_replaces_the_one_that_was_there(shop: Path) -> None:
    assert build_shop(shop, customers=30, now=NOW)["customers"] == 30
    assert query(shop, "SELECT count(*) FROM customers") == [(30,)]


def test_the_demos_size_has_the_ties_and_the_orders_it_promises(tmp_path: Path) -> None:
    path = tmp_path / "shop.sqlite"
    counts = build_shop(path, now=NOW)
    assert counts["customers"] == 20_000
    assert 1.5 < counts["orders"] / 20_000 < 1.7
    ((ties,),) = query(path, "SELECT max(n) FROM (SELECT count(*) n FROM customers GROUP BY updated_at)")
    assert ties == 1_000


def test_every_moment_lies_in_the_two_years_before_now(shop: Path) -> None:
    """A row from the future would be held for ever, one below another's creation would be a lie."""
    low, high = str(NOW - timedelta(days=731)), str(NOW - timedelta(minutes=1)) + ".000000"
    for table, column in [("customers", "created_at"), ("customers", "updated_at"), ("orders", "ordered_at")]:
        ((first, last),) = query(shop, f"SELECT min({column}), max({column}) FROM {table}")
        assert low < first < last <= high
    assert query(shop, "SELECT count(*) FROM customers WHERE updated_at < created_at") == [(0,)]
    assert query(shop, "SELECT count(*) FROM orders WHERE updated_at < ordered_at") == [(0,)]


def test_all_datetimes_are_equally_wide(shop: Path) -> None:
    """SQLite compares them as text: with different widths a cursor would step over rows."""
    for table, column in [("customers", "updated_at"), ("customers", "created_at"), ("orders", "updated_at")]:
        assert query(shop, f"SELECT DISTINCT length({column}) FROM {table}") == [(26,)]


def test_it_is_as_untidy_as_real_data(shop: Path) -> None:
    def distinct(column: str) -> set[Any]:
        return {value for (value,) in query(shop, f"SELECT DISTINCT {column} FROM customers")}

    assert {"nl_NL", "nl-NL", "nl", "fr_BE", "de", "en", None} <= distinct("locale")
    assert {"EUR", "eur", "GBP", None} <= distinct("currency")
    assert {"m", "f", "x", None} == distinct("gender")
    assert {0, 1, None} <= distinct("newsletter_opt_in")
    names = " ".join(str(name) for name in distinct("last_name"))
    assert all(part in names for part in ("van der", "'t", "ü", "ß", "O'", "-"))
    assert query(shop, "SELECT count(*) FROM customers WHERE postcode LIKE '0%'")[0][0] > 0
    assert query(shop, "SELECT count(*) FROM order_lines WHERE sku LIKE '000%'")[0][0] > 0
    assert query(shop, "SELECT count(*) FROM customers WHERE deleted_at IS NOT NULL")[0][0] > 0


def test_no_address_could_belong_to_anyone(shop: Path) -> None:
    """RFC 2606 keeps these domains from being given to anybody."""
    broken = {row.id for row in broken_rows() if row.column == "email"}
    for number, email in query(shop, "SELECT id, email FROM customers"):
        assert number in broken or email.strip().lower().endswith(("@example.com", "@example.org", "@example.net"))


def test_totals_are_the_sums_of_their_parts(shop: Path) -> None:
    sums = "SELECT o.id, round(sum(l.unit_price * l.quantity) - o.total, 2) FROM orders o "
    orders = query(shop, f"{sums} JOIN order_lines l ON l.order_id = o.id GROUP BY o.id")
    assert len(orders) > 1_000
    assert {difference for _, difference in orders} == {0}
    differences = "SELECT c.id, c.order_count - count(o.id), round(c.lifetime_value - coalesce(sum(o.total), 0), 2) "
    paid = "FROM customers c LEFT JOIN orders o ON o.customer_id = c.id AND o.status = 'paid' GROUP BY c.id"
    customers = [row for row in query(shop, differences + paid) if row[1:] != (0, 0)]
    assert len(customers) <= 2, "those of the order without lines, and of one that was made paid to be met"


def test_broken_rows_are_broken_as_it_says_and_a_run_meets_them(shop: Path) -> None:
    assert Counter(row.table for row in broken_rows()) == {"customers": 10, "orders": 2}
    for row in broken_rows():
        if row.column == "lines":
            assert query(shop, f"SELECT count(*) FROM order_lines WHERE order_id = {row.id}") == [(0,)]
            continue
        ((value, raw),) = query(
            shop, f"SELECT {row.column}, CAST({row.column} AS BLOB) FROM {row.table} WHERE id = {row.id}"
        )
        assert row.value in {value, raw}
    numbers = ",".join(str(row.id) for row in broken_rows() if row.table == "customers")
    assert query(shop, f"SELECT count(*) FROM customers WHERE id IN ({numbers}) AND deleted_at IS NULL") == [(10,)]


def test_one_broken_row_cannot_be_decoded(shop: Path) -> None:
    """A43, A44: bytes that are not UTF-8 in a text column, as imports leave them."""
    with closing(sqlite3.connect(shop)) as database, pytest.raises(sqlite3.OperationalError, match="decode"):
        database.execute("SELECT last_name FROM customers").fetchall()


def test_sqlalchemy_reads_the_types(shop: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{shop}")
    table = sa.Table("customers", sa.MetaData(), autoload_with=engine)
    with engine.connect() as connection:
        row = connection.execute(sa.select(table).where(table.c.id == 20)).one()
    assert isinstance(row.created_at, datetime)
    assert isinstance(row.updated_at, datetime)
    assert {index["name"] for index in sa.inspect(engine).get_indexes("customers")} == {"customers_updated_at"}
    engine.dispose()


def test_a_day_of_business_counts_what_the_next_run_has_to_send(shop: Path) -> None:
    columns, at = "id, email, city, newsletter_opt_in, lifetime_value", f"updated_at = '{NOW}.000000'"
    before = {row[0]: row[1:] for row in query(shop, f"SELECT {columns} FROM customers")}
    counts = change_shop(shop, customers=100, now=NOW)
    moved = query(shop, f"SELECT {columns} FROM customers WHERE {at} AND deleted_at IS NULL")
    changed = [row for row in moved if row[0] in before and row[1:] != before[row[0]]]
    touched = [row for row in moved if row[0] in before and row[1:] == before[row[0]]]
    inserted = [row for row in moved if row[0] not in before]
    assert (len(changed), len(touched), len(inserted)) == (100, 10, 20)
    paid = query(shop, f"SELECT id FROM orders WHERE {at} AND status = 'paid'")
    assert counts == {
        "customers": 120,
        "orders": len(paid),
        "customers_changed": 100,
        "customers_inserted": 20,
        "customers_touched": 10,
        "orders_changed": len(paid) - 20,
        "orders_inserted": 20,
    }
    assert not {row[0] for row in moved} & {row.id for row in broken_rows() if row.table == "customers"}
    with_lines = "id IN (SELECT order_id FROM order_lines)"
    assert query(shop, f"SELECT count(*) FROM orders WHERE {at} AND NOT {with_lines}") == [(0,)]


def test_a_second_day_follows_the_first(shop: Path) -> None:
    change_shop(shop, customers=50, now=NOW)
    counts = change_shop(shop, customers=50, seed=9, now=NOW + timedelta(days=1))
    assert counts["customers"] == 60
    assert query(shop, "SELECT count(*) FROM customers") == [(CUSTOMERS + 20,)]

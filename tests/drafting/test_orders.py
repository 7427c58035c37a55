"""What makes a table one of orders, where its lines come from, and what the draft says when something is missing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from etl.errors import MappingInvalid
from tests.drafting.drafted import draft_of, mapping_of, text_of
from tests.source.tables import insert, run_sql

ROWS = 30
ORDER = {"order_no": "N{n}", "total": "{n}.50", "email": "a{n}@shop.nl"}
COLUMNS = {"order_no": "VARCHAR(20)", "total": "DECIMAL(10,2)", "email": "VARCHAR(60)"}


def made(url: str, name: str, columns: str, row: Any, rows: int = ROWS) -> None:
    run_sql(url, f"CREATE TABLE {name} ({columns})")
    insert(url, name, [row(n) for n in range(1, rows + 1)])


def orders(url: str, name: str = "verkoop_2025", without: Sequence[str] = (), more: str = "", **further: Any) -> None:
    """A table whose name says nothing, without some of the columns that make an order."""
    columns = ", ".join(["id INTEGER PRIMARY KEY", *(f"{one} {COLUMNS[one]}" for one in COLUMNS if one not in without)])
    given = {one: text for one, text in ORDER.items() if one not in without}
    made(
        url,
        name,
        f"{columns}{more}",
        lambda n: {"id": n, **{one: text.format(n=n) for one, text in given.items()}, **further},
    )


def lines(url: str, columns: str, row: Any, name: str = "regels") -> None:
    made(url, name, f"nr INTEGER PRIMARY KEY, {columns}", lambda n: {"nr": n, **row(n)})


def plain(text: str) -> str:
    return " ".join(text.replace("#", " ").split())


@pytest.mark.parametrize(
    ("missing", "words"),
    [("total", "no total was found"), ("email", "no address or reference to a customer was found")],
)
def test_a_table_that_is_nearly_one_of_orders_says_what_is_missing(database_url: str, missing: str, words: str) -> None:
    name = "orders" if missing == "total" else "leads"
    orders(database_url, name, without=(missing,))
    assert words in plain(text_of(database_url, name))


def test_a_number_that_repeats_makes_no_orders(database_url: str) -> None:
    """Lines repeat the order's number; a Purchase for each would count every order many times."""
    made(
        database_url,
        "export",
        "id INTEGER PRIMARY KEY, order_no VARCHAR(20), total DECIMAL(10,2), email VARCHAR(60)",
        lambda n: {"id": n, "order_no": f"N{n // 3}", "total": 5, "email": "a@shop.nl"},
    )
    draft = draft_of(database_url, "export")
    assert draft.mapping.event == "ExportUpdated"
    assert "order_no repeats" in plain(draft.text)


def test_invoices_and_carts_are_no_orders(database_url: str) -> None:
    for name in ("invoices", "carts", "credit_memos"):
        made(
            database_url,
            name,
            "id INTEGER PRIMARY KEY, number VARCHAR(20), total DECIMAL(10,2), email VARCHAR(60)",
            lambda n: {"id": n, "number": f"F{n}", "total": 5, "email": f"a{n}@shop.nl"},
        )
        assert draft_of(database_url, name).mapping.event != "Purchase"


def test_lines_are_found_without_a_foreign_key(database_url: str) -> None:
    """By a column like the order's number, in a table with an article and a quantity; amounts of money are none."""
    orders(database_url)
    lines(
        database_url,
        "order_no VARCHAR(20), artnum VARCHAR(20), amount DECIMAL(10,2), menge INTEGER",
        lambda n: {"order_no": f"N{n}", "artnum": f"A{n % 3}", "amount": n + 0.95, "menge": 2},
    )
    made(
        database_url,
        "stock",
        "id INTEGER PRIMARY KEY, sku VARCHAR(9), quantity INTEGER",
        lambda n: {"id": n, "sku": f"A{n}", "quantity": 5},
    )
    draft = draft_of(database_url, "verkoop_2025")
    assert draft.errors == []
    assert draft.mapping.event == "Purchase"
    assert draft.mapping.products is not None
    assert draft.mapping.products.table == "regels"
    assert draft.mapping.products.match == {"order_no": "order_no"}
    found = {name: rule.column for name, rule in draft.mapping.products.fields.items()}
    assert (found["id"], found["quantity"]) == ("artnum", "menge")
    assert draft.share_valid == 1


def test_an_amount_of_pieces_is_a_quantity(database_url: str) -> None:
    orders(database_url)
    lines(
        database_url,
        "order_no VARCHAR(20), sku VARCHAR(20), amount DECIMAL(10,2)",
        lambda n: {"order_no": f"N{n}", "sku": f"A{n % 3}", "amount": n % 3 + 1},
    )
    draft = draft_of(database_url, "verkoop_2025")
    assert draft.mapping.products is not None
    assert draft.mapping.products.fields["quantity"].column == "amount"


def test_a_child_that_does_not_fit_is_named_and_the_draft_refused(database_url: str) -> None:
    """A Purchase without products is invalid, whatever the row holds."""
    orders(database_url)
    lines(
        database_url,
        "order_no VARCHAR(20), method VARCHAR(20)",
        lambda n: {"order_no": f"N{n}", "method": "ideal"},
        "betalingen",
    )
    text = text_of(database_url, "verkoop_2025")
    assert "betalingen refers to this table, but no column of it looks like the article or the quantity" in plain(text)
    with pytest.raises(MappingInvalid) as refused:
        mapping_of(text, database_url)
    assert all("products" in one for one in refused.value.problems)


def test_cents_are_told(database_url: str) -> None:
    made(
        database_url,
        "orders",
        "id INTEGER PRIMARY KEY, number VARCHAR(20), total INTEGER, email VARCHAR(60), sku VARCHAR(9), "
        "quantity INTEGER, price INTEGER",
        lambda n: {"id": n, "number": f"N{n}", "total": 1995, "email": f"a{n}@shop.nl", "sku": "A", "quantity": 1,
                   "price": 1995},
    )  # fmt: skip
    draft = draft_of(database_url, "orders")
    assert draft.errors == []
    assert draft.text.count("CHECK: whole numbers; if they are cents") == 2
    assert draft.mapping.products is not None
    assert draft.mapping.products.table is None, "one product of the row's own columns"


@pytest.mark.parametrize("kind", ["JSONB", "JSON", "TEXT"])
def test_a_json_list_becomes_the_products(postgresql_url: str, kind: str) -> None:
    listed = json.dumps([{"sku": "A1", "qty": 2, "name": "Tea", "options": {"size": 3}}, {"sku": "A2", "qty": 1}])
    orders(postgresql_url, "orders", more=f", items {kind}, meta {kind}", items=listed, meta='{"a": 1}')
    draft = draft_of(postgresql_url, "orders")
    assert draft.errors == []
    assert draft.mapping.products is not None
    assert draft.mapping.products.columns == ("items",)
    found = {name: rule.column for name, rule in draft.mapping.products.fields.items()}
    assert found == {"id": "sku", "name": "name", "quantity": "qty"}
    assert draft.share_valid == 1


def test_a_service_on_the_order_itself_is_its_product(database_url: str) -> None:
    orders(
        database_url,
        "boekingen",
        more=", behandeling_id VARCHAR(9), behandeling VARCHAR(40), prijs DECIMAL(10,2)",
        behandeling_id="B7",
        behandeling="Massage",
        prijs=45.5,
    )
    draft = draft_of(database_url, "boekingen")
    assert draft.errors == []
    assert draft.mapping.event == "Purchase"
    assert draft.mapping.products is not None
    found = {name: rule.column for name, rule in draft.mapping.products.fields.items()}
    assert found == {"id": "behandeling_id", "name": "behandeling", "price": "prijs", "quantity": None}
    assert draft.mapping.products.fields["quantity"].value == 1
    assert draft.share_valid == 1


def test_the_orders_own_date_comes_first_then_creation_never_the_last_change(database_url: str) -> None:
    lines(
        database_url,
        "order_id INTEGER, sku VARCHAR(9), quantity INTEGER",
        lambda n: {"order_id": n, "sku": "A", "quantity": 1},
        "order_lines",
    )
    times = {
        one: f"2025-0{at}-01 10:00:00" for at, one in enumerate(("updated_at", "created_at", "placed_at"), start=1)
    }
    for at, name in enumerate(("sales", "bestellingen", "orders"), start=1):
        known = dict(list(times.items())[:at])
        orders(database_url, name, more="".join(f", {one} TIMESTAMP NULL" for one in known), **known)
    assert draft_of(database_url, "orders").columns()["timestamp"] == "placed_at"
    assert "timestamp: created_at" in text_of(database_url, "bestellingen")
    assert "timestamp:" not in text_of(database_url, "sales")


def test_orders_that_were_never_finished_are_left_out(database_url: str) -> None:
    """Open carts beside the orders, each with a number already, were sent as purchases of the day they were made."""
    orders(
        database_url,
        "orders",
        more=", state VARCHAR(20), completed_at TIMESTAMP NULL, created_at TIMESTAMP NULL",
        created_at="2025-03-01 10:00:00",
    )
    run_sql(
        database_url,
        "UPDATE orders SET state = CASE WHEN id <= 8 THEN 'cart' ELSE 'complete' END, "
        "completed_at = CASE WHEN id <= 10 THEN NULL ELSE created_at END",
    )
    draft = text_of(database_url, "orders")
    assert 'where: "completed_at IS NOT NULL"' in draft
    assert "10 of 30 sampled rows have no completed_at, and state says of 8 that they are no finished" in plain(draft)
    assert "\n  timestamp: completed_at " in draft
    run_sql(database_url, "UPDATE orders SET state = 'complete' WHERE id > 3")
    assert 'where: "' not in text_of(database_url, "orders")


@pytest.mark.parametrize(
    ("columns", "value", "column"),
    [
        ("timestamp INTEGER, updated_at INTEGER", 1_740_819_600, "timestamp"),
        ("order_date DATE, order_date_time TIMESTAMP NULL", "2025-03-01 10:00:00", "order_date_time"),
        ("placed_ms BIGINT", 1_740_819_600_000, "placed_ms"),
        ("paid_on DATE", "2025-03-01", "paid_on"),
        ("paid_on DATE, created_s INTEGER", "2025-03-01", "created_s"),
        ("note VARCHAR(9)", "x", None),
    ],
)
def test_a_purchase_is_dated_or_the_draft_says_that_it_is_not(
    database_url: str, columns: str, value: Any, column: str | None
) -> None:
    names = [(one.split()[0], one.split()[1]) for one in columns.split(", ")]
    given = {name: 1_740_819_600 if kind == "INTEGER" else value for name, kind in names}
    if "order_date" in given:
        given["order_date"] = "2025-03-01"
    orders(database_url, "orders", more=f", {columns}", **given)
    draft = text_of(database_url, "orders")
    assert (f"\n  timestamp: {column} " in draft) is (column is not None)
    assert ("! no date of the order was found" in draft) is (column is None)


@pytest.mark.parametrize("name", ["total_cents", "total_in_cents", "totalcents"])
def test_a_total_that_is_called_cents_becomes_euros(database_url: str, name: str) -> None:
    orders(database_url, "orders", without=("total",), more=f", {name} INTEGER", **{name: 1999})
    line = next(one for one in text_of(database_url, "orders").splitlines() if one.startswith("  totalvalue:"))
    assert line.casefold().startswith(f"  totalvalue: {{column: {name.casefold()}, transform: [scale(0.01)]}}")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ({"code": "J1", "quantity": 2}, "basket holds a JSON list, but no key of it looks like the article of a line."),
        ({"sku": "J1", "qty": 2.5}, "no key of it looks like the quantity of a line; qty holds fractions."),
    ],
)
def test_a_json_list_that_does_not_fit_is_named(database_url: str, line: dict[str, Any], words: str) -> None:
    orders(database_url, more=", basket VARCHAR(200)", basket=json.dumps([line] * 3))
    assert words in plain(text_of(database_url, "verkoop_2025"))


def test_a_line_whose_quantity_is_a_fraction_says_so(database_url: str) -> None:
    orders(database_url)
    lines(database_url, "order_no VARCHAR(20), sku VARCHAR(9), qty DECIMAL(9,3)", lambda n: {
        "order_no": f"N{n}", "sku": "A", "qty": n + 0.5,
    })  # fmt: skip
    words = "regels refers to this table, but no column of it looks like the quantity of a line; qty holds fractions"
    assert words in plain(text_of(database_url, "verkoop_2025"))


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("deleted INTEGER", 0, "where: deleted = 0"),
        ("deleted_at TIMESTAMP NULL", "2025-03-01 10:00:00", "where: deleted_at IS NULL"),
        ("deleted VARCHAR(9)", "x", None),
    ],
)
def test_rows_that_count_as_deleted_can_be_left_out(
    database_url: str, column: str, value: object, words: str | None
) -> None:
    orders(database_url, more=f", {column}", **{column.split(maxsplit=1)[0]: value})
    text = text_of(database_url, "verkoop_2025")
    assert ("leaves out rows that count as deleted" in text) is (words is not None)
    assert words is None or f"# {words} " in text

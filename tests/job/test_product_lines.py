"""What a wrong product line costs, and columns in a row of preference, where products and events come from."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.source.tables import run_sql

SOURCE = "table: orders, primary_key: id, cursor_field: id, timezone: UTC"
FIELDS = "email: mail, orderid: {column: id, type: text}"
ORDERS = (
    "CREATE TABLE orders (id INTEGER PRIMARY KEY, mail TEXT, what TEXT, old_what TEXT, items TEXT, old_items TEXT)",
    "CREATE TABLE order_lines (order_id INTEGER, line_no INTEGER, sku TEXT, article TEXT, quantity TEXT)",
)
LINES = (
    "INSERT INTO orders (id, mail) VALUES (1, 'a@shop.nl'), (2, 'b@shop.nl'), (3, 'c@shop.nl')",
    "INSERT INTO order_lines VALUES (1, 1, 'A', NULL, '1'), (1, 2, 'B', NULL, 'many'), (1, 3, ' ', 'C', '2')",
    "INSERT INTO order_lines VALUES (2, 1, NULL, NULL, '1'), (3, 1, 'D', 'E', '3')",
)
PRODUCTS = """
products: {table: order_lines, match: {order_id: id}, order_by: line_no,
  on_invalid: ON_INVALID, fields: {id: {column: [sku, article]}, quantity: quantity}}
"""


def sent(api: Any) -> dict[str, list[Any]]:
    return {event["orderid"]: event["products"] for event in api.accepted}


@pytest.mark.parametrize("top", ["", "on_invalid: omit", "on_invalid: reject"])
def test_a_wrong_line_is_left_out_and_counted_and_an_order_without_lines_is_invalid(
    sqlite_url: str, make_job: Any, api: Any, top: str
) -> None:
    """`products.on_invalid: omit` is the products' own word, whatever the mapping says of its fields."""
    run_sql(sqlite_url, *ORDERS, *LINES)
    products = PRODUCTS.replace("ON_INVALID", "omit")
    job = make_job(sqlite_url, source=SOURCE, fields=FIELDS, top=f"{top}\n{products}", event="Purchase")
    forecast, summary = job.forecast("beginning").as_dict(), job.run("beginning").as_dict()
    assert sent(api) == {
        "1": [{"id": "A", "quantity": 1}, {"id": "C", "quantity": 2}],
        "3": [{"id": "D", "quantity": 3}],
    }
    assert summary["reasons"] == {"missing_products": 1}
    # Lines that were left out of an order that was not sent cost nothing of their own.
    assert sum(sum(codes.values()) for codes in summary["omitted"].values()) == 1
    assert {code for codes in summary["omitted"].values() for code in codes} == {"not_a_number"}
    assert (forecast["reasons"], forecast["omitted"]) == (summary["reasons"], summary["omitted"])


def test_a_wrong_line_makes_the_order_invalid_unless_it_may_be_left_out(
    sqlite_url: str, make_job: Any, api: Any
) -> None:
    run_sql(sqlite_url, *ORDERS, *LINES)
    products = PRODUCTS.replace("ON_INVALID", "reject")
    summary = make_job(sqlite_url, source=SOURCE, fields=FIELDS, top=products, event="Purchase").run("beginning")
    assert sent(api) == {"3": [{"id": "D", "quantity": 3}]}
    assert (summary.as_dict()["reasons"], summary.as_dict()["omitted"]) == ({"invalid_products": 2}, {})


def test_the_first_column_that_has_a_value_names_the_event_and_holds_the_products(
    sqlite_url: str, make_job: Any, api: Any
) -> None:
    """A blank text is no value, and the next column is asked."""
    one, other = (json.dumps([{"sku": sku}]) for sku in ("A", "B"))
    run_sql(
        sqlite_url,
        *ORDERS,
        f"INSERT INTO orders VALUES (1, 'a@shop.nl', 'Viewed', 'Old', '{one}', '{other}')",
        f"INSERT INTO orders VALUES (2, 'b@shop.nl', NULL, 'Old', NULL, '{other}')",
        f"INSERT INTO orders VALUES (3, 'c@shop.nl', '  ', 'Old', ' ', '{other}')",
        "INSERT INTO orders VALUES (4, 'd@shop.nl', NULL, ' ', NULL, NULL)",
    )
    products = "products: {column: [items, old_items], fields: {id: sku}}"
    job = make_job(sqlite_url, source=SOURCE, fields=FIELDS, top=products, event="{column: [what, old_what]}")
    summary = job.run("beginning").as_dict()
    assert {event["orderid"]: event["event"] for event in api.accepted} == {"1": "Viewed", "2": "Old", "3": "Old"}
    assert sent(api) == {"1": [{"id": "A"}], "2": [{"id": "B"}], "3": [{"id": "B"}]}
    assert summary["reasons"] == {"missing_event_name": 1}

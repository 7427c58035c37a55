"""A shop of 12,000 customers and 4,000 orders, most with a messy field, and a judge that knows the receiver only."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.judge.rules import judge
from tests.judge.shop import customers, fill, orders

TODAY = datetime.now(UTC).date()
CUSTOMERS = """
  userid: customer_no, email: {column: email, on_invalid: omit},
  firstname: {column: first_name, transform: [title]}, lastname: {column: last_name, transform: [title]},
  gender: gender, birthdate: birthdate, phone: phone, postcode: postcode, city: city, country: country,
  language: language, currency: currency, newsletter: newsletter, timestamp: updated_at,
  custom_points: {column: points, type: number}, custom_note: note
"""
ORDERS = "email: email, orderid: order_no, currency: currency, totalvalue: total, timestamp: ordered_at"
PRODUCTS = """
products: {table: order_lines, match: {order_id: id}, order_by: line_no,
  fields: {id: sku, name: title, price: unit_price, quantity: quantity}}
"""
SOURCE = "table: TABLE, primary_key: id, cursor_field: id, timezone: Europe/Amsterdam"


def complaints(events: list[Any]) -> Counter[str]:
    return Counter(f"{one.field}: {one.words}" for event in events for one in judge(event, today=TODAY))


@pytest.mark.parametrize("sort", ["sqlite", "postgresql", "mariadb"])
def test_no_customer_is_sent_that_the_receiver_refuses_and_none_is_lost_for_an_optional_field(
    sort: str, request: Any, make_job: Any, api: Any
) -> None:
    """Of rows with a right identity and only optional fields wrong, all are sent."""
    count = 12_000 if sort == "postgresql" else 3_000
    url = request.getfixturevalue(f"{sort}_url")
    people = list(customers(count))
    fill(url, people)
    job = make_job(url, source=SOURCE.replace("TABLE", "customers"), fields=CUSTOMERS)
    summary = job.run("beginning").as_dict()
    assert complaints(api.accepted) == Counter()
    assert {int(event["userid"][1:]) for event in api.accepted} == {
        one.values["id"] for one in people if not one.wrong & {"language", "currency"}
    }
    wrong = Counter(name for one in people if not one.wrong & {"language", "currency"} for name in one.wrong)
    assert sum(map(sum, (codes.values() for codes in summary["omitted"].values()))) == wrong.total()


def test_no_purchase_is_sent_that_the_receiver_refuses_and_every_right_one_is(
    postgresql_url: str, make_job: Any, api: Any
) -> None:
    purchases = list(orders(4_000))
    fill(postgresql_url, purchases=purchases)
    source = SOURCE.replace("TABLE", "orders")
    job = make_job(postgresql_url, source=source, fields=ORDERS, top=PRODUCTS, event="Purchase")
    summary = job.run("beginning").as_dict()
    assert summary["reasons"]["missing_products"] == sum("lines" in one.wrong for one in purchases)
    assert complaints(api.accepted) == Counter()
    assert {int(event["orderid"][1:]) for event in api.accepted} == {
        one.values["id"] for one in purchases if one.sendable
    }

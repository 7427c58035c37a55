"""The judge itself: an event with everything right has no complaint, and each rule is broken once."""

from __future__ import annotations

import ast
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.judge.rules import Account, judge, judge_body
from tests.judge.shop import customers, orders

TODAY = date(2026, 1, 31)
RIGHT: dict[str, Any] = {
    "event": "Purchase",
    "email": "eva@xn--mller-kva.de",
    "userid": "0012",
    "gender": "F",
    "birthdate": "1980-04-21",
    "phone": "+31-612345678",
    "country": "XK",
    "currency": "HRK",
    "language": "nl-NL",
    "newsletter": "no",
    "timestamp": "2024-01-02T03:04:05+01:00",
    "orderid": "7",
    "totalvalue": 12.5,
    "products": [{"id": "A", "quantity": 1, "price": 0, "category_ids": ["1", 2]}],
    "custom_tags": ["a", 1],
}


def test_what_is_right_has_no_complaint() -> None:
    assert judge(RIGHT, today=TODAY) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("email", one) for one in (None, "", "A@b.nl", " a@b.nl", "a@b", "a@müller.de", "a@b.nl,c@d.nl", 7)),
        *(("userid", one) for one in ("", "  ", "A1   ", None, True, 1.5)),
        *(("gender", one) for one in ("m", "X", "", None)),
        *(("birthdate", one) for one in ("1900-01-01", "2026-02-01", "1990-02-30", "1990-01-01 00:00:00", "")),
        *(("phone", one) for one in ("06 12345678", "1234", "1234567890123456", "++316123456", 612345678)),
        *(("country", one) for one in ("nl", "NLD", "ZZ", None)),
        *(("currency", one) for one in ("eur", "XQQ", "")),
        *(("language", one) for one in ("nl", "nl_NL", "nl-nl", "xx-NL", "nl-ZZ")),
        *(("newsletter", one) for one in (True, "Y", "", None, "unknown")),
        *(("timestamp", one) for one in ("2024-01-02", "2024-01-02T03:04:05", "2024-01-02T03:04:05.5+01:00", 20240102)),
        *(("orderid", one) for one in ("", " 7", None)),
        *(("totalvalue", one) for one in ("12.50", True, float("nan"), float("inf"))),
        *(("products", one) for one in ([], None, {}, [{}], [{"id": " "}], [{"id": "A"}], [{"id": "A", "sku": "B"}])),
        *(("custom_x", one) for one in (True, None, "", " ", "a ", "\u0096", [], [""], [True], {"a": 1})),
        ("shoe_size", 43),
        ("custom_ü", 1),
    ],
)
def test_each_rule_complains(field: str, value: Any) -> None:
    complaints = judge({**RIGHT, field: value}, today=TODAY)
    assert complaints
    assert {one.field.partition("[")[0] for one in complaints} == {field}


def test_an_account_may_need_more() -> None:
    without = {name: value for name, value in RIGHT.items() if name != "currency"}
    account = Account(several_currencies=True, several_languages=True, extra_fields=frozenset({"shoe_size"}))
    assert [one.field for one in judge({**without, "shoe_size": 43}, account, today=TODAY)] == [
        "products[0].language",
        "currency",
    ]


@pytest.mark.parametrize(
    "body", [b"{}", b'{"events": []}', b'{"events": [{"a": NaN}]}', b'{"events": [{"a": 1, "a": 2}]}']
)
def test_a_body_that_is_no_request_is_an_error(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        judge_body(body, today=TODAY)


def test_the_shop_is_the_same_at_each_call_and_messy_in_most_rows() -> None:
    people = list(customers(2000))
    assert people == list(customers(2000))
    assert 500 < sum(bool(one.wrong) for one in people) < 1500
    assert {name for one in people for name in one.wrong} >= {"email", "phone", "birthdate", "currency"}
    assert {name for one in orders(2000) for name in one.wrong} >= {"lines", "sku", "quantity", "total", "ordered_at"}


def test_nothing_here_imports_what_it_judges() -> None:
    for path in Path(__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(name.partition(".")[0] == "etl" for name in names), path

"""Pages of rows and the events that they become: identity, event names, products, order, problems, traces.

B12, B16, B23, B27.
"""
# ruff: noqa: DTZ001  # naive datetimes are what databases give

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from etl.event.identities import identities
from etl.mapping.catalogue import TYPES
from etl.mapping.model import Mapping
from etl.page import Page
from etl.transform.problem import Problem
from etl.transform.transformer import FieldTrace, Transformer

D = Decimal
MakeMapping = Callable[..., Mapping]
MakePage = Callable[..., Page]


def _transform(mapping: Mapping, page: Page) -> tuple[list[Any], list[tuple[int, str, str, bool]]]:
    done = Transformer(mapping, page.columns, page.child_columns)(page)
    return done.events, [(one.row, one.field, one.code, one.fatal) for one in done.problems]


def test_an_event_has_the_name_then_the_fields_in_the_order_of_the_mapping(
    make_mapping: MakeMapping, make_page: MakePage
) -> None:
    mapping = make_mapping(
        {
            "userid": "id",
            "email": "mail",
            "custom_b": "b",
            "custom_a": {"column": "a", "default": 0},
            "newsletter": "n",
        }
    )
    page = make_page(
        "id:integer mail:text a:decimal b:integer n:boolean born:date",
        [
            (2**53 + 1, "Eva@Example.com", D("1.50"), None, 1, date(1990, 1, 1)),
            (2, None, None, 7, None, None),
        ],
    )
    events, problems = _transform(mapping, page)
    assert [list(event.items()) for event in events] == [
        [
            ("event", "CRMUpdate"),
            ("userid", "9007199254740993"),
            ("email", "eva@example.com"),
            ("custom_a", D("1.50")),
            ("newsletter", "yes"),
        ],
        [("event", "CRMUpdate"), ("userid", "2"), ("custom_b", 7), ("custom_a", 0)],
    ]
    assert problems == []


def test_a_row_without_identity_is_invalid(make_mapping: MakeMapping, make_page: MakePage) -> None:
    """An address that is left out for being wrong does not identify; one that is rejected is problem enough."""
    rows = [("a@b.nl", None), (None, "7"), (None, None), ("wrong", None), ("", "")]
    page = make_page("mail id", rows)
    events, problems = _transform(make_mapping({"email": "mail", "userid": "id"}), page)
    assert [event is None for event in events] == [False, False, True, True, True]
    assert problems == [
        (2, "email", "missing_identity", True),
        (3, "email", "invalid_email", True),
        (4, "email", "missing_identity", True),
    ]
    omitting = make_mapping({"email": {"column": "mail", "on_invalid": "omit"}, "userid": "id"})
    events, problems = _transform(omitting, page)
    assert [event is None for event in events] == [False, False, True, True, True]
    assert problems[1:3] == [(3, "email", "invalid_email", False), (3, "email", "missing_identity", True)]


def test_a_mapping_without_identity_fields_makes_every_row_invalid(
    make_mapping: MakeMapping, make_page: MakePage
) -> None:
    events, problems = _transform(make_mapping({"city": "c"}), make_page("c", [("x",), ("y",)]))
    assert events == [None, None]
    assert [one[2] for one in problems] == ["missing_identity"] * 2


def test_the_name_of_the_event_may_come_from_a_column(make_mapping: MakeMapping, make_page: MakePage) -> None:
    rows = [(1, "EmailOptIn"), (2, " PageView "), (3, None), (4, ""), (5, "two\nlines"), (6, 7), (7, "x" * 101)]
    mapping = make_mapping({"userid": "id"}, event={"column": "name"})
    events, problems = _transform(mapping, make_page("id name", rows))
    assert [event and event["event"] for event in events] == ["EmailOptIn", "PageView", *[None] * 5]
    assert problems == [(row, "event", "missing_event_name", True) for row in range(2, 7)]


def test_problems_come_by_row_and_then_by_field(make_mapping: MakeMapping, make_page: MakePage) -> None:
    mapping = make_mapping(
        {
            "email": "mail",
            "currency": {"column": "cur", "on_invalid": "omit"},
            "country": {"column": "country", "on_invalid": "reject"},
        }
    )
    rows = [("a@b.nl", "x", "x"), ("wrong", "y", "NL"), ("a@b.nl", "EUR", "NL")]
    events, problems = _transform(mapping, make_page("mail cur country", rows))
    assert events == [None, None, {"event": "CRMUpdate", "email": "a@b.nl", "currency": "EUR", "country": "NL"}]
    assert problems == [
        (0, "currency", "unknown_currency", False),
        (0, "country", "unknown_country", True),
        (1, "email", "invalid_email", True),
        (1, "currency", "unknown_currency", False),
    ]


def test_an_empty_page_gives_nothing(make_mapping: MakeMapping, make_page: MakePage) -> None:
    """A46."""
    mapping = make_mapping(
        {"email": "mail", "custom_c": {"value": 1}, "custom_t": {"template": "{mail}!"}},
        products={"column": "items", "fields": {"id": "sku"}},
    )
    assert _transform(mapping, make_page("mail items", [])) == ([], [])


def test_a_column_that_the_page_lacks_is_missing(make_mapping: MakeMapping, make_page: MakePage) -> None:
    """Examples in `tests:` name only the columns that matter to them."""
    mapping = make_mapping({"userid": "id", "city": "city"})
    assert _transform(mapping, make_page("id", [(1,)])) == ([{"event": "CRMUpdate", "userid": "1"}], [])


def test_no_message_holds_the_value(make_mapping: MakeMapping, make_page: MakePage) -> None:
    """F3."""
    fields: dict[str, Any] = {"userid": "id"}
    for number, type_name in enumerate(TYPES):
        fields[f"custom_{number}"] = {"column": "v", "type": type_name}
    fields["custom_steps"] = {"column": "v", "transform": ["round(1)"]}
    fields["custom_map"] = {"column": "v", "map": {"a": "b"}}
    page = make_page("id v", [(1, "SECRET,canary"), (2, ["SECRET", b"canary"]), (3, "[SECRET canary")])
    done = Transformer(make_mapping(fields), page.columns)(page)
    assert len(done.problems) > 40
    assert not any("SECRET" in one.message or "canary" in one.message for one in done.problems)


def test_products_come_from_child_rows(make_mapping: MakeMapping, make_page: MakePage) -> None:
    """The order's locale goes to each line; a list of categories may be one number."""
    mapping = make_mapping(
        {"email": "mail", "orderid": "id"},
        event="Purchase",
        products={
            "table": "lines",
            "match": {"order_id": "id"},
            "fields": {
                "id": "sku",
                "price": "price",
                "quantity": "n",
                "category_ids": "cat",
                "language": {"parent": "locale", "default": "nl-NL"},
            },
        },
    )
    page = make_page(
        "id:integer mail:text locale:text",
        [(31, "a@b.nl", "nl_BE"), (32, "b@b.nl", None), (33, "c@b.nl", "de")],
        child_columns="sku:text price:decimal n:integer cat:integer",
        children={2: [("S9", D("9.90"), 1, None)], 0: [("S1", D("4.95"), 2, 12), ("S2", None, 1, 13)]},
    )
    events, problems = _transform(mapping, page)
    assert problems == [(1, "products", "missing_products", True)], "a Purchase without products"
    assert [event and event.get("products") for event in events] == [
        [
            {"id": "S1", "price": D("4.95"), "quantity": 2, "category_ids": [12], "language": "nl-BE"},
            {"id": "S2", "quantity": 1, "category_ids": [13], "language": "nl-BE"},
        ],
        None,
        [{"id": "S9", "price": D("9.90"), "quantity": 1, "language": "de-DE"}],
    ]
    assert list(events[0]) == ["event", "email", "orderid", "products"]


@pytest.mark.parametrize(
    ("event", "line", "field", "words"),
    [
        ("CRMUpdate", (None, 1, 1), "products[1].id", "product 2 has no id"),
        ("CRMUpdate", (b"S", 1, 1), "products[1].id", "product 2, unsupported_type: a value of type bytes"),
        ("CRMUpdate", ("S", 1, "x"), "products[1].price", "product 2, not_a_number: the text is not a number"),
        ("Purchase", ("S", None, 1), "products[1].quantity", "product 2 has no quantity"),
    ],
)
def test_a_wrong_line_makes_the_order_invalid(  # noqa: PLR0917  # one row of the table
    make_mapping: MakeMapping,
    make_page: MakePage,
    event: str,
    line: tuple[object, ...],
    field: str,
    words: str,
) -> None:
    """An order that lacks a line is a wrong order, so that it is not sent without it."""
    mapping = make_mapping(
        {"userid": "id", "orderid": "id"},
        event=event,
        products={"table": "l", "match": {"o": "id"}, "fields": {"id": "sku", "quantity": "n", "price": "p"}},
    )
    children = {0: [("S", 1, 1)], 1: [("S", 1, 1), line]}
    page = make_page("id", [(1,), (2,)], child_columns="sku n p", children=children)
    done = Transformer(mapping, page.columns, page.child_columns)(page)
    assert [one is None for one in done.events] == [False, True]
    (problem,) = done.problems
    assert (problem.row, problem.field, problem.code) == (1, field, "invalid_products")
    assert problem.message.startswith(words)


def test_a_wrong_value_of_a_line_may_be_left_out(make_mapping: MakeMapping, make_page: MakePage) -> None:
    fields = {"id": "sku", "price": {"column": "p", "on_invalid": "omit"}}
    mapping = make_mapping({"userid": "id"}, products={"table": "l", "match": {"o": "id"}, "fields": fields})
    page = make_page("id", [(1,)], child_columns="sku p", children={0: [("S", "x")]})
    events, problems = _transform(mapping, page)
    assert events[0]["products"] == [{"id": "S"}]
    assert problems == [(0, "products[0].price", "not_a_number", False)]


def test_products_come_from_a_json_column(make_mapping: MakeMapping, make_page: MakePage) -> None:
    """B12: text on SQLite and MySQL, objects on PostgreSQL; numbers exact."""
    mapping = make_mapping(
        {"userid": "id"},
        products={"column": "items", "fields": {"id": "sku", "price": "p", "language": {"parent": "locale"}}},
    )
    rows = [
        (1, "nl", '[{"sku": "A", "p": 0.10}, {"sku": 7}]'),
        (2, "nl", [{"sku": "B", "p": 1.5, "more": None}]),
        (3, "nl", None),
        (4, "nl", ""),
        (5, "nl", "[]"),
        (6, "nl", "null"),
        (7, "nl", '{"sku": "A"}'),
        (8, "nl", "[1]"),
        (9, "nl", "[{"),
        (10, "nl", 5),
        (11, "nl", '[{"p": 1}]'),
    ]
    events, problems = _transform(mapping, make_page("id locale items:json", rows))
    assert [event and event.get("products") for event in events] == [
        [{"id": "A", "price": D("0.10"), "language": "nl-NL"}, {"id": "7", "language": "nl-NL"}],
        [{"id": "B", "price": 1.5, "language": "nl-NL"}],
        *[None] * 9,
    ]
    assert [event is None for event in events] == [False] * 6 + [True] * 5
    assert problems == [
        (6, "products", "invalid_products", True),
        (7, "products[0]", "invalid_products", True),
        (8, "products", "invalid_products", True),
        (9, "products", "invalid_products", True),
        (10, "products[0].id", "invalid_products", True),
    ]


@pytest.mark.parametrize("odd", ["null", "1", '"B"', "[]"])
def test_what_is_no_product_of_a_json_list_is_a_line_left_out(
    make_mapping: MakeMapping, make_page: MakePage, odd: str
) -> None:
    """With `on_invalid: omit` a hole in the list does not cost the order."""
    products = {"column": "items", "on_invalid": "omit", "fields": {"id": "sku", "quantity": "n"}}
    mapping = make_mapping({"userid": "id", "orderid": "id"}, event="Purchase", products=products)
    events, problems = _transform(
        mapping, make_page("id items:json", [(1, f'[{odd}, {{"sku": "A", "n": 2}}]'), (2, f"[{odd}]")])
    )
    assert [event and event["products"] for event in events] == [[{"id": "A", "quantity": 2}], None]
    assert problems == [
        (0, "products[0]", "invalid_products", False),
        (1, "products[0]", "invalid_products", False),
        (1, "products", "missing_products", True),
    ]


def test_products_that_cannot_be_read_are_omitted_where_the_mapping_says_so(
    make_mapping: MakeMapping, make_page: MakePage
) -> None:
    products = {"column": "items", "on_invalid": "omit", "fields": {"id": "sku"}}
    page = make_page("id items:json", [(1, "[{")])
    done = Transformer(make_mapping({"userid": "id"}, products=products), page.columns, ())(page)
    assert [event and event.get("products") for event in done.events] == [None]
    assert [(one.field, one.code, one.fatal, one.omitted) for one in done.problems] == [
        ("products", "invalid_products", False, True)
    ]


def test_a_row_may_be_its_own_product(make_mapping: MakeMapping, make_page: MakePage) -> None:
    """A row whose product columns are all empty has no product; constants alone do not make one."""
    fields = {"id": "sku", "name": "title", "quantity": {"value": 1}}
    mapping = make_mapping({"userid": "uid"}, event="ViewContent", products={"fields": fields})
    rows = [(1, "A", "Tea"), (2, None, None), (3, None, "Tea")]
    events, problems = _transform(mapping, make_page("uid sku title", rows))
    assert [event and event.get("products") for event in events] == [
        [{"id": "A", "name": "Tea", "quantity": 1}],
        None,
        None,
    ]
    assert problems == [(2, "products[0].id", "invalid_products", True)]


def test_identities_say_whom_an_event_is_about() -> None:
    assert identities("a@b.nl", "7") == ("u:7", "e:a@b.nl")
    assert identities("a@b.nl", None) == ("e:a@b.nl",)
    assert identities(None, "7") == ("u:7",)
    assert identities(None, None) == ()


def test_a_trace_tells_each_step_of_one_row(make_mapping: MakeMapping, make_page: MakePage) -> None:
    mapping = make_mapping(
        {
            "userid": "id",
            "firstname": {"column": "name", "transform": ["strip", "title"]},
            "currency": {"column": "cur", "default": "EUR", "on_invalid": "omit"},
            "timestamp": "at",
        },
        products={"table": "l", "match": {"o": "id"}, "fields": {"id": "sku", "price": "p"}},
        timezone="Europe/Amsterdam",
    )
    page = make_page(
        "id:integer name:text cur:text at:datetime",
        [(1, "x", "EUR", None), (2, " eva ", "XQQ", datetime(2024, 10, 27, 2, 30))],
        child_columns="sku p",
        children={1: [("S1", "1.50"), (None, "2")]},
    )
    transformer = Transformer(mapping, page.columns, page.child_columns)
    assert transformer.trace(page, 1) == [
        FieldTrace("userid", "column id", [("source", 2), ("type text", "2")], None),
        FieldTrace(
            "firstname",
            "column name",
            [("source", " eva "), ("as text", "eva"), ("strip", "eva"), ("title", "Eva"), ("type text", "Eva")],
            None,
        ),
        FieldTrace(
            "currency",
            "column cur",
            [("source", "XQQ"), ("type currency", None), ("default", None)],
            Problem(0, "currency", "unknown_currency", "the value is not in ISO 4217", fatal=False, omitted=True),
        ),
        FieldTrace(
            "timestamp",
            "column at",
            [("source", datetime(2024, 10, 27, 2, 30)), ("type datetime", "2024-10-27T02:30:00+02:00")],
            Problem(
                0, "timestamp", "ambiguous_time", "a local time that happened twice; the first was taken", fatal=False
            ),
        ),
        FieldTrace(
            "products.id",
            "column sku",
            [("source", ["S1", None]), ("type text", ["S1", None])],
            Problem(0, "products[1].id", "invalid_products", "product 2 has no id"),
        ),
        FieldTrace("products.price", "column p", [("source", ["1.50", "2"]), ("type number", [D("1.50"), 2])], None),
    ]


@pytest.mark.parametrize(
    ("order", "lines", "code"),
    [
        (None, [("S", 1, 1)], "missing_orderid"),
        ("  ", [("S", 1, 1)], "missing_orderid"),
        ("7", [], "missing_products"),
        ("7", [(" ", 1, 1)], "invalid_products"),
        ("7", [("S", 1, 1), ("S", None, 1)], "invalid_products"),
        ("7", [("S", 1, None)], None),
    ],
)
def test_a_purchase_is_complete_or_invalid(
    make_mapping: MakeMapping, make_page: MakePage, order: str | None, lines: list[Any], code: str | None
) -> None:
    """What the receiver would refuse is known before it is asked."""
    fields = {"id": "sku", "quantity": "n", "price": "p"}
    mapping = make_mapping(
        {"email": "mail", "orderid": "no"},
        event="Purchase",
        products={"table": "l", "match": {"o": "no"}, "fields": fields},
    )
    children = {0: lines} if lines else {}
    page = make_page("mail no", [("a@b.nl", order)], child_columns="sku n p", children=children)
    done = Transformer(mapping, page.columns, page.child_columns)(page)
    assert [problem.code for problem in done.problems if problem.fatal] == ([] if code is None else [code])
    assert (done.events[0] is None) is (code is not None)

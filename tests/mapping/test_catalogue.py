"""One table of what the receiver knows, and one closed list of problem codes."""

from __future__ import annotations

import re

import pytest

from etl.mapping.catalogue import EVENTS, FIELDS, IDENTITY_FIELDS, PROBLEMS, PRODUCT_FIELDS, STEPS, TYPES
from etl.mapping.nearest import did_you_mean, nearest


def test_the_fields_are_those_that_the_receiver_documents() -> None:
    assert {name: field.type for name, field in FIELDS.items()} == {
        "email": "email",
        "userid": "text",
        "firstname": "text",
        "lastname": "text",
        "gender": "gender",
        "birthdate": "date",
        "phone": "phone",
        "postcode": "text",
        "city": "text",
        "country": "country",
        "currency": "currency",
        "language": "language",
        "newsletter": "yes_no",
        "service": "yes_no",
        "marketing": "yes_no",
        "timestamp": "datetime",
        "orderid": "text",
        "totalvalue": "number",
        "checkin_date": "date",
        "checkout_date": "date",
        "mobile_advertiser_ID": "text",
        "category_id": "text",
        "objectname": "text",
        "keyword": "text",
        "sqzly_cookie": "text",
    }
    assert {name: field.type for name, field in PRODUCT_FIELDS.items()} == {
        "id": "text",
        "name": "text",
        "price": "number",
        "quantity": "number",
        "language": "language",
        "category_ids": "list",
    }
    assert set(IDENTITY_FIELDS) <= set(FIELDS)
    assert "Purchase" in EVENTS


@pytest.mark.parametrize("table", [FIELDS, PRODUCT_FIELDS])
def test_every_field_has_a_known_type_a_rule_and_its_name(table: dict[str, object]) -> None:
    for name, field in table.items():
        assert getattr(field, "name") == name  # noqa: B009  # the tables hold one kind of value
        assert getattr(field, "type") in TYPES  # noqa: B009
        assert getattr(field, "rule")  # noqa: B009


@pytest.mark.parametrize("code", PROBLEMS)
def test_a_problem_code_is_a_stable_word_with_a_meaning_and_a_remedy(code: str) -> None:
    """People's alerts and `--reason` name it."""
    assert re.fullmatch(r"[a-z]+(_[a-z0-9]+)*", code)
    assert PROBLEMS[code].meaning
    assert PROBLEMS[code].remedy


def test_the_tables_cannot_be_changed() -> None:
    for table in (FIELDS, PRODUCT_FIELDS, TYPES, STEPS, PROBLEMS):
        with pytest.raises(TypeError):
            table["new"] = None  # type: ignore[index]


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("curency", "currency"),
        ("e-mail", "email"),
        ("EMAIL", "email"),
        ("first_name", "firstname"),
        ("post_code", "postcode"),
        ("order_id", "orderid"),
        ("birth_date", "birthdate"),
        ("mobile_advertiser_id", "mobile_advertiser_ID"),
        ("newsleter", "newsletter"),
        ("shoe_size", None),
        ("", None),
    ],
)
def test_the_nearest_name_is_found_whatever_its_case(wrong: str, right: str | None) -> None:
    assert nearest(wrong, FIELDS) == right


def test_a_short_list_is_shown_when_nothing_is_near() -> None:
    assert did_you_mean("xyz", ["a", "b"]) == "; known: a, b"
    assert did_you_mean("xyz", [str(number) for number in range(21)]) == ""

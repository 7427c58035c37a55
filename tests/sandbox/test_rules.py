"""What the sandbox takes and what it refuses, against the receiver's documented rules."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.mapping.catalogue import FIELDS, PRODUCT_FIELDS
from etl.sandbox.rules import Rules
from etl.verdict.redaction import Sent, redact

RULES = Rules()
HASH = hashlib.sha256(b"eva@example.com").hexdigest()
EVA = {"event": "CRMUpdate", "email": "eva@example.com"}
LINE = {"id": "000417", "quantity": 1}
PURCHASE = {"event": "Purchase", "email": "eva@example.com", "orderid": "0001", "products": [LINE]}


def codes(event: object) -> list[str]:
    return [refusal.code for refusal in RULES.check(event)]


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("email", ["eva@example.com", "EVA.d'Hondt+x@mail.example.co.uk", "zoë@exämple.de", HASH]),
        ("userid", ["17", "a b"]),
        ("firstname", ["Zoë", "", "<b>"]),
        ("gender", ["M", "F", "U", "male", "female", "unknown"]),
        ("birthdate", ["1980-02-29", "29-02-1980"]),
        ("phone", ["+316-12345678", "0612345678"]),
        ("postcode", ["0123 AB", "01067", "SW1A 0AA"]),
        ("country", ["NL", "GB"]),
        ("currency", ["EUR", "JPY"]),
        ("language", ["nl-NL", "fr-BE"]),
        ("newsletter", ["yes", "no"]),
        (
            "timestamp",
            [
                1_700_000_000,
                1_700_000_000.5,
                "1700000000",
                "2024-03-31 02:30:00",
                "2024-03-31T02:30:00.123456+02:00",
                "2024-03-31T00:30:00Z",
                "2024-03-31",
            ],
        ),
        ("totalvalue", [0, 12.5, -3, 9_007_199_254_740_993]),
        ("checkin_date", ["2024-02-29"]),
        ("mobile_advertiser_ID", ["38400000-8cf0-11bd-b23e-10b96e40000d"]),
        ("orderid", ["00012"]),
        ("custom_ltv", [12.5, "x", "yes", ["a", 1], "2024-01-01"]),
        ("shoesize", [43, None]),  # not a field: dropped by the receiver without a word
    ],
)
def test_right_values_are_taken(field: str, values: list[object]) -> None:
    for value in values:
        assert codes({**EVA, field: value}) == [], value


@pytest.mark.parametrize(
    ("field", "code", "values"),
    [
        (
            "email",
            "INVALID_EMAIL",
            [
                *(
                    "eva",
                    "eva@",
                    "@example.com",
                    "eva@example",
                    "a b@example.com",
                    "eva@example.com, x@y.nl",
                    "e@x..nl",
                ),
                *(".a@x.nl", "a..b@x.nl", "a\x00@x.nl", "Eva <eva@x.nl>", f"{'a' * 250}@x.nl", HASH.upper(), 7),
                ["a@b.nl"],
            ],
        ),
        ("userid", "INVALID_USERID", ["", " ", 17, None]),
        ("firstname", "INVALID_FIRSTNAME", [None, 7, "Ev\x00a"]),
        ("gender", "INVALID_GENDER", ["m", "x", None, ""]),
        ("birthdate", "INVALID_BIRTHDATE", ["1980-02-30", "1980/02/01", "31-02-1980", "19800201", 1980, None]),
        ("phone", "INVALID_PHONE", ["+31 6 123", "06/123", "", "phone", 612345678]),
        ("country", "INVALID_COUNTRY", ["nl", "UK", "NLD", "Holland", None, ["NL"]]),
        ("currency", "INVALID_CURRENCY", ["eur", "EURO", "XQQ", None, {}]),
        ("language", "INVALID_LANGUAGE", ["nl", "nl_NL", "NL-nl", "nld-NL", "nl-XX", "qq-NL", None]),
        ("newsletter", "INVALID_NEWSLETTER", ["ja", "", None, True, 1, "unknown"]),
        (
            "timestamp",
            "TIMESTAMP_ERROR",
            ["23-11-2026", "2026-13-01", "2026-02-30T10:00:00Z", "2026-11-23T10", "now", "", None, True, -1, [1]],
        ),
        ("totalvalue", "INVALID_TOTALVALUE", ["12,50", "12.5", None, True]),
        ("checkin_date", "INVALID_CHECKIN_DATE", ["29-02-2024", "2024-02-29 00:00:00"]),
        ("orderid", "INVALID_ORDERID", ["", 12, None]),
        ("custom_ltv", "INVALID_CUSTOM_VALUE", [None, {}]),
        ("custom_", "INVALID_CUSTOM_NAME", ["x"]),
        ("custom_a b", "INVALID_CUSTOM_NAME", ["x"]),
        ("products", "INVALID_PRODUCTS", [None, {}, "x", ["x"], [None]]),
    ],
)
def test_wrong_values_are_refused_by_their_code(field: str, code: str, values: list[object]) -> None:
    for value in values:
        event: dict[str, Any] = {"event": "CRMUpdate", "email": "eva@example.com", field: value}
        assert codes(event) == [code], value


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"email": "eva@example.com"}, ["MISSING_EVENT"]),
        ({"event": " ", "email": "eva@example.com"}, ["MISSING_EVENT"]),
        ({"event": "CRMUpdate"}, ["MISSING_IDENTITY"]),
        ({"event": "CRMUpdate", "userid": "7"}, []),
        ("CRMUpdate", ["INVALID_EVENT"]),
        ([], ["INVALID_EVENT"]),
        (PURCHASE, []),
        ({**PURCHASE, "products": []}, ["MISSING_PRODUCTS"]),
        ({"event": "Purchase", "email": "eva@example.com"}, ["MISSING_ORDERID", "MISSING_PRODUCTS"]),
        ({**PURCHASE, "products": [{"id": "1"}]}, ["MISSING_PRODUCT_QUANTITY"]),
        ({**PURCHASE, "products": [{"quantity": 1}]}, ["MISSING_PRODUCT_ID"]),
        ({**EVA, "products": [{"id": "1"}]}, []),
        ({**PURCHASE, "products": [{**LINE, "price": "1,25"}, {**LINE, "price": None}]}, ["INVALID_PRODUCT_PRICE"]),
        ({**PURCHASE, "products": [{**LINE, "language": "nl"}]}, ["INVALID_PRODUCT_LANGUAGE"]),
        ({**PURCHASE, "products": [{**LINE, "id": 417}]}, ["INVALID_PRODUCT_ID"]),
        ({**PURCHASE, "products": [{**LINE, "quantity": "one"}]}, ["INVALID_PRODUCT_QUANTITY"]),
        # Lines that were given back: no source says that they are refused, and the transform lets them through.
        ({**PURCHASE, "products": [{**LINE, "quantity": 0}, {**LINE, "quantity": -1}]}, []),
        ({**PURCHASE, "products": [{**LINE, "category_ids": "12"}]}, ["INVALID_PRODUCT_CATEGORY_IDS"]),
    ],
)
def test_events_as_a_whole(event: object, expected: list[str]) -> None:
    assert codes(event) == expected


def test_what_a_rehearsal_refuses_is_shown_by_the_job_as_it_is_written() -> None:
    """An answer's words are shown where they are of a closed list, since any other may be about a person."""
    (refusal,) = Rules(rejected_addresses=["eva@example.com"]).check(EVA)
    assert redact(refusal.words, sent=Sent(b"")) == refusal.words


def test_reject_means_the_address_in_any_case_and_its_hash() -> None:
    rules = Rules(rejected_addresses=["Eva@Example.com"])
    for email in ("eva@example.com", "EVA@example.com", HASH):
        assert [refusal.code for refusal in rules.check({**EVA, "email": email})] == ["REJECTED"]
    assert rules.check({**EVA, "email": "jan@example.com"}) == ()


@pytest.mark.parametrize("name", [*FIELDS, *(f"products.{name}" for name in PRODUCT_FIELDS)])
def test_every_field_of_the_catalogue_is_checked(name: str) -> None:
    """A field that the catalogue learns must get its check here, or the sandbox would take anything in it."""
    wrong: object = {"not": "a value"}
    prefix, _, inner = name.partition(".")
    event = {**PURCHASE, "products": [{**LINE, inner: wrong}]} if inner else {**EVA, prefix: wrong}
    assert {refusal.field for refusal in RULES.check(event)} == {name}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*FIELDS, "event", "products", "custom_x", "x"]), json_values))
def test_no_event_breaks_the_checks(event: dict[str, object]) -> None:
    """An event that made a check raise would be answered 500, and hide what is wrong with it."""
    RULES.check(event)
    RULES.check({**event, "event": "Purchase", "products": [event]})


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({**PURCHASE, "products": [LINE], "totalvalue": 3}, ["MISSING_CURRENCY", "MISSING_PRODUCT_LANGUAGE"]),
        ({**PURCHASE, "products": [{**LINE, "language": "nl-NL"}], "totalvalue": 3, "currency": "EUR"}, []),
        (EVA, []),
        ({**EVA, "custom_vip": True}, ["INVALID_CUSTOM_VALUE"]),
    ],
)
def test_an_account_with_several_languages_and_currencies_asks_for_them(event: Any, expected: list[str]) -> None:
    """A mapping that says so of the account is rehearsed against the same rules."""
    rules = Rules(several_languages=True, several_currencies=True)
    assert sorted(refusal.code for refusal in rules.check(event)) == expected

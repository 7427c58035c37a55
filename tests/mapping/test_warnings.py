"""What is allowed but probably not meant is said, and does not stop a run."""

from __future__ import annotations

import pytest

from tests.mapping.reading import mapping_of, small

PURCHASE = small().replace("CustomerUpdated", "Purchase")


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (small(), ()),
        (
            PURCHASE,
            (
                "m.yaml:1:1  products: Purchase without products: the receiver learns neither items nor value",
                (
                    "m.yaml:3:8  event: Purchase without orderid: the receiver cannot merge it with the "
                    "purchase that the shop reported"
                ),
            ),
        ),
        (
            PURCHASE.replace("  email: email\n", "  email: email\n  orderid: n\n")
            + "products: {table: l, match: {a: b}, fields: {id: sku}}\n",
            ("m.yaml:9:37  products.fields: Purchase needs the quantity of each product",),
        ),
        (
            small().replace("  timestamp: updated_at\n", ""),
            (
                (
                    "m.yaml:4:1  fields: no timestamp: the receiver stamps each event with its arrival, so a backfill "
                    "would look like today"
                ),
            ),
        ),
        (
            small().replace("event: CustomerUpdated", "event: purchase"),
            ('m.yaml:3:8  event: a custom event; the receiver interprets "Purchase"',),
        ),
        (
            small().replace("event: CustomerUpdated", "event: add_to_cart"),
            ('m.yaml:3:8  event: a custom event; the receiver interprets "AddToCart"',),
        ),
        (
            small().replace("event:", "extra_fields: [email]\nevent:"),
            ('m.yaml:3:15  extra_fields: "email" is a known field; it needs no place here',),
        ),
        (
            small().replace("event:", "extra_fields: [fit]\nevent:"),
            ('m.yaml:3:15  extra_fields: "fit" is not among the fields, so nothing sends it; known: email, timestamp',),
        ),
        (
            small(fields="userid: id"),
            (
                (
                    "m.yaml:7:11  fields.userid: is the primary key id; userid is the highest identity, and an "
                    "internal id there splits profiles"
                ),
            ),
        ),
        (
            small(fields="custom_a: {value: a, default: b}"),
            ("m.yaml:7:24  fields.custom_a.default: has no effect beside value, which is constant",),
        ),
        (
            small(fields="city: {column: a, default: b, required: true}"),
            ("m.yaml:7:33  fields.city.required: has no effect beside default",),
        ),
        (
            small(fields='city: {column: a, map: {"": none, x: y}}'),
            (
                (
                    "m.yaml:7:21  fields.city.map: the empty key never matches: a blank text is missing; use default, "
                    "or empty: keep"
                ),
            ),
        ),
        (small(fields='city: {column: a, empty: keep, map: {"": none, x: y}}'), ()),
        (
            small(fields="currency: {column: a, type: text}"),
            (
                (
                    "m.yaml:7:31  fields.currency.type: the receiver expects currency here: ISO 4217, upper case, "
                    "such as EUR"
                ),
            ),
        ),
        (
            small(fields="userid: {column: a, default: guest}"),
            (
                (
                    "m.yaml:7:11  fields.userid: has a default: all rows without a value of their own would be one "
                    "profile; leave it out"
                ),
            ),
        ),
        (
            small(fields="orderid: {value: a}"),
            ("m.yaml:7:12  fields.orderid: is a constant: all rows would be one purchase",),
        ),
        (small(fields="totalvalue: {column: a, type: decimal}"), ()),
        (
            small().replace(", cursor_field: updated_at", ", settle: 5s, lookback: 1h, on_null_cursor: skip"),
            (
                "m.yaml:2:80  source.settle: has no effect without cursor_field",
                "m.yaml:2:92  source.lookback: has no effect without cursor_field",
                "m.yaml:2:106  source.on_null_cursor: has no effect without cursor_field",
            ),
        ),
        (
            small().replace("${KEY}", "abcdef"),
            (
                (
                    "m.yaml:7:38  destination.api_key: the key stands in the file; write ${SQUEEZELY_API_KEY} or "
                    "${file:/run/secrets/key}"
                ),
            ),
        ),
        (
            small().replace("sqlite:////tmp/shop.sqlite", "mysql+pymysql://shop:hunter2@db/shop"),
            ("m.yaml:2:15  source.url: the password stands in the file; write ${SHOP_DATABASE_URL}",),
        ),
        (
            small(tests="tests:\n  - given: {emial: a}\n    expect_problems: [missing_identity]\n"),
            ('m.yaml:9:13  tests[0].given.emial: no field uses this column; did you mean "email"?',),
        ),
    ],
)
def test_a_warning_is_one_line_with_its_place(text: str, lines: tuple[str, ...]) -> None:
    assert mapping_of(text).warnings == lines


def test_a_key_from_a_variable_that_is_not_set_is_no_key_in_the_file() -> None:
    assert mapping_of(small(), environment={}, resolve_variables=False).warnings == ()

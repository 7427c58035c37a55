"""A table of the names that columns have in real shops, each with the field that it must become."""

from __future__ import annotations

from datetime import datetime

import pytest

from etl.drafting.choose import choose
from etl.drafting.dictionary import CURSOR_NAMES
from etl.drafting.draft import Draft
from etl.drafting.facts import KeyFacts, SampledColumn, TableFacts
from etl.drafting.names import bare, column_prefix, is_secret, rank, thing, without_prefix, without_unit
from etl.drafting.products import line_fields
from tests.drafting.column_names import CHANGES, LINES, NEVER, ORDERS, PEOPLE, rows

VALUES = {
    "email": ("text", "eva@example.com"),
    "gender": ("text", "f"),
    "birthdate": ("text", "1980-04-21"),
    "phone": ("text", "+31612345678"),
    "country": ("text", "NL"),
    "language": ("text", "nl-NL"),
    "currency": ("text", "EUR"),
    "newsletter": ("integer", 1),
    "marketing": ("integer", 1),
    "service": ("integer", 1),
    "totalvalue": ("decimal", 12.5),
    "timestamp": ("datetime", datetime(2025, 3, 1, 12, 0)),  # noqa: DTZ001 - a naive column
    "price": ("decimal", 4.75),
    "quantity": ("integer", 2),
}


def column(name: str, field: str) -> SampledColumn:
    kind, value = VALUES.get(field, ("text", "Utrecht"))
    # As the other columns of such a table begin.
    prefix = next((one for one in ("ox", "ps_") if name.casefold().startswith(one)), "")
    return SampledColumn(name, kind, (value,), plain=without_prefix(name, prefix))


def drafted(name: str, *columns: SampledColumn) -> Draft:
    key = SampledColumn("id", "integer", (1,))
    return choose(TableFacts(name, (key, *columns), KeyFacts(("id",), ""), None, rows=1))


def test_the_table_is_large_enough_to_mean_something() -> None:
    names = {name for table in (PEOPLE, ORDERS, LINES) for name, _ in rows(table)}
    assert len(names) >= 150


@pytest.mark.parametrize(("name", "field"), rows(PEOPLE))
def test_a_column_of_people_becomes_its_field(name: str, field: str) -> None:
    found = {one.name: one.column for one in drafted("klanten", column(name, field)).fields}
    assert found.get(field) == name


@pytest.mark.parametrize(("name", "field"), rows(ORDERS))
def test_a_column_of_orders_becomes_its_field(name: str, field: str) -> None:
    """In a table that is not called orders: the other columns say that it is one."""
    others = {"orderid": "order_number", "totalvalue": "grand_total", "timestamp": "order_date"}
    columns = [column(other, one) for one, other in others.items() if one != field]
    draft = drafted("t", column(name, field), *columns, SampledColumn("email", "text", ("eva@example.com",)))
    assert draft.event == "Purchase"
    assert {one.name: one.column for one in draft.fields}.get(field) == name


@pytest.mark.parametrize(("name", "field"), rows(LINES))
def test_a_column_of_lines_becomes_its_field(name: str, field: str) -> None:
    found = line_fields((column(name, field),), TableFacts("t", (), KeyFacts((), ""), None, rows=0).today)
    assert found[field].column == name


@pytest.mark.parametrize("name", CHANGES.split())
def test_a_time_of_change_is_known(name: str) -> None:
    assert rank(name, CURSOR_NAMES) is not None


@pytest.mark.parametrize(
    ("name", "rest"),
    [("totalCents", "total"), ("TOTAL_CENTS", "TOTAL"), ("created_ms", "created"), ("updatedMs", "updated"),
     ("cents", "cents"), ("items", "items"), ("terms", "terms"), ("changes", "changes")],
)  # fmt: skip
def test_a_name_is_known_without_its_unit(name: str, rest: str) -> None:
    assert without_unit(name) == rest


@pytest.mark.parametrize("name", NEVER.split())
def test_what_lets_somebody_in_is_never_offered(name: str) -> None:
    assert is_secret(name)
    text = SampledColumn(name, "text", ("x",))
    draft = drafted("klanten", SampledColumn("email", "text", ("eva@example.com",)), text)
    assert name not in {one.column for one in (*draft.fields, *draft.customs)}
    assert draft.secrets == 1


@pytest.mark.parametrize(
    "name",
    [
        "email_hash",
        "hashed_email",
        "email_sha256",
        "city",
        "has_hobby",
        "hashtags",
        "secretary",
        "salted",
        "websnippet",
        "lesson",
    ],
)
def test_an_address_as_a_hash_and_words_that_only_look_alike_are_no_secrets(name: str) -> None:
    assert not is_secret(name)


@pytest.mark.parametrize(
    "value", ["$2y$10$abcdefghijklmnopqrstuv", "5f4dcc3b5aa765d61d8327deb882cf99", "pbkdf2_sha256$1$a$b"]
)
def test_a_hash_is_known_by_its_values(value: str) -> None:
    """Whatever the column is called."""
    draft = drafted("klanten", SampledColumn("email", "text", ("a@b.nl",)), SampledColumn("field_7", "text", (value,)))
    assert draft.customs == ()
    assert draft.secrets == 1


def test_prefixes_of_columns_and_tables_mean_nothing() -> None:
    assert column_prefix(["KL_NR", "KL_NAAM", "KL_EMAIL", "KL_PLAATS"]) == "kl_"
    assert column_prefix(["OXID", "OXFNAME", "OXLNAME", "OXCITY"]) == "ox"
    assert column_prefix(["id", "name", "email", "city"]) == ""
    # What says whose a column is may be left out too, but is no prefix of the schema.
    assert column_prefix(["customers_id", "customers_name", "customers_email", "customers_city"]) == ""
    things = {
        "wp_wc_orders": "orders",
        "ps_orders": "orders",
        "oc_order": "order",
        "oxorder": "order",
        "s_order": "order",
    }
    things |= {"sylius_order": "order", "shop.spree_orders": "orders", "customer_entity": "customer", "oxuser": "user"}
    assert {table: thing(table) for table in things} == things
    assert thing("lamp_klanten", "lamp_") == "klanten"
    assert bare("Länder-Kennzeichen") == "laenderkennzeichen"

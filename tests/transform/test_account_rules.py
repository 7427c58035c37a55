"""What an account with several languages or currencies asks for, and fields that only the account knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from etl.mapping.destination import Destination
from etl.mapping.model import Mapping
from etl.page import Page
from etl.transform.transformer import Transformer

MakeMapping = Callable[..., Mapping]
MakePage = Callable[..., Page]


@pytest.mark.parametrize(
    ("locales", "on_invalid", "sent"),
    [
        (["nl-NL", "de-DE"], "reject", 2),
        (["nl-NL", None], "reject", 0),
        ([None, "nl-NL"], "omit", 1),
    ],
)
def test_each_product_has_a_language_where_the_account_has_several(
    make_mapping: MakeMapping, make_page: MakePage, locales: list[Any], on_invalid: str, sent: int
) -> None:
    """The receiver cannot tell which of its products is meant."""
    products = {
        "table": "l",
        "match": {"o": "id"},
        "on_invalid": on_invalid,
        "fields": {"id": "sku", "language": "locale"},
    }
    mapping = make_mapping({"userid": "id"}, products=products, destination=Destination(multiple_languages=True))
    page = make_page("id", [("7",)], child_columns="sku locale", children={0: [("S", one) for one in locales]})
    done = Transformer(mapping, page.columns, page.child_columns)(page)
    assert [problem.code for problem in done.problems] == ([] if None not in locales else ["invalid_products"])
    event = done.events[0]
    assert (0 if event is None else len(event["products"])) == sent  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("amounts", "currency", "codes"),
    [
        (("1", None), "EUR", []),
        (("1", None), None, ["missing_currency"]),
        ((None, "1"), None, ["missing_currency"]),
        ((None, None), None, []),
    ],
)
def test_amounts_have_a_currency_where_the_account_has_several(
    make_mapping: MakeMapping, make_page: MakePage, amounts: tuple[Any, Any], currency: Any, codes: list[str]
) -> None:
    """Without it 100 yen are 100 euros. An event without amounts needs none."""
    total, price = amounts
    fields = {"userid": "id", "totalvalue": "t", "currency": "c"}
    products = {"fields": {"id": "s", "price": "p"}}
    page = make_page("id t c s p", [("7", total, currency, "S", price)])
    for several in (True, False):
        destination = Destination(multiple_currencies=several)
        mapping = make_mapping(fields, products=products, destination=destination)
        done = Transformer(mapping, page.columns)(page)
        assert [problem.code for problem in done.problems] == (codes if several else [])


def test_an_extra_field_is_sent_as_a_custom_field_is(make_mapping: MakeMapping, make_page: MakePage) -> None:
    mapping = make_mapping({"userid": "id", "shoe_size": "s"}, extra_fields=("shoe_size",))
    page = make_page("id s:integer", [("7", 43)])
    assert Transformer(mapping, page.columns)(page).events == [{"event": "CRMUpdate", "userid": "7", "shoe_size": 43}]


@pytest.mark.parametrize(
    ("name", "value", "step", "wanted"),
    [
        ("birthdate", "1980-01-31", "date('%Y')", None),
        ("birthdate", "1980-01-31", "date('%d-%m-%Y')", "1980-01-31"),
        ("timestamp", "2024-01-31 10:00:00", "date('%d %B %Y')", None),
        ("phone", "+31612345678", "sha256", None),
        ("lastname", "2024-01-31", "date('%Y')", "2024"),
        ("custom_year", "2024-01-31", "date('%Y')", "2024"),
    ],
)
def test_what_a_step_leaves_has_the_form_that_the_receiver_asks_for(  # noqa: PLR0917  # one row of the table
    make_mapping: MakeMapping, make_page: MakePage, name: str, value: str, step: str, wanted: str | None
) -> None:
    """A hash, and what `date(…)` writes, go out as they stand only where the receiver takes any text."""
    mapping = make_mapping({"userid": "id", name: {"column": "v", "transform": [step], "on_invalid": "omit"}})
    page = make_page("id v", [("7", value)])
    done = Transformer(mapping, page.columns)(page)
    assert [event and event.get(name) for event in done.events] == [wanted]
    assert bool(done.problems) == (wanted is None)

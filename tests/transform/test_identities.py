"""What tells people and purchases apart is whole, or missing: half of it would make one of many."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from etl.mapping.model import Mapping
from etl.page import Page
from etl.transform.transformer import Transformer

MakeMapping = Callable[..., Mapping]
MakePage = Callable[..., Page]

ROWS = [("nl", 7, "a@b.nl"), ("nl", None, "b@b.nl"), ("nl", None, None), ("  ", 8, "c@b.nl"), ("nl", 0, None)]
EMPTY = [("nl", "7", "a@b.nl"), ("nl", "", "b@b.nl"), ("", "8", "c@b.nl")]


def test_a_userid_of_which_a_part_is_missing_is_missing(make_mapping: MakeMapping, make_page: MakePage) -> None:
    """Else all guests of a shop would be the one person `nl-`."""
    mapping = make_mapping({"userid": {"template": "{shop}-{customer}"}, "email": "mail"})
    page = make_page("shop customer mail", ROWS)
    done = Transformer(mapping, page.columns)(page)
    assert done.columns["userid"] == ["nl-7", None, None, None, "nl-0"]
    assert [(one.row, one.code) for one in done.problems] == [(2, "missing_identity")]


def test_so_it_is_where_each_part_is_an_empty_text_in_some_row(make_mapping: MakeMapping, make_page: MakePage) -> None:
    mapping = make_mapping({"userid": {"template": "{shop}-{customer}"}, "email": "mail"})
    page = make_page("shop customer mail", EMPTY)
    assert Transformer(mapping, page.columns)(page).columns["userid"] == ["nl-7", None, None]


@pytest.mark.parametrize("field", ["email", "sqzly_cookie", "orderid"])
def test_so_is_every_field_that_tells_apart(make_mapping: MakeMapping, make_page: MakePage, field: str) -> None:
    """Purchases of one orderid are merged, too."""
    mapping = make_mapping({"userid": "mail", field: {"template": "{shop}@{customer}.nl", "on_invalid": "omit"}})
    page = make_page("shop customer mail", ROWS)
    assert Transformer(mapping, page.columns)(page).columns[field] == ["nl@7.nl", None, None, None, "nl@0.nl"]


def test_other_texts_are_made_of_what_is_there(make_mapping: MakeMapping, make_page: MakePage) -> None:
    mapping = make_mapping({"email": "mail", "custom_name": {"template": "{shop} {customer}"}})
    page = make_page("shop customer mail", ROWS)
    assert Transformer(mapping, page.columns)(page).columns["custom_name"] == ["nl 7", "nl", "nl", "8", "nl 0"]

"""Birthdates that no living person can have are left out: they would bring birthday mails to the wrong people."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from etl.mapping.model import Mapping
from etl.page import Page
from etl.transform.transformer import Transformer

TODAY = date(2026, 1, 31)


@pytest.mark.parametrize("as_text", [False, True])
@pytest.mark.parametrize(
    ("born", "wanted"),
    [
        (date(1, 1, 1), None),
        (date(1900, 1, 1), None),
        (date(1900, 12, 31), None),
        (date(1901, 1, 1), "1901-01-01"),
        (TODAY, "2026-01-31"),
        (date(2026, 2, 1), "2026-02-01"),  # somewhere it is tomorrow already
        (date(2026, 2, 2), None),
        (date(9999, 12, 31), None),
    ],
)
def test_a_birthdate_before_1901_or_in_the_future_costs_the_field(
    make_mapping: Callable[..., Mapping], make_page: Callable[..., Page], born: date, wanted: Any, *, as_text: bool
) -> None:
    mapping = make_mapping({"userid": "id", "birthdate": "born", "checkin_date": "born", "custom_born": "born"})
    value = born.isoformat() if as_text else born
    page = make_page("id born:date", [(1, value), (2, date(1980, 4, 21).isoformat() if as_text else date(1980, 4, 21))])
    done = Transformer(mapping, page.columns, today=TODAY)(page)
    assert [event and event.get("birthdate") for event in done.events] == [wanted, "1980-04-21"]
    assert next(event and event["checkin_date"] for event in done.events) == born.isoformat()
    codes = [(one.field, one.code, one.omitted) for one in done.problems]
    assert codes == ([] if wanted else [("birthdate", "implausible_date", True)])

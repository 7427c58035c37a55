"""Every mistake has its exact lines: file, line, column, path, what was expected, and the nearest right name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.mapping.reading import KEY, problems_of

TABLE: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "wrong_mappings.yaml").read_text(encoding="utf-8"))


def wrong(case: dict[str, Any]) -> str:
    text: str = TABLE["right"][case.get("of", "customers")]
    for old, new in case["change"]:
        assert old in text
        text = text.replace(old, new, 1)
    return text


@pytest.mark.parametrize("case", TABLE["wrong"], ids=lambda case: case["name"])
def test_a_wrong_mapping_gives_exactly_these_lines(case: dict[str, Any]) -> None:
    """A9, A29, B20, F7, F8, F9, F10, F13, F14, F15."""
    assert problems_of(wrong(case)) == tuple(case["problems"])


@pytest.mark.parametrize("case", TABLE["wrong"], ids=lambda case: case["name"])
def test_no_line_shows_what_a_variable_gave(case: dict[str, Any]) -> None:
    """F2: the value may be a secret, even where it stands in the wrong place."""
    assert KEY not in "\n".join(problems_of(wrong(case)))


@pytest.mark.parametrize("name", TABLE["right"])
def test_what_the_table_changes_is_right_before(name: str) -> None:
    assert problems_of(TABLE["right"][name]) == ()


def test_the_table_is_large_enough() -> None:
    assert len(TABLE["wrong"]) >= 60


def test_all_problems_of_a_file_come_at_once_in_the_order_of_the_file() -> None:
    text = """\
source:
  url: ${NOWHERE}
  table: customers
  lookback: 1 hour
event: CustomerUpdated
fields:
  email: {column: email, column: mail}
  curency: currency
  city: {column: town, transform: [strp]}
destination: {account: acc, api_key: "${KEY}", batch_size: many}
"""
    assert problems_of(text) == (
        "m.yaml:1:1  version: is missing; write version: 1",
        "m.yaml:1:1  source.primary_key: is missing; a unique column tells rows with one cursor apart",
        "m.yaml:2:8  source.url: the variable NOWHERE is not set; set it, or write ${NOWHERE:-default}",
        (
            "m.yaml:4:13  source.lookback: expected a duration, such as 60s or 1h, "
            "or a whole number in units of an integer cursor"
        ),
        "m.yaml:7:26  fields.email.column: is there twice, first in line 7",
        'm.yaml:8:3  fields.curency: not a known field; did you mean "currency"? (custom fields start with custom_)',
        'm.yaml:9:36  fields.city.transform[0]: "strp" is not a step; did you mean "strip"?',
        "m.yaml:10:60  destination.batch_size: expected a whole number from 1 to 10000, got a text",
    )

"""`map` over a list looks each element up, so that `else` does not swallow the whole list."""

from __future__ import annotations

from typing import Any

import pytest

from tests.transform.conftest import Convert


@pytest.mark.parametrize(
    ("value", "table", "wanted"),
    [
        ("a,b", {"a": "A", "b": "B"}, ["A", "B"]),
        ("a,z", {"a": "A", "else": "other"}, ["A", "other"]),
        ("a,z", {"a": "A", "else": None}, ["A"]),
        ("y,z", {"a": "A", "else": None}, None),
        ("a,z", {"a": "A"}, "!not_in_map"),
        ("1,2", {"1": 10, "2": 20}, [10, 20]),
    ],
)
def test_a_list_is_mapped_element_by_element(
    convert: Convert, value: str, table: dict[str, Any], wanted: object
) -> None:
    assert convert(value, None, transform=["split(',')"], map=table) == wanted
    assert convert(value.split(","), "list", map=table) == wanted

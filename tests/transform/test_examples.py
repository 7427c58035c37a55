"""Which kind of column the values of an example stand for."""

from __future__ import annotations

from decimal import Decimal

import pytest

from etl.transform.examples import kind_of_values


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([True, None], "boolean"),
        ([1, 2], "integer"),
        ([1.5], "number"),
        ([Decimal("1.50")], "decimal"),
        ([{}, []], "json"),
        (["2024-01-31", "2024-02-01"], "date"),
        (["2024-01-31 10:00:00"], "datetime"),
        (["2024-01-31T10:00:00+01:00", "2024-01-31T10:00:00Z"], "datetime_tz"),
        (["2024-01-31", "x"], None),
        (["x", ""], "text"),
        ([1, True], None),
        ([1, 1.5], None),
        ([None], None),
        ([], None),
        ([object()], None),
    ],
)
def test_values_of_one_kind_make_a_column_of_it_and_others_none(values: list[object], kind: str | None) -> None:
    """An example has no other way to write a date; what is missing says nothing."""
    assert kind_of_values(values) == kind

"""Edges of steps and tables, each value on one side of a branch that the usual ones never take."""

from __future__ import annotations

import sys
from ctypes import c_float
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from etl.mapping.field_rule import FieldRule
from etl.page import Column
from etl.transform.closed_list import gender
from etl.transform.field import Field
from etl.transform.frame import Frame
from etl.transform.moment import parse_date
from etl.transform.number import finite
from etl.transform.problem import Problem, RefusedValueError, omitted_fields
from etl.transform.steps import _moment, format_date, round_number, scale_number, truncate
from etl.transform.value_map import MapRule, value_text
from etl.transform.zone import LocalTime

LARGEST = int(sys.float_info.max)
EAST = timezone(timedelta(hours=5))


@pytest.mark.parametrize(
    ("number", "fits"),
    [
        (LARGEST, True),
        (LARGEST + 1, False),
        (-LARGEST, True),
        (-LARGEST - 1, False),
        (2**1024, False),
        (Decimal(LARGEST), True),
        (Decimal(LARGEST + 1), False),
        (Decimal("1E-1000"), True),
        (Decimal("9E-1001"), False),
        (Decimal("1E+308"), True),
        (Decimal("1E+309"), False),
    ],
    ids=lambda value: str(value)[:12],
)
def test_a_number_fits_to_the_last_that_a_double_holds(number: int | Decimal, *, fits: bool) -> None:
    if fits:
        assert finite(number) == number
    else:
        with pytest.raises(RefusedValueError):
            finite(number)


@pytest.mark.parametrize(
    ("found", "shown"),
    [
        (round_number(Decimal("-0.04"), 1), "0.0"),
        (round_number(-0.04, 1), "0.0"),
        (round_number(-0.4, 0), "0"),
        (scale_number(Decimal(0), Decimal(-1)), "0"),
        (scale_number(Decimal("-0.0"), Decimal(2)), "0.0"),
    ],
)
def test_no_zero_has_a_minus(found: object, shown: str) -> None:
    assert str(found) == shown


@pytest.mark.parametrize(
    ("text", "length", "cut"),
    [
        ("ab\ufe0f", 2, "a"),  # a sign and the selector of its look
        ("a\U0001f469\u200d\U0001f4bb", 3, "a"),  # a woman joined with a computer
        ("a\U0001f469\u200d\U0001f4bb", 2, "a"),
        ("a\U0001f469\u200d\U0001f4bb", 4, "a\U0001f469\u200d\U0001f4bb"),
        ("ae\u0301", 2, "a"),
        ("e\u0301", 1, "e"),  # nothing would be left
        ("\U0001f469\u200d\U0001f4bb", 2, "\U0001f469"),
    ],
)
def test_a_cut_parts_no_letter_from_what_belongs_to_it(text: str, length: int, cut: str) -> None:
    assert truncate(text, length) == cut


@pytest.mark.parametrize(
    ("value", "kind", "shown"),
    [
        (datetime(2024, 3, 1, 23, 30), "datetime", "2024-03-01 23:30"),  # noqa: DTZ001 - the column has no zone
        (datetime(2024, 3, 1, 23, 30), "datetime_tz", "2024-03-02 00:30"),  # noqa: DTZ001 - SQLite's are UTC
        (datetime(2024, 3, 1, 23, 30, tzinfo=UTC), "datetime_tz", "2024-03-02 00:30"),
        (datetime(2024, 3, 1, 23, 30, tzinfo=EAST), "datetime_tz", "2024-03-01 19:30"),
    ],
)
def test_the_day_of_a_moment_is_that_of_the_source_and_a_naive_time_is_one_already(
    value: datetime, kind: str, shown: str
) -> None:
    zone = LocalTime("Europe/Amsterdam")
    assert format_date(_moment(value, zone=zone, kind=kind, type_name=None), "%Y-%m-%d %H:%M") == shown


@pytest.mark.parametrize(
    ("pattern", "shown"), [("%e", " 5"), ("%d", "05"), ("%j", "005"), ("%y", "07"), ("%Y", "0007")]
)
def test_days_and_years_of_one_digit_keep_their_width(pattern: str, shown: str) -> None:
    assert format_date(date(7, 1, 5), pattern) == shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal(100), "100"),
        (Decimal("100.0"), "100"),
        (Decimal("1E+50"), "1" + "0" * 50),
        (Decimal("1E+100"), "1" + "0" * 100),
        (Decimal("1E+101"), None),
        (Decimal("1.50"), "1.5"),
        (-0.0, "0"),
        (100.0, "100"),
    ],
)
def test_a_number_has_one_text_by_which_a_table_names_it(value: object, text: str | None) -> None:
    assert value_text(value) == text


def test_a_text_is_looked_up_as_it_is_before_it_is_without_its_blanks() -> None:
    rule = MapRule({" a": "blank", "a": "plain"}, kind=None, understood=None)
    assert [rule.value(text) for text in (" a", "a", "a ", "  a")] == ["blank", "plain", "plain", "plain"]


@pytest.mark.parametrize("value", [9, 9.0, Decimal(9), "9"])
def test_each_digit_of_iso_5218_is_known(value: object) -> None:
    assert gender().value(value) == "U"


@pytest.mark.parametrize(
    ("stored", "shown"),
    [(0.1, 0.1), (8_589_973_504.0, 8_589_974_000.0), (123_456.78125, 123_456.78)],
)
def test_a_float_of_four_bytes_has_the_fewest_digits_that_mean_it(stored: float, shown: float) -> None:
    """Six, seven or eight of them."""
    single = c_float(stored).value
    assert Frame((Column("c", is_single=True),), [(single,)]).column("c").items == [shown]


@pytest.mark.parametrize(("keep_empty", "found"), [(False, ["b", "b", "a"]), (True, [" ", "b", "a"])])
def test_a_blank_text_gives_way_to_the_next_column_unless_it_is_kept(*, keep_empty: bool, found: list[str]) -> None:
    frame = Frame((Column("first"), Column("next")), [(" ", "b"), (None, "b"), ("a", "b")])
    assert frame.first_present(["first", "next"], keep_empty=keep_empty).items == found


@pytest.mark.parametrize(
    ("rule", "source"),
    [
        ({"column": "a"}, "column a"),
        ({"column": ["a", "b"]}, "column a or b"),
        ({"parent": "locale"}, "parent column locale"),
        ({"template": "{a} b"}, "template {a} b"),
        ({"value": "x"}, "constant"),
    ],
)
def test_a_field_tells_where_its_value_comes_from(rule: dict[str, object], source: str) -> None:
    field = Field("f", FieldRule.model_validate(rule), type_name="text", kinds={}, zone=LocalTime("UTC"), rejects=True)
    assert field.source == source


def test_a_field_is_omitted_from_events_alone_and_once_from_each() -> None:
    def problem(row: int, field: str, *, omitted: bool = True) -> Problem:
        return Problem(row, field, "odd", "", fatal=False, omitted=omitted)

    found = [
        *(problem(0, "products[0].price"), problem(0, "products[3].price"), problem(1, "products[0].price")),
        *(problem(2, "gender"), problem(3, "gender", omitted=False), problem(4, "gender")),
    ]
    assert omitted_fields(found, invalid={4}) == {("products.price", "odd"): 2, ("gender", "odd"): 1}


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2024-01-31", date(2024, 1, 31)),
        ("31-01-2024", date(2024, 1, 31)),
        (" 20240131 ", date(2024, 1, 31)),
        ("20241201", date(2024, 12, 1)),
    ],
)
def test_a_date_is_read_to_its_last_digit(text: str, day: date) -> None:
    assert parse_date(text) == day

"""What each value becomes: type by type, and by what its column declares.

B1, B2, B3, B4, B5, B6, B7, B8, B9, B10, B11, B12, B13, B14, B15, B16, B17, B18, B19, B22.
A result that begins with `!` is a problem's code; None means that the field is left out.
"""
# ruff: noqa: DTZ001  # naive datetimes are what databases give

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

import pandas as pd
import pycountry
import pytest

from etl.transform.language import MAIN_COUNTRIES
from tests.transform.value_tables import (
    BOOLEAN,
    COUNTRY,
    CURRENCY,
    DECIMAL,
    GENDER,
    INTEGER,
    LANGUAGE,
    NUMBER,
    PLAIN,
    SOME_UUID,
    TEXT,
    YES_NO,
    D,
)
from tests.transform.written_values import DATE, DATETIME, EMAIL, PHONE

MISSING = (None, float("nan"), D("NaN"), D("sNaN"), pd.NaT, pd.NA)

TABLES = {
    "text": TEXT,
    "number": NUMBER,
    "integer": INTEGER,
    "decimal": DECIMAL,
    "yes_no": YES_NO,
    "boolean": BOOLEAN,
    "gender": GENDER,
    "currency": CURRENCY,
    "country": COUNTRY,
    "language": LANGUAGE,
    "email": EMAIL,
    "phone": PHONE,
    "date": DATE,
    "datetime": DATETIME,
    None: PLAIN,
}
CASES = [(type_name, value, wanted) for type_name, table in TABLES.items() for value, wanted in table]

# Values that no literal can stand for in a dict or that need more than a type.
BY_KIND = (
    # (value, the column's kind, type, result): SQLite keeps text and integers, the kind says what they are.
    ("2024-01-02 03:04:05", "datetime", None, "2024-01-02T03:04:05+00:00"),
    ("2024-01-02 03:04:05+02:00", "datetime_tz", None, "2024-01-02T03:04:05+02:00"),
    ("2024-01-02", "datetime", None, "2024-01-02T00:00:00+00:00"),
    ("garbage", "datetime", None, "!not_a_datetime"),
    ("2024-01-02", "date", None, "2024-01-02"),
    ("0000-00-00", "date", None, "!not_a_date"),
    ("2024-01-02 03:04:05", "text", None, "2024-01-02 03:04:05"),
    ("2024-01-02 03:04:05", None, None, "2024-01-02 03:04:05"),
    (1, "boolean", None, "yes"),
    (0, "boolean", None, "no"),
    (5, "boolean", None, "!not_a_boolean"),
    (5, "boolean", "integer", 5),
    (True, "boolean", None, "yes"),
    (b"\x01", "boolean", None, "yes"),
    (b"\x00", "boolean", None, "no"),
    (b"\x02", "boolean", None, "!not_a_boolean"),
    ('"gold"', "json", None, "gold"),
    ('"12"', "json", None, "12"),
    ('"12"', "json", "text", "12"),
    ('"12"', "json", "json", "12"),
    ("12", "json", None, 12),
    ("a,b", "list", None, ["a", "b"]),
    (["", " a "], "list", None, ["a"]),
    (["", " "], "list", None, None),
    (" ", "text", "uuid", None),
    (" F47AC10B-58CC-4372-A567-0E02B2C3D479", "text", "uuid", "f47ac10b-58cc-4372-a567-0e02b2c3d479"),
    ("f47ac10b", "text", "uuid", "!not_a_uuid"),
    (b"\x00" * 15 + b"\x01", "bytes", "uuid", "00000000-0000-0000-0000-000000000001"),
    (b"\x01", "bytes", None, "!unsupported_type"),
    (timedelta(hours=3, minutes=4), "time", None, "03:04:00"),
    (timedelta(hours=3, minutes=4, microseconds=5), "time", "text", "03:04:00.000005"),
    (timedelta(hours=30), "time", "text", "!unsupported_type"),
    (timedelta(hours=3), "interval", "text", "!unsupported_type"),
    (timedelta(hours=30), "time", None, "!unsupported_type"),
    (timedelta(hours=-1), "time", None, "!unsupported_type"),
    ('{"a": [1, 2.50, "x", null, true]}', "json", None, {"a": [1, D("2.50"), "x", None, True]}),
    ("[1, 2]", "json", None, [1, 2]),
    ("{broken", "json", None, "!not_json"),
    ("[NaN]", "json", None, "!not_json"),
    ("[1e999999]", "json", None, "!not_json"),
    ("[" + "9" * 5000 + "]", "json", None, "!not_json"),
    ("[" * 40 + "]" * 40, "json", None, "!not_json"),
    ("[" * 100_000, "json", None, "!not_json"),
    ('["\\ud800"]', "json", None, "!not_unicode"),
    ('["\\u0000"]', "json", None, "!control_characters"),
    ({"a": {"b": 1.5}}, "json", None, {"a": {"b": 1.5}}),
    ({"a": float("nan")}, "json", None, "!not_finite"),
    ({1: 2}, "json", None, "!not_json"),
    ({"\ud800": 2}, "json", None, "!not_unicode"),
    ({"a": b"x"}, "json", None, "!unsupported_type"),
    ([1, "a", None, D("1.5")], None, None, [1, "a", D("1.5")]),
    ([date(2024, 1, 2), SOME_UUID], None, None, ["2024-01-02", str(SOME_UUID)]),
    ([datetime(2024, 1, 2)], None, None, ["2024-01-02T00:00:00+00:00"]),
    ([], None, None, None),
    ([None], None, None, None),
    ([[1]], None, None, "!not_a_list"),
    ([b"x"], None, None, "!unsupported_type"),
    (["\x00"], None, None, "!control_characters"),
    ([float("inf")], None, None, "!not_finite"),
    ("[1, 2]", None, "list", [1, 2]),
    ('["a", null]', None, "list", ["a"]),
    ("[1", None, "list", "!not_a_list"),
    ("a,b", None, "list", "!not_a_list"),
    ("a;b", None, "list", "!not_a_list"),
    ("shoes", None, "list", ["shoes"]),
    (12, None, "list", [12]),
    ("", None, "list", None),
    ({"a": 1}, None, "list", "!not_a_list"),
    ((1, 2), None, "list", [1, 2]),
    (b"x", None, "list", "!unsupported_type"),
    ("[]", None, "list", None),
    ('{"a": 1}', None, "json", {"a": 1}),
    ("12.50", None, "json", D("12.50")),
    ('"text"', None, "json", "text"),
    ("null", None, "json", None),
    ("", None, "json", None),
    ("text", None, "json", "!not_json"),
    ([1, [2]], None, "json", [1, [2]]),
    (["a"], None, "text", "!not_text"),
    ({"a": 1}, None, "text", "!not_text"),
    # A driver that gives naive values for a column with a zone gives them in UTC, whatever source.timezone says.
    (datetime(2024, 7, 1, 12), "datetime_tz", "datetime", "2024-07-01T12:00:00+00:00"),
)


def _shown(one: object) -> str:
    return "memoryview" if isinstance(one, memoryview) else ascii(one)[:40]


@pytest.mark.parametrize(("type_name", "value", "wanted"), CASES, ids=_shown)
def test_a_value_becomes(convert: Callable[..., object], type_name: str | None, value: object, wanted: object) -> None:
    """B4, B5, B6, B7, B8, B9, B10, B11, B13, B14, B15, B17, B18, B19, B22."""
    result = convert(value, type_name)
    assert (type(result), result) == (type(wanted), wanted)
    # Decimal('1.50') == Decimal('1.5'), but the digits matter.
    assert str(result) == str(wanted)


@pytest.mark.parametrize(("value", "kind", "type_name", "wanted"), BY_KIND, ids=_shown)
def test_a_value_is_read_by_what_the_column_declares(
    convert: Callable[..., object], value: object, kind: str | None, type_name: str | None, wanted: object
) -> None:
    """B9, B11, B12, B13."""
    result = convert(value, type_name, kind=kind)
    assert (type(result), result) == (type(wanted), wanted)
    assert str(result) == str(wanted)


@pytest.mark.parametrize("value", MISSING, ids=repr)
@pytest.mark.parametrize("type_name", TABLES)
def test_a_missing_value_leaves_the_field_out(
    run_field: Callable[..., object], type_name: str | None, value: object
) -> None:
    """B1, B16: NaN, NaT and NA are missing, not text and not a problem."""
    for column in ([value], [value, None], [value, "x@y.nl"], [value, 1], [value, D(1)]):
        outcome = run_field(column, type_name)
        assert outcome.column[0] is None
        assert [problem for problem in outcome.problems if problem.row == 0] == []


def test_there_are_enough_examples() -> None:
    assert len(CASES) + len(BY_KIND) >= 300


def test_the_languages_that_have_a_main_country_are_those_of_iso() -> None:
    """They are taken as languages without asking the list, which takes its time to load."""
    languages, countries = zip(*(locale.split("-") for locale in MAIN_COUNTRIES.split()), strict=True)
    assert all(pycountry.languages.get(alpha_2=language) for language in languages)
    assert all(pycountry.countries.get(alpha_2=country) for country in countries)

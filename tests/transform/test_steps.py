"""Steps, `map` and `default`: what each does, what it refuses, and in which order they come.

B19, B21, B23.
"""
# ruff: noqa: DTZ001  # naive datetimes are what databases give

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from etl.mapping.catalogue import STEPS

D = Decimal


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


FAMILY = "\U0001f468\u200d\U0001f469"

# Each: the value, the steps, the type, what comes out.
CASES = (
    ("  a ", "strip", None, "a"),
    (" \t ", "strip", None, None),
    ("aBc", "lower", None, "abc"),
    ("aBc", "upper", None, "ABC"),
    ("eva", "title", None, "Eva"),
    ("EVA MARIA", "title", None, "Eva Maria"),
    ("anne-marie", "title", None, "Anne-Marie"),
    ("o'neill", "title", None, "O'Neill"),
    ("o\u2019neill", "title", None, "O\u2019Neill"),
    ("d'artagnan", "title", None, "D'Artagnan"),
    ("jan's", "title", None, "Jan's"),
    ("van der berg", "title", None, "Van der Berg"),
    ("JAN VAN DEN BERG", "title", None, "Jan van den Berg"),
    ("'t hart", "title", None, "'t Hart"),
    ("de  vries", "title", None, "De  Vries"),
    ("éva", "title", None, "Éva"),
    ("(eva)", "title", None, "(Eva)"),
    ("straße", "title", None, "Straße"),
    ("3m", "title", None, "3m"),
    ("-", "title", None, "-"),
    (" a   b\t\nc ", "squeeze_spaces", None, "a b c"),
    ("a\x1cb", "squeeze_spaces", None, "a b"),
    ("eva", "sha256", None, _sha256("eva")),
    ("é", "sha256", None, _sha256("é")),
    ("\ud800", "sha256", None, "!not_unicode"),
    (" Eva@Example.com ", "sha256", "email", _sha256("eva@example.com")),
    (_sha256("eva@example.com"), "sha256", "email", _sha256("eva@example.com")),
    (_sha256("eva@example.com").upper(), "sha256", "email", _sha256("eva@example.com")),
    ("eva@example.com", ["sha256", "sha256"], "email", _sha256("eva@example.com")),
    ("not an address", "sha256", "email", "!invalid_email"),
    (" 06-123 456 78", "sha256", "phone", _sha256("06-12345678")),
    ("", "sha256", "email", None),
    ("+31 (0)6", "digits", None, "3106"),
    ("no digits", "digits", None, None),
    ("\u0661\u0662", "digits", None, None),
    ("+31 6 1234 5678", "digits", "phone", "31612345678"),
    ("abcdef", "truncate(3)", None, "abc"),
    ("abc", "truncate(3)", None, "abc"),
    ("ab\u0301cd", "truncate(2)", None, "a"),
    ("ab\u0301cd", "truncate(3)", None, "ab\u0301"),
    (FAMILY + "!", "truncate(2)", None, "\U0001f468"),
    (FAMILY + "!", "truncate(3)", None, FAMILY),
    ("\u0301\u0301\u0301", "truncate(2)", None, "\u0301\u0301"),
    ("🎉🎉🎉", "truncate(2)", None, "🎉🎉"),
    (1.005, "round(2)", None, 1.01),
    (2.5, "round(0)", None, 3),
    (-2.5, "round(0)", None, -3),
    (-0.4, "round(0)", None, 0),
    (D("1.005"), "round(2)", None, D("1.01")),
    (D("2.675"), "round(2)", None, D("2.68")),
    (D("1.5"), "round(2)", None, D("1.5")),
    (D("-0.001"), "round(2)", None, D("0.00")),
    (7, "round(2)", None, 7),
    (2**70, "round(0)", None, 2**70),
    ("12.345", "round(2)", None, D("12.35")),
    ("12.5", "round(0)", "integer", 13),
    ("twelve", "round(0)", None, "!not_a_number"),
    (True, "round(0)", None, "!step_failed"),
    (date(2024, 1, 1), "round(0)", None, "!step_failed"),
    (float("inf"), "round(2)", None, "!not_finite"),
    ("a; b;;c ", "split(';')", None, ["a", "b", "c"]),
    ("a", "split(';')", None, ["a"]),
    (" ; ", "split(';')", None, None),
    ("a;b", "split(';')", "list", ["a", "b"]),
    ("A;B", ["split(';')", "lower", "prefix('x-')"], None, ["x-a", "x-b"]),
    ("a;b", "split(';')", "text", "!not_text"),
    ("a_b_c", "replace('_', '-')", None, "a-b-c"),
    ("a_b", "replace('_', '')", None, "ab"),
    ("12,50", "replace(',', '.')", "number", D("12.50")),
    ("12.50", "replace(',', '.')", "number", D("12.50")),
    (12.5, "replace(',', '.')", "number", "!step_failed"),
    (date(2024, 1, 31), "date('%d/%m/%Y')", None, "31/01/2024"),
    (date(2024, 1, 31), "date('%d-%m-%Y')", "date", "31-01-2024"),
    (date(987, 1, 31), "date('%Y-%y-%j-%e %% %b %B %a %A')", None, "0987-87-031-31 % Jan January Wed Wednesday"),
    (datetime(2024, 1, 31, 4, 5, 6), "date('%H:%M:%S')", None, "04:05:06"),
    ("2024-01-31", "date('%Y')", None, "2024"),
    ("2024-01-31 04:05:06", "date('%Y-%m %H')", None, "2024-01 04"),
    (1704164645, "date('%Y')", "datetime", "2024"),
    (1704164645, "date('%Y')", None, "!step_failed"),
    ("soon", "date('%Y')", None, "!not_a_date"),
    ("1", "prefix('NL-')", None, "NL-1"),
    (1, "prefix('NL-')", "text", "NL-1"),
    (1, "prefix('NL-')", None, "!step_failed"),
    (31612345678, "prefix('+')", "phone", "+31612345678"),
    (None, "prefix('NL-')", None, None),
    ("", "prefix('NL-')", None, None),
    ("1", "suffix(' EUR')", None, "1 EUR"),
    (D("12.50"), "suffix(' EUR')", "text", "12.50 EUR"),
    (True, "lower", None, "!step_failed"),
    ([1], "lower", None, "!step_failed"),
    (b"x", "lower", None, "!step_failed"),
    ("eur ", ["strip", "upper"], "currency", "EUR"),
    ("a\u0096b \u0080 5\u000b\u0085\u0081", "clean", None, "a\u2013b \u20ac 5\u2026"),
    ("tab\tnew\nline", "clean", None, "tab\tnew\nline"),
    ("Zoë", "clean", None, "Zoë"),
    (1250, "scale(0.01)", None, D("12.50")),
    ("1250", "scale(0.01)", "number", D("12.50")),
    (12.5, "scale(100)", None, 1250.0),
    (D("-0.00"), "scale(0.01)", None, D("0.0000")),
    ("x", "scale(2)", None, "!not_a_number"),
    (True, "scale(2)", None, "!step_failed"),
    (b"\x0f\xa9", "hex", None, "0fa9"),
    (b"\x0f\xa9", "hex", "text", "0fa9"),
    (date(2024, 1, 31), "date('%d %m')", "text", "31 01"),
    (UUID(int=1), "hex", None, "0" * 31 + "1"),
    ("x", "hex", None, "!step_failed"),
    ("bad\x00", "replace('\x00', '')", None, "bad"),
    ("Eva@example.com (work)", "replace(' (work)', '')", "email", "eva@example.com"),
)

# Each: the value, the type, the column's kind, the map, what comes out.
MAPS = (
    ("Dhr", "gender", None, {"Dhr": "M", "Mevr": "F"}, "M"),
    (" Dhr ", "gender", None, {"Dhr": "M"}, "M"),
    ("v", "gender", None, {"Dhr": "M"}, "F"),
    ("?", "gender", None, {"Dhr": "M"}, "!not_in_map"),
    ("?", "gender", None, {"Dhr": "M", "else": "U"}, "U"),
    ("v", "gender", None, {"Dhr": "M", "else": None}, None),
    ("Dhr", "gender", None, {"Dhr": None, "else": "U"}, None),
    ("else", None, None, {"a": "x", "else": "y"}, "y"),
    ("else", None, None, {"a": "x"}, "!not_in_map"),
    (1, "gender", None, {"1": "M", "2": "F"}, "M"),
    (2.0, "gender", None, {"1": "M", "2": "F"}, "F"),
    (-0.0, None, None, {"0": "x"}, "x"),
    (D("2.00"), "gender", None, {"1": "M", "2": "F"}, "F"),
    ("EURO", "currency", None, {"EURO": "EUR"}, "EUR"),
    ("usd", "currency", None, {"EURO": "EUR"}, "USD"),
    ("EURO", "currency", None, {"EURO": "XQQ"}, "XQQ"),
    ("XQQ", "currency", None, {"EURO": "XQQ"}, "!not_in_map"),
    ("Kosovo", "country", None, {"Kosovo": "XK"}, "XK"),
    ("a", None, None, {"a": "x"}, "x"),
    ("A", None, None, {"a": "x"}, "!not_in_map"),
    ("a", "text", None, {"a": 5}, "5"),
    ("a", None, None, {"a": 5}, 5),
    ("a", None, None, {"a": ["x", "y"]}, ["x", "y"]),
    (True, None, None, {"true": "x"}, "x"),
    (True, None, None, {"True": "x"}, "x"),
    (False, None, None, {"0": "x"}, "x"),
    (1, None, "boolean", {"true": "x"}, "x"),
    (1, None, "integer", {"true": "x"}, "!not_in_map"),
    (date(2024, 1, 2), None, None, {"2024-01-02": "x"}, "x"),
    (2, "yes_no", None, {"2": "no"}, "no"),
    (0, "yes_no", None, {"2": "no"}, "no"),
    (None, None, None, {"a": "x"}, None),
    ("", None, None, {"a": "x"}, None),
    (b"x", None, None, {"a": "x"}, "!not_in_map"),
    ([1], None, None, {"a": "x"}, "!not_in_map"),
)


@pytest.mark.parametrize(("value", "steps", "type_name", "wanted"), CASES)
def test_a_step_does(
    convert: Callable[..., object], value: object, steps: str | list[str], type_name: str | None, wanted: object
) -> None:
    result = convert(value, type_name, transform=[steps] if isinstance(steps, str) else steps)
    assert (type(result), str(result)) == (type(wanted), str(wanted))


def test_every_step_of_the_language_is_shown() -> None:
    shown = {step.partition("(")[0] for case in CASES for step in ([case[1]] if isinstance(case[1], str) else case[1])}
    assert shown == set(STEPS)


@pytest.mark.parametrize(("value", "type_name", "kind", "table", "wanted"), MAPS)
def test_a_map_translates(  # noqa: PLR0917  # one row of the table
    convert: Callable[..., object],
    value: object,
    type_name: str | None,
    kind: str | None,
    table: dict[str, Any],
    wanted: object,
) -> None:
    """A map holds the exceptions of a type that knows its own values, and everything for other fields."""
    result = convert(value, type_name, kind=kind, map=table)
    assert (type(result), result) == (type(wanted), wanted)


def test_the_map_comes_after_the_steps(convert: Callable[..., object]) -> None:
    assert convert(" DHR ", "gender", transform=["strip", "lower"], map={"dhr": "M"}) == "M"


@pytest.mark.parametrize(
    ("values", "rule", "wanted"),
    [
        (["a", None, ""], {"default": "d"}, ["a", "d", "d"]),
        (["a", " "], {"default": "d", "transform": ["strip"]}, ["a", "d"]),
        (["a", "", None], {"default": "d", "empty": "keep"}, ["a", "", "d"]),
        (["a", ""], {"empty": "keep"}, ["a", ""]),
        (["a", ""], {}, ["a", None]),
        ([None, 5], {"default": 0}, [0, 5]),
        ([None, False], {"default": True}, ["yes", "no"]),
    ],
)
def test_a_default_is_for_missing_values(
    run_field: Callable[..., Any], values: list[object], rule: dict[str, Any], wanted: list[object]
) -> None:
    """B15, B16."""
    outcome = run_field(values, None, **rule)
    assert (outcome.column, outcome.problems, outcome.complete) == (wanted, [], None not in wanted)


def test_a_default_has_the_fields_type(run_field: Callable[..., Any]) -> None:
    assert run_field([None, "nl_BE", ""], "language", default="nl_NL").column == ["nl-NL", "nl-BE", "nl-NL"]


def test_a_wrong_default_is_a_problem_of_the_rows_that_need_it(run_field: Callable[..., Any]) -> None:
    outcome = run_field([None, "EUR"], "currency", default="XQQ")
    assert outcome.column == [None, "EUR"]
    assert [(one.row, one.code, one.fatal) for one in outcome.problems] == [(0, "unknown_currency", True)]


def test_a_wrong_value_does_not_take_the_default(run_field: Callable[..., Any]) -> None:
    """What is wrong is left out or rejected; only what is missing has a default."""
    outcome = run_field(["XQQ", None], "currency", default="EUR", on_invalid="omit")
    assert outcome.column == [None, "EUR"]
    assert [(one.row, one.code, one.fatal) for one in outcome.problems] == [(0, "unknown_currency", False)]


def test_a_required_field_without_value_makes_the_row_invalid(run_field: Callable[..., Any]) -> None:
    outcome = run_field(["a", None, "", "\x00"], "text", required=True)
    found = sorted((one.row, one.code, one.fatal) for one in outcome.problems)
    assert found == [
        (1, "missing_required", True),
        (2, "missing_required", True),
        (3, "control_characters", True),
    ]


def test_a_required_field_whose_wrong_value_is_omitted_makes_the_row_invalid(run_field: Callable[..., Any]) -> None:
    outcome = run_field(["XQQ"], "currency", required=True, on_invalid="omit")
    found = [(one.code, one.fatal) for one in outcome.problems]
    assert found == [("unknown_currency", False), ("missing_required", True)]


def test_a_constant_goes_through_the_chain_too(run_field: Callable[..., Any]) -> None:
    outcome = run_field([1, 2, 3], None, value=" Shop ", transform=["strip", "lower"])
    assert (outcome.column, outcome.complete) == (["shop"] * 3, True)


def test_a_wrong_constant_is_a_problem_of_every_row(run_field: Callable[..., Any]) -> None:
    assert [one.row for one in run_field([1, 2], "currency", value="XQQ").problems] == [0, 1]


def test_a_step_sees_an_aware_datetime_in_the_zone_of_the_mapping(convert: Callable[..., object]) -> None:
    moment = datetime(2024, 12, 31, 23, 30, tzinfo=UTC)
    assert convert(moment, timezone="Europe/Amsterdam", transform=["date('%Y-%m-%d %H:%M')"]) == "2025-01-01 00:30"
    assert convert(moment, timezone=None, transform=["date('%Y')"]) == "2024"


@pytest.mark.parametrize(
    ("text", "step", "wanted"),
    [
        (" a@b.nl\u00a0", "sha256", hashlib.sha256(b"a@b.nl").hexdigest()),
        (" b ", "prefix('NL-')", "NL-b"),
        (" b ", "suffix('!')", "b!"),
        ("  abcd", "truncate(3)", "abc"),
        ([" b ", " "], "prefix('x')", ["xb"]),
    ],
)
def test_white_space_around_a_text_is_no_part_of_it_for_a_step(
    convert: Callable[..., object], text: object, step: str, wanted: object
) -> None:
    """Two spellings of one address would have two hashes: two people."""
    assert convert(text, transform=[step]) == wanted


def test_a_template_joins_columns() -> None:
    """Missing columns count as empty, and leave no double space behind; a template without any value is missing."""
    from etl.mapping.field_rule import FieldRule  # noqa: PLC0415
    from etl.page import Column  # noqa: PLC0415
    from etl.transform.field import Field  # noqa: PLC0415
    from etl.transform.frame import Frame  # noqa: PLC0415
    from etl.transform.zone import LocalTime  # noqa: PLC0415

    rows = [("Eva", "de Vries", 7), (None, "Bak", 8), ("Jan", "", D("9.50")), (None, None, None), ("a\x00", "b", 1)]
    rule = FieldRule.model_validate({"template": "{a} {b} {{{c}}}"})
    field = Field("f", rule, type_name=None, kinds={}, zone=LocalTime("UTC"), rejects=True)
    outcome = field.run(Frame((Column("a"), Column("b"), Column("c")), rows))
    assert outcome.column == ["Eva de Vries {7}", "Bak {8}", "Jan {9.50}", None, None]
    assert [(one.row, one.code) for one in outcome.problems] == [(4, "control_characters")]
    whole = field.run(Frame((Column("a"), Column("b"), Column("c")), rows[:1] * 3))
    assert (whole.column, whole.complete) == (["Eva de Vries {7}"] * 3, True)

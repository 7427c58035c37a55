"""Steps, templates, quantities and SQL texts: what each form means."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.mapping.quantities import parse_duration, parse_rate, parse_size
from etl.mapping.sql_text import parse_condition, parse_select
from etl.mapping.steps import STEPS, Step, parse_step
from etl.mapping.template import Placeholder, parse_template, template_columns


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("strip", Step("strip")),
        (" strip ", Step("strip")),
        ("strip()", Step("strip")),
        ("truncate(20)", Step("truncate", (20,))),
        ("truncate( 20 )", Step("truncate", (20,))),
        ("round(0)", Step("round", (0,))),
        ("split(',')", Step("split", (",",))),
        ("split(;)", Step("split", (";",))),
        ("split(' ')", Step("split", (" ",))),
        ("replace(a, b)", Step("replace", ("a", "b"))),
        ("replace(a,)", Step("replace", ("a", ""))),
        ("replace('a', '')", Step("replace", ("a", ""))),
        ("replace(' a ', \"b,c\")", Step("replace", (" a ", "b,c"))),
        ("replace('it''s', \"\"\"\")", Step("replace", ("it's", '"'))),
        ("replace('(', ')')", Step("replace", ("(", ")"))),
        ("prefix(https://shop.example/)", Step("prefix", ("https://shop.example/",))),
        ("suffix(' EUR')", Step("suffix", (" EUR",))),
        ("date(%Y-%m)", Step("date", ("%Y-%m",))),
        ("date('%d %B %Y, %H:%M')", Step("date", ("%d %B %Y, %H:%M",))),
        ("date('100%% %Y')", Step("date", ("100%% %Y",))),
    ],
)
def test_a_step_is_read_from_its_text(text: str, step: Step) -> None:
    assert parse_step(text) == step


@pytest.mark.parametrize("name", STEPS)
def test_the_example_of_every_step_is_that_step(name: str) -> None:
    step = parse_step(STEPS[name].example)
    assert step.name == name
    assert len(step.arguments) == len(STEPS[name].parameters)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "expected a step, such as strip or truncate(100)"),
        ("a b", "expected a step, such as strip or truncate(100)"),
        ("strip.lower", "expected a step, such as strip or truncate(100)"),
        ("truncate()", "truncate takes 1 argument, as in truncate(100)"),
        ("truncate(1, 2)", "truncate takes 1 argument, as in truncate(100)"),
        ("truncate(-1)", "n of truncate must be a whole number from 1 to 100000"),
        ("truncate(1.5)", "n of truncate must be a whole number from 1 to 100000"),
        ("truncate(٣)", "n of truncate must be a whole number from 1 to 100000"),
        ("round(21)", "n of round must be a whole number from 0 to 20"),
        ("replace(a)", "replace takes 2 arguments, as in replace('_', '-')"),
        ("split('')", "separator of split is empty; write it in quotes, as in split(';')"),
        ("prefix('a' b)", "the arguments of prefix cannot be read; write texts in quotes, as in replace('_', '-')"),
        ("Strip", '"Strip" is not a step; did you mean "strip"?'),
        ("eval(x)", '"eval" is not a step; known: ' + ", ".join(STEPS)),
        ("date(%)", '"%" is not a directive of date; known: %Y %m %d %H %M %S %y %b %B %a %A %j %e %%'),
        ("strip" * 1000, "expected a step, such as strip or truncate(100)"),
    ],
)
def test_a_wrong_step_says_what_it_takes(text: str, words: str) -> None:
    """F13: a closed list, no expressions."""
    with pytest.raises(ValueError, match=r"\w") as caught:
        parse_step(text)
    assert str(caught.value) == words


@given(st.text(max_size=60))
def test_any_text_is_a_step_or_a_value_error(text: str) -> None:
    try:
        step = parse_step(text)
    except ValueError:
        return
    assert step.name in STEPS


@pytest.mark.parametrize(
    ("template", "parts"),
    [
        ("{a}", (Placeholder("a"),)),
        ("{a} {b}", (Placeholder("a"), " ", Placeholder("b"))),
        ("{{{a}}}", ("{", Placeholder("a"), "}")),
        ("{{a}} {b}", ("{a} ", Placeholder("b"))),
        ("x{First Name}y", ("x", Placeholder("First Name"), "y")),
        ("a\nb", ("a\nb",)),
    ],
)
def test_a_template_is_texts_and_columns(template: str, parts: tuple[object, ...]) -> None:
    assert parse_template(template) == parts


def test_a_column_used_twice_is_read_once() -> None:
    assert template_columns("{a}{b}{a}") == ("a", "b")


@given(st.lists(st.text(alphabet=st.characters(exclude_categories=("Cs",)), min_size=1), max_size=5))
def test_doubled_braces_bring_any_text_through(texts: list[str]) -> None:
    escaped = "".join(one.replace("{", "{{").replace("}", "}}") for one in texts)
    assert "".join(str(part) for part in parse_template(escaped)) == "".join(texts)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("60s", 60),
        ("1h30m", 5400),
        ("500ms", 0.5),
        ("2d", 172_800),
        ("1w", 604_800),
        ("1.5h", 5400),
        ("0s", 0),
        (0, 0),
    ],
)
def test_a_duration_has_its_unit(text: object, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", "60", "60 s", "s", "-1s", "1h 30m", "1mo", "1S", "60s\n", "٣s", True, None, 60, [], "9" * 400 + "s"]
)
def test_a_duration_that_could_be_misread_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "size"), [("1B", 1), ("1KiB", 1024), ("1.5KiB", 1536), ("512 KiB", 524_288), ("1MB", 1_000_000), (7, 7)]
)
def test_a_size_is_bytes(text: object, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "1", "KiB", "1kib", "1GB", "-1B", True, 1.5, None, "9" * 20 + "B"])
def test_a_size_that_could_be_misread_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="size"):
        parse_size(text)


@pytest.mark.parametrize(
    ("text", "rate"), [("5%", 0.05), ("0%", 0), ("100%", 1), ("2.5 %", 0.025), (0.05, 0.05), (0, 0), (1, 1)]
)
def test_a_rate_is_a_share(text: object, rate: float) -> None:
    assert parse_rate(text) == pytest.approx(rate)


@pytest.mark.parametrize("text", ["", "5", "101%", "-1%", -0.1, 1.1, 5, True, None, float("nan"), 10**400])
def test_a_rate_outside_0_to_100_percent_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="share"):
        parse_rate(text)


@pytest.mark.parametrize(
    "condition",
    [
        "deleted_at IS NULL",
        "a = ';' OR b = 'it''s ('",
        'a = ")"',
        "`odd;(` > 1",
        "(a = 1) AND (b = 2)",
        "a = 1 -- note; (",
        "a /* ; ( */ = 1",
        "where_from = 1",
    ],
)
def test_a_condition_is_kept_as_written(condition: str) -> None:
    assert parse_condition(f"  {condition}\n") == condition


@pytest.mark.parametrize(
    "condition", ["", "WHERE a", "where(a)", "a;", "a = 1; --", "(a", "a)", ")(", "a = 'b", 'a = "b', "a /* b", "-- a"]
)
def test_a_condition_that_would_break_out_is_refused(condition: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_condition(condition)


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("SELECT 1", "SELECT 1"),
        ("select 1;\n ;", "select 1"),
        ("-- what\nSELECT 1", "-- what\nSELECT 1"),
        ("/* a */ WITH a AS (SELECT 1) SELECT * FROM a", "/* a */ WITH a AS (SELECT 1) SELECT * FROM a"),
    ],
)
def test_a_query_is_one_select(query: str, kept: str) -> None:
    """A49."""
    assert parse_select(query) == kept


@pytest.mark.parametrize(
    "query", ["", "SELECTED", "UPDATE a SET b = 1", "SELECT 1; SELECT 2", "SELECT (1", "DROP TABLE a"]
)
def test_what_is_not_one_select_is_refused(query: str) -> None:
    """A48, A49."""
    with pytest.raises(ValueError, match=r"\w"):
        parse_select(query)

"""Own steps: what a Python file beside the mapping adds, and what its mistakes cost."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest

from etl.errors import MappingInvalid
from etl.job.fingerprint import fingerprint_of
from etl.mapping.load import load_mapping
from etl.mapping.model import Mapping
from etl.page import Column, Page
from etl.transform.examples import run_examples
from etl.transform.transformer import Transformer

MAPPING = """\
version: 1
source: {url: "sqlite:///shop.db", table: t, primary_key: id}
event: E
steps: steps.py
fields:
  userid: id
  custom_v: {column: v, transform: [strip, without_prefix]}
destination: {account: "1", api_key: key}
tests:
  - given: {id: 1, v: " SKU-7 "}
    expect: {custom_v: "7"}
"""
STEPS = """\
def without_prefix(values):
    return values.map(lambda value: value.removeprefix("SKU-"), na_action="ignore")

def _helper(values):
    raise AssertionError
"""


def loaded(folder: Path, steps: str | None, mapping: str = MAPPING) -> Mapping:
    (folder / "m.yaml").write_text(mapping)
    if steps is not None:
        (folder / "steps.py").write_text(textwrap.dedent(steps))
    return load_mapping(folder / "m.yaml", environment={}, read_file=Path.read_bytes)


def transformed(mapping: Mapping, *values: Any) -> tuple[list[Any], list[tuple[int, str, str]]]:
    columns = (Column("id"), Column("v"))
    done = Transformer(mapping, columns)(Page(columns, [(n, value) for n, value in enumerate(values)], (0,), None))
    events = [None if one is None else one.get("custom_v") for one in done.events]
    return events, [(one.row, one.code, one.message) for one in done.problems]


def test_a_public_function_is_a_step_also_in_tests(tmp_path: Path) -> None:
    mapping = loaded(tmp_path, STEPS)
    assert transformed(mapping, "SKU-1", None, " SKU-2 ") == (["1", None, "2"], [])
    assert [one.passed for one in run_examples(mapping)] == [True]
    assert mapping.steps_text == STEPS.encode()


def test_a_value_that_makes_it_fail_costs_its_own_field(tmp_path: Path) -> None:
    steps = "def without_prefix(values):\n    return values.map(lambda value: value[4], na_action='ignore')\n"
    events, problems = transformed(loaded(tmp_path, steps), "abcdef", "x", None)
    assert events == ["e", None, None]
    assert problems == [(1, "step_failed", "the step without_prefix failed: IndexError")]


@pytest.mark.parametrize(
    ("text", "step", "wanted"),
    [
        ("12", "int", 12),
        ("9007199254740993", "int", 9007199254740993),
        ("18446744073709551615", "int", 18446744073709551615),
        ("12", "len", 2),
        ("12", "float", 12),
        ("12.5", "float", 12.5),
        ("1e300", "float", 1e300),
        ("yes", "'yes'.__eq__", "yes"),
    ],
)
def test_a_number_that_a_step_makes_does_not_depend_on_its_neighbours(
    tmp_path: Path, text: str, step: str, wanted: object
) -> None:
    """B27: pandas makes floats of whole numbers that stand beside a missing value or a fraction."""
    steps = f"def without_prefix(values):\n    return values.map({step}, na_action='ignore')\n"
    mapping = loaded(tmp_path, steps)
    for column in ([text], [text, text], [text, None], [None, text], [text, "0.5", None]):
        events, _ = transformed(mapping, *column)
        found = events[column.index(text)]
        assert (type(found), found) == (type(wanted), wanted), column


def test_a_step_that_would_end_the_program_costs_its_field(tmp_path: Path) -> None:
    """`sys.exit(0)` in the middle of a run would look like one that is done."""
    steps = "import sys\ndef without_prefix(values):\n    sys.exit(0)\n"
    events, problems = transformed(loaded(tmp_path, steps), "a")
    assert events == [None]
    assert problems == [(0, "step_failed", "the step without_prefix failed: SystemExit")]


def test_what_a_step_prints_stands_nowhere_between_results(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    """Stdout holds JSON lines; a warning may quote a value, and warnings are logged."""
    steps = "import warnings\nprint('loaded')\ndef without_prefix(values):\n    print('asked')\n"
    steps += "    warnings.warn(values[0])\n    return values\n"
    assert transformed(loaded(tmp_path, steps), "a") == (["a"], [])
    assert capsys.readouterr() == ("", "loaded\nasked\n")
    assert not recwarn.list


@pytest.mark.parametrize("answer", ["list(values)", "values[:0]", "values.set_axis(range(5, 5 + len(values)))", "None"])
def test_an_answer_of_another_length_or_index_is_refused(tmp_path: Path, answer: str) -> None:
    events, problems = transformed(loaded(tmp_path, f"def without_prefix(values):\n    return {answer}\n"), "a", "b")
    assert events == [None, None]
    assert {code for _, code, _ in problems} == {"step_failed"}


@pytest.mark.parametrize(
    ("steps", "line"),
    [
        (None, "m.yaml:4:8  steps: the file steps.py beside this mapping cannot be read: No such file or directory"),
        ("def a(:\n", "m.yaml:4:8  steps: steps.py:1: not Python: invalid syntax"),
        ("x = 1\n\nraise KeyError('secret')\n", "m.yaml:4:8  steps: steps.py:3: failed with KeyError"),
        ("import sys\nsys.exit(0)\n", "m.yaml:4:8  steps: steps.py:2: failed with SystemExit"),
        ("def _a(v):\n    return v\n", "m.yaml:4:8  steps: steps.py:1: has no public function"),
        ("import re\ndef strip(v):\n    return v\n", "m.yaml:4:8  steps: steps.py:2: strip is a step of the language"),
    ],
)
def test_a_mistake_in_the_file_is_a_problem_of_the_mapping(tmp_path: Path, steps: str | None, line: str) -> None:
    with pytest.raises(MappingInvalid) as caught:
        loaded(tmp_path, steps)
    problems = [one.removeprefix(f"{tmp_path}/") for one in caught.value.problems]
    assert any(one.startswith(line) for one in problems), problems
    assert not any("secret" in one for one in problems)


@pytest.mark.parametrize("name", ["../steps.py", "/tmp/steps.py", "steps", "a/steps.py"])
def test_the_file_is_looked_for_nowhere_else(tmp_path: Path, name: str) -> None:
    with pytest.raises(MappingInvalid) as caught:
        loaded(tmp_path, STEPS, MAPPING.replace("steps: steps.py", f"steps: {name}"))
    assert any("expected the name of a Python file beside the mapping" in one for one in caught.value.problems)


def test_another_text_of_the_file_keeps_the_state(tmp_path: Path) -> None:
    """A mended step must not end in exit 8: it changes events, as an edited field does, and not what a cursor means."""

    class Source:
        def fingerprint(self) -> dict[str, str]:
            return {"table": "t"}

    before = loaded(tmp_path, STEPS)
    after = loaded(tmp_path, STEPS.replace("SKU-", "ART-"))
    assert before.steps_text != after.steps_text
    assert fingerprint_of(before, Source()) == fingerprint_of(after, Source())


@pytest.mark.parametrize("error", ["TypeError", "ValueError", "KeyError"])
def test_what_an_error_of_a_step_says_is_told_nowhere(tmp_path: Path, error: str) -> None:
    """It may quote a value of the row, whatever its type."""
    steps = f"""
        def _one(value):
            raise {error}(f"cannot read {{value}} as a number")

        def without_prefix(values):
            return values.map(_one)
    """
    _, problems = transformed(loaded(tmp_path, steps), "eva@example.com")
    assert problems == [(0, "step_failed", f"the step without_prefix failed: {error}")]

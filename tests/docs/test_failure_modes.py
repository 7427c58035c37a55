"""Every failure that we know of by its id is met by a test that names it, or by a sentence of the README.

The ids are those of the project's list of failures: A source database, B transformation, C HTTP, D state, E process,
F security and privacy.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parents[1]
README = " ".join((TESTS.parent / "README.md").read_text().split())

LAST = {"A": 49, "B": 27, "C": 34, "D": 24, "E": 14, "F": 24}
NEVER_GIVEN = {"D4"}
IDS = {f"{group}{number}" for group, last in LAST.items() for number in range(1, last + 1)} - NEVER_GIVEN

# What a test could not show alone, and the sentence that says what the user has to know instead.
DOCUMENTED = {
    "A17": "**Rows that are deleted.** Nothing tells a reader that a row is gone.",
    "A19": "A row deleted between reading and sending is still sent.",
    "A24": "When they and not the database write the cursor, `settle` must cover how far they go apart",
}
# There is no such output: results are text for people or JSON Lines, never CSV.
WITHOUT_OBJECT = {"F16"}

_ONE = re.compile(r"\b([A-F])(\d{1,2})\b")
_RANGE = re.compile(r"\b([A-F])(\d{1,2})(?:\u2013| to )\1(\d{1,2})\b")


def docstrings() -> Iterator[tuple[str, str]]:
    """The docstring of each test, together with its module's, by the test's name."""
    for file in sorted(TESTS.rglob("test_*.py")):
        if file == Path(__file__):
            continue
        module = ast.parse(file.read_text(encoding="utf-8"))
        yield file.name, ast.get_docstring(module) or ""
        for node in ast.walk(module):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                yield f"{file.name}::{node.name}", ast.get_docstring(node) or ""


def named() -> dict[str, set[str]]:
    """The tests that name an id, by the id."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for test, text in docstrings():
        for group, first, last in _RANGE.findall(text):
            for number in range(int(first), int(last) + 1):
                found[f"{group}{number}"].add(test)
        for group, number in _ONE.findall(text):
            found[group + number].add(test)
    return found


def test_every_failure_has_a_test_that_names_it_or_a_sentence_of_the_readme() -> None:
    assert IDS - set(named()) - set(DOCUMENTED) - WITHOUT_OBJECT == set()


def test_no_test_names_a_failure_that_does_not_exist() -> None:
    assert set(named()) - IDS == set()


def test_the_sentences_stand_in_the_readme() -> None:
    assert {one for one, sentence in DOCUMENTED.items() if sentence not in README} == set()


def test_nothing_writes_what_a_spreadsheet_would_run() -> None:
    """Were there ever CSV, its cells would need F16's prefix."""
    sources = "".join(file.read_text(encoding="utf-8") for file in (TESTS.parent / "etl").rglob("*.py"))
    assert not re.search(r"^\s*(?:import csv|from csv|.*to_csv)", sources, re.MULTILINE)

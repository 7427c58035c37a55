"""Every failure that we know of is met by a test that names its id, or by a sentence of the pages that says why not."""

from __future__ import annotations

import csv
import io
import re

import pytest

from etl.csv_line import csv_line
from tests.docs.failures import PAGE, TESTS, entries, named, written

ROOT = TESTS.parent
TEXT = PAGE.read_text(encoding="utf-8")
PAGES = " ".join(
    " ".join(file.read_text(encoding="utf-8").split()) for file in (ROOT / "README.md", *ROOT.glob("*/README.md"))
)


def test_the_page_names_the_tests_of_today() -> None:
    assert written(TEXT) == TEXT, "make format writes it anew"


def test_every_failure_has_a_test_or_says_why_not() -> None:
    """A reason is a sentence that the pages for users say too."""
    untested = {one: text for one, text in entries(TEXT).items() if "\nShown by " not in text}
    reasons = {one: re.search(r"No test: the pages say \"(.+?)\"", text, re.DOTALL) for one, text in untested.items()}
    assert [one for one, reason in reasons.items() if reason is None] == []
    sentences = {one: " ".join(reason[1].split()) for one, reason in reasons.items() if reason is not None}
    assert [one for one, sentence in sentences.items() if sentence not in PAGES] == []


def test_no_test_names_a_failure_that_is_not_in_the_page() -> None:
    assert set(named()) - set(entries(TEXT)) == set()
    assert len(entries(TEXT)) > 170


def test_only_one_file_writes_what_a_spreadsheet_may_run() -> None:
    """F16. Its cells get a quote in front; another file that writes CSV needs the same."""
    writing = [
        file.name
        for file in (ROOT / "etl").rglob("*.py")
        if re.search(r"^\s*(?:import csv|from csv|.*to_csv)", file.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert writing == ["csv_line.py"]
    cells = [csv_line([f"{first}1+1"]).lstrip('"') for first in ("=", "+", "-", "@", "\t", "\r", "\n")]
    assert [cell[0] for cell in cells] == ["'"] * len(cells)
    assert csv_line(["plain"]) == "plain"


@pytest.mark.parametrize("text", ["a\nb", "a\rb", "a\r\nb", 'a"b', "a,b", "ends\n", "ends\r\n"])
def test_a_value_with_the_end_of_a_line_in_it_stays_one_value(text: str) -> None:
    """As any reader of CSV takes it."""
    line = csv_line(["x", text, "last"])
    assert list(csv.reader(io.StringIO(f"{line}\r\n{line}\r\n", newline=""))) == [["x", text, "last"]] * 2

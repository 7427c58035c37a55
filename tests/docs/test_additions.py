"""The page's lists of the files to touch are true of what was added before."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LISTS = (ROOT / "etl/README.md").read_text(encoding="utf-8").partition("## To add something")[2]

# For each list one that has nothing to itself, as it stands in the code; and what else speaks of such things.
EXAMPLES = {
    "A field of the receiver": (r"\bpostcode\b", r"\bpostcode\b"),
    "A step": (r"\bsqueeze_spaces\b", r"\bsqueeze_spaces\b"),
    "A type": (r"(\"|def )yes_no\b", r"\b(not_)?yes_no\b"),
    "A database": (r"\"duckdb\"", r"\"(duckdb|mariadb|mysql)\"|\bDUCKDB\b|\bMARIADB\b"),
    "A verdict": (r"\bCase\.NOT_SENT\b|\bNOT_SENT =", r"\bCase\b|verdict|AccountTrouble"),
    "A problem code": (r"\"unknown_language\"", r"unknown_language"),
    "An option": (r"jobs_a_host|jobs-a-host", r"jobs_a_host|jobs-a-host|\.params"),
}
# The web shop of the demonstration has columns of the same names.
_DEMONSTRATION = re.compile(r"sandbox/shop\w*\.py")


def listed(title: str) -> set[str]:
    """The files of a list, from the top of the repository."""
    text = LISTS.partition(f"* **{title}**:")[2].partition("\n* **")[0]
    assert text, title
    names = re.findall(r"`([a-z_]+/[\w/]+\.py)`", text)
    return {name if name.startswith("tests/") else f"etl/{name}" for name in names}


def naming(pattern: str) -> set[str]:
    """The files of the code that hold `pattern`."""
    files = (ROOT / "etl").rglob("*.py")
    found = {file.relative_to(ROOT).as_posix() for file in files if re.search(pattern, file.read_text("utf-8"))}
    return {name for name in found if not _DEMONSTRATION.search(name)}


def test_every_list_has_an_example() -> None:
    assert re.findall(r"^\* \*\*(.+?)\*\*:", LISTS, re.MULTILINE) == list(EXAMPLES)


@pytest.mark.parametrize("title", EXAMPLES)
def test_what_an_example_took_is_listed(title: str) -> None:
    """So that following the list leaves nothing out."""
    example, _ = EXAMPLES[title]
    found = naming(example)
    assert len(found) >= 2
    assert found <= listed(title)


@pytest.mark.parametrize("title", EXAMPLES)
def test_every_file_of_a_list_has_to_do_with_it(title: str) -> None:
    _, alike = EXAMPLES[title]
    for name in listed(title):
        assert re.search(alike, (ROOT / name).read_text("utf-8"), re.MULTILINE), name

"""Writes into tests/failures.md which tests name each failure; `make format` runs it."""

from __future__ import annotations

import ast
import re
import textwrap
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = TESTS / "failures.md"
WIDTH = 140
_SHOWN = "Shown by "
_ENTRY = re.compile(r"\*\*([A-F]\d{1,2})\. ")
_ONE = re.compile(r"\b([A-F])(\d{1,2})\b")
_RANGE = re.compile(r"\b([A-F])(\d{1,2})(?:\u2013| to )\1(\d{1,2})\b")


def named() -> dict[str, set[str]]:
    """The tests (`room/test_file.py`) that name an id in a docstring, by the id."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for file, text in _docstrings():
        for group, first, last in _RANGE.findall(text):
            for number in range(int(first), int(last) + 1):
                found[f"{group}{number}"].add(file)
        for group, number in _ONE.findall(text):
            found[group + number].add(file)
    return found


def entries(page: str) -> dict[str, str]:
    """The paragraphs of `page` by their id."""
    return {match[1]: paragraph for paragraph in page.split("\n\n") if (match := _ENTRY.match(paragraph)) is not None}


def written(page: str) -> str:
    """`page` with the tests of today."""
    tests = named()
    paragraphs = []
    for paragraph in page.rstrip("\n").split("\n\n"):
        match = _ENTRY.match(paragraph)
        text = paragraph.partition("\n" + _SHOWN)[0]
        if match is not None and (files := sorted(tests.get(match[1], ()))):
            shown = _SHOWN + ", ".join(f"`{file}`" for file in files) + "."
            text += "\n" + textwrap.fill(shown, WIDTH, break_long_words=False, break_on_hyphens=False)
        paragraphs.append(text)
    return "\n\n".join(paragraphs) + "\n"


def _docstrings() -> Iterator[tuple[str, str]]:
    for file in sorted(TESTS.rglob("test_*.py")):
        module = ast.parse(file.read_text(encoding="utf-8"))
        tests = (one for one in ast.walk(module) if isinstance(one, ast.FunctionDef) and one.name.startswith("test_"))
        for node in (module, *tests):
            yield file.relative_to(TESTS).as_posix(), ast.get_docstring(node) or ""


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")

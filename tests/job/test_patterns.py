"""What a page or a request goes through asks no class for `__match_args__`."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import etl

ROOMS = ("api", "delivery", "event", "job", "source", "state", "transform", "verdict")


def patterns(code: str) -> list[int]:
    """The lines of patterns that name a class and fields by place."""
    return [one.lineno for one in ast.walk(ast.parse(code)) if isinstance(one, ast.MatchClass) and one.patterns]


@pytest.mark.parametrize("room", ROOMS)
def test_fields_are_matched_by_name(room: str) -> None:
    """E4: by place the interpreter keeps a new text at each match, many of them between the values of pages."""
    files = sorted((Path(etl.__file__).parent / room).rglob("*.py"))
    assert files
    assert {str(file): found for file in files if (found := patterns(file.read_text(encoding="utf-8")))} == {}


def test_a_pattern_by_place_is_found() -> None:
    assert patterns("match one:\n    case int(number):\n        pass\n    case slice(start=x):\n        pass") == [2]

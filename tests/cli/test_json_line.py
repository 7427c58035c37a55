"""JSON on a terminal is only text (F15)."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.screen.json_line import json_line


@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5))
def test_json_lines_hold_nothing_that_drives_a_terminal_and_mean_the_same(value: object) -> None:
    line = json_line(value)
    assert json.loads(line) == value
    assert all(unicodedata.category(one)[0] not in "CZ" or one == " " for one in line)


@pytest.mark.parametrize(
    "char", ["\x7f", "\x9b", "\u202e", "\u2066", "\u2028", "\ufeff", "\u200b", "\U000e0041", "\ud800"]
)
def test_invisible_characters_are_escapes(char: str) -> None:
    line = json_line({"name": f"a{char}b é 名"})
    assert char not in line
    assert "é 名" in line
    assert json.loads(line) == {"name": f"a{char}b é 名"}

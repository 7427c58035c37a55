"""The text of an array of PostgreSQL, which some drivers give as it came; any other text is itself."""

from __future__ import annotations

import pytest

from etl.transform.array_text import array_in


@pytest.mark.parametrize(
    ("text", "array"),
    [
        ("{}", []),
        ("{1,2}", ["1", "2"]),
        ('{"a,b",NULL,"NULL","c\\"d"}', ["a,b", None, "NULL", 'c"d']),
        ("{{1},{2,3}}", [["1"], ["2", "3"]]),
        ("[0:1]={1,2}", ["1", "2"]),
        ("[0:0][-1:0]={{1,2}}", [["1", "2"]]),
        ("{{{{{{1}}}}}}", [[[[[["1"]]]]]]),
    ],
)
def test_an_array_is_read_with_its_dimensions(text: str, array: object) -> None:
    assert array_in(text) == array


NO_ARRAYS = """a a} a,b} 1{2} ,{1} } "a"} { {1 {1, {1}x {1}{2} {"a} {1}} {,1} {1,,2} {1,} {a{1}} [0:1]=1 [0:1]
    {{{{{{{1}}}}}}}"""


@pytest.mark.parametrize("text", ["", *NO_ARRAYS.split()])
def test_what_only_looks_so_stays_a_text(text: str) -> None:
    assert array_in(text) == text

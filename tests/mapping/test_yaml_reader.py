"""YAML is read as its newer version means it, safely, and everything knows its place."""

from __future__ import annotations

from decimal import Decimal

import pytest

from etl.mapping.document import Place
from etl.mapping.yaml_reader import MAX_BYTES, MAX_DEPTH, read_yaml
from tests.mapping.reading import problems_of, small


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("NO", "NO"),
        ("yes", "yes"),
        ("on", "on"),
        ("off", "off"),
        ("y", "y"),
        ("12:30:00", "12:30:00"),
        ("2024-01-02", "2024-01-02"),
        ("2024-01-02 10:00:00", "2024-01-02 10:00:00"),
        ("0123", "0123"),
        ("-007", "-007"),
        ("0x1F", "0x1F"),
        ("0o17", "0o17"),
        ("1_000", "1_000"),
        ("1.2.3", "1.2.3"),
        ("+31 6 1234", "+31 6 1234"),
        ("=", "="),
        ("true", True),
        ("False", False),
        ("TRUE", True),
        ("null", None),
        ("~", None),
        ("", None),
        ("0", 0),
        ("-12", -12),
        ("+3", 3),
        ("9007199254740993", 9007199254740993),
        ("1.5", 1.5),
        ("5.", 5.0),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("0.1", 0.1),
        ("12345678901234567.89", Decimal("12345678901234567.89")),
        ('"12"', "12"),
        ("'true'", "true"),
        ("|\n  a\n  b", "a\nb\n"),
        (">-\n  a\n  b", "a b"),
    ],
)
def test_a_scalar_is_what_yaml_1_2_says(text: str, value: object) -> None:
    """F14. Norway stays NO, times are not sexagesimal numbers, and leading zeros are kept."""
    document = read_yaml(f"a: {text}\n".encode())
    assert document.findings == []
    assert document.data == {"a": value}
    assert type(document.data["a"]) is type(value)


def test_infinities_and_nan_are_numbers_that_the_model_refuses() -> None:
    data = read_yaml(b"[.inf, -.INF, .nan]").data
    assert [str(one) for one in data] == ["inf", "-inf", "nan"]


def test_keys_are_their_text_whatever_they_look_like() -> None:
    """So `map: {1: a, true: b, no: c}` has three entries: 1 and true would be one key in Python."""
    assert read_yaml(b"{1: a, true: b, no: c, 007: d, 1.50: e, True_: f}").data == {
        "1": "a",
        "true": "b",
        "no": "c",
        "007": "d",
        "1.50": "e",
        "True_": "f",
    }


def test_true_as_a_key_is_the_same_in_every_spelling() -> None:
    document = read_yaml(b"{TRUE: a, true: b}")
    assert [one.words for one in document.findings] == ["is there twice, first in line 1"]


def test_every_key_and_value_knows_its_place() -> None:
    document = read_yaml(b"a:\n  - b: c\n    d: [e,\n        f]\n")
    assert document.data == {"a": [{"b": "c", "d": ["e", "f"]}]}
    assert document.keys[("a", 0, "d")] == Place(3, 5)
    assert document.values[("a", 0, "d", 1)] == Place(4, 9)
    assert document.values[("a", 0)] == Place(2, 5)


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    assert read_yaml(b"\xef\xbb\xbfa: b").data == {"a": "b"}


def test_reading_goes_on_after_what_can_be_skipped() -> None:
    """Anchors, tags, aliases, doubled and odd keys: all are reported together, each at its place."""
    document = read_yaml(b"a: &x 1\nb: *x\nc: !t 2\na: [1, {2: 3}]\n? [k]\n: [v]\n? {k: v}\n: w\nd: e\n")
    assert document.data == {"a": 1, "b": None, "c": "2", "d": "e"}
    assert [(one.place, one.words.split(" ")[0]) for one in document.findings] == [
        (Place(1, 4), "anchors"),
        (Place(2, 4), "aliases"),
        (Place(3, 4), "tags"),
        (Place(4, 1), "is"),
        (Place(5, 3), "a"),
        (Place(7, 3), "a"),
    ]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", "m.yaml:1:1  the file is empty; a mapping has version, source, event and fields"),
        (b"# nothing\n", "m.yaml:1:1  the file is empty; a mapping has version, source, event and fields"),
        (b"text", "m.yaml:1:1  the file is not a section of keys; a mapping has version, source, event and fields"),
        (b"- a\n", "m.yaml:1:1  the file is not a section of keys; a mapping has version, source, event and fields"),
        (b"a: b\nc: \xff\n", "m.yaml:2:4  not UTF-8; save the file in UTF-8"),
        ("a: b".encode("utf-16"), "m.yaml:1:1  not UTF-8; save the file in UTF-8"),
        (b"a: b\x00\n", "m.yaml:1:5  not valid YAML: holds a control character"),
        (b"a: b\n \x07", "m.yaml:2:2  not valid YAML: holds a control character"),
        (
            b"%YAML 9.1\n---\na: b\n",
            "m.yaml:1:1  not valid YAML: found incompatible YAML document (version 1.* is required)",
        ),
        (b"*a", "m.yaml:1:1  aliases (*name) are not allowed; write the value again"),
        (b"a" * (MAX_BYTES + 1), "m.yaml:1:1  larger than 1 MiB; a mapping is not meant to carry data"),
        (b"[" * (MAX_DEPTH + 1), f"m.yaml:1:{MAX_DEPTH + 1}  nested more than {MAX_DEPTH} levels deep"),
        (b"{a: " * (MAX_DEPTH + 1), f"m.yaml:1:{MAX_DEPTH * 4 + 1}  nested more than {MAX_DEPTH} levels deep"),
        (b"? " * (MAX_DEPTH + 1), f"m.yaml:1:{MAX_DEPTH * 2 + 1}  nested more than {MAX_DEPTH} levels deep"),
        (b"- " * 100_000, f"m.yaml:1:{MAX_DEPTH * 2 + 1}  nested more than {MAX_DEPTH} levels deep"),
    ],
)
def test_what_cannot_be_a_mapping_gives_one_line(content: bytes, line: str) -> None:
    """F14."""
    assert problems_of(content) == (line,)


def test_the_deepest_nesting_that_is_allowed_is_read() -> None:
    assert read_yaml(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH).findings == []


def test_a_file_as_large_as_allowed_is_read() -> None:
    content = small().encode()
    comment = b"# " + b"x" * (MAX_BYTES - len(content) - 3) + b"\n"
    assert len(comment + content) == MAX_BYTES
    assert problems_of(comment + content) == ()


def test_very_many_problems_are_cut_short() -> None:
    printed = problems_of(small(fields="\n".join(f"wrong_{number}: a" for number in range(300))))
    assert len(printed) == 201
    assert printed[-1] == "m.yaml:1:1  and 100 more problems"

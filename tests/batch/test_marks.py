"""Marks of fields: the same for the same value, hardly ever for another, and nothing else to be read in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.batch.content import ContentHasher
from etl.batch.encode import encode_column
from etl.batch.marks import MOST_MARKS, Marker

KEY = b"k" * 32
NAMES = ("event", "email", "custom_points", "custom_tags", "products")
EVENT: dict[str, object] = {
    "event": "X",
    "email": "eva@example.com",
    "custom_points": Decimal("1.50"),
    "custom_tags": ["a", "b"],
    "products": [{"id": "1", "price": Decimal("2.0")}],
}

VALUES = st.sampled_from([None, True, 1, 2**70, Decimal("1.50"), 0.1, "", "a", "ë", ["a", "b"], {"id": "1"}])
EVENTS = st.lists(st.fixed_dictionaries({"a": VALUES}, optional={"b": VALUES, "c": VALUES}), max_size=6)


def marks_of(names: Sequence[str], events: Sequence[Mapping[str, object]], key: bytes = KEY) -> list[bytes]:
    fields = {name: encode_column([event.get(name) for event in events])[0] for name in names}
    return Marker(names).marks(ContentHasher(key).field_hashes(fields), len(events))


def marks(event: dict[str, object]) -> bytes:
    return marks_of(NAMES, [event])[0]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "eva@example.org"),
        ("custom_points", Decimal("1.51")),
        ("custom_tags", ["b", "a"]),
        ("products", [{"id": "1", "price": Decimal("2.1")}]),
        ("email", None),
    ],
)
def test_a_changed_field_is_named_and_no_other(field: str, value: object) -> None:
    changed = {name: each for name, each in {**EVENT, field: value}.items() if each is not None}
    assert Marker(NAMES).differing(marks(EVENT), marks(changed)) == [field]


@given(EVENTS)
def test_an_event_has_the_same_marks_whatever_stands_beside_it(events: list[dict[str, object]]) -> None:
    names = ("a", "b", "c")
    assert [marks_of(names, [event])[0] for event in events] == marks_of(names, events)


def test_a_changed_value_keeps_its_mark_about_once_in_256_times() -> None:
    """No more often: marks are spread evenly."""
    (first, *others) = marks_of(("a",), [{"a": f"value {number}"} for number in range(10_001)])
    same = others.count(first)
    assert 20 <= same <= 60
    assert len(set(others)) == 256


def test_another_key_gives_other_marks_and_equal_values_of_two_fields_differ() -> None:
    """So that nothing can be read in the state file: not a value, nor that two fields hold the same."""
    events: list[dict[str, object]] = [{"a": f"v{number}", "b": f"v{number}"} for number in range(300)]
    ours, others = marks_of(("a", "b"), events), marks_of(("a", "b"), events, b"o" * 32)
    assert sum(one == other for one, other in zip(ours, others, strict=True)) < 10
    assert sum(mark[0] == mark[1] for mark in ours) < 20


def test_fields_without_a_mark_at_that_time_are_not_compared() -> None:
    """A field that was added to the mapping since the event was sent."""
    marker = Marker(NAMES)
    assert marker.differing(marks(EVENT)[:2], marks({**EVENT, "email": "x@example.com", "custom_points": 2})) == [
        "email"
    ]


def test_the_marks_of_very_many_fields_are_the_first_ones() -> None:
    names = [f"custom_{number}" for number in range(100)]
    assert Marker(names).names == tuple(names[:MOST_MARKS])
    assert len(marks_of(names, [{}])[0]) == MOST_MARKS


def test_no_events_have_no_marks() -> None:
    assert Marker(NAMES).marks({}, 0) == []

"""Marks of fields: the same for the same value, hardly ever for another, and nothing else to be read in them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


def marks(event: dict[str, object]) -> bytes:
    return Marker(NAMES, KEY).marks([event])[0]


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
    assert Marker(NAMES, KEY).differing(marks(EVENT), marks(changed)) == [field]


@given(EVENTS)
def test_an_event_has_the_same_marks_whatever_stands_beside_it(events: list[dict[str, object]]) -> None:
    """A column of few distinct values is marked by its distinct values, another one value by value."""
    marker = Marker(("a", "b", "c"), KEY)
    often = marker.marks(events * 9)
    assert often == marker.marks(events) * 9
    assert [marker.marks([event])[0] for event in events] == marker.marks(events)


def test_a_changed_value_keeps_its_mark_about_once_in_256_times() -> None:
    """No more often: marks are spread evenly."""
    marker = Marker(("a",), KEY)
    (first, *others) = marker.marks([{"a": f"value {number}"} for number in range(10_001)])
    same = others.count(first)
    assert 20 <= same <= 60
    assert len(set(others)) == 256


def test_another_key_gives_other_marks_and_equal_values_of_two_fields_differ() -> None:
    """So that nothing can be read in the state file: not a value, nor that two fields hold the same."""
    events: list[dict[str, object]] = [{"a": f"v{number}", "b": f"v{number}"} for number in range(300)]
    ours, others = Marker(("a", "b"), KEY).marks(events), Marker(("a", "b"), b"o" * 32).marks(events)
    assert sum(one == other for one, other in zip(ours, others, strict=True)) < 10
    assert sum(mark[0] == mark[1] for mark in ours) < 20


def test_fields_without_a_mark_at_that_time_are_not_compared() -> None:
    """A field that was added to the mapping since the event was sent."""
    marker = Marker(NAMES, KEY)
    assert marker.differing(marks(EVENT)[:2], marks({**EVENT, "email": "x@example.com", "custom_points": 2})) == [
        "email"
    ]


def test_the_marks_of_very_many_fields_are_the_first_ones() -> None:
    names = [f"custom_{number}" for number in range(100)]
    marker = Marker(names, KEY)
    assert marker.names == tuple(names[:MOST_MARKS])
    assert len(marker.marks([{}])[0]) == MOST_MARKS


def test_no_events_have_no_marks() -> None:
    assert Marker(NAMES, KEY).marks([]) == []

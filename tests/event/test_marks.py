"""Marks of fields: the same for the same value, hardly ever for another, and nothing else to be read in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.event.encode import encode_column
from etl.event.hashes import MOST_MARKS, ContentHasher, Marker

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
    assert Marker(NAMES).differing([marks(EVENT)], [marks(changed)]) == [(field,)]


@given(EVENTS)
def test_an_event_has_the_same_marks_whatever_stands_beside_it(events: list[dict[str, object]]) -> None:
    names = ("a", "b", "c")
    assert [marks_of(names, [event])[0] for event in events] == marks_of(names, events)


def test_a_changed_value_keeps_its_mark_about_once_in_65_536_times() -> None:
    """No more often: marks are spread evenly, as 20,000 throws of a die with so many sides."""
    marked = marks_of(("a",), [{"a": f"value {number}"} for number in range(20_000)])
    assert len(marked[0]) == 2
    assert 17_000 <= len(set(marked)) <= 17_500


def test_another_key_gives_other_marks_and_equal_values_of_two_fields_differ() -> None:
    """So that nothing can be read in the state file: not a value, nor that two fields hold the same."""
    events: list[dict[str, object]] = [{"a": f"v{number}", "b": f"v{number}"} for number in range(300)]
    ours, others = marks_of(("a", "b"), events), marks_of(("a", "b"), events, b"o" * 32)
    assert sum(one == other for one, other in zip(ours, others, strict=True)) < 10
    assert sum(mark[:2] == mark[2:] for mark in ours) < 5


def test_a_field_without_a_mark_at_that_time_was_missing() -> None:
    """A field that was added to the mapping since the event was sent differs where it says something."""
    names = ("event", "email", "custom_points")
    (before,) = marks_of(names[:2], [EVENT])
    now = marks_of(names, [{**EVENT, "email": "x@example.com"}, {"event": "X", "email": "eva@example.com"}])
    assert Marker(names).differing([before] * 2, now) == [("email", "custom_points"), ()]


def test_without_any_mark_nothing_can_be_told() -> None:
    assert Marker(NAMES).differing([b"", marks(EVENT)], [marks(EVENT)] * 2) == [(), ()]


def test_the_marks_of_very_many_fields_are_the_first_ones() -> None:
    names = [f"custom_{number}" for number in range(100)]
    assert Marker(names).names == tuple(names[:MOST_MARKS])
    assert len(marks_of(names, [{}])[0]) == 2 * MOST_MARKS


def test_no_events_have_no_marks() -> None:
    assert Marker(NAMES).marks({}, 0) == []

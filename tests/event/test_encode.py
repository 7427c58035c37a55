"""Numbers leave exactly as the row held them."""

from __future__ import annotations

import json
import math
from decimal import Decimal

import orjson
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from etl.event.encode import UnencodableError, encode_column, encode_event, envelope, join_fields

EXACT = [
    (Decimal("12.50"), b"12.50"),
    (Decimal("1E+3"), b"1000"),
    (Decimal("0.1"), b"0.1"),
    (2**53 + 1, b"9007199254740993"),
    (2**64, b"18446744073709551616"),
    (-(2**63) - 1, b"-9223372036854775809"),
    (0.1, b"0.1"),
    (True, b"true"),
    ("é", '"é"'.encode()),
]


@pytest.mark.parametrize(("value", "text"), EXACT)
def test_a_value_keeps_every_digit(value: object, text: bytes) -> None:
    """B4, B5: another reader must see the number that the database holds."""
    assert encode_event({"custom_x": value}) == b'{"custom_x":' + text + b"}"


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("Infinity"), b"bytes", object(), "\ud800", {1: 2}])
def test_what_json_cannot_hold_is_an_error_without_the_value(value: object) -> None:
    """B2, B11, B22."""
    with pytest.raises(UnencodableError) as caught:
        encode_event({"custom_x": value})
    assert "bytes'" not in str(caught.value)


@given(st.lists(st.dictionaries(st.text("abc", min_size=1), st.integers() | st.text(), max_size=3), max_size=5))
def test_the_envelope_holds_the_events_in_order(events: list[dict[str, object]]) -> None:
    body = envelope([encode_event(event) for event in events])
    assert json.loads(body) == {"events": events}


@given(st.dictionaries(st.text(min_size=1), st.integers() | st.text() | st.booleans() | st.decimals(allow_nan=False)))
def test_the_same_event_gives_the_same_bytes(event: dict[str, object]) -> None:
    """B27."""
    event = {name: value for name, value in event.items() if not isinstance(value, Decimal) or value.is_finite()}
    assert encode_event(event) == encode_event(dict(event))
    orjson.loads(encode_event(event))


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.decimals() | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(st.lists(_VALUES, max_size=6) | st.lists(st.decimals(), max_size=6) | st.lists(st.text(), max_size=6))
def test_a_column_is_encoded_as_its_values_are_one_by_one(values: list[object]) -> None:
    """B22: nothing in a value can look like the cut between two of them, and one bad value costs itself only."""
    alone: list[bytes] = []
    refused: dict[int, str] = {}
    for at, value in enumerate(values):
        try:
            alone.append(encode_event(value))
        except UnencodableError as problem:
            alone.append(b"")
            refused[at] = str(problem)
    texts, faults = encode_column(values)
    assert (texts, {at: str(fault) for at, fault in faults.items()}) == (alone, refused)


@pytest.mark.parametrize("text", [",\n  ", "\n]", "[\n  ", "\n   ", '",\n  "'])
def test_a_text_that_looks_like_the_cut_is_not_cut(text: str) -> None:
    for values in ([text, text], [text, None], [[text], {text: text}], [[], {}], [Decimal(1), text]):
        assert encode_column(values) == ([encode_event(value) for value in values], {})


# Not finite is `null` for JSON; the transform lets none through.
_FINITE = _VALUES.filter(lambda value: not isinstance(value, float) or math.isfinite(value))
_EVENTS = st.lists(
    st.fixed_dictionaries({"event": st.text()}, optional={"a": _FINITE, 'b"\n': st.integers()}), max_size=5
)


@given(_EVENTS)
def test_events_are_joined_from_their_columns(events: list[dict[str, object]]) -> None:
    """B27: the same bytes as of the event by itself, and what is missing is left out."""
    columns = {name: [event.get(name) for event in events] for name in ("event", "a", 'b"\n')}
    encoded = {name: encode_column(column) for name, column in columns.items()}
    assume(not any(faults for _, faults in encoded.values()))
    present = [{name: value for name, value in event.items() if value is not None} for event in events]
    ordered = [{name: event[name] for name in columns if name in event} for event in present]
    assert join_fields({name: texts for name, (texts, _) in encoded.items()}) == list(map(encode_event, ordered))

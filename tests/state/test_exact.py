"""D22: cursors and keys keep their type and their last digit."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl import exact
from etl.page import Key, Position, Scalar

ZONES = st.none() | st.just(UTC) | st.timezones() | st.just(timezone(timedelta(hours=-3, minutes=-7)))


def with_its_offset(at: datetime) -> datetime:
    """The same time with a fixed offset: Python holds no time of a repeated or skipped hour equal to another zone's."""
    offset = at.utcoffset()
    return at if offset is None else at.replace(tzinfo=timezone(offset), fold=0)


SCALARS = st.one_of(
    st.integers(),
    st.text(st.characters()),
    st.decimals(allow_nan=False),
    st.datetimes(timezones=ZONES).map(with_its_offset),
    st.dates(),
    st.uuids(),
    st.binary(),
    st.booleans(),
    st.floats(allow_nan=False),
)


@given(SCALARS)
def test_a_value_survives_its_text_with_type_and_precision(value: Scalar) -> None:
    again = exact.decode(exact.encode(value))
    assert type(again) is type(value)
    assert again == value
    assert not isinstance(value, datetime) or again.utcoffset() == value.utcoffset()
    assert not isinstance(value, Decimal) or again.as_tuple() == value.as_tuple()


@given(st.lists(SCALARS, min_size=1, max_size=4).map(tuple))
def test_a_key_survives_its_text_and_the_text_is_plain_ascii(key: Key) -> None:
    """The ledger hashes this text, so it must encode whatever the key holds, also unpaired surrogates."""
    text = exact.key_text(key)
    assert text.isascii()
    assert exact.parse_key_text(text) == key


@given(st.none() | SCALARS, st.lists(SCALARS, min_size=1, max_size=3).map(tuple))
def test_a_position_survives_its_text(cursor: Scalar | None, key: Key) -> None:
    position = Position(cursor, key)
    assert exact.parse_position_text(exact.position_text(position)) == position


def test_keys_that_print_alike_but_differ_in_type_have_different_texts() -> None:
    alike = [1, "1", Decimal(1), True, 1.0, b"1"]
    assert len({exact.key_text((value,)) for value in alike}) == len(alike)


def test_the_text_forms_are_fixed_because_states_hold_them() -> None:
    assert exact.key_text((7, "é")) == '[["int","7"],["str","\\u00e9"]]'
    position = Position(datetime(2024, 1, 2, 3, 4, 5, 6), (UUID(int=5), date(2024, 2, 29), b"\x00\xff"))  # noqa: DTZ001
    assert exact.position_text(position) == (
        '{"cursor":["datetime","2024-01-02T03:04:05.000006"],"key":[["uuid","00000000-0000-0000-0000-000000000005"],'
        '["date","2024-02-29"],["bytes","00ff"]]}'
    )


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}',
        "[1]",
        '[["nothing","1"]]',
        '[["int","x"]]',
        '[["decimal","x"]]',
        '[["int"]]',
        "",
        "[[1,2]]",
        '[["bool","x"]]',
    ],
)
def test_a_text_that_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any ValueError: the reader of the state turns it into its own error
        exact.parse_key_text(text)


@pytest.mark.parametrize("value", [None, [1], {"a": 1}, timedelta(1)])
def test_a_value_of_another_type_is_refused_without_being_shown(value: Any) -> None:
    with pytest.raises(TypeError, match=r"^a cursor or key value of type \w+ is not supported$"):
        exact.key_text((value,))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"),
        (12, "12"),
        (Decimal("1.10"), "1.10"),
        (datetime(2024, 1, 2, tzinfo=UTC), "2024-01-02T00:00:00+00:00"),
        (b"\x00\x01", "0x0001"),
        ("a\x1b[2J\u202eb\ud800\nc é", "a\\x1b[2J\\u202eb\\ud800\\nc é"),
    ],
)
def test_people_see_a_harmless_line(value: Scalar | None, shown: str) -> None:
    """F15: a key is a value of the database, so it may hold what steers a terminal."""
    assert exact.show(value) == shown

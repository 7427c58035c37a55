"""What makes an event count as changed: what it says, and nothing else."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from etl.event.encode import encode_column
from etl.event.event import DIGEST_BYTES
from etl.event.hashes import ContentHasher, digests

KEY = b"k" * 32
EVENT: dict[str, object] = {"event": "X", "email": "eva@example.com", "custom_points": Decimal("1.50"), "custom_x": "1"}


def digest(event: dict[str, object], key: bytes = KEY) -> bytes:
    fields = {name: encode_column([value])[0] for name, value in event.items()}
    (found,) = digests(ContentHasher(key).field_hashes(fields).values())
    return found


@pytest.mark.parametrize(
    "changed",
    [
        {**EVENT, "email": "eva@example.org"},
        {**EVENT, "custom_points": Decimal("1.5")},
        {**EVENT, "custom_x": 1},
        {**EVENT, "custom_x": None},
        {**EVENT, "custom_y": "1"},
        {**EVENT, "custom_points": "1", "custom_x": Decimal("1.50")},
    ],
)
def test_another_value_is_another_content(changed: dict[str, object]) -> None:
    assert digest(changed) != digest(EVENT)


def test_values_that_change_places_are_another_content() -> None:
    """Although the hashes of the fields are added up: each has a key of its own."""
    assert digest({"a": "1", "b": "2"}) != digest({"a": "2", "b": "1"})
    assert digest({"a": "1", "b": "1"}) != digest({"a": "2", "b": "2"})


def test_neither_the_order_nor_a_missing_field_says_anything() -> None:
    """A mapping may be sorted anew or gain a field without every row being sent again."""
    assert digest(dict(reversed(EVENT.items()))) == digest(EVENT)
    assert digest({**EVENT, "custom_new": None}) == digest(EVENT)


def test_another_state_has_other_hashes() -> None:
    assert digest(EVENT, b"o" * 32) != digest(EVENT)


def test_a_page_is_hashed_as_its_rows_are() -> None:
    fields = {"a": encode_column(["1", None, "3"])[0], "b": encode_column([1, 2, None])[0]}
    found = digests(ContentHasher(KEY).field_hashes(fields).values())
    alone = [{"a": "1", "b": 1}, {"a": None, "b": 2}, {"a": "3", "b": None}]
    assert found == [digest(event) for event in alone]
    assert {len(one) for one in found} == {DIGEST_BYTES}
    assert digests([np.array([], dtype=np.uint64)]) == []


def test_the_hash_of_a_content_is_fixed_because_states_hold_it() -> None:
    assert digest(EVENT).hex() == "4f17931eb690ecdc"

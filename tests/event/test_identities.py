"""Whom an event is about: an address, however it is written, and its hash are one person."""

from __future__ import annotations

from hashlib import sha256

import pytest

from etl.delivery.lanes import Batch, Lanes
from etl.event.event import Event
from etl.event.identities import hashed, identities, may_hold_hashes

ADDRESS = "eva@example.org"
HASH = sha256(ADDRESS.encode()).hexdigest()


def event(seq: int, email: str) -> Event:
    return Event(seq, (seq,), b"{}", identities(email, None), b"", b"", 1)


def test_an_address_and_its_hash_are_one_identity() -> None:
    assert list(hashed(identities(ADDRESS, "7"))) == list(hashed(identities(HASH, "7"))) == ["u:7", f"e:{HASH}"]
    assert may_hold_hashes([identities(HASH, None)])
    assert not may_hold_hashes([identities(ADDRESS, "7")])


def take(lanes: Lanes) -> Batch | None:
    return lanes.take(before_ordinal=10, partial=True)


@pytest.mark.parametrize(("first", "second"), [(ADDRESS, HASH), (HASH, ADDRESS)])
def test_an_event_of_the_hash_never_overtakes_one_of_the_address(first: str, second: str) -> None:
    """Also when the first one is under way before any hash was seen."""
    lanes = Lanes(batch_size=1, max_batch_bytes=1000)
    lanes.admit([event(0, first)])
    batch = take(lanes)
    assert batch is not None
    lanes.admit([event(1, second), event(2, "other@example.org")])
    ahead = take(lanes)
    assert ahead is not None
    assert ([one.seq for one in ahead.events], take(lanes)) == ([2], None), "the person's next event waits"
    lanes.free(batch.identities)
    then = take(lanes)
    assert then is not None
    assert [one.seq for one in then.events] == [1]

"""Which keys have an event that was prepared and has no certain end yet."""

from __future__ import annotations

from etl.job.under_way import UnderWay

ALL = [b"a", b"b", b"c", b"d"]


def test_keys_are_under_way_until_their_page_is_settled() -> None:
    under_way = UnderWay()
    assert under_way.enter(1, [b"a", b"b"]) is False
    assert under_way.enter(2, [b"c"]) is False
    assert under_way.enter(3, []) is False
    assert under_way.among(ALL) == {b"a", b"b", b"c"}
    under_way.settled([1, 3, 9])
    assert under_way.among(ALL) == {b"c"}
    under_way.settled([2])
    assert under_way.among(ALL) == set()


def test_a_key_in_two_pages_at_once_stays() -> None:
    """Which of its events ends first says nothing of the other."""
    under_way = UnderWay()
    under_way.enter(1, [b"a", b"b"])
    assert under_way.enter(2, [b"a", b"c"]) is True
    under_way.settled([1, 2])
    assert under_way.among(ALL) == {b"a"}

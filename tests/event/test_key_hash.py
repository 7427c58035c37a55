"""Hashes of keys tell nothing, differ where keys differ, and keep neighbours together."""

from __future__ import annotations

import string
import sys
from collections.abc import Callable
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from etl.event.key_hash import LEDGER_KEY_BYTES, KeyHasher
from etl.exact import key_text
from etl.page import Key

ODD_KEYS: tuple[Key, ...] = (
    (1,),
    (True,),
    ("1",),
    (Decimal(1),),
    (0,),
    (-1,),
    (4096,),
    (2**70,),
    ("",),
    ("12",),
    ("012",),
    ("0012",),
    ("ab",),
    ("ab00",),
    ("ab\x00\x00",),
    ("a", "b00"),
    ("ab", "00"),
    (1, 5),
    (Decimal(1), 5),
    (True, 5),
    (5, 1),
    ("é12",),
    ("e²",),
    (b"12",),
)


def test_keys_that_are_alike_have_different_hashes() -> None:
    hasher = KeyHasher(b"k" * 32)
    hashes = {key_text(key): hasher.ledger_key(key) for key in ODD_KEYS}
    assert len(set(hashes.values())) == len(ODD_KEYS)
    assert {len(found) for found in hashes.values()} == {LEDGER_KEY_BYTES}


PART = st.one_of(
    st.integers(),
    st.text(st.sampled_from(string.ascii_letters + string.digits + "é-"), max_size=6),
    st.decimals(allow_nan=False),
)


@given(st.lists(st.lists(PART, min_size=1, max_size=3).map(tuple), max_size=20))
def test_a_key_has_one_hash_whatever_was_hashed_before(keys: list[Key]) -> None:
    """The hash is found again in years; a hasher that remembers must say what one that does not would say."""
    busy = KeyHasher(b"k" * 32)
    for key in keys:
        assert busy.ledger_key(key) == KeyHasher(b"k" * 32).ledger_key(key)
    single = [key for key in keys if len(key) == 1]
    assert KeyHasher(b"k" * 32).ledger_keys(single) == [busy.ledger_key(key) for key in single]
    assert len({busy.ledger_key(key) for key in keys}) == len({key_text(key) for key in keys})


def test_hashes_depend_on_the_key_of_the_file_and_on_the_type() -> None:
    one, other = KeyHasher(b"a" * 32), KeyHasher(b"b" * 32)
    assert one.ledger_key((1,)) != one.ledger_key(("1",))
    assert one.ledger_key((1,)) != other.ledger_key((1,))


def test_a_page_is_hashed_as_its_keys_are() -> None:
    hasher = KeyHasher(b"k" * 32)
    for keys in ([(number,) for number in range(-5000, 5000, 7)], [(1, 2), (1, 3)], [("a",), (1,)], []):
        assert hasher.ledger_keys(keys) == [hasher.ledger_key(key) for key in keys]


def test_pages_of_neighbours_leave_nothing_behind() -> None:
    """E4: what stayed would lie scattered between the values of pages, and make every later page dearer."""
    hasher = KeyHasher(b"k" * 32)

    def left_behind(form: Callable[[int], int | str]) -> int:
        hasher.ledger_keys([(form(1),)])
        before = sys.getallocatedblocks()
        for page in range(100):
            hasher.ledger_keys([(form(number),) for number in range(page * 5000, page * 5000 + 5000, 10)])
        return sys.getallocatedblocks() - before

    for form in (int, "ORD-{:06}".format):
        # The least of three: other threads of the process leave something behind now and then.
        assert min(left_behind(form) for _ in range(3)) < 100


def test_neighbours_stand_together_and_others_do_not() -> None:
    """A page of rows with keys in a row touches few pages of the ledger."""
    hasher = KeyHasher(b"k" * 32)
    assert len({hasher.ledger_key((number,))[:8] for number in range(8192)}) == 2
    assert len({hasher.ledger_key((f"ORD-{number:06}",))[:8] for number in range(1000)}) == 10
    assert len({hasher.ledger_key((number,)) for number in range(8192)}) == 8192


def test_the_hash_of_a_key_is_fixed_because_states_hold_it() -> None:
    hasher = KeyHasher(bytes(range(32)))
    assert [hasher.ledger_key(key).hex() for key in ((1,), (5000,), ("ORD-0007",), ("no digits",), ("a", 1))] == [
        "f5280bcb1ba9e9a93d66",
        "8974c112667be5114d6a",
        "5b543a13937f31cc2952",
        "67b048a3e73ca0960277",
        "077fbb75337328fcd531",
    ]

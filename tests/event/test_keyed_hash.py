"""The hash is the published one, so that no release of pandas can make every row count as changed unnoticed."""

from __future__ import annotations

import pytest

from etl.event.hashes import derived_key, keyed_hashes

# From the reference implementation (veorq/SipHash, vectors.h): key 00 01 … 0f, messages of the bytes 00 01 …
KEY = "".join(map(chr, range(16)))
VECTORS = {
    0: "310e0edd47db6f72",
    1: "fd67dc93c539f874",
    7: "37d1018bf50002ab",
    8: "6224939a79f5f593",
    15: "e545be4961ca29a1",
}


@pytest.mark.parametrize("length", VECTORS)
def test_it_is_siphash_2_4_scattered(length: int) -> None:
    published = int.from_bytes(bytes.fromhex(VECTORS[length]), "little")
    assert keyed_hashes([bytes(range(length))], KEY).tolist() == [scattered(published)]


def scattered(number: int) -> int:
    """SplitMix64's last step, which pandas applies to every hash; it is reversible, so that no two become one."""
    number ^= number >> 30
    number = number * 0xBF58476D1CE4E5B9 % 2**64
    number ^= number >> 27
    number = number * 0x94D049BB133111EB % 2**64
    return number ^ number >> 31


def test_a_page_is_hashed_as_its_texts_are() -> None:
    texts = [b"", b"null", b"nan", "\xeb".encode(), b"\x00", b"null"]
    assert keyed_hashes(texts, KEY).tolist() == [keyed_hashes([text], KEY)[0] for text in texts]
    assert keyed_hashes([], KEY).tolist() == []


def test_derived_keys_differ_by_purpose_and_secret_and_stay_the_same() -> None:
    """States hold hashes under these keys."""
    assert derived_key(b"k" * 32, "field email") == "mozr5te8QJ0EwSnR"
    assert len(derived_key(b"k" * 32, "field email").encode()) == 16
    assert derived_key(b"k" * 32, "field email") != derived_key(b"k" * 32, "field event")
    assert derived_key(b"k" * 32, "field email") != derived_key(b"x" * 32, "field email")

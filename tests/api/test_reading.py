"""An answer is read no further than it may be (C24), and its headers no further than a verdict needs them (F3, F5)."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from datetime import UTC, datetime

import pytest

from etl.api.reading import MAX_ANSWER_BYTES, BodyReader, read_head
from etl.verdict.retry_after import retry_after_seconds

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
GOOD = b'{"success": true}'


def read(*chunks: bytes, encoding: str = "") -> tuple[bytes, bool]:
    reader = BodyReader(read_head([(b"Content-Encoding", encoding.encode())], now=NOON).encoding)
    reader.read(chunks)
    return reader.body, reader.truncated


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "deflate"])
def test_a_packed_body_is_unpacked_wherever_it_is_cut(encoding: str) -> None:
    packed = zlib.compress(GOOD) if encoding == "deflate" else gzip.compress(GOOD, mtime=0)
    for cut in range(len(packed) + 1):
        assert read(packed[:cut], packed[cut:], encoding=encoding) == (GOOD, False)


@pytest.mark.parametrize(
    ("body", "encoding", "truncated"),
    [
        (b"x" * MAX_ANSWER_BYTES, "", False),
        (b"x" * (MAX_ANSWER_BYTES + 1), "", True),
        (gzip.compress(b"x" * MAX_ANSWER_BYTES, mtime=0), "gzip", False),
        (gzip.compress(b"x" * (MAX_ANSWER_BYTES + 1), mtime=0), "gzip", True),
        (gzip.compress(GOOD, mtime=0) + b"more", "gzip", True),
        (gzip.compress(GOOD, mtime=0)[:-1], "gzip", True),
        (GOOD, "gzip", True),
        (GOOD, "br", False),
        (GOOD, "UTF-8", False),
        (GOOD, "gzip, UTF-8", True),
        (gzip.compress(GOOD, mtime=0), "UTF-8, gzip", False),
        (b"", "gzip", False),
        (b"", "", False),
    ],
    ids=lambda value: (
        "body" if isinstance(value, bytes) else str(value)
    ),  # gzip writes the time, which would be in the test's name
)
def test_limits(body: bytes, encoding: str, *, truncated: bool) -> None:
    assert read(body, encoding=encoding)[1] is truncated


def test_a_bomb_is_not_unpacked() -> None:
    """64 MiB out of 64 KiB."""
    bomb = gzip.compress(b"x" * 64 * 1024 * 1024, 9, mtime=0)
    tracemalloc.start()
    try:
        assert read(bomb, encoding="gzip")[1]
        assert tracemalloc.get_traced_memory()[1] < 4 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_an_endless_body_that_unpacks_to_nothing_ends() -> None:
    """Empty stored blocks are valid and hold nothing; only the raw count can end them."""
    packer = zlib.compressobj(wbits=31)
    pieces = [packer.compress(b"x") + packer.flush(zlib.Z_FULL_FLUSH)]
    empty = b"\x00\x00\x00\xff\xff" * 1000
    taken = 0

    def chunks() -> object:
        nonlocal taken
        yield from pieces
        while taken < 10 * MAX_ANSWER_BYTES:
            taken += len(empty)
            yield empty

    reader = BodyReader("gzip")
    reader.read(chunks())  # type: ignore[arg-type]
    assert reader.truncated
    assert taken <= MAX_ANSWER_BYTES + len(empty)


def test_headers_that_no_verdict_reads_are_dropped() -> None:
    head = read_head(
        [
            (b"Set-Cookie", b"session=canary"),
            (b"X-Echo", b"canary"),
            (b"DATE", b"Wed, 01 May 2024 12:00:00 GMT"),
            (b"Content-Type", b"x" * 5000),
            (b"Content-Encoding", b" GZIP "),
            (b"Location", b"https://user:canary@elsewhere.example:8443/canary?canary"),
        ],
        now=NOON,
    )
    assert head.kept == {
        "date": "Wed, 01 May 2024 12:00:00 GMT",
        "content-type": "x" * 200,
        "location": "elsewhere.example",
    }
    assert head.encoding == "gzip"


@pytest.mark.parametrize(
    "location", [b"/login", b"", b"https://[broken", b"https://sp ace/", b"//\xff\xfe/", b"x" * 999]
)
def test_a_location_without_a_plain_host_is_dropped(location: bytes) -> None:
    assert read_head([(b"Location", location)], now=NOON).kept == {}


def test_our_clock_stands_in_for_a_missing_date_where_it_is_needed() -> None:
    assert read_head([(b"Retry-After", b"7")], now=NOON).kept == {
        "retry-after": "7",
        "date": "Wed, 01 May 2024 12:00:00 GMT",
    }


def test_several_waits_are_all_kept() -> None:
    """Of a server and a proxy before it; the longest counts."""
    raw_headers = [(b"Retry-After", b"7"), (b"Date", b"x"), (b"retry-after", b"120.5")] + [
        (b"Retry-After", b"1" * 150)
    ] * 40
    head = read_head(raw_headers, now=NOON)
    assert retry_after_seconds(head.kept) == 120.5
    assert len(head.kept["retry-after"]) <= 2000


def test_several_waits_in_one_header_are_all_kept() -> None:
    """As a proxy joins them: a date has a comma of its own, and is long."""
    date = b"Wed, 01 May 2024 12:00:09 GMT"
    head = read_head([(b"Retry-After", b", ".join([b"1", *[date] * 9, b"120.5"]))], now=NOON)
    assert retry_after_seconds(head.kept) == 120.5

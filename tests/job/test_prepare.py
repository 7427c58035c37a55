"""From rows to events: what is refused before it could be sent, and what is not kept longer than it is needed."""

from __future__ import annotations

import gc
import time
import weakref
from collections.abc import Iterable, Sequence
from pathlib import Path
from uuid import UUID

import pytest

from etl.event.encode import UnencodableError, encode_column
from etl.event.event import Event
from etl.event.hashes import hashers
from etl.job.encoder import Columns, Encoder
from etl.job.prepare import Preparer
from etl.page import Column, Page, Position, UnreadableRow
from etl.transform.transformer import Transformed
from tests.job.nights import Nights
from tests.servers.scripted_server import Behaviour, Recorded, ScriptedServer


def test_an_event_that_no_request_could_carry_is_a_dead_letter_and_was_never_sent(tmp_path: Path) -> None:
    """B26."""
    with ScriptedServer() as server:
        nights = Nights(tmp_path, server.url, destination="  max_batch_bytes: 1KiB")
        nights.fill(20)
        nights.change("UPDATE people SET name = ? WHERE id = 7", [("x" * 1100,)])
        nights.change("UPDATE people SET name = ? WHERE id = 8", [("x" * 900,)])
        # The text alone would fit.
        nights.change("UPDATE people SET name = ? WHERE id = 9", [("x" * 1020,)])
        ended = nights.run("beginning")
        assert (ended.exit_code, ended.books.sent, ended.books.invalid, ended.books.rejected) == (3, 18, 2, 0)
        assert dict(ended.books.reasons) == {"event_too_large": 2}
        assert nights.letters() == [(7, "event_too_large", 1), (9, "event_too_large", 1)]
        assert max(len(request.body or b"") for request in server.requests) <= 1024


def test_a_text_that_no_event_can_hold_is_not_encoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies of it would fill the memory: its row is told, and the others are encoded without it."""
    seen: list[object] = []

    def watched(values: Sequence[object]) -> tuple[list[bytes], dict[int, UnencodableError]]:
        seen.extend(values)
        return encode_column(values)

    monkeypatch.setattr("etl.job.encoder.encode_column", watched)
    long = "x" * 1025
    page = Page((Column("id"),), [(1,), (2,), (3,)], (0,), None)
    encode = Encoder(
        lambda _: Transformed({"userid": ["7", "8", long], "custom_note": ["a", long, None]}, set(), []),
        hashers=None,
        max_event_bytes=1024,
    )
    prepared = Preparer(encode, ledger=None, max_event_bytes=1024)(page, first_seq=0, stamp=1)
    assert [event.key for event in prepared.events] == [(1,)]
    assert [(row.key, row.reason, row.words) for row in prepared.invalid] == [
        ((2,), "event_too_large", "custom_note has 1025 characters; a request may have 1024 bytes"),
        ((3,), "event_too_large", "userid has 1025 characters; a request may have 1024 bytes"),
    ]
    assert long not in seen


def test_no_payload_outlives_its_page(tmp_path: Path) -> None:
    """E4, F21: while the last of many pages is sent, the events of the first are gone from memory."""
    alive: list[int] = []

    def script(request: Recorded) -> Behaviour | None:
        if request.number % 20 == 0:
            alive.append(sum(type(one) is Event for one in gc.get_objects()))
        return None

    before = sum(type(one) is Event for one in gc.get_objects())
    with ScriptedServer(script) as server:
        nights = Nights(tmp_path, server.url, destination="  batch_size: 10\n  concurrency: 2")
        nights.fill(2_000)
        assert nights.run("beginning").books.sent == 2_000
    assert len(alive) == 10
    # Pages of 50 rows: two wait, eight may be held.
    assert max(alive) - before <= 50 * 12
    # The threads of a run may take a moment to end, and hold their last page so long.
    for _ in range(100):
        gc.collect()
        left = sum(type(one) is Event for one in gc.get_objects())
        if left <= before:
            break
        time.sleep(0.05)
    assert left - before <= 0


def test_a_page_that_waits_has_its_positions_but_not_its_rows() -> None:
    """A42: eight may wait."""
    note = UUID(int=1)
    watched = weakref.ref(note)
    columns = (Column("id"), Column("changed_at"), Column("note"))
    page = Page(columns, [(7, 10, note), (8, 11, None)], (0,), 1, (UnreadableRow(Position(10, (9,)), "unreadable"),))
    prepare = Preparer(
        Encoder(lambda _: Transformed({"userid": ["7", "8"]}, set(), []), hashers=None),
        ledger=None,
        max_event_bytes=1024,
    )
    prepared = prepare(page, first_seq=20, stamp=1)
    del page, note
    assert watched() is None
    assert [prepared.position(seq) for seq in (20, 21, 22)] == [Position(10, (7,)), *[Position(11, (8,))] * 2]
    assert [event.key for event in prepared.events] == [(7,), (8,)]


def test_what_is_kept_of_a_row_is_a_copy_where_it_is_a_number_or_a_text() -> None:
    """E4, B1: the driver's values die with their page; the copies are the same to the last digit."""
    rows: list[tuple[object, object]] = [(2**70, "2026-01-01 00:00:00"), (1000, "\ud800 x"), (-1001, "2026")]
    page = Page((Column("id"), Column("changed_at")), rows, (0,), 1)
    prepare = Preparer(
        Encoder(lambda _: Transformed({"userid": ["7", "8", "9"]}, set(), []), hashers=None),
        ledger=None,
        max_event_bytes=1024,
    )
    prepared = prepare(page, first_seq=0, stamp=1)
    for seq, (key, cursor) in enumerate(rows):
        position = prepared.position(seq)
        assert (position.key, position.cursor, prepared.events[seq].key) == ((key,), cursor, (key,))
        assert position.key[0] is not key
        assert position.cursor is not cursor


class AllTheSame:
    """A ledger that knows every row."""

    def compare(self, ledger_keys: Sequence[bytes], digests: Sequence[bytes]) -> tuple[list[bool], list[bool]]:
        assert len(ledger_keys) == len(digests)
        return [True] * len(ledger_keys), [False] * len(ledger_keys)

    def earlier(self, known: Iterable[bytes], others: Iterable[bytes]) -> dict[bytes, tuple[bytes, bytes]]:
        raise NotImplementedError


def test_of_a_page_without_changes_nothing_is_kept_but_its_end() -> None:
    """E4: a night without changes is a night of such pages, and eight may wait."""
    first, last = UUID(int=1), UUID(int=2)
    watched = weakref.ref(first)
    page = Page((Column("id"),), [(first,), (last,)], (0,), None)
    prepare = Preparer(
        Encoder(lambda _: Transformed({"userid": ["7", "8"]}, set(), []), hashers=hashers(b"k" * 32, ["userid"])),
        ledger=AllTheSame(),
        max_event_bytes=1024,
    )
    prepared = prepare(page, first_seq=20, stamp=1)
    del page, first
    assert watched() is None
    assert (prepared.rows, len(prepared.unchanged_keys), list(prepared.events)) == (2, 2, [])
    assert prepared.position(21) == Position(None, (last,))


def test_of_a_packed_page_without_changes_nothing_is_kept_either() -> None:
    columns = Columns(range(1), {}, ledger_keys=[b"key"], digests=[b"digest"], bodies=[b"body"], marks=[b"mark"])
    columns.keep([False])
    assert (columns.joined(), columns.bodies, columns.marks) == ((), (), ())


def test_rows_that_are_left_out_go_with_all_that_is_told_of_them() -> None:
    """Also in what a worker packed: a mark of another row would name fields that did not change."""
    of_rows = {name: [f"{name}{row}".encode() for row in range(3)] for name in ("key", "digest", "body", "mark", "a")}
    columns = Columns(
        range(3),
        {"a": of_rows["a"]},
        ledger_keys=of_rows["key"],
        digests=of_rows["digest"],
        bodies=of_rows["body"],
        marks=of_rows["mark"],
    )
    columns.drop({1})
    assert list(columns.rows) == [0, 2]
    found = (columns.ledger_keys, columns.digests, columns.bodies, columns.marks, columns.fields["a"])
    assert [list(one or ()) for one in found] == [
        [f"{name}{row}".encode() for row in (0, 2)] for name in ("key", "digest", "body", "mark", "a")
    ]

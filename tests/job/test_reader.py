"""The threads between the database and the coordinator: how far they go ahead, and what becomes of trouble."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from queue import Empty, SimpleQueue
from typing import Any
from uuid import UUID

import pytest

from etl.errors import SourceFailed
from etl.job.prepare import Prepared
from etl.job.reading import AHEAD, InputDone, PageReady, Reader, WindowDone
from etl.job.senders import Crashed
from etl.page import Column, Page, Position, UnreadableRow, Window

LONGEST_SECONDS = 10.0
A_MOMENT_SECONDS = 0.2


class Source:
    """Pages of one row, numbered from 0; `reads` hears of each before it is read."""

    def __init__(self, *, remote: bool, pages: int = 5, trouble: BaseException | None = None) -> None:
        self.remote = remote
        self.reads: SimpleQueue[int] = SimpleQueue()
        self._pages = pages
        self._trouble = trouble

    def pages(self, window: Window, *, limit: int | None = None) -> Iterator[Page]:
        for number in range(self._pages):
            self.reads.put(number)
            yield Page((Column("id", None),), [(number,)], (0,), None)
        if self._trouble is not None:
            raise self._trouble


class Stamps:
    """Counts the stamps."""

    def __init__(self) -> None:
        self.taken = 0

    def next_stamp(self) -> int:
        self.taken += 1
        return self.taken


class Assembly:
    """A reader with what it delivers."""

    def __init__(
        self,
        source: Source,
        prepare: Callable[..., Any] | None = None,
        *,
        windows: Sequence[Window] = (Window(),),
        limit: int | None = None,
    ) -> None:
        self.delivered: SimpleQueue[object] = SimpleQueue()
        self.stamps = Stamps()
        self.reader = Reader(
            source,  # type: ignore[arg-type]  # the part of it that a reader uses
            windows,
            limit=limit,
            prepare=prepare or prepared,  # type: ignore[arg-type]
            ledger=self.stamps,  # type: ignore[arg-type]
            deliver=self.delivered.put,
        )

    def next(self) -> Any:
        return self.delivered.get(timeout=LONGEST_SECONDS)

    def all(self) -> list[Any]:
        """What comes until the end, each page making room for another."""
        found = []
        while not found or not isinstance(found[-1], InputDone | Crashed):
            found.append(self.next())
            if isinstance(found[-1], PageReady):
                self.reader.taken()
        self.reader.join(LONGEST_SECONDS)
        return found


def prepared(page: Page, *, first_seq: int, stamp: int, moves_checkpoint: bool) -> Prepared:
    return Prepared(page.position, first_seq, 1, [], [(b"%d" % stamp)], [], moves_checkpoint=moves_checkpoint)


class WatchedSource(Source):
    """Knows of each page but the first whether the one before was gone when it was asked for."""

    def __init__(self, *, remote: bool) -> None:
        super().__init__(remote=remote)
        self.gone: list[bool] = []

    def pages(self, window: Window, *, limit: int | None = None) -> Iterator[Page]:
        for page in super().pages(window):
            value = UUID(int=1)
            watched = weakref.ref(value)
            yield replace(page, rows=[(value,)])
            del page, value
            self.gone.append(watched() is None)


both = pytest.mark.parametrize("remote", [False, True], ids=["embedded", "remote"])


@both
def test_pages_arrive_in_order_each_with_a_stamp_from_before_it_was_read(*, remote: bool) -> None:
    assembly = Assembly(Source(remote=remote))
    *pages, window, end = assembly.all()
    assert [one.prepared.position(0).key for one in pages] == [(number,) for number in range(5)]
    assert [one.prepared.first_seq for one in pages] == list(range(5))
    assert [one.prepared.unchanged_keys for one in pages] == [[b"%d" % stamp] for stamp in range(1, 6)]
    assert (type(window), end) == (WindowDone, InputDone(None))


def test_a_page_is_gone_before_the_next_is_read() -> None:
    """E4: the next finds its memory in one piece. A server's pages are read while others are prepared."""
    source = WatchedSource(remote=False)
    Assembly(source, lambda page, **numbers: prepared(Page(page.columns, [(1,)], (0,), None), **numbers)).all()
    assert source.gone == [True] * 5


@both
def test_two_pages_go_ahead_of_the_coordinator_and_no_third(*, remote: bool) -> None:
    """The next page is ready while the last one is being sent, in memory that does not grow."""
    source = Source(remote=remote)
    assembly = Assembly(source)
    for _ in range(AHEAD):
        assert isinstance(assembly.next(), PageReady)
    assert AHEAD == 2
    assert [source.reads.get(timeout=LONGEST_SECONDS) for _ in range(2)] == [0, 1]
    with pytest.raises(Empty):
        source.reads.get(timeout=A_MOMENT_SECONDS)
    assembly.reader.taken()
    assert source.reads.get(timeout=LONGEST_SECONDS) == 2
    assembly.reader.stop()
    assembly.reader.join(LONGEST_SECONDS)


class LimitedSource(Source):
    """Pages of one row and two unreadable ones; notes the limit of each window, and does not keep to it."""

    def __init__(self, *, remote: bool) -> None:
        super().__init__(remote=remote, pages=2)
        self.limits: list[int | None] = []

    def pages(self, window: Window, *, limit: int | None = None) -> Iterator[Page]:
        self.limits.append(limit)
        unreadable = tuple(UnreadableRow(Position(None, (key,)), "") for key in (1, 2))
        yield from (replace(page, unreadable=unreadable) for page in super().pages(window))


@both
@pytest.mark.parametrize(
    ("limit", "limits", "pages", "limited"),
    [
        (None, [None, None, None], 6, False),
        (20, [None, 20, 14], 6, False),
        (7, [None, 7, 1], 5, True),
        (6, [None, 6], 4, True),
        (4, [None, 4], 4, True),
        (3, [None, 3], 3, True),
        (2, [None, 2], 3, True),
    ],
)
def test_a_limit_counts_new_rows_those_that_cannot_be_decoded_among_them(
    limit: int | None, limits: list[int | None], pages: int, *, limited: bool, remote: bool
) -> None:
    """What is read again below the checkpoint would use it up; a row passed without being counted would be lost."""
    source = LimitedSource(remote=remote)
    windows = [Window(upto=Position(1, (1,)), moves_checkpoint=False), Window(), Window()]
    found = Assembly(source, windows=windows, limit=limit).all()
    assert source.limits == limits
    assert len([one for one in found if isinstance(one, PageReady)]) == pages
    assert found[-1] == InputDone(limited=limited)


@both
def test_a_reader_that_is_told_to_stop_reads_no_further_page(*, remote: bool) -> None:
    """A signal or a trouble of sending must not wait for another page of a slow table."""
    source = Source(remote=remote)
    assembly = Assembly(source)
    assert [source.reads.get(timeout=LONGEST_SECONDS) for _ in range(AHEAD)] == [0, 1]
    assembly.reader.stop()
    assembly.reader.join(LONGEST_SECONDS)
    assert source.reads.empty()


def test_a_page_of_a_server_is_read_while_another_is_prepared() -> None:
    source, may_prepare = Source(remote=True), threading.Event()

    def slowly(page: Page, **more: Any) -> Prepared:
        may_prepare.wait(LONGEST_SECONDS)
        return prepared(page, **more)

    assembly = Assembly(source, slowly)
    assert [source.reads.get(timeout=LONGEST_SECONDS) for _ in range(2)] == [0, 1]
    assert assembly.delivered.empty()
    may_prepare.set()
    assert len(assembly.all()) == 7


@both
@pytest.mark.parametrize(
    ("trouble", "told"), [(SourceFailed("gone"), InputDone), (ZeroDivisionError(), Crashed)], ids=["trouble", "bug"]
)
def test_trouble_of_reading_arrives_after_the_pages_that_were_read(
    *, remote: bool, trouble: BaseException, told: type
) -> None:
    found = Assembly(Source(remote=remote, pages=3, trouble=trouble)).all()
    assert [type(one) for one in found] == [PageReady, PageReady, PageReady, told]
    assert found[-1].error is trouble


@both
def test_a_bug_of_preparing_ends_the_input(*, remote: bool) -> None:
    bug = ZeroDivisionError()

    def broken(page: Page, **more: Any) -> Prepared:
        if page.rows == [(1,)]:
            raise bug
        return prepared(page, **more)

    assembly = Assembly(Source(remote=remote), broken)
    assert isinstance(assembly.next(), PageReady)
    assert assembly.next() == Crashed(bug)
    assembly.reader.stop()
    assembly.reader.join(LONGEST_SECONDS)
    assert assembly.delivered.empty()

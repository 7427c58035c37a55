"""The threads that read and prepare the next pages while the last ones are being sent.

The rule: at most `AHEAD` pages wait, so memory does not grow with the table; and the stamp of a page is taken before
the page is read. Where reading waits for a database server, the next page is read while one is prepared; an embedded
database computes in this process, where two threads would only take the interpreter from each other.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from queue import SimpleQueue

from etl.errors import EtlError
from etl.job.encoder import Encoded
from etl.job.ports import Ledger, Pages
from etl.job.prepare import Prepared, Preparer
from etl.job.senders import Crashed
from etl.job.spread import Spread
from etl.page import Page, Window

# How many pages may wait between the database and the loop.
AHEAD = 2


@dataclass(frozen=True, slots=True)
class PageReady:
    """A prepared page for the courier."""

    prepared: Prepared


@dataclass(frozen=True, slots=True)
class WindowDone:
    """All pages of `window` have been delivered before this."""

    window: Window


@dataclass(frozen=True, slots=True)
class InputDone:
    """Nothing more will come; `error` says why when it ended early. limited: rows may be left that a limit cut off."""

    error: EtlError | None = None
    limited: bool = False


@dataclass(frozen=True, slots=True)
class _PageRead:
    """A page read after `stamp` was taken; `first_seq` numbers its first row. Workers' pages are encoded already."""

    page: Page | Encoded
    first_seq: int
    stamp: int
    moves_checkpoint: bool


_Message = _PageRead | WindowDone | InputDone | Crashed


class RowLimit:
    """Ends the reading after so many `rows` (None: never), not counting those of the lookback.

    These are read again in each run, and would use the limit up without any progress.
    """

    def __init__(self, rows: int | None) -> None:
        self._left = rows

    @property
    def reached(self) -> bool:
        """Whether no further row is wanted."""
        return self._left == 0

    def left_in(self, window: Window) -> int | None:
        """How many rows of `window` are still wanted; None: all."""
        return None if window.is_lookback else self._left

    def count(self, rows: int, window: Window) -> None:
        """Count `rows` of `window` that were read, unreadable ones among them."""
        if self._left is not None and not window.is_lookback:
            self._left = max(0, self._left - rows)


class Reader:
    """Reads `windows` page by page in threads of its own, up to `limit` rows (see `RowLimit`)."""

    def __init__(  # noqa: PLR0913 - the parts of one assembly line
        self,
        source: Pages,
        windows: Iterable[Window],
        *,
        prepare: Preparer,
        ledger: Ledger | None,
        deliver: Callable[[object], None],
        limit: int | None = None,
    ) -> None:
        self._source = source
        self._windows = windows
        self._prepare = prepare
        self._ledger = ledger
        self._deliver = deliver
        self._limit = RowLimit(limit)
        self._places = threading.Semaphore(AHEAD)
        self._stop = threading.Event()
        self._read_pages: SimpleQueue[_Message] = SimpleQueue()
        self._threads = [threading.Thread(target=self._read, name="reader", daemon=True)]
        if source.remote:
            self._threads.append(threading.Thread(target=self._prepare_each, name="preparer", daemon=True))
        for thread in self._threads:
            thread.start()

    def taken(self) -> None:
        """Called when the loop has taken a page in, so that another may be read."""
        self._places.release()

    def stop(self) -> None:
        """Read no further page."""
        self._stop.set()
        self._places.release()

    def join(self, timeout_seconds: float) -> None:
        """Wait for the threads to end, but not for ever: a query that is never answered must not hold the process."""
        for thread in self._threads:
            thread.join(timeout_seconds)

    def _read(self) -> None:
        hand_on = self._read_pages.put if self._source.remote else self._take
        try:
            self._read_windows(hand_on)
            hand_on(InputDone(limited=self._limit.reached))
        except EtlError as error:
            hand_on(InputDone(error))
        except BaseException as error:  # noqa: BLE001 - handed to the loop, which raises it
            hand_on(Crashed(error))

    def _read_windows(self, hand_on: Callable[[_Message], None]) -> None:
        seq = 0
        for window in self._windows:
            pages = self._pages(window)
            while True:
                self._places.acquire()
                if self._stop.is_set() or self._limit.reached:
                    return
                stamp, page = next(pages, (0, None))
                if page is None:
                    self._places.release()
                    break
                self._limit.count(page.count, window)
                first_seq, seq = seq, seq + page.count
                hand_on(_PageRead(page, first_seq, stamp, window.moves_checkpoint))
                # Free the page before the next is read, so that its memory can be reused in one piece.
                del page
            hand_on(WindowDone(window))

    def _pages(self, window: Window) -> Iterator[tuple[int, Page | Encoded]]:
        """The pages of `window`, each with a stamp that was taken before it was read."""
        next_stamp = self._ledger.next_stamp if self._ledger else lambda: 0
        limit = self._limit.left_in(window)
        if isinstance(self._source, Spread):
            yield from self._source.stamped(window, limit=limit, next_stamp=next_stamp)
            return
        pages = self._source.pages(window, limit=limit)
        while True:
            stamp = next_stamp()
            try:
                # No local name for the page: it would keep the page in memory until the next one is read.
                yield stamp, next(pages)
            except StopIteration:
                return

    def _prepare_each(self) -> None:
        try:
            while True:
                message = self._read_pages.get()
                self._take(message)
                if isinstance(message, InputDone | Crashed):
                    return
                # Free the page before the next is prepared.
                del message
        except BaseException as error:  # noqa: BLE001 - handed to the loop, which raises it
            self._deliver(InputDone(error) if isinstance(error, EtlError) else Crashed(error))

    def _take(self, message: _Message) -> None:
        if isinstance(message, _PageRead):
            prepared = self._prepare(
                message.page,
                first_seq=message.first_seq,
                stamp=message.stamp,
                moves_checkpoint=message.moves_checkpoint,
            )
            self._deliver(PageReady(prepared))
        else:
            self._deliver(message)

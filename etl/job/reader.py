"""The thread that reads and prepares the next pages while the last ones are being sent.

The rule: at most `ahead` prepared pages wait, so memory does not grow with the table; and the stamp of a page is
taken before the page is read.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import islice

from etl.errors import EtlError
from etl.job.ports import Ledger, PageSource
from etl.job.prepare import Prepared, Preparer
from etl.job.senders import Crashed
from etl.page import Page, Window


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
    """Nothing more will come; `error` says why when it ended early."""

    error: EtlError | None = None


class Reader:
    """Reads `windows` page by page in a thread of its own; `limit` stops after so many rows (None: all)."""

    def __init__(  # noqa: PLR0913 - the parts of one assembly line
        self,
        source: PageSource,
        windows: Iterable[Window],
        *,
        prepare: Preparer,
        ledger: Ledger | None,
        deliver: Callable[[object], None],
        limit: int | None = None,
        ahead: int = 2,
    ) -> None:
        self._source = source
        self._windows = windows
        self._prepare = prepare
        self._ledger = ledger
        self._deliver = deliver
        self._left = limit
        self._places = threading.Semaphore(ahead)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="reader", daemon=True)
        self._thread.start()

    def taken(self) -> None:
        """Tell that a page was admitted, so that another may be read."""
        self._places.release()

    def stop(self) -> None:
        """Read no further page."""
        self._stop.set()
        self._places.release()

    def join(self, timeout_seconds: float) -> None:
        """Wait for the thread's end; a query that the database never answers must not hold the process."""
        self._thread.join(timeout_seconds)

    def _work(self) -> None:
        try:
            self._read()
            self._deliver(InputDone())
        except EtlError as error:
            self._deliver(InputDone(error))
        except BaseException as error:  # noqa: BLE001 - handed to the coordinator, which raises it
            self._deliver(Crashed(error))

    def _read(self) -> None:
        seq = 0
        for window in self._windows:
            pages = self._source.pages(window)
            while True:
                self._places.acquire()
                if self._stop.is_set() or self._left == 0:
                    return
                stamp = self._ledger.next_stamp() if self._ledger else 0
                page = next(pages, None)
                if page is None:
                    self._places.release()
                    break
                page = self._cut(page)
                prepared = self._prepare(page, first_seq=seq, stamp=stamp, moves_checkpoint=window.moves_checkpoint)
                seq += prepared.rows
                self._deliver(PageReady(prepared))
            self._deliver(WindowDone(window))

    def _cut(self, page: Page) -> Page:
        if self._left is None:
            return page
        rows = list(islice(page.rows, self._left))
        unreadable = page.unreadable if len(rows) == len(page.rows) else ()
        self._left = max(0, self._left - len(rows) - len(unreadable))
        return replace(page, rows=rows, unreadable=unreadable)

"""How far a long command is: a bar on a terminal, a plain line every ten seconds elsewhere, on stderr.

The rule: nothing here can stop or slow the work; stdout stays for results. The number of rows at stake is counted
beside the work by a connection of its own, and done without when that takes long.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, TypeAlias

from etl.books import Books
from etl.errors import EtlError
from etl.page import Window
from etl.screen.logs import in_json, is_quiet
from etl.screen.messages import tell
from etl.screen.wording import counted, duration

if TYPE_CHECKING:
    from rich.live import Live

PLAIN_LINE_SECONDS = 10.0
Plan: TypeAlias = "Sequence[Window] | int"


class Workers(Protocol):
    """The processes that prepare pages."""

    @property
    def count(self) -> int:
        """How many there are."""

    @property
    def under_way(self) -> int:
        """How many pages they are working on, or have waiting."""


class Progress:
    """Shows the books of one mapping while they grow.

    `count` tells the number of rows in windows. `dry`: nothing is sent, so what was read is done. `limit`: more rows
    than these will not be read. `stopping` says whether a signal asked for the end. `silent`: nothing is shown.
    `workers` None: this process prepares pages itself.
    """

    def __init__(  # noqa: PLR0913 - what it shows, and by what clock
        self,
        mapping: str,
        *,
        count: Callable[[Sequence[Window]], int] | None = None,
        dry: bool = False,
        limit: int | None = None,
        stopping: Callable[[], bool] = lambda: False,
        silent: bool = False,
        workers: Workers | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._mapping = mapping
        self._count = count
        self._dry = dry
        self._limit = limit
        self._stopping = stopping
        self._workers = workers
        self._monotonic = monotonic
        self._now = now
        self._terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not in_json()
        self._quiet = silent or is_quiet()
        self._begun = self._told = monotonic()
        self._total: int | None = None
        self._books = Books()
        self._looking = False
        self._live: Live | None = None

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Clear the bar."""
        self.pause()

    def planned(self, plan: Plan) -> None:
        """Take in what is to be read: a number of rows, or windows, which are counted in the background."""
        if isinstance(plan, int):
            self._total = self._limited(plan)
        elif self._count is not None and self._terminal and not self._quiet:
            threading.Thread(target=self._count_rows, args=(plan,), name="count", daemon=True).start()

    def report(self, books: Books, *, looking: bool = False) -> None:
        """Show `books` if it is time to; `looking`: the books are those of the guards' dry run."""
        self._books, self._looking = books, looking
        if self._quiet:
            return
        if self._terminal:
            if self._live is None:
                self._start()
            return
        now = self._monotonic()
        if now - self._told >= PLAIN_LINE_SECONDS:
            self._told = now
            values = books.as_dict()
            if self._workers is not None:
                values |= {"workers": self._workers.count, "pages_under_way": self._workers.under_way}
            # A log record has its time anyway; a plain line in cron's log needs one.
            at = "" if in_json() else f"{self._now():%Y-%m-%d %H:%M:%S} UTC "
            tell(f"{at}{self._mapping}: {', '.join([self.rows(), *self.figures()])}", **values)

    def pause(self) -> None:
        """Clear the bar, so that something else can be printed; the next report brings it back."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def rows(self) -> str:
        """`12,345 of 29,000 rows, 1 min 20 s left`."""
        if self._total is None:
            return counted(self.done, "row")
        left = ""
        if 0 < self.done < self._total:
            seconds = (self._total - self.done) * (self._monotonic() - self._begun) / self.done
            left = f", {duration(seconds)} left"
        return f"{self.done:,} of {counted(self._total, 'row')}{left}"

    def figures(self) -> list[str]:
        """What was sent, how fast, and what it took; or why it takes so long to stop."""
        if self._stopping():
            return ["stopping: what is under way is settled first; Ctrl-C again ends at once"]
        books, seconds = self._books, self._monotonic() - self._begun
        figures = ["looking first, nothing is sent yet"] if self._looking else []
        if not (self._dry or self._looking):
            rate = books.sent / seconds if seconds > 0 else 0.0
            figures += [f"{books.sent:,} sent", f"{rate:,.0f} events/s", counted(books.requests, "request")]
        if self._workers is not None:
            figures.append(f"{books.read / seconds if seconds > 0 else 0.0:,.0f} rows/s")
            under_way = counted(self._workers.under_way, "page")
            figures.append(f"{counted(self._workers.count, 'worker')} with {under_way} under way")
        if books.failures:
            figures.append(f"{counted(books.failures, 'row')} failed")
        if books.retries:
            figures.append(f"{counted(books.retries, 'request')} repeated")
        if books.waited_seconds >= 1:
            figures.append(f"{duration(books.waited_seconds)} waited")
        return figures

    @property
    def done(self) -> int:
        """The rows whose end is known."""
        books = self._books
        return (
            books.read
            if self._dry or self._looking
            else books.sent + books.unchanged + books.failures + books.suppressed
        )

    @property
    def share(self) -> float | None:
        """The part of the rows that is done, from 0 to 1; None when it is not known."""
        return min(1.0, self.done / self._total) if self._total else None

    @property
    def mapping(self) -> str:
        """Whose progress it is."""
        return self._mapping

    def _limited(self, rows: int) -> int:
        return rows if self._limit is None else min(rows, self._limit)

    def _count_rows(self, windows: Sequence[Window]) -> None:
        assert self._count is not None
        try:
            self._total = self._limited(self._count(windows))
        except EtlError:
            return

    def _start(self) -> None:
        from etl.screen.bar import start_bar

        self._live = start_bar(self)

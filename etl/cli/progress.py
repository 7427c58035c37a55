"""How far a long command is: a bar on a terminal, a plain line every ten seconds elsewhere, on stderr.

The rule: nothing here can stop or slow the work; stdout stays for results.
"""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

from etl.books import Books

PLAIN_LINE_SECONDS = 10.0
BAR_REFRESH_SECONDS = 0.2


class Progress:
    """Shows the books of one mapping while they grow. `total` is the number of rows at stake, None when not known."""

    def __init__(self, mapping: str, *, total: int | None = None, quiet: bool = False) -> None:
        self._mapping = mapping
        self._quiet = quiet
        self._terminal = sys.stderr.isatty() and not quiet
        self._begun = self._shown = time.monotonic()
        self._total = total
        self._bar: object | None = None

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Clear the bar."""
        self.pause()

    def report(self, books: Books) -> None:
        """Show `books` when it is time to."""
        now = time.monotonic()
        if self._quiet or now - self._shown < (BAR_REFRESH_SECONDS if self._terminal else PLAIN_LINE_SECONDS):
            return
        self._shown = now
        try:
            line = self._line(books, now - self._begun)
            sys.stderr.write(f"\r\x1b[K{line}" if self._terminal else f"{line}\n")
            sys.stderr.flush()
        except OSError:
            self._quiet = True

    def pause(self) -> None:
        """Clear the bar, so that something else can be printed."""
        if self._terminal and not self._quiet:
            try:
                sys.stderr.write("\r\x1b[K")
                sys.stderr.flush()
            except OSError:
                self._quiet = True

    def _line(self, books: Books, seconds: float) -> str:
        done = books.sent + books.unchanged + books.failures
        rate = books.sent / seconds if seconds > 0 else 0.0
        parts = [f"{self._mapping}: {books.read:,} rows read", f"{books.sent:,} sent", f"{rate:,.0f} events/s"]
        if self._total and done:
            left = max(0.0, (self._total - done) * seconds / done)
            parts.append(f"{done / self._total:.0%}, about {left:,.0f} s left")
        if books.retries:
            parts.append(f"{books.retries:,} retries")
        if books.waited_seconds >= 1:
            parts.append(f"{books.waited_seconds:,.0f} s waited")
        return " · ".join(parts)

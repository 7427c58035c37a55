"""Holds back the first pages of a run while none of their rows is to be sent: the mapping itself may be wrong.

The rule: rows that our own checks refuse are recorded only when the fuse has judged them, an event leaves, or the input
ends; so a mapping that no row fits makes no dead letters, however small its pages are.
"""

from __future__ import annotations

from etl.job.fuse import Failures
from etl.job.prepare import Prepared


class InFront:
    """The pages held back: so few rows that the fuse cannot judge them yet, and one page more."""

    def __init__(self, failures: Failures) -> None:
        self._failures = failures
        self._pages: list[Prepared] = []
        self._open = True

    @property
    def rows(self) -> int:
        """How many rows wait."""
        return sum(page.rows for page in self._pages)

    def keeps(self, page: Prepared) -> bool:
        """Whether `page`, the next one, is held back too; False: take in the pages held back, then `page`."""
        if not page.moves_checkpoint:
            # Rows of a window that is read again (lookback) were recorded when they were first read.
            return False
        self._open = self._open and not page.events and not self._failures.can_judge
        if self._open and (page.invalid or self._pages):
            self._pages.append(page)
            return True
        return False

    def released(self) -> list[Prepared]:
        """The pages that waited, in order."""
        pages, self._pages = self._pages, []
        return pages

"""The pages in front of a run of which no row is to be sent: they wait until it is known that the mapping is not wrong.

The rule: of rows that our own checks refuse nothing is recorded before the fuse could judge them, an event leaves, or
the input ends; so a mapping that no row fits buries nothing, however small its pages are.
"""

from __future__ import annotations

from etl.job.fuse import Failures
from etl.job.prepare import Prepared


class InFront:
    """Pages that wait; of so few rows that the fuse cannot judge them, and one page more."""

    def __init__(self, failures: Failures) -> None:
        self._failures = failures
        self._pages: list[Prepared] = []
        self._open = True

    @property
    def rows(self) -> int:
        """How many rows wait."""
        return sum(page.rows for page in self._pages)

    def keeps(self, page: Prepared) -> bool:
        """Whether `page`, the next one, has to wait; False: what waits and `page` are to be taken in now."""
        if not page.moves_checkpoint:
            # What is read again has its record.
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

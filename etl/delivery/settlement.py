"""What delivery hands back: events whose end is certain, and how far the checkpoint may follow.

The rule: the checkpoint follows only the contiguous prefix of rows that are settled, never the furthest one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from etl.batch.event import Event
from etl.page import Position


@dataclass(frozen=True, slots=True)
class AdmittedPage:
    """A page whose events are to be delivered.

    first_seq, rows: its rows are numbered first_seq … first_seq + rows - 1, pages following each other without a gap.
    events: those of the rows that have one to send, `seq` ascending; every other row is settled already.
    position: the position of the row with a running number.
    moves_checkpoint: False for rows below the checkpoint that are read again.
    """

    first_seq: int
    rows: int
    events: Sequence[Event]
    position: Callable[[int], Position]
    moves_checkpoint: bool = True


@dataclass(frozen=True, slots=True)
class RejectedEvent:
    """An event that becomes a dead letter: a stable reason `code`, and the API's own `words`."""

    event: Event
    reason: str
    words: str


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became certain since the last one; to be written in one transaction.

    position: the last row of the contiguous settled prefix; None when it did not move (or no checkpoint follows it).
    unconfirmed: how many of `accepted` were accepted without the API saying so.
    """

    accepted: tuple[Event, ...]
    rejected: tuple[RejectedEvent, ...]
    position: Position | None
    unconfirmed: int = 0


class Prefix:
    """The pages that hold a row which is not settled, oldest first, and how far the settled prefix was told."""

    def __init__(self) -> None:
        self._pages: deque[AdmittedPage] = deque()
        self._end = 0
        self._told = -1

    def __len__(self) -> int:
        """How many pages are held."""
        return len(self._pages)

    def admit(self, page: AdmittedPage) -> None:
        """Append a page with at least one row."""
        self._pages.append(page)
        self._end = page.first_seq + page.rows

    def advance(self, oldest_unsettled: int | None) -> Position | None:
        """Pass every row before `oldest_unsettled` (None: all rows that were admitted).

        Returns the position of the last row passed that a checkpoint may follow; None when there is no new one.
        """
        settled = self._end if oldest_unsettled is None else oldest_unsettled
        pages = self._pages
        position: Position | None = None
        while pages and pages[0].first_seq < settled:
            page = pages[0]
            page_end = page.first_seq + page.rows
            last = min(settled, page_end) - 1
            if page.moves_checkpoint and last > self._told:
                position = page.position(last)
            self._told = last
            if settled < page_end:
                break
            pages.popleft()
        return position

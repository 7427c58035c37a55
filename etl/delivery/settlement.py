"""The settlement: events that are settled, and how far the checkpoint may follow.

The rule: the checkpoint follows the contiguous prefix of settled rows, never the furthest settled row.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from etl.delivery.slot import Slot
from etl.event.event import Event
from etl.page import Position

# The reason of dead letters of a batch of which the API accepted some events without saying which.
PARTLY_ACCEPTED = "partly_accepted"


@dataclass(frozen=True, slots=True)
class AdmittedPage:
    """A page whose events are to be delivered.

    first_seq, rows: its rows are numbered first_seq … first_seq + rows - 1, pages following each other without a gap.
    events: those of the rows that have one to send, `seq` ascending; every other row is settled already. position:
    gives the position of a row by its running number. moves_checkpoint: False for rows below the checkpoint that are
    read again. stamp: that of the page, as `Event.stamp`; 0 without a ledger.
    """

    first_seq: int
    rows: int
    events: Sequence[Event]
    position: Callable[[int], Position]
    moves_checkpoint: bool = True
    stamp: int = 0


@dataclass(frozen=True, slots=True)
class RejectedEvent:
    """An event that becomes a dead letter: a stable reason `code`, and the API's own `words`.

    uncertain: the event may have been accepted, in this attempt or an earlier one.
    """

    event: Event
    reason: str
    words: str
    uncertain: bool = False


@dataclass(frozen=True, slots=True)
class Settlement:
    """What was settled since the last settlement; to be written in one transaction.

    position: the last row of the contiguous settled prefix; None when it did not move (or no checkpoint follows it).
    suppressed: events that did not leave, because their identity was forgotten meanwhile. taken_unnamed: how many of
    `rejected` the API accepted without saying which. unconfirmed: how many of `accepted` count as accepted although the
    API did not say so. settled_pages: the stamps of the pages whose last event was settled. answers: answers of the
    API, each with the accepted events that got it.
    """

    accepted: tuple[Event, ...]
    rejected: tuple[RejectedEvent, ...]
    position: Position | None
    unconfirmed: int = 0
    settled_pages: tuple[int, ...] = ()
    answers: tuple[tuple[str, tuple[Event, ...]], ...] = ()
    suppressed: tuple[Event, ...] = ()
    taken_unnamed: int = 0


@dataclass(slots=True)
class Certain:
    """Collects what is settled and not handed out yet."""

    accepted: list[tuple[Event, ...]] = field(default_factory=list)
    rejected: list[RejectedEvent] = field(default_factory=list)
    answers: list[tuple[str, tuple[Event, ...]]] = field(default_factory=list)
    slots: list[Slot] = field(default_factory=list)
    suppressed: list[Event] = field(default_factory=list)
    unconfirmed: int = 0
    taken_unnamed: int = 0

    def settlement(self, position: Position | None, *, settled_pages: tuple[int, ...]) -> Settlement:
        """All of it as a settlement."""
        parts = self.accepted
        accepted = parts[0] if len(parts) == 1 else tuple(chain.from_iterable(parts))
        rejected, answers = tuple(self.rejected), tuple(self.answers)
        suppressed = tuple(self.suppressed)
        return Settlement(
            accepted, rejected, position, self.unconfirmed, settled_pages, answers, suppressed, self.taken_unnamed
        )


class Prefix:
    """The pages with unsettled rows, oldest first, and the end of the settled prefix."""

    def __init__(self) -> None:
        self._pages: deque[AdmittedPage] = deque()
        self._end = 0
        self._told = -1
        # The stamps of pages that the prefix has passed completely.
        self._passed: list[int] = []

    def __len__(self) -> int:
        """How many pages are held."""
        return len(self._pages)

    @property
    def passed(self) -> int:
        """How many rows the prefix has passed."""
        return self._told + 1

    def admit(self, page: AdmittedPage) -> None:
        """Append a page with at least one row. Its events are not kept: most leave memory before the page is passed."""
        self._pages.append(replace(page, events=()))
        self._end = page.first_seq + page.rows

    def advance(self, oldest_unsettled: int | None) -> Position | None:
        """Pass every row before `oldest_unsettled` (None: all rows that were admitted).

        Returns the position of the last row passed that may become the checkpoint; None when there is no new one.
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
            self._passed.append(pages.popleft().stamp)
        return position

    def passed_pages(self) -> tuple[int, ...]:
        """The stamps of the pages that `advance` passed completely since the last call."""
        passed = tuple(self._passed)
        self._passed.clear()
        return passed

"""One place in flight: a batch on its way, in one piece or cut into halves that follow each other.

The rule: what is cut is sent in source order, one piece after the other, in the same place; so a batch never takes more
than one place, its identities stay busy until its end, and n events need at most 2n - 1 requests besides retries.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from etl.batch.encode import envelope
from etl.batch.event import Event
from etl.delivery.lanes import Batch
from etl.delivery.request import Request


class Slot:
    """A batch that is not settled, or not recorded yet.

    pieces: what is left to deliver, in order; the first one is being delivered. Empty: all is certain.
    flying: a request is out and its answer is awaited.
    ready_at: not before this time on the monotonic clock may the next request leave; 0: at once.
    """

    __slots__ = ("_attempt", "_body", "flying", "identities", "ordinal", "pieces", "ready_at")

    def __init__(self, batch: Batch) -> None:
        self.pieces: deque[tuple[Event, ...]] = deque((batch.events,))
        self.identities = batch.identities
        self.ordinal = batch.first_ordinal
        self.ready_at = 0.0
        self.flying = False
        self._attempt = 0
        self._body: bytes | None = None

    def launch(self, number: int) -> Request:
        """The next request; an attempt that repeats another carries the very same bytes."""
        events = self.pieces[0]
        if self._body is None:
            self._body = envelope([event.body for event in events])
        self.flying = True
        self._attempt += 1
        return Request(number, events, self._body, self._attempt)

    def again(self, *, at: float) -> None:
        """The same piece once more, not before `at`."""
        self.ready_at = at

    def next_piece(self, *instead: tuple[Event, ...]) -> None:
        """The first piece is done with; `instead` takes its place."""
        self.pieces.popleft()
        self.pieces.extendleft(reversed(instead))
        self.ready_at = 0.0
        self._attempt = 0
        self._body = None

    def halve(self) -> None:
        """Cut the first piece, of at least two events, in two."""
        events = self.pieces[0]
        middle = len(events) // 2
        self.next_piece(events[:middle], events[middle:])

    def keep(self, wanted: Callable[[int], bool]) -> None:
        """Of the first piece send again only the events whose index is wanted; none: the piece is done with."""
        rest = tuple(event for at, event in enumerate(self.pieces[0]) if wanted(at))
        self.next_piece(*((rest,) if rest else ()))

    def piece_bytes(self, at: int) -> int:
        """How many bytes a request with piece number `at` has."""
        return len(envelope([event.body for event in self.pieces[at]]))

"""What is done where nothing is accepted: which events are left, how they end, and which later ones are tried."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Sequence

from etl.delivery.endings import Endings
from etl.delivery.settings import CourierSettings
from etl.delivery.settlement import RejectedEvent
from etl.delivery.slot import Slot
from etl.errors import EtlError
from etl.event.event import Event

# So many batches may be under way beyond `concurrency` where all of them fail: as many as one may have questions.
MOST_PROBES = 8


class Further:
    """Requests of one event each, tried before a run ends for failures of which rows may be the reason.

    end: why the run ends unless one of them is accepted; None: there are no such requests. They hold the events that
    failed in a batch with others, and as many that come after them; each is tried once, without a wait.
    """

    def __init__(self) -> None:
        self.end: EtlError | None = None
        self._most = self._left = MOST_PROBES
        self._accepted = False

    @property
    def more_span(self) -> int:
        """So many events more may leave for the questions."""
        return self._most - MOST_PROBES

    def begin(self, slots: Iterable[Slot], *, most: int, end: EtlError | None) -> None:
        """Ask about the events of `slots` and those behind; most: of each so many, until one is accepted."""
        self._most = self._left = most
        self.end, self._accepted = end, False
        for slot in slots:
            if not slot.flying:
                slot.stand_alone()
            self.turn(slot)

    def places(self, slots: Collection[Slot], settings: CourierSettings) -> int:
        """How many events may leave in a new request; a parked slot's count, but must not keep all others out."""
        if self.end is not None and settings.wide:
            return int(len(slots) < settings.concurrency + self._most)
        size = settings.batch_size
        free = settings.concurrency * size - sum(slot.left if slot.parked else size for slot in slots)
        if free <= 0 and settings.wide and len(slots) < settings.concurrency + self._most:
            # Another event tells whether those that fail are at fault, or the API; several of them may stand in a row.
            return int(all(slot.stuck for slot in slots))
        return min(size if self.end is None else 1, free)

    def turn(self, slot: Slot) -> None:
        """What leaves next of `slot` while there are questions: one that was not tried, or nothing."""
        asks = self._left > 0 and slot.next_untried()
        self._left -= asks
        slot.again(at=0.0 if asks else math.inf)

    def accepted(self) -> None:
        """Something was accepted."""
        self._accepted = True

    def over(self, slots: Iterable[Slot]) -> EtlError | None:
        """All was asked: why the run ends; None: something was accepted, those that failed have their turn again."""
        end = None if self._accepted else self.end
        self._most, self.end = MOST_PROBES, None
        for slot in slots:
            slot.again(at=0.0)
        return end


def failed_beside(slots: Iterable[Slot], accepted: int) -> list[Event]:
    """The events of `slots` that failed, alone or beside others, though others were accepted since they first left.

    accepted: the run's accepted requests.
    """
    failed = (piece for slot in slots for piece in slot.pieces if piece.failed_beside(accepted))
    return sorted((event for piece in failed for event in piece.events), key=lambda event: event.seq)


def left_alone(slots: Iterable[Slot]) -> Sequence[RejectedEvent]:
    """The events of `slots` that failed alone; none where another may be tried.

    Those that wait for one of them because they are about the same person do not count.
    """
    slots = [slot for slot in slots if slot.pieces]
    if any(slot.left_alone is None for slot in slots):
        return ()
    return [
        RejectedEvent(piece.events[0], piece.refusal.code, piece.refusal.words, slot.ambiguous)
        for slot in slots
        for piece in slot.left_alone or ()
        if piece.refusal is not None
    ]


def give_up(slots: Iterable[Slot], seqs: Collection[int], endings: Endings) -> Iterator[Slot]:
    """Give up the events with these numbers that failed alone, and let what waited for them leave; yields their slots.

    What of `slots` failed besides may leave again too.
    """
    for slot in slots:
        over = [piece for piece in slot.pieces if piece.failed_alone and piece.events[0].seq in seqs]
        for piece in over:
            assert piece.refusal is not None, "it failed alone"
            endings.reject(piece.events[0], piece.refusal, uncertain=slot.ambiguous)
            slot.pieces.remove(piece)
        slot.again(at=0.0)
        if over:
            slot.gave_up = True
            yield slot


def something_beside(slot: Slot, slots: Iterable[Slot], *, more: bool) -> bool:
    """Whether something besides `slot` is under way, or could be before it is done. more: other events wait."""
    return any(other.pieces for other in slots if other is not slot) or (slot.parked and more)

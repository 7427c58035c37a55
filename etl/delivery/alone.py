"""Handles events that fail while nothing else is accepted: which are left, which to try, how they are given up."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Sequence

from etl.delivery.endings import Endings
from etl.delivery.settings import CourierSettings
from etl.delivery.settlement import RejectedEvent
from etl.delivery.slot import Slot
from etl.errors import EtlError
from etl.event.event import Event

# How many batches beyond `concurrency` may be under way when all of them fail, to find out whether the API is well.
MOST_PROBES = 8


class Further:
    """Probes: requests of one event, tried before a run ends for failures that rows may have caused.

    They hold the events that failed in a batch, and as many of the events behind them; each is tried once, without a
    wait. end: why the run ends unless a probe is accepted; None: there are no probes.
    """

    def __init__(self) -> None:
        self.end: EtlError | None = None
        self._most = self._left = MOST_PROBES
        self._accepted = False

    @property
    def more_span(self) -> int:
        """How many events beyond the span may leave for the probes."""
        return self._most - MOST_PROBES

    def begin(self, slots: Iterable[Slot], *, most: int, end: EtlError | None) -> None:
        """Begin probes of the events of `slots` and of those behind, at most `most` of each, until one is accepted."""
        self._most = self._left = most
        self.end, self._accepted = end, False
        for slot in slots:
            if not slot.flying:
                slot.stand_alone()
            self.turn(slot)

    def places(self, slots: Collection[Slot], settings: CourierSettings) -> int:
        """How many events may leave in a new request. Parked slots count, but must not block all other events."""
        if self.end is not None and settings.wide:
            return int(len(slots) < settings.concurrency + self._most)
        size = settings.batch_size
        free = settings.concurrency * size - sum(slot.left if slot.parked else size for slot in slots)
        if free <= 0 and settings.wide and len(slots) < settings.concurrency + self._most:
            # One more event shows whether those that fail are at fault, or the API; several bad ones may follow each
            # other.
            return int(all(slot.stuck for slot in slots))
        return min(size if self.end is None else 1, free)

    def turn(self, slot: Slot) -> None:
        """Put an event of `slot` that was not tried in front, as the next probe; or let the slot wait."""
        asks = self._left > 0 and slot.next_untried()
        self._left -= asks
        slot.again(at=0.0 if asks else math.inf)

    def accepted(self) -> None:
        """Something was accepted."""
        self._accepted = True

    def over(self, slots: Iterable[Slot]) -> EtlError | None:
        """End the probes. Returns why the run ends; None: one was accepted, so the failed events are tried again."""
        end = None if self._accepted else self.end
        self._most, self.end = MOST_PROBES, None
        for slot in slots:
            slot.again(at=0.0)
        return end


def failed_beside(slots: Iterable[Slot], accepted: int) -> list[Event]:
    """The events of `slots` that failed, alone or in a batch, although others were accepted since they first left.

    accepted: how many requests of the run were accepted.
    """
    failed = (piece for slot in slots for piece in slot.pieces if piece.failed_beside(accepted))
    return sorted((event for piece in failed for event in piece.events), key=lambda event: event.seq)


def left_alone(slots: Iterable[Slot]) -> Sequence[RejectedEvent]:
    """The events of `slots` that failed alone, if no other event can be tried; otherwise none.

    Events that wait for one of them because they are about the same person cannot be tried.
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
    """Give up the events with these numbers that failed alone, and release what waited for them; yields their slots.

    Other failed events of `slots` may leave again too.
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

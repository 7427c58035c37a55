"""What is done where nothing is accepted: who is left, their end, and the events behind them that are asked."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from etl.delivery.endings import Endings
from etl.delivery.settlement import RejectedEvent
from etl.delivery.slot import Slot
from etl.errors import EtlError

# So many batches may be under way beyond `concurrency` where all of them fail: as many as one may have questions.
MOST_PROBES = 8


class Further:
    """How many events behind those that fail are asked.

    probes: so many of them. end: why the run ends unless one of them is accepted; while it is not None no other event
    leaves.
    """

    def __init__(self) -> None:
        self.probes = MOST_PROBES
        self.end: EtlError | None = None

    def begin(self, slots: Iterable[Slot], *, probes: int, end: EtlError | None) -> None:
        """From now on ask up to `probes` events, and let those in `slots` wait for what is said to them."""
        self.probes, self.end = probes, end
        for slot in slots:
            slot.again(at=math.inf)

    def accepted(self, slots: Iterable[Slot]) -> None:
        """Something was accepted: those that failed have their turn."""
        if self.end is not None:
            self.end = None
            for slot in slots:
                slot.again(at=0.0)

    def again_at(self, moment: float) -> float:
        """When an event that failed leaves again, which would be at `moment`."""
        return moment if self.end is None else math.inf


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


def give_up(slots: Iterable[Slot], endings: Endings) -> Iterator[Slot]:
    """Give up what is left alone, and let what waited for it leave; yields the slots that held it."""
    for slot in [slot for slot in slots if slot.pieces]:
        for piece in slot.left_alone or ():
            assert piece.refusal is not None, "it failed alone"
            endings.reject(piece.events[0], piece.refusal, uncertain=slot.ambiguous)
            slot.pieces.remove(piece)
        slot.gave_up = True
        slot.again(at=0.0)
        yield slot


def something_beside(slot: Slot, slots: Iterable[Slot], *, more: bool) -> bool:
    """Whether something besides `slot` is under way, or could be before it is done. more: other events wait."""
    return any(other.pieces for other in slots if other is not slot) or (slot.parked and more)

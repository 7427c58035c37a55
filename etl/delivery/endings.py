"""Applies a verdict to the events of its request: accepted, given up, or sent again in other requests.

The rule: an event is settled once, and only by a verdict on it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import assert_never

from etl.delivery.blame import BlameStep
from etl.delivery.lanes import Lanes
from etl.delivery.settlement import PARTLY_ACCEPTED, Certain, RejectedEvent
from etl.delivery.slot import Request, Slot
from etl.event.event import Event
from etl.verdict.judge import Accepted, Partly, PartlyAccepted, Refusal, Refused, TooLarge, TryAgain


class Endings:
    """The ends of one run's events.

    certain: what is settled but not handed out yet. open: how many admitted events are not settled. said: the API's
    words to the events that are accepted next.
    """

    def __init__(self, lanes: Lanes) -> None:
        self.certain = Certain()
        self.open = 0
        self.said = ""
        self._lanes = lanes
        # What the indexes in this API's answers count from (0 or 1); None: no answer has shown it yet.
        self._counts_from: int | None = None

    def hand_out(self) -> None:
        """Begin a new settlement: what was settled so far has been handed out."""
        self.certain = Certain()

    def decide(
        self, slot: Slot, request: Request, verdict: Accepted | Partly | Refused | PartlyAccepted | TooLarge
    ) -> int:
        """Apply `verdict` to the events of `request`, the first piece of `slot`. Returns how many are unconfirmed."""
        events = request.events
        if not isinstance(verdict, Refused | TooLarge):
            self._lanes.size_accepted(len(request.body))
        match slot.as_far_as_believed(verdict):
            case Accepted(unconfirmed=unconfirmed):
                self._accept(events, unconfirmed=unconfirmed)
                slot.next_piece()
                return len(events) if unconfirmed else 0
            case Partly() as partly:
                self._take_partly(slot, events, partly)
            case PartlyAccepted(created=created):
                words = f"the API took {created} of {len(events)} events and did not say which"
                for event in events:
                    self.reject(event, Refusal(PARTLY_ACCEPTED, words), uncertain=True)
                self.certain.taken_unnamed += created
                slot.next_piece()
            case Refused(refusal=refusal):
                self._halve(slot, events, refusal)
            case TooLarge():
                slot.halve()
                # By the longer half, so that one huge event does not make every later request tiny.
                self._lanes.lower_max_bytes(max(slot.piece_bytes(0), slot.piece_bytes(1)))
            case _:
                assert_never(verdict)
        return 0

    def as_far_as_of_size(self, request: Request, verdict: TooLarge) -> TooLarge | TryAgain:
        """The verdict on a 413: `verdict` itself; `TryAgain` for a size that was accepted before, or one event."""
        alone = len(request.events) == 1
        news = self._lanes.is_news_of_size(len(request.body), alone=alone)
        return verdict if news and not alone else verdict.as_trouble(too_large=news)

    def follow(self, slot: Slot, step: BlameStep, refusal: Refusal, *, at: float) -> None:
        """Apply `step` to the first piece of `slot`, which failed; the rest of it leaves not before `at`.

        refusal: the reason, if it is given up.
        """
        match step:
            case BlameStep.GIVE_UP:
                self.reject(slot.pieces[0].events[0], refusal, uncertain=slot.ambiguous)
                slot.gave_up = True
                slot.next_piece()
            case BlameStep.HALVE:
                slot.halve()
                slot.again(at=at)
            case BlameStep.HALVE_AND_OTHERS_FIRST:
                slot.halve()
                if slot.has_untried_behind(2):
                    slot.step_back()
                    slot.step_back()
                slot.again(at=at)
            case BlameStep.OTHERS_FIRST if slot.step_back() and not slot.pieces[0].attempts:
                pass
            case _:
                slot.again(at=at)

    def suppress(self, request: Request, suppressed: Collection[int]) -> None:
        """Settle the events with these indexes of `request`, which was not sent."""
        self.certain.suppressed += [request.events[at] for at in sorted(suppressed)]
        self.open -= len(suppressed)

    def reject(self, event: Event, refusal: Refusal, *, uncertain: bool) -> None:
        """Give `event` up. uncertain: it may have been accepted nevertheless."""
        self.certain.rejected.append(RejectedEvent(event, refusal.code, refusal.words, uncertain))
        self.open -= 1

    def _take_partly(self, slot: Slot, events: tuple[Event, ...], partly: Partly) -> None:
        assert partly.errors, "a verdict that names no event cannot be attributed"
        taken = partly.others == "accepted"
        self._counts_from = self._counts_from if partly.counts_from is None else partly.counts_from
        if self._counts_from is None:
            # If indexes count from 1, the event before each is meant; sent alone, each shows which, and how this API
            # counts.
            doubted = {at - before for at in partly.errors for before in (0, 1)}
            slot.ambiguous |= taken
            self._accept(slot.take_apart(doubted, others_leave=not taken))
            return
        shift = self._counts_from if partly.counts_from is None else 0
        errors = {at - shift: refusal for at, refusal in partly.errors.items()}
        for at, refusal in sorted(errors.items()):
            self.reject(events[at], refusal, uncertain=slot.ambiguous)
        if taken:
            self._accept(tuple(event for at, event in enumerate(events) if at not in errors))
            slot.next_piece()
        else:
            slot.keep(lambda at: at not in errors)

    def _halve(self, slot: Slot, events: tuple[Event, ...], refusal: Refusal) -> None:
        if len(events) == 1:
            self.reject(events[0], refusal, uncertain=slot.ambiguous)
            slot.next_piece()
        else:
            slot.halve()

    def _accept(self, events: tuple[Event, ...], *, unconfirmed: bool = False) -> None:
        if not events:
            return
        self.certain.accepted.append(events)
        self.certain.answers.append((self.said, events))
        self.open -= len(events)
        if unconfirmed:
            self.certain.unconfirmed += len(events)

"""Delivers events: decides what leaves when, applies verdicts to events, and tells what is settled.

The rule: nothing is lost and hardly anything is sent twice. An event is settled only by a verdict on it; a place in
flight is used again only after the state has recorded its events; the checkpoint follows only the contiguous settled
prefix.

    admitted ──take──> in flight ──answered──> certain ──committed──> gone
       │                  ^  │
       │                  └──┘ again after a wait, or in halves, in the same place
       └ waits while its identity is in flight, the span is used up, or the batch is not full

Pure and single-threaded: `now` (seconds on the monotonic clock) and `jitter` are arguments. Call `next_request` again
after every other call, and at `wake_at`.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Collection, Sequence

from etl.delivery.alone import Further, failed_beside, give_up, left_alone, something_beside
from etl.delivery.blame import Blame, BlameStep, Elsewhere
from etl.delivery.endings import Endings
from etl.delivery.lanes import Lanes
from etl.delivery.retry import Patience, nothing_else_accepted
from etl.delivery.settings import CourierSettings, CourierTally
from etl.delivery.settlement import AdmittedPage, Prefix, RejectedEvent, Settlement
from etl.delivery.slot import Request, Slot, oldest_unsettled, unanswered
from etl.delivery.throttle import Budget
from etl.errors import EtlError
from etl.event.event import Event
from etl.verdict.judge import Refusal, Refused, Stop, TooLarge, TryAgain, Verdict

__all__ = ["AdmittedPage", "Courier", "CourierSettings", "CourierTally", "RejectedEvent", "Request", "Settlement"]

MAX_PAGES_HELD = 8
# The backoff of suspect events stops growing after so many failures: others are accepted, so the API is not overloaded.
_LONGEST_SUSPECT_BACKOFF = 4
_ATTEMPTS_OF_A_PROBE = 2


class Courier:
    """The state machine of delivery for one run of one mapping."""

    def __init__(self, *, settings: CourierSettings, budget: Budget) -> None:
        self.tally = CourierTally()
        self.trouble: EtlError | None = None
        # The events of the request that caused `trouble`, if the account, the key or the address seems to be refused.
        self.refused: Sequence[RejectedEvent] = ()
        self._settings = settings
        self._span = max(settings.span_events, settings.batch_size)
        self.budget = budget
        self._patience = Patience(settings.retry)
        self._blame = Blame(more_span=settings.batch_size if settings.wide else 0)
        self._lanes = Lanes(batch_size=settings.batch_size, max_batch_bytes=settings.max_batch_bytes)
        self._prefix = Prefix()
        self._slots: list[Slot] = []
        self._flying: dict[int, Slot] = {}
        self._endings = Endings(self._lanes)
        self._handed_out: deque[tuple[Settlement, list[Slot]]] = deque()
        self._more = True
        self._flush = False
        self._halted = False
        # Whether something happened since `next_request` last found nothing to send.
        self._changed = False
        self._wake_at: float | None = None
        self._throttled_since: float | None = None
        # Whether there may be something new for `settlement`.
        self._news = False
        self._numbered = 0
        self._further = Further()

    @property
    def room(self) -> bool:
        """Whether another page may be admitted: few events and bytes wait, and not too many pages are held.

        So at most one page more than that waits, however large its events are.
        """
        few = len(self._lanes) < self._span and self._lanes.size < self._settings.waiting_bytes
        return few and len(self._prefix) < MAX_PAGES_HELD

    @property
    def wake_at(self) -> float | None:
        """When to call `next_request` again, on the monotonic clock; 0.0: now; None: only after an answer."""
        return 0.0 if self._changed and not self._halted else self._wake_at

    @property
    def idle(self) -> bool:
        """Whether everything admitted is settled and recorded."""
        return not (self._endings.open or self._slots or self._prefix or self._handed_out)

    @property
    def unanswered(self) -> list[Event] | None:
        """The events that left and are not settled and recorded; None: there are none."""
        return unanswered(self._slots, self._handed_out) if self._slots or self._handed_out else None

    @property
    def held_up(self) -> bool:
        """Whether an event suspected of making its requests fail waits for something else to be accepted."""
        return any(slot.stuck or slot.more_span for slot in self._slots)

    @property
    def passed_rows(self) -> int:
        """How many rows are settled without a gap, by the last settlement."""
        return self._prefix.passed

    @property
    def spared(self) -> int:
        """How many events are sent again because an answer named other events of their batch as bad."""
        return sum(len(piece.events) for slot in self._slots for piece in slot.pieces if piece.spared)

    @property
    def unsettled(self) -> int:
        """How many admitted events are not settled."""
        return self._endings.open

    def admit(self, page: AdmittedPage) -> None:
        """Take in a page's events. Pages come in order; check `room` first."""
        if not page.rows:
            return
        self._prefix.admit(page)
        self._lanes.admit(page.events)
        self._endings.open += len(page.events)
        self._flush = False
        self._changed = self._news = True

    def more_is_coming(self, more: bool) -> None:  # noqa: FBT001 - reads as a sentence
        """Call with False after the last page: from then on requests may leave that are not full."""
        self._more = more
        self._changed = True

    def flush(self) -> None:
        """Until the next page is admitted, let requests leave that are not full."""
        self._flush = True
        self._changed = True

    @property
    def left_alone(self) -> Sequence[RejectedEvent]:
        """The events that failed alone, if nothing else is left, each with the reason to give it up; else empty."""
        others = self._more or self._flying or not self._lanes.only_followers
        return () if others else left_alone(self._slots)

    @property
    def failed_beside(self) -> Sequence[Event]:
        """The events that failed, alone or in a batch, although others were accepted since they first left."""
        return failed_beside(self._slots, self._blame.accepted_requests)

    def give_up(self, seqs: Collection[int]) -> bool:
        """Give up those of the events with these numbers that failed alone, and go on; False: there are none."""
        given_up = list(give_up(self._slots, seqs, self._endings))
        for slot in given_up:
            self._settled(slot)
        if given_up:
            self._go_on()
        return bool(given_up)

    def blame_rows(self) -> None:
        """Go on after `refused`: from now on such answers may be meant for rows, if other events are accepted."""
        self._blame.rows, self.refused = True, ()
        self._go_on()

    def ask_one_by_one(self, most: int) -> None:
        """Go on: send events that failed in a batch, and those behind, one by one; if none is accepted the run ends.

        most: at most so many events. The API has just answered that it is well, so the time without success begins
        anew.
        """
        self._patience.went_well()
        self._further.begin(self._slots, most=most, end=self.trouble)
        self._go_on()

    def seconds_to_turn(self, now: float) -> float:
        """How many seconds a call to the API outside of delivery has to wait; 0: it may be made now, and is charged."""
        return self.budget.take(events=0, now=now)

    def _go_on(self) -> None:
        self.trouble, self._halted, self._changed = None, False, True

    def halt(self) -> None:
        """Let no new request leave; what is in flight may still be answered and settled."""
        self._halted = True
        self._wake_at = None

    def next_request(self, *, now: float, jitter: Callable[[], float]) -> Request | None:  # noqa: ARG002
        """The next request to send at `now`; None when there is none: see `wake_at` and `trouble`."""
        if self._halted:
            return None
        if len(self._flying) >= self._settings.concurrency:
            self._changed, self._wake_at = False, None
            return None
        slot = self._ready_slot(now) or self._new_slot()
        if slot is None:
            self._changed = False
            self._wake_at = min(
                (slot.ready_at for slot in self._slots if slot.pieces and not slot.flying), default=None
            )
            more = self._more and not self._lanes and self.room
            if self._wake_at == math.inf:
                self._wake_at = None
                if not (more or self._flying):
                    self._all_asked()
            return None
        wait = self.budget.take(events=len(slot.pieces[0].events), now=now)
        if wait > 0:
            self._throttled(wait, now=now)
            return None
        if self._throttled_since is not None:
            self.tally.waited_seconds += now - self._throttled_since
            self._throttled_since = None
        self.tally.requests += 1
        self._numbered += 1
        self._blame.leaves(slot, number=self._numbered)
        request = slot.launch(self._numbered)
        if request.attempt == 1:
            self._patience.first_attempt()
        else:
            self.tally.retries += 1
        self._flying[request.number] = slot
        self._changed = True
        return request

    def answered(
        self, request: Request, verdict: Verdict, *, now: float, jitter: Callable[[], float], said: str = ""
    ) -> None:
        """Apply `verdict` to `request`, answered at `now`; `said`: the API's words to accepted events."""
        self._endings.said = said
        slot = self._flying.pop(request.number)
        slot.flying = False
        self._changed = True
        if isinstance(verdict, TooLarge):
            verdict = self._endings.as_far_as_of_size(request, verdict)
        if isinstance(verdict, TryAgain):
            self._try_again(slot, request, verdict, now=now, jitter=jitter)
            return
        if isinstance(verdict, Stop):
            refusal = verdict.unless_others_pass or (verdict.if_key_is_right if self._blame.rows else None)
            if refusal is None:
                self._stop(verdict.error, slot, verdict.if_key_is_right)
                return
            verdict = Refused(refusal, verdict, stop_at_once=True, may_be_chance=True)
        if isinstance(verdict, Refused) and verdict.stop is not None:
            self._doubt(slot, verdict, verdict.stop, now=now, jitter=jitter)
            return
        if isinstance(verdict, TooLarge):
            self._blame.too_large(slot)
        else:
            self._blame.accepted(slot, number=request.number)
            self._further.accepted()
        self._patience.went_well()
        self.tally.unconfirmed += self._endings.decide(slot, request, verdict)
        self._settled(slot)
        # Last: if the host refuses to record it, the verdict has been applied already.
        self.budget.went_well(now)

    def withhold(self, request: Request, suppressed: Collection[int]) -> None:
        """Take back `request`, which was not sent: its `suppressed` events (indexes) are settled, others may leave."""
        slot = self._flying.pop(request.number)
        slot.flying = False
        self.tally.requests -= 1
        self.tally.retries -= request.attempt > 1
        self._endings.suppress(request, suppressed)
        slot.keep(lambda at: at not in suppressed)
        self._changed = True
        self._settled(slot)

    def _settled(self, slot: Slot) -> None:
        self._news = True
        if self._further.end is not None:
            self._further.turn(slot)
        if not slot.pieces:
            self._blame.ended(slot)
            self._endings.certain.slots.append(slot)

    def settlement(self) -> Settlement | None:
        """All that was settled since the last call; None for nothing. Record it, then call `committed`."""
        if not self._news:
            return None
        self._news = False
        certain = self._endings.certain
        position = self._prefix.advance(oldest_unsettled(self._slots, self._lanes.first_seq))
        if not (certain.accepted or certain.rejected or certain.suppressed or position):
            # Pages that move no checkpoint may be settled, so there may be room again, or nothing left to do.
            self._changed = True
            return None
        settlement = certain.settlement(position, settled_pages=self._prefix.passed_pages())
        self._handed_out.append((settlement, certain.slots))
        self._endings.hand_out()
        return settlement

    def committed(self, settlement: Settlement) -> None:
        """The state has recorded `settlement`: free its places and identities. Settlements are committed in order."""
        recorded, slots = self._handed_out.popleft()
        assert recorded is settlement, "settlements are committed in the order in which they were handed out"
        for slot in slots:
            self._slots.remove(slot)
            self._lanes.free(slot.identities)
        self._changed = True

    def _ready_slot(self, now: float) -> Slot | None:
        # The oldest slot goes first, because it holds the prefix back; but probes must have their turn too.
        stuck: Slot | None = None
        for slot in self._slots:
            if slot.pieces and not slot.flying and slot.ready_at <= now:
                if not slot.stuck:
                    return slot
                stuck = stuck or slot
        return stuck

    def _new_slot(self) -> Slot | None:
        most = self._further.places(self._slots, self._settings)
        if not self._changed or most <= 0 or not self._lanes:
            return None
        oldest = min((slot.ordinal for slot in self._slots), default=self._lanes.first_ordinal)
        before = min(oldest, self._lanes.first_ordinal) + self._span
        further = self._further.more_span if self._settings.wide else 0  # else the span is what a kill may repeat
        before += max((slot.more_span for slot in self._slots), default=0) + further
        # A request that is not full may leave if neither more input nor an answer can fill it.
        partial = not self._more or self._flush or (not self._slots and not self.room)
        batch = self._lanes.take(before_ordinal=before, partial=partial, most=most)
        if batch is None:
            return None
        slot = Slot(batch)
        slot.probes = bool(self._slots) and all(other.stuck for other in self._slots)
        self._slots.append(slot)
        return slot

    def _all_asked(self) -> None:
        end = self._further.over(self._slots)
        self._changed = True
        if end is not None:
            self._stop(end)

    def _throttled(self, wait: float, *, now: float) -> None:
        self._changed = False
        self._wake_at = now + wait
        if self._throttled_since is None:
            self._throttled_since = now
        trouble = self._patience.too_long(wait)
        if trouble is not None:
            self._stop(trouble)

    def _try_again(
        self, slot: Slot, request: Request, verdict: TryAgain, *, now: float, jitter: Callable[[], float]
    ) -> None:
        self.tally.ambiguous += verdict.ambiguous
        slot.ambiguous |= verdict.ambiguous
        words = f"{verdict.cause}: {verdict.words}" if verdict.words else verdict.cause
        refusal = Refusal(verdict.code, words)
        slot.pieces[0].refusal = refusal if self._blame.may_be_event(verdict) else None
        used_up = self._patience.used_up(verdict, attempt=request.attempt)
        used_up |= self._further.end is not None or (slot.probes and request.attempt >= _ATTEMPTS_OF_A_PROBE)
        suspect = slot.is_suspect
        step = self._blame.failed(slot, verdict, used_up=used_up, elsewhere=Elsewhere.than(slot, self._slots))
        if slot.is_suspect and not suspect:
            self._patience.forgive(request.attempt - 1)
        # A slot that waits for another's answer need not be retried soon.
        soon = step is not None and not slot.waits
        attempt = min(slot.failed_in_a_row, _LONGEST_SUSPECT_BACKOFF) if soon else request.attempt
        wait = self._patience.after(verdict, attempt=attempt, now=now, jitter=jitter, suspect=step is not None)
        if step is None and (verdict.throttled or self._patience.repeated_trouble):
            self.budget.slow_down(now)
        if isinstance(wait, EtlError):
            self._stop(wait, slot, refusal if used_up and verdict.throttled else None)
            return
        if step is None:
            slot.again(at=now + wait)
            return
        if step is BlameStep.STOP and self._further.end is None:
            self._stop(nothing_else_accepted(slot.pieces[0].events, words, unreadable=verdict.unreadable))
            return
        self._take_step(slot, step, refusal, at=now + wait)

    def _take_step(self, slot: Slot, step: BlameStep, refusal: Refusal, *, at: float) -> None:
        if self._further.end is not None and step is not BlameStep.GIVE_UP:
            self._further.turn(slot)
            return
        self._endings.follow(slot, step, refusal, at=at)
        if step is BlameStep.GIVE_UP:
            self._settled(slot)

    def _doubt(self, slot: Slot, verdict: Refused, stop: Stop, *, now: float, jitter: Callable[[], float]) -> None:
        """Handle a refusal for key, account or by a firewall: events are blamed only if others are accepted."""
        slot.pieces[0].refusal = verdict.refusal if self._blame.rows else None
        step = self._blame.refused(slot, verdict, elsewhere=Elsewhere.than(slot, self._slots))
        if step is BlameStep.OTHERS_FIRST and not verdict.may_be_chance and len(slot.pieces) == 1:
            step = step if something_beside(slot, self._slots, more=bool(self._more or self._lanes)) else BlameStep.STOP
        if step is BlameStep.STOP and not (self._further.end is not None and self._blame.rows):
            self._stop(stop.error, slot, verdict.refusal)
            return
        attempt = min(slot.failed_in_a_row, _LONGEST_SUSPECT_BACKOFF)
        wait = 0.0 if step is BlameStep.HALVE else self._patience.backoff(attempt, jitter=jitter)
        self._take_step(slot, step, verdict.refusal, at=now + wait)

    def _stop(self, error: EtlError, slot: Slot | None = None, refusal: Refusal | None = None) -> None:
        """End the run; `refusal`: the answer to the first piece of `slot`, if its rows may be the reason."""
        if slot is not None and refusal is not None and self.trouble is None:
            self.refused = [RejectedEvent(event, refusal.code, refusal.words) for event in slot.pieces[0].events]
        self.trouble = self.trouble or error
        self.halt()

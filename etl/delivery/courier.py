"""Delivers events: decides what leaves when, what an answer means for it, and what has become certain.

The rule: nothing is lost and hardly anything sent twice. An event is settled only by a verdict on it; a place in
flight is used again only after the state has recorded what was in it; the checkpoint follows the contiguous settled
prefix alone.

    admitted ──take──> in flight ──answered──> certain ──committed──> gone
       │                  ^  │
       │                  └──┘ again after a wait, or in halves, in the same place
       └ waits while its identity is in flight, the span is used up, or the batch is not full

Pure and single-threaded: `now` (seconds on the monotonic clock) and `jitter` are arguments. After every other call
`next_request` is worth asking again; `wake_at` says when the time alone makes it so.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain
from typing import assert_never

from etl.batch.event import Event
from etl.delivery.lanes import Lanes
from etl.delivery.request import Request
from etl.delivery.retry import Patience, RetrySettings
from etl.delivery.settlement import AdmittedPage, Prefix, RejectedEvent, Settlement
from etl.delivery.slot import Slot
from etl.delivery.throttle import Budget
from etl.delivery.verdict import Accepted, Partly, PartlyAccepted, Refusal, Refused, Stop, TooLarge, TryAgain, Verdict
from etl.errors import EtlError

__all__ = ["AdmittedPage", "Courier", "CourierSettings", "CourierTally", "RejectedEvent", "Request", "Settlement"]

MAX_PAGES_HELD = 8


@dataclass(frozen=True, slots=True)
class CourierSettings:
    """How to deliver.

    batch_size, max_batch_bytes: most events and bytes a request. concurrency: most requests in flight.
    span_events: the newest event that left lies less than this many events to send after the oldest unsettled one; at
    least `batch_size`. Without a ledger, `concurrency x batch_size` bounds the repeats after a kill.
    The others are `RetrySettings`.
    """

    batch_size: int = 100
    max_batch_bytes: int = 524_288
    concurrency: int = 4
    span_events: int = 400
    max_attempts: int = 8
    max_backoff_seconds: float = 60.0
    give_up_after_seconds: float = 600.0
    first_backoff_seconds: float = 1.0
    retry_allowance: int = 100

    @property
    def retry(self) -> RetrySettings:
        """The bounds on trying again."""
        return RetrySettings(
            max_attempts=self.max_attempts,
            first_backoff_seconds=self.first_backoff_seconds,
            max_backoff_seconds=self.max_backoff_seconds,
            give_up_after_seconds=self.give_up_after_seconds,
            allowance=self.retry_allowance,
        )


@dataclass(slots=True)
class CourierTally:
    """What delivery did so far.

    requests: attempts. retries: attempts that repeated another. ambiguous: attempts after which the events may have
    been accepted without our knowing. unconfirmed: events accepted without the API saying so.
    waited_seconds: the time in which only the throttle kept a request back.
    """

    requests: int = 0
    retries: int = 0
    ambiguous: int = 0
    unconfirmed: int = 0
    waited_seconds: float = 0.0


@dataclass(slots=True)
class _Certain:
    """What became certain and was not handed out yet."""

    accepted: list[tuple[Event, ...]] = field(default_factory=list)
    rejected: list[RejectedEvent] = field(default_factory=list)
    slots: list[Slot] = field(default_factory=list)
    unconfirmed: int = 0


class Courier:
    """The state machine of delivery for one run of one mapping."""

    def __init__(self, *, settings: CourierSettings, budget: Budget) -> None:
        self.tally = CourierTally()
        self.trouble: EtlError | None = None
        self._settings = settings
        self._span = max(settings.span_events, settings.batch_size)
        self._budget = budget
        self._patience = Patience(settings.retry)
        self._lanes = Lanes(batch_size=settings.batch_size, max_batch_bytes=settings.max_batch_bytes)
        self._prefix = Prefix()
        self._slots: list[Slot] = []
        self._flying: dict[int, Slot] = {}
        self._certain = _Certain()
        self._handed_out: deque[tuple[Settlement, list[Slot]]] = deque()
        self._unsettled = 0
        self._more = True
        self._flush = False
        self._halted = False
        # Whether something happened since `next_request` last found nothing to send.
        self._changed = False
        self._wake_at: float | None = None
        self._throttled_since: float | None = None
        # Whether `settlement` may have something to say.
        self._news = False

    @property
    def room(self) -> bool:
        """Whether another page may be admitted: less than the span waits, and not too many pages are held."""
        return len(self._lanes) < self._span and len(self._prefix) < MAX_PAGES_HELD

    @property
    def wake_at(self) -> float | None:
        """When `next_request` may say something else, on the monotonic clock; 0.0: now; None: after an answer only."""
        return 0.0 if self._changed and not self._halted else self._wake_at

    @property
    def idle(self) -> bool:
        """Whether everything admitted is settled and recorded."""
        return not (self._unsettled or self._slots or self._prefix or self._handed_out)

    @property
    def unsettled(self) -> int:
        """How many admitted events have no certain end."""
        return self._unsettled

    def admit(self, page: AdmittedPage) -> None:
        """Take a page's events in. Pages come in order; ask `room` first."""
        if not page.rows:
            return
        self._prefix.admit(page)
        self._lanes.admit(page.events)
        self._unsettled += len(page.events)
        self._flush = False
        self._changed = self._news = True

    def more_is_coming(self, more: bool) -> None:  # noqa: FBT001 - reads as a sentence
        """Say False after the last page: from now on a request may leave that is not full."""
        self._more = more
        self._changed = True

    def flush(self) -> None:
        """Let what was admitted so far leave in requests that are not full; until the next page is admitted."""
        self._flush = True
        self._changed = True

    def halt(self) -> None:
        """Let no new request leave; what is in flight may still be answered and settled."""
        self._halted = True
        self._wake_at = None

    def next_request(self, *, now: float, jitter: Callable[[], float]) -> Request | None:  # noqa: ARG002
        """The next request to send at `now`; None when there is none: see `wake_at` and `trouble`."""
        if self._halted:
            return None
        slot = self._ready_slot(now) or self._new_slot()
        if slot is None:
            self._changed = False
            self._wake_at = min(
                (slot.ready_at for slot in self._slots if slot.pieces and not slot.flying), default=None
            )
            return None
        wait = self._budget.take(events=len(slot.pieces[0]), now=now)
        if wait > 0:
            self._throttled(wait, now=now)
            return None
        if self._throttled_since is not None:
            self.tally.waited_seconds += now - self._throttled_since
            self._throttled_since = None
        self.tally.requests += 1
        request = slot.launch(self.tally.requests)
        if request.attempt == 1:
            self._patience.first_attempt()
        else:
            self.tally.retries += 1
        self._flying[request.number] = slot
        self._changed = True
        return request

    def answered(self, request: Request, verdict: Verdict, *, now: float, jitter: Callable[[], float]) -> None:
        """Take the verdict on `request`, which came at `now`."""
        slot = self._flying.pop(request.number)
        slot.flying = False
        self._changed = True
        if isinstance(verdict, TryAgain):
            self._try_again(slot, request, verdict, now=now, jitter=jitter)
            return
        if isinstance(verdict, Stop):
            self._stop(verdict.error)
            return
        self._patience.went_well()
        self._budget.went_well(now)
        self._decide(slot, request, verdict)
        self._news = True
        if not slot.pieces:
            self._certain.slots.append(slot)

    def settlement(self) -> Settlement | None:
        """All that became certain since the last call; None for nothing. Record it, then call `committed`."""
        if not self._news:
            return None
        self._news = False
        certain = self._certain
        position = self._prefix.advance(self._oldest_unsettled())
        if not (certain.accepted or certain.rejected or position):
            # Pages that move no checkpoint may have been passed: there is room again, or all is idle.
            self._changed = True
            return None
        parts = certain.accepted
        accepted = parts[0] if len(parts) == 1 else tuple(chain.from_iterable(parts))
        settlement = Settlement(accepted, tuple(certain.rejected), position, certain.unconfirmed)
        self._handed_out.append((settlement, certain.slots))
        self._certain = _Certain()
        return settlement

    def committed(self, settlement: Settlement) -> None:
        """The state has `settlement`: free its places and identities. Settlements are committed in order."""
        recorded, slots = self._handed_out.popleft()
        assert recorded is settlement, "settlements are committed in the order in which they were handed out"
        for slot in slots:
            self._slots.remove(slot)
            self._lanes.free(slot.identities)
        self._changed = True

    def _ready_slot(self, now: float) -> Slot | None:
        # What is further along goes first: it holds the prefix back.
        for slot in self._slots:
            if slot.pieces and not slot.flying and slot.ready_at <= now:
                return slot
        return None

    def _new_slot(self) -> Slot | None:
        if not self._changed or len(self._slots) >= self._settings.concurrency or not self._lanes:
            return None
        oldest = min((slot.ordinal for slot in self._slots), default=self._lanes.first_ordinal)
        before = min(oldest, self._lanes.first_ordinal) + self._span
        # A request that is not full may leave when nothing could fill it: not more input, and no answer.
        partial = not self._more or self._flush or (not self._slots and not self.room)
        batch = self._lanes.take(before_ordinal=before, partial=partial)
        if batch is None:
            return None
        slot = Slot(batch)
        self._slots.append(slot)
        return slot

    def _throttled(self, wait: float, *, now: float) -> None:
        self._changed = False
        self._wake_at = now + wait
        if self._throttled_since is None:
            self._throttled_since = now
        trouble = self._patience.too_long(wait)
        if trouble is not None:
            self._stop(trouble)

    def _oldest_unsettled(self) -> int | None:
        waiting = self._lanes.first_seq
        in_slots = [slot.pieces[0][0].seq for slot in self._slots if slot.pieces]
        if waiting is not None:
            in_slots.append(waiting)
        return min(in_slots, default=None)

    def _try_again(
        self, slot: Slot, request: Request, verdict: TryAgain, *, now: float, jitter: Callable[[], float]
    ) -> None:
        self.tally.ambiguous += verdict.ambiguous
        if verdict.after_seconds is not None:
            self._budget.pause_until(now + verdict.after_seconds)
        wait = self._patience.after(verdict, attempt=request.attempt, now=now, jitter=jitter)
        if verdict.throttled or self._patience.repeated_trouble:
            self._budget.slow_down(now)
        if isinstance(wait, EtlError):
            self._stop(wait)
        else:
            slot.again(at=now + wait)

    def _decide(
        self, slot: Slot, request: Request, verdict: Accepted | Partly | Refused | PartlyAccepted | TooLarge
    ) -> None:
        events = request.events
        match verdict:
            case Accepted(unconfirmed=unconfirmed):
                self._accept(events, unconfirmed=unconfirmed)
                slot.next_piece()
            case Partly(errors=errors, others=others):
                assert errors, "a verdict that names no event cannot be attributed"
                for at, refusal in sorted(errors.items()):
                    self._reject(events[at], refusal)
                if others == "accepted":
                    self._accept(tuple(event for at, event in enumerate(events) if at not in errors))
                    slot.next_piece()
                else:
                    slot.keep(lambda at: at not in errors)
            case PartlyAccepted(created=created):
                words = f"the API took {created} of {len(events)} events and did not say which"
                for event in events:
                    self._reject(event, Refusal("partly_accepted", words))
                slot.next_piece()
            case Refused(refusal=refusal):
                self._halve(slot, events, refusal)
            case TooLarge():
                self._halve(slot, events, Refusal("too_large", "the API refuses a request of this size"))
                if len(events) > 1:
                    # The longer half, so that one huge event does not make every later request tiny.
                    self._lanes.lower_max_bytes(max(slot.piece_bytes(0), slot.piece_bytes(1)))
            case _:
                assert_never(verdict)

    def _halve(self, slot: Slot, events: tuple[Event, ...], refusal: Refusal) -> None:
        if len(events) == 1:
            self._reject(events[0], refusal)
            slot.next_piece()
        else:
            slot.halve()

    def _accept(self, events: tuple[Event, ...], *, unconfirmed: bool = False) -> None:
        if not events:
            return
        self._certain.accepted.append(events)
        self._unsettled -= len(events)
        if unconfirmed:
            self._certain.unconfirmed += len(events)
            self.tally.unconfirmed += len(events)

    def _reject(self, event: Event, refusal: Refusal) -> None:
        self._certain.rejected.append(RejectedEvent(event, refusal.code, refusal.words))
        self._unsettled -= 1

    def _stop(self, error: EtlError) -> None:
        self.trouble = self.trouble or error
        self.halt()

"""Events, pages and a carrier that drives a courier and watches the rules at every step."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from etl.delivery.courier import AdmittedPage, Courier, CourierSettings, Request, Settlement
from etl.delivery.throttle import Budget
from etl.event.event import Event
from etl.page import Position
from etl.verdict.judge import Accepted, Refusal, TryAgain, Verdict
from tests.delivery.memory_budget import MemoryBudget

EVA, EVAS_HASH = "e:eva@example.com", "e:cfc3a741cd240fc78f236edff0d7f5f98319bf992229dc1919833fbdb2e8cc55"
REFUSAL = Refusal("TIMESTAMP_ERROR", "the timestamp cannot be read")
DOWN = TryAgain(None, ambiguous=True, throttled=False, cause="HTTP 503")
BROKEN = TryAgain(None, ambiguous=True, throttled=False, cause="HTTP 500", may_be_event=True, words="no such letter")
LOGIN_PAGE = TryAgain(None, ambiguous=True, throttled=False, cause="answer is not the API's", unreadable=True)


def throttled(after_seconds: float | None = None) -> TryAgain:
    return TryAgain(after_seconds, ambiguous=False, throttled=True, cause="HTTP 429")


def steady() -> float:
    """A jitter that is no chance."""
    return 0.5


def leaves_now(courier: Courier, now: float) -> list[int] | None:
    """The rows of the request that may leave at `now`; None: none may."""
    request = courier.next_request(now=now, jitter=steady)
    return None if request is None else [item.seq for item in request.events]


def event(seq: int, *identities: str, size: int = 10) -> Event:
    """The event of row `seq`; without identities it has one of its own."""
    body = b'"%d"' % seq
    return Event(seq, (seq,), body.ljust(size), identities or (f"u:own{seq}",), b"", b"", 1)


def people(item: Event) -> set[str]:
    """Whom `item` is about; an address and its hash are one person."""
    return {EVA if identity == EVAS_HASH else identity for identity in item.identities}


def page(first_seq: int, events: Sequence[Event | None], *, moves_checkpoint: bool = True) -> AdmittedPage:
    """A page with a row for each of `events`, None for a row without anything to send."""
    real = [item for item in events if item is not None]
    return AdmittedPage(first_seq, len(events), real, position_of, moves_checkpoint)


def position_of(seq: int) -> Position:
    return Position(seq, (seq,))


def pages(events: Sequence[Event | None], *, rows: int) -> list[AdmittedPage]:
    """`events`, one a row from 0, in pages of so many rows."""
    return [page(first, events[first : first + rows]) for first in range(0, len(events), rows)]


def ten() -> list[AdmittedPage]:
    """Ten events, four rows a page."""
    return pages([event(seq) for seq in range(10)], rows=4)


def fast_budget() -> MemoryBudget:
    return MemoryBudget(requests_per_second=1e9, events_per_second=1e12)


def make_courier(budget: Budget | None = None, **settings: float) -> Courier:
    given = {"batch_size": 3, "concurrency": 2, "span_events": 6, "max_batch_bytes": 10_000, **settings}
    return Courier(settings=CourierSettings(**given), budget=budget or fast_budget())


Api = Callable[[Request], Verdict]


def accept_all(_request: Request) -> Verdict:
    return Accepted()


@dataclass
class Carrier:
    """Carries requests between a courier and an API, answers in an order drawn from `chance`, in fake time."""

    courier: Courier
    settings: CourierSettings
    api: Api = accept_all
    chance: random.Random = field(default_factory=lambda: random.Random(1))
    now: float = 100.0
    commit_late: bool = False
    requests: list[Request] = field(default_factory=list)
    sent_at: list[float] = field(default_factory=list)
    in_flight: list[Request] = field(default_factory=list)
    settlements: list[Settlement] = field(default_factory=list)
    certain: set[int] = field(default_factory=set)
    committed: set[int] = field(default_factory=set)
    accepted: list[Event] = field(default_factory=list)
    rejected: list[tuple[int, str]] = field(default_factory=list)
    checkpoint: int = -1
    admitted: list[Event] = field(default_factory=list)
    rows: int = 0

    def __post_init__(self) -> None:
        self._ordinals: dict[int, int] = {}
        self._of_identity: defaultdict[str, list[int]] = defaultdict(list)
        self._bodies: dict[tuple[int, ...], bytes] = {}

    def run(self, given: Sequence[AdmittedPage]) -> Carrier:
        """Deliver `given` to the end, or until the courier meets trouble."""
        waiting = list(given)
        for _ in range(1_000_000):
            while waiting and self.courier.room:
                self.admit(waiting.pop(0))
            if not waiting:
                self.courier.more_is_coming(False)  # noqa: FBT003 - reads as a sentence
            self.send()
            if self.courier.trouble is not None:
                break
            if self.in_flight:
                self.now += 0.001
                self.answer(self.chance.randrange(len(self.in_flight)))
            elif self.courier.wake_at is not None:
                self.now = max(self.now, self.courier.wake_at)
            if not self.commit_late or not self.in_flight or self.chance.random() < 0.5:
                self.commit()
            if not waiting and self.courier.idle:
                return self
        else:
            raise AssertionError("the courier stands still")
        while self.in_flight:
            self.answer(0)
        self.commit()
        return self

    def admit(self, given: AdmittedPage) -> None:
        for item in given.events:
            self._ordinals[item.seq] = len(self.admitted)
            self.admitted.append(item)
            for person in people(item):
                self._of_identity[person].append(item.seq)
        self.rows += given.rows
        self.courier.admit(given)

    def send(self) -> None:
        while (request := self.courier.next_request(now=self.now, jitter=self.chance.random)) is not None:
            self.watch(request)
            self.requests.append(request)
            self.sent_at.append(self.now)
            self.in_flight.append(request)

    def answer(self, at: int, verdict: Verdict | None = None) -> None:
        request = self.in_flight.pop(at)
        verdict = verdict or self.api(request)
        self.courier.answered(request, verdict, now=self.now, jitter=self.chance.random)
        if isinstance(verdict, TryAgain) and verdict.after_seconds is not None:
            self.courier.budget.pause_until(self.now + verdict.after_seconds)
        certain = self.courier._endings.certain
        self.certain.update(item.seq for events in certain.accepted for item in events)
        self.certain.update(rejected.event.seq for rejected in certain.rejected)

    def commit(self) -> None:
        while (settlement := self.courier.settlement()) is not None:
            self.settlements.append(settlement)
            events = [*settlement.accepted, *(rejected.event for rejected in settlement.rejected)]
            for item in events:
                assert item.seq not in self.committed, "settled twice"
                self.committed.add(item.seq)
            self.accepted.extend(settlement.accepted)
            self.rejected.extend((rejected.event.seq, rejected.reason) for rejected in settlement.rejected)
            if settlement.position is not None:
                reached = settlement.position.key[0]
                assert isinstance(reached, int)
                assert reached > self.checkpoint, "the checkpoint does not go back"
                self.checkpoint = reached
                assert all(item.seq in self.committed for item in self.admitted if item.seq <= reached), "a gap"
            self.courier.committed(settlement)

    def watch(self, request: Request) -> None:
        """What has to hold whenever a request leaves."""
        settings, mine = self.settings, {item.seq for item in request.events}
        assert len(self.in_flight) < settings.concurrency
        assert 0 < len(request.events) <= settings.batch_size
        assert len(request.body) <= settings.max_batch_bytes or len(request.events) == 1
        assert [item.seq for item in request.events] == sorted(mine)
        seqs = tuple(sorted(mine))
        if request.attempt > 1:
            assert self._bodies[seqs] == request.body, "attempts are byte-identical"
        self._bodies[seqs] = request.body
        busy = {person for other in self.in_flight for item in other.events for person in people(item)}
        for item in request.events:
            assert busy.isdisjoint(people(item)), "two events of one identity in flight in different requests"
            for person in people(item):
                earlier = [seq for seq in self._of_identity[person] if seq < item.seq]
                assert all(seq in mine or seq in self.certain for seq in earlier[-5:]), "an event was overtaken"
        open_ones = [item.seq for item in self.admitted if item.seq not in self.certain]
        assert (
            self._ordinals[max(mine)] - self._ordinals[open_ones[0]] < settings.span_events
            # Without a ledger the span is what may be sent twice after a kill, whatever waits.
            or (self.courier.held_up and settings.wide)
        ), "the span"


def carry(
    given: Sequence[AdmittedPage], api: Api = accept_all, *, budget: Budget | None = None, **settings: float
) -> Carrier:
    """Deliver `given` in small batches (3 events, 2 connections, span 6 unless told otherwise)."""
    chosen = {"batch_size": 3, "concurrency": 2, "span_events": 6, "max_batch_bytes": 10_000, **settings}
    courier = make_courier(budget, **settings)
    return Carrier(courier, CourierSettings(**chosen), api).run(given)


def seqs(carrier: Carrier) -> list[list[int]]:
    """The events of each request that left, by their row."""
    return [[item.seq for item in request.events] for request in carrier.requests]

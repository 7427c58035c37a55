"""Whatever the API answers, and in whatever order: the rules of delivery, checked at every request and settlement.

The rules themselves are in `tests.delivery.parcels.Carrier`.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.delivery.courier import Courier, CourierSettings, Request
from etl.delivery.lanes import Lanes
from etl.event.encode import envelope
from etl.verdict.judge import Accepted, Partly, PartlyAccepted, Refused, TooLarge, Verdict
from tests.delivery.memory_budget import MemoryBudget
from tests.delivery.parcels import DOWN, EVA, EVAS_HASH, REFUSAL, Carrier, event, fast_budget, pages, people, throttled

PEOPLE = st.lists(
    st.one_of(
        st.none(),
        st.sets(st.sampled_from([EVA, EVAS_HASH, "e:b", "e:c", "u:1", "u:2", "u:3"]), max_size=2).map(
            lambda who: tuple(sorted(who))
        ),
        st.just(()),
    ),
    max_size=60,
)


@st.composite
def couriers(draw: st.DrawFn) -> CourierSettings:
    batch_size = draw(st.integers(1, 8))
    concurrency = draw(st.integers(1, 4))
    return CourierSettings(
        batch_size=batch_size,
        max_batch_bytes=draw(st.sampled_from([60, 200, 10_000])),
        concurrency=concurrency,
        span_events=draw(st.integers(batch_size, 4 * batch_size * concurrency)),
        max_attempts=100,
        retry_allowance=10_000,
    )


class ErraticApi:
    """Answers by chance, but refuses what is poison always; remembers what it accepted, in order."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.accepted: list[int] = []
        self.maybe_twice: set[int] = set()

    def __call__(self, request: Request) -> Verdict:  # noqa: PLR0911 - one a fault
        events = request.events
        seqs = [item.seq for item in events]
        poison = {at: REFUSAL for at, seq in enumerate(seqs) if seq % 7 == 3}
        match self._chance.randrange(8):
            case 0:
                return DOWN
            case 1:
                # Accepted, but the answer is lost.
                if not poison:
                    self.accepted.extend(seqs)
                    self.maybe_twice.update(seqs)
                return DOWN
            case 2:
                return throttled(self._chance.choice([None, 0.0, 5.0]))
            case 3 if len(events) > 2:
                return TooLarge()
            case 4 if poison:
                good = [seq for at, seq in enumerate(seqs) if at not in poison]
                if self._chance.random() < 0.5:
                    self.accepted.extend(good)
                    return Partly(poison, "accepted")
                return Partly(poison, "resend")
            case 5 if not poison and len(events) > 1:
                self.accepted.append(seqs[0])
                return PartlyAccepted(1)
            case _:
                if poison:
                    return Refused(REFUSAL)
                self.accepted.extend(seqs)
                return Accepted()


@given(people=PEOPLE, chosen=couriers(), rows=st.integers(1, 20), seed=st.integers(0, 2**32), commit_late=st.booleans())
@settings(max_examples=400)
def test_every_life_of_a_run_keeps_the_rules(
    *, people: list, chosen: CourierSettings, rows: int, seed: int, commit_late: bool
) -> None:
    """The guarantee: no loss, few repeats, order. C11, C12, C13, C21, C29, D17, D18, B25."""
    events = [None if who is None else event(seq, *who) for seq, who in enumerate(people)]
    chance = random.Random(seed)
    api = ErraticApi(chance)
    courier = Courier(settings=chosen, budget=fast_budget())
    carrier = Carrier(courier, chosen, api, chance, commit_late=commit_late).run(pages(events, rows=rows))

    sent = [item for item in events if item is not None]
    rejected = dict(carrier.rejected)
    assert courier.idle
    assert courier.unsettled == 0
    assert carrier.checkpoint == len(events) - 1
    assert carrier.committed == {item.seq for item in sent}
    assert {item.seq for item in carrier.accepted} | set(rejected) == {item.seq for item in sent}
    assert {item.seq for item in carrier.accepted} <= set(api.accepted)
    assert {seq for seq in set(api.accepted) if api.accepted.count(seq) > 1} <= api.maybe_twice
    assert all(reason in {"TIMESTAMP_ERROR", "partly_accepted"} for reason in rejected.values())
    assert courier.tally.requests == len(carrier.requests)
    assert courier.tally.retries == sum(request.attempt > 1 for request in carrier.requests)


@given(whom=PEOPLE, seed=st.integers(0, 2**32))
@settings(max_examples=100)
def test_events_of_one_identity_arrive_in_source_order(whom: list, seed: int) -> None:
    """A first arrival never comes after that of a later event of the same person."""
    events = [None if who is None else event(seq, *who) for seq, who in enumerate(whom)]
    chance = random.Random(seed)
    arrived: list[int] = []

    def api(request: Request) -> Verdict:
        if chance.random() < 0.3:
            return DOWN
        arrived.extend(item.seq for item in request.events)
        return Accepted()

    chosen = CourierSettings(batch_size=4, concurrency=4, span_events=64, max_attempts=100, retry_allowance=10_000)
    Carrier(Courier(settings=chosen, budget=fast_budget()), chosen, api, chance).run(pages(events, rows=10))
    identities = {item.seq: people(item) for item in events if item is not None}
    for identity in {who for its in identities.values() for who in its}:
        of_one = [seq for seq in arrived if identity in identities[seq]]
        assert of_one == sorted(of_one)


@given(
    poison=st.sets(st.integers(0, 63)),
    count=st.integers(1, 64),
    others=st.sampled_from(["halve", "mixed"]),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=200)
def test_finding_the_guilty_takes_at_most_two_n_minus_one_requests(
    poison: set[int], count: int, others: str, seed: int
) -> None:
    """C11."""
    chance = random.Random(seed)

    def api(request: Request) -> Verdict:
        guilty = {at: REFUSAL for at, item in enumerate(request.events) if item.seq in poison}
        if not guilty:
            return Accepted()
        if others == "mixed" and chance.random() < 0.5:
            # Names one of the guilty only.
            return Partly(dict([guilty.popitem()]), "resend")
        return Refused(REFUSAL)

    chosen = CourierSettings(batch_size=count, concurrency=1, span_events=count)
    carrier = Carrier(Courier(settings=chosen, budget=fast_budget()), chosen, api, chance)
    carrier.run(pages([event(seq) for seq in range(count)], rows=count))
    assert len(carrier.requests) <= 2 * count - 1
    assert {seq for seq, _ in carrier.rejected} == {seq for seq in poison if seq < count}


@given(
    people=PEOPLE,
    batch_size=st.integers(1, 6),
    max_bytes=st.sampled_from([40, 100, 10_000]),
    partial=st.booleans(),
    in_flight=st.integers(0, 2),
)
@settings(max_examples=300)
def test_the_quick_way_through_the_lanes_takes_what_the_scan_would_take(
    people: list, batch_size: int, max_bytes: int, *, partial: bool, in_flight: int
) -> None:
    """Whatever is in flight, and whether a request must be full: both ways agree on every batch."""
    events = [event(seq, *who) for seq, who in enumerate(people) if who is not None]
    quick = Lanes(batch_size=batch_size, max_batch_bytes=max_bytes)
    slow = Lanes(batch_size=batch_size, max_batch_bytes=max_bytes)
    quick.admit(events)
    slow.admit(events)
    flying: list = []
    while (batch := quick.take(before_ordinal=10**6, partial=partial)) is not None:
        assert batch == slow._take_scanning(10**6, partial=partial, most=batch_size)
        slow._busy |= batch.identities
        flying.append(batch)
        if len(flying) > in_flight:
            over = flying.pop(0).identities
            quick.free(over)
            slow.free(over)
    assert slow._take_scanning(10**6, partial=partial, most=batch_size) is None
    assert len(quick) == len(slow)
    assert not (partial and in_flight == 0 and len(slow))


class Unseen(tuple):  # noqa: SLOT001 - a test's
    """Identities that are looked at once, when they are admitted."""

    looks = 0

    def __iter__(self) -> Iterator[str]:
        self.looks += 1
        if self.looks > 1:
            raise AssertionError("looked at again")
        return super().__iter__()


def test_events_that_fill_no_request_yet_are_not_looked_at() -> None:
    """A rest waits for the next page while answers come in, and each of them asks anew."""
    lanes = Lanes(batch_size=10, max_batch_bytes=10_000)
    lanes.admit([event(seq)._replace(identities=Unseen(("u:1",))) for seq in range(9)])
    assert lanes.take(before_ordinal=10**6, partial=False) is None
    with pytest.raises(AssertionError, match="looked at again"):
        lanes.take(before_ordinal=10**6, partial=True)


def test_a_backlog_of_one_person_goes_through_in_full_requests_one_after_the_other() -> None:
    chosen = CourierSettings(batch_size=10, concurrency=4, span_events=160)
    courier = Courier(settings=chosen, budget=MemoryBudget(requests_per_second=1e6, events_per_second=1e9))
    carrier = Carrier(courier, chosen).run(pages([event(seq, "u:1") for seq in range(100)], rows=30))
    assert len(carrier.requests) == 10


def test_an_address_in_flight_holds_back_its_hash_that_is_seen_later() -> None:
    """Both are one person: from the first hash on every address is known by its hash, those in flight too."""
    lanes = Lanes(batch_size=10, max_batch_bytes=10_000)
    lanes.admit([event(0, EVA)])
    assert lanes.take(before_ordinal=10, partial=True) is not None
    lanes.admit([event(1, EVAS_HASH), event(2)])
    batch = lanes.take(before_ordinal=10, partial=True)
    assert batch is not None
    assert [item.seq for item in batch.events] == [2]


@pytest.mark.parametrize("busy", [True, False])
@pytest.mark.parametrize(("max_batch_bytes", "taken"), [(314, 2), (315, 3)])
def test_a_request_keeps_to_the_byte(max_batch_bytes: int, taken: int, *, busy: bool) -> None:
    """Three events of 100 bytes: 12 of the envelope, and 101 each with the comma. Also beside a person in flight."""
    lanes = Lanes(batch_size=10, max_batch_bytes=max_batch_bytes)
    if busy:
        lanes.admit([event(0, EVA, size=100)])
        assert lanes.take(before_ordinal=10, partial=True) is not None
    lanes.admit([*([event(1, EVA, size=100)] if busy else []), *(event(seq, size=100) for seq in (2, 3, 4))])
    batch = lanes.take(before_ordinal=10, partial=True)
    assert batch is not None
    assert [item.seq for item in batch.events] == [2, 3, 4][:taken]
    assert len(envelope([item.body for item in batch.events])) <= max_batch_bytes


def test_a_request_of_a_size_that_was_accepted_is_not_too_large() -> None:
    lanes = Lanes(batch_size=10, max_batch_bytes=10_000)
    lanes.size_accepted(500)
    lanes.size_accepted(100)
    assert [lanes.is_news_of_size(size, alone=False) for size in (500, 501)] == [False, True]

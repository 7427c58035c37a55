"""Each rule met a second time, after it was left once: what one request left behind must not reach the next."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etl.delivery.courier import Request
from etl.delivery.lanes import Lanes
from etl.delivery.retry import Patience, RetrySettings
from etl.delivery.settlement import Prefix
from etl.delivery.throttle import BudgetState, Rates, recover, take
from etl.verdict.judge import Accepted, Partly, Refused, Verdict
from tests.delivery.memory_budget import MemoryBudget
from tests.delivery.parcels import (
    BROKEN,
    DOWN,
    EVA,
    EVAS_HASH,
    REFUSAL,
    Carrier,
    carry,
    event,
    make_courier,
    page,
    steady,
    throttled,
)


def test_a_flush_is_over_with_the_next_page() -> None:
    """What was flushed left; what comes then waits for a full request again."""
    courier = make_courier()
    carrier = Carrier(courier, courier._settings)
    carrier.admit(page(0, [event(0)]))
    courier.flush()
    carrier.send()
    assert len(carrier.requests) == 1
    carrier.admit(page(1, [event(1)]))
    carrier.send()
    assert len(carrier.requests) == 1
    courier.flush()
    carrier.send()
    assert [[item.seq for item in request.events] for request in carrier.requests] == [[0], [1]]


def test_an_answer_without_words_does_not_keep_those_of_the_one_before() -> None:
    courier = make_courier(batch_size=1, concurrency=1)
    carrier = Carrier(courier, courier._settings)
    carrier.admit(page(0, [event(0), event(1)]))
    for words in ("HTTP 200: created", ""):
        carrier.send()
        courier.answered(carrier.in_flight.pop(), Accepted(), now=carrier.now, jitter=steady, said=words)
        carrier.commit()
    assert [settlement.answers[0][0] for settlement in carrier.settlements] == ["HTTP 200: created", ""]


def test_each_page_is_told_as_settled_once() -> None:
    prefix = Prefix()
    for first in range(0, 6, 2):
        prefix.admit(replace(page(first, [event(first), event(first + 1)]), stamp=first + 10))
    told = []
    for oldest in (1, 2, 5, None):
        prefix.advance(oldest)
        told.append(prefix.passed_pages())
    assert told == [(), (10,), (12,), (14,)]


def test_the_time_that_the_throttle_took_is_counted_once_each_time() -> None:
    """Two waits with a free request between them."""
    budget = MemoryBudget(requests_per_second=1e9, events_per_second=1e12)
    courier = make_courier(budget, batch_size=1, concurrency=4, span_events=9)
    carrier = Carrier(courier, courier._settings)
    carrier.admit(page(0, [event(seq) for seq in range(3)]))
    for pause in (2.0, 0.0, 3.0):
        budget.pause_until(carrier.now + pause)
        while courier.next_request(now=carrier.now, jitter=steady) is None:
            assert courier.wake_at is not None
            carrier.now = courier.wake_at
        carrier.now += 10.0
    assert courier.tally.waited_seconds == pytest.approx(5.0)


def test_a_halted_courier_names_no_time_at_which_it_would_go_on() -> None:
    """One that waits for its next attempt would have the loop turn on the spot when that time is over."""
    courier = make_courier(concurrency=1)
    carrier = Carrier(courier, courier._settings)
    carrier.admit(page(0, [event(seq) for seq in range(3)]))
    carrier.send()
    carrier.answer(0, DOWN)
    carrier.send()
    assert courier.wake_at is not None
    courier.halt()
    assert courier.wake_at is None


def test_with_every_connection_at_work_only_an_answer_says_more() -> None:
    """However long another batch has to wait yet: it could not leave then."""
    courier = make_courier(batch_size=1, concurrency=2)
    carrier = Carrier(courier, courier._settings)
    carrier.admit(page(0, [event(seq) for seq in range(5)]))
    carrier.send()
    carrier.answer(0, throttled(5.0))
    carrier.send()
    assert courier.wake_at is not None
    assert courier.wake_at > carrier.now
    carrier.now = courier.wake_at
    carrier.send()
    assert (len(carrier.in_flight), courier.wake_at) == (2, None)


@pytest.mark.parametrize("attempts", [1, 2, 3])
def test_a_request_that_is_taken_back_is_counted_neither_as_one_nor_as_a_repeat(attempts: int) -> None:
    """Its person was forgotten before the first attempt, or between two."""
    courier = make_courier(concurrency=1)
    carrier = Carrier(courier, courier._settings)
    carrier.admit(page(0, [event(0), event(1), event(2)]))
    for _ in range(attempts - 1):
        carrier.send()
        carrier.answer(0, DOWN)
        carrier.now += 100.0
    request = courier.next_request(now=carrier.now, jitter=steady)
    assert request is not None
    courier.withhold(request, {0})
    assert (courier.tally.requests, courier.tally.retries) == (attempts - 1, max(0, attempts - 2))


def test_retries_of_suspects_are_given_back_and_no_others() -> None:
    """Three retries were counted, two of them of a suspect: with an allowance of three, two more may come."""
    patience = Patience(RetrySettings(allowance=3, share=0.0))
    goes_on = []
    for retry in range(6):
        if retry == 3:
            patience.forgive(2)
        goes_on.append(isinstance(patience.after(DOWN, attempt=1, now=0.0, jitter=steady), float))
    assert goes_on == [True, True, True, True, True, False]


def test_no_more_retries_are_given_back_than_there_were() -> None:
    patience = Patience(RetrySettings(allowance=1, share=0.0))
    patience.forgive(5)
    assert isinstance(patience.after(DOWN, attempt=1, now=0.0, jitter=steady), float)
    assert not isinstance(patience.after(DOWN, attempt=1, now=0.0, jitter=steady), float)


def test_of_a_request_that_became_suspect_its_first_attempt_was_no_retry() -> None:
    """Given back are its retries: of the only other batch's one stays counted."""
    courier = make_courier(batch_size=2, concurrency=2, span_events=16, max_attempts=3, retry_allowance=100)
    carrier = Carrier(courier, courier._settings)
    carrier.admit(page(0, [event(seq) for seq in range(4)]))
    carrier.send()
    carrier.answer(1, DOWN)
    for _ in range(3):
        carrier.answer(0, BROKEN)
        carrier.now += 100.0
        courier._slots[1].ready_at = carrier.now + 50.0
        carrier.send()
    # One of the second batch, and none of the first that is suspect now.
    assert courier._patience._retries == 1


@pytest.mark.parametrize("clock_of_another", [8.0, 10.0])
def test_a_clock_that_is_behind_takes_nothing_back(clock_of_another: float) -> None:
    """Two processes look at their clocks, and write what they saw in the other order."""
    slowed = BudgetState(factor=0.5, recovered_at=10.0, requests_paid_at=20.0, wanted_at=10.0)
    assert recover(slowed, now=clock_of_another).recovered_at == 10.0
    asked, wait = take(slowed, Rates(1.0, 1000.0), events=1, now=clock_of_another)
    assert wait > 0
    assert asked.wanted_at == 10.0


def test_what_was_passed_over_before_the_first_hash_is_known_by_its_hash_too() -> None:
    """An address waits because its user is in flight; the hash of the address comes with a later page, and waits."""
    lanes = Lanes(batch_size=10, max_batch_bytes=10_000)
    lanes.admit([event(0, "u:1"), event(1, "u:1", EVA), event(2)])
    first = lanes.take(before_ordinal=1, partial=True)
    assert first is not None
    second = lanes.take(before_ordinal=10, partial=True)
    assert second is not None
    assert [item.seq for item in second.events] == [2]
    lanes.admit([event(3, EVAS_HASH), event(4)])
    third = lanes.take(before_ordinal=10, partial=True)
    assert third is not None
    assert [item.seq for item in third.events] == [4]


def test_how_an_api_counts_is_remembered_and_used_only_where_an_answer_does_not_say() -> None:
    """It counts from 1. The first answer tells nothing, what each doubted event says alone does."""
    sayings: list[Verdict] = [
        Partly({1: REFUSAL}, "accepted", counts_from=None),  # of 0, 1, 2: the first
        Partly({0: REFUSAL}, "accepted", counts_from=1),  # of 0 alone
        Accepted(),  # of 1 alone
        Partly({2: REFUSAL}, "accepted", counts_from=None),  # of 3, 4, 5: the second
        Partly({2: REFUSAL}, "accepted", counts_from=None),  # of 6, 7, 8: the second
    ]
    carrier = carry([page(0, [event(seq) for seq in range(9)])], lambda _: sayings.pop(0), concurrency=1, span_events=9)
    assert [[item.seq for item in request.events] for request in carrier.requests] == [
        *([0, 1, 2], [0], [1]),
        *([3, 4, 5], [6, 7, 8]),
    ]
    assert [seq for seq, _ in carrier.rejected] == [0, 4, 7]


def test_those_that_an_answer_spared_are_counted_and_no_second_answer_of_the_sort_is_believed() -> None:
    """It names one of three, then one of the two that it spared: the second time halving finds the guilty."""
    courier = make_courier(concurrency=1)
    carrier = Carrier(courier, courier._settings)
    carrier.admit(page(0, [event(0), event(1), event(2)]))
    carrier.send()
    assert courier.spared == 0
    carrier.answer(0, Partly({0: REFUSAL}, "resend"))
    assert courier.spared == 2
    carrier.send()
    carrier.answer(0, Partly({0: REFUSAL}, "resend"))
    assert courier.spared == 0
    for verdict in (Accepted(), Refused(REFUSAL)):
        carrier.send()
        carrier.answer(0, verdict)
    carrier.commit()
    assert [seq for seq, _ in carrier.rejected] == [0, 2]
    assert [len(request.events) for request in carrier.requests] == [3, 2, 1, 1]


def test_the_halves_of_what_an_answer_spared_are_not_named_by_a_second_one_either() -> None:
    sayings: list[Verdict] = [Partly({0: REFUSAL}, "resend"), Refused(REFUSAL), Partly({0: REFUSAL}, "resend")]
    carrier = carry(
        [page(0, [event(seq) for seq in range(5)])],
        lambda _: sayings.pop(0) if sayings else Accepted(),
        batch_size=5,
        concurrency=1,
        span_events=5,
    )
    sent = [[item.seq for item in request.events] for request in carrier.requests]
    assert sent == [[0, 1, 2, 3, 4], [1, 2, 3, 4], [1, 2], [1], [2], [3, 4]]
    assert [seq for seq, _ in carrier.rejected] == [0]


def test_what_fails_for_an_event_of_its_own_does_not_slow_the_others_down() -> None:
    """Each failure here is of the one event that is suspected."""
    budget, factors = MemoryBudget(requests_per_second=1e9, events_per_second=1e12), []

    def api(request: Request) -> Verdict:
        factors.append(budget.state.factor)
        return BROKEN if any(item.seq == 7 for item in request.events) else Accepted()

    given = [page(0, [event(seq) for seq in range(100)])]
    carrier = carry(given, api, budget=budget, batch_size=10, concurrency=2, span_events=400, max_attempts=1)
    assert [seq for seq, _ in carrier.rejected] == [7]
    assert (carrier.courier.tally.ambiguous > 5, set(factors)) == (True, {1.0})


def test_what_was_confirmed_is_counted_as_nothing_else() -> None:
    """Beside answers that confirm nothing, of which every event counts."""
    sayings = [Accepted(), Accepted(unconfirmed=True), Accepted()]
    carrier = carry([page(0, [event(seq) for seq in range(9)])], lambda _: sayings.pop(0), concurrency=1)
    assert carrier.courier.tally.unconfirmed == sum(each.unconfirmed for each in carrier.settlements) == 3


def test_of_an_answer_that_takes_all_no_settlement_says_that_some_were_taken_unnamed() -> None:
    assert {
        settlement.taken_unnamed for settlement in carry([page(0, [event(seq) for seq in range(9)])]).settlements
    } == {0}


def test_an_answer_alone_makes_another_request_possible() -> None:
    """Also one that asks for the same again: its place is free for another batch meanwhile, where that may leave."""
    courier = make_courier(concurrency=2, span_events=6)
    carrier = Carrier(courier, courier._settings)
    carrier.admit(page(0, [event(seq) for seq in range(6)]))
    carrier.send()
    assert courier.wake_at is None
    carrier.answer(0, throttled(5.0))
    assert courier.wake_at == 0.0

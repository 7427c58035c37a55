"""What an answer means for the events of a request, one verdict after the other."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from etl.delivery.courier import Request
from etl.delivery.throttle import MemoryBudget
from etl.errors import CredentialsRefused, StoppedEarly
from etl.page import Position
from etl.verdict.judge import Accepted, Partly, PartlyAccepted, Refused, Stop, TooLarge, Verdict
from tests.delivery.parcels import (
    DOWN,
    LOGIN_PAGE,
    REFUSAL,
    Api,
    Carrier,
    carry,
    event,
    fast_budget,
    make_courier,
    page,
    pages,
    throttled,
)


def seqs(carrier: Carrier) -> list[list[int]]:
    return [[item.seq for item in request.events] for request in carrier.requests]


def ten() -> list:
    return pages([event(seq) for seq in range(10)], rows=4)


def test_batches_are_filled_across_pages_and_the_rest_leaves_at_the_end() -> None:
    carrier = carry(ten())
    assert seqs(carrier) == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9]]
    assert [item.seq for item in sorted(carrier.accepted)] == list(range(10))
    assert carrier.checkpoint == 9
    assert carrier.courier.unsettled == 0


def test_a_request_is_the_envelope_of_its_events() -> None:
    carrier = carry([page(0, [event(0, size=3), event(1, size=3)])])
    assert carrier.requests == [Request(1, (event(0, size=3), event(1, size=3)), b'{"events":["0","1"]}', 1)]


def test_rows_without_an_event_are_passed_by_the_checkpoint() -> None:
    courier = make_courier()
    carrier = Carrier(courier, courier._settings)
    carrier.admit(page(0, [None, None]))
    carrier.admit(page(2, [None, event(3), None]))
    carrier.commit()
    assert carrier.checkpoint == 2
    carrier.run([])
    assert carrier.checkpoint == 4


def test_what_has_no_event_is_not_over_before_it_is_recorded() -> None:
    """Its rows are passed by a settlement too; the run must not end before it."""
    courier = make_courier()
    courier.admit(page(0, [None, None]))
    assert not courier.idle
    settlement = courier.settlement()
    assert settlement is not None
    assert not courier.idle
    courier.committed(settlement)
    assert courier.idle


def test_rows_read_again_below_the_checkpoint_do_not_move_it() -> None:
    """D17: what `lookback` re-reads lies below the checkpoint."""
    carrier = carry([page(0, [event(0)] * 1, moves_checkpoint=False), page(1, [event(1)], moves_checkpoint=False)])
    assert carrier.checkpoint == -1
    assert [item.seq for item in carrier.accepted] == [0, 1]


def test_a_batch_respects_the_byte_limit() -> None:
    carrier = carry(pages([event(seq, size=100) for seq in range(6)], rows=6), max_batch_bytes=13 + 2 * 101)
    assert seqs(carrier) == [[0, 1], [2, 3], [4, 5]]


def test_an_event_above_the_byte_limit_leaves_alone() -> None:
    carrier = carry(pages([event(0), event(1, size=500), event(2)], rows=3), max_batch_bytes=200)
    assert seqs(carrier) == [[0], [1], [2]]


def test_an_unconfirmed_answer_is_counted() -> None:
    carrier = carry(ten(), lambda _: Accepted(unconfirmed=True))
    assert sum(settlement.unconfirmed for settlement in carrier.settlements) == 10
    assert carrier.courier.tally.unconfirmed == 10


def test_named_errors_are_rejected_and_the_others_accepted() -> None:
    """C12, C13, D18."""
    carrier = carry([page(0, [event(0), event(1), event(2)])], lambda _: Partly({1: REFUSAL}, "accepted"))
    assert [item.seq for item in carrier.accepted] == [0, 2]
    assert carrier.rejected == [(1, "TIMESTAMP_ERROR")]
    assert len(carrier.requests) == 1


def test_the_others_are_sent_again_in_the_same_place() -> None:
    """C12."""

    def api(request: Request) -> Verdict:
        return Partly({1: REFUSAL}, "resend") if len(request.events) == 3 else Accepted()

    carrier = carry([page(0, [event(0), event(1), event(2)])], api)
    assert seqs(carrier) == [[0, 1, 2], [0, 2]]
    assert [item.seq for item in carrier.accepted] == [0, 2]
    assert carrier.rejected == [(1, "TIMESTAMP_ERROR")]
    assert carrier.courier.tally.retries == 0


def test_all_named_leaves_nothing_to_send() -> None:
    carrier = carry([page(0, [event(0), event(1)])], lambda _: Partly({0: REFUSAL, 1: REFUSAL}, "resend"))
    assert seqs(carrier) == [[0, 1]]
    assert [seq for seq, _ in carrier.rejected] == [0, 1]


def refuse(*poison: int) -> Api:
    def api(request: Request) -> Verdict:
        return Refused(REFUSAL) if any(item.seq in poison for item in request.events) else Accepted()

    return api


def test_a_refusal_without_details_is_halved_down_to_the_guilty() -> None:
    """C11: the good events of the batch are delivered."""
    carrier = carry(pages([event(seq) for seq in range(8)], rows=8), refuse(5), batch_size=8, span_events=8)
    assert seqs(carrier) == [[*range(8)], [0, 1, 2, 3], [4, 5, 6, 7], [4, 5], [4], [5], [6, 7]]
    assert carrier.rejected == [(5, "TIMESTAMP_ERROR")]
    assert [item.seq for item in carrier.accepted] == [0, 1, 2, 3, 4, 6, 7]
    assert carrier.checkpoint == 7


@pytest.mark.parametrize("events", [1, 2, 3, 7, 64, 100])
def test_halving_takes_at_most_two_n_minus_one_requests(events: int) -> None:
    """C11."""
    given = pages([event(seq) for seq in range(events)], rows=events)
    carrier = carry(given, lambda _: Refused(REFUSAL), batch_size=events, span_events=events)
    assert len(carrier.requests) == 2 * events - 1
    assert [seq for seq, _ in carrier.rejected] == list(range(events))


def test_an_event_alone_whose_request_failed_once_holds_nothing_up() -> None:
    """Only one that is suspected waits for others, so that requests leave which are not full."""
    courier = make_courier()
    carrier = Carrier(courier, courier._settings)
    carrier.admit(page(0, [event(0)]))
    courier.more_is_coming(False)  # noqa: FBT003 - reads as a sentence
    carrier.send()
    carrier.answer(0, DOWN)
    assert not courier.held_up


def test_nothing_is_passed_before_anything_is_settled() -> None:
    courier = make_courier()
    assert courier.passed_rows == 0
    courier.admit(page(0, [event(0), event(1)]))
    assert (courier.passed_rows, courier.settlement()) == (0, None)


def test_a_partly_accepted_batch_is_never_sent_again() -> None:
    """C31: halving would send the good ones twice."""
    carrier = carry([page(0, [event(0), event(1)])], lambda _: PartlyAccepted(1))
    assert len(carrier.requests) == 1
    assert carrier.rejected == [(0, "partly_accepted"), (1, "partly_accepted")]
    words = {rejected.words for settlement in carrier.settlements for rejected in settlement.rejected}
    assert words == {"the API took 1 of 2 events and did not say which"}


def test_too_large_is_halved_and_remembered() -> None:
    """C21."""

    def api(request: Request) -> Verdict:
        return TooLarge() if len(request.body) > 13 + 4 * 101 else Accepted()

    given = pages([event(seq, size=100) for seq in range(24)], rows=24)
    carrier = carry(given, api, batch_size=8, span_events=8, concurrency=1)
    assert [len(request.events) for request in carrier.requests] == [8, 4, 4, 4, 4, 4, 4]


@pytest.mark.parametrize("huge", [0, 3, 4, 7])
def test_one_huge_event_does_not_make_every_later_request_tiny(huge: int) -> None:
    """C21: the huge one, in either half of its batch, is rejected, and the others go on in full batches."""

    def api(request: Request) -> Verdict:
        return TooLarge() if len(request.body) > 1000 else Accepted()

    given = pages([event(seq, size=2000 if seq == huge else 10) for seq in range(16)], rows=16)
    carrier = carry(given, api, batch_size=8, span_events=8, concurrency=1)
    assert carrier.rejected == [(huge, "too_large")]
    assert len(carrier.requests[-1].events) == 8


def test_an_attempt_repeats_the_same_bytes_after_a_growing_wait() -> None:
    """C3, C9."""
    answers = [DOWN, DOWN, DOWN, Accepted()]
    carrier = carry([page(0, [event(0), event(1)])], lambda _: answers.pop(0), max_backoff_seconds=60.0)
    assert len({request.body for request in carrier.requests}) == 1
    assert [request.attempt for request in carrier.requests] == [1, 2, 3, 4]
    tally = carrier.courier.tally
    assert (tally.requests, tally.retries, tally.ambiguous) == (4, 3, 3)


def test_a_request_that_keeps_failing_ends_the_run_with_nothing_rejected() -> None:
    """C28, C29: at most max_attempts."""
    carrier = carry(ten(), lambda _: DOWN, max_attempts=5, concurrency=1)
    assert isinstance(carrier.courier.trouble, StoppedEarly)
    assert carrier.courier.trouble.message == "sending events to the API: a request failed 5 times (HTTP 503)"
    assert len(carrier.requests) == 5
    assert (carrier.rejected, carrier.checkpoint, carrier.courier.unsettled) == ([], -1, 10)


def test_three_answers_of_something_else_in_a_row_end_the_run() -> None:
    """C15: a captive portal answers everything with 200."""
    carrier = carry(ten(), lambda _: LOGIN_PAGE, concurrency=1)
    assert len(carrier.requests) == 3
    assert isinstance(carrier.courier.trouble, StoppedEarly)


def test_the_count_of_strange_answers_begins_anew_after_a_good_one() -> None:
    """C15: three in a row, not three in a run."""
    answers = [LOGIN_PAGE, LOGIN_PAGE, Accepted(), LOGIN_PAGE, LOGIN_PAGE, Accepted(), Accepted(), Accepted()]
    carrier = carry(ten(), lambda _: answers.pop(0), concurrency=1)
    assert carrier.courier.trouble is None
    assert carrier.checkpoint == 9


def test_refused_credentials_stop_at_once_and_reject_nothing() -> None:
    """C18."""
    error = CredentialsRefused("the API refused the credentials")
    carrier = carry(ten(), lambda _: Stop(error))
    assert carrier.courier.trouble is error
    assert len(carrier.requests) == 2, "what was in flight already, and nothing more"
    assert (carrier.rejected, carrier.checkpoint) == ([], -1)


def test_the_first_trouble_is_the_one_that_is_told() -> None:
    first, second = CredentialsRefused("first"), CredentialsRefused("second")
    errors = [Stop(first), Stop(second)]
    assert carry(ten(), lambda _: errors.pop(0)).courier.trouble is first


def test_nobody_sends_before_a_retry_after_has_passed() -> None:
    """C6: all connections pause, not only the one that was told, however much could leave."""
    courier = make_courier(span_events=20)
    carrier = Carrier(courier, courier._settings)
    for given in ten():
        carrier.admit(given)
    carrier.send()
    carrier.answer(0, throttled(30.0))
    carrier.answer(0, Accepted())
    carrier.commit()
    for carrier.now in (100.0, 115.0, 129.999):
        carrier.send()
        assert len(carrier.requests) == 2
    assert courier.wake_at == 130.0
    carrier.now = 130.0
    carrier.send()
    assert seqs(carrier)[2:] == [[0, 1, 2], [6, 7, 8]]


def test_a_retry_after_longer_than_our_patience_stops_the_run() -> None:
    """C6: exit 6 instead of a process that sleeps for a day."""
    carrier = carry(ten(), lambda _: throttled(86_400.0), concurrency=1)
    assert isinstance(carrier.courier.trouble, StoppedEarly)
    assert len(carrier.requests) == 1
    assert carrier.now < 101.0


def test_a_pause_that_another_process_was_told_stops_the_run_too() -> None:
    courier = make_courier()
    courier._budget.pause_until(90_000.0)
    carrier = Carrier(courier, courier._settings).run(ten())
    assert isinstance(courier.trouble, StoppedEarly)
    assert carrier.requests == []


def test_no_success_for_too_long_ends_the_run() -> None:
    """C28."""
    settings = {"max_attempts": 1000, "retry_allowance": 10_000, "give_up_after_seconds": 600.0, "concurrency": 1}
    carrier = carry(ten(), lambda _: DOWN, **settings)
    assert isinstance(carrier.courier.trouble, StoppedEarly)
    assert 600.0 <= carrier.now - 100.0 <= 661.0


def test_retries_over_a_run_are_bounded_by_a_tenth_of_its_requests() -> None:
    """C28, C29: every second attempt fails; the run ends cleanly, and the next one goes on."""
    answers = {0: DOWN, 1: Accepted()}
    count = 0

    def api(_request: Request) -> Verdict:
        nonlocal count
        count += 1
        return answers[count % 2]

    given = pages([event(seq) for seq in range(3000)], rows=500)
    carrier = carry(given, api, retry_allowance=10, concurrency=1)
    tally = carrier.courier.tally
    assert isinstance(carrier.courier.trouble, StoppedEarly)
    assert tally.retries <= 10 + 0.1 * (tally.requests - tally.retries)
    assert carrier.checkpoint == len(carrier.accepted) - 1 > 20


def test_what_429_asks_to_repeat_is_not_counted_as_a_retry_that_wears_the_api_out() -> None:
    """C8: a rate that is configured too high makes a run slow, it does not end it."""
    count = 0

    def api(_request: Request) -> Verdict:
        nonlocal count
        count += 1
        return throttled() if count % 2 else Accepted()

    given = pages([event(seq) for seq in range(600)], rows=500)
    carrier = carry(given, api, retry_allowance=5)
    assert carrier.courier.trouble is None
    assert carrier.checkpoint == 599


def test_a_place_is_not_used_again_before_the_state_has_it() -> None:
    """D1: repeats after a kill are what is in flight or not recorded, never more than the places."""
    courier = make_courier()
    carrier = Carrier(courier, courier._settings)
    for given in ten():
        carrier.admit(given)
    carrier.send()
    carrier.answer(0, Accepted())
    carrier.send()
    assert len(carrier.requests) == 2
    settlement = courier.settlement()
    carrier.send()
    assert len(carrier.requests) == 2
    courier.committed(settlement)
    carrier.committed = {item.seq for item in settlement.accepted}
    carrier.send()
    assert len(carrier.requests) == 3


def test_a_slow_head_batch_holds_the_checkpoint_and_bounds_the_span() -> None:
    """D17: finding 2 of the design; the rest waits for it at most a span ahead."""
    courier = make_courier(concurrency=3, span_events=9)
    carrier = Carrier(courier, courier._settings)
    given = pages([event(seq) for seq in range(30)], rows=30)
    carrier.settings = courier._settings
    carrier.admit(given[0])
    carrier.send()
    while len(carrier.in_flight) > 1:
        carrier.answer(1, Accepted())
        carrier.commit()
        carrier.send()
    assert [item.seq for item in carrier.in_flight[0].events] == [0, 1, 2]
    assert max(item.seq for request in carrier.requests for item in request.events) == 8
    assert carrier.checkpoint == -1
    carrier.answer(0, Accepted())
    carrier.commit()
    assert carrier.checkpoint == 8


def test_after_a_halt_nothing_leaves_but_answers_still_count() -> None:
    """E1."""
    courier = make_courier()
    carrier = Carrier(courier, courier._settings)
    for given in ten():
        carrier.admit(given)
    carrier.send()
    courier.halt()
    carrier.answer(0, Accepted())
    carrier.answer(0, DOWN)
    carrier.commit()
    carrier.now += 1000
    carrier.send()
    assert len(carrier.requests) == 2
    assert (carrier.checkpoint, courier.unsettled, courier.wake_at) == (2, 7, None)


def test_a_flush_lets_a_request_leave_that_is_not_full() -> None:
    """A window ends before the next one begins, so its rest must not wait for the next page."""
    courier = make_courier()
    carrier = Carrier(courier, courier._settings)
    carrier.admit(page(0, [event(0), event(1)]))
    carrier.send()
    assert carrier.requests == []
    courier.flush()
    assert courier.wake_at == 0.0
    carrier.send()
    assert seqs(carrier) == [[0, 1]]


def test_sparse_pages_do_not_hold_the_checkpoint_for_ever() -> None:
    """D24: with one changed row in many pages the rest of a batch may take the whole table to come."""
    given = [page(4 * at, [event(4 * at), None, None, None]) for at in range(20)]
    courier = make_courier(batch_size=100, span_events=200)
    carrier = Carrier(courier, courier._settings)
    for at, one in enumerate(given):
        assert courier.room, at
        carrier.admit(one)
        carrier.send()
        while carrier.in_flight:
            carrier.answer(0)
            carrier.commit()
    assert carrier.checkpoint >= 4 * 12


def test_the_throttle_alone_is_what_waiting_counts() -> None:
    """What a summary prints as `waited_seconds`."""
    budget = MemoryBudget(requests_per_second=1, events_per_second=1000)
    carrier = carry(ten(), budget=budget)
    assert len(carrier.requests) == 4
    assert carrier.courier.tally.waited_seconds == pytest.approx(2.9, abs=0.05)


@pytest.mark.parametrize(
    ("answers", "lowest"),
    [((DOWN, Accepted(), DOWN, Accepted(), DOWN), 1.0), ((DOWN, DOWN), 0.5), ((throttled(),), 0.5)],
    ids=["failures alone", "failures in a row", "429"],
)
def test_the_rate_is_halved_after_429_and_after_failures_in_a_row(answers: Sequence[Verdict], lowest: float) -> None:
    """C8, C9: one failed request is nobody's fault; a success in between begins anew."""
    budget, left, factors = fast_budget(), list(answers), []

    def api(_request: Request) -> Verdict:
        factors.append(budget.state.factor)
        return left.pop(0) if left else Accepted()

    carry(ten(), api, budget=budget, concurrency=1)
    assert min(factors) == lowest


def test_of_a_request_that_is_taken_back_the_others_leave_and_the_checkpoint_passes() -> None:
    """A person is forgotten while their event waits: it counts as no request, and nothing waits for it."""
    courier = make_courier()
    courier.admit(page(0, [event(0), event(1), event(2)]))
    courier.flush()
    request = courier.next_request(now=0.0, jitter=lambda: 0.5)
    assert request is not None
    courier.withhold(request, {1})
    again = courier.next_request(now=0.0, jitter=lambda: 0.5)
    assert again is not None
    assert ([item.seq for item in again.events], courier.tally.requests) == ([0, 2], 1)
    courier.answered(again, Accepted(), now=0.0, jitter=lambda: 0.5)
    settlement = courier.settlement()
    assert settlement is not None
    assert ([item.seq for item in settlement.suppressed], settlement.position) == ([1], Position(2, (2,)))
    courier.committed(settlement)
    assert courier.idle


def test_a_request_of_which_nothing_is_left_frees_its_place() -> None:
    courier = make_courier()
    courier.admit(page(0, [event(0)]))
    courier.flush()
    request = courier.next_request(now=0.0, jitter=lambda: 0.5)
    assert request is not None
    courier.withhold(request, {0})
    assert courier.next_request(now=0.0, jitter=lambda: 0.5) is None
    settlement = courier.settlement()
    assert settlement is not None
    courier.committed(settlement)
    assert (courier.idle, courier.tally.requests, courier.all_answered) == (True, 0, True)

"""An API that fails: what is sent again, after how long, and what ends the run."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from etl.delivery.courier import Request
from etl.errors import CredentialsRefused, StoppedEarly
from etl.verdict.judge import Accepted, Stop, Verdict
from tests.delivery.parcels import (
    DOWN,
    LOGIN_PAGE,
    Carrier,
    carry,
    event,
    fast_budget,
    make_courier,
    page,
    pages,
    seqs,
    ten,
    throttled,
)


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
    courier.budget.pause_until(90_000.0)
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


@pytest.mark.parametrize(
    ("answers", "lowest"),
    [((DOWN, Accepted(), DOWN, Accepted(), DOWN), 1.0), ((DOWN, DOWN), 0.5), ((throttled(),), 0.5)],
    ids=["failures alone", "failures in a row", "429"],
)
def test_the_rate_is_halved_after_429_and_after_failures_in_a_row(answers: Sequence[Verdict], lowest: float) -> None:
    """C8, C9: one failed request says nothing of its rows; a success in between begins anew."""
    budget, left, factors = fast_budget(), list(answers), []

    def api(_request: Request) -> Verdict:
        factors.append(budget.state.factor)
        return left.pop(0) if left else Accepted()

    carry(ten(), api, budget=budget, concurrency=1)
    assert min(factors) == lowest

"""The waits between attempts, exact."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.delivery.retry import MINIMUM_BACKOFF_SECONDS, Patience, RetrySettings, backoff_seconds
from etl.errors import StoppedEarly
from etl.verdict.judge import TryAgain
from tests.delivery.parcels import DOWN, LOGIN_PAGE, throttled


@pytest.mark.parametrize(
    ("attempt", "wait"),
    [(1, 0.5), (2, 1.0), (3, 2.0), (4, 4.0), (5, 8.0), (6, 16.0), (7, 30.0), (8, 30.0), (5000, 30.0)],
)
def test_the_wait_doubles_up_to_the_maximum(attempt: int, wait: float) -> None:
    """C1: here with the middle of the jitter."""
    assert backoff_seconds(attempt, first=1.0, maximum=60.0, jitter=0.5) == wait


@given(attempt=st.integers(1, 10_000), maximum=st.floats(0.001, 600), jitter=st.floats(0, 1, exclude_max=True))
def test_the_wait_is_never_above_the_maximum_and_never_nothing(attempt: int, maximum: float, jitter: float) -> None:
    wait = backoff_seconds(attempt, first=1.0, maximum=maximum, jitter=jitter)
    assert min(MINIMUM_BACKOFF_SECONDS, maximum) <= wait <= maximum


@pytest.mark.parametrize("after", [0.0, 0.7, 30.0, 599.0])
def test_a_retry_after_is_never_undercut(after: float) -> None:
    """C6, C7: a date in the past means our own wait."""
    wait = Patience(RetrySettings()).after(throttled(after), attempt=1, now=0.0, jitter=lambda: 0.5)
    assert wait == max(0.5, after)


def test_the_time_without_success_begins_with_the_first_failure_not_with_the_last_success() -> None:
    """C28: a table that is slow to read must not look like an API that is down."""
    patience = Patience(RetrySettings(give_up_after_seconds=600.0))
    patience.went_well()
    assert patience.after(DOWN, attempt=1, now=10_000.0, jitter=lambda: 0.5) == 0.5
    assert patience.after(DOWN, attempt=2, now=10_599.0, jitter=lambda: 0.5) == 1.0
    assert isinstance(patience.after(DOWN, attempt=3, now=10_600.0, jitter=lambda: 0.5), Exception)


def test_a_success_begins_the_time_without_success_anew() -> None:
    """C28: one failure early and one ten minutes later are no outage of ten minutes."""
    patience = Patience(RetrySettings(give_up_after_seconds=600.0))
    assert patience.after(DOWN, attempt=1, now=0.0, jitter=lambda: 0.5) == 0.5
    patience.went_well()
    assert patience.after(DOWN, attempt=1, now=700.0, jitter=lambda: 0.5) == 0.5
    assert not patience.repeated_trouble
    assert patience.after(DOWN, attempt=2, now=1299.0, jitter=lambda: 0.5) == 1.0
    assert patience.repeated_trouble
    assert isinstance(patience.after(DOWN, attempt=3, now=1300.0, jitter=lambda: 0.5), Exception)


def test_the_reasons_to_stop_name_what_happened() -> None:
    patience = Patience(RetrySettings(allowance=0))
    stop = patience.after(DOWN, attempt=1, now=0.0, jitter=lambda: 0.5)
    assert str(stop) == "sending events to the API: too many retries in this run (0 for 0 requests) (HTTP 503)"


def test_three_answers_in_a_row_that_are_not_the_apis_end_the_run() -> None:
    """C15: in a row means that nothing else came between, neither a success nor another sort of failure."""
    patience = Patience(RetrySettings())
    for between in (DOWN, throttled(), None):
        for _ in range(2):
            assert isinstance(patience.after(LOGIN_PAGE, attempt=1, now=0.0, jitter=lambda: 0.5), float)
        if between is None:
            patience.went_well()
        else:
            assert isinstance(patience.after(between, attempt=1, now=0.0, jitter=lambda: 0.5), float)
    waits = [patience.after(LOGIN_PAGE, attempt=1, now=0.0, jitter=lambda: 0.5) for _ in range(3)]
    assert [isinstance(wait, float) for wait in waits] == [True, True, False]
    assert str(waits[2]) == "sending events to the API: 3 answers in a row were not the API's (answer is not the API's)"


def test_a_refused_connection_is_tried_again_like_anything_else() -> None:
    """C1, C2."""
    refused = TryAgain(None, ambiguous=False, throttled=False, cause="connection refused")
    assert Patience(RetrySettings()).after(refused, attempt=2, now=0.0, jitter=lambda: 0.25) == 0.5


@pytest.mark.parametrize(
    ("verdict", "strange_before", "attempt", "last"),
    [
        *((DOWN, 0, 7, False), (DOWN, 0, 8, True), (DOWN, 2, 7, False)),
        *((LOGIN_PAGE, 0, 1, False), (LOGIN_PAGE, 1, 1, False), (LOGIN_PAGE, 2, 1, True), (LOGIN_PAGE, 0, 8, True)),
    ],
    ids=str,
)
def test_the_last_attempt_is_the_eighth_or_the_third_strange_answer(
    verdict: TryAgain, strange_before: int, attempt: int, *, last: bool
) -> None:
    patience = Patience(RetrySettings())
    for _ in range(strange_before):
        patience.after(LOGIN_PAGE, attempt=1, now=0.0, jitter=lambda: 0.5)
    assert patience.used_up(verdict, attempt=attempt) is last


@pytest.mark.parametrize("suspect", [True, False])
@pytest.mark.parametrize(
    ("verdict", "attempt", "settings"),
    [
        (DOWN, 8, RetrySettings()),
        (DOWN, 1, RetrySettings(allowance=0)),
        (LOGIN_PAGE, 1, RetrySettings(max_unreadable=1)),
    ],
    ids=["attempts", "retries", "strange answers"],
)
def test_the_attempts_of_suspected_events_are_bounded_elsewhere(
    verdict: TryAgain, attempt: int, settings: RetrySettings, *, suspect: bool
) -> None:
    wait = Patience(settings).after(verdict, attempt=attempt, now=0.0, jitter=lambda: 0.5, suspect=suspect)
    assert isinstance(wait, float) is suspect


@pytest.mark.parametrize("suspect", [True, False])
def test_the_retries_of_suspected_events_use_up_none_of_the_others(*, suspect: bool) -> None:
    patience = Patience(RetrySettings(allowance=2, share=0.0))
    for _ in range(2):
        patience.after(DOWN, attempt=1, now=0.0, jitter=lambda: 0.5, suspect=suspect)
    assert isinstance(patience.after(DOWN, attempt=1, now=0.0, jitter=lambda: 0.5), float) is suspect


@pytest.mark.parametrize("unreached", [True, False])
def test_the_end_says_whether_a_connection_came_about(*, unreached: bool) -> None:
    failed = TryAgain(None, ambiguous=False, throttled=False, cause="HTTP 503", unreached=unreached)
    stop = Patience(RetrySettings(max_attempts=1)).after(failed, attempt=1, now=0.0, jitter=lambda: 0.5)
    assert isinstance(stop, StoppedEarly)
    assert stop.unreached is unreached


@pytest.mark.parametrize(("after", "goes_on"), [(61.0, True), (600.0, True), (601.0, False)])
def test_a_retry_after_is_waited_for_as_long_as_the_patience_lasts(after: float, *, goes_on: bool) -> None:
    """Also beyond the longest wait of our own."""
    wait = Patience(RetrySettings()).after(throttled(after), attempt=1, now=0.0, jitter=lambda: 0.5)
    assert wait == after if goes_on else isinstance(wait, StoppedEarly)

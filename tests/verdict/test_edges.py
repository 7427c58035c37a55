"""Every way in which three things that an answer says may stand together: success, a count, and errors."""

from __future__ import annotations

from typing import Any

import pytest

from etl.verdict.answer import Answer
from etl.verdict.judge import Accepted, Partly, PartlyAccepted, Refused, Stop, TryAgain, Verdict, judge
from tests.verdict.answers import answer

EVENTS = 3
COUNTS: tuple[int | None, ...] = (None, 0, 1, 2, 3, 4)
SUCCESS: tuple[bool | None, ...] = (None, True, False)
NAMED = [{"index": 1, "code": "NO_YEAR"}]
OPAQUE = "no year"


def judged(http: int, **said: Any) -> Verdict:
    body = {name: value for name, value in said.items() if value is not None}
    return judge(answer(body, status=http), events=EVENTS)


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("success", SUCCESS)
def test_without_errors_success_counts_before_the_count(success: bool | None, count: int | None) -> None:  # noqa: FBT001
    found = judged(200, success=success, created=count)
    if success is False or (success is None and count == 0):
        short = count is not None and 0 < count < EVENTS
        assert isinstance(found, PartlyAccepted if short else Refused)
    elif success or count is None or count >= EVENTS:
        # More than were sent is no confirmation, and neither is silence.
        sure = count == EVENTS or (success is True and (count is None or count > EVENTS))
        assert found == Accepted(unconfirmed=not sure)
    else:
        assert found == PartlyAccepted(count)


@pytest.mark.parametrize("status", [200, 202, 207, 400, 422])
@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("success", SUCCESS)
def test_those_that_are_not_named_were_taken_where_a_success_or_a_count_of_them_says_so(
    status: int,
    success: bool | None,  # noqa: FBT001
    count: int | None,
) -> None:
    found = judged(status, success=success, created=count, errors=NAMED)
    assert isinstance(found, Partly)
    assert list(found.errors) == [1]
    if status >= 400:
        taken = False
    elif count is None:
        taken = status == 207 or success is True
    else:
        taken = count >= EVENTS - 1
    assert found.others == ("accepted" if taken else "resend")


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("success", SUCCESS)
def test_an_error_that_names_no_event_is_outweighed_only_by_a_success_of_all(
    success: bool | None,  # noqa: FBT001
    count: int | None,
) -> None:
    found = judged(200, success=success, created=count, errors=OPAQUE)
    if success and count is not None and count >= EVENTS:
        assert found == Accepted(unconfirmed=True)
    else:
        assert isinstance(found, Refused)


@pytest.mark.parametrize("count", COUNTS)
def test_a_number_of_errors_beside_a_count_means_that_some_were_taken(count: int | None) -> None:
    found = judged(200, created=count, errors=1)
    if count is not None and 0 < count < EVENTS:
        assert found == PartlyAccepted(count)
    else:
        assert isinstance(found, Refused)


@pytest.mark.parametrize("named", [1, 2, 3])
@pytest.mark.parametrize(("code", "stop"), [("QUOTA_EXCEEDED", Stop), ("TOO_MANY_REQUESTS", TryAgain)])
def test_words_of_the_account_mean_the_account_only_where_each_event_has_them(
    named: int, code: str, stop: type[Verdict]
) -> None:
    """With one event that was taken, or refused for its own sake, they are about the others alone."""
    errors = [{"index": at, "code": code} for at in range(named)]
    found = judged(200, success=False, errors=errors)
    if named < EVENTS:
        assert isinstance(found, Partly)
        own = [{"index": at, "code": "NO_YEAR"} for at in range(named, EVENTS)]
        assert isinstance(judged(200, success=False, errors=[*errors, *own]), Partly)
    else:
        about = found.stop if isinstance(found, Refused) else found
        assert isinstance(about, stop)


def raw(body: bytes) -> Verdict:
    return judge(Answer(200, {}, body), events=EVENTS)


@pytest.mark.parametrize(("status", "says_no"), [(399, False), (400, True), (599, True), (600, False)])
def test_a_status_in_the_body_says_no_from_400_to_599(status: int, *, says_no: bool) -> None:
    assert isinstance(judged(200, success=True, status=status), Accepted) is not says_no


@pytest.mark.parametrize(("status", "verdict"), [(499, Refused), (500, TryAgain), (599, TryAgain)])
def test_a_status_in_the_body_is_the_servers_trouble_from_500_on(status: int, verdict: type[Verdict]) -> None:
    assert isinstance(judged(200, success=False, status=status), verdict)


def test_what_the_words_say_of_the_account_goes_before_a_status_in_the_body() -> None:
    """402 alone would be the quota."""
    assert isinstance(judged(200, status=402, message="slow down"), TryAgain)
    about = judged(200, status=402, message="no")
    assert isinstance(about, Refused)
    assert about.stop is not None


@pytest.mark.parametrize(
    ("outer", "inner", "others"),
    [
        (2, None, "accepted"),
        (None, 2, "accepted"),
        (2, 0, "accepted"),
        (0, 2, "resend"),
        (None, 1, "resend"),
        (None, None, "accepted"),
    ],
)
def test_the_count_of_the_wrapping_goes_before_that_of_what_is_wrapped(
    outer: int | None, inner: int | None, others: str
) -> None:
    within = {"errors": NAMED} | ({} if inner is None else {"created": inner})
    found = judged(200, success=True, created=outer, data=within)
    assert isinstance(found, Partly)
    assert found.others == others


@pytest.mark.parametrize(
    ("body", "readable"),
    [
        (b'{"success":true,"success":true}', True),
        (b'{"success":true,"success":false}', False),
        (b'{"success":true,"success":false,"created":3,"created":3}', False),
        (b'{"success":true,"created":2,"created":3,"success":true}', False),
        (b'{"data":{"code":"1","code":"2"},"success":true,"created":3}', True),
        (b'{"success":true,"created":3,"data":{"code":"1","code":"2"}}', True),
        (b'{"data":{"code":"1"},"success":false,"success":true}', False),
        (b'{"success":true,"created":3,"errors":{"0":"no"},"errors":{}}', False),
        (b'{"success":true,"created":3,"errors":{},"errors":{}}', True),
    ],
)
def test_an_answer_contradicts_itself_in_its_own_names_wherever_these_stand(body: bytes, *, readable: bool) -> None:
    """Not in those of an object in it, and a later pair that agrees takes nothing back."""
    assert isinstance(raw(body), Accepted) is readable


def test_two_errors_of_one_event_are_both_told() -> None:
    """Whichever of them says something of the account."""
    errors = [{"index": 1, "message": "invalid year"}, {"index": 1, "message": "unknown currency"}]
    found = judged(200, errors=errors)
    assert isinstance(found, Partly)
    assert list(found.errors) == [1]
    words = found.errors[1].words
    assert ("year" in words, "currency" in words) == (True, True)

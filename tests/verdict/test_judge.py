"""Properties of the verdict that hold for every answer a server can think of (C11 to C17, C20)."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.errors import HostRefused
from etl.verdict.answer import Answer, Failure
from etl.verdict.judge import (
    VERDICTS,
    Accepted,
    Case,
    Partly,
    PartlyAccepted,
    Refused,
    Stop,
    TooLarge,
    TryAgain,
    case_of,
    judge,
)
from etl.verdict.redaction import MAX_WORDS
from etl.verdict.refusal import Refusal
from tests.verdict.answers import answer

TEXTS = st.text(max_size=30)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXTS, inner, max_size=5), max_leaves=15
)
ERRORS = (
    JSON
    | st.lists(st.none() | st.just("no"), max_size=6)
    | st.lists(
        st.dictionaries(st.sampled_from(["index", "event_index", "key", "position", "message", "code"]), SCALARS),
        max_size=6,
    )
    | st.dictionaries(st.integers(-2, 8).map(str), SCALARS, max_size=6)
)
ANSWERED = st.fixed_dictionaries(
    {},
    optional={
        "success": SCALARS,
        "created": SCALARS | st.integers(0, 6),
        "processed": SCALARS,
        "errors": ERRORS,
        "message": SCALARS,
    },
)
STATUSES = st.sampled_from([200, 201, 202, 204, 207, 400, 409, 422, 500]) | st.integers(0, 999)
HEADERS = st.dictionaries(st.sampled_from(["retry-after", "date", "content-type", "location"]), TEXTS)


def lost(cause: str) -> TryAgain:
    """The events may have been taken, and one of them may be the reason."""
    return TryAgain(None, ambiguous=True, throttled=False, cause=cause, may_be_event=True)


def unreadable(cause: str) -> TryAgain:
    return replace(lost(cause), unreadable=True)


@settings(max_examples=500)
@given(
    status=STATUSES, body=ANSWERED.map(orjson.dumps) | st.binary(max_size=60), headers=HEADERS, events=st.integers(1, 6)
)
def test_every_answer_has_a_verdict_that_keeps_its_promises(
    status: int, body: bytes, headers: dict[str, str], events: int
) -> None:
    for truncated in (False, True):
        verdict = judge(Answer(status, headers, body, truncated=truncated), events=events)
        match verdict:
            case Accepted() | PartlyAccepted():
                assert not truncated
                assert 200 <= status < 300 or (isinstance(verdict, PartlyAccepted) and 400 <= status < 500)
            case Partly(errors, others):
                assert errors
                assert not truncated
                assert all(0 <= index < events for index in errors)
                assert others == "resend" or 200 <= status < 300
                assert all(fit(refusal) for refusal in errors.values())
            case Refused(refusal):
                assert fit(refusal)
                assert status // 100 in (2, 4)
            case TryAgain(after_seconds=after, throttled=throttled):
                assert after is None or 0 < after <= 86_400
                assert throttled is (status == 429)
            case TooLarge():
                assert status == 413
            case Stop(error=error):
                assert error.hint
                assert error.exit_code in (2, 5, 6)


def says_something(errors: object) -> bool:
    """Whether any text or number stands in it."""
    if isinstance(errors, str):
        return errors.strip().casefold() not in ("", "-", "0", "false", "f", "no", "n", "ok")
    inside = errors.values() if isinstance(errors, dict) else errors if isinstance(errors, list) else None
    return bool(errors) if inside is None else any(map(says_something, inside))


def fit(refusal: Refusal) -> bool:
    return len(refusal.words) <= MAX_WORDS and refusal.words.isprintable() and 0 < len(refusal.code) <= 40


@settings(max_examples=300)
@given(body=ANSWERED, events=st.integers(1, 6))
def test_only_a_body_that_says_so_accepts(body: dict[str, Any], events: int) -> None:
    """Success means that the body says so, or at least that it does not object."""
    verdict = judge(answer(body), events=events)
    given = (str(body.get(name)).removesuffix(".0") for name in ("created", "processed"))
    counts = [int(count) for count in given if re.fullmatch("[0-9]+", count)]
    if isinstance(verdict, Accepted) and not verdict.unconfirmed and sum(counts) != events:
        assert str(body["success"]).strip().casefold() in ("true", "1", "1.0")
        assert not says_something(body.get("errors"))
    if body.get("success") is False or body.get("success") == 0:
        assert not isinstance(verdict, Accepted)


@pytest.mark.parametrize("code", [500, "503", 599])
@pytest.mark.parametrize("status", [200, 400])
def test_a_server_error_in_a_body_is_one(status: int, code: object) -> None:
    """Its events were not judged: none is given up for it unless others are accepted."""
    verdict = judge(answer({"success": False, "code": code}, status=status), events=3)
    assert isinstance(verdict, TryAgain)
    assert (verdict.may_be_event, verdict.throttled) == (True, False)


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize("rest", [{}, {"created": 2}, {"success": True, "created": 3}])
def test_a_4xx_accepts_nobody_whatever_its_body_counts(status: int, rest: dict[str, object]) -> None:
    """C12: a refused request is sent again without the events that it names."""
    verdict = judge(answer({"errors": [{"index": 0}], **rest}, status=status), events=3)
    assert verdict == Partly({0: Refusal(f"http_{status}", "")}, "resend")


def test_an_event_alone_is_given_its_own_error() -> None:
    body = {"success": False, "errors": [{"index": 0, "code": "DATE_ERROR", "message": "no date"}]}
    assert judge(answer(body), events=1) == Partly({0: Refusal("DATE_ERROR", "no date")}, "resend")


def test_a_redirect_names_the_host_alone() -> None:
    """C22."""
    verdict = judge(Answer(302, {"location": "elsewhere.example"}, b""), events=1)
    assert isinstance(verdict, Stop)
    assert verdict.error.message == "sending events to the API: the address redirects to elsewhere.example (HTTP 302)"


@pytest.mark.parametrize("request_sent", [True, False])
def test_a_server_error_is_ambiguous_once_the_request_was_written(*, request_sent: bool) -> None:
    """C9."""
    verdict = judge(Answer(503, {}, b"", request_sent=request_sent), events=1)
    assert isinstance(verdict, TryAgain)
    assert verdict.ambiguous is request_sent


@pytest.mark.parametrize(
    ("came", "verdict"),
    [
        (Answer(200, {}, b"<html>"), unreadable("answer is not the API's (HTTP 200)")),
        (Answer(200, {}, b"{}", truncated=True), unreadable("answer is too long, or cannot be decoded")),
        (Answer(429, {"retry-after": "7"}, b""), TryAgain(7.0, ambiguous=False, throttled=True, cause="HTTP 429")),
        (Answer(503, {}, b""), lost("HTTP 503")),
        (Answer(408, {}, b""), lost("HTTP 408")),
        (
            Answer(503, {"retry-after": "7"}, b""),
            TryAgain(7.0, ambiguous=True, throttled=False, cause="HTTP 503", may_be_event=True),
        ),
        *((failure, lost(failure.value)) for failure in (Failure.TIMEOUT, Failure.RESET)),
        *((failure, unreadable(failure.value)) for failure in (Failure.PROTOCOL, Failure.SURPLUS)),
        *(
            (failure, TryAgain(None, ambiguous=False, throttled=False, cause=failure.value, unreached=True))
            for failure in (Failure.REFUSED, Failure.DNS, Failure.UNREACHABLE, Failure.CONNECT_TIMEOUT, Failure.PROXY)
        ),
    ],
    ids=str,
)
def test_what_is_tried_again_says_whether_it_may_have_been_taken(came: Answer | Failure, verdict: TryAgain) -> None:
    """What may have been taken leaves a doubt in the state; what may be an event's fault is halved."""
    assert judge(came, events=3) == verdict


@pytest.mark.parametrize(
    ("content_type", "body", "case"),
    [
        ("text/html; charset=utf-8", b"blocked", Case.FIREWALL),
        ("Text/HTML", b"", Case.FIREWALL),
        ("text/plain", b"\r\n <html>blocked</html>", Case.FIREWALL),
        ("text/plain", b"blocked < here", Case.FORBIDDEN),
        ("application/json", b'{"message":"<b>"}', Case.FORBIDDEN),
    ],
)
def test_a_page_is_known_by_its_type_or_by_its_first_sign(content_type: str, body: bytes, case: Case) -> None:
    """A 403 with a page is a firewall's, one with words the API's own."""
    assert case_of(Answer(403, {"content-type": content_type}, body), events=3) is case


@pytest.mark.parametrize(
    ("message", "case"),
    [
        ("your account is suspended", Case.ACCOUNT),
        ("monthly quota exceeded", Case.ACCOUNT),
        ("invalid api key", Case.FORBIDDEN),
        ("no such field", Case.FORBIDDEN),
    ],
)
def test_a_403_is_of_the_account_where_its_words_say_so_of_anything_but_the_key(message: str, case: Case) -> None:
    body = orjson.dumps({"success": False, "message": message})
    assert case_of(Answer(403, {"content-type": "application/json"}, body), events=3) is case


@pytest.mark.parametrize(("failure", "todo"), [(Failure.FILES, "ulimit -n"), (Failure.FILES_OF_HOST, "fs.file-max")])
def test_too_few_descriptors_are_the_hosts_refusal(failure: Failure, todo: str) -> None:
    verdict = judge(failure, events=3)
    assert isinstance(verdict, Stop)
    assert isinstance(verdict.error, HostRefused)
    assert failure.value in verdict.error.message
    assert todo in (verdict.error.hint or "")
    assert case_of(failure, events=3) is Case.NO_FILES


UNVERIFIED = (Failure.TLS, Failure.TLS_UNTRUSTED, Failure.TLS_HOSTNAME, Failure.TLS_EXPIRED)


@pytest.mark.parametrize("failure", [Failure.ADDRESS, Failure.HEADERS, Failure.PROXY_REFUSED, *UNVERIFIED])
def test_a_request_that_cannot_be_made_is_the_settings_fault(failure: Failure) -> None:
    verdict = judge(failure, events=3)
    assert case_of(failure, events=3) is (Case.NO_TLS if failure in UNVERIFIED else Case.UNSENDABLE)
    assert isinstance(verdict, Stop)
    assert (verdict.cause, verdict.error.exit_code) == (failure.value, 2)
    assert "check destination.url" in (verdict.error.hint or "")


def test_a_403_is_refused_for_the_key_unless_others_are_accepted() -> None:
    verdict = judge(answer({"message": "Forbidden"}, status=403), events=3)
    assert isinstance(verdict, Refused)
    assert (verdict.refusal, verdict.stop_at_once) == (Refusal("http_403", "Forbidden"), True)
    assert verdict.stop is not None
    assert "one run with destination.batch_size: 1" in (verdict.stop.error.hint or "")


def test_stops_of_one_cause_are_equal_whatever_they_say_besides() -> None:
    """Each answer makes errors of its own; a run that is stopped by all its requests is stopped for one cause."""
    first, second = (judge(answer({"message": words}, status=404), events=1) for words in ("no", "not found"))
    assert isinstance(first, Stop)
    assert isinstance(second, Stop)
    assert (first.unless_others_pass != second.unless_others_pass, first == second) == (True, True)


def test_each_status_of_the_4xx_and_5xx_is_judged_as_the_table_says() -> None:
    """Where the status alone decides; a wrong address must not become ten thousand dead letters."""
    found: dict[str, list[int]] = {}
    for status in range(400, 600):
        verdict = judge(Answer(status, {}, b"{}"), events=3)
        name = f"exit {verdict.error.exit_code}" if isinstance(verdict, Stop) else type(verdict).__name__
        found.setdefault(name, []).append(status)
    assert {name: found[name] for name in ("exit 2", "exit 5", "exit 6", "TooLarge")} == {
        "exit 2": [404, 405, 406, 407, 410, 411, 414, 415, 421, 426, 431, 501, 505],
        "exit 5": [401],
        "exit 6": [402],
        "TooLarge": [413],
    }
    assert found["TryAgain"] == [408, 425, 429, *(status for status in range(500, 600) if status not in {501, 505})]
    assert len(found["Refused"]) == 200 - sum(len(statuses) for name, statuses in found.items() if name != "Refused")


def test_the_table_can_be_printed() -> None:
    cells = [(case.answer, case.verdict, case.why) for case in VERDICTS]
    assert len(set(cells)) == len(VERDICTS)
    assert all(cell and "|" not in cell and "\n" not in cell for row in cells for cell in row)


def test_a_hostile_answer_of_a_mebibyte_is_judged() -> None:
    """Neither words nor shapes may cost more than reading the answer did."""
    hostile = json.dumps({"success": False, "errors": ["a@" * 100_000, *({"x": ["b" * 50] * 100},) * 100]}).encode()
    assert isinstance(judge(Answer(200, {}, hostile), events=100), Refused)

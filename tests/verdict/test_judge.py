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

from etl.verdict.answer import Answer, Failure
from etl.verdict.judge import (
    VERDICTS,
    Accepted,
    Partly,
    PartlyAccepted,
    Refused,
    Stop,
    TooLarge,
    TryAgain,
    Verdict,
    judge,
)
from etl.verdict.redaction import MAX_WORDS
from etl.verdict.refusal import Refusal

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


def answer(body: object, *, status: int = 200) -> Answer:
    return Answer(status, {}, orjson.dumps(body))


def lost(cause: str) -> TryAgain:
    """The events may have been taken, and one of them may be the reason."""
    return TryAgain(None, ambiguous=True, throttled=False, cause=cause, may_be_event=True)


def unreadable(cause: str) -> TryAgain:
    return replace(lost(cause), unreadable=True)


@settings(max_examples=1500)
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
        return errors.strip().casefold() not in ("", "0", "false")
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


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        ({"success": True, "created": "3"}, Accepted()),
        ({"success": True, "created": True}, Accepted()),
        ({"success": True, "created": -1}, Accepted()),
        ({"success": True, "created": "\u0662"}, Accepted()),
        ({"success": True, "created": 2.0}, Accepted(unconfirmed=True)),
        ({"success": True, "created": 3.0}, Accepted()),
        ({"success": False, "created": 2.0}, PartlyAccepted(2)),
        ({"success": "no"}, Refused(Refusal("refused", ""))),
        ({"success": "yes"}, Accepted()),
        ({"ok": False}, Refused(Refusal("refused", ""))),
        ({"success": True, "ok": False}, Refused(Refusal("refused", ""))),
        ({"Success": False, "Errors": ["a"]}, Refused(Refusal("refused", "a"))),
        ({"data": {"success": False, "errors": ["a"]}}, Refused(Refusal("refused", "a"))),
        ({"status": "ok", "result": {"success": False}}, Refused(Refusal("refused", ""))),
        ({"data": {"created": 3}}, Accepted()),
        ({"success": True, "data": {"success": False}}, Refused(Refusal("refused", ""))),
        ({"success": True, "created": 2, "result": {"errors": ["a"]}}, Refused(Refusal("refused", "a"))),
        (
            {"success": True, "data": {"result": {"errors": {"1": "a"}}}},
            Partly({1: Refusal("refused", "a")}, "accepted"),
        ),
        (
            {"success": True, "data": {"created": 2, "errors": [{"index": 0}]}},
            Partly({0: Refusal("refused", "")}, "accepted"),
        ),
        ({"success": True, "response": {"errors": [], "success": True}}, Accepted()),
        (
            {"results": [{"status": 200}, {"status": 400, "error": "a"}, {"status": 200}]},
            Partly({1: Refusal("refused", "a")}, "accepted"),
        ),
        (
            {"success": True, "data": [{"success": True}, {"success": True}, {"success": False, "message": "a"}]},
            Partly({2: Refusal("refused", "a")}, "accepted"),
        ),
        ({"success": True, "events": [{"ok": True}, {"ok": False}]}, Refused(Refusal("refused", ""))),
        ({"success": True, "items": [{"ok": False}] * 3}, Refused(Refusal("refused", ""))),
        ({"success": True, "results": [{"id": 1}, {"id": 2}, {"id": 3}]}, Accepted()),
        ({"success": True, "data": ["a", "b", "c"]}, Accepted()),
        ({"result": "error", "message": "a"}, Refused(Refusal("refused", "a"))),
        ({"status": "rejected", "message": "a"}, Refused(Refusal("refused", "a"))),
        ({"result": "OK"}, Accepted(unconfirmed=True)),
        ({"error_message": "a", "error_code": 7}, Refused(Refusal("refused", "a"))),
        ({"success": True, "error_code": 0, "error_message": ""}, Accepted()),
        ({"exception": "a"}, Refused(Refusal("refused", "a"))),
        ({"accepted": 3}, Accepted()),
        ({"accepted": 2}, PartlyAccepted(2)),
        ({"accepted": 3, "stored": 3}, Accepted()),
        ({"accepted": 3, "created": 2, "updated": 1}, Accepted()),
        ({"accepted": True}, Accepted(unconfirmed=True)),
        ({"success": True, "created": 0, "rejected": 3}, Refused(Refusal("refused", ""))),
        ({"success": True, "failed": "3"}, Refused(Refusal("refused", "3"))),
        ({"success": True, "failed_count": 3}, Refused(Refusal("refused", ""))),
        ({"success": True, "failed": [{"index": 2, "message": "a"}]}, Partly({2: Refusal("refused", "a")}, "accepted")),
        ({"success": True, "created": 2, "rejected": 1}, PartlyAccepted(2)),
        ({"success": True, "created": 3, "failed": 0, "invalid": [], "rejected": None}, Accepted()),
        ({"success": True, "errors": {"count": 0, "items": []}}, Accepted()),
        ({"success": True, "errors": {"count": 1, "items": ["a"]}}, Refused(Refusal("refused", "a"))),
        ({"success": True, "errors": [[], {}]}, Accepted()),
        ({"success": True, "error": "None", "errors": []}, Accepted()),
        ({"success": True, "error": "No errors"}, Accepted()),
        ({"status": 400, "message": "value"}, Refused(Refusal("refused", "value"))),
        ({"statusCode": 422}, Refused(Refusal("refused", ""))),
        ({"success": True, "code": "422"}, Refused(Refusal("refused", ""))),
        ({"status": 200}, Accepted(unconfirmed=True)),
        ({"status": 201, "code": 0}, Accepted(unconfirmed=True)),
        ({"success": 1, "errors": ""}, Accepted()),
        ({"success": True, "errors": {}}, Accepted()),
        ({"success": True, "errors": {"0": None}}, Accepted()),
        ({"created": 2, "updated": 1}, Accepted()),
        ({"created": "1", "updated": "2"}, Accepted()),
        ({"created": 2, "processed": 3}, Accepted(unconfirmed=True)),
        ({"created": "1"}, PartlyAccepted(1)),
        ({"created": 0}, PartlyAccepted(0)),
        ({"created": "0"}, PartlyAccepted(0)),
        ({"processed": 1, "verified": 1}, PartlyAccepted(2)),
        ({"success": False, "created": 1, "updated": 1}, PartlyAccepted(2)),
        ({"success": True, "created": 1, "updated": 1}, Accepted(unconfirmed=True)),
        ({"success": True, "created": "1"}, Accepted(unconfirmed=True)),
        ({"success": True, "created": 2, "errors": "1"}, PartlyAccepted(2)),
        ({"success": True, "errors": 1}, Refused(Refusal("refused", ""))),
        ({"success": True, "created": 3, "errors": 0}, Accepted()),
        ({"success": "false"}, Refused(Refusal("refused", ""))),
        ({"success": " False "}, Refused(Refusal("refused", ""))),
        ({"success": "0"}, Refused(Refusal("refused", ""))),
        ({"success": "1"}, Accepted()),
        ({"success": "TRUE"}, Accepted()),
        ({"error": "no"}, Refused(Refusal("refused", "no"))),
        ({"success": True, "error": "no"}, Refused(Refusal("refused", "no"))),
        ({"success": True, "error": " "}, Accepted()),
        ({"success": True, "error": "false"}, Accepted()),
        ({"errors": [], "error": "no"}, Refused(Refusal("refused", "no"))),
        ({"success": True, "status": " Error "}, Refused(Refusal("refused", "Error"))),
        ({"success": True, "status": 1}, Accepted()),
        ({"success": True, "code": "date_error"}, Refused(Refusal("date_error", ""))),
        ({"success": True, "code": 7}, Accepted()),
        ({"success": True, "errors": {"0": None, "1": "bad"}}, Partly({1: Refusal("refused", "bad")}, "accepted")),
        ({"success": True, "errors": [None, "bad", None]}, Partly({1: Refusal("refused", "bad")}, "accepted")),
        ({"success": True, "errors": [None, "bad"]}, Refused(Refusal("refused", "bad"))),
        ({"success": True, "errors": ["a", "b", "c"]}, Refused(Refusal("refused", "a; b; c"))),
        ({"success": None}, Accepted(unconfirmed=True)),
        ({"success": "perhaps"}, Accepted(unconfirmed=True)),
        ({"success": [True]}, Accepted(unconfirmed=True)),
        ({"success": True, "errors": ["a"]}, Refused(Refusal("refused", "a"))),
        ({"success": True, "created": 1, "errors": ["a"]}, Refused(Refusal("refused", "a"))),
        ({"success": False, "created": 3}, Refused(Refusal("refused", ""))),
        ({"success": True, "errors": [{"index": 0}]}, Partly({0: Refusal("refused", "")}, "accepted")),
        ({"errors": [{"index": 0}]}, Partly({0: Refusal("refused", "")}, "resend")),
        ({"success": False, "errors": {"00": "a"}}, Refused(Refusal("refused", "a"))),
        ({"success": False, "errors": {"+1": "a"}}, Refused(Refusal("refused", "a"))),
        ({"success": False, "errors": [{"index": 1.0}]}, Refused(Refusal("refused", ""))),
    ],
)
def test_odd_values(body: object, verdict: Verdict) -> None:
    assert judge(answer(body), events=3) == verdict


@pytest.mark.parametrize(
    "body",
    [
        '{"success":true,"message":"geüpdatet"}'.encode("latin-1"),
        '{"success":true,"message":"geüpdatet"}'.encode("utf-16"),
        '{"success":true}'.encode("utf-16-le"),
        b'{"success":true,"took":NaN}',
    ],
)
def test_json_in_another_coding_is_read(body: bytes) -> None:
    assert judge(Answer(200, {}, body), events=3) == Accepted()
    refused = body.replace(b"true", b"false").replace("true".encode("utf-16-le"), "false".encode("utf-16-le"))
    assert isinstance(judge(Answer(200, {}, refused), events=3), Refused)


@pytest.mark.parametrize("body", [b"\xff\xfe", b"{\xe9", b'{"success":true', "[" * 100_000, b'{"success":NaN'])
def test_what_is_no_json_in_any_coding_says_nothing(body: bytes | str) -> None:
    verdict = judge(Answer(200, {}, body if isinstance(body, bytes) else body.encode()), events=3)
    assert isinstance(verdict, TryAgain)


@pytest.mark.parametrize("code", [500, "503", 599])
@pytest.mark.parametrize("status", [200, 400])
def test_a_server_error_in_a_body_is_one(status: int, code: object) -> None:
    """Its events were not judged: none is given up for it unless others are accepted."""
    verdict = judge(answer({"success": False, "code": code}, status=status), events=3)
    assert isinstance(verdict, TryAgain)
    assert (verdict.may_be_event, verdict.throttled) == (True, False)


@pytest.mark.parametrize(
    "body",
    [
        b'{"success":false,"success":true}',
        b'{"success":true,"success":false}',
        b'{"errors":["a"],"errors":[]}',
        b'{"created":3,"Created":1}',
        b'{"data":{},"success":true,"created":3,"created":2}',
        b'{"success":true,"success":true,"x":' + b"[" * 1000 + b"]" * 1000 + b"}",
        b'{"success":true,"success":true,"x":' + b"1" * 5000 + b"}",
    ],
)
def test_an_answer_that_says_two_things_of_one_name_says_nothing(body: bytes) -> None:
    """Whichever of them is believed may be the wrong one."""
    verdict = judge(Answer(200, {}, body), events=3)
    assert isinstance(verdict, TryAgain)
    assert verdict.unreadable


@pytest.mark.parametrize(
    "body",
    [b'{"success":true,"success":true}', b'{"success":true,"x":1,"x":2}', b'{"success":true,"a":{"success":false}}'],
)
def test_what_is_repeated_elsewhere_or_alike_changes_nothing(body: bytes) -> None:
    assert judge(Answer(200, {}, body), events=3) == Accepted()


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


SENT = orjson.dumps(
    {"events": [{"event": "x", "email": f"p{at}@example.com", "userid": 10000 + at} for at in range(4)]}
)


@pytest.mark.parametrize(
    ("errors", "named", "counts_from"),
    [
        ([{"index": 0}], {0}, 0),
        ([{"index": 4, "message": "p3@example.com is no address"}], {3}, 1),
        ([{"index": 1}, {"index": 4, "message": "10003 is no profile"}], {0, 3}, 1),
        ([{"index": 2}], {2}, None),
        ({"2": "no"}, {2}, None),
        ([None, "no", None, None], {1}, 0),
        ([{"index": 2, "message": "p2@example.com is no address"}], {2}, 0),
        ([{"index": 2, "message": "p1@example.com is no address"}], {1}, 1),
        ([{"index": 2, "message": "no profile 10001"}], {1}, 1),
        ([{"index": 2, "message": "p2@example.com has the profile 10003"}], {2}, 0),
        ([{"index": 2, "message": "up1@example.com is no address"}], {2}, None),
        ([{"index": 2, "email": "p1@example.com"}, {"index": 3, "email": "p3@example.com"}], {2, 3}, None),
    ],
)
def test_an_answer_may_tell_what_its_indexes_count_from(
    errors: object, named: set[int], counts_from: int | None
) -> None:
    verdict = judge(answer({"success": False, "errors": errors}, status=400), events=4, sent=SENT)
    assert isinstance(verdict, Partly)
    assert (set(verdict.errors), verdict.counts_from) == (named, counts_from)


@pytest.mark.parametrize(
    "errors", [[{"index": 0}, {"index": 4}], [{"index": 5}], {"-1": "no"}, [{"index": 2, "message": "p3@example.com"}]]
)
def test_indexes_that_fit_no_way_of_counting_name_nothing(errors: object) -> None:
    assert isinstance(judge(answer({"errors": errors}, status=400), events=4, sent=SENT), Refused)


@pytest.mark.parametrize("index", [0, 1])
def test_one_event_alone_tells_what_indexes_count_from(index: int) -> None:
    verdict = judge(answer({"errors": [{"index": index}]}, status=400), events=1)
    assert isinstance(verdict, Partly)
    assert (set(verdict.errors), verdict.counts_from) == ({0}, index)

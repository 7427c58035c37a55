"""Properties of the verdict that hold for every answer a server can think of (C11 to C17, C20)."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.delivery.answer import Answer
from etl.delivery.redaction import MAX_WORDS
from etl.delivery.refusal import Refusal
from etl.delivery.verdict import (
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
    {}, optional={"success": SCALARS, "created": SCALARS, "processed": SCALARS, "errors": ERRORS, "message": SCALARS}
)
STATUSES = st.sampled_from([200, 201, 202, 204, 207, 400, 409, 422, 500]) | st.integers(0, 999)
HEADERS = st.dictionaries(st.sampled_from(["retry-after", "date", "content-type", "location"]), TEXTS)


def answer(body: object, *, status: int = 200) -> Answer:
    return Answer(status, {}, orjson.dumps(body))


@settings(max_examples=1500, deadline=None)
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


def fit(refusal: Refusal) -> bool:
    return len(refusal.words) <= MAX_WORDS and refusal.words.isprintable() and 0 < len(refusal.code) <= 40


@settings(max_examples=300, deadline=None)
@given(body=ANSWERED, events=st.integers(1, 6))
def test_only_a_body_that_says_so_accepts(body: dict[str, Any], events: int) -> None:
    """Success means that the body says so, or at least that it does not object."""
    verdict = judge(answer(body), events=events)
    if isinstance(verdict, Accepted) and not verdict.unconfirmed:
        assert str(body["success"]).strip().casefold() in ("true", "1", "1.0")
        errors = body.get("errors")
        assert not errors or not any(errors.values() if isinstance(errors, dict) else errors)
    if body.get("success") is False or body.get("success") == 0:
        assert not isinstance(verdict, Accepted)


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        ({"success": True, "created": "3"}, Accepted()),
        ({"success": True, "created": True}, Accepted()),
        ({"success": True, "created": -1}, Accepted()),
        ({"success": True, "created": "\u0662"}, Accepted()),
        ({"success": True, "created": 2.0}, Accepted()),
        ({"success": 1, "errors": ""}, Accepted()),
        ({"success": True, "errors": {}}, Accepted()),
        ({"success": True, "errors": {"0": None}}, Accepted()),
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
    assert verdict.error.message == "sending events: the address redirects to elsewhere.example (HTTP 302)"


@pytest.mark.parametrize("request_sent", [True, False])
def test_a_server_error_is_ambiguous_once_the_request_was_written(*, request_sent: bool) -> None:
    """C9."""
    verdict = judge(Answer(503, {}, b"", request_sent=request_sent), events=1)
    assert isinstance(verdict, TryAgain)
    assert verdict.ambiguous is request_sent


def test_the_table_can_be_printed() -> None:
    cells = [(case.answer, case.verdict, case.why) for case in VERDICTS]
    assert len(set(cells)) == len(VERDICTS)
    assert all(cell and "|" not in cell and "\n" not in cell for row in cells for cell in row)


def test_a_hostile_answer_of_a_mebibyte_is_judged() -> None:
    """Neither words nor shapes may cost more than reading the answer did."""
    hostile = json.dumps({"success": False, "errors": ["a@" * 100_000, *({"x": ["b" * 50] * 100},) * 100]}).encode()
    assert isinstance(judge(Answer(200, {}, hostile), events=100), Refused)

"""What an answer of an odd form means: fields of other names, nested, counted, twice, or in another coding."""

from __future__ import annotations

import pytest

from etl.verdict.answer import Answer
from etl.verdict.judge import (
    Accepted,
    Partly,
    PartlyAccepted,
    Refused,
    TryAgain,
    Verdict,
    judge,
)
from etl.verdict.refusal import Refusal
from tests.verdict.answers import answer


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
        ({"created": 0}, Refused(Refusal("refused", ""))),
        ({"created": "0"}, Refused(Refusal("refused", "0"))),
        ({"created": 0, "updated": 0, "errors": []}, Refused(Refusal("refused", ""))),
        ({"created": 0, "errors": 0}, Refused(Refusal("refused", ""))),
        ({"processed": 0, "message": "batch refused"}, Refused(Refusal("refused", "batch refused"))),
        ({"processed": 1, "verified": 1}, PartlyAccepted(2)),
        ({"created": 2, "skipped": 1, "errors": 0}, Accepted(unconfirmed=True)),
        ({"received": 3, "created": 2, "ignored": 1, "failed": "0"}, Accepted(unconfirmed=True)),
        ({"created": 0, "unchanged": 3, "errors": 0}, Accepted()),
        ({"created": 0, "updated": 0, "unchanged": 3}, Accepted()),
        ({"accepted": 2, "duplicates": 1}, Accepted()),
        ({"created": 1, "existing": 1}, PartlyAccepted(2)),
        ({"success": True, "created": 1, "unchanged": 1, "errors": 1}, PartlyAccepted(2)),
        ({"created": 0, "unchanged": 0, "errors": 0}, Refused(Refusal("refused", ""))),
        ({"unchanged": 0}, Accepted(unconfirmed=True)),
        ({"data": {"created": 2, "skipped": 1, "error_count": 0}}, Accepted(unconfirmed=True)),
        ({"created": 2, "skipped": 1, "failed": 0, "errors": 1}, PartlyAccepted(2)),
        ({"success": False, "created": 2, "errors": 0}, PartlyAccepted(2)),
        ({"created": 2, "skipped": 1, "errors": []}, Accepted(unconfirmed=True)),
        ({"created": 2, "ignored": "1"}, Accepted(unconfirmed=True)),
        ({"created": 1, "skipped": 1}, PartlyAccepted(2)),
        ({"success": True, "created": 2, "skipped": 1}, Accepted(unconfirmed=True)),
        ({"success": True, "created": 3, "skipped": 0}, Accepted()),
        ({"success": True, "skipped": 3}, Accepted(unconfirmed=True)),
        ({"success": True, "skipped": 0}, Accepted()),
        ({"success": True, "data": {"skipped": 1}}, Accepted(unconfirmed=True)),
        ({"created": 0, "updated": 0, "skipped": 3, "errors": 0}, Accepted(unconfirmed=True)),
        ({"created": 0, "skipped": 3}, Accepted(unconfirmed=True)),
        ({"created": 0, "skipped": 0, "errors": 0}, Refused(Refusal("refused", ""))),
        ({"success": False, "skipped": 3}, Refused(Refusal("refused", ""))),
        ({"success": True, "created": 2, "duplicates": 1}, Accepted()),
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
        ({"error": "no"}, Accepted(unconfirmed=True)),
        ({"success": True, "error": "No"}, Accepted()),
        ({"success": True, "errors": "nee"}, Accepted()),
        ({"success": True, "errors": [{"code": 0}]}, Accepted()),
        ({"success": True, "errors": [{"code": "0", "message": "OK"}] * 3}, Accepted()),
        ({"success": True, "error": {"errorCode": 0, "message": "no error"}}, Accepted()),
        ({"success": True, "errors": [{"code": 0, "message": "bad"}]}, Refused(Refusal("refused", "bad"))),
        ({"success": True, "errors": [{"code": 7}]}, Refused(Refusal("refused", ""))),
        (
            {"success": True, "errors": [{"code": 0}, {"code": 7, "message": "bad"}, {"code": 0}]},
            Partly({1: Refusal("refused", "bad")}, "accepted"),
        ),
        ({"failure": True, "message": "bad"}, Refused(Refusal("refused", "bad"))),
        ({"success": True, "error": " "}, Accepted()),
        ({"success": True, "error": "false"}, Accepted()),
        ({"errors": [], "error": "bad"}, Refused(Refusal("refused", "bad"))),
        ({"data": None, "meta": {"errors": ["bad"]}}, Refused(Refusal("refused", "bad"))),
        ({"data": {}, "meta": {"errors": ["bad"]}}, Refused(Refusal("refused", "bad"))),
        ({"data": {}, "meta": {"success": True}}, Accepted()),
        (
            {"data": {"created": 2}, "meta": {"errors": [{"index": 1}]}},
            Partly({1: Refusal("refused", "")}, "accepted"),
        ),
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


@pytest.mark.parametrize(
    "body",
    [
        b'{"success":false,"success":true}',
        b'{"success":true,"success":false}',
        b'{"errors":["a"],"errors":[]}',
        b'{"created":3,"Created":1}',
        b'{"success":true,"is_error":false,"isError":true}',
        b'{"success":true,"error count":0,"error_count":1}',
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


SERVER_WORDS = [
    {"success": False, "exception": "RuntimeException", "message": "Internal Server Error"},
    {"success": False, "exception": "QueryException", "message": "SQLSTATE[HY000] [2002] Connection refused"},
    {"errors": ["SQLSTATE[40001]: Serialization failure: 1213 Deadlock found"]},
    {"error": "Fatal error", "detail": "Allowed memory size of 134217728 bytes exhausted"},
    {"message": "Maximum execution time of 30 seconds exceeded", "success": False},
    {"errors": [{"message": "Uncaught exception"}]},
    {"error": "MySQL server has gone away"},
]


@pytest.mark.parametrize("status", [200, 400, 422])
@pytest.mark.parametrize("body", SERVER_WORDS, ids=str)
def test_words_of_a_server_in_trouble_are_as_a_500(status: int, body: object) -> None:
    """Whichever field they stand in, and also beside a mere name of the error: one row may be the reason, or none."""
    verdict = judge(answer(body, status=status), events=3)
    assert isinstance(verdict, TryAgain)
    assert (verdict.may_be_event, verdict.throttled, verdict.code) == (True, False, "server_error")


def test_the_name_of_an_exception_beside_words_about_the_event_is_a_refusal() -> None:
    body = {"success": False, "exception": "RuntimeException", "message": "The timestamp is invalid"}
    verdict = judge(answer(body), events=3)
    assert verdict == Refused(Refusal("refused", "The timestamp is invalid; RuntimeException"))


YES, NO = {"success": True}, {"success": False, "message": "a"}


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (200, [YES, YES, YES], Accepted()),
        (201, [{"status": 201}, YES, {"status": "200"}], Accepted()),
        (200, [YES, NO, YES], Partly({1: Refusal("refused", "a")}, "accepted")),
        (200, [YES, {"error": "a"}, {"status": 201}], Partly({1: Refusal("refused", "a")}, "accepted")),
        (200, [NO], Refused(Refusal("refused", "a"))),
        (200, [NO, NO, NO], Refused(Refusal("refused", "a; a; a"))),
        (200, ["ok", "YES", True], Accepted()),
        (200, ["yes", "no", "yes"], Partly({1: Refusal("refused", "")}, "accepted")),
        (200, [True, False, True], Partly({1: Refusal("refused", "")}, "accepted")),
        (200, ["no"], Refused(Refusal("refused", ""))),
        (200, {"results": ["yes", "no", "yes"]}, Partly({1: Refusal("refused", "")}, "accepted")),
        (422, ["yes", "no", "yes"], Partly({1: Refusal("http_422", "")}, "resend")),
        (422, ["bad", "worse"], Refused(Refusal("http_422", ""))),
        (422, [None, {"message": "a"}, None], Refused(Refusal("http_422", ""))),
        (400, [{"index": 0, "message": "a"}], Partly({0: Refusal("http_400", "a")}, "resend")),
        (400, [{"message": "a"}], Refused(Refusal("http_400", "a"))),
        (400, [YES, NO, YES], Partly({1: Refusal("http_400", "a")}, "resend")),
        (422, {"detail": [{"loc": ["events", 0], "msg": "a"}]}, Partly({0: Refusal("http_422", "a")}, "resend")),
        (422, {"success": False, "data": {"errors": [{"text": "a"}]}}, Refused(Refusal("http_422", "a"))),
    ],
    ids=str,
)
def test_an_answer_that_is_a_list_has_an_entry_for_each_event(status: int, body: object, verdict: Verdict) -> None:
    assert judge(answer(body, status=status), events=3) == verdict


@pytest.mark.parametrize(
    "body",
    [
        [YES, YES],
        [YES] * 4,
        [YES],
        [NO, NO],
        [{"id": 1}] * 3,
        [YES, {"id": 2}, YES],
        [YES, NO, {"id": 3}],
        [],
        ["ok", "ok"],
        ["yes", "no", "perhaps"],
        ["ok", None, "ok"],
        [1, 1, 0],
        ["1", "1", "0"],
        [YES, YES, None],
        True,
        "ok",
        None,
    ],
)
def test_any_other_list_or_value_is_no_answer_of_the_api(body: object) -> None:
    """C15: nothing says of each event that it was taken, and to send it again loses nothing."""
    verdict = judge(answer(body), events=3)
    assert isinstance(verdict, TryAgain)
    assert verdict.unreadable


def test_a_list_that_says_two_things_of_one_event_is_no_answer() -> None:
    body = b'[{"success":true},{"success":true,"success":false},{"success":true}]'
    assert isinstance(judge(Answer(200, {}, body), events=3), TryAgain)


PLAIN_NOES = [
    *(
        (name, value)
        for name in ("status", "result", "outcome", "state")
        for value in (False, "false", " No ", "failed")
    ),
    *((name, False) for name in ("succeeded", "successful", "isSuccess", "is_success", "is_ok")),
    *((name, value) for name in ("has_errors", "hasErrors", "hasError") for value in (True, "true", "yes", 1, 2)),
    *((name, False) for name in ("accepted", "imported", "stored", "ingested", "verified", "processed", "inserted")),
    ("accepted", "no"),
    ("status", "not ok"),
    ("success", "unsuccessful"),
    *(("success", value) for value in ("n", "F", "off", "nee", "niet", "nope", "partial", "not accepted", "-1", -1)),
    *((name, False) for name in ("valid", "isValid", "is_valid", "delivered", "received", "saved")),
    *((name, value) for name in ("failure", "problems", "validation_errors", "violations") for value in (True, ["a"])),
    *(("validationErrors", value) for value in (["a"], {"email": ["a"]})),
    *((name, True) for name in ("isError", "is_error", "Is-Error")),
    *(("status", value) for value in ("declined", "bad_request", "Bad Request", "not-accepted", "partial", -1)),
    *(("status", value) for value in ("validation_failed", "ValidationError")),
]
NEITHER_YES_NOR_NO = [
    *((name, None) for name in ("success", "ok", "status", "has_errors", "verified", "accepted")),
    *((name, value) for name in ("has_errors", "hasErrors") for value in (False, 0, "false", "no", "", [])),
    *((name, False) for name in ("created", "updated", "merged", "duplicates")),
    *(("status", value) for value in (0, 1, "0", "queued", True)),
    ("success", float("nan")),
    *(("success", value) for value in ([], {}, "none", "null", "", 2)),
    *(("status", value) for value in ("error-free", "no_error", "n", "f")),
    *((name, value) for name in ("valid", "delivered", "received", "saved") for value in (True, None, 0, 3)),
    *((name, value) for name in ("failure", "problems", "isError", "violations") for value in (False, 0, "no", [], {})),
]


@pytest.mark.parametrize(
    "body",
    [
        *({name: value} for name, value in PLAIN_NOES),
        {"success": True, "hasErrors": True},
        {"success": True, "status": False},
        {"success": True, "accepted": False},
    ],
)
def test_a_plain_no_in_a_word_or_a_boolean(body: dict[str, object]) -> None:
    for whole in (body, {"data": body}, {"success": True, "data": body}):
        verdict = judge(answer(whole), events=3)
        assert isinstance(verdict, Refused), whole
        assert (verdict.refusal.code, verdict.stop) == ("refused", None)
    each = judge(answer({"results": [{"id": 1}, {"id": 2}, {"id": 3, **body}]}), events=3)
    assert isinstance(each, Partly)
    assert set(each.errors) == {2}


@pytest.mark.parametrize(("name", "value"), NEITHER_YES_NOR_NO)
def test_what_is_neither_yes_nor_no(name: str, value: object) -> None:
    assert judge(answer({name: value}), events=3) == Accepted(unconfirmed=True)


@pytest.mark.parametrize(
    ("body", "unconfirmed"),
    [
        ({"success": True, "has_errors": False}, False),
        ({"success": True, "hasErrors": "no"}, False),
        ({"success": True, "verified": False}, False),
        ({"success": True, "delivered": False}, False),
        ({"verified": False, "created": True}, True),
        ({"verified": False, "created": 3}, False),
        ({"inserted": False, "accepted": 3}, False),
    ],
)
def test_what_is_no_plain_no(body: dict[str, object], *, unconfirmed: bool) -> None:
    assert judge(answer(body), events=3) == Accepted(unconfirmed=unconfirmed)

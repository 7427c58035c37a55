"""Every fault of the catalogue, over a real socket, ends in the verdict of this table.

C1, C3, C4, C6 to C24, C29.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from etl.errors import CredentialsRefused, DestinationMisconfigured, StoppedEarly
from etl.verdict.answer import Answer
from etl.verdict.judge import (
    VERDICTS,
    Accepted,
    Case,
    Partly,
    PartlyAccepted,
    Refusal,
    Refused,
    Stop,
    TooLarge,
    TryAgain,
    Verdict,
    case_of,
    judge,
)
from etl.verdict.retry_after import MAX_RETRY_AFTER_SECONDS
from tests.servers.scripted_faults import FAULTS
from tests.servers.scripted_server import ScriptedServer

EVENTS = [{"event": "Order", "email": f"{name}@example.org"} for name in ("anna.echo", "bob", "carl", "dora")]
EVENTS[0]["firstname"] = "Anna Echo"
BODY = json.dumps({"events": EVENTS}).encode()
# Larger than what two sockets buffer, so that an answer can cross a request that is still being written.
LARGE_BODY = json.dumps({"events": [*EVENTS, {"event": "Order", "email": "x" * 24_000_000}]}).encode()


def again(
    cause: str, *, ambiguous: bool = True, unreadable: bool = False, throttled: bool = False, after: float | None = None
) -> TryAgain:
    event = not throttled
    return TryAgain(
        after, ambiguous=ambiguous, throttled=throttled, cause=cause, unreadable=unreadable, may_be_event=event
    )


def status(code: int, *, after: float | None = None) -> TryAgain:
    return again(f"HTTP {code}", after=after)


def too_many(after: float | None = None) -> TryAgain:
    return again("HTTP 429", ambiguous=False, throttled=True, after=after)


def strange(code: int = 200) -> TryAgain:
    return again(f"answer is not the API's (HTTP {code})", unreadable=True)


def refused(code: str = "refused", words: str = "") -> Refused:
    return Refused(Refusal(code, words))


def refused_or(kind: type[StoppedEarly | CredentialsRefused], status: int, refusal: Refusal) -> Refused:
    """A refusal that stops the run before anything was accepted in it."""
    return Refused(refusal, Stop(kind(""), cause=f"HTTP {status}"), stop_at_once=True)


def stop(kind: type[StoppedEarly | CredentialsRefused | DestinationMisconfigured], code: int) -> Stop:
    return Stop(kind(""), cause=f"HTTP {code}")


RESET = again("connection lost before the answer was complete")
LATE = again("request not written, or not answered, in time")
NOT_HTTP = again("answer is not HTTP", unreadable=True)
LONG = again("answer is too long, or cannot be decoded", unreadable=True)
INVALID = Refusal("INVALID_EMAIL", "not an address")
SECOND = Partly({1: INVALID}, "resend")

EXPECTED: dict[str, tuple[Case, Verdict]] = {
    **dict.fromkeys(
        (
            "close_before_body",
            "close_inside_body",
            "close_after_body",
            "reset_before_body",
            "reset_inside_body",
            "reset_after_body",
            "accepted_but_closed",
            "accepted_but_reset",
            "cut_head",
            "cut_with_length",
            "cut_chunking",
        ),
        (Case.CUT_OFF, RESET),
    ),
    **dict.fromkeys(
        ("accepted_but_silent", "hang_before_body", "hang_after_body", "drip_head", "drip_body"),
        (Case.CUT_OFF, LATE),
    ),
    **dict.fromkeys(
        (
            "endless_head",
            "not_http",
            "bad_status_line",
            "two_lengths",
            "negative_length",
            "switching_protocols",
            "bad_header",
            "bad_chunk_size",
        ),
        (Case.CUT_OFF, NOT_HTTP),
    ),
    **dict.fromkeys(
        (
            "endless_body",
            "two_mebibytes",
            "gzip_bomb",
            "gzip_cut",
            "gzip_false",
        ),
        (Case.UNREADABLE, LONG),
    ),
    "cut_without_length": (Case.UNREADABLE, strange()),
    **dict.fromkeys(
        (
            "one_mebibyte",
            "whole_without_length",
            "whole_chunking",
            "gzip_whole",
            "deflate_whole",
            "continue_first",
            "early_hints_first",
            "closed_at_reuse",
            "slow_answer",
            "ok",
            "ok_201",
            "ok_202",
            "ok_with_mark",
            "ok_no_errors",
            "ok_null_errors",
            "ok_count_above",
            "ok_in_words",
            "ok_updates",
            "ok_sum",
            "ok_sum_silent",
            "ok_unchanged",
            "ok_no_error",
            "ok_status",
            "utf8_as_encoding",
            "line_breaks_after",
        ),
        (Case.CONFIRMED, Accepted()),
    ),
    **dict.fromkeys(
        ("says_neither", "says_neither_207", "empty_object"), (Case.UNCONFIRMED, Accepted(unconfirmed=True))
    ),
    **dict.fromkeys(
        ("short_created", "short_processed", "short_none", "ok_no_errors_counted"),
        (Case.COUNTED_SHORT, Accepted(unconfirmed=True)),
    ),
    **dict.fromkeys(
        ("two_answers", "two_answers_and_close", "answer_and_text"),
        (Case.CUT_OFF, again("more bytes came than the answer has", unreadable=True)),
    ),
    "error_alone": (Case.REFUSED, refused("TIMESTAMP_ERROR", "TIMESTAMP_ERROR")),
    "error_object": (Case.REFUSED, refused("TIMESTAMP_ERROR", "no year")),
    "error_index": (Case.ATTRIBUTED_OTHERS_RESENT, SECOND),
    "error_true": (Case.REFUSED, refused(words="")),
    "status_error": (Case.REFUSED, refused(words="no year")),
    "status_fail": (Case.REFUSED, refused(words="FAIL")),
    "code_error": (Case.REFUSED, refused("TIMESTAMP_ERROR", "")),
    "forbidden_json": (
        Case.FORBIDDEN,
        refused_or(CredentialsRefused, 403, Refusal("http_403", "Forbidden")),
    ),
    "forbidden_page": (
        Case.FIREWALL,
        Refused(Refusal("http_403", ""), Stop(CredentialsRefused(""), cause="HTTP 403")),
    ),
    "forbidden_index": (Case.ATTRIBUTED_OTHERS_RESENT, SECOND),
    "suspended_400": (
        Case.ACCOUNT,
        refused_or(CredentialsRefused, 400, Refusal("http_400", "Account suspended")),
    ),
    "suspended_200": (
        Case.ACCOUNT,
        refused_or(CredentialsRefused, 200, Refusal("ACCOUNT_SUSPENDED", "ACCOUNT_SUSPENDED")),
    ),
    "suspended_403": (
        Case.ACCOUNT,
        refused_or(CredentialsRefused, 403, Refusal("http_403", "Your subscription has expired")),
    ),
    "suspended_each": (
        Case.ACCOUNT,
        refused_or(CredentialsRefused, 400, Refusal("http_400", "Account suspended")),
    ),
    "over_quota": (
        Case.ACCOUNT,
        refused_or(StoppedEarly, 400, Refusal("http_400", "Monthly quota exceeded")),
    ),
    "counted_errors": (Case.PARTLY_ACCEPTED, PartlyAccepted(3)),
    "ok_with_warnings": (Case.CONTRADICTORY, Accepted(unconfirmed=True)),
    "unread_503": (Case.SERVER_TROUBLE, status(503)),
    "unread_413": (Case.TOO_LARGE, TooLarge()),
    "unread_and_open": (Case.TOO_LARGE, TooLarge()),
    "unread_401": (Case.CREDENTIALS, stop(CredentialsRefused, 401)),
    "error_status_cut": (Case.SERVER_TROUBLE, status(503)),
    "unauthorized_cut": (Case.CREDENTIALS, stop(CredentialsRefused, 401)),
    **dict.fromkeys(
        (
            "empty_200",
            "blank_200",
            "html_200",
            "json_list",
            "json_text",
            "json_true",
            "json_null",
            "json_twice",
            "json_deep",
            "php_notice",
            "brotli",
        ),
        (Case.UNREADABLE, strange()),
    ),
    # A JSON object all the same, in another coding or with a number that JSON does not know.
    **dict.fromkeys(("ok_latin1", "ok_utf16", "ok_nan"), (Case.CONFIRMED, Accepted())),
    "no_content": (Case.UNREADABLE, strange(204)),
    "empty_202": (Case.UNREADABLE, strange(202)),
    "status_600": (Case.UNREADABLE, strange(600)),
    "false_bare": (Case.REFUSED, refused()),
    "false_message": (Case.REFUSED, refused(words="Nothing was stored")),
    "false_code": (
        Case.ACCOUNT,
        refused_or(CredentialsRefused, 200, Refusal("ACCOUNT_PAUSED", "Try the dashboard")),
    ),
    "false_too_busy": (Case.BUSY, again("HTTP 200: Too many requests", ambiguous=False, throttled=True)),
    "false_in_words": (Case.REFUSED, refused()),
    **dict.fromkeys(("false_count_zero", "counted_none", "counted_neither"), (Case.REFUSED, refused())),
    "text_alone": (Case.REFUSED, refused(words="Field timestamp is wrong")),
    "texts": (Case.REFUSED, refused(words="Field timestamp is wrong; Field email is wrong")),
    "text_code": (Case.REFUSED, refused("TIMESTAMP_ERROR", "TIMESTAMP_ERROR")),
    "text_code_and_words": (
        Case.REFUSED,
        refused("TIMESTAMP_ERROR", "TIMESTAMP_ERROR: does not begin with a year"),
    ),
    "texts_as_many": (Case.REFUSED, refused(words="a; b; c; d")),
    "echo": (Case.REFUSED, refused(words="e-mail [redacted] of [redacted] (key [redacted]) [[redacted] wrong")),
    "long_words": (Case.REFUSED, refused(words=("very " * 40)[:199] + "…")),
    **dict.fromkeys(
        ("by_index", "by_event_index", "by_key", "by_position", "by_index_alone", "by_index_nested"),
        (Case.ATTRIBUTED_OTHERS_RESENT, SECOND),
    ),
    "by_mapping": (
        Case.ATTRIBUTED_OTHERS_RESENT,
        Partly({1: INVALID, 3: Refusal("DATE_ERROR", "DATE_ERROR")}, "resend"),
    ),
    "by_place": (
        Case.ATTRIBUTED_OTHERS_RESENT,
        Partly({1: INVALID, 3: Refusal("TIMESTAMP_ERROR", "TIMESTAMP_ERROR")}, "resend"),
    ),
    "by_index_twice": (Case.ATTRIBUTED_OTHERS_RESENT, Partly({1: Refusal("refused", "no; and no")}, "resend")),
    "by_index_every": (
        Case.ATTRIBUTED_OTHERS_RESENT,
        Partly(dict.fromkeys(range(4), Refusal("refused", "")), "resend"),
    ),
    **dict.fromkeys(
        ("by_index_unknown", "by_index_negative", "by_index_huge", "by_index_true", "by_index_text"),
        (Case.REFUSED, refused("INVALID_EMAIL", "not an address")),
    ),
    "by_index_partly": (Case.REFUSED, refused("INVALID_EMAIL", "not an address; another")),
    "by_mapping_unknown": (Case.REFUSED, refused("INVALID_EMAIL", "not an address; not an address")),
    "by_mapping_of_fields": (Case.REFUSED, refused(words="is wrong")),
    "by_place_too_short": (Case.REFUSED, refused("INVALID_EMAIL", "not an address")),
    "others_confirmed": (Case.ATTRIBUTED_OTHERS_ACCEPTED, Partly({1: INVALID}, "accepted")),
    "others_counted": (Case.ATTRIBUTED_OTHERS_ACCEPTED, Partly({0: Refusal("refused", "")}, "accepted")),
    "others_miscounted": (Case.ATTRIBUTED_OTHERS_RESENT, Partly({0: Refusal("refused", "")}, "resend")),
    "others_207": (Case.ATTRIBUTED_OTHERS_ACCEPTED, Partly({0: Refusal("refused", "")}, "accepted")),
    **dict.fromkeys(
        ("partly_silent", "partly_updated", "partly_false"),
        (Case.PARTLY_ACCEPTED, PartlyAccepted(3)),
    ),
    **dict.fromkeys(
        ("bad_request", "bad_request_html", "bad_request_true", "bad_request_cut"), (Case.REFUSED, refused("http_400"))
    ),
    "bad_request_text": (Case.REFUSED, refused("TIMESTAMP_ERROR", "TIMESTAMP_ERROR")),
    "bad_request_index": (Case.ATTRIBUTED_OTHERS_RESENT, Partly({2: INVALID}, "resend")),
    "unprocessable": (Case.ATTRIBUTED_OTHERS_RESENT, Partly({2: Refusal("DATE_ERROR", "DATE_ERROR")}, "resend")),
    "conflict": (Case.REFUSED, refused("http_409", "already known")),
    "teapot": (Case.REFUSED, refused("http_418")),
    "too_large": (Case.TOO_LARGE, TooLarge()),
    "too_large_text": (Case.TOO_LARGE, TooLarge()),
    **{
        f"status_{code}": (Case.SERVER_TROUBLE, status(code))
        for code in (408, 425, 500, 502, 503, 504, 507, 511, 520, 521, 522, 523, 524, 599)
    },
    "error_with_success": (Case.SERVER_TROUBLE, status(500)),
    "error_with_errors": (Case.SERVER_TROUBLE, status(500)),
    "unavailable_for_7s": (Case.SERVER_TROUBLE, status(503, after=7.0)),
    "unavailable_until": (Case.SERVER_TROUBLE, status(503, after=7.0)),
    "status_401": (Case.CREDENTIALS, stop(CredentialsRefused, 401)),
    "status_403": (Case.FORBIDDEN, refused_or(CredentialsRefused, 403, Refusal("http_403", ""))),
    "status_402": (Case.QUOTA, stop(StoppedEarly, 402)),
    **{
        f"status_{code}": (Case.NOT_THE_API, stop(DestinationMisconfigured, code))
        for code in (404, 405, 406, 407, 410, 411, 414, 415, 421, 426, 431, 501, 505)
    },
    **{
        f"redirect_{code}": (Case.REDIRECTED, stop(DestinationMisconfigured, code))
        for code in (301, 302, 303, 307, 308)
    },
    "redirect_same": (Case.REDIRECTED, stop(DestinationMisconfigured, 302)),
    "redirect_nowhere": (Case.REDIRECTED, stop(DestinationMisconfigured, 302)),
    "redirect_odd": (Case.REDIRECTED, stop(DestinationMisconfigured, 302)),
    "not_modified": (Case.REDIRECTED, stop(DestinationMisconfigured, 304)),
    **dict.fromkeys(
        (
            "429_bare",
            "429_zero",
            "429_date_past",
            "429_date_bad_clock",
            "429_words",
            "429_negative",
            "429_foreign_digits",
            "429_refusing",
        ),
        (Case.THROTTLED, too_many()),
    ),
    "429_fraction": (Case.THROTTLED, too_many(1.5)),
    **dict.fromkeys(("429_seconds", "429_date", "429_date_no_zone"), (Case.THROTTLED, too_many(7.0))),
    **dict.fromkeys(("429_absurd", "429_day", "429_date_far"), (Case.THROTTLED, too_many(MAX_RETRY_AFTER_SECONDS))),
}
# Its Retry-After counts against our own clock, because the server gave none.
ABOUT_AN_HOUR = "429_date_no_clock"

# Nothing ends these but the deadline.
ENDLESS = {"accepted_but_silent", "hang_before_body", "hang_after_body", "drip_head", "drip_body"}
# Answered while the request is on its way; it has to be large for that.
CROSSING = {name for name in FAULTS if name.startswith("unread_")} | {"hang_before_body"}


def test_every_fault_has_its_row() -> None:
    assert FAULTS.keys() - {ABOUT_AN_HOUR} == EXPECTED.keys()


@pytest.mark.parametrize("name", EXPECTED)
def test_fault(name: str, open_client: Any) -> None:
    """The verdict is the table's; nothing beyond the answer is known; the connection is usable again."""
    with ScriptedServer([FAULTS[name].behaviour]) as server:
        client = open_client(server.url, timeout_seconds=0.4 if name in ENDLESS else 20)
        came = client.track(BODY)
        case, verdict = EXPECTED[name]
        assert judge(came, events=len(EVENTS), sent=BODY) == verdict
        assert case_of(came, events=len(EVENTS)) is case
        if isinstance(verdict, Stop):
            found = judge(came, events=len(EVENTS))
            assert isinstance(found, Stop)
            assert type(found.error) is type(verdict.error)
        after = judge(client.track(BODY), events=len(EVENTS))
        if after == RESET:  # C5: the request crossed the server's close
            after = judge(client.track(BODY), events=len(EVENTS))
        assert after == Accepted()
        assert server.requests[-1].body == BODY
        assert server.accepted[-4:] == EVENTS


@pytest.mark.parametrize("name", sorted(CROSSING))
def test_fault_while_the_request_is_being_written(name: str, open_client: Any) -> None:
    """C21, C25: an answer that overtakes the request is read, and a server that reads nothing meets the deadline."""
    with ScriptedServer([FAULTS[name].behaviour]) as server:
        client = open_client(server.url, timeout_seconds=0.4 if name in ENDLESS else 20)
        came = client.track(LARGE_BODY)
        verdict = judge(came, events=5)
        if isinstance(came, Answer):
            assert not came.request_sent
            assert case_of(came, events=5) is EXPECTED[name][0]
            assert not getattr(verdict, "ambiguous", False)
        else:
            assert verdict == EXPECTED[name][1]
        assert server.accepted == []


def test_retry_after_as_date_without_a_date_header_counts_against_our_clock(open_client: Any) -> None:
    """C7: there is no other clock to count against."""
    with ScriptedServer([FAULTS[ABOUT_AN_HOUR].behaviour]) as server:
        verdict = judge(open_client(server.url).track(BODY), events=4)
    assert isinstance(verdict, TryAgain)
    assert verdict.after_seconds is not None
    assert 3000 < verdict.after_seconds <= 3600


def test_every_row_of_the_table_is_met() -> None:
    """No row of the table may be one that no answer leads to; these are met in other files."""
    elsewhere = {Case.NOT_SENT, Case.NO_TLS, Case.NO_FILES, Case.UNSENDABLE}
    assert {case for case, _ in EXPECTED.values()} | elsewhere == set(VERDICTS)

"""What can go wrong between a client and the API, as behaviours for `ScriptedServer`: one row a fault.

`transient` faults pass: the same request sent again may well be accepted. The others need a person, or a smaller batch.
Faults that depend on the request (hidden poison, size, a key that expires) are in `tests/servers/scripted_rules.py`.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from tests.servers.behaviours import (
    ALL,
    GOOD,
    MIB,
    accepted,
    announced,
    answering,
    but,
    chunked,
    closed_at_reuse,
    drip_body,
    drip_head,
    encoded,
    endless_body,
    endless_head,
    first,
    part_read,
    raw,
    refusing,
    slow_answer,
    too_many,
    unread,
    unread_and_open,
)
from tests.servers.scripted_server import Behaviour, Exchange, early, head, http_date


@dataclass(frozen=True)
class Fault:
    """One behaviour. `name` is its identity in tests."""

    name: str
    behaviour: Behaviour
    transient: bool = False


NOW = "Wed, 01 May 2024 12:00:00 GMT"
SOON = "Wed, 01 May 2024 12:00:07 GMT"
LONG_AGO = "Mon, 01 Jan 2001 00:00:00 GMT"
ECHO = "e-mail anna.echo@example.org of Anna Echo (key 0123456789abcdef0123456789abcdef) \x1b[31mis\n\nwrong\u202e"
WHOLE = head(200, {"Content-Length": str(len(GOOD))}) + GOOD
HTML = b"<!DOCTYPE html><html><body>Log in to the guest network</body></html>"

TRANSPORT = (
    Fault("close_before_body", early(lambda exchange: exchange.close()), transient=True),
    Fault("close_inside_body", part_read(Exchange.close), transient=True),
    Fault("close_after_body", raw(), transient=True),
    Fault("reset_before_body", early(lambda exchange: exchange.reset()), transient=True),
    Fault("reset_inside_body", part_read(Exchange.reset), transient=True),
    Fault("reset_after_body", raw(then=Exchange.reset), transient=True),
    Fault("accepted_but_closed", accepted(Exchange.close), transient=True),
    Fault("accepted_but_reset", accepted(Exchange.reset), transient=True),
    Fault("accepted_but_silent", accepted(Exchange.hang), transient=True),
    Fault("hang_before_body", early(lambda exchange: exchange.server.closing.wait()), transient=True),
    Fault("hang_after_body", lambda exchange: exchange.hang(), transient=True),
    Fault("drip_head", drip_head, transient=True),
    Fault("drip_body", drip_body, transient=True),
    Fault("endless_body", endless_body, transient=True),
    Fault("endless_head", endless_head, transient=True),
    Fault("two_mebibytes", answering(200, GOOD.ljust(2 * MIB), accept=ALL), transient=True),
    Fault("one_mebibyte", answering(200, GOOD.ljust(MIB), accept=ALL), transient=True),
    Fault("cut_with_length", raw(head(200, {"Content-Length": "31"}), GOOD[:-1], accept=True), transient=True),
    Fault("cut_without_length", raw(head(200, {"Connection": "close"}), GOOD[:-1], accept=True), transient=True),
    Fault("whole_without_length", raw(head(200, {"Connection": "close"}), GOOD, accept=True), transient=True),
    Fault("cut_head", raw(head(200, {"Content-Length": "31"})[:-2], accept=True), transient=True),
    Fault("bad_chunk_size", raw(chunked() + b"zz\r\n" + GOOD, accept=True), transient=True),
    Fault("cut_chunking", raw(chunked(GOOD), accept=True), transient=True),
    Fault("whole_chunking", raw(chunked(GOOD[:9], GOOD[9:]) + b"0\r\n\r\n", accept=True), transient=True),
    Fault("gzip_bomb", encoded("gzip", gzip.compress(GOOD.ljust(64 * MIB), 9)), transient=True),
    Fault("gzip_whole", encoded("gzip", gzip.compress(GOOD)), transient=True),
    Fault("gzip_cut", encoded("gzip", gzip.compress(GOOD)[:-9]), transient=True),
    Fault("gzip_false", encoded("gzip", GOOD), transient=True),
    Fault("deflate_whole", encoded("deflate", zlib.compress(GOOD)), transient=True),
    Fault("brotli", encoded("br", b"\x8b\x0f\x80" + GOOD[:9] + b"\x03"), transient=True),
    Fault("two_answers", raw(WHOLE + WHOLE, accept=True), transient=True),
    Fault(
        "two_answers_and_close",
        raw(head(200, {"Content-Length": "31", "Connection": "close"}) + GOOD + WHOLE, accept=True),
        transient=True,
    ),
    Fault("answer_and_text", raw(WHOLE + b"x", accept=True), transient=True),
    Fault("not_http", raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n", accept=True), transient=True),
    Fault("bad_status_line", raw(b"HTTP/1.1 OK 200\r\n\r\n", accept=True), transient=True),
    Fault(
        "two_lengths", raw(b"HTTP/1.1 200 OK\r\nContent-Length: 31\r\nContent-Length: 5\r\n\r\n" + GOOD), transient=True
    ),
    Fault("negative_length", raw(head(200, {"Content-Length": "-1"}) + GOOD), transient=True),
    Fault("bad_header", raw(b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n" + GOOD), transient=True),
    Fault("continue_first", announced(100, b""), transient=True),
    Fault("early_hints_first", announced(103, b"Link: </style.css>\r\n"), transient=True),
    Fault("switching_protocols", raw(head(101, {"Connection": "upgrade", "Upgrade": "x"})), transient=True),
    Fault("closed_at_reuse", closed_at_reuse, transient=True),
    Fault("slow_answer", slow_answer, transient=True),
    Fault("unread_503", unread(503), transient=True),
    Fault("unread_413", unread(413)),
    Fault("unread_and_open", early(unread_and_open)),
    Fault("unread_401", unread(401)),
    Fault("error_status_cut", raw(head(503, {"Content-Length": "500"}), b"<html>"), transient=True),
    Fault("unauthorized_cut", raw(head(401, {"Content-Length": "500"}), b"<html>")),
)

SUCCESS = (
    Fault("ok", answering(200, {"success": True, "created": 4}, accept=ALL), transient=True),
    Fault("ok_201", answering(201, {"success": True}, accept=ALL), transient=True),
    Fault("ok_202", answering(202, {"success": True, "processed": 4}, accept=ALL), transient=True),
    Fault("ok_with_mark", answering(200, b"\xef\xbb\xbf" + GOOD, accept=ALL), transient=True),
    Fault("ok_no_errors", answering(200, {"success": True, "errors": []}, accept=ALL), transient=True),
    Fault("ok_null_errors", answering(200, {"success": True, "errors": [None] * 4}, accept=ALL), transient=True),
    Fault("ok_count_above", answering(200, {"success": True, "created": 9}, accept=ALL), transient=True),
    Fault("ok_in_words", answering(200, {"success": "true", "created": "4"}, accept=ALL), transient=True),
    Fault("ok_sum", answering(200, {"success": True, "created": 3, "updated": 1}, accept=ALL), transient=True),
    Fault("ok_sum_silent", answering(200, {"inserted": 1, "merged": "1", "verified": 2}, accept=ALL), transient=True),
    Fault(
        "ok_no_error", answering(200, {"success": True, "error": None, "code": "NO_ERROR"}, accept=ALL), transient=True
    ),
    Fault("ok_status", answering(200, {"success": True, "status": "ok", "error": False}, accept=ALL), transient=True),
    Fault("utf8_as_encoding", encoded("UTF-8", GOOD), transient=True),
    Fault("line_breaks_after", raw(WHOLE + b"\r\n\r\n", accept=True), transient=True),
    Fault("ok_updates", answering(200, {"success": True, "created": 1, "processed": 4}, accept=ALL), transient=True),
    Fault("ok_unchanged", answering(200, {"created": 0, "unchanged": 4, "errors": 0}, accept=ALL), transient=True),
    Fault(
        "ok_no_errors_counted", answering(200, {"created": 1, "ignored": 3, "errors": 0}, accept=ALL), transient=True
    ),
    Fault("says_neither", answering(200, {"status": "queued"}, accept=ALL), transient=True),
    Fault("empty_object", answering(200, {}, accept=ALL), transient=True),
    Fault("says_neither_207", answering(207, {"results": []}, accept=ALL), transient=True),
    Fault(
        "ok_with_warnings",
        answering(200, {"success": True, "created": 4, "errors": ["custom_x is not created"]}, accept=ALL),
        transient=True,
    ),
)

NOT_THE_APIS = (
    Fault("no_content", answering(204), transient=True),
    Fault("empty_200", answering(200), transient=True),
    Fault("empty_202", answering(202), transient=True),
    Fault("blank_200", answering(200, b" \r\n"), transient=True),
    Fault("html_200", answering(200, HTML, headers={"Content-Type": "text/html"}), transient=True),
    Fault("ok_latin1", answering(200, GOOD.replace(b"created", b"cr\xe9ated"), accept=ALL), transient=True),
    Fault("ok_utf16", answering(200, GOOD.decode().encode("utf-16"), accept=ALL), transient=True),
    Fault("json_list", answering(200, []), transient=True),
    Fault("json_text", answering(200, "ok"), transient=True),
    Fault("json_true", answering(200, b"true"), transient=True),
    Fault("json_null", answering(200, b"null"), transient=True),
    Fault("ok_nan", answering(200, b'{"success": true, "x": NaN}', accept=ALL), transient=True),
    Fault("json_twice", answering(200, GOOD + GOOD), transient=True),
    Fault(
        "json_deep", answering(200, b'{"success": true, "x": ' + b"[" * 50_000 + b"]" * 50_000 + b"}"), transient=True
    ),
    Fault("php_notice", answering(200, b"<br />Notice: undefined index" + GOOD), transient=True),
    Fault("status_600", answering(600, {"success": True}), transient=True),
)


WRONG_SECOND = {"code": "INVALID_EMAIL", "message": "not an address"}
REFUSALS = (
    Fault("false_bare", answering(200, {"success": False})),
    Fault("false_message", answering(200, {"success": False, "message": "Nothing was stored"})),
    Fault("false_code", answering(200, {"success": False, "code": "ACCOUNT_PAUSED", "message": "Try the dashboard"})),
    Fault("false_too_busy", answering(200, {"success": False, "errors": ["Too many requests"]}), transient=True),
    Fault("false_in_words", answering(200, {"success": "false"})),
    Fault("false_count_zero", answering(200, {"success": False, "created": 0})),
    Fault("text_alone", refusing("Field timestamp is wrong")),
    Fault("texts", refusing(["Field timestamp is wrong", "Field email is wrong"])),
    Fault("text_code", refusing(["TIMESTAMP_ERROR"])),
    Fault("text_code_and_words", refusing(["TIMESTAMP_ERROR: does not begin with a year"])),
    Fault("texts_as_many", refusing(["a", "b", "c", "d"])),
    Fault("echo", refusing([ECHO])),
    Fault("long_words", refusing(["very " * 1000])),
    Fault("by_index", refusing([{"index": 1, **WRONG_SECOND}])),
    Fault("by_event_index", refusing([{"event_index": 1, **WRONG_SECOND}])),
    Fault("by_key", refusing([{"key": 1, **WRONG_SECOND}])),
    Fault("by_position", refusing([{"position": 1, **WRONG_SECOND}])),
    Fault("by_index_alone", refusing({"index": 1, **WRONG_SECOND})),
    Fault("by_mapping", refusing({"1": WRONG_SECOND, "3": ["DATE_ERROR"]})),
    Fault("by_place", refusing([None, WRONG_SECOND, None, "TIMESTAMP_ERROR"])),
    Fault("by_index_twice", refusing([{"index": 1, "message": "no"}, {"index": 1, "message": "and no"}])),
    Fault("by_index_nested", refusing([{"index": 1, "error": WRONG_SECOND}])),
    Fault("by_index_every", refusing([{"index": place} for place in range(4)])),
    Fault("by_index_unknown", refusing([{"index": 4, **WRONG_SECOND}])),
    Fault("by_index_negative", refusing([{"index": -1, **WRONG_SECOND}])),
    Fault("by_index_huge", refusing([{"index": 10**18, **WRONG_SECOND}])),
    Fault("by_index_partly", refusing([{"index": 1, **WRONG_SECOND}, {"message": "another"}])),
    Fault("by_index_true", refusing([{"index": True, **WRONG_SECOND}])),
    Fault("by_index_text", refusing([{"index": "anna", **WRONG_SECOND}])),
    Fault("by_mapping_unknown", refusing({"1": WRONG_SECOND, "7": WRONG_SECOND})),
    Fault("by_mapping_of_fields", refusing({"email": ["is wrong"]})),
    Fault("by_place_too_short", refusing([None, WRONG_SECOND])),
    Fault("others_confirmed", refusing([{"index": 1, **WRONG_SECOND}], success=True, accept=but(1))),
    Fault("others_counted", refusing([{"index": 0}], created=3, accept=but(0))),
    Fault("others_miscounted", refusing([{"index": 0}], success=True, created=1, accept=first(1, skip=1))),
    Fault("others_207", answering(207, {"errors": [{"index": 0}]}, accept=but(0))),
    Fault("short_created", answering(200, {"success": True, "created": 3}, accept=ALL), transient=True),
    Fault("short_processed", answering(200, {"success": True, "processed": "1"}, accept=ALL), transient=True),
    Fault("short_none", answering(200, {"success": True, "created": 0}, accept=ALL), transient=True),
    Fault("partly_updated", answering(200, {"created": 2, "updated": 1}, accept=first(3))),
    Fault("counted_none", answering(200, {"created": 0, "updated": 0, "errors": []})),
    Fault("counted_neither", answering(200, {"created": 0, "errors": 0})),
    Fault("counted_errors", answering(200, {"success": True, "created": 3, "errors": 1}, accept=first(3))),
    Fault("error_alone", answering(200, {"error": "TIMESTAMP_ERROR"})),
    Fault("error_object", answering(200, {"error": {"code": "TIMESTAMP_ERROR", "message": "no year"}})),
    Fault("error_index", answering(200, {"error": {"index": 1, **WRONG_SECOND}})),
    Fault("error_true", answering(200, {"success": True, "error": True})),
    Fault("status_error", answering(201, {"status": "error", "message": "no year"})),
    Fault("status_fail", answering(200, {"status": "FAIL"})),
    Fault("code_error", answering(200, {"code": "TIMESTAMP_ERROR"})),
    Fault("forbidden_json", answering(403, {"success": False, "errors": ["Forbidden"]})),
    Fault("forbidden_page", answering(403, HTML, headers={"Content-Type": "text/html"})),
    Fault("forbidden_index", refusing([{"index": 1, **WRONG_SECOND}], status=403)),
    Fault("suspended_400", refusing(["Account suspended"], status=400)),
    Fault("suspended_200", answering(200, {"error": "ACCOUNT_SUSPENDED"})),
    Fault("suspended_403", answering(403, {"message": "Your subscription has expired"})),
    Fault("suspended_each", refusing([{"index": at, "message": "Account suspended"} for at in range(4)], status=400)),
    Fault("over_quota", answering(400, {"success": False, "message": "Monthly quota exceeded"})),
    Fault("partly_silent", answering(200, {"created": 3}, accept=first(3))),
    Fault("partly_false", answering(200, {"success": False, "created": 3}, accept=first(3))),
    Fault("bad_request", answering(400)),
    Fault("bad_request_html", answering(400, HTML)),
    Fault("bad_request_text", refusing(["TIMESTAMP_ERROR"], status=400)),
    Fault("bad_request_index", refusing([{"index": 2, **WRONG_SECOND}], status=400)),
    Fault("bad_request_true", answering(400, {"success": True})),
    Fault("bad_request_cut", raw(head(400, {"Content-Length": "99"}), b'{"errors": [{"index": 2}]}')),
    Fault("unprocessable", refusing({"2": "DATE_ERROR"}, status=422)),
    Fault("conflict", answering(409, {"success": False, "message": "already known"})),
    Fault("teapot", answering(418)),
    Fault("too_large", answering(413)),
    Fault("too_large_text", refusing(["Payload too large"], status=413)),
)

STATUSES = (
    *(Fault(f"status_{status}", answering(status), transient=True) for status in (408, 425)),
    *(
        Fault(f"status_{status}", answering(status), transient=True)
        for status in (500, 502, 503, 504, 507, 511, 520, 521, 522, 523, 524, 599)
    ),
    Fault("error_with_success", answering(500, {"success": True}, accept=ALL), transient=True),
    Fault("error_with_errors", refusing([{"index": 0}], status=500), transient=True),
    Fault("unavailable_for_7s", answering(503, headers={"Retry-After": "7"}), transient=True),
    Fault("unavailable_until", answering(503, headers={"Date": NOW, "Retry-After": SOON}), transient=True),
    *(
        Fault(f"status_{status}", answering(status))
        for status in (401, 402, 403, 404, 405, 406, 407, 410, 411, 414, 415, 421, 426, 431, 501, 505)
    ),
    *(
        Fault(f"redirect_{status}", answering(status, headers={"Location": "https://elsewhere.example/v1/track?k=1"}))
        for status in (301, 302, 303, 307, 308)
    ),
    Fault("redirect_same", answering(302, headers={"Location": "/login"})),
    Fault("redirect_nowhere", answering(302)),
    Fault("redirect_odd", answering(302, headers={"Location": "https://[broken"})),
    Fault("not_modified", answering(304)),
)

TOO_MANY = (
    Fault("429_bare", too_many(None), transient=True),
    Fault("429_seconds", too_many("7"), transient=True),
    Fault("429_zero", too_many("0"), transient=True),
    Fault("429_date", too_many(SOON, date=NOW), transient=True),
    Fault("429_date_past", too_many(LONG_AGO, date=NOW), transient=True),
    Fault("429_date_no_clock", too_many(http_date(ahead_seconds=3600), date=""), transient=True),
    Fault("429_date_no_zone", too_many("Wed, 01 May 2024 12:00:07", date=NOW), transient=True),
    Fault("429_date_far", too_many("Fri, 31 Dec 9999 23:59:59 GMT", date=NOW), transient=True),
    Fault("429_date_bad_clock", too_many(SOON, date="yesterday"), transient=True),
    Fault("429_words", too_many("soon"), transient=True),
    Fault("429_fraction", too_many("1.5"), transient=True),
    Fault("429_negative", too_many("-7"), transient=True),
    Fault("429_foreign_digits", too_many("\u00b2"), transient=True),
    Fault("429_absurd", too_many("9" * 80), transient=True),
    Fault("429_day", too_many("86401"), transient=True),
    Fault("429_refusing", refusing(["slow down"], status=429), transient=True),
)

FAULTS: Mapping[str, Fault] = {
    fault.name: fault for fault in (*TRANSPORT, *SUCCESS, *NOT_THE_APIS, *REFUSALS, *STATUSES, *TOO_MANY)
}
TRANSIENT: Mapping[str, Fault] = {name: fault for name, fault in FAULTS.items() if fault.transient}

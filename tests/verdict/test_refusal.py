"""The API's words lose every value that was sent, because servers echo their input (F3, F15, F19)."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.verdict.redaction import MAX_WORDS, Sent, redact
from etl.verdict.refusal import Refusal, read_refusal

SENT = json.dumps(
    {
        "events": [
            {
                "event": "Purchase",
                "email": "anna.o'neil@example.org",
                "firstname": "Anna  Lena",
                "city": "Ede",
                "phone": "+31 6 12345678",
                "totalvalue": 1234.5,
                "orderid": 987654,
                "newsletter": "no",
                "products": [{"id": "SKU-77", "name": "Garden (large)"}],
            }
        ]
    }
).encode()


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ("Purchase needs products", "Purchase needs products"),
        ("wrong: anna.o'neil@example.org", "wrong: [redacted]"),
        ("wrong: ANNA.O'NEIL@EXAMPLE.ORG!", "wrong: [redacted]!"),
        ("someone.else@example.net is unknown", "[redacted] is unknown"),
        ("someone%40example.net is unknown", "[redacted] is unknown"),
        ("firstname anna lena is odd", "firstname [redacted] is odd"),
        ("city Ede, not Edessa", "city [redacted], not [redacted]"),
        ("Garden (large) costs 1234.5", "[redacted] costs [redacted]"),
        ("order 987654 of SKU-77", "order [redacted] of [redacted]"),
        ("call 0031 6 87654321 now", "call [redacted] now"),
        ("phone +31 6 12345678", "phone [redacted]"),
        ("newsletter: no is not known", "newsletter: no is not known"),
        ("key 0123456789abcdef0123", "key [redacted]"),
        ("token eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9aa", "token [redacted]"),
        ("not\tvalid\r\n\x00\x1b[2Jc\u202ed\u200be", "not valid [[redacted]"),
        ("at most 100 events", "at most 100 events"),
        ("is not " * 60, ("is not " * 60)[:199] + "…"),
        ("wrong " * 49 + "Anna Lena " + "wrong " * 60, ("wrong " * 49)[:199] + "…"),
        ("anna@example.org " * 20 + "Anna Lena", "[redacted]"),
        ("Jansen Vries is like NL91ABNA0417164300, born", "[redacted] is like [redacted], [redacted]"),
        ("the profile of Anneke (born 1980-04-21) was merged", "the profile of [redacted] ([redacted]) was merged"),
        ("custom_shoe_size and newsletter are unknown fields", "custom_shoe_size and newsletter are unknown fields"),
        ("INVALID_EMAIL at index 3 of 100", "INVALID_EMAIL at index 3 of 100"),
        ("NO_EDE is wrong", "[redacted] is wrong"),
        ("veld firstname is niet geldig", "veld firstname is niet geldig"),
        ("Unavailable For Legal Reasons", "Unavailable For Legal Reasons"),
        ("I am a teapot, throttled", "I am a teapot, throttled"),
        ("QueryException: invalid_email", "QueryException: invalid_email"),
        ("JanJansen and jan_jansen are unknown", "[redacted] and [redacted] are unknown"),
        ("blocked for 1.2.3.4 and 10.20.30.40, 12:30:45", "blocked for [redacted] and [redacted], 12:30:45"),
        ("from fe80::1 or 2001:db8:0:0:0:0:0:1 or ::1", "from [redacted] or [redacted] or [redacted]"),
        ("", ""),
    ],
)
def test_redact(words: str, kept: str) -> None:
    assert redact(words, sent=Sent(SENT)) == kept


NUMBERS = {
    "custom_age": 47,
    "custom_score": 9.5,
    "custom_group": "12",
    "custom_x": -3,
    "totalvalue": 1234,
    "quantity": 2,
    "custom_y": 1,
}


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ("value 47, limit 9.5, group 12", "value [redacted], limit [redacted], group [redacted]"),
        ("at most 255, got 47.", "at most 255, got [redacted]."),
        ("limit 9,50 not 9.6", "limit [redacted] not 9.6"),
        ("number 12,48 or -3", "number [redacted],48 or -[redacted]"),
        ("limit 1,234 or 1.234,00 or 1234", "limit [redacted] or [redacted] or [redacted]"),
        (
            '{"created":2,"updated":12,"errors":2,"limit":47}',
            '{"created":2,"updated":12,"errors":2,"limit":[redacted]}',
        ),
        ("HTTP status 422 at index 3 of 100", "HTTP status 422 at index [redacted] of 100"),
        # Which event an answer means is no echo; a name above the number of events may be a user id.
        ('{"errors":[{"index":12,"position":3}]}', '{"errors":[{"index":12,"position":3}]}'),
        ('{"errors":{"1":"no","12":"no"}}', '{"errors":{"1":"no","[redacted]":"no"}}'),
        ("HTTP status 422 at index 4 of 100", "HTTP status 422 at index 4 of 100"),
    ],
)
def test_a_number_that_was_sent_is_masked_however_short_it_is(words: str, kept: str) -> None:
    sent = Sent(json.dumps({"events": [{"event": "Purchase", **NUMBERS}]}).encode())
    assert redact(words, sent=sent) == kept


VALUES = st.text(st.characters(categories=["L", "N"]), min_size=5, max_size=20).filter(
    lambda value: value.casefold() not in "redacted"
)


@settings(max_examples=500)
@given(value=VALUES, before=st.text(max_size=20), after=st.text(max_size=20))
def test_no_value_that_was_sent_is_kept(value: str, before: str, after: str) -> None:
    sent = json.dumps({"events": [{"event": "Purchase", "firstname": value}]}).encode()
    kept = redact(f"{before} {value} {after}", sent=Sent(sent))
    assert not re.search(rf"(?<!\w){re.escape(value)}(?!\w)", kept)
    assert kept.isprintable()
    assert len(kept) <= MAX_WORDS


@pytest.mark.parametrize("sent", [b"", b"not json", b"[]", b'{"events": null}'])
def test_a_request_that_is_not_at_hand_is_no_obstacle(sent: bytes) -> None:
    assert redact("words", sent=Sent(sent)) == "words"


@pytest.mark.parametrize(
    ("error", "refusal"),
    [
        ("TIMESTAMP_ERROR", Refusal("TIMESTAMP_ERROR", "TIMESTAMP_ERROR")),
        ("TIMESTAMP_ERROR for event", Refusal("TIMESTAMP_ERROR", "TIMESTAMP_ERROR for event")),
        ("JANSEN is unknown", Refusal("otherwise", "[redacted] is unknown")),
        ({"code": "Jansen", "message": "no"}, Refusal("otherwise", "no")),
        ({"code": "invalidEmail", "message": "no"}, Refusal("invalidEmail", "no")),
        ({"code": "duplicate", "message": "no"}, Refusal("duplicate", "no")),
        ({"code": "invalid_email", "message": "no"}, Refusal("invalid_email", "no")),
        ({"code": 422, "message": "no"}, Refusal("otherwise", "no")),
        ({"code": "two words", "message": "no"}, Refusal("otherwise", "no")),
        ({"code": "0123456789abcdef0123", "message": "no"}, Refusal("otherwise", "no")),
        ({"code": "x" * 41, "message": "no"}, Refusal("otherwise", "no")),
        ({"error": {"code": "A_B", "message": "no"}}, Refusal("A_B", "no")),
        ({"error": {"first": {"code": "A_B"}}, "message": "no"}, Refusal("A_B", "no")),
        ({"error": {"first": {"second": {"code": "A_B"}}}, "message": "no"}, Refusal("A_B", "no")),
        ([{"error": {"messages": [{"text": "is not valid"}]}}], Refusal("otherwise", "is not valid")),
        (
            {"exception": "QueryException", "message": "Server Error"},
            Refusal("otherwise", "Server Error; QueryException"),
        ),
        ({"message": [str(number) for number in range(30)]}, Refusal("otherwise", "0; 1; 2; 3; 4; 5; 6; 7; 8; 9")),
        ({"message": {"en": "no", "nl": "nee"}}, Refusal("otherwise", "no; nee")),
        ([["not"], [["valid"]]], Refusal("otherwise", "not; valid")),
        (17, Refusal("otherwise", "")),
        (None, Refusal("otherwise", "")),
        ({}, Refusal("otherwise", "")),
    ],
)
def test_read_refusal(error: object, refusal: Refusal) -> None:
    assert read_refusal(error, otherwise="otherwise", sent=Sent(b"")) == refusal


def test_a_code_is_not_a_way_around_redaction() -> None:
    """A server that echoes a value where its code belongs must not get it into the state."""
    sent = json.dumps({"events": [{"event": "Purchase", "lastname": "Jansen", "custom_x": "ABC_DEF"}]}).encode()
    assert read_refusal({"code": "Jansen"}, otherwise="refused", sent=Sent(sent)).code == "refused"
    assert read_refusal("ABC_DEF is wrong", otherwise="refused", sent=Sent(sent)) == Refusal(
        "refused", "[redacted] is wrong"
    )

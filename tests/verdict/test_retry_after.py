"""Retry-After is read strictly and never shortens a wait (C6, C7, C8)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.verdict.retry_after import MAX_RETRY_AFTER_SECONDS, retry_after_seconds

NOON, LATER = "Wed, 01 May 2024 12:00:00 GMT", "Wed, 01 May 2024 12:00:07 GMT"


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("7", 7.0),
        (" 7\t", 7.0),
        ("0007", 7.0),
        ("0", None),
        ("86399", 86_399.0),
        ("86401", MAX_RETRY_AFTER_SECONDS),
        ("9" * 90, MAX_RETRY_AFTER_SECONDS),
        ("9" * 101, None),
        ("-7", None),
        ("+7", None),
        ("7.5", 7.5),
        ("0.0", None),
        ("7.", None),
        (".5", None),
        ("7s", None),
        ("0x10", None),
        ("1e3", None),
        ("7,8", 8.0),
        ("8, 7.5", 8.0),
        ("7, soon", 7.0),
        ("7\n8", 8.0),
        ("9\nsoon\n8", 9.0),
        ("1, Wed, 01 May 2024 12:00:09 GMT", 9.0),
        ("Wed, 01 May 2024 12:00:05 GMT, 7", 7.0),
        ("wed, 01 may 2024 12:00:09 gmt,1", 9.0),
        ("soon, Wednesday, 01-May-24 12:00:07 GMT, Wed, 01 May 2024 12:00:09 GMT", 9.0),
        ("Wed May  1 12:00:07 2024, 1", 7.0),
        ("7 Wed, 01 May 2024 12:00:09 GMT", None),
        ("7\nWed, 01 May 2024 12:00:09 GMT", 9.0),
        ("Wed, 01 May 2024 12:00:05 GMT\n7", 7.0),
        ("\u0667", None),
        ("\u00b2", None),
        ("soon", None),
        ("", None),
        ("Wed, 01 May 2024 12:00:07 GMT", 7.0),
        ("Wed, 01 May 2024 14:00:07 +0200", 7.0),
        ("Wednesday, 01-May-24 12:00:07 GMT", 7.0),
        ("Wed May  1 12:00:07 2024", 7.0),
        ("Wed, 01 May 2024 12:00:07", 7.0),
        ("Wed, 01 May 2024 12:00:00 GMT", None),
        ("Wed, 01 May 2024 11:59:59 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", MAX_RETRY_AFTER_SECONDS),
        ("Wed, 32 May 2024 12:00:07 GMT", None),
        ("Wed, 01 May 99999 12:00:07 GMT", None),
        ("2024-05-01T12:00:07Z", None),
        ("Wed, \u0660\u0661 May 2024 12:00:07 GMT", None),
    ],
)
def test_retry_after_seconds(retry_after: str, seconds: float | None) -> None:
    assert retry_after_seconds({"retry-after": retry_after, "date": NOON}) == seconds


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"date": NOON},
        {"retry-after": NOON},
        {"retry-after": NOON, "date": "x"},
        {"retry-after": LATER, "date": NOON + " " * 100},
        {"retry-after": LATER, "date": NOON.replace("01", "\u0660\u0661")},
    ],
)
def test_nothing_usable(headers: dict[str, str]) -> None:
    assert retry_after_seconds(headers) is None


@given(retry_after=st.text(max_size=120), date=st.text(max_size=40))
def test_no_header_is_too_odd(retry_after: str, date: str) -> None:
    seconds = retry_after_seconds({"retry-after": retry_after, "date": date})
    assert seconds is None or 0 < seconds <= MAX_RETRY_AFTER_SECONDS

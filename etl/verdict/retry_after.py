"""How long a server asks us to wait: Retry-After in seconds or as a date, read strictly.

The rule: of several values the longest counts. A date is compared with the server's own clock, because ours may be
wrong; a malformed value is ignored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from etl.verdict.answer import Answer, Failure

# One day: longer than any run waits (`give_up_after`), so a larger value only says "not in this run".
MAX_RETRY_AFTER_SECONDS = 86_400.0

# `str.isdigit` and `\d` would also accept Arabic-Indic digits and superscripts. Fractions are not in the standard, but
# servers send them.
_SECONDS = re.compile(r"([0-9]+)(?:\.([0-9]+))?\Z")
_MAX_LENGTH = 100
# Joins the values of several such headers; no header value can contain it.
SEPARATOR = "\n"
# Splits at a comma between two values, as proxies join them, but not at the one after a date's weekday: `Sun,` or
# `Sunday,`.
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun", "day")
_COMMA = re.compile("".join(f"(?<!{end})" for end in _DAYS) + ",", re.IGNORECASE)


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait from now, at most one day; None without a usable value, or if the moment has passed.

    The header has one value a line, or several in a line, as proxies join them.
    """
    lines = headers.get("retry-after", "").split(SEPARATOR)
    said = [_value(text.strip(" \t"), headers) for line in lines for text in _COMMA.split(line)]
    return max((seconds for seconds in said if seconds is not None), default=None)


def silence_seconds(answer: Answer | Failure) -> float | None:
    """Seconds in which no request of the account may leave, by an answer's Retry-After, whatever its status."""
    return retry_after_seconds(answer.headers) if isinstance(answer, Answer) else None


def _value(text: str, headers: Mapping[str, str]) -> float | None:
    if not text or len(text) > _MAX_LENGTH:
        return None
    count = _count(text)
    if count is not None:
        return _positive(count)
    moment, now = _http_date(text), _http_date(headers.get("date", ""))
    if moment is None or now is None:
        return None
    return _positive((moment - now).total_seconds())


def _count(text: str) -> float | None:
    found = _SECONDS.match(text)
    if found is None:
        return None
    return MAX_RETRY_AFTER_SECONDS if len(found[1].lstrip("0")) > 6 else float(text)


def _positive(seconds: float) -> float | None:
    return min(seconds, MAX_RETRY_AFTER_SECONDS) if seconds > 0 else None


def _http_date(text: str) -> datetime | None:
    """A date of RFC 9110, in UTC without a zone; None for anything that cannot be parsed."""
    if not text.isascii() or len(text) > _MAX_LENGTH:
        return None
    try:
        moment = parsedate_to_datetime(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None

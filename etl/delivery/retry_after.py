"""How long a server asks us to wait: Retry-After in seconds or as a date, read strictly.

A date counts against the server's own clock, because ours may be wrong; whatever is not well-formed counts as absent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

# One day: longer than any run waits (`give_up_after`), so a larger value only says "not in this run".
MAX_RETRY_AFTER_SECONDS = 86_400.0

# `str.isdigit` and `\d` also take Arabic-Indic digits and superscripts.
_SECONDS = re.compile(r"[0-9]+\Z")
_MAX_LENGTH = 100


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait from now on, capped at one day; None when nothing usable is said, or the moment has passed."""
    text = headers.get("retry-after", "").strip(" \t")
    if not text or len(text) > _MAX_LENGTH:
        return None
    if _SECONDS.match(text):
        significant = text.lstrip("0")
        return MAX_RETRY_AFTER_SECONDS if len(significant) > 6 else _positive(float(significant or "0"))
    moment, now = _http_date(text), _http_date(headers.get("date", ""))
    if moment is None or now is None:
        return None
    return _positive((moment - now).total_seconds())


def _positive(seconds: float) -> float | None:
    return min(seconds, MAX_RETRY_AFTER_SECONDS) if seconds > 0 else None


def _http_date(text: str) -> datetime | None:
    """A date of RFC 9110; without a zone it is UTC. Anything that the parser chokes on is no date."""
    if not text.isascii() or len(text) > _MAX_LENGTH:
        return None
    try:
        moment = parsedate_to_datetime(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None

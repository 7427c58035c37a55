"""Counts and time spans as people read them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

# More reasons would not fit on a screen.
MOST_REASONS = 8
# So many stand in one line; of more only the first two.
_FEW_REASONS = 4


def counted(count: int, noun: str) -> str:
    """`1 row`, `2 rows`, `12,000 rows`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def duration(seconds: float) -> str:
    """A time span for people: `0.3 s`, `4 min 05 s`, `3 h 20 min`, `2 d 4 h`."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours // 24} d {hours % 24} h"
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def estimated(seconds: float) -> str:
    """A time span that is not known to the tenth of a second."""
    return "under 1 s" if seconds < 1 else duration(seconds)


def by_reason(counts: Counter[str]) -> str:
    """`invalid_email 3, unknown_currency 2`, the most frequent first, and how many reasons there are beside them."""
    most = len(counts) if len(counts) <= _FEW_REASONS else 2
    listed = ", ".join(f"{reason} {count:,}" for reason, count in counts.most_common(most))
    more = len(counts) - most
    return f"{listed} and of {counted(more, 'other reason')}" if more else listed


def first_of(problems: Sequence[str]) -> str:
    """The first of `problems`, and how many more there are; "" for none."""
    more = len(problems) - 1
    return f"{problems[0]}{f' (and {more} more)' if more else ''}" if problems else ""

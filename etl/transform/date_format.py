"""The step `date(format)`: dates and datetimes as text.

The rule: the same on every machine. Names of days and months are English whatever the locale, and years always have
four digits, neither of which the C library's strftime promises.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, time

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DIRECTIVE = re.compile(r"%(.)", re.DOTALL)


def format_date(moment: date, pattern: str) -> str:
    """`moment` by the directives of `etl.mapping.steps.DATE_DIRECTIVES`; the time of a date is midnight."""
    full = moment if isinstance(moment, datetime) else datetime.combine(moment, time())
    parts: dict[str, Callable[[], str]] = {
        "Y": lambda: f"{full.year:04}",
        "y": lambda: f"{full.year % 100:02}",
        "m": lambda: f"{full.month:02}",
        "d": lambda: f"{full.day:02}",
        "e": lambda: f"{full.day:2}",
        "j": lambda: f"{full.timetuple().tm_yday:03}",
        "H": lambda: f"{full.hour:02}",
        "M": lambda: f"{full.minute:02}",
        "S": lambda: f"{full.second:02}",
        "B": lambda: _MONTHS[full.month - 1],
        "b": lambda: _MONTHS[full.month - 1][:3],
        "A": lambda: _DAYS[full.weekday()],
        "a": lambda: _DAYS[full.weekday()][:3],
        "%": lambda: "%",
    }
    return _DIRECTIVE.sub(lambda found: parts[found[1]](), pattern)

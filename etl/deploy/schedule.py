"""A schedule in the five fields of a crontab, and the same for systemd's calendar.

The rule: both wake the job at the same minutes; what only one of them can say is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_TERM = re.compile(r"(?P<first>\*|\w+)(?:-(?P<last>\w+))?(?:/(?P<step>\d{1,2}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class CronField:
    """One field of a crontab: its name, its range (inclusive), and the names that stand for numbers, from `lowest`."""

    name: str
    lowest: int
    highest: int
    names: tuple[str, ...] = ()

    def values(self, text: str) -> frozenset[int]:
        """The numbers that `text` stands for. Raises ValueError for people."""
        return frozenset(number for term in text.split(",") for number in self._term(term))

    def _term(self, text: str) -> range:
        found = _TERM.fullmatch(text)
        if found is None:
            raise ValueError(f"{self.name}: {text!r} is not a number, a range, a list or *")
        step = int(found["step"] or 1)
        if found["first"] == "*":
            first, last = self.lowest, self.highest
        else:
            first = self._number(found["first"])
            last = self._number(found["last"]) if found["last"] else (self.highest if found["step"] else first)
        if step == 0 or last < first or (found["first"] == "*" and found["last"]):
            raise ValueError(f"{self.name}: {text!r} names nothing")
        return range(first, last + 1, step)

    def _number(self, text: str) -> int:
        if text.lower() in self.names:
            return self.names.index(text.lower()) + self.lowest
        number = int(text) if text.isdecimal() and len(text) <= 2 else -1
        if not self.lowest <= number <= self.highest:
            raise ValueError(f"{self.name}: {text!r} is not between {self.lowest} and {self.highest}")
        return number


_FIELDS = (
    CronField("minute", 0, 59),
    CronField("hour", 0, 23),
    CronField("day of the month", 1, 31),
    CronField("month", 1, 12, _MONTHS),
    CronField("day of the week", 0, 7, _DAYS),
)


@dataclass(frozen=True, slots=True)
class Schedule:
    """When the job runs. `cron` is the five fields as written; `on_calendar` systemd's OnCalendar= values."""

    cron: str
    on_calendar: tuple[str, ...]


def parse_schedule(text: str) -> Schedule:
    """The schedule that `text`, five fields of a crontab, stands for. Raises ValueError for people."""
    words = text.split()
    if len(words) != len(_FIELDS):
        raise ValueError(f"expected the five fields of a crontab, such as '17 3 * * *', got {len(words)}")
    minutes, hours, days, months, weekdays = (field.values(word) for field, word in zip(_FIELDS, words, strict=True))
    weekdays = frozenset(day % 7 for day in weekdays)
    time = f"{_listed(hours, _FIELDS[1])}:{_listed(minutes, _FIELDS[0])}:00"
    month = _listed(months, _FIELDS[3])
    week = "" if len(weekdays) == len(_DAYS) else ",".join(_DAYS[day].title() for day in sorted(weekdays)) + " "
    day = _listed(days, _FIELDS[2])
    if week and day != "*" and not words[2].startswith("*") and not words[4].startswith("*"):
        # A crontab whose two day fields are both set runs when *either* fits (crontab(5)); systemd asks for both.
        return Schedule(" ".join(words), (f"{week}*-{month}-* {time}", f"*-{month}-{day} {time}"))
    return Schedule(" ".join(words), (f"{week}*-{month}-{day} {time}",))


def _listed(numbers: frozenset[int], field: CronField) -> str:
    if len(numbers) == field.highest - field.lowest + 1:
        return "*"
    return ",".join(f"{number:02d}" for number in sorted(numbers))

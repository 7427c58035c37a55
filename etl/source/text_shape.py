"""The spelling of times kept as text, or as the digits of a number, and whether they sort as times.

A column is a cursor only while all its times have one shape, because the database compares them as texts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone

_ISO = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)"
    r"(?:(?P<separator>[ T])\d\d:\d\d(?P<seconds>:\d\d(?:\.(?P<fraction>\d{1,9}))?)?"
    r"(?P<zone> ?(?:Z|[+-]\d\d(?::?\d\d)?))?)?",
    re.ASCII,
)
# Digits only: YYYYMMDD, then optionally HHMM, seconds, milliseconds.
_COMPACT = re.compile(r"(?:19\d\d|2\d{3}|9999)\d{4}(?:\d{4}(?:\d{2}(?:\d{3})?)?)?", re.ASCII)
_COMPACT_LENGTHS = frozenset({8, 12, 14, 17})
_MOST_FRACTION_DIGITS = 9


@dataclass(frozen=True, slots=True)
class TextShape:
    """How a column spells times, derived from one of its values.

    separator: None for days without a time, "" between the digits of a compact time. zone: "" for none, else as
    written: "Z", "+02:00". compact: digits only.
    """

    separator: str | None
    seconds: bool
    fraction_digits: int
    zone: str
    compact: bool = False

    def spell(self, moment: datetime) -> str:
        """`moment` in this shape, cut (never rounded up) to its precision; an aware one is moved to its zone."""
        if moment.tzinfo is not None and self.zone:
            moment = moment.astimezone(_offset(self.zone))
        day = (f"{moment.year:04d}", f"{moment:%m}", f"{moment:%d}")
        clock = (f"{moment:%H}", f"{moment:%M}", f"{moment:%S}")
        return _joined(self, day, clock, fraction=f"{moment:%f}000", zone=self.zone)

    @property
    def step(self) -> timedelta:
        """The smallest difference between two times of this shape."""
        if self.separator is None:
            return timedelta(days=1)
        if self.fraction_digits:
            return timedelta(microseconds=10 ** (6 - min(self.fraction_digits, 6)))
        return timedelta(seconds=1) if self.seconds else timedelta(minutes=1)

    @property
    def pattern(self) -> str:
        """What a value of exactly this shape looks like, with 0 for each digit."""
        zone = re.sub("[0-9]", "0", self.zone)
        return _joined(self, ("0000", "00", "00"), ("00", "00", "00"), fraction="0" * 9, zone=zone)

    @property
    def patterns(self) -> tuple[str, ...]:
        """What values that sort with these look like, with 0 for each digit.

        Without a zone, a shorter spelling sorts below the longer ones of the same second, as it should. With a zone
        behind it that is not so, and then all have to be spelt alike.
        """
        if self.compact or self.zone:
            return (self.pattern,)
        if self.separator is None:
            return ("0000-00-00",)
        whole = replace(self, seconds=True, fraction_digits=0)
        fractions = (replace(whole, fraction_digits=digits) for digits in range(1, _MOST_FRACTION_DIGITS + 1))
        shapes = (replace(whole, seconds=False), whole, *fractions)
        return ("0000-00-00", *(shape.pattern for shape in shapes))

    @property
    def words(self) -> str:
        """The shape for people and for the state: the same for all values that sort with each other."""
        longest = self if self.compact or self.zone or self.separator is None else replace(self, seconds=True)
        plain = longest if self.compact or self.zone else replace(longest, fraction_digits=0)
        return plain.spell(datetime(2024, 1, 31, 8, 5, 9, tzinfo=None))  # noqa: DTZ001  # an example has no zone


def shape_of(text: str) -> TextShape | None:
    """The shape of a time spelt `YYYY-MM-DD…` or in digits alone; None when `text` is no such time."""
    try:
        if _COMPACT.fullmatch(text):
            moment_of(text)
            clock = len(text) > len("YYYYMMDD")
            fraction = max(0, len(text) - len("YYYYMMDDhhmmss"))
            seconds = len(text) >= len("YYYYMMDDhhmmss")
            return TextShape("" if clock else None, seconds=seconds, fraction_digits=fraction, zone="", compact=True)
        found = _ISO.fullmatch(text)
        if found is None:
            return None
        moment_of(text)
    except ValueError:
        return None
    return TextShape(
        separator=found["separator"],
        seconds=found["seconds"] is not None,
        fraction_digits=len(found["fraction"] or ""),
        zone=found["zone"] or "",
    )


def moment_of(text: str) -> datetime:
    """The moment that a time of any shape names, naive or aware as it is written. Raises ValueError for other text."""
    if text.isascii() and text.isdigit():
        if len(text) not in _COMPACT_LENGTHS:
            raise ValueError("no time in digits has this length")
        padded = text.ljust(len("YYYYMMDDhhmmssfff"), "0")
        day = f"{padded[:4]}-{padded[4:6]}-{padded[6:8]}"
        return datetime.fromisoformat(f"{day}T{padded[8:10]}:{padded[10:12]}:{padded[12:14]}.{padded[14:]}")
    # fromisoformat takes six digits of a second at most before Python 3.12 and no blank before the offset.
    text = re.sub(r"(\.\d{6})\d+", r"\1", text)
    return datetime.fromisoformat(re.sub(r"(?<=\d) (?=[Z+-])", "", text))


def _offset(zone: str) -> timezone:
    offset = datetime.fromisoformat(f"2000-01-01T00:00:00{zone.strip()}").utcoffset()
    return timezone(offset or timedelta(0))


def _joined(shape: TextShape, day: Sequence[str], clock: Sequence[str], *, fraction: str, zone: str) -> str:
    """The parts of a time joined by `shape`; `fraction` has nine digits."""
    dash, colon, point = ("", "", "") if shape.compact else ("-", ":", ".")
    if shape.separator is None:
        return dash.join(day)
    digits = f"{point}{fraction[: shape.fraction_digits]}" if shape.fraction_digits else ""
    return f"{dash.join(day)}{shape.separator}{colon.join(clock if shape.seconds else clock[:2])}{digits}{zone}"

"""Phone numbers as the receiver takes them: digits with + and -.

The rule: a number written in that form passes unchanged; others lose what people put between digits: spaces, dots,
slashes and parentheses. An international one with the 0 of national calls, as in +31 (0)20 …, 0031(0)20 … or +31 020 …,
is written in E.164 by Google's rules (`phonenumbers`), which know that this 0 is not dialled. A national number stays
national, unless the event has a country by whose rules it is one, written with the prefix that is dialled there
(0612345678 in NL): then it is written in E.164. No two texts of digits become one number.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from etl.transform.cells import Cells, as_they_are
from etl.transform.problem import RefusedValueError

# Calling codes behind which no number begins with the 0 that is dialled inside the country. People write it.
_ZERO = r"\+(?:3[123]|4[013469]|61|81|90|353|358|421)-?0"
_ORDINARY = re.compile(rf"(?!{_ZERO})(?:\+?[0-9]{{5,15}}|(?=(?:\D?\d){{5,15}}\Z)\+?\d+(?:-\d+)*)", re.ASCII)
_WITH_ZERO = re.compile(_ZERO, re.ASCII)
_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2212"), "-")
_BETWEEN = re.compile(r"[\s().\u200b\u200e\u200f\u202a-\u202e\u2060\ufeff/]+")
_LONGEST = 100
# The prefix dialled inside the country, behind a calling code with or without + or 00: (0), as it is never dialled.
_TRUNK = re.compile(r"\A(?:\+|00)?\s*([1-9](?:[\s.-]*\d){0,2})[\s.-]*\(\s*0\s*\)(.+)", re.ASCII | re.DOTALL)
# At least so many digits count as a number of their own beside another.
_WHOLE_NUMBER = 7
_APART = re.compile(r"[/,;|\\&]")
# A number that went through a spreadsheet.
_WITH_FRACTION = re.compile(r"(\+?\d{5,15})[.,]00?|(.*\d)[.,]0", re.ASCII | re.DOTALL)


def normal_phone(value: str) -> str | None:
    """The number in a form that the receiver takes; None for blank text. Raises RefusedValueError (invalid_phone)."""
    text = value.strip()
    if not text:
        return None
    if found := _WITH_FRACTION.fullmatch(text):
        text = found[1] or found[2]
    # Tried first without changes and without spaces, which nearly all numbers need at most.
    for easily in (text, text.replace(" ", "")):
        if _ORDINARY.fullmatch(easily):
            return easily
    if len(text) > _LONGEST:
        raise RefusedValueError("invalid_phone", "the value is too long for a phone number")
    text = _TRUNK.sub(r"+\1(0)\2", text)
    if _several(text):
        raise RefusedValueError("invalid_phone", "the value holds more than one phone number")
    bare = _BETWEEN.sub("", text.translate(_DASHES))
    if not (bare.startswith("+") and "(" in text) and not _WITH_ZERO.match(bare):
        if _ORDINARY.fullmatch(bare):
            return bare
        raise RefusedValueError("invalid_phone", "the value is not a phone number of 5 to 15 digits")
    if any(letter.isalpha() for letter in bare):
        raise RefusedValueError("invalid_phone", "the value has letters")
    return _e164(text)


def _several(text: str) -> bool:
    """Whether a whole number stands beside another, or beside a second ending (0612345678/12)."""
    parts = [len(re.sub(r"\D", "", part)) for part in _APART.split(text)]
    if any(count >= _WHOLE_NUMBER for count in parts[:-1]) and parts[-1]:
        return True
    # Points and spaces also occur within numbers.
    return any(
        sum(len(re.sub(r"\D", "", part)) >= _WHOLE_NUMBER for part in re.split(separator, text)) > 1
        for separator in (r"\.", r"\s")
    )


def _e164(text: str) -> str:
    import phonenumbers  # noqa: PLC0415 - a fifth of a run's start, for the few numbers that come here

    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        raise RefusedValueError("invalid_phone", "the value is not an international phone number") from None
    if not phonenumbers.is_possible_number(number):
        raise RefusedValueError("invalid_phone", "the value has too few or too many digits for its country")
    written = str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
    if _WITH_ZERO.match(written):
        raise RefusedValueError("invalid_phone", "the value has more than one 0 behind its calling code")
    return written


class PhoneRule:
    """Type phone. Whole numbers, of any numeric type, count as their digits; `digits`: with zeros up to so many."""

    repeats = False

    def __init__(self, *, digits: int | None = None) -> None:
        self._digits = digits or 0

    def ordinary(self, cells: Cells) -> tuple[list[Any], Iterable[int]] | None:
        """Numbers that need no change."""
        if cells.kinds != {str}:
            return None
        return as_they_are(cells, _ORDINARY)

    def value(self, value: object) -> object:
        """Raises RefusedValueError (invalid_phone)."""
        if isinstance(value, Decimal | float) and math.isfinite(value) and value == int(value):
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return normal_phone(f"{value:0{self._digits}}")
        if isinstance(value, str):
            return normal_phone(value)
        raise RefusedValueError("invalid_phone", f"a value of type {type(value).__name__} is not a phone number")


class Internationalizer:
    """Writes national numbers in E.164, by the rules of the country of the same event."""

    def __init__(self) -> None:
        self._by_country: dict[str, tuple[str, re.Pattern[str]] | None] = {}

    def numbers(self, phones: Sequence[Any], countries: Sequence[Any]) -> list[Any]:
        """`phones`, national ones of a known country (None: not known) as international ones."""
        numbers = list(phones)
        # Only national numbers; usually few.
        for row in [row for row, phone in enumerate(phones) if phone and phone[0] != "+" and phone[:2] != "00"]:
            country = countries[row]
            if country is not None and (rules := self._known(country)) is not None:
                numbers[row] = _international(phones[row], *rules)
        return numbers

    def _known(self, country: str) -> tuple[str, re.Pattern[str]] | None:
        if country not in self._by_country:
            self._by_country[country] = _rules_of(country)
        return self._by_country[country]


def _international(phone: str, code: str, national: re.Pattern[str]) -> str:
    found = national.fullmatch(phone.replace("-", ""))
    return phone if found is None else code + found[1]


def _rules_of(country: str) -> tuple[str, re.Pattern[str]] | None:
    """The calling code with its plus, and the pattern of a number as it is dialled inside the country."""
    from phonenumbers import PhoneMetadata  # noqa: PLC0415 - a fifth of a run's start

    region = PhoneMetadata.metadata_for_region(country, None)
    general = None if region is None else region.general_desc
    if region is None or general is None or region.national_prefix_transform_rule:
        return None
    pattern = general.national_number_pattern
    return f"+{region.country_code}", re.compile(f"{region.national_prefix or ''}({pattern})", re.ASCII)

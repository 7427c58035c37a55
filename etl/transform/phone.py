"""Phone numbers as the receiver takes them: digits with + and -.

The rule: a number written in that form passes unchanged; others lose what people put between digits: spaces, dots,
slashes and parentheses. An international one with parentheses, as in +31 (0)20 …, is written in E.164 by Google's rules
(`phonenumbers`), which know that this 0 is not dialled. A national number stays national, since the mapping does not
say of which country it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from etl.transform.cells import Cells
from etl.transform.problem import RefusedValueError

_ORDINARY = re.compile(r"\+?[0-9]{5,15}|(?=(?:\D?\d){5,15}\Z)\+?\d+(?:-\d+)*", re.ASCII)
_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2212"), "-")
_BETWEEN = re.compile(r"[\s().\u200b\u200e\u200f\u202a-\u202e\u2060\ufeff/]+")
_LONGEST = 100


def normal_phone(value: str) -> str | None:
    """The number in a form that the receiver takes; None for blank text. Raises RefusedValueError (invalid_phone)."""
    text = value.strip()
    if not text:
        return None
    # Spaces are what nearly always is between the digits.
    for easily in (text, text.replace(" ", "")):
        if _ORDINARY.fullmatch(easily):
            return easily
    if len(text) > _LONGEST:
        raise RefusedValueError("invalid_phone", "the value is too long for a phone number")
    bare = _BETWEEN.sub("", text.translate(_DASHES))
    if not (bare.startswith("+") and "(" in text):
        if _ORDINARY.fullmatch(bare):
            return bare
        raise RefusedValueError("invalid_phone", "the value is not a phone number of 5 to 15 digits")
    if any(letter.isalpha() for letter in bare):
        raise RefusedValueError("invalid_phone", "the value has letters")
    return _e164(text)


def _e164(text: str) -> str:
    import phonenumbers  # noqa: PLC0415 - a fifth of a run's start, for the few numbers that come here

    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        raise RefusedValueError("invalid_phone", "the value is not an international phone number") from None
    if not phonenumbers.is_possible_number(number):
        raise RefusedValueError("invalid_phone", "the value has too few or too many digits for its country")
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


class PhoneRule:
    """Type phone. Whole numbers count as their digits."""

    repeats = False

    def ordinary(self, cells: Cells) -> tuple[list[Any], Iterable[int]] | None:
        """Numbers that need no change."""
        if cells.kinds != {str}:
            return None
        matches = _ORDINARY.fullmatch
        if all(map(matches, cells.present())):
            return cells.items, ()
        odd = [row for row, text in enumerate(cells.items) if text is not None and not matches(text)]
        return list(cells.items), odd

    def value(self, value: object) -> object:
        """Raises RefusedValueError (invalid_phone)."""
        if isinstance(value, int) and not isinstance(value, bool):
            return normal_phone(str(value))
        if isinstance(value, str):
            return normal_phone(value)
        raise RefusedValueError("invalid_phone", f"a value of type {type(value).__name__} is not a phone number")

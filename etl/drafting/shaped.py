"""Stand-ins that keep the form of a value and nothing else: a letter for a letter, a digit for a digit.

The rule: whatever is not in the closed list of harmless values is replaced, because what is personal cannot be listed:
a bank account, a national number, an IP address, a first name inside JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from decimal import Decimal
from itertools import cycle

# What says yes or no, or which of two: of anybody.
_HARMLESS_WORDS = """
0 1 -1 yes no y n ja nee j true false t f on off m v x u w male female unknown none null
"""
HARMLESS = frozenset(_HARMLESS_WORDS.split())
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?: ?(?:Z|[+-]\d\d:?\d\d))?)?", re.ASCII)
_WORD = re.compile(r"[^\W_]+")


def shaped(value: object, *, text: Callable[[str], str]) -> object:  # noqa: PLR0911 - one return a type
    """`value` with every text in it as `text` makes it, and every number with other digits; harmless values stay."""
    match value:
        case None | bool():
            return value
        case str():
            return _shaped_json(value, text=text) or text(value)
        case int() | float() | Decimal() if str(value) in HARMLESS:
            return value
        case int():
            return int(other_digits(str(value)))
        case float():
            return float(other_digits(repr(value)))
        case Decimal():
            return Decimal(other_digits(format(value, "f")))
        case list():
            return [shaped(one, text=text) for one in value]
        case dict():
            return {name: shaped(one, text=text) for name, one in value.items()}
        case _:
            return value


def shaped_text(text: str) -> str:
    """`text` with other letters and digits; a moment and a harmless word stay."""
    if _MOMENT.fullmatch(text.strip()) or text.strip().lower() in HARMLESS:
        return text
    return _WORD.sub(lambda found: _shaped_word(found[0]), text)


def other_digits(text: str) -> str:
    """`text` with each digit replaced by the next of 1 to 9; an exponent stays."""
    digits = cycle("123456789")
    number, exponent, power = text.partition("e")
    return "".join(next(digits) if one.isdigit() else one for one in number) + exponent + power


def _shaped_word(word: str) -> str:
    letters, digits, result = cycle("abcdefghijklmnopqrstuvwxyz"), cycle("123456789"), ""
    for one in word:
        if one.isdigit():
            result += next(digits)
        else:
            letter = next(letters)
            result += letter.upper() if one.isupper() else letter
    return result


def _shaped_json(value: str, *, text: Callable[[str], str]) -> str | None:
    """JSON in a column of texts, replaced from inside so that it stays JSON; None for any other text."""
    if value.lstrip()[:1] not in ("{", "["):
        return None
    try:
        found = json.loads(value)
    except ValueError:
        return None
    return json.dumps(shaped(found, text=text), ensure_ascii=False)

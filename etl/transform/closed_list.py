"""Values with a closed table of spellings: yes/no, true/false, gender, currency, country.

The rule: what is not in the table is a problem, never a guess. Spellings are compared trimmed and in any case; blank
text is missing. The codes are those of `etl.mapping.codes`, withdrawn ones included.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from etl.mapping.codes import COUNTRIES, CURRENCIES, WITHDRAWN_CURRENCIES
from etl.transform.cells import Cells
from etl.transform.problem import RefusedValueError

_YES = ("1", "t", "true", "y", "yes", "j", "ja", "on", "\x01")
_NO = ("0", "f", "false", "n", "no", "nee", "nein", "off", "\x00")
_GENDERS = {
    "M": (
        *("1", "m", "male", "man", "boy", "mr", "mister", "heer", "de heer", "dhr", "meneer", "jongen", "mannelijk"),
        *("männlich", "maennlich", "mann", "herr", "herrn", "hr", "h", "homme", "monsieur", "masculin"),
    ),
    "F": (
        *(
            "2",
            "f",
            "female",
            "woman",
            "girl",
            "mrs",
            "ms",
            "miss",
            "v",
            "vrouw",
            "vrouwelijk",
            "mevrouw",
            "mevr",
            "mw",
        ),
        *(
            "mevr",
            "mvr",
            "mej",
            "mejuffrouw",
            "dame",
            "meisje",
            "w",
            "weiblich",
            "frau",
            "fr",
            "femme",
            "madame",
            "mme",
        ),
        *("mlle", "féminin", "feminin"),
    ),
    "U": (
        *("0", "9", "u", "x", "d", "unknown", "other", "neutral", "non-binary", "nonbinary", "onbekend", "anders"),
        *("neutraal", "onzijdig", "non-binair", "divers", "unbekannt", "andere", "inconnu", "autre"),
    ),
}
# Codes in wide use that ISO reserves for these countries: the United Kingdom and, in the EU, Greece.
_RESERVED_COUNTRIES = {"uk": "GB", "el": "GR"}


class ClosedList:
    """A table from a spelling (trimmed, casefolded) to what is sent; others are a problem of `code`.

    Booleans are looked up as "true" and "false"; 0 and 1, of any numeric type or as bytes (a BIT column), as
    "0" and "1".
    """

    repeats = True

    def __init__(self, table: Mapping[str, object], *, code: str, words: str) -> None:
        self._table = table
        self._code = code
        self._words = words

    def ordinary(self, cells: Cells) -> None:  # noqa: ARG002  # the protocol's signature
        """Leaves the column to `value`, once for each distinct value."""
        return

    def value(self, value: object) -> object | None:
        """Raises RefusedValueError with the list's code."""
        spelling = _spelling(value)
        if spelling == "":
            return None
        found = self._table.get(spelling) if spelling is not None else None
        if found is None:
            raise RefusedValueError(self._code, self._words)
        return found


def _spelling(value: object) -> str | None:
    match value:
        case str():
            # NUL and \x01 are the bytes below, not text that a table should know.
            return None if value in ("\x00", "\x01") else value.strip().casefold()
        case bool():
            return "true" if value else "false"
        case int() | float() | Decimal() if value in range(10):
            return str(int(value))
        case bytes() | bytearray() | memoryview() if bytes(value) in (b"\x00", b"\x01"):
            return bytes(value).decode()
        case _:
            return None


def yes_no() -> ClosedList:
    """Type yes_no: "yes" or "no"."""
    table = dict.fromkeys(_YES, "yes") | dict.fromkeys(_NO, "no")
    return ClosedList(table, code="not_yes_no", words="the value is none of the known ways to say yes or no")


def boolean() -> ClosedList:
    """Type boolean: yes or no, since true and false are not among the receiver's types."""
    table = dict.fromkeys(_YES, "yes") | dict.fromkeys(_NO, "no")
    return ClosedList(table, code="not_a_boolean", words="the value is none of the known ways to say true or false")


def gender() -> ClosedList:
    """Type gender: M, F or U, from ISO 5218 (0 1 2 9) and English, Dutch, German and French."""
    table = {word.casefold() + dot: letter for letter, words in _GENDERS.items() for word in words for dot in ("", ".")}
    return ClosedList(table, code="unknown_gender", words="the value is none of the known ways to say M, F or U")


def currency() -> ClosedList:
    """Type currency: ISO 4217, upper case; a withdrawn one is right for the time in which it was valid."""
    table = {code.casefold(): code for code in (*CURRENCIES, *WITHDRAWN_CURRENCIES)}
    return ClosedList(table, code="unknown_currency", words="the value is not in ISO 4217")


def countries() -> dict[str, str]:
    """ISO 3166-1 alpha-2, by alpha-2 and alpha-3 in lower case, and `uk` and `el`."""
    table = dict(_RESERVED_COUNTRIES)
    for two, three in COUNTRIES.items():
        table[two.lower()] = table[three.lower()] = two
    return table


def country() -> ClosedList:
    """Type country: ISO 3166-1 alpha-2, upper case."""
    return ClosedList(countries(), code="unknown_country", words="the value is not in ISO 3166-1")

"""Replaces the values of a row by plausible stand-ins, so that the row can stand in a file as an example.

The rule: only values of a closed list stay: true and false, words of yes and no, moments, what the mapping itself
names, and what becomes a code of the receiver (currency, country, language, gender). The same value has the same
stand-in wherever it occurs, also inside other texts, and a stand-in keeps the form of the value (case, spaces at the
ends, number of digits), so that the row means to the mapping what it meant.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from itertools import cycle
from types import MappingProxyType

from etl.drafting.dictionary import FIELD_NAMES
from etl.drafting.names import rank
from etl.mapping.catalogue import EVENTS, FIELDS, PRODUCT_FIELDS
from etl.mapping.columns import rule_columns
from etl.mapping.hashed import HASHED
from etl.mapping.model import EventColumn
from etl.mapping.model import Mapping as MappingModel

Row = Mapping[str, object]
_EMAIL = re.compile(r"[^\s@<>()\[\]\"',;:]+@[^\s@<>()\[\]\"',;:]+")
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DAY_FIRST = re.compile(r"\d\d-\d\d-\d{4}", re.ASCII)
_ADDRESS = "eva@example.com"
_SHORTEST_INSIDE = 3
_CODES = frozenset({"currency", "country", "language", "gender", "yes_no", "boolean", "date", "datetime"})
_LONGEST_CODE = 40
_KEPT_DIGITS = 4
_OTHER_NAMES = MappingProxyType(
    {
        "fullname": ("fullname", "name", "naam", "volledigenaam", "displayname", "anzeigename", "contactname"),
        "street": ("street", "straat", "strasse", "address", "adres", "adresse", "addressline1", "streetname"),
        "note": ("note", "notes", "comment", "comments", "remarks", "opmerking", "opmerkingen", "bemerkung", "notitie"),
    }
)
_PERSONAL = ("email", "firstname", "lastname", "phone", "birthdate", "postcode", "city")
_WORDS = MappingProxyType(
    {
        "firstname": "Eva",
        "lastname": "Jansen",
        "fullname": "Eva Jansen",
        "city": "Utrecht",
        "street": "Dorpsstraat",
        "note": "a note",
    }
)
# Words for yes and no, or for one of two: they tell no person from another.
_HARMLESS_WORDS = """
0 1 -1 yes no y n ja nee j true false t f on off m v x u w male female unknown none null
"""
HARMLESS = frozenset(_HARMLESS_WORDS.split())
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?: ?(?:Z|[+-]\d\d:?\d\d))?)?", re.ASCII)
_WORD = re.compile(r"[^\W_]+")


def with_stand_ins(
    mapping: MappingModel, row: Row, children: Sequence[Row]
) -> tuple[dict[str, object], tuple[dict[str, object], ...]]:
    """`row` and its child rows with stand-ins. Values are None, bool, numbers, texts, and JSON's lists and dicts."""
    purposes = _purposes(mapping, row)
    replaced: dict[str, str] = {}
    given = dict(row)
    for name, purpose in purposes.items():
        value = given.get(name)
        if isinstance(value, str) and value.strip():
            given[name] = replaced.setdefault(value.strip(), _stand_in(purpose, value.strip())).join(_ends(value))
        elif isinstance(value, int) and not isinstance(value, bool) and purpose == "phone":
            given[name] = int(_other_digits(str(value)))
    words = _Words(replaced, _named_by(mapping))
    codes = _code_columns(mapping)
    for name, value in given.items():
        if name not in purposes and not _is_code(name, value, codes):
            given[name] = shaped(value, text=words)
    lines = tuple(
        {name: value if _is_code(name, value, codes) else shaped(value, text=words) for name, value in child.items()}
        for child in children
    )
    return given, lines


def kept(before: Row, after: Row) -> list[str]:
    """The columns whose value the example shows as it is in the database."""
    return [name for name, value in before.items() if value is not None and after.get(name) == value]


class _Words:
    """Replaces texts: first values with a stand-in from another column, then addresses, then the rest by its form."""

    def __init__(self, replaced: Mapping[str, str], named: frozenset[str]) -> None:
        longest_first = sorted((one for one in replaced if len(one) >= _SHORTEST_INSIDE), key=len, reverse=True)
        known = "|".join(rf"(?<!\w){re.escape(one)}(?!\w)" for one in longest_first)
        self._pattern = re.compile("|".join(part for part in (known, _EMAIL.pattern) if part), re.IGNORECASE)
        self._replaced = {original.lower(): stand_in for original, stand_in in replaced.items()}
        self._named = named

    def __call__(self, text: str) -> str:
        if text.strip() in self._named:
            return text
        pieces, done = [], 0
        for found in self._pattern.finditer(text):
            pieces += [shaped_text(text[done : found.start()]), self._replaced.get(found[0].lower(), _ADDRESS)]
            done = found.end()
        return "".join([*pieces, shaped_text(text[done:])])


def _named_by(mapping: MappingModel) -> frozenset[str]:
    """Values that the mapping names itself, so that they say nothing of a person; and the receiver's events."""
    rules = [*mapping.fields.values(), *(mapping.products.fields.values() if mapping.products else ())]
    return frozenset(str(name) for rule in rules for name in rule.map or {}) | frozenset(EVENTS)


def _code_columns(mapping: MappingModel) -> frozenset[str]:
    """The columns that become a code of a closed list, a moment, or the event's name."""
    found = list(mapping.event.columns) if isinstance(mapping.event, EventColumn) else []
    tables = [(mapping.fields, FIELDS)] + ([(mapping.products.fields, PRODUCT_FIELDS)] if mapping.products else [])
    for rules, known in tables:
        for name, rule in rules.items():
            kind = rule.type or (known[name].type if name in known else None)
            if kind in _CODES:
                found += rule_columns(rule)
    return frozenset(found)


def _is_code(name: str, value: object, codes: frozenset[str]) -> bool:
    # A longer text is no code, whatever the column was meant for.
    return name in codes and len(str(value)) <= _LONGEST_CODE


def _purposes(mapping: MappingModel, row: Row) -> dict[str, str]:
    """The personal columns of the row: those of personal fields, and those whose names say so."""
    found: dict[str, str] = {}
    for field, rule in mapping.fields.items():
        if field in _PERSONAL and rule.map is None:
            found.update((name, field) for name in rule_columns(rule) if rule.column is not None)
    for name in row:
        for purpose in (*_PERSONAL, *_OTHER_NAMES):
            if rank(name, _OTHER_NAMES.get(purpose) or FIELD_NAMES[purpose]) is not None:
                found.setdefault(name, purpose)
    return found


def _stand_in(purpose: str, text: str) -> str:  # noqa: PLR0911 - one return a purpose
    match purpose:
        case "email" if HASHED.fullmatch(text.lower()):
            return hashlib.sha256(_ADDRESS.encode()).hexdigest()
        case "email" if _EMAIL.fullmatch(text):
            return _ADDRESS if text == text.lower() else "Eva@Example.com"
        case "phone":
            return _other_digits(text)
        case "birthdate" if _DAY.search(text) or _DAY_FIRST.search(text):
            return _DAY_FIRST.sub("21-04-1980", _DAY.sub("1980-04-21", text))
        case "postcode":
            digits, letters = cycle("1234567890"), cycle("AB")
            return "".join(next(digits) if one.isdigit() else next(letters) if one.isalpha() else one for one in text)
        case "email" | "birthdate":
            return "".join("x" if one.isalnum() else one for one in text)
        case _:
            word = _WORDS[purpose]
            return word.upper() if text.isupper() else word.lower() if text.islower() else word


def _other_digits(text: str) -> str:
    """`text` with all digits but the first few replaced."""
    digits, seen, result = cycle("1234567890"), 0, ""
    for one in text:
        seen += one.isdigit()
        result += next(digits) if one.isdigit() and seen > _KEPT_DIGITS else one
    return result


def _ends(value: str) -> tuple[str, str]:
    left, right = len(value) - len(value.lstrip()), len(value.rstrip())
    return value[:left], value[right:]


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

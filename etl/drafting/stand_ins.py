"""Replaces what is personal in a row by plausible stand-ins, so that the row can stand in a file as an example.

The rule: the same value has the same stand-in wherever it occurs, also inside other texts, and a stand-in keeps the
form of the value (case, spaces at the ends, number of digits), so that the row means to the mapping what it meant.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from itertools import cycle
from types import MappingProxyType

from etl.drafting.names import FIELD_NAMES, rank
from etl.mapping.columns import rule_columns
from etl.mapping.model import Mapping as MappingModel

Row = Mapping[str, object]

_EMAIL = re.compile(r"[^\s@<>()\[\]\"',;:]+@[^\s@<>()\[\]\"',;:]+")
_HASH = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DAY_FIRST = re.compile(r"\d\d-\d\d-\d{4}", re.ASCII)
_ADDRESS = "eva@example.com"
_SHORTEST_INSIDE = 3
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
    inside = _inside(replaced)
    for name, value in given.items():
        if name not in purposes:
            given[name] = _cleared(value, inside)
    return given, tuple({name: _cleared(value, inside) for name, value in child.items()} for child in children)


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
        case "email" if _HASH.fullmatch(text):
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


def _inside(replaced: Mapping[str, str]) -> list[tuple[re.Pattern[str], str]]:
    longest_first = sorted(
        (one for one in replaced.items() if len(one[0]) >= _SHORTEST_INSIDE), key=lambda p: -len(p[0])
    )
    return [
        (re.compile(rf"(?<!\w){re.escape(original)}(?!\w)", re.IGNORECASE), stand_in)
        for original, stand_in in longest_first
    ]


def _cleared(value: object, inside: Sequence[tuple[re.Pattern[str], str]]) -> object:
    match value:
        case str():
            text = value
            for pattern, stand_in in inside:
                text = pattern.sub(lambda _, word=stand_in: word, text)  # type: ignore[misc]  # bound at once
            return _EMAIL.sub(_ADDRESS, text)
        case list():
            return [_cleared(one, inside) for one in value]
        case dict():
            return {name: _cleared(one, inside) for name, one in value.items()}
        case _:
            return value

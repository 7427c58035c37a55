"""Recognises by its values what a column holds.

The rule: whether values fit a type is decided by the transform's own rules, so a draft does not promise what a run
refuses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from etl.drafting.facts import SampledColumn
from etl.transform.plausible import groups_thousands
from etl.transform.problem import DoubtfulValueError, RefusedValueError
from etl.transform.rules import rule_for
from etl.transform.zone import LocalTime

# The share of values that must be alike to choose a field by the values alone.
CONVINCING = 0.95
# The share of values that must fit a field chosen by name; with fewer, the name means something else.
PLAUSIBLE = 0.5

_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)
_LANGUAGE = re.compile(r"[a-z]{2}([-_][A-Za-z]{2})?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d|\d\d-\d\d-\d{4}", re.ASCII)
_DATETIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d.*", re.ASCII)
# Hashes of passwords as PHP, Python and Unix write them, and what is nothing but hexadecimal digits.
_SECRET = re.compile(
    r"\$\w+\$.{8,}|\$P\$.{20,}|\$argon2.*|(pbkdf2|bcrypt|scrypt|argon2)\w*[$:].*|[0-9a-fA-F]{32,}(:.*)?"
)
_LETTERS = re.compile(r"[^\W\d_]+")
_TEXT_KINDS = frozenset({"text", None})
# Kinds that no value of a field's type has, whatever the column is called.
_WITHOUT_FORM = frozenset({"bytes", "other"})
_NOT_A_TEXT = _WITHOUT_FORM | {"json"}

_NUMBERS = frozenset({"integer", "number", "decimal"})
_TIMES = frozenset({"datetime", "datetime_tz"})
_KINDS_OF: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "yes_no": frozenset({"boolean", "integer"}),
        "date": _TIMES | {"date"},
        "datetime": _TIMES,
        "number": _NUMBERS,
        "phone": frozenset({"integer"}),
        "list": frozenset({"integer", "json"}),
    }
)


@dataclass(frozen=True, slots=True)
class Fit:
    """How many of the present sampled values a type takes, and what it makes of them."""

    taken: int
    present: int
    results: tuple[object, ...] = ()

    @property
    def share(self) -> float:
        """Of 1; 1 when there is no value to look at."""
        return self.taken / self.present if self.present else 1.0

    @property
    def whole(self) -> bool:
        """No value is refused."""
        return self.taken == self.present


def fit(column: SampledColumn, type_name: str) -> Fit:
    """How `column` fits the type `type_name` of the mapping language; blank texts count as missing."""
    present = [value for value in column.values if not (isinstance(value, str) and not value.strip())]
    if column.kind in (_NOT_A_TEXT if type_name == "text" else _WITHOUT_FORM):
        return Fit(0, len(present) or 1)
    if not present:
        return Fit(0, 0 if _may_hold(column.kind, type_name) else 1)
    rule = rule_for(
        type_name, kind=column.kind, zone=LocalTime("UTC"), decimal_separator="," if needs_comma(column) else "."
    )
    results: list[object] = []
    for value in present:
        try:
            results.append(rule.value(value))
        except DoubtfulValueError as doubt:
            results.append(doubt.taken)
        except (RefusedValueError, ValueError, TypeError, ArithmeticError, LookupError):
            continue
    return Fit(len(results), len(present), tuple(results))


def needs_comma(column: SampledColumn) -> bool:
    """Whether the column's texts are numbers as 1.234,50."""
    return column.kind in _TEXT_KINDS and groups_thousands(column.values)


def looks_like_countries(column: SampledColumn) -> bool:
    """Whether the column's texts are codes of countries in capitals, and mostly no languages."""
    present = [value.strip() for value in column.values if isinstance(value, str) and value.strip()]
    alike = sum(_COUNTRY.fullmatch(value) is not None for value in present)
    found = fit(column, "country").share >= CONVINCING and fit(column, "language").share < CONVINCING
    return bool(present) and alike >= CONVINCING * len(present) and found


def look_of(column: SampledColumn) -> str | None:
    """The type that the values alone speak for; None when they are nothing special, or too few to say."""
    present = [value.strip() for value in column.values if isinstance(value, str) and value.strip()]
    if column.kind not in _TEXT_KINDS or not present or len(present) < len(column.values) / 2:
        return None
    for type_name, pattern in (
        ("email", re.compile(r"[^@\s]+@[^@\s]+")),
        ("currency", _CURRENCY),
        ("country", _COUNTRY),
        ("language", _LANGUAGE),
        ("date", _DATE),
        ("datetime", _DATETIME),
    ):
        alike = sum(pattern.fullmatch(value) is not None for value in present) / len(present)
        if alike >= CONVINCING and fit(column, type_name).share >= CONVINCING:
            return type_name
    return "yes_no" if _says_yes_or_no(column, present) else None


def looks_like_secrets(column: SampledColumn) -> bool:
    """Whether the values are hashes of passwords or random keys: long, of hexadecimal digits, or marked as a hash."""
    texts = [one for one in column.values if isinstance(one, str) and one.strip()]
    alike = sum(_SECRET.fullmatch(one) is not None for one in texts)
    return bool(texts) and alike >= CONVINCING * len(texts)


def _says_yes_or_no(column: SampledColumn, present: list[str]) -> bool:
    spellings = {value.casefold() for value in present}
    worded = all(_LETTERS.fullmatch(one) for one in spellings)
    return worded and len(spellings) >= 2 and fit(column, "yes_no").whole


def _may_hold(kind: str | None, type_name: str) -> bool:
    return kind in _TEXT_KINDS or type_name == "text" or kind in _KINDS_OF.get(type_name, ())

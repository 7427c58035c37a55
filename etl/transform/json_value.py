"""Lists and JSON: values with values inside, checked to the last leaf.

The rule: what goes out is what the column holds, and every leaf keeps the rules of single values: texts clean, numbers
exact and finite. Numbers with a fraction in JSON text become decimals, so that no digit is lost. A null inside a list
or an object of `type: json` stays; missing elements of a list are dropped.
"""

from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal
from typing import NoReturn
from uuid import UUID

from etl.transform.cells import Cells
from etl.transform.moment import DatetimeRule, settled_datetime
from etl.transform.number import finite, parse_number
from etl.transform.problem import BrokenJson, RefusedValueError, unsupported
from etl.transform.text import clean_text, unbroken

_DEEPEST = 32


def parse_json(text: str) -> object:
    """What the JSON text holds; numbers exact. Raises RefusedValueError (not_json, and as `checked`)."""
    try:
        found = json.loads(text, parse_float=parse_number, parse_int=parse_number, parse_constant=_no_constant)
    except RefusedValueError as refused:
        raise RefusedValueError(
            "not_json", f"the JSON text holds a number that cannot be sent: {refused.words}"
        ) from None
    except (ValueError, RecursionError):
        raise RefusedValueError("not_json", "the text is not JSON") from None
    return checked(found)


def checked(value: object, *, depth: int = 0) -> object:
    """`value` as a JSON value whose leaves can all be sent. Raises RefusedValueError."""
    if depth > _DEEPEST:
        raise RefusedValueError("not_json", f"the value is nested deeper than {_DEEPEST} levels")
    match value:
        case None | bool():
            return value
        case str():
            return unbroken(str(value))
        case int() | float() | Decimal():
            return finite(value)
        case list() | tuple():
            return [checked(one, depth=depth + 1) for one in value]
        case dict():
            return {_key(name): checked(one, depth=depth + 1) for name, one in value.items()}
        case _:
            raise unsupported(value)


def _key(name: object) -> str:
    if isinstance(name, str):
        return unbroken(str(name))
    raise RefusedValueError("not_json", f"an object's key of type {type(name).__name__} is not a text")


def _no_constant(_: str) -> NoReturn:
    raise RefusedValueError("not_finite", "it is not finite")


def _list_in(text: str) -> object:
    if text.lstrip().startswith("["):
        try:
            return parse_json(text)
        except RefusedValueError:
            raise RefusedValueError("not_a_list", "the text is not a JSON array") from None
    if any(separator in text for separator in ",;|"):
        raise RefusedValueError("not_a_list", "the text holds several values; use the step split")
    return [text]


class JsonRule:
    """Type json: JSON text, or what a column of `kind` json holds (`Frame` has read its text already)."""

    repeats = False

    def __init__(self, kind: str | None) -> None:
        self._is_read = kind == "json"

    def ordinary(self, cells: Cells) -> None:  # noqa: ARG002  # the protocol's signature
        """Each value is looked into."""
        return

    def value(self, value: object) -> object:
        """Raises RefusedValueError (not_json, and as `checked`)."""
        if isinstance(value, BrokenJson):
            raise value.refused
        if isinstance(value, str) and not self._is_read:
            return parse_json(value) if value.strip() else None
        return checked(value)


class ListRule:
    """Type list: a list of scalars, from an array column, a JSON array or `split`; a single scalar is a list of one.

    A text that contains `,`, `;` or `|` is a problem instead, because it probably holds several values: use `split`.
    """

    repeats = False

    def __init__(self, moments: DatetimeRule, *, kind: str | None = None) -> None:
        self._moments = moments
        # MySQL's SET, whose members have no comma.
        self._separator = "," if kind == "list" else None

    def ordinary(self, cells: Cells) -> None:  # noqa: ARG002  # the protocol's signature
        """Each value is looked into."""
        return

    def value(self, value: object) -> object:
        """Raises RefusedValueError (not_a_list, and as the elements' types)."""
        if isinstance(value, str):
            if not value.strip():
                return None
            value = _list_in(value) if self._separator is None else value.split(self._separator)
        if not isinstance(value, list | tuple):
            value = [value]
        elements = [self._element(one) for one in value if one is not None]
        return [one for one in elements if one != ""] or None

    def _element(self, value: object) -> object:
        match value:
            case datetime():
                return settled_datetime(self._moments, value)
            case date():
                return value.isoformat()
            case UUID():
                return str(value)
            case bool():
                return "yes" if value else "no"
            case str():
                return clean_text(str(value))
            case int() | float() | Decimal():
                return finite(value)
            case list() | tuple() | dict():
                raise RefusedValueError("not_a_list", "the list holds a list or an object")
            case _:
                raise unsupported(value)

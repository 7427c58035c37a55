"""The single values of a mapping file: how each is read, and what the JSON Schema says of it.

Every parser takes what the YAML gave (or a text, where a variable gave it) and raises ValueError with words for people.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from etl.mapping import quantities
from etl.mapping.nearest import did_you_mean

VARIABLE = {"type": "string", "pattern": r"\$\{.+\}", "description": "a variable, such as ${NAME}"}


@dataclass(frozen=True)
class Leaf:
    """Tells pydantic how a single value is read, and what its JSON Schema is. Stands inside `Annotated`."""

    parse: Callable[[object], object]
    schema: dict[str, Any]

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The parser alone decides: its result already has the annotated type."""
        return core_schema.no_info_plain_validator_function(self.parse)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """A fresh copy, because pydantic adds titles and descriptions to it."""
        return dict(self.schema)


_INTEGER = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d{1,15}(\.\d{1,15})?", re.ASCII)
_LONGEST_NAME = 255
_LARGEST_SPAN = 10**18


def kind_of(value: object) -> str:
    """What a YAML value is, in the words of messages."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true/false"
        case int() | float() | Decimal():
            return "a number"
        case str():
            return "a text"
        case list() | tuple():
            return "a list"
        case _:
            return "a section"


def parse_text(value: object) -> str:
    """A text that is not blank."""
    if not isinstance(value, str):
        quotes = "; put quotes around it" if isinstance(value, bool | int | float | Decimal) else ""
        raise ValueError(f"expected a text, got {kind_of(value)}{quotes}")
    if not value.strip():
        raise ValueError("is empty; give it a value, or leave the key out")
    return value


def parse_name(value: object) -> str:
    """A name of a column or table: text without control characters."""
    name = parse_text(value)
    if len(name) > _LONGEST_NAME or not name.isprintable():
        raise ValueError(f"is not a name: at most {_LONGEST_NAME} characters, none of them a control character")
    return name


def parse_names_or_none(value: object) -> tuple[str, ...]:
    """One name, or a list of different names, or an empty list."""
    return () if value in ([], ()) else parse_names(value)


def parse_names(value: object) -> tuple[str, ...]:
    """One name, or a list of different names."""
    if isinstance(value, str):
        return (parse_name(value),)
    if not isinstance(value, list | tuple) or not value:
        raise ValueError(f"expected a name or a list of names, got {kind_of(value) if value else 'an empty list'}")
    names = tuple(parse_name(one) for one in value)
    if twice := [name for at, name in enumerate(names) if name in names[:at]]:
        raise ValueError(f'"{twice[0]}" is there twice')
    return names


def parse_columns(value: object) -> str | tuple[str, ...]:
    """A column's name, or several in the order of preference."""
    names = parse_names(value)
    return names[0] if len(names) == 1 else names


def columns_of(column: str | tuple[str, ...] | None) -> tuple[str, ...]:
    """What `parse_columns` gave, as names; () for None."""
    if column is None:
        return ()
    return (column,) if isinstance(column, str) else column


def choice(*words: str) -> Leaf:
    """One of a few words."""

    def parse(value: object) -> str:
        if isinstance(value, str) and value in words:
            return value
        shown = f', not "{value}"{_nearest(value, words)}' if isinstance(value, str) else f", got {kind_of(value)}"
        raise ValueError(f"expected {_either(words)}{shown}")

    return Leaf(parse, {"type": "string", "enum": list(words)})


def integer(lowest: int, highest: int) -> Leaf:
    """A whole number within bounds; digits as text where a variable gave them."""

    def parse(value: object) -> int:
        number = int(value) if isinstance(value, str) and _INTEGER.fullmatch(value) else value
        if isinstance(number, bool) or not isinstance(number, int):
            raise ValueError(f"expected a whole number from {lowest} to {highest}, got {_got(value)}")
        if not lowest <= number <= highest:
            raise ValueError(f"expected a whole number from {lowest} to {highest}")
        return number

    schema = {"type": "integer", "minimum": lowest, "maximum": highest}
    return Leaf(parse, {"anyOf": [schema, VARIABLE]})


def positive_number(highest: float) -> Leaf:
    """A number above 0, at most `highest`."""

    def parse(value: object) -> float:
        number = float(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else value
        if isinstance(number, bool) or not isinstance(number, int | float | Decimal):
            raise ValueError(f"expected a number above 0, at most {highest:g}, got {_got(value)}")
        if not (0 < number <= highest):
            raise ValueError(f"expected a number above 0, at most {highest:g}")
        return float(number)

    schema = {"type": "number", "exclusiveMinimum": 0, "maximum": highest}
    return Leaf(parse, {"anyOf": [schema, VARIABLE]})


def parse_flag(value: object) -> bool:
    """One of the words true and false."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in ("true", "false"):
        return value == "true"
    yes_no = "; yes, no, on and off are texts" if isinstance(value, str) else f", got {kind_of(value)}"
    raise ValueError(f"expected true or false{yes_no}")


def duration(lowest: str, highest: str) -> Leaf:
    """A duration within bounds, both written as a mapping would."""
    low, high = quantities.parse_duration(lowest), quantities.parse_duration(highest)

    def parse(value: object) -> timedelta:
        span = quantities.parse_duration(value)
        if not low <= span <= high:
            raise ValueError(f"expected a duration from {lowest} to {highest}")
        return span

    schema = {"type": "string", "pattern": quantities.DURATION_PATTERN}
    return Leaf(parse, {"anyOf": [schema, VARIABLE]})


def parse_span(value: object) -> timedelta | int:
    """A duration, or a whole number in units of an integer cursor."""
    if isinstance(value, int) and not isinstance(value, bool):
        if not 0 <= value <= _LARGEST_SPAN:
            raise ValueError("must not be negative, nor above 10^18")
        return value
    if isinstance(value, str) and re.fullmatch(r"\d{1,18}", value, re.ASCII):
        return int(value)
    try:
        return quantities.parse_duration(value)
    except ValueError as error:
        if str(error).startswith("expected a duration, such"):
            raise ValueError(
                "expected a duration, such as 60s or 1h, or a whole number in units of an integer cursor"
            ) from None
        raise


def size(lowest: int, highest: str) -> Leaf:
    """A size in bytes within bounds."""
    high = quantities.parse_size(highest)

    def parse(value: object) -> int:
        if isinstance(value, str) and _INTEGER.fullmatch(value):
            value = int(value)
        number = quantities.parse_size(value)
        if not lowest <= number <= high:
            raise ValueError(f"expected a size from {lowest}B to {highest}")
        return number

    schemas = [
        {"type": "integer", "minimum": lowest, "maximum": high},
        {"type": "string", "pattern": quantities.SIZE_PATTERN},
        VARIABLE,
    ]
    return Leaf(parse, {"anyOf": schemas})


def parse_constant(value: object) -> Any:  # noqa: ANN401  # any JSON value but null
    """A value for an event: text, number, true/false, or a list of these. Never null: a missing value is left out."""
    if isinstance(value, list):
        if any(isinstance(one, list | dict) or one is None for one in value):
            raise ValueError("a list may hold texts, numbers and true/false only")
        return [parse_constant(one) for one in value]
    if value is None:
        raise ValueError("is empty; a missing value leaves the field out of the event, so leave the key out")
    if isinstance(value, dict):
        raise ValueError("expected a text, a number, true/false or a list, got a section")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("expected a finite number; JSON carries neither NaN nor infinity")
    return value


def optional(kind: Leaf) -> Leaf:
    """As `kind`, but None stays None; in a file an empty key is a problem that `etl.mapping.checks` reports."""
    return Leaf(lambda value: None if value is None else kind.parse(value), kind.schema)


def leaf(kind: Callable[[object], object], *schemas: dict[str, Any]) -> Leaf:
    """A parser with the JSON Schemas of its forms."""
    schema = schemas[0] if len(schemas) == 1 else {"anyOf": list(schemas)}
    return Leaf(kind, schema)


def _got(value: object) -> str:
    return "a fraction" if isinstance(value, float | Decimal) else kind_of(value)


def _either(words: Iterable[str]) -> str:
    listed = list(words)
    return f"{', '.join(listed[:-1])} or {listed[-1]}" if len(listed) > 1 else listed[0]


def _nearest(value: str, words: tuple[str, ...]) -> str:
    tail = did_you_mean(value, words)
    return tail if "did you mean" in tail else ""

"""A value as a terminal and as JSON can show it."""

from __future__ import annotations

import math
from datetime import date, datetime
from decimal import Decimal

from etl.event.encode import encode_event
from etl.exact import printable


def readable(value: object) -> object:  # noqa: PLR0911 - one return a type
    """A source value as JSON can show it: exact numbers stay, everything else becomes its text."""
    match value:
        case float() | Decimal() if not math.isfinite(value):
            return {"Infinity": "Infinity", "-Infinity": "-Infinity"}.get(str(Decimal(value)), "NaN")
        case None | bool() | int() | float() | Decimal():
            return value
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case datetime() | date():
            return value.isoformat()
        case dict():
            return {str(name): readable(inner) for name, inner in value.items()}
        case list() | tuple():
            return [readable(inner) for inner in value]
        case bytes() | bytearray() | memoryview():
            return f"0x{bytes(value).hex()}"
        case _:
            return str(value)


def cell(value: object) -> str:
    """A value on a terminal, with control and bidirectional characters escaped."""
    match value:
        case None:
            return "NULL"
        case str():
            return printable(value)
        case dict() | list():
            return printable(encode_event(readable(value)).decode())
        case bytes() | bytearray() | memoryview():
            return f"0x{bytes(value).hex()}"
        case float() | Decimal() if math.isfinite(value):
            # As in the request.
            return encode_event(value).decode()
        case _:
            return printable(str(value))

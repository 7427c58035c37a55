"""Parses a primary key that a person typed into the values of its columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from uuid import UUID

from etl.errors import UsageProblem
from etl.page import Column, Key, Scalar
from etl.secret import shown_value

_PERHAPS_BYTES = frozenset({"text", None})


def parse_key(text: str, columns: Sequence[Column]) -> list[Key]:
    """The readings of `text` as a key of `columns`, the likeliest first.

    `text` is the value alone for one column, `a=1,b=2` (any order) for several or for one.

    Raises:
        UsageProblem: a column is missing or unknown, or a value does not fit it.
    """
    names = [column.name for column in columns]
    alone = len(columns) == 1 and not text.startswith(f"{names[0]}=")
    parts = {names[0]: text} if alone else _parts(text, names)
    if set(parts) != set(names):
        example = ",".join(f"{name}=…" for name in names)
        raise UsageProblem(
            f"{shown_value(text)} is not a key of this mapping",
            hint=f"write {example}",
            to_keep="what was given is not a key of this mapping",
        )
    first = tuple(_scalar(parts[column.name], column) for column in columns)
    raw = tuple(_perhaps_bytes(parts[one.name], value, one) for value, one in zip(first, columns, strict=True))
    return [first] if raw == first else [first, raw]


def _parts(text: str, names: Sequence[str]) -> dict[str, str]:
    # A comma is part of a value unless `column=` of a key column follows it.
    pattern = ",(?=(?:" + "|".join(re.escape(name) for name in names) + ")=)"
    pairs = [part.partition("=") for part in re.split(pattern, text)]
    return {name.strip(): value for name, _, value in pairs}


def _scalar(text: str, column: Column) -> Scalar:
    parsers: dict[str | None, Callable[[str], Scalar]] = {
        "integer": int,
        "decimal": Decimal,
        "uuid": UUID,
        "bytes": _bytes,
        "date": date.fromisoformat,
        "datetime": datetime.fromisoformat,
        "datetime_tz": datetime.fromisoformat,
        None: _undeclared,
    }
    try:
        return parsers.get(column.kind, str)(text)
    except (ValueError, InvalidOperation):
        column_words = f"is no value of the key column {column.name} ({column.kind})"
        raise UsageProblem(f"{shown_value(text)} {column_words}", to_keep=f"what was given {column_words}") from None


def _bytes(text: str) -> bytes:
    """Hexadecimal digits, with 0x in front as messages write them or without; or a UUID with its dashes."""
    digits = text.removeprefix("0x").removeprefix("0X")
    return UUID(text).bytes if "-" in text else bytes.fromhex(digits)


def _perhaps_bytes(text: str, value: Scalar, column: Column) -> Scalar:
    """`value`, or bytes if the text looks like them: in a query a binary column may be declared as a text."""
    try:
        return _bytes(text) if column.kind in _PERHAPS_BYTES and text else value
    except ValueError:
        return value


def _undeclared(text: str) -> Scalar:
    # Digits are most likely meant as a number.
    return int(text) if re.fullmatch(r"-?(0|[1-9]\d{0,18})", text, re.ASCII) else text

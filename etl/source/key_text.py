"""A primary key as a person types it, made into the values of its columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from uuid import UUID

from etl.errors import UsageProblem
from etl.page import Column, Key, Scalar


def parse_key(text: str, columns: Sequence[Column]) -> Key:
    """`text` as a key of `columns`: the value alone for one column, `a=1,b=2` (any order) for several or for one.

    Raises:
        UsageProblem: a column is missing or unknown, or a value does not fit it.
    """
    names = [column.name for column in columns]
    if len(columns) == 1 and not text.startswith(f"{names[0]}="):
        return (_scalar(text, columns[0]),)
    parts = _parts(text, names)
    if set(parts) != set(names):
        example = ",".join(f"{name}=…" for name in names)
        raise UsageProblem(f'"{text[:80]}" is not a key of this mapping', hint=f"write {example}")
    return tuple(_scalar(parts[column.name], column) for column in columns)


def _parts(text: str, names: Sequence[str]) -> dict[str, str]:
    # A comma belongs to a value unless one of the key's columns follows it.
    pattern = ",(?=(?:" + "|".join(re.escape(name) for name in names) + ")=)"
    pairs = [part.partition("=") for part in re.split(pattern, text)]
    return {name.strip(): value for name, _, value in pairs}


def _scalar(text: str, column: Column) -> Scalar:
    parsers: dict[str | None, Callable[[str], Scalar]] = {
        "integer": int,
        "decimal": Decimal,
        "uuid": UUID,
        "date": date.fromisoformat,
        "datetime": datetime.fromisoformat,
        "datetime_tz": datetime.fromisoformat,
        None: _undeclared,
    }
    try:
        return parsers.get(column.kind, str)(text)
    except (ValueError, InvalidOperation):
        raise UsageProblem(f'"{text[:40]}" is no value of the key column {column.name} ({column.kind})') from None


def _undeclared(text: str) -> Scalar:
    # Digits are most likely a number.
    return int(text) if re.fullmatch(r"-?(0|[1-9]\d{0,18})", text, re.ASCII) else text

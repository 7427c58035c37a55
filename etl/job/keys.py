"""Keys as people write them: `4711`, or `order_id=12,line_no=3`.

The rule: the key's type comes from the column, so that "007" stays text where the column is text.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from uuid import UUID

from etl.errors import UsageProblem
from etl.page import Column, Key, Scalar


def parse_key(text: str, *, primary_key: Sequence[str], columns: Sequence[Column]) -> Key:
    """The key that `text` names. Raises `UsageProblem` when it is not one of this mapping's."""
    kinds = {column.name: column.kind for column in columns}
    if len(primary_key) == 1:
        only = primary_key[0]
        return (_parse_part(text.removeprefix(f"{only}="), only, kinds.get(only)),)
    parts = dict(part.partition("=")[::2] for part in text.split(","))
    if set(parts) != set(primary_key):
        example = ",".join(f"{name}=…" for name in primary_key)
        raise UsageProblem("the key does not name every column of the primary key", hint=f"write it as {example}")
    return tuple(_parse_part(parts[name], name, kinds.get(name)) for name in primary_key)


def _parse_part(text: str, name: str, kind: str | None) -> Scalar:  # noqa: PLR0911 - one return a type
    try:
        match kind:
            case "integer":
                return int(text)
            case "decimal":
                return Decimal(text)
            case "uuid":
                return UUID(text)
            case "date":
                return date.fromisoformat(text)
            case "datetime" | "datetime_tz":
                return datetime.fromisoformat(text)
            case None:
                return int(text) if text.lstrip("-").isdigit() and text.isascii() else text
            case _:
                return text
    except (ValueError, InvalidOperation):
        raise UsageProblem(f"the key's column {name} holds {kind} values; this is not one") from None

"""`map`: a table from values to what is sent.

The rule: a value has one text by which the table names it, whatever the database keeps it in; and what the table names
passes, whether the field's type knows it or not.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

from etl.transform.apply import Rule
from etl.transform.cells import Cells
from etl.transform.problem import DoubtfulValueError, RefusedValueError


def value_text(value: object) -> str | None:
    """A scalar as the keys of `map` write it; None for what no key can name."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | date():
            return str(value)
        case float() | Decimal():
            exact = Decimal(repr(value)) if isinstance(value, float) else value
            if not exact.is_finite() or abs(exact.adjusted()) > 100:
                return None
            text = format(exact or exact.copy_abs(), "f")
            return text.rstrip("0").rstrip(".") if "." in text else text
        case _:
            return None


class MapRule:
    """`map`: a table from a value as text to what is sent.

    A text is looked up as it is, then without white space at its ends; true and false also as 1 and 0, and the other
    way round where `kind` is "boolean". A value that is not in the table goes on when `understood` takes it as it is
    (the table then holds the exceptions: `{EURO: EUR}`); without `understood`, or when it refuses, it is a problem
    (not_in_map). The key `else` catches every value that is not in the table. None as a target leaves the field out.
    A list, as `split` makes it, is looked up element by element; an element whose target is None leaves the list.
    """

    repeats = True

    def __init__(self, table: dict[str, object], *, kind: str | None, understood: Rule | None) -> None:
        self._table = {{"True": "true", "False": "false"}.get(key, key): one for key, one in table.items()}
        self._kind = kind
        self._understood = understood

    def ordinary(self, cells: Cells) -> None:  # noqa: ARG002  # the protocol's signature
        """Columns of few distinct values are settled by value."""
        return

    def value(self, value: object) -> object:
        """Raises RefusedValueError (not_in_map)."""
        if isinstance(value, list):
            return [found for one in value if (found := self._of_one(one)) is not None] or None
        return self._of_one(value)

    def _of_one(self, value: object) -> object:
        for key in self._keys(value):
            if key in self._table:
                return self._table[key]
        if "else" in self._table:
            return self._table["else"]
        if self._understood is not None:
            try:
                self._understood.value(value)
            except (RefusedValueError, DoubtfulValueError):
                pass
            else:
                return value
        raise RefusedValueError("not_in_map", "the value is not in the field's map")

    def _keys(self, value: object) -> list[str]:
        text = value_text(value)
        if text is None:
            return []
        if isinstance(value, str):
            return [one for one in (text, text.strip()) if one != "else"]
        other = {"true": "1", "false": "0"}
        if isinstance(value, bool):
            return [text, other[text]]
        if self._kind == "boolean":
            return [text, {"1": "true", "0": "false"}.get(text, text)]
        return [text]


class NamedValues:
    """A type's rule that also takes what a `map` names though the type would not: `{KOSOVO: XKX}`."""

    def __init__(self, rule: Rule, named: Iterable[object]) -> None:
        self._rule = rule
        self.repeats = rule.repeats
        self._passing = [one for one in named if one is not None and not _takes(rule, one)]

    def ordinary(self, cells: Cells) -> tuple[list[Any], Iterable[int]] | None:
        """As the type's rule, unless the table names something that the type would not take."""
        return None if self._passing else self._rule.ordinary(cells)

    def value(self, value: object) -> object | None:
        """Raises as the type's rule."""
        return value if value in self._passing else self._rule.value(value)


def _takes(rule: Rule, value: object) -> bool:
    try:
        rule.value(value)
    except DoubtfulValueError:
        return True
    except (RefusedValueError, ValueError, TypeError, ArithmeticError, LookupError):
        return False
    return True

"""A column of a page: a pandas Series of dtype object with the driver's values, missing ones as None.

The rule: its dtype is never inferred (pandas would turn an integer beside a None into a float, and a Decimal into
nothing good), and what is known of it - its values as a list, their types - is found out once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

_NONE = type(None)


class Cells:
    """A column. `items`: its values; `kinds`: their types, None's apart; `has_missing`: whether some are None."""

    __slots__ = ("has_missing", "items", "kinds", "series")

    def __init__(self, items: list[Any], kinds: Iterable[type] | None = None) -> None:
        self.items = items
        self.series: pd.Series[Any] = pd.Series(items, dtype=object)
        found = set(map(type, items) if kinds is None else kinds)
        self.has_missing = _NONE in found
        self.kinds: set[type] = found - {_NONE}

    def present(self) -> list[Any]:
        """The values that are not None."""
        return [item for item in self.items if item is not None] if self.has_missing else self.items

    def repeated(self, length: int) -> Cells:
        """The only value, `length` times."""
        return Cells(self.items * length)

"""A column of a page: a pandas Series of dtype object with the driver's values, missing ones as None.

The rule: its dtype is never inferred (pandas would turn an integer beside a None into a float, and damage a Decimal).
Its list of values and their types are computed once; the Series only when an operation asks for it, because that costs
as much as finding the types.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import repeat
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_NONE = type(None)


class Cells:
    """A column. `items`: its values; `kinds`: their types, None's apart; `has_missing`: whether some are None."""

    __slots__ = ("_series", "has_missing", "items", "kinds")

    def __init__(self, items: list[Any], kinds: Iterable[type] | None = None) -> None:
        self.items = items
        self._series: pd.Series[Any] | None = None
        found = set(map(type, items) if kinds is None else kinds)
        self.has_missing = _NONE in found
        self.kinds: set[type] = found - {_NONE}

    @property
    def series(self) -> pd.Series[Any]:
        """The values as a Series of dtype object."""
        if self._series is None:
            import pandas as pd

            self._series = pd.Series(self.items, dtype=object)
        return self._series

    def present(self) -> list[Any]:
        """The values that are not None."""
        return [item for item in self.items if item is not None] if self.has_missing else self.items

    def repeated(self, length: int) -> Cells:
        """The only value, `length` times."""
        return Cells(self.items * length)


# White space as str.strip() knows it, and what has no width: copying from web pages leaves it behind.
INVISIBLE = (
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\u00ad\u180e\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
)


def show_something(texts: Iterable[str]) -> bool:
    """Whether none of `texts` is blank, in half the time of calling `is_blank` for each."""
    return all(map(str.strip, texts, repeat(INVISIBLE)))


def is_blank(value: object) -> bool:
    """Whether `value` is a text that shows nothing: empty, or white space and invisible characters only."""
    return isinstance(value, str) and not value.strip(INVISIBLE)


def as_they_are(texts: Cells, ordinary: re.Pattern[str]) -> tuple[list[Any], Iterable[int]]:
    """The column unchanged, and the rows whose text `ordinary` does not match, which are converted one by one."""
    matches = ordinary.fullmatch
    if all(map(matches, texts.present())):
        return texts.items, ()
    odd = [row for row, text in enumerate(texts.items) if text is not None and not matches(text)]
    return list(texts.items), odd

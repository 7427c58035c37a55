"""Birthdates that no living person can have: the defaults of shop systems (0001-01-01, 1900-01-01), and the future.

The rule: such a date would bring a birthday mail to the wrong people, so it is a problem of the field
(implausible_date), never sent.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from etl.transform.apply import Rule
from etl.transform.cells import Cells
from etl.transform.problem import RefusedValueError

OLDEST = "1901-01-01"


class Birthdates:
    """The rule of type date (`dates`), and no day before 1901 or after `today`; None: the future is not known."""

    repeats = False

    def __init__(self, dates: Rule, *, today: date | None) -> None:
        self._dates = dates
        # One day more, because the next day has already begun in other zones.
        self._newest = "9999-12-31" if today is None else (today + timedelta(days=1)).isoformat()

    def ordinary(self, cells: Cells) -> tuple[list[Any], Iterable[int]] | None:
        """Columns of dates, the implausible ones left to `value`."""
        found = self._dates.ordinary(cells)
        if found is None:
            return None
        results, odd = found
        texts = list(filter(None, results))
        if not texts or (self._plausible(min(texts)) and self._plausible(max(texts))):
            return found
        strange = [row for row, text in enumerate(results) if text is not None and not self._plausible(text)]
        return list(results), [*odd, *strange]

    def value(self, value: object) -> object | None:
        """Raises RefusedValueError (implausible_date, and as the rule of dates)."""
        text = self._dates.value(value)
        if text is None or self._plausible(text):
            return text
        raise RefusedValueError(
            "implausible_date", "no living person was born on this day: before 1901, or in the future"
        )

    def _plausible(self, text: Any) -> bool:  # noqa: ANN401  # a date as YYYY-MM-DD
        return bool(OLDEST <= text <= self._newest)

"""Runs a mapping's own steps: Python functions over a column.

The rule: such a function can fail its rows, never the run. A value that makes it fail is step_failed; a result that is
no column of the same rows is step_failed for each row. What it prints goes to stderr, because stdout holds results; its
warnings are dropped, because those of pandas may quote values. A row's value must not depend on its neighbours: pandas
turns whole numbers beside a missing one into floats, which are turned back.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

from etl.transform.cells import Cells
from etl.transform.frame import without_missing
from etl.transform.problem import Findings, RefusedValueError

if TYPE_CHECKING:
    import pandas as pd

OwnStep = Callable[["pd.Series[Any]"], "pd.Series[Any]"]
OwnSteps = Mapping[str, OwnStep]

# From here on floats cannot hold every whole number.
_FLOATS_LOSE_DIGITS = 2**53


class OwnStepRule:
    """The step `name`. The function sees the values that are present, None for none of them, and keeps their index."""

    repeats = False

    def __init__(self, name: str, function: OwnStep) -> None:
        self._name = name
        self._function = function

    def column(self, cells: Cells, findings: Findings) -> Cells:
        """The function's result for the column; if it fails, row by row, so that a bad value costs only its row."""
        try:
            return self._asked(cells)
        except (Exception, SystemExit):  # noqa: BLE001 - anything may be raised by a function that people wrote
            results: list[Any] = []
            for row, value in enumerate(cells.items):
                try:
                    results.append(self._asked(Cells([value])).items[0])
                except (Exception, SystemExit) as broken:  # noqa: BLE001 - as above
                    results.append(None)
                    if value is not None:
                        findings.faults[row] = self._refusal(broken)
            return Cells(results)

    def ordinary(self, cells: Cells) -> None:  # noqa: ARG002  # the protocol's signature
        """Settled by `column`."""
        return

    def value(self, value: object) -> object | None:
        """The function's result for a column of this value alone. Raises RefusedValueError (step_failed)."""
        try:
            found: object = self._asked(Cells([value])).items[0]
        except (Exception, SystemExit) as broken:  # noqa: BLE001 - as above
            raise RefusedValueError(*self._refusal(broken)) from None
        return found

    def _asked(self, cells: Cells) -> Cells:
        import pandas as pd

        given = pd.Series(list(cells.items), dtype=object)
        with redirect_stdout(sys.stderr), warnings.catch_warnings(action="ignore"):
            answer = self._function(given)
        if not isinstance(answer, pd.Series) or not answer.index.equals(pd.RangeIndex(len(cells.items))):
            raise TypeError("the answer is not a Series of the same length and index")
        found = [_plain(value) for value in answer.tolist()]
        if answer.dtype.kind == "f" and len(found) > 1 and any(abs(one) >= _FLOATS_LOSE_DIGITS for one in found):
            raise ArithmeticError("asked alone, a row keeps the digits that pandas' floats lose")
        return without_missing([_whole(value) if isinstance(value, float) else value for value in found])

    def _refusal(self, broken: BaseException) -> tuple[str, str]:
        # The type only: the text may quote a value of the row.
        words = str(broken) if isinstance(broken, TypeError) and "same length and index" in str(broken) else ""
        return "step_failed", f"the step {self._name} failed: {words or type(broken).__name__}"


def _whole(value: float) -> int | float:
    return int(value) if value.is_integer() and abs(value) < _FLOATS_LOSE_DIGITS else value


def _plain(value: Any) -> Any:  # noqa: ANN401  # any value of a Series
    # pandas' own times and numpy's numbers, as the standard library writes them.
    if hasattr(value, "to_pydatetime"):
        return value.to_pydatetime()
    return value.item() if hasattr(value, "dtype") and hasattr(value, "item") else value

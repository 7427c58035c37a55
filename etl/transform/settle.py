"""Runs a rule over a column: ordinary values all at once, odd ones one by one.

The rule: both ways give the same result, and a value that breaks a rule costs its own row only (B23).

A column is a pandas Series of dtype object holding the driver's values, missing ones as None. Its dtype is never
inferred: pandas would turn an integer beside a None into a float and a Decimal into nothing good.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import numpy as np
import pandas as pd

from etl.transform.problem import DoubtfulValueError, Findings, RefusedValueError

# Types whose equal values are the same value within the type; Decimal('1.0') == Decimal('1') is not.
_TELLING = frozenset({str, int, bool, bytes})


class Rule(Protocol):
    """What becomes of a value."""

    @property
    def repeats(self) -> bool:
        """Whether columns usually hold few distinct values, so that each is looked at once."""

    def ordinary(self, values: list[Any], kinds: set[type]) -> tuple[list[Any], Iterable[int]] | None:
        """The results for a column of these types (besides None), and the rows left to `value`; None = all are left."""

    def value(self, value: object) -> object | None:
        """The result for one value that is not None; None = missing.

        Raises RefusedValueError and DoubtfulValueError.
        """


def objects(values: Sequence[object]) -> pd.Series[Any]:
    """A column that holds exactly `values`."""
    return pd.Series(values, dtype=object)


def settle(column: pd.Series[Any], rule: Rule, findings: Findings) -> pd.Series[Any]:
    """The column of results; a row whose value is refused is None and has a fault in `findings`."""
    values: list[object] = column.tolist()
    kinds = set(map(type, values))
    kinds.discard(type(None))
    if not kinds:
        return column
    if rule.repeats and len(kinds) == 1 and kinds <= _TELLING:
        return _by_distinct_value(column, rule, findings)
    found = rule.ordinary(values, kinds)
    everything: tuple[list[Any], Iterable[int]] = ([None] * len(values), range(len(values)))
    results, odd = everything if found is None else found
    for row in odd:
        if values[row] is not None:
            results[row] = _one(values[row], rule, findings, (row,))
    return column if results is values else objects(results)


def _by_distinct_value(column: pd.Series[Any], rule: Rule, findings: Findings) -> pd.Series[Any]:
    codes, distinct = pd.factorize(column.to_numpy())
    # One place more than values: the code of a missing one is -1, the last.
    results = np.empty(len(distinct) + 1, dtype=object)
    for at, value in enumerate(distinct):
        found = Findings()
        results[at] = _one(value, rule, found, (0,))
        for there, here in ((findings.faults, found.faults), (findings.doubts, found.doubts)):
            if here:
                there.update(dict.fromkeys(np.flatnonzero(codes == at).tolist(), here[0]))
    return pd.Series(results.take(codes), dtype=object)


def _one(value: object, rule: Rule, findings: Findings, rows: tuple[int, ...]) -> object | None:
    try:
        return rule.value(value)
    except RefusedValueError as refused:
        findings.faults.update(dict.fromkeys(rows, (refused.code, refused.words)))
    except DoubtfulValueError as doubt:
        findings.doubts.update(dict.fromkeys(rows, (doubt.code, doubt.words)))
        return doubt.taken
    except (ValueError, TypeError, ArithmeticError, LookupError, RecursionError) as broken:
        # A rule that fails in a way nobody foresaw must not stop the page; the type tells the developer where to look.
        words = f"a value of type {type(value).__name__} cannot be converted ({type(broken).__name__})"
        findings.faults.update(dict.fromkeys(rows, ("unsupported_type", words)))
    return None


class ByValue:
    """A rule without a column-wise way: `function` for each value, or each distinct one."""

    def __init__(self, function: Callable[[object], object | None], *, repeats: bool = True) -> None:
        self._function = function
        self.repeats = repeats

    def ordinary(self, values: list[Any], kinds: set[type]) -> None:  # noqa: ARG002  # the protocol's signature
        """Nothing is settled at once."""
        return

    def value(self, value: object) -> object | None:
        """What the function says."""
        return self._function(value)

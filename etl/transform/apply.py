"""Runs a rule over a column: ordinary values all at once, odd ones one by one.

The rule: both ways give the same result, and a value that breaks a rule costs its own row only (B23).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol, runtime_checkable

from etl.transform.cells import Cells
from etl.transform.problem import DoubtfulValueError, Findings, RefusedValueError

# Types of which equal values are identical; not Decimal: Decimal('1.0') == Decimal('1').
_TELLING = frozenset({str, int, bool, bytes})


class Rule(Protocol):
    """The rule of a type or step: what becomes of a value."""

    @property
    def repeats(self) -> bool:
        """Whether columns usually have few distinct values, so that each distinct value is converted once."""

    def ordinary(self, cells: Cells) -> tuple[list[Any], Iterable[int]] | None:
        """The results for a column, and the rows still to be done by `value`; None: all of them.

        Returns `cells.items` itself when nothing changes and nothing is left; never modifies that list.
        """

    def value(self, value: object) -> object | None:
        """The result for one value that is not None; None = missing.

        Raises RefusedValueError and DoubtfulValueError.
        """


@runtime_checkable
class ColumnRule(Protocol):
    """What becomes of a column as a whole."""

    def column(self, cells: Cells, findings: Findings) -> Cells:
        """The results by row, and the faults of some."""


def settle(cells: Cells, rule: Rule, findings: Findings) -> Cells:
    """The column of results; for a refused value None, and a fault in `findings`."""
    if not cells.kinds:
        return cells
    if isinstance(rule, ColumnRule):
        return rule.column(cells, findings)
    if rule.repeats and len(cells.kinds) == 1 and cells.kinds <= _TELLING:
        return _by_distinct_value(cells, rule, findings)
    everything: tuple[list[Any], Iterable[int]] = ([None] * len(cells.items), range(len(cells.items)))
    found = rule.ordinary(cells)
    results, odd = everything if found is None else found
    if results is cells.items:
        return cells
    for row in odd:
        if cells.items[row] is not None:
            results[row] = _one(cells.items[row], rule, findings, row)
    return Cells(results)


def _by_distinct_value(cells: Cells, rule: Rule, findings: Findings) -> Cells:
    # Collected by distinct value first, then spread over its rows.
    found = Findings()
    distinct = dict.fromkeys(cells.items)
    results = {value: None if value is None else _one(value, rule, found, value) for value in distinct}
    for there, here in ((findings.faults, found.faults), (findings.doubts, found.doubts)):
        if here:
            there.update((row, here[value]) for row, value in enumerate(cells.items) if value in here)
    return Cells(list(map(results.__getitem__, cells.items)), map(type, results.values()))


def _one(value: object, rule: Rule, findings: Findings, place: Any) -> object | None:  # noqa: ANN401 - what findings are by
    try:
        return rule.value(value)
    except RefusedValueError as refused:
        findings.faults[place] = refused.code, refused.words
    except DoubtfulValueError as doubt:
        findings.doubts[place] = doubt.code, doubt.words
        return doubt.taken
    except (ValueError, TypeError, ArithmeticError, LookupError, RecursionError) as broken:
        # A rule that fails unexpectedly must not stop the page; the exception's type helps the developer.
        words = f"a value of type {type(value).__name__} cannot be converted ({type(broken).__name__})"
        findings.faults[place] = "unsupported_type", words
    return None


class ByValue:
    """A rule without a column-wise way: `function` for each value, or each distinct one."""

    def __init__(self, function: Callable[[object], object | None], *, repeats: bool = True) -> None:
        self._function = function
        self.repeats = repeats

    def ordinary(self, cells: Cells) -> None:  # noqa: ARG002  # the protocol's signature
        """Leaves every row to `value`."""
        return

    def value(self, value: object) -> object | None:
        """The function's result."""
        return self._function(value)

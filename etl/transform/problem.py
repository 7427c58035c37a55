"""What can be wrong with a row's value, as values.

A problem names row, field and code (`etl.mapping.problem_codes`); its message holds types and
rules, never the row's value.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem of row `row` (index in the page) with `field`.

    `fatal` tells whether it makes the row invalid. Otherwise the field was left out (`on_invalid: omit`), or the value
    was taken with a doubt (`ambiguous_time`, `nonexistent_time`).
    """

    row: int
    field: str
    code: str
    message: str
    fatal: bool = True


class RefusedValueError(ValueError):
    """A value that a conversion or step cannot take. `code` is a problem code; `words` hold no value."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(words)
        self.code = code
        self.words = words


class DoubtfulValueError(ValueError):
    """A value that was taken by a rule rather than by its own evidence: `taken`, with the doubt's code and words."""

    def __init__(self, taken: object, code: str, words: str) -> None:
        super().__init__(words)
        self.taken = taken
        self.code = code
        self.words = words


@dataclass(slots=True)
class Findings:
    """What one field's chain found while a page went through it, by row: (code, words)."""

    faults: dict[int, tuple[str, str]] = field(default_factory=dict)
    doubts: dict[int, tuple[str, str]] = field(default_factory=dict)

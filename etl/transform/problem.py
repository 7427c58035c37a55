"""Problems and doubts of a row's values, as data.

A problem names row, field and code (`etl.mapping.problem_codes`); its message holds types and
rules, never the row's value.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Iterable
from dataclasses import dataclass, field

from etl.page import Undecodable

NOT_DECODED = (
    "undecodable_value",
    "the value cannot be read: a date beyond the years 1 to 9999, broken text, or an expression that fails",
)
_NUMBER_OF_A_LINE = re.compile(r"\[\d+\]")


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem of row `row` (index in the page) with `field`.

    `fatal` tells whether it makes the row invalid; `omitted`, whether the field was left out instead. Neither: a
    doubtful value was accepted (`ambiguous_time`, `nonexistent_time`). `inner`: the problem of the product that caused
    this one, with the product's `field`; None for other problems.
    """

    row: int
    field: str
    code: str
    message: str
    fatal: bool = True
    omitted: bool = False
    inner: Problem | None = None


class RefusedValueError(ValueError):
    """A value that a conversion or step cannot take. `code` is a problem code; `words` hold no value."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(words)
        self.code = code
        self.words = words


class DoubtfulValueError(ValueError):
    """A doubtful value that a fixed rule decided: `taken` is the result, with the doubt's code and words."""

    def __init__(self, taken: object, code: str, words: str) -> None:
        super().__init__(words)
        self.taken = taken
        self.code = code
        self.words = words


@dataclass(slots=True)
class Findings:
    """The faults and doubts of one field in a page, by row: (code, words)."""

    faults: dict[int, tuple[str, str]] = field(default_factory=dict)
    doubts: dict[int, tuple[str, str]] = field(default_factory=dict)


def unsupported(value: object) -> RefusedValueError:
    """The refusal of a value whose type has no form in an event (B13)."""
    if isinstance(value, Undecodable):
        return RefusedValueError(*NOT_DECODED)
    return RefusedValueError("unsupported_type", f"a value of type {type(value).__name__} has no form in an event")


class BrokenJson(str):  # noqa: SLOT000 - a text cannot have slots beside its characters
    """A text that is no valid JSON, still usable as a text. `refused` says why it cannot be sent as JSON."""

    refused: RefusedValueError

    @classmethod
    def of(cls, text: str, refused: RefusedValueError) -> BrokenJson:
        """`text`, which was refused."""
        broken = cls(text)
        broken.refused = refused
        return broken


def omitted_fields(problems: Iterable[Problem], *, invalid: Container[int]) -> Counter[tuple[str, str]]:
    """How many events lack a field, by (field, code), without the rows of `invalid`.

    An event counts once for a field and code, however many of its products lack it.

    A field of products is `products.<name>`, a product `products`.
    """
    found = {
        (problem.row, _NUMBER_OF_A_LINE.sub("", problem.field), problem.code)
        for problem in problems
        if problem.omitted and problem.row not in invalid
    }
    return Counter((field, code) for _, field, code in found)


def doubts(problems: Iterable[Problem], *, invalid: Container[int]) -> Counter[str]:
    """How many events have a doubtful value, by code."""
    found = {
        (problem.row, problem.code)
        for problem in problems
        if not problem.fatal and not problem.omitted and problem.row not in invalid
    }
    return Counter(code for _, code in found)

"""ENUM and SET columns of MySQL and MariaDB: they sort by number, but compare with a text as texts.

A page that begins "after" a text would leave out rows, so such columns are compared by the number that they sort by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ordinal:
    """The labels of a column in their declared order; `is_set`: a value holds several, joined by commas."""

    labels: tuple[str, ...]
    is_set: bool

    def number(self, value: object) -> int:
        """The number that a value of the column sorts by; 0 for the empty text.

        Raises:
            ValueError: `value` is none of the column.
        """
        if not isinstance(value, str):
            raise ValueError("not a text")  # noqa: TRY004  # to the caller it is one mistake
        if not value and (self.is_set or "" not in self.labels):
            return 0
        if not self.is_set:
            return self.labels.index(value) + 1
        return sum(1 << self.labels.index(label) for label in value.split(","))


def ordinal_of(column_type: object, *, dialect: str) -> Ordinal | None:
    """The labels of a reflected type that sorts by number; None for any other."""
    if dialect not in {"mysql", "mariadb"}:
        return None
    name = type(column_type).__name__.upper()
    if name == "ENUM":
        labels: Sequence[str] = column_type.enums  # type: ignore[attr-defined]
        return Ordinal(tuple(labels), is_set=False)
    if name == "SET":
        return Ordinal(tuple(column_type.values), is_set=True)  # type: ignore[attr-defined]
    return None

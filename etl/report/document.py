"""A report as data: what it says, without how it looks.

The rule: every text here may be hostile (a value of a row, the name of a column), so the writers of pages and Markdown
escape it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

# Several texts of one cell stand one below the other.
Cell: TypeAlias = str | int | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Header:
    """A column of a table: words, `code` as it is in files and data, or counts to be compared."""

    name: str
    kind: Literal["words", "code", "compared"] = "words"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under `columns`, the first of which names the row."""

    columns: tuple[Header, ...]
    rows: tuple[tuple[Cell, ...], ...]

    @property
    def highest(self) -> int:
        """The highest count of all columns that are compared, at least 1."""
        compared = [at for at, column in enumerate(self.columns) if column.kind == "compared"]
        return max((count for row in self.rows for at in compared if isinstance(count := row[at], int)), default=0) or 1


@dataclass(frozen=True, slots=True)
class Todo:
    """What to do: sentences, each with the command that does it ("" without one)."""

    steps: tuple[tuple[str, str], ...]


Block: TypeAlias = str | Table | Todo


@dataclass(frozen=True, slots=True)
class Chapter:
    """A heading and what stands below it; a block that is a text is a paragraph."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """What there is to say of one mapping; `verdict` in one sentence, `tone` whether a person has to look."""

    title: str
    verdict: str
    tone: Literal["good", "bad"]
    sections: tuple[Chapter, ...]


@dataclass(frozen=True, slots=True)
class ReportDocument:
    """The whole report; `facts` are labels with what they name."""

    title: str
    facts: tuple[tuple[str, str], ...]
    parts: tuple[Part, ...]
    foot: str

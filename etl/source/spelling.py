"""Checks how all texts of a cursor are spelt: rows of different spellings cannot be put in order.

One statement groups the texts by their look, with 0 for each digit, so the column is read once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from etl.errors import SourceMismatch
from etl.source.database import Database
from etl.source.keyset import Keyset
from etl.source.place import at_key
from etl.source.plan import ReadPlan
from etl.source.text_shape import TextShape, shape_of

# With more different looks than this the column does not hold times.
_MOST_LOOKS = 200
MIXED_HINT = "write them alike in the database, or convert them to one form in a query"


def likeliest_shape(database: Database, keyset: Keyset, name: str) -> TextShape | None:
    """The most frequent shape among texts that are times; None when there is no such text."""
    return next((shape for _, shape, _ in _spellings(database, keyset, name) if shape is not None), None)


@dataclass(frozen=True, slots=True)
class Misshaped:
    """What is wrong with a cursor's texts. `count`: rows whose cursor is no time, so that no window holds them.

    `mixed`: a message about times that do not sort with the rest, so that changes would fall below the checkpoint;
    None: there are none.
    """

    count: int
    mixed: str | None = None

    def counted(self, plan: ReadPlan) -> int:
        """`count`.

        Raises:
            SourceMismatch: there are times that do not sort with the rest.
        """
        if self.mixed is not None:
            raise SourceMismatch(at_key(plan, ("source", "cursor_field"), self.mixed), hint=MIXED_HINT)
        return self.count


def misshaped_cursors(database: Database, keyset: Keyset, name: str, shape: TextShape) -> Misshaped:
    """The cursor's texts that are not spelt like `shape`.

    Raises:
        SourceFailed: the database could not say.
    """
    others: dict[str, int] = {}
    odd = looks = 0
    for look, other, count in _spellings(database, keyset, name):
        looks += 1
        if other is not None and other.words != shape.words:
            others[other.words] = others.get(other.words, 0) + count
        elif look not in shape.patterns:
            odd += count
    if not others and shape.zone[-1:].isdigit() and (zones := _number(database, keyset.other_zones(), name)):
        others["the same in another zone"] = zones
    if others:
        listed = ", ".join(f"{count} like {words}" for words, count in others.items())
        return Misshaped(
            0,
            f"{name} holds times of several spellings, which do not sort as times do: some are like {shape.words}, "
            f"{listed}",
        )
    # `odd` is complete unless the statement's limit cut looks off.
    return Misshaped(odd if looks < _MOST_LOOKS else _number(database, keyset.misshaped_cursors(), name))


def _spellings(database: Database, keyset: Keyset, name: str) -> Iterator[tuple[str, TextShape | None, int]]:
    """Each look, most frequent first, with the shape of its times (None: it has none) and its number of rows."""
    answer = database.read_patiently(keyset.spellings(limit=_MOST_LOOKS), purpose=_purpose(name))
    for look, count, *examples in answer.rows:
        shapes = (shape_of(one) for one in examples if isinstance(one, str))
        yield str(look), next((one for one in shapes if one is not None), None), int(count)


def _number(database: Database, statement: sa.Select[Any], name: str) -> int:
    return int(database.read_patiently(statement, purpose=_purpose(name)).rows[0][0])


def _purpose(name: str) -> str:
    return f"look at the spelling of the cursor {name}"

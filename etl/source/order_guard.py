"""Checks each page before it is handed out: its rows ascend strictly, it advances, and no row is missing.

Positions (cursor, key) are compared for equality only; which of two is lower, the database decides. A page that fails
the check ends the run before any of its rows is sent, so the checkpoint stays before it.
"""

from __future__ import annotations

import operator
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from etl.errors import SourceFailed
from etl.page import Key, Position, Window
from etl.source.database import Database
from etl.source.fitness import EXACT_KINDS
from etl.source.keyset import Keyset
from etl.source.place import at_key
from etl.source.plan import Layout, ReadPlan
from etl.source.relation import Relation

Row = tuple[Any, ...]

# How often a page is read when the count says that a row is missing: a row may have been committed between the two
# statements.
ATTEMPTS = 3


class OrderGuard:
    """Checks the pages of one relation."""

    def __init__(self, database: Database, keyset: Keyset, layout: Layout, plan: ReadPlan, relation: Relation) -> None:
        self._database = database
        self._keyset = keyset
        self._layout = layout
        self._plan = plan
        width = len(plan.primary_key)
        self._width = width if layout.cursor_at is None or layout.cursor_at < width else width + 1
        unique = any(one <= set(plan.primary_key) for one in relation.unique)
        self._inexact = not (unique and all(_is_exact(relation, name, database.dialect) for name in plan.ordered))

    def check(self, window: Window, rows: Sequence[tuple[Any, ...]]) -> bool:
        """Whether no row of `window` up to the last of `rows` is missing from them; False: read them again.

        Raises:
            SourceFailed: two rows have the same position, or the page begins with the last row of the page before.
            DatabaseFault: the database could not count.
        """
        if not rows:
            return True
        width = self._width
        self._check_places(window, [row[:width] for row in rows])
        # The window's own end is dropped: SQLite would count up to it instead of up to the page's end.
        span = replace(window, upto=self._layout.position(rows[-1]), until=None, until_open=False)
        return int(self._database.read(self._keyset.count(span)).rows[0][0]) <= len(rows)

    def check_positions(self, window: Window, positions: Sequence[Position], *, again: bool = True) -> None:
        """As `check`, for a page that is read row by row; nothing is counted.

        `again` False: the statement did not begin behind the last page, so a repeated row is no sign of inexact values.
        """
        self._check_places(window, [self._place(one) for one in positions], again=again)

    def look_alike(self, window: Window, positions: Sequence[Position]) -> bool:
        """Whether neighbours differ only by case, accents, blanks or signs, so that the database may equate them."""
        if not self._inexact:
            return False
        before = [window.after] if window.after is not None and window.after.key else []
        places = [tuple(map(_folded, self._place(one))) for one in (*before, *positions)]
        return any(map(operator.eq, places, islice(places, 1, None)))

    def refuse_repeated_keys(self) -> None:
        """Raise if several rows have the same key by the database's collation; costs a scan.

        Raises:
            SourceFailed: several rows have the same key, or the database could not say.
        """
        purpose = f"look for repeated keys of {self._plan.subject}"
        if self._database.read_patiently(self._keyset.repeated_keys(), purpose=purpose).rows[0][0]:
            raise self._failed("several rows have one key, as the database compares it, so that rows would be lost")

    def rows_left_out(self) -> SourceFailed:
        """The error for a page that has fewer rows than the database counts, however often it is read."""
        return self._failed(
            "rows are missing at the end of a page: the database does not compare these columns as it sorts them, or "
            "several rows have one key"
        )

    def absent(self, keys: Sequence[Key]) -> bool:
        """Whether `keys`, not found in a list of keys, are not found alone either.

        Only the first and the last are tried. For databases that compare values in a list in another way.

        Raises:
            DatabaseFault: the database could not say.
        """
        return not any(
            self._layout.key(row) == key
            for key in {keys[0], keys[-1]}
            for row in self._database.read(self._keyset.by_keys([key])).rows
        )

    def complete(self, keys: Sequence[Key], read: Callable[[], Sequence[Row] | None]) -> Sequence[Row] | None:
        """The rows of `keys` by `read` (None: more than a page), after checking that missing ones are really gone.

        Raises:
            SourceFailed: a missing row is there nevertheless.
            DatabaseFault: the database could not say.
        """
        for _ in range(ATTEMPTS):
            rows = read()
            if rows is None:
                return None
            found = set(map(self._layout.key, rows))
            missing = [key for key in keys if key not in found]
            if not missing or self.absent(missing):
                return rows
        raise self.not_found_by_key()

    def not_found_by_key(self) -> SourceFailed:
        """The error for rows that exist but are not found by their keys."""
        return self._failed(
            "rows that are there are not found by their keys: the database compares these columns oddly"
        )

    def _check_places(self, window: Window, places: Sequence[tuple[Any, ...]], *, again: bool = True) -> None:
        if any(map(operator.eq, places, islice(places, 1, None))):
            raise self._failed("several rows have one key, so that rows would be lost at the ends of pages")
        after = window.after
        if after is not None and after.key and self._place(after) in places:
            if not again:
                raise self._failed("several rows have one key, so that rows would be lost at the ends of pages")
            raise self._failed(
                "a page begins again where the last one ended: the values come back less exact than they are stored"
            )

    def _place(self, position: Position) -> tuple[Any, ...]:
        return position.key if self._width == len(position.key) else (*position.key, position.cursor)

    def _failed(self, what: str) -> SourceFailed:
        plan = self._plan
        key = ", ".join(plan.primary_key)
        words = f"{key} of {plan.subject}: {what}"
        return SourceFailed(
            at_key(plan, ("source", "primary_key"), words),
            hint=f"the key has to tell all rows apart; look for those that do not: GROUP BY {key} HAVING COUNT(*) > 1",
        )


def _is_exact(relation: Relation, name: str, dialect: str) -> bool:
    kind = relation.kinds.get(name)
    return kind in EXACT_KINDS or (kind == "datetime_tz" and dialect == "postgresql")


def _folded(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = value.casefold()
    return "".join(one for one in unicodedata.normalize("NFKD", text) if one.isalnum())

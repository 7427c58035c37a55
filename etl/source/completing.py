"""Adds the child rows to a page's rows, and keeps the page small enough for memory.

The rule: rows and children of a page together stay below PAGE_BYTES, unless the page has only one row. A row whose
children cannot fit into any request becomes unreadable.
"""

from __future__ import annotations

from dataclasses import replace
from functools import reduce

from etl.page import UnreadableRow
from etl.source.children import ChildReader, TooManyChildren
from etl.source.database import Database
from etl.source.found import PAGE_BYTES, Found, joined, weight_of
from etl.source.plan import Layout, ReadPlan


class Completing:
    """Reads the children of rows; `children` None: the mapping has none."""

    def __init__(self, database: Database, layout: Layout, children: ChildReader | None, *, plan: ReadPlan) -> None:
        self._database = database
        self._layout = layout
        self._children = children
        self._plan = plan

    def __call__(self, found: Found, *, most_bytes: int | None = PAGE_BYTES) -> Found | None:
        """`found` with its children; None when they are several rows and take more than `most_bytes` (None: no limit).

        A row becomes unreadable if its children cannot be decoded, or are more than an event can hold.

        Raises:
            SourceFailed, SourceMismatch: the database stayed away or refused.
        """
        reader, rows = self._children, found.rows
        if reader is None or not rows:
            return found
        limit = self._plan.most_child_bytes
        if len(rows) > 1 and most_bytes is not None:
            limit = min(limit, most_bytes)
        purpose = f"read {self._plan.subject}"
        try:
            read = self._database.patiently(lambda: reader.of(rows, most_bytes=limit), purpose=purpose)
        except TooManyChildren as many:
            if len(rows) == 1:
                return self._left_out(found, many.rows)
            return self._one_by_one(found) if most_bytes is None else None
        children, broken = read
        unreadable = tuple(UnreadableRow(self._layout.position(rows[at]), words) for at, words in broken.items())
        kept = [at for at in range(len(rows)) if at not in broken]
        return Found(
            [rows[at] for at in kept] if broken else rows,
            found.unreadable + unreadable,
            found.last,
            complete=found.complete,
            children={new: children[old] for new, old in enumerate(kept) if old in children},
        )

    def _left_out(self, found: Found, children: int) -> Found:
        """`found`, whose one row becomes unreadable: it has at least so many children."""
        assert self._plan.child is not None
        words = f"an event cannot hold its rows of {self._plan.child.subject}: they are {children:,} or more"
        row = UnreadableRow(self._layout.position(found.rows[0]), words, "event_too_large")
        return replace(found, rows=(), unreadable=(*found.unreadable, row))

    def _one_by_one(self, found: Found) -> Found:
        rows, nothing = found.rows, replace(found, rows=())
        whole = (self(replace(found, rows=rows[at : at + 1], unreadable=())) for at in range(len(rows)))
        return reduce(joined, (one for one in whole if one is not None), nothing)


def rows_that_fit(found: Found, *, most: int) -> int:
    """How many rows a page has room for (1 to `most`), judged by the children of `found`."""
    size = sum(map(weight_of, found.children.values()))
    return max(1, min(most, PAGE_BYTES * len(found.rows) // size)) if size else most

"""A page's rows get the child rows that belong to them: a page that these would make too large is not handed out.

The rule: the rows of a page and their children are together of the size that memory should hold, or the page has one
row.
"""

from __future__ import annotations

from etl.page import UnreadableRow
from etl.source.children import ChildReader
from etl.source.database import Database
from etl.source.found import PAGE_BYTES, Found, weight_of
from etl.source.plan import Layout


class Completing:
    """Reads the children of found rows; `children` None: rows have none."""

    def __init__(self, database: Database, layout: Layout, children: ChildReader | None, *, subject: str) -> None:
        self._database = database
        self._layout = layout
        self._children = children
        self._subject = subject

    def __call__(self, found: Found, *, most_bytes: int | None = PAGE_BYTES) -> Found | None:
        """`found` with its children; None when they are more than `most_bytes` (None: any size), and of several rows.

        A row whose children cannot be decoded is unreadable.

        Raises:
            SourceFailed, SourceMismatch: the database stayed away or refused.
        """
        reader, rows = self._children, found.rows
        if reader is None or not rows:
            return found
        limit = None if len(rows) == 1 else most_bytes
        read = self._database.patiently(lambda: reader.of(rows, most_bytes=limit), purpose=f"read {self._subject}")
        if read is None:
            return None
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


def rows_that_fit(found: Found, *, most: int) -> int:
    """For how many rows, at least one and `most` at most, a page has room, by the children of these."""
    size = sum(map(weight_of, found.children.values()))
    return max(1, min(most, PAGE_BYTES * len(found.rows) // size)) if size else most

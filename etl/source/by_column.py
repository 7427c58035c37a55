"""Reads a row column by column when it fails as a whole, so that only the value that the server cannot give is lost.

Examples: a division by zero in a view, a malformed number in a JSON document, bytes that are no text (SQL_ASCII). Each
costs a few statements; columns that failed before are tried first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from etl.page import UNDECODABLE, Key
from etl.source.database import Database
from etl.source.fault import DatabaseFault, Fault
from etl.source.keyset import Keyset
from etl.source.plan import Layout

Row = tuple[Any, ...]


class ColumnReader:
    """Reads single rows, with all columns of `layout`."""

    def __init__(self, database: Database, keyset: Keyset, layout: Layout) -> None:
        self._database = database
        self._keyset = keyset
        self._layout = layout
        self._suspects: set[int] = set()

    def row(self, key: Key, *, ignore_where: bool = False) -> Row | None:
        """The row of `key` with `UNDECODABLE` where a column fails; None where it is gone.

        Raises:
            DatabaseFault: the key, the cursor or `where` fails; or the row keeps changing.
        """
        placed = self._layout.placed
        if not self._rows(key, placed, ignore_where=ignore_where):
            return None
        free = [at for at in range(len(self._layout.names)) if at not in placed]
        wrong: set[int] = set()
        # The columns are halved until each failing one stands alone.
        parts = [[at] for at in free if at in self._suspects]
        parts.append([at for at in free if at not in self._suspects])
        while parts:
            part = parts.pop()
            if not part or not self._fails(key, [*placed, *part], ignore_where=ignore_where):
                continue
            if len(part) == 1:
                wrong.update(part)
            else:
                parts += [part[: len(part) // 2], part[len(part) // 2 :]]
        self._suspects |= wrong
        # In one statement, so that all values are of one version of the row.
        asked = [at for at in range(len(self._layout.names)) if at not in wrong]
        found = self._rows(key, asked, ignore_where=ignore_where)
        if not found:
            return None
        values = dict(zip(asked, found[0], strict=True))
        row = tuple(values.get(at, UNDECODABLE) for at in range(len(self._layout.names)))
        return self._layout.checked([row])[0]

    def _fails(self, key: Key, asked: Sequence[int], *, ignore_where: bool) -> bool:
        try:
            self._rows(key, asked, ignore_where=ignore_where)
        except DatabaseFault as fault:
            if fault.fault is not Fault.UNDECODABLE:
                raise
            return True
        return False

    def _rows(self, key: Key, asked: Sequence[int], *, ignore_where: bool) -> Sequence[Row]:
        statement = self._keyset.by_keys([key], ignore_where=ignore_where, at=asked)
        return self._database.read(statement, lenient=True).rows

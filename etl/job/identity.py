"""Whom rows are about, read from the source now: for a person who has to write to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from etl.job.ports import RunSource
from etl.mapping.catalogue import IDENTITY_FIELDS
from etl.mapping.model import Mapping
from etl.page import Key, Page


class Identities:
    """The values of the columns that `email` and `userid` come from, as they are: one may be what is wrong."""

    def __init__(self, mapping: Mapping, source: RunSource) -> None:
        self._source: Final = source
        self._columns: Final = {
            name: mapping.fields[name].columns for name in IDENTITY_FIELDS if name in mapping.fields
        }

    def of(self, keys: Sequence[Key]) -> dict[Key, dict[str, object]]:
        """By key, of the rows that exist and can be read, also of those that `where` leaves out; None: no value."""
        page = self._source.rows_by_key(keys, ignore_where=True)
        return {page.position(at).key: self._row(page, at) for at in range(len(page.rows))}

    def _row(self, page: Page, at: int) -> dict[str, object]:
        values = dict(zip((column.name for column in page.columns), page.rows[at], strict=True))
        return {
            name: next((values[one] for one in columns if values.get(one) is not None), None)
            for name, columns in self._columns.items()
        }

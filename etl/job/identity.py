"""Whom rows are about, read from the source now, so that a person can contact them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from etl.job.ports import RunSource
from etl.mapping.catalogue import IDENTITY_FIELDS
from etl.mapping.model import Mapping
from etl.page import Key, Page


class Identities:
    """Reads the columns that `email` and `userid` come from, untransformed: one of them may hold the invalid value."""

    def __init__(self, mapping: Mapping, source: RunSource) -> None:
        self._source: Final = source
        self._columns: Final = {
            name: mapping.fields[name].columns for name in IDENTITY_FIELDS if name in mapping.fields
        }

    def of(self, keys: Sequence[Key]) -> dict[Key, dict[str, object]]:
        """The values by key, of each row that exists and can be read, also of rows that `where` filters out."""
        page = self._source.rows_by_key(keys, ignore_where=True)
        return {page.position(at).key: self._row(page, at) for at in range(len(page.rows))}

    def _row(self, page: Page, at: int) -> dict[str, object]:
        values = dict(zip((column.name for column in page.columns), page.rows[at], strict=True))
        return {
            name: next((values[one] for one in columns if values.get(one) is not None), None)
            for name, columns in self._columns.items()
        }

"""Reads a few values of tables beside the one that is drafted.

The rule: what cannot be read quickly is left unknown, without an error.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from etl.drafting.facts import SampledColumn, columns_of
from etl.drafting.names import column_prefix, without_prefix
from etl.drafting.structure import TableShape
from etl.source.database import REPORT_SECONDS, Database
from etl.source.fault import DatabaseFault

_VALUES = 200
_UNREADABLE = frozenset({"bytes", "other", "json"})


class Reading:
    """Some values of other tables, each asked for once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._columns: dict[tuple[str, str], SampledColumn] = {}

    @property
    def dialect(self) -> sa.Dialect:
        """What quotes names."""
        return self._database.engine.dialect

    def column(self, table: TableShape, name: str) -> SampledColumn:
        """The column `name` of `table` with some values that are not NULL."""
        key = (table.full, name)
        if key not in self._columns:
            column: sa.ColumnClause[object] = sa.column(name)
            asked = sa.select(column).select_from(_named(table)).where(column.is_not(None)).limit(_VALUES)
            values = tuple(row[0] for row in self._rows(asked))
            self._columns[key] = SampledColumn(name, table.kinds[name], values)
        return self._columns[key]

    def columns(self, table: TableShape) -> tuple[SampledColumn, ...]:
        """All columns of `table` with the values of some rows; those of binary and JSON columns are not read."""
        names = [name for name in table.kinds if name.isprintable()]
        read = [name for name in names if table.kinds[name] not in _UNREADABLE]
        rows = self._rows(sa.select(*map(sa.column, read)).select_from(_named(table)).limit(_VALUES)) if read else []
        at = {name: index for index, name in enumerate(read)}
        whole = [tuple(row[at[name]] if name in at else None for name in names) for row in rows]
        prefix = column_prefix(names)
        quote = self.dialect.identifier_preparer.quote
        return columns_of(
            names,
            [table.kinds[name] for name in names],
            whole,
            plain=[without_prefix(name, prefix) for name in names],
            sql=[quote(name) for name in names],
        )

    def is_unique(self, table: TableShape, names: Sequence[str]) -> bool:
        """Whether no two rows of `table` share the columns `names` now; False when it cannot be said soon."""
        columns: list[sa.ColumnClause[object]] = [sa.column(name) for name in names]
        asked = (
            sa.select(sa.literal(1)).select_from(_named(table)).group_by(*columns).having(sa.func.count() > 1).limit(1)
        )
        try:
            return not self._database.read(asked, limit_seconds=REPORT_SECONDS).rows
        except DatabaseFault:
            return False

    def _rows(self, asked: sa.Executable) -> Sequence[tuple[object, ...]]:
        try:
            return self._database.read(asked, limit_seconds=REPORT_SECONDS).rows
        except DatabaseFault:
            return []


def _named(table: TableShape) -> sa.TableClause:
    return sa.table(table.name, schema=table.schema)

"""Builds the condition that finds rows by their keys, in a form that each database compares correctly.

MySQL and MariaDB compare the texts in `(a, b) IN ((…), (…))` byte by byte when the column's character set is not the
connection's, and find nothing; `a = x AND b = y` converts them first (measured on MariaDB 10.11, latin1 and utf16).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from etl.page import Key

# Databases where `(a, b) IN (…)` works: SQL Server has no such form; others have not been tried.
_ROWS_OF_VALUES = frozenset({"postgresql", "sqlite", "mysql", "mariadb"})
_BYTEWISE = frozenset({"mysql", "mariadb"})
_WITHOUT_TEXT = frozenset({"integer", "decimal", "date", "datetime", "datetime_tz"})
# How many parameters may be keys, with room left for others. Limits: SQLite 32766, SQL Server 2100, Oracle 1000 a list.
_PARAMETERS = {"sqlite": 30_000, "postgresql": 60_000, "mysql": 60_000, "mariadb": 60_000}
# At most so many `OR`: each costs more to build and to plan than a value in a list does.
_ALTERNATIVES = 500


class KeyLookup:
    """Conditions on `columns`, whose kinds are `kinds` (None: unknown)."""

    def __init__(self, columns: Sequence[Any], kinds: Sequence[str | None], *, dialect: str) -> None:
        self._columns = columns
        in_a_list = dialect in _ROWS_OF_VALUES and (dialect not in _BYTEWISE or _WITHOUT_TEXT.issuperset(kinds))
        self._in_a_list = len(columns) == 1 or in_a_list
        most = max(1, _PARAMETERS.get(dialect, 900) // len(columns))
        self.most_keys = most if self._in_a_list else min(most, _ALTERNATIVES)

    def among(self, keys: Sequence[Key]) -> Any:  # noqa: ANN401  # a SQL condition
        """The condition that the columns hold one of `keys` (at most `most_keys`)."""
        columns = self._columns
        if len(columns) == 1:
            return columns[0].in_(sa.bindparam(None, [key[0] for key in keys], type_=sa.types.NULLTYPE, expanding=True))
        if self._in_a_list and len(keys) > 1:
            return sa.tuple_(*columns).in_(sa.bindparam(None, list(keys), type_=sa.types.NULLTYPE, expanding=True))
        return sa.or_(*(sa.and_(*map(_equals, columns, key)) for key in keys))


def _equals(column: Any, value: Any) -> Any:  # noqa: ANN401  # a SQL column, a driver's value, a SQL condition
    return column == sa.bindparam(None, value, type_=sa.types.NULLTYPE, unique=True)

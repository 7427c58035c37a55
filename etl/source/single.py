"""Floats of four bytes: read whole, since MySQL's protocol of texts shows six digits of them.

The rule: a FLOAT that holds 123456.78 would arrive as 123457. Widened to eight bytes by the database every digit
arrives; the transform then takes the fewest digits that mean the same float (`etl.page.Column.is_single`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from etl.source.kinds import declared_name, duckdb_name

_MYSQL = frozenset({"mysql", "mariadb"})
_MYSQL_FLOAT = 4


class Widened(sa.types.UserDefinedType[Any]):
    """The type of such a column in our statements. What a statement selects of it is widened; conditions are not."""

    cache_ok = True

    def column_expression(self, colexpr: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        """What is selected."""
        return sa.type_coerce(colexpr, sa.Double) + sa.literal_column("0e0")


def singles_of(shape: Iterable[tuple[str, object]], *, dialect: str) -> frozenset[str]:
    """The columns of a result, as (name, type code), that do not arrive as the shortest digits of what they hold."""
    if dialect == "duckdb":
        return frozenset(name for name, code in shape if duckdb_name(code) == "FLOAT")
    return frozenset(name for name, code in shape if code == _MYSQL_FLOAT) if dialect in _MYSQL else frozenset()


def declared_singles(columns: Iterable[Mapping[str, Any]], *, dialect: str) -> frozenset[str]:
    """The same of a table's reflected columns; DuckDB's are asked of a result."""
    if dialect not in _MYSQL:
        return frozenset()
    return frozenset(one["name"] for one in columns if declared_name(one["type"]) == "FLOAT")

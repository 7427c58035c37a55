"""Tables with ties on every kind of cursor: eleven rows share one value, and what the database calls equal is a tie."""

# ruff: noqa: DTZ001  # columns without zone hold naive times

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from tests.source.tables import insert, run_sql, writer


@dataclass(frozen=True)
class Ties:
    """A table `t` on `server`: `values` ascend as the database sees them, the middle one has eleven rows."""

    server: str
    column: str
    values: Sequence[Any]
    key: tuple[str, ...] = ("id",)
    before: str = ""

    def __str__(self) -> str:
        return f"{self.server} {self.column} {'+'.join(self.key)}"

    def make(self, url: str) -> list[tuple[Any, ...]]:
        """Fill the table; returns its keys in the order (cursor, key) of the database itself."""
        folded = " COLLATE NOCASE" if self.server == "sqlite" else ""
        parts = ["id INTEGER NOT NULL", f"at {self.column}", f"part VARCHAR(9){folded} NOT NULL"]
        if self.before:
            run_sql(url, self.before)
        run_sql(url, f"CREATE TABLE t ({', '.join(parts)}, PRIMARY KEY ({', '.join(self.key)}))")
        middle = len(self.values) // 2
        spread = [value for at, value in enumerate(self.values) for _ in range(11 if at == middle else 2)]
        # Keys run against the cursor, so that neither order can pass for the other.
        ids = [len(spread) - at if len(self.key) == 1 else (len(spread) - at) // 3 for at in range(len(spread))]
        rows = [
            {"id": key, "at": value, "part": "aBc"[at % 3] + str(at // 9)}
            for at, (key, value) in enumerate(zip(ids, spread, strict=True))
        ]
        insert(url, "t", rows)
        with writer(url) as connection:
            order = f"SELECT {', '.join(self.key)} FROM t ORDER BY at, {', '.join(self.key)}"
            return [tuple(row) for row in connection.execute(sa.text(order))]


_DAYS = [date(2024, 2, 28), date(2024, 2, 29), date(2024, 3, 1)]
_TIMES = [datetime(2024, 3, 31, 1, 59, 59, 999999), datetime(2024, 3, 31, 2), datetime(2024, 3, 31, 2, 0, 0, 1)]
_INSTANTS = [at.replace(tzinfo=UTC) for at in _TIMES]
_SECONDS = [datetime(2024, 3, 31, 1), datetime(2024, 3, 31, 2), datetime(2024, 3, 31, 3)]
_NUMBERS = [-1, 2**53 + 1, 2**53 + 2]
_SPELT = [f"2024-03-31 02:00:0{n}" for n in range(7)]
# Not a collation of ICU, which the wheel's server does not have.
_FOLDED = "CREATE EXTENSION citext"

TIES = (
    Ties("sqlite", "DATETIME", [str(at) for at in _TIMES]),
    Ties("sqlite", "TEXT", [f"{at.isoformat()}Z" for at in _SECONDS]),
    Ties("sqlite", "DATE", [str(day) for day in _DAYS], key=("part", "id")),
    Ties("sqlite", "INTEGER", _NUMBERS),
    Ties("sqlite", "TEXT COLLATE NOCASE", _SPELT),
    Ties("postgresql", "timestamp", _TIMES),
    Ties("postgresql", "timestamptz", _INSTANTS, key=("id", "part")),
    Ties("postgresql", "date", _DAYS),
    Ties("postgresql", "bigint", _NUMBERS, key=("part", "id")),
    Ties("postgresql", "numeric(20,0)", [Decimal(number) for number in _NUMBERS]),
    Ties("postgresql", 'text COLLATE "C"', _SPELT),
    Ties("postgresql", "citext", _SPELT, before=_FOLDED),
    Ties("mariadb", "DATETIME(6)", _TIMES),
    Ties("mariadb", "DATETIME", _SECONDS, key=("id", "part")),
    Ties("mariadb", "TIMESTAMP(6) NULL", _TIMES),
    Ties("mariadb", "DATE", _DAYS),
    Ties("mariadb", "BIGINT", _NUMBERS, key=("part", "id")),
    Ties("mariadb", "VARCHAR(20) COLLATE utf8mb4_general_ci", _SPELT),
    Ties("mariadb", "VARCHAR(20) COLLATE utf8mb4_bin", _SPELT),
)

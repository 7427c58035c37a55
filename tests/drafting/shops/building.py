"""Makes the tables of a set, with their rows."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import sqlalchemy as sa

from tests.drafting.shops.kinds import Shop
from tests.drafting.tables import with_driver


def build(shop: Shop, url: str) -> None:
    """The tables and rows of `shop` in the empty database at `url`."""
    engine = sa.create_engine(with_driver(url), poolclass=sa.NullPool)
    with engine.begin() as connection:
        for statement in _statements(shop.tables):
            connection.exec_driver_sql(statement)
        for name, rows in shop.rows.items():
            schema, _, table = name.rpartition(".")
            columns = [sa.column(one) for one in rows[0]]
            named = sa.table(table, *columns, schema=schema or None)
            connection.execute(sa.insert(named), [_plain(row) for row in rows])
    engine.dispose()


def _statements(text: str) -> list[str]:
    # A trigger's function holds semicolons between its dollars.
    return [one.strip() for one in re.split(r";\s*\n(?!\s*END)(?=(?:[^$]*\$\$[^$]*\$\$)*[^$]*\Z)", text) if one.strip()]


def _plain(row: Mapping[str, object]) -> dict[str, object]:
    """`row` with lists and objects as JSON texts."""
    return {name: json.dumps(value) if isinstance(value, list | dict) else value for name, value in row.items()}

"""SQL for the databases that no test can start, as compiled text: SQL Server has no row values and no LIMIT."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mssql, mysql, oracle, postgresql, sqlite

from etl.page import Position, Window
from etl.source.bound import clock_statement
from etl.source.children import ChildReader
from etl.source.key_lookup import KeyLookup
from etl.source.keyset import Keyset
from etl.source.plan import ChildPlan, ReadPlan, layout_of
from etl.source.relation import Relation

WINDOW = Window(after=Position(5, (7, "x")), until=9)
LOOKBACK = Window(start=1, upto=Position(5, (7, "x")))
DIALECTS: dict[str, Any] = {
    "mssql": mssql.dialect(paramstyle="named"),  # type: ignore[no-untyped-call]
    "oracle": oracle.dialect(paramstyle="named"),  # type: ignore[no-untyped-call]
    "mysql": mysql.dialect(paramstyle="named"),  # type: ignore[no-untyped-call]
    "postgresql": postgresql.dialect(paramstyle="named"),  # type: ignore[no-untyped-call]
    "sqlite": sqlite.dialect(paramstyle="named"),  # type: ignore[no-untyped-call]
}
TABLE = Relation(
    subject="shop.Order",
    kinds=dict.fromkeys(("id", "line", "at", "select"), "integer"),
    is_table=True,
    table="Order",
    schema="shop",
)


def keyset(dialect: str, relation: Relation = TABLE) -> Keyset:
    plan = ReadPlan(url="", primary_key=("id", "line"), cursor_field="at", where="price > 0")
    return Keyset(relation, plan, names=("id", "line", "at", "select"), dialect=dialect)


def sql_of(statement: sa.Select[Any], dialect: str) -> str:
    """One line; each parameter as its value where the statement knows it."""
    compiled = statement.compile(dialect=DIALECTS[dialect], compile_kwargs={"render_postcompile": True})
    text = " ".join(str(compiled).split())
    return re.sub(r":(param_\d+)\b", lambda found: repr(compiled.params.get(found[1], f":{found[1]}")), text)


ROW = {
    "mssql": "shop.[Order].id, shop.[Order].line, shop.[Order].at, shop.[Order].[select] FROM shop.[Order]",
    "oracle": 'shop."Order".id, shop."Order".line, shop."Order".at, shop."Order"."select" FROM shop."Order"',
}
TABLES = {"mssql": "shop.[Order]", "oracle": 'shop."Order"', "mysql": "shop.`Order`"}
BEYOND = "{t}.at >= 5 AND ({t}.at > 5 OR {t}.at = 5 AND ({t}.id > 7 OR {t}.id = 7 AND {t}.line > 'x'))"
WITHIN = "{t}.at <= 5 AND ({t}.at < 5 OR {t}.at = 5 AND ({t}.id < 7 OR {t}.id = 7 AND {t}.line <= 'x'))"
ORDER = "ORDER BY {t}.at, {t}.id, {t}.line"


@pytest.mark.parametrize(
    ("dialect", "top", "fetch"), [("mssql", "TOP 100 ", ""), ("oracle", "", " FETCH FIRST 100 ROWS ONLY")]
)
def test_a_page(dialect: str, top: str, fetch: str) -> None:
    """A8: the OR form, with a first term that an index can start from."""
    expected = f"SELECT {top}{ROW[dialect]} WHERE {{t}}.at <= 9 AND {BEYOND} AND (price > 0 ) {ORDER}{fetch}"
    assert sql_of(keyset(dialect).rows(WINDOW, limit=100), dialect) == expected.format(t=TABLES[dialect])


@pytest.mark.parametrize("dialect", ["mssql", "oracle"])
def test_a_lookback_page(dialect: str) -> None:
    expected = f"SELECT {ROW[dialect]} WHERE {{t}}.at >= 1 AND {WITHIN} AND (price > 0 ) {ORDER}"
    assert sql_of(keyset(dialect).rows(LOOKBACK, limit=None), dialect) == expected.format(t=TABLES[dialect])


@pytest.mark.parametrize("dialect", ["mssql", "oracle"])
def test_rows_by_key(dialect: str) -> None:
    expected = "SELECT {row} WHERE ({t}.id = 1 AND {t}.line = 'a' OR {t}.id = 2 AND {t}.line = 'b') AND (price > 0 )"
    statement = keyset(dialect).by_keys([(1, "a"), (2, "b")])
    assert sql_of(statement, dialect) == expected.format(t=TABLES[dialect], row=ROW[dialect])


@pytest.mark.parametrize(
    ("dialect", "condition"),
    [
        ("mysql", BEYOND.format(t="shop.`Order`")),
        ("postgresql", '(shop."Order".at, shop."Order".id, shop."Order".line) > (5, 7, \'x\')'),
        ("sqlite", '(shop."Order".at, shop."Order".id, shop."Order".line) > (5, 7, \'x\')'),
    ],
)
def test_row_values_are_used_where_they_use_the_index(dialect: str, condition: str) -> None:
    assert condition in sql_of(keyset(dialect).rows(WINDOW, limit=100), dialect)


@pytest.mark.parametrize(
    ("dialect", "alias"), [("mssql", "AS source"), ("oracle", "source"), ("postgresql", "AS source")]
)
def test_a_query_is_wrapped_whole(dialect: str, alias: str) -> None:
    """A49: colons stay, a comment at its end does not swallow what follows."""
    relation = Relation(subject="the query", kinds={}, query="SELECT 1 AS id, '10:30' AS line FROM x -- all")
    statement = keyset(dialect, relation).rows(WINDOW, limit=5)
    assert f"FROM (SELECT 1 AS id, '10:30' AS line FROM x -- all ) {alias} WHERE" in sql_of(statement, dialect)
    assert "-- all\n)" in str(statement.compile(dialect=DIALECTS[dialect]))


@pytest.mark.parametrize("dialect", ["mssql", "oracle"])
def test_child_rows_and_those_that_the_database_matches(dialect: str) -> None:
    """A28: one IN for a page; where the database's equality is another than ours, a join by its keys."""
    child = ChildPlan("order_lines", (("order_id", "id"),), ("line_no",), ("sku",), where="gone = 0")
    plan = ReadPlan(url="", primary_key=("id", "line"), child=child)
    lines = Relation("order_lines", dict.fromkeys(("order_id", "line_no", "sku"), "integer"), table="order_lines")
    database: Any = SimpleNamespace(dialect=dialect)
    reader = ChildReader(database, lines, plan, parent=TABLE, layout=layout_of(plan))
    assert sql_of(reader.statement([(1,), (2,)]), dialect) == (
        "SELECT order_lines.order_id, order_lines.sku FROM order_lines "
        "WHERE order_lines.order_id IN (:param_1_1, :param_1_2) AND (gone = 0 ) "
        "ORDER BY order_lines.order_id, order_lines.line_no"
    )
    alias = {"mssql": ("[Order] AS parent", "AS child"), "oracle": ('"Order" parent', "child")}[dialect]
    assert sql_of(reader.joined_statement([(1, 2)]), dialect) == (
        f"SELECT parent.id, parent.line, child.sku FROM shop.{alias[0]} JOIN (SELECT order_lines.sku AS sku, "
        "order_lines.order_id AS order_id, order_lines.line_no AS line_no FROM order_lines WHERE (gone = 0 )) "
        f"{alias[1]} ON child.order_id = parent.id WHERE parent.id = 1 AND parent.line = 2 "
        "ORDER BY parent.id, parent.line, child.line_no"
    )


@pytest.mark.parametrize("dialect", ["mssql", "oracle"])
def test_counts_and_ends(dialect: str) -> None:
    table = TABLES[dialect]
    one = keyset(dialect)
    assert sql_of(one.count(Window(after=Position(5, ()))), dialect) == (
        f"SELECT count(*) AS count_1 FROM {table} WHERE {table}.at > 5 AND (price > 0 )"
    )
    assert sql_of(one.aggregate(sa.func.max, Window()), dialect) == (
        f"SELECT max({table}.at) AS max_1 FROM {table} WHERE {table}.at IS NOT NULL AND (price > 0 )"
    )
    assert sql_of(one.null_cursors(), dialect) == (
        f"SELECT count(*) AS count_1 FROM {table} WHERE {table}.at IS NULL AND (price > 0 )"
    )


@pytest.mark.parametrize(
    ("dialect", "sql"),
    [
        ("mssql", "SELECT sysutcdatetime() AS sysutcdatetime_1"),
        ("oracle", "SELECT sys_extract_utc(SYSTIMESTAMP) AS sys_extract_utc_1 FROM DUAL"),
    ],
)
def test_the_clock(dialect: str, sql: str) -> None:
    """A5: the database's own, in UTC."""
    assert sql_of(clock_statement(dialect), dialect) == sql


def most_keys(dialect: str, *kinds: str | None) -> int:
    return KeyLookup([sa.column(f"c{n}") for n in range(len(kinds))], kinds, dialect=dialect).most_keys


def test_statements_stay_below_the_parameters_that_a_database_takes() -> None:
    assert {one: most_keys(one, "integer", "integer") for one in DIALECTS} == {
        "sqlite": 15_000,
        "postgresql": 30_000,
        "mysql": 30_000,
        "mssql": 450,
        "oracle": 450,
    }
    assert {one: most_keys(one, "text", None) for one in ("postgresql", "mysql")} == {
        "postgresql": 30_000,
        "mysql": 500,
    }

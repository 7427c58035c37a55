"""Child rows: one query a page, each child with the row that the database matched it with."""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import Any

import pytest
import sqlalchemy as sa

from etl.page import Column, Page, Window
from etl.source.children import ChildReader, TooManyChildren
from etl.source.found import weight_of
from etl.source.plan import ChildPlan
from etl.source.source import Source
from tests.source.tables import dialect_of, insert, opened, run_sql


def lines_of(page: Page) -> dict[Any, list[Any]]:
    return {page.position(index).key: [row[0] for row in rows] for index, rows in page.children.items()}


def statements(source: Source) -> list[str]:
    seen: list[str] = []
    sa.event.listen(source.parts.database.engine, "before_cursor_execute", lambda *arguments: seen.append(arguments[2]))
    return seen


@pytest.mark.parametrize("page_size", [1, 4, 100])
def test_children_come_in_order_with_one_query_a_page(database_url: str, page_size: int) -> None:
    run_sql(
        database_url,
        "CREATE TABLE t (id INTEGER PRIMARY KEY)",
        "CREATE TABLE order_lines (order_id INTEGER, no INTEGER, sku VARCHAR(9))",
    )
    insert(database_url, "t", [{"id": n} for n in range(10)])
    lines = [{"order_id": n, "no": -no, "sku": f"{n}-{no}"} for n in range(0, 10, 3) for no in range(3)]
    insert(
        database_url,
        "order_lines",
        [*lines, {"order_id": None, "no": 1, "sku": "x"}, {"order_id": 99, "no": 1, "sku": "y"}],
    )
    child = ChildPlan("order_lines", (("order_id", "id"),), ("no",), ("sku", "order_id"))
    with opened(database_url, child=child, page_size=page_size) as source:
        assert source.child_columns == (Column("sku", "text"), Column("order_id", "integer"))
        seen = statements(source)
        pages = list(source.pages(Window()))
        found = {key: rows for page in pages for key, rows in lines_of(page).items()}
        assert found == {(n,): [f"{n}-2", f"{n}-1", f"{n}-0"] for n in range(0, 10, 3)}
        assert sum("order_lines" in sql for sql in seen) == len(pages)
        assert lines_of(source.rows_by_key([(3,), (4,)])) == {(3,): ["3-2", "3-1", "3-0"]}


def test_children_may_match_other_columns_than_the_key(database_url: str) -> None:
    """Two orders may share a cart; a row whose column is NULL has no children."""
    run_sql(
        database_url,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, shop INTEGER, cart VARCHAR(9))",
        "CREATE TABLE order_lines (shop INTEGER, cart VARCHAR(9), sku VARCHAR(9), gone INTEGER)",
    )
    insert(
        database_url,
        "t",
        [
            {"id": 1, "shop": 1, "cart": "a"},
            {"id": 2, "shop": 2, "cart": "a"},
            {"id": 3, "shop": 1, "cart": "a"},
            {"id": 4, "shop": 1, "cart": None},
        ],
    )
    insert(
        database_url,
        "order_lines",
        [
            {"shop": s, "cart": c, "sku": sku, "gone": g}
            for s, c, sku, g in ((1, "a", "x", 0), (2, "a", "y", 0), (1, None, "z", 0), (1, "a", "w", 1))
        ],
    )
    child = ChildPlan("order_lines", (("shop", "shop"), ("cart", "cart")), ("sku",), ("sku",), where="gone = 0")
    with opened(database_url, child=child) as source:
        (page,) = source.pages(Window())
        assert lines_of(page) == {(1,): ["x"], (2,): ["y"], (3,): ["x"]}


def test_equality_is_the_databases(database_url: str) -> None:
    """A28: letter case under a collation, and numbers stored as text, match there; so they match here."""
    dialect = dialect_of(database_url)
    column = {
        "postgresql": "citext",
        "mysql": "VARCHAR(9) COLLATE utf8mb4_general_ci",
        "sqlite": "TEXT COLLATE NOCASE",
    }[dialect]
    if dialect == "postgresql":
        run_sql(database_url, "CREATE EXTENSION citext")
    run_sql(
        database_url,
        f"CREATE TABLE t (id INTEGER PRIMARY KEY, code {column})",
        f"CREATE TABLE order_lines (code {column}, no INTEGER, sku VARCHAR(9), gone INTEGER DEFAULT 0)",
    )
    insert(database_url, "t", [{"id": 1, "code": "abc"}, {"id": 2, "code": "DEF"}, {"id": 3, "code": "ghi"}])
    insert(
        database_url,
        "order_lines",
        [{"code": c, "no": n, "sku": f"{c}{n}"} for n, c in enumerate(["ABC", "abc", "def", "ghi"])],
    )
    run_sql(database_url, "INSERT INTO order_lines VALUES ('ABC', 9, 'gone', 1)")
    child = ChildPlan("order_lines", (("code", "code"),), ("no",), ("sku",), where="gone = 0")
    with opened(database_url, child=child) as source:
        (page,) = source.pages(Window())
        assert lines_of(page) == {(1,): ["ABC0", "abc1"], (2,): ["def2"], (3,): ["ghi3"]}


@pytest.mark.parametrize(
    ("server", "matched"), [("mariadb", ["7", "007", " 7", "7.0", "7a"]), ("sqlite", ["7", "007", " 7", "7.0"])]
)
@pytest.mark.parametrize("text_is_parent", [True, False])
def test_a_number_and_a_text_match_as_the_database_converts_them(
    server: str, matched: list[str], request: pytest.FixtureRequest, *, text_is_parent: bool
) -> None:
    """Each of the two takes a text for more than one number, so `validate` says it; PostgreSQL refuses."""
    url = request.getfixturevalue(f"{server}_url")
    texts = ["7", "007", " 7", "7.0", "7a", "8", "x"]
    of_t, of_lines = ("VARCHAR(9)", "INTEGER") if text_is_parent else ("INTEGER", "VARCHAR(9)")
    run_sql(
        url,
        f"CREATE TABLE t (id INTEGER PRIMARY KEY, code {of_t})",
        f"CREATE TABLE order_lines (code {of_lines}, no INTEGER, sku VARCHAR(9))",
    )
    numbers: list[Any] = [7, 9]
    parents, children = (texts, numbers) if text_is_parent else (numbers, texts)
    insert(url, "t", [{"id": n, "code": one} for n, one in enumerate(parents)])
    insert(url, "order_lines", [{"code": one, "no": n, "sku": f"s{one}"} for n, one in enumerate(children)])
    child = ChildPlan("order_lines", (("code", "code"),), ("no",), ("sku",))
    with opened(url, child=child) as source:
        (page,) = source.pages(Window())
        found = lines_of(page)
        warnings = [one for one in source.preflight() if one.path == "products.match"]
    if text_is_parent:
        assert found == {(n,): ["s7"] for n, one in enumerate(texts) if one in matched}
    else:
        assert found == {(0,): [f"s{one}" for one in matched]}
    assert [(one.level, "code and code" in one.message) for one in warnings] == [("warning", True)]


def test_more_parents_than_a_statement_takes_are_asked_for_in_parts(sqlite_url: str) -> None:
    run_sql(
        sqlite_url,
        "CREATE TABLE t (a INTEGER, b INTEGER, PRIMARY KEY (a, b))",
        "CREATE TABLE order_lines (x INTEGER, y INTEGER, sku INTEGER)",
    )
    insert(sqlite_url, "t", [{"a": n, "b": n} for n in range(25_000)])
    insert(sqlite_url, "order_lines", [{"x": n, "y": n, "sku": n} for n in range(25_000)])
    child = ChildPlan("order_lines", (("x", "a"), ("y", "b")), (), ("sku",))
    with opened(sqlite_url, primary_key=("a", "b"), child=child, page_size=20_000) as source:
        pages = list(source.pages(Window()))
        assert max(len(page.rows) for page in pages) > 15_000
        assert {key: rows for page in pages for key, rows in lines_of(page).items()} == {
            (n, n): [n] for n in range(25_000)
        }


def test_children_may_come_of_a_query(database_url: str) -> None:
    """Lines often have their names and SKUs in another table."""
    run_sql(
        database_url,
        "CREATE TABLE t (id INTEGER PRIMARY KEY)",
        "CREATE TABLE order_lines (order_id INTEGER, no INTEGER, article INTEGER)",
        "CREATE TABLE articles (id INTEGER PRIMARY KEY, sku VARCHAR(9))",
        "INSERT INTO t VALUES (1), (2)",
        "INSERT INTO articles VALUES (7, 'A'), (8, 'B')",
        "INSERT INTO order_lines VALUES (1, 2, 7), (1, 1, 8), (2, 1, 7)",
    )
    query = "SELECT l.order_id, l.no, a.sku FROM order_lines l JOIN articles a ON a.id = l.article"
    child = ChildPlan(None, (("order_id", "id"),), ("no",), ("sku",), where="sku <> 'x'", query=query)
    with opened(database_url, child=child) as source:
        (page,) = source.pages(Window())
        assert source.child_columns[0].name == "sku"
    assert lines_of(page) == {(1,): ["B", "A"], (2,): ["A"]}


@pytest.mark.parametrize(
    ("column", "values"), [("integer[]", ["'{1}'", "'{2,3}'"]), ("jsonb", ["'1'", """'{"a": 1}'"""])]
)
@pytest.mark.parametrize("page_size", [1, 10])
def test_lists_and_objects_match_as_the_database_compares_them(
    postgresql_url: str, column: str, values: list[str], page_size: int
) -> None:
    """Python cannot look them up: a run ended in a traceback."""
    run_sql(
        postgresql_url,
        f"CREATE TABLE t (id INTEGER PRIMARY KEY, odd {column})",
        f"CREATE TABLE order_lines (odd {column}, sku INTEGER)",
        *(f"INSERT INTO t VALUES ({n}, {value})" for n, value in enumerate([*values, values[0], "NULL"])),
        *(f"INSERT INTO order_lines VALUES ({value}, {n})" for n, value in enumerate([*values, "NULL"])),
    )
    child = ChildPlan("order_lines", (("odd", "odd"),), (), ("sku",))
    with opened(postgresql_url, child=child, page_size=page_size) as source:
        found = {key: skus for page in source.pages(Window()) for key, skus in lines_of(page).items()}
        assert found == {(0,): [0], (1,): [1], (2,): [0]}


def test_children_of_a_row_whose_key_is_no_number(postgresql_url: str) -> None:
    """They come by the key in the second query, and a NaN is unequal to itself in Python."""
    run_sql(
        postgresql_url,
        "CREATE TABLE t (id numeric PRIMARY KEY)",
        "CREATE TABLE order_lines (order_id numeric, sku INTEGER)",
        "INSERT INTO t VALUES ('NaN'), (1)",
        "INSERT INTO order_lines VALUES ('NaN', 5), (1.0, 6)",
    )
    child = ChildPlan("order_lines", (("order_id", "id"),), (), ("sku",))
    with opened(postgresql_url, child=child) as source:
        (page,) = source.pages(Window())
        assert sorted(sku for skus in lines_of(page).values() for sku in skus) == [5, 6]


@pytest.mark.parametrize(("table", "query"), [("order_lines", None), (None, "SELECT * FROM order_lines")])
def test_blanks_behind_a_text_match_a_padded_one_all_the_same(
    postgresql_url: str, table: str | None, query: str | None
) -> None:
    """One child that is equal here hid those that only the database equates."""
    run_sql(
        postgresql_url,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, code char(5))",
        "CREATE TABLE order_lines (code varchar(5), sku INTEGER)",
        "INSERT INTO t VALUES (1, 'Ab'), (2, 'cd')",
        "INSERT INTO order_lines VALUES ('Ab ', 1), ('Ab', 2), ('cd', 3)",
    )
    child = ChildPlan(table, (("code", "code"),), ("sku",), ("sku",), query=query)
    with opened(postgresql_url, child=child) as source:
        (page,) = source.pages(Window())
        assert lines_of(page) == {(1,): [1, 2], (2,): [3]}


@pytest.mark.parametrize("spelt", ["same", "other"])
def test_children_have_one_room_however_many_statements_read_them(sqlite_url: str, spelt: str) -> None:
    """Also those of keys that only the database matches, which are read twice and are in memory once."""
    run_sql(
        sqlite_url,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, cart TEXT)",
        "CREATE TABLE order_lines (cart TEXT COLLATE NOCASE, sku TEXT)",
    )
    insert(sqlite_url, "t", [{"id": n, "cart": f"c{n}"} for n in range(2)])
    insert(sqlite_url, "order_lines", [{"cart": f"{'c' if spelt == 'same' else 'C'}{n}", "sku": "x"} for n in range(2)])
    child = ChildPlan("order_lines", (("cart", "cart"),), (), ("sku",))
    with opened(sqlite_url, child=child, columns=("cart",)) as source:
        reader = source.parts.children
        assert reader is not None
        reader._matching.most_keys = 1
        rows = [tuple(row) for page in source.pages(Window()) for row in page.rows]
        one = bisect_left(range(10_000), 1, key=lambda most: fit(reader, rows[:1], most))
        both = bisect_left(range(10_000), 1, key=lambda most: fit(reader, rows, most))
    assert one == weight_of([("c0", "x")]), "the least room in which they are read"
    assert one < both <= 2 * one


def fit(reader: ChildReader, rows: list[tuple[Any, ...]], most_bytes: int) -> bool:
    try:
        reader.of(rows, most_bytes=most_bytes)
    except TooManyChildren:
        return False
    return True


@pytest.mark.parametrize("way", ["an index", "a spool", "keys", "one call"])
def test_a_row_with_more_children_than_an_event_holds_is_left_out_and_told(sqlite_url: str, way: str) -> None:
    """Its neighbours come with theirs, however the rows are read."""
    run_sql(
        sqlite_url,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, updated_at INTEGER)",
        "CREATE TABLE order_lines (order_id INTEGER, sku TEXT)",
    )
    if way == "an index":
        run_sql(sqlite_url, "CREATE INDEX t_at ON t (updated_at, id)")
    insert(sqlite_url, "t", [{"id": n, "updated_at": n} for n in range(5)])
    lines = [(0, 1), (1, 2), (2, 1200), (4, 3)]
    insert(sqlite_url, "order_lines", [{"order_id": n, "sku": f"s{at}"} for n, count in lines for at in range(count)])
    child = ChildPlan("order_lines", (("order_id", "id"),), ("sku",), ("sku",))
    with opened(sqlite_url, child=child, cursor_field="updated_at", most_child_bytes=50_000) as source:
        keys = [(n,) for n in range(5)]
        match way:
            case "keys":
                pages = list(source.pages_by_key(keys))
            case "one call":
                pages = [source.rows_by_key(keys)]
            case _:
                pages = list(source.pages(Window()))
        assert [row[0] for page in pages for row in page.rows] == [0, 1, 3, 4]
        assert {page.rows[at][0]: len(own) for page in pages for at, own in page.children.items()} == {0: 1, 1: 2, 4: 3}
        (left_out,) = (row for page in pages for row in page.unreadable)
    assert (left_out.position.key, left_out.reason) == ((2,), "event_too_large")
    said = re.fullmatch(r"an event cannot hold its rows of order_lines: they are ([\d,]+) or more", left_out.cause)
    assert said is not None
    assert 300 < int(said[1].replace(",", "")) < 1200, "not all of them were read"

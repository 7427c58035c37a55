"""Windows that no index gives in order: one statement a run, however many pages; nothing is lost or left behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import sqlalchemy as sa

from etl.page import Bound, Page, Position, Window
from etl.source.domain import find_domain
from tests.source.tables import dialect_of, insert, keys_of, opened, positions_of, rows_of, run_sql, writer

PEOPLE = 4_000
NAMED = {"columns": ("name",), "page_size": 50}
QUERY = """
    SELECT p.id, p.name, GREATEST(p.updated_at, COALESCE(MAX(o.ordered_at), p.updated_at)) AS changed,
    COUNT(o.person_id) AS orders
    FROM people p LEFT JOIN orders o ON o.person_id = p.id GROUP BY p.id, p.name, p.updated_at
"""


@pytest.fixture(params=["postgresql", "mariadb"])
def server_url(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


def make_shop(url: str, people: int = PEOPLE) -> int:
    """People with an order each; how many rows a scan of both tables examines."""
    run_sql(
        url,
        "CREATE TABLE people (id INTEGER PRIMARY KEY, name VARCHAR(20), updated_at TIMESTAMP NOT NULL)",
        "CREATE TABLE orders (person_id INTEGER, ordered_at TIMESTAMP NOT NULL)",
        "CREATE INDEX of_person ON orders (person_id)",
    )
    numbers = (
        f"SELECT n FROM generate_series(1, {people}) AS n"
        if dialect_of(url) == "postgresql"
        else f"SELECT seq AS n FROM seq_1_to_{people}"
    )
    moment = {
        "postgresql": "TIMESTAMP '2024-01-01' + (n * 7919 % 1000000) * INTERVAL '1 second'",
        "mysql": "TIMESTAMPADD(SECOND, n * 7919 % 1000000, '2024-01-01')",
    }[dialect_of(url)]
    run_sql(
        url,
        f"INSERT INTO people SELECT n, CONCAT('n', n), {moment} FROM ({numbers}) AS numbers",
        f"INSERT INTO orders SELECT n, {moment} FROM ({numbers}) AS numbers",
        "ANALYZE people" if dialect_of(url) == "postgresql" else "ANALYZE TABLE people, orders",
        *(["ANALYZE orders"] if dialect_of(url) == "postgresql" else []),
    )
    return 2 * people


def examined(url: str) -> int:
    """The rows that the server has read from the shop's tables since it began."""
    with writer(url) as connection:
        if dialect_of(url) == "postgresql":
            connection.execute(sa.text("SELECT pg_stat_force_next_flush()"))
            sql = "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_user_tables"
            return int(connection.execute(sa.text(sql)).scalar_one() or 0)
        sql = (
            "SELECT SUM(variable_value) FROM information_schema.global_status"
            " WHERE variable_name IN ('HANDLER_READ_KEY', 'HANDLER_READ_NEXT', 'HANDLER_READ_RND_NEXT')"
        )
        return int(connection.execute(sa.text(sql)).scalar_one())


@contextmanager
def counted(url: str) -> Iterator[list[int]]:
    """What was examined meanwhile, less what the looking itself costs."""
    examined(url)
    before = examined(url)
    looking = examined(url) - before
    found: list[int] = []
    before = examined(url)
    yield found
    found.append(examined(url) - before - looking)


def night(source: Any, checkpoint: Any) -> list[Page]:
    """What a run reads, with the questions that it asks before."""
    bound = source.upper_bound()
    source.check_null_cursors()
    if checkpoint is not None:
        source.check_not_backwards(checkpoint)
    return [page for window in source.windows(checkpoint, bound) for page in source.pages(window)]


def test_a_computed_cursor_costs_two_scans_a_run_however_many_pages_there_are(server_url: str) -> None:
    """A41: with keyset pages each page would join and sort everything again."""
    rows = 40_000
    make_shop(server_url, rows)
    options: dict[str, Any] = {"primary_key": ("id",), "cursor_field": "changed", "columns": ("name", "orders")}
    with counted(server_url) as scan:
        run_sql(server_url, f"SELECT MAX(changed), MIN(name) FROM ({QUERY}) AS source")
    with counted(server_url) as first, opened(server_url, query=QUERY, page_size=500, **options) as source:
        pages = night(source, None)
    assert sorted(keys_of(pages)) == [(n,) for n in range(1, rows + 1)]
    moments = [one.cursor for one in positions_of(pages)]
    assert all(one <= other for one, other in pairwise(moments))  # type: ignore[operator]
    assert len(pages) == rows // 500
    checkpoint = pages[-1].position(-1)
    with counted(server_url) as quiet, opened(server_url, query=QUERY, page_size=500, **options) as source:
        again = night(source, checkpoint)
    assert 0 < len(rows_of(again)) < 1000
    assert scan[0] >= 2 * rows
    assert first[0] <= 2.01 * scan[0]
    assert quiet[0] <= 2.01 * scan[0]


def test_a_table_without_an_index_is_read_by_key_once_its_positions_are_known(server_url: str) -> None:
    """One scan for the positions, and each row once more."""
    make_shop(server_url)
    with counted(server_url) as first, opened(server_url, table="people", cursor_field="updated_at", **NAMED) as source:
        assert source.parts.access.way == "positions"
        pages = list(source.pages(Window()))
    assert sorted(keys_of(pages)) == [(n,) for n in range(1, PEOPLE + 1)]
    assert {row[2] for row in rows_of(pages)} == {f"n{n}" for n in range(1, PEOPLE + 1)}
    assert first[0] <= 4 * PEOPLE


def test_a_row_that_moves_after_its_place_was_spooled_is_left_to_its_new_place(database_url: str) -> None:
    """A8: its new cursor must not carry the checkpoint past rows that were not read; deleted rows are passed."""
    run_sql(database_url, "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, name VARCHAR(9))")
    insert(database_url, "t", [{"id": n, "n": n // 2, "name": "old"} for n in range(20)])
    with opened(database_url, cursor_field="n", columns=("name",), page_size=3) as source:
        pages = source.pages(Window(until=9))
        first = next(pages)
        run_sql(
            database_url,
            "UPDATE t SET n = 99, name = 'moved' WHERE id = 5",
            "UPDATE t SET name = 'changed' WHERE id = 6",
            "DELETE FROM t WHERE id = 7",
        )
        rest = list(pages)
        read = [first, *rest]
        assert keys_of(read) == [(n,) for n in range(20) if n not in {5, 7}]
        assert [one.cursor for one in positions_of(read)] == [n // 2 for n in range(20) if n not in {5, 7}]
        assert {row[0]: row[2] for row in rows_of(read)}[6] == "changed"
        last = read[-1].position(-1)
        assert keys_of(source.pages(Window(after=last))) == [(5,)]


def test_a_lookback_and_the_window_above_it_are_one_statement(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_sql(database_url, "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)")
    insert(database_url, "t", [{"id": n, "n": n // 3} for n in range(30)])
    statements: list[str] = []
    with opened(database_url, cursor_field="n", lookback=2, page_size=4) as source:
        sa.event.listen(source.parts.database.engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
        windows = source.windows(Position(5, (16,)), Bound(8))
        assert len(windows) == 2
        below, above = (keys_of(source.pages(window)) for window in windows)
        assert below == [(n,) for n in range(9, 17)]
        assert above == [(n,) for n in range(17, 27)]
        assert len([one for one in statements if "ORDER BY" in one]) == 1
        # Another window than the one above is read by itself.
        list(source.pages(windows[0]))
        assert keys_of(source.pages(Window(after=Position(7, (23,)), until=8))) == [(24,), (25,), (26,)]


SHAPES: dict[str, dict[str, Any]] = {
    "positions": {},
    "rows": {"query": "SELECT id, n, name FROM t"},
}


@pytest.fixture
def month_url(database_url: str) -> str:
    """400 rows of 40 cursor values, nothing below 3 and nothing from 20 to 29."""
    run_sql(database_url, "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, name VARCHAR(9))")
    rows = [{"id": n, "n": n * 7 % 40, "name": f"n{n}"} for n in range(400)]
    insert(database_url, "t", [row for row in rows if row["n"] >= 3 and not 20 <= row["n"] < 30])
    return database_url


def listening(source: Any) -> list[str]:
    """The ordered statements of `source` from now on."""
    statements: list[str] = []

    def heard(*told: Any) -> None:
        if "ORDER BY" in told[2]:
            statements.append(told[2])

    sa.event.listen(source.parts.database.engine, "before_cursor_execute", heard)
    return statements


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("page_size", [1, 3, 7, 1000])
def test_the_windows_of_a_backfill_are_one_statement(month_url: str, shape: str, page_size: int) -> None:
    """Otherwise each of them costs a scan. Each has its own rows, whole, and no other's."""
    with opened(month_url, cursor_field="n", columns=("name",), page_size=page_size, **SHAPES[shape]) as source:
        statements = listening(source)
        windows = source.backfill_windows(0, 38, 5)
        found = [positions_of(source.pages(window)) for window in windows]
        assert len(statements) == 1
        assert [{one.cursor // 5 for one in own} for own in found] == [{0}, {1}, {2}, {3}, set(), set(), {6}, {7}]  # type: ignore[operator]
        expected = sorted((n * 7 % 40, n) for n in range(400) if 3 <= n * 7 % 40 < 38 and not 20 <= n * 7 % 40 < 30)
        assert [(one.cursor, *one.key) for own in found for one in own] == expected
        # Resumed inside the third window, behind a row.
        after = found[2][3]
        rest = [replace(windows[2], after=after), *windows[3:]]
        again = [positions_of(source.pages(window)) for window in rest]
        assert again == [found[2][4:], *found[3:]]
        assert len(statements) == 2


@pytest.mark.parametrize("shape", SHAPES)
def test_a_window_that_is_left_early_leaves_the_next_one_whole(month_url: str, shape: str) -> None:
    with opened(month_url, cursor_field="n", columns=("name",), page_size=3, **SHAPES[shape]) as source:
        statements = listening(source)
        windows = source.backfill_windows(0, 40, 10)
        whole = [keys_of(source.pages(window)) for window in windows]
        for window in windows:
            next(source.pages(window), None)
        assert keys_of(source.pages(windows[1])) == whole[1]
        left = source.pages(windows[3])
        next(left)
        kept = source.pages(windows[0])
        begun = next(kept)
        del left
        assert keys_of([begun, *kept]) == whole[0]
        # Not in their order, and none twice from one spool.
        for at in (3, 0, 0, 1, 3, 2, 1):
            assert keys_of(source.pages(windows[at])) == whole[at]
        assert len(statements) > 2


def test_more_windows_than_a_statement_tells_apart_are_several_statements(month_url: str) -> None:
    run_sql(month_url, "UPDATE t SET n = id * 3")
    with opened(month_url, cursor_field="n", columns=("name",)) as source:
        statements = listening(source)
        windows = source.backfill_windows(0, 1200, 2)
        assert sum(len(keys_of(source.pages(window))) for window in windows) == len(keys_of(source.pages(Window())))
        assert len(statements) == 3 + 1


def test_windows_of_which_one_cannot_be_read_at_once_are_read_by_themselves(postgresql_url: str) -> None:
    """One key that no driver takes would otherwise have all of them read without a spool."""
    run_sql(
        postgresql_url,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, born DATE)",
        "INSERT INTO t SELECT n, n, '2000-01-01' FROM generate_series(0, 99) AS n",
        "UPDATE t SET born = 'infinity' WHERE id = 55",
    )
    plan: dict[str, Any] = {"query": "SELECT * FROM t", "primary_key": ("id", "born"), "cursor_field": "n"}
    with opened(postgresql_url, page_size=4, **plan) as source:
        pages = [page for window in source.backfill_windows(0, 100, 10) for page in source.pages(window)]
    assert [key[0] for key in keys_of(pages)] == [n for n in range(100) if n != 55]
    assert [one.position.key[0] for page in pages for one in page.unreadable] == ["55"]


def test_a_limit_ends_the_statement_too(database_url: str) -> None:
    run_sql(database_url, "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)")
    insert(database_url, "t", [{"id": n, "n": n // 3} for n in range(30)])
    for source_of in ({}, {"query": "SELECT id, n FROM t"}):
        with opened(database_url, **source_of, cursor_field="n", page_size=4) as source:
            for limit in (1, 4, 5, 9, 30, 31):
                assert keys_of(source.pages(Window(), limit=limit)) == [(n,) for n in range(min(limit, 30))]


@pytest.mark.parametrize(
    ("cursor", "scans"),
    [
        # One that looks at all rows, one that reads them.
        ("n", 2),
        # Before them its lowest and highest value, and how its texts are spelt.
        ("at", 4),
    ],
)
def test_a_view_is_scanned_as_seldom_as_can_be(database_url: str, cursor: str, scans: int) -> None:
    """Each question of its own costs a scan: the highest cursor, NULL in cursor and key, how texts are spelt."""
    run_sql(
        database_url,
        "CREATE TABLE rows_of_t (id INTEGER PRIMARY KEY, n INTEGER, at VARCHAR(19))",
        "CREATE VIEW t AS SELECT id, n, at FROM rows_of_t",
    )
    insert(database_url, "rows_of_t", [{"id": n, "n": n // 3, "at": "2024-01-01 10:00:00"} for n in range(30)])
    statements: list[str] = []
    with opened(database_url, cursor_field=cursor, page_size=4) as source:
        # Opened again, with an ear from the beginning.
        engine = source.parts.database.engine

        def heard(*told: Any) -> None:
            sql = " ".join(told[2].split())
            if "FROM t" in sql:
                statements.append(sql)

        sa.event.listen(engine, "before_cursor_execute", heard)
        find_domain(source.parts.database, source.parts.relation, source.parts.keyset, source.parts.plan)
        bound = source.upper_bound()
        source.check_null_cursors()
        assert source.misshaped_cursors() == 0
        assert len(keys_of(page for window in source.windows(None, bound) for page in source.pages(window))) == 30
    opening = 1 if cursor == "n" and dialect_of(database_url) == "sqlite" else 0
    assert len(statements) == scans + opening, statements

"""Rows that are large, and statements that take long."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from etl.page import Page, Window
from etl.source.found import PAGE_BYTES
from etl.source.plan import ChildPlan
from tests.source.clocks import FakeClock
from tests.source.tables import dialect_of, insert, keys_of, opened, run_sql


class SlowClock(FakeClock):
    """Each look at it is half a minute later."""

    def __init__(self) -> None:
        super().__init__()
        self._seconds = 0.0

    def monotonic(self) -> float:
        self._seconds += 31.0
        return self._seconds


def test_pages_of_large_rows_hold_fewer_of_them(sqlite_url: str) -> None:
    """A42: so many bytes a page, whatever `page_size` allows; only mapped columns are read."""
    run_sql(sqlite_url, "CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT, other TEXT)")
    megabyte = "x" * 1024 * 1024
    insert(sqlite_url, "t", [{"id": number, "body": megabyte, "other": megabyte} for number in range(60)])
    with opened(sqlite_url, cursor_field="id", columns=("body",), page_size=20) as source:
        pages = list(source.pages(Window()))
    assert keys_of(pages) == [(number,) for number in range(60)]
    # Ten rows tell how large rows are.
    assert [len(page.rows) for page in pages] == [8, 7, 7, 7, 7, 7, 7, 7, 3]
    assert 8 * len(megabyte) == PAGE_BYTES
    assert [column.name for column in pages[0].columns] == ["id", "body"]


def test_wide_rows_behind_narrow_ones_are_read_one_by_one(database_url: str) -> None:
    """Sixteen rows come at a time: together with those before them they would be twice what a page may hold."""
    large = "LONGTEXT" if dialect_of(database_url) == "mysql" else "TEXT"
    run_sql(database_url, f"CREATE TABLE t (id INTEGER PRIMARY KEY, body {large})")
    sizes = [*[1] * 100, *[1024 * 1024] * 40, *[1] * 100]
    insert(database_url, "t", [{"id": number, "body": "x" * size} for number, size in enumerate(sizes)])
    with opened(database_url, cursor_field="id", columns=("body",)) as source:
        pages = list(source.pages(Window()))
    assert keys_of(pages) == [(number,) for number in range(len(sizes))]
    assert max(sum(len(row[1]) for row in page.rows) for page in pages) <= PAGE_BYTES + 1000
    assert len(pages) < 20


def test_pages_of_large_documents_hold_fewer_of_them(postgresql_url: str) -> None:
    """A42: a document's own size says nothing of what is in it."""
    run_sql(
        postgresql_url,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, document JSONB)",
        "INSERT INTO t SELECT n, jsonb_build_object('lines', repeat('x', 1048576)) FROM generate_series(1, 40) AS n",
    )
    with opened(postgresql_url, cursor_field="id", columns=("document",), page_size=20) as source:
        pages = list(source.pages(Window()))
    assert [len(page.rows) for page in pages] == [4, *[3] * 12]


def test_a_slow_statement_is_told_with_the_likely_cause(sqlite_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """A41: by a clock on which everything takes half a minute."""
    run_sql(sqlite_url, "CREATE TABLE t (id INTEGER PRIMARY KEY)", "INSERT INTO t VALUES (1)")
    with opened(sqlite_url, cursor_field="id") as source:
        list(source.pages(Window()))
    assert caplog.messages == []
    with opened(sqlite_url, SlowClock(), cursor_field="id") as source:
        list(source.pages(Window()))
    assert caplog.messages
    assert {one.partition(" place=")[0] for one in caplog.messages} == {"Statement was slow: is the cursor indexed?"}


LINE = 40_000


def orders_of_many_lines(url: str, *, indexed: bool) -> ChildPlan:
    """150 orders of a line each, then 50 of 20 lines, each line of 40,000 characters."""
    run_sql(
        url,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)",
        "CREATE TABLE order_lines (order_id INTEGER, body TEXT)",
        "CREATE INDEX lines_of ON order_lines (order_id)",
        *(["CREATE INDEX order_of_t ON t (n, id)"] if indexed else []),
    )
    insert(url, "t", [{"id": n, "n": n} for n in range(200)])
    counts = [(n, 1 if n < 150 else 20) for n in range(200)]
    insert(url, "order_lines", [{"order_id": n, "body": "x" * LINE} for n, many in counts for _ in range(many)])
    return ChildPlan("order_lines", (("order_id", "id"),), (), ("body",))


def assert_pages_fit(pages: Sequence[Page]) -> None:
    assert keys_of(pages) == [(n,) for n in range(200)]
    assert [len(page.children[at]) for page in pages for at in range(len(page.rows))] == [1] * 150 + [20] * 50
    assert max(sum(map(len, page.children.values())) for page in pages) * LINE <= PAGE_BYTES
    # They are not asked for one by one either.
    assert len(pages) < 30


@pytest.mark.parametrize("way", ["indexed", "positions", "rows"])
def test_pages_whose_rows_have_many_lines_hold_fewer_of_them(database_url: str, way: str) -> None:
    """A42: what belongs to a row takes room as well, also in the first page and where few lines came before many."""
    child = orders_of_many_lines(database_url, indexed=way == "indexed")
    plan: dict[str, Any] = {"query": "SELECT id, n FROM t"} if way == "rows" else {}
    with opened(database_url, cursor_field="n", child=child, **plan) as source:
        assert source.parts.access.way == {"indexed": "keyset"}.get(way, way)
        assert_pages_fit(list(source.pages(Window())))
    with opened(database_url, cursor_field="n", child=child, **plan) as source:
        # The first page of all.
        pages = list(source.pages(Window(start=150)))
        assert keys_of(pages) == [(n,) for n in range(150, 200)]
        assert max(sum(map(len, page.children.values())) for page in pages) * LINE <= PAGE_BYTES


def test_rows_by_their_keys_come_in_pages_as_memory_can_hold(database_url: str) -> None:
    """A retry, or a preview of many keys, holds no more at once than a run does."""
    child = orders_of_many_lines(database_url, indexed=True)
    with opened(database_url, cursor_field="n", child=child) as source:
        assert_pages_fit(list(source.pages_by_key([(n,) for n in range(250)])))


def test_pages_by_key_follow_the_size_of_rows(database_url: str) -> None:
    """A retry of wide rows asked for 500 at once, however large they were."""
    text = "MEDIUMTEXT" if dialect_of(database_url) == "mysql" else "TEXT"
    run_sql(database_url, f"CREATE TABLE t (id INTEGER PRIMARY KEY, body {text})")
    insert(database_url, "t", [{"id": n, "body": "x" * (10 if n < 900 else 250_000)} for n in range(1000)])
    with opened(database_url, columns=("body",)) as source:
        pages = list(source.pages_by_key([(n,) for n in range(1000)]))
    assert keys_of(pages) == [(n,) for n in range(1000)]
    assert max(sum(len(row[1]) for row in page.rows) for page in pages) <= PAGE_BYTES
    assert max(len(page.rows) for page in pages) > 500


def test_a_sample_is_no_larger_than_a_page(database_url: str) -> None:
    """`validate --connect` and `init` look at rows of any size."""
    child = orders_of_many_lines(database_url, indexed=True)
    with opened(database_url, cursor_field="n", child=child) as source:
        page = source.sample(200)
    assert keys_of([page])[-1] == (199,)
    assert 0 < sum(map(len, page.children.values())) * LINE <= PAGE_BYTES

"""Rows that are large, and statements that take long."""

from __future__ import annotations

import pytest

from etl.page import Window
from etl.source.pages import PAGE_BYTES
from tests.source.clocks import FakeClock
from tests.source.tables import insert, keys_of, opened, run_sql


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
    # The first page tells how large rows are.
    assert [len(page.rows) for page in pages] == [20, 15, 15, 10]
    assert 16 * len(megabyte) == PAGE_BYTES
    assert [column.name for column in pages[0].columns] == ["id", "body"]


def test_pages_of_large_documents_hold_fewer_of_them(postgresql_url: str) -> None:
    """A42: a document's own size says nothing of what is in it."""
    run_sql(
        postgresql_url,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, document JSONB)",
        "INSERT INTO t SELECT n, jsonb_build_object('lines', repeat('x', 1048576)) FROM generate_series(1, 40) AS n",
    )
    with opened(postgresql_url, cursor_field="id", columns=("document",), page_size=20) as source:
        pages = list(source.pages(Window()))
    assert [len(page.rows) for page in pages] == [20, 7, 7, 6]


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

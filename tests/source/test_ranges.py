"""Windows in ranges, for several processes: together they are the window, whatever the database thinks equal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from etl.page import Key, Position, Window
from etl.source.plan import ChildPlan
from etl.source.source import Source
from tests.source.tables import ALL, insert, keys_of, opened, run_sql
from tests.source.ties import TIES, Ties


def ranges_of(source: Source, window: Window, rows: int) -> list[Window]:
    """The ranges of `window`, found before any of them is read."""
    found: list[Window] = []
    rest: Window | None = window
    assert source.ranges is not None
    while rest is not None:
        end = source.ranges.end(rest, rows=rows)
        found.append(rest if end is None else replace(rest, upto=end, until=None))
        rest = None if end is None else replace(rest, after=end, start=None)
    return found


def read(source: Source, windows: list[Window], rows: int) -> tuple[list[Key], list[Position | None]]:
    """The keys of the rows in `windows`, and where the reading of each stopped."""
    keys: list[Key] = []
    stops = []
    assert source.ranges is not None
    for window in windows:
        done = source.ranges.read(window, rows=rows, limit=None)
        stops.append(done.reached)
        if done.page is not None:
            keys += keys_of([done.page]) + [row.position.key for row in done.page.unreadable]
    return keys, stops


@pytest.mark.parametrize("table", TIES, ids=str)
def test_ranges_of_any_length_hold_each_row_once_in_its_order(table: Ties, request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue(f"{table.server}_url")
    expected = table.make(url)
    run_sql(url, f"CREATE INDEX t_order ON t (at, {', '.join(table.key)})")
    with opened(url, cursor_field="at", primary_key=table.key) as source:
        for rows in (1, 2, 3, len(expected) - 1, len(expected), len(expected) + 1):
            ranges = ranges_of(source, ALL, rows)
            keys, stops = read(source, ranges, rows)
            assert (keys, set(stops)) == (expected, {None})
            assert len(ranges) == len(expected) // rows + 1


def test_what_changes_between_finding_and_reading_is_told_and_costs_no_row(database_url: str) -> None:
    """Of a range that grew a part comes, and where it goes on."""
    run_sql(database_url, "CREATE TABLE t (id INTEGER PRIMARY KEY, at INTEGER)", "CREATE INDEX t_at ON t (at, id)")
    insert(database_url, "t", [{"id": number * 10, "at": number} for number in range(1, 10)])
    with opened(database_url, cursor_field="at") as source:
        first, second, third, rest = ranges_of(source, ALL, 3)
        insert(database_url, "t", [{"id": number, "at": 2} for number in (21, 22, 23)])
        run_sql(database_url, "DELETE FROM t WHERE id IN (50, 60)")
        assert read(source, [first], 3) == ([(10,), (20,), (21,), (22,)], [Position(2, (22,))])
        assert source.ranges is not None
        whole = source.ranges.read(first, rows=6, limit=None)
        assert (whole.page and len(whole.page.rows), whole.reached) == (6, None)
        assert source.ranges.read(first, rows=3, limit=2).reached == Position(2, (20,))
        assert read(source, [second, third, rest], 3) == ([(40,), (70,), (80,), (90,)], [None, None, None])
        assert source.ranges.read(replace(rest, until=0), rows=3, limit=None).page is None


def test_ranges_end_also_at_rows_that_cannot_be_decoded(postgresql_url: str) -> None:
    """A45: a cursor of infinity is named by its text."""
    run_sql(
        postgresql_url,
        "CREATE TABLE t (id int PRIMARY KEY, at timestamp)",
        "CREATE INDEX t_at ON t (at)",
        "INSERT INTO t VALUES (1, '-infinity'), (2, '-infinity'), (3, '0044-03-15 BC'), (4, '2024-01-01'),"
        " (5, '2024-01-02')",
    )
    with opened(postgresql_url, cursor_field="at") as source:
        window = replace(ALL, until=source.upper_bound().until)
        for rows in (1, 2, 3, 9):
            keys, stops = read(source, ranges_of(source, window, rows), rows)
            assert (sorted(keys), set(stops)) == ([(1,), (2,), (3,), (4,), (5,)], {None})


def test_children_stay_with_their_rows_where_a_range_is_read_in_pieces(tmp_path: Path) -> None:
    """The first rows of all are few, since nothing is known of their size."""
    url = f"sqlite:///{tmp_path}/t.sqlite"
    run_sql(
        url,
        "CREATE TABLE t (id INTEGER PRIMARY KEY)",
        "CREATE TABLE line (parent INTEGER, sku TEXT)",
    )
    insert(url, "t", [{"id": number} for number in range(40)])
    insert(url, "line", [{"parent": number, "sku": f"sku-{number}"} for number in range(0, 40, 3)])
    child = ChildPlan("line", (("parent", "id"),), ("sku",), ("sku",))
    with opened(url, child=child) as source:
        assert source.ranges is not None
        done = source.ranges.read(ALL, rows=40, limit=None)
        assert done.page is not None
        assert (len(done.page.rows), done.reached) == (40, None)
        assert done.page.children == {number: [(f"sku-{number}",)] for number in range(0, 40, 3)}

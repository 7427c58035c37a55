"""Keyset pages: nothing missed, nothing twice, whatever the page size and the ties."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from etl.exact import decode, encode
from etl.page import Position, Window
from etl.source.database import Database, Rows
from tests.source.tables import DATETIME, dialect_of, insert, keys_of, opened, positions_of, rows_of, run_sql
from tests.source.ties import TIES as CURSOR_TIES
from tests.source.ties import Ties

# Five cursor values; the third is shared by eleven rows, written in an order that is not that of their keys.
TIES = [(1, 0), (9, 1), (5, 2)] + [(40 - number * 3, 3) for number in range(11)] + [(50, 4), (2, 4), (51, 5)]
START = datetime(2024, 3, 1, 12, 0, 0, 123456)  # noqa: DTZ001  # columns without zone hold naive times


def make_ties(url: str) -> list[tuple[int, int]]:
    run_sql(url, f"CREATE TABLE t (id INTEGER PRIMARY KEY, updated_at {DATETIME[dialect_of(url)]}, name VARCHAR(20))")
    rows = []
    for key, step in TIES:
        moment = START + timedelta(seconds=step)
        rows.append(
            {"id": key, "updated_at": str(moment) if dialect_of(url) == "sqlite" else moment, "name": f"n{key}"}
        )
    insert(url, "t", rows)
    return [(key,) for key, _ in sorted(TIES, key=lambda one: (one[1], one[0]))]


def index_ties(url: str) -> None:
    """So that pages come from the index, not from a spool."""
    run_sql(url, "CREATE INDEX order_of_t ON t (updated_at, id)")


def test_every_page_size_reads_every_row_once_in_order(database_url: str) -> None:
    """A8, A10, A15: page sizes from one row to beyond the tie group and the table."""
    expected = make_ties(database_url)
    for page_size in range(1, len(TIES) + 2):
        with opened(database_url, cursor_field="updated_at", columns=("name",), page_size=page_size) as source:
            pages = list(source.pages(Window()))
            assert keys_of(pages) == expected
            assert all(len(page.rows) <= page_size for page in pages)
            assert [row[2] for row in rows_of(pages)] == [f"n{key}" for (key,) in expected]


@pytest.mark.parametrize("limit", [1, 4, 5, 6, 10, 13, 17, 30])
def test_a_limit_is_so_many_rows_however_many_pages_they_are(database_url: str, limit: int) -> None:
    """`--limit`: within the first page, at its end, and two pages and a bit."""
    expected = make_ties(database_url)
    index_ties(database_url)
    with opened(database_url, cursor_field="updated_at", page_size=5) as source:
        assert keys_of(source.pages(Window(), limit=limit)) == expected[:limit]


def test_a_page_leaves_nothing_to_the_collector(database_url: str) -> None:
    """E4: what waits for it lies between the values of later pages."""
    make_ties(database_url)
    index_ties(database_url)
    with opened(database_url, cursor_field="updated_at", page_size=2) as source:
        pages = source.pages(Window())
        # The statements of a first and of a later page are compiled.
        for _ in range(3):
            next(pages)
        gc.collect()
        assert len(list(pages)) > 3
        assert gc.collect() == 0


def test_a_page_is_gone_before_the_next_is_read(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """E4: the next finds its memory in one piece."""
    make_ties(database_url)
    index_ties(database_url)
    alive: list[list[bool]] = []
    watched: list[weakref.ref[list[object]]] = []

    class WatchedRow(list[object]):
        """A row that can be watched."""

    def pieces(self: Database, statement: sa.Executable, **more: Any) -> Iterator[Rows]:
        alive.append([one() is not None for one in watched])
        for answer in driver_rows(self, statement, **more):
            rows = [WatchedRow(row) for row in answer.rows]
            watched.extend(map(weakref.ref, rows))
            yield Rows(rows, answer.shape)  # type: ignore[arg-type]  # rows of the same values
            del rows, answer

    with opened(database_url, cursor_field="updated_at", page_size=4) as source:
        driver_rows = Database.pieces
        monkeypatch.setattr(Database, "pieces", pieces)
        for page in source.pages(Window()):
            assert page.rows
            del page
    assert len(alive) == len(TIES) // 4 + 1
    assert not any(any(others) for others in alive)


def test_reading_goes_on_from_every_position_with_the_rest(database_url: str) -> None:
    """A8: a checkpoint may lie at any row, also inside a tie group."""
    expected = make_ties(database_url)
    with opened(database_url, cursor_field="updated_at", page_size=4) as source:
        for index, position in enumerate(positions_of(source.pages(Window()))):
            assert keys_of(source.pages(Window(after=position))) == expected[index + 1 :]
            assert keys_of(source.pages(Window(upto=position))) == expected[: index + 1]
            assert source.count(Window(after=position)) == len(expected) - index - 1


def test_a_run_stopped_after_any_page_and_resumed_reads_each_row_once(database_url: str) -> None:
    """A1, A8: every stop point between pages, for several page sizes."""
    expected = make_ties(database_url)
    for page_size in (1, 2, 3, 5, 7):
        with opened(database_url, cursor_field="updated_at", page_size=page_size) as source:
            pages = list(source.pages(Window()))
            for stop in range(1, len(pages)):
                read = keys_of(pages[:stop])
                after = pages[stop - 1].position(-1)
                assert read + keys_of(source.pages(Window(after=after))) == expected


@pytest.mark.parametrize("ties", CURSOR_TIES, ids=str)
def test_every_kind_of_cursor_is_paged_whole_from_every_row(ties: Ties, request: pytest.FixtureRequest) -> None:
    """A8, A20, A28: pages of one row to more than the ties, continued after each row; the order is the database's."""
    url = request.getfixturevalue(f"{ties.server}_url")
    expected = ties.make(url)
    for page_size in (1, 2, 4, 7, 12, 13, len(expected) + 1):
        with opened(url, primary_key=ties.key, cursor_field="at", page_size=page_size) as source:
            pages = list(source.pages(Window()))
            assert keys_of(pages) == expected
            if page_size not in {4, 12}:
                continue
            for stop, stored in enumerate(positions_of(pages)[:-1], 1):
                after = Position(decode(encode(stored.cursor)), tuple(decode(encode(part)) for part in stored.key))
                assert keys_of(source.pages(Window(after=after))) == expected[stop:]


def test_composite_keys_page_in_their_own_order(database_url: str) -> None:
    """A8: (cursor, a, b) with ties on cursor and a."""
    run_sql(database_url, "CREATE TABLE t (a INTEGER NOT NULL, b VARCHAR(5) NOT NULL, n INTEGER, PRIMARY KEY (a, b))")
    rows = [
        {"a": a, "b": b, "n": n}
        for n, a in ((1, 2), (1, 1), (2, 1))
        for b in ("x", "y", "z")
        if (a, b) != (1, "z") or n
    ]
    rows = [{"a": a + n * 10, "b": b, "n": 1 + n // 2} for n in range(4) for a in (1, 2) for b in ("x", "y", "z")]
    insert(database_url, "t", rows)
    expected = [(row["a"], row["b"]) for row in sorted(rows, key=lambda one: (one["n"], one["a"], one["b"]))]
    for page_size in range(1, 9):
        with opened(database_url, primary_key=("a", "b"), cursor_field="n", page_size=page_size) as source:
            pages = list(source.pages(Window()))
            assert keys_of(pages) == expected
            positions = positions_of(pages)
            assert keys_of(source.pages(Window(after=positions[7], upto=positions[15]))) == expected[8:16]
            wanted = [expected[3], expected[0], (99, "x")]
            assert keys_of([source.rows_by_key(wanted)]) == wanted[:2]
            of_row = {one.key: one.cursor for one in positions}
            assert source.cursors_by_key(wanted) == {key: of_row[key] for key in wanted[:2]}


def test_without_a_cursor_rows_come_in_the_order_of_their_keys(database_url: str) -> None:
    make_ties(database_url)
    with opened(database_url, page_size=3) as source:
        assert source.windows(None, source.upper_bound()) == [Window(moves_checkpoint=False, label="all rows")]
        positions = positions_of(source.pages(Window()))
        assert [one.key[0] for one in positions] == sorted(key for key, _ in TIES)
        assert {one.cursor for one in positions} == {None}
        assert source.cursors_by_key([positions[0].key]) == {}


def test_a_cursor_that_is_part_of_the_key_is_compared_once(database_url: str) -> None:
    run_sql(database_url, "CREATE TABLE t (id INTEGER PRIMARY KEY)")
    insert(database_url, "t", [{"id": number} for number in range(1, 8)])
    with opened(database_url, cursor_field="id", page_size=2) as source:
        assert keys_of(source.pages(Window())) == [(number,) for number in range(1, 8)]
        assert keys_of(source.pages(Window(after=Position(3, (3,)), until=6))) == [(4,), (5,), (6,)]
        assert source.cursors_by_key([(4,), (9,)]) == {(4,): 4}


@pytest.mark.parametrize("where", ["id > 5 -- those above five", "name LIKE 'n%' AND name <> ':id' AND id > 5"])
def test_the_mappings_own_condition_holds_for_every_statement(database_url: str, where: str) -> None:
    """A49, F12: `where` is SQL; colons, per cents and comments in it stay what they are."""
    expected = [key for key in make_ties(database_url) if key[0] > 5]
    with opened(database_url, cursor_field="updated_at", where=where, page_size=4) as source:
        assert keys_of(source.pages(Window())) == expected
        assert source.count(Window()) == len(expected)
        assert keys_of([source.rows_by_key([(1,), (9,)])]) == [(9,)]
        assert keys_of([source.rows_by_key([(1,), (9,)], ignore_where=True)]) == [(1,), (9,)]


def test_a_query_is_a_source_like_a_table(database_url: str) -> None:
    """A49: wrapped as a subquery, so that bound, order and page apply to its result."""
    expected = make_ties(database_url)
    query = "SELECT id, updated_at AS changed, '10:30' AS at_time, name FROM t WHERE name LIKE 'n%';\n"
    with opened(database_url, query=query, cursor_field="changed", columns=("at_time",), page_size=3) as source:
        pages = list(source.pages(Window()))
        assert keys_of(pages) == expected
        assert {row[2] for row in rows_of(pages)} == {"10:30"}
        assert source.cursor_kind == "datetime"


def test_windows_are_open_or_closed_where_they_say_so(database_url: str) -> None:
    run_sql(database_url, "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)")
    insert(database_url, "t", [{"id": number, "n": number // 2} for number in range(10)])
    with opened(database_url, cursor_field="n", page_size=3) as source:
        window = Window(start=1, until=3, until_open=True)
        assert keys_of(source.pages(window)) == [(2,), (3,), (4,), (5,)]
        assert keys_of(source.pages(replace(window, until_open=False))) == [(2,), (3,), (4,), (5,), (6,), (7,)]
        assert keys_of(source.pages(Window(after=Position(3, ())))) == [(8,), (9,)]
        assert keys_of(source.pages(Window(upto=Position(0, ())))) == [(0,), (1,)]


def test_names_that_need_quoting_are_quoted(database_url: str) -> None:
    """F12: identifiers go through the dialect's quoting only."""
    quote = "`" if dialect_of(database_url) == "mysql" else '"'
    odd = f"{quote}Order Line; DROP--{quote}"
    run_sql(database_url, f"CREATE TABLE {quote}select{quote} ({odd} INTEGER PRIMARY KEY, {quote}when{quote} INTEGER)")
    run_sql(database_url, f"INSERT INTO {quote}select{quote} VALUES (1, 10), (2, 5)")
    with opened(database_url, table="select", primary_key=("Order Line; DROP--",), cursor_field="when") as source:
        assert keys_of(source.pages(Window())) == [(2,), (1,)]

"""The places of windows without an index, for several processes: together the rows at them are the window."""

from __future__ import annotations

import pickle

import pytest

from etl.job.spread import RowsAt
from etl.page import Key, Position, Window
from etl.source import spooled
from etl.source.source import Source
from tests.source.tables import ALL, insert, keys_of, opened, run_sql
from tests.source.ties import TIES, Ties


def read(source: Source, places: list[Position]) -> tuple[list[Key], int]:
    """The keys of the rows at `places`, as another process reads them, and how often it was asked."""
    keys: list[Key] = []
    asked = 0
    assert source.places is not None
    while places:
        asked += 1
        done = source.places.read(pickle.loads(pickle.dumps(RowsAt(places))).places)
        if done.page is not None:
            keys += keys_of([done.page])
        places = [] if done.reached is None else places[places.index(done.reached) + 1 :]
    return keys, asked


def places_of(source: Source, window: Window = ALL, *, limit: int | None = None) -> list[Position]:
    assert source.places is not None
    found = source.places.of(window, limit=limit)
    assert found is not None
    return [place for some in found for place in some]


@pytest.mark.parametrize("table", TIES, ids=str)
def test_the_places_of_a_window_hold_each_row_once_in_its_order(
    table: Ties, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where some of them are proved at a time, and where they came from another process: a NaN among them."""
    url = request.getfixturevalue(f"{table.server}_url")
    expected = table.make(url)
    monkeypatch.setattr(spooled, "PLACES_AT_ONCE", 3)
    with opened(url, cursor_field="at", primary_key=table.key) as source:
        assert source.ranges is None
        assert read(source, places_of(source))[0] == expected
        assert [one.key for one in places_of(source, limit=2)] == expected[:2]
        assert places_of(source, limit=0) == []


def test_rows_too_large_for_one_answer_come_in_several(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run_sql(database_url, "CREATE TABLE t (id INTEGER PRIMARY KEY, at INTEGER, body TEXT)")
    insert(database_url, "t", [{"id": n, "at": n // 3, "body": "x" * 1000} for n in range(40)])
    monkeypatch.setattr(spooled, "PAGE_BYTES", 20_000)
    with opened(database_url, cursor_field="at", columns=("body",)) as source:
        keys, asked = read(source, places_of(source))
    assert keys == [(n,) for n in range(40)]
    assert asked > 1


def test_a_row_that_lies_elsewhere_by_then_is_left_out(database_url: str) -> None:
    """It lies above, where this run's bound or the next run finds it."""
    run_sql(database_url, "CREATE TABLE t (id INTEGER PRIMARY KEY, at INTEGER)")
    insert(database_url, "t", [{"id": n, "at": n} for n in range(9)])
    with opened(database_url, cursor_field="at") as source:
        places = places_of(source)
        run_sql(database_url, "UPDATE t SET at = 20 WHERE id = 4", "DELETE FROM t WHERE id = 7")
        assert read(source, places)[0] == [(n,) for n in (0, 1, 2, 3, 5, 6, 8)]


def test_a_row_whose_key_is_nan_is_read_too(postgresql_url: str) -> None:
    """In another process it is another NaN, which equals nothing."""
    run_sql(
        postgresql_url,
        "CREATE TABLE t (id NUMERIC PRIMARY KEY, at INTEGER)",
        "INSERT INTO t VALUES (1, 1), ('NaN', 2), (3, 3)",
    )
    with opened(postgresql_url, cursor_field="at") as source:
        assert source.places is not None
        page = source.places.read(pickle.loads(pickle.dumps(RowsAt(places_of(source)))).places).page
    assert page is not None
    assert [str(row[0]) for row in page.rows] == ["1", "NaN", "3"]

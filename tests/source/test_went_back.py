"""A table that went back to an earlier state is told from one that lost rows, before a run passes any by."""

from __future__ import annotations

from typing import Any

import pytest

from etl.errors import StateUnusable
from etl.page import Position, Window
from tests.source.tables import dialect_of, insert, opened, run_sql


def test_a_table_that_went_back_is_refused_with_advice(database_url: str) -> None:
    """A13, A35, D16: a restore would otherwise mean 0 rows and success for ever."""
    run_sql(database_url, "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)", "INSERT INTO t VALUES (1, 5)")
    with opened(database_url, cursor_field="n") as source:
        assert source.check_not_backwards(Position(5, (1,))) is None
        assert source.check_not_backwards(Position(None, ())) is None
        later = Position(6, (1,))
        with pytest.raises(StateUnusable) as error:
            source.check_not_backwards(later)
        assert error.value.message == "the highest n of t lies below the checkpoint: the table went back"
        run_sql(database_url, "DELETE FROM t")
        # An empty table has not gone back; there is nothing to miss either.
        assert source.check_not_backwards(later) is None


def test_a_clocks_table_whose_newest_rows_are_gone_goes_on(database_url: str) -> None:
    """A quiet table loses its newest row: what is written from now on lies above the checkpoint, whatever happened."""
    column = {"postgresql": "timestamp", "mysql": "DATETIME(6)", "sqlite": "TEXT"}[dialect_of(database_url)]
    run_sql(
        database_url,
        f"CREATE TABLE t (id INTEGER PRIMARY KEY, at {column})",
        "INSERT INTO t VALUES (1, '2024-01-02 00:00:00')",
    )
    with opened(database_url, cursor_field="at") as source:
        (position,) = [page.position(0) for page in source.pages(Window())]
        assert source.check_not_backwards(position) is None
        warning = source.check_not_backwards(Position(source.parse_cursor("2024-01-02T00:00:01"), (1,)))
        assert warning is not None
        assert warning.startswith("the highest at of t lies below the checkpoint: its newest rows were deleted, or ")


def table_whose_newest_is_gone(url: str) -> None:
    """Keys 1 and 2 of a sequence that has given 3 too; n is 11 and 12, and was 13."""
    column = {
        "postgresql": "serial PRIMARY KEY",
        "mysql": "INTEGER AUTO_INCREMENT PRIMARY KEY",
        "sqlite": "INTEGER PRIMARY KEY AUTOINCREMENT",
    }[dialect_of(url)]
    run_sql(url, f"CREATE TABLE t (id {column}, n INTEGER)")
    for n in (11, 12, 13):
        run_sql(url, f"INSERT INTO t (n) VALUES ({n})")
    run_sql(url, "DELETE FROM t WHERE id = 3")


@pytest.mark.parametrize("cursor", ["id", "n"])
def test_an_integer_goes_on_only_where_the_keys_sequence_shows_that_nothing_was_restored(
    database_url: str, cursor: str
) -> None:
    """The number of a deleted row is not given out again; that of a row which a restore took back is."""
    table_whose_newest_is_gone(database_url)
    own = Position({"id": 3, "n": 13}[cursor], (3,))
    with opened(database_url, cursor_field=cursor) as source:
        warning = source.check_not_backwards(own)
        assert warning is not None
        assert "the key's sequence goes on above them" in warning
        with pytest.raises(StateUnusable):
            source.check_not_backwards(Position(14, (4,)))
        with pytest.raises(StateUnusable, match="went back"):
            source.check_not_backwards(Position(14, (2,)))  # its own row is there, as it was before
        if cursor == "id":
            assert source.check_not_backwards(Position(3, ())) is not None
        else:
            with pytest.raises(StateUnusable):
                source.check_not_backwards(Position(13, ()))


@pytest.mark.parametrize("way", ["keyset", "positions"])
def test_a_restored_table_that_has_grown_past_the_checkpoint_is_refused(database_url: str, way: str) -> None:
    """A13: rows 3 and 4 were sent, then a restore took them back, and rows 1 and 2 got their cursors again and more."""
    run_sql(database_url, "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, gone INTEGER)")
    if way == "keyset":
        run_sql(database_url, "CREATE INDEX t_n ON t (n, id)")
    insert(database_url, "t", [{"id": 1, "n": 5, "gone": 0}, {"id": 2, "n": 6, "gone": 0}])

    def check(position: Position, **options: Any) -> object:
        with opened(database_url, cursor_field="n", **options) as source:
            assert source.parts.access.way == way
            source.upper_bound()
            return source.check_not_backwards(position)

    words = "the row of the checkpoint is gone from t, and every id lies below its own: the table went back"
    for cursor in (4, 5, 6):
        with pytest.raises(StateUnusable) as error:
            check(Position(cursor, (4,)))
        assert error.value.message == words
    # A checkpoint that a person moved, a row that was updated since, one of several that are left, one filtered out.
    for position in (Position(4, ()), Position(4, (2,)), Position(4, (1,))):
        assert check(position) is None
    run_sql(database_url, "INSERT INTO t VALUES (7, 8, 1)")
    assert check(Position(4, (4,)), where="gone = 0") is None


def test_keys_that_are_given_out_in_order_are_not_asked_where_the_cursor_follows_a_clock(database_url: str) -> None:
    """Whatever is written after a restore lies above the checkpoint then."""
    run_sql(database_url, "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)", "INSERT INTO t VALUES (1, 1700000000)")
    with opened(database_url, cursor_field="n", cursor_unit="epoch_seconds") as source:
        assert source.check_not_backwards(Position(1600000000, (4,))) is None


@pytest.mark.parametrize(
    ("columns", "key", "values", "position"),
    [
        ("id VARCHAR(9) PRIMARY KEY, n INTEGER", ("id",), "('b', 5)", Position(4, ("c",))),
        (
            "shop INTEGER, id INTEGER, n INTEGER, PRIMARY KEY (shop, id)",
            ("shop", "id"),
            "(1, 1, 5)",
            Position(4, (2, 1)),
        ),
        ("id INTEGER, n INTEGER", ("id",), "(1, 5)", Position(4, (2,))),
    ],
    ids=["texts", "several columns", "no index"],
)
def test_keys_that_tell_nothing_of_a_restore_let_a_run_go_on(
    database_url: str, columns: str, key: tuple[str, ...], values: str, position: Position
) -> None:
    run_sql(database_url, f"CREATE TABLE t ({columns})", f"INSERT INTO t VALUES {values}")
    with opened(database_url, cursor_field="n", primary_key=key) as source:
        assert source.check_not_backwards(position) is None


def test_a_deleted_row_whose_number_the_sequence_goes_on_above_is_no_restore(database_url: str) -> None:
    """The newest customer was the last that changed, and is gone; others changed since."""
    table_whose_newest_is_gone(database_url)
    run_sql(database_url, "UPDATE t SET n = 14 WHERE id = 1")
    with opened(database_url, cursor_field="n") as source:
        assert source.check_not_backwards(Position(13, (3,))) is None
        with pytest.raises(StateUnusable, match="every id lies below its own"):
            source.check_not_backwards(Position(13, (4,)))


def test_a_number_that_may_be_given_out_again_stops_the_run(sqlite_url: str) -> None:
    """A32: without AUTOINCREMENT the next row of SQLite gets the number of the deleted one, below the checkpoint."""
    run_sql(sqlite_url, "CREATE TABLE t (id INTEGER PRIMARY KEY)", "INSERT INTO t VALUES (1), (2)")
    run_sql(sqlite_url, "DELETE FROM t WHERE id = 2")
    with opened(sqlite_url, cursor_field="id") as source, pytest.raises(StateUnusable):
        source.check_not_backwards(Position(2, (2,)))


def test_rows_that_where_leaves_out_show_that_the_table_did_not_go_back(database_url: str) -> None:
    """A13: a row marked as deleted after it was sent is no restore."""
    run_sql(database_url, "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, gone INTEGER)")
    insert(database_url, "t", [{"id": 1, "n": 1, "gone": 0}, {"id": 2, "n": 9, "gone": 1}])
    with opened(database_url, cursor_field="n", where="gone = 0") as source:
        source.check_not_backwards(Position(9, (2,)))
        with pytest.raises(StateUnusable):
            source.check_not_backwards(Position(10, (2,)))

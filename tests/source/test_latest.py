"""A cursor of several columns: the latest that is not NULL, so that a row without an edit has a cursor too."""

from __future__ import annotations

from datetime import timedelta

import pytest

from etl.errors import SourceFailed, SourceMismatch
from etl.mapping.model import Mapping
from etl.source.plan import plan_of
from tests.source.tables import DATETIME, dialect_of, everything, insert, keys_of, opened, run_sql

LATEST = {"cursor_field": "updated_at, created_at", "cursor_columns": ("updated_at", "created_at")}


def make(url: str) -> None:
    kind = DATETIME[dialect_of(url)]
    run_sql(url, f"CREATE TABLE t (id INTEGER PRIMARY KEY, updated_at {kind}, created_at {kind})")


@pytest.mark.parametrize(
    ("written", "field", "columns"), [(["a"], "a", ()), (["a", "b"], "a, b", ("a", "b")), (None, None, ())]
)
def test_a_mapping_may_name_one_column_or_a_list(
    written: list[str] | None, field: str | None, columns: tuple[str, ...]
) -> None:
    mapping = Mapping.model_validate(
        {
            "version": 1,
            "path": "t.yaml",
            "name": "t",
            "event": "PersonUpdated",
            "fields": {"userid": "id"},
            "source": {
                "url": "sqlite:///x",
                "table": "t",
                "primary_key": "id",
                **({"cursor_field": written} if written else {}),
            },
            "destination": {"url": "https://api.example", "account": "a", "api_key": "k"},
        }
    )
    plan = plan_of(mapping, columns=(), child_columns=(), named=(), child_named=())
    assert (plan.cursor_field, plan.cursor_columns) == (field, columns)


@pytest.mark.parametrize("page_size", [1, 2, 3, 7, 100])
def test_rows_without_an_edit_are_read_by_their_creation(database_url: str, page_size: int) -> None:
    """A third of the customers was never sent, because NULL was skipped."""
    make(database_url)
    rows = [
        {
            "id": n,
            "updated_at": None if n % 3 else f"2024-01-02 00:00:0{n % 4}",
            "created_at": f"2024-01-01 0{n % 7}:00:00",
        }
        for n in range(30)
    ]
    insert(database_url, "t", rows)
    with opened(database_url, page_size=page_size, **LATEST) as source:
        source.check_null_cursors()
        assert sorted(keys_of(everything(source))) == [(n,) for n in range(30)]
        (page,) = [source.rows_by_key([(4,)])]
        assert str(page.position(0).cursor)[:19] == "2024-01-01 04:00:00"


def test_an_edit_moves_the_row_behind_the_checkpoint(database_url: str) -> None:
    make(database_url)
    insert(
        database_url, "t", [{"id": n, "updated_at": None, "created_at": f"2024-01-0{n} 00:00:00"} for n in range(1, 6)]
    )
    with opened(database_url, lookback=timedelta(0), **LATEST) as source:
        last = everything(source)[-1]
        checkpoint = last.position(len(last.rows) - 1)
        assert checkpoint.key == (5,)
        run_sql(database_url, "UPDATE t SET updated_at = '2024-02-01 00:00:00' WHERE id = 2")
        windows = source.windows(checkpoint, source.upper_bound())
        assert [key for window in windows for key in keys_of(source.pages(window))] == [(2,)]


def test_a_row_without_any_of_them_is_counted(database_url: str) -> None:
    make(database_url)
    insert(database_url, "t", [{"id": 1, "updated_at": None, "created_at": None}])
    with opened(database_url, **LATEST) as source, pytest.raises(SourceFailed, match="1 rows of t have no"):
        source.check_null_cursors()


def test_columns_of_different_types_are_refused(mariadb_url: str, postgresql_url: str) -> None:
    """MariaDB would convert the TIMESTAMP by the session's zone, so that changes fall below the checkpoint."""
    for url, one, other in (
        (mariadb_url, "TIMESTAMP NULL", "DATETIME"),
        (postgresql_url, "timestamptz", "timestamp"),
    ):
        run_sql(url, f"CREATE TABLE t (id INTEGER PRIMARY KEY, updated_at {one}, created_at {other})")
        with (
            pytest.raises(SourceMismatch, match=r"source\.cursor_field: its columns are of different types"),
            opened(url, **LATEST),
        ):
            pass


def test_a_column_of_the_list_is_read_beside_it(database_url: str) -> None:
    """A field may still use one of them."""
    make(database_url)
    insert(database_url, "t", [{"id": 1, "updated_at": None, "created_at": "2024-01-01 00:00:00"}])
    with opened(database_url, columns=("updated_at",), **LATEST) as source:
        ((row,),) = [page.rows for page in everything(source)]
        assert row[0] == 1
        assert row[2] is None


def test_a_condition_of_the_mapping_still_names_the_table(database_url: str) -> None:
    make(database_url)
    insert(database_url, "t", [{"id": n, "updated_at": None, "created_at": "2024-01-01 00:00:00"} for n in (1, 2)])
    with opened(database_url, where="t.id > 1 AND created_at IS NOT NULL", **LATEST) as source:
        assert keys_of(everything(source)) == [(2,)]


@pytest.mark.parametrize("read", [{"table": "t"}, {"query": "SELECT * FROM t"}])
def test_the_check_asks_for_the_columns_that_there_are(database_url: str, read: dict[str, str]) -> None:
    """Its statement without the condition named the list as if it were a column."""
    make(database_url)
    insert(database_url, "t", [{"id": 1, "updated_at": None, "created_at": "2024-01-01 00:00:00"}])
    with opened(database_url, where="id > 0", **read, **LATEST) as source:
        assert [one for one in source.preflight() if one.level == "error"] == []

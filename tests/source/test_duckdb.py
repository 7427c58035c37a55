"""DuckDB as a source: the file is opened for reading only, and its own types come out whole."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from etl.errors import SourceFailed, SourceMismatch
from etl.page import UNDECODABLE, Position, Window
from etl.source.fault import DatabaseFault
from etl.source.open import open_plan
from etl.source.plan import ReadLimits, ReadPlan
from tests.servers.databases import unavailable
from tests.source.clocks import FakeClock
from tests.source.tables import everything, keys_of, opened, positions_of, rows_of

COLUMNS = {
    "h": ("HUGEINT", "170141183460469231731687303715884105727", "integer", 170141183460469231731687303715884105727),
    "d": ("DECIMAL(18,4)", "12.5", "decimal", Decimal("12.5000")),
    "f": ("DOUBLE", "0.1", "number", 0.1),
    "u": ("UUID", "'f47ac10b-58cc-4372-a567-0e02b2c3d479'", "uuid", UUID("f47ac10b-58cc-4372-a567-0e02b2c3d479")),
    "e": ("ENUM('sms', 'email')", "'email'", "text", "email"),
    "l": ("VARCHAR[]", "['a', NULL, 'b']", "other", ["a", None, "b"]),
    "l3": ("INTEGER[3]", "[1, 2, 3]", "other", [1, 2, 3]),
    "s": ("STRUCT(a INTEGER)", "{'a': 1}", "json", {"a": 1}),
    "ts": ("TIMESTAMP", "'2024-02-29 10:11:12.123456'", "datetime", datetime(2024, 2, 29, 10, 11, 12, 123456)),  # noqa: DTZ001
    "tz": (
        "TIMESTAMPTZ",
        "'2024-02-29 10:11:12+03'",
        "datetime_tz",
        datetime(2024, 2, 29, 7, 11, 12, tzinfo=UTC),
    ),
    "da": ("DATE", "'2024-02-29'", "date", date(2024, 2, 29)),
    "b": ("BLOB", "'\\x00\\xff'::BLOB", "bytes", b"\x00\xff"),
    "bo": ("BOOLEAN", "true", "boolean", True),
    "tx": ("VARCHAR", "'é :x 100%'", "text", "é :x 100%"),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    if find_spec("duckdb_sqlalchemy") is None:
        unavailable("duckdb", "the package duckdb-sqlalchemy is not installed")
    return tmp_path / "shop.duckdb"


def fill(path: Path, *statements: str) -> str:
    import duckdb  # noqa: PLC0415  # an extra

    with duckdb.connect(str(path)) as connection:
        for statement in statements:
            connection.execute(statement)
    return f"duckdb:///{path}"


def test_values_and_kinds_come_out_whole(path: Path) -> None:
    declared = ", ".join(f"{name} {kind}" for name, (kind, *_) in COLUMNS.items())
    values = ", ".join(value for _, value, *_ in COLUMNS.values())
    url = fill(path, f"CREATE TABLE t (id INTEGER PRIMARY KEY, {declared})", f"INSERT INTO t VALUES (1, {values})")
    for plan in ({"table": "t"}, {"query": "SELECT * FROM t"}):
        with opened(url, columns=tuple(COLUMNS), timezone="UTC", **plan) as source:
            (row,) = rows_of(source.pages(Window()))
            found = {column.name: (column.kind, value) for column, value in zip(source.columns, row, strict=True)}
        assert found == {"id": ("integer", 1)} | {name: (kind, value) for name, (_, _, kind, value) in COLUMNS.items()}


@pytest.mark.parametrize("kind", ["TIMESTAMP", "TIMESTAMPTZ", "DATE", "INTEGER", "HUGEINT", "VARCHAR", "DECIMAL(20,3)"])
@pytest.mark.parametrize("page_size", [1, 2, 7])
def test_every_row_is_read_once_by_a_cursor_with_ties(path: Path, kind: str, page_size: int) -> None:
    value = {
        "INTEGER": "n // 4",
        "HUGEINT": "n // 4",
        "DECIMAL(20,3)": "n // 4",
        "VARCHAR": "'2024-01-01 00:00:0' || (n // 4)",
    }.get(kind, "DATE '2024-01-01' + (n // 4)::INTEGER")
    url = fill(path, f"CREATE TABLE t (id INTEGER, ch {kind})", f"INSERT INTO t SELECT n, {value} FROM range(20) r(n)")
    with opened(url, cursor_field="ch", page_size=page_size, timezone="UTC") as source:
        pages = everything(source)
        assert keys_of(pages) == [(number,) for number in range(20)]
        # From each position on the rest is read: what a checkpoint holds finds its row again.
        for number, position in enumerate(positions_of(pages)):
            rest = keys_of(source.pages(Window(after=Position(position.cursor, position.key))))
            assert rest == [(later,) for later in range(number + 1, 20)]


def test_what_would_not_compare_as_it_sorts_is_refused(path: Path) -> None:
    url = fill(
        path,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, ns TIMESTAMP_NS, e ENUM('sms', 'email'), f DOUBLE, l INTEGER[])",
        "INSERT INTO t VALUES (1, '2024-01-01 00:00:00.123456789', 'sms', 1.5, [1])",
    )
    for plan in ({"table": "t"}, {"query": "SELECT * FROM t"}):
        for name in ("ns", "e", "f", "l"):
            with pytest.raises(SourceMismatch), opened(url, cursor_field=name, **plan):
                pass
            with pytest.raises(SourceMismatch), opened(url, primary_key=(name,), **plan):
                pass


def test_a_value_that_cannot_be_converted_costs_its_field(path: Path) -> None:
    """DuckDB's driver keeps its errors elsewhere than others do: it was a traceback."""
    url = fill(path, "CREATE TABLE t (id INTEGER, code VARCHAR)", "INSERT INTO t VALUES (1, '7'), (2, 'x8'), (3, '9')")
    plan: dict[str, Any] = {"query": "SELECT id, code::INTEGER AS number FROM t", "columns": ("number",)}
    with opened(url, page_size=2, **plan) as source:
        pages = everything(source)
    assert rows_of(pages) == [(1, 7), (2, UNDECODABLE), (3, 9)]


def test_the_file_is_never_written_nor_made(path: Path) -> None:
    with pytest.raises(SourceFailed, match="no such file"), opened(f"duckdb:///{path}"):
        pass
    assert not path.exists()
    url = fill(path, "CREATE TABLE t (id INTEGER PRIMARY KEY)", "INSERT INTO t VALUES (1)")
    before = path.read_bytes()
    with opened(url) as source:
        assert source.place == url
        for sql in ("INSERT INTO t VALUES (2)", "CREATE TABLE u (id INTEGER)", "DELETE FROM t"):
            with pytest.raises(DatabaseFault):
                source.parts.database.read(sa.text(sql))
        assert keys_of(source.pages(Window())) == [(1,)]
    assert path.read_bytes() == before
    assert [one.name for one in path.parent.iterdir()] == ["shop.duckdb"]


@pytest.fixture
def writing(path: Path) -> Iterator[int]:
    """Another process that has the file open for writing."""
    fill(path, "CREATE TABLE t (id INTEGER PRIMARY KEY)")
    code = f"import duckdb, sys; c = duckdb.connect({str(path)!r}); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        yield process.pid
        assert process.stdin is not None
        process.stdin.close()


def test_the_message_of_its_lock_is_shown(path: Path, writing: int) -> None:
    clock = FakeClock()
    with pytest.raises(SourceFailed) as error:
        open_plan(ReadPlan(url=f"duckdb:///{path}", table="t", primary_key=("id",)), clock=clock, limits=ReadLimits())
    assert "Could not set lock on file: a conflicting lock is held (PID " in error.value.message
    assert f"(PID {writing})" in error.value.message
    assert error.value.hint == "let that process close the file, then run again; DuckDB locks the whole file"
    assert clock.waits == [0.5, 1.0, 2.0]


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ({"query": "SELECT id, nope FROM t"}, 'Referenced column "nope" not found'),
        ({"query": "SELECT id FROM nope"}, "Table with name nope does not exist"),
        ({"table": "nope"}, 'has no table or view "nope"'),
        ({"table": "t", "where": "status = active"}, 'Referenced column "status" not found'),
    ],
)
def test_what_is_missing_is_named(path: Path, plan: dict[str, Any], words: str) -> None:
    url = fill(path, "CREATE TABLE t (id INTEGER PRIMARY KEY)", "INSERT INTO t VALUES (1)")
    with pytest.raises(SourceMismatch) as error, opened(url, **plan) as source:
        list(source.pages(Window()))
    assert words in error.value.message


def test_a_file_of_something_else_is_refused(path: Path) -> None:
    for text in ("not a database at all" * 1000, ""):
        path.write_text(text)
        with (
            pytest.raises(SourceFailed, match="the file is not a valid DuckDB database file") as error,
            opened(f"duckdb:///{path}"),
        ):
            pass
        assert str(error.value.hint).startswith("check the path in source.url")


def test_a_column_that_a_query_gives_twice_is_named(path: Path) -> None:
    """The second one is `id_1` in a subquery, which may as well be another column's name."""
    url = fill(path, "CREATE TABLE t (id INTEGER PRIMARY KEY, id_1 INTEGER)")
    with (
        pytest.raises(SourceMismatch, match="several columns of one name: id"),
        opened(url, query="SELECT id, id FROM t"),
    ):
        pass
    with opened(url, query="SELECT id, id_1 FROM t -- both"):
        pass


def test_the_session_has_the_zone_that_the_mapping_names(path: Path) -> None:
    """What the query computes from instants depends on it."""
    url = fill(path, "CREATE TABLE t (id INTEGER PRIMARY KEY)", "INSERT INTO t VALUES (1)")
    query = "SELECT id, current_setting('TimeZone') AS zone FROM t"
    with opened(url, query=query, columns=("zone",), session_timezone="America/New_York") as source:
        assert rows_of(source.pages(Window())) == [(1, "America/New_York")]

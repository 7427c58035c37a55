"""The file that a spool is: exact, without a name, and an error before anything is read where the disk is full."""

from __future__ import annotations

import math
import re
import resource
import stat
import tracemalloc
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from etl.errors import SourceFailed
from etl.page import Bound, Position, Window
from etl.source.open import open_plan
from etl.source.plan import ReadPlan
from etl.source.spool import Spool
from tests.source.clocks import FakeClock
from tests.source.tables import dialect_of, insert, keys_of, opened, run_sql


@pytest.fixture(params=["postgresql", "mariadb"])
def server_url(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


def test_no_spool_has_a_name_or_is_left_open(database_url: str, tmp_path: Path) -> None:
    """E7: whatever becomes of the process, nothing lies there afterwards."""
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    run_sql(database_url, "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)")
    insert(database_url, "t", [{"id": n, "n": n // 3} for n in range(30)])
    plan = ReadPlan(url=database_url, table="t", primary_key=("id",), cursor_field="n", page_size=2, lookback=3)
    with open_plan(plan, clock=FakeClock(), spool_folder=folder) as source:
        pages = source.pages(source.windows(Position(5, (16,)), Bound(8))[0])
        next(pages)
        assert list(folder.iterdir()) == []
        ours = [name for name in spools_open() if name.startswith(f"{folder}/")]
        assert len(ours) == 1
        assert set(map(modes_open().get, ours)) == {0o600}
        del pages
    assert [name for name in spools_open() if name.startswith(f"{folder}/")] == []


@pytest.mark.parametrize("query", [None, "SELECT id, n, body FROM t"], ids=["table", "query"])
def test_a_disk_that_does_not_hold_the_spool_is_an_error_before_anything_is_read(
    postgresql_url: str, tmp_path: Path, query: str | None
) -> None:
    """The message says how much it would take."""
    run_sql(
        postgresql_url,
        "CREATE TABLE t (id TEXT PRIMARY KEY, n INTEGER, body TEXT)",
        "INSERT INTO t SELECT lpad(n::text, 200), n % 7, repeat('x', 100) FROM generate_series(1, 20000) AS n",
    )
    plan = ReadPlan(url=postgresql_url, table="t", primary_key=("id",), cursor_field="n", columns=("body",))
    if query is not None:
        plan = replace(plan, table=None, query=query)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with open_plan(plan, clock=FakeClock(), spool_folder=tmp_path) as source:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, before[1]))
        try:
            with pytest.raises(SourceFailed) as error:
                next(source.pages(Window()))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert re.fullmatch(rf".* is read into a file first, .*{tmp_path}.* about [4-9] MiB", error.value.message)
    assert error.value.hint is not None


def test_windows_that_the_disk_holds_one_by_one_only_are_read_so(postgresql_url: str, tmp_path: Path) -> None:
    """What the message about a full disk advises has to help."""
    run_sql(
        postgresql_url,
        "CREATE TABLE t (id TEXT, n INTEGER, body TEXT)",
        "INSERT INTO t SELECT n::text, n, repeat('x', 200) FROM generate_series(0, 19999) AS n",
    )
    plan = ReadPlan(url=postgresql_url, table="t", primary_key=("id",), cursor_field="n", columns=("body",))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with open_plan(plan, clock=FakeClock(), spool_folder=tmp_path) as source:
        windows = source.backfill_windows(0, 20_000, 2_000)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, before[1]))
        try:
            read = [key for window in windows for key in keys_of(source.pages(window))]
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert read == [(str(n),) for n in range(20_000)]
    assert [name for name in spools_open() if name.startswith(f"{tmp_path}/")] == []


def spools_open() -> list[str]:
    return list(modes_open())


def modes_open() -> dict[str, int]:
    """The mode of each open file without a name, by the name that it never had."""
    found = {}
    for link in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            name = str(link.readlink())
            if name.endswith(" (deleted)"):
                found[name] = stat.S_IMODE(link.stat().st_mode)
    return found


ODD: list[Any] = [
    (None, True, 0, -(2**70), 1.5, math.inf),
    (Decimal("1.10"), Decimal("1E+5"), Decimal("-0")),
    (
        datetime(2024, 1, 2, 3, 4, 5, 678901),  # noqa: DTZ001  # a column without zone
        datetime(2024, 1, 2, tzinfo=UTC),
        datetime(2024, 7, 1, tzinfo=ZoneInfo("Europe/Amsterdam")),
    ),
    (date(1, 1, 1), time(23, 59, 59, 999999), timedelta(days=-1, microseconds=1)),
    (b"\x00\xff", UUID(int=5), "\ud800", "", "x" * 100_000),
    ([1, [None, "a"]], {"a": {"b": [Decimal("0.1")]}}),
    (IPv4Address("10.0.0.1"), IPv4Network("10.0.0.0/8")),
]


def test_every_value_comes_back_from_a_spool_exactly_as_it_was(tmp_path: Path) -> None:
    """A20: type, digits, microseconds and zone; in pieces as they were written."""
    spool = Spool(tmp_path)
    spool.write(ODD[:3])
    spool.write(ODD[3:])
    spool.write([(memoryview(b"abc"),)])
    *pieces, (last, _) = spool.pieces()
    found = [row for rows, _ in pieces for row in rows]
    assert [[repr(value) for value in row] for row in found] == [[repr(value) for value in row] for row in ODD]
    assert [[type(value) for value in row] for row in found] == [[type(value) for value in row] for row in ODD]
    assert (type(last[0][0]), bytes(last[0][0])) == (memoryview, b"abc")
    spool.close()


def test_memory_does_not_grow_with_what_is_spooled(server_url: str) -> None:
    """E4: 300 rows of 256 KiB, ten megabytes a page at most."""
    text, numbers = {
        "postgresql": ("TEXT", "generate_series(1, 300) AS n"),
        "mysql": ("MEDIUMTEXT", "(SELECT seq AS n FROM seq_1_to_300) AS numbers"),
    }[dialect_of(server_url)]
    run_sql(
        server_url,
        f"CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, body {text})",
        f"INSERT INTO t SELECT n, n % 7, repeat('x', 262144) FROM {numbers}",
    )
    for source_of in ({}, {"query": "SELECT id, n, body FROM t"}):
        with opened(server_url, **source_of, cursor_field="n", columns=("body",)) as source:
            tracemalloc.start()
            most = 0
            for page in source.pages(Window()):
                most = max(most, sum(len(row[2]) for row in page.rows))
                del page
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert most <= 10 * 2**20
        assert peak <= 40 * 2**20


def test_a_closed_spool_has_no_file_any_more(tmp_path: Path) -> None:
    """Its room is given back then, not when the memory happens to be tidied."""
    spool = Spool(tmp_path)
    spool.write([(1,)])
    files = {path.readlink() for path in Path("/proc/self/fd").iterdir() if path.is_symlink()}
    assert any(file.is_relative_to(tmp_path) for file in files)
    spool.close()
    files = {path.readlink() for path in Path("/proc/self/fd").iterdir() if path.is_symlink()}
    assert not any(file.is_relative_to(tmp_path) for file in files)

"""A table that becomes another one: between two runs, and under a run."""

from __future__ import annotations

from typing import Any

import pytest

from etl.errors import SourceMismatch, StateUnusable
from etl.page import Position
from tests.servers.scripted_server import Recorded, ScriptedServer
from tests.source.tables import insert, run_sql

ROWS = 60


def make_table(url: str) -> None:
    run_sql(url, "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, name VARCHAR(9))")
    insert(url, "t", [{"id": number, "n": number // 4, "name": f"n{number}"} for number in range(ROWS)])


def test_a_table_that_went_back_waits_for_a_person(database_url: str, make_job: Any) -> None:
    """A13, A35: refused with exit 8 run after run; the checkpoint moved, only what differs is sent."""
    make_table(database_url)
    job = make_job(database_url, source="table: t, primary_key: id, cursor_field: n", fields="userid: name")
    assert job.run("beginning").books.sent == ROWS
    job.taken()
    # As an older backup would have it: the newest rows are gone, one is as it was before its last change.
    run_sql(database_url, "DELETE FROM t WHERE id >= 40", "UPDATE t SET name = 'older', n = 7 WHERE id = 30")
    for _ in range(2):
        outcome = job.run()
        assert isinstance(outcome.error, StateUnusable)
        assert (outcome.exit_code, outcome.books.read) == (8, 0)
    with job.state(write=True) as state:
        state.set_checkpoint("run", Position(6, ()))
    outcome = job.run()
    assert (outcome.error, job.taken()) == (None, ["older"])


@pytest.mark.parametrize(
    ("declared", "unit", "values"),
    [
        ("TEXT", "", ("'2024-01-31 08:00:00'", "'2024-01-31 09:00:00'")),
        ("DATETIME", "", ("'2024-01-31T08:00:00'", "'2024-01-31T09:00:00'")),
        ("DATETIME", ", cursor_unit: epoch_seconds", ("1706688000", "1706691600")),
        ("TEXT", ", cursor_unit: time", ("'20240131'", "'20240201'")),
        ("INTEGER", "", ("7", "8")),
    ],
)
def test_a_table_that_was_emptied_is_the_same_and_goes_on(
    tmp_path: Any, make_job: Any, declared: str, unit: str, values: tuple[str, str]
) -> None:
    """No value is left to say how the cursor is spelt; that contradicts nothing, and a guard still sees the loss."""
    url = f"sqlite:///{tmp_path}/t.sqlite"
    run_sql(url, f"CREATE TABLE t (id INTEGER PRIMARY KEY, u {declared})", f"INSERT INTO t VALUES (1, {values[0]})")
    source = f"table: t, primary_key: id, cursor_field: u{unit}"
    job = make_job(url, source=source, fields="userid: {column: id, type: text}")
    assert job.run("beginning").books.sent == 1
    run_sql(url, "DELETE FROM t")
    assert (job.run().error, job.run().error) == (None, None)
    job.sections["top"] = "guards: {max_source_drop: 20%}"
    assert job.run().exit_code == 9
    run_sql(url, f"INSERT INTO t VALUES (2, {values[1]})")
    job.sections["top"] = ""
    assert (job.run().books.sent, job.taken()[-1:]) == (1, ["2"])


def test_a_column_that_goes_under_a_run_stops_it_and_the_next_one_goes_on(database_url: str, make_job: Any) -> None:
    """A39, A38: never guessed; what was settled stays so."""
    make_table(database_url)

    def script(request: Recorded) -> None:
        if request.number == 2:
            run_sql(database_url, "ALTER TABLE t DROP COLUMN name")

    with ScriptedServer(script) as api:
        job = make_job(
            database_url,
            api,
            source="table: t, primary_key: id, cursor_field: n, page_size: 4, lookback: 0",
            fields="userid: {column: id, type: text}, firstname: name",
            destination="batch_size: 4, concurrency: 1",
        )
        outcome = job.run("beginning")
        assert isinstance(outcome.error, SourceMismatch)
        assert outcome.error.message == "the columns of t changed during the run"
        assert outcome.exit_code == 2
        assert 0 < outcome.books.sent < ROWS
        job.sections["fields"] = "userid: {column: id, type: text}"
        assert job.run().error is None
        assert sorted(map(int, job.sent())) == list(range(ROWS))

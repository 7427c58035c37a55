"""What a run leaves unread, and says so."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from etl.commands.summary import summary_text
from etl.errors import SourceFailed
from etl.job.start import RunLimits
from tests.servers.scripted_rules import unauthorized_from
from tests.servers.scripted_server import Exchange, ScriptedServer, like_squeezely
from tests.source.tables import DATETIME, dialect_of, insert, run_sql, writer


def make_table(url: str) -> None:
    """Row 1 is old, 2 a second young, 3 and 4 lie ahead of the clock, 5 has no cursor."""
    run_sql(url, f"CREATE TABLE t (id INTEGER PRIMARY KEY, at {DATETIME[dialect_of(url)]} NULL)")
    now = datetime.now(UTC).replace(tzinfo=None)
    for key, seconds in ((1, -7200), (2, -1), (3, 3600), (4, 90_000)):
        at = now + timedelta(seconds=seconds)
        insert(url, "t", [{"id": key, "at": str(at) if dialect_of(url) == "sqlite" else at}])
    insert(url, "t", [{"id": 5, "at": None}])


def test_rows_that_stay_unread_are_counted_by_their_reason(database_url: str, make_job: Any) -> None:
    """A11, A14: held until they are old enough; ahead of the clock, apart; without a cursor, apart. A dry run alike."""
    make_table(database_url)
    source = "table: t, primary_key: id, cursor_field: at, timezone: UTC, settle: 60s, on_null_cursor: skip"
    job = make_job(database_url, source=source)
    for outcome in (job.forecast("beginning"), job.run("beginning"), job.run(), job.forecast()):
        books = outcome.books
        assert books.held == 3
        assert books.reasons == {"null_cursor": 1, "future_cursor": 2}
        assert outcome.exit_code == 0
        text = summary_text(outcome, [], begins="")
        for line in ("held", "null_cursor", "future_cursor"):
            assert sum(one.split()[:1] == [line] for one in text.splitlines()) == 1, text
    assert job.sent() == ["1"]


def test_rows_without_a_cursor_stop_the_run_unless_the_mapping_knows_of_them(database_url: str, make_job: Any) -> None:
    """A11: also the dry run, which is the whole run but the sending."""
    make_table(database_url)
    job = make_job(database_url)
    with pytest.raises(SourceFailed, match="1 rows of t have no at"):
        job.forecast("beginning")
    outcome = job.run("beginning")
    assert isinstance(outcome.error, SourceFailed)
    assert (outcome.exit_code, job.sent()) == (4, [])


IDLE = {
    "postgresql": "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'squeezely-etl' "
    "AND datname = current_database() AND (state <> 'idle' OR backend_xmin IS NOT NULL)",
    "mysql": "SELECT count(*) FROM information_schema.innodb_trx JOIN information_schema.processlist p "
    "ON p.id = trx_mysql_thread_id WHERE p.db = database() AND p.id <> connection_id()",
}


def test_no_transaction_is_open_while_an_event_is_on_its_way(database_url: str, make_job: Any) -> None:
    """A36: seen from beside the session, in the middle of a request; the table can be changed meanwhile."""
    make_table(database_url)
    seen: list[Any] = []

    def look(exchange: Exchange) -> None:
        with writer(database_url) as connection:
            # MariaDB shows the transactions as the run itself saw them, until a tenth of a second has gone by.
            time.sleep(0.15)
            if dialect_of(database_url) != "sqlite":
                seen.append(connection.execute(sa.text(IDLE[dialect_of(database_url)])).scalar_one())
            connection.exec_driver_sql("ALTER TABLE t ADD COLUMN added INTEGER")
        like_squeezely(exchange)

    with ScriptedServer([look]) as api:
        source = "table: t, primary_key: id, cursor_field: at, timezone: UTC, settle: 0s, on_null_cursor: skip"
        outcome = make_job(database_url, api, source=source).run("beginning")
    assert (outcome.error, outcome.books.sent) == (None, 2)
    assert seen == ([] if dialect_of(database_url) == "sqlite" else [0])


@pytest.mark.parametrize("stopped", [False, True])
def test_a_run_that_starts_from_a_value_never_sends_what_lies_below(
    database_url: str, make_job: Any, *, stopped: bool
) -> None:
    """Not when nothing was there yet, not after a stop before the first event, and not by lookback."""
    column = DATETIME[dialect_of(database_url)]
    run_sql(database_url, f"CREATE TABLE t (id INTEGER PRIMARY KEY, at {column})")
    run_sql(database_url, *(f"INSERT INTO t VALUES ({n}, '2024-01-01 11:{n}:00')" for n in range(10, 20)))
    job = make_job(database_url)
    if stopped:
        run_sql(database_url, "INSERT INTO t VALUES (30, '2024-01-01 12:00:00')")
        with ScriptedServer(unauthorized_from(1)) as api:
            outcome = make_job(database_url, api).run("2024-01-01T12:00:00")
            assert (outcome.exit_code, outcome.books.sent) == (5, 0)
    else:
        assert job.run("2024-01-01T12:00:00").books.read == 0
        assert job.run().books.read == 0
        run_sql(database_url, "INSERT INTO t VALUES (30, '2024-01-01 12:00:00')")
    assert job.run().books.sent == 1
    run_sql(database_url, "INSERT INTO t VALUES (31, '2024-01-01 12:20:00')")
    run_sql(database_url, "INSERT INTO t VALUES (32, '2024-01-01 12:00:00')")
    assert job.run().books.sent == 2
    assert sorted(job.taken()) == ["30", "31", "32"]
    assert job.run("beginning", move_checkpoint=True).books.sent == 10
    # The beginning was asked for: lookback reads the rows of the hour before, too.
    run_sql(database_url, "UPDATE t SET id = 29, at = '2024-01-01 11:40:00' WHERE id = 19")
    assert job.run().books.sent == 1


@pytest.mark.parametrize("resend", ["changed", "always"])
def test_a_limit_holds_where_no_row_moves_a_checkpoint(sqlite_url: str, make_job: Any, resend: str) -> None:
    """Without a cursor a trial run of three rows sends three; the next run begins with the first row again."""
    run_sql(sqlite_url, "CREATE TABLE t (id INTEGER PRIMARY KEY)")
    insert(sqlite_url, "t", [{"id": key} for key in range(12)])
    job = make_job(sqlite_url, source="table: t, primary_key: id", top=f"resend: {resend}")
    limits = RunLimits(rows=3)
    assert job.forecast("beginning", limits=limits).books.read == 3
    trial = job.run("beginning", limits=limits)
    assert (trial.partial, trial.books.read, trial.books.sent) == ("limit", 3, 3)
    rest = job.run()
    assert (rest.partial, rest.books.read, rest.books.sent) == (None, 12, 9 if resend == "changed" else 12)

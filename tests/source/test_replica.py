"""A real streaming standby as the source: it shows the past, and it may cancel what stands in the way of replay."""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from etl.page import Bound, Position
from etl.source.source import Source
from tests.servers.databases import Server, replicated_postgresql, stop
from tests.source.clocks import FakeClock
from tests.source.tables import keys_of, opened, run_sql, writer

SETTLE = timedelta(milliseconds=300)
NO_LOOKBACK: dict[str, Any] = {"cursor_field": "at", "settle": SETTLE, "lookback": timedelta(0)}


@pytest.fixture(scope="module")
def servers(servers_folder: Path) -> Iterator[tuple[Server, Server]]:
    with replicated_postgresql(servers_folder / f"replicated-{uuid.uuid4().hex}") as both:
        yield both


def value(url: str, sql: str) -> Any:
    with writer(url) as connection:
        return connection.execute(sa.text(sql)).scalar_one()


def wait_for(url: str, sql: str) -> None:
    for _ in range(6_000):
        if value(url, sql):
            return
        time.sleep(0.01)
    raise AssertionError(f"never true: {sql}")


def pause_replay(standby: str) -> None:
    run_sql(standby, "SELECT pg_wal_replay_pause()")
    wait_for(standby, "SELECT pg_get_wal_replay_pause_state() = 'paused'")


def replayed(primary: str, standby: str) -> None:
    """Wait until the standby shows all that the primary has."""
    wait_for(standby, f"SELECT pg_last_wal_replay_lsn() >= '{value(primary, 'SELECT pg_current_wal_insert_lsn()')}'")


def make_table(primary: str, standby: str) -> None:
    # Also after a test that failed in the middle.
    run_sql(standby, "SELECT pg_wal_replay_resume()", "ALTER SYSTEM RESET recovery_min_apply_delay")
    run_sql(standby, "SELECT pg_reload_conf()")
    run_sql(primary, "DROP TABLE IF EXISTS t", "CREATE TABLE t (id integer PRIMARY KEY, at timestamptz NOT NULL)")
    replayed(primary, standby)


def test_the_bound_is_behind_what_the_standby_has_replayed(servers: tuple[Server, Server]) -> None:
    """A33: while replay stands still, its clock would promise rows that it does not show."""
    primary, standby = (one.url for one in servers)
    make_table(primary, standby)
    run_sql(primary, "INSERT INTO t VALUES (1, clock_timestamp())")
    replayed(primary, standby)
    with opened(standby, **NO_LOOKBACK) as source:
        while (bound := source.upper_bound()).held:
            time.sleep(0.05)
        assert keys_of(source.pages(*source.windows(None, bound))) == [(1,)]
        shown = value(standby, "SELECT pg_last_xact_replay_timestamp()")
        pause_replay(standby)
        run_sql(primary, "INSERT INTO t VALUES (2, clock_timestamp())")
        wait_for(standby, "SELECT pg_last_wal_receive_lsn() > pg_last_wal_replay_lsn()")
        time.sleep(1)  # the clock of the primary goes on, and the bound must not
        assert source.upper_bound().until == shown - SETTLE
        run_sql(standby, "SELECT pg_wal_replay_resume()")
        replayed(primary, standby)
        # All that came is shown: the clock counts again.
        assert source.now() > datetime.now(UTC) - timedelta(seconds=30)
        assert source.now() > shown + timedelta(seconds=1)


def test_nothing_is_missed_on_a_standby_that_lags_behind(servers: tuple[Server, Server]) -> None:
    """A33, A5: eight writers on the primary, a reader without lookback on a standby that is half a second behind."""
    primary, standby = (one.url for one in servers)
    make_table(primary, standby)
    run_sql(standby, "ALTER SYSTEM SET recovery_min_apply_delay = '500ms'", "SELECT pg_reload_conf()")

    def write(number: int) -> None:
        chance = random.Random(number)
        with sa.create_engine(primary, poolclass=sa.NullPool).connect() as connection:
            for turn in range(12):
                connection.exec_driver_sql(f"INSERT INTO t VALUES ({number * 100 + turn}, clock_timestamp())")
                time.sleep(chance.uniform(0, 0.2))
                connection.commit()

    writers = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for one in writers:
        one.start()
    keys: list[Any] = []
    checkpoint: Position | None = None
    with opened(standby, **NO_LOOKBACK) as source:
        while any(one.is_alive() for one in writers):
            checkpoint = read(source, source.upper_bound(), checkpoint, keys)
        replayed(primary, standby)
        while (bound := source.upper_bound()).held:
            time.sleep(0.02)
        read(source, bound, checkpoint, keys)
    assert sorted(keys) == [(number * 100 + turn,) for number in range(8) for turn in range(12)]


def read(source: Source, bound: Bound, checkpoint: Position | None, keys: list[Any]) -> Position | None:
    for window in source.windows(checkpoint, bound):
        for page in source.pages(window):
            keys += keys_of([page])
            checkpoint = page.position(-1)
    return checkpoint


def test_a_page_that_the_standby_cancels_is_read_again(servers: tuple[Server, Server]) -> None:
    """A34: a conflict with recovery; the page comes again, smaller, and whole."""
    primary, standby = (one.url for one in servers)
    make_table(primary, standby)
    run_sql(primary, "INSERT INTO t SELECT i, '2024-01-01' FROM generate_series(1, 8) i")
    replayed(primary, standby)
    clock = FakeClock()
    query = "SELECT id, at, pg_sleep(CASE WHEN id = 8 THEN 1 ELSE 0 END)::text AS slept FROM t"
    with opened(standby, clock, query=query, cursor_field="at", columns=("slept",)) as source:
        read_keys: list[Any] = []
        bound = source.upper_bound()
        reader = threading.Thread(target=read, args=(source, bound, None, read_keys))
        reader.start()
        wait_for(standby, "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep')")
        run_sql(primary, "ALTER TABLE t ADD COLUMN added integer")
        reader.join(60)
        assert read_keys == [(number,) for number in range(1, 9)]
        assert len(clock.waits) == 1
    assert value(standby, "SELECT confl_lock FROM pg_stat_database_conflicts WHERE datname = 'postgres'") >= 1


def test_a_standby_that_is_behind_the_checkpoint_is_told(servers: tuple[Server, Server]) -> None:
    """A35, A13: a failover to an older replica would otherwise mean nothing new, and success, for long."""
    primary, standby = (one.url for one in servers)
    make_table(primary, standby)
    run_sql(primary, "INSERT INTO t VALUES (1, '2024-01-01')")
    replayed(primary, standby)
    pause_replay(standby)
    run_sql(primary, "INSERT INTO t VALUES (2, '2024-01-02')")
    with opened(primary, **NO_LOOKBACK) as source:
        (window,) = source.windows(None, source.upper_bound())
        checkpoint = list(source.pages(window))[-1].position(-1)
    with opened(standby, **NO_LOOKBACK) as source:
        assert "lies below the checkpoint" in str(source.check_not_backwards(checkpoint))
        run_sql(standby, "SELECT pg_wal_replay_resume()")
        replayed(primary, standby)
        assert source.check_not_backwards(checkpoint) is None


def test_a_standby_that_lost_its_primary_shows_the_past(servers: tuple[Server, Server]) -> None:
    """A33: nothing more comes, so all that came is replayed; that does not make it the present."""
    primary, standby = (one.url for one in servers)
    make_table(primary, standby)
    run_sql(primary, "INSERT INTO t VALUES (1, clock_timestamp())")
    replayed(primary, standby)
    shown = value(standby, "SELECT pg_last_xact_replay_timestamp()")
    stop(servers[0])
    wait_for(standby, "SELECT NOT EXISTS (SELECT FROM pg_stat_wal_receiver)")
    with opened(standby, **NO_LOOKBACK) as source:
        assert source.now() == shown
        assert source.upper_bound().until == shown - SETTLE

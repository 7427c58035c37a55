"""A state on a PostgreSQL server that crashes, or that took over from another: what it forgot counts for nothing."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
import sqlalchemy as sa

from etl.event.event import Event
from etl.state.mapping_state import MappingState
from etl.state.store import open_state
from tests.servers.databases import own_server, replicated_postgresql, stop
from tests.source.tables import run_sql
from tests.state.filling import SteppingClock, compared, event, settled

UNCHANGED, CHANGED, UNKNOWN = ([True], [False]), ([False], [True]), ([False], [False])


def accept_the_first(state: MappingState) -> Event:
    """Row 1 is accepted as A."""
    run_no = state.start_run(run_id="r1", command="run", before=None)
    first = event(state, 1, content=b"A", stamp=state.next_stamp())
    state.settle(settled([first], upto=1), track="run", run_no=run_no)
    return first


def test_a_doubt_outlives_a_crash_of_a_server_that_does_not_wait_for_its_disk(servers_folder: Path) -> None:
    """With synchronous_commit = off it forgets its last seconds: the event has left, and the row changes back."""
    clock = SteppingClock()
    lazy = {"synchronous_commit": "off", "wal_writer_delay": "10s"}
    with own_server("postgresql", servers_folder / f"own-{uuid.uuid4().hex}", **lazy) as server:
        with open_state(server.url, clock=clock, write=True) as store:
            state = store.mapping("customers")
            first = accept_the_first(state)
            run_sql(server.url, "CHECKPOINT")
            state.start_run(run_id="r2", command="run", before=None)
            state.doubt([first.ledger_key], stamp=state.next_stamp())
            server.stop()
        server.start()
        with open_state(server.url, clock=clock, write=True) as store:
            state = store.mapping("customers")
            state.start_run(run_id="r3", command="run", before=None)
            assert compared(state, [first]) == CHANGED


@pytest.mark.parametrize(("chosen", "kept"), [("off", "local"), ("local", "local"), ("remote_apply", "remote_apply")])
def test_only_a_server_that_waits_for_nothing_is_told_to_wait(postgresql_url: str, chosen: str, kept: str) -> None:
    """Whether a standby has to have it too is the administrator's choice."""
    url = sa.make_url(postgresql_url).update_query_dict({"options": f"-csynchronous_commit={chosen}"})
    location = url.render_as_string(hide_password=False)
    with (
        open_state(location, clock=SteppingClock(), write=True) as store,
        store._database.transaction() as transaction,
    ):
        assert transaction.rows("SHOW synchronous_commit") == [(kept,)]


def test_a_server_that_has_just_taken_over_is_noticed_before_its_first_checkpoint(
    servers_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What its primary recorded last may not have come to it, and the checkpoint takes minutes."""
    clock = SteppingClock()
    with replicated_postgresql(servers_folder / f"own-{uuid.uuid4().hex}") as (primary, standby):
        with open_state(primary.url, clock=clock, write=True) as store:
            first = accept_the_first(store.mapping("customers"))
        # So much that the checkpoint at the end of the recovery is spread over minutes.
        run_sql(
            primary.url, "CREATE TABLE large AS SELECT n, repeat('x', 500) AS words FROM generate_series(1, 60000) n"
        )
        await_replay(primary.url, standby.url)
        stop(primary)
        run_sql(standby.url, "SELECT pg_promote()")
        with open_state(standby.url, clock=clock, write=True) as store:
            assert compared(store.mapping("customers"), [first]) == UNKNOWN
        assert [message.split(":")[0] for message in caplog.messages] == [
            "The state was restored or its server replaced"
        ]
        run_sql(standby.url, "CHECKPOINT")
        with open_state(standby.url, clock=clock, write=True):
            pass
        assert len(caplog.messages) == 1, "the checkpoint is no news"


def await_replay(primary_url: str, standby_url: str) -> None:
    """Wait until the standby has all that the primary wrote."""
    engines = [sa.create_engine(url, poolclass=sa.NullPool) for url in (primary_url, standby_url)]
    with engines[0].connect() as primary, engines[1].connect() as standby:
        written = primary.exec_driver_sql("SELECT pg_current_wal_lsn()::text").scalar_one()
        for _ in range(600):
            sql = f"SELECT pg_last_wal_replay_lsn() >= '{written}', pg_sleep(0.05)"
            if standby.exec_driver_sql(sql).scalar_one():
                return
    raise AssertionError("the standby does not follow")

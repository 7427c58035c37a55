"""A state on a PostgreSQL server that went through a backup."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import sqlalchemy as sa

from etl.state.store import open_state
from tests.servers.databases import postgresql_program
from tests.source.tables import run_sql
from tests.state.filling import SteppingClock, digests_of, event, settled


def dump(url: str, path: Path) -> None:
    plain = sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    subprocess.run([postgresql_program("pg_dump"), "-Fc", "-f", str(path), plain], check=True)


def restore(url: str, path: Path) -> None:
    plain = sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    run_sql(url, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    subprocess.run([postgresql_program("pg_restore"), "--no-owner", "-d", plain, str(path)], check=True)


def test_a_restored_state_is_sure_of_nothing_that_it_holds(
    postgresql_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What was sent since the dump is not known: a row that went there and back must not count as unchanged."""
    clock = SteppingClock()
    with open_state(postgresql_url, clock=clock, write=True) as store:
        state = store.mapping("customers")
        one = event(state, 1)
        state.settle(
            settled([one], upto=1), track="run", run_no=state.start_run(run_id="r1", command="run", before=None)
        )
    dump(postgresql_url, tmp_path / "dump")
    with open_state(postgresql_url, clock=clock, write=True) as store:
        assert store.mapping("customers").compare([one.ledger_key], [one.digest]) == ([True], [False])
    assert caplog.messages == []
    restore(postgresql_url, tmp_path / "dump")
    with open_state(postgresql_url, clock=clock, write=True) as store:
        state = store.mapping("customers")
        assert state.compare([one.ledger_key], [one.digest]) == ([False], [False])
        again = event(state, 1, stamp=state.next_stamp())
        state.settle(
            settled([again], upto=1), track="run", run_no=state.start_run(run_id="r2", command="run", before=None)
        )
    assert [message.split(":")[0] for message in caplog.messages] == ["The state was restored or its server replaced"]
    with open_state(postgresql_url, clock=clock, write=True) as store:
        # Once is enough.
        assert store.mapping("customers").compare([one.ledger_key], [one.digest]) == ([True], [False])
        assert digests_of(store.mapping("customers"), [one.ledger_key]) == {one.ledger_key: one.digest}

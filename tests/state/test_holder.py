"""What a lock tells of its holder: for people only, the kernel decides."""

from __future__ import annotations

import fcntl
import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from etl.errors import MappingLocked
from etl.state.lock import lock_path
from etl.state.store import open_state
from tests.state.filling import NOON, SteppingClock


def test_a_holder_on_another_host_is_named_with_a_warning(path: Path, clock: SteppingClock) -> None:
    """D8: the state lies on a network file system, for which locks of files are not made."""
    with open_state(str(path), clock=clock, write=True) as store:
        file = lock_path(path, "customers", "run")
        file.parent.mkdir(mode=0o700, exist_ok=True)
        file.write_text(json.dumps({"pid": 4711, "host": "another", "since": NOON.isoformat()}))
        file.chmod(0o600)
        with file.open("rb") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            with pytest.raises(MappingLocked) as caught, store.mapping("customers").lock("run"):
                pass
    assert caught.value.message == (
        "customers is already at work: process 4711 on another (another host: locks of files are made for one host), "
        "since 2026-05-04T12:00:00+00:00"
    )


def test_a_server_locks_for_all_hosts(postgresql_url: str, clock: SteppingClock) -> None:
    """D8: so there is nothing to warn of."""
    with open_state(postgresql_url, clock=clock, write=True) as store, store.mapping("customers").lock("run"):
        engine = sa.create_engine(postgresql_url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as connection:
            connection.exec_driver_sql("UPDATE etl_holder SET host = 'another', pid = 4711")
        with open_state(postgresql_url, clock=clock, write=True) as second, pytest.raises(MappingLocked) as caught:
            second.mapping("customers").lock("run").__enter__()
    assert caught.value.message == (
        "customers is already at work: process 4711 on another, since 2026-05-04T12:00:00+00:00"
    )


def test_a_lock_that_is_given_back_takes_no_other_mappings_name(postgresql_url: str, clock: SteppingClock) -> None:
    with open_state(postgresql_url, clock=clock, write=True) as store, store.mapping("orders").lock("run"):
        with store.mapping("customers").lock("run"):
            pass
        engine = sa.create_engine(postgresql_url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as connection:
            found = connection.exec_driver_sql("SELECT count(*) FROM etl_holder").scalar_one()
    assert found == 1

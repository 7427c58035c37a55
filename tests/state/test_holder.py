"""What a lock tells of its holder: for people only, the kernel decides."""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from etl.errors import MappingLocked, StateUnusable
from etl.state.lock import _TRIES_AFTER_SECONDS, Holder, _may_live, host_name, lock_path, named_holder
from etl.state.store import StateStore, open_state, state_exists
from etl.state.trouble import explain
from tests.state.filling import NOON, SteppingClock, letter


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


def test_the_note_beside_the_state_tells_the_newest_stamp_of_a_run(path: Path, clock: SteppingClock) -> None:
    """A state that is restored while the run lies dead shows by it that it never gave the stamp."""
    with open_state(str(path), clock=clock, write=True) as store:
        state = store.mapping("customers")
        with state.lock("run"):
            state.start_run(run_id="r1", command="run", before=None)
            for _ in range(2):
                stamp = state.next_stamp()
                noted = state.locks.noted_run()
                assert noted is not None
                assert noted.stamp == stamp


def test_mappings_are_named_in_order(store: StateStore) -> None:
    for name in ("b", "c", "a"):
        store.mapping(name).bury([letter((1,))])
    assert store.names() == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (None, ("NoneType", "check that the server can be reached and that the URL is right")),
        (OSError(13, "Permission denied"), ("Permission denied", "check the path, its owner and its permissions")),
    ],
)
def test_what_is_not_known_better_is_told_with_what_to_check(error: Exception | None, told: tuple[str, str]) -> None:
    assert explain(error) == told


def test_looking_whether_a_holder_lives_does_it_no_harm() -> None:
    """SIGHUP would end it."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert _may_live(Holder(process.pid, host_name(), NOON))
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.2)
        process.communicate(b"\n", timeout=30)
    assert process.returncode == 0
    assert not _may_live(Holder(process.pid, host_name(), NOON))


class CountingClock(SteppingClock):
    """Waits at once, and remembers how long."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        return False


def test_a_lock_is_tried_again_after_a_moment_each_time(path: Path) -> None:
    """So that one that is only looked at, or given back just now, is no refusal."""
    clock = CountingClock()
    with open_state(str(path), clock=clock, write=True) as store:
        lock = store.mapping("people").lock("run")
        with lock:
            pass
        (file,) = path.parent.rglob("*-run.lock")
        with file.open() as other:
            fcntl.flock(other, fcntl.LOCK_EX)
            with pytest.raises(MappingLocked), lock:
                pass
    tries = [seconds for seconds in _TRIES_AFTER_SECONDS if seconds]
    assert clock.waits[: len(tries)] == tries


@pytest.mark.parametrize("named_at", range(4))
def test_the_holder_is_asked_for_until_one_that_may_live_is_named(named_at: int) -> None:
    clock, asked = CountingClock(), []

    def read() -> Holder | None:
        asked.append(len(asked))
        return Holder(1, "another host", NOON) if len(asked) > named_at else None

    assert named_holder(read, clock) == Holder(1, "another host", NOON)
    assert (len(asked), len(clock.waits)) == (named_at + 1, named_at)


def test_a_state_is_made_once(location: str) -> None:
    """What was made just now holds nothing yet, so that `retry` and `forget` ask whether it is the right one."""
    with open_state(location, clock=SteppingClock(), write=True) as first:
        assert first.made
    with open_state(location, clock=SteppingClock(), write=True) as again:
        assert not again.made


def test_a_server_that_keeps_no_state_is_told() -> None:
    with pytest.raises(StateUnusable, match="the state cannot be kept in mysql"):
        open_state("mysql://host/shop", clock=SteppingClock(), write=True)


def test_a_state_is_there_where_its_file_is(path: Path) -> None:
    assert not state_exists(str(path))
    with open_state(str(path), clock=SteppingClock(), write=True):
        pass
    assert state_exists(str(path))
    assert state_exists("postgresql://host/db"), "of a server that is not known"

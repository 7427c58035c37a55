"""The state is moved or removed while a run is at work: no end that says that all is recorded."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from signal import SIGKILL
from typing import Any

import pytest
import sqlalchemy as sa

from tests.e2e.test_stopped_in_the_middle import FAST, SLOW, wait_for


def removed(desk: Any) -> None:
    desk.state.unlink()


def replaced_by_a_backup(desk: Any) -> None:
    (desk.folder / "backup").replace(desk.state)


def moved(desk: Any) -> None:
    desk.state.parent.rename(desk.folder / "elsewhere")


def locks_removed(desk: Any) -> None:
    desk.state.with_name("state.sqlite.lock.d").rename(desk.folder / "old locks")


@pytest.mark.parametrize(
    ("take_away", "words"),
    [
        (removed, "was removed or replaced while it was in use"),
        (replaced_by_a_backup, "was removed or replaced while it was in use"),
        # Its lock moved along with it, and which of the two is looked at first is chance.
        (moved, "was removed"),
        # Missed by the look at what is held, or by the next lock that is taken: chance too.
        (locks_removed, "state.sqlite.lock.d"),
    ],
)
def test_a_run_whose_state_was_taken_away_does_not_end_well(
    desk: Any, take_away: Callable[[Any], None], words: str
) -> None:
    """What it wrote went into a file without a name, or another run may have begun beside it."""
    desk.fill(300)
    desk.mapping.write_text(desk.mapping.read_text().replace("page_size: 500", "page_size: 20"))
    assert desk.run("--start-from", "beginning").code == 0
    shutil.copyfile(desk.state, desk.folder / "backup")
    desk.mapping.write_text(desk.mapping.read_text().replace(FAST, SLOW))
    process = desk.start("run", str(desk.mapping), "--full-refresh", "--yes")
    wait_for(desk, 330)
    take_away(desk)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 8, out + err
    assert words in err
    assert "Traceback" not in err


def test_a_run_that_lost_its_state_stops_soon(desk: Any) -> None:
    """Each further event would be sent again."""
    desk.fill(300)
    desk.mapping.write_text(desk.mapping.read_text().replace(FAST, SLOW))
    process = desk.start("run", str(desk.mapping), "--start-from", "beginning")
    wait_for(desk, 30)
    removed(desk)
    assert process.wait(60) == 8
    time.sleep(0.1)
    assert desk.stats()["accepted"] < 200


@pytest.mark.parametrize("put_back", [shutil.copyfile, lambda copy, state: copy.replace(state)], ids=["cp", "mv"])
def test_a_log_that_a_killed_run_left_is_not_applied_to_a_copy_that_was_put_back(
    desk: Any, put_back: Callable[[Any, Any], object]
) -> None:
    """D15: SQLite would make one state of two moments, with a checkpoint behind rows whose letters are gone."""
    desk.fill(100)
    assert desk.run("--start-from", "beginning").code == 0
    copy = desk.folder / "backup"
    shutil.copyfile(desk.state, copy)
    desk.fill(2_900, first=1_000, minutes=60)
    assert desk.run().code == 0
    desk.fill(3, first=9_000, minutes=30)
    with desk.engine().begin() as connection:
        connection.execute(sa.text("UPDATE people SET email = 'nobody' WHERE id >= 9000"))
    assert desk.run().code == 3
    desk.fill(30, first=10_000, minutes=10)
    settled = [{"return": "etl.state.mapping_state:MappingState.settle"}]
    killed = desk.cli.start(
        "run", str(desk.mapping), environment=desk.environment(), folder=desk.folder, crash=settled
    ).wait()
    assert killed.code == -SIGKILL
    log, shared = (desk.state.with_name(desk.state.name + ending) for ending in ("-wal", "-shm"))
    assert log.stat().st_size > 0

    put_back(copy, desk.state)
    for command in ("run", "status"):
        refused = desk.call(command, str(desk.mapping))
        assert refused.code == 8, refused.out + refused.err
        assert f"the log {log} belongs to another state" in refused.err
    log.unlink()
    shared.unlink()
    assert desk.run().code == 3
    # All that went out is there, and what is invalid is known again.
    assert desk.stats()["accepted"] >= 100 + 2_900 + 30
    letters = desk.call("status", str(desk.mapping), "--dead-letters", "-o", "json")
    assert letters.out.count("invalid_email") == 3

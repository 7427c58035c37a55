"""The state file: whole or refused, and really written before anything is sent."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import tempfile
from array import array
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from etl.checkpoint import LastRun
from etl.errors import StateUnusable
from etl.page import Position
from etl.state import sqlite
from etl.state.database import Database, Transaction
from etl.state.schema import SCHEMA_VERSION, STEPS, upgrade
from etl.state.sqlite import for_writing
from etl.state.store import open_state
from tests.state.filling import SteppingClock, digests_of, settled
from tests.state.state_file import refused, snapshot, use


def test_a_url_of_sqlite_names_the_file(filled: Path, clock: SteppingClock) -> None:
    with open_state(f"sqlite:///{filled}", clock=clock, write=False) as store:
        assert store.names() == ["customers"]


@pytest.mark.parametrize("location", ["sqlite:state", "sqlite://", ""])
def test_a_url_of_sqlite_that_names_no_file_is_refused(location: str, clock: SteppingClock) -> None:
    with pytest.raises(StateUnusable) as refusal:
        open_state(location, clock=clock, write=True)
    assert refusal.value.hint


# Whole or refused


@pytest.mark.parametrize(
    "content",
    [b"", b"SQLite format 3\x00", b"garbage" * 1000, b"\x00" * 8192],
    ids=["empty", "header only", "garbage", "zeros"],
)
def test_what_is_no_state_is_refused_and_left_alone(path: Path, clock: SteppingClock, content: bytes) -> None:
    """D3."""
    path.parent.mkdir(0o700)
    path.write_bytes(content)
    path.chmod(0o600)
    error = refused(path, clock)
    assert "--start-from" in str(error.hint)
    assert path.read_bytes() == content


def test_a_folder_in_the_place_of_the_state_is_refused(path: Path, clock: SteppingClock) -> None:
    path.mkdir(parents=True)
    assert "is not a file" in refused(path, clock).message


def test_a_database_of_another_program_is_refused(path: Path, clock: SteppingClock) -> None:
    """A typo in --state must not add tables to a shop."""
    path.parent.mkdir(0o700)
    with closing(sqlite3.connect(path)) as shop:
        shop.execute("CREATE TABLE customers (id)")
        shop.commit()
    path.chmod(0o600)
    assert refused(path, clock).message == f"{path} is a SQLite database of another program"


def test_a_state_that_is_cut_off_is_refused(filled: Path, clock: SteppingClock) -> None:
    """D3."""
    whole = filled.read_bytes()
    for size in (100, 4096, len(whole) // 2, len(whole) - 4096, len(whole) - 1):
        filled.write_bytes(whole[:size])
        assert "damaged" in refused(filled, clock).message


def test_a_flipped_bit_is_refused_or_costs_nothing_but_repeats(filled: Path, clock: SteppingClock) -> None:
    """D3. Whatever a flipped bit does, a checkpoint that reads well is the one that was written."""
    whole = filled.read_bytes()
    chance = random.Random(5)
    refusals = 0
    for _ in range(150):
        damaged = bytearray(whole)
        damaged[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        filled.write_bytes(damaged)
        try:
            with open_state(str(filled), clock=clock, write=False) as store:
                state = store.mapping("customers")
                checkpoint = state.checkpoint()
                letters = state.open_dead_letters()
                digests_of(state, [b"0123456789"])
        except StateUnusable:
            refusals += 1
        else:
            # Nothing at all is a first run, which asks before it sends anything.
            assert checkpoint is None or checkpoint.position == Position(499, (499,))
            assert {each.key for each in letters} <= {(number,) for number in range(1000, 1200)}
    assert refusals > 20


def test_a_schema_that_is_no_text_any_more_is_refused(filled: Path, clock: SteppingClock) -> None:
    """D3. SQLite quotes the damaged statement in its message, which Python cannot decode."""
    whole = filled.read_bytes()
    name = whole.index(b"CREATE TABLE etl_meta") + 8
    filled.write_bytes(whole[:name] + b"\xc9" + whole[name + 1 :])
    assert refused(filled, clock).message == f"cannot open the state {filled}: the file is damaged"


def test_a_checkpoint_that_was_edited_by_hand_is_refused(filled: Path, clock: SteppingClock) -> None:
    """D13."""
    with closing(sqlite3.connect(filled)) as editor:
        editor.execute("UPDATE etl_checkpoint SET position = replace(position, '499', '500')")
        editor.commit()
    assert "changed by hand" in refused(filled, clock).message


def test_a_newer_state_is_refused(filled: Path, clock: SteppingClock) -> None:
    """D12."""
    with closing(sqlite3.connect(filled)) as newer:
        newer.execute(f"PRAGMA user_version = {len(STEPS) + 1}")
    assert "this program knows versions up to" in refused(filled, clock).message


def test_a_state_that_a_newer_program_brought_up_to_date_meanwhile_is_refused(
    filled: Path, clock: SteppingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was an older one when it was looked at first."""

    def brought_up_to_date(database: Database) -> int:
        with database.transaction() as transaction:
            transaction.run(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
        return SCHEMA_VERSION - 1

    monkeypatch.setattr(sqlite, "version", brought_up_to_date)
    with pytest.raises(StateUnusable, match=f"has version {SCHEMA_VERSION + 1}; this program knows versions up to"):
        open_state(str(filled), clock=clock, write=True)


def test_an_older_state_is_brought_up_to_date_step_by_step(filled: Path) -> None:
    """D12. What the state holds survives a step, and a step that fails leaves the older state whole."""
    next_step = ("ALTER TABLE etl_run ADD COLUMN note TEXT", "UPDATE etl_run SET note = 'kept'")
    with opened(filled) as database:
        with pytest.raises(StateUnusable), database.transaction() as transaction:
            upgrade(transaction, len(STEPS), postgresql=False, steps=(*STEPS, (*next_step, "NONSENSE")))
        assert database.rows("PRAGMA user_version") == [(len(STEPS),)]
        assert "note" not in columns(database, "etl_run")
        with database.transaction() as transaction:
            upgrade(transaction, len(STEPS), postgresql=False, steps=(*STEPS, next_step))
        assert database.rows("PRAGMA user_version") == [(len(STEPS) + 1,)]
        assert database.rows("SELECT run_id, note FROM etl_run") == [("r1", "kept")]


@contextmanager
def opened(path: Path) -> Iterator[Database]:
    database = for_writing(path, SteppingClock())
    try:
        yield database
    finally:
        database.close()


def columns(database: Database | Transaction, table: str) -> list[str]:
    return [row[1] for row in database.rows(f"PRAGMA table_info({table})")]


# Really written


def test_a_folder_that_cannot_be_written_shows_at_opening(filled: Path) -> None:
    """D6. As another user, because root may write everywhere."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    script = """
import os, sys
from tests.state.filling import SteppingClock
from etl.errors import StateUnusable
from etl.state.store import open_state
os.setgid(12345)
os.setuid(12345)
try:
    open_state(sys.argv[1], clock=SteppingClock(), write=True)
except StateUnusable as error:
    print(error.exit_code, error.message)
"""
    for folder in (filled.parent, *filled.parents):
        if folder == Path(tempfile.gettempdir()):
            break
        folder.chmod(0o755)
    os.chown(filled, 12345, 12345)
    answer = subprocess.run([sys.executable, "-c", script, str(filled)], capture_output=True, text=True, check=True)
    assert answer.stdout.startswith("8 cannot "), answer


def test_a_state_from_an_older_backup_knows_that_a_run_is_missing(filled: Path, clock: SteppingClock) -> None:
    """D15. It is used all the same, but the person is told."""
    backup = filled.read_bytes()
    with open_state(str(filled), clock=clock, write=True) as store:
        state = store.mapping("customers")
        assert state.forgotten_run() is None
        clock.move(hours=5)
        run_no = state.start_run(run_id="r2", command="run", before=None)
        stamp = state.next_stamp()
        state.finish_run(run_no, {"outcome": "done", "sent": 42})
        assert state.forgotten_run() is None
    filled.write_bytes(backup)
    before = snapshot(filled.parent)
    with open_state(str(filled), clock=clock, write=False) as store:
        assert store.mapping("customers").forgotten_run() == LastRun("r2", clock.now, stamp, 42)
    assert snapshot(filled.parent) == before
    filled.unlink()
    with open_state(str(filled), clock=clock, write=True) as store:
        assert store.mapping("customers").forgotten_run() == LastRun("r2", clock.now, stamp, 42)
        assert store.mapping("orders").forgotten_run() is None


def test_a_file_that_somebody_else_keeps_locked_is_told_and_not_waited_for_again_and_again(
    filled: Path, clock: SteppingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D5: SQLite's own waiting counts."""
    waits: list[float] = []
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.2)
    monkeypatch.setattr(clock, "wait", waits.append)
    with closing(sqlite3.connect(filled, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StateUnusable, match="another process has been writing"):
            use(filled, clock, write=True)
    assert not waits


def test_what_is_asked_and_saved_for_each_page_leaves_nothing_behind(path: Path, clock: SteppingClock) -> None:
    """E4: what stayed would lie scattered between the values of pages, and make every later page dearer."""
    with open_state(str(path), clock=clock, write=True) as store:
        state = store.mapping("customers")
        with state.lock("run"):
            run_no = state.start_run(run_id="r1", command="run", before=None)

            def blocks_after(number: int) -> int:
                state.next_stamp()
                state.compare([b"k" * 10], [b"d" * 8])
                state.settle(settled([], upto=number), track="run", run_no=run_no)
                return sys.getallocatedblocks()

            # The first pages fill what the interpreter keeps to use again.
            blocks = array("q", map(blocks_after, range(200)))[100:]
            # A connection of the driver forgets its cursors two hundred at a time.
            assert max(blocks) - min(blocks) < 30

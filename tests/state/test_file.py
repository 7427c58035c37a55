"""The state file: private, whole or refused, untouched by looking, and really written before anything is sent."""

from __future__ import annotations

import hashlib
import os
import random
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time
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
from etl.state.schema import STEPS, upgrade
from etl.state.sqlite import for_writing
from etl.state.store import open_state
from tests.state.filling import SteppingClock, digests_of, event, letter, settled

UMASKS = (0o000, 0o022, 0o077, 0o777)


@pytest.fixture
def filled(path: Path, clock: SteppingClock) -> Path:
    """A state with something in every table, at rest."""
    with open_state(str(path), clock=clock, write=True) as store:
        state = store.mapping("customers")
        with state.lock("run"):
            run_no = state.start_run(run_id="r1", command="run", before=None)
            state.confirm_fingerprint({"table": "customers"})
            state.settle(settled([event(state, n) for n in range(500)], upto=499), track="run", run_no=run_no)
            state.bury([letter((number,)) for number in range(1000, 1200)])
            state.backfill(1, 9, "4")
            state.finish_run(run_no, {"outcome": "done", "exit_code": 0})
    return path


def refused(path: Path, clock: SteppingClock) -> StateUnusable:
    """The error with which both ways of opening end; nothing of the file changed."""
    before = snapshot(path.parent)
    with pytest.raises(StateUnusable) as looking:
        use(path, clock, write=False)
    assert snapshot(path.parent) == before
    with pytest.raises(StateUnusable) as writing:
        use(path, clock, write=True)
    assert writing.value.exit_code == 8
    assert writing.value.hint
    assert looking.value.message == writing.value.message
    return writing.value


def use(path: Path, clock: SteppingClock, *, write: bool) -> None:
    """Open, and read all that a run and `status` read."""
    with open_state(str(path), clock=clock, write=write) as store:
        for name in store.names():
            state = store.mapping(name)
            state.checkpoint()
            state.open_dead_letters()
            state.runs()
            state.backfills()
            state.confirm_fingerprint({"table": "customers"})


def snapshot(folder: Path) -> dict[str, tuple[str, int, int]]:
    """Every file's content, mode and time of change."""
    return {
        str(each.relative_to(folder)): (
            hashlib.sha256(each.read_bytes()).hexdigest() if each.is_file() else "",
            each.lstat().st_mode,
            each.lstat().st_mtime_ns if each.is_file() else 0,
        )
        for each in sorted(folder.rglob("*"))
    }


def test_a_url_of_sqlite_names_the_file(filled: Path, clock: SteppingClock) -> None:
    with open_state(f"sqlite:///{filled}", clock=clock, write=False) as store:
        assert store.names() == ["customers"]


@pytest.mark.parametrize("location", ["sqlite:state", "sqlite://", ""])
def test_a_url_of_sqlite_that_names_no_file_is_refused(location: str, clock: SteppingClock) -> None:
    with pytest.raises(StateUnusable) as refusal:
        open_state(location, clock=clock, write=True)
    assert refusal.value.hint


# Privacy


@pytest.mark.parametrize("umask", UMASKS, ids=oct)
def test_files_and_folders_are_private_whatever_the_umask(path: Path, clock: SteppingClock, umask: int) -> None:
    """F18."""
    before = os.umask(umask)
    try:
        with open_state(str(path), clock=clock, write=True) as store:
            state = store.mapping("customers")
            state.set_checkpoint("run", None)
            with state.lock("run"):
                found = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.rglob("*")}
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert found == {
        "state.sqlite": 0o600,
        "state.sqlite-wal": 0o600,
        "state.sqlite-shm": 0o600,
        "state.sqlite.lock.d": 0o700,
        "making.lock": 0o600,
        "customers-run.lock": 0o600,
    }
    assert sorted(each.name for each in path.parent.iterdir()) == ["state.sqlite", "state.sqlite.lock.d"]


def test_a_symbolic_link_is_refused(filled: Path, clock: SteppingClock, tmp_path: Path) -> None:
    """D23."""
    link = tmp_path / "link.sqlite"
    link.symlink_to(filled)
    assert refused(link, clock).message == (
        f"the state {link} is a symbolic link, so another user could have put it there"
    )


def test_a_file_that_others_can_write_is_refused(filled: Path, clock: SteppingClock) -> None:
    """D23."""
    filled.chmod(0o620)
    assert "can be written by others" in refused(filled, clock).message


def test_a_folder_that_others_can_write_is_refused(filled: Path, clock: SteppingClock) -> None:
    """D23. Whoever can write the folder can replace the file."""
    filled.parent.chmod(0o770)
    with pytest.raises(StateUnusable, match="can be written by others"):
        use(filled, clock, write=True)


def test_a_file_with_a_second_name_is_refused(filled: Path, clock: SteppingClock, tmp_path: Path) -> None:
    """Each name has its own locks and its own log: two runs at once, and a damaged file."""
    backup = tmp_path / "backup.sqlite"
    backup.hardlink_to(filled)
    for name in (filled, backup):
        assert "has a second name (a hard link)" in refused(name, clock).message
    backup.unlink()
    use(filled, clock, write=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_refused_by_that_name(filled: Path, clock: SteppingClock) -> None:
    """D23. `chmod go-w` would not help."""
    os.chown(filled.parent, 12345, 12345)
    with pytest.raises(StateUnusable, match="belongs to another user") as error:
        use(filled, clock, write=True)
    assert error.value.hint is not None
    assert error.value.hint.endswith(f"chown -R 0 {filled.parent}")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_refused(filled: Path, clock: SteppingClock) -> None:
    """D23."""
    os.chown(filled, 12345, 12345)
    assert "belongs to another user" in refused(filled, clock).message


def test_a_readable_file_is_made_private(filled: Path, clock: SteppingClock) -> None:
    filled.chmod(0o644)
    use(filled, clock, write=True)
    assert stat.S_IMODE(filled.stat().st_mode) == 0o600


def test_a_lock_file_is_not_followed(filled: Path, clock: SteppingClock, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    lock = filled.parent / "state.sqlite.lock.d" / "customers-run.lock"
    lock.unlink()
    lock.symlink_to(victim)
    with (
        open_state(str(filled), clock=clock, write=True) as store,
        pytest.raises(StateUnusable),
        store.mapping("customers").lock("run"),
    ):
        pass
    assert victim.read_text() == "precious"


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


# Looking changes nothing


def test_looking_changes_no_byte_and_makes_no_file(filled: Path, clock: SteppingClock) -> None:
    """D21, by hash and time of change."""
    before = snapshot(filled.parent)
    time.sleep(0.01)
    use(filled, clock, write=False)
    assert snapshot(filled.parent) == before


def test_looking_at_nothing_makes_nothing(path: Path, clock: SteppingClock) -> None:
    """D21."""
    use(path, clock, write=False)
    assert not path.parent.exists()


LOOK = """
import sys
from tests.state.filling import SteppingClock
from etl.state.store import open_state
with open_state(sys.argv[1], clock=SteppingClock(), write=False) as store:
    print(store.mapping("customers").checkpoint().position.cursor)
"""


def test_looking_beside_a_live_writer_changes_nothing(filled: Path, clock: SteppingClock) -> None:
    """D21."""
    with open_state(str(filled), clock=clock, write=True) as writer:
        writer.mapping("customers").set_checkpoint("run", Position(7, (7,)))
        before = snapshot(filled.parent)
        looked = subprocess.run([sys.executable, "-c", LOOK, str(filled)], capture_output=True, text=True, check=True)
        assert looked.stdout == "7\n"
        assert snapshot(filled.parent) == before


LEAVE_A_LOG = """
import os, sys
from tests.state.filling import SteppingClock
from etl.page import Position
from etl.state import sqlite
from etl.state.store import open_state
store = open_state(sys.argv[1], clock=SteppingClock(), write=True)
store.mapping("customers").set_checkpoint("run", Position(7, (7,)))
os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize("lost", [(), ("-shm",)], ids=["killed", "restored without its index"])
def test_looking_at_what_a_killed_writer_left_changes_nothing(
    filled: Path, clock: SteppingClock, lost: tuple[str, ...]
) -> None:
    """D2, D21. What was committed is seen, although it stands in the log only."""
    subprocess.run([sys.executable, "-c", LEAVE_A_LOG, str(filled)], check=False)
    assert filled.with_name("state.sqlite-wal").stat().st_size
    for ending in lost:
        filled.with_name("state.sqlite" + ending).unlink()
    before = snapshot(filled.parent)
    with open_state(str(filled), clock=clock, write=False) as looking:
        checkpoint = looking.mapping("customers").checkpoint()
    assert checkpoint is not None
    assert checkpoint.position == Position(7, (7,))
    assert snapshot(filled.parent) == before
    use(filled, clock, write=True)
    assert sorted(each.name for each in filled.parent.iterdir()) == ["state.sqlite", "state.sqlite.lock.d"]


def test_a_writer_may_come_and_go_while_somebody_looks(filled: Path, clock: SteppingClock) -> None:
    """A long dry run beside the nightly run."""
    with open_state(str(filled), clock=clock, write=False) as looking:
        for number in range(3):
            with open_state(str(filled), clock=clock, write=True) as writer:
                writer.mapping("customers").set_checkpoint("run", Position(number, (number,)))
            checkpoint = looking.mapping("customers").checkpoint()
            assert checkpoint is not None
            assert checkpoint.position == Position(number, (number,))


def test_a_connection_keeps_the_log_from_its_first_moment(filled: Path, clock: SteppingClock) -> None:
    """The last writer puts the log away, also when another has just connected and said nothing yet."""
    with closing(sqlite._connect(f"{filled.as_uri()}?mode=rw", (), enter_wal=clock)) as connection:
        with open_state(str(filled), clock=clock, write=True) as leaving:
            leaving.mapping("customers").next_stamp()
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


# Really written


def test_a_full_disk_shows_at_opening_and_later_leaves_the_state_whole(filled: Path, clock: SteppingClock) -> None:
    """D5, D6. A limit on the file's size stands for the disk, in a process of its own."""
    script = """
import resource, signal, sys
from tests.state.filling import SteppingClock, event, settled
from etl.errors import StateUnusable
from etl.state.store import open_state
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
path, room = sys.argv[1], int(sys.argv[2])
if not room:
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
try:
    with open_state(path, clock=SteppingClock(), write=True) as store:
        state = store.mapping("customers")
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
        try:
            for start in range(0, 10**6, 1000):
                events = [event(state, number) for number in range(start, start + 1000)]
                state.settle(settled(events, upto=start), track="run", run_no=1)
        except StateUnusable as error:
            print("later:", error.message)
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            state.settle(settled(events, upto=start), track="run", run_no=1)
            print("again:", state.checkpoint().position.cursor == start, state.ledger_size() == start + 1000)
except StateUnusable as error:
    print("opening:", error.message)
"""
    at_once = subprocess.run(
        [sys.executable, "-c", script, str(filled), "0"], capture_output=True, text=True, check=True
    )
    assert at_once.stdout.startswith("opening: cannot "), at_once.stdout
    later = subprocess.run(
        [sys.executable, "-c", script, str(filled), "1000000"], capture_output=True, text=True, check=True
    )
    assert later.stdout.startswith("later: cannot save progress in the state"), later.stdout
    assert "again: True True" in later.stdout


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


@pytest.mark.parametrize("ending", ["-journal", "-wal", "-shm"])
@pytest.mark.parametrize("sort", ["of another user", "writable by others", "a symbolic link"])
def test_a_file_beside_the_state_that_is_not_surely_ours_is_refused(
    filled: Path, clock: SteppingClock, tmp_path: Path, ending: str, sort: str
) -> None:
    """F18, F20: SQLite rolls a forged journal in, and the checkpoint jumps."""
    forged = filled.with_name(filled.name + ending)
    if sort == "a symbolic link":
        (tmp_path / "elsewhere").write_bytes(b"x" * 600)
        forged.symlink_to(tmp_path / "elsewhere")
    else:
        forged.write_bytes(b"x" * 600)
        forged.chmod(0o666 if sort == "writable by others" else 0o600)
    if sort == "of another user":
        if os.geteuid() != 0:
            pytest.skip("only root gives files away")
        os.chown(forged, 12345, 12345)
    assert forged.name in refused(filled, clock).message


def test_a_state_is_not_kept_where_others_may_put_files(tmp_path: Path, clock: SteppingClock) -> None:
    """As in /tmp: they cannot replace ours there, but put a journal beside it."""
    tmp_path.chmod(0o1777)
    with pytest.raises(StateUnusable, match="can be written by others"):
        open_state(str(tmp_path / "state.sqlite"), clock=clock, write=True)
    assert list(tmp_path.iterdir()) == []

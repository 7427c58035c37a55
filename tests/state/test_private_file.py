"""The state file is private, and refused where another user may have put it or a file beside it there."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from etl.errors import StateUnusable
from etl.state.safe_file import make_folder
from etl.state.store import open_state
from tests.state.filling import SteppingClock
from tests.state.state_file import refused, snapshot, use

UMASKS = (0o000, 0o022, 0o077, 0o777)


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
    """D23. A user who can write the folder can replace the file."""
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
@pytest.mark.parametrize("owner", [1, 12345])
def test_a_file_of_another_user_is_refused(filled: Path, clock: SteppingClock, owner: int) -> None:
    """D23. Of all others root alone may have made it."""
    os.chown(filled, owner, owner)
    assert "belongs to another user" in refused(filled, clock).message


def test_a_readable_file_is_made_private(filled: Path, clock: SteppingClock) -> None:
    filled.chmod(0o644)
    use(filled, clock, write=True)
    assert stat.S_IMODE(filled.stat().st_mode) == 0o600


def test_looking_leaves_a_readable_file_as_readable_as_it_is(filled: Path, clock: SteppingClock) -> None:
    """D21. Only what writes makes it private."""
    filled.chmod(0o644)
    before = snapshot(filled.parent)
    use(filled, clock, write=False)
    assert snapshot(filled.parent) == before


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


def test_a_folder_that_another_process_has_made_meanwhile_is_taken(tmp_path: Path, monkeypatch: Any) -> None:
    """Two first runs at once: neither of them saw one."""
    folder = tmp_path / "a" / "b"
    make_folder(folder)
    monkeypatch.setattr(Path, "exists", lambda path: tmp_path not in path.parents)
    make_folder(folder)
    assert [stat.S_IMODE(each.stat().st_mode) for each in (folder, folder.parent)] == [0o700, 0o700]

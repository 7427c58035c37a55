"""What the tests of the state file share: opening it in both ways, and what stands in its folder."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from etl.errors import StateUnusable
from etl.state.store import open_state
from tests.state.filling import SteppingClock


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

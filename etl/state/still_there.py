"""Notices that a file in use was removed or replaced: what is written to it then is lost when the process ends.

The rule: a run whose state is gone must not end as if all were recorded, and one whose lock is gone must not send on.
"""

from __future__ import annotations

import os
from pathlib import Path

from etl.errors import StateUnusable


def state_still_there(path: Path, opened: os.stat_result) -> None:
    """Raise `StateUnusable` unless `path` is still the state file that was `opened`."""
    if not _is_still(path, opened):
        raise StateUnusable(
            f"the state {path} was removed or replaced while it was in use, so nothing more is recorded in it",
            hint="put the right file there while nothing runs; what was sent since it was saved may be sent again",
        )


def lock_still_there(path: Path, descriptor: int) -> None:
    """Raise `StateUnusable` unless `path` is still the lock file that is open as `descriptor`."""
    if not _is_still(path, os.fstat(descriptor)):
        raise StateUnusable(
            f"the lock {path} was removed while it was held, so another run may have begun",
            hint=f"leave {path.parent.name} beside the state alone: a lock ends with its process; then run again",
        )


def _is_still(path: Path, opened: os.stat_result) -> bool:
    try:
        return os.path.samestat(path.lstat(), opened)
    except OSError:
        return False

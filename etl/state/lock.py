"""Lets only one process work on a mapping and track, by a lock of the operating system.

The rule: the kernel holds the lock and frees it when its holder is killed; the file's content only tells people who the
holder is (D7 to D10).
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol
from urllib.parse import quote

from etl.checkpoint import LastRun
from etl.clock import Clock
from etl.errors import MappingLocked
from etl.state.safe_file import make_folder, open_private
from etl.state.still_there import lock_still_there
from etl.state.trouble import told_as_state

# `holder` takes the lock for an instant to look, so only repeated refusals count.
_TRIES_AFTER_SECONDS = (0.0, 0.02, 0.07)
# A process that has just taken the lock may not have written its pid yet, so the file may hold that of a killed one.
_NAMED_AFTER_SECONDS = (0.0, 0.05, 0.15, 0.3)
_MOST_NAME_LETTERS = 100


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock. `since` is aware, UTC. `for_one_host`: the lock is a file's, which only one host respects."""

    pid: int
    host: str
    since: datetime
    for_one_host: bool = True

    @property
    def here(self) -> bool:
        """Whether the holder is on this host, where `pid` can be looked up."""
        return self.host == host_name()

    def __str__(self) -> str:
        """In words for people: which process, on which host, since when."""
        astray = self.for_one_host and not self.here
        warning = " (another host: locks of files are made for one host)" if astray else ""
        return f"process {self.pid} on {self.host}{warning}, since {self.since.isoformat(timespec='seconds')}"


class Lock(Protocol):
    """A context manager that holds one mapping and track."""

    def __enter__(self) -> None:
        """Take the lock. Raises `MappingLocked`, in well under a second."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the lock back."""


class Locks(Protocol):
    """Makes and looks at the locks of one mapping."""

    def lock(self, track: str) -> Lock:
        """A lock, not taken yet."""

    def holder(self, track: str) -> Holder | None:
        """Who holds it now."""

    def note_run(self, run: LastRun) -> None:
        """Note the run outside of the state (see `last_run`). Raises `StateUnusable` when its lock file was removed."""

    def noted_run(self) -> LastRun | None:
        """The last note; None without one."""

    def forget_note(self) -> None:
        """Delete the note: the mapping was removed or renamed."""


class FileLock:
    """A lock on a file. The file is never deleted, because two processes could then lock two files of the same name."""

    def __init__(self, path: Path, *, what: str, clock: Clock) -> None:
        self._path: Final = path
        self._what: Final = what
        self._clock: Final = clock
        self._descriptor: int | None = None

    def __enter__(self) -> None:
        """Take the lock. Raises `MappingLocked`."""
        assert self._descriptor is None, "the lock is held already"
        with told_as_state("lock", str(self._path)):
            make_folder(self._path.parent)
            # open_private: child processes do not inherit the descriptor, or an orphan would keep the lock (D9).
            descriptor = open_private(self._path, os.O_RDWR | os.O_CREAT)
            try:
                self._take(descriptor)
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, _holder_text(self._clock.utc_now()), 0)
            except BaseException:
                os.close(descriptor)
                raise
        self._descriptor = descriptor

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the lock back."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with suppress(OSError):
                os.ftruncate(descriptor, 0)
            os.close(descriptor)

    @property
    def held(self) -> bool:
        """Whether this process has it."""
        return self._descriptor is not None

    def confirm(self) -> None:
        """Raise `StateUnusable` if the lock is held but its file was removed: another process may hold it as well."""
        if self._descriptor is not None:
            lock_still_there(self._path, self._descriptor)

    def _take(self, descriptor: int) -> None:
        for wait_seconds in _TRIES_AFTER_SECONDS:
            if wait_seconds:
                self._clock.wait(wait_seconds)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            return
        raise locked(self._what, named_holder(lambda: _read_holder(descriptor), self._clock))


def file_holder(path: Path) -> Holder | None:
    """Who holds the lock at `path`; None when no process does. Makes and changes nothing."""
    try:
        descriptor = open_private(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return _read_holder(descriptor) or Holder(0, "?", datetime.fromtimestamp(0).astimezone())
    else:
        return None
    finally:
        os.close(descriptor)


def lock_path(state: Path, mapping: str, track: str) -> Path:
    """The lock's file beside the state file: one folder for all, a safe and unique name for each."""
    return _beside(state) / f"{_safe(mapping)}-{track}.lock"


def note_path(state: Path, mapping: str) -> Path:
    """The path of the note about the last run of `mapping`."""
    return _beside(state) / f"{_safe(mapping)}-last.json"


def _beside(state: Path) -> Path:
    return state.with_name(state.name + ".lock.d")


def _safe(mapping: str) -> str:
    name = quote(mapping, safe=" ")
    if len(name) > _MOST_NAME_LETTERS:
        name = name[:_MOST_NAME_LETTERS] + "~" + blake2b(mapping.encode(), digest_size=8).hexdigest()
    return name


def named_holder(read: Callable[[], Holder | None], clock: Clock) -> Holder | None:
    """The holder by `read`, which is repeated for a moment while it gives none, or a process that has ended."""
    holder = None
    for wait_seconds in _NAMED_AFTER_SECONDS:
        if wait_seconds:
            clock.wait(wait_seconds)
        holder = read()
        if holder is not None and _may_live(holder):
            break
    return holder


def locked(what: str, holder: Holder | None) -> MappingLocked:
    """The error for a process that finds the lock taken."""
    who = "another process" if holder is None else str(holder)
    return MappingLocked(f"{what} is already at work: {who}", hint="wait for it to end, then try again")


def host_name() -> str:
    """This host's name, for records."""
    return socket.gethostname()


def _holder_text(now: datetime) -> bytes:
    return json.dumps({"pid": os.getpid(), "host": host_name(), "since": now.isoformat()}).encode() + b"\n"


def _may_live(holder: Holder) -> bool:
    # Whether a process of another host still runs cannot be known, so it counts as running.
    if not holder.here:
        return True
    try:
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _read_holder(descriptor: int) -> Holder | None:
    try:
        found = json.loads(os.pread(descriptor, 4096, 0))
        return Holder(int(found["pid"]), str(found["host"]), datetime.fromisoformat(found["since"]))
    except (OSError, ValueError, LookupError, TypeError):
        return None  # not written yet, or not by us

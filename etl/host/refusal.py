"""Explains refusals of the operating system (disk, descriptors, threads, locks) to the person who can act on them.

The rule: a full disk, too few descriptors, threads or locks are no bug of ours and no reason for the next mapping not
to run.
"""

from __future__ import annotations

import errno
from types import MappingProxyType

from etl.errors import HostRefused

_REFUSALS = MappingProxyType(
    {
        errno.ENOSPC: ("no space is left", "free some space (df -h, also /dev/shm and /tmp)"),
        errno.EDQUOT: ("this user's quota of space is used up", "free some space, or raise the quota"),
        errno.ENOLCK: ("no more locks are to be had", "is it a network folder? Keep it on a disk of this host"),
        errno.EMFILE: (
            "this process may open no more files",
            "raise the limit: ulimit -n, or LimitNOFILE= of the unit",
        ),
        errno.ENFILE: ("this host can open no more files", "end what holds so many open, or raise fs.file-max"),
        errno.ENOMEM: ("no memory is left", "give the process more memory, or a smaller page_size and concurrency"),
        errno.EROFS: ("it is read-only", "let this user write there"),
        errno.EIO: ("the disk reports an error", "check the disk"),
    }
)
_THREADS = (
    "no more threads can be started",
    "lower destination.concurrency, or raise the limit: ulimit -u, TasksMax= of the unit, pids of the container",
)


def refusal_of(error: BaseException, *, doing: str = "working") -> HostRefused | None:
    """`error` as a refusal of the operating system; None when it is none, and so perhaps a bug."""
    match error:
        case OSError(errno=int(number)) if number in _REFUSALS:
            words, hint = _REFUSALS[number]
        case MemoryError():
            words, hint = _REFUSALS[errno.ENOMEM]
        case RuntimeError() if str(error) == "can't start new thread":
            words, hint = _THREADS
        case _:
            return None
    return HostRefused(f"{doing}: {words}", hint=f"{hint}; the next run goes on")

"""`--workers tcp://…`: what a process of a Dask cluster does with a range.

The rule: it serves any number of runs in any number of threads, and what it opens for one is closed soon after the
last task of that.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from socket import gethostname
from typing import TYPE_CHECKING

from etl.errors import EtlError, MappingInvalid, UsageProblem

if TYPE_CHECKING:
    from etl.commands.workers import Assignment, Worker
    from etl.job.spread import Range, RangeEncoded

# After so long without a task a worker's connection to the database is closed.
IDLE_SECONDS = 30.0


def prepare_page(assignment: Assignment, wanted: Range) -> RangeEncoded | EtlError:
    """What a Dask worker does with one range, in one of its threads; what it meets is a value."""
    from etl.commands.workers import Worker, outcome_of

    kept = _take(assignment) or _Kept(assignment, Worker(assignment))
    found = outcome_of(lambda: kept.worker.encode(wanted))
    if isinstance(found, EtlError):
        kept.worker.close()
        return _on_this_host(found)
    _give_back(kept)
    return found


@dataclass(eq=False, slots=True)
class _Kept:
    """A worker that waits for the next task like its last one, but not for long."""

    assignment: Assignment
    worker: Worker
    timer: threading.Timer | None = None


# Dask gives tasks no place of their own where something open could stay.
_IDLE: list[_Kept] = []
_LOCK = threading.Lock()


def _take(assignment: Assignment) -> _Kept | None:
    with _LOCK:
        found = next((one for one in _IDLE if one.assignment == assignment), None)
        if found is not None:
            _IDLE.remove(found)
    if found is not None and found.timer is not None:
        found.timer.cancel()
    return found


def _give_back(kept: _Kept) -> None:
    kept.timer = threading.Timer(IDLE_SECONDS, _close, (kept,))
    kept.timer.daemon = True
    with _LOCK:
        _IDLE.append(kept)
        kept.timer.start()


def _close(kept: _Kept) -> None:
    with _LOCK:
        if kept not in _IDLE:
            return
        _IDLE.remove(kept)
    kept.worker.close()


def _on_this_host(error: EtlError) -> EtlError:
    """`error`; what a mapping meets on another host would be looked for on this one."""
    if not isinstance(error, UsageProblem):
        return error
    problems = " ".join(error.problems[:3]) if isinstance(error, MappingInvalid) else ""
    return UsageProblem(
        f"the Dask worker on {gethostname()}: {problems or error.message}",
        hint="each worker needs the mapping at the same path, with the same files beside it, and its variables",
    )

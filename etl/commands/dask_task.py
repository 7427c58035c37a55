"""`--workers tcp://…`: the task that a worker of a Dask cluster runs.

The rule: a worker serves any number of runs in any number of threads, and closes what it opened for a run soon after
that run's last task.
"""

from __future__ import annotations

import threading
from socket import gethostname
from typing import TYPE_CHECKING

from etl.errors import EtlError, MappingInvalid, UsageProblem

if TYPE_CHECKING:
    from etl.commands.workers import Assignment, Worker
    from etl.job.spread import Asked, RangeEncoded

# Seconds without a task after which a worker closes its connection to the database.
IDLE_SECONDS = 30.0


def prepare_page(assignment: Assignment, wanted: Asked) -> RangeEncoded | EtlError:
    """Run a request in a thread of a Dask worker; errors are returned as values."""
    from etl.commands.workers import Worker, outcome_of

    worker = _IDLE.take(assignment) or Worker(assignment)
    found = outcome_of(lambda: worker.encode(wanted))
    if isinstance(found, EtlError):
        worker.close()
        return _on_this_host(found)
    _IDLE.give_back(assignment, worker)
    return found


class IdleWorkers:
    """Keeps open workers for the next task of the same run, at most `seconds`. For any number of threads."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._waiting: list[tuple[Assignment, Worker, threading.Timer]] = []
        self._lock = threading.Lock()

    def take(self, assignment: Assignment) -> Worker | None:
        """A kept worker for `assignment`; None if there is none."""
        with self._lock:
            found = next((one for one in self._waiting if one[0] == assignment), None)
            if found is None:
                return None
            self._waiting.remove(found)
        _, worker, timer = found
        timer.cancel()
        return worker

    def give_back(self, assignment: Assignment, worker: Worker) -> None:
        """Keep `worker` for a while."""
        timer = threading.Timer(self._seconds, lambda: self._close(worker))
        timer.daemon = True
        with self._lock:
            self._waiting.append((assignment, worker, timer))
        timer.start()

    def _close(self, worker: Worker) -> None:
        with self._lock:
            found = next((one for one in self._waiting if one[1] is worker), None)
            if found is None:
                return
            self._waiting.remove(found)
        worker.close()


# A module-level value, because Dask gives tasks no other place to keep something open.
_IDLE = IdleWorkers(IDLE_SECONDS)


def _on_this_host(error: EtlError) -> EtlError:
    """`error` with the name of this host, because it is shown on another one while files and logs are here."""
    if error.exit_code == 1:
        return EtlError(
            error.message, hint=f"the log of the Dask worker on {gethostname()} has the traceback: report it"
        )
    if not isinstance(error, UsageProblem):
        return error
    problems = " ".join(error.problems[:3]) if isinstance(error, MappingInvalid) else ""
    return UsageProblem(
        f"the Dask worker on {gethostname()}: {problems or error.message}",
        hint="each worker needs the mapping at the same path, with the same files beside it, and its variables",
    )

"""Workers for tests: processes that serve many mappings one after the other, and a stand-in inside this process."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from datetime import date
from functools import partial
from typing import Any

from etl.commands.workers import Assignment, Worker, assignment_of
from etl.errors import EtlError
from etl.job.run import RunContext
from etl.job.spread import Asked, RangeEncoded, Workers

# The last mapping of this process.
_LAST: list[tuple[Assignment, Worker]] = []


def encode_for(assignment: Assignment, wanted: Asked) -> RangeEncoded | EtlError:
    """A worker's task, with what its pool would have told it at the beginning."""
    if not _LAST or _LAST[0][0] != assignment:
        for _, worker in _LAST:
            worker.close()
        _LAST[:] = [(assignment, Worker(assignment))]
    try:
        return _LAST[0][1].encode(wanted)
    except EtlError as error:
        return error


def workers_in(executor: Executor, *, count: int = 2) -> Callable[[RunContext], Workers]:
    """Workers whose processes are those of `executor`."""

    def made(context: RunContext) -> Workers:
        return workers_by(lambda: executor, context, today=context.clock.utc_now().date(), count=count)

    return made


def workers_by(
    opened: Callable[[], Executor], context: RunContext, *, today: date = date(2026, 1, 1), count: int = 2
) -> Workers:
    """Workers whose tasks are done by executors that `opened` gives."""
    return Workers(opened, partial(encode_for, assignment_of(context, today=today)), count=count)


class ScriptedExecutor(Executor):
    """Does a task when its result is asked for, or when `early` says so; `dies(n)`: whether the n-th task is lost.

    `before(n)` is called before the n-th task is done, from 1.
    """

    def __init__(
        self,
        *,
        early: Callable[[int], bool] = lambda _: False,
        dies: Callable[[int], bool] = lambda _: False,
        before: Callable[[int], None] = lambda _: None,
    ) -> None:
        self.count = 0
        self.asked: list[Any] = []
        self._early = early
        self._dies = dies
        self._before = before
        self._broken = False
        self._lock = threading.Lock()
        self.waiting: deque[Future[Any]] = deque()

    def submit(self, task: Callable[..., Any], /, *arguments: Any, **_: Any) -> Future[Any]:
        with self._lock:
            if self._broken:
                raise BrokenExecutor("a process died")
            self.count += 1
            number = self.count
        self.asked.append(arguments)
        if self._dies(number):
            self._broken = True
            lost: Future[Any] = Future()
            lost.set_exception(BrokenExecutor("a process died"))
            return lost
        done = _Late(lambda: (self._before(number), task(*arguments))[1])
        if self._early(number):
            done.result()
        return done


class _Late(Future[Any]):
    def __init__(self, task: Callable[[], Any]) -> None:
        super().__init__()
        self._task = task

    def result(self, timeout: float | None = None) -> Any:
        if not self.done():
            self.set_result(self._task())
        return super().result(timeout)

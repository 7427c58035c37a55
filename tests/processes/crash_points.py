"""Where a process dies by SIGKILL, without a line of the product knowing: the interpreter's own profiling hook counts.

A crash is a list of stages, each a small dictionary; the last one kills, the others only open the way to the next:

    {"call": "etl.state.store:StateStore.touch", "nth": 1}      the n-th call of a function, before its first line
    {"return": "etl.state.store:StateStore.touch", "nth": 1}    the n-th return, also by an exception
    {"before": "COMMIT", "nth": 1}                              before the n-th statement that begins so
    {"after": "COMMIT", "nth": 1}                               after it
    {"steps": 1000}                                             so many calls and returns of any function later
    {"bytes": 5000}                                             as the only stage: in the write that would make a file
                                                                longer than this, after its part below has been written
"""

from __future__ import annotations

import importlib
import os
import resource
import signal
import sys
import threading
from types import CodeType, FrameType
from typing import Any

Stage = dict[str, Any]

# How the interpreter tells of a statement of the state's.
_EVENTS = {"before": "call", "after": "return"}


def arm(stages: list[Stage]) -> None:
    """Let this process die at the end of `stages`; not at all without any."""
    if not stages:
        return
    if "bytes" in stages[0]:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (stages[0]["bytes"], resource.RLIM_INFINITY))
        return
    crash = _Crash(stages)
    threading.setprofile(crash.profile)
    sys.setprofile(crash.profile)


def code_of(place: str) -> CodeType:
    """The code of a function by `module:Class.name`."""
    module, _, path = place.partition(":")
    found: Any = importlib.import_module(module)
    for name in path.split("."):
        found = getattr(found, name)
    found = getattr(found, "__wrapped__", found)  # a context manager's generator
    found = getattr(found, "__func__", found)
    return found.__code__


class _Crash:
    def __init__(self, stages: list[Stage]) -> None:
        self._stages = [_prepared(stage) for stage in stages]
        self._event, self._what, self._left = self._stages.pop(0)
        self._executing = {code_of(f"etl.state.database:Transaction.{name}") for name in ("run", "rows", "many")}

    def profile(self, frame: FrameType, event: str, _: object) -> None:
        if self._event == "steps" or self._is_met(frame, event):
            self._hit()

    def _is_met(self, frame: FrameType, event: str) -> bool:
        if self._event in _EVENTS:
            expected = event == _EVENTS[self._event] and frame.f_code in self._executing
            return expected and frame.f_locals["sql"].startswith(self._what)
        return event == self._event and frame.f_code is self._what

    def _hit(self) -> None:
        self._left -= 1
        if self._left > 0:
            return
        if not self._stages:
            os.kill(os.getpid(), signal.SIGKILL)
            return
        self._event, self._what, self._left = self._stages.pop(0)


def _prepared(stage: Stage) -> tuple[str, CodeType | str | None, int]:
    if "steps" in stage:
        return "steps", None, stage["steps"]
    ((event, what),) = ((key, value) for key, value in stage.items() if key != "nth")
    return event, code_of(what) if event in ("call", "return") else what, stage.get("nth", 1)

"""The process that sends, alone: pages are prepared before by what a worker does, and handed out at once.

The same rows by one process alone are timed just before, in the same process: on a machine whose speed changes, only
the share that the sender has of a row means something.

python -m tests.benchmarks.sender MAPPING STATE      prints rows, seconds on the wall and of the processor as JSON
"""

from __future__ import annotations

import gc
import json
import os
import pickle
import sys
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import replace
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from etl.commands.wiring import run_context
from etl.commands.workers import Worker, assignment_of
from etl.host.system_clock import SystemClock
from etl.host.tuning import eased_interpreter, one_processor
from etl.job.run import RunContext, run_mapping
from etl.job.spread import Range, Workers
from etl.job.start import RunOptions, planned_windows
from etl.mapping.load import load_mapping
from etl.state.store import open_state

COUNT = 2


class Ready(Executor):
    """Gives what was prepared for each task, as a process would have sent it; prepares what was not."""

    def __init__(self) -> None:
        self.made = 0
        self._prepared: dict[Range, bytes] = {}

    def submit(self, task: Callable[..., Any], /, *arguments: Any, **_: Any) -> Future[Any]:
        (asked,) = arguments
        # The bound, which only the last range has, is later each time.
        place = replace(asked, window=replace(asked.window, until=None))
        data = self._prepared.get(place)
        if data is None:
            data = self._prepared[place] = pickle.dumps(task(asked), pickle.HIGHEST_PROTOCOL)
            self.made += 1
        done: Future[Any] = Future()
        done.set_result(pickle.loads(data))
        return done


def measured(mapping_path: Path, state: Path) -> dict[str, float]:
    """Run from the beginning in one process; then prepare all pages, and run with these."""
    mapping = load_mapping(mapping_path, environment=os.environ, read_file=Path.read_bytes)
    clock = SystemClock()
    options = RunOptions("sender", start_from="beginning")
    with (
        open_state(f"{state}-alone", clock=clock, write=True) as store,
        run_context(mapping, store, clock=clock) as alone,
    ):
        rows, _, whole_cpu = _timed(alone, options)
    with open_state(str(state), clock=clock, write=True) as store, run_context(mapping, store, clock=clock) as alone:
        ready, worker = Ready(), Worker(assignment_of(alone, today=clock.utc_now().date()))
        context = replace(alone, workers=Workers(lambda: ready, worker.encode, count=COUNT))
        _prepare(context, options)
        made = ready.made
        again, wall, cpu = _timed(context, options)
        worker.close()
    assert again == rows
    assert ready.made == made, "a page was prepared while the time was taken"
    return {"rows": rows, "wall": wall, "cpu": cpu, "whole_cpu": whole_cpu}


def _timed(context: RunContext, options: RunOptions) -> tuple[int, float, float]:
    gc.collect()
    begun, used = perf_counter(), process_time()
    outcome = run_mapping(context, options)
    wall, cpu = perf_counter() - begun, process_time() - used
    assert outcome.exit_code == 0, outcome.error
    return outcome.books.sent, wall, cpu


def _prepare(context: RunContext, options: RunOptions) -> None:
    for window in planned_windows(context, None, context.source.upper_bound(), options):
        for _ in context.pages.pages(window):
            pass


if __name__ == "__main__":
    with eased_interpreter():
        pass
    with one_processor():
        print(json.dumps(measured(Path(sys.argv[1]), Path(sys.argv[2]))))

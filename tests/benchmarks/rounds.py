"""Contestants in turn, round after round, so that what else the machine does meets all of them alike."""

from __future__ import annotations

import shutil
import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks import ours
from tests.benchmarks.contestants import UNCHANGED, Task, program
from tests.benchmarks.measure import Cost, measure
from tests.benchmarks.sink import Sink


@dataclass
class Results:
    """The costs of each contestant at `task`, one a round."""

    task: Task
    costs: dict[str, list[Cost]] = field(default_factory=lambda: defaultdict(list))

    def rows_a_second(self, name: str) -> float:
        """The median rate; the seconds are those of the whole process, its start included."""
        return self.task.rows / statistics.median(cost.wall_seconds for cost in self.costs[name])

    def rows_a_second_once_started(self, name: str) -> float:
        """The same for one of ours, by the seconds of its own books: without the loading of the program."""
        return self.task.rows / statistics.median(map(_seconds, self.costs[name]))

    def ratio(self, name: str, other: str) -> float:
        """How many times as fast as `other`: the median of the rounds' ratios."""
        pairs = zip(self.costs[other], self.costs[name], strict=True)
        return statistics.median(theirs.wall_seconds / its.wall_seconds for theirs, its in pairs)

    def ratio_once_started(self, name: str, other: str) -> float:
        """The same for two of ours, without the loading of the program; workers start within it."""
        pairs = zip(self.costs[other], self.costs[name], strict=True)
        return statistics.median(_seconds(theirs) / _seconds(its) for theirs, its in pairs)

    def peak_mib(self, name: str) -> float:
        """The largest resident set of any round, in MiB."""
        return max(cost.peak_bytes for cost in self.costs[name]) / 2**20

    def cpu_seconds_a_million(self, name: str) -> float:
        """The median processor seconds for a million rows."""
        return statistics.median(cost.cpu_seconds for cost in self.costs[name]) / self.task.rows * 1e6


def _seconds(cost: Cost) -> float:
    seconds: float = ours.summary(cost.output)["duration_seconds"]
    return seconds


def compete(task: Task, names: Sequence[str], sink: Sink, *, runs: int) -> Results:
    """Let each of `names` do the task `runs` times, taking turns. Every run's events are counted by the sink."""
    results = Results(task)
    for number in range(runs):
        for name in _turned(names, number):
            results.costs[name].append(run_once(name, task, sink))
    shutil.rmtree(task.folder / "state", ignore_errors=True)
    return results


def run_once(name: str, task: Task, sink: Sink, *, keep: Path | None = None) -> Cost:
    """One run; the sink appends what it receives to `keep`.

    A contestant that sends another number of events than it should ends the benchmark.
    """
    state = task.folder / "state" / "state.sqlite"
    if name != UNCHANGED:
        shutil.rmtree(state.parent, ignore_errors=True)
        state.parent.mkdir(mode=0o700)
    sink.begin(delay_seconds=task.delay_seconds, keep=keep)
    what = program(name, task, state=state)
    cost = measure(what.command, environment=what.environment)
    events, _ = sink.counts()
    if events != what.events:
        raise SystemExit(f"{name}: the sink received {events} events instead of {what.events}\n{cost.output}")
    print(
        f"  {name:24} {task.rows / cost.wall_seconds:>9,.0f} rows/s {cost.cpu_seconds:6.1f} s CPU"
        f" {cost.peak_bytes / 2**20:5.0f} MiB",
        flush=True,
    )
    return cost


def _turned(names: Sequence[str], number: int) -> list[str]:
    # "Nothing changed" needs the state of the run before it, so the two stay together.
    groups: list[list[str]] = []
    for name in names:
        if name == UNCHANGED:
            groups[-1].append(name)
        else:
            groups.append([name])
    at = number % len(groups)
    return [name for group in groups[at:] + groups[:at] for name in group]

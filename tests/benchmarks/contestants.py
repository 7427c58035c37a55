"""Who does the job, and how each is started."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks import ours

FOLDER = Path(__file__).parent
PEERS_PYTHON = ours.ROOT / ".venv-peers" / "bin" / "python"

FLOOR = "floor, by hand"
NAIVE = "naive script"
LEDGER = "ours"
WORKERS = "ours, two workers"
UNCHANGED = "ours, nothing changed"
ALWAYS = "ours, resend: always"
DRT = "drt-core"
DRT_TUNED = "drt-core, 5,000 a load"
DLT = "dlt"


@dataclass(frozen=True)
class Task:
    """The job: a table of `rows` rows to a sink in batches, over so many connections."""

    source: str
    database_url: str
    sink_url: str
    folder: Path
    rows: int
    batch_size: int
    delay_seconds: float = 0.0
    connections: int = 4

    @property
    def most_a_second(self) -> float:
        """Rows a second that the sink's delay allows; infinite without one."""
        return self.connections * self.batch_size / self.delay_seconds if self.delay_seconds else float("inf")


@dataclass(frozen=True)
class Program:
    """What to start, and how many events have to arrive."""

    command: Sequence[str]
    environment: Mapping[str, str]
    events: int


def program(name: str, task: Task, *, state: Path) -> Program:
    """The program of contestant `name`; `state` is where those that have one keep their state."""
    environment = ours.environment(task.database_url, task.sink_url)
    place = [task.database_url, task.sink_url, str(task.batch_size)]
    match name:
        case "floor, by hand":
            # Without a delay one thread does best: more of them only take the lock from each other.
            connections = task.connections if task.delay_seconds else 1
            command = [sys.executable, str(FOLDER / "floor.py"), *place, str(connections)]
        case "naive script":
            command = [sys.executable, str(FOLDER / "naive.py"), *place]
        case "ours" | "ours, two workers" | "ours, nothing changed" | "ours, resend: always":
            mapping = ours.write_mapping(
                task.folder,
                resend="always" if name == ALWAYS else "changed",
                batch_size=task.batch_size,
                concurrency=task.connections,
            )
            command = ours.command(mapping, state, *(["--workers", "2"] if name == WORKERS else []))
        case "drt-core" | "drt-core, 5,000 a load":
            more = ["5000"] if name == DRT_TUNED else []
            command = [str(PEERS_PYTHON), str(FOLDER / "peer_drt.py"), *place, str(state.parent), *more]
        case "dlt":
            command = [str(PEERS_PYTHON), str(FOLDER / "peer_dlt.py"), *place, str(state.parent)]
        case _:
            raise AssertionError(name)
    return Program(command, environment, 0 if name == UNCHANGED else task.rows)

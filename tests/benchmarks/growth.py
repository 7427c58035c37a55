"""A table of few rows and one of many, in turn: whether memory and time grow with the table.

The rule: each run over many rows stands between two over few, and is compared with these alone, because a machine may
be slower for minutes at a time.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import sqlalchemy as sa

from tests.benchmarks import data, ours
from tests.benchmarks.measure import measure
from tests.benchmarks.sink import Sink

# In this order: the second finds the state of the first.
TITLES = ("sent", "nothing changed")


@dataclass(frozen=True)
class Run:
    """One run: seconds for a million rows, its largest resident set, the state's bytes for each key.

    `seconds_once_started` are those of its own books, without the loading of the program.
    """

    seconds_a_million: float
    seconds_once_started: float
    peak_bytes: int
    state_bytes_a_key: float


@dataclass(frozen=True)
class Growth:
    """The runs over one database with one of the titles. `many` has one run less than `few`, each between two of it."""

    name: str
    few_rows: int
    many_rows: int
    few: list[Run]
    many: list[Run]

    def times(self, seconds: Callable[[Run], float]) -> list[float]:
        """How much longer a row takes among many, as a fraction, for each of the runs over many."""
        few, many = list(map(seconds, self.few)), list(map(seconds, self.many))
        return [its / statistics.mean(beside) - 1 for its, beside in zip(many, pairwise(few), strict=True)]

    def memory_mib(self) -> float:
        """How much more memory the largest run over many rows takes than the largest over few."""
        return (max(run.peak_bytes for run in self.many) - max(run.peak_bytes for run in self.few)) / 2**20


def grow(source: str, url: str, folder: Path, sink: Sink, *, few: int, many: int, runs: int) -> list[Growth]:
    """Run over `few` and over `many` rows in turn, `runs` times; one `Growth` for each title."""
    large = _beside(url)
    data.fill(url, few)
    data.fill(large, many)
    over_few, over_many = [_once(source, url, few, folder, sink)], []
    for _ in range(runs):
        over_many.append(_once(source, large, many, folder, sink))
        over_few.append(_once(source, url, few, folder, sink))
    return [
        Growth(f"{source}, {title}", few, many, [run[title] for run in over_few], [run[title] for run in over_many])
        for title in TITLES
    ]


def _once(source: str, url: str, rows: int, folder: Path, sink: Sink) -> dict[str, Run]:
    mapping = ours.write_mapping(folder, resend="changed", batch_size=1000, concurrency=4)
    found = {}
    with ours.fresh_state(folder) as state:
        for title in TITLES:
            sink.begin()
            cost = measure(ours.command(mapping, state), environment=ours.environment(url, sink.url))
            events, _ = sink.counts()
            if events != (rows if title == "sent" else 0):
                raise SystemExit(f"{source}, {rows:,} rows, {title}: the sink received {events} events\n{cost.output}")
            seconds, started = cost.wall_seconds, ours.summary(cost.output)["duration_seconds"]
            size = sum(file.stat().st_size for file in state.parent.glob("state.sqlite*") if file.is_file())
            found[title] = Run(seconds / rows * 1e6, started / rows * 1e6, cost.peak_bytes, size / rows)
            print(
                f"  {source}, {rows:>9,} rows, {title:15} {seconds:6.1f} s, {started:6.1f} s once started, "
                f"{cost.cpu_seconds:6.1f} s CPU, {cost.peak_bytes / 2**20:4.0f} MiB",
                flush=True,
            )
    return found


def _beside(url: str) -> str:
    # Another database on the same server, or another file in the same folder.
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return parsed.set(database=f"{parsed.database}-large").render_as_string(hide_password=False)
    engine = sa.create_engine(url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text("DROP DATABASE IF EXISTS large"))
        connection.execute(sa.text("CREATE DATABASE large"))
    return parsed.set(database="large").render_as_string(hide_password=False)

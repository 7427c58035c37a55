"""Measures the product side by side with the floor and a naive script: `make bench`.

The rule: everybody does the same job to the same sink in turn, in processes of their own, and the sink counts; what is
compared was measured in the same rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shlex
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

from tests.benchmarks import data, ours, report, same_events, sink
from tests.benchmarks.contestants import ALWAYS, DLT, DRT, DRT_TUNED, FLOOR, LEDGER, NAIVE, UNCHANGED, WORKERS, Task
from tests.benchmarks.growth import grow
from tests.benchmarks.measure import Cost, measure
from tests.benchmarks.rounds import Results, compete
from tests.servers.databases import shared_server, stop_servers

SECTIONS = ("speed", "latency", "workers", "stages", "throttle", "growth", "ledger", "start")
BATCH_SIZE = 1000
DELAY_SECONDS = 0.05
SAMPLE_ROWS = 2_000
LATENCY_CONNECTIONS = 8


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    rows: int
    runs: int
    batch_sizes: tuple[int, ...]
    latency_rows: int
    workers_rows: int
    sender_rows: int
    throttled_rows: int
    growth_rows: tuple[int, int]
    growth_runs: int
    ledger_keys: tuple[int, int]
    starts: int


FULL = Sizes(
    500_000,
    5,
    (BATCH_SIZE, 100),
    700_000,
    2_000_000,
    250_000,
    60_000,
    (500_000, 5_000_000),
    5,
    (1_000_000, 10_000_000),
    21,
)
QUICK = Sizes(10_000, 1, (100,), 10_000, 10_000, 10_000, 2_000, (10_000, 20_000), 1, (10_000, 20_000), 1)


@dataclass(frozen=True)
class Bench:
    """A folder, a sink and the databases' URLs by name."""

    folder: Path
    sink: sink.Sink
    sources: dict[str, str]
    sizes: Sizes

    def task(self, source: str, batch_size: int, *, rows: int, delay_seconds: float = 0.0) -> Task:
        """The job on one of the sources, whose table has `rows` rows."""
        connections = LATENCY_CONNECTIONS if delay_seconds else 4
        url = self.sources[source]
        return Task(source, url, self.sink.url, self.folder, rows, batch_size, delay_seconds, connections)


def speed(bench: Bench, peers: tuple[str, ...]) -> str:
    """The sink answers at once: what the programs themselves cost."""
    # The peers take an hour already, without what is compared elsewhere.
    names = [FLOOR, *peers, LEDGER] if peers else [FLOOR, NAIVE, LEDGER, UNCHANGED, ALWAYS]
    print("the same events from everybody", flush=True)
    for source, url in bench.sources.items():
        data.fill(url, SAMPLE_ROWS)
        same_events.check(bench.task(source, 100, rows=SAMPLE_ROWS), names, bench.sink)
    results = _each(bench, names, rows=bench.sizes.rows)
    return f"{report.speed_table(results)}\n\n{report.targets(results)}"


def latency(bench: Bench, peers: tuple[str, ...]) -> str:
    """The sink answers after 50 ms: whether the connections are kept busy."""
    rows = bench.sizes.latency_rows
    # One request at a time makes its batch in 50 ms, however many there are; all of them would take hours.
    few = _each(bench, [NAIVE], rows=rows // 40, delay_seconds=DELAY_SECONDS)
    results = _each(bench, [FLOOR, LEDGER, ALWAYS], rows=rows, delay_seconds=DELAY_SECONDS)
    return f"{report.latency_table(results, few)}\n\n{report.latency_targets(results)}"


def workers(bench: Bench, peers: tuple[str, ...]) -> str:
    """Two more processes on two processors, which database and sink use too."""
    results = []
    for source, url in bench.sources.items():
        data.fill(url, bench.sizes.workers_rows)
        task = bench.task(source, BATCH_SIZE, rows=bench.sizes.workers_rows)
        results.append(compete(task, [LEDGER, WORKERS], bench.sink, runs=bench.sizes.runs))
    return f"{report.workers_table(results)}\n\n{sender(bench)}"


def sender(bench: Bench) -> str:
    """The process that sends, alone: all pages are prepared before it begins, and handed out at once."""
    found = {}
    rows = bench.sizes.sender_rows
    for source, url in bench.sources.items():
        data.fill(url, rows)
        mapping = ours.write_mapping(bench.folder, resend="changed", batch_size=BATCH_SIZE, concurrency=4)
        costs = []
        for _ in range(bench.sizes.runs):
            bench.sink.begin()
            with ours.fresh_state(bench.folder) as state:
                command = [sys.executable, "-m", "tests.benchmarks.sender", str(mapping), str(state)]
                costs.append(json.loads(measure(command, environment=ours.environment(url, bench.sink.url)).output))
            print(f"  the sender alone {rows / costs[-1]['cpu']:>9,.0f} events a second of processor", flush=True)
        found[f"{source}, {BATCH_SIZE:,} a batch, {rows:,} rows"] = costs
    return report.sender_table(found)


def profile(bench: Bench, peers: tuple[str, ...]) -> str:
    """Where the time goes."""
    found = []
    bench.sink.begin()
    for source, url in bench.sources.items():
        data.fill(url, bench.sizes.rows)
        for resend in ("changed", "always"):
            mapping = ours.write_mapping(bench.folder, resend=resend, batch_size=BATCH_SIZE, concurrency=4)
            with ours.fresh_state(bench.folder) as state:
                for title in ("sent", "nothing changed") if resend == "changed" else ("resend: always",):
                    command = [sys.executable, "-m", "tests.benchmarks.stages", str(mapping), str(state)]
                    cost = measure(command, environment=ours.environment(url, bench.sink.url))
                    found.append((f"{source}, {title}", report.Profile(**json.loads(cost.output))))
    return report.stages_table(found)


def throttle(bench: Bench, peers: tuple[str, ...]) -> str:
    """At the default rate limit the job waits for the API, not the API for the job."""
    source, url = next(iter(bench.sources.items()))
    rows = bench.sizes.throttled_rows
    data.fill(url, rows)
    mapping = ours.write_mapping(bench.folder, resend="changed", batch_size=100, concurrency=4, throttled=True)
    bench.sink.begin()
    with ours.fresh_state(bench.folder) as state:
        cost = measure(ours.command(mapping, state), environment=ours.environment(url, bench.sink.url))
    books = ours.summary(cost.output)
    achieved = books["sent"] / books["duration_seconds"] / 1000
    return report.markdown(
        ["default rate limit, 1,000 events a second", "target", "measured"],
        [
            [f"achieved rate, {rows:,} rows of {source}", "≥ 98%", f"{achieved:.1%}"],
            ["processor, its start included", "< 10% of a core", f"{cost.cpu_seconds / cost.wall_seconds:.1%}"],
        ],
    )


def growth(bench: Bench, peers: tuple[str, ...]) -> str:
    """How memory and time grow with the table."""
    few, many = bench.sizes.growth_rows
    results = [
        found
        for source, url in bench.sources.items()
        for found in grow(source, url, bench.folder, bench.sink, few=few, many=many, runs=bench.sizes.growth_runs)
    ]
    return report.growth_tables(results)


def ledger(bench: Bench, peers: tuple[str, ...]) -> str:
    """The ledger alone, with keys without neighbours: its memory does not grow with its keys."""
    rows = []
    for count in bench.sizes.ledger_keys:
        command = [sys.executable, "-m", "tests.benchmarks.ledger", "--keys", str(count), "--random"]
        cost = measure(command, environment={"PATH": os.environ["PATH"], "PYTHONPATH": str(ours.ROOT)})
        found = re.search(r"([\d.]+) bytes a key", cost.output)
        assert found is not None, cost.output
        seconds = cost.cpu_seconds / count * 1e6
        rows.append([f"{count:,} keys", f"{seconds:.1f}", f"{cost.peak_bytes / 2**20:.0f}", found[1]])
        print("  " + " | ".join(rows[-1]), flush=True)
    return report.markdown(["ledger", "CPU seconds a million keys", "peak MiB", "bytes a key"], rows)


def start(bench: Bench, peers: tuple[str, ...]) -> str:
    """What a person waits for at a command that looks at files and the state alone, beside Python's own start."""
    mapping = ours.write_mapping(bench.folder, resend="changed", batch_size=BATCH_SIZE, concurrency=4)
    environment = ours.environment("sqlite:////none/shop.sqlite", bench.sink.url)
    with ours.fresh_state(bench.folder) as state:
        commands = {
            "python -c pass": ["-c", "pass"],
            "validate, one file": ["-m", "etl", "validate", str(mapping)],
            "status": ["-m", "etl", "status", "--state", str(state)],
        }
        costs: dict[str, list[Cost]] = {name: [] for name in commands}
        for _ in range(bench.sizes.starts):
            for name, words in commands.items():
                costs[name].append(measure([sys.executable, *words], environment=environment))
    wall = {name: median(cost.wall_seconds for cost in found) * 1000 for name, found in costs.items()}
    cpu = {name: median(cost.cpu_seconds for cost in found) * 1000 for name, found in costs.items()}
    python, *ours_ = commands
    limit = {"validate, one file": "≤ 300 ms"}
    rows = [
        [f"{name}, beyond `{python}`", limit.get(name, "-"), *(f"{ms[name] - ms[python]:.0f} ms" for ms in (wall, cpu))]
        for name in ours_
    ]
    return report.markdown([f"start, medians of {bench.sizes.starts}", "target", "measured", "of the processor"], rows)


def _each(bench: Bench, names: list[str], *, rows: int, delay_seconds: float = 0.0) -> list[Results]:
    results = []
    for source, url in bench.sources.items():
        data.fill(url, rows)
        for batch_size in bench.sizes.batch_sizes:
            task = bench.task(source, batch_size, rows=rows, delay_seconds=delay_seconds)
            print(f"{source}, {batch_size:,} a batch, {delay_seconds * 1000:.0f} ms, {rows:,} rows", flush=True)
            results.append(compete(task, names, bench.sink, runs=bench.sizes.runs))
    return results


@contextmanager
def made(sizes: Sizes, names: list[str]) -> Iterator[Bench]:
    """The bench with what it needs; nothing of it is left behind."""
    with tempfile.TemporaryDirectory(prefix="squeezely-etl-bench-") as name, sink.running() as receiver:
        folder = Path(name)
        # The server may run as another user, who cannot look into this folder.
        servers = folder.with_name(folder.name + "-servers")
        sources = {"SQLite": f"sqlite:///{folder}/shop.sqlite"} if "sqlite" in names else {}
        try:
            if "postgresql" in names:
                with shared_server("postgresql", servers) as server:
                    yield Bench(folder, receiver, {"PostgreSQL": server.url, **sources}, sizes)
            else:
                yield Bench(folder, receiver, sources, sizes)
        finally:
            if servers.exists():
                stop_servers(servers)


def heading(sizes: Sizes, sections: Sequence[str], *, peers: tuple[str, ...]) -> str:
    """When, how and on what the figures were made."""
    medians = ""
    if {"speed", "latency"} & set(sections):
        rows = f"{sizes.rows if 'speed' in sections else sizes.latency_rows:,}"
        medians = f"{rows} rows of 12 columns, 12 fields an event, medians of {sizes.runs}, "
    packages = ", ".join(f"{name} {version(name)}" for name in ("pandas", "SQLAlchemy", "orjson", "httpcore"))
    words = shlex.join(["make", "bench-peers" if peers else "bench"])
    return (
        f"Measured on {datetime.now(UTC):%Y-%m-%d} with `{words}`: {medians}whole "
        f"processes with their start, in turn on the same {os.cpu_count()} cores "
        f"({platform.machine()}, Python {platform.python_version()}, {packages})."
    )


SECTION_TITLES = {
    "speed": ("Speed, the sink answers at once", speed),
    "latency": ("A sink that takes 50 ms, eight connections", latency),
    "workers": ("Two workers on two processors", workers),
    "stages": ("Where the time goes, in one thread", profile),
    "throttle": ("At the default rate limit", throttle),
    "growth": ("Growth", growth),
    "ledger": ("The ledger alone", ledger),
    "start": ("Start", start),
}


def main() -> None:
    """Parse, measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a small size that shows only that it works")
    parser.add_argument("--rows", type=int, help="rows of the table (default: 500,000)")
    parser.add_argument("--runs", type=int, help="rounds of the speed and latency sections (default: 5)")
    parser.add_argument("--sources", default="sqlite,postgresql", help="databases, by commas")
    parser.add_argument("--sections", default=",".join(SECTIONS), help="what to measure, by commas")
    parser.add_argument("--peers", action="store_true", help="drt-core and dlt too, from .venv-peers")
    parser.add_argument("--into", type=Path, help="the Markdown file to write; none: print only")
    chosen = parser.parse_args()
    sizes = QUICK if chosen.quick else FULL
    values = {name: value for name, value in vars(chosen).items() if name in ("rows", "runs") and value}
    sizes = replace(sizes, **values)
    peers = (DRT, DRT_TUNED, DLT) if chosen.peers else ()
    sections = chosen.sections.split(",")
    parts = [heading(sizes, sections, peers=peers)]
    with made(sizes, chosen.sources.split(",")) as bench:
        for section in sections:
            title, work = SECTION_TITLES[section]
            parts.append(f"#### {title}\n\n{work(bench, peers)}")
    text = "\n\n".join(parts) + "\n"
    print(f"\n{text}")
    if chosen.into is not None:
        chosen.into.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())

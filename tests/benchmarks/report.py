"""The results as Markdown, for the page of this folder and for people."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

from tests.benchmarks.contestants import ALWAYS, DLT, DRT, DRT_TUNED, FLOOR, LEDGER, UNCHANGED, WORKERS
from tests.benchmarks.growth import Growth, Run
from tests.benchmarks.rounds import Results

# In the order of a row's way; each with what is in it.
STAGES = {
    "read": "the database's query, the driver, the rows' tuples",
    "columns": "the rows' values by column, and which rows make no event",
    "transforms": "the steps of the mapping",
    "checks": "the types of the fields",
    "encode": "the JSON texts of each column, joined into events",
    "ledger": "hashes of keys and fields, and the look-up",
    "deliver": "lanes, batches, settlement",
    "send": "HTTP over the loopback address, the sink's own time included",
    "state": "the ledger's new entries and the checkpoint, on disk",
}
# 200,000 events a second are 5 µs each, where a row took 10.28 µs in one process (the tables of 2026-11-28).
SENDER_TARGET = "≤ 0.49"


@dataclass(frozen=True)
class Profile:
    """The seconds of each stage for `rows` rows."""

    rows: int
    seconds: dict[str, float]

    @property
    def total(self) -> float:
        """All stages."""
        return sum(self.seconds.values())


def stages_table(profiles: Sequence[tuple[str, Profile]]) -> str:
    """Microseconds a row and share of each stage."""
    head = ["stage", *(name for name, _ in profiles)]
    rows = []
    for stage, what in STAGES.items():
        cells = [
            f"{found.seconds[stage] / found.rows * 1e6:.2f} µs, {found.seconds[stage] / found.total:.0%}"
            for _, found in profiles
        ]
        rows.append([f"{stage}: {what}", *cells])
    rows.append(["all", *(f"{found.total / found.rows * 1e6:.2f} µs" for _, found in profiles)])
    return markdown(head, rows)


def growth_tables(found: Sequence[Growth]) -> str:
    """What runs over few and over many rows took, then how the one stands to the other, also once started."""
    rows = []
    for growth in found:
        for count, runs in ((growth.few_rows, growth.few), (growth.many_rows, growth.many)):
            rows.append([f"{growth.name}, {count:,} rows", *_growth_cells(runs)])
    turns = f"medians of {len(found[0].few)} and {len(found[0].many)} runs, in turn"
    runs = markdown([turns, "seconds a million rows", "once started", "peak MiB", "bytes of state a key"], rows)
    many, few = found[0].many_rows, found[0].few_rows
    head = [
        f"{many:,} rows over {few:,}",
        "memory, MiB (target: ≤ 30)",
        "time a row (target: ≤ 10%)",
        "once started (≤ 10%)",
    ]
    growths = [
        [
            growth.name,
            f"{growth.memory_mib():+.1f}",
            _median_and_all(growth.times(attrgetter("seconds_a_million"))),
            _median_and_all(growth.times(attrgetter("seconds_once_started"))),
        ]
        for growth in found
    ]
    return f"{runs}\n\n{markdown(head, growths)}"


def _median_and_all(times: Sequence[float]) -> str:
    return f"{statistics.median(times):+.0%} ({', '.join(f'{time:+.0%}' for time in sorted(times))})"


def _growth_cells(runs: Sequence[Run]) -> list[str]:
    seconds = statistics.median(run.seconds_a_million for run in runs)
    started = statistics.median(run.seconds_once_started for run in runs)
    size = statistics.median(run.state_bytes_a_key for run in runs)
    return [f"{seconds:.1f}", f"{started:.1f}", f"{max(run.peak_bytes for run in runs) / 2**20:.0f}", f"{size:.1f}"]


def speed_table(results: Sequence[Results]) -> str:
    """Rows a second of each contestant, a column a task, with how it stands to the floor."""
    names = list(dict.fromkeys(name for result in results for name in result.costs))
    head = ["rows/s (of the floor)", *(task_title(result) for result in results), "peak MiB", "CPU s a million rows"]
    rows = []
    for name in names:
        cells = [name]
        for result in results:
            if name not in result.costs:
                cells.append("-")
                continue
            share = f" ({result.ratio(name, FLOOR):.2f})" if name != FLOOR and FLOOR in result.costs else ""
            cells.append(f"{result.rows_a_second(name):,.0f}{share}")
        rows.append(cells + _costs(name, [result for result in results if name in result.costs]))
    return markdown(head, rows)


def latency_table(*parts: Sequence[Results]) -> str:
    """Rows a second with a slow sink, and the share of what its delay allows; of ours also without the start.

    Each of `parts` has the results of some contestants at the same tasks, with a number of rows of its own.
    """
    titles = [task_title(result) for result in parts[0]]
    head = [
        "rows/s (share; once started)",
        "rows",
        *(title.replace(" a batch, 50 ms", "") for title in titles),
        "peak MiB",
        "CPU s a million rows",
    ]
    rows = []
    for results in parts:
        for name in results[0].costs:
            cells = [name, f"{results[0].task.rows:,}"]
            for result in results:
                rate, most = result.rows_a_second(name), result.task.most_a_second
                ours = name in (LEDGER, ALWAYS)
                started = f"; {result.rows_a_second_once_started(name) / most:.2f}" if ours else ""
                cells.append(f"{rate:,.0f} ({rate / most:.2f}{started})")
            rows.append(cells + _costs(name, results))
    return markdown(head, rows)


def workers_table(results: Sequence[Results]) -> str:
    """How much sooner two workers are done; memory is that of the process that sends."""
    rows = [
        [
            f"{task_title(result)}, {result.task.rows:,} rows",
            *(f"{result.rows_a_second(name):,.0f}" for name in (LEDGER, WORKERS)),
            "≥ 1.2",
            f"{result.ratio(WORKERS, LEDGER):.2f}",
            f"{result.ratio_once_started(WORKERS, LEDGER):.2f}",
            f"{result.peak_mib(WORKERS):.0f}",
        ]
        for result in results
    ]
    head = ["rows/s", "one process", "two workers", "target", "ratio", "ratio once started", "peak MiB"]
    return markdown(head, rows)


def sender_table(found: Mapping[str, Sequence[Mapping[str, float]]]) -> str:
    """Events a second of the process that sends, alone, and its share of what a row costs one process."""
    rows = []
    for name, costs in found.items():
        speeds = [statistics.median(cost["rows"] / cost[kind] for cost in costs) for kind in ("cpu", "wall")]
        share = statistics.median(cost["cpu"] / cost["whole_cpu"] for cost in costs)
        whole = statistics.median(cost["whole_cpu"] / cost["rows"] * 1e6 for cost in costs)
        rows.append([name, *(f"{speed:,.0f}" for speed in speeds), f"{whole:.1f}", f"{share:.2f}", SENDER_TARGET])
    head = ["pages prepared before", "events/s of the processor", "events/s on the wall", "a row in one process, µs"]
    return markdown([*head, "the sender's share", "target"], rows)


def latency_targets(results: Sequence[Results]) -> str:
    """What the project asks of itself where the sink is slow: at 1,000 a batch its delay is not what limits."""
    rows = [
        [
            task_title(result),
            "ours / what the delay allows",
            "≥ 0.9" if result.task.batch_size < 1000 else "-",
            f"{result.rows_a_second(LEDGER) / result.task.most_a_second:.2f}",
        ]
        for result in results
    ]
    return markdown(["task", "ratio", "target", "measured"], rows)


def _costs(name: str, results: Sequence[Results]) -> list[str]:
    peak, seconds = zip(*((one.peak_mib(name), one.cpu_seconds_a_million(name)) for one in results), strict=True)
    return [f"{max(peak):.0f}", f"{max(seconds):.1f}"]


def targets(results: Sequence[Results]) -> str:
    """What the project asks of itself, beside what was measured."""
    rows = []
    for result in results:
        title = task_title(result)
        costs = result.costs
        if LEDGER in costs and FLOOR in costs:
            rows.append([title, "ours / floor", wanted(0.25, result), f"{result.ratio(LEDGER, FLOOR):.2f}"])
        if ALWAYS in costs and FLOOR in costs:
            value = result.ratio(ALWAYS, FLOOR)
            rows.append([title, "ours, resend: always / floor", wanted(0.35, result), f"{value:.2f}"])
            value = result.ratio(LEDGER, ALWAYS)
            rows.append([title, "ours / ours, resend: always", wanted(0.67, result), f"{value:.2f}"])
        if UNCHANGED in costs:
            rows.append([title, "nothing changed / ours", "≥ 1.5", f"{result.ratio(UNCHANGED, LEDGER):.2f}"])
        if DRT in costs:
            least = "≥ 3" if result.task.batch_size >= 1000 else "≥ 12"
            rows.append([title, "ours / drt-core", least, f"{result.ratio(LEDGER, DRT):.1f}"])
            rows.append([title, f"ours / {DRT_TUNED}", "-", f"{result.ratio(LEDGER, DRT_TUNED):.1f}"])
            rows.append([title, "ours / dlt", "-", f"{result.ratio(LEDGER, DLT):.1f}"])
    return markdown(["task", "ratio", "target", "measured"], rows)


def wanted(least: float, result: Results) -> str:
    """The target where one is set: small batches measure the HTTP client, and have none."""
    return f"≥ {least}" if result.task.batch_size >= 1000 else "-"


def task_title(result: Results) -> str:
    """`PostgreSQL, 1,000 a batch`."""
    task = result.task
    delay = f", {task.delay_seconds * 1000:.0f} ms" if task.delay_seconds else ""
    return f"{task.source}, {task.batch_size:,} a batch{delay}"


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; every column but the first is aligned to the right."""
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)

"""Checks that every contestant does the same job: the sink receives the same events, compared as values."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tests.benchmarks.contestants import LEDGER, UNCHANGED, Task
from tests.benchmarks.rounds import run_once
from tests.benchmarks.sink import Sink


def check(task: Task, names: Sequence[str], sink: Sink) -> None:
    """Let each of `names` do the task once. Ends the benchmark when one sends other events than we do."""
    wanted = _events(LEDGER, task, sink)
    for name in names:
        if name not in (LEDGER, UNCHANGED) and (found := _events(name, task, sink)) != wanted:
            key = next(key for key in wanted if found.get(key) != wanted[key])
            raise SystemExit(f"{name} sends other events than {LEDGER}:\n{found.get(key)}\n{wanted[key]}")


def _events(name: str, task: Task, sink: Sink) -> dict[int, dict[str, object]]:
    keep = task.folder / "events.jsonl"
    keep.unlink(missing_ok=True)
    run_once(name, replace(task, delay_seconds=0.0), sink, keep=keep)
    return _read(keep)


def _read(path: Path) -> dict[int, dict[str, object]]:
    with path.open(encoding="utf-8") as file:
        return {event["custom_customer_id"]: event for line in file for event in json.loads(line)["events"]}

"""The operating system refuses something to one mapping: it is told with a hint, and the next one has its run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("limit", "words", "options"),
    [
        ("-n 6", "may open no more files", ["--start-from", "beginning"]),
        ("-f 8", "may write no larger files", ["--start-from", "beginning"]),
        ("-f 200", "may write no larger files", []),
    ],
)
def test_a_limit_of_the_process_is_told_as_such_and_the_next_run_goes_on(
    desk: Any, limit: str, words: str, options: list[str]
) -> None:
    """Which limit refused the state's file stands nowhere in SQLite's error: it said that the disk was at fault."""
    desk.fill(600)
    command = f"ulimit {limit}; exec {sys.executable} -m etl run {desk.mapping} --start-from beginning"
    ended = subprocess.run(
        ["bash", "-c", command],
        env=desk.environment(),
        cwd=Path(__file__).parents[2],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 6, ended.stderr
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr
    after = desk.run(*options)
    assert after.code == 0, after.err
    assert desk.stats()["distinct_identities"] == 600


def test_a_mapping_that_gets_no_threads_does_not_keep_the_next_one_from_its_run(desk: Any) -> None:
    """E12, E13: sixty-four stacks of 64 MiB do not fit into the process, two do."""
    desk.fill(20)
    folder = desk.folder / "mappings"
    folder.mkdir()
    for name, concurrency in (("a", 64), ("b", 1)):
        desk.write_mapping(destination=f"  concurrency: {concurrency}")
        text = desk.mapping.read_text().replace("name: people", f"name: {name}")
        (folder / f"{name}.yaml").write_text(text)
    command = f"ulimit -s 65536 && ulimit -v 3500000 && exec {sys.executable} -m etl run {folder}"
    ended = subprocess.run(
        ["/bin/bash", "-c", f"{command} -o json --start-from beginning"],
        env={**desk.environment(), "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        cwd=desk.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    outcomes = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [(one["mapping"], one["exit_code"], one["sent"]) for one in outcomes] == [("a", 6, 0), ("b", 0, 20)], (
        ended.stderr
    )
    assert "no more threads can be started" in ended.stderr
    assert "lower destination.concurrency" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.returncode == 6

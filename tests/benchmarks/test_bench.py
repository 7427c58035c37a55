"""The benchmark itself, in a size that shows only that it works."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.benchmarks.ours import ROOT


def bench(results: Path, *options: str) -> str:
    """What the benchmark writes into `results` in its small size."""
    command = [sys.executable, "-m", "tests.benchmarks.bench", "--quick", "--rows", "2000", "--into", str(results)]
    ended = subprocess.run([*command, *options], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return results.read_text()


def test_the_benchmark_runs_to_its_end_in_a_small_size(tmp_path: Path) -> None:
    """Each program sends the same events, the sink counts them, and the tables are written."""
    text = bench(tmp_path / "results.md", "--sources", "sqlite", "--sections", "speed,throttle,workers")
    titles = [line for line in text.splitlines() if line.startswith("#### ")]
    assert len(titles) == 3
    for words in (
        "floor, by hand",
        "naive script",
        "ours, nothing changed",
        "SQLite, 100 a batch",
        "ratio once started",
        "the sender's share | target |",
    ):
        assert words in text


def test_the_benchmark_measures_a_server_too(tmp_path: Path) -> None:
    text = bench(tmp_path / "results.md", "--sources", "postgresql", "--sections", "stages")
    assert "PostgreSQL, nothing changed" in text
    assert "encode: the JSON texts" in text

"""The simulation is only worth what it catches: each planted bug is applied to a copy of the code and must be found."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUGS = sorted(Path(__file__).with_name("bugs").glob("*.patch"))
LIVES = 300


def test_there_are_bugs_to_find() -> None:
    assert len(BUGS) >= 12


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.stem)
def test_a_planted_bug_is_found(bug: Path, tmp_path: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__", "page_files")
    shutil.copytree(ROOT / "etl", tmp_path / "etl", ignore=ignored)
    shutil.copytree(ROOT / "tests" / "simulation", tmp_path / "tests" / "simulation", ignore=ignored)
    applied = subprocess.run(
        ["git", "apply", "-C1", str(bug)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert applied.returncode == 0, f"{bug.name} no longer fits the code: plant it anew\n{applied.stderr}"
    found = subprocess.run(
        [sys.executable, "-m", "tests.simulation", "--seeds", "0", str(LIVES)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"testing {tmp_path / 'etl'}" in found.stdout, "the copy is what runs"
    assert found.returncode == 1, found.stdout
    assert "broken: seed " in found.stdout, found.stderr

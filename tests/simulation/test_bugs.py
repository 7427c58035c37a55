"""The simulation is only worth what it catches: each planted bug is applied to a copy of the code and must be found."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.planting import NotFound, first_seed, plant

ROOT = Path(__file__).parents[2]
BUGS = sorted(Path(__file__).with_name("bugs").glob("*.toml"))
LIVES = 600


def test_there_are_bugs_to_find() -> None:
    assert len(BUGS) >= 42


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.stem)
def test_a_planted_bug_is_found(bug: Path, tmp_path: Path) -> None:
    # With what is compiled already: only the changed module is compiled anew.
    ignored = shutil.ignore_patterns("page_files")
    shutil.copytree(ROOT / "etl", tmp_path / "etl", ignore=ignored)
    shutil.copytree(ROOT / "tests" / "simulation", tmp_path / "tests" / "simulation", ignore=ignored)
    plant(bug, tmp_path / "etl")
    first = first_seed(bug)
    found = subprocess.run(
        [sys.executable, "-m", "tests.simulation", "--seeds", str(first), str(first + LIVES)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"testing {tmp_path / 'etl'}" in found.stdout, "the copy is what runs"
    assert found.returncode == 1, found.stdout
    assert "broken: seed " in found.stdout, found.stderr


def test_a_bug_whose_place_is_gone_or_twice_there_is_not_planted(tmp_path: Path) -> None:
    """It would be found missing as a bug that nothing finds."""
    module = tmp_path / "etl" / "lanes.py"
    module.parent.mkdir()
    bug = tmp_path / "bug.toml"
    bug.write_text("[[change]]\nin = 'Lanes.take'\ninstead_of = 'if here: ...'\nwrite = 'if True: ...'\n")
    code = "class Lanes:\n    def take(self):\n        if here:  # a comment\n            go()\n"
    module.write_text(code)
    plant(bug, tmp_path / "etl")
    assert module.read_text() == "class Lanes:\n\n    def take(self):\n        if True:\n            go()\n"
    for other in (code.replace("here", "there"), code + "        if here:\n            stay()\n"):
        module.write_text(other)
        with pytest.raises(NotFound):
            plant(bug, tmp_path / "etl")

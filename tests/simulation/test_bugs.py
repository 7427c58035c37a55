"""The simulation is only worth what it catches: each planted bug is applied to a copy of the code and must be found."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulation.planting import NotFound, first_seed, plant

ROOT = Path(__file__).parents[2]
BUGS = sorted(Path(__file__).with_name("bugs").glob("*.toml"))
LIVES = 600
# Forks a process for each bug, with what is not ours loaded already: to load it takes longer than most of these lives.
PRELOADED = """
import json, os, runpy, sys
import dateutil, orjson, pandas, pydantic, sqlalchemy.dialects.sqlite
for line in sys.stdin:
    asked = json.loads(line)
    pid = os.fork()
    if pid == 0:
        os.chdir(asked["folder"])
        sys.path.insert(0, asked["folder"])
        sys.argv[1:] = asked["arguments"]
        output = os.open(asked["output"], os.O_WRONLY | os.O_CREAT, 0o600)
        os.dup2(output, 1)
        os.dup2(output, 2)
        runpy.run_module("tests.simulation", run_name="__main__", alter_sys=True)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


class Lives:
    """Runs lives of a copy of the code, each time in a process of its own."""

    def __init__(self, preloaded: subprocess.Popen[str]) -> None:
        self._preloaded = preloaded

    def run(self, folder: Path, first: int) -> tuple[int, str]:
        """Exit code and output of the lives from seed `first` on, of the code in `folder`."""
        asked = {"folder": str(folder), "arguments": ["--seeds", str(first), str(first + LIVES)]}
        asked["output"] = str(folder / "output")
        assert self._preloaded.stdin is not None
        assert self._preloaded.stdout is not None
        self._preloaded.stdin.write(json.dumps(asked) + "\n")
        self._preloaded.stdin.flush()
        code = int(self._preloaded.stdout.readline())
        return code, (folder / "output").read_text()


@pytest.fixture(scope="module")
def lives() -> Iterator[Lives]:
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}  # a fork takes no thread along
    with subprocess.Popen(
        [sys.executable, "-c", PRELOADED],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as preloaded:
        yield Lives(preloaded)
        assert preloaded.stdin is not None
        preloaded.stdin.close()


def test_there_are_bugs_to_find() -> None:
    assert len(BUGS) >= 42


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.stem)
def test_a_planted_bug_is_found(bug: Path, tmp_path: Path, lives: Lives) -> None:
    # With what is compiled already: only the changed module is compiled anew.
    ignored = shutil.ignore_patterns("page_files")
    shutil.copytree(ROOT / "etl", tmp_path / "etl", ignore=ignored)
    shutil.copytree(ROOT / "tests" / "simulation", tmp_path / "tests" / "simulation", ignore=ignored)
    plant(bug, tmp_path / "etl")
    code, output = lives.run(tmp_path, first_seed(bug))
    assert f"testing {tmp_path / 'etl'}" in output, "the copy is what runs"
    assert code == 1, output
    assert "broken: seed " in output


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

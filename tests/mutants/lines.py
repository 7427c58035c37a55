"""Which tests run which line of the core, gathered once, and how long each takes."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable
from itertools import chain, zip_longest
from pathlib import Path
from xml.etree import ElementTree as ET

from coverage import CoverageData

from tests.mutants.places import Change

# Sweeps and large tables: minutes each, over lines that quicker tests run too.
SLOW = ("source/test_every_type.py", "source/test_large_and_slow.py", "job/test_judged_shop.py", "api/test_soak.py")
SLOW += ("api/test_faults.py", "source/test_late_commits.py", "state/test_kills.py", "source/test_poolers.py")


def gather(folder: Path, tree: Path, room: str) -> None:
    """Run the tests of `room` in `tree`, and write into `folder` which lines each of them ran and how long it took.

    Nothing where that is written already, or where another process is at it.
    """
    with (folder / f"{room}.lock").open("w") as lock, contextlib.suppress(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not (folder / f"{room}.xml").exists():
            _gather(folder, tree, room)


def _gather(folder: Path, tree: Path, room: str) -> None:
    rules = folder / f"coverage.{room}.ini"
    rules.write_text(f"[run]\nsource = etl\nrelative_files = true\ndata_file = {folder / f'coverage.{room}'}\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--cov=etl", f"--cov-config={rules}"]
    command += ["--cov-context=test", "--cov-report=", f"--junitxml={folder / f'{room}.xml'}"]
    command += [f"--ignore=tests/{slow}" for slow in SLOW]
    # The compiled files are written here, so that no trial has to compile what it does not change.
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": ""}
    subprocess.run([*command, f"tests/{room}"], cwd=tree, env=environment, check=False)


# With fewer tests than these, those of the whole module are tried too.
_FEW = 5


class Covered:
    """The tests that were gathered in `folder` over the files of `tree`."""

    def __init__(self, folder: Path, tree: Path) -> None:
        self._tree = tree
        self._by_line: dict[str, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
        self._seconds: dict[str, float] = defaultdict(float)
        self._failed: set[str] = set()
        for report in folder.glob("*.xml"):
            self._add_lines(folder / f"coverage.{report.stem}")
            for case in ET.parse(report).iter("testcase"):
                test = _test(case.get("classname", ""), case.get("name", ""))
                self._seconds[test] += float(case.get("time", "0"))
                if case.find("failure") is not None or case.find("error") is not None:
                    self._failed.add(test)

    def tests(self, change: Change, *, most_seconds: float) -> list[str]:
        """Tests that run the changed lines, the quickest first, those of its own room before.

        So many as end within `most_seconds`, as it was measured beside coverage.
        """
        room = change.path.split("/")[1]
        found = set() if change.constant else self._of_lines(change.path, range(change.line, change.last_line + 1))
        if change.constant:
            for path in sorted((self._tree / "etl" / room).glob("*.py")):
                text = path.read_text().splitlines()
                lines = [at for at, line in enumerate(text, 1) if re.search(rf"\b{change.constant}\b", line)]
                found |= self._of_lines(str(path.relative_to(self._tree)), lines)
            found |= self._naming(change.constant)
        if len(found) < _FEW:
            # A line that runs when the module is loaded: by a test only where that test was the first to load it.
            found |= self._of_lines(change.path, self._by_line.get(change.path, {}))
        if not found:
            # It runs only when the module is loaded, before the first test.
            found = {test for test in self._seconds if test.startswith(f"tests/{room}/")} - self._failed
        return self._ordered(found, room, most_seconds)

    def _naming(self, constant: str) -> set[str]:
        """The tests of files that name `constant`: what compares it runs no line that does."""
        names = {
            str(path.relative_to(self._tree))
            for path in (self._tree / "tests").rglob("test_*.py")
            if re.search(rf"\b{constant}\b", path.read_text())
        }
        return {test for test in self._seconds if test.partition("::")[0] in names} - self._failed

    def _ordered(self, tests: Iterable[str], room: str, most_seconds: float) -> list[str]:
        """One example of each test, the quickest first, then a second of each: examples of one test notice the same."""
        examples: dict[str, list[str]] = defaultdict(list)
        for test in sorted(tests, key=lambda test: self._seconds[test] * (0.3 if f"tests/{room}/" in test else 1.0)):
            examples[test.partition("[")[0]].append(test)
        chosen, seconds = [], 0.0
        for test in chain.from_iterable(zip_longest(*examples.values())):
            if test and seconds + self._seconds[test] <= most_seconds:
                chosen.append(test)
                seconds += self._seconds[test]
        return chosen

    def _add_lines(self, path: Path) -> None:
        data = CoverageData(str(path))
        data.read()
        for name in data.measured_files():
            for line, tests in data.contexts_by_lineno(name).items():
                self._by_line[name][line] += tests

    def _of_lines(self, path: str, lines: Iterable[int]) -> set[str]:
        by_line = self._by_line.get(path, {})
        return {test.rpartition("|")[0] for line in lines for test in by_line.get(line, []) if test} - self._failed


def _test(classname: str, name: str) -> str:
    return f"{classname.replace('.', '/')}.py::{name}"

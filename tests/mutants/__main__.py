"""`make mutants`: change the core at places that a seed chooses, and see whether a test fails.

    python -m tests.mutants --gather        # once: which test runs which line, and how long it takes
    python -m tests.mutants --count 400     # goes on where it stopped; prints what no test noticed
    python -m tests.mutants --second        # what no test of its line noticed, with the simulation and whole processes
    python -m tests.mutants --again FILE… --tests    # only the survivors, with the tests of these files as they are now

Why not a tool of the field: most of what the state does stands in SQL, in constants of modules. mutmut 3 changes only
what stands in functions, cosmic-ray runs one command for every change, and neither knows SQL or draws by a seed.
Everything happens in a copy of the tree below `.mutants`; the files that people edit are never touched. Remove that
folder to begin anew.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from zlib import crc32

from tests.mutants.lines import Covered, gather
from tests.mutants.places import Change, changes, only_tunes
from tests.mutants.session import try_in_session
from tests.mutants.trial import Trial, failing_unchanged, name_of, trials

CORE = ("delivery", "source", "job", "state", "transform", "verdict")
# What runs nearly every line of the core in this process.
QUICK = (
    "transform",
    "event",
    "verdict",
    "delivery",
    "api",
    "state",
    "job",
    "golden",
    "source",
    "mapping",
    "judge",
    "drafting",
    "host",
)
# What runs it in many steps or in other processes, where no test is known by its lines.
_SIMULATION = "tests/simulation/test_simulation.py::test_no_life_breaks_a_law[0]"
_PROCESSES = [f"tests/e2e/test_{name}.py" for name in ("main_job", "looking", "backfill_and_retry", "every_database")]
_PROCESSES += [f"tests/e2e/test_{name}.py" for name in ("overlap", "rehearsal", "three_nights", "refusals", "status")]
SECOND = {
    **dict.fromkeys(
        ("delivery", "verdict"), (_SIMULATION, "tests/e2e/test_bad_input.py", "tests/e2e/test_time_limits.py")
    ),
    "source": ["tests/cli", *_PROCESSES, "tests/source/test_poolers.py"],
    "job": [_SIMULATION, "tests/cli", *_PROCESSES],
    "state": [_SIMULATION, "tests/cli", *_PROCESSES, "tests/state/test_kills.py"],
    "transform": ["tests/cli", "tests/mapping", "tests/e2e/test_canaries.py"],
}
# Most changes are noticed by the quick tests of their line; the others are tried with more of them, and with SECOND.
# Seconds as they were gathered: where others keep the machine busy, they are several times as many.
FIRST_SECONDS, MOST_SECONDS = 12.0, 90.0
FOLDER = Path(".mutants").resolve()
COPIED = ("etl", "tests", "mappings", "pyproject.toml", "README.md", "CHANGELOG.md", "Makefile", "LICENSE")
UNNOTICED = ("survived", "no test")


def main() -> None:
    parser = argparse.ArgumentParser(description="Change the core, and see whether a test fails.")
    parser.add_argument("--gather", action="store_true", help="find out which test runs which line, where unknown")
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=FIRST_SECONDS, help="of tests for each change, as gathered")
    parser.add_argument("--rooms", nargs="+", default=CORE, metavar="ROOM", help="of those chosen, only these rooms'")
    parser.add_argument("--only", default="", metavar="PATTERN", help="all changes like this, none by chance")
    parser.add_argument("--second", action="store_true", help="survivors, against the slow proofs of their room")
    parser.add_argument("--tests", action="store_true", help="with the tests as they are now, not as they were copied")
    parser.add_argument("--again", nargs="+", default=[], metavar="FILE", help="survivors, against these test files")
    parser.add_argument(
        "--share", default="1/1", metavar="N/OF", help="of those chosen, every OF-th: a process for each"
    )
    options = parser.parse_args()
    share, shares = (int(number) for number in options.share.split("/"))
    tree = FOLDER / "tree"
    if not tree.exists():
        _copy(COPIED, tree)
    if options.gather:
        for room in QUICK:
            gather(FOLDER, tree, room)
        return
    if options.tests:
        _copy(("tests",), tree)
    tree = FOLDER / "-".join(["tree", str(share), *options.rooms])  # whose files this process changes
    shutil.copytree(FOLDER / "tree", tree, dirs_exist_ok=True)
    paths = [path for name in CORE for path in sorted((tree / "etl" / name).glob("*.py"))]
    found = [change for path in paths for change in changes(path, str(path.relative_to(tree)))]
    results = _Results(FOLDER / "results.jsonl")
    again = bool(options.again or options.second)
    if again:
        chosen = [
            change for change in found if results.fate(change) in UNNOTICED and re.search(options.only, str(change))
        ]
    elif options.only:
        chosen = [change for change in found if re.search(options.only, str(change))]
    else:
        chosen = _drawn(found, options.count, options.seed)
    chosen = [change for change in chosen if change.path.split("/")[1] in options.rooms]
    chosen = [change for change in chosen if crc32(str(change).encode()) % shares == share - 1]
    covered = Covered(FOLDER, tree)
    os.chdir(tree)
    with trials(tree) as run:
        tried: set[Change] = set()
        if not options.second:
            wanted = [change for change in chosen if again or not results.fate(change)]
            tried = _in_session(tree, [(change, _parts(change, options, covered)[0]) for change in wanted], results)
        for number, change in enumerate(chosen, 1):
            if change not in tried and (again or not results.fate(change)):
                trial = _tried(change, _parts(change, options, covered), run)
                results.add(change, trial)
                print(f"{number}/{len(chosen)} {trial.fate} {change}", flush=True)
        _doubt(chosen, results, tree)
    unnoticed = [change for change in chosen if results.fate(change) in UNNOTICED]
    print(f"\n{len(chosen) - len(unnoticed)} of {len(chosen)} changes were noticed. Not noticed:")
    for change in unnoticed:
        print(f"  {change} ({results.fate(change)})")


def _doubt(chosen: Sequence[Change], results: _Results, tree: Path) -> None:
    """Count as survivors what was noticed by tests that fail without any change: they would "notice" every one."""
    failing = failing_unchanged(tree, {name_of(by) for change in chosen if (by := results.by(change))})
    for change in chosen:
        if name_of(by := results.by(change)) in failing:
            results.add(change, Trial("survived", f"fails unchanged: {by}"[:160], 0.0))


def _drawn(found: Sequence[Change], count: int, seed: int) -> list[Change]:
    """`count` changes by chance; those that only tune are replaced by others."""
    drawn: dict[Change, None] = {}
    while len(drawn) < min(count, len(found)):
        drawn |= dict.fromkeys(random.Random(seed).sample(found, count))
        drawn = {
            change: None for change in drawn if not only_tunes(change, (FOLDER / "tree" / change.path).read_bytes())
        }
        seed += 1
    return list(drawn)[:count]


def _in_session(tree: Path, wanted: Sequence[tuple[Change, Sequence[str]]], results: _Results) -> set[Change]:
    """Try what can be tried in one session, in a process of its own; returns what was."""
    known = len(results.all())

    def done(change: Change, trial: Trial) -> None:
        results.add(change, trial)
        print(f"{trial.fate} {change}", flush=True)

    session = os.fork()
    if session == 0:
        try_in_session(tree, sorted({test.partition("::")[0] for _, tests in wanted for test in tests}), wanted, done)
        os._exit(0)
    try:
        os.waitpid(session, 0)
    except BaseException:
        os.kill(session, signal.SIGTERM)
        os.waitpid(session, 0)
        raise
    names = set(results.all()[known:])
    return {change for change, _ in wanted if str(change) in names}


def _parts(change: Change, options: argparse.Namespace, covered: Covered) -> list[list[str]]:
    """The tests to try `change` with, in parts: what one part notices, the next is not asked about."""
    if options.again:
        return [options.again]
    first = covered.tests(change, most_seconds=options.seconds)
    if not options.second:
        return [first]
    more = [test for test in covered.tests(change, most_seconds=MOST_SECONDS) if test not in first]
    return [more, *([part] for part in SECOND[change.path.split("/")[1]])]


def _tried(change: Change, parts: Sequence[Sequence[str]], run: Callable[[Change, Sequence[str]], Trial]) -> Trial:
    trial = Trial("no test", "", 0.0)
    for part in parts:
        if part and trial.fate in UNNOTICED:
            trial = run(change, part)
    return trial


class _Results:
    """What became of each change so far, a line of JSON for each trial."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fates: dict[str, str] = {}
        self._by: dict[str, str] = {}
        self.all()

    def all(self) -> list[str]:
        """The changes of all trials so far, also those of another process."""
        lines = self._path.read_text().splitlines() if self._path.exists() else []
        trials = [json.loads(line) for line in lines]
        for trial in trials:
            self._keep(trial["change"], trial["fate"], trial["by"])
        return [trial["change"] for trial in trials]

    def fate(self, change: Change) -> str:
        """What became of `change`; "" when it was not tried."""
        return self._fates.get(str(change), "")

    def by(self, change: Change) -> str:
        """The line of the test that noticed `change`; "" where none did, or none is known."""
        return self._by.get(str(change), "")

    def _keep(self, change: str, fate: str, by: str) -> None:
        self._fates[change], self._by[change] = fate, by if fate == "noticed" else ""

    def add(self, change: Change, trial: Trial) -> None:
        """Keep what became of `change`."""
        self._keep(str(change), trial.fate, trial.by)
        record = {"change": str(change), "fate": trial.fate, "by": trial.by, "seconds": trial.seconds}
        with self._path.open("a") as file:
            file.write(json.dumps(record) + "\n")


def _copy(names: Sequence[str], into: Path) -> None:
    into.mkdir(parents=True, exist_ok=True)
    for name in names:
        if Path(name).is_dir():
            shutil.copytree(name, into / name, dirs_exist_ok=True)
        else:
            shutil.copy(name, into / name)


if __name__ == "__main__":
    main()

"""One change tried: the file is changed in the copy, a forked process runs its tests, the file is put back.

The rule: what is heavy and not ours is loaded once, before the forks; nothing of `etl` is.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.mutants.places import Change

_HEAVY = (
    "pandas",
    "sqlalchemy",
    "httpx",
    "pydantic",
    "hypothesis",
    "click",
    "rich",
    "orjson",
    "psycopg",
    "pymysql",
)
_HEAVY += ("phonenumbers", "email_validator", "pycountry", "trustme")
TIMEOUT_SECONDS = 400.0


@dataclass(frozen=True)
class Trial:
    """What became of a change: "noticed", "survived", "no test", or "hung": a test took too long; by which test."""

    fate: str
    by: str
    seconds: float


@contextlib.contextmanager
def trials(tree: Path) -> Iterator[Callable[[Change, Sequence[str]], Trial]]:
    """A function that tries a change with tests, each beside the same database servers."""
    os.environ |= {"PYTHONPATH": str(tree), "PYTEST_XDIST_WORKER": "gw0", "PYTHONDONTWRITEBYTECODE": "1"}
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(tree))
    for name in _HEAVY:
        importlib.import_module(name)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that the file is put back
    from tests.conftest import _worker, begin_session  # noqa: PLC0415 - the copy's
    from tests.servers.databases import shared_server, stop_servers  # noqa: PLC0415
    from tests.servers.session import session_folder  # noqa: PLC0415

    begin_session(f"mutants{os.getpid()}")
    try:
        with ExitStack() as servers:
            for kind in ("postgresql", "mariadb"):
                servers.enter_context(shared_server(kind, session_folder() / _worker()))
            yield lambda change, tests: _try(tree, change, tests)
    finally:
        stop_servers(session_folder())


def _try(tree: Path, change: Change, tests: Sequence[str]) -> Trial:
    log = tree.with_suffix(".log")
    return in_changed_file(tree, change, lambda: _run(tests, log), log)


def in_changed_file(tree: Path, change: Change, child: Callable[[], None], log: Path) -> Trial:
    """Run `child`, which ends its process and writes what failed into `log`, while the file is changed."""
    path, began = tree / change.path, time.monotonic()
    source, stat = path.read_bytes(), path.stat()
    path.write_bytes(change.applied(source))
    pid = 0
    try:
        pid = os.fork()
        if pid == 0:
            child()
        status = _ended(pid)
    except BaseException:
        if pid:
            _end(pid)
        raise
    finally:
        path.write_bytes(source)
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # so that its compiled form still fits
    seconds = round(time.monotonic() - began, 1)
    if status is None:
        return Trial("hung", "", seconds)
    if status == pytest.ExitCode.NO_TESTS_COLLECTED:
        return Trial("no test", "", seconds)
    text = log.read_text(errors="replace")
    failed = [line for line in text.splitlines() if line.startswith(("FAILED", "ERROR"))]
    fate = "survived" if status == 0 else "hung" if "Failed: Timeout (>" in text else "noticed"
    return Trial(fate, failed[0][:160] if failed else "", seconds)


def failing_unchanged(tree: Path, tests: Collection[str]) -> set[str]:
    """Those of `tests`, as `name_of` has them, that fail in `tree` as it is: what they notice proves nothing."""
    if not tests:
        return set()
    log = tree.with_suffix(".log")
    if (pid := os.fork()) == 0:
        _run(sorted(tests), log, "--maxfail=0")
    os.waitpid(pid, 0)
    lines = log.read_text(errors="replace").splitlines()
    failed = {name_of(line) for line in lines if line.startswith(("FAILED", "ERROR"))}
    return failed | {name.partition("[")[0] for name in failed}


def name_of(failed: str) -> str:
    """The test of a line such as `FAILED tests/a.py::test_b[c] - Error`; without its example where that was cut off."""
    name = failed.partition(" ")[2].partition(" - ")[0]
    return name if name.endswith("]") else name.partition("[")[0]


def _run(tests: Sequence[str], log: Path, *more: str) -> None:
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    code = 3
    try:
        files = dict.fromkeys(test.partition("::")[0] for test in tests)
        options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--timeout=60", *more]
        code = int(pytest.main([*options, *files], plugins=[_Chosen(tests)]))
    finally:
        os._exit(code)


class _Chosen:
    """Runs only the chosen tests, in their order. Asked for each by its name, pytest would look for each anew."""

    def __init__(self, tests: Sequence[str]) -> None:
        self._tests = tests

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self) -> None:
        """After the suite's own."""
        use_other_ports()

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep what is chosen."""
        items[:] = chosen(items, self._tests)


def use_other_ports() -> None:
    """Let this process's servers have other ports than those of earlier trials, whose pauses may last an hour."""
    from tests.servers.ports import give_none_twice  # noqa: PLC0415 - the copy's, whose path `trials` adds

    give_none_twice(uuid.uuid4().hex)


def chosen(items: Sequence[pytest.Item], tests: Sequence[str]) -> list[pytest.Item]:
    """Those of `items` that `tests` name by themselves, without their example, or by their file or folder; in order."""
    places = {test: at for at, test in enumerate(tests)}
    found: list[tuple[int, int]] = []
    for number, item in enumerate(items):
        parts = item.nodeid.partition("::")[0].split("/")
        names = [
            item.nodeid,
            item.nodeid.partition("[")[0],
            *("/".join(parts[:end]) for end in range(len(parts), 0, -1)),
        ]
        place = next((places[name] for name in names if name in places), None)
        if place is not None:
            found.append((place, number))
    return [items[number] for _, number in sorted(found)]


def _ended(child: int) -> int | None:
    """The exit status; None when it had to be ended."""
    end = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < end:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)  # what a test left behind
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    _end(child)
    return None


def _end(child: int) -> None:
    for process in [*psutil.Process(child).children(recursive=True), psutil.Process(child)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    os.waitpid(child, 0)

"""Changes inside functions, tried in one session of pytest that has imported and collected everything.

The rule: a forked process gives every function that is loaded its changed code, and runs the tests of its line; so a
change costs its tests, not the imports. The file is changed too, for what is imported or started later. What stands
outside functions was evaluated at import, and is left to `trial`.
"""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import CodeType, FunctionType

import pytest

from tests.mutants.places import Change
from tests.mutants.trial import Trial, chosen, in_changed_file, use_other_ports

Key = tuple[str, int]
# Has the flags of a function, but runs once, when its module is loaded.
_AT_IMPORT = ("<listcomp>", "<dictcomp>", "<setcomp>", "<genexpr>")


def try_in_session(
    tree: Path,
    places: Sequence[str],
    wanted: Sequence[tuple[Change, Sequence[str]]],
    done: Callable[[Change, Trial], None],
) -> None:
    """Collect the tests of `places`, files and folders, and call `done` for each of `wanted` that is in a function."""
    options = [
        "-s",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "--timeout=60",
        "--continue-on-collection-errors",
    ]
    pytest.main([*options, *places], plugins=[_Session(tree, wanted, done)])


class _Session:
    def __init__(
        self, tree: Path, wanted: Sequence[tuple[Change, Sequence[str]]], done: Callable[[Change, Trial], None]
    ) -> None:
        self._tree = tree
        self._wanted = wanted
        self._done = done
        self._failed = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember the first failure."""
        if report.failed and not self._failed:
            self._failed = f"FAILED {report.nodeid}"

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """In place of the tests: each change with its tests, in a process of its own."""
        gc.collect()
        functions = [one for one in gc.get_objects() if isinstance(one, FunctionType)]
        gc.freeze()
        for change, tests in self._wanted:
            items = chosen(session.items, tests)
            changed = _changed(self._tree / change.path, change)
            if items and changed:
                self._try(change, items, changed, functions)
        return True

    def _try(
        self, change: Change, items: Sequence[pytest.Item], changed: dict[Key, CodeType], functions: list[FunctionType]
    ) -> None:
        log = self._tree.with_suffix(".log")
        path = str(self._tree / change.path)

        def child() -> None:
            os.setsid()
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(output, 1)
            os.dup2(output, 2)
            code = 1
            try:
                use_other_ports()
                for function in functions:
                    found = function.__code__
                    if found.co_filename == path and (new := changed.get(_key(found))) is not None:
                        function.__code__ = new
                for item, following in zip(items, [*items[1:], None], strict=True):
                    item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
                    if self._failed:
                        break
                else:
                    code = 0
            finally:
                if self._failed:
                    os.write(output, f"\n{self._failed}\n".encode())
                os._exit(code)

        self._done(change, in_changed_file(self._tree, change, child, log))


def _changed(path: Path, change: Change) -> dict[Key, CodeType]:
    """The functions whose code `change` makes another; empty where it changes what is evaluated at import."""
    source = path.read_bytes()
    before = {_key(code): code for code in _codes(compile(source, str(path), "exec"))}
    after = {_key(code): code for code in _codes(compile(change.applied(source), str(path), "exec"))}
    if before.keys() != after.keys():
        return {}
    others = [key for key in before if _own(before[key]) != _own(after[key])]
    if not others or any(not before[key].co_flags & 0x2 for key in others):  # CO_NEWLOCALS: a function's
        return {}
    if any(name in _AT_IMPORT for name, _ in others):
        return {}
    return {key: code for key, code in after.items() if code != before[key] and code.co_flags & 0x2}


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield from _codes(one)


def _own(code: CodeType) -> tuple[object, ...]:
    constants = tuple((type(one), one) for one in code.co_consts if not isinstance(one, CodeType))
    return code.co_code, repr(constants), code.co_names, code.co_freevars


def _key(code: CodeType) -> Key:
    return code.co_qualname, code.co_firstlineno

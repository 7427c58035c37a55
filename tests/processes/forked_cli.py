"""Runs the command line in children of a fork server: the other end of `tests/processes/fork_server.py`."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ended:
    """A finished process; `code` is -9 after a SIGKILL."""

    code: int
    out: str
    err: str

    @property
    def summary(self) -> dict[str, Any]:
        return json.loads(self.out.splitlines()[-1])


@dataclass(frozen=True)
class Child:
    """A process that is at work. Wait for each, or the fork server keeps its remains."""

    pid: int
    out: Path
    err: Path
    _cli: ForkedCli

    def wait(self) -> Ended:
        return self.ended(self._cli.ask({"do": "wait", "pid": self.pid})["code"])

    def ended(self, code: int) -> Ended:
        return Ended(code, self.out.read_text(), self.err.read_text())

    def alive(self) -> bool:
        """Whether it has not ended yet."""
        return psutil.Process(self.pid).status() != psutil.STATUS_ZOMBIE


class ForkedCli:
    """A fork server while it is entered. For one thread."""

    def __enter__(self) -> Self:
        ours, theirs = socket.socketpair()
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.processes.fork_server", str(theirs.fileno())],
            cwd=ROOT,
            pass_fds=[theirs.fileno()],
            # numpy's library of linear algebra would start threads.
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
            stdin=subprocess.DEVNULL,
        )
        theirs.close()
        self._lines = ours.makefile("rw", buffering=1)
        ours.close()
        self._calls = 0
        self._outputs = tempfile.TemporaryDirectory()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lines.close()
        self._server.wait()
        self._outputs.cleanup()

    def start(
        self,
        *arguments: str,
        environment: Mapping[str, str],
        folder: Path,
        crash: Sequence[Mapping[str, Any]] = (),
        gate: Path | None = None,
    ) -> Child:
        """Start the command line in `folder`; `gate` is a file whose lock it waits for."""
        self._calls += 1
        out, err = (Path(self._outputs.name) / f"call-{self._calls}.{end}" for end in ("out", "err"))
        for path in (out, err):
            path.touch()  # a child may be killed before it opens them
        call = {
            "do": "fork",
            "arguments": arguments,
            "environment": dict(environment),
            "folder": str(folder),
            "out": str(out),
            "err": str(err),
            "crash": list(crash),
            "gate": None if gate is None else str(gate),
        }
        return Child(self.ask(call)["pid"], out, err, self)

    def call(self, *arguments: str, environment: Mapping[str, str], folder: Path) -> Ended:
        """Run the command line to its end."""
        return self.start(*arguments, environment=environment, folder=folder).wait()

    def wait_for_one(self, children: Sequence[Child]) -> tuple[Child, Ended]:
        """The first of `children`, which are all that run, to end."""
        answer = self.ask({"do": "wait", "pid": -1})
        (child,) = (child for child in children if child.pid == answer["pid"])
        return child, child.ended(answer["code"])

    def ask(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """One word to the fork server, and its answer."""
        self._lines.write(json.dumps(asked) + "\n")
        line = self._lines.readline()
        assert line, "the fork server ended"
        return dict(json.loads(line))

"""Runs a program to its end and tells what it cost: time on the wall, time of the processor, memory.

The rule: this process stays small. A child's largest memory counts from the moment of the fork, when it is still ours.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """What one run cost. `peak_bytes` is the largest resident set; `output` what it wrote to stdout."""

    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int
    output: str


def measure(command: Sequence[str], *, environment: Mapping[str, str]) -> Cost:
    """Run `command`; fails with its output when it does not end with 0."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        begun = time.perf_counter()
        process = subprocess.Popen(command, env=dict(environment), stdout=out, stderr=err, stdin=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        output = out.read()
        if process.returncode:
            raise SystemExit(f"{' '.join(command)}\nended with {process.returncode}\n{output}\n{err.read()[-4000:]}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, output)

"""The schedulers' own checkers; without one a test fails in CI and is skipped elsewhere, saying so."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def systemd_analyze(*arguments: str) -> str:
    """Run `systemd-analyze`; fails the test with its words when it complains. Returns what it printed."""
    return _checked("systemd-analyze", shutil.which("systemd-analyze"), arguments)


def strace(*arguments: str) -> str:
    """Run `strace`, as `systemd_analyze`."""
    return _checked("strace", shutil.which("strace"), arguments)


def hadolint(*arguments: str) -> str:
    """Run `hadolint`, as `systemd_analyze`."""
    beside = Path(sys.executable).parent / "hadolint"
    return _checked("hadolint", str(beside) if beside.exists() else shutil.which("hadolint"), arguments)


def _checked(name: str, program: str | None, arguments: tuple[str, ...]) -> str:
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI has to check with {name}, but it is not installed", pytrace=False)
        print(f"\n*** NOT CHECKED with {name}: it is not installed ***", file=sys.stderr)
        pytest.skip(f"{name} is not installed")
    ended = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    words = ended.stdout + ended.stderr
    assert ended.returncode == 0, words
    return words

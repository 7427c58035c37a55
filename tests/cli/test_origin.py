"""`python -m etl` beside another folder `etl` says which one is running."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import etl

HERE = Path(etl.__file__).parent


def said(folder: Path) -> str:
    command = [sys.executable, "-m", "etl", "--version"]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    assert ended.stdout.startswith("squeezely-etl")
    return ended.stderr


def test_another_one_is_named_in_one_line(tmp_path: Path) -> None:
    shutil.copytree(HERE, tmp_path / "etl", ignore=shutil.ignore_patterns("__pycache__"))
    (line,) = said(tmp_path).splitlines()
    assert line == f"this is the etl of {tmp_path / 'etl'}, not the installed one of {HERE}"


def test_of_the_installed_one_nothing_is_said(tmp_path: Path) -> None:
    assert said(tmp_path) == ""
    assert said(HERE.parent) == ""

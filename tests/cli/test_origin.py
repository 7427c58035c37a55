"""`python -m etl` and the command beside another package `etl` say which one is running."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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


@pytest.mark.parametrize(
    ("file", "text"),
    [("etl/__init__.py", ""), ("etl/__init__.py", "1 / 0"), ("etl.py", ""), ("etl.py", "import nowhere")],
)
def test_the_command_names_a_foreign_etl_in_one_line(file: str, text: str, tmp_path: Path) -> None:
    """The wheel puts this file into `bin`, outside the package, so that it runs whatever `etl` is found."""
    command = tmp_path / "bin" / "squeezely-etl"
    command.parent.mkdir()
    shutil.copy(HERE / "__main__.py", command)
    foreign = tmp_path / "elsewhere" / file
    foreign.parent.mkdir(parents=True)
    foreign.write_text(text)
    ended = subprocess.run(
        [sys.executable, str(command), "--version"],
        env={"PYTHONPATH": str(tmp_path / "elsewhere")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    named = foreign if file == "etl.py" else foreign.parent
    assert ended.stderr == (
        f"error: the etl of {named} was found, which is not squeezely-etl's: take it out of PYTHONPATH, "
        "or give each an environment of its own\n"
    )


def test_a_package_that_is_missing_is_not_taken_for_a_foreign_etl(tmp_path: Path) -> None:
    shutil.copytree(HERE, tmp_path / "etl", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "click").mkdir()
    (tmp_path / "click" / "__init__.py").write_text("raise ModuleNotFoundError('not here', name='click')")
    command = [sys.executable, "-m", "etl", "--version"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "not here" in ended.stderr
    assert "not squeezely-etl's" not in ended.stderr

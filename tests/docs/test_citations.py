"""What the code and the pages cite can be looked up in this repository."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
# What mappings/README.md is called in the wheel.
_IN_THE_WHEEL = "mapping-language.md"
# What the workflow of `deploy github` writes.
_IN_A_WORKFLOW = "plan.md"
_PAGE = re.compile(r"[\w./-]*\b[\w-]+\.md\b")


def sources() -> list[Path]:
    """The text files that are kept, but for this one and the licence."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    kept = (ROOT / name for name in names.split("\0") if name.endswith((".py", ".md", ".toml", ".yaml", "Makefile")))
    return [file for file in kept if file.exists() and file != Path(__file__)]


def test_no_section_of_a_document_that_is_not_here_is_cited() -> None:
    found = [
        f"{file.relative_to(ROOT)}: {word}"
        for file in sources()
        for word in re.findall(r"§|\b[Cc]ontract §?\d", file.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_every_page_that_is_named_exists() -> None:
    """By its path from the top, from the file that names it, or by its name alone where it is the only one."""
    missing = []
    for file in sources():
        for name in _PAGE.findall(file.read_text(encoding="utf-8")):
            there = (ROOT / name, file.parent / name, *ROOT.glob(f"*/{name}"), *ROOT.glob(f"tests/*/{name}"))
            if not name.endswith((_IN_THE_WHEEL, _IN_A_WORKFLOW)) and not any(one.exists() for one in there):
                missing.append(f"{file.relative_to(ROOT)}: {name}")
    assert missing == []


def test_the_wheel_carries_the_pages_that_the_help_names(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (command,) = (name for name in names if name.endswith(".data/scripts/squeezely-etl"))
        assert archive.read(command).startswith(b"#!python\n"), "the installer puts its own Python there"
        archive.extractall(tmp_path / "installed")
    assert "etl/cli/commands.py" in names
    assert not [name for name in names if name.startswith("tests/")]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "installed")}
    told = subprocess.run(
        [sys.executable, "-m", "etl", "--help"],
        cwd=tmp_path,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    named = _PAGE.findall(told.stdout)
    assert sorted(named) == ["README.md", _IN_THE_WHEEL]
    assert {f"etl/{name}" for name in named} <= names

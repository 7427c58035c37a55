"""Rooms that a new colleague knows at once: no file of code is longer than can be kept in mind."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_no_file_has_more_than_400_lines() -> None:
    files = [file for room in ("etl", "tests") for file in (ROOT / room).rglob("*.py")]
    long = {str(file.relative_to(ROOT)): lines for file in files if (lines := len(_lines(file))) > 400}
    assert len(files) > 400
    assert long == {}


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines()

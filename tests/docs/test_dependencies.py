"""What the project stands on: few, pinned, with a reason each (F22)."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = (ROOT / "pyproject.toml").read_text()


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_every_package_of_a_lock_is_pinned_with_hashes(lock: str) -> None:
    """F22."""
    # One requirement with its continuation lines.
    entries = re.split(r"(?<!\\)\n", (ROOT / lock).read_text().strip())
    assert len(entries) > 10
    for entry in entries:
        assert re.match(r"[A-Za-z0-9._-]+(\[[^]]*\])?==[^ ]+( ; [^\\]+)? \\\n", entry), entry.partition("\n")[0]
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry.partition("\n")[0]


def test_every_direct_dependency_is_locked_and_says_why_it_is_needed() -> None:
    """F22."""
    project = tomllib.loads(PROJECT)["project"]
    wanted = project["dependencies"]
    assert 0 < len(wanted) <= 20
    locked = {re.sub(r"[-_.]+", "-", name).lower() for name in re.findall(r"^([\w.-]+)", _lock(), re.MULTILINE)}
    for requirement in wanted:
        name = re.match(r"[\w.-]+", requirement)
        assert name is not None
        assert name.group().lower() in locked
        assert re.search(rf'"{re.escape(requirement)}",\s+# \w', PROJECT), requirement


def test_the_rules_against_likely_holes_are_on() -> None:
    """F22: ruff's `S` are bandit's; none is off but the one against assertions."""
    lint = tomllib.loads(PROJECT)["tool"]["ruff"]["lint"]
    assert lint["select"] == ["ALL"]
    assert [rule for rule in lint["ignore"] if re.fullmatch(r"S\d*", rule)] == ["S101"]


def _lock() -> str:
    return (ROOT / "requirements.lock").read_text()

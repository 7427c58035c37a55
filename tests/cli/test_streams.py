"""Whatever becomes of stdout and stderr, rows are delivered and no stray word lands in another file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def started(desk: Any, *arguments: str, shell: str) -> subprocess.CompletedProcess[str]:
    """The command with its streams as `shell` leaves them; `$@` stands for the command."""
    variables = {"COLUMNS": "80", **desk.environment()}
    command = [sys.executable, "-m", "etl", *arguments]
    return subprocess.run(
        ["bash", "-c", shell, "bash", *command],
        env=variables | {"PYTHONPATH": str(ROOT)},
        cwd=desk.folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    "shell",
    [
        '"$@" 0<&- 1>&- 2>&-',
        'set -o pipefail; { "$@" 2>&1; echo "code $?" >&3; } 3>&2 | true',
        '"$@" 1>/dev/full 2>/dev/full',
    ],
    ids=["closed", "broken pipe", "full disk"],
)
def test_a_run_delivers_without_anybody_to_tell(office: Any, shell: str) -> None:
    """E9, E10: also the second mapping, after the first could not be told about."""
    office.fill(120)
    text = office.mapping.read_text()
    (office.folder / "third.yaml").write_text(text.replace("name: people", "name: third"))
    before = office.stats()["accepted"]
    ended = started(office, "run", ".", "--start-from", "beginning", "-v", shell=shell)
    assert ended.returncode == 0, ended.stderr
    assert office.stats()["accepted"] - before == 240
    assert ended.stderr in ("", "code 0\n")


def test_a_dry_run_ends_when_nobody_listens(office: Any) -> None:
    """E10: it has no other purpose; no traceback, and the shell's code for a broken pipe."""
    office.fill(120)
    shell = '{ sleep 1; "$@"; echo "code $?" >&2; } | true'
    ended = started(office, "run", ".", "--start-from", "beginning", "--dry-run", shell=shell)
    assert ended.stderr == "code 141\n"


def test_an_error_that_nobody_hears_keeps_its_exit_code(office: Any) -> None:
    """E10."""
    shell = '{ "$@" 2>&1; echo "code $?" >&3; } 3>&2 | true'
    assert started(office, "run", "people.yaml", shell=shell).stderr == "code 8\n", (
        "a first run is decided before anything is asked"
    )


def test_words_that_the_locale_cannot_write_stop_nothing(office: Any) -> None:
    """E11: what is said is UTF-8, whatever cron's locale is, also at a width of nothing."""
    office.fill(120)
    office.variables |= {"PYTHONIOENCODING": "latin-1", "COLUMNS": "1"}
    before = office.stats()["accepted"]
    ended = started(office, "run", "people.yaml", "--start-from", "beginning", shell='"$@"')
    assert (ended.returncode, ended.stderr) == (0, "")
    assert office.stats()["accepted"] - before == 120
    assert "→" in ended.stdout

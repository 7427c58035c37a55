"""What becomes of a bug of ours, and what `validate --connect` shows of an account."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from etl.cli.boundary import run
from etl.cli.commands import squeezely_etl
from etl.screen.messages import BUG
from tests.processes.terminal import as_from_a_terminal


@pytest.fixture
def command_with_a_bug() -> Iterator[str]:
    """A command with a bug."""

    @click.command("explode")
    def explode() -> None:
        row = ("eva", "example.com")
        raise ZeroDivisionError("@".join(row))

    squeezely_etl.add_command(explode)
    yield "explode"
    del squeezely_etl.commands["explode"]


def test_a_bug_shows_its_traceback_and_ends_with_1(command_with_a_bug: str, capsys: Any) -> None:
    """E12, E13: the only way to an exit code 1, and the only traceback, without its text: that may quote a row (F3)."""
    assert run([command_with_a_bug]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("Traceback (most recent call last):\n")
    assert told.err.endswith(f"ZeroDivisionError\n{BUG}\n")
    assert "eva@example.com" not in told.err


def test_an_interruption_while_the_program_still_starts_is_no_bug(tmp_path: Path) -> None:
    """A person who typed a wrong line stops it in its first moment, when modules are being imported."""
    slow = "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(30)\n"
    (tmp_path / "click.py").write_text(slow)
    ended = subprocess.run(
        [sys.executable, "-m", "etl", "schema"],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=as_from_a_terminal,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "interrupted\n")


def test_validate_connect_names_host_and_account_but_not_the_key(office: Any) -> None:
    """C34: a staging key on the real host is seen before anything is sent."""
    office.fill(3)
    ended = office.call("validate", str(office.mapping), "--connect", columns=200)
    assert ended.code == 0, ended.out
    assert "account shop-1 at 127.0.0.1" in ended.out
    assert "key-of-the-shop" not in ended.out + ended.err

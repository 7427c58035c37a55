"""`make demo`: the whole job at work, in a terminal of its own."""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from etl.sandbox.demo import changes

ROOT = Path(__file__).parents[2]


def test_the_demo_shows_every_step_and_its_count_agrees(tmp_path: Path) -> None:
    """With a small shop. It is read without a terminal here, so it asks for nothing and colours nothing."""
    shutil.copytree(ROOT / "mappings", tmp_path / "mappings")
    ended = subprocess.run(
        [sys.executable, "-m", "etl.sandbox.demo", "600"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert [int(number) for number in re.findall(r"^(\d+)\. ", ended.stdout, re.MULTILINE)] == list(range(1, 11))
    assert "\x1b" not in ended.stdout
    (said, accepted) = re.findall(r"they sent ([\d,]+); the sandbox accepted ([\d,]+)", ended.stdout)[0]
    assert said == accepted != "0"
    assert "They agree." in ended.stdout


@pytest.mark.parametrize("key", [b"\x04", b"\n"], ids=["Ctrl-D", "Enter"])
def test_the_demo_waits_for_a_key_in_a_terminal(key: bytes) -> None:
    """Ctrl-D closes the terminal's input: as good as Enter."""
    ours, theirs = pty.openpty()
    code = "from etl.sandbox.demo import wait_for_the_reader as wait; wait('http://127.0.0.1:1'); print('went on')"
    with subprocess.Popen(
        [sys.executable, "-c", code],
        env={"PATH": os.environ["PATH"], "TERM": "dumb", "PYTHONPATH": str(ROOT)},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as demo:
        os.close(theirs)
        said = b""
        while b"Press Enter" not in said and (part := read_some(ours)):
            said += part
        assert b"went on" not in said
        os.write(ours, key)
        while part := read_some(ours):
            said += part
    os.close(ours)
    assert demo.returncode == 0, said.decode()
    assert b"went on" in said


def read_some(terminal: int) -> bytes:
    """What is there; b"" when the program has closed its side."""
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""


def test_a_day_of_business_is_told_in_words() -> None:
    changed = {"customers": 300, "orders": 100, "customers_changed": 250, "customers_inserted": 50}
    changed |= {"customers_touched": 25, "orders_changed": 50, "orders_inserted": 50}
    assert changes(changed) == "customers: 250 changed, 50 new, 25 only touched; orders: 50 changed, 50 new"

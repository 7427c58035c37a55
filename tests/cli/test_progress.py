"""How a long command tells how far it is: on a real terminal (a pty), in cron, in JSON, and with no stream at all."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from etl.books import Books
from etl.job.spread import Range, Workers
from etl.screen import progress as progress_module
from etl.screen.logs import configure_logs
from etl.screen.progress import Progress
from tests.job.working import ScriptedExecutor

ROOT = Path(__file__).parents[2]
SLOW = "  rate_limit: {requests_per_second: 4, events_per_second: 1000000}\n  batch_size: 20\n  concurrency: 1\n"


def on_terminal(office: Any, *arguments: str, columns: int = 80, **variables: str) -> tuple[int, str]:
    """Exit code, and everything that a terminal of so many columns got from stdout and stderr."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    environment = {**office.environment(), "TERM": "xterm-256color", "PYTHONPATH": str(ROOT), **variables}
    process = subprocess.Popen(
        [sys.executable, "-m", "etl", *arguments],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env=environment,
        cwd=office.folder,
    )
    os.close(follower)
    seen = b""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        ready, _, _ = select.select([leader], [], [], 0.2)
        if not ready:
            if process.poll() is not None:
                break
            continue
        try:
            chunk = os.read(leader, 65536)
        except OSError:  # Linux says so when the last writer has left
            break
        if not chunk:
            break
        seen += chunk
    code = process.wait(timeout=60)
    os.close(leader)
    return code, seen.decode()


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


@pytest.fixture
def slow(office: Any) -> Any:
    office.mapping.write_text(
        re.sub(r"  rate_limit: .*\n", SLOW, office.mapping.read_text()).replace("page_size: 500", "page_size: 50")
    )
    office.fill(240)
    return office


def test_a_terminal_gets_a_bar_that_leaves_no_trace(slow: Any) -> None:
    """Rows of all rows, rate, requests and the time that is left; then the summary, as if there had been no bar."""
    code, seen = on_terminal(slow, "run", "people.yaml", "--start-from", "beginning")
    assert code == 0, seen
    shown = plain(seen)
    assert re.search(r"people +━+.* +\d+ of 240 rows, \d+\.\d s left", shown), shown
    assert re.search(r"\d+ sent +\d+ events/s +\d+ requests?", shown), shown
    assert "\x1b[32m" in seen, "done is green"
    end = shown.rstrip().splitlines()
    assert end[-5].startswith("  checkpoint "), shown
    assert end[-4] == "  what to do next", shown
    for line in shown.split("\n"):
        assert all(len(part) <= 80 for part in line.split("\r")), line


def test_every_long_command_has_the_bar(slow: Any) -> None:
    """`run --dry-run`, `backfill` and its dry run, `retry`."""
    span = ("--from", "2024-01-01", "--to", "2090-01-01", "--window", "1y")
    with slow.engine().begin() as connection:
        connection.execute(sa.text("UPDATE people SET email = 'nobody' WHERE id = 3"))
    for arguments in (
        ("run", "people.yaml", "--start-from", "beginning", "--dry-run"),
        ("backfill", "people.yaml", *span, "--dry-run"),
        ("backfill", "people.yaml", *span),
        ("retry", "people.yaml"),
    ):
        code, seen = on_terminal(slow, *arguments)
        assert code == 3, seen
        assert re.search(r"people +[━╸╺]+ +[\d,]+( of [\d,]+)? rows?", plain(seen)), (arguments, seen)


def test_whoever_stops_a_run_is_told_what_it_waits_for() -> None:
    """E1: the first Ctrl-C lets settle what is under way, for up to 20 seconds."""
    asked = False
    progress = Progress("people", stopping=lambda: asked)
    assert progress.figures() == ["0 sent", "0 events/s", "0 requests"]
    asked = True
    assert progress.figures() == ["stopping: what is under way is settled first; Ctrl-C again ends at once"]


def test_no_color_is_heeded_and_a_dumb_terminal_gets_plain_text(slow: Any) -> None:
    code, seen = on_terminal(slow, "run", "people.yaml", "--start-from", "beginning", NO_COLOR="1")
    assert code == 0, seen
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m|38;5", seen), seen
    code, seen = on_terminal(slow, "run", "people.yaml", "--full-refresh", "--yes", "--limit", "60", TERM="dumb")
    assert code == 0, seen
    assert "\x1b" not in seen


def test_logs_stay_readable_above_the_bar(slow: Any) -> None:
    code, seen = on_terminal(slow, "run", "people.yaml", "--start-from", "beginning", "-v", columns=120)
    assert code == 0, seen
    assert len(re.findall(r"^\S+Z INFO page taken in .*rows=\d+", plain(seen).replace("\r", "\n"), re.MULTILINE)) >= 4


def test_quiet_and_json_have_no_bar(slow: Any) -> None:
    _, seen = on_terminal(slow, "run", "people.yaml", "--start-from", "beginning", "-q", "--limit", "60")
    assert "━" not in seen
    _, seen = on_terminal(slow, "run", "people.yaml", "--log-format", "json", "-o", "json", "--limit", "60")
    assert [json.loads(line)["read"] for line in seen.splitlines()] == [120], "60 lie within the lookback"


def test_a_first_run_on_a_terminal_is_asked_for_with_what_is_at_stake(slow: Any) -> None:
    """E14: without an answer: the end of the terminal's input is a no."""
    office = slow
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "etl", "run", "people.yaml"],
        stdin=follower,
        stdout=subprocess.PIPE,
        stderr=follower,
        env={**office.environment(), "TERM": "xterm", "PYTHONPATH": str(ROOT)},
        cwd=office.folder,
        text=True,
    )
    os.close(follower)
    seen = ""
    while "[stop]" not in seen:
        seen += os.read(leader, 4096).decode()
    os.write(leader, b"\n")
    out, _ = process.communicate(timeout=60)
    os.close(leader)
    assert process.returncode == 8
    assert "people has no checkpoint: this is a first run. The table has 240 rows." in plain(seen)
    assert "run failed" in out


class Now:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def now() -> Now:
    return Now()


REST = "8 requests, 3 rows failed, 3 requests repeated, 4.2 s waited"


def books() -> Books:
    return Books(read=1_000, sent=700, unchanged=50, invalid=2, rejected=1, requests=8, retries=3, waited_seconds=4.2)


def test_without_a_terminal_a_plain_line_comes_every_ten_seconds_at_most(
    office: Any, now: Now, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing in it moves a cursor: cron mails it."""
    configure_logs(level="warning", form="text")
    at = datetime(2026, 3, 29, 1, 59, 50, tzinfo=UTC)
    clock = partial(next, (at + timedelta(seconds=10 * number) for number in range(3)))
    with Progress("people", monotonic=now, now=clock) as progress:
        progress.planned(2_259)
        for _ in range(35):
            now.seconds += 1
            progress.report(books())
    assert capsys.readouterr().err.splitlines() == [
        f"2026-03-29 {time} UTC people: 753 of 2,259 rows, {left} left, 700 sent, {rate} events/s, {REST}"
        for time, rate, left in (
            ("01:59:50", 70, "20.0 s"),
            ("02:00:00", 35, "40.0 s"),
            ("02:00:10", 23, "1 min 00 s"),
        )
    ]


def test_in_json_the_line_is_a_record_and_quiet_has_none(
    office: Any, now: Now, capsys: pytest.CaptureFixture[str]
) -> None:
    for level, form, lines in (("warning", "json", 1), ("error", "json", 0), ("error", "text", 0)):
        configure_logs(level=level, form=form)
        with Progress("people", dry=True, monotonic=now) as progress:
            now.seconds += 10
            progress.report(books())
        found = capsys.readouterr().err.splitlines()
        assert len(found) == lines
        for line in found:
            record = json.loads(line)
            assert (record["event"], record["level"], record["sent"]) == (
                "people: 1,000 rows, 3 rows failed, 3 requests repeated, 4.2 s waited",
                "info",
                700,
            )


def test_workers_are_told_with_what_is_under_way_and_how_fast_rows_are_read(
    office: Any, now: Now, capsys: pytest.CaptureFixture[str]
) -> None:
    workers = Workers(ScriptedExecutor, _no_task, count=2)
    workers.under_way = 3
    for form in ("text", "json"):
        configure_logs(level="warning", form=form)
        with Progress("people", monotonic=now, workers=workers) as progress:
            now.seconds += 10
            progress.report(books())
    plain_line, line = capsys.readouterr().err.splitlines()
    told = "753 rows, 700 sent, 70 events/s, 8 requests, 100 rows/s, 2 workers with 3 pages under way"
    assert plain_line.partition(" UTC ")[2] == f"people: {told}, 3 rows failed, 3 requests repeated, 4.2 s waited"
    record = json.loads(line)
    assert (record["workers"], record["pages_under_way"], record["read"]) == (2, 3, 1000)


def _no_task(_: Range) -> Any:
    raise AssertionError


def test_the_first_line_waits_for_ten_seconds() -> None:
    assert progress_module.PLAIN_LINE_SECONDS == 10.0

"""The main job with nothing faked: the real command, a real database, HTTP over a real socket."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa


def test_every_row_arrives_once_and_the_books_balance(any_desk: Any) -> None:
    desk = any_desk
    desk.fill(2_500)
    ended = desk.run("--start-from", "beginning")
    assert (ended.code, ended.err) == (0, "")
    summary = ended.summary
    assert summary["outcome"] == "done"
    assert summary["read"] == summary["sent"] == 2_500
    assert summary["requests"] == 25
    stats = desk.stats()
    assert (stats["accepted"], stats["duplicates"]) == (2_500, 0)


def test_a_second_run_sends_only_what_changed(any_desk: Any) -> None:
    desk = any_desk
    desk.fill(1_000)
    desk.run("--start-from", "beginning")
    with desk.engine().begin() as connection:
        connection.execute(
            sa.text("UPDATE people SET points = 99, updated_at = :now WHERE id <= 10"),
            {"now": _just_now()},
        )
    ended = desk.run()
    assert ended.code == 0
    assert ended.summary["sent"] == 10
    assert desk.run().summary["sent"] == 0
    assert desk.stats()["accepted"] == 1_010


def test_a_killed_run_loses_nothing_and_repeats_at_most_what_was_in_flight(any_desk: Any) -> None:
    """D1, E3. No loss and few repeats, at random moments."""
    desk = any_desk
    desk.write_mapping(destination="  batch_size: 50\n  concurrency: 2")
    desk.mapping.write_text(desk.mapping.read_text().replace("events_per_second: 1000000", "events_per_second: 1500"))
    desk.fill(6_000)
    chance = random.Random(4711)
    options: tuple[str, ...] = ("--start-from", "beginning")
    kills = 5
    for _ in range(kills):
        target = desk.stats()["accepted"] + chance.randint(200, 900)
        process = desk.fork("run", str(desk.mapping), *options)
        while desk.stats()["accepted"] < target:
            assert process.alive(), process.wait()
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        options = ()
    desk.mapping.write_text(desk.mapping.read_text().replace("events_per_second: 1500", "events_per_second: 1000000"))
    ended = desk.run()
    assert ended.code == 0, ended.err
    stats = desk.stats()
    assert stats["distinct_identities"] == 6_000
    assert stats["accepted"] - 6_000 <= kills * 2 * 50


def test_a_dry_run_sends_nothing_and_leaves_the_state_as_it_was(any_desk: Any) -> None:
    """D21. Asserted at the socket and on the bytes."""
    desk = any_desk
    desk.fill(300)
    ended = desk.run("--start-from", "beginning", "--dry-run")
    assert ended.code == 0, ended.err
    assert ended.summary["forecast"]["events"] == 300
    assert ended.summary["forecast"]["requests"] == 3
    assert not desk.state.exists()
    assert desk.stats()["requests"] == 0
    desk.run("--start-from", "beginning")
    desk.fill(100, first=1_000, minutes=30)
    before, requests = _bytes_of(desk.state), desk.stats()["requests"]
    assert desk.run("--dry-run").summary["forecast"]["events"] == 100
    assert desk.call("preview", str(desk.mapping)).code == 0
    assert _bytes_of(desk.state) == before
    assert desk.stats()["requests"] == requests


def test_limit_stops_after_so_many_rows_and_the_next_run_goes_on(desk: Any) -> None:
    desk.fill(1_200)
    assert desk.run("--start-from", "beginning", "--limit", "700").summary["sent"] == 700
    assert desk.run().summary["sent"] == 500
    assert desk.stats()["duplicates"] == 0


def test_start_from_now_sends_only_what_comes_later(desk: Any) -> None:
    """Rows that were there stay unsent, also those that `lookback` reads again."""
    desk.fill(200, minutes=30)
    assert desk.run("--start-from", "now").summary["sent"] == 0
    time.sleep(3)
    desk.fill(5, first=500, minutes=1 / 60)
    assert desk.run().summary["sent"] == 5
    assert desk.run().summary["sent"] == 0


def test_an_interrupted_run_saves_its_checkpoint(desk: Any) -> None:
    """E1, E13."""
    desk.write_mapping(destination="  batch_size: 20\n  concurrency: 1")
    desk.mapping.write_text(desk.mapping.read_text().replace("requests_per_second: 10000", "requests_per_second: 20"))
    desk.fill(2_000)
    process = desk.start("run", str(desk.mapping), "-o", "json", "--start-from", "beginning")
    while desk.stats()["accepted"] < 40 and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 143, err
    desk.mapping.write_text(desk.mapping.read_text().replace("requests_per_second: 20", "requests_per_second: 10000"))
    assert desk.run().code == 0
    stats = desk.stats()
    assert (stats["accepted"], stats["duplicates"]) == (2_000, 0)
    assert out


def _bytes_of(state: Path) -> str:
    return hashlib.sha256(state.read_bytes()).hexdigest()


def _just_now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None) - timedelta(seconds=2)

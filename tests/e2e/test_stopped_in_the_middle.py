"""A signal that comes in the middle of longer work: a full refresh, or one of several mappings."""

from __future__ import annotations

import json
import signal
import time
from typing import Any

import pytest

SLOW = "rate_limit: {requests_per_second: 20, events_per_second: 1000000}\n  batch_size: 10"
FAST = "rate_limit: {requests_per_second: 10000, events_per_second: 1000000}"


def wait_for(desk: Any, accepted: int) -> None:
    while desk.stats()["accepted"] < accepted:
        time.sleep(0.05)


def test_a_full_refresh_that_is_killed_is_finished_by_the_next_run(desk: Any) -> None:
    """What it had not sent again counts as never sent."""
    desk.fill(300)
    assert desk.run("--start-from", "beginning").summary["sent"] == 300
    desk.mapping.write_text(desk.mapping.read_text().replace(FAST, SLOW))
    process = desk.start("run", str(desk.mapping), "--full-refresh", "--yes")
    wait_for(desk, 350)
    process.kill()
    process.communicate()
    assert "full refresh   not complete" in desk.call("status", str(desk.mapping)).out
    desk.mapping.write_text(desk.mapping.read_text().replace(SLOW, FAST))
    ended = desk.run()
    assert ended.code == 0, ended.err
    assert 300 <= desk.stats()["accepted"] - 300 <= 300 + 4 * 10
    assert "full refresh" not in desk.call("status", str(desk.mapping)).out
    assert desk.run().summary["sent"] == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_stops_all_that_is_left_and_hides_no_graver_end(desk: Any, number: int, code: int) -> None:
    """A mapping that needs a person is told by the exit code, though a signal came later."""
    desk.fill(300)
    paths = []
    for name in ("first", "second", "third"):
        text = desk.mapping.read_text().replace(FAST, SLOW).replace("name: people", f"name: {name}", 1)
        path = desk.folder / f"{name}.yaml"
        path.write_text(text)
        paths.append(str(path))
    assert desk.call("run", paths[1], "--start-from", "beginning", "--limit", "10").code == 0
    for began, worst in (([paths[1], paths[2]], code), ([paths[0], paths[1], paths[2]], 8)):
        before = desk.stats()["accepted"]
        process = desk.start("run", *began, "-o", "json")
        wait_for(desk, before + 30)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        ended = [(each["mapping"], each["exit_code"]) for each in map(json.loads, out.splitlines())]
        assert process.returncode == worst, err
        assert ended == [("first", 8)] * (worst == 8) + [("second", code)]

"""A run whose time is over ends cleanly, and the next one goes on where it stopped (E8)."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.processes.forked_cli import ForkedCli

ROWS = 1_500


@pytest.mark.parametrize("option", ["--max-runtime", "--deadline"])
def test_a_run_ends_at_its_time_and_the_next_one_sends_the_rest_once(
    desk: Any, forked_cli: ForkedCli, option: str
) -> None:
    """The deadline is a minute of the local time, which here has a zone of its own: the minute is nearly over."""
    slow = "requests_per_second: 20"
    desk.write_mapping(destination="  batch_size: 10")
    desk.mapping.write_text(desk.mapping.read_text().replace("requests_per_second: 10000", slow))
    desk.fill(ROWS)
    limit = "4s"
    if option == "--deadline":
        now = time.time()
        ahead = round(54 - now % 60)  # local time is that much ahead of UTC; a zone's sign is the other way round
        desk.variables = {"TZ": f"HERE{'-' if ahead >= 0 else '+'}00:00:{abs(ahead):02}"}
        limit = time.strftime("%H:%M", time.gmtime(now + ahead + 60))
    options = ("-o", "json", "--start-from", "beginning", option, limit)
    ended = forked_cli.call("run", str(desk.mapping), *options, environment=desk.environment(), folder=desk.folder)
    assert ended.code == 6, ended.err
    assert ended.err.splitlines()[-2:] == [
        "error: people: the time for this run is over",
        "hint: the next run goes on from here",
    ]
    first = ended.summary
    assert first["outcome"] == "stopped"
    assert 0 < first["sent"] < ROWS
    assert first["read"] == first["sent"] + first["unsent"]
    assert first["sent"] == desk.stats()["accepted"]
    assert first["checkpoint"]["key"] == [["int", str(first["sent"])]]
    desk.mapping.write_text(desk.mapping.read_text().replace(slow, "requests_per_second: 10000"))
    second = desk.run()
    assert (second.code, second.summary["sent"]) == (0, ROWS - first["sent"])
    assert (desk.stats()["accepted"], desk.stats()["duplicates"]) == (ROWS, 0)

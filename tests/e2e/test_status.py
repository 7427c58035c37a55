"""Whether the morning's question gets the right answer after each night."""

from __future__ import annotations

import json
import socket
from typing import Any

import sqlalchemy as sa


def checked(desk: Any, *options: str) -> tuple[int, list[str]]:
    ended = desk.call("status", str(desk.mapping), "--check", "-o", "json", *options)
    assert all("is it the right one?" in line for line in ended.err.splitlines()), ended.err
    return ended.code, [worry["code"] for worry in json.loads(ended.out)["worries"]]


def test_check_tells_the_right_thing_after_each_night(desk: Any) -> None:
    """A good night, a night with the API down, one with bad rows, and one without a run."""
    assert checked(desk) == (3, ["never_done"])
    desk.fill(200)
    desk.run("--start-from", "beginning")
    assert checked(desk) == (0, [])

    desk.write_mapping(destination="  retry: {give_up_after: 1s, max_backoff: 1s}")
    desk.fill(5, first=300, minutes=10)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        desk.api_url, api_url = f"http://127.0.0.1:{closed.getsockname()[1]}", desk.api_url
        assert desk.run().code == 6
    desk.api_url = api_url
    assert checked(desk) == (0, []), "the next run goes on by itself"

    with desk.engine().begin() as connection:
        connection.execute(sa.text("UPDATE people SET email = 'nobody' WHERE id = 301"))
    assert desk.run().code == 3
    assert checked(desk) == (3, ["dead_letters"])


def test_status_of_an_unknown_state_is_empty_and_makes_nothing(desk: Any) -> None:
    """D21."""
    ended = desk.call("status")
    assert ended.code == 0
    assert ended.err.startswith("there is no state at ")
    assert "no mapping has run" in ended.out
    assert not desk.state.exists()

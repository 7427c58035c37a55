"""One person's way through all commands, the same over each sort of database."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa


def test_every_command_works_alike_on_every_database(any_desk: Any) -> None:
    """init, validate, preview, run, explain, retry, backfill, state and status, one after the other."""
    desk = any_desk
    desk.fill(120, minutes=3 * 24 * 60)
    change(desk, "UPDATE people SET email = 'nobody' WHERE id IN (7, 8)")
    drafted = desk.folder / "drafted.yaml"

    def lines(*arguments: str, code: int = 0) -> list[dict[str, Any]]:
        ended = desk.call(*arguments, "-o", "json")
        assert ended.code == code, ended.err
        return [json.loads(line) for line in ended.out.splitlines()]

    ended = desk.call("init", "${PEOPLE_URL}", "people", "-o", str(drafted))
    assert ended.code == 0, ended.err
    text = drafted.read_text()
    for line in ("primary_key: id", "cursor_field: updated_at", "email: email"):
        assert line in text

    (validated,) = lines("validate", str(desk.mapping), "--connect")
    assert validated["errors"] == []

    good, bad = lines("preview", str(desk.mapping), "--key", "1", "--key", "7")
    assert good["event"] == {
        "event": "PersonUpdated",
        "email": "person1@example.com",
        "firstname": "Name 1",
        "custom_points": 1,
    }
    assert (bad["event"], bad["problems"][0]["code"]) == (None, "invalid_email")

    mapping = str(desk.mapping)
    (first,) = lines("run", mapping, "--start-from", "beginning", code=3)
    assert (first["read"], first["sent"], first["invalid"]) == (120, 118, 2)
    (story,) = lines("explain", mapping, "7")
    assert (story["decision"], story["row"]["email"]) == ("invalid", "nobody")

    change(desk, "UPDATE people SET email = 'mended@example.com' WHERE id = 7")
    change(desk, "DELETE FROM people WHERE id = 8")
    (retried,) = lines("retry", mapping)
    assert (retried["read"], retried["sent"], retried["reasons"]) == (1, 1, {"gone": 1})

    span = ("--from", day(-4), "--to", day(-1), "--window", "1d")
    (dry,) = lines("backfill", mapping, *span, "--dry-run")
    assert sum(window["rows"] for window in dry["forecast"]["windows"]) == 119
    change(desk, "UPDATE people SET points = 99 WHERE id = 5")
    (filled,) = lines("backfill", mapping, *span)
    assert (filled["read"], filled["sent"], filled["unchanged"]) == (119, 1, 118)

    moved = desk.call("state", "set", mapping, day(-10), "--yes")
    assert moved.code == 0, moved.err
    (again,) = lines("run", mapping)
    assert (again["read"], again["unchanged"], again["sent"]) == (119, 119, 0)
    (status,) = lines("status", mapping)
    assert status["dead_letters"] == {}
    assert desk.stats()["accepted"] == 120


def change(desk: Any, sql: str) -> None:
    with desk.engine().begin() as connection:
        connection.execute(sa.text(sql))


def day(offset: int) -> str:
    return (datetime.now(UTC) + timedelta(days=offset)).strftime("%Y-%m-%d")

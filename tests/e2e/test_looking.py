"""What a person asks afterwards: what happened to this row, where the checkpoint stands, and moving it."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sqlalchemy as sa


def explained(desk: Any, key: str, *options: str) -> dict[str, Any]:
    ended = desk.call("explain", str(desk.mapping), key, "-o", "json", *options)
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


def change(desk: Any, sql: str) -> None:
    with desk.engine().begin() as connection:
        connection.execute(sa.text(sql))


def test_explain_says_whether_a_row_would_be_sent_and_why(desk: Any) -> None:
    desk.write_mapping(source="  where: points <> 5")
    desk.fill(20)
    assert explained(desk, "1")["decision"] == "new"
    desk.run("--start-from", "beginning")
    assert explained(desk, "1")["decision"] == "unchanged"
    change(desk, "UPDATE people SET name = 'Other' WHERE id = 1")
    assert explained(desk, "1")["decision"] == "changed"
    change(desk, "UPDATE people SET email = 'nobody' WHERE id = 2")
    invalid = explained(desk, "2")
    assert (invalid["decision"], invalid["event"]) == ("invalid", None)
    assert next(problem["code"] for problem in invalid["problems"]) == "invalid_email"
    change(desk, "UPDATE people SET updated_at = '2990-01-01 00:00:00' WHERE id = 3")
    change(desk, "UPDATE people SET name = 'Later' WHERE id = 3")
    assert explained(desk, "3")["decision"] == "held"
    assert explained(desk, "5")["decision"] == "filtered"
    assert explained(desk, "999")["decision"] == "missing"


def test_explain_can_hide_the_values(desk: Any) -> None:
    """F17."""
    desk.fill(3)
    ended = desk.call("explain", str(desk.mapping), "1", "--mask")
    assert "person1@example.com" not in ended.out
    assert "email" in ended.out


def test_explain_knows_the_dead_letters_of_a_row(desk: Any) -> None:
    desk.fill(200)
    change(desk, "UPDATE people SET email = 'nobody' WHERE id = 7")
    desk.run("--start-from", "beginning")
    (letter,) = explained(desk, "7")["dead_letters"]
    assert (letter["reason"], letter["attempts"], letter["closed"]) == ("invalid_email", 1, None)


def test_a_moved_checkpoint_reads_again_and_the_ledger_keeps_it_from_sending_again(desk: Any) -> None:
    """D13."""
    desk.fill(90)
    desk.run("--start-from", "beginning")
    refused = desk.call("state", "set", str(desk.mapping), "2020-01-01 00:00:00")
    assert refused.code == 2
    assert "--yes" in refused.err
    moved = desk.call("state", "set", str(desk.mapping), "2020-01-01 00:00:00", "--yes")
    assert moved.code == 0, moved.err
    assert "the next run reads 90 rows" in moved.err
    again = desk.run().summary
    assert (again["read"], again["unchanged"], again["sent"]) == (90, 90, 0)


@pytest.mark.parametrize(("options", "sent"), [((), 30), (("--keep-ledger",), 0)])
def test_a_reset_mapping_begins_anew(desk: Any, options: tuple[str, ...], sent: int) -> None:
    desk.fill(30)
    desk.run("--start-from", "beginning")
    assert desk.call("state", "reset", str(desk.mapping), "--yes", *options).code == 0
    assert desk.run().code == 8
    assert desk.run("--start-from", "beginning").summary["sent"] == sent


def test_a_source_that_became_another_is_refused_by_name(desk: Any) -> None:
    """D11."""
    desk.fill(10)
    desk.run("--start-from", "beginning")
    desk.mapping.write_text(desk.mapping.read_text().replace("cursor_field: updated_at", "cursor_field: id"))
    ended = desk.run()
    assert ended.code == 8, ended.err
    assert "updated_at" in ended.err


def test_preview_prints_a_line_a_row_in_the_contracts_form(desk: Any) -> None:
    """Contract §5."""
    desk.fill(3)
    change(desk, "UPDATE people SET email = 'nobody' WHERE id = 2")
    ended = desk.call("preview", str(desk.mapping), "-o", "json", "--key", "1", "--key", "2")
    assert ended.code == 0, ended.err
    good, bad = map(json.loads, ended.out.splitlines())
    assert good["key"] == {"id": 1}
    assert good["row"]["email"] == "person1@example.com"
    assert good["event"] == {
        "event": "PersonUpdated",
        "email": "person1@example.com",
        "firstname": "Name 1",
        "custom_points": 1,
    }
    assert good["problems"] == []
    assert (bad["key"], bad["event"]) == ({"id": 2}, None)
    assert {"field", "code", "message"} == set(bad["problems"][0])
    assert desk.stats()["requests"] == 0


def test_preview_finds_the_rows_that_fail(desk: Any) -> None:
    desk.fill(900)
    change(desk, "UPDATE people SET email = 'nobody' WHERE id IN (5, 880)")
    ended = desk.call("preview", str(desk.mapping), "-o", "json", "--invalid")
    assert sorted(json.loads(line)["key"]["id"] for line in ended.out.splitlines()) == [5, 880]

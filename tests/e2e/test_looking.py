"""What a person asks afterwards: what happened to this row, where the checkpoint stands, and moving it."""

from __future__ import annotations

import json
import re
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


def test_explain_names_the_fields_that_changed_and_the_runs_that_sent_the_row(desk: Any) -> None:
    desk.fill(20)
    assert explained(desk, "1")["accepted"] is None
    run_id = desk.run("--start-from", "beginning").summary["run_id"]
    sent = explained(desk, "1")
    assert sent["accepted"].pop("started_at")
    assert (sent["accepted"], sent["changed"]) == ({"run_id": run_id, "command": "run"}, [])
    change(desk, "UPDATE people SET name = 'Other', points = NULL WHERE id = 1")
    assert explained(desk, "1")["changed"] == ["firstname", "custom_points"]
    assert explained(desk, "1")["sent_before"] == []
    second = desk.run().summary["run_id"]
    again = explained(desk, "1")
    assert again["accepted"]["run_id"] == second
    assert [one["run_id"] for one in again["sent_before"]] == [run_id]
    assert re.search(rf"sent before +by run {run_id}, a run of ", desk.call("explain", str(desk.mapping), "1").out)


def test_explain_tells_when_a_change_lies_below_what_the_next_run_reads(desk: Any) -> None:
    """A16: an update that does not touch the cursor."""
    desk.write_mapping(source="  lookback: 10m")
    desk.fill(20, minutes=120)
    desk.fill(1, first=21, minutes=5)
    desk.run("--start-from", "beginning")
    change(desk, "UPDATE people SET name = 'Other' WHERE id IN (1, 21)")
    assert explained(desk, "1")["decision"] == "behind"
    assert explained(desk, "21")["decision"] == "changed"


STORY = """\
people, row 1
  would it be sent now?  yes: it differs from the last event accepted for this{0}key
  what changed           firstname
  last accepted          by run RUN, a run of TIME UTC
  the API said           HTTP 200: {{"success":true,"created":3}}
  checkpoint             TIME (key 3)

the row
  id          1
  updated_at  TIME
  email       person1@example.com
  name        Other
  points      1

its fields, step by step
  email, from column email
    source      person1@example.com
    type email  person1@example.com
  firstname, from column name
    source     Other
    type text  Other
  custom_points, from column points
    source  1
    value   1

the event
  event          PersonUpdated
  email          person1@example.com
  firstname      Other
  custom_points  1

what to do next
  the next run sends it; to send it at once:
    squeezely-etl run MAPPING --key 1
"""


@pytest.mark.parametrize(("columns", "broken"), [("80", "\n      "), ("120", " ")])
def test_explain_reads_well(desk: Any, columns: str, broken: str) -> None:
    desk.variables["COLUMNS"] = columns
    desk.fill(3)
    desk.run("--start-from", "beginning")
    change(desk, "UPDATE people SET name = 'Other' WHERE id = 1")
    ended = desk.call("explain", str(desk.mapping), "1")
    shown = re.sub(r"run [0-9a-f]{12}", "run RUN", ended.out).replace(str(desk.mapping), "MAPPING")
    assert re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d(:[\d.]+)?", "TIME", shown) == STORY.format(broken)


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


def test_preview_prints_a_line_a_row_in_the_documented_form(desk: Any) -> None:
    """Scripts read it."""
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


def test_preview_shows_every_key_that_was_asked_for(desk: Any) -> None:
    """--limit is for the rows that were not named."""
    desk.fill(12)
    keys = [word for number in range(1, 13) for word in ("--key", str(number))]
    ended = desk.call("preview", str(desk.mapping), "-o", "json", *keys)
    assert [json.loads(line)["key"]["id"] for line in ended.out.splitlines()] == list(range(1, 13))


def test_preview_finds_the_rows_that_fail(desk: Any) -> None:
    desk.fill(900)
    change(desk, "UPDATE people SET email = 'nobody' WHERE id IN (5, 880)")
    ended = desk.call("preview", str(desk.mapping), "-o", "json", "--invalid")
    assert sorted(json.loads(line)["key"]["id"] for line in ended.out.splitlines()) == [5, 880]

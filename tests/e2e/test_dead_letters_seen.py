"""What a person knows of the dead letters, and what is new to them; with the real command line."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import Any

import pytest
import sqlalchemy as sa


@pytest.fixture
def desk(desk: Any) -> Any:
    """A desk with two rows that make no event."""
    desk.fill(60)
    spoil(desk, 7, 8)
    assert desk.run("--start-from", "beginning").code == 3
    return desk


def spoil(desk: Any, *numbers: int, value: str = "nobody") -> None:
    with desk.engine().begin() as connection:
        for number in numbers:
            sql = "UPDATE people SET email = :value, updated_at = datetime('now') WHERE id = :number"
            connection.execute(sa.text(sql), {"value": value, "number": number})


def status(desk: Any, *options: str) -> Any:
    return desk.call("status", str(desk.mapping), *options)


def listed(desk: Any, *options: str) -> list[dict[str, Any]]:
    ended = status(desk, "--dead-letters", "-o", "json", *options)
    assert ended.code == 0, ended.err
    return [json.loads(line) for line in ended.out.splitlines()]


def test_each_letter_is_a_line_with_its_key(desk: Any) -> None:
    first, second = listed(desk)
    assert list(first) == [
        *("mapping", "key", "reason", "words", "attempts", "opened_at", "last_at", "acknowledged"),
    ]
    assert (first["mapping"], first["key"], second["key"]) == ("people", {"id": 7}, {"id": 8})
    assert (first["reason"], first["attempts"], first["acknowledged"]) == ("invalid_email", 1, False)
    # The state knows the key's name too.
    without_files = desk.call("status", "--dead-letters", "-o", "json").out
    assert [json.loads(line)["key"] for line in without_files.splitlines()] == [{"id": 7}, {"id": 8}]


def test_csv_has_a_header_and_the_keys_as_commands_take_them(desk: Any) -> None:
    rows = list(csv.DictReader(io.StringIO(status(desk, "--dead-letters", "-o", "csv").out)))
    assert [(row["mapping"], row["key"], row["acknowledged"]) for row in rows] == [
        ("people", "7", "no"),
        ("people", "8", "no"),
    ]
    assert status(desk, "-o", "csv").code == 2


def test_whom_a_letter_is_about_is_told_on_demand_alone(desk: Any) -> None:
    assert "nobody" not in status(desk, "--dead-letters").out
    assert [(one["email"], one["userid"]) for one in listed(desk, "--with-identity")] == [("nobody", None)] * 2
    assert "email nobody" in status(desk, "--dead-letters", "--with-identity").out
    assert desk.call("status", "--dead-letters", "--with-identity").code == 2


def test_what_was_acknowledged_makes_no_alarm_and_what_is_new_does(desk: Any) -> None:
    assert status(desk, "--check").code == 3
    seen = status(desk, "--acknowledge", "--yes", "--check")
    assert seen.code == 0, seen.out
    assert seen.out.splitlines()[0] == "all is well: people"
    assert "2 open: invalid_email 2; 2 of them known" in seen.out
    assert [one["acknowledged"] for one in listed(desk)] == [True, True]
    # Read again and just as wrong: nothing new.
    spoil(desk, 7)
    again = desk.run()
    assert (again.code, again.summary["invalid"], again.summary["acknowledged"]) == (0, 2, 2)
    spoil(desk, 7)
    known = desk.call("run", str(desk.mapping))
    assert known.code == 0
    assert re.search(r"^  acknowledged +2  of the invalid and rejected", known.out, re.MULTILINE)
    assert "what to do next" not in known.out, "a person has decided already"
    spoil(desk, 9)
    newer = desk.call("run", str(desk.mapping))
    assert newer.code == 3
    # The one to look at is the new one, not the oldest.
    assert f"squeezely-etl explain {desk.mapping} 9" in newer.out
    assert f"squeezely-etl explain {desk.mapping} 9" in status(desk).out
    checked = status(desk, "--check")
    assert (checked.code, checked.out.splitlines()[0]) == (3, "needs a person: people")
    assert "1 row could not be delivered: invalid_email 1; 2 more are known" in checked.out


def test_a_reason_of_which_no_letter_is_open_is_told(desk: Any) -> None:
    """A mistyped one ended with 0 and without a word."""
    wrong = desk.call("retry", str(desk.mapping), "--reason", "invalid_emial")
    assert (wrong.code, wrong.out) == (2, "")
    assert "no dead letter is open for the reason" in wrong.err
    assert "hint: did you mean invalid_email? there are invalid_email 2" in wrong.err
    # As each night of a crontab that retries one reason.
    other = desk.call("retry", str(desk.mapping), "--reason", "http_400")
    assert (other.code, "there are invalid_email 2" in other.err) == (0, True)
    with desk.engine().begin() as connection:
        connection.execute(sa.text("DELETE FROM people WHERE id IN (7, 8)"))
    right = desk.call("retry", str(desk.mapping), "--reason", "invalid_email")
    assert (right.code, right.err) == (0, "")
    none = desk.call("retry", str(desk.mapping), "--reason", "invalid_emial")
    assert (none.code, "none is open at all" in none.err) == (0, True)


def test_dry_runs_know_what_was_acknowledged_as_the_run_does(desk: Any) -> None:
    """They ended with 3 for letters that a person has seen, where the run ends with 0."""
    backfill = ("backfill", str(desk.mapping), "--dry-run")
    status(desk, "--acknowledge", "--yes")
    assert [desk.run("--dry-run").code, desk.call(*backfill).code] == [0, 0]
    spoil(desk, 7, 8)
    dry = desk.run("--dry-run")
    assert (dry.code, dry.summary["invalid"], dry.summary["acknowledged"]) == (0, 2, 2)
    assert desk.call(*backfill).code == 0
    spoil(desk, 9)
    assert [desk.run("--dry-run").code, desk.call(*backfill).code, desk.run().code] == [3, 3, 3]
    status(desk, "--acknowledge", "--yes")
    with desk.engine().begin() as connection:
        connection.execute(sa.text("UPDATE people SET email = NULL, updated_at = datetime('now') WHERE id = 7"))
    assert [desk.run("--dry-run").code, desk.run().code] == [3, 3]


def test_a_known_row_that_fails_in_another_way_is_new(desk: Any) -> None:
    status(desk, "--acknowledge")
    with desk.engine().begin() as connection:
        connection.execute(sa.text("UPDATE people SET email = NULL, updated_at = datetime('now') WHERE id = 7"))
    assert desk.run().code == 3
    assert {one["key"]["id"]: one["acknowledged"] for one in listed(desk)} == {7: False, 8: True}


def test_the_verdict_is_the_first_line_and_alone_with_q(desk: Any) -> None:
    ended = status(desk, "-q")
    assert ended.out == "needs a person: people\n"


def test_a_mapping_that_no_file_of_the_folder_has_is_said_to_be_gone(desk: Any) -> None:
    folder = desk.folder / "mappings"
    folder.mkdir()
    (folder / "other.yaml").write_text(desk.mapping.read_text().replace("name: people", "name: other"))
    ended = desk.call("status", str(folder))
    assert "in the state, but in no file of the folder: people" in ended.out
    told = [json.loads(line) for line in desk.call("status", str(folder), "-o", "json").out.splitlines()]
    assert [(one["mapping"], one["in_folder"]) for one in told] == [("other", True), ("people", False)]


def test_what_the_last_run_sent_stands_beside_what_is_usual(desk: Any) -> None:
    for first in (100, 200):
        desk.fill(5, first=first, minutes=1)
        desk.run()
    desk.fill(50, first=300, minutes=1)
    desk.run()
    (told,) = map(json.loads, status(desk, "-o", "json").out.splitlines())
    assert told["usual"] == {"sent": 50, "median": 5, "runs": 3}
    assert "the last run sent 50; the median of the 3 runs before is 5" in status(desk).out


def test_a_run_of_a_key_says_nothing_of_the_night(make_desk: Any) -> None:
    """Neither does a key that was mistyped call a person, nor does one that was sent hide that no night was run."""
    desk = make_desk()
    desk.fill(3)
    figures = desk.folder / "etl.prom"
    assert desk.run("--key", "1", "--metrics-file", str(figures)).code == 0
    assert "last_success_timestamp_seconds{" not in figures.read_text()
    checked = status(desk, "--check")
    assert (checked.code, "no run was ever done" in checked.out) == (3, True), checked.out
    assert desk.run("--start-from", "beginning", "--metrics-file", str(figures)).code == 0
    assert "last_success_timestamp_seconds{" in figures.read_text()
    assert desk.run("--key", "999").code == 2
    checked = status(desk, "--check")
    assert (checked.code, checked.out.splitlines()[0]) == (0, "all is well: people"), checked.out

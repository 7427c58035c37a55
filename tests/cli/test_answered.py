"""After an exit code 8: the commands to type, and what `status` says once a person has typed one of them."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.cli.test_not_started import edit, verdict


def commands(office: Any, *arguments: str) -> list[str]:
    """What `status` prints to be typed."""
    return [line.strip() for line in office.call("status", *arguments).out.splitlines() if "  squeezely-etl" in line]


def typed(office: Any, command: str, *more: str) -> int:
    return office.call(*shlex.split(command)[1:], *more).code


def moved(office: Any) -> None:
    shutil.copy("people.sqlite", "moved.sqlite")
    office.database_url = "sqlite:///moved.sqlite"


def begun(office: Any) -> None:
    office.fill(20)
    assert office.call("run", "people.yaml", "--start-from", "beginning").code == 0


def test_a_first_run_that_has_not_happened_has_its_command(office: Any) -> None:
    office.fill(20)
    first = "squeezely-etl run people.yaml --start-from beginning"
    assert commands(office, "people.yaml") == [first], "no run was called yet"
    begun_other = office.mapping.read_text().replace("name: people", "name: other")
    Path("other.yaml").write_text(begun_other)
    assert office.call("run", "other.yaml", "--start-from", "beginning").code == 0
    assert office.call("run", "people.yaml").code == 8
    assert commands(office, "people.yaml") == [first], "and one was, without it"
    worries = json.loads(office.call("status", "people.yaml", "-o", "json").out)["worries"]
    assert [one["code"] for one in worries] == ["last_run_failed"], "it is told once"
    assert typed(office, first) == 0
    assert verdict(office, "people.yaml") == (0, "all is well: people")


@pytest.mark.parametrize("answer", ["adopt", "reset"])
def test_another_source_is_answered_by_what_is_printed(office: Any, answer: str) -> None:
    begun(office)
    moved(office)
    assert office.call("run", "people.yaml").code == 8
    assert commands(office, "people.yaml") == [
        "squeezely-etl state adopt people.yaml",
        "squeezely-etl state reset people.yaml",
    ]
    assert verdict(office)[0] == 3
    (command,) = [one for one in commands(office, "people.yaml") if answer in one]
    assert typed(office, command, "--yes") == 0
    if answer == "reset":
        (command,) = commands(office, "people.yaml")
        assert verdict(office) == verdict(office, ".") == (3, "needs a person: people")
        assert typed(office, command) == 0
    assert verdict(office) == verdict(office, ".") == (0, "all is well: people")
    assert office.call("run", "people.yaml").code == 0


def test_a_table_that_went_back_is_answered_by_what_is_printed(office: Any) -> None:
    """A restore took twelve rows away: all are read again, and the ledger sends the one that differs."""
    edit(office, "cursor_field: updated_at", "cursor_field: id")
    begun(office)
    with office.engine().begin() as connection:
        connection.execute(sa.text("DELETE FROM people WHERE id > (SELECT min(id) + 7 FROM people)"))
        connection.execute(sa.text("UPDATE people SET name = 'Other' WHERE id = (SELECT min(id) FROM people)"))
    assert office.call("run", "people.yaml").code == 8
    (command,) = commands(office, "people.yaml")
    assert command == "squeezely-etl state reset people.yaml --keep-ledger"
    assert typed(office, command, "--yes") == 0
    (command,) = commands(office, "people.yaml")
    sent = json.loads(office.call(*shlex.split(command)[1:], "-o", "json").out)
    assert (sent["read"], sent["changed"], sent["unchanged"]) == (8, 1, 7)
    assert verdict(office, ".") == (0, "no worry is known, but no clock bounds the cursor: people")


def test_an_answer_of_before_answers_nothing_of_later(office: Any) -> None:
    begun(office)
    moved(office)
    assert office.call("state", "adopt", "people.yaml", "--yes").code == 0
    office.database_url = "sqlite:///people.sqlite"
    assert office.call("run", "people.yaml").code == 8
    assert verdict(office) == (3, "needs a person: people")


def test_a_guard_has_its_commands(office: Any) -> None:
    begun(office)
    office.write_mapping(top="guards: {max_events: 5}")
    office.fill(20, first=300, minutes=10)
    assert office.call("run", "people.yaml").code == 9
    look, send = commands(office, "people.yaml")
    assert (look.split()[3:], send.split()[3:]) == (["--dry-run"], ["--ignore-guards"])
    assert typed(office, look) == 0
    assert typed(office, send) == 0
    assert verdict(office) == (0, "all is well: people")


def test_what_was_renamed_says_what_to_write_into_its_file(office: Any) -> None:
    """Until then neither to begin anew, which sends all again, nor to forget the new name is offered anywhere."""
    begun(office)
    assert office.call("state", "rename", "people", "persons", "--yes").code == 0
    told = []
    for _ in range(2):
        told.append(office.call("status", ".", columns=200).out)
        assert verdict(office, ".") == (3, "needs a person: people")
        ended = office.call("run", ".")
        assert ended.code == 8
        assert (
            "hint: what was known as people is called persons since `state rename`: write `name: persons`" in ended.err
        )
        told.append(ended.err)
    assert all("write `name: persons` into people.yaml" in one for one in told)
    assert not [one for one in told if "drop" in one or "beginning" in one]
    edit(office, "name: people", "name: persons")
    assert office.call("run", ".").code == 0
    assert verdict(office, ".") == (0, "all is well: persons")
    assert json.loads(office.call("status", "people.yaml", "-o", "json").out)["ledger"] == 20


def test_a_name_that_was_given_away_and_back_is_its_own(office: Any) -> None:
    begun(office)
    for old, new in (("people", "persons"), ("persons", "humans"), ("humans", "people")):
        assert office.call("state", "rename", old, new, "--yes").code == 0
    assert verdict(office, ".") == (0, "all is well: people")
    for old, new in (("people", "persons"), ("persons", "humans")):
        assert office.call("state", "rename", old, new, "--yes").code == 0
    assert "`name: humans`" in office.call("status", ".").out

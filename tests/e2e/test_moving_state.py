"""What a state knows moves: to another address, another name, another state; with the real command line."""

from __future__ import annotations

import re
import shutil
import sqlite3
from typing import Any

import pytest


@pytest.fixture
def desk(desk: Any) -> Any:
    """A desk after its first run."""
    desk.fill(20)
    assert desk.run("--start-from", "beginning").summary["sent"] == 20
    return desk


def test_a_database_that_moved_is_adopted_with_all_that_is_known(desk: Any) -> None:
    desk.call("forget", str(desk.mapping), "--email", "person3@example.com", "--yes")
    shutil.copy(desk.folder / "people.sqlite", desk.folder / "moved.sqlite")
    desk.database_url = f"sqlite:///{desk.folder}/moved.sqlite"
    desk.variables["ACCOUNT"] = "shop-9"
    refused = desk.run()
    assert (refused.code, "state adopt" in refused.err) == (8, True), refused.err
    unasked = desk.call("state", "adopt", str(desk.mapping))
    assert (unasked.code, "add --yes" in unasked.err) == (2, True)
    assert "the account is another one" in unasked.err
    assert "the next run reads 0 rows" in unasked.err
    assert desk.call("state", "adopt", str(desk.mapping), "--yes").code == 0
    again = desk.run().summary
    assert (again["sent"], again["suppressed"]) == (0, 1), "whom the account forgot it forgets under its new number too"
    assert "nothing to adopt" in desk.call("state", "adopt", str(desk.mapping), "--yes").out


def test_another_cursor_is_not_adopted(desk: Any) -> None:
    desk.mapping.write_text(desk.mapping.read_text().replace("cursor_field: updated_at", "cursor_field: points"))
    refused = desk.call("state", "adopt", str(desk.mapping), "--yes")
    assert (refused.code, "says nothing about this source" in refused.err) == (8, True), refused.err


def test_another_cursor_is_not_adopted_whatever_its_name_holds(desk: Any) -> None:
    """A colon divides the column from its type in what the state keeps, `, is ` what was from what is."""
    with sqlite3.connect(desk.folder / "people.sqlite") as database:
        for name in ("ts:updated", "ts:created", "ts", "ts: x", "a, is b", "a, is c"):
            database.execute(f'ALTER TABLE people ADD COLUMN "{name}" DATETIME')
            database.execute(f'UPDATE people SET "{name}" = updated_at')
    written = desk.mapping.read_text()
    for was, now in [("ts:updated", "ts:created"), ("ts: x", "ts"), ("a, is b", "a, is c")]:
        desk.mapping.write_text(written.replace("cursor_field: updated_at", f'cursor_field: "{was}"'))
        assert desk.call("state", "reset", str(desk.mapping), "--yes").code == 0
        assert desk.run("--start-from", "beginning").code == 0
        desk.mapping.write_text(written.replace("cursor_field: updated_at", f'cursor_field: "{now}"'))
        refused = desk.call("state", "adopt", str(desk.mapping), "--yes")
        assert (refused.code, "says nothing about this source" in refused.err) == (8, True), (was, now, refused.err)


def test_a_cursor_of_another_type_is_adopted_when_a_person_says_so(desk: Any) -> None:
    with sqlite3.connect(desk.folder / "people.sqlite") as database:
        declared = database.execute("SELECT sql FROM sqlite_master WHERE name = 'people'").fetchone()[0]
        other = re.sub(r"(\bupdated_at\W?) +\w+", r"\1 VARCHAR", declared)
        assert other != declared
        database.executescript(f"ALTER TABLE people RENAME TO old; {other}; INSERT INTO people SELECT * FROM old")
    assert desk.run().code == 8
    adopted = desk.call("state", "adopt", str(desk.mapping), "--yes")
    assert adopted.code == 0, adopted.err


def test_a_renamed_mapping_goes_on_where_the_old_one_stood(desk: Any) -> None:
    desk.mapping.write_text(desk.mapping.read_text().replace("name: people", "name: klanten"))
    assert desk.run().code == 8, "a first run of that name, which a person has to decide"
    assert desk.call("state", "rename", "people", "klanten").code == 2
    renamed = desk.call("state", "rename", "people", "klanten", "--yes")
    assert renamed.code == 0, renamed.err
    again = desk.run().summary
    assert (again["sent"], again["unchanged"]) == (0, 20)
    assert desk.call("state", "rename", "people", "other", "--yes").code == 2
    assert desk.call("state", "rename", "klanten", "klanten", "--yes").code == 2


@pytest.mark.parametrize("name", ["", "bad name/../", "../x", "a" * 65, "-x", "a\n", "klänten"])
def test_a_name_that_no_mapping_may_have_is_refused(desk: Any, name: str) -> None:
    """No file could ever go on from there."""
    refused = desk.call("state", "rename", "people", "--yes", "--", name) if name == "-x" else None
    refused = refused or desk.call("state", "rename", "people", name, "--yes")
    assert (refused.code, "NEW is no name of a mapping: " in refused.err) == (2, True)
    assert desk.run().code == 0


def test_a_name_with_a_checkpoint_is_not_overwritten(desk: Any) -> None:
    other = desk.folder / "other.yaml"
    other.write_text(desk.mapping.read_text().replace("name: people", "name: other"))
    assert desk.call("run", str(other), "--start-from", "beginning").code == 0
    refused = desk.call("state", "rename", "people", "other", "--yes")
    assert (refused.code, "state drop other" in refused.err) == (8, True), refused.err
    dropped = desk.call("state", "drop", "other", "--yes")
    assert dropped.code == 0, dropped.err
    assert desk.call("state", "rename", "people", "other", "--yes").code == 0


def test_a_dropped_mapping_leaves_nothing_but_whom_it_suppressed(desk: Any) -> None:
    desk.call("forget", str(desk.mapping), "--email", "person3@example.com", "--yes")
    mistyped = desk.call("state", "drop", "peopel", "--yes")
    assert (mistyped.code, "did you mean people?" in mistyped.err) == (2, True)
    shown = desk.call("state", "drop", "people", "--yes")
    assert "20 keys" in shown.err
    assert "no mapping has run" in desk.call("status").out
    assert desk.run("--start-from", "beginning").summary["suppressed"] == 1


def test_nothing_is_moved_from_a_state_that_does_not_exist(desk: Any) -> None:
    nowhere = desk.folder / "nowhere" / "state.sqlite"
    refused = desk.call("state", "drop", "people", "--yes", "--state", str(nowhere))
    assert (refused.code, f"there is no state at {nowhere}" in refused.err) == (8, True), refused.err
    assert not nowhere.parent.exists()


def test_a_state_moves_to_postgresql_and_back(desk: Any, postgresql_url: str) -> None:
    desk.call("forget", str(desk.mapping), "--email", "person3@example.com", "--yes")
    assert desk.run("--deadline", "99").code == 2
    copied = desk.call("state", "copy", str(desk.state), postgresql_url, "--yes")
    assert copied.code == 0, copied.err
    words = ("mappings 1", "ledger keys 20", "suppressed 1", "runs 1")
    assert all(one in " ".join(copied.out.split()) for one in words), copied.out
    told = " ".join(desk.call("status", "--state", postgresql_url).out.split())
    assert "--deadline: not a time of the day" in told, "what is to be told goes along"
    desk.variables["SQUEEZELY_ETL_STATE"] = postgresql_url
    desk.fill(5, first=100, minutes=1)
    on_server = desk.run().summary
    assert (on_server["sent"], on_server["unchanged"], on_server["suppressed"]) == (5, 19, 1)
    back = desk.folder / "back" / "state.sqlite"
    assert desk.call("state", "copy", postgresql_url, str(back), "--yes").code == 0
    assert desk.call("state", "copy", postgresql_url, str(back), "--yes").code == 8, "it is not empty any more"
    desk.variables["SQUEEZELY_ETL_STATE"] = str(back)
    assert desk.run().summary["sent"] == 0
    span = ("--from", "2000-01-01", "--to", "2100-01-01")
    whole = desk.call("backfill", str(desk.mapping), "-o", "json", *span).summary
    assert (whole["sent"], whole["unchanged"], whole["suppressed"]) == (0, 24, 1)

"""Moving a checkpoint by hand: the consequence comes first, and nothing moves under a run or a backfill."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from etl.host.system_clock import SystemClock
from etl.state.store import open_state


def test_the_consequence_is_shown_first(transcript: Any) -> None:
    """D13: back, forward, to the source that became another, and forgotten."""
    office = transcript.office
    office.fill(200)
    with office.engine().begin() as connection:
        connection.execute(
            sa.text("UPDATE people SET updated_at = '2024-03-0' || (1 + id / 100) || ' 10:00:00.000000'")
        )
    transcript.type("state", "show", "people.yaml")
    office.call("run", "people.yaml", "--start-from", "beginning")
    office.call("backfill", "people.yaml", "--from", "2024-03-01", "--to", "2024-03-02", "--window", "1d")
    transcript.type("state", "show", "people.yaml")
    transcript.type("state", "set", "people.yaml", "2024-03-01 12:00")
    transcript.type("state", "set", "people.yaml", "2024-03-01 12:00", "--yes")
    transcript.type("state", "set", "people.yaml", "2024-03-02 12:00", "--yes")
    transcript.type("state", "set", "people.yaml", "never", "--yes")
    transcript.type("state", "reset", "people.yaml", "--keep-ledger")
    transcript.type("state", "reset", "people.yaml", "--yes")
    office.mapping.write_text(office.mapping.read_text().replace("${API_KEY}", "${NOT_SET}"))
    transcript.type("state", "reset", "people.yaml", "--yes")
    transcript.compare("state")


@pytest.mark.parametrize("track", ["run", "backfill"])
def test_nothing_is_forgotten_under_a_run_or_a_backfill(office: Any, track: str) -> None:
    """D7: a reset would take the ledger and the windows away from it."""
    office.fill(30)
    office.call("run", "people.yaml", "--start-from", "beginning")
    with open_state(str(office.state), clock=SystemClock(), write=True) as store, store.mapping("people").lock(track):
        assert office.call("state", "reset", "people.yaml", "--yes").code == 7
    assert json.loads(office.call("state", "show", "people.yaml", "-o", "json").out)["ledger"] == 30
    assert office.call("state", "reset", "people.yaml", "--yes").code == 0
    shown = json.loads(office.call("state", "show", "people.yaml", "-o", "json").out)
    assert shown == {"mapping": "people", "checkpoint": None, "ledger": 0, "dead_letters": {}, "backfills": []}


@pytest.mark.parametrize("change", [("rename", "people", "persons"), ("drop", "people")], ids=lambda change: change[0])
def test_a_name_that_is_free_again_is_not_that_of_a_restored_backup(office: Any, change: tuple[str, ...]) -> None:
    """The note beside the state goes with the mapping."""
    office.fill(20)
    assert office.call("run", "people.yaml", "--start-from", "beginning").code == 0
    assert office.call("state", *change, "--yes").code == 0
    assert "older than the run" not in office.call("status", "people.yaml", "--check", columns=500).out
    assert office.call("run", "people.yaml", "--full-refresh").code == 0
    assert "older than the run" not in office.call("status", "--check", columns=500).out


def test_a_copy_that_was_not_confirmed_makes_nothing(office: Any) -> None:
    office.fill(20)
    assert office.call("run", "people.yaml", "--start-from", "beginning").code == 0
    refused = office.call("state", "copy", str(office.state), "new/state.sqlite")
    assert refused.code == 2
    assert "nothing was changed" in refused.err
    assert not Path("new").exists()
    assert office.call("state", "copy", str(office.state), "new/state.sqlite", "--yes").code == 0
    assert office.call("state", "copy", str(office.state), "new/state.sqlite", "--yes").code == 8

"""What `run`, `retry` and `backfill` print at their end, whole, as a person reads it at 80 and at 120 columns."""

from __future__ import annotations

import socket
from typing import Any

import sqlalchemy as sa

from etl.host.system_clock import SystemClock
from etl.sandbox.faults import SandboxSettings
from etl.sandbox.serve import running
from etl.secret import Secret
from etl.state.store import open_state

DAMAGE = "UPDATE people SET email = CASE id WHEN 10 THEN NULL ELSE 'nobody' END WHERE id IN (7, 9, 10)"


def change(office: Any, sql: str) -> None:
    with office.engine().begin() as connection:
        connection.execute(sa.text(sql))


def test_a_first_night_with_bad_rows_and_its_morning(transcript: Any) -> None:
    """A dry run, the run, an idle run, corrected rows and their retry."""
    office = transcript.office
    office.fill(200)
    change(office, DAMAGE)
    transcript.type("run", "people.yaml", "--start-from", "beginning", "--dry-run")
    transcript.type("run", "people.yaml", "--start-from", "beginning")
    change(office, "UPDATE people SET email = 'mended@example.com' WHERE id = 7")
    change(office, "DELETE FROM people WHERE id = 9")
    transcript.type("retry", "people.yaml")
    change(office, "DELETE FROM people WHERE id = 10")
    transcript.type("run", "people.yaml")
    transcript.compare("first-night")


def test_a_plan_with_new_and_changed_events_after_the_mapping_changed(transcript: Any) -> None:
    """Three examples of each, masked; of the changed ones the fields that differ, also one that is gone."""
    office = transcript.office
    office.fill(30)
    assert office.call("run", "people.yaml", "--start-from", "beginning").code == 0
    office.mapping.write_text(office.mapping.read_text().replace("custom_points: points", "custom_score: points"))
    recently = "strftime('%Y-%m-%d %H:%M:%S.000000', 'now', '-20 minutes')"
    change(office, f"UPDATE people SET name = 'Anna', updated_at = {recently} WHERE id < 4")
    office.fill(5, first=900, minutes=10)
    transcript.type("run", "people.yaml", "--dry-run")
    transcript.type("backfill", "people.yaml", "--dry-run")
    transcript.compare("plan")


def test_a_backfill_beside_it(transcript: Any) -> None:
    office = transcript.office
    office.fill(200)
    change(office, "UPDATE people SET updated_at = '2024-03-0' || (id % 3 + 1) || ' 10:00:00.000000'")
    span = ("backfill", "people.yaml", "--from", "2024-03-01", "--to", "2024-03-04", "--window", "1d")
    transcript.type(*span, "--dry-run")
    transcript.type(*span)
    transcript.type(*span)
    transcript.compare("backfill")


def test_everything_that_can_end_a_run_early(transcript: Any) -> None:
    """Each mistake and each failure says what it is, where, and what to do."""
    office = transcript.office
    transcript.type("run", "people.yaml")
    transcript.type("run", "people.yaml", "--start-from", "beginning")
    office.fill(200)
    transcript.type("run", "people.yaml")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        office.database_url, file_url = f"postgresql://reader:word@127.0.0.1:{port}/shop", office.database_url
        transcript.type("run", "people.yaml", "--start-from", "beginning", "-q")
        office.database_url = file_url
        office.write_mapping(destination="  retry: {give_up_after: 1s, max_backoff: 1s}")
        office.api_url, api_url = f"http://127.0.0.1:{port}", office.api_url
        transcript.type("run", "people.yaml", "--start-from", "beginning", "-q")
    with running(SandboxSettings(account="shop-1", api_key=Secret("another"))) as office.api_url:
        transcript.type("run", "people.yaml")
    office.api_url = api_url
    with open_state(str(office.state), clock=SystemClock(), write=True) as store, store.mapping("people").lock("run"):
        transcript.type("run", "people.yaml")
        transcript.type("run", "people.yaml", "--if-locked", "skip")
    change(office, "UPDATE people SET email = 'nobody'")
    transcript.type("run", "people.yaml", "--full-refresh", "--dry-run")
    transcript.type("run", "people.yaml", "--full-refresh")
    transcript.compare("trouble")


def test_rows_that_are_held_and_a_throttle_that_makes_wait(transcript: Any) -> None:
    """A14, C32: nothing is lost of them, and the waiting is told."""
    office = transcript.office
    slow = office.mapping.read_text().replace("settle: 0s", "settle: 1h")
    slow = slow.replace("requests_per_second: 10000", "requests_per_second: 1")
    office.mapping.write_text(slow)
    office.fill(250)
    office.fill(7, first=900, minutes=10)
    transcript.type("run", "people.yaml", "--start-from", "beginning")
    transcript.compare("held")


def test_one_broken_mapping_does_not_keep_the_others_from_their_night(transcript: Any) -> None:
    """Each runs; the process ends with the worst code."""
    office = transcript.office
    office.fill(150)
    text = office.mapping.read_text()
    (office.folder / "other.yaml").write_text(text.replace("name: people", "name: other").replace("ACCOUNT", "NOT_SET"))
    third = text.replace("name: people", "name: third").replace("firstname: name", "firstname: nane")
    (office.folder / "third.yaml").write_text(third)
    transcript.type("run", ".", "--start-from", "beginning")
    transcript.compare("several")

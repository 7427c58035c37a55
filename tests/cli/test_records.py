"""Every run leaves its record, also one that ended before it read a page; one that was refused the lock leaves none."""

from __future__ import annotations

from typing import Any

from etl.host.system_clock import SystemClock
from etl.sandbox.faults import SandboxSettings
from etl.sandbox.serve import running
from etl.secret import Secret
from etl.state.store import open_state


def records(office: Any) -> list[tuple[str, str, int | None]]:
    with open_state(str(office.state), clock=SystemClock(), write=False) as store:
        return [(run.command, run.outcome, run.exit_code) for run in store.mapping("people").runs()]


def test_runs_that_end_before_the_first_page_leave_a_record(office: Any) -> None:
    """An unreachable source, an undecided first run, a wrong value, refused credentials."""
    assert office.call("run", "people.yaml", "--start-from", "beginning").code == 4
    office.fill(3)
    assert office.call("run", "people.yaml").code == 8
    assert office.call("run", "people.yaml", "--start-from", "tomorrow").code == 2
    with running(SandboxSettings(account="shop-1", api_key=Secret("another"))) as office.api_url:
        assert office.call("run", "people.yaml", "--start-from", "beginning").code == 5
    assert office.call("backfill", "people.yaml", "--from", "2024-01-02", "--to", "2024-01-01").code == 2
    assert records(office) == [
        ("backfill", "failed", 2),
        ("run", "failed", 5),
        ("run", "failed", 2),
        ("run", "failed", 8),
        ("run", "failed", 4),
    ]


def test_a_run_that_was_refused_the_lock_leaves_no_record_and_a_dry_run_neither(office: Any) -> None:
    """D7, D21."""
    office.fill(3)
    with open_state(str(office.state), clock=SystemClock(), write=True) as store, store.mapping("people").lock("run"):
        assert office.call("run", "people.yaml", "--start-from", "beginning").code == 7
        assert office.call("run", "people.yaml", "--start-from", "beginning", "--if-locked", "skip").code == 0
        assert office.call("run", "people.yaml", "--start-from", "x", "--dry-run").code == 2
    assert records(office) == []

"""What a process of a Dask cluster keeps open between tasks, and for how long."""

from __future__ import annotations

import threading
from datetime import date
from pathlib import Path
from typing import Any

from etl.commands.dask_task import IdleWorkers, prepare_page
from etl.commands.workers import Assignment
from etl.errors import UsageProblem
from etl.job.spread import Range
from etl.page import Window


class Opened:
    def __init__(self) -> None:
        self.closed = threading.Event()

    def close(self) -> None:
        self.closed.set()


def assignment(name: str) -> Assignment:
    return Assignment(Path(name), {}, hashes=False, hash_key=None, field_names=(), today=date(2026, 1, 1))


def test_a_worker_goes_to_tasks_of_its_own_run_and_to_one_at_a_time() -> None:
    """A source is for one thread."""
    idle, one, other = IdleWorkers(60), assignment("one"), assignment("other")
    worker: Any = Opened()
    assert idle.take(one) is None
    idle.give_back(one, worker)
    assert idle.take(other) is None
    assert idle.take(assignment("one")) is worker
    assert idle.take(one) is None


def test_what_waits_for_too_long_is_closed_and_what_is_taken_is_not() -> None:
    """A run that is over leaves no connection to the database."""
    idle, one = IdleWorkers(0.05), assignment("one")
    kept: Any = Opened()
    left: Any = Opened()
    idle.give_back(one, kept)
    assert idle.take(one) is kept
    idle.give_back(one, left)
    assert left.closed.wait(20)
    assert idle.take(one) is None
    assert not kept.closed.is_set()


def test_a_mapping_that_is_not_there_is_looked_for_on_that_host() -> None:
    met = prepare_page(assignment("/nowhere/people.yaml"), Range(Window(), 1))
    assert isinstance(met, UsageProblem)
    assert met.message.startswith("the Dask worker on ")
    assert "/nowhere/people.yaml" in met.message

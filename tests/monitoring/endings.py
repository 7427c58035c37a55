"""Endings of runs, as a test wants them."""

from __future__ import annotations

from datetime import UTC, datetime

from etl.books import Books
from etl.errors import EtlError
from etl.job.outcome import Outcome
from etl.monitoring.ending import Ending

NOW = datetime(2026, 1, 31, 3, 20, tzinfo=UTC)


def an_ending(
    mapping: str = "customers",
    command: str = "run",
    *,
    books: Books | None = None,
    error: EtlError | None = None,
    **facts: object,
) -> Ending:
    outcome = Outcome(mapping, command, "r1", books or Books(), 12.5, None, None, error=error)
    return Ending(outcome, NOW, **facts)  # type: ignore[arg-type]

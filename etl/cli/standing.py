"""All that is known of one mapping in the morning: from its state, and from its database when that was asked."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from etl.checkpoint import Backfill, Checkpoint, LastRun
from etl.cli.advice import Place
from etl.cli.lag import Answer, Lag
from etl.errors import StateUnusable
from etl.page import Key
from etl.state.lock import Holder
from etl.state.mapping_state import MappingState
from etl.state.runs import RunRecord

if TYPE_CHECKING:
    from etl.mapping.model import Mapping

# Enough to find the last run that was done, and to know how fast runs are.
LATEST_RUNS = 100
TRACKS = ("run", "backfill")


@dataclass(frozen=True, slots=True)
class Forecast:
    """How long a run over the rows that lie behind would take: by the configured rate, and as fast as the last runs.

    `by_last_runs_seconds` is None when those read nothing.
    """

    by_rate_seconds: float
    by_last_runs_seconds: float | None


@dataclass(frozen=True, slots=True)
class Standing:
    """One mapping. `lag` is None when the database was not asked; `runs` are the latest, newest first.

    other_source: the state belongs to another source or account than the mapping names now.
    examples: a key of an open dead letter, by reason. ledger: its keys, None when nobody counted them. place: for
    commands; None when no mapping file was named.
    """

    name: str
    checkpoint: Checkpoint | None
    lag: Answer | None
    forecast: Forecast | None
    runs: list[RunRecord]
    dead_letters: Counter[str]
    examples: dict[str, Key]
    ledger: int | None
    holders: dict[str, Holder | None]
    backfills: list[Backfill]
    forgotten: LastRun | None
    other_source: StateUnusable | None
    place: Place | None


def standing_of(
    found: MappingState,
    *,
    lag: Answer | None = None,
    mapping: Mapping | None = None,
    place: Place | None = None,
    count_ledger: bool = False,
) -> Standing:
    """What `found` knows, together with the answer of the database. Raises `StateUnusable` for a damaged state.

    `count_ledger`: a large ledger takes a moment to be counted.
    """
    runs = found.runs(LATEST_RUNS)
    letters = found.dead_letter_counts()
    other_source = None
    if isinstance(lag, Lag):
        try:
            found.confirm_fingerprint(lag.fingerprint)
        except StateUnusable as error:
            other_source = error
    return Standing(
        name=found.name,
        checkpoint=found.checkpoint(),
        lag=lag,
        forecast=forecast_of(lag, mapping, runs) if isinstance(lag, Lag) and mapping is not None else None,
        runs=runs,
        dead_letters=letters,
        examples={reason: letter.key for reason in letters for letter in found.open_dead_letters(reason, 1)},
        ledger=found.ledger_size() if count_ledger else None,
        holders={track: found.holder(track) for track in TRACKS},
        backfills=[backfill for backfill in found.backfills() if backfill.finished_at is None],
        forgotten=found.forgotten_run(),
        other_source=other_source,
        place=place,
    )


def forecast_of(lag: Lag, mapping: Mapping, runs: list[RunRecord]) -> Forecast | None:
    """How long the next run takes at most; None when nothing lies behind."""
    if not lag.rows:
        return None
    destination = mapping.destination
    rate = destination.rate_limit
    requests = math.ceil(lag.rows / destination.batch_size)
    by_rate = max(lag.rows / rate.events_per_second, requests / rate.requests_per_second)
    done = [run.summary for run in runs if run.command == "run" and run.outcome == "done" and run.summary is not None]
    read = sum(summary.get("read", 0) for summary in done)
    seconds = sum(summary.get("duration_seconds", 0.0) for summary in done)
    return Forecast(by_rate, seconds / read * lag.rows if read else None)

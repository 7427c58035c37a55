"""Collects all that `status` knows of one mapping, from its state and, if asked, from its database."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

from etl.checkpoint import Backfill, Checkpoint, LastRun
from etl.commands.advice import MappingPlace
from etl.errors import StateUnusable
from etl.mapping.change import MappingChange
from etl.page import Key
from etl.state.lock import Holder
from etl.state.mapping_state import MappingState
from etl.state.not_started import NotStarted
from etl.state.runs import RunRecord

if TYPE_CHECKING:
    from etl.mapping.model import Mapping


@dataclass(frozen=True, slots=True)
class Lag:
    """`rows` lie between the checkpoint and where a run would stop now, `held` above that.

    oldest_at, seconds: since when (aware, UTC) and for how long the first of them has been waiting; None when none is,
    or the cursor is no time. every_row: the source has no cursor, so that each run reads all `rows`. fingerprint: what
    the source is now. went_back: what is wrong when the table ends below the checkpoint. ahead_seconds: how far the
    checkpoint lies above the database's clock; None when it does not, or the cursor is no time.
    """

    rows: int
    held: int | None
    oldest_at: datetime | None
    seconds: float | None
    every_row: bool
    fingerprint: dict[str, str]
    went_back: StateUnusable | None = None
    ahead_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class NoLag:
    """Why the lag is not known."""

    why: str


Answer: TypeAlias = Lag | NoLag


# How many runs to read: enough to find the last one that was done, and the usual speed.
LATEST_RUNS = 100
TRACKS = ("run", "backfill")


@dataclass(frozen=True, slots=True)
class RunTimes:
    """How long a run over the rows that lie behind would take: by the configured rate, and as fast as the last runs.

    `by_last_runs_seconds` is None when those read nothing.
    """

    by_rate_seconds: float
    by_last_runs_seconds: float | None


# What is usual is the median of so many runs.
USUAL_RUNS = 14


@dataclass(frozen=True, slots=True)
class Usual:
    """`sent` events by the last run that was done; `median` by the `runs` done before it, 14 at most."""

    sent: int
    median: float
    runs: int


@dataclass(frozen=True, slots=True)
class Standing:
    """One mapping. `lag` is None when the database was not asked; `runs` are the latest, newest first.

    other_source: the state belongs to another source or account than the mapping names now. examples: a key of an open
    dead letter, by reason, of the last run if it has one. ledger: its keys, None when they were not counted. place: for
    commands; None when no mapping file was named. refresh: a full refresh that is not complete. in_doubt: keys of which
    the receiver may have another event than the ledger knows. mapping_change: what changed in the mapping since the
    last run that was done. earlier: what changed since the oldest event in the ledger was accepted; differing: how many
    accepted rows would be sent as changed now, None if not counted. suppressed: how many identities are suppressed in
    its account. known: how many of `dead_letters` are acknowledged. refused: a call after the last run that was refused
    before it began. wrong_file: why its file gives no mapping now, "" if it does; wrong_words: the same without file,
    line and column. decided_at: when a person last moved its state. new_name: its present name, if it was renamed.
    """

    name: str
    checkpoint: Checkpoint | None
    lag: Answer | None
    forecast: RunTimes | None
    runs: list[RunRecord]
    dead_letters: Counter[str]
    known: Counter[str]
    examples: dict[str, Key]
    ledger: int | None
    holders: dict[str, Holder | None]
    backfills: list[Backfill]
    forgotten: LastRun | None
    other_source: StateUnusable | None
    place: MappingPlace | None
    refresh: Checkpoint | None
    in_doubt: int
    suppressed: int
    mapping_change: MappingChange | None
    earlier: MappingChange | None = None
    differing: int | None = None
    refused: NotStarted | None = None
    wrong_file: str = ""
    wrong_words: str = ""
    decided_at: datetime | None = None
    new_name: str | None = None

    @property
    def new_letters(self) -> Counter[str]:
        """The open dead letters that no person has seen, by reason."""
        return self.dead_letters - self.known

    @property
    def nightly(self) -> list[RunRecord]:
        """The runs without those of --key, which a person started by hand."""
        return [run for run in self.runs if run.command == "run" and (run.summary or {}).get("partial") != "keys"]

    @property
    def usual(self) -> Usual | None:
        """What the last run sent, against the runs before it; None before the second run that was done."""
        done = [run.summary for run in self.nightly if run.outcome == "done" and run.summary]
        sent = [int(summary.get("sent", 0)) for summary in done[: USUAL_RUNS + 1]]
        if len(sent) < 2:
            return None
        return Usual(sent[0], statistics.median(sent[1:]), len(sent) - 1)

    @property
    def follows_clock(self) -> bool:
        """False if the last run reported that its cursor is a plain number."""
        last = next((run.summary for run in self.runs if run.command == "run" and run.summary), None) or {}
        return bool(last.get("follows_clock", True))


def standing_of(  # noqa: PLR0913 - what is known
    found: MappingState,
    *,
    lag: Answer | None = None,
    mapping: Mapping | None = None,
    place: MappingPlace | None = None,
    suppressed: int = 0,
    count_ledger: bool = False,
    differing: int | None = None,
    refused: NotStarted | None = None,
    wrong_file: str = "",
    wrong_words: str = "",
) -> Standing:
    """The standing from the state `found` and the answer of the database. Raises `StateUnusable` for a damaged state.

    `count_ledger`: a large ledger takes a moment to be counted.
    """
    runs = found.runs(LATEST_RUNS)
    parts = None if mapping is None else _parts_of(mapping)
    letters = found.dead_letter_counts()
    last = runs[0].run_id if runs else ""
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
        known=found.letters.acknowledged_counts(),
        examples={reason: letter.key for reason in letters if (letter := found.letters.example(reason, last))},
        ledger=found.ledger_size() if count_ledger else None,
        holders={track: found.holder(track) for track in TRACKS},
        backfills=[backfill for backfill in found.backfills() if backfill.finished_at is None],
        forgotten=found.forgotten_run(),
        other_source=other_source,
        place=place,
        refresh=found.checkpoint("refresh"),
        in_doubt=found.doubt_count(),
        suppressed=suppressed,
        mapping_change=None if parts is None else found.mapped.change_to(parts),
        earlier=None if parts is None else found.mapped.earlier(parts),
        differing=differing,
        refused=refused,
        wrong_file=wrong_file,
        wrong_words=wrong_words,
        decided_at=found.decisions.decided_at(found.name),
        new_name=None if found.checkpoint() is not None else found.decisions.new_name(found.name),
    )


def _parts_of(mapping: Mapping) -> dict[str, str]:
    # Imported here, because it loads half of the program.
    from etl.mapping.mapped import mapped_parts

    return mapped_parts(mapping)


def forecast_of(lag: Lag, mapping: Mapping, runs: list[RunRecord]) -> RunTimes | None:
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
    return RunTimes(by_rate, seconds / read * lag.rows if read else None)

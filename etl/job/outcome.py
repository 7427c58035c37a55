"""The outcome of one mapping's work: the summary for people and for machines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from etl.books import Books
from etl.checkpoint import Checkpoint
from etl.errors import EtlError, GuardTripped
from etl.event.masking import masked_event
from etl.exact import encode
from etl.mapping.change import MappingChange


@dataclass(frozen=True, slots=True)
class WindowForecast:
    """What one window of a backfill holds: rows, and events that would be sent.

    Each row counts once: unchanged, changed, new (never sent), given up (waits as a dead letter), invalid or
    suppressed; `resent` counts events that go out although nothing changed.
    """

    label: str
    rows: int
    events: int
    unchanged: int = 0
    new: int = 0
    changed: int = 0
    resent: int = 0
    dead_letters: int = 0
    invalid: int = 0
    suppressed: int = 0


@dataclass(frozen=True, slots=True)
class TrippedGuard:
    """A guard of the mapping that stops a run, and why, in words without values of rows."""

    name: str
    words: str


Kind: TypeAlias = Literal["new", "changed", "sent"]


@dataclass(frozen=True, slots=True)
class ExampleEvent:
    """An event that would be sent, with values of a row, whose `key` is an exact text.

    kind: "new", "changed", or "sent" where no ledger tells them apart. fields: the fields in which a changed event
    differs from the last accepted one; their old values are not known, because the ledger keeps hashes only.
    """

    kind: Kind
    key: str
    event: dict[str, object]
    fields: tuple[str, ...] = ()

    def as_dict(self, *, mask: bool) -> dict[str, object]:
        """The example as JSON-ready values."""
        fields = {"fields": list(self.fields)} if self.kind == "changed" else {}
        return {"key": self.key, **fields, "event": masked_event(self.event) if mask else self.event}


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a run would send: `events` in `requests` of together `body_bytes`, in `seconds` at the configured rate.

    `null_rates` gives the share (0 to 1) of events without the field, a field; `examples` up to three keys a problem
    code. `would_stop`: more rows are invalid than `max_failure_rate` allows, so a run would stop early. `guards`: those
    that would stop a run before it sends anything. `by_mapping`: how many of the changed events differ only because the
    mapping changed. `shown`: up to three events of each kind.
    """

    events: int
    requests: int
    body_bytes: int
    seconds: float
    null_rates: dict[str, float]
    examples: dict[str, list[str]]
    windows: tuple[WindowForecast, ...] = ()
    would_stop: bool = False
    guards: tuple[TrippedGuard, ...] = ()
    by_mapping: int = 0
    shown: tuple[ExampleEvent, ...] = ()

    def as_dict(self) -> dict[str, object]:
        """The forecast as JSON-ready values."""
        return {
            "events": self.events,
            "requests": self.requests,
            "bytes": self.body_bytes,
            "seconds": round(self.seconds, 1),
            "null_rates": {name: round(rate, 4) for name, rate in self.null_rates.items()},
            "examples": self.examples,
            "would_stop": self.would_stop,
            "guards": {guard.name: guard.words for guard in self.guards},
            "by_mapping": self.by_mapping,
            "example_events": self.example_events(),
            "windows": [asdict(one) for one in self.windows],
        }

    def example_events(self, *, mask: bool = True) -> dict[str, list[dict[str, object]]]:
        """`shown` by kind, as JSON-ready values."""
        kinds = sorted({one.kind for one in self.shown})
        return {kind: [one.as_dict(mask=mask) for one in self.shown if one.kind == kind] for kind in kinds}


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of one mapping's work. `error` is None when all was done.

    `forecast` is there in a dry run, and where a guard stopped a run. `partial` says why only a part of the source was
    to be read: "limit" (`--limit`) or "keys" (only some keys were wanted). `rows_gone`: how many rows known to the
    ledger were missing from the source when guards were last ignored. `mapping_change`: what changed in the mapping
    since the last run that was done. `destination`: host and account that receive the events, None in the record in the
    state. `check`: a dry run with events to send ends with exit code 3. `differing`: how many accepted rows would be
    sent as changed, None where counting them would take long.

    `before` and `checkpoint` are the checkpoint at the start and at the end, None where there is none. `windows`: how
    many windows of a backfill are done, and how many there are; None for other work. `follows_clock` is False when the
    cursor is a plain number, so that rows which commit late may lie below the checkpoint. `checkpoint_at`: the
    checkpoint's cursor as a moment, aware, in UTC (of a day: its midnight); None when the cursor is no time, or it is
    not known. `started_at` and `finished_at` are aware, in UTC, `duration_seconds` apart; None in what the state
    records, where they have columns of their own.
    """

    mapping: str
    command: str
    run_id: str
    books: Books
    duration_seconds: float
    before: Checkpoint | None
    checkpoint: Checkpoint | None
    error: EtlError | None = None
    dry_run: bool = False
    forecast: Forecast | None = None
    windows: tuple[int, int] | None = None
    follows_clock: bool = True
    checkpoint_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    partial: Literal["limit", "keys"] | None = None
    mapping_change: MappingChange | None = None
    rows_gone: int = 0
    differing: int | None = None
    destination: Mapping[str, str | None] | None = None
    check: bool = False

    def ended(self, now: datetime) -> Outcome:
        """This outcome with `finished_at` set to `now` (aware, UTC), and `started_at` computed from its duration."""
        return replace(self, started_at=now - timedelta(seconds=self.duration_seconds), finished_at=now)

    @property
    def exit_code(self) -> int:
        """The process's exit code."""
        if self.error is not None:
            return self.error.exit_code
        to_send = self.check and self.forecast is not None and self.forecast.events
        return 3 if self.books.new_failures or to_send else 0

    @property
    def outcome(self) -> Literal["done", "stopped", "failed"]:
        """`done`: everything; `stopped`: cleanly before the end, the next run goes on; `failed`: see the error."""
        if self.error is None:
            return "done"
        return "stopped" if self.error.exit_code in (3, 6, 7, 9, 129, 130, 143) else "failed"

    def to_keep(self) -> dict[str, object]:
        """The summary as the state keeps it, without text that a person typed."""
        if self.error is None:
            return self.as_dict()
        again = {"again": list(self.error.again)} if isinstance(self.error, GuardTripped) else {}
        kept = {"error": self.error.message_to_keep, "error_kind": type(self.error).__name__}
        return {**self.as_dict(), **kept, **again}

    def as_dict(self) -> dict[str, object]:
        """The summary, in printed order; keys that do not apply (`windows`, `forecast`, `error`) are left out."""
        summary: dict[str, object] = {
            "mapping": self.mapping,
            "command": self.command,
            "run_id": self.run_id,
            "outcome": self.outcome,
            "exit_code": self.exit_code,
            **self.books.as_dict(),
            "duration_seconds": round(self.duration_seconds, 3),
            **({"started_at": self.started_at.isoformat(timespec="seconds")} if self.started_at else {}),
            **({"finished_at": self.finished_at.isoformat(timespec="seconds")} if self.finished_at else {}),
            "checkpoint": checkpoint_dict(self.checkpoint),
            "dry_run": self.dry_run,
        }
        if self.destination is not None:
            summary["destination"] = dict(self.destination)
        if not self.follows_clock:
            summary["follows_clock"] = False
        if self.mapping_change is not None:
            summary["mapping_changed"] = {**self.mapping_change.as_dict(), "rows": self.differing}
        if self.rows_gone:
            summary["rows_gone"] = self.rows_gone
        if self.partial is not None:
            summary["partial"] = self.partial
        if self.windows is not None:
            summary["windows"] = {"done": self.windows[0], "all": self.windows[1]}
        if self.forecast is not None:
            summary["forecast"] = self.forecast.as_dict()
        if self.error is not None:
            summary["error"] = self.error.message
            summary["hint"] = self.error.hint
        return summary


def checkpoint_dict(checkpoint: Checkpoint | None) -> dict[str, object] | None:
    """A checkpoint as JSON-ready values, typed and exact; `cursor` and `key` are None for a source without a cursor."""
    if checkpoint is None:
        return None
    position = checkpoint.position
    return {
        "cursor": None if position is None or position.cursor is None else encode(position.cursor),
        "key": None if position is None else [encode(part) for part in position.key],
        "saved_at": checkpoint.saved_at.isoformat(),
        "run_id": checkpoint.run_id,
    }

"""How one mapping's work ended: the summary of the contract (§5), for people and for machines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from etl.books import Books
from etl.checkpoint import Checkpoint
from etl.errors import EtlError
from etl.exact import encode


@dataclass(frozen=True, slots=True)
class WindowForecast:
    """What one window of a backfill holds: rows, and events that would be sent."""

    label: str
    rows: int
    events: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a run would send: `events` in `requests` of together `body_bytes`, in `seconds` at the configured rate.

    `null_rates` gives the share (0 to 1) of events without the field, a field; `examples` up to three keys a
    problem code. `would_stop`: more rows are invalid than `max_failure_rate` allows, so that a run would not get far.
    """

    events: int
    requests: int
    body_bytes: int
    seconds: float
    null_rates: dict[str, float]
    examples: dict[str, list[str]]
    windows: tuple[WindowForecast, ...] = ()
    would_stop: bool = False

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
            "windows": [{"label": one.label, "rows": one.rows, "events": one.events} for one in self.windows],
        }


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of one mapping's work. `error` is None when all was done; `forecast` is there in a dry run only.

    `before` and `checkpoint` are the checkpoint at the start and at the end, None where there is none. `windows` counts
    those of a backfill that are done, and all of them; None elsewhere.
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

    @property
    def exit_code(self) -> int:
        """The contract's exit code (§4)."""
        if self.error is not None:
            return self.error.exit_code
        return 3 if self.books.failures else 0

    @property
    def outcome(self) -> Literal["done", "stopped", "failed"]:
        """`done`: everything; `stopped`: cleanly before the end, the next run goes on; `failed`: see the error."""
        if self.error is None:
            return "done"
        return "stopped" if self.error.exit_code in (3, 6, 7, 129, 130, 143) else "failed"

    def as_dict(self) -> dict[str, object]:
        """The contract's summary, in its order; what does not apply (`windows`, `forecast`, `error`) is left out."""
        summary: dict[str, object] = {
            "mapping": self.mapping,
            "command": self.command,
            "run_id": self.run_id,
            "outcome": self.outcome,
            "exit_code": self.exit_code,
            **self.books.as_dict(),
            "duration_seconds": round(self.duration_seconds, 3),
            "checkpoint": checkpoint_dict(self.checkpoint),
            "dry_run": self.dry_run,
        }
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

"""What a job needs from the outside, as narrow protocols; the adapters fit them without knowing.

The rule: nothing in this package names a technology. A test gives a fake that passes the same conformance suite.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from etl.batch.event import Event
from etl.checkpoint import Backfill, Checkpoint, LastRun
from etl.dead_letter import Closure, DeadLetter
from etl.delivery.answer import Answer, Failure
from etl.delivery.courier import Settlement
from etl.job.fingerprint import Fingerprinted
from etl.page import Bound, Key, Page, Position, Scalar, Window
from etl.transform.transformer import Transformed


class PageSource(Protocol):
    """The reading side of one mapping."""

    @property
    def remote(self) -> bool:
        """Whether reading waits for another process, so that it pays to read the next page meanwhile."""

    def pages(self, window: Window) -> Iterator[Page]:
        """Yield the pages of `window` in order; no transaction is open while one is being worked on."""

    def rows_by_key(self, keys: Sequence[Key]) -> Page:
        """The rows of `keys` that still exist, in the order of `keys`."""

    def count(self, window: Window) -> int:
        """How many rows `window` holds now."""


class Transform(Protocol):
    """The pure step from a page to its events."""

    def __call__(self, page: Page) -> Transformed:
        """One event or None a row, and the problems."""


class Sender(Protocol):
    """One connection to the API; used by one thread."""

    def track(self, body: bytes) -> Answer | Failure:
        """Send one request's body and return what came back."""

    def close(self) -> None:
        """Give the connection up."""


class Ledger(Protocol):
    """What the state knows of the events that were accepted."""

    def same(self, ledger_keys: Sequence[bytes], digests: Sequence[bytes]) -> Sequence[bool]:
        """For each of `ledger_keys`, whether the last accepted event has the digest that stands beside it."""

    def next_stamp(self) -> int:
        """A number above all that were given before; taken before a page is read."""


class OpenLetters(Protocol):
    """What the state knows of the events that were refused and are still to be looked at by a person."""

    def refused(self, ledger_keys: Sequence[bytes]) -> Mapping[bytes, bytes]:
        """The digest of the refused event of each key with an open dead letter; free of cost when none is open."""


class JobState(Ledger, OpenLetters, Protocol):
    """The state of one mapping, as a job uses it."""

    def checkpoint(self, track: str = "run") -> Checkpoint | None:
        """The checkpoint of `track`; None before the first run."""

    def set_checkpoint(self, track: str, position: Position | None, *, run_id: str) -> None:
        """Move the checkpoint of `track`, whatever it was."""

    def lock(self, track: str) -> AbstractContextManager[None]:
        """Hold the mapping for this process. Raises `MappingLocked`."""

    def settle(self, settlement: Settlement, *, track: str, run_no: int) -> Sequence[Event]:
        """Record what became certain in one transaction.

        Returns the events that a newer version had overtaken; they are open dead letters already.
        """

    def bury(self, dead_letters: Iterable[DeadLetter], *, tried_again: bool) -> None:
        """Open dead letters durably.

        tried_again: a row that fails as it did before counts as another attempt, because a person asked for it.
        """

    def close_unchanged(self, ledger_keys: Sequence[bytes]) -> None:
        """Close the open dead letters of rows that are identical to what was accepted last."""


class DeadLetters(Protocol):
    """The open dead letters of one mapping."""

    def open_dead_letters(self, *, reason: str | None = None, limit: int | None = None) -> Sequence[DeadLetter]:
        """The oldest first."""

    def close_dead_letters(self, keys: Sequence[Key], how: Closure) -> None:
        """Close the open ones of `keys`."""


class RunSource(PageSource, Fingerprinted, Protocol):
    """What a run asks of its source beyond pages."""

    def upper_bound(self) -> Bound:
        """The bound of this run."""

    def windows(self, checkpoint: Position | None, bound: Bound, *, floor: Scalar | None = None) -> Sequence[Window]:
        """What to read: what lies just below the checkpoint again, then what lies above it; nothing below `floor`."""

    def start_windows(self, start: Scalar | None, bound: Bound) -> Sequence[Window]:
        """What a first run reads, from the cursor value `start` on (None: the beginning)."""

    def rows_by_key(self, keys: Sequence[Key], *, ignore_where: bool = False) -> Page:
        """The rows of `keys` that exist; with `ignore_where` also those that `where` filters out."""

    def holds(self, window: Window, key: Key) -> bool:
        """Whether `window` holds the row of `key`."""

    def check_null_cursors(self) -> int:
        """How many rows without a cursor are skipped. Raises `SourceFailed` where the mapping does not allow them."""

    def backfill_windows(
        self, start: Scalar, end: Scalar, step: str | int | None = None, *, bound: Bound | None = None
    ) -> Sequence[Window]:
        """Half-open windows over [start, end). Raises `UsageProblem`."""

    def parse_cursor(self, text: str) -> Scalar:
        """A cursor value from a person's text. Raises `UsageProblem`."""

    def last_position(self, cursor: Scalar | None) -> Position | None:
        """The highest position at or below `cursor`; None for an empty table."""

    def check_not_backwards(self, position: Position) -> None:
        """Raises `StateUnusable` when the table ends below `position`."""


class RunState(JobState, DeadLetters, Protocol):
    """What a run asks of its state beyond the loop."""

    @property
    def hash_key(self) -> bytes:
        """The state's own random key for the keyed hashes."""

    def field_names(self, wanted: Sequence[str]) -> Sequence[str]:
        """The fields that have marks in the ledger, in the order of the marks; all of `wanted` are among them."""

    def confirm_fingerprint(self, fingerprint: dict[str, str]) -> None:
        """Raises `StateUnusable` naming each difference from the stored one."""

    def backfill(self, start: Scalar, end: Scalar, step: str, *, restart: bool = False) -> Backfill:
        """The latest backfill of this range and step, made when there is none or `restart` asks for a new one."""

    def enter_window(self, backfill: Backfill, window_at: Scalar, *, windows_done: int) -> None:
        """Record that a window is the current one."""

    def finish_backfill(self, backfill: Backfill, *, windows_done: int) -> None:
        """Record that every window is complete."""

    def forgotten_run(self) -> LastRun | None:
        """The last run that was finished with this state, when the state knows nothing of it."""

    def start_run(self, *, run_id: str, command: str, before: dict[str, object] | None) -> int:
        """Open a run's record; returns its number."""

    def finish_run(self, run_no: int, summary: dict[str, object]) -> None:
        """Close a run's record."""

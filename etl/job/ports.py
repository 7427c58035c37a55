"""The protocols of what a job needs from outside; the adapters implement them without importing this module.

The rule: nothing in this package names a technology. A test's fake passes the same conformance suite as the adapter.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from etl.checkpoint import Backfill, Checkpoint, LastRun
from etl.dead_letter import Closure, DeadLetter
from etl.delivery.courier import Settlement
from etl.event.event import Event
from etl.job.fingerprint import Fingerprinted
from etl.mapping.change import MappingChange
from etl.page import Bound, Key, Page, Position, RangeRead, Scalar, Window
from etl.transform.transformer import Transformed
from etl.verdict.answer import Answer, Failure

if TYPE_CHECKING:
    from etl.job.spread import Spread


class PageSource(Protocol):
    """The reading side of one mapping."""

    @property
    def remote(self) -> bool:
        """Whether reading waits for another process, so that reading a page ahead saves time."""

    def pages(self, window: Window, *, limit: int | None = None) -> Iterator[Page]:
        """Yield the pages of `window` in order; no transaction is open while one is being worked on.

        Together they hold at most `limit` rows, unreadable ones included (None: all); no further row is read.
        """

    def pages_by_key(self, keys: Sequence[Key]) -> Iterator[Page]:
        """The rows of `keys` that still exist, in the order of `keys`, in pages that fit into memory, none empty."""

    def count(self, window: Window) -> int:
        """How many rows `window` holds now."""


# Where pages come from: the source in this process, or worker processes that read and encode them.
Pages: TypeAlias = "PageSource | Spread"


class Ranges(Protocol):
    """Cuts the windows of one mapping into ranges, one for each request to a worker process."""

    def end(self, window: Window, *, rows: int) -> Position | None:
        """The position of row number `rows` (from 1) of `window`; None: it holds fewer."""


class Places(Protocol):
    """Finds the positions of one mapping's rows for worker processes, where no index gives the order."""

    def of(self, window: Window, *, limit: int | None = None) -> Iterator[Sequence[Position]] | None:
        """The positions of the first `limit` rows (None: all) of `window`, in order; None: only pages can be read."""

    def read(self, places: Sequence[Position]) -> RangeRead:
        """The rows still at the first of these positions, as many as fit into memory."""


class Transform(Protocol):
    """The pure step from a page to its events."""

    def __call__(self, page: Page) -> Transformed:
        """One event or None a row, and the problems."""


class Sender(Protocol):
    """One connection to the API; used by one thread."""

    def track(self, body: bytes) -> Answer | Failure:
        """Send one request's body and return what came back."""

    def is_well(self) -> bool:
        """Whether the API answers about the account at all, whatever it says; sends no event."""

    def knows_key(self) -> bool:
        """Whether the API calls account and key right; sends no event."""

    def close(self) -> None:
        """Close the connection."""


class Ledger(Protocol):
    """What the state knows of the events that were accepted."""

    def compare(self, ledger_keys: Sequence[bytes], digests: Sequence[bytes]) -> tuple[list[bool], list[bool]]:
        """For each of `ledger_keys`: whether its last event surely has the digest, and whether it may have another.

        Both are False for a key of which nothing was accepted yet.
        """

    def earlier(self, known: Iterable[bytes], others: Iterable[bytes]) -> Mapping[bytes, tuple[bytes, bytes]]:
        """Digest and marks of the entries of `known`; of `others` too if some entries of the ledger no longer count."""

    def next_stamp(self) -> int:
        """A number above all earlier ones; taken before a page is read."""


class Doubts(Protocol):
    """Where a run records, before sending, which ledger entries may become wrong."""

    def doubt(self, ledger_keys: Sequence[bytes], *, stamp: int) -> None:
        """Record durably that changed events of `ledger_keys`, of the page read at `stamp`, may leave."""


class OpenLetters(Protocol):
    """The open dead letters, as a run asks for them."""

    def refused(self, ledger_keys: Sequence[bytes]) -> Mapping[bytes, bytes]:
        """The digest of the refused event of each key with an open dead letter; costs nothing when none is open."""


class NightsAlone(Protocol):
    """Counts the nights whose run ended with the same failing rows, or with the same answer."""

    def nights(self, failures: Iterable[tuple[Key, str]]) -> int:
        """Record failures, each a key (empty: any row) with its words. Returns in how many nights they occurred."""

    def nights_of(self, groups: Sequence[Iterable[tuple[Key, str]]]) -> Sequence[tuple[int, bool]]:
        """The same for each of several groups, each with whether this is its first record in this night."""

    def forget(self) -> None:
        """Forget all counts, because a run was done."""


class Suppressions(Protocol):
    """The suppressed identities of people who were forgotten; no event may hold one."""

    def newest(self) -> int:
        """A number that grows whenever an identity is suppressed; 0 when none is."""

    def among(self, identities: Sequence[tuple[str, ...]]) -> Collection[int]:
        """The indexes of the events that hold a suppressed identity; costs next to nothing when none is suppressed."""


class Erasing(Protocol):
    """Erases what the state holds of single rows."""

    def erase(self, keys: Iterable[Key]) -> object:
        """Remove what is kept of `keys`; writes nothing where nothing is kept."""


class Letters(Protocol):
    """The dead letters of one mapping."""

    def is_open(self, key: Key) -> bool:
        """Whether one of `key` is open."""

    def acknowledged(self, found: Iterable[tuple[Key, str]]) -> int:
        """How many of the (key, reason) pairs have an open dead letter that was acknowledged; quick when none was."""


class JobState(Ledger, Doubts, OpenLetters, Protocol):
    """The state of one mapping, as a job uses it."""

    @property
    def letters(self) -> Letters:
        """The dead letters, as a run that counts known failures asks for them."""

    @property
    def erasing(self) -> Erasing:
        """Removes what it holds of single rows."""

    def checkpoint(self, track: str = "run") -> Checkpoint | None:
        """The checkpoint of `track`; None before the first run."""

    def set_checkpoint(self, track: str, position: Position | None, *, run_id: str) -> None:
        """Move the checkpoint of `track`, forward or back."""

    def lock(self, track: str) -> AbstractContextManager[None]:
        """Hold the mapping for this process. Raises `MappingLocked`."""

    def settle(self, settlement: Settlement, *, track: str, run_no: int) -> Sequence[Event]:
        """Record what became certain in one transaction.

        Returns the events that a newer event of the same key may have overtaken; they are open dead letters already.
        """

    def bury(self, dead_letters: Iterable[DeadLetter], *, tried_again: bool) -> None:
        """Open dead letters durably.

        tried_again: a person asked for these rows, so a row that fails as before counts another attempt.
        """

    def close_unchanged(self, ledger_keys: Sequence[bytes], *, stamp: int) -> None:
        """Close the open dead letters of rows that, read at `stamp`, were identical to what was accepted last."""


class DeadLetters(Protocol):
    """The open dead letters of one mapping."""

    @property
    def letters(self) -> Letters:
        """By their keys."""

    def open_dead_letter_keys(self, reason: str | None = None, limit: int | None = None) -> Sequence[Key]:
        """The keys of the open ones, oldest first; with a limit, those whose last attempt is the longest ago."""

    def close_dead_letters(self, keys: Sequence[Key], how: Closure) -> None:
        """Close the open ones of `keys`."""


class RunSource(PageSource, Fingerprinted, Protocol):
    """What a run asks of its source beyond pages."""

    @property
    def ranges(self) -> Ranges | None:
        """The finder of ranges; None where no index gives the order."""

    @property
    def places(self) -> Places | None:
        """The finder of positions where no index gives the order; None where only one process can read the rows."""

    def upper_bound(self) -> Bound:
        """The upper bound of a run that starts now."""

    def windows(self, checkpoint: Position | None, bound: Bound, *, floor: Scalar | None = None) -> Sequence[Window]:
        """The windows of a run: the lookback below the checkpoint, then what lies above it; nothing below `floor`."""

    def start_windows(self, start: Scalar | None, bound: Bound) -> Sequence[Window]:
        """The windows of a first run, from the cursor value `start` on (None: the beginning)."""

    def rows_by_key(self, keys: Sequence[Key], *, ignore_where: bool = False) -> Page:
        """The rows of `keys` that exist; with `ignore_where` also those that `where` filters out."""

    def cursors_by_key(self, keys: Sequence[Key]) -> Mapping[Key, Scalar]:
        """The cursor value of each of `keys` whose row can be read; empty for a source without a cursor."""

    def holds(self, window: Window, key: Key) -> bool:
        """Whether `window` holds the row of `key`."""

    def count_for_report(self, window: Window) -> int | None:
        """As `count`; None when the database cannot count within a few seconds."""

    @property
    def follows_clock(self) -> bool:
        """Whether the database's clock bounds what a run reads, or the source has no cursor."""

    def instant(self, cursor: Scalar) -> datetime | None:
        """The moment that a cursor value names, aware, in UTC; None for cursors without a clock."""

    def misshaped_cursors(self) -> int:
        """How many rows have a cursor text that is no time. Raises `SourceMismatch` for times of several spellings."""

    def check_null_cursors(self) -> int | None:
        """How many rows without a cursor are skipped; None: the count took too long.

        Raises `SourceFailed` where the mapping does not allow them.
        """

    def lowest(self, window: Window) -> Scalar | None:
        """The lowest cursor value in `window`; None when it is empty, or for a source without cursor."""

    def backfill_windows(
        self, start: Scalar, end: Scalar, step: str | int | None = None, *, bound: Bound | None = None
    ) -> Sequence[Window]:
        """Half-open windows over [start, end). Raises `UsageProblem`."""

    def parse_key(self, text: str) -> Key:
        """A key from a person's text, as the row that it names spells it. Raises `UsageProblem`."""

    def parse_cursor(self, text: str) -> Scalar:
        """A cursor value from a person's text. Raises `UsageProblem`."""

    def last_position(self, cursor: Scalar | None) -> Position | None:
        """The highest position at or below `cursor`; None for an empty table."""

    def check_not_backwards(self, position: Position) -> str | None:
        """A warning when the table ends below `position`, but a run may go on. Raises `StateUnusable` when not."""


class History(Protocol):
    """The records of a mapping's runs."""

    def last_done(self, limit: int) -> Sequence[Mapping[str, Any]]:
        """The summaries of the last runs that were done, `limit` at most, newest first."""


class Mapped(Protocol):
    """Remembers which mapping the accepted events were made with."""

    def change_to(self, parts: Mapping[str, str]) -> MappingChange | None:
        """What changed since the last run that was done; None when nothing did, or there was no such run."""

    def record(self, parts: Mapping[str, str]) -> None:
        """Record that a run with the mapping `parts` was done."""

    def enter(self, parts: Mapping[str, str]) -> None:
        """Record that events made with `parts` may be accepted from now on, beside earlier ones."""

    def settle(self, parts: Mapping[str, str]) -> None:
        """Record that every accepted event is now as `parts` make it."""


class RunState(JobState, DeadLetters, Protocol):
    """What a run as a whole asks of its state, beyond what the loop does."""

    @property
    def place(self) -> str:
        """The state's name for people."""

    @property
    def lone(self) -> NightsAlone:
        """The memory of rows that failed alone."""

    @property
    def mapped(self) -> Mapped:
        """The memory of earlier mappings."""

    @property
    def history(self) -> History:
        """The records of earlier runs."""

    def ledger_size(self) -> int:
        """How many keys the ledger holds."""

    @property
    def hash_key(self) -> bytes:
        """The state's own random key for the keyed hashes."""

    def field_names(self, wanted: Sequence[str]) -> Sequence[str]:
        """The fields that have marks in the ledger, in the order of the marks; `wanted` are added if missing."""

    def confirm_fingerprint(self, fingerprint: dict[str, str]) -> None:
        """Raises `StateUnusable` naming each difference from the stored one."""

    def backfill(self, start: Scalar, end: Scalar, step: str, *, restart: bool = False) -> Backfill:
        """The latest backfill of this range and step, made when there is none or `restart` asks for a new one."""

    def enter_window(self, backfill: Backfill, window_at: Scalar, *, windows_done: int) -> None:
        """Record that a window is the current one."""

    def finish_backfill(self, backfill: Backfill, *, windows_done: int) -> None:
        """Record that every window is complete."""

    def forgotten_run(self) -> LastRun | None:
        """The last run with this state, if the state has no record of it (restored from a backup); otherwise None."""

    def start_run(self, *, run_id: str, command: str, before: dict[str, object] | None) -> int:
        """Open a run's record; returns its number."""

    def finish_run(self, run_no: int, summary: dict[str, object], *, unanswered: list[Event] | None) -> None:
        """Close a run's record. unanswered: events that left and whose fate is unknown; None when there are none."""

    def begin_anew(self, track: str, *, run_id: str) -> None:
        """Begin a full refresh: the checkpoint goes to the beginning, and ledger entries so far no longer count.

        `track` keeps the checkpoint from before.
        """

    def end_anew(self, track: str) -> None:
        """The full refresh of `track` is complete."""

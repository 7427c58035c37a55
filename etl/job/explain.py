"""What `explain` tells of one row: what it is now, whether the next run sends it, and what the state knows of it.

The rule: it uses the same transform, encoding and hashes as a run, so that its answer is what a run would do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from etl.checkpoint import Checkpoint
from etl.dead_letter import Closure, DeadLetter
from etl.event.event import Event
from etl.event.hashes import Marker
from etl.job.run import RunContext
from etl.job.start import next_windows
from etl.page import Key, Page, Window
from etl.transform.transformer import FieldTrace, Problem, Transformer

DECISIONS = {
    "missing": "the source has no row with this key",
    "filtered": "no: source.where leaves it out",
    "unreadable": "no: the database's driver cannot decode the row",
    "too large": "no: more lines belong to the row than an event can hold",
    "invalid": "no: the row is invalid",
    "suppressed": "no: it belongs to an identity that was forgotten",
    "unchanged": "no: the receiver has this very event already",
    "given up": "no: this very event is a dead letter; `retry` sends it",
    "held": "not yet: it lies above the upper bound of a run that would start now",
    "no cursor": "no: its cursor is NULL, so that no run reads it",
    "behind": "no: its cursor lies below what the next run reads (the checkpoint less lookback); `backfill` sends it",
    "new": "yes: nothing was accepted for this key yet",
    "in doubt": "yes: the receiver may have another event than the ledger knows, or a full refresh sends it again",
    "changed": "yes: it differs from the last event accepted for this key",
    "always": "yes: resend is always",
}


@dataclass(frozen=True, slots=True)
class Sending:
    """A run that sent an event of the row; `started_at` is in UTC."""

    run_id: str
    command: str
    started_at: datetime


@dataclass(frozen=True, slots=True)
class KeyMemory:
    """What the state remembers of a key.

    dead_letters: oldest first. marks: those of the last accepted event's fields; None when nothing was accepted yet.
    sent_by: the run that sent this event; None when its record is gone. sent_before_by: the runs that sent earlier
    events of the key, newest first, as far as the state remembers. answer: the API's answer to this event; None unless
    it was sent by the last run that sent anything. in_doubt: the receiver may hold another event than the one that
    `marks` describe.
    """

    dead_letters: Sequence[tuple[DeadLetter, Closure | None]] = ()
    marks: bytes | None = None
    sent_by: Sending | None = None
    sent_before_by: Sequence[Sending] = ()
    in_doubt: bool = False
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class Story:
    """All that is known of one row. `decision` is a key of `DECISIONS`; `event` is None when the row makes none.

    `changed` names the fields that differ from the last accepted event. It misses a changed field once in 65,536 times
    (marks of two bytes), and always a field beyond the 32 that have marks.
    """

    key: Key
    decision: str
    memory: KeyMemory
    checkpoint: Checkpoint | None
    row: dict[str, object]
    fields: Sequence[FieldTrace] = ()
    event: dict[str, object] | None = None
    problems: Sequence[Problem] = ()
    changed: Sequence[str] = ()


def tell(context: RunContext, transformer: Transformer, key: Key, memory: KeyMemory) -> Story:
    """The story of the row with `key`. Reads the source and the state, changes neither."""
    page = context.source.rows_by_key([key])
    checkpoint = context.state.checkpoint("run")
    if not page.rows:
        return Story(key, _without_row(context, page, key), memory, checkpoint, {})
    transformed = transformer(page)
    prepared = context.preparer(compare=False, letters=False)(page, first_seq=0, stamp=0)
    events = prepared.events
    return Story(
        key,
        "suppressed" if prepared.suppressed else _decision(context, page, events, memory),
        memory,
        checkpoint,
        row=dict(zip((column.name for column in page.columns), page.rows[0], strict=True)),
        fields=transformer.trace(page, 0),
        event=transformed.events[0],
        problems=transformed.problems,
        changed=_changed(context, events, memory.marks),
    )


def _without_row(context: RunContext, page: Page, key: Key) -> str:
    if page.unreadable:
        return "too large" if page.unreadable[0].reason == "event_too_large" else "unreadable"
    everything = context.source.rows_by_key([key], ignore_where=True)
    return "filtered" if everything.count else "missing"


def _decision(context: RunContext, page: Page, events: Sequence[Event], memory: KeyMemory) -> str:
    if not events:
        return "invalid"
    if context.mapping.resend == "always":
        return _unread(context, page) or "always"
    prepared = context.preparer(compare=True)(page, first_seq=0, stamp=0)
    if not prepared.events:
        return "given up" if prepared.given_up else "unchanged"
    known = "new" if memory.marks is None else "in doubt" if memory.in_doubt else "changed"
    return _unread(context, page) or known


def _unread(context: RunContext, page: Page) -> str | None:
    """Why no run that starts now would read the row; None when one would."""
    position = page.position(0)
    if not context.mapping.source.cursor_field:
        return None
    if position.cursor is None:
        return "no cursor"
    bound = context.source.upper_bound()
    if bound.until is not None and not context.source.holds(Window(until=bound.until), position.key):
        return "held"
    if context.state.checkpoint("run") is None:
        return None
    windows = next_windows(context, bound)
    return None if any(context.source.holds(window, position.key) for window in windows) else "behind"


def _changed(context: RunContext, events: Sequence[Event], marks: bytes | None) -> Sequence[str]:
    if marks is None or not events:
        return ()
    (changed,) = Marker(context.marked_fields()).differing([marks], [events[0].marks])
    return changed

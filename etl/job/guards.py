"""The mapping's `guards`: stop an unusual run before it sends anything.

The rule: a guard that is set but cannot be evaluated counts as tripped, because nothing shows that the run is harmless.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from etl.job.outcome import TrippedGuard
from etl.mapping.guards import Guards
from etl.page import Window

if TYPE_CHECKING:
    from etl.books import Books
    from etl.job.run import RunContext

# The usual number is the median of so many runs; with fewer than ENOUGH_RUNS there is none.
USUAL_RUNS = 14
ENOUGH_RUNS = 5


@dataclass(frozen=True, slots=True)
class _Looked:
    """What a run would do: its books, the number of events to send, and whether `--limit` ends it early."""

    context: RunContext
    books: Books
    events: int
    limited: bool


def usual_sent(summaries: Sequence[Mapping[str, Any]]) -> float | None:
    """The median of what the last runs sent (`summaries`, newest first); None before there were enough runs."""
    sent = [int(each.get("sent", 0)) for each in summaries[:USUAL_RUNS]]
    return statistics.median(sent) if len(sent) >= ENOUGH_RUNS else None


def tripped_guards(context: RunContext, books: Books, *, events: int, limited: bool) -> tuple[TrippedGuard, ...]:
    """The guards of the mapping that stop a run of these `books`, which would send `events`."""
    looked, guards = _Looked(context, books, events, limited), context.mapping.guards
    return tuple(
        TrippedGuard(name, words)
        for name, words in (
            *_too_many(looked, guards),
            *_too_much_changed(looked, guards),
            *_too_few_rows(looked, guards),
        )
    )


def rows_gone(context: RunContext) -> int:
    """How many rows known to the ledger were missing from the source when a person last ran with guards ignored."""
    last = context.state.history.last_done(1)
    gone = int(last[0].get("rows_gone", 0)) if last else 0
    # A smaller ledger was reset since the number was stored, so the number no longer means anything.
    return gone if gone and gone <= context.state.ledger_size() else 0


def rows_gone_now(context: RunContext) -> int:
    """The same, counted now, for a run that ignores the guards; 0 where the guards do not use the ledger."""
    mapping = context.mapping
    if mapping.guards.max_source_drop is None or not mapping.source.cursor_field or mapping.resend != "changed":
        return 0
    return max(0, context.state.ledger_size() - context.source.count(Window()))


def _too_many(looked: _Looked, guards: Guards) -> Iterator[tuple[str, str]]:
    events = looked.events
    if guards.max_events is not None and events > guards.max_events:
        yield "max_events", f"it would send {events:,} events, more than {guards.max_events:,}"
    if guards.max_times_usual is None:
        return
    usual = usual_sent(looked.context.state.history.last_done(USUAL_RUNS))
    if usual is None:
        return
    # Where most runs send nothing, the usual number is 0; one full request must still be allowed.
    most = guards.max_times_usual * usual or looked.context.mapping.destination.batch_size
    if events > most:
        times = f", {events / usual:,.0f} times the usual {usual:,.0f}" if usual else "; usually it sends none"
        yield "max_times_usual", f"it would send {events:,} events{times}"


def _too_much_changed(looked: _Looked, guards: Guards) -> Iterator[tuple[str, str]]:
    if guards.max_changed is None:
        return
    if looked.context.mapping.resend == "always":
        yield "max_changed", "it cannot be evaluated without a ledger"
        return
    changed, known = looked.books.changed, looked.context.state.ledger_size()
    if changed > guards.max_changed * known:
        yield "max_changed", f"{changed:,} of {known:,} rows that were sent before would change"


def _too_few_rows(looked: _Looked, guards: Guards) -> Iterator[tuple[str, str]]:
    if guards.max_source_drop is None:
        return
    context, words = looked.context, "that the ledger knows"
    cursor = context.mapping.source.cursor_field
    before = None
    if not cursor:
        whole = (each for each in context.state.history.last_done(USUAL_RUNS) if not each.get("partial"))
        before = next((int(each.get("read", 0)) for each in whole), None)
        words = "of the last run"
    if before is None and context.mapping.resend == "changed":
        gone = rows_gone(context)
        before = context.state.ledger_size() - gone
        words += f", without the {gone:,} that were gone when guards were ignored" if gone else ""
    if before is None:
        if cursor:
            yield "max_source_drop", "it cannot be evaluated without a ledger"
        return
    rows = looked.books.read if not (cursor or looked.limited) else context.source.count(Window())
    if rows < (1 - guards.max_source_drop) * before:
        yield "max_source_drop", f"the source has {rows:,} rows, instead of the {before:,} {words}"

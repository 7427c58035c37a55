"""Counts what was sent as new, changed or resent, and by which fields it changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from etl.books import Books
from etl.delivery.courier import Settlement
from etl.event.event import Event

# By `seq`: the fields in which an event differs from the last one accepted for its key; None: it differs in no field.
Changes = Mapping[int, tuple[str, ...] | None]


def count_changes(events: Iterable[Event], changes: Changes, books: Books) -> None:
    """Count `events` in `books`; those that are not in `changes` are new."""
    for event in events:
        if event.seq not in changes:
            books.new += 1
        elif (fields := changes[event.seq]) is None:
            books.resent += 1
        else:
            books.changed += 1
            books.changed_fields.update(fields)


class UnderWayAgain:
    """Remembers which fields changed in the events under way. Without a `ledger` it remembers and counts nothing."""

    def __init__(self, *, ledger: bool) -> None:
        self._ledger = ledger
        self._changes: dict[int, tuple[str, ...] | None] = {}

    def enter(self, changes: Changes) -> None:
        """Remember `changes`: their events are under way from now on."""
        self._changes.update(changes)

    def settled(self, settlement: Settlement, books: Books) -> None:
        """Count the accepted events of `settlement`, and forget all events that it settles."""
        if self._ledger and self._changes:
            count_changes(settlement.accepted, self._changes, books)
            ended = (*settlement.accepted, *(one.event for one in settlement.rejected), *settlement.suppressed)
            for event in ended:
                self._changes.pop(event.seq, None)
        elif self._ledger:
            books.new += len(settlement.accepted)

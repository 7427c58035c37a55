"""Records settled events in the ledger, in the doubts and as dead letters.

The rule: the order in which answers are recorded is not the order in which the receiver took the events. If an event
was read before the one in the ledger of the same key, or was under way while another run recorded another event of the
key, either may have reached the receiver last. Then the ledger entry is deleted and a dead letter `overtaken` opened,
so that the row is sent again as it is now. A dead letter is closed only by the same or a later reading of the row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from etl.clock import Clock
from etl.dead_letter import DeadLetter
from etl.event.event import Event
from etl.page import Position
from etl.state.database import Database, Transaction
from etl.state.dead_letters import NOW, DeadLetters
from etl.state.doubts import NO_RUN, Doubts
from etl.state.ledger import Ledger


class RejectedEvent(Protocol):
    """An event that was given up on, with the reason's code and the API's words."""

    @property
    def event(self) -> Event:
        """The event."""

    @property
    def reason(self) -> str:
        """The code."""

    @property
    def words(self) -> str:
        """What the API said."""

    @property
    def uncertain(self) -> bool:
        """Whether the API may have accepted it nevertheless."""


class Settled(Protocol):
    """What was settled since the last commit; `position` is None when the settled prefix did not move."""

    @property
    def accepted(self) -> Sequence[Event]:
        """Events that the API accepted."""

    @property
    def rejected(self) -> Sequence[RejectedEvent]:
        """Events that are given up."""

    @property
    def position(self) -> Position | None:
        """Where the checkpoint may move."""

    @property
    def settled_pages(self) -> Sequence[int]:
        """The stamps of pages whose events are now all settled."""

    @property
    def answers(self) -> Sequence[tuple[str, Sequence[Event]]]:
        """Answers of the API, each with the accepted events that got it."""


@dataclass(frozen=True, slots=True)
class Recorder:
    """The run that records.

    others: the runs that were at work at the same time, each with whether its record is still open. stamp: a stamp
    above those of all their pages so far; 0 without others.
    """

    run_no: int
    run_id: str
    others: Mapping[int, bool]
    stamp: int


class Settling:
    """Records settlements of one mapping."""

    def __init__(self, ledger: Ledger, doubts: Doubts, letters: DeadLetters, clock: Clock) -> None:
        self._ledger: Final = ledger
        self._doubts: Final = doubts
        self._letters: Final = letters
        self._clock: Final = clock

    def settle(self, transaction: Transaction, settlement: Settled, by: Recorder) -> list[Event]:
        """Record `settlement`. Returns the events for which it is unknown if another event of the key came later."""
        now = self._clock.utc_now()
        accepted, rejected = settlement.accepted, settlement.rejected
        # Rejected events that were read before the one in the ledger are dropped: the later event was accepted.
        recorded = self._ledger.recorded_stamp(transaction)
        judged = (*accepted, *(each.event for each in rejected))
        late = self._ledger.overtaken(transaction, judged, recorded_stamp=recorded)
        entries = [event for event in accepted if event.ledger_key]
        crossed = self._crossed(transaction, entries, by) if by.others else []
        if entries:
            self._ledger.record(transaction, entries, run_no=by.run_no, recorded_stamp=recorded)
        if accepted and self._letters.any_open(transaction):
            # Without a ledger there are no stamps.
            stamps = {
                event.ledger_key or self._letters.ledger_key(event.key): event.stamp if event.ledger_key else NOW
                for event in sorted(accepted, key=lambda event: event.stamp)
            }
            closed = {key: stamps[key] for key in self._letters.among(transaction, list(stamps))}
            self._letters.close(transaction, closed, "accepted", now)
        uncertain = [each.event for each in rejected if each.uncertain]
        self._doubts.add_uncertain(transaction, uncertain)
        lost = {*late, *crossed}
        overtaken = [event for event in (*accepted, *uncertain) if event in lost] if lost else []
        letters = self._lost(transaction, overtaken, by, now, recorded_stamp=recorded)
        if rejected:
            taken = {event.key: event.seq for event in accepted}
            letters.extend(
                _letter(each.event, each.reason, each.words, now, by, digest=each.event.digest, stamp=each.event.stamp)
                for each in rejected
                if taken.get(each.event.key, -1) < each.event.seq and each.event not in late
            )
        if letters:
            self._letters.open(transaction, letters)
        self._doubts.page_settled(transaction, by.run_no, settlement.settled_pages)
        self._tell_others(transaction, (*accepted, *uncertain), by)
        return overtaken

    def leave_open(self, transaction: Transaction, unanswered: Iterable[Event], by: Recorder) -> None:
        """Record at the end of a run that `unanswered` events may still reach the receiver, at any time."""
        events = [event for event in unanswered if event.ledger_key]
        if not (events and by.others):
            return
        recorded = self._ledger.recorded_stamp(transaction)
        late = self._ledger.overtaken(transaction, events, recorded_stamp=recorded)
        if late:
            now = self._clock.utc_now()
            self._letters.open(transaction, self._lost(transaction, late, by, now, recorded_stamp=recorded))
        self._doubts.add(transaction, NO_RUN, by.stamp, {event.ledger_key for event in events})
        self._tell_others(transaction, events, by)

    def tidy(self, database: Database) -> None:
        """Drop the doubts that later ledger entries have ended."""
        if keys := self._doubts.keys(database):
            with database.transaction() as transaction:
                self._doubts.tidy(transaction, self._ledger.stamps(keys, transaction))

    def _crossed(self, transaction: Transaction, events: Sequence[Event], by: Recorder) -> list[Event]:
        """Those of `events` that were under way while another run recorded another event of their key."""
        crossed = self._doubts.crossed(transaction, by.run_no, events)
        if not crossed:
            return []
        keys = [event.ledger_key for event in crossed]
        contents, stamps = self._ledger.contents(keys), self._ledger.stamps(keys, transaction)
        unsure = self._doubts.of_others(by.run_no)
        return [
            event
            for event, key in zip(crossed, keys, strict=True)
            # Two events with the same content: it does not matter which came last.
            if key not in contents or contents[key][0] != event.digest or stamps[key] < unsure.get(key, 0)
        ]

    def _lost(
        self, transaction: Transaction, events: Sequence[Event], by: Recorder, now: datetime, *, recorded_stamp: int
    ) -> list[DeadLetter]:
        """The dead letters of events that may have been overtaken; deletes their ledger entries.

        So the row is sent again when it is read next.
        """
        self._ledger.forget(transaction, [event.ledger_key for event in events])
        stamp = by.stamp or recorded_stamp
        return [_letter(event, "overtaken", _OVERTAKEN, now, by, digest=b"", stamp=stamp) for event in events]

    def _tell_others(self, transaction: Transaction, events: Iterable[Event], by: Recorder) -> None:
        """Record `events` for the other runs at work, which may have read these rows earlier and still send them."""
        at_work = [other for other, no_end in by.others.items() if no_end]
        keys = {event.ledger_key for event in events if event.ledger_key} if at_work else ()
        for other in at_work:
            self._doubts.add(transaction, other, by.stamp, keys)


_OVERTAKEN = "another version of the row was on its way at the same time, and which of the two came last is not known"


def _letter(  # noqa: PLR0913 - what a dead letter holds
    event: Event, reason: str, words: str, now: datetime, by: Recorder, *, digest: bytes, stamp: int
) -> DeadLetter:
    return DeadLetter(
        key=event.key,
        reason=reason,
        words=words,
        attempts=1,
        opened_at=now,
        last_at=now,
        digest=digest,
        run_id=by.run_id,
        stamp=stamp if event.ledger_key else 0,
    )

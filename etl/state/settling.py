"""What became certain about events, recorded: in the ledger, among the doubts, as dead letters.

The rule: an event that was read before the one that the ledger holds of its key may have reached the receiver later.
So may one that was under way while another run recorded another event of the key: in which order answers are recorded
does not tell in which order the receiver took what they answer. Then the entry is sure of nothing and goes, and a dead
letter `overtaken` has the row sent again as it is.
A dead letter is closed by what is known of the same reading of the row, or of a later one.
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
        """Whether the API may have taken it all the same."""


class Settled(Protocol):
    """What became certain since the last commit; `position` is None when the settled prefix did not move."""

    @property
    def accepted(self) -> Sequence[Event]:
        """Events that the API took."""

    @property
    def rejected(self) -> Sequence[RejectedEvent]:
        """Events that it refused for good."""

    @property
    def position(self) -> Position | None:
        """Where the checkpoint may move."""

    @property
    def settled_pages(self) -> Sequence[int]:
        """The stamps of pages whose every event has a certain end now."""

    @property
    def answers(self) -> Sequence[tuple[str, Sequence[Event]]]:
        """What the API said, with the accepted events that it said it to."""


@dataclass(frozen=True, slots=True)
class Recorder:
    """The run that records.

    others: the runs that were at work while it was, and of each whether it has not ended. stamp: above those of all
    readings that any of them has made so far; 0 where there are none.
    """

    run_no: int
    run_id: str
    others: Mapping[int, bool]
    stamp: int


class Settling:
    """Records what became certain about the events of one mapping."""

    def __init__(self, ledger: Ledger, doubts: Doubts, letters: DeadLetters, clock: Clock) -> None:
        self._ledger: Final = ledger
        self._doubts: Final = doubts
        self._letters: Final = letters
        self._clock: Final = clock

    def settle(self, transaction: Transaction, settlement: Settled, by: Recorder) -> list[Event]:
        """Record `settlement`; returns the events that may have reached the receiver before or after another one."""
        now = self._clock.utc_now()
        accepted, rejected = settlement.accepted, settlement.rejected
        # An event that was read before the one that the ledger holds of its key. Refused, it does not matter any more.
        recorded = self._ledger.recorded_stamp(transaction)
        judged = (*accepted, *(each.event for each in rejected))
        late = self._ledger.overtaken(transaction, judged, recorded_stamp=recorded)
        entries = [event for event in accepted if event.ledger_key]
        crossed = self._crossed(transaction, entries, by) if by.others else []
        if entries:
            self._ledger.record(transaction, entries, run_no=by.run_no, recorded_stamp=recorded)
        if accepted and self._letters.any_open(transaction):
            # Without a ledger no reading has a stamp.
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
        """A run ends, and of `unanswered` it is not known whether they reach the receiver; nor when, beside others."""
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
        """Drop the doubts that the ledger has answered."""
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
            # Whichever of two that say the same came last.
            if key not in contents or contents[key][0] != event.digest or stamps[key] < unsure.get(key, 0)
        ]

    def _lost(
        self, transaction: Transaction, events: Sequence[Event], by: Recorder, now: datetime, *, recorded_stamp: int
    ) -> list[DeadLetter]:
        """The letters of events whose place in the receiver's order is not known; their entries go.

        So the next reading sends them again.
        """
        self._ledger.forget(transaction, [event.ledger_key for event in events])
        stamp = by.stamp or recorded_stamp
        return [_letter(event, "overtaken", _OVERTAKEN, now, by, digest=b"", stamp=stamp) for event in events]

    def _tell_others(self, transaction: Transaction, events: Iterable[Event], by: Recorder) -> None:
        """Another run that is at work may have read any of these rows earlier: it is under way, or will be."""
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

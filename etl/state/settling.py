"""What became certain about events, recorded: in the ledger, among the doubts, as dead letters.

The rule: an event that was read before the one that the ledger holds of its key may have reached the receiver later.
Then the entry is sure of nothing and goes, and a dead letter `overtaken` has the row sent again as it is.
A dead letter is closed by what is known of the same reading of the row, or of a later one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Protocol

from etl.clock import Clock
from etl.dead_letter import DeadLetter
from etl.event.event import Event
from etl.page import Position
from etl.state.database import Transaction
from etl.state.dead_letters import NOW, DeadLetters
from etl.state.doubts import Doubts
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


class Settling:
    """Records what became certain about the events of one mapping."""

    def __init__(self, ledger: Ledger, doubts: Doubts, letters: DeadLetters, clock: Clock) -> None:
        self._ledger: Final = ledger
        self._doubts: Final = doubts
        self._letters: Final = letters
        self._clock: Final = clock

    def settle(self, transaction: Transaction, settlement: Settled, run_no: int, run_id: str) -> list[Event]:
        """Record `settlement` of run `run_no`; returns the events that a newer one had overtaken."""
        now = self._clock.utc_now()
        accepted, rejected = settlement.accepted, settlement.rejected
        # An event that was read before the one that the ledger holds of its key. Refused, it does not matter any more.
        recorded = self._ledger.recorded_stamp(transaction)
        judged = (*accepted, *(each.event for each in rejected))
        late = self._ledger.overtaken(transaction, judged, recorded_stamp=recorded)
        entries = [event for event in accepted if event.ledger_key]
        if entries:
            self._ledger.record(transaction, entries, run_no=run_no, recorded_stamp=recorded)
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
        overtaken = [event for event in (*accepted, *uncertain) if event in late] if late else []
        # The receiver may now hold the older version: with the entry gone, the next reading sends it again.
        self._ledger.forget(transaction, [event.ledger_key for event in overtaken])
        letters = [
            _letter(event, "overtaken", _OVERTAKEN, now, run_id, digest=b"", stamp=recorded) for event in overtaken
        ]
        if rejected:
            taken = {event.key: event.seq for event in accepted}
            letters.extend(
                _letter(
                    each.event, each.reason, each.words, now, run_id, digest=each.event.digest, stamp=each.event.stamp
                )
                for each in rejected
                if taken.get(each.event.key, -1) < each.event.seq and each.event not in late
            )
        if letters:
            self._letters.open(transaction, letters)
        self._doubts.page_settled(transaction, run_no, settlement.settled_pages)
        return overtaken


_OVERTAKEN = "a newer version of the row was accepted while this one was on its way"


def _letter(  # noqa: PLR0913 - what a dead letter holds
    event: Event, reason: str, words: str, now: datetime, run_id: str, *, digest: bytes, stamp: int
) -> DeadLetter:
    return DeadLetter(
        key=event.key,
        reason=reason,
        words=words,
        attempts=1,
        opened_at=now,
        last_at=now,
        digest=digest,
        run_id=run_id,
        stamp=stamp if event.ledger_key else 0,
    )

"""Decides whether a request that keeps failing fails because of one of its events, or because the API is down.

The rule: an event is given up only on evidence that the API is well. A batch whose attempts are used up is *suspect*
when something else was accepted since it first left. If nothing was accepted, its halves are tried: one batch at a time
is cut, both halves are tried before either is cut further, and after eight failures without any acceptance the API
counts as down and the run stops. So even a run of three rows ends well though one of them makes the API fail. If
several bad rows follow each other, only later ones can show that the API is well: while all that is under way fails, up
to eight events from further on are tried too, one at a time and twice each. An outage costs a hundred requests at most.
Cases that no single run can decide, because nothing is left to try or the account seems to be refused, `job/left_alone`
decides over several nights. A suspect batch is halved, a half that fails is halved again, and a single event is tried
again after the others of its batch. It becomes a dead letter when

* it failed alone, a request that left later was accepted, and it failed again after that; or all others of its batch
  were accepted, or failed alone too; and
* chance does not explain its failures: at the rate f at which other requests fail, k failures in a row are rarer than
  one in a million. k counts the failures of the event alone and, once all others of its batch were accepted, those of
  the halves that held it; not the failures that made it suspect. f = (failed + 2) / (accepted + failed + 3), counted
  among other requests since the event first left, or over the whole run if f is higher there: k is at least 16 after
  two acceptances, 8 after ten. Failures of a suspect event count in f only once it is accepted: otherwise several bad
  events would look like failures of the API.

While the API is down nothing is accepted, so nothing is given up: after a bounded number of failures in a row the run
stops, and the next one goes on. A refusal that may be meant for the key, or come from a firewall (403), is not random:
for it the first of these two conditions is enough.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum, unique
from typing import TYPE_CHECKING

from etl.verdict.account_words import AccountTrouble

if TYPE_CHECKING:
    from etl.delivery.slot import Piece, Slot
    from etl.verdict.judge import Refused, TryAgain

LIKELY = 1e-6
# Troubles of the whole account, so no event can be the reason.
_OF_ALL = (AccountTrouble.SUSPENDED, AccountTrouble.OVER_QUOTA)
# After so many failures of a single suspect event the run stops.
MOST_FAILURES_ALONE = 24
# After so many failures of a suspect batch in a row with nothing accepted, plus two for each halving, the run stops.
MOST_FAILURES_IN_A_ROW = 18
# The same if nothing was accepted since the batch first left.
MOST_QUESTIONS = 8


@unique
class BlameStep(Enum):
    """What to do with events whose request failed."""

    TRY_AGAIN = "try again"
    HALVE = "halve"
    HALVE_AND_OTHERS_FIRST = "halve, and try the others of the batch before the halves"
    OTHERS_FIRST = "try the others of the batch first"
    GIVE_UP = "a dead letter"
    STOP = "stop the run"


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The state of the other slots.

    asked: the halves of another batch are being tried. open: something may still be accepted. flying: an answer is
    awaited.
    """

    asked: bool
    open: bool
    flying: bool

    @classmethod
    def than(cls, slot: Slot, slots: Iterable[Slot]) -> Elsewhere:
        """What is under way besides `slot`."""
        others = [other for other in slots if other is not slot and other.pieces]
        return cls(
            asked=any(other.is_suspect and not other.parked for other in others),
            open=any(
                not (other.waits or other.stands_on_suspect or other.failed_in_a_row >= MOST_FAILURES_IN_A_ROW)
                for other in others
            ),
            flying=any(other.flying for other in others),
        )


class Blame:
    """Counts the run's requests, and decides the next step for a slot whose request failed.

    more_span: how many events beyond the span may leave for each failure of a single event, so that something can be
    accepted after it.
    """

    def __init__(self, *, more_span: int) -> None:
        self._more_span = more_span
        self._left = 0
        self._accepted = 0
        self._failed = 0
        self._newest_accepted = 0
        self._throttled = 0
        # Whether a refusal of the key or the account, or repeated "too fast", may be caused by a row.
        self.rows = False

    @property
    def accepted_requests(self) -> int:
        """How many requests of the run were accepted, at least in part."""
        return self._accepted

    def leaves(self, slot: Slot, *, number: int) -> None:
        """Request `number` is about to leave, with the first piece of `slot`."""
        self._left = number
        piece = slot.pieces[0]
        if piece.trouble is None:
            piece.trouble = Trouble(self._accepted, self._failed)

    def accepted(self, slot: Slot, *, number: int) -> None:
        """Request `number`, of the first piece of `slot`, was accepted, at least in part."""
        self._accepted += 1
        self._newest_accepted = max(self._newest_accepted, number)
        piece = slot.pieces[0]
        if _trouble(piece).suspect_since is not None:
            # Accepted in the end, so its failures were the API's.
            self._failed += piece.failures
            slot.undecided -= piece.failures

    def ended(self, slot: Slot) -> None:
        """All of `slot` is settled. If nothing of it was given up, its failures were the API's."""
        if not slot.gave_up:
            self._failed += slot.undecided

    def failed(self, slot: Slot, verdict: TryAgain, *, used_up: bool, elsewhere: Elsewhere) -> BlameStep | None:
        """The next step after a request of `slot` failed; None: its events are not suspect, so it is retried as usual.

        used_up: it was the last attempt.
        """
        piece = slot.pieces[0]
        suspect = _trouble(piece).suspect_since is not None
        if not self.may_be_event(verdict):
            self._failed += not verdict.throttled
            self._throttled += verdict.throttled
            return None
        if suspect:
            slot.undecided += 1
            piece.failed_since = piece.failed_since or self._left
        else:
            self._failed += 1
            if len(piece.events) == 1:
                piece.failed_since = piece.failed_since or self._left
        slot.failed(accepted=self._accepted)
        piece.failures += 1
        trouble = piece.trouble = _trouble(piece).failed()
        if trouble.suspect_since is None:
            if not used_up:
                return None
            slot.waits = elsewhere.asked and self._accepted == trouble.accepted_before
            if slot.waits:
                return BlameStep.TRY_AGAIN
            piece.trouble = replace(trouble, suspect_since=self._left, failures=0)
            self._failed -= piece.failures
            slot.undecided += piece.failures
            slot.failed_in_a_row = piece.failures = 0
        return self._next_step(slot, chance=True, elsewhere=elsewhere)

    def may_be_event(self, verdict: TryAgain) -> bool:
        """Whether an event of the request may be the reason of `verdict`."""
        return verdict.may_be_event or (self.rows and verdict.throttled)

    def too_large(self, slot: Slot) -> None:
        """The first piece of `slot` is about to be halved for its size; its halves are then treated as suspects.

        So the answers to the other halves count as evidence.
        """
        piece = slot.pieces[0]
        trouble = _trouble(piece)
        if trouble.suspect_since is None:
            piece.trouble = replace(trouble, suspect_since=self._left, failures=0)

    def refused(self, slot: Slot, verdict: Refused, *, elsewhere: Elsewhere) -> BlameStep:
        """The next step after a refusal of which the key, the account or a firewall may be the reason."""
        slot.failed(accepted=self._accepted)
        piece = slot.pieces[0]
        if verdict.refusal.account in _OF_ALL and not self.rows:
            # What was accepted before may have used up the quota, so rows that no longer fit look like one at fault;
            # only `rows` (after some nights) tries to tell them apart.
            return BlameStep.STOP
        if verdict.stop_at_once and not (self._accepted or self.rows):
            again, piece.failed_since = not piece.failed_since, self._left
            return BlameStep.TRY_AGAIN if again and elsewhere.flying else BlameStep.STOP
        trouble = piece.trouble = _trouble(piece).failed()
        if trouble.suspect_since is None:
            piece.trouble = replace(trouble, suspect_since=self._left)
        piece.failed_since = piece.failed_since or self._left
        if verdict.may_be_chance:
            piece.failures += 1
            slot.undecided += 1
        return self._next_step(slot, chance=verdict.may_be_chance, elsewhere=elsewhere)

    def _next_step(self, slot: Slot, *, chance: bool, elsewhere: Elsewhere) -> BlameStep:
        """What to do with the first piece of `slot`, which is suspect.

        chance: it may have failed by chance, as with a 5xx; not with a refusal.
        """
        piece = slot.pieces[0]
        alone, trouble = len(piece.events) == 1, _trouble(piece)
        well = trouble.suspect_since is not None and self._newest_accepted > trouble.suspect_since
        cleared = self._newest_accepted > piece.failed_since > 0
        if alone and (cleared or (well and slot.only_suspects)) and not (chance and self._may_be_chance(slot)):
            return BlameStep.GIVE_UP
        asking = chance and self._accepted == trouble.accepted_before
        most = MOST_QUESTIONS if asking else MOST_FAILURES_IN_A_ROW + 2 * slot.size.bit_length()
        if slot.failed_in_a_row >= most and not (elsewhere.open or (alone and cleared)):
            return BlameStep.STOP
        if not alone:
            return BlameStep.HALVE_AND_OTHERS_FIRST if asking else BlameStep.HALVE
        if piece.failures >= MOST_FAILURES_ALONE and not elsewhere.open:
            return BlameStep.STOP
        slot.more_span += self._more_span
        return BlameStep.OTHERS_FIRST

    def _may_be_chance(self, slot: Slot) -> bool:
        piece = slot.pieces[0]
        trouble = _trouble(piece)
        since = _rate(self._accepted - trouble.accepted_before, self._failed - trouble.failed_before)
        # Failures of its batch count as its own once everything else in the batch was accepted.
        failures = trouble.failures if len(slot.pieces) == 1 and not slot.gave_up else piece.failures
        throttled = self._throttled if self.rows else 0
        return max(since, _rate(self._accepted, self._failed + throttled)) ** failures >= LIKELY


@dataclass(frozen=True, slots=True)
class Trouble:
    """What happened to some events since they first left; halves inherit it.

    accepted_before, failed_before: how many requests of the run were accepted and failed when they left. failures: how
    many requests with them failed, counted anew once they are suspect. suspect_since: the number of the last request
    that left before they became suspect; None: they are not suspect.
    """

    accepted_before: int
    failed_before: int
    failures: int = 0
    suspect_since: int | None = None

    def failed(self) -> Trouble:
        """One more failure."""
        return replace(self, failures=self.failures + 1)


def _trouble(piece: Piece) -> Trouble:
    assert piece.trouble is not None, "its request left"
    return piece.trouble


def _rate(accepted: int, failed: int) -> float:
    """The share of requests that fail, estimated with two failures and one acceptance added."""
    failed = max(failed, 0)
    return (failed + 2) / (accepted + failed + 3)

"""One place in flight: a batch on its way, in one piece or cut into halves that follow each other.

The rule: what is cut is sent in source order, one piece after the other, in the same place; so a batch never takes more
than one place, its identities stay busy until its end, and n events need at most 2n - 1 requests besides retries. Only
events that are suspected to make their requests fail step back behind the others of their batch, and with them those
that share an identity with them or with each other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, TypeVar

from etl.delivery.lanes import Batch
from etl.event.encode import envelope
from etl.event.event import Event
from etl.verdict.judge import Partly, Refusal, Refused

if TYPE_CHECKING:
    from etl.delivery.blame import Trouble
    from etl.delivery.settlement import Settlement


V = TypeVar("V")
# Failures of a suspect batch in a row, after which others are to tell.
_FAILED_IN_HALVES = 3


@dataclass(frozen=True, slots=True)
class Request:
    """An attempt.

    number: of this attempt in the run, from 1. attempt: how often these very bytes were tried, this included.
    """

    number: int
    events: tuple[Event, ...]
    body: bytes
    attempt: int


class Piece:
    """Events that leave in one request.

    attempts, failures: of this very request. failed_since: the number of the run's last request when it first failed
    as a suspect, or as one event alone; 0: it did not. trouble: what its events met since they first left; None: they
    did not. spared: an answer named others of its batch, and none of these; named: so it was before the batch was cut.
    refusal: what its last failure would give it up with; None: it may not be the event's fault, or there was none.
    """

    __slots__ = ("attempts", "body", "events", "failed_since", "failures", "named", "refusal", "spared", "trouble")

    def __init__(self, events: tuple[Event, ...], trouble: Trouble | None = None) -> None:
        self.events = events
        self.trouble = trouble
        self.attempts = 0
        self.failures = 0
        self.failed_since = 0
        self.spared = self.named = False
        self.refusal: Refusal | None = None
        self.body: bytes | None = None

    @property
    def failed_alone(self) -> bool:
        """Whether it is one event that failed, and may be at fault."""
        return len(self.events) == 1 and self.failed_since > 0 and self.refusal is not None

    def failed_beside(self, accepted: int) -> bool:
        """Whether requests with its events failed, and others were accepted since it first left.

        accepted: the run's accepted requests.
        """
        trouble = self.trouble
        if trouble is None or accepted <= trouble.accepted_before:
            return False
        return trouble.failures > 0 or trouble.suspect_since is not None

    def one_by_one(self) -> list[Piece]:
        """A piece for each of its events; itself where it has one."""
        if len(self.events) == 1:
            return [self]
        pieces = [Piece((event,), self.trouble) for event in self.events]
        for piece in pieces:
            piece.spared, piece.named = self.spared, self.named
        return pieces


class Slot:
    """A batch that is not settled, or not recorded yet.

    pieces: what is left to deliver, in order; the first one is being delivered. Empty: all is certain.
    flying: a request is out and its answer is awaited.
    ambiguous: after some attempt its events may have been accepted without our knowing.
    ready_at: not before this time on the monotonic clock may the next request leave; 0: at once.
    size: how many events the batch has. failed_in_a_row: failures while nothing at all was accepted.
    undecided: failures since the batch became suspect, of events whose fault or innocence is not known.
    more_span: so many events more may leave beyond the span because a suspect event waits for others to be accepted.
    gave_up: an event of the batch was given up because it makes requests fail.
    waits: its attempts are used up, and another slot finds out whether the API is well. probes: it left because all
    others failed, to find that out.
    """

    __slots__ = (
        "_accepted_seen",
        "_in_order",
        "ambiguous",
        "failed_in_a_row",
        "flying",
        "gave_up",
        "identities",
        "more_span",
        "ordinal",
        "pieces",
        "probes",
        "ready_at",
        "size",
        "undecided",
        "waits",
    )

    def __init__(self, batch: Batch) -> None:
        self.pieces: deque[Piece] = deque((Piece(batch.events),))
        self.identities = batch.identities
        self.ordinal = batch.first_ordinal
        self.ready_at = 0.0
        self.flying = False
        self.ambiguous = False
        self.size = len(batch.events)
        self.failed_in_a_row = 0
        self.undecided = 0
        self.waits = self.probes = self.gave_up = False
        self.more_span = 0
        self._accepted_seen = 0
        self._in_order = True

    @property
    def first_seq(self) -> int:
        """The running number of the oldest event that is left."""
        if self._in_order:
            return self.pieces[0].events[0].seq
        return min(piece.events[0].seq for piece in self.pieces)

    @property
    def is_suspect(self) -> bool:
        """Whether an event that is left may make its requests fail."""
        return any(piece.trouble is not None and piece.trouble.suspect_since is not None for piece in self.pieces)

    @property
    def stands_on_suspect(self) -> bool:
        """Whether the event that leaves next may make its request fail, and stands alone."""
        first = self.pieces[0]
        return len(first.events) == 1 and first.trouble is not None and first.trouble.suspect_since is not None

    @property
    def parked(self) -> bool:
        """Whether that event was tried already, and waits for others to be accepted: its place is free meanwhile."""
        return bool(self.pieces) and self.stands_on_suspect and self.pieces[0].attempts > 0

    @property
    def stuck(self) -> bool:
        """Whether its answers say nothing of the API any more: it waits for others, or failed in halves again."""
        return self.parked or self.waits or (self.failed_in_a_row >= _FAILED_IN_HALVES and self.is_suspect)

    @property
    def only_suspects(self) -> bool:
        """Whether all that is left stands alone and failed."""
        return all(len(piece.events) == 1 and piece.failed_since for piece in self.pieces)

    @property
    def left_alone(self) -> list[Piece] | None:
        """The pieces that failed alone, where all others have to wait for one of them; None: another may be tried."""
        alone: list[Piece] = []
        held: set[str] = set()
        for piece in self.pieces:
            if piece.failed_alone:
                alone.append(piece)
                held.update(piece.events[0].identities)
            elif any(_is_free(event, held) for event in piece.events):
                return None
        return alone

    @property
    def left(self) -> int:
        """How many events have no end yet."""
        return sum(len(piece.events) for piece in self.pieces)

    def launch(self, number: int) -> Request:
        """The next request; an attempt that repeats another carries the very same bytes."""
        piece = self.pieces[0]
        if piece.body is None:
            piece.body = envelope([event.body for event in piece.events])
        self.flying = True
        piece.attempts += 1
        return Request(number, piece.events, piece.body, piece.attempts)

    def again(self, *, at: float) -> None:
        """The same piece once more, not before `at`."""
        self.ready_at = at

    def failed(self, *, accepted: int) -> None:
        """Count a failure; `accepted`: the run's accepted requests."""
        if accepted != self._accepted_seen:
            self._accepted_seen, self.failed_in_a_row = accepted, 0
        self.failed_in_a_row += 1

    def next_piece(self, *instead: tuple[Event, ...]) -> None:
        """The first piece is done with; `instead` takes its place."""
        done = self.pieces.popleft()
        for events in reversed(instead):
            self.pieces.appendleft(Piece(events, done.trouble))
            self.pieces[0].named = done.named
        self.ready_at = 0.0

    def stand_alone(self) -> None:
        """Cut what is left into single events."""
        self.pieces = deque(chain.from_iterable(piece.one_by_one() for piece in self.pieces))

    def next_untried(self) -> bool:
        """Put the first piece that was not tried in front, unless it has to follow another; False: there is none."""
        held: set[str] = set()
        for at, piece in enumerate(self.pieces):
            if all(_is_free(event, held) for event in piece.events) and not piece.attempts:
                del self.pieces[at]
                self.pieces.appendleft(piece)
                self._in_order = False
                return True
            held.update(chain.from_iterable(event.identities for event in piece.events))
        return False

    def halve(self) -> None:
        """Cut the first piece, of at least two events, in two."""
        events = self.pieces[0].events
        middle = len(events) // 2
        self.next_piece(events[:middle], events[middle:])

    def as_far_as_believed(self, verdict: V) -> V | Refused:
        """The verdict on the first piece; where an answer spared its events before, and now names some, it names none.

        So it is with one that counts from 1: the event that it names is another, and halving finds the guilty one.
        """
        first = self.pieces[0]
        if first.named and len(first.events) > 1 and isinstance(verdict, Partly) and verdict.others == "resend":
            return Refused(next(iter(verdict.errors.values())))
        return verdict

    def keep(self, wanted: Callable[[int], bool]) -> None:
        """Of the first piece send again only the events whose index is wanted; none: the piece is done with."""
        rest = tuple(event for at, event in enumerate(self.pieces[0].events) if wanted(at))
        self.next_piece(*((rest,) if rest else ()))
        if rest:
            self.pieces[0].spared = self.pieces[0].named = True

    def take_apart(self, doubted: Collection[int], *, others_leave: bool) -> tuple[Event, ...]:
        """Of the first piece let the events with these indexes leave again, each alone.

        others_leave: and what stands between them; else those alone that are about the same person and come later, so
        that the newest is the last. Returns the events that leave no more.
        """
        done = self.pieces.popleft()
        parts: list[list[Event]] = [[]]
        rest: list[Event] = []
        held: set[str] = set()
        for at, event in enumerate(done.events):
            if at in doubted or not (others_leave or _is_free(event, held)):
                held.update(event.identities)
                parts += [[event], []]
            else:
                (parts[-1] if others_leave else rest).append(event)
        for events in reversed([part for part in parts if part]):
            self.pieces.appendleft(Piece(tuple(events), done.trouble))
            self.pieces[0].spared = events[0].seq not in {done.events[at].seq for at in doubted}
        self.ready_at = 0.0
        return tuple(rest)

    def has_untried_behind(self, first: int) -> bool:
        """Whether a piece that was not tried yet stands behind the first so many."""
        return any(not piece.attempts for piece in islice(self.pieces, first, None))

    def step_back(self) -> bool:
        """Put the first piece behind the others, and what has to follow it; False: no other is left."""
        first = self.pieces[0]
        held = {identity for event in first.events for identity in event.identities}
        before: list[Piece] = []
        behind = [first]
        for piece in list(self.pieces)[1:]:
            free = [event for event in piece.events if _is_free(event, held)]
            if len(free) == len(piece.events):
                before.append(piece)
                continue
            stays = set(map(id, free))
            if free:
                before.append(Piece(tuple(free), piece.trouble))
            follow = tuple(event for event in piece.events if id(event) not in stays)
            behind.append(Piece(follow, piece.trouble) if free else piece)
        if not before:
            return False
        self.pieces = deque((*before, *behind))
        self._in_order = False
        self.ready_at = 0.0
        return True

    def piece_bytes(self, at: int) -> int:
        """How many bytes a request with piece number `at` has."""
        return len(envelope([event.body for event in self.pieces[at].events]))


def unanswered(slots: Iterable[Slot], being_recorded: Iterable[tuple[Settlement, object]]) -> list[Event]:
    """The events in `slots` that have no certain end, and those that were accepted and are only being recorded."""
    answered = [event for settlement, _ in being_recorded for event in settlement.accepted]
    return answered + [event for slot in slots for piece in slot.pieces for event in piece.events]


def oldest_unsettled(slots: Iterable[Slot], waiting: int | None) -> int | None:
    """The lowest running number of an event that has no end: in one of `slots`, or `waiting` (None: none waits)."""
    in_slots = [slot.first_seq for slot in slots if slot.pieces]
    return min(in_slots if waiting is None else [*in_slots, waiting], default=None)


def _is_free(event: Event, held: set[str]) -> bool:
    """Whether the event may go before those that hold `held`; what may not holds its own identities too."""
    if held.isdisjoint(event.identities):
        return True
    held.update(event.identities)
    return False

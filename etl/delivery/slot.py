"""A slot: one place in flight, with a batch that is sent in one piece, or in halves one after the other.

The rule: pieces are sent in source order, one at a time, in the same slot. So a batch never takes more than one place,
its identities stay busy until all of it is settled, and n events need at most 2n - 1 requests besides retries. Only
events suspected of making their requests fail move behind the others of their batch, together with events that share an
identity with them.
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
# After so many failures of a suspect batch in a row other events are tried, to find out whether the API is well.
_FAILED_IN_HALVES = 3


@dataclass(frozen=True, slots=True)
class Request:
    """An attempt.

    number: the number of this attempt in the run, from 1. attempt: how often these very bytes were tried, this time
    included.
    """

    number: int
    events: tuple[Event, ...]
    body: bytes
    attempt: int


class Piece:
    """Events that leave in one request.

    attempts, failures: of this very request. failed_since: the number of the run's last request when the piece first
    failed as a suspect or as a single event; 0: it did not. trouble: what happened to its events since they first left;
    None: they have not left. spared: an answer named other events of the batch as bad, and none of these; named: such
    an answer came before the batch was cut. refusal: the reason to give it up with after its last failure; None: no
    failure, or one that cannot be the event's fault.
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
        """Whether it is a single event that failed and may be at fault."""
        return len(self.events) == 1 and self.failed_since > 0 and self.refusal is not None

    def failed_beside(self, accepted: int) -> bool:
        """Whether requests with its events failed, and others were accepted since it first left.

        accepted: how many requests of the run were accepted.
        """
        trouble = self.trouble
        if trouble is None or accepted <= trouble.accepted_before:
            return False
        return trouble.failures > 0 or trouble.suspect_since is not None

    def one_by_one(self) -> list[Piece]:
        """A piece for each of its events; the piece itself if it has one event."""
        if len(self.events) == 1:
            return [self]
        pieces = [Piece((event,), self.trouble) for event in self.events]
        for piece in pieces:
            piece.spared, piece.named = self.spared, self.named
        return pieces


class Slot:
    """A batch that is not settled, or settled but not recorded yet.

    pieces: what is left to deliver, in order; the first one is being delivered. Empty: all is settled.
    flying: a request was sent and its answer is awaited.
    ambiguous: after some attempt it is unknown whether its events were accepted.
    ready_at: the earliest time of the next request, on the monotonic clock; 0: at once.
    size: how many events the batch has. failed_in_a_row: failures while nothing at all was accepted.
    undecided: failures since the batch became suspect, of events not yet known to be at fault or not.
    more_span: how many events beyond the span may leave because a suspect event waits for others to be accepted.
    gave_up: an event of the batch was given up because it makes requests fail.
    waits: its attempts are used up, and another slot finds out whether the API is well. probes: it was sent for that.
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
        """The running number of the oldest unsettled event."""
        if self._in_order:
            return self.pieces[0].events[0].seq
        return min(piece.events[0].seq for piece in self.pieces)

    @property
    def is_suspect(self) -> bool:
        """Whether an unsettled event may make its requests fail."""
        return any(piece.trouble is not None and piece.trouble.suspect_since is not None for piece in self.pieces)

    @property
    def stands_on_suspect(self) -> bool:
        """Whether the next piece is a single event that may make its request fail."""
        first = self.pieces[0]
        return len(first.events) == 1 and first.trouble is not None and first.trouble.suspect_since is not None

    @property
    def parked(self) -> bool:
        """Whether that event was tried already and waits for others to be accepted; meanwhile its place is free."""
        return bool(self.pieces) and self.stands_on_suspect and self.pieces[0].attempts > 0

    @property
    def stuck(self) -> bool:
        """Whether its failures no longer tell if the API is well: it waits for others, or keeps failing in halves."""
        return self.parked or self.waits or (self.failed_in_a_row >= _FAILED_IN_HALVES and self.is_suspect)

    @property
    def only_suspects(self) -> bool:
        """Whether all pieces left are single events that failed."""
        return all(len(piece.events) == 1 and piece.failed_since for piece in self.pieces)

    @property
    def left_alone(self) -> list[Piece] | None:
        """The pieces that failed alone, if all others have to wait for one of them; None: another can be tried."""
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
        """How many events are not settled."""
        return sum(len(piece.events) for piece in self.pieces)

    def launch(self, number: int) -> Request:
        """The next request; a repeated attempt has exactly the same bytes."""
        piece = self.pieces[0]
        if piece.body is None:
            piece.body = envelope([event.body for event in piece.events])
        self.flying = True
        piece.attempts += 1
        return Request(number, piece.events, piece.body, piece.attempts)

    def again(self, *, at: float) -> None:
        """Send the same piece again, not before `at`."""
        self.ready_at = at

    def failed(self, *, accepted: int) -> None:
        """Count a failure; `accepted`: how many requests of the run were accepted."""
        if accepted != self._accepted_seen:
            self._accepted_seen, self.failed_in_a_row = accepted, 0
        self.failed_in_a_row += 1

    def next_piece(self, *instead: tuple[Event, ...]) -> None:
        """Replace the first piece by `instead`."""
        done = self.pieces.popleft()
        for events in reversed(instead):
            self.pieces.appendleft(Piece(events, done.trouble))
            self.pieces[0].named = done.named
        self.ready_at = 0.0

    def stand_alone(self) -> None:
        """Cut all pieces into single events."""
        self.pieces = deque(chain.from_iterable(piece.one_by_one() for piece in self.pieces))

    def next_untried(self) -> bool:
        """Move the first untried piece to the front, unless it has to follow another; False: there is none."""
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
        """The verdict on the first piece; if it names events that an earlier answer spared, it counts as naming none.

        Such an API counts from 1 and means other events than it seems to; halving finds the guilty one.
        """
        first = self.pieces[0]
        if first.named and len(first.events) > 1 and isinstance(verdict, Partly) and verdict.others == "resend":
            return Refused(next(iter(verdict.errors.values())))
        return verdict

    def keep(self, wanted: Callable[[int], bool]) -> None:
        """Keep only those events of the first piece whose index is wanted; if none is, drop the piece."""
        rest = tuple(event for at, event in enumerate(self.pieces[0].events) if wanted(at))
        self.next_piece(*((rest,) if rest else ()))
        if rest:
            self.pieces[0].spared = self.pieces[0].named = True

    def take_apart(self, doubted: Collection[int], *, others_leave: bool) -> tuple[Event, ...]:
        """Send the events of the first piece with these indexes again, each alone.

        others_leave: also send those between them; otherwise only later ones about the same person, so that the newest
        arrives last. Returns the events that are not sent again.
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
        """Whether there is an untried piece after the first `first` ones."""
        return any(not piece.attempts for piece in islice(self.pieces, first, None))

    def step_back(self) -> bool:
        """Move the first piece, and those that have to follow it, behind the others; False: there are no others."""
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
        """The size in bytes of a request with piece number `at`."""
        return len(envelope([event.body for event in self.pieces[at].events]))


def unanswered(slots: Iterable[Slot], being_recorded: Iterable[tuple[Settlement, object]]) -> list[Event]:
    """The unsettled events in `slots`, and those that were accepted but are not recorded yet."""
    answered = [event for settlement, _ in being_recorded for event in settlement.accepted]
    return answered + [event for slot in slots for piece in slot.pieces for event in piece.events]


def oldest_unsettled(slots: Iterable[Slot], waiting: int | None) -> int | None:
    """The lowest running number of an unsettled event: in one of `slots`, or `waiting` (None: none waits)."""
    in_slots = [slot.first_seq for slot in slots if slot.pieces]
    return min(in_slots if waiting is None else [*in_slots, waiting], default=None)


def _is_free(event: Event, held: set[str]) -> bool:
    """Whether the event may go before those with the identities `held`; if not, adds its identities to `held`."""
    if held.isdisjoint(event.identities):
        return True
    held.update(event.identities)
    return False

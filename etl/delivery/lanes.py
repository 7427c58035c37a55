"""Chooses which waiting events leave next: in order, and never two of one identity in different requests at a time.

The rule: an event whose identity is in flight waits, and so does every later event of any identity of a waiting one.
Two events of one identity may share a request, in source order. All other events may overtake the waiting ones.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from operator import itemgetter

from etl.event.encode import envelope
from etl.event.event import Event
from etl.event.identities import hashed, may_hold_hashes

_EMPTY_ENVELOPE_BYTES = len(envelope(()))

_bodies_of = itemgetter(Event._fields.index("body"))
_identities_of = itemgetter(Event._fields.index("identities"))


@dataclass(frozen=True, slots=True)
class Batch:
    """Events that leave together, in order; the identities they keep busy; the ordinal of the first one.

    Ordinals number the events to send, from 0, in the order of admission.
    """

    events: tuple[Event, ...]
    identities: set[str]
    first_ordinal: int


class Lanes:
    """The events that wait, and the identities that are in flight."""

    def __init__(self, *, batch_size: int, max_batch_bytes: int) -> None:
        self._batch_size = batch_size
        self._configured_bytes = self._max_bytes = max_batch_bytes
        self._accepted_bytes = 0
        self._busy: set[str] = set()
        self._queue: list[Event] = []
        self._head = 0
        self._admitted = 0
        self._bytes = 0
        # Whether the hash of an address has been seen: from then on every address is compared by its hash.
        self._hashed = False
        # Events that a scan skipped because of their identities, with their ordinals; all older than the queue.
        self._passed: list[Event] = []
        self._passed_ordinals: list[int] = []

    def __len__(self) -> int:
        """How many events wait."""
        return len(self._passed) + len(self._queue) - self._head

    @property
    def size(self) -> int:
        """How many bytes the bodies of the waiting events have."""
        return self._bytes

    @property
    def first_seq(self) -> int | None:
        """The running number of the oldest waiting event's row; None when none waits."""
        if self._passed:
            return self._passed[0].seq
        return self._queue[self._head].seq if self._head < len(self._queue) else None

    @property
    def first_ordinal(self) -> int:
        """The ordinal of the oldest waiting event; with none waiting, that of the next to come."""
        return self._passed_ordinals[0] if self._passed else self._next_ordinal

    @property
    def only_followers(self) -> bool:
        """Whether every waiting event waits for an identity in flight."""
        busy = set(self._busy)
        for event in chain(self._passed, self._queue[self._head :]):
            if busy.isdisjoint(event.identities):
                return False
            busy.update(event.identities)
        return True

    def admit(self, events: Sequence[Event]) -> None:
        """Append events, ascending by `seq`."""
        # Drop events that have left, so that no payload outlives its page for long (F21).
        del self._queue[: self._head]
        self._head = 0
        if not self._hashed and may_hold_hashes(map(_identities_of, events)):
            self._hashed = True
            self._busy = set(hashed(self._busy))
            self._passed, self._queue = _with_hashes(self._passed), _with_hashes(self._queue)
        self._queue.extend(_with_hashes(events) if self._hashed else events)
        self._admitted += len(events)
        self._bytes += sum(map(len, map(_bodies_of, events)))

    def lower_max_bytes(self, max_batch_bytes: int) -> None:
        """Lower the limit for the rest of the run, because a request was too large; never below an accepted size."""
        self._max_bytes = max(min(self._max_bytes, max_batch_bytes), self._smallest_limit)

    def size_accepted(self, request_bytes: int) -> None:
        """A request of so many bytes was accepted, so the limit is at least that."""
        self._accepted_bytes = max(self._accepted_bytes, request_bytes)
        self._max_bytes = max(self._max_bytes, self._smallest_limit)

    def is_news_of_size(self, request_bytes: int, *, alone: bool) -> bool:
        """Whether a 413 to a request of so many bytes may be about its size: none as large was accepted.

        alone: it held one event. If so, the size is not the reason, and perhaps was not for earlier requests with that
        event, so the limit learned from them is dropped.
        """
        news = request_bytes > self._accepted_bytes
        if alone and not news:
            self._max_bytes = self._configured_bytes
        return news

    def free(self, identities: set[str]) -> None:
        """The request that held `identities` is over and recorded."""
        # They may be plain addresses that left before the first hash was seen.
        self._busy.difference_update(hashed(identities) if self._hashed else identities)

    def take(self, *, before_ordinal: int, partial: bool, most: int | None = None) -> Batch | None:
        """The next batch among the events with an ordinal below `before_ordinal`; its identities become busy.

        partial: the batch need not be full. most: its greatest number of events. None when there is nothing to take.
        """
        most = self._batch_size if most is None else min(most, self._batch_size)
        if self._passed:
            batch = self._take_scanning(before_ordinal, partial=partial, most=most)
        else:
            batch = self._take_slice(before_ordinal, partial=partial, most=most)
        if batch is not None:
            self._busy |= batch.identities
            self._bytes -= sum(map(len, map(_bodies_of, batch.events)))
        return batch

    @property
    def _smallest_limit(self) -> int:
        return min(self._accepted_bytes, self._configured_bytes)

    @property
    def _next_ordinal(self) -> int:
        return self._admitted - len(self._queue) + self._head

    def _take_slice(self, before_ordinal: int, *, partial: bool, most: int) -> Batch | None:
        # The usual case: all of the next events are free. Only set and slice operations, 0.3 µs an event.
        first, ordinal = self._head, self._next_ordinal
        events = self._queue[first : first + min(most, max(0, before_ordinal - ordinal))]
        count = self._fitting(events)
        full = count == most or count < len(events)
        if not count or not (full or partial):
            # Without the events that have to wait it would be even less full.
            return None
        # The next event shows that the batch is full only if it could leave itself.
        beyond = events[count].identities if count < len(events) and not partial else ()
        del events[count:]
        identities = set(chain.from_iterable(map(_identities_of, events)))
        if not (identities.isdisjoint(self._busy) and self._busy.isdisjoint(beyond)):
            return self._take_scanning(before_ordinal, partial=partial, most=most)
        self._head += count
        return Batch(tuple(events), identities, ordinal)

    def _fitting(self, events: Sequence[Event]) -> int:
        # How many of `events` fit into one request; an event that alone is too large goes alone.
        sizes = list(map(len, map(_bodies_of, events)))
        room = self._max_bytes - _EMPTY_ENVELOPE_BYTES + 1
        if sum(sizes) + len(sizes) <= room:
            return len(sizes)
        return max(1, bisect_right([total + at for at, total in enumerate(accumulate(sizes), 1)], room))

    def _take_scanning(self, before_ordinal: int, *, partial: bool, most: int) -> Batch | None:
        busy, waiting = self._busy, set[str]()
        taken: list[Event] = []
        ordinals: list[int] = []
        passed: list[Event] = []
        passed_ordinals: list[int] = []
        room = self._max_bytes - _EMPTY_ENVELOPE_BYTES + 1
        end = self._head + max(0, before_ordinal - self._next_ordinal)
        candidates = chain(
            zip(self._passed, self._passed_ordinals, strict=True),
            zip(self._queue[self._head : end], range(self._next_ordinal, before_ordinal), strict=False),
        )
        scanned = 0
        full = False
        for event, ordinal in candidates:
            identities = event.identities
            if ordinal >= before_ordinal:
                break
            if busy.isdisjoint(identities) and waiting.isdisjoint(identities):
                room -= len(event.body) + 1
                if taken and room < 0:
                    full = True
                    break
                taken.append(event)
                ordinals.append(ordinal)
            else:
                waiting.update(identities)
                passed.append(event)
                passed_ordinals.append(ordinal)
            scanned += 1
            if len(taken) == most:
                full = True
                break
        if not taken or not (full or partial):
            return None
        from_queue = scanned - len(self._passed)
        self._passed = passed + self._passed[scanned:]
        self._passed_ordinals = passed_ordinals + self._passed_ordinals[scanned:]
        self._head += max(0, from_queue)
        return Batch(tuple(taken), set(chain.from_iterable(map(_identities_of, taken))), ordinals[0])


def _with_hashes(events: Sequence[Event]) -> list[Event]:
    return [event._replace(identities=tuple(hashed(event.identities))) for event in events]

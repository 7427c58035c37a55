"""The last events that arrived, newest first, in bounded memory.

An arrival keeps its request's bytes instead of its own parsed fields: what is shown is what was sent, to the digit, and
all events of a request share one copy. Accepted and refused events leave separately, so a flood of good events does not
push the few bad ones out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from etl.sandbox.rules import BrokenRule


class Arrival(NamedTuple):
    """One event.

    `time` is its own timestamp as sent (None = none), `created_at` epoch seconds of its arrival. `body` is the whole
    request, `place` the event's index in it, `weight` its share of the bytes. `inserted` = the receiver made a new
    event of it; `verified` = it was merged with an event that was already there under the same orderid. Both are False
    for a refused one, whose `refusals` say why.
    """

    number: int
    created_at: float
    name: str
    email: str
    userid: str
    time: object
    inserted: bool
    verified: bool
    refusals: tuple[BrokenRule, ...]
    body: bytes
    place: int
    weight: int

    @property
    def identity(self) -> str:
        """The e-mail address, else the user id, else nothing."""
        return self.email or self.userid


class Shelf:
    """Arrivals in order of arrival: at most `count` of them and about `size_bytes` of their requests."""

    def __init__(self, *, count: int, size_bytes: int) -> None:
        self._count = count
        self._size_bytes = size_bytes
        self._weight = 0
        self._arrivals: deque[Arrival] = deque()

    def __len__(self) -> int:
        """How many are kept."""
        return len(self._arrivals)

    def put(self, arrival: Arrival) -> None:
        """Keeps `arrival`; the oldest leave when there are too many or they are too large together."""
        self._arrivals.append(arrival)
        self._weight += arrival.weight
        while len(self._arrivals) > self._count or (self._weight > self._size_bytes and len(self._arrivals) > 1):
            self._weight -= self._arrivals.popleft().weight

    def clear(self) -> None:
        """Forgets all of them."""
        self._arrivals.clear()
        self._weight = 0

    def newest_first(self, *, after: int, before: int | None) -> Iterator[Arrival]:
        """Those with `after < number < before`; before None = no upper end."""
        for arrival in reversed(self._arrivals):
            if arrival.number <= after:
                return
            if before is None or arrival.number < before:
                yield arrival

    def find(self, number: int) -> Arrival | None:
        """The arrival with that number, unless it has left."""
        return next((each for each in self._arrivals if each.number == number), None)

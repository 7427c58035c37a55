"""Takes batches: validates, counts, keeps. It knows nothing of HTTP.

The rule of the stand-in: a batch with one bad event is refused as a whole, and nothing of it is taken.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import orjson

from etl.sandbox.arrivals import Arrival, Shelf
from etl.sandbox.counts import Tally
from etl.sandbox.faults import SandboxSettings
from etl.sandbox.rules import BrokenRule, Rules


class Ticks(Protocol):
    """Two clocks: one for people, one for durations."""

    def epoch_seconds(self) -> float:
        """Seconds since 1970 in UTC; for what is shown."""

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back; for the rate limit and the chart."""


class SystemTicks:
    """The machine's clocks."""

    def epoch_seconds(self) -> float:
        """Seconds since 1970 in UTC."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back."""
        return time.monotonic()


_LONGEST_NAME = 200


class UnreadableBatchError(ValueError):
    """The body is not `{"events": [...]}`; its text says what is wrong without quoting the body."""


@dataclass(frozen=True, slots=True)
class Taken:
    """All events were accepted."""

    created: int


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """Nothing was accepted; the bad events by their index in the batch."""

    errors: dict[int, tuple[BrokenRule, ...]]


class Receiver:
    """The memory of one sandbox."""

    def __init__(self, settings: SandboxSettings, *, ticks: Ticks) -> None:
        self._settings = settings
        self._ticks = ticks
        self._rules = Rules(
            rejected_addresses=settings.faults.reject,
            several_languages=settings.multiple_languages,
            several_currencies=settings.multiple_currencies,
        )
        self._last_number = 0
        self._accepted = Shelf(count=settings.kept_events, size_bytes=settings.kept_bytes)
        self._refused = Shelf(count=settings.kept_refusals, size_bytes=settings.kept_bytes)
        self._resets = 0
        self.tally = Tally()

    def reset(self) -> None:
        """Forgets events and counts. The numbering continues, so that an open page stays in step."""
        self._accepted.clear()
        self._refused.clear()
        self._resets += 1
        self.tally = Tally()

    def take(self, body: bytes) -> Taken | TurnedAway:
        """Takes a request's events, all or none.

        Raises:
            UnreadableBatchError: the body is not JSON, or not an object with a list under `events`.

        """
        events = _events(body)
        check = self._rules.check
        errors = {index: refusals for index, event in enumerate(events) if (refusals := check(event))}
        self.tally.received += len(events)
        now = self._ticks.monotonic()
        if errors:
            self._turn_away(events, errors, body)
            self.tally.count_second(now=now, accepted=0, refused=len(errors))
            return TurnedAway(errors)
        self._keep(events, body)
        self.tally.count_second(now=now, accepted=len(events), refused=0)
        return Taken(len(events))

    def newest_first(
        self, *, after: int = 0, before: int | None = None, accepted: bool = True, refused: bool = True
    ) -> Iterator[Arrival]:
        """Arrivals with `after < number < before`, of both kinds or one."""
        shelves = [*([self._accepted] if accepted else []), *([self._refused] if refused else [])]
        found = (shelf.newest_first(after=after, before=before) for shelf in shelves)
        return heapq.merge(*found, key=_number, reverse=True)

    def kept(self, *, accepted: bool = True, refused: bool = True) -> int:
        """How many arrivals of both kinds or one are in memory."""
        return len(self._accepted) * accepted + len(self._refused) * refused

    def find(self, number: int) -> Arrival | None:
        """The arrival with that number, unless it has left."""
        return self._accepted.find(number) or self._refused.find(number)

    def stats(self) -> dict[str, object]:
        """All counts, JSON-ready; `names` are the events' names, `rehearsing` the faults that are switched on."""
        counts = self.tally.as_dict(now=self._ticks.monotonic())
        refused_names = {arrival.name for arrival in self._refused.newest_first(after=0, before=None)} - {""}
        return {
            **counts,
            "names": sorted(refused_names.union(self.tally.by_event)),
            "rehearsing": self._settings.faults.in_words(),
            "resets": self._resets,
            "kept": self.kept(),
            "newest": self._last_number,
        }

    def _keep(self, events: list[dict[str, object]], body: bytes) -> None:
        count_accepted, put = self.tally.count_accepted, self._accepted.put
        created_at = self._ticks.epoch_seconds()
        weight = len(body) // max(1, len(events)) + 1
        number = self._last_number
        for index, event in enumerate(events):
            number += 1
            name, email, userid = _text(event.get("event")), _text(event.get("email")), _text(event.get("userid"))
            orderid = event.get("orderid") if name == "Purchase" else None
            content = orjson.dumps(event, option=orjson.OPT_SORT_KEYS)
            self.tally.count_custom_fields(event)
            merged = count_accepted(name, email.lower() or userid, orderid=orderid, content=content)
            time = event.get("timestamp")
            put(Arrival(number, created_at, name, email, userid, time, not merged, merged, (), body, index, weight))
        self._last_number = number

    def _turn_away(
        self, events: list[dict[str, object]], errors: dict[int, tuple[BrokenRule, ...]], body: bytes
    ) -> None:
        self.tally.refused += len(errors)
        self.tally.not_taken += len(events) - len(errors)
        created_at = self._ticks.epoch_seconds()
        weight = len(body) // len(errors) + 1
        for index, refusals in errors.items():
            self._last_number += 1
            self.tally.count_refusals(refusals)
            event = events[index] if isinstance(events[index], dict) else {}
            self._refused.put(
                Arrival(
                    number=self._last_number,
                    created_at=created_at,
                    name=_text(event.get("event")),
                    email=_text(event.get("email")),
                    userid=_text(event.get("userid")),
                    time=event.get("timestamp"),
                    inserted=False,
                    verified=False,
                    refusals=refusals,
                    body=body,
                    place=index,
                    weight=weight,
                )
            )


def _events(body: bytes) -> list[dict[str, object]]:
    try:
        envelope = orjson.loads(body)
    except orjson.JSONDecodeError as problem:
        raise UnreadableBatchError(f"the body is not JSON (line {problem.lineno}, column {problem.colno})") from None
    events = envelope.get("events") if isinstance(envelope, dict) else None
    if not isinstance(events, list):
        raise UnreadableBatchError('the body is not an object with a list under "events"')
    if not events:
        raise UnreadableBatchError("the list of events is empty")
    return events


def _text(value: object) -> str:
    return value[:_LONGEST_NAME] if isinstance(value, str) else ""


def _number(arrival: Arrival) -> int:
    return arrival.number

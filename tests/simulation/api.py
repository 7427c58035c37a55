"""The receiver of a simulated life: accepts, refuses, breaks down, loses answers; remembers what it accepted."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import orjson

from etl.delivery.courier import Request
from etl.event.event import Event
from etl.verdict.answer import Answer, Failure

JSON = {"content-type": "application/json"}
NOON = datetime(2024, 3, 30, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Reply:
    """What comes back after `seconds`; `wait` is the Retry-After that it carries, None for none.

    `clear`: it says of every event whether it was accepted.
    """

    answer: Answer | Failure
    seconds: float
    wait: float | None = None
    clear: bool = True


# More often in a row no event meets a fault by chance. A run cannot tell a row of a dozen, which is not rare where nine
# of ten requests fail, from the event's own doing.
_MOST_FAULTS_IN_A_ROW = 10


class Api:
    """Answers by chance. `badness` (0 to 1) is the share of requests that meet a fault."""

    def __init__(self, chance: random.Random, *, max_bytes: int) -> None:
        self.badness = 0.0
        self.faults = 0
        # Whether it refuses what it has accepted already, when the same bytes come once more.
        self._strict = chance.random() < 0.2
        self.accepted: dict[tuple[int, bytes], int] = {}
        self.last: dict[int, bytes] = {}
        self.last_at: dict[int, float] = {}
        self._now = 0.0
        # Of what only a part was taken, without a word which.
        self.partly: set[bytes] = set()
        self._chance = chance
        self._max_bytes = max_bytes
        self._down_until = 0.0
        self._faults_in_a_row: dict[bytes, int] = {}

    def receive(self, request: Request, *, now: float) -> tuple[Reply, list[Event]]:
        """The reply to `request`, and the events that were accepted."""
        chance = self._chance
        self._now = now
        if now < self._down_until:
            return self._broken(request)
        in_a_row = self._faults_in_a_row
        if chance.random() < self.badness and all(
            in_a_row.get(event.body, 0) < _MOST_FAULTS_IN_A_ROW for event in request.events
        ):
            in_a_row.update({event.body: in_a_row.get(event.body, 0) + 1 for event in request.events})
            if chance.random() < 0.01:
                self._down_until = now + chance.uniform(1, 40)
            return self._faulty(request)
        for event in request.events:
            in_a_row.pop(event.body, None)
        return self._sober(request)

    def is_well(self, now: float) -> bool:
        """Whether it says anything of an account at `now`."""
        return now >= self._down_until and self._chance.random() >= self.badness

    def _sober(self, request: Request) -> tuple[Reply, list[Event]]:  # noqa: PLR0911  # one return an answer
        """What a healthy receiver says."""
        events, chance = request.events, self._chance
        seconds = chance.uniform(0.01, 0.2)
        if len(request.body) > self._max_bytes:
            self.faults += 1
            return Reply(Answer(413, JSON, b""), seconds), []
        known = [at for at, event in enumerate(events) if self.last.get(event.key[0]) == event.body]  # type: ignore[call-overload]
        if self._strict and request.attempt > 1 and len(known) == len(events):
            self.faults += 1
            errors = [{"index": at, "code": "DUPLICATE"} for at in known]
            return Reply(Answer(400, JSON, orjson.dumps({"success": False, "errors": errors})), seconds), []
        if any(b'"custom_poison":"server_error"' in event.body for event in events):
            self.faults += 1
            return Reply(chance.choice([Failure.RESET, Answer(500, JSON, b'{"error":"boom"}')]), seconds), []
        if any(b'"custom_poison":"forbidden"' in event.body for event in events):
            self.faults += 1
            return Reply(Answer(403, {"content-type": "text/html"}, b"<html>blocked</html>"), seconds), []
        poison = [at for at, event in enumerate(events) if b"custom_poison" in event.body]
        if not poison:
            self._accept(events)
            if chance.random() < 0.05:
                return Reply(Answer(200, JSON, b"{}"), seconds), list(events)
            if chance.random() < 0.1:
                new = chance.randrange(len(events) + 1)
                other = chance.choice([b"updated", b"unchanged"])
                counts = b'{"created":%d,"%s":%d}' % (new, other, len(events) - new)
                return Reply(Answer(200, JSON, counts), seconds), list(events)
            return Reply(Answer(201, JSON, b'{"success":true,"created":%d}' % len(events)), seconds), list(events)
        self.faults += 1
        return self._refuse(request, poison, seconds)

    def _refuse(self, request: Request, poison: list[int], seconds: float) -> tuple[Reply, list[Event]]:
        events = request.events
        good = [event for at, event in enumerate(events) if at not in poison]
        match self._chance.randrange(6):
            case 5:
                no = self._chance.choice([b'{"success":false}', b'{"created":0,"errors":[]}'])
                return Reply(Answer(200, JSON, no), seconds), []
            case 0:
                return Reply(Answer(400, JSON, b'{"success":false,"errors":["TIMESTAMP_ERROR"]}'), seconds), []
            case 1:
                errors = [{"index": at, "code": "TIMESTAMP_ERROR"} for at in poison]
                return Reply(Answer(400, JSON, orjson.dumps({"success": False, "errors": errors})), seconds), []
            case 2:
                self._accept(good)
                body = {"success": True, "created": len(good), "errors": {str(at): "TIMESTAMP_ERROR" for at in poison}}
                # Without a 0 it does not say whether its indexes count from 0.
                return Reply(Answer(200, JSON, orjson.dumps(body)), seconds, clear=0 in poison), good
            case 3:
                self._accept(good)
                errors = [{"message": "bad"} if at in poison else None for at in range(len(events))]
                return Reply(Answer(207, JSON, orjson.dumps({"errors": errors})), seconds), good
            case _:
                # Names the first only, and a wrong index now and then.
                at = poison[0] if self._chance.random() < 0.7 else len(events) + 3
                body = {"success": False, "errors": [{"index": at, "message": "TIMESTAMP_ERROR"}]}
                return Reply(Answer(422, JSON, orjson.dumps(body)), seconds), []

    def _faulty(self, request: Request) -> tuple[Reply, list[Event]]:
        chance = self._chance
        self.faults += 1
        kind = chance.randrange(12)
        seconds = chance.uniform(0.01, 0.4)
        if kind <= 2:
            return self._throttling(seconds), []
        if kind == 3:
            return Reply(chance.choice([Failure.REFUSED, Failure.DNS, Failure.CONNECT_TIMEOUT]), seconds), []
        if kind == 4 and len(request.events) > 1 and not any(b"custom_poison" in e.body for e in request.events):
            some = sorted(chance.sample(request.events, chance.randrange(1, len(request.events))))
            self._accept(some)
            self.partly.update(event.body for event in request.events)
            return Reply(Answer(200, JSON, b'{"created":%d}' % len(some)), seconds), some
        if kind == 5:
            page = b"<html>please log in</html>"
            return Reply(Answer(200, {"content-type": "text/html"}, page), seconds, clear=False), []
        if kind <= 8:
            # Accepted, but the answer is lost or spoilt on its way.
            accepted: list[Event] = []
            if not any(b"custom_poison" in event.body for event in request.events):
                accepted = list(request.events)
                self._accept(accepted)
            return Reply(self._lost(), chance.choice([seconds, 30.0]), clear=False), accepted
        return Reply(self._lost(), chance.choice([seconds, 30.0]), clear=False), []

    def _broken(self, request: Request) -> tuple[Reply, list[Event]]:
        self.faults += 1
        return Reply(Answer(503, {}, b"down"), 0.05), []

    def _lost(self) -> Answer | Failure:
        return self._chance.choice(
            [
                Failure.TIMEOUT,
                Failure.RESET,
                Answer(502, {}, b"<html>bad gateway</html>"),
                Answer(503, JSON, b'{"success":true}'),
                Answer(500, JSON, b'{"success":false}'),
                Answer(408, {}, b""),
                Answer(201, JSON, b'{"success":true,"crea', truncated=True),
            ]
        )

    def _throttling(self, seconds: float) -> Reply:
        chance = self._chance
        wait = chance.choice([1, 2, 5])
        match chance.randrange(5):
            case 4:
                busy = chance.choice([200, 400, 403])
                headers = {**JSON, "retry-after": f"0, {wait}"}
                return Reply(Answer(busy, headers, b'{"errors":["too many requests"]}'), seconds, float(wait))
            case 0:
                return Reply(Answer(429, {"retry-after": str(wait)}, b""), seconds, float(wait))
            case 1:
                headers = {
                    "retry-after": format_datetime(NOON + timedelta(seconds=wait), usegmt=True),
                    "date": format_datetime(NOON, usegmt=True),
                }
                return Reply(Answer(429, headers, b""), seconds, float(wait))
            case 2:
                return Reply(Answer(503, {"retry-after": str(wait)}, b""), seconds, float(wait))
            case _:
                return Reply(Answer(429, {"retry-after": chance.choice(["soon", "-1", "1.5e3", "²"])}, b""), seconds)

    def _accept(self, events: list[Event] | tuple[Event, ...]) -> None:
        for event in events:
            place = (event.key[0], event.body)
            self.accepted[place] = self.accepted.get(place, 0) + 1  # type: ignore[index]
            self.last[event.key[0]] = event.body  # type: ignore[index]
            self.last_at[event.key[0]] = self._now  # type: ignore[index]

"""At least 6,400 faults over real sockets: the real client, verdicts and courier against the scripted server.

The oracle is the set of events that the server accepted. Nothing that the courier calls accepted may be missing there,
nothing may end twice or not at all, and events of one identity keep their order. C4, C12, C13, C16, C29, C30.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Any

import orjson
import pytest

from etl.delivery.courier import AdmittedPage, Courier, CourierSettings, Settlement
from etl.event.event import Event
from etl.job.senders import Answered, Senders
from etl.page import Position
from etl.verdict.judge import judge
from etl.verdict.retry_after import silence_seconds
from tests.delivery.memory_budget import MemoryBudget
from tests.servers.scripted_faults import FAULTS, Fault
from tests.servers.scripted_server import Behaviour, Exchange, ScriptedServer, early, like_squeezely

SEEDS = range(3)
FAULTS_A_SEED = 800
EVENTS = 2300
IDENTITIES = 150
BATCH = 4  # what the catalogue's counts are made for
CONCURRENCY = 4
TIMEOUT_SECONDS = 0.15

# Each of these costs a whole time-out.
SLOW = {"accepted_but_silent", "hang_before_body", "hang_after_body", "drip_head", "drip_body"}
# These ask for a wait that no test can afford, or stop the run by what they say, which other tests cover.
WAITING = {"429_seconds", "429_date", "429_date_no_zone", "429_date_no_clock", "429_date_far", "429_absurd", "429_day"}
HEAVY = {"gzip_bomb", "two_mebibytes", "endless_body", "json_deep"}
NOT_HERE = WAITING | {"unavailable_for_7s", "unavailable_until"}
STOPPING = (
    "status_4",
    "status_501",
    "status_505",
    "redirect_",
    "not_modified",
    "unread_401",
    "unread_and_open",
    "unauthorized_cut",
)
# Dead letters in all but name: a person has to look, so they stay few.
GIVEN_UP = (
    "partly_",
    "bad_request",
    "false_",
    "text",
    "by_",
    "unprocessable",
    "conflict",
    "teapot",
    "echo",
    "long_",
    "counted_",
    "error_",
    "status_error",
    "status_fail",
    "code_error",
)
# They refuse the event of index 1. This server counts from 0: of one event it would never say so, and to a client that
# believes it, all its other indexes would count from 1 (C15).
OF_THE_SECOND = {
    "by_index",
    "by_event_index",
    "by_key",
    "by_position",
    "by_index_alone",
    "by_index_twice",
    "by_index_nested",
    "others_confirmed",
    "error_index",
    "forbidden_index",
}


def usable(name: str) -> bool:
    transient = FAULTS[name].transient
    return name not in NOT_HERE and not name.startswith("ok") and (transient or not name.startswith(STOPPING))


class Chance:
    """Picks each request's fault; counts them, and remembers for which requests it did."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self.happened: Counter[str] = Counter()
        names = [name for name in FAULTS if usable(name)]
        self._cheap = [name for name in names if name not in SLOW | HEAVY and not name.startswith(GIVEN_UP)]
        self._refusing = [name for name in names if name.startswith(GIVEN_UP)]
        self._costly = [name for name in names if name in SLOW | HEAVY]

    def fault(self) -> Fault | None:
        """None = the API's ordinary answer."""
        with self._lock:
            draw = self._random.random()
            if draw < 0.30:
                return None
            pool = self._refusing if draw < 0.40 else self._costly if draw < 0.42 else self._cheap
            fault = FAULTS[self._random.choice(pool)]
            self.happened[fault.name] += 1
            return fault


class Life:
    """Runs one after the other, until every event has its end; a run that stops is followed by the next."""

    def __init__(self, events: Sequence[Event], *, open_client: Callable[[], Any], server: ScriptedServer) -> None:
        self.open_client = open_client
        self.server = server
        self.left = list(events)
        self.accepted: set[int] = set()
        self.rejected: dict[int, str] = {}
        self.words: list[str] = []
        self.runs = 0
        self.ambiguous = 0

    def run(self) -> None:
        """One run over what is left, as after a restart."""
        self.runs += 1
        settings = CourierSettings(
            batch_size=BATCH,
            concurrency=CONCURRENCY,
            span_events=CONCURRENCY * BATCH * 2,
            max_attempts=50,
            max_backoff_seconds=0.002,
            first_backoff_seconds=0.001,
            retry_allowance=100_000,
        )
        courier = Courier(settings=settings, budget=MemoryBudget(requests_per_second=1e6, events_per_second=1e9))
        inbox: SimpleQueue[object] = SimpleQueue()
        senders = Senders(self.open_client, count=CONCURRENCY, deliver=inbox.put)
        events = [event._replace(seq=seq) for seq, event in enumerate(self.left)]
        courier.admit(
            AdmittedPage(first_seq=0, rows=len(events), events=events, position=lambda seq: Position(seq, (seq,)))
        )
        courier.more_is_coming(False)  # noqa: FBT003  # reads as a sentence
        bodies: dict[tuple[int, ...], bytes] = {}
        in_flight = 0
        skipped = 0.0
        while not courier.idle:
            now = time.monotonic() + skipped
            while (request := courier.next_request(now=now, jitter=random.random)) is not None:
                assert bodies.setdefault(tuple(event.seq for event in request.events), request.body) == request.body
                senders.submit(request)
                in_flight += 1
            if in_flight:
                message = inbox.get()
                assert isinstance(message, Answered), message
                in_flight -= 1
                verdict = judge(message.answer, events=len(message.request.events), sent=message.request.body)
                courier.answered(message.request, verdict, now=time.monotonic() + skipped, jitter=random.random)
                if (silence := silence_seconds(message.answer)) is not None:
                    courier.budget.pause_until(time.monotonic() + skipped + silence)
            elif courier.trouble is not None:
                break
            else:
                skipped += 0.01  # nothing is under way: only the clock holds the next request back
            while (settlement := courier.settlement()) is not None:
                self.settle(settlement)
                courier.committed(settlement)
        senders.close()
        self.ambiguous += courier.tally.ambiguous

    def settle(self, settlement: Settlement) -> None:
        at_the_server = {event["n"] for event in list(self.server.accepted)}
        for event in settlement.accepted:
            number = event.key[0]
            assert number in at_the_server, "called accepted, but the server never took it"
            assert number not in self.accepted
            assert number not in self.rejected
            self.accepted.add(number)
        for rejected in settlement.rejected:
            number = rejected.event.key[0]
            assert number not in self.accepted
            assert number not in self.rejected
            self.rejected[number] = rejected.reason
            self.words.append(rejected.words)
        ended = self.accepted | self.rejected.keys()
        self.left = [event for event in self.left if event.key[0] not in ended]


def event(number: int) -> Event:
    email = f"canary{number % IDENTITIES}@example.org"
    body = orjson.dumps({"event": "Order", "email": email, "n": number})
    return Event(number, (number,), body, (f"e:{email}",), b"", b"", 1)


def by_chance(chance: Chance) -> Behaviour:
    """A behaviour that draws another for each request, before its body is read, since some faults come before that."""

    def behave(exchange: Exchange) -> None:
        fault = chance.fault()
        behaviour = fault.behaviour if fault else like_squeezely
        if not getattr(behaviour, "early", False):
            exchange.read_body()
            if fault and fault.name in OF_THE_SECOND and len(exchange.request.events) == 1:
                behaviour = FAULTS["false_bare"].behaviour
        behaviour(exchange)

    return early(behave)


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_lost_and_the_books_balance(seed: int, open_client: Any) -> None:
    chance = Chance(seed)
    with ScriptedServer(otherwise=by_chance(chance)) as server:
        life = Life(
            [event(number) for number in range(EVENTS)],
            open_client=lambda: open_client(server.url, timeout_seconds=TIMEOUT_SECONDS),
            server=server,
        )
        while life.left:
            life.run()
            assert life.runs < 500
    assert life.accepted | life.rejected.keys() == set(range(EVENTS))
    assert not life.accepted & life.rejected.keys()
    assert sum(chance.happened.values()) >= FAULTS_A_SEED
    assert life.ambiguous > 0
    assert not any("canary" in words for words in life.words)
    check_order(server.accepted)


def check_order(accepted: Sequence[dict[str, Any]]) -> None:
    """A repeat may follow its original, but no older event stays the last word on an identity."""
    by_identity: dict[str, list[int]] = defaultdict(list)
    for entry in accepted:
        by_identity[entry["email"]].append(entry["n"])
    for numbers in by_identity.values():
        firsts = list(dict.fromkeys(numbers))
        assert firsts == sorted(firsts)
        assert numbers[-1] == max(numbers)

"""A life: a shop that writes, a receiver with moods, nights that crash and start again; decided by one seed.

Whatever happens, the laws of contract §7 are checked at every step; at the end everything has to have arrived.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from zoneinfo import ZoneInfo

from etl.batch.event import Event
from etl.delivery.courier import Request, Settlement
from etl.delivery.throttle import Budget, MemoryBudget
from etl.host.shared_budget import SharedBudget
from etl.page import Bound, Window
from etl.source.cursor import CursorDomain
from etl.source.windows import run_windows
from tests.simulation.api import Api, Reply
from tests.simulation.law import RateWatch, require
from tests.simulation.memory_state import MemoryState
from tests.simulation.process import KilledError, Process, settings_of
from tests.simulation.table import Shop, Table, body_of, place_of

SETTLE = 2
LOOKBACK = 30
REQUESTS_PER_SECOND = 20.0
EVENTS_PER_SECOND = 30.0
DOMAIN = CursorDomain("cursor", "integer", ZoneInfo("UTC"))
MOST_STEPS = 200_000


@dataclass(slots=True)
class Tally:
    """What a life held."""

    faults: int = 0
    kills: int = 0
    requests: int = 0
    rows: int = 0
    runs: int = 0

    def add(self, other: Tally) -> None:
        self.faults += other.faults
        self.kills += other.kills
        self.requests += other.requests
        self.rows += other.rows
        self.runs += other.runs


class World:
    """One life. `live` runs it to its end, or raises `BrokenLaw`."""

    def __init__(self, seed: int, *, folder: Path, tell: Callable[[str], None] | None = None) -> None:
        chance = self.chance = random.Random(seed)
        self._tell_to = tell
        self.tally = Tally()
        self.now = 1000.0
        self.ledger = chance.random() < 0.75
        self.moving = chance.random() < 0.3
        self.page_size = chance.choice([1, 3, 8, 20, 50])
        batch_size = chance.choice([1, 2, 4, 8])
        max_batch_bytes = chance.choice([500, 2000, 100_000])
        self.settings = settings_of(
            concurrency=chance.choice([1, 2, 4]),
            batch_size=batch_size,
            ledger=self.ledger,
            max_batch_bytes=max_batch_bytes,
        )
        self.table = Table()
        self.shop = Shop(
            self.table,
            chance,
            # What the user owes, less the second that the cursor is cut to.
            latest_commit=SETTLE + (LOOKBACK if self.ledger else 0) - 1,
            moving=self.moving,
        )
        self.api = Api(chance, max_bytes=chance.choice([400, 1000, 10**6]))
        self.state = MemoryState(danger=self.danger)
        self.state.settled = self._settled
        # Half of the lives share a file, as processes do; in the others, which are quicker, all share one object.
        self.memory = (
            None
            if chance.random() < 0.5
            else MemoryBudget(requests_per_second=REQUESTS_PER_SECOND, events_per_second=EVENTS_PER_SECOND)
        )
        # What the ledger has, in lives where no other process may have read the row before it had.
        self.recorded: set[tuple[object, bytes]] = set()
        # What became a dead letter, in the same lives.
        self.given_up: set[tuple[object, bytes]] = set()
        self.watch = RateWatch(requests=REQUESTS_PER_SECOND, events=EVENTS_PER_SECOND)
        self.kill_rate = chance.choice([0.0, 0.001, 0.005])
        self._folder = folder
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()
        self._alive: list[Process] = []
        self._trading = True
        self._current: Process | None = None

    def live(self) -> Tally:
        chance = self.chance
        self.shop.work(self.now - 100, writes=chance.randrange(60))
        for _ in range(chance.randrange(3, 8)):
            self.api.badness = chance.choice([0.2, 0.5, 0.7, 0.85])
            self._night(backfill=self.ledger and self.memory is None and chance.random() < 0.4)
            self._day(chance.uniform(1, 60))
        self.api.badness = 0.0
        self.kill_rate = 0.0
        self._trading = False
        # Once every transaction has ended and settled, two quiet nights bring everything home.
        self._day(float(SETTLE + LOOKBACK + 60), writing=False)
        for _ in range(2):
            last = self._night(backfill=False)
            self._day(60.0, writing=False)
        require(last.error is None, "with a healthy receiver a run comes to its end", last.error)
        self._check_everything_arrived()
        self.tally.faults += self.api.faults
        self.tally.rows += len(self.table.rows)
        return self.tally

    def tell(self, *words: object) -> None:
        """Say what happens, when somebody listens."""
        if self._tell_to is not None:
            self._tell_to(f"{self.now:10.3f}  {' '.join(map(str, words))}")

    def danger(self, point: str) -> None:
        """A place where a process may be killed."""
        if self.kill_rate and self.chance.random() < self.kill_rate:
            self.tell("killed", point)
            raise KilledError(point)

    def send(self, process: Process, request: Request) -> None:
        """`request` is on the wire: it arrives even if the process dies."""
        self.watch.sent(self.now, len(request.events))
        require(request.body.startswith(b'{"events":['), "a request is one JSON object")
        require(len(self._flying(process)) < self.settings.concurrency, "no more requests than connections")
        for event in request.events:
            again = (event.key[0], event.body) in self.recorded
            require(not again, "what the ledger saw accepted is not sent again", event.key)
            again = (event.key[0], event.body) in self.given_up
            require(not again, "what became a dead letter is not sent again while its row is the same", event.key)
        process.flying[request.number] = request
        self.tell("sent", process.track, request.number, "attempt", request.attempt, [e.seq for e in request.events])
        self._at(self.now + self.chance.uniform(0.0, 0.1), lambda: self._arrive(process, request))

    def _flying(self, process: Process) -> dict[int, Request]:
        return process.flying

    def _arrive(self, process: Process, request: Request) -> None:
        if process.over and self.chance.random() < 0.5:
            return
        self.tally.requests += 1
        reply, accepted = self.api.receive(request, now=self.now)
        self.tell("arrived", process.track, request.number, reply.answer, "accepted", [event.seq for event in accepted])
        if not process.over:
            process.arrives(accepted)
            self._at(self.now + reply.seconds, lambda: self._reply(process, request, reply, accepted))

    def _reply(self, process: Process, request: Request, reply: Reply, accepted: Sequence[Event]) -> None:
        if process.over:
            return

        def take() -> None:
            del process.flying[request.number]
            process.answered(request, reply)
            if reply.clear:
                process.told.update(event.seq for event in accepted)
            if reply.wait is not None:
                self.watch.told_to_wait(self.now + reply.wait)

        self._turn(process, take)

    def _night(self, *, backfill: bool) -> Process:
        """A run, begun again after each kill; now and then with a backfill beside it."""
        again = 0
        while True:
            self.table.commit_until(self.now)
            run = self._start("run", self._windows())
            if backfill and again == 0:
                low = int(self.now) - self.chance.randrange(200)
                window = Window(start=low, until=low + self.chance.randrange(1, 100), until_open=True)
                self._at(self.now + self.chance.uniform(0, 2), lambda window=window: self._start("backfill", [window]))
            self._run_agenda()
            again += 1
            if run.error is not None or not run.killed or again > 20:
                return run
            self._day(self.chance.uniform(0.5, 5.0), writing=self.chance.random() < 0.5)

    def _windows(self) -> Sequence[Window]:
        until = int(self.now) - SETTLE
        return run_windows(
            DOMAIN,
            checkpoint=self.state.positions.get("run"),
            bound=Bound(until),
            lookback=LOOKBACK if self.ledger else 0,
        )

    def _start(self, track: str, windows: Sequence[Window]) -> Process:
        process = Process(self, track=track, windows=windows, budget=self._budget(patient=track == "backfill"))
        self.tally.runs += 1
        self.tell("started", track, windows)
        if track == "backfill":
            self.state.positions.pop("backfill", None)
        self._alive.append(process)
        self._at(self.now, lambda: self._turn(process, lambda: None))
        return process

    def _budget(self, *, patient: bool) -> Budget:
        if self.memory is not None:
            return self.memory
        return SharedBudget(
            folder=self._folder,
            account=("simulated",),
            requests_per_second=REQUESTS_PER_SECOND,
            events_per_second=EVENTS_PER_SECOND,
            patient=patient,
        )

    def _turn(self, process: Process, action: Callable[[], None]) -> None:
        """Something happens to `process`; then its loop goes on."""
        if process.over:
            return
        self._current = process
        try:
            action()
            process.step()
        except KilledError:
            process.over = process.killed = True
            self.tally.kills += 1
        if process.over:
            process.close()
            self._alive.remove(process)
            return
        if process.can_read() and not process.reading:
            process.reading = True
            self._at(self.now + self.chance.uniform(0, 0.05), lambda: self._read(process))
        wake = process.courier.wake_at
        if wake is not None and (process.wake_scheduled is None or wake < process.wake_scheduled):
            process.wake_scheduled = wake
            # A process wakes up a little late, never early.
            self._at(max(self.now, wake) + self.chance.uniform(0, 0.005), lambda: self._wake(process, wake))

    def _wake(self, process: Process, wake: float) -> None:
        if process.wake_scheduled == wake:
            process.wake_scheduled = None
            self._turn(process, lambda: None)

    def _read(self, process: Process) -> None:
        process.reading = False
        if process.can_read():
            self.table.commit_until(self.now)
            self._turn(process, process.read)

    def _day(self, seconds: float, *, writing: bool = True) -> None:
        """Time passes with no process alive; what is on the wire arrives."""
        end = self.now + seconds
        if writing:
            for _ in range(self.chance.randrange(4)):
                self.shop.work(self.now, writes=self.chance.choice([1, 3, 30]))
        self._run_agenda()
        self.now = max(self.now, end)
        self.table.commit_until(self.now)

    def _at(self, time: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (time, next(self._numbers), action))

    def _run_agenda(self) -> None:
        agenda = self._agenda
        for _ in range(MOST_STEPS):
            if not agenda:
                break
            time, _, action = heapq.heappop(agenda)
            self.now = max(self.now, time)
            action()
            if self._trading and self.chance.random() < 0.01:
                self.shop.work(self.now, writes=1)
        else:
            require(holds=False, law="a night ends")
        require(not self._alive, "a process that has nothing to wait for is over")

    def _settled(self, settlement: Settlement, track: str) -> None:
        """What is about to be recorded has to be true."""
        process = self._current
        assert process is not None
        self.tell("settled", track, [e.seq for e in settlement.accepted], settlement.rejected, settlement.position)
        for event in settlement.accepted:
            require((event.key[0], event.body) in self.api.accepted, "only what was accepted is recorded", event.key)
            process.unrecorded.discard(event.seq)
            if self.ledger and self.memory is not None:
                self.recorded.add((event.key[0], event.body))
        for rejected in settlement.rejected:
            event = rejected.event
            just = (
                rejected.reason == "partly_accepted"
                or b"custom_poison" in event.body
                or (rejected.reason == "too_large" and len(event.body) > 380)
            )
            require(just, "a good event is not rejected", (event.key, rejected.reason))
            if self.ledger and self.memory is not None:
                self.given_up.add((event.key[0], event.body))
            process.unrecorded.discard(event.seq)
        if settlement.position is not None:
            self._check_checkpoint(process, settlement, track)

    def _check_checkpoint(self, process: Process, settlement: Settlement, track: str) -> None:
        position = settlement.position
        assert position is not None
        reached = place_of(position)
        before = self.state.positions.get(track)
        low = place_of(before) if before else (-1.0, -1.0)
        require(reached > low, "the checkpoint never goes back", (low, reached))
        certain = {event.key for event in settlement.accepted} | {one.event.key for one in settlement.rejected}
        if track == "run":
            for place in self.table.ordered:
                if low < place <= reached and self.table.visible_since[place[1]] <= process.started:
                    self._check_settled_row(place[1], certain)
        if not self.ledger:
            beyond = sum(process.positions[seq] > reached for seq in process.arrived)
            bound = self.settings.concurrency * self.settings.batch_size
            require(beyond <= bound, "without a ledger, a kill repeats no more than the span", beyond)

    def _check_settled_row(self, key: int, certain: set[object]) -> None:
        row = self.table.rows[key]
        done = (key, body_of(row)) in self.api.accepted or (key,) in self.state.dead or (key,) in certain
        require(done, "every row at or below the checkpoint is accepted, unchanged or a dead letter", row)

    def _check_everything_arrived(self) -> None:
        for key, row in self.table.rows.items():
            if (key,) in self.state.dead:
                continue
            body = body_of(row)
            require((key, body) in self.api.accepted, "no loss", row)
            if not self.moving:
                require(self.api.last[key] == body, "the newest version arrives last", row)


def live(seed: int, *, folder: Path, tell: Callable[[str], None] | None = None) -> Tally:
    """The life of `seed`. Raises `BrokenLaw`, with the seed in its text."""
    for file in folder.glob("*"):
        file.unlink()
    try:
        return World(seed, folder=folder, tell=tell).live()
    except AssertionError as broken:
        broken.args = (f"seed {seed}: {broken}",)
        raise

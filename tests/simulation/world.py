"""A life: a shop that writes, a receiver with moods, nights that crash and start again; decided by one seed.

Whatever happens, the laws of the guarantee are checked at every step; at the end everything has to have arrived.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

from etl.delivery.courier import Request, Settlement
from etl.delivery.throttle import Budget, MemoryBudget, Rates
from etl.event.event import Event
from etl.host.shared_budget import SharedBudget
from etl.job.rows_of_keys import in_order
from etl.job.start import REFRESH, RunOptions, windows_to_read
from etl.page import Bound, Page, Position, Window
from etl.source.cursor import CursorDomain
from etl.source.windows import run_windows
from tests.simulation.api import Api, Reply
from tests.simulation.law import RateWatch, require
from tests.simulation.process import KilledError, Process, SimulatedClock, settings_of
from tests.simulation.state import ProcessState, Store, ledger_key
from tests.simulation.table import FORBIDDEN, REFUSED, SERVER_ERROR, Row, Shop, Table, body_of, place_of

SETTLE = 2
LOOKBACK = 30
REQUESTS_PER_SECOND = 20.0
EVENTS_PER_SECOND = 30.0
DOMAIN = CursorDomain("cursor", "integer", ZoneInfo("UTC"))
MOST_STEPS = 200_000
# After so many quiet nights with a limit, each of which went on where the last had ended, the rest comes in one.
LIMITED_NIGHTS = 8


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
        people = chance.choice([3, 20, 10_000])
        self.limit = chance.choice([None, None, None, 2, 5, 20])
        self.table = Table()
        self.shop = Shop(
            self.table,
            chance,
            # What the user owes, less the second that the cursor is cut to.
            latest_commit=SETTLE + (LOOKBACK if self.ledger else 0) - 1,
            moving=self.moving,
            people=people,
            poisons=[REFUSED, SERVER_ERROR, FORBIDDEN]
            if self._may_tell(people) and chance.random() < 0.6
            else [REFUSED],
        )
        self.api = Api(chance, max_bytes=chance.choice([400, 1000, 10**6]))
        self.store = Store(SimulatedClock(self))
        # The state as nothing but the world looks at it.
        self.seen = self.store.open()
        self.numbers_of_runs = 0
        # Whether a run that is stopped waits for the answers to what is out.
        self.patient = chance.random() < 0.7
        self.backup: bytes | None = None
        # Half of the lives share a file, as processes do; in the others, which are quicker, all share one object.
        self.memory = (
            None
            if chance.random() < 0.5
            else MemoryBudget(requests_per_second=REQUESTS_PER_SECOND, events_per_second=EVENTS_PER_SECOND)
        )
        # What the ledger surely has of a row, in lives where no other process may have read it before it had.
        self.recorded: dict[object, bytes] = {}
        # Until which reading it is not sure of a row.
        self.unsure: dict[object, int] = {}
        # The last event of a row that became a dead letter, in the same lives, and the latest reading then.
        self.given_up: dict[object, tuple[bytes, int]] = {}
        # When the latest full refresh began, once it is complete.
        self.refresh_began: float | None = None
        self.refreshed_since: float | None = None
        self.watch = RateWatch(requests=REQUESTS_PER_SECOND, events=EVENTS_PER_SECOND)
        self.kill_rate = chance.choice([0.0, 0.001, 0.005, 0.02])
        self._folder = folder
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()
        self._alive: list[Process] = []
        self._trading = True
        self._current: Process | None = None
        self._keys: dict[bytes, object] = {}
        self._dead: set[object] = set()
        # The windows of backfills that were killed: a person begins them once more.
        self._unfinished: list[Window] = []

    def live(self) -> Tally:
        chance = self.chance
        self.shop.work(self.now - 100, writes=chance.randrange(60))
        for _ in range(chance.randrange(3, 8)):
            self.api.badness = chance.choice([0.3, 0.7, 0.85, 0.92])
            full_refresh = chance.random() < 0.08
            self._night(
                backfill=self.ledger and self.memory is None and chance.random() < 0.4, full_refresh=full_refresh
            )
            self._day(chance.uniform(1, 60))
            if chance.random() < 0.2:
                self._retry(chance.choice([None, None, 3]))
                self._day(chance.uniform(1, 20))
            self._keep_or_restore()
        self.api.badness = 0.0
        self.kill_rate = 0.0
        self._trading = False
        # Once every transaction has ended and settled, two quiet nights bring everything home.
        self._day(float(SETTLE + LOOKBACK + 60), writing=False)
        for window in self._unfinished[:]:
            self._backfill(window)
            self._run_agenda()
        if self._unfinished:
            # An event that fails alone, with nothing else in the window to tell it from an outage (a known limit).
            poison = any(row[5] for row in self.table.rows.values())
            require(poison, "with a healthy receiver a backfill comes to its end")
            return self.tally
        nights, reached = 0, None
        while nights < 2 or reached != (reached := self.seen.checkpoint()):
            last = self._night(backfill=False)
            self._day(60.0, writing=False)
            nights += 1
            if nights == LIMITED_NIGHTS:
                self.limit = None
            require(
                last.error is None or all(map(self._may_be_stuck, self._not_arrived())),
                "with a healthy receiver a run comes to its end",
                last.error,
            )
            require(nights < 1000, "nights with a limit come to their end")
        self._check_everything_arrived()
        last = self._retry()
        self._day(60.0, writing=False)
        letters = [self.table.rows[letter.key[0]] for letter in self.seen.open_dead_letters()]  # type: ignore[index]
        told = last.error is None or any(row[5] in {SERVER_ERROR, FORBIDDEN} for row in letters)
        require(told, "with a healthy receiver a retry comes to its end", last.error)
        self._check_everything_arrived()
        for letter in self.seen.open_dead_letters():
            hopeless = last.error is not None or letter.reason not in {"partly_accepted", "overtaken"}
            require(hopeless, "a retry leaves what is refused for good", letter.key)
        self.tally.faults += self.api.faults
        self.tally.rows += len(self.table.rows)
        return self.tally

    def _may_tell(self, people: int) -> bool:
        """Whether something else can be in flight, of another person, while an event may make the API fail."""
        return (
            self.ledger
            and people > 3
            and self.limit is None
            and self.page_size >= 20
            and self.settings.concurrency * self.settings.batch_size >= 8
        )

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
            key = event.key[0]
            if process.command != "retry":
                sure = self.unsure.get(key, -1) < event.stamp and key not in self.unsure
                again = sure and self.recorded.get(key) == event.body
                require(not again, "what the ledger saw accepted is not sent again", event.key)
                refused, read_before = self.given_up.get(key, (b"", 0))
                again = not process.tries_again and refused == event.body and event.stamp > read_before
                require(not again, "what became a dead letter is not sent again while its row is the same", event.key)
            self.unsure[key] = max(event.stamp, self.unsure.get(key, event.stamp))
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

    def _night(self, *, backfill: bool, full_refresh: bool = False) -> Process:
        """A run, begun again after each kill; now and then with a backfill beside it."""
        again = 0
        while True:
            self.table.commit_until(self.now)
            run = self._run(full_refresh=full_refresh)
            if self._trading and self.chance.random() < 0.2:
                self._at(self.now + self.chance.uniform(0, 5), lambda run=run: self._turn(run, run.stop))
            if backfill and again == 0:
                low = int(self.now) - self.chance.randrange(200)
                window = Window(start=low, until=low + self.chance.randrange(1, 100), until_open=True)
                self._at(self.now + self.chance.uniform(0, 2), lambda window=window: self._backfill(window))
            self._run_agenda()
            again += 1
            if run.error is not None or not run.killed or again > 20:
                return run
            self._day(self.chance.uniform(0.5, 5.0), writing=self.chance.random() < 0.5)

    def _run(self, *, full_refresh: bool) -> Process:
        refreshing = self.seen.checkpoint(REFRESH) is not None
        state = self._open()

        def begin() -> Sequence[Window]:
            before = state.checkpoint()
            if full_refresh and not refreshing:
                self.recorded.clear()
                self.given_up.clear()
                self.refresh_began = self.now
            start = "beginning" if before is None and not full_refresh else None
            options = RunOptions("run", start_from=start, full_refresh=full_refresh)
            context = _run_context(state, lookback=LOOKBACK if self.ledger else 0)
            return windows_to_read(context, before, Bound(int(self.now) - SETTLE), options)

        return self._start("run", state, begin, limit=self.limit, tries_again=full_refresh or refreshing)

    def _backfill(self, window: Window) -> Process:
        state = self._open()

        def begin() -> Sequence[Window]:
            with state.real._database.transaction() as transaction:
                state.real._checkpoints.forget(transaction, "backfill")
            return [window]

        if window not in self._unfinished:
            self._unfinished.append(window)
        process = self._start("backfill", state, begin)
        process.windows = (window,)
        return process

    def _retry(self, limit: int | None = None) -> Process:
        """The dead letters again, those tried least recently first when there is a limit."""
        state = self._open()

        def begin() -> Sequence[Page]:
            keys = in_order(state.open_dead_letter_keys(limit=limit), self.table)
            return [self.table.rows_by_key(keys[at : at + 5]) for at in range(0, len(keys), 5)]

        process = self._start("retry", state, begin, tries_again=True)
        self._run_agenda()
        return process

    def _keep_or_restore(self) -> None:
        """Between two processes: the state is copied, or an older copy is put in its place."""
        if self.backup is None and self.chance.random() < 0.15:
            self.backup = self.store.backup()
        elif self.backup is not None and self.chance.random() < 0.3:
            self.tell("restored")
            self.store.restore(self.backup)
            self.seen = self.store.open()
            self.recorded.clear()
            self.given_up.clear()
            # A refresh may have begun, or come to its end, after the copy was made.
            self.refresh_began = self.refreshed_since = None

    def _open(self) -> ProcessState:
        return ProcessState(
            self.store.open(),
            danger=self.danger,
            settled=self._settled,
            doubted=self._doubted,
            let_go=self._let_go,
        )

    def _start(
        self,
        command: str,
        state: ProcessState,
        begin: Callable[[], Sequence[Window] | Sequence[Page]],
        *,
        limit: int | None = None,
        tries_again: bool = False,
    ) -> Process:
        budget = self._budget(patient=command == "backfill")
        process = Process(
            self, command=command, state=state, begin=begin, budget=budget, limit=limit, tries_again=tries_again
        )
        self.tally.runs += 1
        self.tell("started", command)
        self._alive.append(process)
        self.store.enter(process.lock)

        def start() -> None:
            process.start()
            process.ready = True

        self._at(self.now, lambda: self._turn(process, start))
        return process

    def _budget(self, *, patient: bool) -> Budget:
        if self.memory is not None:
            return self.memory
        return SharedBudget(
            folder=self._folder,
            account=("simulated",),
            rates=Rates(REQUESTS_PER_SECOND, EVENTS_PER_SECOND),
            patient=patient,
        )

    def _turn(self, process: Process, action: Callable[[], None]) -> None:
        """Something happens to `process`; then its loop goes on."""
        if process.over:
            return
        self._current = process
        try:
            action()
            if process.ready:
                process.step()
        except KilledError:
            process.over = process.killed = True
            self.tally.kills += 1
        if process.over:
            process.close()
            self._alive.remove(process)
            self.store.leave(process.lock)
            if process.command == "backfill" and not process.killed and process.error is None:
                self._unfinished = [window for window in self._unfinished if window not in process.windows]
            if self.refresh_began is not None and self.seen.checkpoint(REFRESH) is None:
                self.refreshed_since, self.refresh_began = self.refresh_began, None
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

    def _doubted(self, ledger_keys: Iterable[bytes], stamp: int) -> None:
        for hashed in ledger_keys:
            self.unsure[self._key_of(hashed)] = stamp

    def _let_go(self, ledger_keys: Iterable[bytes]) -> None:
        for hashed in ledger_keys:
            self.given_up.pop(self._key_of(hashed), None)

    def _key_of(self, hashed: bytes) -> object:
        if hashed not in self._keys:
            self._keys = {ledger_key((key,)): key for key in self.table.rows}
        return self._keys.get(hashed)

    def _settled(self, settlement: Settlement) -> None:
        """What is about to be recorded has to be true."""
        process = self._current
        assert process is not None
        track = process.track
        self.tell("settled", track, [e.seq for e in settlement.accepted], settlement.rejected, settlement.position)
        for event in settlement.accepted:
            require((event.key[0], event.body) in self.api.accepted, "only what was accepted is recorded", event.key)
            process.unrecorded.discard(event.seq)
            key = event.key[0]
            self.given_up.pop(key, None)
            if self.ledger and self.memory is not None:
                self.recorded[key] = event.body
                if self.unsure.get(key, -1) <= event.stamp:
                    self.unsure.pop(key, None)
        for rejected in settlement.rejected:
            event = rejected.event
            just = (
                (rejected.reason == "partly_accepted" and event.body in self.api.partly)
                or rejected.reason.upper() == "DUPLICATE"
                or b"custom_poison" in event.body
                or (rejected.reason == "too_large" and len(event.body) > 380)
            )
            require(just, "a good event is not rejected", (event.key, rejected.reason))
            if self.ledger and self.memory is not None:
                self.given_up[event.key[0]] = (event.body, self.seen._stamp())
            process.unrecorded.discard(event.seq)
        if settlement.position is not None:
            self._check_checkpoint(process, settlement, track)

    def _check_checkpoint(self, process: Process, settlement: Settlement, track: str) -> None:
        position = settlement.position
        assert position is not None
        reached = place_of(position)
        before = self.seen.checkpoint(track)
        low = place_of(before.position) if before and before.position else (-1.0, -1.0)
        self._dead = {letter.key for letter in self.seen.open_dead_letters()}
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
        done = (key, body_of(row)) in self.api.accepted or (key,) in self._dead or (key,) in certain
        require(done, "every row at or below the checkpoint is accepted, unchanged or a dead letter", row)

    def _check_everything_arrived(self) -> None:
        missing = self._not_arrived()
        dead = {letter.key for letter in self.seen.open_dead_letters()}
        for key, row in self.table.rows.items():
            if (key,) in dead:
                continue
            body = body_of(row)
            if row in missing:
                require(self._may_be_stuck(row), "no loss", row)
                continue
            require(self.api.last[key] == body, "the receiver's last event of a row is the row", row)
            if self.refreshed_since is not None:
                again = self.api.last_at[key] >= self.refreshed_since
                require(again, "a full refresh that is complete has sent every row", row)

    def _not_arrived(self) -> list[Row]:
        dead = {letter.key for letter in self.seen.open_dead_letters()}
        return [
            row for key, row in self.table.rows.items() if (key,) not in dead and self.api.last.get(key) != body_of(row)
        ]

    def _may_be_stuck(self, row: Row) -> bool:
        """Whether nothing was left to tell what the row does from an API that is down: it, or one of its person."""
        person = _person_of(row)
        return any(
            other[5] in {SERVER_ERROR, FORBIDDEN} and _person_of(other) == person for other in self._not_arrived()
        )


class _Source:
    """What `windows_to_read` asks of a source."""

    def __init__(self, lookback: int) -> None:
        self._lookback = lookback

    def windows(self, checkpoint: Position | None, bound: Bound, *, floor: object = None) -> Sequence[Window]:
        assert floor is None
        return run_windows(DOMAIN, checkpoint=checkpoint, bound=bound, lookback=self._lookback)

    def start_windows(self, start: object, bound: Bound) -> Sequence[Window]:
        assert start is None
        return run_windows(DOMAIN, checkpoint=None, bound=bound, lookback=self._lookback)

    def check_not_backwards(self, position: Position) -> None:
        """No row is ever deleted."""


def _run_context(state: ProcessState, *, lookback: int) -> Any:
    mapping = SimpleNamespace(name="life", source=SimpleNamespace(cursor_field="cursor"))
    return SimpleNamespace(mapping=mapping, state=state, source=_Source(lookback))


def _person_of(row: Row) -> str:
    return row[4] or row[3].removeprefix("p").removesuffix("@example.com")


def live(seed: int, *, folder: Path, tell: Callable[[str], None] | None = None) -> Tally:
    """The life of `seed`. Raises `BrokenLaw`, with the seed in its text."""
    for file in folder.glob("*"):
        file.unlink()
    try:
        return World(seed, folder=folder, tell=tell).live()
    except AssertionError as broken:
        broken.args = (f"seed {seed}: {broken}",)
        raise

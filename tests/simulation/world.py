"""A life: a shop that writes, a receiver with moods, nights that crash and start again; decided by one seed.

Whatever happens, the laws of the guarantee are checked at every step; at the end everything has to have arrived.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

from etl.delivery.courier import Request, Settlement
from etl.event.event import Event
from etl.job.retry import in_order
from etl.job.start import REFRESH, RunOptions, windows_to_read
from etl.page import Bound, Page, Window
from tests.delivery.memory_budget import MemoryBudget
from tests.simulation.api import Api, Reply
from tests.simulation.law import RateWatch, require
from tests.simulation.process import RATES, KilledError, Process, SimulatedClock, settings_of, shared_budget
from tests.simulation.state import ProcessState, Store
from tests.simulation.table import FORBIDDEN, REFUSED, SERVER_ERROR, Shop, Table
from tests.simulation.watcher import Tally, Watcher
from tests.simulation.windows import context_of

SETTLE = 2
LOOKBACK = 30
MOST_STEPS = 200_000
# After so many quiet nights with a limit, each of which went on where the last had ended, the rest comes in one.
LIMITED_NIGHTS = 8
MOST_STUCK_NIGHTS = 20  # which end because of the same rows: twice those of `etl.job.left_alone`, and its questions


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
        # Whether rows that make the API fail come to their end.
        self._tells = self._may_tell(people)
        self.shop = Shop(
            self.table,
            chance,
            # What the user owes, less the second that the cursor is cut to.
            latest_commit=SETTLE + (LOOKBACK if self.ledger else 0) - 1,
            moving=self.moving,
            people=people,
            hands=random.Random(f"hands {seed}") if self.ledger and seed % 10 in {6, 7, 8} else None,
            poisons=[REFUSED, SERVER_ERROR, FORBIDDEN] if self._tells and chance.random() < 0.6 else [REFUSED],
        )
        self.api = Api(chance, max_bytes=chance.choice([400, 1000, 10**6]))
        self.store = Store(SimulatedClock(self))
        self.numbers_of_runs = self.nights = 0
        # Whether a run that is stopped waits for the answers to what is out.
        self.patient = chance.random() < 0.7
        self.backup: bytes | None = None
        # Half of the lives share a file, as processes do; in the others, which are quicker, all share one object.
        self.memory = (
            None
            if chance.random() < 0.5
            else MemoryBudget(requests_per_second=RATES.requests_per_second, events_per_second=RATES.events_per_second)
        )
        self.watcher = Watcher(
            table=self.table,
            api=self.api,
            seen=self.store.open(),
            alone=self.ledger and self.memory is not None,
        )
        self.watch = RateWatch(requests=RATES.requests_per_second, events=RATES.events_per_second)
        self.kill_rate = chance.choice([0.0, 0.001, 0.005, 0.02])
        self._folder = folder
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()
        self._alive: list[Process] = []
        self._trading = True
        self._current: Process | None = None
        # The windows of backfills that were killed: a person begins them once more.
        self._unfinished: list[Window] = []

    def live(self) -> Tally:
        chance = self.chance
        self.shop.work(self.now - 100, writes=chance.randrange(60))
        block_at = chance.randrange(8)
        for number in range(chance.randrange(3, 8)):
            if number == block_at and self._tells:
                self.shop.add_poisonous(self.now, most=3 * self.settings.batch_size)
            self.api.badness = chance.choice([0.3, 0.7, 0.85, 0.92])
            full_refresh = chance.random() < 0.08
            backfill = self.ledger and self.memory is None and chance.random() < 0.4
            self._night(backfill=backfill, full_refresh=full_refresh)
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
        while nights < 2 or reached != (reached := self.watcher.seen.checkpoint()):
            last = self._night(backfill=False)
            nights += 1
            stuck = self._tells and (self.watcher.not_arrived() or last.error)
            if stuck:
                require(nights < MOST_STUCK_NIGHTS, "a row that makes the API fail comes to its end", stuck)
                self.shop.add(self.now, count=chance.randrange(1, 9), newcomers=True)
                reached = None
            self._day(60.0, writing=False)
            if nights == LIMITED_NIGHTS:
                self.limit = None
            may_stop = last.error is None or self.watcher.may_stop()
            require(may_stop, "with a healthy receiver a run comes to its end", last.error)
            require(nights < 1000, "nights with a limit come to their end")
        self.watcher.everything_arrived()
        last = self._retry()
        self._day(60.0, writing=False)
        letters = [self.table.rows[letter.key[0]] for letter in self.watcher.seen.open_dead_letters()]  # type: ignore[index]
        told = last.error is None or any(row[5] in {SERVER_ERROR, FORBIDDEN} for row in letters)
        require(told, "with a healthy receiver a retry comes to its end", last.error)
        self.watcher.everything_arrived()
        for letter in self.watcher.seen.open_dead_letters():
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
        """Say what happens, when a listener is set."""
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
        require(len(process.flying) < self.settings.concurrency, "no more requests than connections")
        self.watcher.sent(process, request)
        process.flying[request.number] = request
        self.tell("sent", process.track, request.number, "attempt", request.attempt, [e.seq for e in request.events])
        self._at(self.now + self.chance.uniform(0.0, 0.1), lambda: self._arrive(process, request))

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
        self.nights += 1
        while True:
            if self._trading:
                self.shop.hand_over(self.now, settle=SETTLE)
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
        refreshing = self.watcher.seen.checkpoint(REFRESH) is not None
        state = self._open()

        def begin() -> Sequence[Window]:
            before = state.checkpoint()
            if full_refresh and not refreshing:
                self.watcher.refresh_begins(self.now)
            start = "beginning" if before is None and not full_refresh else None
            options = RunOptions("run", start_from=start, full_refresh=full_refresh)
            context = context_of(state, lookback=LOOKBACK if self.ledger else 0)
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
            self.watcher.restored(self.store.open())

    def _open(self) -> ProcessState:
        return ProcessState(
            self.store.open(),
            danger=self.danger,
            settled=self._settled,
            doubted=self.watcher.doubted,
            let_go=self.watcher.let_go,
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
        budget = self.memory or shared_budget(self._folder, patient=command == "backfill")
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
            self.watcher.process_is_over()
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

    def _settled(self, settlement: Settlement) -> None:
        process = self._current
        assert process is not None
        seqs = [event.seq for event in settlement.accepted]
        self.tell("settled", process.track, seqs, settlement.rejected, settlement.position)
        self.watcher.settled(process, settlement)


def live(seed: int, *, folder: Path, tell: Callable[[str], None] | None = None) -> Tally:
    """The life of `seed`. Raises `BrokenLaw`, with the seed in its text."""
    for file in folder.glob("*"):
        file.unlink()
    try:
        return World(seed, folder=folder, tell=tell).live()
    except AssertionError as broken:
        broken.args = (f"seed {seed}: {broken}",)
        raise

"""One process of a simulated life: the real run loop, courier and state, in one thread and in simulated time."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from etl.delivery.courier import Courier, CourierSettings, Request
from etl.delivery.throttle import Budget, Rates
from etl.errors import EtlError, StoppedEarly
from etl.event.event import Event
from etl.event.hashes import hashers
from etl.host.shared_budget import SharedBudget
from etl.job.encoder import Encoder
from etl.job.fuse import Fuse
from etl.job.left_alone import LeftAlone
from etl.job.loop import Delivery, Line, StopRequest
from etl.job.prepare import Preparer
from etl.job.reading import InputDone, PageReady, RowLimit, WindowDone
from etl.job.senders import Answered
from etl.job.start import REFRESH, RunLimits
from etl.page import Page, Position, Window
from etl.state.runs import track_of
from tests.simulation import table as rows
from tests.simulation.api import Reply
from tests.simulation.law import require
from tests.simulation.state import ProcessState

if TYPE_CHECKING:
    from tests.simulation.world import World

NOON = datetime(2024, 3, 30, 12, tzinfo=UTC)
PAGES_AHEAD = 2
RATES = Rates(requests_per_second=20.0, events_per_second=30.0)


class NobodyForgotten:
    """No identity is suppressed in the simulated lives."""

    def newest(self) -> int:
        return 0

    def among(self, identities: Sequence[tuple[str, ...]]) -> Collection[int]:
        return ()


class KilledError(Exception):
    """The process dies here; nothing that it would do at its end happens."""


class SimulatedClock:
    """Port `etl.clock.Clock` in simulated time."""

    def __init__(self, world: World) -> None:
        self._world = world

    def utc_now(self) -> datetime:
        return NOON + timedelta(days=self._world.nights)

    def monotonic(self) -> float:
        return self._world.now

    def jitter(self) -> float:
        return self._world.chance.random()

    def wait(self, seconds: float) -> bool:
        return True


class Verifier:
    """What the receiver says of the account: nothing while it is down, and by chance nothing besides."""

    def __init__(self, world: World) -> None:
        self._world = world

    def is_well(self) -> bool:
        return self._world.api.is_well(self._world.now)

    def knows_key(self) -> bool:
        return self.is_well()

    def close(self) -> None:
        pass


class Process:
    """A run, a backfill or a retry. The world calls `step` whenever something happened to it, until `over`.

    `begin` says what to read once the run's record stands: windows of the table, or pages of rows by their keys.
    """

    def __init__(
        self,
        world: World,
        *,
        command: str,
        state: ProcessState,
        begin: Callable[[], Sequence[Window] | Sequence[Page]],
        budget: Budget,
        limit: int | None = None,
        tries_again: bool = False,
    ) -> None:
        self.world = world
        self.command = command
        self.windows: Sequence[Window] = ()
        self.track = "backfill" if command == "backfill" else "run"
        self.lock = track_of(command)
        self.state = state
        self.started = world.now
        # Whether the run's record stands and it is known what to read.
        self.ready = False
        self.over = False
        self.killed = False
        self.reading = False
        self.flying: dict[int, Request] = {}
        self.error: EtlError | None = None
        self.wake_scheduled: float | None = None
        # Accepted by the receiver, not recorded by us: what a kill now would send again.
        self.unrecorded: set[int] = set()
        self.arrived: set[int] = set()
        # By row, the version that has left and has no certain end on record.
        self.under_way: dict[object, int] = {}
        # Those of them that an answer spoke of clearly.
        self.told: set[int] = set()
        self.positions: list[tuple[int, int]] = []
        self.last_place: dict[str, tuple[int, int]] = {}
        self.budget = budget
        self._begin = begin
        self._run_no = 0
        self.tries_again = tries_again
        settings = world.settings
        self.courier = Courier(settings=settings, budget=budget)
        self._limit = RowLimit(limit)
        self.delivery = Delivery(
            Line(
                source=None,  # type: ignore[arg-type]  # the pages are handed over by `read`
                prepare=Preparer(
                    Encoder(rows.transform, hashers=hashers(state.hash_key, ("event",)) if world.ledger else None),
                    ledger=state if world.ledger else None,
                    doubts=state if world.ledger else None,
                    letters=None if tries_again else state,
                    max_event_bytes=settings.max_batch_bytes,
                ),
                courier=self.courier,
                state=state,  # type: ignore[arg-type]  # what the loop uses of it
                suppressions=NobodyForgotten(),
                fuse=Fuse(1.0, 10**6),
                clock=SimulatedClock(world),
                open_client=lambda: Verifier(world),  # type: ignore[arg-type, return-value]  # `submit` is the sender
                concurrency=settings.concurrency,
                ledger=world.ledger,
                tries_again=tries_again,
                track=self.track,
                run_no=1,
                run_id="run",
                lone=state.real.lone if command == "run" else None,
            ),
            limits=RunLimits(),
        )
        self._left_alone = LeftAlone(self.delivery._line)
        self._pages: Iterator[object] = iter(())
        self._places = PAGES_AHEAD
        self._input_open = True

    def start(self) -> None:
        """Open the run's record and decide what to read."""
        self.world.numbers_of_runs += 1
        self._run_no = self.state.start_run(
            run_id=f"run-{self.world.numbers_of_runs}", command=self.command, before=None
        )
        self.delivery._line = replace(self.delivery._line, run_no=self._run_no)
        self._pages = self._read(self._begin())

    def can_read(self) -> bool:
        """Whether the reader would read on: at most two pages wait."""
        return self.ready and self._input_open and self._places > 0 and not self.over

    def read(self) -> None:
        """What the reader's thread does at one turn."""
        message = next(self._pages)
        if isinstance(message, InputDone):
            self._input_open = False
        elif isinstance(message, PageReady):
            self._places -= 1
        self.delivery._handle(message)

    def taken(self) -> None:
        """A page was admitted (port of the reader)."""
        self._places += 1

    def submit(self, request: Request) -> None:
        """A request leaves (port of the senders)."""
        self.world.danger("before submit")
        self.world.send(self, request)
        self.world.danger("after submit")

    def answered(self, request: Request, reply: Reply) -> None:
        """The answer to `request` is here."""
        self.world.danger("before answer")
        self.delivery._handle(Answered(request, reply.answer))

    def stop(self) -> None:
        """The time for this run is over."""
        self.delivery._handle(StopRequest(StoppedEarly("the time for this run is over")))

    def close(self) -> None:
        """Give up what the process has open, as the operating system does at its end."""
        if isinstance(self.budget, SharedBudget):
            self.budget.close()

    def step(self) -> None:
        """One turn of the loop."""
        delivery, courier = self.delivery, self.courier
        for _ in range(200):
            delivery._commit()
            if delivery._end is None:
                delivery._admit(self)  # type: ignore[arg-type]
                delivery._submit(self)  # type: ignore[arg-type]
                delivery._commit()
            if delivery._end is not None:
                # In the end a process waits no longer than its grace for what is out.
                if delivery._in_flight == 0 and self._goes_on(delivery._end):
                    delivery._end = None
                    continue
                if delivery._in_flight == 0 or not self.world.patient:
                    self._end(delivery._end)
                return
            if delivery._finished():
                self._end(None)
                return
            if courier.wake_at is None or courier.wake_at > self.world.now:
                return
        require(holds=False, law="the loop comes to rest")

    def _goes_on(self, end: EtlError) -> bool:
        return end is self.courier.trouble and self._left_alone.lets_go_on(end)

    def arrives(self, events: Sequence[Event]) -> None:
        """The receiver accepted `events` of ours."""
        for event in events:
            require(event.seq not in self.told, "what was answered clearly is not sent again", event.seq)
            if event.seq not in self.arrived:
                cursor = self.positions[event.seq][0]
                for identity in people_of(event.body):
                    before = self.last_place.get(identity, (-1, -1))
                    in_order = before[0] <= cursor and before[1] < event.seq
                    require(in_order, "events of one person arrive in the order of the cursor", event.key)
                    self.last_place[identity] = (cursor, event.seq)
                self.arrived.add(event.seq)
            self.unrecorded.add(event.seq)
        # A few more beside those that failed and are sent again anyway: they tell whether those are at fault.
        waiting = self.courier._further._most * any(slot.stuck for slot in self.courier._slots)
        bound = self.world.settings.concurrency * self.world.settings.batch_size + waiting
        require(len(self.unrecorded) <= bound, "a kill repeats no more than what is in flight", len(self.unrecorded))

    def _end(self, error: EtlError | None) -> None:
        books = self.delivery.books
        if error is None and not self.delivery.limited and self.state.checkpoint(REFRESH) and self.command == "run":
            self.state.end_anew(REFRESH)
        if error is None and self.command == "run":
            self.state.real.lone.forget()
        self.state.finish_run(self._run_no, {"outcome": "done"}, unanswered=self.courier.unanswered)
        self.over = True
        self.error = error
        books.close()
        ends = books.sent + books.unchanged + books.invalid + books.rejected + books.unsent
        require(books.read == ends, "the books balance", books)
        require(error is not None or books.unsent == 0, "a run that is done left nothing unsent", books.unsent)

    def _read(self, parts: Sequence[Window] | Sequence[Page]) -> Iterator[object]:
        seq = 0
        for part in parts:
            window = part if isinstance(part, Window) else Window(moves_checkpoint=False)
            pages = self._pages_of(part, self._limit.left_in(part)) if isinstance(part, Window) else iter((part,))
            while not self._limit.reached:
                stamp = self.state.next_stamp()
                self.world.danger("before read")
                page = next(pages, None)
                if page is None:
                    break
                self._limit.count(len(page.rows), window)
                self.positions.extend((row[1], row[0]) for row in page.rows)
                prepare = self.delivery._line.prepare
                yield PageReady(prepare(page, first_seq=seq, stamp=stamp, moves_checkpoint=window.moves_checkpoint))
                seq += len(page.rows)
            if self._limit.reached:
                break
            yield WindowDone(window)
        yield InputDone(limited=self._limit.reached)

    def _pages_of(self, window: Window, limit: int | None) -> Iterator[Page]:
        after: Position | None = None
        left = math.inf if limit is None else limit
        while left > 0:
            page = self.world.table.page(window, after=after, limit=int(min(self.world.page_size, left)))
            if page is None:
                return
            after = page.position(len(page.rows) - 1)
            left -= len(page.rows)
            yield page


def people_of(body: bytes) -> list[str]:
    """Whom an event is about, as the receiver sees it: an address and its SHA-256 are one."""
    event = orjson.loads(body)
    found = [f"u:{event['userid']}"] if "userid" in event else []
    if "email" in event:
        address = event["email"]
        found.append(address if "@" not in address else hashlib.sha256(address.encode()).hexdigest())
    return found


def settings_of(*, concurrency: int, batch_size: int, ledger: bool, max_batch_bytes: int) -> CourierSettings:
    """As the command line chooses them: a wider span where the ledger knows what was accepted."""
    in_flight = concurrency * batch_size
    return CourierSettings(
        batch_size=batch_size,
        max_batch_bytes=max_batch_bytes,
        concurrency=concurrency,
        span_events=4 * in_flight if ledger else in_flight,
    )


def shared_budget(folder: Path, *, patient: bool) -> Budget:
    """A process's own view of the rate that it shares with others through a file in `folder`."""
    return SharedBudget(folder=folder, account=("simulated",), rates=RATES, patient=patient)

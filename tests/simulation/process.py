"""One process of a simulated life: the real run loop and the real courier, in one thread and in simulated time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from etl.batch.event import Event
from etl.batch.hashers import hashers
from etl.delivery.courier import Courier, CourierSettings, Request
from etl.delivery.throttle import Budget
from etl.errors import EtlError
from etl.host.shared_budget import SharedBudget
from etl.job.deliver import Delivery, Limits, Line
from etl.job.fuse import Fuse
from etl.job.prepare import Preparer
from etl.job.reader import InputDone, PageReady, WindowDone
from etl.job.senders import Answered
from etl.page import Position, Window
from tests.simulation import table as rows
from tests.simulation.api import Reply
from tests.simulation.law import require

if TYPE_CHECKING:
    from tests.simulation.world import World

NOON = datetime(2024, 3, 30, 12, tzinfo=UTC)
PAGES_AHEAD = 2


class KilledError(Exception):
    """The process dies here; nothing that it would do at its end happens."""


class SimulatedClock:
    """Port `etl.clock.Clock` in simulated time."""

    def __init__(self, world: World) -> None:
        self._world = world

    def utc_now(self) -> datetime:
        return NOON

    def monotonic(self) -> float:
        return self._world.now

    def jitter(self) -> float:
        return self._world.chance.random()

    def wait(self, seconds: float) -> bool:
        raise NotImplementedError


class Process:
    """A run or a backfill. The world calls `step` whenever something happened to it, until `over`."""

    def __init__(self, world: World, *, track: str, windows: Sequence[Window], budget: Budget) -> None:
        self.world = world
        self.track = track
        self.started = world.now
        self.over = False
        self.killed = False
        self.reading = False
        self.flying: dict[int, Request] = {}
        self.error: EtlError | None = None
        self.wake_scheduled: float | None = None
        # Accepted by the receiver, not recorded by us: what a kill now would send again.
        self.unrecorded: set[int] = set()
        self.arrived: set[int] = set()
        # Those of them that an answer spoke of clearly.
        self.told: set[int] = set()
        self.positions: list[tuple[int, int]] = []
        self.last_seq: dict[str, int] = {}
        self.budget = budget
        settings = world.settings
        self.courier = Courier(settings=settings, budget=budget)
        self.delivery = Delivery(
            Line(
                source=None,  # type: ignore[arg-type]  # the pages are handed over by `read`
                prepare=Preparer(
                    rows.transform,
                    hashers=hashers(world.state.hash_key, ("event",)) if world.ledger else None,
                    ledger=world.state if world.ledger else None,
                    letters=world.state,
                    max_event_bytes=settings.max_batch_bytes,
                ),
                courier=self.courier,
                state=world.state,  # type: ignore[arg-type]  # what the loop uses of it
                fuse=Fuse(1.0, 10**6),
                clock=SimulatedClock(world),
                open_client=lambda: None,  # type: ignore[arg-type, return-value]  # `submit` is the sender
                concurrency=settings.concurrency,
                ledger=world.ledger,
                tries_again=False,
                track=track,
                run_no=1,
                run_id="run",
            ),
            limits=Limits(),
        )
        self._pages = self._read(windows)
        self._places = PAGES_AHEAD
        self._input_open = True

    def can_read(self) -> bool:
        """Whether the reader would read on: at most two pages wait."""
        return self._input_open and self._places > 0 and not self.over

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
                if delivery._in_flight == 0:
                    self._end(delivery._end)
                return
            if delivery._finished():
                self._end(None)
                return
            if courier.wake_at is None or courier.wake_at > self.world.now:
                return
        require(holds=False, law="the loop comes to rest")

    def arrives(self, events: Sequence[Event]) -> None:
        """The receiver accepted `events` of ours."""
        for event in events:
            require(event.seq not in self.told, "what was answered clearly is not sent again", event.seq)
            if event.seq not in self.arrived:
                for identity in event.identities:
                    require(self.last_seq.get(identity, -1) < event.seq, "events of one identity arrive in order")
                    self.last_seq[identity] = event.seq
                self.arrived.add(event.seq)
            self.unrecorded.add(event.seq)
        bound = self.world.settings.concurrency * self.world.settings.batch_size
        require(len(self.unrecorded) <= bound, "a kill repeats no more than what is in flight", len(self.unrecorded))

    def _end(self, error: EtlError | None) -> None:
        self.over = True
        self.error = error
        books = self.delivery.books
        books.close()
        ends = books.sent + books.unchanged + books.invalid + books.rejected + books.unsent
        require(books.read == ends, "the books balance", books)
        require(error is not None or books.unsent == 0, "a run that is done left nothing unsent", books.unsent)

    def _read(self, windows: Sequence[Window]) -> Iterator[object]:
        world, delivery = self.world, self.delivery
        seq = 0
        for window in windows:
            after: Position | None = None
            while True:
                stamp = world.state.next_stamp()
                world.danger("before read")
                page = world.table.page(window, after=after, limit=world.page_size)
                if page is None:
                    break
                after = page.position(len(page.rows) - 1)
                self.positions.extend((row[1], row[0]) for row in page.rows)
                yield PageReady(
                    delivery._line.prepare(page, first_seq=seq, stamp=stamp, moves_checkpoint=window.moves_checkpoint)
                )
                seq += len(page.rows)
            yield WindowDone(window)
        yield InputDone()


def settings_of(*, concurrency: int, batch_size: int, ledger: bool, max_batch_bytes: int) -> CourierSettings:
    """As the command line chooses them: a wider span where the ledger knows what was accepted."""
    in_flight = concurrency * batch_size
    return CourierSettings(
        batch_size=batch_size,
        max_batch_bytes=max_batch_bytes,
        concurrency=concurrency,
        span_events=4 * in_flight if ledger else in_flight,
    )


Schedule = Callable[[float, Callable[[], None]], None]

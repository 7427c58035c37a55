"""The pages of windows, prepared by other processes, a bounded number at a time, in their order.

The rule: what a process is asked holds nothing of a row; what comes back is taken in the order in which it was handed
out. What is handed out are ranges (`etl.job.spread_ranges`) where an index gives the order, and the places of rows
(`etl.job.spread_places`) where a key finds these.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeAlias, TypeVar

from etl.clock import Clock
from etl.errors import EtlError, StoppedEarly
from etl.job.ports import PageSource
from etl.page import Key, Page, Position, Scalar, Window

if TYPE_CHECKING:
    from etl.job.encoder import Encoded, Encoder

LOG = logging.getLogger(__name__)

# What may be under way together, whatever the number of workers: it is kept in the memory of this process.
MOST_ROWS = 40_000
MOST_BYTES = 64 * 1024 * 1024
# Less than this is prepared sooner by the process that has it; how large rows are is not known before some are here.
FIRST_ROWS = 500
# How often dead workers are replaced in one piece of work.
MOST_RENEWALS = 3
LOOK_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Range:
    """What a worker reads: `window`, where `rows` are expected; `limit` rows at most (None: no such limit)."""

    window: Window
    rows: int
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class RowsAt:
    """Places of rows that a worker reads by their keys."""

    places: Sequence[Position]

    def __reduce__(self) -> tuple[Any, ...]:
        """For another process: two columns, which cost a tenth of what so many positions do."""
        return _rows_at, ([one.cursor for one in self.places], [one.key for one in self.places])


def _rows_at(cursors: Sequence[Scalar | None], keys: Sequence[Key]) -> RowsAt:
    return RowsAt(list(map(Position, cursors, keys)))


@dataclass(frozen=True, slots=True)
class RangeEncoded:
    """What a worker made of what it was asked. `page` None: there is no row.

    `reached` is where it goes on; None: all of it was done. `row_bytes` is what a row weighs, 0 where there was none.
    """

    page: Encoded | None
    reached: Position | None = None
    row_bytes: int = 0


# What a worker is asked, and what it does. Errors are values: they must say the same as in this process.
Asked: TypeAlias = Range | RowsAt
Task = Callable[[Asked], RangeEncoded | EtlError]
EncodedLater: TypeAlias = "Future[RangeEncoded | EtlError]"


class Workers:
    """The processes that read and encode. For one thread at a time.

    `open_executor` starts `count` of them, others after some died; who made it ends them. `look` is called again and
    again while a result is awaited, and raises where none will come. `under_way` is how many are handed out, or wait
    for their turn. `hint`: what to do about workers that die.
    """

    def __init__(
        self,
        open_executor: Callable[[], Executor],
        task: Task,
        *,
        count: int,
        look: Callable[[], None] = lambda: None,
        hint: str = "too little memory for so many? Take fewer --workers; the next run goes on from here",
    ) -> None:
        self.count = count
        self.look = look
        self._hint = hint
        self.under_way = 0
        self._open = open_executor
        self._task = task
        self._executor: Executor | None = None
        self._renewals = 0

    def submit(self, wanted: Asked) -> EncodedLater:
        """Have `wanted` done."""
        if self._executor is None:
            self._executor = self._open()
        try:
            return self._executor.submit(self._task, wanted)
        except BrokenExecutor as broken:
            # Told where its turn comes, like the others that are lost.
            lost: EncodedLater = Future()
            lost.set_exception(broken)
            return lost

    def renew(self) -> None:
        """Let others take the place of all workers, since some died. Raises `StoppedEarly` the fourth time."""
        self._renewals += 1
        if self._renewals > MOST_RENEWALS:
            raise StoppedEarly(f"worker processes died {self._renewals} times", hint=self._hint)
        LOG.warning("a worker process died, others take over", extra={"times": self._renewals})
        self._executor = None


Told = TypeVar("Told", bound=Asked)


class AskedOfWorkers(Generic[Told]):
    """What workers were asked, in order, each with the stamp that it got then."""

    def __init__(self, workers: Workers, next_stamp: Callable[[], int]) -> None:
        self._workers = workers
        self._next_stamp = next_stamp
        self._ahead: deque[tuple[Told, int, EncodedLater]] = deque()

    def __len__(self) -> int:
        """How much is under way."""
        return len(self._ahead)

    def __iter__(self) -> Iterator[Told]:
        """What was asked."""
        return (asked for asked, _, _ in self._ahead)

    def ask(self, asked: Told) -> None:
        """Have `asked` done after all that is under way."""
        stamp = self._next_stamp()
        self._ahead.append((asked, stamp, self._workers.submit(asked)))
        self._workers.under_way = len(self._ahead)

    def first(self, result: Callable[[EncodedLater], RangeEncoded]) -> tuple[Told, int, RangeEncoded | None]:
        """What was asked first, its stamp and its `result`; None when it is lost with its worker, which others replace.

        It stays under way until `done`.
        """
        asked, stamp, future = self._ahead[0]
        try:
            return asked, stamp, result(future)
        except (BrokenExecutor, CancelledError):
            self._workers.renew()
            return asked, stamp, None

    def done(self) -> None:
        """The first one is taken."""
        self._ahead.popleft()

    def drop(self) -> None:
        """Give up what is under way: each ends by itself, and is not kept."""
        for _, _, future in self._ahead:
            future.cancel()
        self._ahead.clear()
        self._workers.under_way = 0


class HandedOut(Protocol):
    """What of one window is under way, and what is left of it."""

    under_way: AskedOfWorkers[Any]

    def more(self, rows: int) -> bool:
        """Hand out `rows` more, if there are any; whether there were."""

    def next(self, result: Callable[[EncodedLater], RangeEncoded]) -> tuple[int, RangeEncoded | None]:
        """The stamp and the `result` of the first one; None when it is lost with its worker, and will be done again."""


class Spread(ABC):
    """Pages as the source gives them, but encoded by `workers`."""

    def __init__(self, source: PageSource, workers: Workers, *, encode: Encoder, page_rows: int, clock: Clock) -> None:
        self._source = source
        self._workers = workers
        self._encode = encode
        self._clock = clock
        # Each worker has one at work and one that waits.
        self._most_ahead = 2 * workers.count
        self._most_rows = max(1, min(page_rows, MOST_ROWS // self._most_ahead))
        self._rows = min(FIRST_ROWS, self._most_rows)
        self._sizes_known = False

    @property
    def remote(self) -> bool:
        """Reading waits for other processes."""
        return True

    def pages(self, window: Window, *, limit: int | None = None) -> Iterator[Encoded]:
        """The pages of `window` in order, none empty; the first `limit` rows (None: all)."""
        return (page for _, page in self.stamped(window, limit=limit, next_stamp=lambda: 0))

    @abstractmethod
    def stamped(
        self, window: Window, *, limit: int | None, next_stamp: Callable[[], int]
    ) -> Iterator[tuple[int, Encoded]]:
        """As `pages`, each with a number that `next_stamp` gave before it was read."""

    def pages_by_key(self, keys: Sequence[Key]) -> Iterator[Page]:
        """As the source's."""
        return self._source.pages_by_key(keys)

    def count(self, window: Window) -> int:
        """As the source's."""
        return self._source.count(window)

    def _here(self, window: Window, limit: int | None, next_stamp: Callable[[], int]) -> Iterator[tuple[int, Encoded]]:
        pages = self._source.pages(window, limit=limit)
        while True:
            stamp = next_stamp()
            try:
                yield stamp, self._encode(next(pages))
            except StopIteration:
                return

    def _there(self, handed_out: HandedOut) -> Iterator[tuple[int, Encoded]]:
        """What workers read and encode."""
        try:
            while True:
                most = self._most_ahead if self._sizes_known else self._workers.count
                at_end = False
                while len(handed_out.under_way) < most and not at_end:
                    at_end = not handed_out.more(self._rows)
                if not handed_out.under_way:
                    if not at_end:
                        # Who takes the pages would take the window for read, and move its checkpoint past the rest.
                        raise RuntimeError("nothing of the rest of a window was handed out: it was not read")
                    return
                stamp, done = handed_out.next(self._done)
                if done is None or done.page is None:
                    continue
                self._learn(done.row_bytes)
                page = done.page
                self._encode.complete(page)
                del done
                yield stamp, page
                # Before the next is taken, which then finds the memory of this one in one piece.
                del page
        finally:
            handed_out.under_way.drop()

    def _learn(self, row_bytes: int) -> None:
        """Ask for as many rows at a time as memory can hold, by the size of the last ones."""
        self._sizes_known = True
        room = MOST_BYTES // self._most_ahead // (row_bytes + 1)
        self._rows = max(1, min(self._most_rows, self._rows * 8, room))

    def _done(self, future: EncodedLater) -> RangeEncoded:
        """What `future` gives. Raises what the worker met; BrokenExecutor where it died."""
        while True:
            try:
                found = future.result(timeout=LOOK_SECONDS)
            except TimeoutError:
                # A worker may be stopped, or wait for its database.
                if self._clock.wait(0.0):
                    raise StoppedEarly("stopped while workers were at work") from None
                self._workers.look()
                continue
            except BrokenExecutor:
                # Those that hang are killed where the run is to end.
                if self._clock.wait(0.0):
                    raise StoppedEarly("stopped while workers were at work") from None
                raise
            if isinstance(found, EtlError):
                raise found
            return found

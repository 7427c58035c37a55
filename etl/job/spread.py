"""Pages that worker processes read and encode, a bounded number at a time, handed on in order.

The rule: a request to a worker holds no value of a row but positions; results are taken in the order of the requests. A
request names a range (`etl.job.spread_ranges`) where an index gives the order, otherwise the positions of rows
(`etl.job.spread_places`), which are read by key.
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

# How many rows may be under way, whatever the number of workers: results are kept in the memory of this process.
MOST_ROWS = 40_000
MOST_BYTES = 64 * 1024 * 1024
# Fewer rows than this are prepared sooner in this process. The first requests are this small, because the size of rows
# is not known yet.
FIRST_ROWS = 500
# How often dead workers are replaced in one job.
MOST_RENEWALS = 3
LOOK_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Range:
    """A range that a worker reads: `window`, which should hold `rows` rows; `limit` rows at most (None: no limit)."""

    window: Window
    rows: int
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class RowsAt:
    """The positions of rows that a worker reads by their keys."""

    places: Sequence[Position]

    def __reduce__(self) -> tuple[Any, ...]:
        """For another process: two columns, which cost a tenth of what so many positions do."""
        return _rows_at, ([one.cursor for one in self.places], [one.key for one in self.places])


def _rows_at(cursors: Sequence[Scalar | None], keys: Sequence[Key]) -> RowsAt:
    return RowsAt(list(map(Position, cursors, keys)))


@dataclass(frozen=True, slots=True)
class RangeEncoded:
    """A worker's result. `page` None: there was no row.

    `reached` is the position up to which it read; None: the request is done. `row_bytes`: the memory a row takes, 0
    without rows.
    """

    page: Encoded | None
    reached: Position | None = None
    row_bytes: int = 0


# A request to a worker, and its result. Errors are returned as values, so that their text is the same as in this
# process.
Asked: TypeAlias = Range | RowsAt
Task = Callable[[Asked], RangeEncoded | EtlError]
EncodedLater: TypeAlias = "Future[RangeEncoded | EtlError]"


class Workers:
    """The processes that read and encode. For one thread at a time.

    `open_executor` starts `count` of them, and again after some died; its maker ends them. `look` is called repeatedly
    while a result is awaited, and raises when none will come. `under_way` counts unfinished requests. `hint`: what to
    do about workers that die.
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
            # The error is raised when this request's turn comes, as for the others that are lost.
            lost: EncodedLater = Future()
            lost.set_exception(broken)
            return lost

    def renew(self) -> None:
        """Replace all workers, because some died. Raises `StoppedEarly` the fourth time."""
        self._renewals += 1
        if self._renewals > MOST_RENEWALS:
            raise StoppedEarly(f"worker processes died {self._renewals} times", hint=self._hint)
        LOG.warning("a worker process died, others take over", extra={"times": self._renewals})
        self._executor = None


Told = TypeVar("Told", bound=Asked)


class AskedOfWorkers(Generic[Told]):
    """The requests under way, in order, each with the stamp taken when it was made."""

    def __init__(self, workers: Workers, next_stamp: Callable[[], int]) -> None:
        self._workers = workers
        self._next_stamp = next_stamp
        self._ahead: deque[tuple[Told, int, EncodedLater]] = deque()

    def __len__(self) -> int:
        """The number of requests under way."""
        return len(self._ahead)

    def __iter__(self) -> Iterator[Told]:
        """What was asked."""
        return (asked for asked, _, _ in self._ahead)

    def ask(self, asked: Told) -> None:
        """Hand `asked` to the workers, as the last request."""
        stamp = self._next_stamp()
        self._ahead.append((asked, stamp, self._workers.submit(asked)))
        self._workers.under_way = len(self._ahead)

    def first(self, result: Callable[[EncodedLater], RangeEncoded]) -> tuple[Told, int, RangeEncoded | None]:
        """The first request, its stamp and its `result`; None when its worker died, and was replaced.

        It stays under way until `done` is called.
        """
        asked, stamp, future = self._ahead[0]
        try:
            return asked, stamp, result(future)
        except (BrokenExecutor, CancelledError):
            self._workers.renew()
            return asked, stamp, None

    def done(self) -> None:
        """Remove the first request: its result was taken."""
        self._ahead.popleft()

    def drop(self) -> None:
        """Forget all requests; workers finish them, and their results are dropped."""
        for _, _, future in self._ahead:
            future.cancel()
        self._ahead.clear()
        self._workers.under_way = 0


class HandedOut(Protocol):
    """The requests of one window: those under way, and what is still to be requested."""

    under_way: AskedOfWorkers[Any]

    def more(self, rows: int) -> bool:
        """Request `rows` more rows. False when none are left."""

    def next(self, result: Callable[[EncodedLater], RangeEncoded]) -> tuple[int, RangeEncoded | None]:
        """The stamp and the `result` of the first request; None when its worker died, so it will be requested again."""


class Spread(ABC):
    """Pages as the source gives them, but encoded by `workers`."""

    def __init__(self, source: PageSource, workers: Workers, *, encode: Encoder, page_rows: int, clock: Clock) -> None:
        self._source = source
        self._workers = workers
        self._encode = encode
        self._clock = clock
        # Each worker has one request at work and one that waits.
        self._most_ahead = 2 * workers.count
        self._most_rows = max(1, min(page_rows, MOST_ROWS // self._most_ahead))
        self._rows = min(FIRST_ROWS, self._most_rows)
        self._sizes_known = False

    @property
    def remote(self) -> bool:
        """True: reading waits for other processes."""
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
                        # Without this error the caller would take the window as read, and move the checkpoint past its
                        # rest.
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
                # Free the page before the next is taken, so that its memory can be reused in one piece.
                del page
        finally:
            handed_out.under_way.drop()

    def _learn(self, row_bytes: int) -> None:
        """Ask for as many rows at a time as memory can hold, by the size of the last ones."""
        self._sizes_known = True
        room = MOST_BYTES // self._most_ahead // (row_bytes + 1)
        self._rows = max(1, min(self._most_rows, self._rows * 8, room))

    def _done(self, future: EncodedLater) -> RangeEncoded:
        """The result of `future`. Raises the worker's error; BrokenExecutor if it died."""
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
                # Workers that hang are killed when the run ends.
                if self._clock.wait(0.0):
                    raise StoppedEarly("stopped while workers were at work") from None
                raise
            if isinstance(found, EtlError):
                raise found
            return found

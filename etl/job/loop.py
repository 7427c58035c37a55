"""The run loop: reads windows, delivers events, and commits what is settled, until nothing is left.

The rule: one thread at a time decides. Pages, answers and stop requests arrive in one inbox; the courier says which
requests may leave; a place in flight is used again only after its settlement is written to the state.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

from etl.books import Books
from etl.clock import Clock
from etl.delivery.courier import AdmittedPage, Courier, Settlement
from etl.errors import EtlError, HostRefused, StateUnusable, StoppedEarly
from etl.job.again import UnderWayAgain
from etl.job.forgotten_now import ForgottenNow
from etl.job.fuse import Failures, Fuse
from etl.job.in_front import InFront
from etl.job.last_failure import LastFailure
from etl.job.left_alone import LeftAlone
from etl.job.ports import JobState, NightsAlone, Pages, Sender, Suppressions
from etl.job.prepare import Prepared, Preparer
from etl.job.reading import InputDone, PageReady, Reader, WindowDone
from etl.job.senders import Answered, Crashed, Senders
from etl.job.start import RunLimits
from etl.job.turns import Turns
from etl.page import Window
from etl.verdict.judge import judge
from etl.verdict.retry_after import silence_seconds
from etl.verdict.said import Said

LOG = logging.getLogger(__name__)
GRACE_SECONDS = 20.0
LONGEST_WAIT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class StopRequest:
    """A signal or the caller asks for a clean end; `error` becomes the run's outcome."""

    error: EtlError


@dataclass(frozen=True, slots=True)
class Line:
    """The parts that carry one mapping's rows from the source to the API.

    `tries_again`: a person asked for rows that failed before, so failing counts as another attempt. `track` is "run" or
    "backfill"; `run_no` numbers the run in the state. `lone` remembers rows that fail alone; None: no memory of them.
    """

    source: Pages
    prepare: Preparer
    courier: Courier
    state: JobState
    suppressions: Suppressions
    fuse: Fuse
    clock: Clock
    open_client: Callable[[], Sender]
    concurrency: int
    ledger: bool
    tries_again: bool
    track: str
    run_no: int
    run_id: str
    lone: NightsAlone | None = None


class Delivery:
    """Runs one line to its end. Ask `books` afterwards."""

    def __init__(
        self,
        line: Line,
        *,
        limits: RunLimits,
        report: Callable[[Books], None] = lambda _: None,
        window_done: Callable[[Window], None] = lambda _: None,
    ) -> None:
        self.books = Books()
        # Whether `Limits.rows` left rows unread.
        self.limited = False
        self._line = line
        self._forgotten_now = ForgottenNow(line.suppressions)
        self._turns = Turns(self._decide, crashed=Crashed)
        self._failures = Failures(line.fuse)
        self._in_front = InFront(self._failures)
        self._said = Said()
        self._again = UnderWayAgain(ledger=line.ledger)
        self._limits = limits
        self._report, self._window_done = report, window_done
        self._waiting: list[Prepared | Window] = []
        self._in_flight, self._input_open = 0, True
        self._last_failure = LastFailure()
        self._unsaved: Settlement | None = None
        self._end: EtlError | None = None
        # When the loop's own thread takes its next turn, in seconds of the monotonic clock.
        self._looks_at = 0.0

    def stop(self, error: EtlError) -> None:
        """Ask for a clean end whose outcome is `error`. Safe from any thread, and in a signal handler."""
        self._turns.leave(StopRequest(error))

    def run(self, windows: Iterable[Window]) -> EtlError | None:
        """Deliver `windows`, then close the books. Returns None when all is done, otherwise why the run ended early."""
        line, alone = self._line, LeftAlone(self._line)
        senders = self._senders = Senders(line.open_client, count=line.concurrency, deliver=self._turns.bring)
        reader = self._reader = Reader(
            line.source,
            windows,
            prepare=line.prepare,
            ledger=line.state if line.ledger else None,
            deliver=self._turns.bring,
            limit=self._limits.rows,
        )
        try:
            self._deliver()
            while self._end is not None and self._end is line.courier.trouble and alone.lets_go_on(self._end):
                self._end = None
                self._deliver()
        finally:
            reader.stop()
            senders.close()
            self._take_tally()
            reader.join(LONGEST_WAIT_SECONDS)
        self.books.close()
        return self._end

    def _deliver(self) -> None:
        """Deliver until all is done or an error ends the run."""
        try:
            with self._turns.shared():
                self._loop()
        except EtlError as trouble:
            # The state cannot be written (a full disk, a lost server): nothing new leaves, but the answers to what is
            # in flight may still be saved.
            self._stop(trouble)
        if self._end is not None:
            self._let_settle()

    def _loop(self) -> None:
        """The loop of its own thread: takes a turn when its wait is over, or when another thread wakes it."""
        courier, clock = self._line.courier, self._line.clock
        while True:
            with self._turns.take():
                self._take_turn()
                if self._over:
                    return
                now = clock.monotonic()
                wait = min(LONGEST_WAIT_SECONDS, self._limits.seconds_left(clock, now))
                if courier.wake_at is not None:
                    wait = min(wait, courier.wake_at - now)
                self._looks_at = now + wait
            self._turns.wait(wait)

    def _decide(self) -> bool:
        """Take one turn, in any thread. True wakes the loop's thread: all is over, or its wait would end too late."""
        self._take_turn()
        wake_at = self._line.courier.wake_at
        late = wake_at is not None and wake_at < self._looks_at
        if wake_at is not None and late:
            self._looks_at = wake_at
        return late or self._over

    def _take_turn(self) -> None:
        courier, clock = self._line.courier, self._line.clock
        while True:
            self._receive()
            if self._end is not None:
                return
            # Before submitting, so that the places of answered requests are used at once; after it, for pages with
            # nothing to send.
            self._commit()
            self._admit(self._reader)
            self._submit(self._senders)
            self._commit()
            self._take_tally()
            self._report(self.books)
            if self._over:
                return
            now = clock.monotonic()
            if self._limits.seconds_left(clock, now) <= 0:
                words = f"the time for this run is over{self._last_failure.words(self.books)}"
                hint = "the next run goes on from here"
                self._stop(StoppedEarly(words, hint=hint, unreached=self._last_failure.unreached))
                return
            if courier.wake_at is None or courier.wake_at > now:
                return

    @property
    def _over(self) -> bool:
        return self._end is not None or self._finished()

    def _finished(self) -> bool:
        return not self._input_open and not self._waiting and self._line.courier.idle

    def _submit(self, senders: Senders) -> None:
        courier, clock = self._line.courier, self._line.clock
        while (request := courier.next_request(now=clock.monotonic(), jitter=clock.jitter)) is not None:
            if forgotten := self._forgotten_now.among(request):
                courier.withhold(request, forgotten)
                continue
            self._in_flight += 1
            senders.submit(request)
        if courier.trouble is not None:
            self._stop(courier.trouble)

    def _receive(self, timeout_seconds: float = 0.0) -> None:
        # All that has arrived, so that several answers are committed in one transaction.
        for message in self._turns.arrived(timeout_seconds):
            self._handle(message)

    def _handle(self, message: object) -> None:
        # Fields by name: for fields by place the interpreter makes a new string `__match_args__` at each message.
        match message:
            case Answered(request=request, answer=answer):
                self._in_flight -= 1
                verdict = judge(answer, events=len(request.events), sent=request.body)
                self._last_failure.note(verdict)
                said = self._said.if_accepted(answer, verdict, sent=request.body)
                clock, courier = self._line.clock, self._line.courier
                now = clock.monotonic()
                courier.answered(request, verdict, now=now, jitter=clock.jitter, said=said)
                if (silence := silence_seconds(answer)) is not None:
                    courier.budget.pause_until(now + silence)
            case PageReady(prepared=waits) | WindowDone(window=waits):
                self._waiting.append(waits)
            case InputDone(error=error, limited=limited):
                self._input_open = False
                self.limited = limited
                self._line.courier.more_is_coming(False)  # noqa: FBT003 - reads as a sentence
                if error is not None:
                    self._stop(error)
            case StopRequest(error=error):
                self._stop(error)
            case Crashed(error=error):
                raise error
            case _:
                raise AssertionError(type(message).__name__)

    def _admit(self, reader: Reader) -> None:
        courier = self._line.courier
        while self._waiting:
            first = self._waiting[0]
            if isinstance(first, Window):
                if self._line.track != "run":
                    # Each window of a backfill is completed by itself, so the pages held back are taken in at its end.
                    self._take_in_what_waited(others_follow=True)
                # A window is done when all its rows are settled, not when it has been read. Nothing of the next window
                # is admitted before, so a request that is not full must leave now.
                if not courier.idle:
                    courier.flush()
                    if not (courier.held_up and self._line.track == "run"):
                        return
                    # One of its events waits until another is accepted. The windows of a run share a checkpoint, so go
                    # on with the next.
                self._window_done(first)
                self._waiting.pop(0)
                continue
            if first.follows and not courier.idle:
                courier.flush()
                return
            if not courier.room:
                return
            self._waiting.pop(0)
            reader.taken()
            if not self._take_in(first):
                return
        if not self._input_open:
            self._take_in_what_waited(others_follow=False)

    def _take_in(self, page: Prepared) -> bool:
        books, line = self.books, self._line
        books.read += page.rows
        books.invalid += len(page.invalid)
        books.reasons.update(page.reasons)
        books.omitted.update(page.omitted)
        self._failures.page(
            page.first_seq,
            rows=page.rows,
            reasons=[row.reason for row in page.invalid],
            unchanged=len(page.unchanged_keys),
        )
        if page.invalid and not page.events and line.courier.idle and self._too_many(page.first_seq + page.rows):
            return False
        if not self._in_front.keeps(page):
            for each in (*self._in_front.released(), page):
                self._record(each)
        return True

    def _too_many(self, passed: int, *, without_others: int = 0) -> bool:
        """Whether so many rows failed that the run stops; the arguments are those of `Failures.too_many`."""
        error = self._failures.too_many(passed=passed, without_others=without_others, spared=self._line.courier.spared)
        if error is not None:
            self._stop(error)
        return error is not None

    def _take_in_what_waited(self, *, others_follow: bool) -> None:
        """Take in the pages held back, unless nothing else is new and the mapping must be wrong."""
        rows = self._in_front.rows
        if rows and not self._too_many(self.books.read, without_others=0 if others_follow else rows):
            for page in self._in_front.released():
                self._record(page)

    def _record(self, page: Prepared) -> None:
        """Record what is certain of a page's rows, and hand its events to the courier."""
        books, line = self.books, self._line
        if page.invalid:
            now = line.clock.utc_now()
            letters = [row.letter(now=now, run_id=line.run_id, stamp=page.stamp) for row in page.invalid]
            line.state.bury(letters, tried_again=line.tries_again)
            books.acknowledged += line.state.letters.acknowledged((row.key, row.reason) for row in page.invalid)
        books.unchanged += len(page.unchanged_keys) + page.given_up
        books.suppressed += len(page.suppressed)
        if page.suppressed:
            line.state.erasing.erase(page.suppressed)
        if page.unchanged_keys:
            line.state.close_unchanged(page.unchanged_keys, stamp=page.stamp)
        self._again.enter(page.again)
        line.courier.admit(
            AdmittedPage(
                first_seq=page.first_seq,
                rows=page.rows,
                events=page.events,
                position=page.position,
                moves_checkpoint=page.moves_checkpoint,
                stamp=page.stamp,
            )
        )
        LOG.info(
            "page taken in",
            extra={"rows": page.rows, "to_send": len(page.events), "unchanged": len(page.unchanged_keys)},
        )

    def _commit(self) -> None:
        courier = self._line.courier
        while (settlement := self._unsaved or courier.settlement()) is not None:
            self._unsaved = settlement
            overtaken = self._line.state.settle(settlement, track=self._line.track, run_no=self._line.run_no)
            if settlement.suppressed:
                self._line.state.erasing.erase([event.key for event in settlement.suppressed])
            self.books.reasons.update("overtaken" for _ in overtaken)
            self._unsaved = None
            courier.committed(settlement)
            self._line.prepare.settled(settlement.settled_pages)
            self._count(settlement)

    def _count(self, settlement: Settlement) -> None:
        books = self.books
        books.sent += len(settlement.accepted)
        self._again.settled(settlement, books)
        books.rejected += len(settlement.rejected)
        books.suppressed += len(settlement.suppressed)
        if settlement.rejected:
            refused = ((rejected.event.key, rejected.reason) for rejected in settlement.rejected)
            books.acknowledged += self._line.state.letters.acknowledged(refused)
        books.unconfirmed += settlement.unconfirmed
        books.reasons.update(rejected.reason for rejected in settlement.rejected)
        self._failures.accepted(len(settlement.accepted), unnamed=settlement.taken_unnamed)
        for rejected in settlement.rejected:
            self._failures.rejected(rejected.reason, rejected.words)
        if books.failures:
            self._too_many(self._line.courier.passed_rows)

    def _stop(self, error: EtlError) -> None:
        if self._end is None:
            self._end = error
            self._line.courier.halt()

    def _let_settle(self) -> None:
        # Wait for the answers to what is in flight, and commit them, so that it is not sent again.
        clock = self._line.clock
        until = clock.monotonic() + GRACE_SECONDS
        saving = not isinstance(self._end, StateUnusable)
        while self._in_flight > 0 and (left := until - clock.monotonic()) > 0:
            # The run ends anyway, so another refusal by the host changes nothing.
            with suppress(HostRefused):
                self._receive(min(left, LONGEST_WAIT_SECONDS))
            saving = saving and self._saved()
        if not (saving and self._saved()):
            self._saved()  # once more after the last answer: the disk may have room again

    def _saved(self) -> bool:
        try:
            self._commit()
        except StateUnusable as trouble:
            self._end = trouble  # outranks whatever else ended the run, because a person has to act
            return False
        return True

    def _take_tally(self) -> None:
        tally, books = self._line.courier.tally, self.books
        books.requests, books.retries, books.ambiguous = tally.requests, tally.retries, tally.ambiguous
        books.waited_seconds = tally.waited_seconds

"""Works on mappings one after the other, and prints how each ended.

The rule: every mapping runs, however the one before ended, even if output cannot be written. The lock comes first: a
process that finds a mapping locked ends before heavy imports and before any query.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias
from uuid import uuid4

import click

from etl.books import Books
from etl.clock import Clock
from etl.commands.advice import MappingPlace, next_steps
from etl.commands.hints import hint_of, name_api
from etl.commands.loading import Shard, load_good
from etl.commands.new_state import tell_if_new
from etl.commands.not_started import Begun, note_begun
from etl.commands.reports import Calls, Reports, ReportTo
from etl.errors import (
    EtlError,
    FirstRunUndecided,
    Interrupted,
    MappingInvalid,
    MappingLocked,
    StateUnusable,
    worst_exit_code,
)
from etl.host.refusal import refusal_of
from etl.host.signals import on_signals
from etl.host.system_clock import SystemClock
from etl.host.tuning import eased_interpreter, one_processor
from etl.job.outcome import Outcome
from etl.job.start import START, first_run_undecided
from etl.mapping.model import Mapping
from etl.page import Key, Window
from etl.screen.json_line import json_line
from etl.screen.logs import log_context
from etl.screen.messages import show_bug, show_error, tell
from etl.screen.progress import Progress
from etl.screen.streams import say
from etl.secret import shown_account
from etl.state.mapping_state import MappingState
from etl.state.store import StateStore, open_state, state_exists

if TYPE_CHECKING:
    from etl.job.loop import Delivery
    from etl.job.run import RunContext

LOG = logging.getLogger(__name__)
LOCK_POLL_SECONDS = 1.0


class Stopper:
    """Turns the first signal into a clean stop of the delivery under way, and skips the mappings that would follow."""

    def __init__(self, clock: SystemClock, begun: Callable[[], None]) -> None:
        self.error: Interrupted | None = None
        self._clock = clock
        self._begun = begun
        self._delivery: Delivery | None = None

    def signalled(self, number: int) -> None:
        """Ask for the clean stop. Safe in a signal handler: a SimpleQueue's put may interrupt itself."""
        self.error = Interrupted("stopped by a signal; the checkpoint is saved", signal_number=number)
        # Interrupts a wait for a lock or for the database.
        self._clock.interrupt()
        if self._delivery is not None:
            self._delivery.stop(self.error)

    def check(self) -> None:
        """Raise `Interrupted` when the signal came."""
        if self.error is not None:
            raise self.error

    def watch(self, delivery: Delivery) -> None:
        """Stop `delivery` when the signal comes, or at once if it came already."""
        self._delivery = delivery
        self._begun()
        if self.error is not None:
            delivery.stop(self.error)


class Reported(Protocol):
    """Collects the outcomes for a report, and writes it at the end."""

    def add(self, mapping: Mapping, outcome: Outcome) -> None:
        """How the dry run of `mapping` ended."""

    def refused(self, error: MappingInvalid) -> None:
        """Some files are no mappings."""

    def write(self) -> None:
        """All is known."""


@dataclass(frozen=True, slots=True)
class Call:
    """What all commands that work through mappings share.

    track: the track that is locked, except in a dry run. out_of_time: whether the time for all mappings is over. shard:
    the mappings to work on; None: all. needs_state: the command is refused without a state, and makes none. check: a
    dry run with something to send ends with exit code 3. fine: exit codes for which the process ends with 0. report:
    collects each printed outcome, and is written at the end. heard: called with each outcome; None: outcomes are
    printed, and the command may set the process's signals, processor and garbage collector. workers: the processes that
    prepare pages, or their scheduler; None: this process does. of_keys: only rows that a person named are sent. again:
    the options that say what a run sends, for commands in hints.
    """

    command: str
    state: str
    output: str
    report_to: ReportTo
    dry_run: bool = False
    track: str = "run"
    if_locked: str = "fail"
    limit: int | None = None
    shard: Shard | None = None
    needs_state: bool = False
    check: bool = False
    fine: frozenset[int] = frozenset()
    report: Reported | None = None
    out_of_time: Callable[[], bool] = lambda: False
    heard: Callable[[Outcome], None] | None = None
    workers: int | str | None = None
    of_keys: bool = False
    again: tuple[str, ...] = ()


Work: TypeAlias = "Callable[[RunContext, str, Progress, Stopper], Outcome]"


def each(paths: tuple[Path, ...], call: Call, work: Work, *, clock: SystemClock) -> int:
    """Do `work` for every mapping of `paths`; returns the worst exit code."""
    codes: list[int] = []
    with ExitStack() as stack:
        # A dry run reports nothing.
        to = ReportTo() if call.dry_run else call.report_to
        calls = Calls(paths, call.state, printed=call.heard is None)
        reports = stack.enter_context(Reports(to, command=call.command, calls=calls, clock=clock))
        loaded, invalid = load_good(paths)
        mappings = loaded if call.shard is None else call.shard.of(loaded)
        reports.expect(mappings)
        if invalid is not None:
            if not mappings or call.heard is not None:
                raise invalid
            # One broken file must not keep the others from their run.
            show_error(invalid)
            reports.refused(invalid)
            if call.report is not None:
                call.report.refused(invalid)
            codes.append(invalid.exit_code)
        stopper = Stopper(clock, reports.begun)
        if call.heard is None:
            stack.enter_context(on_signals(stopper.signalled))
        store = stack.enter_context(_state(call, clock))
        # Only calls of a scheduler: a dry run and rows by their keys are called by a person.
        if call.command == "run" and store.writable and not (call.dry_run or call.of_keys):
            others = [one for one in loaded if one not in mappings]
            note_begun(store, Begun(paths, mappings, others, invalid))
        for mapping in mappings:
            if stopper.error is not None:
                codes.append(stopper.error.exit_code)
                break
            codes.append(_one(mapping, store, call, work, clock=clock, stopper=stopper, reports=reports))
    if len(codes) > 1 and call.output == "text" and call.heard is None:
        from etl.commands.summary import closing_text

        _print(closing_text(codes, stopped=reports.stopped_by_failures), call)
    if call.report is not None:
        call.report.write()
    return worst_exit_code(codes, fine=call.fine)


@contextmanager
def _state(call: Call, clock: SystemClock) -> Iterator[StateStore]:
    looks = call.dry_run or (call.needs_state and not state_exists(call.state))
    with open_state(call.state, clock=clock, write=not looks) as store:
        # A first run makes its state, as expected, so no message about it.
        if call.command != "run" and call.heard is None:
            tell_if_new(store)
        yield store


def _one(  # noqa: PLR0913 - what all mappings share
    mapping: Mapping, store: StateStore, call: Call, work: Work, *, clock: Clock, stopper: Stopper, reports: Reports
) -> int:
    run_id = uuid4().hex[:12]
    log_context(mapping=mapping.name, run_id=run_id)
    begun = clock.monotonic()
    try:
        with ExitStack() as stack:
            if not call.dry_run:
                stack.enter_context(_held(mapping.name, store, call, clock))
            with eased_interpreter() if call.heard is None else nullcontext():
                from etl.commands.wiring import run_context
                from etl.commands.workers import WorkersWanted

            processors = stack.enter_context(one_processor()) if call.heard is None else frozenset[int]()
            patient = call.command == "backfill"
            workers = None if call.workers is None else WorkersWanted(call.workers, processors)
            context = stack.enter_context(run_context(mapping, store, patient=patient, clock=clock, workers=workers))
            progress = Progress(
                mapping.name,
                count=partial(_rows_in, mapping, clock=clock),
                dry=call.dry_run,
                limit=call.limit,
                stopping=lambda: stopper.error is not None,
                silent=call.heard is not None,
                workers=context.workers,
            )
            outcome = work(context, run_id, stack.enter_context(progress), stopper)
    except (click.Abort, click.ClickException):
        raise
    except Exception as problem:  # what one mapping meets must not keep the others from their run
        if call.heard is not None and not isinstance(problem, EtlError):
            raise
        error = _told_error(problem)
        if isinstance(error, MappingLocked) and call.if_locked == "skip":
            tell(f"skipped: {error.message}")
            return 0
        seconds = clock.monotonic() - begun
        outcome = Outcome(
            mapping=mapping.name,
            command=call.command,
            run_id=run_id,
            books=Books(),
            duration_seconds=seconds,
            before=None,
            checkpoint=None,
            # A signal must not hide an error that a person has to decide about.
            error=error if isinstance(error, StateUnusable) or error.exit_code == 1 else stopper.error or error,
            dry_run=call.dry_run,
            partial="keys" if call.of_keys else None,
        )
        # A process that did not get the lock leaves no record beside that of the holder.
        if store.writable and not isinstance(error, MappingLocked):
            outcome = _recorded(outcome, store)
        outcome = outcome.ended(clock.utc_now())
    outcome = replace(outcome, destination=_where_to(mapping), check=call.check)
    _complete_hint(outcome, mapping, call, store)
    reports.ended(mapping, outcome, store)
    if call.heard is not None:
        call.heard(outcome)
        return outcome.exit_code
    _tell(outcome, mapping, store, call)
    if outcome.error is not None:
        show_error(outcome.error, subject=mapping.name)
    return outcome.exit_code


def _held(name: str, store: StateStore, call: Call, clock: Clock) -> ExitStack:
    """The lock of the mapping `name`. Raises `FirstRunUndecided` where there is no state and none is made."""
    if not store.writable:
        raise first_run_undecided(f"{name}: there is no state at {store.place}, so this would be a first run")
    return _locked(store.mapping(name), call, clock)


def _where_to(mapping: Mapping) -> dict[str, str | None]:
    destination = mapping.destination
    return {"host": destination.host, "account": shown_account(destination.account)}


def _complete_hint(outcome: Outcome, mapping: Mapping, call: Call, store: StateStore) -> None:
    """Completes an error with the API's address and the commands to type, which are known only here."""
    if outcome.error is None:
        return
    name_api(outcome.error, mapping.destination)
    place = MappingPlace(mapping.path, (), call.state)
    new_name = _new_name(mapping.name, store) if isinstance(outcome.error, FirstRunUndecided) else None
    if new_name is not None:
        # Suggesting a new beginning would send everything again.
        words = f"what was known as {mapping.name} is called {new_name} since `state rename`"
        outcome.error.hint = f"{words}: write `name: {new_name}` into {mapping.path}"
    else:
        outcome.error.hint = hint_of(outcome.error, place, command=call.command, again=call.again)


def _new_name(name: str, store: StateStore) -> str | None:
    try:
        return store.mapping(name).decisions.new_name(name)
    except StateUnusable:
        return None


def _told_error(problem: Exception) -> EtlError:
    if isinstance(problem, EtlError):
        return problem
    refusal = refusal_of(problem)
    if refusal is not None:
        return refusal
    show_bug(problem)
    return EtlError(f"a bug in squeezely-etl ended it ({type(problem).__name__})", hint="report the traceback above")


def _tell(outcome: Outcome, mapping: Mapping, store: StateStore, call: Call) -> None:
    if call.report is not None:
        call.report.add(mapping, outcome)
    if call.output == "json":
        _print(json_line(outcome.as_dict()), call)
        return
    from etl.commands.summary import summary_text

    def example(reason: str) -> Key | None:
        try:
            letter = store.mapping(mapping.name).letters.example(reason, outcome.run_id)
        except StateUnusable:
            return None
        # Acknowledged dead letters need no further step.
        return letter.key if letter and not letter.acknowledged else None

    event = mapping.event if isinstance(mapping.event, str) else ""
    place = MappingPlace(mapping.path, tuple(mapping.source.primary_key), call.state, event)
    begins = "" if outcome.checkpoint is None else _beginning(mapping, store)
    _print(summary_text(outcome, next_steps(outcome, place, example), begins=begins), call)


def _beginning(mapping: Mapping, store: StateStore) -> str:
    """Where a run begins while the checkpoint has no position."""
    from etl.commands.summary import position_text

    if not mapping.source.cursor_field:
        return "all rows, as every run does without a cursor_field"
    try:
        start = store.mapping(mapping.name).checkpoint(START)
    except StateUnusable:
        start = None
    return "everything, from the beginning" if start is None else f"from {position_text(start.position)} on"


def _recorded(outcome: Outcome, store: StateStore) -> Outcome:
    """Record the end of work that had no record yet. Returns the outcome with the present checkpoint."""
    try:
        found = store.mapping(outcome.mapping)
        if outcome.command != "backfill":
            outcome = replace(outcome, before=found.checkpoint(), checkpoint=found.checkpoint())
        found.record_run(run_id=outcome.run_id, command=outcome.command, summary=outcome.to_keep())
    except StateUnusable:
        LOG.warning("the end of the run could not be recorded")
    return outcome


def _rows_in(mapping: Mapping, windows: Sequence[Window], *, clock: Clock) -> int:
    """The rows in `windows`, counted over a connection of its own. Raises `EtlError` if that would take long."""
    from etl.source.open import open_source
    from etl.source.plan import GLANCE
    from etl.source.spool_range import joined

    with open_source(mapping, clock=clock, limits=GLANCE) as source:
        return sum(source.count(window) for window in joined(windows))


def _print(text: str, call: Call) -> None:
    # A dry run whose output cannot be written is useless and ends; a run that sends goes on.
    if call.dry_run:
        click.echo(text)
    else:
        say(text)


def _locked(state: MappingState, call: Call, clock: Clock) -> ExitStack:
    told = False
    while True:
        stack = ExitStack()
        try:
            stack.enter_context(state.lock(call.track))
        except MappingLocked as error:
            if call.if_locked != "wait":
                raise
            if not told:
                (tell if call.heard is None else LOG.info)(f"{error.message}; waiting for its end")
                told = True
            if clock.wait(LOCK_POLL_SECONDS) or call.out_of_time():
                raise
        else:
            return stack

"""Works through mappings one after the other, and tells how each ended.

The rule: each runs, whatever became of the one before; nobody has to listen for it to go on. The lock comes first:
whoever finds a mapping at work leaves before anything heavy is imported, and without a word to its database.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias
from uuid import uuid4

import click

from etl.books import Books
from etl.cli.loading import load_good
from etl.cli.logs import log_context
from etl.cli.progress import Progress
from etl.cli.reports import Reports, ReportTo
from etl.cli.streams import say
from etl.cli.telling import show_error, tell
from etl.clock import Clock
from etl.errors import EtlError, Interrupted, MappingLocked, StateUnusable, worst_exit_code
from etl.host.interpreter import eased_interpreter
from etl.host.processor import one_processor
from etl.host.signals import on_signals
from etl.host.system_clock import SystemClock
from etl.job.outcome import Outcome
from etl.mapping.model import Mapping
from etl.page import Key, Window
from etl.state.mapping_state import MappingState
from etl.state.store import StateStore, open_state

if TYPE_CHECKING:
    from etl.job.deliver import Delivery
    from etl.job.run import Workshop

LOG = logging.getLogger(__name__)
LOCK_POLL_SECONDS = 1.0


class Stopper:
    """Turns the first signal into a clean stop of the delivery that is under way, and of those that would follow."""

    def __init__(self, clock: SystemClock, begun: Callable[[], None]) -> None:
        self.error: Interrupted | None = None
        self._clock = clock
        self._begun = begun
        self._delivery: Delivery | None = None

    def signalled(self, number: int) -> None:
        """Ask for the clean stop. Safe in a signal handler: a SimpleQueue's put may interrupt itself."""
        self.error = Interrupted("stopped by a signal; the checkpoint is saved", signal_number=number)
        # Waits for a lock or for the database end at once.
        self._clock.interrupt()
        if self._delivery is not None:
            self._delivery.stop(self.error)

    def watch(self, delivery: Delivery) -> None:
        """Stop `delivery` when the signal comes, or came already."""
        self._delivery = delivery
        self._begun()
        if self.error is not None:
            delivery.stop(self.error)


@dataclass(frozen=True, slots=True)
class Call:
    """What all commands that work through mappings share.

    track: what is locked, unless in a dry run. out_of_time: whether the time for all of it is over.
    """

    command: str
    state: str
    output: str
    report_to: ReportTo
    dry_run: bool = False
    track: str = "run"
    if_locked: str = "fail"
    limit: int | None = None
    out_of_time: Callable[[], bool] = lambda: False


Work: TypeAlias = "Callable[[Workshop, str, Progress, Stopper], Outcome]"


def each(paths: tuple[Path, ...], call: Call, work: Work, *, clock: SystemClock) -> int:
    """Do `work` for every mapping of `paths`; returns the worst exit code."""
    codes: list[int] = []
    with ExitStack() as stack:
        # A rehearsal is nobody's news.
        to = ReportTo() if call.dry_run else call.report_to
        reports = stack.enter_context(Reports(to, command=call.command, clock=clock))
        mappings, invalid = load_good(paths)
        reports.expect(mappings)
        if invalid is not None:
            if not mappings:
                raise invalid
            # One broken file must not keep the others from their night.
            show_error(invalid)
            reports.refused(invalid)
            codes.append(invalid.exit_code)
        stopper = Stopper(clock, reports.begun)
        stack.enter_context(on_signals(stopper.signalled))
        store = stack.enter_context(open_state(call.state, clock=clock, write=not call.dry_run))
        for mapping in mappings:
            if stopper.error is not None:
                codes.append(stopper.error.exit_code)
                break
            codes.append(_one(mapping, store, call, work, clock=clock, stopper=stopper, reports=reports))
    if len(codes) > 1 and call.output == "text":
        from etl.cli.summary import closing_text

        _print(closing_text(codes), call)
    return worst_exit_code(codes)


def _one(  # noqa: PLR0913 - what all mappings share
    mapping: Mapping, store: StateStore, call: Call, work: Work, *, clock: Clock, stopper: Stopper, reports: Reports
) -> int:
    run_id = uuid4().hex[:12]
    log_context(mapping=mapping.name, run_id=run_id)
    begun = clock.monotonic()
    try:
        with ExitStack() as stack:
            if not call.dry_run:
                stack.enter_context(_locked(store.mapping(mapping.name), call, clock))
            with eased_interpreter():
                from etl.cli.wiring import workshop

            stack.enter_context(one_processor())
            shop = stack.enter_context(workshop(mapping, store, patient=call.command == "backfill", clock=clock))
            progress = Progress(
                mapping.name,
                count=partial(_rows_in, mapping, clock=clock),
                dry=call.dry_run,
                limit=call.limit,
                stopping=lambda: stopper.error is not None,
            )
            outcome = work(shop, run_id, stack.enter_context(progress), stopper)
    except EtlError as error:
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
            error=stopper.error or error,
            dry_run=call.dry_run,
        )
        # Whoever was refused the lock, also after a wait that a signal ended, leaves no record beside the holder's.
        if not call.dry_run and not isinstance(error, MappingLocked):
            outcome = _recorded(outcome, store)
    reports.ended(mapping, outcome, store)
    _tell(outcome, mapping, store, call)
    if outcome.error is not None:
        show_error(outcome.error, subject=mapping.name)
    return outcome.exit_code


def _tell(outcome: Outcome, mapping: Mapping, store: StateStore, call: Call) -> None:
    if call.output == "json":
        _print(json.dumps(outcome.as_dict(), ensure_ascii=False), call)
        return
    from etl.cli.advice import Place, next_steps
    from etl.cli.summary import summary_text

    def example(reason: str) -> Key | None:
        try:
            letters = store.mapping(mapping.name).open_dead_letters(reason, 1)
        except StateUnusable:
            return None
        return letters[0].key if letters else None

    place = Place(mapping.path, tuple(mapping.source.primary_key), call.state)
    _print(summary_text(outcome, next_steps(outcome, place, example)), call)


def _recorded(outcome: Outcome, store: StateStore) -> Outcome:
    """Record the end of work that had no record yet; the outcome with the checkpoint as it is."""
    try:
        found = store.mapping(outcome.mapping)
        if outcome.command != "backfill":
            outcome = replace(outcome, before=found.checkpoint(), checkpoint=found.checkpoint())
        found.record_run(run_id=outcome.run_id, command=outcome.command, summary=outcome.as_dict())
    except StateUnusable:
        LOG.warning("the end of the run could not be recorded")
    return outcome


def _rows_in(mapping: Mapping, windows: Sequence[Window], *, clock: Clock) -> int:
    """The rows in `windows`, counted over a connection of its own. Raises `EtlError` when that is not quickly done."""
    from etl.source.connect import GLANCE
    from etl.source.open import open_source

    with open_source(mapping, clock=clock, limits=GLANCE) as source:
        return sum(source.count(window) for window in windows)


def _print(text: str, call: Call) -> None:
    # Nobody has to read it: the work of the other mappings goes on. A dry run has no other purpose, and ends.
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
                tell(f"{error.message}; waiting for its end")
                told = True
            if clock.wait(LOCK_POLL_SECONDS) or call.out_of_time():
                raise
        else:
            return stack

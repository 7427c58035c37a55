"""How far each mapping is behind its table, asked of the databases with little patience and all at once.

The rule: whatever a database or its driver does, there is an answer within seconds, even if only that it is unknown.
"""

from __future__ import annotations

import threading
from collections import abc
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from etl.checkpoint import Checkpoint
from etl.clock import Clock
from etl.commands.advice import MappingPlace
from etl.commands.loading import load, load_each, load_good
from etl.commands.standing import Answer, Lag, NoLag, Standing, standing_of
from etl.errors import EtlError, MappingInvalid, StateUnusable, WrongFile
from etl.job.fingerprint import fingerprint_of
from etl.job.start import FLOOR, START
from etl.mapping.model import Mapping
from etl.page import Window
from etl.screen.wording import first_of
from etl.source.open import open_source
from etl.source.plan import GLANCE
from etl.state.not_started import NotStarted
from etl.state.store import StateStore

ASK_SECONDS = 12.0


def measure(
    mapping: Mapping,
    checkpoint: Checkpoint | None,
    *,
    floor: Checkpoint | None,
    start: Checkpoint | None = None,
    clock: Clock,
) -> Lag:
    """Ask the database of `mapping`. Raises what opening a source raises.

    `floor` is where `--start-from now` began, `start` where `--start-from VALUE` did.
    """
    with open_source(mapping, clock=clock, limits=GLANCE) as source:
        position = None if checkpoint is None else checkpoint.position
        fingerprint = fingerprint_of(mapping, source)
        if source.cursor_kind is None:
            return Lag(source.count(Window()), 0, None, None, every_row=True, fingerprint=fingerprint)
        went_back = None
        if position is not None and (floor is None or floor.position != position):
            try:
                source.check_not_backwards(position)
            except StateUnusable as error:
                went_back = error
        bound = source.upper_bound()
        begin = start.position.cursor if position is None and start and start.position else None
        window = Window(after=position, start=begin, until=bound.until)
        rows = 0 if bound.empty else source.count(window)
        lowest = source.lowest(window) if rows else None
        oldest_at = None if lowest is None else source.instant(lowest)
        now = source.now()
        seconds = None if oldest_at is None else (now - oldest_at).total_seconds()
        reached = None if position is None or position.cursor is None else source.instant(position.cursor)
        ahead = None if reached is None else (reached - now).total_seconds()
        return Lag(
            rows,
            bound.held,
            oldest_at,
            seconds,
            every_row=False,
            fingerprint=fingerprint,
            went_back=went_back,
            ahead_seconds=ahead if ahead is not None and ahead > 0 else None,
        )


def ask_all(
    questions: abc.Mapping[str, Callable[[], Lag]], *, clock: Clock, patience_seconds: float = ASK_SECONDS
) -> dict[str, Answer]:
    """The answers of `questions`, by the same names; they are asked at once."""
    answers: dict[str, Answer | Exception] = {}
    # Daemon threads: a driver that waits for ever must not keep the process from ending.
    threads = {
        name: threading.Thread(target=_ask, args=(question, name, answers), daemon=True)
        for name, question in questions.items()
    }
    for thread in threads.values():
        thread.start()
    until = clock.monotonic() + patience_seconds
    for thread in threads.values():
        thread.join(max(0.0, until - clock.monotonic()))
    late = NoLag(f"the database did not answer within {patience_seconds:.0f} seconds")
    found: dict[str, Answer] = {}
    for name in questions:
        answer = answers.get(name, late)
        if isinstance(answer, Exception):
            raise answer
        found[name] = answer
    return found


def _ask(question: Callable[[], Lag], name: str, answers: dict[str, Answer | Exception]) -> None:
    try:
        answers[name] = question()
    except EtlError as error:
        answers[name] = NoLag(error.message)
    except Exception as bug:  # noqa: BLE001 - told by the thread that asked
        answers[name] = bug


class MappingFiles:
    """The mappings of files. `invalid` holds the problems of those that are wrong; None: all are right."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._mappings, self.invalid = load_good(paths, resolve_variables=False)

    @property
    def names(self) -> list[str]:
        """The names of the mappings that are right."""
        return [mapping.name for mapping in self._mappings]

    @property
    def named(self) -> list[str]:
        """The names of all of them, as `standings` has them."""
        return [*self.names, *self.wrong]

    def gone(self, store: StateStore) -> list[str]:
        """The names in the state without a file in a named folder; empty if that is not known."""
        if self.invalid is not None or not any(path.is_dir() for path in self._paths):
            return []
        return [name for name in store.names() if name not in self.names]

    def resolved(self) -> dict[str, Mapping]:
        """The mappings with their variables, by name. Raises `MappingInvalid` when one is not set."""
        return {mapping.name: mapping for mapping in load(self._paths) if mapping.name in self.names}

    @property
    def wrong(self) -> dict[str, WrongFile]:
        """The files that give no mapping, by the name that it would have, or else by their path."""
        files = () if self.invalid is None else self.invalid.files
        return {file.mapping or str(file.path): file for file in files}

    def standings(
        self,
        store: StateStore,
        *,
        state_path: str,
        count_ledger: bool,
        refused: abc.Mapping[str, NotStarted],
        clock: Clock,
    ) -> list[Standing]:
        """The standing of each mapping, also of those whose file is wrong; `state_path` is for commands to copy.

        `refused`: the calls that did not start, by mapping.
        """
        answers: dict[str, Answer] = {}
        questions = {}
        accounts: dict[str, str] = {}
        # Loaded again with the variables, which hold the addresses of the databases.
        by_path = dict(load_each(self._paths))
        for mapping in self._mappings:
            match by_path[mapping.path]:
                case MappingInvalid() as invalid:
                    answers[mapping.name] = NoLag(_first_problem(invalid))
                case Mapping() as resolved:
                    state = store.mapping(mapping.name)
                    accounts[mapping.name] = resolved.destination.account
                    questions[mapping.name] = partial(
                        measure,
                        resolved,
                        state.checkpoint(),
                        floor=state.checkpoint(FLOOR),
                        start=state.checkpoint(START),
                        clock=clock,
                    )
        answers |= ask_all(questions, clock=clock)
        differing = {
            mapping.name: _differing(mapping, store, clock=clock)
            for mapping in by_path.values()
            if isinstance(mapping, Mapping) and isinstance(answers.get(mapping.name), Lag)
        }
        right = [
            standing_of(
                store.mapping(mapping.name),
                lag=answers[mapping.name],
                mapping=mapping,
                place=MappingPlace(mapping.path, tuple(mapping.source.primary_key), state_path),
                suppressed=store.suppressions(accounts.get(mapping.name), mapping.name).count(),
                count_ledger=count_ledger,
                differing=differing.get(mapping.name),
                refused=refused.get(mapping.name),
            )
            for mapping in self._mappings
        ]
        wrong = [
            standing_of(
                store.mapping(name),
                lag=NoLag("its file gives no mapping"),
                place=MappingPlace(file.path, (), state_path),
                suppressed=store.suppressions(None, name).count(),
                count_ledger=count_ledger,
                refused=refused.get(name),
                wrong_file=first_of(file.problems),
                wrong_words=first_of(file.words),
            )
            for name, file in self.wrong.items()
        ]
        return right + wrong


def _differing(mapping: Mapping, store: StateStore, *, clock: Clock) -> int | None:
    """How many accepted rows would be sent as changed now; None if the mapping is the same, or counting takes long."""
    from etl.mapping.mapped import mapped_parts

    if store.mapping(mapping.name).mapped.earlier(mapped_parts(mapping)) is None:
        return None
    # Imported here, because it loads the whole transform.
    from etl.commands.wiring import run_context
    from etl.job.forecast import rows_that_differ

    try:
        with run_context(mapping, store, clock=clock) as context:
            context.confirm_fingerprint()
            return rows_that_differ(context)
    except EtlError:
        return None  # the same error is shown by the lag or the state


def _first_problem(invalid: MappingInvalid) -> str:
    # Without its place, which is plain from the mapping.
    return next((words for file in invalid.files for words in file.words), invalid.message)

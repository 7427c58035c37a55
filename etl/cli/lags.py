"""How far each mapping is behind its table, asked of the databases with little patience and all at once.

The rule: whatever a database or its driver does, the answer is there within seconds, if only that there is none.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from etl.checkpoint import Checkpoint
from etl.cli.lag import Answer, Lag, NoLag
from etl.clock import Clock
from etl.errors import EtlError, StateUnusable
from etl.job.fingerprint import fingerprint_of
from etl.mapping.model import Mapping as MappingFile
from etl.page import Window
from etl.source.connect import GLANCE
from etl.source.open import open_source

ASK_SECONDS = 12.0


def measure(
    mapping: MappingFile,
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
        seconds = None if oldest_at is None else (source.now() - oldest_at).total_seconds()
        return Lag(rows, bound.held, oldest_at, seconds, every_row=False, fingerprint=fingerprint, went_back=went_back)


def ask_all(
    questions: Mapping[str, Callable[[], Lag]], *, clock: Clock, patience_seconds: float = ASK_SECONDS
) -> dict[str, Answer]:
    """The answers of `questions`, by the same names; they are asked at once."""
    answers: dict[str, Answer] = {}
    # Daemons: a driver that waits for ever must not keep the process from its end.
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
    return {name: answers.get(name, late) for name in questions}


def _ask(question: Callable[[], Lag], name: str, answers: dict[str, Answer]) -> None:
    try:
        answers[name] = question()
    except EtlError as error:
        answers[name] = NoLag(error.message)

"""What to do after a run, with commands to copy.

The rule: a command printed here can be pasted as it is; no secret is part of it.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import RenderableType

from etl.cli.options import DEFAULT_STATE
from etl.cli.screen import indented, plain
from etl.errors import StoppedEarly, TooManyFailures
from etl.exact import show
from etl.job.outcome import Outcome
from etl.page import Key

MOST_REASONS = 3


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do: a sentence, and the command that does it ("" without one)."""

    text: str
    command: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """What a command has to name: the mapping's file, the columns of its key, and `--state` as it was given."""

    path: Path
    primary_key: tuple[str, ...]
    state: str = DEFAULT_STATE

    def command(self, name: str, *arguments: str) -> str:
        """`squeezely-etl <name> <mapping> <arguments>`."""
        given = [] if self.state in (DEFAULT_STATE, os.environ.get("SQUEEZELY_ETL_STATE")) else ["--state", self.state]
        if given and "://" in self.state:
            # It may hold a password.
            given = ["--state", "URL"]
        return shlex.join(["squeezely-etl", *name.split(), str(self.path), *arguments, *given])

    def key_argument(self, key: Key) -> str:
        """A key as `explain` and `preview --key` take it."""
        if len(key) == 1:
            return show(key[0])
        return ",".join(f"{name}={show(part)}" for name, part in zip(self.primary_key, key, strict=True))


def dead_letter_steps(place: Place, reasons: Iterable[str], example: Callable[[str], Key | None]) -> list[Step]:
    """How to look at dead letters of `reasons` and try them again; `example` gives the key of one."""
    steps: list[Step] = []
    for reason in list(reasons)[:MOST_REASONS]:
        key = example(reason)
        if key is not None:
            explain = place.command("explain", place.key_argument(key))
            steps.append(Step(f"{reason}: see one of the rows, correct what is wrong", explain))
    if steps:
        steps.append(Step("then send them again", place.command("retry")))
    return steps


def next_steps(outcome: Outcome, place: Place, example: Callable[[str], Key | None]) -> list[Step]:
    """What a person does after `outcome`; empty when the night was good."""
    error = outcome.error
    if outcome.dry_run:
        reasons = list(outcome.forecast.examples) if outcome.forecast else []
        look = [Step("see the rows that are invalid", place.command("preview", "--invalid"))] if reasons else []
        if outcome.forecast and outcome.forecast.would_stop:
            return [Step("more rows fail than max_failure_rate allows: a run would stop"), *look]
        return look + ([] if error else [Step("nothing was sent; the same command without --dry-run sends it")])
    if isinstance(error, TooManyFailures):
        return [Step("see the rows that fail, and correct the mapping", place.command("preview", "--invalid"))]
    if outcome.command == "backfill" and outcome.windows and not outcome.books.read and error is None:
        return [Step("this range was done before; --restart begins it anew")]
    steps = dead_letter_steps(place, outcome.books.reasons, example) if outcome.books.failures else []
    if isinstance(error, StoppedEarly) or outcome.exit_code in (129, 130, 143):
        again = "the same command" if outcome.command != "run" else "the next run"
        steps.insert(0, Step(f"nothing is lost: {again} goes on from here"))
    return steps


def shown(steps: list[Step]) -> list[RenderableType]:
    """`steps` as lines, each command in one piece."""
    if not steps:
        return []
    return [indented(plain("what to do next")), *shown_steps(steps)]


def shown_steps(steps: Sequence[Step]) -> list[RenderableType]:
    """The same without a heading."""
    lines: list[RenderableType] = []
    for step in steps:
        lines.append(indented(plain(f"{step.text}:" if step.command else step.text), by=4))
        if step.command:
            lines.append(f"      {step.command}")
    return lines

"""What to do after a run, with commands to copy.

The rule: a command printed here can be pasted as it is; no secret is part of it.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from etl.checkpoint import DEFAULT_STATE
from etl.errors import GuardTripped, StoppedEarly, TooManyFailures
from etl.exact import printable, typed
from etl.job.outcome import Outcome
from etl.page import Key
from etl.secret import is_plain_name

if TYPE_CHECKING:
    from rich.console import RenderableType

MOST_REASONS = 3


@dataclass(frozen=True, slots=True)
class NextStep:
    """One next step: a sentence, and the command that does it ("" without one)."""

    text: str
    command: str = ""


@dataclass(frozen=True, slots=True)
class MappingPlace:
    """The names that printed commands need: the mapping's file, the columns of its key, and `--state` as given.

    `event`: the event's name, "" if a column gives it.
    """

    path: Path
    primary_key: tuple[str, ...]
    state: str = DEFAULT_STATE
    event: str = ""

    def command(self, name: str, *arguments: str) -> str:
        """`squeezely-etl <name> <mapping> <arguments>`."""
        return shell_line(name, str(self.path), *arguments, state=self.state)

    def key_argument(self, key: Key) -> str:
        """A key as `explain` and `preview --key` take it."""
        parts = [typed(part) for part in key]
        # With the column's name if the value alone could be taken for an option, or for a name and a value.
        if len(key) == 1 and not (self.primary_key and parts[0].startswith(("-", f"{self.primary_key[0]}="))):
            return parts[0]
        return ",".join(f"{name}={part}" for name, part in zip(self.primary_key, parts, strict=True))


# Commands without `--state`, because they use no state.
WITHOUT_STATE = frozenset({"init", "preview", "sandbox", "schema", "test"})


def shell_line(name: str, *arguments: str, state: str) -> str:
    """`squeezely-etl <name> <arguments>`, with the `state` where it was given."""
    known = name in WITHOUT_STATE or state in (DEFAULT_STATE, os.environ.get("SQUEEZELY_ETL_STATE"))
    given = [] if known else ["--state", state]
    if given and "://" in state:
        # It may hold a password.
        given = ["--state", "URL"]
    return " ".join(map(_quoted, ["squeezely-etl", *name.split(), *arguments, *given]))


def _quoted(word: str) -> str:
    """`word` quoted for a shell; as $'…' if it has characters that would break the line or control the terminal."""
    if printable(word) == word:
        return shlex.quote(word)
    plain = "".join(
        f"\\{char}"
        if char in "\\'"
        else char
        if " " <= char <= "~"
        else "".join(f"\\x{one:02x}" for one in char.encode())
        for char in word
    )
    return f"$'{plain}'"


def dead_letter_steps(
    place: MappingPlace, reasons: Iterable[str], example: Callable[[str], Key | None]
) -> list[NextStep]:
    """The steps to look at dead letters of `reasons` and to retry them; `example` gives the key of one."""
    steps: list[NextStep] = []
    for reason in list(reasons)[:MOST_REASONS]:
        key = example(reason)
        if key is not None:
            explain = place.command("explain", place.key_argument(key))
            steps.append(NextStep(f"{reason}: see one of the rows, correct what is wrong", explain))
    if steps:
        steps.append(NextStep("then send them again", place.command("retry")))
    return steps


def row_step(decision: str, *, is_dead_letter: bool, place: MappingPlace, key: Key) -> NextStep | None:
    """What a person does for one row, by `explain`'s decision on it; None where there is nothing to do."""
    named = ("--key", place.key_argument(key))
    match decision:
        case "invalid" | "unreadable" | "too large" if is_dead_letter:
            return NextStep("correct the row in the database, then send it", place.command("retry", *named))
        case "invalid" | "unreadable" | "too large":
            return NextStep("correct the row in the database; the run that reads it then sends it")
        case "given up":
            return NextStep("send it", place.command("retry", *named))
        case "behind":
            return NextStep("send it", place.command("run", *named))
        case "new" | "changed" | "in doubt" | "always":
            return NextStep("the next run sends it; to send it at once", place.command("run", *named))
        case _:
            return None


def next_steps(
    outcome: Outcome,
    place: MappingPlace,
    example: Callable[[str], Key | None],
) -> list[NextStep]:
    """The steps for a person after `outcome`; empty when all went well."""
    error = outcome.error
    if outcome.dry_run:
        return _steps_after_a_dry_run(outcome, place)
    if isinstance(error, TooManyFailures):
        return [NextStep("see the rows that fail, and correct the mapping", place.command("preview", "--invalid"))]
    if isinstance(error, GuardTripped):
        # The error's own hint has the commands.
        return []
    if outcome.command == "backfill" and outcome.windows and not outcome.books.read and error is None:
        return [NextStep("this range was done before; --restart begins it anew")]
    steps = _steps_after_a_change(outcome, place)
    steps += dead_letter_steps(place, outcome.books.reasons, example) if outcome.books.failures else []
    if outcome.command == "run" and outcome.before is None and outcome.books.sent:
        steps.append(NextStep(_second_check(place)))
    if isinstance(error, StoppedEarly) or outcome.exit_code in (129, 130, 143):
        again = "the same command" if outcome.command != "run" else "the next run"
        steps.insert(0, NextStep(f"nothing is lost: {again} goes on from here"))
    return steps


def _steps_after_a_dry_run(outcome: Outcome, place: MappingPlace) -> list[NextStep]:
    forecast = outcome.forecast
    look = []
    if forecast is not None and forecast.examples:
        look = [NextStep("see the rows that are invalid", place.command("preview", "--invalid"))]
    if forecast is not None and forecast.guards:
        return [NextStep("a guard would stop it before anything is sent; --ignore-guards sends it all the same"), *look]
    if forecast is not None and forecast.would_stop:
        return [NextStep("more rows fail than max_failure_rate allows: a run would stop"), *look]
    look += _steps_after_a_change(outcome, place)
    return look if outcome.error else [*look, NextStep("nothing was sent; the same command without --dry-run sends it")]


def _steps_after_a_change(outcome: Outcome, place: MappingPlace) -> list[NextStep]:
    if outcome.mapping_change is None or outcome.command != "run" or outcome.differing == 0:
        return []
    count = "see how many accepted rows" if outcome.differing is None else f"{outcome.differing:,} accepted rows"
    return [
        NextStep(f"the mapping changed: {count} differ now; look at them", place.command("backfill", "--dry-run")),
        NextStep("and send those that differ", place.command("backfill")),
    ]


def _second_check(place: MappingPlace) -> str:
    event = f"the event {place.event}" if place.event and is_plain_name(place.event) else "an event"
    return (
        f"look in the account too: open {event} there by its id; the rule: its created at lies after the start of this "
        "run, and api inserted or api verified says yes"
    )


def shown(steps: list[NextStep]) -> list[RenderableType]:
    """`steps` as lines, each command in one piece."""
    from etl.screen.layout import indented, plain

    if not steps:
        return []
    return [indented(plain("what to do next")), *shown_steps(steps)]


def shown_steps(steps: Sequence[NextStep]) -> list[RenderableType]:
    """As above, without a heading."""
    from etl.screen.layout import indented, plain

    lines: list[RenderableType] = []
    for step in steps:
        lines.append(indented(plain(f"{step.text}:" if step.command else step.text), by=4))
        if step.command:
            lines.append(f"      {step.command}")
    return lines

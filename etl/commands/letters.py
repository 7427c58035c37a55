"""Lists the open dead letters with their keys; with identities only when a person asks for them.

The rule: never more than a page of them is in memory. Identities are read from the source at that moment, and kept
nowhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import click

from etl.clock import Clock
from etl.commands.loading import load_good
from etl.csv_line import csv_line
from etl.dead_letter import DeadLetter
from etl.errors import UsageProblem
from etl.exact import printable, show
from etl.mapping.model import Mapping
from etl.mapping.nearest import nearest
from etl.mapping.problem_codes import PROBLEMS
from etl.page import Key
from etl.screen.cell import readable
from etl.screen.json_line import json_line
from etl.screen.messages import tell
from etl.screen.wording import by_reason
from etl.secret import shown_value
from etl.state.mapping_state import MappingState
from etl.state.store import open_state

FIELDS = ("mapping", "key", "reason", "words", "attempts", "opened_at", "last_at", "acknowledged")
IDENTITY = ("email", "userid")
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Listed:
    """The letters of one mapping. mapping: loaded with its variables; None where no file was named."""

    state: MappingState
    mapping: Mapping | None

    @property
    def key_names(self) -> tuple[str, ...]:
        """The columns of the key; () where neither a file nor the state tells."""
        if self.mapping is not None:
            return tuple(self.mapping.source.primary_key)
        return self.state.binding.key_names


def show_letters(found: Sequence[Listed], *, output: str, with_identity: bool, clock: Clock) -> int:
    """Print the open dead letters of `found`; how many of them no person has seen."""
    names = (*FIELDS, *(IDENTITY if with_identity else ()))
    if output == "csv":
        click.echo(csv_line(names))
    count = new = 0
    for one in found:
        for letter, who in _each(one, with_identity=with_identity, clock=clock):
            count += 1
            new += not letter.acknowledged
            if output == "json":
                click.echo(json_line(_as_dict(one, letter, who)))
            elif output == "csv":
                values = _as_dict(one, letter, who)
                values["key"] = _key_text(letter.key, one.key_names)
                click.echo(csv_line(values[name] for name in names))
            else:
                click.echo(_text(one, letter, who))
    if not count and output == "text":
        click.echo("no dead letter is open")
    return new


def _each(one: Listed, *, with_identity: bool, clock: Clock) -> Iterator[tuple[DeadLetter, dict[str, object] | None]]:
    letters = one.state.letters.each()
    if not with_identity or one.mapping is None:
        yield from ((letter, None) for letter in letters)
        return
    from etl.job.identity import Identities
    from etl.source.open import open_source

    with open_source(one.mapping, clock=clock) as source:
        identities = Identities(one.mapping, source)
        while some := list(islice(letters, _AT_ONCE)):
            who = identities.of([letter.key for letter in some])
            yield from ((letter, who.get(letter.key, dict.fromkeys(IDENTITY))) for letter in some)


def _as_dict(one: Listed, letter: DeadLetter, who: dict[str, object] | None) -> dict[str, object]:
    names = one.key_names or tuple(f"key{at}" for at in range(1, len(letter.key) + 1))
    shown: dict[str, object] = {
        "mapping": one.state.name,
        "key": {name: readable(part) for name, part in zip(names, letter.key, strict=False)},
        "reason": letter.reason,
        "words": letter.words,
        "attempts": letter.attempts,
        "opened_at": letter.opened_at.isoformat(timespec="seconds"),
        "last_at": letter.last_at.isoformat(timespec="seconds"),
        "acknowledged": letter.acknowledged,
    }
    return shown if who is None else {**shown, **{name: readable(who.get(name)) for name in IDENTITY}}


def _text(one: Listed, letter: DeadLetter, who: dict[str, object] | None) -> str:
    seen = "known" if letter.acknowledged else "new"
    tries = "once" if letter.attempts == 1 else f"{letter.attempts:,} times"
    parts = [
        one.state.name,
        _key_text(letter.key, one.key_names),
        letter.reason,
        f"{seen}, since {letter.opened_at:%Y-%m-%d %H:%M} UTC, tried {tries}",
    ]
    if who is not None:
        known = [f"{name} {show(value)}" for name, value in who.items() if value is not None]  # type: ignore[arg-type]
        parts.append(", ".join(known) or "the row is gone, or names no person")
    return printable("  ".join(parts) + (f": {letter.words}" if letter.words else ""))


def _key_text(key: Key, names: Sequence[str]) -> str:
    """As `explain` and `--key` take it."""
    if len(key) == 1 or len(names) != len(key):
        return ",".join(show(part) for part in key)
    return ",".join(f"{name}={show(part)}" for name, part in zip(names, key, strict=True))


def require_reason(reason: str, paths: Sequence[Path], *, state: str, clock: Clock) -> None:
    """Report that no dead letter of the mappings in `paths` is open for `reason`, and name the reasons that are.

    Raises:
        UsageProblem: the reason is unknown while others are open, so it is probably mistyped.

    """
    mappings, _ = load_good(paths)
    counts: Counter[str] = Counter()
    with open_state(state, clock=clock, write=False) as store:
        known = frozenset(store.names())
        for mapping in mappings:
            if mapping.name in known:
                counts += store.mapping(mapping.name).dead_letter_counts()
    if reason in counts:
        return
    message = f"no dead letter is open for the reason {shown_value(reason)}"
    there = f"there are {by_reason(counts)}" if counts else "none is open at all"
    if counts and reason not in PROBLEMS:
        near = nearest(reason, counts)
        raise UsageProblem(f"{message}, so nothing was sent", hint=f"{f'did you mean {near}? ' if near else ''}{there}")
    # A known reason is no mistake: a crontab may retry it each night, and on most nights nothing is open.
    tell(f"{message}; {there}")

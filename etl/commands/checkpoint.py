"""Moves checkpoints by hand, after showing what that will do.

The rule: nothing moves while a run or a backfill holds the mapping, and none moves before the user has seen the
consequence.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path

import click

from etl.checkpoint import Checkpoint
from etl.clock import Clock
from etl.commands.advice import MappingPlace, NextStep, shown_steps
from etl.commands.lag import ask_all, measure
from etl.commands.loading import load, load_each
from etl.commands.new_state import tell_if_new
from etl.commands.standing import NoLag
from etl.commands.summary import position_text
from etl.errors import MappingInvalid, StateUnusable, UsageProblem
from etl.exact import encode, show
from etl.host.system_clock import SystemClock
from etl.job.fingerprint import fingerprint_of
from etl.job.outcome import checkpoint_dict
from etl.job.start import REFRESH
from etl.mapping.model import Mapping
from etl.page import Position, Window
from etl.screen.json_line import json_line
from etl.screen.layout import labelled, paint, plain
from etl.screen.wording import counted
from etl.source.open import open_source
from etl.source.source import Source
from etl.state.mapping_state import MappingState
from etl.state.store import open_state


def show_state(path: Path, *, state: str, output: str) -> int:
    """Print what the state holds of one mapping."""
    (mapping,) = load([path], resolve_variables=False)
    with open_state(state, clock=SystemClock(), write=False) as store:
        tell_if_new(store)
        found = store.mapping(mapping.name)
        if output == "json":
            click.echo(json_line(_as_dict(found)))
            return 0
        letters = sum(found.dead_letter_counts().values())
        rows = [
            ("checkpoint", place_text(found.checkpoint())),
            ("ledger", f"{counted(found.ledger_size(), 'key')}: rows whose last event was accepted"),
            ("dead letters", f"{letters:,} open"),
        ]
        for backfill in found.backfills():
            done = f"{counted(backfill.windows_done, 'window')} done"
            end = "finished" if backfill.finished_at else f"not finished, {done}"
            rows.append(("backfill", f"{show(backfill.spec.start)} to {show(backfill.spec.end)}: {end}"))
        click.echo(paint(plain(found.name, "bold"), labelled(*rows)))
    return 0


def set_state(path: Path, *, cursor: str, state: str, yes: bool) -> int:
    """Move the checkpoint of one mapping behind the rows with `cursor`."""
    (mapping,) = load([path])
    clock = SystemClock()
    with ExitStack() as stack:
        source = stack.enter_context(open_source(mapping, clock=clock))
        position = source.last_position(source.parse_cursor(cursor))
        store = stack.enter_context(open_state(state, clock=clock, write=True))
        tell_if_new(store)
        found = store.mapping(mapping.name)
        stack.enter_context(found.lock("run"))
        before = found.checkpoint()
        fingerprint = fingerprint_of(mapping, source)
        rows = [
            ("checkpoint", f"{place_text(before)} → behind the rows of {cursor}"),
            *_consequences(found, source, mapping, before=before, after=position, fingerprint=fingerprint),
        ]
        click.echo(paint(plain(found.name, "bold"), labelled(*rows), err=True), err=True)
        confirm("move it?", yes=yes)
        found.set_checkpoint("run", position, fingerprint=fingerprint)
        found.decisions.note(found.name)
    click.echo(f"{mapping.name}: the checkpoint was moved")
    return 0


def reset_state(path: Path, *, keep_ledger: bool, state: str, yes: bool) -> int:
    """Forget what the state holds of one mapping."""
    (mapping,) = load([path], resolve_variables=False)
    clock = SystemClock()
    with ExitStack() as stack:
        store = stack.enter_context(open_state(state, clock=clock, write=True))
        tell_if_new(store)
        found = store.mapping(mapping.name)
        for track in ("run", "backfill"):
            stack.enter_context(found.lock(track))
        letters = sum(found.dead_letter_counts().values())
        kept = "kept: what did not change is not sent again"
        fate = kept if keep_ledger else "forgotten: every row that is read is sent"
        ledger = f"{counted(found.ledger_size(), 'key')} {fate}"
        rows = [
            ("checkpoint", f"{place_text(found.checkpoint())}: forgotten"),
            ("dead letters", f"{letters:,} forgotten"),
            ("backfills", f"{len(found.backfills()):,} forgotten"),
            ("ledger", ledger),
            ("at stake", _at_stake(path, clock)),
        ]
        click.echo(paint(plain(found.name, "bold"), labelled(*rows), err=True), err=True)
        confirm("forget it?", yes=yes)
        found.reset(keep_ledger=keep_ledger)
        found.decisions.note(found.name)
    command = MappingPlace(path, (), state).command("run", "--start-from", "beginning")
    step = NextStep("the next run has to be told where to begin", command)
    click.echo(paint(plain(f"{mapping.name}: forgotten"), *shown_steps([step])))
    return 0


def _consequences(  # noqa: PLR0913 - what is compared
    found: MappingState,
    source: Source,
    mapping: Mapping,
    *,
    before: Checkpoint | None,
    after: Position | None,
    fingerprint: dict[str, str],
) -> list[tuple[str, str]]:
    """What moving the checkpoint from `before` to `after` does, in rows."""
    resent = "what did not change is not sent again" if mapping.resend == "changed" else "all of them are sent"
    if found.checkpoint(REFRESH) is not None:
        resent = "those that the unfinished full refresh did not send yet are sent, changed or not, and it ends so"
    rows = [("then", f"the next run reads {counted(source.count(Window(after=after)), 'row')}; {resent}")]
    try:
        found.confirm_fingerprint(fingerprint)
    except StateUnusable as error:
        # The old checkpoint is of another source, so no rows can be counted between the two.
        return [*rows, ("beware", error.message)]
    old = None if before is None else before.position
    if before is not None and (back := source.count(Window(after=after, upto=old)) if old else 0):
        rows.append(("back", f"{counted(back, 'row')} between the two {_are(back)} read again"))
    elif skipped := source.count(Window(after=old, upto=after)) if after else 0:
        rows.append(("beware", f"{counted(skipped, 'row')} up to there {_are(skipped)} skipped: no run will read them"))
    return rows


def _at_stake(path: Path, clock: Clock) -> str:
    ((_, loaded),) = load_each([path])
    if isinstance(loaded, MappingInvalid):
        return "not known: a variable of the mapping is not set"
    answer = ask_all({"": lambda: measure(loaded, None, floor=None, clock=clock)}, clock=clock)[""]
    if isinstance(answer, NoLag):
        return f"not known: {answer.why}"
    least = "at least " if answer.held is None else ""
    return f"{least}{counted(answer.rows + (answer.held or 0), 'row')} in the table now"


def place_text(checkpoint: Checkpoint | None) -> str:
    """Where a checkpoint stands, for people."""
    return "none" if checkpoint is None else position_text(checkpoint.position)


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _as_dict(found: MappingState) -> dict[str, object]:
    return {
        "mapping": found.name,
        "checkpoint": checkpoint_dict(found.checkpoint()),
        "ledger": found.ledger_size(),
        "dead_letters": dict(found.dead_letter_counts()),
        "backfills": [
            {
                "from": encode(backfill.spec.start),
                "to": encode(backfill.spec.end),
                "window": backfill.spec.step,
                "windows_done": backfill.windows_done,
                "finished_at": None if backfill.finished_at is None else backfill.finished_at.isoformat(),
            }
            for backfill in found.backfills()
        ],
    }


def confirm(question: str, *, yes: bool) -> None:
    """Ask a person on the terminal. Raises `UsageProblem` where there is no terminal, nor `--yes`."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageProblem("nothing was changed: there is no terminal to confirm this on", hint="add --yes")
    click.confirm(question, abort=True, err=True)

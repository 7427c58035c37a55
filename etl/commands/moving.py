"""Moves what the state holds of mappings: to another address, another name, another state, or away.

The rule: the consequence is shown first, and nothing moves while a run or a backfill holds the mapping.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import click

from etl.commands.advice import MappingPlace, NextStep, shell_line, shown_steps
from etl.commands.checkpoint import confirm, place_text
from etl.commands.loading import load
from etl.errors import StateUnusable, UsageProblem
from etl.host.system_clock import SystemClock
from etl.job.fingerprint import fingerprint_of
from etl.mapping.model import parse_mapping_name
from etl.mapping.nearest import nearest
from etl.page import Window
from etl.screen.layout import labelled, paint, plain
from etl.screen.wording import counted
from etl.source.open import open_source
from etl.source.source import Source
from etl.source.source_parts import is_of_cursor
from etl.state.checkpoints import FingerprintDifference
from etl.state.mapping_state import MappingState
from etl.state.store import StateStore, open_state

TRACKS = ("run", "backfill")
# The tables whose counts are shown after a copy.
_COPIED = {
    "etl_mapping": "mappings",
    "etl_checkpoint": "checkpoints",
    "etl_ledger": "ledger keys",
    "etl_dead_letter": "dead letters",
    "etl_suppression": "suppressed",
    "etl_run": "runs",
}


def adopt_state(path: Path, *, state: str, yes: bool) -> int:
    """Keep the state of one mapping whose source or account has a new address."""
    (mapping,) = load([path])
    clock, place = SystemClock(), MappingPlace(path, (), state)
    with ExitStack() as stack:
        source = stack.enter_context(open_source(mapping, clock=clock))
        store = stack.enter_context(_existing(state))
        found = _known(store, mapping.name)
        _hold(stack, found)
        fingerprint = fingerprint_of(mapping, source)
        differences = found.binding.differences(fingerprint)
        if not differences:
            click.echo(f"{mapping.name}: nothing to adopt, the state belongs to this source and account already")
            return 0
        if other := [one.words for one in differences if _is_of_others(one, source)]:
            raise StateUnusable(
                f"the checkpoint of {mapping.name} says nothing about this source: {'; '.join(other)}",
                hint=f"say where to go on with `state set`, or begin anew: {place.command('state reset')}",
            )
        rows = [
            *(("now", one.words) for one in differences),
            ("checkpoint", f"{place_text(found.checkpoint())}: stays"),
            ("ledger", f"{counted(found.ledger_size(), 'key')} stay: what did not change is not sent again"),
            ("then", _then(found, source)),
        ]
        click.echo(paint(plain(mapping.name, "bold"), labelled(*rows), err=True), err=True)
        confirm("are rows and account the same as before?", yes=yes)
        found.binding.adopt(fingerprint)
        found.decisions.note(found.name)
    click.echo(f"{mapping.name}: adopted; the state belongs to this source and account from now on")
    return 0


def rename_state(old: str, new: str, *, state: str, yes: bool) -> int:
    """Rename the mapping `old` to `new` in the state."""
    with ExitStack() as stack:
        store = stack.enter_context(_existing(state))
        found = _known(store, old)
        if new == old:
            raise UsageProblem("both names are the same")
        try:
            parse_mapping_name(new)
        except ValueError as problem:
            raise UsageProblem(f"NEW is no name of a mapping: {problem}") from None
        other = store.mapping(new) if new in store.names() else None
        if other is not None and (other.checkpoint() is not None or other.ledger_size()):
            raise StateUnusable(
                f"the state {store.place} knows a mapping {new} already, which has a checkpoint or a ledger",
                hint=f"forget that one first: {shell_line('state drop', new, state=state)}",
            )
        _hold(stack, found)
        if other is not None:
            _hold(stack, other)
        rows = [*_holdings(found), ("then", f"the mapping named {new} goes on from there; {old} begins anew")]
        if other is not None:
            rows.append(("beware", f"{new} has {counted(len(other.runs()), 'record')} of runs, which are forgotten"))
        click.echo(paint(plain(f"{old} → {new}", "bold"), labelled(*rows), err=True), err=True)
        confirm("rename it?", yes=yes)
        if other is not None:
            store.drop(new)
        store.rename(old, new)
    step = NextStep("if its file does not say name: yet, write there", f"name: {new}")
    click.echo(paint(plain(f"{old} is {new} now"), *shown_steps([step])))
    return 0


def drop_state(name: str, *, state: str, yes: bool) -> int:
    """Forget all that is known of the mapping `name`, its runs included."""
    with ExitStack() as stack:
        store = stack.enter_context(_existing(state))
        found = _known(store, name)
        _hold(stack, found)
        rows = [*_holdings(found), ("then", "all of it is forgotten; whom `forget` suppressed stays suppressed")]
        click.echo(paint(plain(name, "bold"), labelled(*rows), err=True), err=True)
        confirm("drop it?", yes=yes)
        store.drop(name)
    click.echo(f"{name}: dropped from the state {store.place}")
    return 0


def copy_state(source: str, target: str, *, yes: bool) -> int:
    """Copy a whole state into an empty one."""
    with ExitStack() as stack:
        from_store = stack.enter_context(_existing(source, hint="FROM is a path, or the URL of a database"))
        for name in from_store.names():
            _hold(stack, from_store.mapping(name))
        # The target is made only after a person has said yes.
        with open_state(target, clock=SystemClock(), write=False) as looked:
            _refuse_target(from_store, looked)
            made = "" if looked.found else " (made for it)"
            click.echo(f"from {from_store.place} to {looked.place}{made}", err=True)
        confirm("copy it?", yes=yes)
        to_store = stack.enter_context(open_state(target, clock=SystemClock(), write=True))
        _refuse_target(from_store, to_store)
        copied = from_store.copy_to(to_store)
    rows = [(words, f"{copied[table]:,}") for table, words in _COPIED.items()]
    rows.append(("all rows", f"{sum(copied.values()):,}, as many as the old state has"))
    step = NextStep("from now on give --state, or SQUEEZELY_ETL_STATE, the new place; then put the old state away")
    click.echo(paint(plain("copied and counted", "bold"), labelled(*rows), *shown_steps([step])))
    return 0


def _refuse_target(source: StateStore, target: StateStore) -> None:
    if source.place == target.place:
        raise UsageProblem("both are the same state")
    if target.names() or target.suppressed.count():
        raise StateUnusable(
            f"the state {target.place} is not empty, so nothing is copied into it",
            hint="give a new path, or a database (or a schema of its own) without a state",
        )


def _existing(state: str, *, hint: str = "name it: --state PATH-OR-URL") -> StateStore:
    """The state, open for writing. Raises `StateUnusable` where there is none: nothing is made."""
    clock = SystemClock()
    with open_state(state, clock=clock, write=False) as looked:
        if not looked.found:
            raise StateUnusable(f"there is no state at {looked.place}", hint=hint)
    return open_state(state, clock=clock, write=True)


def _known(store: StateStore, name: str) -> MappingState:
    names = store.names()
    if name not in names:
        near = nearest(name, names)
        guess = f"did you mean {near}?" if near else f"it knows {', '.join(names)}" if names else "it knows none"
        raise UsageProblem(f"the state {store.place} knows no mapping {name}", hint=guess)
    return store.mapping(name)


def _hold(stack: ExitStack, found: MappingState) -> None:
    for track in TRACKS:
        stack.enter_context(found.lock(track))


def _holdings(found: MappingState) -> list[tuple[str, str]]:
    letters = sum(found.dead_letter_counts().values())
    return [
        ("checkpoint", place_text(found.checkpoint())),
        ("ledger", counted(found.ledger_size(), "key")),
        ("dead letters", f"{letters:,} open"),
        ("backfills", f"{len(found.backfills()):,}"),
        ("runs", counted(len(found.runs()), "record")),
    ]


def _is_of_others(difference: FingerprintDifference, source: Source) -> bool:
    """Whether the columns themselves differ, not only their types, so that the checkpoint's position is meaningless.

    The key's part is the names of its columns alone.
    """
    if difference.part == "cursor":
        return not is_of_cursor(difference.was or "", source.parts.plan.cursor_field)
    return difference.part == "key"


def _then(found: MappingState, source: Source) -> str:
    checkpoint = found.checkpoint()
    position = None if checkpoint is None else checkpoint.position
    count = source.count_for_report(Window(after=position))
    reads = "the next run reads what lies above it"
    if count is not None:
        reads = f"the next run reads {counted(count, 'row')}"
    if position is not None and position.key and not source.rows_by_key([position.key]).rows:
        reads += "; the row at which the checkpoint stands is not there: are these the same rows?"
    return reads

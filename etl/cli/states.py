"""Moves checkpoints by hand, after showing what that will do.

The rule: nothing moves while a run holds the mapping, and nobody moves one without having seen the consequence.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from etl.cli.loading import load
from etl.cli.summary import position_text
from etl.errors import UsageProblem
from etl.exact import show
from etl.host.system_clock import SystemClock
from etl.job.fingerprint import fingerprint_of
from etl.job.outcome import checkpoint_dict
from etl.page import Window
from etl.source.open import open_source
from etl.state.store import open_state


def show_state(path: Path, *, state: str, output: str) -> int:
    """Print what the state holds of one mapping."""
    (mapping,) = load([path], resolve_variables=False)
    with open_state(state, clock=SystemClock(), write=False) as store:
        found = store.mapping(mapping.name)
        checkpoint = found.checkpoint()
        if output == "json":
            shown = {
                "mapping": mapping.name,
                "checkpoint": checkpoint_dict(checkpoint),
                "ledger": found.ledger_size(),
                "dead_letters": dict(found.dead_letter_counts()),
            }
            click.echo(json.dumps(shown))
            return 0
        place = "none" if checkpoint is None else position_text(checkpoint.position)
        click.echo(f"{mapping.name}\n  checkpoint  {place}")
        click.echo(f"  ledger      {found.ledger_size():,} keys")
        for backfill in found.backfills():
            end = "done" if backfill.finished_at else f"{backfill.windows_done} windows done"
            click.echo(f"  backfill    {show(backfill.spec.start)} to {show(backfill.spec.end)}: {end}")
    return 0


def set_state(path: Path, *, cursor: str, state: str, yes: bool) -> int:
    """Move the checkpoint of one mapping behind the rows with `cursor`."""
    (mapping,) = load([path])
    clock = SystemClock()
    source = open_source(mapping, clock=clock)
    try:
        position = source.last_position(source.parse_cursor(cursor))
        rows = source.count(Window(after=position))
        fingerprint = fingerprint_of(mapping, source)
    finally:
        source.close()
    with open_state(state, clock=clock, write=True) as store:
        found = store.mapping(mapping.name)
        with found.lock("run"):
            before = found.checkpoint()
            place = "none" if before is None else position_text(before.position)
            click.echo(f"{mapping.name}: checkpoint {place} → {cursor}; the next run reads {rows:,} rows", err=True)
            _confirm("move it?", yes=yes)
            found.set_checkpoint("run", position, fingerprint=fingerprint)
    return 0


def reset_state(path: Path, *, keep_ledger: bool, state: str, yes: bool) -> int:
    """Forget what the state holds of one mapping."""
    (mapping,) = load([path], resolve_variables=False)
    with open_state(state, clock=SystemClock(), write=True) as store:
        found = store.mapping(mapping.name)
        with found.lock("run"):
            letters = sum(found.dead_letter_counts().values())
            ledger = "is kept" if keep_ledger else f"of {found.ledger_size():,} keys goes too: every row is sent again"
            click.echo(f"{mapping.name}: the checkpoint and {letters:,} dead letters go; the ledger {ledger}", err=True)
            _confirm("forget it?", yes=yes)
            found.reset(keep_ledger=keep_ledger)
    return 0


def _confirm(question: str, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageProblem("nobody is there to confirm this", hint="add --yes")
    click.confirm(question, abort=True, err=True)

"""What the state knows of each mapping, for a person in the morning or as JSON lines."""

from __future__ import annotations

import json
from pathlib import Path

import click

from etl.cli.loading import load
from etl.cli.summary import position_text
from etl.host.system_clock import SystemClock
from etl.job.outcome import checkpoint_dict
from etl.state.mapping_state import MappingState
from etl.state.runs import RunRecord
from etl.state.store import open_state


def show_status(paths: tuple[Path, ...], *, state: str, history: int, output: str) -> int:
    """Print the status of the mappings in `paths`, or of all that the state knows; `history` runs each."""
    with open_state(state, clock=SystemClock(), write=False) as store:
        names = [mapping.name for mapping in load(paths, resolve_variables=False)] if paths else store.names()
        if not names and output == "text":
            click.echo(f"no mapping has run with the state {state} yet")
        for name in names:
            found = store.mapping(name)
            if output == "json":
                click.echo(json.dumps(_as_dict(found, history)))
            else:
                _show(found, history)
    return 0


def _as_dict(found: MappingState, history: int) -> dict[str, object]:
    holder = found.holder("run")
    return {
        "mapping": found.name,
        "checkpoint": checkpoint_dict(found.checkpoint()),
        "dead_letters": dict(found.dead_letter_counts()),
        "ledger": found.ledger_size(),
        "holder": None if holder is None else {"pid": holder.pid, "host": holder.host, "since": holder.since},
        "runs": [_run(run) for run in found.runs(history)],
    }


def _run(run: RunRecord) -> dict[str, object]:
    return {
        "run_id": run.run_id,
        "command": run.command,
        "started_at": run.started_at.isoformat(),
        "finished_at": None if run.finished_at is None else run.finished_at.isoformat(),
        "outcome": run.outcome,
        "exit_code": run.exit_code,
        "summary": run.summary,
    }


def _show(found: MappingState, history: int) -> None:
    click.echo(click.style(found.name, bold=True))
    checkpoint = found.checkpoint()
    if checkpoint is None:
        click.echo("  checkpoint    none: it has not run yet")
    else:
        saved = f"{checkpoint.saved_at:%Y-%m-%d %H:%M} UTC"
        click.echo(f"  checkpoint    {position_text(checkpoint.position)}, saved {saved}")
    letters = found.dead_letter_counts()
    reasons = ", ".join(f"{reason} {count}" for reason, count in letters.most_common())
    click.echo(f"  dead letters  {sum(letters.values()):,} open" + (f": {reasons}" if reasons else ""))
    holder = found.holder("run")
    if holder is not None:
        click.echo(f"  running now   process {holder.pid} on {holder.host} since {holder.since}")
    for run in found.runs(history):
        counts = ""
        if run.summary is not None:
            names = ("read", "sent", "unchanged", "invalid", "rejected", "unsent")
            counts = ", ".join(f"{run.summary[name]:,} {name}" for name in names if run.summary.get(name))
        click.echo(f"  {run.started_at:%Y-%m-%d %H:%M}  {run.command:<9} {run.outcome:<8} {counts or 'nothing to do'}")

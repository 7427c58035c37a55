"""What the state knows of each mapping, for a person in the morning or as JSON lines."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import click

from etl.cli.loading import load
from etl.cli.summary import position_text
from etl.errors import UsageProblem
from etl.host.system_clock import SystemClock
from etl.job.outcome import checkpoint_dict
from etl.mapping.quantities import parse_duration
from etl.state.mapping_state import MappingState
from etl.state.runs import RunRecord
from etl.state.store import open_state

LATEST_RUNS = 50


def show_status(paths: tuple[Path, ...], *, state: str, history: int, check_age: str | None, output: str) -> int:
    """Print the status of the mappings in `paths`, or of all that the state knows; `history` runs each.

    Returns 3 when `check_age` is given and a person is needed.
    """
    try:
        max_age = None if check_age is None else parse_duration(check_age)
    except ValueError as problem:
        raise UsageProblem(f"--max-age: {problem}", hint="such as 26h") from None
    needed = False
    clock = SystemClock()
    with open_state(state, clock=clock, write=False) as store:
        names = [mapping.name for mapping in load(paths, resolve_variables=False)] if paths else store.names()
        if not names and output == "text":
            click.echo(f"no mapping has run with the state {state} yet")
        for name in names:
            found = store.mapping(name)
            worries = [] if max_age is None else worries_about(found, max_age=max_age, now=clock.utc_now())
            needed = needed or bool(worries)
            if output == "json":
                checked = {} if max_age is None else {"worries": worries}
                click.echo(json.dumps({**_as_dict(found, history), **checked}))
            else:
                _show(found, history)
                for worry in worries:
                    click.echo(click.style(f"  needs a person: {worry}", fg="red"))
        if max_age is not None and not names:
            needed = True
    return 3 if needed else 0


def worries_about(found: MappingState, *, max_age: timedelta, now: datetime) -> list[str]:
    """Why a person should look at this mapping; empty when the night was good."""
    worries: list[str] = []
    if (last := found.forgotten_run()) is not None:
        worries.append(
            f"the state is older than the run {last.run_id} of {last.finished_at:%Y-%m-%d %H:%M} UTC, which sent "
            f"{last.sent:,}: was it restored from a backup? What was sent since may be sent again"
        )
    letters = sum(found.dead_letter_counts().values())
    if letters:
        worries.append(f"{letters:,} open dead letter(s): see `retry`, or `explain` one")
    runs = [run for run in found.runs(LATEST_RUNS) if run.command == "run"]
    good = next((run for run in runs if run.exit_code in (0, 3) and run.outcome == "done"), None)
    if good is None:
        worries.append("no run was ever done")
    elif now - (good.finished_at or good.started_at) > max_age:
        hours = (now - (good.finished_at or good.started_at)).total_seconds() / 3600
        worries.append(f"the last run that was done ended {hours:,.0f} hours ago")
    if runs and runs[0].outcome in ("failed", "died"):
        said = (runs[0].summary or {}).get("error", "it ended without a word")
        worries.append(f"the last run {runs[0].outcome}: {said}")
    return worries


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

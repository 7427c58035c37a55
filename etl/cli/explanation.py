"""Shows one row's story, on a terminal or as one JSON object.

The rule: values appear on stdout only, because the person asked for them; `--mask` hides them for sharing.
"""

from __future__ import annotations

from pathlib import Path

import click

from etl.batch.encode import encode_event
from etl.cli.loading import load
from etl.cli.previews import MASK, cell, masked, masked_event, readable
from etl.cli.summary import position_text
from etl.cli.wiring import workshop
from etl.exact import show_key
from etl.host.system_clock import SystemClock
from etl.job.explain import DECISIONS, Story, tell
from etl.source.open import open_source
from etl.state.store import open_state
from etl.transform.transformer import Transformer


def explain_row(path: Path, key: str, *, mask: bool, state: str, output: str) -> int:
    """Print the story of the row with `key`; returns the exit code."""
    (mapping,) = load([path])
    clock = SystemClock()
    with open_state(state, clock=clock, write=False) as store, open_source(mapping, clock=clock) as source:
        wanted = source.parse_key(key)
        transformer = Transformer(mapping, source.columns, source.child_columns)
        found = store.mapping(mapping.name)
        with workshop(mapping, store, clock=clock) as shop:
            story = tell(shop, transformer, wanted, found.dead_letters_of(wanted))
        if output == "json":
            click.echo(encode_event(_as_dict(story, mask=mask)).decode())
        else:
            _show(mapping.name, story, mask=mask)
    return 0


def _as_dict(story: Story, *, mask: bool) -> dict[str, object]:
    hide = masked if mask else readable
    return {
        "key": [readable(part) for part in story.key],
        "decision": story.decision,
        "row": hide(story.row),
        "fields": [
            {
                "field": trace.field,
                "source": trace.source,
                "steps": [{"name": name, "value": hide(value)} for name, value in trace.steps],
                "problem": None if trace.problem is None else trace.problem.code,
            }
            for trace in story.fields
        ],
        "event": None if story.event is None else masked_event(story.event) if mask else readable(story.event),
        "problems": [
            {"field": problem.field, "code": problem.code, "message": problem.message} for problem in story.problems
        ],
        "dead_letters": [
            {
                "reason": letter.reason,
                "words": letter.words,
                "attempts": letter.attempts,
                "opened_at": letter.opened_at.isoformat(),
                "run_id": letter.run_id,
                "closed": closure,
            }
            for letter, closure in story.dead_letters
        ],
    }


def _show(name: str, story: Story, *, mask: bool) -> None:
    click.echo(click.style(f"{name}, row {show_key(story.key)}", bold=True))
    click.echo(f"  would it be sent now?  {DECISIONS[story.decision]}")
    if story.checkpoint is not None:
        click.echo(f"  checkpoint             {position_text(story.checkpoint.position)}")
    if story.row:
        click.echo("\n  the row")
        for column, value in story.row.items():
            click.echo(f"    {column} = {MASK if mask and value is not None else cell(value)}")
    if story.fields:
        click.echo("\n  its fields")
        for trace in story.fields:
            steps = " → ".join(f"{step} {MASK if mask else cell(value)}" for step, value in trace.steps)
            problem = f"   ✗ {trace.problem.message} [{trace.problem.code}]" if trace.problem else ""
            click.echo(f"    {trace.field}  ({trace.source})  {steps}{problem}")
    for found in story.problems:
        click.echo(click.style(f"  ✗ {found.field}: {found.message} [{found.code}]", fg="red"))
    if story.event is not None:
        click.echo("\n  the event")
        for field, value in (masked_event(story.event) if mask else story.event).items():
            click.echo(f"    {field} = {cell(value)}")
    for letter, closure in story.dead_letters:
        end = f"closed as {closure}" if closure else "open"
        click.echo(
            f"\n  dead letter {letter.reason}, {end}: {letter.attempts} attempt(s) since "
            f"{letter.opened_at:%Y-%m-%d %H:%M} UTC, run {letter.run_id}: {letter.words}"
        )

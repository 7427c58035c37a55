"""Shows all that is known of one row, on a terminal or as one JSON object.

The rule: values appear on stdout only, because the person asked for them; `--mask` hides them for sharing.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import fill

import click

from etl.commands.advice import MappingPlace, row_step
from etl.commands.loading import load
from etl.commands.new_state import tell_if_new
from etl.commands.preview import problem_line
from etl.commands.summary import position_text
from etl.commands.wiring import run_context
from etl.event.encode import encode_event
from etl.event.masking import MASK, masked, masked_event
from etl.host.system_clock import SystemClock
from etl.job.explain import DECISIONS, KeyMemory, Sending, Story, tell
from etl.job.named_key import named_key, shown_parts
from etl.page import Key, Scalar
from etl.screen.cell import cell, readable
from etl.screen.json_line import harmless_json
from etl.source.open import open_source
from etl.state.mapping_state import MappingState
from etl.state.runs import RunRecord
from etl.state.store import open_state
from etl.transform.problem import omitted_fields
from etl.transform.transformer import Transformer

_MOST_EARLIER = 5


def explain_row(path: Path, key: str, *, mask: bool, state: str, output: str) -> int:
    """Print all that is known of the row with `key`; returns the exit code."""
    (mapping,) = load([path])
    clock = SystemClock()
    with open_state(state, clock=clock, write=False) as store, open_source(mapping, clock=clock) as source:
        tell_if_new(store)
        wanted = source.parse_key(key)
        transformer = Transformer(mapping, source.columns, source.child_columns, today=clock.utc_now().date())
        with run_context(mapping, store, clock=clock) as context:
            story = tell(context, transformer, wanted, _memory(store.mapping(mapping.name), wanted))
    if output == "json":
        click.echo(harmless_json(encode_event(_as_dict(story, shown_parts(story.key, mapping), mask=mask)).decode()))
    else:
        width = shutil.get_terminal_size().columns
        for line in _lines(mapping.name, named_key(story.key, mapping), story, mask=mask):
            click.echo(_wrapped(line, width))
        _show_step(story, MappingPlace(path, mapping.source.primary_key, state))
    return 0


def _show_step(story: Story, place: MappingPlace) -> None:
    is_dead_letter = any(not closure for _, closure in story.memory.dead_letters)
    step = row_step(story.decision, is_dead_letter=is_dead_letter, place=place, key=story.key)
    if step is None:
        return
    click.echo(f"\nwhat to do next\n  {step.text}{':' if step.command else ''}")
    if step.command:
        # Never wrapped, so that it can be pasted.
        click.echo(f"    {step.command}")


def _memory(state: MappingState, key: Key) -> KeyMemory:
    letters = state.dead_letters_of(key)
    found = state.memory.last_accepted(key)
    if found is None:
        return KeyMemory(letters, answer=state.answers.of(key, None))
    entry, run = found
    earlier = [_sending(one) for one in state.memory.earlier_runs(key) if run is None or one.run_no != run.run_no]
    answer = None if run is None else state.answers.of(key, run.run_no)
    by = None if run is None else _sending(run)
    return KeyMemory(letters, entry.marks, by, earlier, state.in_doubt(key), answer)


def _sending(run: RunRecord) -> Sending:
    return Sending(run.run_id, run.command, run.started_at)


def _as_dict(story: Story, key: Sequence[Scalar], *, mask: bool) -> dict[str, object]:
    hide = masked if mask else readable
    memory = story.memory
    return {
        "key": [readable(part) for part in key],
        "decision": story.decision,
        "changed": list(story.changed),
        "in_doubt": memory.in_doubt,
        "accepted": None if memory.marks is None else _run_as_dict(memory.sent_by),
        "answer": memory.answer,
        "sent_before": [_run_as_dict(one) for one in memory.sent_before_by],
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
        "omitted": _omitted(story),
        "dead_letters": [
            {
                "reason": letter.reason,
                "words": letter.words,
                "attempts": letter.attempts,
                "opened_at": letter.opened_at.isoformat(),
                "run_id": letter.run_id,
                "closed": closure,
            }
            for letter, closure in story.memory.dead_letters
        ],
    }


def _omitted(story: Story) -> dict[str, dict[str, int]]:
    """As in the summary of a run, for the event of this row; {} when it makes none."""
    if story.event is None:
        return {}
    counted = omitted_fields(story.problems, invalid=frozenset())
    return {field: {code: count} for (field, code), count in counted.items()}


def _run_as_dict(sending: Sending | None) -> dict[str, str | None]:
    if sending is None:
        return {"run_id": None, "command": None, "started_at": None}
    return {
        "run_id": sending.run_id,
        "command": sending.command,
        "started_at": sending.started_at.isoformat(),
    }


def _lines(name: str, named: str, story: Story, *, mask: bool) -> Iterator[str]:
    yield click.style(f"{name}, row {named}", bold=True)
    yield from _pairs(_verdict(story))
    if story.row:
        yield "\nthe row"
        hidden = {column: MASK if mask and value is not None else cell(value) for column, value in story.row.items()}
        yield from _pairs(hidden)
    if story.fields:
        yield "\nits fields, step by step"
        for trace in story.fields:
            yield f"  {trace.field}, from {trace.source}"
            yield from _pairs({step: MASK if mask else cell(value) for step, value in trace.steps}, indent=4)
    if story.problems:
        yield "\nits problems"
        for found in story.problems:
            yield problem_line(found)
    if story.event is not None:
        yield "\nthe event"
        event = masked_event(story.event) if mask else story.event
        yield from _pairs({field: cell(value) for field, value in event.items()})
    if story.memory.dead_letters:
        yield "\nits dead letters"
        for letter, closure in story.memory.dead_letters:
            tried = f"{letter.attempts} attempt{'' if letter.attempts == 1 else 's'}"
            yield (
                f"  {letter.reason}, {f'closed as {closure}' if closure else 'open'}: {tried} since "
                f"{letter.opened_at:%Y-%m-%d %H:%M} UTC, last in run {letter.run_id}: {letter.words}"
            )


def _verdict(story: Story) -> dict[str, str]:
    found = {"would it be sent now?": DECISIONS[story.decision]}
    if story.changed:
        found["what changed"] = ", ".join(story.changed)
    elif story.decision == "changed":
        found["what changed"] = "cannot be told: no field's mark differs"
    found["last accepted"] = _last_accepted(story.memory)
    if story.memory.answer is not None:
        found["the API said"] = story.memory.answer
    elif story.memory.marks is not None:
        found["the API said"] = "not kept: only the answers of the last run that sent something are"
    if story.memory.in_doubt:
        found["in doubt"] = "yes: the receiver may have another event; the next run that reads the row sends it"
    earlier = story.memory.sent_before_by
    if earlier:
        shown = ", ".join(f"by {_run(one)}" for one in earlier[:_MOST_EARLIER])
        more = len(earlier) - _MOST_EARLIER
        found["sent before"] = f"{shown}, and by {more} more" if more > 0 else shown
    if story.checkpoint is not None:
        found["checkpoint"] = position_text(story.checkpoint.position)
    return found


def _last_accepted(memory: KeyMemory) -> str:
    if memory.marks is None:
        return "never, as far as the ledger knows"
    return "by a run whose record is gone" if memory.sent_by is None else f"by {_run(memory.sent_by)}"


def _run(sending: Sending) -> str:
    return f"run {sending.run_id}, a {sending.command} of {sending.started_at:%Y-%m-%d %H:%M} UTC"


def _pairs(pairs: dict[str, str], *, indent: int = 2) -> Iterator[str]:
    widest = max(map(len, pairs), default=0)
    for name, value in pairs.items():
        yield f"{' ' * indent}{name:<{widest}}  {value}"


def _wrapped(line: str, width: int) -> str:
    # Wrapped here, with more indentation, because the terminal would cut escape sequences.
    if len(line) <= width or "\x1b" in line:
        return line
    indent = len(line) - len(line.lstrip())
    return fill(line, width, subsequent_indent=" " * (indent + 4), break_long_words=False, replace_whitespace=False)

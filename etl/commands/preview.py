"""Looks at real rows and their events, and shows them side by side.

The rule: values appear on stdout only, because the person asked for them; `--mask` hides them for sharing. Control and
bidirectional characters are escaped, so that a row cannot steer the terminal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from etl.checkpoint import DEFAULT_STATE
from etl.commands.loading import load
from etl.event.encode import UnencodableError, encode_event, envelope
from etl.event.masking import MASK, masked, masked_event
from etl.host.system_clock import SystemClock
from etl.job.preview import PreviewedRow, preview
from etl.mapping.model import Mapping
from etl.page import Key
from etl.screen.cell import cell, readable
from etl.screen.json_line import harmless_json
from etl.source.open import open_source
from etl.transform.transformer import Problem, Transformer

SIDE_WIDTH = 37


@dataclass(frozen=True, slots=True)
class Before:
    """What a row became when it was shown last; None: it was invalid."""

    event: dict[str, object] | None


@dataclass(frozen=True, slots=True)
class PreviewCall:
    """The options of `preview`, as given."""

    limit: int
    keys: tuple[str, ...]
    invalid: bool
    request: bool
    mask: bool
    as_test: bool
    report: Path | None
    no_mask: bool
    watch: bool
    output: str

    def check_options(self) -> None:
        """Refuse options that do not go together. Raises `click.UsageError`."""
        if self.as_test and not self.keys:
            raise click.UsageError("--as-test needs --key: the row to make a test of")
        if self.as_test and self.report is not None:
            raise click.UsageError("--report goes without --as-test")
        if self.no_mask and self.report is None:
            raise click.UsageError("--no-mask goes with --report")
        if self.watch and (self.request or self.as_test or self.report is not None or self.output != "text"):
            raise click.UsageError("--watch goes without --request, --as-test, --report and -o: it shows rows")


def preview_one(path: Path, call: PreviewCall) -> int:
    """Print rows of one mapping beside their events, or as tests. Returns the exit code.

    Raises:
        click.UsageError: options that do not go together.
        EtlError: the mapping is wrong, or its database failed.
    """
    call.check_options()
    if call.watch:
        from etl.commands.watching import watch_preview

        watch_preview(path, call, clock=SystemClock())
    # Nothing is sent, so it can be looked at before there is an account.
    (mapping,) = load([path], access_needed=False)
    if call.as_test:
        from etl.commands.as_example import show_as_tests

        show_as_tests(mapping, call.keys)
        return 0
    rows: Iterable[PreviewedRow] = preview_rows(mapping, limit=call.limit, keys=call.keys, invalid=call.invalid)
    if call.report is not None:
        rows = list(rows)
    show_previews(rows, mapping=mapping, request=call.request, mask=call.mask, output=call.output)
    if call.report is not None:
        from etl.commands.report import ReportFile

        report = ReportFile(call.report, masked=not call.no_mask, state=DEFAULT_STATE)
        report.add(mapping, None, rows=list(rows))
        report.write()
    return 0


def preview_rows(
    mapping: Mapping, *, limit: int, keys: Sequence[str], invalid: bool, again: Sequence[Key] = ()
) -> Iterator[PreviewedRow]:
    """Yield rows of the source with their events; `keys` as people write them, `again` as rows had them."""
    source = open_source(mapping, clock=SystemClock())
    try:
        wanted = [*again, *(source.parse_key(key) for key in keys)]
        transform = Transformer(mapping, source.columns, source.child_columns, today=SystemClock().utc_now().date())
        yield from preview(source, transform, limit=limit, keys=wanted, only_invalid=invalid)
    finally:
        source.close()


def show_previews(rows: Iterable[PreviewedRow], *, mapping: Mapping, request: bool, mask: bool, output: str) -> None:
    """Print `rows`: side by side, as JSON lines, or as the bodies of the requests that would carry them."""
    if request:
        _show_requests(rows, batch_size=mapping.destination.batch_size, mask=mask)
        return
    shown = 0
    for row in rows:
        if output == "json":
            line = as_dict(row, primary_key=mapping.source.primary_key, mask=mask)
            click.echo(harmless_json(encode_event(line).decode()))
        else:
            show_row(row, mask=mask)
        shown += 1
    if output == "text":
        click.echo(f"{shown} row(s); nothing was sent" if shown else "no rows to show")


def as_dict(row: PreviewedRow, *, primary_key: Sequence[str], mask: bool) -> dict[str, object]:
    """`row` as JSON-ready values."""
    line = {
        "key": dict(zip(primary_key, row.key, strict=True)),
        "row": masked(row.row) if mask else row.row,
        "event": masked_event(row.event) if mask and row.event is not None else row.event,
        "problems": [
            {"field": problem.field, "code": problem.code, "message": problem.message} for problem in row.problems
        ],
    }
    return {name: readable(value) for name, value in line.items()}


def _show_requests(rows: Iterable[PreviewedRow], *, batch_size: int, mask: bool) -> None:
    bodies: list[bytes] = []
    for row in rows:
        if row.event is None:
            continue
        try:
            bodies.append(encode_event(masked_event(row.event) if mask else row.event))
        except UnencodableError:
            continue
        if len(bodies) == batch_size:
            click.echo(harmless_json(envelope(bodies).decode()))
            bodies = []
    if bodies:
        click.echo(harmless_json(envelope(bodies).decode()))


def show_row(row: PreviewedRow, *, mask: bool, before: Before | None = None) -> None:
    """Print `row` beside its event; with `before` what changed of it is marked."""
    key = ", ".join(cell(part) for part in row.key)
    click.echo(click.style(f"row {MASK if mask else key}", bold=True))
    left = [f"{name} = {cell(masked(value) if mask else value)}" for name, value in row.row.items()]
    right = _event_lines(row.event, mask=mask) if before is None else _changed_lines(row.event, before.event, mask=mask)
    for index in range(max(len(left), len(right))):
        one = left[index] if index < len(left) else ""
        two = right[index] if index < len(right) else ""
        click.echo(f"  {_fit(one, SIDE_WIDTH):<{SIDE_WIDTH}} │ {two}".rstrip())
    for problem in row.problems:
        click.echo(problem_line(problem))
    click.echo()


def _event_lines(event: dict[str, object] | None, *, mask: bool) -> list[str]:
    if event is None:
        return ["(no event: the row is invalid)"]
    return [f"{name} = {cell(value)}" for name, value in (masked_event(event) if mask else event).items()]


def _changed_lines(event: dict[str, object] | None, before: dict[str, object] | None, *, mask: bool) -> list[str]:
    """The event's lines, with what was there before: `~` other, `+` new, `-` gone."""
    if event is None:
        return [*_event_lines(None, mask=mask), *(_gone(before or {}, before or {}, mask=mask))]
    old, now = before or {}, dict(zip(event, _event_lines(event, mask=mask), strict=True))
    lines = []
    for name, line in now.items():
        if name not in old:
            lines.append(click.style(f"+ {line}", fg="green"))
        elif old[name] != event[name]:
            was = cell(masked(old[name]) if mask else old[name])
            lines.append(click.style(f"~ {line} (was {was})", fg="yellow"))
        else:
            lines.append(f"  {line}")
    return lines + _gone(old, [name for name in old if name not in event], mask=mask)


def _gone(event: dict[str, object], names: Iterable[str], *, mask: bool) -> list[str]:
    shown = dict(zip(event, _event_lines(event, mask=mask), strict=True))
    return [click.style(f"- {shown[name]}", fg="red") for name in names]


def problem_line(problem: Problem) -> str:
    """A problem on a terminal; one that costs its field only says so."""
    words = f"{problem.field}: {problem.message} [{problem.code}]"
    if problem.fatal:
        return click.style(f"  ✗ {words}", fg="red")
    return click.style(f"  ! {words}{', left out' if problem.omitted else ''}", fg="yellow")


def _fit(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"

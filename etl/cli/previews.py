"""Looks at real rows and their events, and shows them side by side.

The rule: values appear on stdout only, because the person asked for them; `--mask` hides them for sharing. Control and
bidirectional characters are escaped, so that a row cannot steer the terminal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal

import click
import orjson

from etl.batch.encode import UnencodableError, encode_event, envelope
from etl.exact import printable
from etl.host.system_clock import SystemClock
from etl.job.preview import PreviewedRow, preview
from etl.mapping.model import Mapping
from etl.source.open import open_source
from etl.transform.transformer import Transformer

MASK = "•••"
STRUCTURE = ("event", "currency", "language", "country")
SIDE_WIDTH = 37


def preview_rows(mapping: Mapping, *, limit: int, keys: Sequence[str], invalid: bool) -> Iterator[PreviewedRow]:
    """Yield rows of the source with their events; `keys` as people write them."""
    source = open_source(mapping, clock=SystemClock())
    try:
        wanted = [source.parse_key(key) for key in keys]
        transform = Transformer(mapping, source.columns, source.child_columns)
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
            click.echo(_json_line(row, primary_key=mapping.source.primary_key, mask=mask))
        else:
            _show_side_by_side(row, mask=mask)
        shown += 1
    if output == "text":
        click.echo(f"{shown} row(s); nothing was sent" if shown else "no rows to show")


def masked(value: object) -> object:
    """`value` with every text and number hidden; its structure stays."""
    match value:
        case None | bool():
            return value
        case dict():
            return {name: masked(inner) for name, inner in value.items()}
        case list() | tuple():
            return [masked(inner) for inner in value]
        case _:
            return MASK


def masked_event(event: dict[str, object]) -> dict[str, object]:
    """`event` with every value hidden but those that say nothing of a person."""
    return {name: value if name in STRUCTURE else masked(value) for name, value in event.items()}


def _json_line(row: PreviewedRow, *, primary_key: Sequence[str], mask: bool) -> str:
    event = row.event if row.event is None or not mask else masked_event(row.event)
    line = {
        "key": dict(zip(primary_key, row.key, strict=True)),
        "row": masked(row.row) if mask else row.row,
        "event": event,
        "problems": [
            {"field": problem.field, "code": problem.code, "message": problem.message} for problem in row.problems
        ],
    }
    return encode_event(readable(line)).decode()


def readable(value: object) -> object:  # noqa: PLR0911 - one return a type
    """A source value as JSON can show it: exact numbers stay, everything else becomes its text."""
    match value:
        case None | bool() | int() | float() | Decimal():
            return value
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case datetime() | date():
            return value.isoformat()
        case dict():
            return {str(name): readable(inner) for name, inner in value.items()}
        case list() | tuple():
            return [readable(inner) for inner in value]
        case bytes():
            return value.hex()
        case _:
            return str(value)


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
            click.echo(envelope(bodies).decode())
            bodies = []
    if bodies:
        click.echo(envelope(bodies).decode())


def _show_side_by_side(row: PreviewedRow, *, mask: bool) -> None:
    key = ", ".join(cell(part) for part in row.key)
    click.echo(click.style(f"row {MASK if mask else key}", bold=True))
    event = {} if row.event is None else masked_event(row.event) if mask else row.event
    left = [f"{name} = {cell(masked(value) if mask else value)}" for name, value in row.row.items()]
    right = [f"{name} = {cell(value)}" for name, value in event.items()]
    if row.event is None:
        right = ["(no event: the row is invalid)"]
    for index in range(max(len(left), len(right))):
        one = left[index] if index < len(left) else ""
        two = right[index] if index < len(right) else ""
        click.echo(f"  {_fit(one, SIDE_WIDTH):<{SIDE_WIDTH}} │ {two}".rstrip())
    for problem in row.problems:
        click.echo(click.style(f"  ✗ {problem.field}: {problem.message} [{problem.code}]", fg="red"))
    click.echo()


def cell(value: object) -> str:
    """A value on a terminal, with control and bidirectional characters escaped."""
    match value:
        case None:
            return "NULL"
        case str():
            return printable(value)
        case dict() | list():
            return printable(orjson.dumps(readable(value), default=str).decode())
        case _:
            return printable(str(value))


def _fit(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"

"""Prints a row of the source as an entry of `tests:`, with stand-ins for what is personal in it.

The rule: a printed example passes. Its expected event is made from the printed row by the code that runs tests, and
compared with the real row's event; if they differ in more than values, a comment says so.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal

import click

from etl.drafting.lines import quoted
from etl.drafting.stand_ins import kept, with_stand_ins
from etl.errors import UsageProblem
from etl.exact import printable
from etl.host.system_clock import SystemClock
from etl.mapping.model import Mapping as MappingModel
from etl.mapping.yaml_reader import read_yaml
from etl.page import Column, Page, Undecodable
from etl.source.open import open_source
from etl.transform.examples import transform_example
from etl.transform.problem import Problem
from etl.transform.transformer import Transformer

Event = dict[str, object]
_UNWRITABLE = object()


def show_as_tests(mapping: MappingModel, keys: Sequence[str]) -> None:
    """Print an entry for each of the rows with `keys`, as people write them.

    Raises:
        UsageProblem: no row has one of the keys.
        SourceFailed, SourceMismatch: as `open_source`.
    """
    with open_source(mapping, clock=SystemClock()) as source:
        page = source.rows_by_key([source.parse_key(key) for key in keys])
        today = SystemClock().utc_now().date()
        transformed = Transformer(mapping, source.columns, source.child_columns, today=today)(page)
    if not page.rows:
        raise UsageProblem(
            "no readable row has this key", hint="preview shows some rows; a key of several columns is a=1,b=2"
        )
    click.echo("tests:" if not mapping.tests else "# add to tests:")
    for index, values in enumerate(page.rows):
        row = _row(page.columns, values)
        children = [_row(page.child_columns, one) for one in page.children.get(index, ())]
        problems = tuple(one for one in transformed.problems if one.row == index)
        for line in entry_lines(mapping, row, children, event=transformed.events[index], problems=problems):
            click.echo(line)


def entry_lines(
    mapping: MappingModel,
    row: Mapping[str, object],
    children: Sequence[Mapping[str, object]],
    *,
    event: Event | None,
    problems: Sequence[Problem],
) -> Iterator[str]:
    """The lines of one entry; `event` and `problems` are those of the real row."""
    given, lines = with_stand_ins(mapping, row, children)
    shown = [
        *kept(row, given),
        *dict.fromkeys(
            f"{name} of a line" for old, new in zip(children, lines, strict=True) for name in kept(old, new)
        ),
    ]
    yield f"  # As in the database: {printable(', '.join(shown)) or 'nothing'}. Everything else is a stand-in."
    body = _body(given, lines)
    found, doubts = _event_of(mapping, body)
    if set(found or ()) != set(event or ()):
        yield "  # With its stand-ins, or for its kinds of values, this row gives another event than the real one."
    yield from body
    if found is not None:
        yield "    expect:"
        yield from _section(found, "      ")
    else:
        codes = dict.fromkeys(one.code for one in (doubts or problems) if one.fatal)
        yield f"    expect_problems: [{', '.join(codes)}]"


def stand_in_event(mapping: MappingModel, page: Page, index: int) -> Event | None:
    """The event of row `index` with stand-ins for its values; None where these are invalid."""
    row = _row(page.columns, page.rows[index])
    children = [_row(page.child_columns, one) for one in page.children.get(index, ())]
    return _event_of(mapping, _body(*with_stand_ins(mapping, row, children)))[0]


def _body(given: Mapping[str, object], lines: Sequence[Mapping[str, object]]) -> list[str]:
    body = ["  - name: a real row, with stand-ins", "    given:", *_section(given, "      ")]
    return [*body, "    children:", *(f"      - {_flow(line)}" for line in lines)] if lines else body


def _event_of(mapping: MappingModel, body: Sequence[str]) -> tuple[Event | None, tuple[Problem, ...]]:
    # Parsed by the reader of mapping files, so that the example is run exactly as it will be read.
    (read,) = read_yaml("\n".join(body).encode()).data
    return transform_example(mapping, read["given"] or {}, read.get("children", ()))


def _row(columns: Sequence[Column], values: Sequence[object]) -> dict[str, object]:
    written = {column.name: _written(value, column.kind) for column, value in zip(columns, values, strict=True)}
    return {name: value for name, value in written.items() if value is not None and value is not _UNWRITABLE}


def _written(value: object, kind: str | None) -> object:  # noqa: C901, PLR0911 - one return a type
    """A driver's value as a mapping file can hold it: its kind must show in its form."""
    match value:
        case bool() | None:
            return value
        case int() | bytes() if kind == "boolean" and value in (0, 1, b"\x00", b"\x01"):
            return value in (1, b"\x01")
        case float() if not math.isfinite(value):
            return _UNWRITABLE
        case Decimal() if not value.is_finite():
            return _UNWRITABLE
        case int() | float() | Decimal() | list() | dict():
            return value
        case datetime():
            # If a driver drops the zone of a column that has one (MySQL's TIMESTAMP), the value is in UTC.
            aware = value.replace(tzinfo=UTC) if value.tzinfo is None and kind == "datetime_tz" else value
            return aware.isoformat(" ")
        case date() | time():
            return value.isoformat()
        case str() if kind == "json":
            try:
                return json.loads(value, parse_float=Decimal)
            except ValueError:
                return value
        case str():
            return value.encode("utf-8", "replace").decode()
        case bytes() | memoryview() | Undecodable():
            return _UNWRITABLE
        case _:
            return str(value)


def _section(values: Mapping[str, object], indent: str) -> Iterator[str]:
    if not values:
        yield f"{indent}{{}}"
    for name, value in values.items():
        if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
            yield f"{indent}{_key(name)}:"
            yield from (f"{indent}  - {_flow(one)}" for one in value)
        else:
            yield f"{indent}{_key(name)}: {_flow(value)}"


def _key(name: str) -> str:
    # Variables are replaced in values only, so a dollar sign in a key needs no escape.
    return quoted(name).replace("$$", "$")


def _flow(value: object) -> str:  # noqa: PLR0911 - one return a type
    match value:
        case dict():
            return "{" + ", ".join(f"{_key(str(name))}: {_flow(one)}" for name, one in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(_flow, value)) + "]"
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case Decimal():
            return format(value, "f")
        case int() | float():
            return repr(value)
        case str() if _is_moment(value):
            return value
        case _:
            return quoted(str(value))


def _is_moment(text: str) -> bool:
    """Whether `text` is a date or time, which our YAML reader keeps as text, so that it needs no quotes."""
    return len(text) >= 10 and text[4:5] == text[7:8] == "-" and all(one in "0123456789-: " for one in text)

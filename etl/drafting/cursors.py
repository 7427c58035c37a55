"""Chooses the cursor of a draft: the column that grows with every write, or none and why.

The rule: columns that the database itself sets come first, then names; and a column is taken only if its values show
that no row would be skipped. The checks of `validate --connect` are made by the same code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from etl.clock import Clock
from etl.drafting.dictionary import CREATED_NAMES, CURSOR_NAMES, FIELD_NAMES
from etl.drafting.facts import CursorFacts, CursorUnit, SampledColumn
from etl.drafting.names import bare, rank
from etl.errors import SourceFailed, SourceMismatch, UsageProblem
from etl.page import Window
from etl.source.open import open_plan
from etl.source.plan import ReadPlan
from etl.source.relation import Relation
from etl.source.source import Source
from etl.source.text_shape import shape_of

_KINDS = frozenset({"datetime", "datetime_tz", "date", "text", "integer", None})
# The years 2001 to 2096, as seconds since 1970.
_SECONDS = (1_000_000_000, 4_000_000_000)
_COUNTERS = ("rowversion", "rowver")
_BY_NAME = "by its name: set at every insert and update?"
# If more than this share of rows was changed before it was created, the column is not kept up to date.
_MOST_BACKWARDS = 0.05
_OLDEST_YEAR = 1990


@dataclass(frozen=True, slots=True)
class Choice:
    """The cursor, or None and the words `why` there is none.

    `changed` is a column that says when a row changed but that some rows lack, so that it is no cursor.
    """

    cursor: CursorFacts | None
    why: str = ""
    changed: str | None = None


def choose_cursor(  # noqa: PLR0913 - what is known of a table
    plan: ReadPlan,
    relation: Relation,
    columns: Sequence[SampledColumn],
    maintained: Mapping[str, str],
    *,
    rows: int,
    clock: Clock,
) -> Choice:
    """The cursor of `plan`'s table or query.

    `columns` are those of `rows` sampled rows; `maintained` says what the database itself sets.
    """
    refused: list[str] = []
    changed = None
    for column, reason in _candidates(columns, relation, maintained):
        unit, words = _unit(column)
        if not words and reason == _BY_NAME:
            words = _backwards(column, columns, rows)
        without = 0
        if not words:
            words, without = _asked(_with(plan, (column.name,), unit), clock=clock)
        if words:
            refused.append(f"{column.name}: {words}")
            continue
        defaults = sum(_is_default(value) for value in column.values)
        if not without and not defaults:
            indexed = column.name in relation.indexed or not relation.is_table
            return Choice(CursorFacts((column.name,), column.kind, indexed, reason, unit))
        lacking = f"no value in {without} rows" if without else f"a default in {defaults} of {rows} sampled rows"
        created = _created_beside(column, columns, relation)
        if created is not None and _asked(_with(plan, (column.name, created), unit), clock=clock) == ("", 0):
            words = f"{column.name} has {lacking}: there {created} counts"
            return Choice(CursorFacts((column.name, created), column.kind, indexed=True, reason=words, unit=unit))
        changed = changed or column.name
        refused.append(
            f"{column.name}: it has {lacking}, and no time of creation stands beside it, so they would never be sent"
        )
    return Choice(None, "; ".join(refused), changed)


def _with(plan: ReadPlan, columns: tuple[str, ...], unit: CursorUnit | None) -> ReadPlan:
    several = columns if len(columns) > 1 else ()
    names = ", ".join(columns)
    return replace(plan, cursor_field=names, cursor_columns=several, cursor_unit=unit, on_null_cursor="skip")


def _is_default(value: object) -> bool:
    """Whether a time is the default of a column that was never set: 0, a zero date, a year before web shops."""
    if isinstance(value, date):
        return value.year < _OLDEST_YEAR
    return value == 0 or (isinstance(value, str) and value[:4].isdigit() and int(value[:4]) < _OLDEST_YEAR)


def _candidates(
    columns: Sequence[SampledColumn], relation: Relation, maintained: Mapping[str, str]
) -> Iterator[tuple[SampledColumn, str]]:
    for column in columns:
        if column.name in maintained and relation.kinds[column.name] in _KINDS:
            yield column, maintained[column.name]
    ranked = sorted(
        (place, at) for at, one in enumerate(columns) if (place := rank(one.known_as, CURSOR_NAMES)) is not None
    )
    for _, at in ranked:
        column = columns[at]
        if column.kind in _KINDS and column.name not in maintained:
            yield column, _BY_NAME


def _unit(column: SampledColumn) -> tuple[CursorUnit | None, str]:
    """What an integer counts, or why it is no cursor; (None, "") for other kinds."""
    numbers = [value for value in column.values if isinstance(value, int) and not isinstance(value, bool)]
    if (column.kind != "integer" and not (column.kind is None and numbers)) or bare(column.known_as) in _COUNTERS:
        return None, ""
    positive = [value for value in numbers if value > 0]
    units: list[tuple[CursorUnit, bool]] = [
        ("epoch_seconds", all(_SECONDS[0] <= value < _SECONDS[1] for value in positive)),
        ("epoch_milliseconds", all(_SECONDS[0] * 1000 <= value < _SECONDS[1] * 1000 for value in positive)),
        ("time", all(shape_of(str(value)) is not None for value in positive)),
    ]
    unit = next((name for name, fits in units if fits), None)
    if not positive:
        return None, "no row has a time in it"
    return unit, "" if unit else "its whole numbers are no times"


def _asked(plan: ReadPlan, *, clock: Clock) -> tuple[str, int]:
    """Why the cursor of `plan` cannot be one, or "" and the number of rows without a value."""
    try:
        source: Source
        with open_plan(plan, clock=clock) as source:
            without = source.null_cursors()
            if without and not source.count(Window()):
                return "no row has a value in it", 0
            odd = source.misshaped_cursors()
            if odd:
                return f"{odd} rows have a text in it that is no time", 0
    except (SourceMismatch, UsageProblem, SourceFailed) as problem:
        words = " ".join(problem.message.split()).removeprefix("source.cursor_field: ")
        return f"its values do not sort as times ({words})", 0
    return "", without


def _created_beside(column: SampledColumn, columns: Sequence[SampledColumn], relation: Relation) -> str | None:
    """A column of the same kind that says when a row was made."""
    ranked = sorted(
        (place, one.name)
        for one in columns
        if relation.kinds[one.name] == relation.kinds[column.name]
        and (place := rank(one.known_as, (*CREATED_NAMES, *FIELD_NAMES["timestamp"]))) is not None
    )
    return ranked[0][1] if ranked else None


def _backwards(column: SampledColumn, columns: Sequence[SampledColumn], rows: int) -> str:
    """Why a column is no cursor: in many rows its time of change lies before the time of creation."""
    created = next(
        (
            one
            for one in columns
            if one.kind == column.kind and rank(one.known_as, CREATED_NAMES) is not None and len(one.values) == rows
        ),
        None,
    )
    if created is None or not rows or len(column.values) < rows:
        return ""
    pairs = zip(column.values, created.values, strict=True)
    try:
        before = sum(changed < made for changed, made in pairs if not _is_default(changed))  # type: ignore[operator]
    except TypeError:
        return ""
    if before > _MOST_BACKWARDS * len(column.values):
        return f"in {before} of {len(column.values)} sampled rows it lies before {created.name}: it is not kept"
    return ""

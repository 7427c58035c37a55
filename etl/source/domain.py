"""Finds out what kind of cursor a column is, by its declaration and by the values it holds, and refuses unfit ones.

A cursor must order rows the same way every time: floats round, random keys have no order in time, mixed storage
classes of SQLite compare by class, texts of several shapes compare by their spelling.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache, partial
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from etl.errors import SourceFailed, SourceMismatch, UsageProblem
from etl.page import Window
from etl.secret import HIDDEN, is_plain_name
from etl.source.asking import ask
from etl.source.cursor import CursorDomain, CursorKind, digits_of
from etl.source.database import Database
from etl.source.fault import DatabaseFault
from etl.source.fitness import unfit_reason
from etl.source.keyset import Keyset
from etl.source.place import at_key
from etl.source.plan import ReadPlan
from etl.source.relation import Relation
from etl.source.spelling import likeliest_shape
from etl.source.text_shape import TextShape, shape_of

_BY_KIND: dict[str, CursorKind] = {
    "datetime": "datetime",
    "datetime_tz": "datetime_tz",
    "date": "date",
    "integer": "integer",
    "decimal": "integer",
    "text": "text",
}
Ends = Callable[[], list[Any]]
_RANDOM_KEY = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-4[0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}")
# If all values lie outside these years, `cursor_unit` is wrong.
_FIRST_PLAUSIBLE = datetime(1980, 1, 1, tzinfo=UTC)
_LAST_PLAUSIBLE = datetime(2200, 1, 1, tzinfo=UTC)


def find_domain(database: Database, relation: Relation, keyset: Keyset, plan: ReadPlan) -> CursorDomain | None:
    """The domain of `plan.cursor_field`; None without one.

    Raises:
        SourceMismatch: the column cannot be a cursor.
        UsageProblem: `source.timezone` is not a zone, or `source.cursor_unit` does not fit the column.
    """
    zone = _zone(plan)
    name = plan.cursor_field
    if name is None:
        return None
    declared = relation.kinds[name]
    if unfit_reason(relation, name):
        raise _unfit(plan, name, declared or "unknown", relation.type_name(name))
    ends = cache(partial(_ends, database, relation, keyset, name))
    found = _by_value if database.dialect == "sqlite" else _by_declaration
    domain = found(database, relation, keyset, plan, zone, ends=ends)
    domain = replace(domain, unique=any(one == {name} for one in relation.unique))
    return domain if plan.cursor_unit is None else _in_units(domain, plan, ends)


def _by_declaration(  # noqa: PLR0913  # what the kind of a cursor depends on
    database: Database, relation: Relation, keyset: Keyset, plan: ReadPlan, zone: ZoneInfo, *, ends: Ends
) -> CursorDomain:
    name = plan.cursor_field or ""
    declared = relation.kinds[name]
    kind = _BY_KIND.get(declared or "text")
    if kind is None:
        raise _unfit(plan, name, declared or "unknown", relation.type_name(name))
    if kind == "text":
        return _texts(database, keyset, plan, ends(), zone)
    digits = relation.fraction_digits.get(name, 6)
    granularity = timedelta(days=1) if kind == "date" else timedelta(microseconds=10 ** (6 - min(digits, 6)))
    return CursorDomain(name, kind, zone, granularity=granularity)


def _by_value(  # noqa: PLR0913  # what the kind of a cursor depends on
    database: Database, relation: Relation, keyset: Keyset, plan: ReadPlan, zone: ZoneInfo, *, ends: Ends
) -> CursorDomain:
    """SQLite keeps what it was given, so the values tell more than the declaration."""
    name = plan.cursor_field or ""
    classes = [type(one).__name__ for one in ends()]
    if classes[0] != classes[1]:
        raise SourceMismatch(
            at_key(
                plan,
                ("source", "cursor_field"),
                f"{name} cannot be the cursor: it holds values of several storage classes ({classes[0]} and "
                f"{classes[1]})",
            ),
            hint="SQLite sorts numbers below texts, whatever they mean; store one form",
        )
    match ends()[-1]:
        case None:
            # An empty table: nothing is read, and the next run determines the kind anew.
            kind = _BY_KIND.get(relation.kinds[name] or "text", "text")
            shape = TextShape(" ", seconds=True, fraction_digits=0, zone="") if kind.startswith("date") else None
            return CursorDomain(
                name, "datetime" if shape else kind, zone, shape=shape, granularity=timedelta(seconds=1), empty=True
            )
        case int():
            return CursorDomain(name, "integer", zone)
        case str():
            return _texts(database, keyset, plan, ends(), zone)
        case _:
            raise _unfit(plan, name, {"float": "number"}.get(classes[1], classes[1]))


def _ends(database: Database, relation: Relation, keyset: Keyset, name: str) -> list[Any]:
    """The lowest and the highest cursor. An index gives each of them at once, but not always both in one statement."""
    lowest, highest = sa.func.min, sa.func.max
    found: list[Any] = []
    for functions in [(lowest,), (highest,)] if name in relation.indexed else [(lowest, highest)]:
        purpose = f"look at the cursor {name}"
        try:
            found += ask(database, keyset, partial(_aggregates, functions), purpose=purpose).rows[0]
        except DatabaseFault:
            raise SourceFailed(
                f"a value of the cursor {name} cannot be decoded, so rows cannot be put in order",
                hint="repair it in the database, or exclude the row with source.where",
            ) from None
    return found


def _aggregates(functions: Sequence[Any], keyset: Keyset) -> sa.Select[Any]:
    return keyset.aggregates(functions, Window())


def _texts(database: Database, keyset: Keyset, plan: ReadPlan, ends: list[Any], zone: ZoneInfo) -> CursorDomain:
    """The domain of a text column, by its lowest and highest text; if one is no time, by all texts."""
    name = plan.cursor_field or ""
    if ends[-1] is None:
        return CursorDomain(name, "text", zone, empty=True)
    shapes = [shape_of(one) if isinstance(one, str) else None for one in ends]
    shape = shapes[-1] if all(shapes) else likeliest_shape(database, keyset, name)
    if shape is None and isinstance(ends[-1], str) and _RANDOM_KEY.fullmatch(ends[-1]):
        raise _unfit(plan, name, "uuid", "random UUIDs")
    if shape is None:
        raise SourceMismatch(
            at_key(
                plan,
                ("source", "cursor_field"),
                f"{name} cannot be the cursor: its texts are no times that sort as times do",
            ),
            hint="times such as 2024-01-31T08:00:00 or 20240131080000 do; choose another column, convert it in a query "
            "(CAST), or leave cursor_field out",
        )
    kind: CursorKind = "date" if shape.separator is None else "datetime_tz" if shape.zone else "datetime"
    return CursorDomain(name, kind, zone, shape=shape, granularity=shape.step)


def _in_units(domain: CursorDomain, plan: ReadPlan, ends: Ends) -> CursorDomain:
    """`domain`, counting what `source.cursor_unit` says."""
    name, unit = domain.name, plan.cursor_unit
    if domain.kind != "integer":
        if domain.empty or unit == "time":
            return domain
        raise UsageProblem(
            at_key(
                plan, ("source", "cursor_unit"), f"{name} is no integer ({domain.kind}), so it does not count {unit}"
            ),
            hint="leave cursor_unit out",
        )
    # NaN and infinity are no times: they are outliers, and are held.
    lowest, highest = (None if isinstance(one, Decimal) and not one.is_finite() else one for one in ends())
    if unit == "time":
        # One of the two may be an outlier, but hardly both.
        shape = next((one for value in (highest, lowest) if (one := _digits_shape(value)) is not None), None)
        if shape is None and (lowest is not None or highest is not None):
            raise UsageProblem(
                at_key(
                    plan,
                    ("source", "cursor_unit"),
                    f"the digits of {name} are no times such as 20240131 or 20240131080000",
                ),
                hint="set epoch_seconds or epoch_milliseconds when it counts these since 1970",
            )
        shape = shape or TextShape(None, seconds=False, fraction_digits=0, zone="", compact=True)
        kind: CursorKind = "date" if shape.separator is None else "datetime"
        return replace(domain, kind=kind, shape=shape, granularity=shape.step, numeric=True)
    assert unit is not None
    step = timedelta(seconds=1) if unit == "epoch_seconds" else timedelta(milliseconds=1)
    domain = replace(domain, kind="epoch", unit=unit, granularity=step)
    top, bottom = (None if one is None else domain.moment(one) for one in (highest, lowest))
    if (highest is not None and highest > 0 and top is not None and top < _FIRST_PLAUSIBLE) or (
        lowest is not None and (bottom is None or bottom > _LAST_PLAUSIBLE)
    ):
        raise UsageProblem(
            at_key(
                plan,
                ("source", "cursor_unit"),
                f"{name} does not count {unit}: its values would be times before 1980 or after 2200",
            ),
            hint="seconds since 1970 have ten digits today, milliseconds thirteen",
        )
    return domain


def _digits_shape(value: object) -> TextShape | None:
    return shape_of(digits_of(value)) if isinstance(value, int | Decimal) else None


def _zone(plan: ReadPlan) -> ZoneInfo:
    name = plan.timezone
    try:
        return ZoneInfo(name or "UTC")
    except (ValueError, OSError, KeyError):
        shown = name if is_plain_name((name or "").replace("/", ".")) else HIDDEN
        raise UsageProblem(
            at_key(plan, ("source", "timezone"), f'"{shown}" is not a time zone'), hint="for example Europe/Amsterdam"
        ) from None


def _unfit(plan: ReadPlan, name: str, kind: str, type_name: str | None = None) -> SourceMismatch:
    reason = {
        "number": "floating-point numbers round, so a checkpoint may skip rows",
        "uuid": "random keys have no order in time",
    }.get(kind, "it does not order rows in time")
    words = f"{name} cannot be the cursor: its values are {type_name or f'of kind {kind}'}, and {reason}"
    return SourceMismatch(
        at_key(plan, ("source", "cursor_field"), words),
        hint="choose a column that is set on every insert and update, or leave cursor_field out",
    )

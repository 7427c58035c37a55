"""Finds out what kind of cursor a column is, by its declaration and by the values it holds, and refuses unfit ones.

A cursor must order rows the same way every time: floats round, random keys have no order in time, mixed storage
classes of SQLite compare by class.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from etl.errors import SourceFailed, SourceMismatch, UsageProblem
from etl.page import Window
from etl.source.cursor import CursorDomain, CursorKind, TextShape, shape_of
from etl.source.database import Database
from etl.source.fault import DatabaseFault
from etl.source.keyset import Keyset
from etl.source.plan import ReadPlan
from etl.source.relation import Relation

_BY_KIND: dict[str, CursorKind] = {
    "datetime": "datetime",
    "datetime_tz": "datetime_tz",
    "date": "date",
    "integer": "integer",
    "decimal": "integer",
    "text": "text",
}
_RANDOM_KEY = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-4[0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}")


def find_domain(database: Database, relation: Relation, keyset: Keyset, plan: ReadPlan) -> CursorDomain | None:
    """The domain of `plan.cursor_field`; None without one.

    Raises:
        SourceMismatch: the column cannot be a cursor.
        UsageProblem: `source.timezone` is not a zone.
    """
    zone = _zone(plan.timezone)
    name = plan.cursor_field
    if name is None:
        return None
    declared = relation.kinds[name]
    if database.dialect == "sqlite":
        return _stored(database, keyset, name, declared, zone)
    kind = _BY_KIND.get(declared or "text")
    if kind is None:
        raise _unfit(name, declared or "unknown")
    if kind == "text":
        _refuse_random(database, keyset, name)
    digits = relation.fraction_digits.get(name, 6)
    granularity = timedelta(microseconds=10 ** (6 - min(digits, 6)))
    if kind == "date":
        granularity = timedelta(days=1)
    return CursorDomain(name, kind, zone, granularity=granularity)


def _stored(database: Database, keyset: Keyset, name: str, declared: str | None, zone: ZoneInfo) -> CursorDomain:
    """SQLite keeps what it was given, so the values tell more than the declaration."""
    classes: list[str] = []
    newest: Any = None
    for function in (sa.func.min, sa.func.max):
        newest = _end(database, keyset, name, function)
        classes.append(type(newest).__name__)
    if classes[0] != classes[1]:
        raise SourceMismatch(
            f"{name} cannot be the cursor: it holds values of several storage classes ({classes[0]} and {classes[1]})",
            hint="SQLite sorts numbers below texts, whatever they mean; store one form",
        )
    match newest:
        case None:
            # An empty table: nothing is read, and the next run looks again.
            kind = _BY_KIND.get(declared or "text", "text")
            shape = TextShape(" ", seconds=True, fraction_digits=0, zone="") if kind.startswith("date") else None
            return CursorDomain(
                name, "datetime" if shape else kind, zone, shape=shape, granularity=timedelta(seconds=1)
            )
        case int():
            return CursorDomain(name, "integer", zone)
        case str() if (found := shape_of(newest)) is not None:
            return _text_time(name, found, zone)
        case str():
            if _RANDOM_KEY.fullmatch(newest):
                raise _unfit(name, "random UUID")
            return CursorDomain(name, "text", zone)
        case _:
            raise _unfit(name, {"float": "number"}.get(classes[1], classes[1]))


def _end(database: Database, keyset: Keyset, name: str, function: Any) -> Any:  # noqa: ANN401  # a driver's value
    statement = keyset.aggregate(function, Window())
    purpose = f"look at the cursor {name}"
    try:
        return database.patiently(lambda: database.read(statement), purpose=purpose).rows[0][0]
    except DatabaseFault:
        raise SourceFailed(
            f"a value of the cursor {name} cannot be decoded, so rows cannot be put in order",
            hint="repair it in the database, or exclude the row with source.where",
        ) from None


def _text_time(name: str, shape: TextShape, zone: ZoneInfo) -> CursorDomain:
    if shape.separator is None:
        return CursorDomain(name, "date", zone, shape=shape, granularity=timedelta(days=1))
    step = timedelta(seconds=1) if shape.seconds else timedelta(minutes=1)
    if shape.fraction_digits:
        step = timedelta(microseconds=10 ** (6 - min(shape.fraction_digits, 6)))
    return CursorDomain(name, "datetime_tz" if shape.zone else "datetime", zone, shape=shape, granularity=step)


def _refuse_random(database: Database, keyset: Keyset, name: str) -> None:
    newest = keyset.aggregate(sa.func.max, Window())
    value = database.read_patiently(newest, purpose=f"look at the cursor {name}").rows[0][0]
    if isinstance(value, str) and _RANDOM_KEY.fullmatch(value):
        raise _unfit(name, "random UUID")


def _zone(name: str | None) -> ZoneInfo:
    try:
        return ZoneInfo(name or "UTC")
    except (ValueError, OSError, KeyError):
        raise UsageProblem(
            f'source.timezone: "{name}" is not a time zone', hint="for example Europe/Amsterdam"
        ) from None


def _unfit(name: str, kind: str) -> SourceMismatch:
    reason = {
        "number": "floating-point numbers round, so a checkpoint may skip rows",
        "uuid": "random keys have no order in time",
        "random UUID": "random keys have no order in time",
    }.get(kind, "it does not order rows in time")
    return SourceMismatch(
        f"{name} cannot be the cursor: its values are of kind {kind}, and {reason}",
        hint="choose a column that is set on every insert and update, or leave cursor_field out",
    )

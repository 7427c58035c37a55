"""Decides which columns may form a key: those whose values return exactly, and compare in the order they sort in.

A key of any other type would lose rows at the ends of pages, or could not be kept in the state. So `validate --connect`
and `run` refuse it by name before anything is read. Several columns may form one cursor: the latest value that is not
NULL.
"""

from __future__ import annotations

from dataclasses import replace

from etl.errors import SourceMismatch
from etl.source.place import at_key
from etl.source.plan import ReadPlan
from etl.source.relation import Relation

# None stands for an undeclared type (queries on SQLite), or a text or binary column in a query on MySQL.
KEY_KINDS = frozenset(
    {"integer", "decimal", "boolean", "text", "date", "datetime", "datetime_tz", "uuid", "bytes", None}
)
# Kinds that compare exactly with a value that was read, whatever the collation or the session.
EXACT_KINDS = frozenset({"integer", "decimal", "boolean", "date", "datetime"})
_WHY = {
    "number": "floating-point numbers are rounded on their way, so that rows would be lost at the ends of pages",
    "nanoseconds": "digits below the microsecond are lost on their way, so that pages would not end where they should",
    "unsigned": "DuckDB compares its numbers as signed ones, which the largest are not",
    "bits": "bits do not compare with what the driver gives for them",
    "labels": "in a query it cannot be told from a text, but sorts by number, so that rows would be lost",
}


def refuse_unfit_key(relation: Relation, plan: ReadPlan) -> None:
    """Check the types of the key's columns.

    Raises:
        SourceMismatch: a column has a type that cannot be part of a key; the type is named.
    """
    for name in plan.primary_key:
        why = unfit_reason(relation, name)
        if why is not None:
            words = f"{name} cannot be part of the key: it is {relation.type_name(name)}, and {why}"
            raise SourceMismatch(
                at_key(plan, ("source", "primary_key"), words),
                hint="choose other columns that tell rows apart; in a query, CAST it to text or to an exact number",
            )


def unfit_reason(relation: Relation, name: str) -> str | None:
    """Why the column `name` can be neither key nor cursor by its type; None when it can be a key."""
    declared = relation.declared.get(name, "").upper()
    if declared.startswith(("BIT", "VARBIT")):
        return _WHY["bits"]
    if declared.startswith(("ENUM", "SET")) and name not in relation.ordinals:
        return _WHY["labels"]
    if declared == "UHUGEINT":
        return _WHY["unsigned"]
    if declared == "TIMESTAMP_NS":
        return _WHY["nanoseconds"]
    kind = relation.kinds[name]
    if kind in KEY_KINDS:
        return None
    return _WHY.get(kind or "", "values of this type cannot be kept and compared exactly")


def with_latest(relation: Relation, plan: ReadPlan) -> Relation:
    """`relation` with a column `plan.cursor_field` that stands for `plan.cursor_columns`.

    Raises:
        SourceMismatch: their types differ, so that the database would convert one of them by the session's zone.
    """
    name, parts = plan.cursor_field or "", plan.cursor_columns
    kinds = {relation.kinds[part] for part in parts}
    if len(kinds) > 1:
        listed = ", ".join(f"{part} is {relation.type_name(part)}" for part in parts)
        words = (
            f"its columns are of different types ({listed}), so their latest value depends on the time zone of the "
            "session"
        )
        raise SourceMismatch(
            at_key(plan, ("source", "cursor_field"), words),
            hint="use columns of one type, or a query that converts them to one",
        )
    digits = [relation.fraction_digits[part] for part in parts if part in relation.fraction_digits]
    always = any(part not in relation.nullable for part in parts)
    return replace(
        relation,
        kinds={**relation.kinds, name: kinds.pop()},
        nullable=relation.nullable - {name} if always else relation.nullable | {name},
        fraction_digits={**relation.fraction_digits, **({name: max(digits)} if digits else {})},
    )

"""A cursor of several columns: the latest value that is not NULL, as if it were a column of its own."""

from __future__ import annotations

from dataclasses import replace

from etl.errors import SourceMismatch
from etl.source.place import at_key
from etl.source.plan import ReadPlan
from etl.source.relation import Relation


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

"""The `products` section: the nested array of an event.

Three forms exclude each other: rows of another table (table, match), a JSON column (column), the row's own columns.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from etl.mapping import leaves
from etl.mapping.field_rule import COLUMN, NAMES_OR_NONE, FieldRule, Section
from etl.mapping.leaves import kind_of, leaf, optional
from etl.mapping.source import CONDITION


def _parse_match(value: object) -> dict[str, str]:
    if not isinstance(value, dict) or not value:
        raise ValueError(
            f"expected a table such as {{order_id: id}} (child column: this row's column), "
            f"got {kind_of(value) if value else 'an empty one'}"
        )
    return {leaves.parse_name(child): leaves.parse_name(parent) for child, parent in value.items()}


class Products(Section):
    """The nested array: from another table, from a JSON column, or one product from the row's own columns."""

    table: Annotated[str | None, optional(COLUMN)] = Field(
        default=None, description="The table of the products' rows, or schema.table; needs match."
    )
    match: Annotated[
        dict[str, str],
        leaf(_parse_match, {"type": "object", "additionalProperties": {"type": "string"}, "minProperties": 1}),
    ] = Field(
        default_factory=dict,
        description="Which of its rows belong to a row: {order_id: id} = whose order_id is this row's id.",
    )
    order_by: Annotated[tuple[str, ...], NAMES_OR_NONE] = Field(
        default=(), description="The column, or list of columns, that orders the products of a row."
    )
    where: Annotated[str | None, optional(CONDITION)] = Field(
        default=None, description="A SQL condition on the products' rows, without the word WHERE."
    )
    column: Annotated[str | None, optional(COLUMN)] = Field(
        default=None, description="A column of the row that holds the products as a JSON list of objects."
    )
    fields: dict[str, FieldRule] = Field(
        default_factory=dict,
        description="The fields of each product. Columns are those of `table`, the keys of `column`'s objects, or else "
        "the row's own.",
    )

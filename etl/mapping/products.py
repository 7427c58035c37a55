"""The `products` section: the nested array of an event.

Four forms exclude each other: rows of another table (table, match), rows of a query (query, match), a JSON column
(column), the row's own columns.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from etl.mapping import values as leaves
from etl.mapping.field_rule import COLUMN, COLUMNS, NAMES_OR_NONE, FieldRule, Section
from etl.mapping.source import CONDITION
from etl.mapping.sql_text import parse_select
from etl.mapping.values import choice, kind_of, leaf, optional


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
    query: Annotated[str | None, optional(leaf(parse_select, {"type": "string", "minLength": 1}))] = Field(
        default=None, description="One SELECT instead of a table, whose result has the columns of match; needs match."
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
    column: Annotated[str | tuple[str, ...] | None, optional(COLUMNS)] = Field(
        default=None,
        description="A column of the row that holds the products as a JSON list of objects; or a list of columns of "
        "which the first present value counts.",
    )
    on_invalid: Annotated[Literal["reject", "omit"] | None, optional(choice("reject", "omit"))] = Field(
        default=None,
        description="What a wrong product costs: reject (the row is invalid) or omit (the product is left out and "
        "counted). Default: the mapping's on_invalid, or else reject.",
    )
    fields: dict[str, FieldRule] = Field(
        default_factory=dict,
        description="The fields of each product. Columns are those of `table` or `query`, the keys of the objects in "
        "`column`, or else the row's own.",
    )

    @property
    def has_rows(self) -> bool:
        """Whether the products are rows of their own: of a table or of a query."""
        return self.table is not None or self.query is not None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of `column`, in the order of preference; () without it."""
        return leaves.columns_of(self.column)

"""The `tests` section: examples of rows with the event or the problems that they give.

An example is offline: its values are what the YAML says, and dates are texts.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from etl.mapping import values as leaves
from etl.mapping.catalogue import PROBLEMS
from etl.mapping.field_rule import Section
from etl.mapping.nearest import did_you_mean
from etl.mapping.values import kind_of, leaf, optional

_ROW: dict[str, Any] = {"type": "object"}


def _parse_given(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"expected a row such as {{email: a@example.com}}, got {kind_of(value)}")
    return value


def _parse_children(value: object) -> tuple[dict[str, Any], ...]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"expected a list of rows such as [{{sku: A1}}], got {kind_of(value)}")
    return tuple(_parse_given(one) for one in value)


def _parse_codes(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not value:
        got = kind_of(value) if value else "an empty list"
        raise ValueError(f"expected a list of problem codes such as [invalid_email], got {got}")
    for one in value:
        if not isinstance(one, str) or one not in PROBLEMS:
            shown = f'"{one}"{did_you_mean(one, PROBLEMS)}' if isinstance(one, str) else kind_of(one)
            raise ValueError(f"not a problem code: {shown}")
    return tuple(value)


class MappingTest(Section):
    """One example that `squeezely-etl test` checks: a row and what becomes of it."""

    name: Annotated[str | None, optional(leaf(leaves.parse_text, {"type": "string", "minLength": 1}))] = Field(
        default=None, description="What the example shows."
    )
    given: Annotated[dict[str, Any], leaf(_parse_given, _ROW)] = Field(
        description="The row: column and value; columns left out are NULL."
    )
    children: Annotated[tuple[dict[str, Any], ...], leaf(_parse_children, {"type": "array", "items": _ROW})] = Field(
        default=(), description="The rows of the products' table that belong to it."
    )
    expect: Annotated[dict[str, Any] | None, optional(leaf(_parse_given, _ROW))] = Field(
        default=None, description="The event, or a part of it; a field with null must be absent."
    )
    expect_problems: Annotated[
        tuple[str, ...], leaf(_parse_codes, {"type": "array", "items": {"enum": list(PROBLEMS)}, "minItems": 1})
    ] = Field(default=(), description="The codes of the problems that make the row invalid.")

"""How one field of an event comes about: where its value is from and what is done to it.

A field has exactly one source: column, value, template or parent (`etl.mapping.checks` sees to it).
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema

from etl.mapping import values as leaves
from etl.mapping.catalogue import STEPS, TYPES
from etl.mapping.nearest import did_you_mean, nearest
from etl.mapping.steps import Step, parse_step
from etl.mapping.template import template_columns
from etl.mapping.values import Leaf, choice, kind_of, leaf, optional

COLUMN = leaf(leaves.parse_name, {"type": "string", "minLength": 1})
NAMES = leaf(
    leaves.parse_names,
    {"type": "string", "minLength": 1},
    {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1, "uniqueItems": True},
)
COLUMNS = leaf(
    leaves.parse_columns,
    {"type": "string", "minLength": 1},
    {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1, "uniqueItems": True},
)
NAMES_OR_NONE = leaf(
    leaves.parse_names_or_none,
    {"type": "string", "minLength": 1},
    {"type": "array", "items": {"type": "string", "minLength": 1}, "uniqueItems": True},
)
FLAG = leaf(leaves.parse_flag, {"type": "boolean"}, leaves.VARIABLE)
CONSTANT_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"type": ["string", "number", "boolean"]},
        {"type": "array", "items": {"type": ["string", "number", "boolean"]}},
    ]
}
MAP_TARGET_SCHEMA: dict[str, Any] = {"anyOf": [*CONSTANT_SCHEMA["anyOf"], {"type": "null"}]}
CONSTANT = leaf(leaves.parse_constant, CONSTANT_SCHEMA)
# What people who come from a database or a programming language write first.
_OTHER_NAMES = MappingProxyType(
    {
        **dict.fromkeys(("string", "str", "varchar", "char"), "text"),
        **dict.fromkeys(("int", "bigint", "long"), "integer"),
        **dict.fromkeys(("float", "double", "real"), "number"),
        **dict.fromkeys(("numeric", "money"), "decimal"),
        **dict.fromkeys(("timestamp", "time"), "datetime"),
        **dict.fromkeys(("array", "set"), "list"),
        **dict.fromkeys(("optin", "opt_in", "consent"), "yes_no"),
        "locale": "language",
        "object": "json",
    }
)


class Section(BaseModel):
    """A section of the mapping file: frozen, and no key but its own."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, arbitrary_types_allowed=True)

    @model_validator(mode="before")
    @classmethod
    def _is_a_section(cls, value: object) -> object:
        if isinstance(value, dict | Section):
            return value
        raise ValueError(f"expected a section with keys such as {cls._some_keys()}, got {kind_of(value)}")

    @classmethod
    def _some_keys(cls) -> str:
        return ", ".join([name for name in cls.model_fields if name != "version"][:3])


def _parse_type(value: object) -> str:
    if isinstance(value, str) and value in TYPES:
        return value
    if isinstance(value, str):
        near = nearest(value, (*TYPES, *_OTHER_NAMES)) or ""
        meant = _OTHER_NAMES.get(near, near)
        tail = f'; did you mean "{meant}"?' if meant else did_you_mean(value, TYPES)
        raise ValueError(f'"{value}" is not a type{tail}')
    raise ValueError(f"expected a type, such as text or number, got {kind_of(value)}")


def parse_template_text(value: object) -> str:
    """A template that names at least one column; anything else is `value`."""
    text = leaves.parse_text(value)
    if not template_columns(text):
        raise ValueError("a template without a column in braces; write `value` for a constant")
    return text


def parse_map(value: object) -> dict[str, Any]:
    """A table from the text of a value to another value; None as a target leaves the field out."""
    if not isinstance(value, dict) or not value:
        raise ValueError(f"expected a table such as {{m: M, v: F}}, got {kind_of(value) if value else 'an empty one'}")
    return {str(key): None if one is None else leaves.parse_constant(one) for key, one in value.items()}


TYPE = Leaf(_parse_type, {"type": "string", "enum": list(TYPES)})


def _step_schemas() -> list[dict[str, Any]]:
    bare = [name for name, rule in STEPS.items() if not rule.parameters]
    calls = [
        {
            "type": "string",
            "pattern": rf"^\s*{name}\s*\(.*\)\s*$",
            "description": f"{rule.what}; such as {rule.example}",
        }
        for name, rule in STEPS.items()
        if rule.parameters
    ]
    plain = [{"const": name, "description": STEPS[name].what} for name in bare]
    own = {
        "type": "string",
        "pattern": r"^[A-Za-z][A-Za-z0-9_]*$",
        "not": {"enum": [name for name, rule in STEPS.items() if rule.parameters]},
        "description": "A function of the file that `steps` names.",
    }
    return [*plain, *calls, own]


def _parse_one_step(value: object) -> Step:
    if isinstance(value, Step):
        return value
    if not isinstance(value, str):
        raise ValueError(f"expected a step, such as strip or truncate(100), got {kind_of(value)}")
    return parse_step(value)


STEP = Leaf(_parse_one_step, {"anyOf": _step_schemas()})


class FieldRule(Section):
    """One field of the event. `column` (text form: the column's name) is None unless the value comes from a column."""

    column: Annotated[str | tuple[str, ...] | None, optional(COLUMNS)] = Field(
        default=None,
        description="The column that the value comes from, or a list of columns of which the first present value "
        "counts.",
    )
    value: Annotated[Any, optional(CONSTANT)] = Field(default=None, description="A constant, the same for every row.")
    template: Annotated[
        str | None, optional(leaf(parse_template_text, {"type": "string", "pattern": r"\{[^{}]+\}"}))
    ] = Field(
        default=None,
        description="A text with columns in braces, such as {first_name} {last_name}; {{ and }} stand for braces. "
        "Missing columns count as empty.",
    )
    parent: Annotated[str | None, optional(COLUMN)] = Field(
        default=None, description="Inside products: a column of the row that the products belong to."
    )
    type: Annotated[str | None, optional(TYPE)] = Field(
        default=None,
        description="What the value is. The receiver's known fields bring their type; custom fields take the column's.",
    )
    transform: tuple[Annotated[Step, STEP], ...] = Field(
        default=(), description="Steps that change the value, in order, such as [strip, title, truncate(100)]."
    )
    map: Annotated[
        dict[str, Any] | None,
        optional(leaf(parse_map, {"type": "object", "additionalProperties": MAP_TARGET_SCHEMA, "minProperties": 1})),
    ] = Field(
        default=None,
        description="A table from the value, as text, to what is sent; null leaves the field out, and the key else "
        "catches what is not listed. Without else, a value that is not in it is a problem (not_in_map), unless the "
        "field's type knows it, as currency knows EUR beside {EURO: EUR}. What the table names passes as it stands.",
    )
    default: Annotated[Any, optional(CONSTANT)] = Field(default=None, description="Used when the value is missing.")
    required: Annotated[bool, FLAG] = Field(
        default=False, description="A row without a value is invalid (missing_required)."
    )
    on_invalid: Annotated[Literal["reject", "omit"] | None, optional(choice("reject", "omit"))] = Field(
        default=None,
        description="reject: a wrong value makes the row invalid; omit: it leaves the field out. Default: what the "
        "mapping's on_invalid says.",
    )
    decimal_separator: Annotated[Literal[".", ","], choice(".", ",")] = Field(
        default=".",
        description="How texts write the fraction of a number. With a comma, points and spaces group thousands: "
        "1.234,50.",
    )
    empty: Annotated[Literal["omit", "keep"], choice("omit", "keep")] = Field(
        default="omit", description="omit: an empty text counts as missing; keep: it is sent as an empty text."
    )

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of `column`, in the order of preference; () without it."""
        return leaves.columns_of(self.column)

    @model_validator(mode="before")
    @classmethod
    def _is_a_section(cls, value: object) -> object:
        if isinstance(value, str) and value.strip():
            return {"column": value}
        if isinstance(value, dict | Section):
            return value
        got = "nothing" if value in (None, "") else kind_of(value)
        raise ValueError(f"expected a column's name, or a section such as {{column: name}}, got {got}")

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """The short form beside the section."""
        full = handler.resolve_ref_schema(handler(schema))
        full["description"] = "A section with exactly one of column, value and template (or parent inside products)."
        short = {"type": "string", "minLength": 1, "description": "Short form: the column that the value comes from."}
        return {"anyOf": [short, full]}

"""The mapping file as values: every key of the file is an attribute of the same name.

The models are frozen, know no other key, and hold values: durations as timedelta, sizes in bytes, secrets masked.
What concerns several keys at once is checked by `etl.mapping.checks`, so that all problems of a file come together.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from etl.mapping import quantities
from etl.mapping import values as leaves
from etl.mapping.catalogue import EVENTS
from etl.mapping.destination import Destination, RateLimit, Retry
from etl.mapping.example import MappingTest
from etl.mapping.field_rule import COLUMNS, NAMES_OR_NONE, FieldRule, Section
from etl.mapping.guards import Guards
from etl.mapping.own_steps import OwnSteps, parse_steps_file
from etl.mapping.products import Products
from etl.mapping.source import Source
from etl.mapping.steps import Step
from etl.mapping.values import choice, kind_of, leaf, optional

__all__ = [
    "Destination",
    "EventColumn",
    "FieldRule",
    "Guards",
    "Mapping",
    "MappingFile",
    "MappingTest",
    "Products",
    "RateLimit",
    "Retry",
    "Source",
    "Step",
]

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
NEWEST_VERSION = 1

_LONGEST_EVENT_NAME = 100


def _parse_version(value: object) -> int:
    if value == NEWEST_VERSION and isinstance(value, int) and not isinstance(value, bool):
        return NEWEST_VERSION
    raise ValueError(f"expected {NEWEST_VERSION}, the version of the mapping language that this program understands")


def parse_mapping_name(value: object) -> str:
    """A name that can stand in file names, logs and metrics."""
    name = leaves.parse_text(value)
    if not re.match(NAME_PATTERN, name, re.ASCII) or name.endswith("\n"):
        raise ValueError('expected letters, digits, "_", "-" and ".", at most 64, beginning with a letter or a digit')
    return name


def parse_event_name(value: object) -> str:
    """A name of an event: text on one line."""
    name = leaves.parse_text(value)
    if name != name.strip() or not name.isprintable() or len(name) > _LONGEST_EVENT_NAME:
        raise ValueError(
            "expected a name without spaces at its ends and without line breaks, "
            f"at most {_LONGEST_EVENT_NAME} characters"
        )
    return name


class EventColumn(Section):
    """The event's name, taken from a column."""

    column: Annotated[str | tuple[str, ...], COLUMNS] = Field(
        description="The column that holds the event's name, or a list of columns of which the first present value "
        "counts."
    )

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns, in the order of preference."""
        return leaves.columns_of(self.column)


def _parse_event(value: object) -> str | EventColumn:
    if isinstance(value, EventColumn):
        return value
    if isinstance(value, str):
        return parse_event_name(value)
    if isinstance(value, dict) and list(value) == ["column"]:
        return EventColumn(column=leaves.parse_columns(value["column"]))
    got = "another key" if isinstance(value, dict) and value else kind_of(value)
    raise ValueError(f"expected the event's name, or {{column: name}}, got {got}")


_EVENT = leaf(
    _parse_event,
    {"enum": list(EVENTS), "description": "A name that the receiver interprets."},
    {"type": "string", "minLength": 1, "description": "The name of a custom event."},
    {
        "type": "object",
        "properties": {
            "column": {
                "anyOf": [
                    {"type": "string", "minLength": 1},
                    {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1, "uniqueItems": True},
                ],
                "description": "The column that holds the event's name, or several: the first present value counts.",
            }
        },
        "required": ["column"],
        "additionalProperties": False,
    },
)


class MappingFile(Section):
    """What a mapping file may hold."""

    version: Annotated[int, leaf(_parse_version, {"const": NEWEST_VERSION})] = Field(
        description="The version of the mapping language: 1."
    )
    name: Annotated[str | None, optional(leaf(parse_mapping_name, {"type": "string", "pattern": NAME_PATTERN}))] = (
        Field(default=None, description="Names the checkpoint; default: the file's name without .yaml.")
    )
    source: Source = Field(description="The rows to read.")
    event: Annotated[str | EventColumn, _EVENT] = Field(description="The event's name.")
    fields: dict[str, FieldRule] = Field(description="The fields of the event, in order.")
    products: Products | None = Field(default=None, description="The nested array of products.")
    resend: Annotated[Literal["changed", "always"], choice("changed", "always")] = Field(
        default="changed",
        description="changed: an event goes out again only when its content changed; always: every row that is read is "
        "sent (no ledger; lookback must be 0).",
    )
    resend_ignores: Annotated[tuple[str, ...], NAMES_OR_NONE] = Field(
        default=(), description="Fields that alone do not make an event changed, such as timestamp."
    )
    on_invalid: Annotated[Literal["reject", "omit"] | None, optional(choice("reject", "omit"))] = Field(
        default=None,
        description="What a wrong value costs, for all fields that do not say so themselves: reject (the row) or omit "
        "(the field). Default: reject for email, userid, timestamp, currency, language, orderid, totalvalue and "
        "products, omit for all others.",
    )
    extra_fields: Annotated[tuple[str, ...], NAMES_OR_NONE] = Field(
        default=(),
        description="Names of fields that the account knows though this program does not; any other unknown name in "
        "`fields` is an error.",
    )
    steps: Annotated[str | None, optional(leaf(parse_steps_file, {"type": "string", "pattern": r"^[^/\\]+\.py$"}))] = (
        Field(
            default=None,
            description="A Python file beside this one: each public function in it is a step, from a pandas Series of "
            "the column's values to another of the same length and index.",
        )
    )
    max_failure_rate: Annotated[
        float,
        leaf(
            quantities.parse_rate,
            {"type": "string", "pattern": quantities.RATE_PATTERN},
            {"type": "number", "minimum": 0, "maximum": 1},
            leaves.VARIABLE,
        ),
    ] = Field(
        default=0.05,
        description="When more of the rows than this are invalid or rejected, the run stops: the mapping is wrong.",
        json_schema_extra={"default": "5%"},
    )
    guards: Guards = Field(
        default_factory=Guards, description="What stops a run before anything leaves; it looks through its rows first."
    )
    destination: Destination = Field(default_factory=Destination, description="The API, the account, the limits.")
    tests: tuple[MappingTest, ...] = Field(default=(), description="Examples that `squeezely-etl test` checks.")


class Mapping(MappingFile):
    """A mapping as loaded: the file's keys, where it was, and what is allowed but probably not meant.

    `warnings` holds one printable line each, as `MappingInvalid.problems` does. `own_steps` are the functions of the
    file `steps`, by name, and `steps_text` is its content (b"" without one): with another, rows become other events.
    """

    name: str
    path: Path
    warnings: tuple[str, ...] = ()
    own_steps: OwnSteps = Field(default_factory=dict, exclude=True)
    steps_text: bytes = Field(default=b"", exclude=True)

"""The mapping file as values: every key of the file is an attribute of the same name.

The models are frozen, know no other key, and hold values: durations as timedelta, sizes in bytes, secrets masked.
What concerns several keys at once is checked by `etl.mapping.checks`, so that all problems of a file come together.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from etl.mapping import leaves, quantities
from etl.mapping.catalogue import EVENTS
from etl.mapping.destination import Destination, RateLimit, Retry
from etl.mapping.example import MappingTest
from etl.mapping.field_rule import COLUMN, NAMES_OR_NONE, FieldRule, Section
from etl.mapping.leaves import choice, kind_of, leaf, optional
from etl.mapping.products import Products
from etl.mapping.source import Source
from etl.mapping.steps import Step

__all__ = [
    "Destination",
    "EventColumn",
    "FieldRule",
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

    column: Annotated[str, COLUMN] = Field(description="The column that holds the event's name.")


def _parse_event(value: object) -> str | EventColumn:
    if isinstance(value, EventColumn):
        return value
    if isinstance(value, str):
        return parse_event_name(value)
    if isinstance(value, dict) and list(value) == ["column"]:
        return EventColumn(column=leaves.parse_name(value["column"]))
    got = "another key" if isinstance(value, dict) and value else kind_of(value)
    raise ValueError(f"expected the event's name, or {{column: name}}, got {got}")


_EVENT = leaf(
    _parse_event,
    {"enum": list(EVENTS), "description": "A name that the receiver interprets."},
    {"type": "string", "minLength": 1, "description": "The name of a custom event."},
    {
        "type": "object",
        "properties": {"column": {"type": "string", "description": "The column that holds the event's name."}},
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
    destination: Destination = Field(default_factory=Destination, description="The API, the account, the limits.")
    tests: tuple[MappingTest, ...] = Field(default=(), description="Examples that `squeezely-etl test` checks.")


class Mapping(MappingFile):
    """A mapping as loaded: the file's keys, where it was, and what is allowed but probably not meant.

    `warnings` holds one printable line each, as `MappingInvalid.problems` does.
    """

    name: str
    path: Path
    warnings: tuple[str, ...] = ()

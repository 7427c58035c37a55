"""The `guards` section: limits that stop an unusual run before it sends anything.

The rule: none is set unless a mapping says so, and one that cannot be evaluated counts as exceeded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from etl.mapping import quantities
from etl.mapping import values as leaves
from etl.mapping.document import Finding
from etl.mapping.field_rule import Section
from etl.mapping.lookup import part, section, text
from etl.mapping.values import integer, leaf, optional, positive_number

_SHARE = optional(
    leaf(
        quantities.parse_rate,
        {"type": "string", "pattern": quantities.RATE_PATTERN},
        {"type": "number", "minimum": 0, "maximum": 1},
        leaves.VARIABLE,
    )
)


class Guards(Section):
    """A run with guards looks first, and sends nothing when it is unusual."""

    max_events: Annotated[int | None, optional(integer(1, 10**12))] = Field(
        default=None, description="More events than this: nothing is sent."
    )
    max_times_usual: Annotated[float | None, optional(positive_number(1_000_000))] = Field(
        default=None,
        description="More than so many times the median of the last 14 runs that were done, from five such runs on: "
        "nothing is sent.",
    )
    max_changed: Annotated[float | None, _SHARE] = Field(
        default=None, description="More of the rows that the ledger knows would change: nothing is sent."
    )
    max_source_drop: Annotated[float | None, _SHARE] = Field(
        default=None,
        description="The source has so many rows less than the last reading of all rows (without a cursor), or than "
        "the ledger knows: nothing is sent.",
    )

    @property
    def any(self) -> bool:
        """Whether any limit is set."""
        return any(getattr(self, name) is not None for name in type(self).model_fields)


def check_guards(data: object) -> Iterator[Finding]:
    """Guards that could never be evaluated."""
    if text(data, "resend") != "always":
        return
    words = "compares with the ledger, and with resend: always there is none"
    guards = section(data, "guards")
    if "max_changed" in guards:
        yield Finding(("guards", "max_changed"), words, at_key=True)
    if "max_source_drop" in guards and part(data, "source", "cursor_field") is not None:
        yield Finding(("guards", "max_source_drop"), words, at_key=True)

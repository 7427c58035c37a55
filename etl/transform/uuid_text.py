"""UUIDs as their canonical text: 32 digits in lower case with four dashes.

The rule: a UUID is one whatever the database keeps it in: its own type, 16 bytes (`BINARY(16)`), or a text.
"""

from __future__ import annotations

from uuid import UUID

from etl.transform.cells import Cells
from etl.transform.problem import RefusedValueError


class UuidRule:
    """Type uuid."""

    repeats = False

    def ordinary(self, cells: Cells) -> None:  # noqa: ARG002  # the protocol's signature
        """Each value is looked at."""
        return

    def value(self, value: object) -> object | None:
        """Raises RefusedValueError (not_a_uuid)."""
        match value:
            case UUID():
                return str(value)
            case bytes() | bytearray() | memoryview() if len(bytes(value)) == 16:
                return str(UUID(bytes=bytes(value)))
            case str() if not value.strip():
                return None
            case str():
                try:
                    return str(UUID(value.strip()))
                except ValueError:
                    raise RefusedValueError("not_a_uuid", "the text is not a UUID") from None
        raise RefusedValueError("not_a_uuid", f"a value of type {type(value).__name__} is not a UUID")

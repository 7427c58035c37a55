"""Refusals that several rules share.

They name the type of a value, never the value.
"""

from __future__ import annotations

from etl.transform.problem import RefusedValueError


def unsupported(value: object) -> RefusedValueError:
    """The refusal of a value whose type has no form in an event (B13)."""
    return RefusedValueError("unsupported_type", f"a value of type {type(value).__name__} has no form in an event")

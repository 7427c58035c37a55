"""Hides the values of an event or a row and leaves its structure, so that it can be shown to others."""

from __future__ import annotations

from collections.abc import Mapping

MASK = "•••"
# Fields of an event that say nothing of a person.
_STRUCTURE = ("event", "currency", "language", "country")


def masked(value: object) -> object:
    """`value` with every text and number hidden; its structure stays."""
    match value:
        case None | bool():
            return value
        case dict():
            return {name: masked(inner) for name, inner in value.items()}
        case list() | tuple():
            return [masked(inner) for inner in value]
        case _:
            return MASK


def masked_event(event: Mapping[str, object]) -> dict[str, object]:
    """`event` with every value hidden but those that say nothing of a person."""
    return {name: value if name in _STRUCTURE else masked(value) for name, value in event.items()}

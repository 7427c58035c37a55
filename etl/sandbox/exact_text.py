"""Shows JSON to people as it was sent: every digit of every number, indented.

Numbers never pass through a float, neither here nor in the browser, which gets finished text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator


class _Number(str):
    """A JSON number's own characters."""

    __slots__ = ()


def parse_exactly(body: bytes) -> object:
    """`body` (known to be JSON) as Python values; numbers keep their characters."""
    return json.loads(body, parse_int=_Number, parse_float=_Number)


def indented(value: object, *, depth: int = 0) -> str:
    """`value` from `parse_exactly` as JSON with two spaces a level; what is short stays on one line."""
    flat = one_line(value)
    if not isinstance(value, dict | list) or (depth and len(flat) <= 60):
        return flat
    pad = "  " * (depth + 1)
    lines = ",\n".join(pad + part for part in _parts(value, depth=depth + 1))
    opening, closing = ("{", "}") if isinstance(value, dict) else ("[", "]")
    return f"{opening}\n{lines}\n{'  ' * depth}{closing}" if lines else flat


def one_line(value: object) -> str:
    """`value` from `parse_exactly` as JSON on one line."""
    match value:
        case _Number():
            return str(value)
        case dict():
            return "{" + ", ".join(f"{_quoted(name)}: {one_line(inner)}" for name, inner in value.items()) + "}"
        case list():
            return "[" + ", ".join(one_line(inner) for inner in value) + "]"
        case _:
            return _quoted(value)


def _parts(value: dict[str, object] | list[object], *, depth: int) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield f"{_quoted(name)}: {indented(inner, depth=depth)}"
    else:
        for inner in value:
            yield indented(inner, depth=depth)


def _quoted(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)

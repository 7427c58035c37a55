"""Reads plain data that may be wrong anywhere: a value that is missing or of the wrong kind counts as absent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from etl.mapping.document import Finding, Path


def part(data: object, *path: str | int) -> Any:  # noqa: ANN401  # any plain data
    """What is at `path`, or None."""
    for one in path:
        if isinstance(data, dict):
            data = data.get(one)
        elif isinstance(data, list) and isinstance(one, int) and one < len(data):
            data = data[one]
        else:
            return None
    return data


def section(data: object, *path: str | int) -> dict[str, Any]:
    """The section at `path`, or an empty one."""
    found = part(data, *path)
    return found if isinstance(found, dict) else {}


def items(data: object, *path: str | int) -> list[Any]:
    """The list at `path`, or an empty one."""
    found = part(data, *path)
    return found if isinstance(found, list) else []


def text(data: object, *path: str | int) -> str | None:
    """The text at `path`, or None."""
    found = part(data, *path)
    return found if isinstance(found, str) else None


def texts(data: object, *path: str | int) -> tuple[str, ...]:
    """The text, or the texts of the list, at `path`."""
    found = part(data, *path)
    return tuple(one for one in (found if isinstance(found, list) else [found]) if isinstance(one, str))


def empties(data: object, path: Path = ()) -> Iterator[Finding]:
    """Every key without a value, but those of example rows, where it means NULL, and targets of `map`."""
    if path[:1] == ("tests",) and len(path) >= 3 and path[2] in ("given", "expect", "children"):
        return
    if isinstance(data, dict):
        for key, one in data.items():
            yield from empties(one, (*path, key))
    elif isinstance(data, list):
        for at, one in enumerate(data):
            yield from empties(one, (*path, at))
    elif data is None and path == ("fields",):
        yield Finding(path, "is empty; an event needs at least email or userid", at_key=True)
    elif data is None and path and path[-2:-1] != ("map",):
        yield Finding(path, "is empty; give it a value, or leave it out")

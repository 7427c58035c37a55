"""Translates the validation errors of the model into findings for people.

No message of the validating library reaches a person, and no value of the file: only keys, and what was expected.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from etl.mapping.document import Finding, Path
from etl.mapping.example import MappingTest
from etl.mapping.field_rule import FieldRule, Section
from etl.mapping.guards import Guards
from etl.mapping.model import Destination, MappingFile, Products, RateLimit, Retry, Source
from etl.mapping.nearest import did_you_mean, nearest
from etl.mapping.values import kind_of

_MISSING: dict[Path, str] = {
    ("version",): "is missing; write version: 1",
    ("source",): "is missing; it says which rows to read, such as {url: …, table: …, primary_key: id}",
    ("event",): "is missing; write the event's name, such as event: Purchase",
    ("fields",): "is missing; it says what goes into the event, such as {email: email}",
    ("source", "url"): "is missing; write the database's URL, better as a variable: ${SHOP_DATABASE_URL}",
    ("source", "primary_key"): "is missing; a unique column tells rows with one cursor apart",
}

# The model of each section; any other place in the file, but those of `tests`, is the rule of a field.
_SECTIONS: dict[Path, type[Section]] = {
    (): MappingFile,
    ("source",): Source,
    ("products",): Products,
    ("guards",): Guards,
    ("destination",): Destination,
    ("destination", "rate_limit"): RateLimit,
    ("destination", "retry"): Retry,
}


def findings_of(error: ValidationError, data: object) -> Iterator[Finding]:
    """One finding for each problem in `error`, with the path that the file shows.

    A key that is missing because it is misspelt is one problem, not two.
    """
    errors = error.errors(include_url=False, include_context=True)
    misspelt = {_meant(tuple(one["loc"])) for one in errors if one["type"] == "extra_forbidden"}
    for one in errors:
        path: Path = tuple(one["loc"])
        if one["type"] == "missing":
            if path not in misspelt:
                yield Finding(path, _missing(path))
        elif one["type"] == "extra_forbidden":
            yield Finding(path, f"not a known key{did_you_mean(str(path[-1]), _keys_beside(path))}", at_key=True)
        else:
            yield Finding(_in_the_file(path, data), _words(one))


def _meant(path: Path) -> Path:
    """The path that an unknown key most likely meant; its own when nothing is near."""
    return (*path[:-1], nearest(str(path[-1]), _keys_beside(path)) or path[-1])


def _missing(path: Path) -> str:
    return _MISSING.get(path, "is missing")


def _words(one: Mapping[str, Any]) -> str:
    match one["type"]:
        case "value_error":
            return str(one["ctx"]["error"])
        case "dict_type":
            return f"expected a section of names, such as {{email: email}}, got {kind_of(one['input'])}"
        case "tuple_type":
            return f"expected a list, got {kind_of(one['input'])}"
        case _:
            return "is not what is expected here"


def _keys_beside(path: Path) -> tuple[str, ...]:
    """The keys that may stand where `path` ends."""
    above = path[:-1]
    model = MappingTest if above[:1] == ("tests",) else _SECTIONS.get(above, FieldRule)
    return tuple(model.model_fields)


def _in_the_file(path: Path, data: object) -> Path:
    """`path` as far as the file has it: short forms have no deeper keys."""
    for at, part in enumerate(path):
        try:
            data = data[part]  # type: ignore[index]  # whatever cannot be indexed ends the walk
        except (TypeError, KeyError, IndexError):
            return path[:at]
    return path

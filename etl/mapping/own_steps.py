"""The steps that a mapping brings itself: the public functions of a Python file beside it.

The rule: the file is trusted like the mapping, and like it it is never looked for anywhere else. What is wrong with it
is a problem of the mapping, with file and line.
"""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stdout
from typing import Any

from etl.mapping import values as leaves
from etl.mapping.lookup import section
from etl.mapping.steps import STEPS, Step

_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\.py", re.ASCII)
OwnSteps = Mapping[str, Callable[[Any], Any]]


def parse_steps_file(value: object) -> str:
    """The name of a Python file beside the mapping."""
    name = leaves.parse_text(value)
    if not _FILE.fullmatch(name):
        raise ValueError("expected the name of a Python file beside the mapping, such as steps.py")
    return name


class StepsFileError(ValueError):
    """The file cannot be used; the text says why, and in which line."""


def steps_in(content: bytes, *, name: str, file: str) -> OwnSteps:
    """The public functions of the file `name`, whose path is `file`, by their names.

    Raises:
        StepsFileError: it is not Python, fails, holds no public function, or one with the name of a step of ours.
    """
    space: dict[str, Any] = {"__name__": f"steps_of_{name.removesuffix('.py')}", "__file__": file}
    try:
        # Stdout holds results.
        with redirect_stdout(sys.stderr):
            exec(compile(content, file, "exec"), space)  # noqa: S102 - trusted like the mapping, which holds SQL
    except SyntaxError as error:
        raise StepsFileError(f"{name}:{error.lineno or 1}: not Python: {error.msg}") from None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - anything may be raised by a file that people wrote
        lines = [one.lineno for one in traceback.extract_tb(error.__traceback__) if one.filename == file]
        raise StepsFileError(f"{name}:{(lines or [1])[-1]}: failed with {type(error).__name__}") from None
    found = {
        key: value
        for key, value in space.items()
        if not key.startswith("_") and callable(value) and getattr(value, "__module__", None) == space["__name__"]
        if not isinstance(value, type)
    }
    for key, function in found.items():
        if key in STEPS:
            line = function.__code__.co_firstlineno
            raise StepsFileError(f"{name}:{line}: {key} is a step of the language; give yours another name")
    if not found:
        raise StepsFileError(f"{name}:1: has no public function; each is a step, from a Series of values to another")
    return found


def name_own_steps(data: object, own: OwnSteps) -> None:
    """Put a Step in the place of each text of `transform` that names one of `own`."""
    for rule in _rules(data):
        transform = rule.get("transform")
        if isinstance(transform, list):
            for at, one in enumerate(transform):
                if isinstance(one, str) and one.strip() in own:
                    transform[at] = Step(one.strip())


def _rules(data: object) -> Iterator[dict[str, Any]]:
    for fields in (section(data, "fields"), section(data, "products", "fields")):
        yield from (one for one in fields.values() if isinstance(one, dict))

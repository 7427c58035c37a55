r"""PostgreSQL's text of an array, `{a,"b c",NULL}`.

The rule: drivers read the arrays of the types that they know. Those of an ENUM, citext or another type that a shop
defined arrive as this text, and are read here, their elements as texts.
Source: PostgreSQL's documentation, 8.15.6 "Array Input and Output Syntax".
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_BOUNDS = re.compile(r"(?:\[[+-]?\d+:[+-]?\d+\])+=", re.ASCII)
_TOKEN = re.compile(r'([{},])|"((?:[^"\\]|\\.)*)"|([^{},"]+)', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_DEEPEST = 6  # PostgreSQL's own limit


def array_in(text: str) -> object:
    """The list that `text` says, with None for NULL and lists for further dimensions; any other text is itself."""
    found = _BOUNDS.match(text)
    written = text[found.end() :] if found else text
    tokens = list(_TOKEN.finditer(written))
    if not written.startswith("{") or sum(len(one.group()) for one in tokens) != len(written):
        return text
    left = iter(tokens)
    next(left)
    try:
        array = _elements(left, 1)
    except StopIteration:
        return text
    return text if array is None or next(left, None) is not None else array


def _elements(tokens: Iterator[re.Match[str]], depth: int) -> list[object] | None:
    """What stands up to the closing brace; None for what is no array. Raises StopIteration where it has no end."""
    if depth > _DEEPEST:
        return None
    found: list[object] = []
    while True:
        token = next(tokens)
        mark, quoted, bare = token.groups()
        if mark == "{":
            inner = _elements(tokens, depth + 1)
            if inner is None:
                return None
            found.append(inner)
        elif mark == "}" and not found:
            return found
        elif mark is not None:
            return None
        elif quoted is not None:
            found.append(_ESCAPED.sub(r"\1", quoted))
        else:
            found.append(None if bare == "NULL" else _ESCAPED.sub(r"\1", bare))
        end = next(tokens)[1]
        if end == "}":
            return found
        if end != ",":
            return None

r"""PostgreSQL's text of an array, `{a,"b c",NULL}`.

The rule: drivers parse arrays of types that they know. Arrays of an ENUM, citext or another type defined in the
database arrive as this text and are parsed here; their elements are texts. Source: PostgreSQL's documentation, 8.15.6
"Array Input and Output Syntax".
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_BOUNDS = re.compile(r"(?:\[[+-]?\d+:[+-]?\d+\])+=", re.ASCII)
_TOKEN = re.compile(r'([{},])|"((?:[^"\\]|\\.)*)"|([^{},"]+)', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_DEEPEST = 6  # PostgreSQL's own limit


def array_in(text: str) -> object:
    """The list that `text` spells, with None for NULL and lists for further dimensions; any other text unchanged."""
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
    """The elements up to the closing brace; None if it is no array. Raises StopIteration if it has no end."""
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

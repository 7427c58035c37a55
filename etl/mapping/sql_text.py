"""SQL that a mapping carries: the condition of `where`, the statement of `query`.

The mapping is trusted like code, so this is no defence: it finds what would break inside a larger statement.
"""

from __future__ import annotations

import re

from etl.mapping.values import parse_text

# Quoted texts (also PostgreSQL's between dollars), quoted names and comments: everything in which a semicolon or a
# parenthesis means nothing.
_OPAQUE = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$|--[^\n]*|/\*.*?\*/""", re.DOTALL
)


def parse_condition(value: object) -> str:
    """A condition that can stand between parentheses after WHERE."""
    condition = parse_text(value).strip()
    bare = _OPAQUE.sub(" ", condition)
    if re.match(r"\s*where\b", bare, re.IGNORECASE):
        raise ValueError("write the condition only, without the word WHERE")
    _check_whole(bare)
    if ";" in bare:
        raise ValueError("a condition has no semicolon")
    if not bare.strip() and not condition.startswith(("'", '"', "`")):
        raise ValueError("holds a comment only; leave the key out")
    return condition


def parse_select(value: object) -> str:
    """One SELECT (or WITH … SELECT), without its closing semicolon."""
    query = _without_tail(parse_text(value).lstrip())
    bare = _OPAQUE.sub(" ", query)
    if not re.match(r"[\s(]*(select|with)\b", bare, re.IGNORECASE):
        raise ValueError("expected one SELECT")
    _check_whole(bare)
    if ";" in bare:
        raise ValueError("expected one SELECT, found a semicolon inside")
    return query


def _without_tail(query: str) -> str:
    """`query` without its closing semicolon, and without the comments before and behind it."""
    # What looks like a comment may stand in a quoted text, so those are masked with a letter.
    masked = _OPAQUE.sub(lambda one: (" " if one[0].startswith(("--", "/*")) else "x") * len(one[0]), query)
    return query[: len(masked.rstrip("; \t\r\n"))]


def _check_whole(bare: str) -> None:
    depth = 0
    for sign in re.findall(r"[()]", bare):
        depth += 1 if sign == "(" else -1
        if depth < 0:
            raise ValueError("a closing parenthesis too many")
    if depth:
        raise ValueError("a closing parenthesis is missing")
    if "'" in bare or '"' in bare:
        raise ValueError("a quote is not closed")
    if "/*" in bare:
        raise ValueError("a comment is not closed")

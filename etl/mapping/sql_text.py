"""SQL that a mapping carries: the condition of `where`, the statement of `query`.

The mapping is trusted like code, so this is no defence: it finds what would break inside a larger statement.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from etl.mapping.values import parse_text

# Matches everything in which semicolons and parentheses have no meaning: dollar-quoted texts, quoted names, comments;
# and quoted texts, which databases read in different ways.
_COMMON = r"""`[^`]*`|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$|--[^\n]*|/\*.*?\*/"""
_QUOTED = r"""'(?:[^']|'')*'|"(?:[^"]|"")*\""""
# MySQL's texts, and PostgreSQL's behind an E.
_ESCAPED = r"""'(?:[^'\\]|''|\\.)*'|"(?:[^"\\]|""|\\.)*\""""
# MySQL's comments; elsewhere the sign is an operator.
_HASH = r"\#[^\n]*"
_READINGS = tuple(
    re.compile("|".join(parts), re.DOTALL)
    for parts in ((_QUOTED, _COMMON), (_ESCAPED, _COMMON), (_ESCAPED, _COMMON, _HASH))
)


def parse_condition(value: object) -> str:
    """A condition that can stand between parentheses after WHERE."""
    return _in_some_reading(parse_text(value).strip(), _condition)


def parse_select(value: object) -> str:
    """One SELECT (or WITH … SELECT), without its closing semicolon."""
    return _in_some_reading(parse_text(value).lstrip(), _select)


def _in_some_reading(sql: str, parse: Callable[[str, re.Pattern[str]], str]) -> str:
    """The result of `parse` for the first way of reading quotes that it accepts: the database is unknown here."""
    refused: ValueError | None = None
    for opaque in _READINGS:
        try:
            return parse(sql, opaque)
        except ValueError as error:
            refused = refused or error
    assert refused is not None
    raise refused


def _condition(condition: str, opaque: re.Pattern[str]) -> str:
    bare = opaque.sub(" ", condition)
    if re.match(r"\s*where\b", bare, re.IGNORECASE):
        raise ValueError("write the condition only, without the word WHERE")
    _check_whole(bare)
    if ";" in bare:
        raise ValueError("a condition has no semicolon")
    if not bare.strip() and not condition.startswith(("'", '"', "`")):
        raise ValueError("holds a comment only; leave the key out")
    return condition


def _select(sql: str, opaque: re.Pattern[str]) -> str:
    query = _without_tail(sql, opaque)
    bare = opaque.sub(" ", query)
    if not re.match(r"[\s(]*(select|with)\b", bare, re.IGNORECASE):
        raise ValueError("expected one SELECT")
    _check_whole(bare)
    if ";" in bare:
        raise ValueError("expected one SELECT, found a semicolon inside")
    return query


def _without_tail(query: str, opaque: re.Pattern[str]) -> str:
    """`query` without its closing semicolon, and without the comments before and behind it."""
    # Quoted texts may contain something like a comment, so they are masked with a letter.
    masked = opaque.sub(lambda one: (" " if one[0].startswith(("--", "/*", "#")) else "x") * len(one[0]), query)
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

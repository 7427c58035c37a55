"""The lines of a draft: keys with comments beside them, words wrapped, blocks of SQL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from etl.drafting.quoting import as_sql
from etl.exact import printable

_COMMENT_COLUMN = 50
_WIDEST = 118


def line(key: str, value: str, reason: str = "") -> str:
    """`key: value`, with the reason as a comment."""
    text = f"{key}: {value}"
    return f"{text:<{_COMMENT_COLUMN - 2}}  # {comment(reason)}" if reason else text


def wrapped(text: str, indent: str) -> Iterator[str]:
    """`text` as lines that begin with `indent`, none wider than a screen where its words allow that."""
    found = indent
    for word in comment(text).split():
        if len(found) + len(word) >= _WIDEST and found != indent:
            yield found.rstrip()
            found = indent + "  "
        found += f"{word} "
    yield found.rstrip()


def block(key: str, text: str, indent: str) -> Iterator[str]:
    """`text` of several lines as a YAML block that is read back as it is, also after variables were filled."""
    yield f"{indent}{key}: |-"
    yield from (f"{indent}  {one}" for one in as_sql(text).splitlines())


def comment(text: str) -> str:
    """Fit for a comment: one line, nothing that drives a terminal."""
    return " ".join(printable(text).split())


def remark_lines(remarks: Iterable[str]) -> list[str]:
    """Remarks as lines for a terminal."""
    return [f"! {comment(one)}" for one in remarks]

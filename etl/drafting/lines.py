"""The lines of a draft: keys with comments beside them, words wrapped, blocks of SQL, and YAML scalars.

The rule: every name and text is read back unchanged, even after variables are filled in.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence

from etl.exact import printable

_COMMENT_COLUMN = 50
_WIDEST = 118
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)?", re.ASCII)
# Words that some YAML reader does not take for text.
_NOT_PLAIN = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


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
    """`text` for a comment: one line, without characters that control a terminal."""
    return " ".join(printable(text).split())


def remark_lines(remarks: Iterable[str]) -> list[str]:
    """Remarks as lines for a terminal."""
    return [f"! {comment(one)}" for one in remarks]


def quoted(text: str) -> str:
    """`text` as a YAML scalar that is read back as this text, also in braces and after variables were filled."""
    if _PLAIN.fullmatch(text) and text.lower() not in _NOT_PLAIN:
        return text
    return json.dumps(text.replace("$", "$$"), ensure_ascii=not text.isprintable())


def as_sql(text: str) -> str:
    """SQL as `query` and `where` hold it: two dollars stay there, since PostgreSQL quotes with them."""
    return text.replace("${", "$${")


def quoted_sql(text: str) -> str:
    """The condition `text` as a YAML scalar that is read back as this text."""
    return json.dumps(as_sql(text), ensure_ascii=not text.isprintable())


def listed(names: Sequence[str]) -> str:
    """One name, or several as a YAML list."""
    return quoted(names[0]) if len(names) == 1 else f"[{', '.join(map(quoted, names))}]"

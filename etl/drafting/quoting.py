"""Names and texts as YAML scalars that are read back as they are."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)?", re.ASCII)
# Words that some reader of YAML takes for something else than text.
_NOT_PLAIN = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


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

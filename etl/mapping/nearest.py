"""The nearest right name for a wrong one, as the tail of a message."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The name in `known` that `name` most likely meant, whatever its case; None when nothing is near."""
    by_folded: dict[str, str] = {}
    for one in known:
        by_folded.setdefault(_folded(one), one)
    found = difflib.get_close_matches(_folded(name[:100]), by_folded, n=1, cutoff=0.6)
    return by_folded[found[0]] if found else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`; did you mean "…"?`, or the whole list when no name is near and it is short, or else nothing."""
    names = tuple(known)
    if found := nearest(name, names):
        return f'; did you mean "{found}"?'
    return f"; known: {', '.join(names)}" if 0 < len(names) <= 20 else ""


def _folded(name: str) -> str:
    return name.casefold().replace("_", "").replace("-", "").replace(" ", "")

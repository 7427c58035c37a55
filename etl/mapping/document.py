"""A mapping file as plain data that knows the line and column of everything, and the problems found in it.

Reading, variables, checks and the model report a `Finding` by its path; this module turns paths into line and column.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

# The keys and indexes that lead to a value, from the top of the file.
Path = tuple[str | int, ...]

_LONGEST_LINE = 400
_MOST_LINES = 200


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Line and column in the file, both from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem or a warning. `at_key`: the place is that of the key, not of its value. `place` overrides both."""

    path: Path
    words: str
    at_key: bool = False
    place: Place | None = None


@dataclass(slots=True)
class Document:
    """The data of a file: dicts with text keys, lists, str, int, float, Decimal, bool, None.

    `keys` and `values` tell where each path's key and value begin; `findings` are what was wrong with the YAML itself.
    """

    data: Any
    values: dict[Path, Place] = field(default_factory=dict)
    keys: dict[Path, Place] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def place(self, finding: Finding) -> Place:
        """Where `finding` is; for a path that the file does not have, where its nearest ancestor's key is."""
        if finding.place is not None:
            return finding.place
        path = finding.path
        if path in self.values or path in self.keys:
            first, second = (self.keys, self.values) if finding.at_key else (self.values, self.keys)
            return first.get(path) or second[path]
        while path:
            path = path[:-1]
            if found := self.keys.get(path) or self.values.get(path):
                return found
        return Place(1, 1)


def lines(document: Document, findings: Iterable[Finding], *, file: str) -> tuple[str, ...]:
    """`file:line:column  path: words`, one line a finding, in the file's order; at most one for each path."""
    placed = placed_words(document, findings)
    return tuple(f"{_printable(file)}:{place.line}:{place.column}  {words}" for place, words in placed)


def placed_words(document: Document, findings: Iterable[Finding]) -> list[tuple[Place, str]]:
    """The same as values: where each is, and `path: words`."""
    by_path: dict[tuple[Path, str], Finding] = {}
    for one in findings:
        by_path.setdefault((one.path, "" if one.path else one.words), one)
    placed = sorted(((document.place(one), at, one) for at, one in enumerate(by_path.values())), key=lambda p: p[:2])
    told = [(place, _printable(_line(one))) for place, _, one in placed]
    if len(told) > _MOST_LINES:
        rest = len(told) - _MOST_LINES
        told[_MOST_LINES:] = [(Place(1, 1), f"and {rest} more problems")]
    return told


def path_text(path: Path) -> str:
    """`fields.email.transform[0]`; "" for the whole file."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{_short(part)}" for part in path)
    return text.removeprefix(".")


def listed(path: Path, names: tuple[str, ...]) -> list[tuple[Path, str]]:
    """Each of `names`, which stand at `path`, with the path of its own; one alone may be written without a list."""
    return [(path, names[0])] if len(names) == 1 else [((*path, at), name) for at, name in enumerate(names)]


def _line(finding: Finding) -> str:
    words = f"{path_text(finding.path)}: {finding.words}" if finding.path else finding.words
    return words if len(words) <= _LONGEST_LINE else words[: _LONGEST_LINE - 1] + "…"


def _short(part: str) -> str:
    return part if len(part) <= 60 else part[:59] + "…"


def _printable(text: str) -> str:
    """Invisible characters escaped, control and bidirectional ones too, so that no file drives a terminal (F15)."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text)

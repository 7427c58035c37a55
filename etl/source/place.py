"""Finds the place in the mapping file for errors that only the database could find.

Each line is `file:line:column  path: words`; `path: words` for a plan without a file, or when it cannot be read now.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from etl.source.plan import ReadPlan

if TYPE_CHECKING:
    from etl.mapping.document import Document, Path, Place


def at_key(plan: ReadPlan, path: Path, words: str) -> str:
    """The line for `path`, also if the file leaves that key to its default."""
    return _lines(plan, [(path, words)])[0]


def at_keys(plan: ReadPlan, found: Iterable[tuple[Path, str]]) -> list[str]:
    """A line for each, with the path as written: without `column` for a field in the short form."""
    _, document = _read(plan)
    return _lines(plan, [(path if document is None else _written(document, path), words) for path, words in found])


def at_offset(plan: ReadPlan, path: Path, words: str, *, text: str, offset: int) -> str:
    """The line for the character at `offset` of `text`, the value written at `path`."""
    content, document = _read(plan)
    begins = None if document is None else document.values.get(path)
    place = None if begins is None else _place_in(content, begins, text, offset)
    return _lines(plan, [(path, words)], place=place)[0]


def _lines(plan: ReadPlan, found: Iterable[tuple[Path, str]], *, place: Place | None = None) -> list[str]:
    # Imported only when there is an error, so that a run does not load the parser.
    from etl.mapping.document import Finding, lines, path_text  # noqa: PLC0415

    _, document = _read(plan)
    if document is None:
        return [f"{path_text(path)}: {words}" for path, words in found]
    file = str(plan.mapping_path)
    return [lines(document, [Finding(path, words, place=place)], file=file)[0] for path, words in found]


def _read(plan: ReadPlan) -> tuple[str, Document | None]:
    from etl.mapping.yaml_reader import read_yaml  # noqa: PLC0415

    if plan.mapping_path is None:
        return "", None
    try:
        content = plan.mapping_path.read_bytes()
    except OSError:
        return "", None
    return content.decode("utf-8-sig", "replace"), read_yaml(content)


def _written(document: Document, path: Path) -> Path:
    while path and path not in document.values:
        path = path[:-1]
    return path


def _place_in(content: str, begins: Place, text: str, offset: int) -> Place | None:
    """The place of the character at `offset` of `text`; None if the file spells its lines in another way."""
    from etl.mapping.document import Place  # noqa: PLC0415

    lines, line = content.split("\n"), begins.line - 1
    before = text[:offset].split("\n")
    if "\n" not in text:
        column = lines[line].find(text)
        return Place(line + 1, column + offset + 1) if column >= 0 else None
    for one in filter(str.strip, text.split("\n")[: len(before)]):
        line = next((at for at in range(line + 1, len(lines)) if lines[at].strip() == one.strip()), -1)
        if line < 0:
            return None
    indented = len(lines[line]) - len(lines[line].lstrip())
    last = text.split("\n")[len(before) - 1]
    return Place(line + 1, indented + len(before[-1]) - (len(last) - len(last.lstrip())) + 1)

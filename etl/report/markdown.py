"""A report as Markdown, for a pull request or the summary of a job.

The rule: what stands in data and files is code, in which no renderer sees links, mentions or markup; words have every
character that could be markup written as an entity.
"""

from __future__ import annotations

import re

from etl.exact import printable
from etl.report.document import Block, Cell, Chapter, Header, ReportDocument, Table, Todo

_MARKUP = re.compile(r"[\\`*_{}\[\]<>#+!|~&@$=]")
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9 \u0080-\U0010ffff]")
_BARS = 20


def render_markdown(document: ReportDocument) -> str:
    """The text, with a line break at its end."""
    lines = [f"# {_words(document.title)}", ""]
    lines += [f"* {_words(name)}: {_code(what)}" for name, what in document.facts]
    for part in document.parts:
        mark = "✅" if part.tone == "good" else "⚠️"
        lines += ["", f"## {_words(part.title)}", "", f"{mark} **{_words(part.verdict)}**"]
        for section in part.sections:
            lines += _section(section)
    return "\n".join([*lines, "", _words(document.foot)]) + "\n"


def _section(section: Chapter) -> list[str]:
    lines = ["", f"### {_words(section.title)}"]
    for block in section.blocks:
        lines += ["", *_block(block)]
    return lines


def _block(block: Block) -> list[str]:
    match block:
        case str():
            return [_words(block)]
        case Todo():
            return [f"1. {_words(text)}{f': {_code(command)}' if command else ''}" for text, command in block.steps]
        case Table():
            rules = " | ".join("--:" if one.kind == "compared" else "---" for one in block.columns)
            return [
                f"| {' | '.join(_words(one.name) for one in block.columns)} |",
                f"| {rules} |",
                *(f"| {' | '.join(_row(block, row))} |" for row in block.rows),
            ]


def _row(table: Table, row: tuple[Cell, ...]) -> list[str]:
    return [
        _cell(column, cell, highest=table.highest if column.kind == "compared" else 0)
        for column, cell in zip(table.columns, row, strict=True)
    ]


def _cell(column: Header, cell: Cell, *, highest: int) -> str:
    match cell:
        case int():
            bar = "█" * max(round(cell / highest * _BARS), 1) if highest and cell else ""
            return f"{bar} {cell:,}".strip()
        case str() if column.kind == "code":
            return _code(cell)
        case str():
            return _words(cell)
        case tuple():
            return "<br>".join(map(_code, cell))


def _code(text: str) -> str:
    text = printable(text)
    if not text.strip():
        return ""
    if "`" not in text and "|" not in text:
        return f"`{text}`"
    # Neither can stand in a table's code between backticks; an entity is never markup.
    return f"<code>{_NOT_PLAIN.sub(_entity, text)}</code>"


def _words(text: str) -> str:
    # What stands between backticks is code here too; the pieces between two pairs are words.
    pieces = re.split("`([^`]*)`", printable(text))
    return "".join(_code(piece) if at % 2 else _MARKUP.sub(_entity, piece) for at, piece in enumerate(pieces))


def _entity(found: re.Match[str]) -> str:
    return f"&#{ord(found[0])};"

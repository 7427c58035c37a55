"""A report as one HTML page: no script, nothing from elsewhere, and a policy that allows its own style only.

The rule: every text passes `html.escape`, also in attributes, and control characters are written as escapes.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from html import escape
from importlib.resources import files
from itertools import count

from etl.exact import printable
from etl.report.document import Block, Cell, Chapter, Header, Part, ReportDocument, Table, Todo

_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header>
<h1>{title}</h1>
<dl class="facts">
{facts}
</dl>
{contents}</header>
<main id="main" tabindex="-1">
{parts}
</main>
<footer><p>{foot}</p></footer>
</body>
</html>
"""  # noqa: E501 - a line break would be a part of the policy


def render_page(document: ReportDocument) -> str:
    """The page."""
    style = files("etl.report").joinpath("page.css").read_text(encoding="utf-8")
    contents = ""
    if len(document.parts) > 1:
        links = "".join(f'<li><a href="#m{at}">{_text(part.title)}</a></li>' for at, part in enumerate(document.parts))
        contents = f'<nav aria-label="Mappings"><ul>{links}</ul></nav>\n'
    return _PAGE.format(
        digest=b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        style=style,
        title=_text(document.title),
        facts="\n".join(f"<div><dt>{_text(name)}</dt><dd>{_text(what)}</dd></div>" for name, what in document.facts),
        contents=contents,
        parts="\n".join(_part(at, part) for at, part in enumerate(document.parts)),
        foot=_text(document.foot),
    )


def _part(at: int, part: Part) -> str:
    sections = "\n".join(_section(f"m{at}-{inner}", section) for inner, section in enumerate(part.sections))
    return (
        f'<article aria-labelledby="m{at}">\n<h2 id="m{at}">{_text(part.title)}</h2>\n'
        f'<p class="verdict {part.tone}">{_words(part.verdict)}</p>\n{sections}\n</article>'
    )


def _section(name: str, section: Chapter) -> str:
    numbers = count()
    blocks = "\n".join(_block(block, f"{name}-{next(numbers)}", title=section.title) for block in section.blocks)
    return f'<section aria-labelledby="{name}">\n<h3 id="{name}">{_text(section.title)}</h3>\n{blocks}\n</section>'


def _block(block: Block, name: str, *, title: str) -> str:
    match block:
        case str():
            return f"<p>{_words(block)}</p>"
        case Todo():
            return f'<ol class="todo">{"".join(_step(text, command) for text, command in block.steps)}</ol>'
        case Table():
            return _table(block, name, title=title)


def _step(text: str, command: str) -> str:
    shown = f"<pre><code>{_text(command)}</code></pre>" if command else ""
    return f"<li>{_words(text)}{shown}</li>"


def _table(table: Table, name: str, *, title: str) -> str:
    # The roles stay where a narrow screen makes blocks of the cells, which would take them away.
    heads = "".join(
        f'<th role="columnheader" scope="col"{_class(column)}>{_text(column.name)}</th>' for column in table.columns
    )
    rows = "\n".join(_row(table, row) for row in table.rows)
    return (
        f'<table role="table" id="{name}" aria-label="{_text(title)}">\n'
        f'<thead role="rowgroup"><tr role="row">{heads}</tr></thead>\n'
        f'<tbody role="rowgroup">\n{rows}\n</tbody>\n</table>'
    )


def _row(table: Table, row: tuple[Cell, ...]) -> str:
    cells: list[str] = []
    for at, (column, cell) in enumerate(zip(table.columns, row, strict=True)):
        content = _cell(column, cell, highest=table.highest if column.kind == "compared" else 0)
        if at == 0:
            cells.append(f'<th role="rowheader" scope="row"{_class(column)}>{content}</th>')
        else:
            cells.append(f'<td role="cell" data-label="{_text(column.name)}"{_class(column)}>{content}</td>')
    return f'<tr role="row">{"".join(cells)}</tr>'


def _class(column: Header) -> str:
    return "" if column.kind == "words" else f' class="{column.kind}"'


def _cell(column: Header, cell: Cell, *, highest: int) -> str:
    match cell:
        case int():
            return f"{cell:,}{_bar(cell, highest) if highest else ''}"
        case str() if column.kind == "code":
            return f"<code>{_text(cell)}</code>" if cell else ""
        case str():
            return _words(cell)
        case tuple():
            return "<br>".join(f"<code>{_text(one)}</code>" for one in cell)


def _bar(number: int, highest: int) -> str:
    # One of many is to be seen too.
    width = max(number / highest * 100, 0.8) if number else 0
    return (
        '<svg class="bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true" focusable="false">'
        f'<rect class="ground" width="100" height="6"/><rect width="{width:.1f}" height="6"/></svg>'
    )


def _words(text: str) -> str:
    # What stands between backticks is code; it is escaped like the rest.
    return re.sub("`([^`]*)`", r"<code>\1</code>", _text(text))


def _text(text: str) -> str:
    return escape(printable(text))

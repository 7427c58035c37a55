"""A report shows what a value holds and never becomes it: no markup, link, mention or column of a table."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from etl.report.document import Chapter, Header, Part, ReportDocument, Table, Todo
from etl.report.markdown import render_markdown
from etl.report.page import render_page

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "a | b || c",
    "`code` ``more`` `",
    "|`--`|",
    "[click](https://evil.example) @everyone #1",
    "line\nbreak\r\n# Heading",
    "\u202eright to left\x1b[31m",
    "\\| \\`",
    "&amp; &#60;b&#62;",
)
ELEMENTS = set(
    re.findall(
        r"\w+",
        "html head meta title style body a header h1 dl div dt dd main article h2 p section h3 ol li pre code table "
        "thead tbody tr th td br svg rect footer nav ul",
    )
)


def document(text: str) -> ReportDocument:
    columns = (Header("Field", "code"), Header(text), Header("Rows", "compared"), Header("Examples", "code"))
    table = Table(columns, ((text, text, 3, (text, text)), ("other", "", 0, ())))
    section = Chapter(text, (table, text, Todo(((text, text), (text, "")))))
    return ReportDocument(
        text, ((text, text),), (Part(text, text, "bad", (section,)), Part("b", "c", "good", ())), text
    )


class Elements(HTMLParser):
    """The elements and attributes of a page, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)
        self.attributes.update(name for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("text", HOSTILE)
def test_a_page_has_our_elements_only(text: str) -> None:
    page = Elements(render_page(document(text)))
    assert page.found <= ELEMENTS
    assert not {name for name in page.attributes if name.startswith("on") or name in ("src", "style")}
    shown = text.replace("\n", "\\n").replace("\r", "\\r").replace("\u202e", "\\u202e").replace("\x1b", "\\x1b")
    assert shown in page.text
    assert not re.search(r"[\u202e\x1b]", page.text)


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_keeps_its_rows_and_columns(text: str) -> None:
    written = render_markdown(document(text))
    rows = [line for line in written.splitlines() if line.startswith("|")]
    assert [line.count("|") for line in rows] == [5, 5, 5, 5], "four columns, whatever a cell holds"
    outside = re.sub(r"`[^`\n]*`|<br>|</?code>", "", written)
    assert not re.search(r"[<\[\]`@]", outside)
    assert [line for line in written.splitlines() if line.startswith("#")][1:] != ["# Heading"]
    assert "\n# Heading" not in written


def test_the_page_asks_for_nothing_and_its_policy_names_its_own_style() -> None:
    page = render_page(document("plain"))
    assert "http:" not in page
    assert "https:" not in page
    assert "default-src 'none'; style-src 'sha256-" in page
    assert "<script" not in page

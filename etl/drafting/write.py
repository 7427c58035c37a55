"""Writes a draft as a mapping file with comments.

The rule: what is written can be used as it stands, and no comment holds a value of a row. Names of tables and columns
are quoted where YAML or a variable could read them otherwise.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence

from etl.drafting.draft import Draft, DraftField, DraftProducts
from etl.drafting.facts import TableFacts
from etl.drafting.names import CREATED_NAMES, DELETED_NAMES, STATUS_NAMES, rank, slug
from etl.exact import printable

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
# Words that some reader of YAML takes for something else than text.
_NOT_PLAIN = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_COMMENT_COLUMN = 50
_WIDEST = 118


def write_mapping(facts: TableFacts, draft: Draft, *, url: str, url_reason: str) -> str:
    """The text of the mapping file. `url` is what is to stand as `source.url`, with variables as they are written."""
    lines = [
        "# yaml-language-server: $schema=./mapping.schema.json",
        "#",
        f"# {_comment(facts.name)}: drafted from its structure and {facts.rows} of its rows. Read it before use:",
        "#   squeezely-etl validate FILE --connect     is everything there?",
        "#   squeezely-etl preview FILE                what would be sent?",
        *_remarks(draft.remarks),
        "version: 1",
        _line("name", mapping_name(facts.name), "names the checkpoint; do not change it once it runs"),
        "",
        *_source(facts, draft, url=url, url_reason=url_reason),
        "",
        _line("event", draft.event, draft.event_reason),
        "",
        "fields:",
        *(_field(one, "  ") for one in draft.fields),
    ]
    if draft.customs:
        lines += ["", "  # Custom fields: create them in the account first, under the same names."]
        lines += [_field(one, "  # ") for one in draft.customs]
    lines += ["", *_products(draft)]
    if any(one.name == "timestamp" for one in draft.fields):
        lines += ["# An event goes out again when anything but these changed.", "resend_ignores: [timestamp]", ""]
    lines += [
        "# The account and its key are read from SQUEEZELY_ACCOUNT and SQUEEZELY_API_KEY.",
        "# destination:",
        "#   rate_limit: {requests_per_second: 10, events_per_second: 1000}     # what the account allows",
    ]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def mapping_name(table: str) -> str:
    """A mapping's name for `table`."""
    return slug(table.rpartition(".")[2])[:64] or "table"


def quoted(text: str) -> str:
    """`text` as a YAML scalar that is read back as this text, also in braces and after variables were filled."""
    if _PLAIN.fullmatch(text) and text.lower() not in _NOT_PLAIN:
        return text
    return json.dumps(text.replace("$", "$$"), ensure_ascii=not text.isprintable())


def _source(facts: TableFacts, draft: Draft, *, url: str, url_reason: str) -> Iterator[str]:
    yield "source:"
    yield _line("  url", url, url_reason)
    yield _line("  table", quoted(facts.name))
    if not facts.key.sure:
        yield from _wrapped(f"! {facts.key.reason}", "  # ")
        yield _line("  primary_key", _listed(facts.key.columns))
    else:
        yield _line("  primary_key", _listed(facts.key.columns), facts.key.reason)
    yield from _cursor(facts)
    if draft.needs_zone:
        yield _line("  timezone", "UTC", "CHECK: the zone of the times that have none; perhaps Europe/Amsterdam")
    for one in facts.columns:
        if rank(one.name, DELETED_NAMES) is not None and (one.kind or "").startswith("date"):
            yield f"  # where: {_comment(one.name)} IS NULL    # leaves out rows that count as deleted"
    if draft.event == "Purchase" and any(rank(one.name, STATUS_NAMES) is not None for one in facts.columns):
        yield "  # where: …    # perhaps only orders of a certain status, such as paid"


def _cursor(facts: TableFacts) -> Iterator[str]:
    cursor = facts.cursor
    if cursor is None:
        words = (
            "no cursor_field: no column was found that changes with every write, so every run reads all rows; only "
            "what changed is sent"
        )
        yield from _wrapped(words, "  # ")
        for one in facts.columns:
            if rank(one.name, CREATED_NAMES) is not None:
                yield f"  # cursor_field: {_comment(quoted(one.name))}     # only if rows never change once written"
                break
        return
    if not cursor.indexed:
        words = f"! not indexed: each page reads the whole table. CREATE INDEX … ON {facts.name} ({cursor.column}, …)"
        yield from _wrapped(words, "  # ")
    if cursor.without:
        words = f"! {cursor.without} rows have no {cursor.column}: no run reads them. Fill the column, then remove skip"
        yield from _wrapped(words, "  # ")
    yield _line("  cursor_field", quoted(cursor.column), "by its name: set at every insert and update?")
    if cursor.without:
        yield _line("  on_null_cursor", "skip")


def _products(draft: Draft) -> Iterator[str]:
    if draft.products is not None:
        yield from _section(draft.products)
        yield ""
    elif draft.event == "Purchase":
        yield "# The products of a purchase are rows of another table:"
        yield "# products:"
        yield "#   table: order_lines"
        yield "#   match: {order_id: id}             # whose order_id is this row's id"
        yield "#   fields: {id: sku, name: title, price: unit_price, quantity: quantity}"
        yield ""


def _section(products: DraftProducts) -> Iterator[str]:
    yield "products:"
    yield _line("  table", quoted(products.table), "its foreign key refers to this table")
    pairs = ", ".join(f"{quoted(child)}: {quoted(parent)}" for child, parent in products.match)
    yield _line("  match", f"{{{pairs}}}")
    if products.order:
        yield _line("  order_by", _listed(products.order))
    yield "  fields:"
    for one in products.fields:
        yield _field(one, "    ")


def _field(field: DraftField, indent: str) -> str:
    value = quoted(field.column)
    if field.options:
        options = "".join(f", {name}: {option}" for name, option in field.options)
        value = f"{{column: {value}{options}}}"
    return _line(f"{indent}{field.name}", value, field.reason)


def _remarks(remarks: Sequence[str]) -> Iterator[str]:
    for one in remarks:
        yield "#"
        yield from _wrapped(f"! {one}.", "# ")


def _listed(names: Sequence[str]) -> str:
    return quoted(names[0]) if len(names) == 1 else f"[{', '.join(map(quoted, names))}]"


def _line(key: str, value: str, reason: str = "") -> str:
    text = f"{key}: {value}"
    return f"{text:<{_COMMENT_COLUMN - 2}}  # {_comment(reason)}" if reason else text


def _wrapped(text: str, indent: str) -> Iterator[str]:
    line = indent
    for word in _comment(text).split():
        if len(line) + len(word) >= _WIDEST and line != indent:
            yield line.rstrip()
            line = indent + "  "
        line += f"{word} "
    yield line.rstrip()


def _comment(text: str) -> str:
    """Fit for a comment: one line, nothing that drives a terminal."""
    return " ".join(printable(text).split())


def remark_lines(remarks: Iterable[str]) -> list[str]:
    """Remarks as lines for a terminal."""
    return [f"! {_comment(one)}" for one in remarks]

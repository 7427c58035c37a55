"""Writes a draft as a mapping file with comments.

The rule: what is written can be used as it stands, or is refused by `validate`; and no comment holds a value of a row.
Names of tables and columns are quoted where YAML or a variable could read them otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from etl.drafting.dictionary import CREATED_NAMES, DELETED_NAMES, STATUS_NAMES
from etl.drafting.draft import Draft, DraftField, DraftProducts
from etl.drafting.facts import SampledColumn, TableFacts
from etl.drafting.lines import block, comment, line, listed, quoted, quoted_sql, wrapped
from etl.drafting.names import rank, slug

DESTINATION = (
    "destination:",
    "  url: ${SQUEEZELY_URL:-https://api.squeezely.tech}",
    "  account: ${SQUEEZELY_ACCOUNT}",
    "  api_key: ${SQUEEZELY_API_KEY}",
    "  # rate_limit: {requests_per_second: 10, events_per_second: 1000}     # what the account allows",
)


def write_mapping(facts: TableFacts, draft: Draft, *, url: str, url_reason: str, look: str) -> str:
    """The text of the mapping file.

    `url` is what is to stand as `source.url`, with variables as they are written; `look` is the command that shows what
    the draft would send.
    """
    subject = "a query" if facts.is_own_query else comment(facts.name)
    lines = [
        "# yaml-language-server: $schema=./mapping.schema.json",
        "#",
        f"# {subject}: drafted from its structure and {facts.rows} of its rows. Read it before use.",
        *_remarks(draft.remarks),
        "#",
        "# What would be sent:",
        f"#   {look}",
        "version: 1",
        line("name", mapping_name(facts.name), "names the checkpoint; do not change it once it runs"),
        "",
        *source_lines(facts, draft, url=url, url_reason=url_reason),
        "",
        line("event", draft.event, draft.event_reason),
        "",
        "fields:",
        *([_field(draft.stand_in, "  # ")] if draft.stand_in is not None else []),
        *(_field(one, "  ") for one in draft.fields),
    ]
    if draft.customs:
        lines += ["", "  # Custom fields: create them in the account first, under the same names."]
        lines += [_field(one, "  # ") for one in draft.customs]
    if draft.secrets:
        columns = "1 more column looks" if draft.secrets == 1 else f"{draft.secrets} more columns look"
        lines += ["", f"  # {columns} like what gives access or is private, and should not leave the database."]
    lines += ["", *_products(draft)]
    if any(one.name == "timestamp" for one in draft.fields):
        lines += ["# An event goes out again when anything but these changed.", "resend_ignores: [timestamp]", ""]
    lines += [line("guards", "{max_times_usual: 10}", "a run that is this unusual stops, and sends nothing"), ""]
    lines += DESTINATION
    return "\n".join(one.rstrip() for one in lines) + "\n"


def mapping_name(table: str) -> str:
    """A mapping's name for `table`."""
    return slug(table.rpartition(".")[2])[:64].strip("_") or "table"


def _products(draft: Draft) -> Iterator[str]:
    if draft.products is not None:
        yield from _section(draft.products)
        yield ""
    elif draft.event == "Purchase":
        yield from wrapped(
            "! The products of a purchase were not found. Without them this file is refused. Perhaps:", "# "
        )
        yield "products:"
        yield "  # table: order_lines                # rows of another table …"
        yield "  # match: {order_id: id}             # … whose order_id is this row's id"
        yield "  # or `column:` with a JSON list, or neither: one product of this row's own columns"
        yield "  fields: {}                          # {id: sku, name: title, price: unit_price, quantity: quantity}"
        yield ""


def _section(products: DraftProducts) -> Iterator[str]:
    if products.reason and products.table is None and products.json_column is None:
        yield from wrapped(f"{products.reason[:1].upper()}{products.reason[1:]}:", "# ")
    yield "products:"
    if products.query is not None:
        yield from block("query", products.query, "  ")
    elif products.table is not None:
        yield line("  table", quoted(products.table), products.reason)
    elif products.json_column is not None:
        yield line("  column", quoted(products.json_column), products.reason)
    if products.match:
        pairs = ", ".join(f"{quoted(child)}: {quoted(parent)}" for child, parent in products.match)
        yield line("  match", f"{{{pairs}}}")
    if products.order:
        yield line("  order_by", listed(products.order))
    yield from (f"  # {comment(one)}" for one in products.remarks)
    yield "  fields:"
    for one in products.fields:
        yield _field(one, "    ")


def _field(field: DraftField, indent: str) -> str:
    options = ", ".join(f"{name}: {option}" for name, option in field.options)
    if field.column is None:
        value = f"{{{options}}}"
    elif field.further:
        columns = listed((field.column, *field.further))
        value = f"{{column: {columns}{f', {options}' if options else ''}}}"
    else:
        value = f"{{column: {quoted(field.column)}, {options}}}" if options else quoted(field.column)
    return line(f"{indent}{field.name}", value, field.reason)


def _remarks(remarks: Sequence[str]) -> Iterator[str]:
    for one in remarks:
        yield "#"
        yield from wrapped(f"! {one}.", "# ")


def source_lines(facts: TableFacts, draft: Draft, *, url: str, url_reason: str) -> Iterator[str]:
    """The lines of the section, comments included."""
    yield "source:"
    yield line("  url", url, url_reason)
    if facts.query is None:
        yield line("  table", quoted(facts.name))
    else:
        if not facts.is_own_query:
            yield from wrapped(
                "a join, because what the event needs stands in several tables; a LEFT JOIN loses no row", "  # "
            )
        yield from block("query", facts.query, "  ")
    if not facts.key.sure:
        yield from wrapped(f"! {facts.key.reason}", "  # ")
        yield line("  primary_key", listed(facts.key.columns))
    else:
        yield line("  primary_key", listed(facts.key.columns), facts.key.reason)
    yield from _cursor(facts)
    yield from _where(facts, draft)
    if draft.needs_zone:
        yield line("  timezone", "UTC", "CHECK: the zone of the times that have none; perhaps Europe/Amsterdam")


def _where(facts: TableFacts, draft: Draft) -> Iterator[str]:
    if draft.where is not None:
        condition, why = draft.where
        yield from wrapped(f"! {why}", "  # ")
        yield line("  where", quoted_sql(condition))
    for one in facts.columns:
        if rank(one.known_as, DELETED_NAMES) is not None and (alive := _alive(one)):
            yield f"  # where: {comment(alive)}    # leaves out rows that count as deleted"
    states = [one for one in facts.columns if rank(one.known_as, STATUS_NAMES) is not None]
    if draft.event == "Purchase" and states:
        names = ", ".join(comment(one.name) for one in states[:3])
        yield f"  # where: …    # perhaps only orders of a certain state, such as paid; see {names}"


def _alive(column: SampledColumn) -> str:
    """The condition that a row is not marked as deleted; "" where the column's kind says nothing of it."""
    if (column.kind or "").startswith("date"):
        return f"{column.in_sql} IS NULL"
    flags = all(value in (0, 1) for value in column.values)
    return (
        {"boolean": f"NOT {column.in_sql}", "integer": f"{column.in_sql} = 0"}.get(column.kind or "", "")
        if flags
        else ""
    )


def _cursor(facts: TableFacts) -> Iterator[str]:
    cursor = facts.cursor
    if cursor is None:
        yield from wrapped(
            "no cursor_field: no column was found that changes with every write, so every run reads all rows; only "
            "what changed is sent",
            "  # ",
        )
        if facts.no_cursor:
            yield from wrapped(facts.no_cursor, "  #   ")
        for one in facts.columns:
            if rank(one.known_as, CREATED_NAMES) is not None:
                yield f"  # cursor_field: {comment(quoted(one.name))}     # only if rows never change once written"
                break
        return
    if not cursor.indexed:
        words = f"! not indexed: each run reads the whole table. CREATE INDEX … ON {facts.name} ({cursor.column}, …)"
        yield from wrapped(words, "  # ")
    yield line("  cursor_field", listed(cursor.columns), cursor.reason)
    if cursor.unit is not None:
        yield line("  cursor_unit", cursor.unit, "by its values")

"""The `source` section of a draft: what is read, by which key and cursor, and why."""

from __future__ import annotations

from collections.abc import Iterator

from etl.drafting.dictionary import CREATED_NAMES, DELETED_NAMES, STATUS_NAMES
from etl.drafting.draft import Draft
from etl.drafting.facts import SampledColumn, TableFacts
from etl.drafting.lines import block, comment, line, wrapped
from etl.drafting.names import rank
from etl.drafting.quoting import listed, quoted, quoted_sql


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

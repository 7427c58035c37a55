"""Finds the tables whose rows are the lines of an order, and joins the articles if they are in a third table."""

from __future__ import annotations

from collections.abc import Iterator

from etl.drafting.dictionary import FIELD_NAMES, LINE_OWNERS, ORDER_OWNERS, PRODUCT_NAMES, WEAK_ORDER_NUMBERS
from etl.drafting.facts import ChildFacts, SampledColumn, TableFacts
from etl.drafting.joined import BASE, table_name
from etl.drafting.links import Link, links_of, references_to
from etl.drafting.looks import fit
from etl.drafting.names import bare, column_prefix, rank, without_prefix
from etl.drafting.products import line_fields
from etl.drafting.reading import Reading
from etl.drafting.structure import Structure, TableShape

_MOST_TABLES = 60
# Names of an article's number that are never names of a table's key.
_CODES = tuple(one for one in PRODUCT_NAMES["id"] if not one.startswith("id") and not one.endswith("id"))
_ARTICLE = "article"


def children_of(structure: Structure, table: TableShape, facts: TableFacts, reading: Reading) -> Iterator[ChildFacts]:
    """Tables that refer to `table`, those that a foreign key declares first, then those called like its lines."""
    numbers = (*FIELD_NAMES["orderid"], *WEAK_ORDER_NUMBERS)
    others = [one.name for one in facts.columns if rank(one.known_as, numbers, owners=ORDER_OWNERS) is not None]
    found = [one for one in references_to(structure, table, others) if not one.table.is_view]
    found.sort(key=lambda one: (not one.declared, not _about_lines(one.table)))
    for link in found[:_MOST_TABLES]:
        yield _child(structure, link, facts, reading)


def _about_lines(table: TableShape) -> bool:
    words = ("line", "item", "detail", "product", "article", "artikel", "regel", "position", "posten", "inventory")
    return any(one in bare(table.name) for one in words)


def _child(structure: Structure, link: Link, facts: TableFacts, reading: Reading) -> ChildFacts:
    child = link.table
    columns = reading.columns(child)
    own = [one for one, _ in link.pairs]
    # A link back to the parent does not lead to an article.
    lines = tuple(one for one in columns if one.name not in own)
    found = line_fields(lines, facts.today)
    query: str | None = None
    further: tuple[SampledColumn, ...] = ()
    if "quantity" in found and not _is_code(columns, found["id"].column if "id" in found else None):
        query, further = _with_article(structure, child, reading)
    return ChildFacts(
        table=child.full,
        match=link.pairs,
        order=tuple(one for one in child.primary if one not in own and child.kinds.get(one) != "bytes"),
        columns=(*further, *lines),
        by_key=link.declared,
        query=query,
    )


def _is_code(columns: tuple[SampledColumn, ...], name: str | None) -> bool:
    column = next((one for one in columns if one.name == name), None)
    return column is not None and rank(column.known_as, _CODES, owners=LINE_OWNERS) is not None


def _with_article(
    structure: Structure, child: TableShape, reading: Reading
) -> tuple[str | None, tuple[SampledColumn, ...]]:
    """A SELECT of the lines with the article's number out of the table that they refer to; None when there is none."""
    quote = reading.dialect.identifier_preparer.quote
    for link in links_of(structure, child):
        prefix = column_prefix(list(link.table.kinds))
        ranked = sorted(
            (place, one)
            for one, kind in link.table.kinds.items()
            if kind in ("text", None)
            and (place := rank(without_prefix(one, prefix), (*_CODES, "code"), owners=LINE_OWNERS)) is not None
        )
        about = any(one in bare(link.table.name) for one in ("product", "variant", "article", "artikel", "item", "sku"))
        for _, one in ranked if about else ():
            column = reading.column(link.table, one)
            if column.values and fit(column, "text").whole:
                name = "sku" if "sku" not in {known.casefold() for known in child.kinds} else "article_sku"
                pairs = " AND ".join(
                    f"{_ARTICLE}.{quote(theirs)} = {BASE}.{quote(ours)}" for ours, theirs in link.pairs
                )
                text = (
                    f"SELECT {BASE}.*, {_ARTICLE}.{quote(one)} AS {name}\n"
                    f"FROM {table_name(child, dialect=reading.dialect)} AS {BASE}\n"
                    f"LEFT JOIN {table_name(link.table, dialect=reading.dialect)} AS {_ARTICLE} ON {pairs}"
                )
                return text, (SampledColumn(name, "text", column.values, plain="sku"),)
    return None, ()

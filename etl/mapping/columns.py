"""Which columns a mapping needs, so that nothing else is read from the database.

Key and cursor are not among them unless a field uses them too: the source reads those on its own account.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from etl.mapping.document import Path, listed
from etl.mapping.model import EventColumn, FieldRule, Mapping
from etl.mapping.template import template_columns


def columns_used(mapping: Mapping) -> tuple[str, ...]:
    """The row's columns that fields, products and the event's name use, each once, in the mapping's order.

    Includes the parent side of `match`; leaves out the primary key and the cursor.
    """
    cursor = mapping.source.cursor_field
    # Of several columns the row has their latest value only.
    own = {*mapping.source.primary_key, *(cursor if len(cursor) == 1 else ())}
    return tuple(name for name in _unique(name for _, name in columns_named(mapping)) if name not in own)


def child_columns_used(mapping: Mapping) -> tuple[str, ...]:
    """The columns of the products' table that their fields use, each once; () unless products have a table.

    `match` and `order_by` are not included unless a field uses them too.
    """
    return _unique(name for _, name in child_columns_named(mapping))


def rule_columns(rule: FieldRule) -> tuple[str, ...]:
    """The columns that `column` or `template` of a rule name; `parent` is not one of them."""
    if rule.columns:
        return rule.columns
    return () if rule.template is None else template_columns(rule.template)


def columns_named(mapping: Mapping) -> Iterator[tuple[Path, str]]:
    """The row's columns where fields, products and the event's name use them: path in the file and column."""
    if isinstance(mapping.event, EventColumn):
        yield from listed(("event", "column"), mapping.event.columns)
    for name, rule in mapping.fields.items():
        yield from _of_rule(("fields", name), rule)
    products = mapping.products
    if products is None:
        return
    yield from listed(("products", "column"), products.columns)
    yield from ((("products", "match", child), parent) for child, parent in products.match.items())
    for name, rule in products.fields.items():
        if rule.parent is not None:
            yield ("products", "fields", name, "parent"), rule.parent
        elif not products.has_rows and products.column is None:
            yield from _of_rule(("products", "fields", name), rule)


def child_columns_named(mapping: Mapping) -> Iterator[tuple[Path, str]]:
    """As `columns_named`, of the columns of the products' table."""
    products = mapping.products
    if products is not None and products.has_rows:
        for name, rule in products.fields.items():
            yield from _of_rule(("products", "fields", name), rule)


def _of_rule(path: Path, rule: FieldRule) -> Iterator[tuple[Path, str]]:
    if rule.columns:
        yield from listed((*path, "column"), rule.columns)
    else:
        yield from (((*path, "template"), name) for name in rule_columns(rule))


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))

"""Which columns a mapping needs, so that nothing else is read from the database.

Key and cursor are not among them unless a field uses them too: the source reads those on its own account.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from etl.mapping.model import EventColumn, FieldRule, Mapping
from etl.mapping.template import template_columns


def columns_used(mapping: Mapping) -> tuple[str, ...]:
    """The row's columns that fields, products and the event's name use, each once, in the mapping's order.

    Includes the parent side of `match`; leaves out the primary key and the cursor.
    """
    own = {*mapping.source.primary_key, mapping.source.cursor_field}
    return tuple(name for name in _unique(_parent_columns(mapping)) if name not in own)


def child_columns_used(mapping: Mapping) -> tuple[str, ...]:
    """The columns of the products' table that their fields use, each once; () unless products have a table.

    `match` and `order_by` are not included unless a field uses them too.
    """
    products = mapping.products
    if products is None or products.table is None:
        return ()
    return _unique(name for rule in products.fields.values() for name in rule_columns(rule))


def rule_columns(rule: FieldRule) -> tuple[str, ...]:
    """The columns that `column` or `template` of a rule name; `parent` is not one of them."""
    if rule.column is not None:
        return (rule.column,)
    return () if rule.template is None else template_columns(rule.template)


def _parent_columns(mapping: Mapping) -> Iterator[str]:
    if isinstance(mapping.event, EventColumn):
        yield mapping.event.column
    for rule in mapping.fields.values():
        yield from rule_columns(rule)
    products = mapping.products
    if products is None:
        return
    if products.column is not None:
        yield products.column
    yield from products.match.values()
    for rule in products.fields.values():
        if rule.parent is not None:
            yield rule.parent
        elif products.table is None and products.column is None:
            yield from rule_columns(rule)


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))

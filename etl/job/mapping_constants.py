"""Checks the constants of a mapping, `value` and `default`, by the transform that would send them.

The rule: a constant that every row would fail by is the mapping's mistake, and is found before a row is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from etl.mapping.columns import child_columns_used, columns_used
from etl.mapping.document import Finding
from etl.mapping.field_rule import FieldRule
from etl.mapping.model import EventColumn
from etl.mapping.model import Mapping as MappingModel
from etl.page import Column, Page
from etl.transform.problem import Problem
from etl.transform.transformer import Transformer

_OF_PRODUCT = re.compile(r"products\[\d+\]\.(?P<field>.+)")
_INNER_PROBLEM = re.compile(r"product \d+, (?P<code>[a-z_]+): (?P<words>.*)", re.DOTALL)
# A time that the clocks skip or repeat is taken by a rule; a missing value is no constant.
_NOT_THE_CONSTANT = frozenset({"ambiguous_time", "nonexistent_time", "missing_required", "missing_identity"})


def constant_findings(mapping: MappingModel) -> Iterator[Finding]:
    """What is wrong with the constants of `mapping`, by the path of each."""
    page = _empty_row(mapping)
    for problem in Transformer(mapping, page.columns, page.child_columns)(page).problems:
        found = _OF_PRODUCT.fullmatch(problem.field)
        if found is None:
            yield from _finding(("fields",), mapping.fields, problem.field, problem)
        elif mapping.products is not None:
            yield from _finding(("products", "fields"), mapping.products.fields, found["field"], problem)


def _finding(path: tuple[str, ...], rules: Mapping[str, FieldRule], name: str, problem: Problem) -> Iterator[Finding]:
    rule = rules.get(name)
    inner = _INNER_PROBLEM.fullmatch(problem.message)
    code, words = (inner["code"], inner["words"]) if inner else (problem.code, problem.message)
    if rule is None or code in _NOT_THE_CONSTANT:
        return
    if rule.value is not None or rule.default is not None:
        key = "value" if rule.value is not None else "default"
        yield Finding((*path, name, key), f"{words.removeprefix('the default is wrong: ')} [{code}]")


def _empty_row(mapping: MappingModel) -> Page:
    """A row of NULLs with one product of NULLs: nothing in it but the mapping's own constants."""
    products = mapping.products
    names = tuple(dict.fromkeys((*mapping.source.primary_key, *columns_used(mapping))))
    lines = tuple(Column(name) for name in child_columns_used(mapping))
    known: dict[str, object] = {mapping.event.column: "Event"} if isinstance(mapping.event, EventColumn) else {}
    if products is not None and products.column is not None:
        known[products.column] = "[{}]"
    has_table = products is not None and products.table is not None
    return Page(
        columns=tuple(Column(name) for name in names),
        rows=[tuple(known.get(name) for name in names)],
        key_at=tuple(names.index(name) for name in mapping.source.primary_key),
        cursor_at=None,
        child_columns=lines,
        children={0: [(None,) * len(lines)]} if has_table else {},
    )

"""Checks the constants of a mapping, `value` and `default`, by the transform that would send them.

The rule: a constant that makes every row fail is a mistake in the mapping, and is found before a row is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from etl.mapping.columns import child_columns_used, columns_used
from etl.mapping.document import Finding
from etl.mapping.field_rule import FieldRule
from etl.mapping.model import EventColumn
from etl.mapping.model import Mapping as MappingModel
from etl.page import Column, Page
from etl.transform.problem import Problem
from etl.transform.transformer import Transformer

# Problems that do not show a wrong constant: times that are skipped or repeated are accepted, and missing values are no
# constants.
_NOT_THE_CONSTANT = frozenset({"ambiguous_time", "nonexistent_time", "missing_required", "missing_identity"})


def constant_findings(mapping: MappingModel) -> Iterator[Finding]:
    """What is wrong with the constants of `mapping`, by the path of each."""
    page = _empty_row(mapping)
    for problem in Transformer(mapping, page.columns, page.child_columns)(page).problems:
        if problem.inner is None:
            yield from _finding(("fields",), mapping.fields, problem)
        elif mapping.products is not None:
            yield from _finding(("products", "fields"), mapping.products.fields, problem.inner)


def _finding(path: tuple[str, ...], rules: Mapping[str, FieldRule], problem: Problem) -> Iterator[Finding]:
    rule = rules.get(problem.field)
    if rule is None or problem.code in _NOT_THE_CONSTANT:
        return
    if rule.value is not None or rule.default is not None:
        key = "value" if rule.value is not None else "default"
        words = problem.message.removeprefix("the default is wrong: ")
        yield Finding((*path, problem.field, key), f"{words} [{problem.code}]")


def _empty_row(mapping: MappingModel) -> Page:
    """A row of NULLs with one product of NULLs, so that the event holds only the mapping's constants."""
    products = mapping.products
    names = tuple(dict.fromkeys((*mapping.source.primary_key, *columns_used(mapping))))
    lines = tuple(Column(name) for name in child_columns_used(mapping))
    known: dict[str, object] = (
        dict.fromkeys(mapping.event.columns, "Event") if isinstance(mapping.event, EventColumn) else {}
    )
    if products is not None:
        known |= dict.fromkeys(products.columns, "[{}]")
    has_table = products is not None and products.has_rows
    return Page(
        columns=tuple(Column(name) for name in names),
        rows=[tuple(known.get(name) for name in names)],
        key_at=tuple(names.index(name) for name in mapping.source.primary_key),
        cursor_at=None,
        child_columns=lines,
        children={0: [(None,) * len(lines)]} if has_table else {},
    )

"""The nested array of an event, from child rows, from a JSON column, or from the row itself.

The rule: the products of all rows of a page go through their fields together, column by column, as rows do. One wrong
product makes its row invalid (invalid_products, naming the line): an order that lacks a line is a wrong order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from etl.mapping.catalogue import PRODUCT_FIELDS
from etl.mapping.columns import rule_columns
from etl.mapping.products import Products
from etl.page import Column, Page
from etl.transform.cells import Cells
from etl.transform.field import Field, Watch, parent_column
from etl.transform.frame import Frame
from etl.transform.json_value import parse_json
from etl.transform.problem import Problem, RefusedValueError
from etl.transform.zone import LocalTime

_NEEDS_QUANTITY = "Purchase"


@dataclass(frozen=True, slots=True)
class _Lines:
    """Products as rows: `owners[i]` is the row of line `i`, `numbers[i]` its place from 0 in that row."""

    frame: Frame
    owners: list[int]
    numbers: list[int]
    problems: list[Problem]


class ProductLines:
    """The compiled `products` section. `kinds` are those of the row's columns, `child_kinds` the child table's."""

    def __init__(
        self,
        products: Products,
        *,
        kinds: Mapping[str, str | None],
        child_kinds: Mapping[str, str | None],
        zone: LocalTime,
    ) -> None:
        self._products = products
        self._own_row = products.table is None and products.column is None
        own_kinds = kinds if self._own_row else child_kinds if products.table is not None else {}
        self.fields = []
        for name, rule in products.fields.items():
            known = PRODUCT_FIELDS.get(name)
            type_name = rule.type or (None if known is None else known.type)
            its_kinds = kinds if rule.parent is not None else own_kinds
            self.fields.append(Field(name, rule, type_name=type_name, kinds=its_kinds, zone=zone))
        self._parents = {rule.parent for rule in products.fields.values() if rule.parent is not None}
        self._keys = tuple(dict.fromkeys(name for rule in products.fields.values() for name in rule_columns(rule)))

    def run(
        self, page: Page, rows: Frame, events: Sequence[object], watch: Mapping[str, Watch] | None = None
    ) -> tuple[list[object], list[Problem]]:
        """The list of products of each row (None = none), and the problems. `events` are the events' names by row."""
        lines = self._lines(page, rows)
        problems = lines.problems
        for name in self._parents:
            lines.frame.put(parent_column(name), Cells(rows.column(name).series.take(lines.owners).tolist()))
        columns: list[list[object]] = []
        for field in self.fields:
            outcome = field.run(lines.frame, None if watch is None else watch.get(field.name))
            problems += [_on_line(problem, lines) for problem in outcome.problems]
            columns.append(outcome.column)
        # What is lacking because it was wrong has been said.
        wrong = {problem.row for problem in problems if problem.fatal}
        names = [field.name for field in self.fields]
        found: list[list[object] | None] = [None] * rows.length
        for owner, number, values in zip(lines.owners, lines.numbers, zip(*columns, strict=True), strict=True):
            product = {name: value for name, value in zip(names, values, strict=True) if value is not None}
            if self._own_row and not self._says_anything(product):
                continue
            lacking = _lacking(product, events[owner])
            if lacking is not None and owner not in wrong:
                where = f"products[{number}].{lacking}"
                problems.append(Problem(owner, where, "invalid_products", f"product {number + 1} has no {lacking}"))
            mine = found[owner]
            if mine is None:
                found[owner] = [product]
            else:
                mine.append(product)
        return list(found), problems

    def _says_anything(self, product: dict[str, object]) -> bool:
        # A row's own columns may hold no product at all; constants and parents alone do not make one.
        return any(field.name in product for field in self.fields if field.rule.column or field.rule.template)

    def _lines(self, page: Page, rows: Frame) -> _Lines:
        if self._products.table is not None:
            owners: list[int] = []
            numbers: list[int] = []
            children: list[tuple[object, ...]] = []
            for owner in sorted(page.children):
                its = page.children[owner]
                owners += [owner] * len(its)
                numbers += range(len(its))
                children += its
            return _Lines(Frame(page.child_columns, children), owners, numbers, [])
        if self._products.column is not None:
            return self._from_json(rows, self._products.column)
        everyone = list(range(rows.length))
        return _Lines(rows, everyone, [0] * rows.length, [])

    def _from_json(self, rows: Frame, column: str) -> _Lines:
        owners: list[int] = []
        numbers: list[int] = []
        flat: list[tuple[object, ...]] = []
        problems: list[Problem] = []
        for row, value in enumerate(rows.column(column).items):
            if value is None or value == "":
                continue
            try:
                objects_of_row = _objects(value)
            except RefusedValueError as refused:
                problems.append(Problem(row, "products", "invalid_products", refused.words))
                continue
            owners += [row] * len(objects_of_row)
            numbers += range(len(objects_of_row))
            flat += [tuple([one.get(key) for key in self._keys]) for one in objects_of_row]
        frame = Frame([Column(key) for key in self._keys], flat)
        return _Lines(frame, owners, numbers, problems)


def _objects(value: object) -> list[dict[str, object]]:
    if isinstance(value, str):
        value = parse_json(value)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise RefusedValueError("invalid_products", "the JSON is not a list of objects")
    return value


def _on_line(problem: Problem, lines: _Lines) -> Problem:
    number = lines.numbers[problem.row]
    where = f"products[{number}].{problem.field}"
    owner = lines.owners[problem.row]
    if not problem.fatal:
        return Problem(owner, where, problem.code, problem.message, fatal=False)
    return Problem(owner, where, "invalid_products", f"product {number + 1}, {problem.code}: {problem.message}")


def _lacking(product: dict[str, object], event: object) -> str | None:
    if "id" not in product:
        return "id"
    return "quantity" if event == _NEEDS_QUANTITY and "quantity" not in product else None

"""The nested array of an event, from child rows, from a JSON column, or from the row itself.

The rule: the products of all rows of a page go through their fields together, column by column, as rows do. One wrong
product makes its row invalid (invalid_products, naming the line): an order that lacks a line is a wrong order. With
`on_invalid: omit` the line is left out instead, and counted.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from etl.mapping.catalogue import PRODUCT_FIELDS, PURCHASE
from etl.mapping.columns import rule_columns
from etl.mapping.products import Products
from etl.page import Column, Page
from etl.transform.cells import Cells, is_blank
from etl.transform.field import Field, Watch, parent_column
from etl.transform.frame import Frame
from etl.transform.json_value import parse_json
from etl.transform.own_step import OwnSteps
from etl.transform.problem import Problem, RefusedValueError
from etl.transform.zone import LocalTime


@dataclass(frozen=True, slots=True)
class _Lines:
    """Products as rows: `owners[i]` is the row of line `i`, `numbers[i]` its place from 0 in that row."""

    frame: Frame
    owners: list[int]
    numbers: list[int]
    problems: list[Problem]


class ProductLines:
    """The compiled `products` section.

    `kinds` are those of the row's columns, `child_kinds` the child table's. `rejects`: one wrong product makes its row
    invalid; otherwise it is left out. `needs_language`: the account has several languages.
    """

    def __init__(  # noqa: PLR0913 - what a mapping and its tables say of products
        self,
        products: Products,
        *,
        kinds: Mapping[str, str | None],
        child_kinds: Mapping[str, str | None],
        zone: LocalTime,
        rejects: bool,
        digits: Mapping[str, int] = MappingProxyType({}),
        child_digits: Mapping[str, int] = MappingProxyType({}),
        own_steps: OwnSteps = MappingProxyType({}),
        needs_language: bool = False,
    ) -> None:
        self._products = products
        self._rejects = rejects
        self._needs_language = needs_language
        self._own_row = not products.has_rows and products.column is None
        own_kinds = kinds if self._own_row else child_kinds if products.has_rows else {}
        self.fields = []
        for name, rule in products.fields.items():
            known = PRODUCT_FIELDS.get(name)
            type_name = rule.type or (None if known is None else known.type)
            its_kinds = kinds if rule.parent is not None else own_kinds
            own = digits if its_kinds is kinds else child_digits
            whole = rule.on_invalid != "omit"
            self.fields.append(
                Field(
                    name,
                    rule,
                    type_name=type_name,
                    kinds=its_kinds,
                    digits=own,
                    zone=zone,
                    rejects=whole,
                    own_steps=own_steps,
                    receiver_type=None if known is None else known.type,
                )
            )
        self._parents = {rule.parent for rule in products.fields.values() if rule.parent is not None}
        self._keys = tuple(dict.fromkeys(name for rule in products.fields.values() for name in rule_columns(rule)))

    def run(
        self, page: Page, rows: Frame, events: Sequence[object], watch: Mapping[str, Watch] | None = None
    ) -> tuple[list[object], list[Problem]]:
        """The list of products of each row (None = none), and the problems. `events` are the events' names by row."""
        lines = self._lines(page, rows)
        problems = lines.problems
        for name in self._parents:
            lines.frame.put(parent_column(name), Cells([rows.column(name).items[owner] for owner in lines.owners]))
        columns: list[list[object]] = []
        left_out: dict[int, Problem] = {}
        for field in self.fields:
            outcome = field.run(lines.frame, None if watch is None else watch.get(field.name))
            for problem in outcome.problems:
                if problem.fatal and not self._rejects:
                    left_out.setdefault(problem.row, _line_left_out(problem, lines))
                else:
                    problems.append(_on_line(problem, lines))
            columns.append(outcome.column)
        problems += left_out.values()
        return self._put_together(lines, columns, left_out, events), problems

    def _put_together(
        self, lines: _Lines, columns: list[list[object]], left_out: Container[int], events: Sequence[object]
    ) -> list[object]:
        problems = lines.problems
        # A field that is missing because it was wrong has been reported already.
        wrong = {problem.row for problem in problems if problem.fatal}
        names = [field.name for field in self.fields]
        found: list[list[object] | None] = [None] * len(events)
        rows_of_lines = zip(lines.owners, lines.numbers, zip(*columns, strict=True), strict=True)
        for line, (owner, number, values) in enumerate(rows_of_lines):
            if line in left_out:
                continue
            product = {name: value for name, value in zip(names, values, strict=True) if value is not None}
            if self._own_row and not self._says_anything(product):
                continue
            lacking = self._lacking(product, events[owner])
            if lacking is not None and (owner not in wrong or not self._rejects):
                problems.append(_lacks(owner, number, lacking, rejects=self._rejects))
                if not self._rejects:
                    continue
            mine = found[owner]
            if mine is None:
                found[owner] = [product]
            else:
                mine.append(product)
        return list(found)

    def _lacking(self, product: dict[str, object], event: object) -> str | None:
        if "id" not in product:
            return "id"
        if event == PURCHASE and "quantity" not in product:
            return "quantity"
        return "language" if self._needs_language and "language" not in product else None

    def _says_anything(self, product: dict[str, object]) -> bool:
        # A row's own columns may hold no product: constants and parents alone do not make one.
        return any(field.name in product for field in self.fields if field.rule.column or field.rule.template)

    def _lines(self, page: Page, rows: Frame) -> _Lines:
        if self._products.has_rows:
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
            return self._from_json(rows, self._products.columns)
        everyone = list(range(rows.length))
        return _Lines(rows, everyone, [0] * rows.length, [])

    def _from_json(self, rows: Frame, columns: Sequence[str]) -> _Lines:
        owners: list[int] = []
        numbers: list[int] = []
        flat: list[tuple[object, ...]] = []
        problems: list[Problem] = []
        for row, value in enumerate(rows.first_present(columns, keep_empty=False).items):
            if value is None or is_blank(value):
                continue
            fatal = self._rejects
            try:
                entries = _entries(value)
            except RefusedValueError as refused:
                words = refused.words
                problems.append(Problem(row, "products", "invalid_products", words, fatal=fatal, omitted=not fatal))
                continue
            for number, one in enumerate(entries):
                if not isinstance(one, dict):
                    words = f"product {number + 1} is not an object{'' if fatal else '; it was left out'}"
                    where = f"products[{number}]"
                    problems.append(Problem(row, where, "invalid_products", words, fatal=fatal, omitted=not fatal))
                    continue
                owners.append(row)
                numbers.append(number)
                flat.append(tuple([one.get(key) for key in self._keys]))
        frame = Frame([Column(key) for key in self._keys], flat)
        return _Lines(frame, owners, numbers, problems)


def _entries(value: object) -> list[object]:
    if isinstance(value, str):
        value = parse_json(value)
    if value is None:
        return []
    if not isinstance(value, list):
        raise RefusedValueError("invalid_products", "the JSON is not a list of objects")
    return value


def _on_line(problem: Problem, lines: _Lines) -> Problem:
    number = lines.numbers[problem.row]
    where = f"products[{number}].{problem.field}"
    owner = lines.owners[problem.row]
    if not problem.fatal:
        return Problem(owner, where, problem.code, problem.message, fatal=False, omitted=problem.omitted, inner=problem)
    words = f"product {number + 1}, {problem.code}: {problem.message}"
    return Problem(owner, where, "invalid_products", words, inner=problem)


def _line_left_out(problem: Problem, lines: _Lines) -> Problem:
    number = lines.numbers[problem.row]
    words = f"product {number + 1} was left out: {problem.field}: {problem.message}"
    return Problem(lines.owners[problem.row], f"products[{number}]", problem.code, words, fatal=False, omitted=True)


def _lacks(owner: int, number: int, lacking: str, *, rejects: bool) -> Problem:
    words = f"product {number + 1} has no {lacking}"
    if rejects:
        return Problem(owner, f"products[{number}].{lacking}", "invalid_products", words)
    where = f"products[{number}]"
    return Problem(owner, where, "invalid_products", f"{words}; it was left out", fatal=False, omitted=True)

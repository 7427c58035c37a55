"""A page of rows becomes events and problems.

The rule: pure and by column. The same row gives the same event, whatever stands beside it in the page (B27), and one
bad row costs itself only. Nobody looks at a row until the events are put together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from etl.mapping.catalogue import FIELDS
from etl.mapping.model import EventColumn, Mapping
from etl.page import Column, Page
from etl.transform.event_name import EventName
from etl.transform.field import Field
from etl.transform.frame import Frame
from etl.transform.problem import Problem
from etl.transform.products import ProductLines
from etl.transform.zone import LocalTime

__all__ = ["FieldTrace", "Problem", "Transformed", "Transformer"]

_NO_IDENTITY = "the event has neither email nor userid"


@dataclass(frozen=True, slots=True)
class Transformed:
    """A page after the transform.

    `events[i]` belongs to row `i` of the page and is None when the row is invalid; its keys are `event`, the mapping's
    fields in their order, `products`, without those that are missing; its values are JSON's, with Decimals and integers
    of any size. `problems` are by row, then in the order of the fields.
    """

    events: list[dict[str, object] | None]
    problems: list[Problem]


@dataclass(frozen=True, slots=True)
class FieldTrace:
    """How one field of one row came about: where from, the value after each step, and the problem if there is one.

    For a field of products (`products.<name>`) the values are lists, one entry a product.
    """

    field: str
    source: str
    steps: list[tuple[str, object]]
    problem: Problem | None


class Transformer:
    """A mapping, compiled for the columns of its source and of its products' table."""

    def __init__(self, mapping: Mapping, columns: Sequence[Column], child_columns: Sequence[Column] = ()) -> None:
        zone = LocalTime(mapping.source.timezone)
        kinds = {column.name: column.kind for column in columns}
        self._event = EventName(mapping.event.column if isinstance(mapping.event, EventColumn) else None, mapping.event)
        self._fields = []
        for name, rule in mapping.fields.items():
            known = FIELDS.get(name)
            type_name = rule.type or (None if known is None else known.type)
            self._fields.append(Field(name, rule, type_name=type_name, kinds=kinds, zone=zone))
        self._products = None
        if mapping.products is not None:
            child_kinds = {column.name: column.kind for column in child_columns}
            self._products = ProductLines(mapping.products, kinds=kinds, child_kinds=child_kinds, zone=zone)

    def __call__(self, page: Page) -> Transformed:
        """The events and problems of the page's rows; its unreadable rows are not looked at."""
        frame = Frame(page.columns, page.rows)
        names, problems = self._event.run(frame)
        columns: dict[str, list[object]] = {"event": names}
        for field in self._fields:
            outcome = field.run(frame)
            columns[field.name] = outcome.column
            problems += outcome.problems
        if self._products is not None:
            columns["products"], found = self._products.run(page, frame, names)
            problems += found
        invalid = {problem.row for problem in problems if problem.fatal}
        nobody = [row for row in _without_identity(columns, frame.length) if row not in invalid]
        problems += [Problem(row, "email", "missing_identity", _NO_IDENTITY) for row in nobody]
        invalid.update(nobody)
        problems.sort(key=lambda problem: problem.row)
        return Transformed(_events(columns, invalid), problems)

    def trace(self, page: Page, row: int) -> list[FieldTrace]:
        """How each field of row `row` of the page came about, products last. For one row; slow."""
        children = {0: page.children[row]} if row in page.children else {}
        one = replace(page, rows=[page.rows[row]], children=children, unreadable=())
        frame = Frame(one.columns, one.rows)
        traces = []
        for field in self._fields:
            steps: list[tuple[str, object]] = []

            def watch(name: str, column: pd.Series[Any], steps: list[tuple[str, object]] = steps) -> None:
                steps.append((name, column.iloc[0]))

            problems = field.run(frame, watch).problems
            traces.append(FieldTrace(field.name, field.source, steps, problems[0] if problems else None))
        return traces if self._products is None else traces + self._trace_products(one, frame)

    def _trace_products(self, page: Page, frame: Frame) -> list[FieldTrace]:
        assert self._products is not None
        seen: dict[str, list[tuple[str, object]]] = defaultdict(list)

        def watch(field: str, name: str, column: pd.Series[Any]) -> None:
            seen[field].append((name, column.tolist()))

        watches = {
            field.name: lambda name, column, field=field.name: watch(field, name, column)
            for field in self._products.fields
        }
        names, _ = self._event.run(frame)
        _, problems = self._products.run(page, frame, names, watches)
        traces = []
        for field in self._products.fields:
            mine = [problem for problem in problems if problem.field.endswith(f"].{field.name}")]
            problem = mine[0] if mine else None
            traces.append(FieldTrace(f"products.{field.name}", field.source, seen[field.name], problem))
        whole = next((problem for problem in problems if problem.field == "products"), None)
        return traces if whole is None else [*traces, FieldTrace("products", "", [], whole)]


def _without_identity(columns: dict[str, list[object]], length: int) -> list[int]:
    present = [columns[name] for name in ("email", "userid") if name in columns]
    if any(None not in column for column in present):
        return []
    if not present:
        return list(range(length))
    return [row for row, values in enumerate(zip(*present, strict=True)) if not any(one is not None for one in values)]


def _events(columns: dict[str, list[object]], invalid: set[int]) -> list[dict[str, object] | None]:
    names = tuple(columns)
    rows = zip(*columns.values(), strict=True)
    events: list[dict[str, object] | None]
    if any(None in column for column in columns.values()):
        events = [{name: value for name, value in zip(names, row) if value is not None} for row in rows]  # noqa: B905
    else:
        events = [dict(zip(names, row)) for row in rows]  # noqa: B905  # strict costs a tenth of the whole
    for row in invalid:
        events[row] = None
    return events

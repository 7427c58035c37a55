"""Traces how the fields of one row are made, for `explain`.

The rule: the trace observes the very chain that makes events, so it cannot differ from a run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from etl.page import Page
from etl.transform.cells import Cells
from etl.transform.field import Field
from etl.transform.frame import Frame
from etl.transform.problem import Problem
from etl.transform.products import ProductLines


@dataclass(frozen=True, slots=True)
class FieldTrace:
    """How one field of one row came about: where from, the value after each step, and the problem if there is one.

    For a field of products (`products.<name>`) the values are lists, one entry a product.
    """

    field: str
    source: str
    steps: list[tuple[str, object]]
    problem: Problem | None


def trace_fields(fields: Sequence[Field], frame: Frame) -> list[FieldTrace]:
    """The traces of `fields` for the only row of `frame`."""
    traces = []
    for field in fields:
        steps: list[tuple[str, object]] = []
        problems = field.run(frame, _recorder(steps, only=True)).problems
        traces.append(FieldTrace(field.name, field.source, steps, problems[0] if problems else None))
    return traces


def trace_products(products: ProductLines, page: Page, frame: Frame, events: Sequence[object]) -> list[FieldTrace]:
    """The traces of the products of the only row of `page`, whose columns are `frame` and event name is in `events`."""
    steps: dict[str, list[tuple[str, object]]] = {field.name: [] for field in products.fields}
    watches = {name: _recorder(mine, only=False) for name, mine in steps.items()}
    _, problems = products.run(page, frame, events, watches)
    first = {problem.field.rpartition("].")[2]: problem for problem in reversed(problems)}
    traces = [
        FieldTrace(f"products.{field.name}", field.source, steps[field.name], first.get(field.name))
        for field in products.fields
    ]
    whole = first.get("products")
    return traces if whole is None else [*traces, FieldTrace("products", "", [], whole)]


def _recorder(steps: list[tuple[str, object]], *, only: bool) -> Callable[[str, Cells], None]:
    def record(name: str, cells: Cells) -> None:
        steps.append((name, cells.items[0] if only else list(cells.items)))

    return record

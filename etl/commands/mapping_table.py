"""A mapping as a table for a colleague: each field, where it comes from, by what rule, and examples.

The rule: examples are stand-ins, made by the real pipeline, unless a person asks for the values themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from etl.commands.as_example import stand_in_event
from etl.errors import EtlError
from etl.host.system_clock import SystemClock
from etl.job.account_needs import FieldToCreate, fields_to_create
from etl.job.sample import SAMPLED_ROWS
from etl.mapping.catalogue import FIELDS, PRODUCT_FIELDS, ReceiverField, on_invalid_of
from etl.mapping.model import FieldRule, Mapping
from etl.mapping.steps import Step
from etl.screen.cell import cell
from etl.source.open import open_source
from etl.transform.transformer import Transformer

MOST_EXAMPLES = 3
# How many rows to try: enough that fields which are seldom filled get an example too.
_ROWS_FOR_EXAMPLES = 20
_LONGEST_EXAMPLE = 60


@dataclass(frozen=True, slots=True)
class FieldLine:
    """One line of the table."""

    field: str
    origin: str
    rule: str
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DescribedMapping:
    """The mapping's lines, and the custom fields that the account must have; `trouble`: why there are no examples."""

    lines: tuple[FieldLine, ...]
    to_create: tuple[FieldToCreate, ...]
    trouble: str = ""


def described(mapping: Mapping, *, masked: bool, look: bool) -> DescribedMapping:
    """Describe `mapping`; if `look`, with examples from the newest rows of its source, as stand-ins if `masked`."""
    examples: dict[str, list[str]] = {}
    to_create: list[FieldToCreate] = []
    trouble = ""
    if look:
        try:
            to_create = _look(mapping, examples, masked=masked)
        except EtlError as error:
            trouble = error.message
    lines = tuple(
        FieldLine(name, origin, rule, tuple(examples.get(name, ()))) for name, origin, rule in _lines_of(mapping)
    )
    return DescribedMapping(lines, tuple(to_create), trouble)


def _look(mapping: Mapping, examples: dict[str, list[str]], *, masked: bool) -> list[FieldToCreate]:
    """Fill `examples`; the custom fields that the account must have."""
    with open_source(mapping, clock=SystemClock()) as source:
        page = source.sample(SAMPLED_ROWS)
        today = SystemClock().utc_now().date()
        transformed = Transformer(mapping, source.columns, source.child_columns, today=today)(page)
    for index in list(range(len(page.rows)))[: -_ROWS_FOR_EXAMPLES - 1 : -1]:
        event = stand_in_event(mapping, page, index) if masked else transformed.events[index]
        for name, value in _values(event or {}):
            shown = cell(value)
            shown = shown if len(shown) <= _LONGEST_EXAMPLE else f"{shown[: _LONGEST_EXAMPLE - 1]}…"
            known = examples.setdefault(name, [])
            if shown not in known and len(known) < MOST_EXAMPLES:
                known.append(shown)
    return fields_to_create(mapping, transformed)


def _values(event: dict[str, object]) -> Iterator[tuple[str, object]]:
    for name, value in event.items():
        if name == "products" and isinstance(value, list):
            for product in value:
                yield from ((f"products.{inner}", one) for inner, one in product.items())
        else:
            yield name, value


def _lines_of(mapping: Mapping) -> Iterator[tuple[str, str, str]]:
    event = mapping.event
    yield "event", f"always {_code(event)}" if isinstance(event, str) else _columns(event.columns), "the event's name"
    for name, rule in mapping.fields.items():
        costs = rule.on_invalid or mapping.on_invalid or on_invalid_of(name)
        yield name, _origin(rule), _rule(rule, FIELDS.get(name), costs)
    if (products := mapping.products) is not None:
        if products.has_rows:
            of_what = f"rows of {_code(products.table)}" if products.table else "rows of a query"
        else:
            of_what = _columns(products.columns) if products.columns else "the row's own columns"
        costs = products.on_invalid or mapping.on_invalid or "reject"
        for name, rule in products.fields.items():
            origin = _origin(rule) if rule.parent or rule.value is not None else f"{_origin(rule)}, {of_what}"
            yield f"products.{name}", origin, _rule(rule, PRODUCT_FIELDS.get(name), costs)


def _origin(rule: FieldRule) -> str:
    if rule.columns:
        return _columns(rule.columns)
    if rule.template is not None:
        return f"template {_code(rule.template)}"
    return f"column {_code(rule.parent)} of the row" if rule.parent is not None else f"always {_code(cell(rule.value))}"


def _columns(names: tuple[str, ...]) -> str:
    return f"column {_code(names[0])}" if len(names) == 1 else f"the first of {', '.join(map(_code, names))}"


def _code(text: str) -> str:
    return f"`{text}`"


def _rule(rule: FieldRule, known: ReceiverField | None, costs: str) -> str:
    parts = [known.rule] if known is not None else [f"type {rule.type}"] if rule.type else []
    if rule.transform:
        parts.append(f"steps {', '.join(_code(_step(one)) for one in rule.transform)}")
    if rule.map:
        parts.append(f"a table of {len(rule.map)} values")
    if rule.default is not None:
        parts.append(f"{_code(cell(rule.default))} when missing")
    if rule.required:
        parts.append("a row without it is invalid")
    if rule.value is not None:
        parts.append("the same in every event")
    else:
        wrong = "makes the row invalid" if costs == "reject" else "is left out"
        parts.append(f"a wrong value {wrong}")
    return "; ".join(parts)


def _step(step: Step) -> str:
    return f"{step.name}({', '.join(map(str, step.arguments))})" if step.arguments else step.name

"""Transforms a page of rows into events and problems.

The rule: pure, and column by column. The same row gives the same event, whatever stands beside it in the page (B27),
and one bad row costs only itself. Rows are put together only at the end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import Any

from etl.mapping.catalogue import FIELDS, IDENTITY_FIELDS, PURCHASE, on_invalid_of
from etl.mapping.model import EventColumn
from etl.mapping.model import Mapping as MappingModel
from etl.page import Column, Page
from etl.transform.apply import ByValue, settle
from etl.transform.field import Field
from etl.transform.frame import Frame
from etl.transform.phone import Internationalizer
from etl.transform.problem import Findings, Problem, RefusedValueError
from etl.transform.products import ProductLines
from etl.transform.trace import FieldTrace, trace_fields, trace_products
from etl.transform.zone import LocalTime

__all__ = ["FieldTrace", "Problem", "Transformed", "Transformer"]
Event = dict[str, object]
_NO_IDENTITY = "the event has neither email nor userid"
_NO_CURRENCY = "amounts without currency, for an account with several"
_LONGEST = 100


@dataclass(frozen=True)
class Transformed:
    """A page after the transform, by column.

    `columns`: `event`, the mapping's fields in their order, `products`; each with a value for every row of the page,
    None where the field is left out; the values are JSON's, with Decimals and integers of any size. `invalid`: the rows
    that make no event. `problems` are by row, then in the order of the fields.
    """

    columns: Mapping[str, list[Any]]
    invalid: AbstractSet[int]
    problems: list[Problem]

    @cached_property
    def events(self) -> list[Event | None]:
        """Row by row, for people to look at: the event without what is left out, or None for an invalid row."""
        rows = enumerate(zip(*self.columns.values(), strict=True))
        return [None if at in self.invalid else self._event(values) for at, values in rows]

    def _event(self, values: tuple[Any, ...]) -> Event:
        return {name: value for name, value in zip(self.columns, values, strict=True) if value is not None}


class Transformer:
    """A mapping, compiled for the columns of its source and of its products' table.

    `today`: birthdates after it are implausible (None: the future is not known).
    """

    def __init__(
        self,
        mapping: MappingModel,
        columns: Sequence[Column],
        child_columns: Sequence[Column] = (),
        *,
        today: date | None = None,
    ) -> None:
        zone = LocalTime(mapping.source.timezone)
        kinds = {column.name: column.kind for column in columns}
        self._event = EventName(mapping.event.columns if isinstance(mapping.event, EventColumn) else (), mapping.event)
        self._fields = []
        for name, rule in mapping.fields.items():
            known = FIELDS.get(name)
            type_name = rule.type or (None if known is None else known.type)
            rejects = (rule.on_invalid or mapping.on_invalid or on_invalid_of(name)) == "reject"
            self._fields.append(
                Field(
                    name,
                    rule,
                    type_name=type_name,
                    kinds=kinds,
                    digits=_digits(columns),
                    rejects=rejects,
                    zone=zone,
                    own_steps=mapping.own_steps,
                    today=today,
                    receiver_type=None if known is None else known.type,
                )
            )
        self._needs_currency = mapping.destination.multiple_currencies
        self._phones = Internationalizer() if {"phone", "country"} <= set(mapping.fields) else None
        self._products = None
        if mapping.products is not None:
            child_kinds = {column.name: column.kind for column in child_columns}
            rejects = (mapping.products.on_invalid or mapping.on_invalid or on_invalid_of("products")) == "reject"
            self._products = ProductLines(
                mapping.products,
                kinds=kinds,
                child_kinds=child_kinds,
                digits=_digits(columns),
                child_digits=_digits(child_columns),
                zone=zone,
                rejects=rejects,
                own_steps=mapping.own_steps,
                needs_language=mapping.destination.multiple_languages,
            )

    def __call__(self, page: Page) -> Transformed:
        """The events and problems of the page's rows; its unreadable rows are not looked at."""
        frame = Frame(page.columns, page.rows)
        names, problems = self._event.run(frame)
        columns: dict[str, list[Any]] = {"event": names}
        complete = set() if problems else {"event"}
        for field in self._fields:
            outcome = field.run(frame)
            columns[field.name] = outcome.column
            if outcome.complete:
                complete.add(field.name)
            problems += outcome.problems
        if self._phones is not None:
            columns["phone"] = self._phones.numbers(columns["phone"], columns["country"])
        if self._products is not None:
            columns["products"], found = self._products.run(page, frame, names)
            problems += found
        invalid = {problem.row for problem in problems if problem.fatal}
        nameless = [row for row in _without_identity(columns, complete, frame.length) if row not in invalid]
        problems += [Problem(row, "email", "missing_identity", _NO_IDENTITY) for row in nameless]
        invalid.update(nameless)
        lacking = list(_incomplete_purchases(columns, complete, invalid))
        problems += lacking
        invalid.update(problem.row for problem in lacking)
        if self._needs_currency and "currency" not in complete:
            lacking = [
                Problem(row, "currency", "missing_currency", _NO_CURRENCY)
                for row in _amounts_without_currency(columns, frame.length)
                if row not in invalid
            ]
            problems += lacking
            invalid.update(problem.row for problem in lacking)
        problems.sort(key=lambda problem: problem.row)
        return Transformed(columns, invalid, problems)

    def trace(self, page: Page, row: int) -> list[FieldTrace]:
        """How each field of row `row` of the page came about, products last. For one row; slow."""
        children = {0: page.children[row]} if row in page.children else {}
        one = replace(page, rows=[page.rows[row]], children=children, unreadable=())
        frame = Frame(one.columns, one.rows)
        traces = [self._with_country(trace, self(one)) for trace in trace_fields(self._fields, frame)]
        if self._products is None:
            return traces
        names, _ = self._event.run(frame)
        return traces + trace_products(self._products, one, frame, names)

    def _with_country(self, trace: FieldTrace, done: Transformed) -> FieldTrace:
        """The trace of a phone number, with the result of its row's country."""
        if self._phones is None or trace.field != "phone":
            return trace
        return replace(trace, steps=[*trace.steps, ("country", done.columns["phone"][0])])


def _incomplete_purchases(
    columns: Mapping[str, list[Any]], complete: AbstractSet[str], invalid: AbstractSet[int]
) -> Iterator[Problem]:
    """Purchases without an order id or without products, which the receiver refuses; of each row the first."""
    names = columns["event"]
    if PURCHASE not in names:
        return
    nothing = [None] * len(names)
    orders = names if "orderid" in complete else columns.get("orderid", nothing)
    goods = columns.get("products", nothing)
    for row, (name, order, bought) in enumerate(zip(names, orders, goods, strict=True)):
        if name == PURCHASE and row not in invalid:
            if order is None:
                yield Problem(row, "orderid", "missing_orderid", "a Purchase without orderid")
            elif not bought:
                yield Problem(row, "products", "missing_products", "a Purchase without products")


def _amounts_without_currency(columns: Mapping[str, list[Any]], length: int) -> Iterator[int]:
    nothing = [None] * length
    needed = (columns.get(name, nothing) for name in ("currency", "totalvalue", "products"))
    for row, (currency, total, products) in enumerate(zip(*needed, strict=True)):
        if currency is None and (total is not None or any("price" in one for one in products or ())):
            yield row


def _digits(columns: Sequence[Column]) -> dict[str, int]:
    return {column.name: column.digits for column in columns if column.digits is not None}


def _without_identity(columns: Mapping[str, list[Any]], complete: AbstractSet[str], length: int) -> list[int]:
    if complete & set(IDENTITY_FIELDS):
        return []
    present = [columns[name] for name in IDENTITY_FIELDS if name in columns]
    if not present:
        return list(range(length))
    return [row for row, values in enumerate(zip(*present, strict=True)) if all(one is None for one in values)]


class EventName:
    """The name of each row's event: `constant`, or of `columns` the first present value.

    A name is one line of at most 100 printable characters, as the mapping demands of a constant one.
    """

    def __init__(self, columns: Sequence[str], constant: object) -> None:
        self._columns = columns
        self._constant = constant

    def run(self, frame: Frame) -> tuple[list[object], list[Problem]]:
        """The name of every row's event, and the rows that have none."""
        if not self._columns:
            return [self._constant] * frame.length, []
        findings = Findings()
        names = settle(frame.first_present(self._columns, keep_empty=False), ByValue(_name), findings).items
        missing = ("missing_event_name", "the column that names the event is empty")
        problems = [
            Problem(row, "event", *findings.faults.get(row, missing)) for row, name in enumerate(names) if name is None
        ]
        return names, problems


def _name(value: object) -> str | None:
    name = value.strip() if isinstance(value, str) else None
    if name is None or len(name) > _LONGEST or not name.isprintable():
        raise RefusedValueError("missing_event_name", "the column that names the event holds something that is no name")
    return name or None

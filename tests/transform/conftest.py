"""What the tests of the transform share: a field on its own, and pages of one column."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from etl.mapping.field_rule import FieldRule
from etl.mapping.model import Mapping
from etl.mapping.products import Products
from etl.page import Column, Page
from etl.transform.field import Field, FieldValues
from etl.transform.frame import Frame
from etl.transform.zone import LocalTime

Convert = Callable[..., object]


@pytest.fixture(scope="session")
def run_field() -> Callable[..., FieldValues]:
    """Runs a field over a column `c` of values."""

    def run(
        values: Sequence[object],
        type_name: str | None = None,
        *,
        kind: str | None = None,
        timezone: str | None = "UTC",
        **rule: Any,
    ) -> FieldValues:
        source = {} if {"value", "template", "parent"} & set(rule) else {"column": "c"}
        compiled = FieldRule.model_validate(source | rule)
        rejects = compiled.on_invalid != "omit"
        field = Field("f", compiled, type_name=type_name, kinds={"c": kind}, zone=LocalTime(timezone), rejects=rejects)
        return field.run(Frame((Column("c", kind),), [(value,) for value in values]))

    return run


@pytest.fixture(scope="session")
def convert(run_field: Callable[..., FieldValues]) -> Convert:
    """What becomes of one value: the result, or the problem's code as `!code`.

    It is asked alone, among equals, beside missing values and beside other types: neighbours must not matter.
    """

    def one(value: object, type_name: str | None = None, **rule: Any) -> object:
        answers = []
        for column in ([value], [value] * 3, [None, value, None], [object(), value], [value, 1.5, "x", None]):
            outcome = run_field(column, type_name, **rule)
            row = next(at for at, other in enumerate(column) if other is value)
            codes = [problem.code for problem in outcome.problems if problem.row == row]
            answers.append(f"!{codes[0]}" if codes and outcome.column[row] is None else outcome.column[row])
        assert [(type(answer), answer) for answer in answers] == [(type(answers[0]), answers[0])] * len(answers)
        return answers[0]

    return one


@pytest.fixture(scope="session")
def make_mapping() -> Callable[..., Mapping]:
    """A mapping with these sections; what is left out has a working default."""

    def make(
        fields: dict[str, Any],
        *,
        event: Any = "CRMUpdate",
        products: dict[str, Any] | None = None,
        timezone: str | None = "UTC",
        **sections: Any,
    ) -> Mapping:
        return Mapping.model_validate(
            {
                "version": 1,
                "name": "m",
                "path": Path("m.yaml"),
                "source": {"url": "sqlite://", "table": "t", "primary_key": "id", "timezone": timezone}
                if timezone
                else {"url": "sqlite://", "table": "t", "primary_key": "id"},
                "event": event,
                "fields": fields,
                "products": None if products is None else Products.model_validate(products),
                **sections,
            }
        )

    return make


@pytest.fixture(scope="session")
def make_page() -> Callable[..., Page]:
    """A page of rows given as dicts; a column's kind is written behind its name, as in `born:date`."""

    def make(
        columns: str,
        rows: Sequence[Sequence[object]],
        *,
        child_columns: str = "",
        children: dict[int, Sequence[tuple[object, ...]]] | None = None,
    ) -> Page:
        return Page(
            _columns(columns), [tuple(row) for row in rows], (0,), None, (), _columns(child_columns), children or {}
        )

    return make


def _columns(text: str) -> tuple[Column, ...]:
    return tuple(Column(name, kind or None) for name, _, kind in (word.partition(":") for word in text.split()))

"""Runs the examples of a mapping (`tests:`) through the real transform, and says where the result differs.

The rule: only what an example names is compared, and a number is a number: 12.50 is 12.5, and 1 is not true.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from etl.mapping.columns import child_columns_used, columns_used
from etl.mapping.example import MappingTest
from etl.mapping.model import Mapping as MappingModel
from etl.page import Column, Page
from etl.transform.problem import Problem
from etl.transform.transformer import Transformer

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DATETIME = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?P<zone>\s?(?:Z|[+-]\d\d(?::?\d\d)?))?", re.ASCII
)


class Absent:
    """Stands in a difference for a value that is absent."""

    __slots__ = ()


ABSENT: Final = Absent()


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where event and example differ. `path` is that of the event, such as `products[1].price`."""

    path: str
    expected: object
    got: object


@dataclass(frozen=True, slots=True)
class ExampleResult:
    """An example that was run: it passed when there are no differences. `problems` are all that the row had."""

    name: str
    differences: tuple[Difference, ...]
    problems: tuple[Problem, ...]

    @property
    def passed(self) -> bool:
        """Nothing differs."""
        return not self.differences


def run_examples(mapping: MappingModel, *, today: date | None = None) -> list[ExampleResult]:
    """The results of the mapping's examples, in their order; those without a name are called `test 3` and so on."""
    return [
        run_example(mapping, test, name=test.name or f"test {at}", today=today)
        for at, test in enumerate(mapping.tests, 1)
    ]


def run_example(mapping: MappingModel, test: MappingTest, *, name: str, today: date | None = None) -> ExampleResult:
    """The result of one example."""
    event, problems = transform_example(mapping, test.given, test.children, today=today)
    if test.expect_problems:
        return ExampleResult(name, tuple(_problem_differences(test.expect_problems, problems)), problems)
    if event is None:
        codes = [f"{one.field}: {one.code}" for one in problems if one.fatal]
        return ExampleResult(name, (Difference("event", "an event", f"an invalid row ({', '.join(codes)})"),), problems)
    return ExampleResult(name, tuple(_differences("", test.expect or {}, event)), problems)


def transform_example(
    mapping: MappingModel,
    given: Mapping[str, Any],
    children: Sequence[Mapping[str, Any]] = (),
    *,
    today: date | None = None,
) -> tuple[dict[str, object] | None, tuple[Problem, ...]]:
    """The event (None: the row is invalid) and the problems of one row as an example gives it."""
    source, products = mapping.source, mapping.products
    cursor = source.cursor_field
    columns = _columns((*source.primary_key, *cursor, *columns_used(mapping), *given), [given])
    lines = _columns((*child_columns_used(mapping), *_names(children)), children)
    names = [column.name for column in columns]
    page = Page(
        columns=columns,
        rows=[tuple(given.get(name) for name in names)],
        key_at=tuple(names.index(name) for name in source.primary_key),
        cursor_at=names.index(cursor[0]) if cursor else None,
        child_columns=lines if products is not None and products.has_rows else (),
        children={0: [tuple(one.get(line.name) for line in lines) for one in children]} if children else {},
    )
    transformed = Transformer(mapping, page.columns, page.child_columns, today=today)(page)
    return transformed.events[0], tuple(transformed.problems)


def kind_of_values(values: Iterable[object]) -> str | None:
    """The kind that a column of these values would have; None when they do not agree on one.

    Texts that look like dates or datetimes count as those, because an example cannot write them in another way.
    """
    kinds = {_kind(value) for value in values if value is not None}
    return kinds.pop() if len(kinds) == 1 else None


def _kind(value: object) -> str | None:  # noqa: PLR0911 - one return a kind
    match value:
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case Decimal():
            return "decimal"
        case dict() | list():
            return "json"
        case str() if _DATE.fullmatch(value):
            return "date"
        case str() if found := _DATETIME.fullmatch(value):
            return "datetime_tz" if found["zone"] else "datetime"
        case str():
            return "text"
        case _:
            return None


def _columns(names: Iterable[str], rows: Sequence[Mapping[str, Any]]) -> tuple[Column, ...]:
    return tuple(Column(name, kind_of_values(row.get(name) for row in rows)) for name in dict.fromkeys(names))


def _names(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for row in rows:
        yield from row


def _problem_differences(codes: Sequence[str], problems: Sequence[Problem]) -> Iterator[Difference]:
    found = sorted({code for one in problems if one.fatal for code in (one.code, (one.inner or one).code)})
    if not set(codes) <= set(found):
        yield Difference("problems", list(codes), sorted({one.code for one in problems if one.fatal}) or ABSENT)


def _differences(path: str, expected: object, got: object) -> Iterator[Difference]:
    match expected, got:
        case dict(), dict():
            for name, wanted in expected.items():
                yield from _differences(f"{path}.{name}" if path else str(name), wanted, got.get(name, ABSENT))
        case list() | tuple(), list() | tuple():
            for at, wanted in enumerate(expected):
                yield from _differences(f"{path}[{at}]", wanted, got[at] if at < len(got) else ABSENT)
            for at in range(len(expected), len(got)):
                yield Difference(f"{path}[{at}]", ABSENT, got[at])
        case None, Absent():
            return
        case None, _:
            yield Difference(path, ABSENT, got)
        case _ if not _same(expected, got):
            yield Difference(path, expected, got)


def _same(expected: object, got: object) -> bool:
    if _is_number(expected) and _is_number(got):
        return _exact(expected) == _exact(got)
    return type(expected) is type(got) and expected == got


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _exact(value: object) -> Decimal:
    # The shortest text of a float is what the person wrote, and what is sent.
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)  # type: ignore[arg-type]

"""What holds for every value: determinism, valid JSON, nothing changed in passing.

B4, B5, B6, B22, B23, B27.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import UUID

from hypothesis import example, given, settings
from hypothesis import strategies as st

from etl.event.encode import encode_event
from etl.mapping.catalogue import TYPES
from etl.mapping.model import Mapping
from etl.page import UNDECODABLE, Column, Page
from etl.transform.cells import is_blank
from etl.transform.transformer import Transformed, Transformer

KINDS = (
    *("integer", "number", "decimal", "text", "boolean", "date", "datetime", "datetime_tz"),
    *("time", "json", "bytes", "uuid", "other", None),
)
QUICK = settings(max_examples=200)

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=12)
TELLING_TEXT = st.sampled_from(
    [
        *("nl_NL", "nl", "eur", "EUR", "Yes", "j", "0", "1", "true", "M", "NL", "a@b.nl", "A@B.NL", "0612345678"),
        *("NaN", "Infinity", "1e999", "-0", "12.50", "null", "[1]", "{}", '{"a": 1e400}', "[" * 200),
        *("2024-01-02", "2024-03-31 02:30:00", "2024-10-27 02:30:00", "0000-00-00 00:00:00", "", " ", "\ud800"),
    ]
)
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.decimals(),
    ANY_TEXT,
    TELLING_TEXT,
    st.dates(),
    st.datetimes(),
    st.datetimes(timezones=ZONES),
    st.times(),
    st.timedeltas(),
    st.uuids(),
    st.binary(max_size=3),
    st.just(UNDECODABLE),
)
DRIVER_VALUES = st.one_of(
    SCALARS,
    st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3)),
)
STEPS = [
    *(["strip"], ["lower", "upper"], ["title"], ["squeeze_spaces"], ["sha256"], ["digits"], ["truncate(3)"]),
    *(
        ["round(2)"],
        ["split(',')", "lower"],
        ["replace('a', 'b')"],
        ["date('%Y-%m-%d')"],
        ["prefix('x')", "suffix('y')"],
    ),
]


def _mapping(kind_independent: bool = True) -> Mapping:  # noqa: FBT001, FBT002
    fields: dict[str, Any] = {"userid": {"value": "u"}}
    for name in TYPES:
        fields[f"custom_{name}"] = {"column": "v", "type": name, "on_invalid": "omit"}
    fields["custom_plain"] = {"column": "v", "on_invalid": "omit"}
    fields["custom_keep"] = {"column": "v", "on_invalid": "omit", "empty": "keep", "default": "d"}
    for number, steps in enumerate(STEPS):
        fields[f"custom_step_{number}"] = {"column": "v", "transform": steps, "on_invalid": "omit"}
        fields[f"custom_text_step_{number}"] = {"column": "v", "type": "text", "transform": steps, "on_invalid": "omit"}
    fields["custom_template"] = {"template": "<{v}>", "on_invalid": "omit"}
    fields["custom_map"] = {"column": "v", "map": {"1": "one", "true": "yes"}, "on_invalid": "omit"}
    return Mapping.model_validate(
        {
            "version": 1,
            "name": "m",
            "path": "m.yaml",
            "source": {"url": "sqlite://", "table": "t", "primary_key": "id", "timezone": "Europe/Amsterdam"},
            "event": "Purchase",
            "fields": fields,
            "products": {"column": "v", "fields": {"id": "a", "quantity": {"value": 1}}} if kind_independent else None,
        }
    )


WITH_EVERYTHING = _mapping(kind_independent=False)
WITH_PRODUCTS = _mapping()


@cache
def _transformer(with_products: bool, kind: str | None) -> Transformer:  # noqa: FBT001
    return Transformer(WITH_PRODUCTS if with_products else WITH_EVERYTHING, (Column("v", kind),))


def _transform(mapping: Mapping, kind: str | None, values: list[object]) -> Transformed:
    page = Page((Column("v", kind),), [(value,) for value in values], (0,), None)
    return _transformer(mapping is WITH_PRODUCTS, kind)(page)


def _events(mapping: Mapping, kind: str | None, values: list[object]) -> list[bytes | None]:
    done = _transform(mapping, kind, values)
    return [None if event is None else encode_event(event) for event in done.events]


@QUICK
@given(st.lists(DRIVER_VALUES, min_size=1, max_size=6), st.sampled_from(KINDS))
@example([1, True, 1.0, Decimal(1), "1"], "boolean")
@example([1, True, "1", 0, False], "boolean")
@example([0.0, -0.0, Decimal("-0"), False], None)
@example([Decimal("1.0"), Decimal("1.00"), 1], "decimal")
@example(["\ud800", "x"], "text")
def test_a_row_gives_the_same_bytes_whatever_stands_beside_it(values: list[object], kind: str | None) -> None:
    """B27: the page, its order, and a second run change nothing."""
    together = _events(WITH_EVERYTHING, kind, values)
    assert together == [_events(WITH_EVERYTHING, kind, [value])[0] for value in values]
    assert together[::-1] == _events(WITH_EVERYTHING, kind, values[::-1])
    assert together == _events(WITH_EVERYTHING, kind, values)


@QUICK
@given(DRIVER_VALUES, st.sampled_from(KINDS), st.sampled_from([WITH_EVERYTHING, WITH_PRODUCTS]))
def test_no_value_makes_an_event_that_is_not_valid_json(value: object, kind: str | None, mapping: Mapping) -> None:
    """B1, B2, B22: strict UTF-8, no NaN, no Infinity, no null in a field."""
    for body in _events(mapping, kind, [value, None, value]):
        if body is None:
            continue
        event = json.loads(body.decode("utf-8", "strict"), parse_constant=lambda name: 1 / 0)
        assert None not in event.values()
        assert list(event)[:2] == ["event", "userid"]


@QUICK
@given(
    st.lists(
        st.one_of(
            st.integers(-(2**200), 2**200),
            st.decimals(allow_nan=False, allow_infinity=False),
            st.floats(allow_nan=False, allow_infinity=False),
            st.booleans(),
            st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1),
        ),
        min_size=1,
    )
)
@example([2**53 + 1, None, 9_007_199_254_740_993])
@example([Decimal("9007199254740993.10"), None])
def test_a_value_passes_unchanged(values: list[Any]) -> None:
    """B3, B4, B5, B6: a column without steps gives the driver's value, the same object's worth, beside NULLs too.

    But for white space around a text, and for true and false, which are yes and no.
    """
    columns = (Column("v"),)
    mapping = Mapping.model_validate(
        {
            "version": 1,
            "name": "m",
            "path": "m.yaml",
            "source": {"url": "sqlite://", "table": "t", "primary_key": "id"},
            "event": "e",
            "fields": {"userid": {"value": "u"}, "custom_v": "v"},
        }
    )
    done = Transformer(mapping, columns)(Page(columns, [(value,) for value in values], (0,), None))
    for value, event in zip(values, done.events, strict=True):
        assert event is not None
        if isinstance(value, bool):
            value = "yes" if value else "no"  # noqa: PLW2901 - what is to be seen of it
        elif isinstance(value, str):
            value = None if is_blank(value) else value.strip()  # noqa: PLW2901 - as above
        result = event.get("custom_v")
        assert (type(result), result) == (type(value), value)
        if isinstance(value, Decimal) and value:
            assert result.as_tuple() == value.as_tuple()
        # And in the request: the exact digits, or the same float.
        sent = json.loads(encode_event(event), parse_float=Decimal).get("custom_v")
        assert sent == (Decimal(repr(value)) if isinstance(value, float) else value)


@QUICK
@given(st.one_of(st.dates(), st.datetimes(), st.datetimes(timezones=ZONES), st.times(), st.uuids()))
def test_dates_and_ids_are_read_back_as_they_were(value: Any) -> None:
    columns = (Column("v"),)
    mapping = Mapping.model_validate(
        {
            "version": 1,
            "name": "m",
            "path": "m.yaml",
            "source": {"url": "sqlite://", "table": "t", "primary_key": "id", "timezone": "UTC"},
            "event": "e",
            "fields": {"userid": {"value": "u"}, "custom_v": "v"},
        }
    )
    (event,) = Transformer(mapping, columns)(Page(columns, [(value,)], (0,), None)).events
    assert event is not None
    text = str(event["custom_v"])
    read: Callable[[str], object] = UUID if isinstance(value, UUID) else type(value).fromisoformat
    if isinstance(value, datetime):
        value = value.replace(microsecond=0, tzinfo=value.tzinfo or timezone(timedelta()))
    assert read(text) == value


@QUICK
@given(st.lists(DRIVER_VALUES, max_size=8), st.sampled_from(KINDS))
def test_every_problem_has_a_known_code_and_no_value_in_its_message(values: list[object], kind: str | None) -> None:
    """F3: a message is made of types and rules."""
    from etl.mapping.problem_codes import PROBLEMS  # noqa: PLC0415

    for mapping in (WITH_EVERYTHING, WITH_PRODUCTS):
        done = _transform(mapping, kind, values)
        assert {problem.code for problem in done.problems} <= set(PROBLEMS)
        assert [problem.row for problem in done.problems] == sorted(problem.row for problem in done.problems)
        assert {problem.row for problem in done.problems if problem.fatal} == {
            row for row, event in enumerate(done.events) if event is None
        }
        assert not any("cannot be converted (" in problem.message for problem in done.problems)

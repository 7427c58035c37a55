"""Values of the cursor's own domain: spelt, cut, parsed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.errors import UsageProblem
from etl.source.cursor import CursorDomain, shape_of
from etl.source.plan import ReadPlan
from tests.source.tables import opened, run_sql

ZONE = ZoneInfo("Europe/Amsterdam")
MOMENT = datetime(2024, 7, 1, 22, 30, 59, 987654, tzinfo=UTC)


def domain_of(kind: Any, example: str | None = None, **more: Any) -> CursorDomain:
    return CursorDomain("c", kind, ZONE, shape=shape_of(example) if example else None, **more)


@pytest.mark.parametrize(
    ("example", "spelt"),
    [
        ("2024-01-31 10:20:30", "2024-07-02 00:30:59"),
        ("2024-01-31T10:20:30", "2024-07-02T00:30:59"),
        ("2024-01-31 10:20:30.1", "2024-07-02 00:30:59.9"),
        ("2024-01-31 10:20:30.123456", "2024-07-02 00:30:59.987654"),
        ("2024-01-31 10:20:30.123456789", "2024-07-02 00:30:59.987654000"),
        ("2024-01-31 10:20", "2024-07-02 00:30"),
        ("2024-01-31", "2024-07-02"),
    ],
)
def test_an_instant_is_spelt_as_the_column_spells_its_own(example: str, spelt: str) -> None:
    """A25, A26: cut to the column's precision, never rounded up; in the source's zone."""
    kind = "date" if len(example) == 10 else "datetime"
    assert domain_of(kind, example).at(MOMENT) == spelt


@pytest.mark.parametrize(
    ("example", "spelt"),
    [
        ("2024-01-31T10:20:30Z", "2024-07-01T22:30:59Z"),
        ("2024-01-31T10:20:30.000Z", "2024-07-01T22:30:59.987Z"),
        ("2024-01-31 10:20:30+00:00", "2024-07-01 22:30:59+00:00"),
        ("2024-01-31 10:20:30+0530", "2024-07-02 04:00:59+0530"),
        ("2024-01-31 10:20:30-03", "2024-07-01 19:30:59-03"),
        ("2024-01-31 10:20:30 +02:00", "2024-07-02 00:30:59 +02:00"),
    ],
)
def test_an_instant_is_spelt_in_the_zone_of_the_column(example: str, spelt: str) -> None:
    assert domain_of("datetime_tz", example).at(MOMENT) == spelt


@pytest.mark.parametrize(
    "text", ["", "2024", "2024-13-01", "2024-02-30 10:00:00", "10:20", "20241331", "2024013", "2024-01-31x", "a" * 50]
)
def test_other_text_is_no_time(text: str) -> None:
    assert shape_of(text) is None


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("2024-01-31", timedelta(days=1)),
        ("202401311020", timedelta(minutes=1)),
        ("2024-01-31 10:20:30", timedelta(seconds=1)),
        ("2024-01-31 10:20:30.12", timedelta(milliseconds=10)),
        ("2024-01-31 10:20:30.123456", timedelta(microseconds=1)),
        ("2024-01-31 10:20:30.123456789", timedelta(microseconds=1)),
    ],
)
def test_the_step_of_a_text_is_its_last_digit(text: str, step: timedelta) -> None:
    shape = shape_of(text)
    assert shape is not None
    assert shape.step == step


@given(
    st.datetimes(min_value=datetime(1000, 1, 1)),  # noqa: DTZ001  # naive on purpose
    st.sampled_from([" ", "T"]),
    st.sampled_from(["", ".0", ".000", ".000000"]),
    st.sampled_from(["", "Z", "+01:00", "-0930"]),
)
def test_what_is_spelt_has_the_shape_it_was_spelt_in(
    moment: datetime, separator: str, fraction: str, zone: str
) -> None:
    shape = shape_of(f"2000-01-01{separator}00:00:00{fraction}{zone}")
    assert shape is not None
    assert shape_of(shape.spell(moment)) == shape


@pytest.mark.parametrize(
    ("kind", "granularity", "value"),
    [
        ("datetime", timedelta(microseconds=1), datetime(2024, 7, 2, 0, 30, 59, 987654)),  # noqa: DTZ001
        ("datetime", timedelta(milliseconds=1), datetime(2024, 7, 2, 0, 30, 59, 987000)),  # noqa: DTZ001
        ("datetime", timedelta(seconds=1), datetime(2024, 7, 2, 0, 30, 59)),  # noqa: DTZ001
        ("datetime", timedelta(minutes=1), datetime(2024, 7, 2, 0, 30)),  # noqa: DTZ001
        ("datetime_tz", timedelta(seconds=1), datetime(2024, 7, 1, 22, 30, 59, tzinfo=UTC)),
        ("date", timedelta(days=1), date(2024, 7, 2)),
    ],
)
def test_an_instant_is_cut_to_the_columns_precision(kind: Any, granularity: timedelta, value: Any) -> None:
    """A20, A25: naive ones in the source's zone."""
    assert domain_of(kind, granularity=granularity).at(MOMENT) == value


@pytest.mark.parametrize(
    ("kind", "example", "typed", "value"),
    [
        ("integer", None, " 42 ", 42),
        ("integer", None, "-9007199254740993", -9007199254740993),
        ("text", None, "ABC", "ABC"),
        ("date", None, "2024-07-02", date(2024, 7, 2)),
        ("date", None, "2024-07-01T22:30:00Z", date(2024, 7, 2)),
        ("date", "2024-01-01", "2024-07-02", "2024-07-02"),
        ("datetime", None, "2024-07-02", datetime(2024, 7, 2)),  # noqa: DTZ001
        ("datetime", None, "2024-07-01T22:30:00Z", datetime(2024, 7, 2, 0, 30)),  # noqa: DTZ001
        ("datetime", "2024-01-01 00:00:00", "2024-07-02T10:00", "2024-07-02 10:00:00"),
        ("datetime_tz", None, "2024-07-02", datetime(2024, 7, 1, 22, tzinfo=UTC)),
        ("datetime_tz", None, "2024-07-02 10:00:00.000001+02:00", datetime(2024, 7, 2, 8, 0, 0, 1, tzinfo=UTC)),
        ("datetime_tz", "2024-01-01T00:00:00Z", "2024-07-02", "2024-07-01T22:00:00Z"),
    ],
)
def test_what_a_person_types_becomes_a_value_of_the_column(
    kind: Any, example: str | None, typed: str, value: Any
) -> None:
    assert domain_of(kind, example).parse(typed) == value


@pytest.mark.parametrize(("kind", "typed"), [("integer", "1.5"), ("datetime", "yesterday"), ("date", "2024-02-30")])
def test_anything_else_is_refused_with_an_example(kind: Any, typed: str) -> None:
    with pytest.raises(UsageProblem) as error:
        domain_of(kind).parse(typed)
    assert error.value.message == f'"{typed}" is no value of the cursor c ({kind})'
    assert (error.value.hint or "").startswith("for example")


@pytest.mark.parametrize(
    ("kind", "key", "given", "dialect", "expected"),
    [
        ("datetime", "settle", None, "postgresql", timedelta(seconds=60)),
        ("datetime", "settle", None, "sqlite", timedelta(0)),
        ("datetime", "settle", timedelta(seconds=5), "sqlite", timedelta(seconds=5)),
        ("datetime", "settle", 0, "postgresql", timedelta(0)),
        ("datetime", "lookback", 0, "postgresql", timedelta(0)),
        ("date", "lookback", None, "sqlite", timedelta(hours=1)),
        ("integer", "settle", None, "postgresql", 0),
        ("integer", "lookback", None, "postgresql", 1),
        ("integer", "lookback", 500, "postgresql", 500),
        ("integer", "settle", timedelta(0), "postgresql", 0),
        ("text", "lookback", None, "postgresql", 0),
    ],
)
def test_settle_and_lookback_have_the_defaults_of_the_kind(
    kind: Any, key: str, given: Any, dialect: str, expected: Any
) -> None:
    plan = ReadPlan(url="", primary_key=("id",), **{key: given})
    domain = domain_of(kind)
    assert (domain.settle(plan, dialect=dialect) if key == "settle" else domain.lookback(plan)) == expected


@pytest.mark.parametrize(("kind", "given"), [("datetime", 5), ("integer", timedelta(hours=1)), ("text", 5)])
def test_a_span_of_the_wrong_kind_is_a_mistake_of_the_mapping(kind: Any, given: Any) -> None:
    with pytest.raises(UsageProblem, match=r"source\.lookback"):
        domain_of(kind).lookback(ReadPlan(url="", primary_key=("id",), lookback=given))


@pytest.mark.parametrize(
    ("server", "column", "step"),
    [
        ("postgresql", "timestamp(0)", timedelta(seconds=1)),
        ("postgresql", "timestamp(2)", timedelta(milliseconds=10)),
        ("postgresql", "timestamp", timedelta(microseconds=1)),
        ("mariadb", "DATETIME", timedelta(seconds=1)),
        ("mariadb", "DATETIME(3)", timedelta(milliseconds=1)),
        ("mariadb", "DATE", timedelta(days=1)),
    ],
)
def test_a_column_of_times_steps_as_it_was_declared(
    request: pytest.FixtureRequest, server: str, column: str, step: timedelta
) -> None:
    """Rows of the step in progress may still come below the last key, so nothing of it is read yet."""
    url = request.getfixturevalue(f"{server}_url")
    run_sql(url, f"CREATE TABLE t (id INTEGER PRIMARY KEY, at {column} NOT NULL)")
    with opened(url, cursor_field="at") as source:
        assert source.parts.domain is not None
        assert source.parts.domain.granularity == step


@pytest.mark.parametrize("given", [None, 0, 5])
@pytest.mark.parametrize("unique", [True, False])
@pytest.mark.parametrize("kind", ["integer", "text"])
def test_without_a_clock_one_value_is_looked_back_at_where_rows_may_share_it(
    kind: Any, *, unique: bool, given: int | None
) -> None:
    """Each of the twelve, for both keys; a text cursor has neither."""
    domain = domain_of(kind, unique=unique)
    plan = ReadPlan(url="", primary_key=("id",), lookback=given, settle=given)
    if kind == "text" and given:
        for ask in (domain.lookback, lambda plan: domain.settle(plan, dialect="sqlite")):
            with pytest.raises(UsageProblem):
                ask(plan)
        return
    default = 1 if kind == "integer" and not unique else 0
    assert domain.lookback(plan) == (default if given is None else given)
    assert domain.settle(plan, dialect="postgresql") == (given or 0)


@pytest.mark.parametrize(
    ("example", "typed", "edge"),
    [
        ("2024-01-31 10:20:30.123", "2024-03-01T08:00:00", "2024-03-01 08:00:00"),
        ("2024-01-31 10:20:30.123", "2024-03-01T08:00:00.250", "2024-03-01 08:00:00.250"),
        ("2024-01-31T10:20:30.123Z", "2024-03-01T08:00:00+00:00", "2024-03-01T08:00:00.000Z"),
        ("20240131102030", "2024-03-01T08:00:00", "20240301080000"),
    ],
)
def test_the_end_of_a_range_lies_below_every_spelling_of_its_moment(example: str, typed: str, edge: str) -> None:
    """A full second without its fraction, where the column may hold both; a fraction, a zone and mere digits stay."""
    kind = "datetime_tz" if example.endswith("Z") else "datetime"
    assert domain_of(kind, example).parse(typed) == edge


@pytest.mark.parametrize(
    ("value", "below"),
    [("2024-03-01 08:00:00", "2024-03-01 07:00:00"), ("2024-03-01 08:00:00.5", "2024-03-01 07:00:00.5")],
)
def test_what_lies_below_a_text_is_spelt_as_that_text_is_not_as_most_are(value: str, below: str) -> None:
    """A column may hold both spellings, and text is compared as text."""
    domain = domain_of("datetime", "2024-01-31 10:20:30.123456")
    assert domain.below(value, timedelta(hours=1)) == below

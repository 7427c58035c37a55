"""Values on their way from real databases into events: nothing is changed by passing through.

A20, A23, B3, B4, B5, B8, B10, B11, B12, B13.
"""
# ruff: noqa: DTZ001  # naive datetimes are what databases give

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from etl.event.encode import encode_event
from etl.mapping.model import Mapping
from etl.page import Window
from etl.transform.transformer import Transformer
from tests.source.tables import dialect_of, insert, opened, run_sql

D = Decimal

# By column: its type on each database, and the values of three rows; the third row is all NULL.
TYPES = {
    "whole": ({"sqlite": "INTEGER", "postgresql": "bigint", "mysql": "BIGINT"}, [2**53 + 1, -(2**63)]),
    "exact": ({"sqlite": "TEXT", "postgresql": "numeric(40,10)", "mysql": "DECIMAL(40,10)"}, None),
    "words": ({"sqlite": "TEXT", "postgresql": "text", "mysql": "TEXT"}, [" 0611 \U0001f600\n", "Zoë"]),
    "flag": ({"sqlite": "BOOLEAN", "postgresql": "boolean", "mysql": "BOOLEAN"}, [True, False]),
    "day": ({"sqlite": "DATE", "postgresql": "date", "mysql": "DATE"}, [date(2024, 2, 29), date(1900, 1, 1)]),
    "moment": (
        {"sqlite": "DATETIME", "postgresql": "timestamp", "mysql": "DATETIME(6)"},
        [datetime(2024, 7, 1, 12, 0, 0, 1), datetime(2024, 12, 1)],
    ),
    "near": ({"sqlite": "REAL", "postgresql": "double precision", "mysql": "DOUBLE"}, [0.1 + 0.2, -1e-7]),
}
EXACT = [D("123456789012345678901234567890.0123456789"), D("-0.5000000000")]


@pytest.fixture
def mapping(make_mapping: Callable[..., Mapping]) -> Mapping:
    fields = {f"custom_{name}": name for name in TYPES}
    return make_mapping({"userid": "id"} | fields | {"newsletter": "flag"}, timezone="Europe/Amsterdam")


def test_a_column_without_steps_gives_the_drivers_value(database_url: str, mapping: Mapping) -> None:
    """Integers beside NULL stay integers, decimals every digit, text its spaces; dates and times are written out."""
    sort = dialect_of(database_url)
    columns = ", ".join(f"{name} {by_sort[sort]}" for name, (by_sort, _) in TYPES.items())
    run_sql(database_url, f"CREATE TABLE t (id INTEGER PRIMARY KEY, {columns})")
    rows: list[dict[str, Any]] = [{"id": 3} | dict.fromkeys(TYPES)]
    for row in range(2):
        values = {name: EXACT[row] if given is None else given[row] for name, (_, given) in TYPES.items()}
        if sort == "sqlite":
            values |= {name: str(values[name]) for name in ("exact", "day", "moment")}
        rows.append({"id": row + 1} | values)
    insert(database_url, "t", rows)
    with opened(database_url, columns=tuple(TYPES)) as source:
        (page,) = source.pages(Window())
        done = Transformer(mapping, page.columns)(page)
    assert done.problems == []
    events = [event for event in done.events if event is not None]
    exact = list(map(str, EXACT)) if sort == "sqlite" else EXACT
    assert events == [
        {
            "event": "CRMUpdate",
            "userid": str(row + 1),
            "custom_whole": TYPES["whole"][1][row],
            "custom_exact": exact[row],
            "custom_words": TYPES["words"][1][row].strip(),
            "custom_flag": ["yes", "no"][row],
            "custom_day": ["2024-02-29", "1900-01-01"][row],
            "custom_moment": ["2024-07-01T12:00:00+02:00", "2024-12-01T00:00:00+01:00"][row],
            "custom_near": [0.30000000000000004, -1e-7][row],
            "newsletter": ["yes", "no"][row],
        }
        for row in range(2)
    ] + [{"event": "CRMUpdate", "userid": "3"}]
    for row, event in enumerate(events[:2]):
        assert [type(event[f"custom_{name}"]) for name in ("whole", "exact", "near", "flag")] == [
            int,
            str if sort == "sqlite" else D,
            float,
            str,
        ]
        sent = json.loads(encode_event(event), parse_float=D)
        assert sent["custom_whole"] == TYPES["whole"][1][row]
        assert sent["custom_exact"] == exact[row]


# On PostgreSQL: a column's type, a literal, and what becomes of it.
POSTGRESQL = (
    ("timestamptz", "'2024-07-01 12:00:00+02'", "2024-07-01T10:00:00+00:00"),
    ("time", "'09:30'", "09:30:00"),
    ("uuid", "'12345678-1234-5678-1234-567812345678'", "12345678-1234-5678-1234-567812345678"),
    ("jsonb", """'{"a": [1, 2.5, null]}'""", {"a": [1, D("2.5"), None]}),
    ("jsonb", "'\"gold\"'", "gold"),
    ("jsonb", "'\"12\"'", "12"),
    ("jsonb", "'12.50'", D("12.50")),
    ("jsonb", "'12345678901234567890.12'", D("12345678901234567890.12")),
    ("json", """'{"a": [0.1000000000000000055]}'""", {"a": [D("0.1000000000000000055")]}),
    ("json", "'null'", None),
    ("char(12)", "'A1'", "A1"),
    ("char(12)", "''", None),
    ("text[]", "ARRAY['a', NULL, 'b']", ["a", "b"]),
    ("text", "'   '", None),
    ("varchar(9)", "E'\\t\\u00a0\\n'", None),
    ("text[]", "ARRAY['', ' a ']", ["a"]),
    ("text[]", "ARRAY['', '  ']", None),
    ("jsonb", """'["", " "]'""", None),
    ("char(3)[]", "ARRAY['a', '']", ["a"]),
    ("numeric[]", "ARRAY[1.50, 2]", [D("1.50"), D("2")]),
    ("date[]", "ARRAY[date '2024-02-29']", ["2024-02-29"]),
    ("numeric", "'NaN'", None),
    ("double precision", "'NaN'", None),
    ("double precision", "'Infinity'", "!not_finite"),
    ("interval", "'1 day'", "!unsupported_type"),
    ("int4range", "'[1,5)'", "!unsupported_type"),
    ("bytea", r"'\x00'", "!unsupported_type"),
    ("integer[]", "ARRAY[[1],[2]]", "!not_a_list"),
    ("mood[]", "'{sad,\"so, so\",NULL}'", ["sad", "so, so"]),
    ("mood[]", "'{}'", None),
    ("mood[]", "'{{sad},{sad}}'", "!not_a_list"),
    ("place[]", """'{"(Main,1)","(\\"a b\\",)"}'""", ["(Main,1)", '("a b",)']),
    ("jsonpath[]", "'{$.a,$}'", ['$."a"', "$"]),
    ("jsonpath", "'$.a'", '$."a"'),
    ("note[]", r"""'{" a\"b ","{x}","c\\d"}'""", ['a"b', "{x}", r"c\d"]),
)
MARIADB = (
    ("TIMESTAMP(3) NULL", "'2024-07-01 12:00:00.5'", "2024-07-01T12:00:00+00:00"),
    ("TIME", "'09:30:00'", "09:30:00"),
    ("TIME", "'100:00:00'", "!unsupported_type"),
    ("BIT(1)", "b'1'", "yes"),
    ("BIT(8)", "b'1'", "!unsupported_type"),
    ("TINYINT(1)", "5", "!not_a_boolean"),
    ("TINYINT(1)", "1", "yes"),
    ("SET('a', 'b', 'c')", "'a,c'", ["a", "c"]),
    # MariaDB's JSON is text under another name: `type: json` reads it.
    ("JSON", """'{"a": 2.50}'""", '{"a": 2.50}'),
    ("ENUM('x', 'y')", "'y'", "y"),
    ("VARCHAR(9)", "'   '", None),
    ("CHAR(9)", "''", None),
    ("BIGINT UNSIGNED", "18446744073709551615", 2**64 - 1),
    ("VARBINARY(3)", "'a'", "!unsupported_type"),
)


@pytest.mark.parametrize(
    ("sort", "column", "literal", "wanted"),
    [("postgresql", *case) for case in POSTGRESQL] + [("mariadb", *case) for case in MARIADB],
)
def test_a_column_of_a_databases_own_type(  # noqa: PLR0917  # one row of the table
    request: pytest.FixtureRequest,
    make_mapping: Callable[..., Mapping],
    sort: str,
    column: str,
    literal: str,
    wanted: object,
) -> None:
    """B11, B12, B13: the table of supported conversions, and the type's name for the rest."""
    url = request.getfixturevalue(f"{sort}_url")
    own: tuple[str, ...] = ()
    if sort == "postgresql":
        own = ("CREATE TYPE mood AS ENUM ('sad', 'so, so')", "CREATE DOMAIN note AS text")
        own += ("CREATE TYPE place AS (street text, number integer)",)
    run_sql(url, *own, f"CREATE TABLE t (id INTEGER PRIMARY KEY, v {column})", f"INSERT INTO t VALUES (1, {literal})")
    mapping = make_mapping({"userid": "id", "custom_v": "v"}, timezone="Europe/Amsterdam")
    with opened(url, columns=("v",)) as source:
        (page,) = source.pages(Window())
        done = Transformer(mapping, page.columns)(page)
    (event,) = done.events
    result = f"!{done.problems[0].code}" if done.problems else (event or {}).get("custom_v")
    assert (type(result), result) == (type(wanted), wanted)


@pytest.mark.parametrize(
    ("sort", "column"),
    [
        *(("postgresql", one) for one in ("numeric(15,0)", "numeric(17,2)", "double precision", "bigint", "text")),
        *(("mariadb", one) for one in ("DECIMAL(15,0)", "DOUBLE", "BIGINT", "VARCHAR(20)")),
        *(("sqlite", one) for one in ("NUMERIC", "REAL", "TEXT")),
    ],
)
def test_a_phone_number_that_is_kept_as_a_number_keeps_its_digits(
    request: pytest.FixtureRequest, make_mapping: Callable[..., Mapping], sort: str, column: str
) -> None:
    """Spreadsheets and imports make numbers of them; `.0` behind one is no further digit."""
    url = request.getfixturevalue(f"{sort}_url")
    literal = "'31612345678.0'" if column in {"text", "TEXT", "VARCHAR(20)"} else "31612345678"
    run_sql(url, f"CREATE TABLE t (id INTEGER PRIMARY KEY, v {column})", f"INSERT INTO t VALUES (1, {literal})")
    mapping = make_mapping({"userid": "id", "phone": "v"})
    with opened(url, columns=("v",)) as source:
        (page,) = source.pages(Window())
        done = Transformer(mapping, page.columns)(page)
    assert list(done.problems) == []
    assert [event and event["phone"] for event in done.events] == ["31612345678"]

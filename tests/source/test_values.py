"""Values pass as the driver gives them, and a checkpoint finds its row again."""

# ruff: noqa: DTZ001  # columns without zone hold naive times

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from etl.exact import decode, encode
from etl.page import Column, Position, Window
from tests.source.tables import insert, keys_of, opened, positions_of, run_sql

CURSORS: list[tuple[str, str, list[Any]]] = [
    ("sqlite", "INTEGER", [-5, 0, 2**53 + 1, 2**63 - 1]),
    ("sqlite", "DATETIME", ["2024-01-01 00:00:00", "2024-01-01 00:00:00.000001", "2024-01-01 00:00:00.1"]),
    ("sqlite", "DATE", ["1900-01-01", "2024-02-29"]),
    ("postgresql", "bigint", [-(2**63), 0, 2**53 + 1, 2**63 - 1]),
    ("postgresql", "smallint", [-1, 0, 32767]),
    ("postgresql", "numeric(30,0)", [Decimal(1), Decimal(10**29)]),
    ("postgresql", "text", ["2024-03-31T01:59:59", "2024-03-31T03:00:00"]),
    (
        "postgresql",
        "timestamp",
        [datetime(1, 1, 1), datetime(2024, 1, 1, 0, 0, 0, 1), datetime(9999, 12, 31, 23, 59, 59, 999999)],
    ),
    ("postgresql", "timestamp(3)", [datetime(2024, 1, 1, 0, 0, 0, 1000), datetime(2024, 1, 1, 0, 0, 0, 2000)]),
    (
        "postgresql",
        "timestamptz",
        [datetime(2024, 3, 31, 0, 59, 59, 999999, UTC), datetime(2024, 10, 27, 1, tzinfo=UTC)],
    ),
    ("postgresql", "date", [date(1, 1, 1), date(2024, 2, 29), date(9999, 12, 31)]),
    ("mariadb", "BIGINT", [-(2**63), 0, 2**53 + 1, 2**63 - 1]),
    ("mariadb", "BIGINT UNSIGNED", [0, 2**64 - 1]),
    ("mariadb", "DECIMAL(30,0)", [Decimal(1), Decimal(10**29)]),
    ("mariadb", "VARCHAR(20)", ["2024-03-31 01:59:59", "2024-03-31 03:00:00"]),
    ("mariadb", "DATETIME", [datetime(1000, 1, 1), datetime(2024, 1, 1, 0, 0, 1), datetime(9999, 12, 31, 23, 59, 59)]),
    ("mariadb", "DATETIME(6)", [datetime(2024, 1, 1, 0, 0, 0, 1), datetime(2024, 1, 1, 0, 0, 0, 100000)]),
    ("mariadb", "TIMESTAMP(6) NULL", [datetime(2024, 3, 31, 1, 30, 0, 1, UTC), datetime(2024, 10, 27, 1, tzinfo=UTC)]),
    ("mariadb", "DATE", [date(1000, 1, 1), date(2024, 2, 29), date(9999, 12, 31)]),
]


def for_driver(value: Any) -> Any:
    # The writer's session is not the product's: give instants in the server's zone, which is UTC here.
    return value.replace(tzinfo=None) if isinstance(value, datetime) and value.tzinfo else value


@pytest.mark.parametrize(("server", "column", "values"), CURSORS)
def test_a_stored_cursor_finds_its_row_again(
    server: str, column: str, values: list[Any], request: pytest.FixtureRequest
) -> None:
    """A20, A26, A28: the driver's value, through the state's text and back, equals only its own row's cursor."""
    url = request.getfixturevalue(f"{server}_url")
    run_sql(url, f"CREATE TABLE t (id INTEGER PRIMARY KEY, at {column})")
    driver = for_driver if server == "mariadb" else lambda value: value
    insert(url, "t", [{"id": n, "at": driver(value)} for n, value in enumerate(values)])
    with opened(url, cursor_field="at") as source:
        positions = positions_of(source.pages(Window()))
        assert [one.cursor for one in positions] == values
        assert [type(one.cursor) for one in positions] == [type(value) for value in values]
        for n, position in enumerate(positions):
            stored = Position(decode(encode(position.cursor)), tuple(decode(encode(part)) for part in position.key))
            assert stored == position
            assert source.count(Window(start=stored.cursor, until=stored.cursor)) == 1
            assert keys_of(source.pages(Window(after=stored))) == [(later,) for later in range(n + 1, len(values))]
            assert keys_of(source.pages(Window(upto=stored))) == [(one,) for one in range(n + 1)]
            source.check_not_backwards(stored)


@pytest.mark.parametrize(
    ("server", "column", "keys"),
    [
        ("postgresql", "uuid", [UUID(int=1), UUID(int=2**127)]),
        ("postgresql", "bytea", [b"\x00", b"\xff\x00"]),
        ("postgresql", "numeric(10,3)", [Decimal("1.000"), Decimal("1.001")]),
        ("postgresql", "timestamptz", [datetime(2024, 1, 1, 0, 0, 0, 1, UTC)]),
        ("mariadb", "VARBINARY(16)", [b"\x00", b"\xff\x00"]),
        ("mariadb", "DECIMAL(10,3)", [Decimal("1.000"), Decimal("1.001")]),
        ("sqlite", "BLOB", [b"\x00", b"\xff\x00"]),
        ("sqlite", "TEXT", ["1", "01", "a'b\"c:d%e"]),
    ],
)
def test_a_stored_key_finds_its_row_again(
    server: str, column: str, keys: list[Any], request: pytest.FixtureRequest
) -> None:
    """A26, A31: a random key is fine as a tie-break."""
    url = request.getfixturevalue(f"{server}_url")
    run_sql(url, f"CREATE TABLE t (id {column} NOT NULL, PRIMARY KEY (id))")
    insert(url, "t", [{"id": key} for key in keys])
    with opened(url, page_size=1) as source:
        found = keys_of(source.pages(Window()))
        assert sorted(found) == sorted((key,) for key in keys)
        stored = [(decode(encode(key[0])),) for key in found]
        assert keys_of([source.rows_by_key(stored)]) == found


DRIVERS_VALUES: list[tuple[str, str, str, str | None, Any]] = [
    ("sqlite", "INTEGER", "9007199254740993", "integer", 2**53 + 1),
    ("sqlite", "BOOLEAN", "1", "boolean", 1),
    ("sqlite", "DECIMAL(10,2)", "12.5", "decimal", 12.5),
    ("sqlite", "DATETIME", "'2024-01-02 03:04:05'", "datetime", "2024-01-02 03:04:05"),
    ("sqlite", "", "'x'", None, "x"),
    ("sqlite", "JSON", "'{\"a\": 1.10}'", "json", '{"a": 1.10}'),
    ("postgresql", "bigint", "9007199254740993", "integer", 2**53 + 1),
    ("postgresql", "boolean", "true", "boolean", True),
    ("postgresql", "numeric(10,2)", "12.50", "decimal", Decimal("12.50")),
    ("postgresql", "double precision", "0.1", "number", 0.1),
    ("postgresql", "timestamp", "'2024-01-02 03:04:05.000006'", "datetime", datetime(2024, 1, 2, 3, 4, 5, 6)),
    (
        "postgresql",
        "timestamptz",
        "'2024-01-02 03:04:05.000006+02'",
        "datetime_tz",
        datetime(2024, 1, 2, 1, 4, 5, 6, UTC),
    ),
    ("postgresql", "date", "'2024-01-02'", "date", date(2024, 1, 2)),
    ("postgresql", "uuid", "'00000000-0000-0000-0000-000000000001'", "uuid", UUID(int=1)),
    ("postgresql", "bytea", r"'\x00ff'", "bytes", b"\x00\xff"),
    ("postgresql", "jsonb", "'{\"a\": [1, null]}'", "json", {"a": [1, None]}),
    ("postgresql", "int4range", "'[1,5)'", "other", None),
    ("mariadb", "BIGINT UNSIGNED", "18446744073709551615", "integer", 2**64 - 1),
    ("mariadb", "BOOLEAN", "true", "boolean", 1),
    ("mariadb", "DECIMAL(10,2)", "12.50", "decimal", Decimal("12.50")),
    ("mariadb", "DOUBLE", "0.1", "number", 0.1),
    ("mariadb", "DATETIME(6)", "'2024-01-02 03:04:05.000006'", "datetime", datetime(2024, 1, 2, 3, 4, 5, 6)),
    (
        "mariadb",
        "TIMESTAMP(6) NULL",
        "'2024-01-02 03:04:05.000006'",
        "datetime_tz",
        datetime(2024, 1, 2, 3, 4, 5, 6, UTC),
    ),
    ("mariadb", "DATE", "'2024-01-02'", "date", date(2024, 1, 2)),
    ("mariadb", "TEXT", "'ä漢😀'", "text", "ä漢😀"),
    ("mariadb", "VARBINARY(9)", "X'00ff'", "bytes", b"\x00\xff"),
    ("mariadb", "ENUM('a','b')", "'b'", "text", "b"),
]


@pytest.mark.parametrize(("server", "column", "literal", "kind", "value"), DRIVERS_VALUES)
def test_a_column_keeps_its_kind_and_the_drivers_value(
    server: str, column: str, literal: str, kind: str | None, *, value: Any, request: pytest.FixtureRequest
) -> None:
    """B3: nothing is changed by passing through."""
    url = request.getfixturevalue(f"{server}_url")
    run_sql(
        url, f"CREATE TABLE t (id INTEGER PRIMARY KEY, v {column})", f"INSERT INTO t VALUES (1, {literal}), (2, NULL)"
    )
    with opened(url, columns=("v",)) as source:
        (page,) = source.pages(Window())
        assert page.columns == (Column("id", "integer"), Column("v", kind))
        assert page.rows[1][1] is None
        if value is not None:
            assert page.rows[0][1] == value
            assert type(page.rows[0][1]) is type(value)


@pytest.mark.parametrize(
    ("server", "column", "literal", "kind", "value"), [one for one in DRIVERS_VALUES if one[0] != "sqlite"]
)
def test_a_query_knows_the_kinds_from_the_answer(
    server: str, column: str, literal: str, kind: str | None, *, value: Any, request: pytest.FixtureRequest
) -> None:
    """A49: MySQL's wire does not tell TEXT from BLOB, a small integer from a boolean, nor binary from text."""
    url = request.getfixturevalue(f"{server}_url")
    run_sql(url, f"CREATE TABLE t (id INTEGER PRIMARY KEY, v {column})")
    with opened(url, query="SELECT * FROM t", columns=("v",)) as source:
        vague = {"TEXT": None, "VARBINARY(9)": "text"} if server == "mariadb" else {}
        assert source.columns[1].kind == vague.get(column, kind)

"""What the database declares is what a value means: padding, zeros, domains, arrays, encodings, bytes."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from etl.mapping.model import Mapping
from etl.page import UNDECODABLE, Window
from etl.source.plan import ChildPlan
from etl.transform.transformer import Transformer
from tests.source.drivers import require_driver
from tests.source.tables import opened, run_sql, writer


def events_of(url: str, mapping: Mapping, **plan: Any) -> list[Any]:
    with opened(url, **plan) as source:
        (page,) = source.pages(Window())
        return Transformer(mapping, source.columns, source.child_columns)(page).events


@pytest.fixture(scope="session")
def mapped() -> Callable[..., Mapping]:
    def make(**fields: Any) -> Mapping:
        source = {"url": "sqlite://", "table": "t", "primary_key": "id", "timezone": "Europe/Amsterdam"}
        return Mapping.model_validate(
            {"version": 1, "name": "m", "path": "m.yaml", "source": source, "event": "E", "fields": fields}
        )

    return make


@pytest.mark.parametrize("as_query", [False, True])
def test_the_padding_of_char_is_no_text_and_a_blank_id_is_missing(
    postgresql_url: str, mapped: Callable[..., Mapping], *, as_query: bool
) -> None:
    """Two customers with a blank number would become one profile."""
    run_sql(
        postgresql_url,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, no CHAR(12), city TEXT)",
        "INSERT INTO t VALUES (1, 'A1', ' '), (2, '', 'Breda'), (3, ' ', E'\\t')",
    )
    read = {"query": "SELECT * FROM t"} if as_query else {}
    events = events_of(postgresql_url, mapped(userid="no", city="city"), columns=("no", "city"), **read)
    assert events == [{"event": "E", "userid": "A1"}, None, None]


@pytest.mark.parametrize(
    ("sort", "own", "other"),
    [
        ("postgresql", "CHAR(10)", "VARCHAR(10)"),
        ("postgresql", "VARCHAR(10)", "CHAR(10)"),
        ("mariadb", "CHAR(10)", "VARCHAR(10)"),
        ("mariadb", "VARCHAR(10) COLLATE utf8mb4_general_ci", "VARCHAR(10) COLLATE utf8mb4_general_ci"),
    ],
)
def test_children_are_those_that_the_database_matches(request: Any, sort: str, own: str, other: str) -> None:
    """A purchase that goes out without its products counts as one with nothing in it."""
    url = request.getfixturevalue(f"{sort}_url")
    written = ("a1", "A1") if "general_ci" in own else ("A1", "A1")
    run_sql(
        url,
        f"CREATE TABLE t (id INTEGER PRIMARY KEY, no {own})",
        f"CREATE TABLE order_lines (no {other}, line INTEGER)",
        f"INSERT INTO t VALUES (1, '{written[0]}'), (2, 'B2'), (3, 'C3')",
        f"INSERT INTO order_lines VALUES ('{written[1]}', 1), ('{written[1]}', 2), ('B2', 1)",
    )
    child = ChildPlan("order_lines", (("no", "no"),), ("line",), ("line",))
    with opened(url, child=child) as source:
        (page,) = source.pages(Window())
    assert page.children == {0: [(1,), (2,)], 1: [(1,)]}


@pytest.mark.parametrize("as_query", [False, True])
def test_the_zeros_of_zerofill_belong_to_a_text(
    mariadb_url: str, mapped: Callable[..., Mapping], *, as_query: bool
) -> None:
    run_sql(
        mariadb_url,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, zip INT(5) ZEROFILL,"
        " tel DECIMAL(10) ZEROFILL, amount DECIMAL(6,2) ZEROFILL)",
        "INSERT INTO t VALUES (1, 1067, 612345678, 1.5), (2, 12345, 6123456789, 1234.56)",
    )
    read = {"query": "SELECT id, zip, tel, amount FROM t"} if as_query else {}
    mapping = mapped(
        userid="id",
        postcode="zip",
        custom_zip="zip",
        custom_text={"template": "D-{zip}"},
        phone="tel",
        city="amount",
        custom_amount="amount",
    )
    events = events_of(mariadb_url, mapping, columns=("zip", "tel", "amount"), **read)
    assert [(one["postcode"], one["custom_zip"], one["custom_text"]) for one in events] == [
        ("01067", 1067, "D-01067"),
        ("12345", 12345, "D-12345"),
    ]
    assert [(one["phone"], one["city"], one["custom_amount"]) for one in events] == [
        ("0612345678", "0001.50", Decimal("1.50")),
        ("6123456789", "1234.56", Decimal("1234.56")),
    ]


@pytest.mark.parametrize("as_query", [False, True])
def test_a_domain_is_its_base_type_and_an_array_a_list(
    postgresql_url: str, mapped: Callable[..., Mapping], *, as_query: bool
) -> None:
    run_sql(
        postgresql_url,
        "CREATE DOMAIN address AS text CHECK (VALUE LIKE '%@%')",
        "CREATE DOMAIN work_address AS address",
        "CREATE DOMAIN moment AS timestamptz(0)",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, mail work_address, at moment NOT NULL, tags text[])",
        "INSERT INTO t VALUES (1, 'a@b.nl', '2024-01-02 03:04:05+00', ARRAY['x', ''])",
    )
    read = {"query": "SELECT * FROM t"} if as_query else {}
    plan: dict[str, Any] = {"columns": ("mail", "tags"), "cursor_field": "at", **read}
    with opened(postgresql_url, **plan) as source:
        assert {one.name: one.kind for one in source.columns} == {
            "id": "integer",
            "mail": "text",
            "at": "datetime_tz",
            "tags": "list",
        }
        assert source.cursor_kind == "datetime_tz"
    (event,) = events_of(postgresql_url, mapped(email="mail", timestamp="at", custom_tags="tags"), **plan)
    assert event == {
        "event": "E",
        "email": "a@b.nl",
        "timestamp": "2024-01-02T03:04:05+00:00",
        "custom_tags": ["x"],
    }


def test_a_date_as_timestamp_is_midnight_in_the_zone(database_url: str, mapped: Callable[..., Mapping]) -> None:
    run_sql(
        database_url,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, day DATE, number INTEGER)",
        "INSERT INTO t VALUES (1, '2024-07-01', 20240102)",
    )
    mapping = mapped(userid="id", timestamp="day", custom_at={"column": "number", "type": "datetime"})
    (event,) = events_of(database_url, mapping, columns=("day", "number"))
    assert (event["timestamp"], event["custom_at"]) == ("2024-07-01T00:00:00+02:00", "2024-01-02T00:00:00+01:00")


def test_a_database_in_sql_ascii_is_read_as_utf8(postgresql_url: str, mapped: Callable[..., Mapping]) -> None:
    """Its texts came as bytes, and ended the run with a traceback; what is no UTF-8 costs its own value."""
    name = "sql_ascii_values"
    with writer(postgresql_url) as connection:
        connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name}")
        connection.exec_driver_sql(
            f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
        )
    url = sa.make_url(postgresql_url).set(database=name).render_as_string(hide_password=False)
    try:
        run_sql(
            f"{url}?client_encoding=utf8",
            "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)",
            "INSERT INTO t VALUES (1, 'Zoë'), (2, convert_from('\\x5a6fff', 'SQL_ASCII'))",
        )
        with opened(url, columns=("v",)) as source:
            (page,) = source.pages(Window())
            assert [row[-1] for row in page.rows] == ["Zoë", UNDECODABLE]
    finally:
        with writer(postgresql_url) as connection:
            connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.mark.parametrize("typed", ["0x0fa9{rest}", "0fa9{rest}", "0X0FA9{rest}", "{uuid}"])
@pytest.mark.parametrize(("sort", "column", "literal"), [("mariadb", "BINARY(16)", "0x"), ("postgresql", "BYTEA", "")])
def test_a_binary_key_is_typed_as_it_is_shown(request: Any, sort: str, column: str, literal: str, typed: str) -> None:
    url = request.getfixturevalue(f"{sort}_url")
    rest = "00112233445566778899aabbccdd"
    value = f"{literal}0fa9{rest}" if literal else f"decode('0fa9{rest}', 'hex')"
    run_sql(url, f"CREATE TABLE t (id {column} PRIMARY KEY)", f"INSERT INTO t VALUES ({value})")
    text = typed.format(rest=rest, uuid=UUID(f"0fa9{rest}"))
    with opened(url) as source:
        key = source.parse_key(text)
        assert [row[0] for row in source.rows_by_key([key]).rows] == [bytes.fromhex(f"0fa9{rest}")]


@pytest.mark.parametrize("scheme", ["mysql+pymysql", "mysql+mysqldb", "mariadb+mariadbconnector"])
def test_a_boolean_of_a_mariadb_query_is_one_as_in_its_table(
    mariadb_url: str, mapped: Callable[..., Mapping], scheme: str
) -> None:
    """Its protocol sends a number; how wide the column is tells that the table says BOOLEAN."""
    require_driver(scheme)
    run_sql(
        mariadb_url,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, vip BOOLEAN, level TINYINT, one TINYINT(2))",
        "INSERT INTO t VALUES (1, TRUE, 1, 1), (2, FALSE, 0, 0), (3, NULL, NULL, NULL)",
    )
    url = sa.make_url(mariadb_url).set(drivername=scheme).render_as_string(hide_password=False)
    fields = {"userid": {"column": "id", "type": "text"}, "custom_a": "vip", "custom_b": "level", "custom_c": "one"}
    columns = ("vip", "level", "one")
    expected = [
        {"event": "E", "userid": "1", "custom_a": "yes", "custom_b": 1, "custom_c": 1},
        {"event": "E", "userid": "2", "custom_a": "no", "custom_b": 0, "custom_c": 0},
        {"event": "E", "userid": "3"},
    ]
    for query in (
        "SELECT * FROM t",
        "SELECT a.id, b.vip, a.level, a.one FROM t a LEFT JOIN t b USING (id)",
        "WITH w AS (SELECT * FROM t) SELECT * FROM w",
    ):
        assert events_of(url, mapped(**fields), query=query, columns=columns) == expected
    assert events_of(url, mapped(**fields), table="t", columns=columns) == expected


@pytest.mark.parametrize("scheme", ["mysql+pymysql", "mysql+mysqldb", "mariadb+mariadbconnector"])
@pytest.mark.parametrize("where", [{"table": "t"}, {"query": "SELECT * FROM t"}])
def test_bytes_of_mariadb_are_never_sent_as_a_text_unless_asked_for(
    mariadb_url: str, mapped: Callable[..., Mapping], scheme: str, where: dict[str, str]
) -> None:
    """A query does not say that a column is binary: its values do."""
    require_driver(scheme)
    run_sql(
        mariadb_url,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, b BINARY(16), v VARBINARY(9), w VARCHAR(9) COLLATE utf8mb4_bin)",
        "INSERT INTO t VALUES (1, X'41424344000102030405060708090A0B', 'abc', 'abc')",
    )
    url = sa.make_url(mariadb_url).set(drivername=scheme).render_as_string(hide_password=False)
    mapping = mapped(
        userid={"column": "id", "type": "text"},
        custom_plain="b",
        custom_text={"column": "v", "type": "text"},
        custom_uuid={"column": "b", "type": "uuid"},
        custom_hex={"column": "b", "transform": ["hex"]},
        custom_word="w",
    )
    assert events_of(url, mapping, columns=("b", "v", "w"), **where) == [
        {
            "event": "E",
            "userid": "1",
            "custom_uuid": "41424344-0001-0203-0405-060708090a0b",
            "custom_hex": "41424344000102030405060708090a0b",
            "custom_word": "abc",
        }
    ]


FLOATS = (123456.78, 16777216, 0.1, -1.1, 1e38, 12345.67, None)


@pytest.mark.parametrize("as_query", [False, True])
@pytest.mark.parametrize("sort", ["mariadb", "duckdb", "postgresql"])
def test_a_float_of_four_bytes_keeps_its_digits(
    request: pytest.FixtureRequest, tmp_path: Path, mapped: Callable[..., Mapping], sort: str, *, as_query: bool
) -> None:
    """MariaDB's protocol shows six of them, so a price of 123456.78 would be 123457; DuckDB's driver adds some."""
    url = f"duckdb:///{tmp_path}/shop.duckdb" if sort == "duckdb" else request.getfixturevalue(f"{sort}_url")
    rows = ", ".join(f"({n}, {'NULL' if value is None else value})" for n, value in enumerate(FLOATS, 1))
    sql_type = "REAL" if sort == "postgresql" else "FLOAT"
    run_sql(url, f"CREATE TABLE t (id INTEGER PRIMARY KEY, v {sql_type})", f"INSERT INTO t VALUES {rows}")
    read = {"query": "SELECT * FROM t"} if as_query else {}
    events = events_of(url, mapped(userid="id", custom_v="v"), columns=("id", "v"), **read)
    assert [event.get("custom_v") for event in events] == list(FLOATS)

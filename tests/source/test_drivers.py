"""Every driver gives the same rows: the same values of the same types, and a cursor that finds its row again."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from etl.page import Window
from etl.source.open import open_plan
from etl.source.plan import ReadPlan
from tests.source.clocks import FakeClock
from tests.source.drivers import SCHEMES, require_driver
from tests.source.tables import insert, keys_of, opened, rows_of, run_sql

POSTGRESQL = {
    "si": ("smallint", "'7'"),
    "bi": ("bigint", "9007199254740993"),
    "nu": ("numeric(20,4)", "12345678901234.5678"),
    "fl": ("double precision", "0.1"),
    "bo": ("boolean", "true"),
    "tx": ("text", "'é😀 100% :x'"),
    "ch": ("char(4)", "'ab'"),
    "da": ("date", "'2024-02-29'"),
    "ts": ("timestamp", "'2024-02-29 10:11:12.123456'"),
    "tz": ("timestamptz", "'2024-02-29 10:11:12.123456+03'"),
    "uu": ("uuid", "'f47ac10b-58cc-4372-a567-0e02b2c3d479'"),
    "js": ("json", """'{"a": [1, 2.5, "x"]}'"""),
    "jb": ("jsonb", """'{"a": null}'"""),
    "ba": ("bytea", "'\\\\x00ff'"),
    "ar": ("text[]", "ARRAY['a', NULL, 'b,c']"),
    "nn": ("text", "NULL"),
}
MARIADB = {
    "ti": ("tinyint(1)", "1"),
    "bi": ("bigint unsigned", "18446744073709551615"),
    "nu": ("decimal(20,4)", "12345678901234.5678"),
    "fl": ("double", "0.1"),
    "tx": ("text", "'é😀 100% x'"),
    "da": ("date", "'2024-02-29'"),
    "dt": ("datetime(6)", "'2024-02-29 10:11:12.123456'"),
    "ts": ("timestamp(6) NULL", "'2024-02-29 10:11:12.123456'"),
    "tn": ("timestamp NULL", "NULL"),
    "tm": ("time", "'-10:11:12'"),
    "js": ("json", """'{"a": 1}'"""),
    "bl": ("varbinary(9)", "x'00ff'"),
    "en": ("enum('a','b')", "'b'"),
    "nn": ("text", "NULL"),
}


@pytest.fixture(params=SCHEMES)
def scheme(request: pytest.FixtureRequest) -> str:
    """Each driver that reads."""
    name: str = request.param
    require_driver(name)
    return name


def server_of(scheme: str, request: pytest.FixtureRequest) -> sa.URL:
    url: str = request.getfixturevalue("postgresql_url" if scheme.startswith("postgresql") else "mariadb_url")
    return sa.make_url(url)


def by(scheme: str, url: sa.URL) -> str:
    return url.set(drivername=scheme, query={}).render_as_string(hide_password=False)


def test_the_values_are_those_of_the_usual_driver(scheme: str, request: pytest.FixtureRequest) -> None:
    url = server_of(scheme, request)
    columns = POSTGRESQL if scheme.startswith("postgresql") else MARIADB
    usual = SCHEMES[0] if scheme.startswith("postgresql") else SCHEMES[3]
    declared = ", ".join(f"{name} {kind}" for name, (kind, _) in columns.items())
    values = ", ".join(value for _, value in columns.values())
    run_sql(str(by(usual, url)), f"CREATE TABLE t (id integer PRIMARY KEY, {declared})")
    engine = sa.create_engine(by(usual, url), poolclass=sa.NullPool)
    with engine.begin() as connection:
        if engine.dialect.name == "mysql":
            connection.exec_driver_sql("SET time_zone = '+00:00'")
        connection.exec_driver_sql(f"INSERT INTO t VALUES (1, {values})".replace("%", "%%"))
    found: dict[str, Any] = {}
    for name in (usual, scheme):
        with opened(by(name, url), columns=tuple(columns), timezone="UTC") as source:
            (row,) = rows_of(source.pages(Window()))
            found[name] = [
                (column.name, column.kind, type(value), value)
                for column, value in zip(source.columns, row, strict=True)
            ]
    for ours, theirs in zip(found[scheme], found[usual], strict=True):
        assert ours[:2] == theirs[:2]
        assert ours[3] == theirs[3], ours
        assert ours[2] is theirs[2], ours


@pytest.mark.parametrize("naive", [True, False])
def test_a_cursor_finds_its_row_again(scheme: str, naive: bool, request: pytest.FixtureRequest) -> None:  # noqa: FBT001
    """To the microsecond, with pages smaller than the ties."""
    url = server_of(scheme, request)
    kinds = ("timestamp", "timestamptz") if scheme.startswith("postgresql") else ("datetime(6)", "timestamp(6)")
    run_sql(str(by(scheme, url)), f"CREATE TABLE t (id integer PRIMARY KEY, at {kinds[0 if naive else 1]} NOT NULL)")
    rows = [{"id": number, "at": f"2024-01-01 00:00:00.{number // 3:06d}"} for number in range(20)]
    insert(by(SCHEMES[0] if scheme.startswith("postgresql") else SCHEMES[3], url), "t", rows)
    for size in (1, 2, 7):
        with opened(by(scheme, url), cursor_field="at", page_size=size, timezone="UTC") as source:
            assert keys_of(source.pages(Window())) == [(number,) for number in range(20)]
            assert source.upper_bound().until is not None


def test_a_query_with_its_own_percent_and_colon_is_left_alone(scheme: str, request: pytest.FixtureRequest) -> None:
    """Each driver has its own mark of a parameter."""
    url = by(scheme, server_of(scheme, request))
    plan = ReadPlan(
        url=url,
        query="SELECT 1 AS id, 'a:b %s ? 100%' AS t WHERE 'x' LIKE '%x%'",
        primary_key=("id",),
        columns=("t",),
    )
    with open_plan(plan, clock=FakeClock()) as source:
        assert rows_of(source.pages(Window())) == [(1, "a:b %s ? 100%")]

"""The zone in which the database computes, and what the mapping says of it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from etl.errors import SourceMismatch, UsageProblem
from etl.page import Window
from tests.servers.databases import own_server
from tests.source.drivers import SCHEMES, require_driver
from tests.source.tables import opened, rows_of, run_sql

AT = "2024-01-01 23:30:00"
VIEW = {"postgresql": "CREATE VIEW v AS SELECT id, at, at::date AS day FROM t"}
VIEW["mysql"] = "CREATE VIEW v AS SELECT id, at, DATE(at) AS day FROM t"


@pytest.fixture
def amsterdam(postgresql_url: str) -> str:
    """A database whose own zone is Amsterdam's."""
    name = sa.make_url(postgresql_url).database
    run_sql(postgresql_url, f"ALTER DATABASE {name} SET timezone = 'Europe/Amsterdam'")
    run_sql(
        postgresql_url,
        "CREATE TABLE t (id integer PRIMARY KEY, at timestamptz NOT NULL, local timestamp)",
        f"INSERT INTO t VALUES (1, '{AT}+00')",
        VIEW["postgresql"],
    )
    return postgresql_url


@pytest.fixture
def shifted(servers_folder: Path) -> Iterator[str]:
    """A MariaDB whose own zone is two hours ahead."""
    with own_server("mariadb", servers_folder / f"own-{uuid.uuid4().hex}") as server:
        run_sql(
            server.url,
            "CREATE TABLE t (id integer PRIMARY KEY, at TIMESTAMP NOT NULL)",
            f"SET STATEMENT time_zone = '+00:00' FOR INSERT INTO t VALUES (1, '{AT}')",
            VIEW["mysql"],
            "SET GLOBAL time_zone = '+02:00'",
        )
        yield server.url


def found(url: str, **plan: Any) -> tuple[date, datetime]:
    with opened(url, table="v", columns=("day", "at"), **plan) as source:
        (row,) = rows_of(source.pages(Window()))
        values = dict(zip((column.name for column in source.columns), row, strict=True))
    return values["day"], values["at"].astimezone(UTC)


def findings(url: str, **plan: Any) -> list[str]:
    with opened(url, **plan) as source:
        return [one.message for one in source.preflight() if one.path == "source.session_timezone"]


@pytest.mark.parametrize(
    ("zone", "day"), [(None, 1), ("UTC", 1), ("server", 2), ("Europe/Amsterdam", 2), ("America/New_York", 1)]
)
def test_a_view_of_postgresql_computes_in_the_zone_that_the_mapping_names(
    amsterdam: str, zone: str | None, day: int
) -> None:
    """Instants stay what they are."""
    for scheme in SCHEMES[:3]:
        require_driver(scheme)
        url = sa.make_url(amsterdam).set(drivername=scheme).render_as_string(hide_password=False)
        expected = (date(2024, 1, day), datetime(2024, 1, 1, 23, 30, tzinfo=UTC))
        assert found(url, cursor_field="at", session_timezone=zone) == expected


@pytest.mark.parametrize(("zone", "day"), [(None, 1), ("UTC", 1), ("server", 2)])
def test_a_view_of_mariadb_computes_in_the_zone_that_the_mapping_names(
    shifted: str, zone: str | None, day: int
) -> None:
    for scheme in SCHEMES[3:]:
        require_driver(scheme)
        url = sa.make_url(shifted).set(drivername=scheme, query={}).render_as_string(hide_password=False)
        expected = (date(2024, 1, day), datetime(2024, 1, 1, 23, 30, tzinfo=UTC))
        assert found(url, session_timezone=zone) == expected
    with pytest.raises(SourceMismatch, match="at is a TIMESTAMP, which orders rows in UTC only"):
        found(shifted, cursor_field="at", session_timezone="server")
    assert found(shifted, cursor_field="at")[0] == date(2024, 1, 1)


def test_a_server_in_another_zone_is_told_where_it_matters(amsterdam: str, shifted: str) -> None:
    """Views, queries and conditions that compute; not a table of which columns are read."""
    for url, zone in ((amsterdam, "Europe/Amsterdam"), (shifted, "+02:00")):
        (message,) = findings(url, table="v")
        assert message.startswith(f"the server's zone is {zone}, but the view v computes in UTC here: ")
        (message,) = findings(url, query="SELECT id FROM t")
        assert "but the query computes" in message
        (message,) = findings(url, where="at < now()")
        assert "but source.where computes" in message
        assert findings(url, where="id > 0") == []
        for chosen in ("UTC", "server"):
            assert findings(url, table="v", session_timezone=chosen) == []


def test_a_server_in_utc_is_not_told(postgresql_url: str) -> None:
    run_sql(postgresql_url, "CREATE VIEW v AS SELECT 1 AS id")
    name = sa.make_url(postgresql_url).database
    run_sql(postgresql_url, f"ALTER DATABASE {name} SET timezone = 'Etc/UTC'")
    assert findings(postgresql_url, table="v") == []


def test_a_zone_that_the_server_has_no_table_for_is_named_with_what_fills_it(mariadb_url: str) -> None:
    """A server is made without them, and its own words are a number."""
    run_sql(mariadb_url, "CREATE TABLE t (id INTEGER PRIMARY KEY)")
    with pytest.raises(UsageProblem, match="the database server does not know this zone") as e:
        found(mariadb_url, session_timezone="Europe/Amsterdam")
    assert "mysql_tzinfo_to_sql" in (e.value.hint or "")

"""Whatever the type of a key or cursor: every row arrives exactly once, or validate and run refuse it alike.

Each type has eleven rows of one value, more than most pages hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from etl.errors import EtlError
from etl.exact import parse_position_text, position_text, show_key
from etl.source.relation import Relation, table_relation
from etl.source.source import Source
from tests.source import column_types
from tests.source.tables import dialect_of, keys_of, opened, run_sql, writer

# Of 1 every place ends a page, of 3 pages end within equal values and between them, of 100 all is one page.
PAGE_SIZES = (1, 3, 100)
# Where more add nothing: pages of DuckDB are those of a spool, and a refused role ends in its first pages.
FEW_PAGE_SIZES = (3, 100)
ROLES: dict[str, dict[str, Any]] = {
    "key": {"primary_key": ("odd", "id")},
    "key behind a cursor": {"primary_key": ("odd", "id"), "cursor_field": "made"},
    "cursor": {"primary_key": ("id",), "cursor_field": "odd"},
    "repeated key": {"primary_key": ("odd",)},
    # So few that no page ends between them: only neighbours tell it.
    "repeated key in a page": {"primary_key": ("odd",), "where": "num < 3"},
}
TYPES = [
    (server, name) for server in ("postgresql", "mariadb", "duckdb") for name in getattr(column_types, server.upper())
]


@pytest.fixture(scope="module")
def servers(postgresql_server: Any, mariadb_server: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The URL of one database a server, for all types."""
    urls = {"duckdb": f"duckdb:///{tmp_path_factory.mktemp('duckdb') / 'every_type.duckdb'}"}
    for name, server in (("postgresql", postgresql_server), ("mariadb", mariadb_server)):
        run_sql(server.url, "CREATE DATABASE every_type")
        urls[name] = sa.make_url(server.url).set(database="every_type").render_as_string(hide_password=False)
    run_sql(urls["postgresql"], *column_types.POSTGRESQL_SETUP)
    yield urls
    run_sql(postgresql_server.url, "DROP DATABASE every_type WITH (FORCE)")
    run_sql(mariadb_server.url, "DROP DATABASE every_type")


def test_no_type_of_postgresql_is_left_out(servers: dict[str, str]) -> None:
    with writer(servers["postgresql"]) as connection:
        offered = connection.scalars(
            sa.text(
                "SELECT format_type(oid, NULL) FROM pg_type WHERE typnamespace = 'pg_catalog'\\:\\:regnamespace"
                " AND typtype IN ('b', 'r', 'm') AND typcategory <> 'A'"
            )
        )
        missing = {name for name in offered if not any(one.startswith(name) for one in column_types.POSTGRESQL)}
    assert missing - column_types.POSTGRESQL_INTERNAL - {"int2vector", "oidvector"} == set()
    assert min(len(column_types.POSTGRESQL), len(column_types.MARIADB)) > 40


@pytest.mark.parametrize(("server", "declared"), TYPES)
def test_every_row_arrives_once_or_the_type_is_refused_alike(
    server: str, declared: str, servers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = servers[server]
    # The one table of all roles and page sizes is looked at once: it takes longer than to read it.
    relations: dict[str, Relation] = {}
    monkeypatch.setattr(
        "etl.source.open.table_relation",
        lambda database, name: relations.get(name) or relations.setdefault(name, table_relation(database, name)),
    )
    values = getattr(column_types, server.upper())[declared]
    count = make(url, declared, values)
    for role, plan in ROLES.items():
        refused: list[str] | None = None
        for page_size in page_sizes(server, role):
            try:
                source = opened(url, columns=("num",), page_size=page_size, **plan).__enter__()
            except EtlError:
                break  # by both, which open it in one way
            try:
                if refused is None:
                    # It does not depend on the size of pages.
                    refused = [one.message for one in source.preflight() if one.level == "error"]
                found = run(source)
                assert isinstance(found, str) == bool(refused), (role, page_size, refused, found)
                if refused:
                    continue
                assert not role.startswith("repeated"), "a key that several rows have is refused"
                assert found == sorted(range(count)), (role, page_size)
                if page_size == 3:
                    resumed(source, count)
            finally:
                source.close()


def page_sizes(server: str, role: str) -> tuple[int, ...]:
    if role == "repeated key in a page":
        return (100,)
    return FEW_PAGE_SIZES if server == "duckdb" or role == "repeated key" else PAGE_SIZES


def make(url: str, declared: str, values: Sequence[str]) -> int:
    """Fill table `t`, its key declared where the server allows it; returns the number of rows."""
    time = "timestamp" if dialect_of(url) == "postgresql" else "DATETIME"
    run_sql(url, "DROP TABLE IF EXISTS t")
    columns = f"odd {declared}, id INTEGER, made {time}, num INTEGER"
    try:
        run_sql(url, f"CREATE TABLE t ({columns}, PRIMARY KEY (odd, id))")
    except sa.exc.DBAPIError:
        run_sql(url, f"CREATE TABLE t ({columns})")
    spread = [value for at, value in enumerate(values) for _ in range(11 if at == 1 else 3)]
    # Keys run against the cursor, so that neither order can pass for the other.
    rows = [f"({value}, {len(spread) - n}, '2024-01-01 00:00:00', {n})" for n, value in enumerate(spread)]
    run_sql(url, f"INSERT INTO t VALUES {', '.join(rows)}")
    return len(rows)


def run(source: Source) -> list[int] | str:
    """The rows' numbers, sorted; or why the run refuses."""
    try:
        source.check_null_cursors()
        source.misshaped_cursors()
        at = [column.name for column in source.columns].index("num")
        windows = source.windows(None, source.upper_bound())
        return sorted(row[at] for window in windows for page in source.pages(window) for row in page.rows)
    except EtlError as error:
        return error.message


def resumed(source: Source, count: int) -> None:
    """A run that stops after each page goes on from the state's text of its checkpoint; each key finds its row."""
    read: list[Any] = []
    (window,) = source.windows(None, source.upper_bound())
    while (page := next(iter(source.pages(window)), None)) is not None:
        assert len(read) < count, "it goes on for ever"
        read += keys_of([page])
        window = replace(window, after=parse_position_text(position_text(page.position(len(page.rows) - 1))))
    assert len(read) == len(set(read)) == count
    for key in read[::5]:
        assert keys_of([source.rows_by_key([source.parse_key(typed(source, key))])]) == [key]


def typed(source: Source, key: tuple[Any, ...]) -> str:
    """A key as messages print it and as a person gives it back."""
    names = source.parts.plan.primary_key
    shown = [show_key((one,)) for one in key]
    return shown[0] if len(key) == 1 else ",".join(f"{name}={one}" for name, one in zip(names, shown, strict=True))

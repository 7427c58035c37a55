"""Tables of the tests, made alike on every database, and the reading of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from etl.clock import Clock
from etl.page import Page, Position, Window
from etl.source.open import open_plan
from etl.source.plan import ReadPlan
from etl.source.source import Source
from tests.servers.databases import committing
from tests.source.clocks import FakeClock

DATETIME = {"sqlite": "DATETIME", "postgresql": "timestamp", "mysql": "DATETIME(6)"}
DATETIME_TZ = {"sqlite": "TEXT", "postgresql": "timestamptz", "mysql": "TIMESTAMP(6)"}


@contextmanager
def writer(url: str) -> Iterator[sa.Connection]:
    """A connection that may write; each statement is committed at once."""
    with committing(url).connect() as connection:
        yield connection


def dialect_of(url: str) -> str:
    return sa.make_url(url).get_backend_name()


def run_sql(url: str, *statements: str) -> None:
    with writer(url) as connection:
        for statement in statements:
            connection.execute(sa.text(statement.replace(":", r"\:")))


def insert(url: str, table: str, rows: Sequence[dict[str, Any]]) -> None:
    """Rows of one set of columns, values given to the driver as they are."""
    if not rows:
        return
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    with engine.begin() as connection:
        names = list(rows[0])
        statement = sa.insert(sa.table(table, *(sa.column(name) for name in names)))
        connection.execute(statement, list(rows))


@contextmanager
def opened(url: str, clock: Clock | None = None, **plan: Any) -> Iterator[Source]:
    """A source on table `t` with key `id`, unless `plan` says otherwise."""
    if "query" not in plan:
        plan.setdefault("table", "t")
    plan.setdefault("primary_key", ("id",))
    with open_plan(ReadPlan(url=url, **plan), clock=clock or FakeClock()) as source:
        yield source


def rows_of(pages: Iterable[Page]) -> list[tuple[Any, ...]]:
    return [row for page in pages for row in page.rows]


def keys_of(pages: Iterable[Page]) -> list[tuple[Any, ...]]:
    return [page.position(index).key for page in pages for index in range(len(page.rows))]


def positions_of(pages: Iterable[Page]) -> list[Position]:
    return [page.position(index) for page in pages for index in range(len(page.rows))]


def everything(source: Source) -> list[Page]:
    return [page for window in source.windows(None, source.upper_bound()) for page in source.pages(window)]


ALL = Window()

"""A writing transaction that is older than `settle` holds rows back for as long as it has been open."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from etl.source import bound
from etl.source.database import Database
from tests.source.tables import opened, run_sql

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_the_bound_lies_before_the_transaction_began(postgresql_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Open for 300 s, published within 2 s: the bound is now less 302 s, whatever `settle` says."""
    run_sql(postgresql_url, "CREATE TABLE t (id INTEGER PRIMARY KEY, at timestamptz)")
    # The server's clock and its list of transactions stand still.
    monkeypatch.setattr(bound, "clock_statement", lambda _: sa.select(sa.literal(NOW.isoformat())))
    monkeypatch.setattr(bound, "oldest_open_seconds", lambda _: 300.0)  # no transaction is opened
    for settle, seconds in ((timedelta(0), 302), (timedelta(seconds=60), 302), (timedelta(seconds=400), 400)):
        with opened(postgresql_url, cursor_field="at", settle=settle) as source:
            assert isinstance(source.parts.database, Database)
            assert source.upper_bound().until == NOW - timedelta(seconds=seconds)

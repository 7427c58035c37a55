"""Rows in pieces, as a server sends them: what is cut off leaves nothing behind on the connection."""

from __future__ import annotations

import time
from typing import Any

import pytest
import sqlalchemy as sa

from etl.source.streaming import fetched, prepare

# Some ten million rows of a hundred bytes, for which a test should not wait.
MANY = {
    "mariadb": "SELECT seq, REPEAT('x', 100) FROM seq_1_to_10000000",
    "postgresql": "SELECT seq, repeat('x', 100) FROM generate_series(1, 10000000) AS seq",
}
WHO = {"mariadb": "SELECT CONNECTION_ID()", "postgresql": "SELECT pg_backend_pid()"}


@pytest.mark.parametrize("kind", ["mariadb", "postgresql"])
def test_a_statement_that_is_cut_off_ends_at_once_and_its_rows_reach_no_other(
    kind: str, request: pytest.FixtureRequest
) -> None:
    """MariaDB's protocol cannot break off, so that the connection is given up; PostgreSQL's can, and it is kept."""
    engine = sa.create_engine(request.getfixturevalue(f"{kind}_url"), pool_size=1, max_overflow=0)
    prepare(engine)
    seen = []
    for _ in range(3):
        began = time.monotonic()
        with engine.connect() as connection:
            seen.append(connection.execute(sa.text(WHO[kind])).scalar_one())
            pieces: Any = fetched(connection, sa.text(MANY[kind]), piece_rows=10)
            rows, description = next(pieces)
            pieces.close()
            assert (rows[0][0], len(description)) == (1, 2)
            assert connection.invalidated is (kind == "mariadb")
        assert time.monotonic() - began < 30
    assert len(set(seen)) == (3 if kind == "mariadb" else 1)
    engine.dispose()


@pytest.mark.parametrize("count", [0, 1, 10, 11, 25])
def test_a_statement_that_is_read_to_its_end_leaves_its_connection(database_url: str, count: int) -> None:
    engine = sa.create_engine(database_url)
    prepare(engine)
    numbers = " UNION ALL ".join(f"SELECT {number} AS n" for number in range(25))
    statement = sa.text(f"SELECT n FROM ({numbers}) AS t WHERE n < {count} ORDER BY n")
    with engine.connect() as connection:
        pieces = [list(rows) for rows, _ in fetched(connection, statement, piece_rows=10)]
        assert [row[0] for rows in pieces for row in rows] == list(range(count))
        assert all(0 < len(rows) <= 10 for rows in pieces)
        assert not connection.invalidated
        assert connection.execute(sa.text("SELECT 7")).scalar_one() == 7
    engine.dispose()

"""Which errors of the state's server mean that it is away, so that a run waits for it, and which do not."""

from __future__ import annotations

import psycopg
import pytest
import sqlalchemy as sa
from psycopg.errors import lookup

from etl.state.server_trouble import SERVER_ERRORS


@pytest.mark.parametrize(
    ("state", "away"),
    [
        ("57P01", True),  # ended by its administrator
        ("57P03", True),  # it starts
        ("08006", True),
        ("57014", False),  # a statement that took too long
        ("42501", False),
        ("23505", False),
    ],
)
def test_a_server_that_ends_or_starts_is_away_and_one_that_refuses_is_there(state: str, *, away: bool) -> None:
    error = sa.exc.DBAPIError("SELECT 1", {}, lookup(state)("said something"))
    assert SERVER_ERRORS.away(error) is away


@pytest.mark.parametrize("lost", [True, False])
def test_a_connection_that_is_gone_is_away_whatever_was_said(*, lost: bool) -> None:
    origin = psycopg.OperationalError("said something")
    error = sa.exc.DBAPIError("SELECT 1", {}, origin, connection_invalidated=lost)
    assert SERVER_ERRORS.away(error) is lost

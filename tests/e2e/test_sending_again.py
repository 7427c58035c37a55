"""What was sent or refused is sent again, and only that; with the real command line."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa


@pytest.fixture
def desk(desk: Any) -> Any:
    desk.fill(40)
    return desk


def spoil(desk: Any, *numbers: int) -> None:
    with desk.engine().begin() as connection:
        for number in numbers:
            connection.execute(sa.text("UPDATE people SET email = 'nobody' WHERE id = :number"), {"number": number})


def mend(desk: Any) -> None:
    with desk.engine().begin() as connection:
        connection.execute(sa.text("UPDATE people SET email = 'p' || id || '@example.com' WHERE email = 'nobody'"))


def test_one_dead_letter_is_retried_by_its_key(desk: Any) -> None:
    spoil(desk, 7, 8, 9)
    assert desk.run("--start-from", "beginning").code == 3
    mend(desk)
    retried = desk.call("retry", str(desk.mapping), "--key", "8", "--key", "8", "-o", "json")
    assert (retried.code, retried.summary["read"], retried.summary["sent"]) == (0, 1, 1), retried.err
    refused = desk.call("retry", str(desk.mapping), "--key", "8", "--key", "7", "-o", "json")
    assert (refused.code, "no dead letter is open for key 8" in refused.err) == (2, True), refused.err
    assert desk.call("retry", str(desk.mapping), "--key", "7", "--reason", "invalid_email").code == 2
    assert desk.call("retry", str(desk.mapping), "-o", "json").summary["sent"] == 2


def test_a_backfill_sends_again_what_did_not_change_when_it_is_asked_to(desk: Any) -> None:
    assert desk.run("--start-from", "beginning").summary["sent"] == 40
    span = ("backfill", str(desk.mapping), "--from", "2000-01-01", "--to", "2100-01-01", "-o", "json")
    assert desk.call(*span).summary["unchanged"] == 40
    planned = desk.call(*span, "--resend", "--dry-run").summary
    assert (planned["unchanged"], planned["forecast"]["events"]) == (0, 40)
    again = desk.call(*span, "--resend").summary
    assert (again["sent"], again["unchanged"]) == (40, 0)
    assert desk.call(*span, "--resend").summary["read"] == 0, "it is done, as any other backfill"
    assert desk.call(*span, "--resend", "--restart").summary["sent"] == 40
    assert desk.run().summary["sent"] == 0


def test_a_full_refresh_with_a_limit_says_that_the_checkpoint_went_back(desk: Any) -> None:
    desk.run("--start-from", "beginning")
    limited = desk.run("--full-refresh", "--limit", "10")
    assert "the checkpoint went back to the beginning" in limited.err
    assert desk.run().summary["sent"] == 30

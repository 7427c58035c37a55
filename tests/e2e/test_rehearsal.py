"""A state that was filled in a rehearsal must not make the real run believe that all was sent."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.mark.parametrize("command", ["run", "dry run", "backfill", "retry"])
def test_what_one_account_accepted_does_not_count_for_another(desk: Any, command: str) -> None:
    """D11: the ledger would call every row unchanged, and nothing would ever be sent."""
    desk.fill(20)
    assert desk.run("--start-from", "beginning").summary["sent"] == 20
    asked = {
        "run": ("run",),
        "dry run": ("run", "--dry-run"),
        "backfill": ("backfill", "--from", "2000-01-01", "--to", "2100-01-01"),
        "retry": ("retry",),
    }[command]
    words = (asked[0], str(desk.mapping), *asked[1:], "-o", "json")
    assert desk.call(*words).code == 0, "the same account goes on"
    desk.mapping.write_text(desk.mapping.read_text().replace("${ACCOUNT}", "shop-2"))
    ended = desk.call(*words)
    assert ended.code == 8
    assert "destination was account shop-1 at 127.0.0.1, is account shop-2 at 127.0.0.1" in ended.err
    assert "--state" in ended.err


def test_after_a_reset_the_other_account_gets_every_row(desk: Any) -> None:
    desk.fill(20)
    desk.run("--start-from", "beginning")
    desk.mapping.write_text(desk.mapping.read_text().replace("${ACCOUNT}", "shop-2"))
    assert desk.call("state", "reset", str(desk.mapping), "--yes").code == 0
    assert desk.run("--start-from", "beginning").summary["sent"] == 20

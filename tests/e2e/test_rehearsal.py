"""A state that was filled in a rehearsal must not make the real run believe that all was sent."""

from __future__ import annotations

from typing import Any

import pytest

from tests.servers.scripted_server import ScriptedServer


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
    assert "the account is another one" in ended.err
    assert "--state" in ended.err


def test_after_a_reset_the_other_account_gets_every_row(desk: Any) -> None:
    desk.fill(20)
    desk.run("--start-from", "beginning")
    desk.mapping.write_text(desk.mapping.read_text().replace("${ACCOUNT}", "shop-2"))
    assert desk.call("state", "reset", str(desk.mapping), "--yes").code == 0
    assert desk.run("--start-from", "beginning").summary["sent"] == 20


def test_an_account_that_was_mistyped_at_first_is_corrected_and_runs(desk: Any) -> None:
    """Nothing was accepted, so nothing binds the state to it; and no account is kept in a form that can be read."""
    desk.fill(20)
    with ScriptedServer(credentials=("shop-1", "key-of-the-shop")) as api:
        desk.api_url = api.url
        desk.write_mapping()
        right = desk.mapping.read_text()
        desk.mapping.write_text(right.replace("${ACCOUNT}", "shop-2"))
        refused = desk.run("--start-from", "beginning")
        assert refused.code == 5, refused.err
        desk.mapping.write_text(right)
        assert desk.run().summary["sent"] == 20
    assert desk.call("state", "show", str(desk.mapping)).code == 0
    for kept in desk.state.parent.rglob("*"):
        assert not kept.is_file() or b"shop-" not in kept.read_bytes(), kept

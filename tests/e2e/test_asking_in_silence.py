"""Silence that the API asks for holds for every command that asks it something, `validate --connect` too (C6)."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import pytest

from etl.host.shared_budget import default_folder
from etl.host.system_clock import SystemClock
from etl.state.store import open_state
from tests.servers.behaviours import GOOD, answering, raw
from tests.servers.scripted_server import Behaviour, ScriptedServer, head

# The longest of several counts: that of the API behind a proxy.
TOO_FAST = answering(429, headers={"Retry-After": "7.5, 120"})


@pytest.mark.parametrize("where", ["file", "server"])
def test_validate_keeps_the_silence_that_it_or_a_run_was_asked_for(desk: Any, postgresql_url: str, where: str) -> None:
    """On this host, and with the state on a server on every host that shares it."""
    if where == "server":
        with open_state(postgresql_url, clock=SystemClock(), write=True):
            pass
        desk.variables = {"SQUEEZELY_ETL_STATE": postgresql_url}
    desk.fill(5)
    for account, first in (("shop-98", ("validate", "--connect")), ("shop-99", ("run", "--start-from", "beginning"))):
        with ScriptedServer([TOO_FAST], credentials=(account, "key-of-the-shop")) as api:
            desk.api_url = api.url
            desk.write_mapping(destination="  retry: {give_up_after: 2s}")
            desk.mapping.write_text(desk.mapping.read_text().replace("${ACCOUNT}", account))
            asked = desk.call(first[0], str(desk.mapping), *first[1:])
            assert asked.code == 6, asked.err
            assert len(api.requests) == 1
            # With the state on a server another host knows as much as this one.
            remembered = blake2b(f"{desk.api_url}\0{account}".encode(), digest_size=16).hexdigest() + ".rate"
            assert (default_folder() / remembered).exists() == (where == "file")
            again = desk.call("validate", str(desk.mapping), "--connect")
            assert again.code == 6
            assert "not asked, because the API wants 1" in again.out
            assert len(api.requests) == 1


LATER = {"Retry-After": "1, 120"}


@pytest.mark.parametrize(
    ("number", "answer", "code"),
    [
        (1, answering(200, {"success": True}, headers=LATER), 6),
        (2, answering(200, {"success": False, "errors": ["too many requests, try again later"]}, headers=LATER), 6),
        (3, answering(200, {"code": 429, "message": "slow down"}, headers=LATER), 6),
        (4, answering(400, {"success": False, "error": "too many requests"}, headers=LATER), 6),
        (5, answering(401, {"message": "wrong key"}, headers=LATER), 5),
        (6, answering(403, {"error": "under maintenance"}, headers=LATER), 6),
        (7, answering(404, {"message": "no such path"}, headers=LATER), 2),
        (8, answering(422, {"success": False, "errors": {"0": "bad"}}, headers=LATER), 6),
        (9, answering(200, b"<html>busy</html>", headers=LATER), 6),
        # What ends too early, or too late, is no answer; what its head asks for still holds.
        (10, raw(head(200, {**LATER, "Content-Length": "31"}), GOOD[:-1]), 6),
        (11, raw(head(503, {**LATER, "Content-Length": "31"}), GOOD[:-1]), 6),
        (12, raw(head(200, {**LATER, "Content-Length": str(len(GOOD))}) + GOOD + GOOD), 6),
        (13, raw(head(200, {**LATER, "Transfer-Encoding": "chunked"}) + b"zz\r\n"), 6),
    ],
)
def test_silence_is_kept_whatever_else_the_answer_says(desk: Any, number: int, answer: Behaviour, code: int) -> None:
    """The next request of the same run, and the next question of another process, to both kinds of question."""
    desk.fill(5)
    for first in (("run", "--start-from", "beginning"), ("validate", "--connect")):
        account = f"silent-{first[0]}-{number}"
        with ScriptedServer([answer], credentials=(account, "key-of-the-shop")) as api:
            desk.api_url = api.url
            desk.write_mapping(destination="  batch_size: 2\n  concurrency: 1\n  retry: {give_up_after: 2s}")
            desk.mapping.write_text(desk.mapping.read_text().replace("${ACCOUNT}", account))
            asked = desk.call(first[0], str(desk.mapping), *first[1:])
            assert first[0] == "validate" or asked.code == code, asked.err
            assert len(api.requests) == 1
            assert "not asked, because the API wants 1" in desk.call("validate", str(desk.mapping), "--connect").out
            assert len(api.requests) == 1

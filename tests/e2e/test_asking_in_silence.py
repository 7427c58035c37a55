"""Silence that the API asks for holds for whoever asks it something, `validate --connect` too (C6)."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import pytest

from etl.host.shared_budget import default_folder
from etl.host.system_clock import SystemClock
from etl.state.store import open_state
from tests.servers.behaviours import answering
from tests.servers.scripted_server import ScriptedServer

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

"""Silence that the API asks for holds for whoever asks it something, `validate --connect` too (C6)."""

from __future__ import annotations

from typing import Any

from tests.servers.scripted_faults import answering
from tests.servers.scripted_server import ScriptedServer

# The longest of several counts: that of the API behind a proxy.
TOO_FAST = answering(429, headers={"Retry-After": "7.5, 120"})


def test_validate_keeps_the_silence_that_it_or_a_run_was_asked_for(desk: Any) -> None:
    desk.fill(5)
    for account, first in (("shop-98", ("validate", "--connect")), ("shop-99", ("run", "--start-from", "beginning"))):
        with ScriptedServer([TOO_FAST], credentials=(account, "key-of-the-shop")) as api:
            desk.api_url = api.url
            desk.write_mapping(destination="  retry: {give_up_after: 2s}")
            desk.mapping.write_text(desk.mapping.read_text().replace("${ACCOUNT}", account))
            asked = desk.call(first[0], str(desk.mapping), *first[1:])
            assert asked.code == 6, asked.err
            assert len(api.requests) == 1
            again = desk.call("validate", str(desk.mapping), "--connect")
            assert again.code == 6
            assert "not asked, because the API wants 1" in again.out
            assert len(api.requests) == 1

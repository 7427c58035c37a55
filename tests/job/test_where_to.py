"""A run says where it sends, before it sends: the one thing in a mapping that could carry key and rows elsewhere."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from etl.job.run import RunContext
from etl.verdict.answer import Answer
from tests.job.nights import Nights
from tests.servers.scripted_server import ACCOUNT, ScriptedServer


class AcceptingSender:
    """Accepts everything without a network (port `Sender`)."""

    def track(self, body: bytes) -> Answer:
        assert body
        return Answer(200, {}, b'{"success":true}')

    def is_well(self) -> bool:
        return True

    def knows_key(self) -> bool:
        return True

    def close(self) -> None:
        """Nothing is open."""


def without_network(shop: RunContext) -> RunContext:
    return replace(shop, open_client=AcceptingSender)


def where_to(caplog: pytest.LogCaptureFixture) -> list[tuple[int, str, str, str]]:
    return [
        (one.levelno, vars(one)["host"], vars(one)["account"], vars(one)["proxy"])
        for one in caplog.records
        if one.getMessage() == "events go to this host"
    ]


def test_a_host_that_is_not_the_vendors_is_named_loudly(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """F8."""
    nights = Nights(tmp_path, "https://api.squeezely.tech.evil.example", alter=without_network)
    nights.fill(3)
    assert nights.run("beginning").books.sent == 3
    assert where_to(caplog) == [(logging.WARNING, "api.squeezely.tech.evil.example", ACCOUNT, "none")]


def test_the_proxy_is_named_without_its_login(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C33: only where the mapping asks for it."""
    monkeypatch.setenv("HTTPS_PROXY", "http://user:secret-word@proxy.example:3128")
    caplog.set_level(logging.INFO, "etl")
    for destination in ("", "  proxy: true"):
        folder = tmp_path / f"proxy{len(destination)}"
        folder.mkdir()
        nights = Nights(folder, "https://api.squeezely.tech", destination=destination, alter=without_network)
        nights.fill(3)
        nights.run("beginning")
    vendor = (logging.INFO, "api.squeezely.tech", ACCOUNT)
    assert where_to(caplog) == [(*vendor, "none"), (*vendor, "proxy.example:3128")]
    assert "secret-word" not in caplog.text


def test_the_own_machine_needs_no_word(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with ScriptedServer() as server:
        nights = Nights(tmp_path, server.url)
        nights.fill(3)
        nights.run("beginning")
    assert where_to(caplog) == []

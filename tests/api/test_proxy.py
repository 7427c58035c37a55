"""The environment's proxy, read as other programs read it (C33)."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from etl.api.proxy import proxy_for
from etl.errors import DestinationMisconfigured

API = urlsplit("https://api.squeezely.tech")


@pytest.mark.parametrize(
    ("environment", "target"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "http://proxy.lan:3128"}, ("proxy.lan", 3128)),
        ({"https_proxy": "proxy.lan:3128"}, ("proxy.lan", 3128)),
        ({"https_proxy": "http://low", "HTTPS_PROXY": "http://up"}, ("low", 80)),
        ({"ALL_PROXY": "http://all.lan:1"}, ("all.lan", 1)),
        ({"HTTP_PROXY": "http://other.lan"}, None),
        ({"HTTPS_PROXY": "http://proxy.lan", "NO_PROXY": "squeezely.tech"}, None),
        ({"HTTPS_PROXY": "http://proxy.lan", "NO_PROXY": "localhost, .squeezely.tech"}, None),
        ({"HTTPS_PROXY": "http://proxy.lan", "no_proxy": "*"}, None),
        ({"HTTPS_PROXY": "http://proxy.lan", "NO_PROXY": "ely.tech,example.org"}, ("proxy.lan", 80)),
        ({"HTTPS_PROXY": "  "}, None),
    ],
)
def test_proxy_for(environment: dict[str, str], target: tuple[str, int] | None) -> None:
    proxy = proxy_for(API, environment=environment)
    assert (proxy and (proxy.url.host.decode(), proxy.url.port)) == target


def test_a_login_is_decoded_and_sent_to_the_proxy_alone() -> None:
    proxy = proxy_for(API, environment={"HTTPS_PROXY": "http://anna:p%40ss@proxy.lan"})
    assert proxy is not None
    assert proxy.auth == (b"anna", b"p@ss")


@pytest.mark.parametrize(
    "value",
    [
        "socks5://canary.lan",
        "https://canary.lan",
        "http://",
        "http://canary:x9",
        "http://[canary",
        "http://canary:1/x@lan",
    ],
)
def test_a_proxy_that_cannot_be_used_is_refused_without_being_shown(value: str) -> None:
    """Its address may hold a password."""
    with pytest.raises(DestinationMisconfigured) as raised:
        proxy_for(API, environment={"HTTPS_PROXY": value})
    assert "canary" not in f"{raised.value} {raised.value.hint}"

"""What the client sends, what it never does, and what it does not let out.

C1, C2, C5, C22, C23, C26, C27, C33, F2, F3, F4, F5, F6, F9, F10, F11.
"""

from __future__ import annotations

import gc
import logging
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from etl import __version__
from etl.api.client import ApiClient
from etl.errors import DestinationMisconfigured
from etl.secret import Secret
from etl.verdict.answer import Answer, Failure
from etl.verdict.judge import Accepted, judge
from tests.servers.behaviours import answering
from tests.servers.scripted_faults import FAULTS, TRANSPORT
from tests.servers.scripted_rules import unauthorized_from
from tests.servers.scripted_server import ACCOUNT, API_KEY, ScriptedServer, refusing_url

BODY = b'{"events":[{"event":"Order","email":"canary.anna@example.org"}]}'
SLOW = {"accepted_but_silent", "hang_before_body", "hang_after_body", "drip_head", "drip_body"}


def test_a_request_is_exactly_this(open_client: Any) -> None:
    with ScriptedServer() as server:
        open_client(server.url).track(BODY)
        [request] = server.requests
        assert (request.method, request.target, request.body) == ("POST", "/v1/track", BODY)
        assert request.headers == {
            "host": server.url.removeprefix("http://"),
            "x-auth-account": ACCOUNT,
            "x-auth-apikey": API_KEY,
            "content-type": "application/json",
            "accept-encoding": "identity",
            "user-agent": f"squeezely-etl/{__version__}",
            "content-length": str(len(BODY)),
        }


def test_a_path_of_the_address_is_kept(open_client: Any) -> None:
    """An API gateway may stand under a path."""
    with ScriptedServer() as server:
        open_client(server.url + "/gateway/").track(BODY)
        assert server.requests[0].target == "/gateway/v1/track"


def test_one_connection_serves_a_client_for_life(open_client: Any) -> None:
    """A new connection costs a handshake each time, and a new client 23 ms."""
    with ScriptedServer() as server:
        client = open_client(server.url)
        for _ in range(20):
            assert judge(client.track(BODY), events=1) == Accepted()
        assert server.connections == 1


def test_an_idle_connection_that_the_server_closed_is_replaced_unnoticed(open_client: Any) -> None:
    """C5."""
    with ScriptedServer([FAULTS["closed_at_reuse"].behaviour]) as server:
        client = open_client(server.url)
        client.track(BODY)
        while server.open_connections:
            server.closing.wait(0.01)
        assert judge(client.track(BODY), events=1) == Accepted()
        assert len(server.requests) == 2


def test_nobody_listens(open_client: Any) -> None:
    with refusing_url() as url:
        assert open_client(url).track(BODY) is Failure.REFUSED


@contextmanager
def no_descriptor_left() -> Iterator[None]:
    """This process may open no more files; what is open stays so."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(one.name) for one in Path("/proc/self/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 2, hard))
    opened = []
    try:
        with suppress(OSError):
            while True:
                opened.append(os.open(os.devnull, os.O_RDONLY))
        yield
    finally:
        for descriptor in opened:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("address", ["http://127.0.0.1", "http://localhost", "https://nobody.invalid"])
def test_where_no_descriptor_is_left_that_is_said(open_client: Any, address: str) -> None:
    """Not that the host is not found, nor that a connection was lost; with one more all is well."""
    with ScriptedServer() as server:
        client = open_client(server.url.replace("http://127.0.0.1", address))
        with no_descriptor_left():
            assert client.track(BODY) is Failure.FILES
        assert (client.track(BODY) is Failure.DNS) == address.endswith(".invalid")


def test_a_name_that_does_not_exist(open_client: Any) -> None:
    assert open_client("https://nobody.invalid", timeout_seconds=10).track(BODY) is Failure.DNS


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(open_client: Any, status: int) -> None:
    """F6: to follow it would carry the key to the other host. Only that host's name is kept."""
    with ScriptedServer() as other:
        target = f"{other.url}/v1/track?key={API_KEY}"
        with ScriptedServer([answering(status, headers={"Location": target})]) as server:
            answer = open_client(server.url).track(BODY)
        assert isinstance(answer, Answer)
        assert answer.headers["location"] == "127.0.0.1"
        assert other.connections == 0


@pytest.mark.parametrize("field", ["account", "api_key"])
@pytest.mark.parametrize(
    "value", ["", "canary-key\n", "canary\r\nX-Evil: 1", "canary-k\u00e9y", "\x00canary", " canary"]
)
def test_a_key_that_no_header_can_carry_is_refused_without_being_shown(
    open_client: Any, field: str, value: str
) -> None:
    """F10: the HTTP library's own refusal prints the whole key."""
    with ScriptedServer() as server:
        good = open_client(server.url)
        settings = {"account": ACCOUNT, "api_key": Secret(API_KEY), "url": server.url, "proxy": False, "ca_file": None}
        settings |= {field: Secret(value) if field == "api_key" else value, "timeout": timedelta(seconds=5)}
        with pytest.raises(DestinationMisconfigured) as raised:
            ApiClient(SimpleNamespace(**settings), clock=good._clock)  # type: ignore[arg-type]
    assert str(raised.value) == (
        f"opening the API client: destination.{field} is empty or holds characters that an HTTP header cannot carry"
    )
    assert "canary" not in repr(raised.value.__context__)


@pytest.mark.parametrize(
    "url", ["ftp://127.0.0.1", "http://", "https://[::1", "http://h:99999", "", "http://b\u00fccher"]
)
def test_an_address_that_http_cannot_use_is_refused(open_client: Any, url: str) -> None:
    settings = {"account": ACCOUNT, "api_key": Secret(API_KEY), "url": url, "proxy": False, "ca_file": None}
    with pytest.raises(DestinationMisconfigured, match=r"destination\.url is not an address that HTTP can use"):
        ApiClient(SimpleNamespace(**settings, timeout=timedelta(seconds=5)), clock=None)  # type: ignore[arg-type]


def test_a_key_that_the_server_echoes_is_taken_out(open_client: Any) -> None:
    """F2: an answer's words end in the state."""
    with ScriptedServer([answering(200, {"success": False, "errors": [f"unknown key {API_KEY}"]})]) as server:
        answer = open_client(server.url).track(BODY)
    assert answer.body == b'{"success": false, "errors": ["unknown key [redacted]"]}'


def test_no_log_holds_a_secret_or_an_address(open_client: Any, caplog: pytest.LogCaptureFixture) -> None:
    """F2 to F5, with every logger wide open: the library's debug log prints all headers."""
    loggers = [logging.getLogger(name) for name in ("", "httpcore", "httpcore.http11", "httpcore.connection")]
    levels = [logger.level for logger in loggers]
    loggers[0].setLevel(logging.DEBUG)
    try:
        with ScriptedServer([fault.behaviour for fault in TRANSPORT]) as server:
            client = open_client(server.url, timeout_seconds=0.3, api_key=Secret(API_KEY))
            for _ in TRANSPORT:
                judge(client.track(BODY), events=1)
        assert caplog.records == []
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def test_the_http_librarys_loggers_are_quiet_even_where_somebody_made_them_loud(open_client: Any) -> None:
    """F4."""
    logging.getLogger("httpcore").setLevel(logging.DEBUG)
    with ScriptedServer() as server:
        open_client(server.url)
    assert logging.getLogger("httpcore").level == logging.WARNING
    assert not logging.getLogger("httpcore.http11").isEnabledFor(logging.INFO)


@pytest.mark.parametrize("name", ["ok", *(fault.name for fault in TRANSPORT)])
def test_nothing_keeps_a_request_body_alive(open_client: Any, name: str) -> None:
    """A body held in a reference cycle per request made memory grow from 73 to 248 MiB over five million rows."""
    body = b'{"events": ' + name.encode() + b"}" + b" " * 1000
    with ScriptedServer([FAULTS[name].behaviour]) as server:
        client = open_client(server.url, timeout_seconds=0.3 if name in SLOW else 20)
        before = sys.getrefcount(body)
        gc.disable()
        try:
            client.track(body)
            assert sys.getrefcount(body) == before
        finally:
            gc.enable()


def test_credentials_that_expire_are_seen_from_then_on(open_client: Any) -> None:
    with ScriptedServer(unauthorized_from(3)) as server:
        client = open_client(server.url)
        assert [client.track(BODY).status for _ in range(4)] == [200, 200, 401, 401]


def test_the_environments_proxy_is_used_only_when_asked_for(open_client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """C33."""
    with ScriptedServer() as server, ScriptedServer() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        open_client(server.url).track(BODY)
        assert (len(server.requests), len(proxy.requests)) == (1, 0)
        open_client(server.url, proxy=True).track(BODY)
        assert (len(server.requests), len(proxy.requests)) == (1, 1)
        assert proxy.requests[0].target == f"{server.url}/v1/track"


@pytest.mark.parametrize(
    ("status", "failure"), [(407, Failure.PROXY_REFUSED), (403, Failure.PROXY_REFUSED), (502, Failure.PROXY)]
)
def test_a_proxy_that_opens_no_tunnel(
    open_client: Any, monkeypatch: pytest.MonkeyPatch, status: int, failure: Failure
) -> None:
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with ScriptedServer(otherwise=answering(status)) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        assert open_client("https://api.example", proxy=True).track(BODY) is failure
        assert proxy.requests[0].target == "api.example:443"
        assert "x-auth-apikey" not in proxy.requests[0].headers


def test_a_ca_file_that_is_none_is_refused(open_client: Any, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("not a certificate")
    for name in ("ca.pem", "missing.pem"):
        with pytest.raises(DestinationMisconfigured, match=r"destination\.ca_file cannot be read"):
            open_client("https://127.0.0.1:1", ca_file=tmp_path / name)

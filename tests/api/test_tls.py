"""TLS is verified, always, and each way in which it fails has its name (C2, F11)."""

from __future__ import annotations

import json
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from etl.verdict.answer import Answer, Failure
from etl.verdict.judge import Accepted, Case, TryAgain, case_of, judge
from tests.servers.scripted_faults import FAULTS
from tests.servers.scripted_server import ScriptedServer

BODY = b'{"events":[{"event":"Order","email":"anna@example.org"}]}'
LARGE_BODY = json.dumps({"events": [{"event": "Order", "email": "x" * 24_000_000}]}).encode()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


def server_context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def test_a_private_authority_is_trusted_when_named(open_client: Any, authority: trustme.CA, ca_file: Path) -> None:
    with ScriptedServer(tls=server_context(authority.issue_cert("127.0.0.1"))) as server:
        client = open_client(server.url, ca_file=ca_file)
        for _ in range(3):
            assert judge(client.track(BODY), events=1) == Accepted()
        assert server.connections == 1


def test_an_authority_that_the_system_was_told_to_trust(
    open_client: Any, authority: trustme.CA, ca_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenSSL's own variable; it adds an authority, and nothing can take verification away."""
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_file))
    with ScriptedServer(tls=server_context(authority.issue_cert("127.0.0.1"))) as server:
        assert judge(open_client(server.url).track(BODY), events=1) == Accepted()


def test_an_unknown_authority(open_client: Any, authority: trustme.CA) -> None:
    with ScriptedServer(tls=server_context(authority.issue_cert("127.0.0.1"))) as server:
        assert open_client(server.url).track(BODY) is Failure.TLS_UNTRUSTED
        assert server.requests == []


def test_another_authority(open_client: Any, ca_file: Path) -> None:
    with ScriptedServer(tls=server_context(trustme.CA().issue_cert("127.0.0.1"))) as server:
        assert open_client(server.url, ca_file=ca_file).track(BODY) is Failure.TLS_UNTRUSTED


@pytest.mark.parametrize("name", ["api.example", "127.0.0.2"])
def test_another_host(open_client: Any, authority: trustme.CA, ca_file: Path, name: str) -> None:
    with ScriptedServer(tls=server_context(authority.issue_cert(name))) as server:
        assert open_client(server.url, ca_file=ca_file).track(BODY) is Failure.TLS_HOSTNAME
        assert server.requests == []


def test_an_expired_certificate(open_client: Any, authority: trustme.CA, ca_file: Path) -> None:
    expired = authority.issue_cert("127.0.0.1", not_after=datetime.now(UTC) - timedelta(days=1))
    with ScriptedServer(tls=server_context(expired)) as server:
        assert open_client(server.url, ca_file=ca_file).track(BODY) is Failure.TLS_EXPIRED


def test_a_server_without_tls(open_client: Any) -> None:
    with ScriptedServer() as server:
        failure = open_client(server.url.replace("http:", "https:"), timeout_seconds=2).track(BODY)
        assert case_of(failure, events=1) in (Case.NO_TLS, Case.NOT_SENT)
        assert server.requests == []


def test_a_protocol_that_is_too_old(open_client: Any, authority: trustme.CA, ca_file: Path) -> None:
    context = server_context(authority.issue_cert("127.0.0.1"))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("AES256-GCM-SHA384")
    with ScriptedServer(tls=context) as server:
        answer = open_client(server.url, ca_file=ca_file).track(BODY)
        assert answer is Failure.TLS


@pytest.mark.parametrize(
    "name", ["unread_413", "unread_and_open", "hang_before_body", "accepted_but_reset", "drip_body", "cut_head"]
)
def test_faults_under_tls(open_client: Any, authority: trustme.CA, ca_file: Path, name: str) -> None:
    """An early answer is heard and the deadline holds under TLS too, where session tickets arrive unasked."""
    with ScriptedServer([FAULTS[name].behaviour], tls=server_context(authority.issue_cert("127.0.0.1"))) as server:
        client = open_client(server.url, ca_file=ca_file, timeout_seconds=20 if name.startswith("unread_") else 0.7)
        answer = client.track(LARGE_BODY if name in ("unread_413", "unread_and_open", "hang_before_body") else BODY)
        if name.startswith("unread_"):
            assert isinstance(answer, Answer)
            assert case_of(answer, events=1) is Case.TOO_LARGE
        else:
            verdict = judge(answer, events=1)
            assert isinstance(verdict, TryAgain)
            assert verdict.ambiguous

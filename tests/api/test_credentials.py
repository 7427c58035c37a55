"""The check of the credentials, over a real socket (C18, C34)."""

from __future__ import annotations

from typing import Any

import pytest

from etl.api.credentials import CredentialCheck, CredentialOutcome
from etl.secret import Secret
from tests.servers.behaviours import answering, raw
from tests.servers.scripted_server import ScriptedServer, refusing_url


def test_verified(open_client: Any) -> None:
    with ScriptedServer() as server:
        assert open_client(server.url).verify_credentials() == CredentialCheck(CredentialOutcome.VERIFIED, said=True)
        [request] = server.requests
        assert (request.method, request.target, request.body) == ("POST", "/v1/verifyAuth?channel=2", b"{}")
        assert server.accepted == []


@pytest.mark.parametrize(
    ("behaviour", "well"),
    [
        (answering(200, {"verified": True}), True),
        (answering(200, {"verified": False}), True),
        (answering(400, {"verified": False}), True),
        (answering(200, {"success": True}), False),
        (answering(200, b"<html>"), False),
        (answering(401, {"verified": False}), False),
        (answering(503, {"verified": True}), False),
        (answering(429, {"verified": True}), False),
    ],
)
def test_an_api_that_says_yes_or_no_of_the_account_is_well(open_client: Any, behaviour: Any, *, well: bool) -> None:
    with ScriptedServer([behaviour]) as server:
        assert open_client(server.url).is_well() is well


def test_a_wrong_key(open_client: Any) -> None:
    with ScriptedServer() as server:
        check = open_client(server.url, api_key=Secret("canary-key")).verify_credentials()
    assert check.outcome is CredentialOutcome.REFUSED
    assert check.error is not None
    assert check.error.exit_code == 5
    assert "canary" not in check.error.message


@pytest.mark.parametrize(
    ("behaviour", "outcome", "exit_code"),
    [
        (answering(200, {"verified": False}), CredentialOutcome.UNCLEAR, 6),
        (answering(401, {"verified": False}), CredentialOutcome.REFUSED, 5),
        (answering(400, {"errors": ["Invalid API key"]}), CredentialOutcome.REFUSED, 5),
        (answering(200, {"success": False, "code": 401}), CredentialOutcome.REFUSED, 5),
        (answering(403), CredentialOutcome.REFUSED, 5),
        (answering(403, {"verified": False}), CredentialOutcome.REFUSED, 5),
        (answering(403, {"message": "Account suspended"}), CredentialOutcome.REFUSED, 5),
        (answering(403, b"<html>", headers={"Content-Type": "text/html"}), CredentialOutcome.UNCLEAR, 6),
        (answering(400, {"verified": False}), CredentialOutcome.UNCLEAR, 6),
        (answering(200, {"verified": "perhaps"}), CredentialOutcome.UNCLEAR, 6),
        (answering(200, {"verified": "false"}), CredentialOutcome.UNCLEAR, 6),
        (answering(200, {"verified": 0}), CredentialOutcome.UNCLEAR, 6),
        (answering(200, {"verified": None}), CredentialOutcome.UNCLEAR, 6),
        (answering(200, {"success": True}), CredentialOutcome.UNCLEAR, 6),
        (answering(200, b"<html>"), CredentialOutcome.UNCLEAR, 6),
        (answering(200, [True]), CredentialOutcome.UNCLEAR, 6),
        (answering(400, b""), CredentialOutcome.UNCLEAR, 6),
        (answering(413), CredentialOutcome.UNCLEAR, 6),
        (answering(402), CredentialOutcome.UNCLEAR, 6),
        (answering(404), CredentialOutcome.MISCONFIGURED, 2),
        (answering(404, b"<html>"), CredentialOutcome.MISCONFIGURED, 2),
        (answering(404, {"success": False, "message": "Channel not found"}), CredentialOutcome.UNCLEAR, 6),
        (answering(404, {"error": "Unknown API key"}), CredentialOutcome.REFUSED, 5),
        (answering(302), CredentialOutcome.MISCONFIGURED, 2),
        (answering(503), CredentialOutcome.UNREACHABLE, 6),
        (answering(429), CredentialOutcome.UNREACHABLE, 6),
        (raw(), CredentialOutcome.UNREACHABLE, 6),
    ],
)
def test_other_answers(open_client: Any, behaviour: Any, outcome: CredentialOutcome, exit_code: int) -> None:
    with ScriptedServer([behaviour]) as server:
        check = open_client(server.url).verify_credentials()
    assert check.outcome is outcome
    assert check.error is not None
    assert check.error.exit_code == exit_code
    assert check.error.message.startswith("checking the credentials at the API: ")


@pytest.mark.parametrize("verified", ["true", " True ", "yes", 1, "1"])
def test_a_yes_in_another_form_is_one(open_client: Any, verified: object) -> None:
    with ScriptedServer([answering(200, {"verified": verified})]) as server:
        check = open_client(server.url).verify_credentials()
    assert check == CredentialCheck(CredentialOutcome.VERIFIED, said=True)


def test_nobody_there(open_client: Any) -> None:
    with refusing_url() as url:
        check = open_client(url).verify_credentials()
    assert check.outcome is CredentialOutcome.UNREACHABLE
    assert check.error is not None
    assert check.error.message == "checking the credentials at the API: connection refused"

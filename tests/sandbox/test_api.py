"""The vendor's endpoints: what is let in, what is taken, and what the answers look like."""

from __future__ import annotations

import math
import socket
from collections.abc import Callable

import httpx
import pytest

from etl.errors import UsageProblem
from etl.sandbox.faults import SandboxSettings, parse_faults
from etl.secret import Secret
from tests.sandbox.conftest import HEADERS, FakeTicks, InProcess

EVA = {"event": "CRMUpdate", "email": "eva@example.com"}
BAD = {"event": "CRMUpdate", "email": "eva", "currency": "euro"}

Start = Callable[[SandboxSettings], httpx.Client]


def counts(sandbox: InProcess) -> dict[str, int]:
    stats = sandbox.get("/stats")
    return {name: stats[name] for name in ("requests", "received", "accepted", "refused", "not_taken")}


def test_a_good_batch_is_taken(sandbox: InProcess) -> None:
    answer = sandbox.track(EVA, {"event": "CRMUpdate", "userid": "7"})
    assert (answer.status_code, answer.json()) == (200, {"success": True, "created": 2})
    assert answer.headers["content-type"] == "application/json"
    assert counts(sandbox) == {"requests": 1, "received": 2, "accepted": 2, "refused": 0, "not_taken": 0}


def test_one_bad_event_refuses_the_whole_batch_and_is_named_by_its_index(sandbox: InProcess) -> None:
    answer = sandbox.track(EVA, BAD, EVA, "nonsense")
    assert answer.status_code == 400
    assert answer.json() == {
        "success": False,
        "errors": [
            {
                "index": 1,
                "code": "INVALID_EMAIL",
                "message": "email: expected an e-mail address or the SHA-256 hex of one; "
                "currency: expected an ISO 4217 code in upper case",
            },
            {"index": 3, "code": "INVALID_EVENT", "message": "the event is not a JSON object"},
        ],
    }
    assert counts(sandbox) == {"requests": 1, "received": 4, "accepted": 0, "refused": 2, "not_taken": 2}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body is not JSON (line 1, column 1)"),
        (b'{"events": [', "the body is not JSON (line 1, column 13)"),
        (b'{"events": [NaN]}', "the body is not JSON (line 1, column 13)"),
        (b'{"events": ["\\ud800"]}', "the body is not JSON (line 1, column 14)"),
        (b"[]", 'the body is not an object with a list under "events"'),
        (b'{"events": {}}', 'the body is not an object with a list under "events"'),
        (b'{"events": []}', "the list of events is empty"),
    ],
)
def test_a_body_that_is_no_batch_is_answered_without_an_index(sandbox: InProcess, body: bytes, message: str) -> None:
    headers = {**HEADERS, "content-type": "application/json"}
    answer = sandbox.request("POST", "/v1/track", content=body, headers=headers)
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert error["code"] == "INVALID_REQUEST"
    assert error["message"].startswith(message.split(" (", maxsplit=1)[0])
    assert counts(sandbox)["received"] == 0


@pytest.mark.parametrize("missing", ["X-AUTH-ACCOUNT", "X-AUTH-APIKEY"])
@pytest.mark.parametrize("path", ["/v1/track", "/v1/verifyAuth?channel=2"])
def test_both_headers_are_asked_for(sandbox: InProcess, missing: str, path: str) -> None:
    """C18."""
    headers = {name: value for name, value in HEADERS.items() if name != missing}
    assert sandbox.request("POST", path, json={"events": [EVA]}, headers=headers).status_code == 401
    assert sandbox.request("POST", path, json={"events": [EVA]}, headers={**headers, missing: ""}).status_code == 401


def test_a_configured_account_and_key_are_the_only_ones() -> None:
    sandbox = InProcess(SandboxSettings(account="shop", api_key=Secret("kéy")))

    def status(account: str, key: str) -> int:
        headers = {"X-AUTH-ACCOUNT": account, "X-AUTH-APIKEY": key}
        raw = {name: value.encode("latin-1") for name, value in headers.items()}
        return sandbox.request("POST", "/v1/track", json={"events": [EVA]}, headers=raw).status_code

    assert [status("shop", "kéy"), status("shop", "key"), status("other", "kéy")] == [200, 401, 401]


def test_verify_auth_says_verified(sandbox: InProcess) -> None:
    answer = sandbox.request("POST", "/v1/verifyAuth?channel=2", json={}, headers=HEADERS)
    assert (answer.status_code, answer.json()) == (200, {"verified": True})


@pytest.mark.parametrize(
    "headers", [{"content-type": "text/plain"}, {"content-type": "application/json", "content-encoding": "gzip"}]
)
def test_other_content_is_not_read(sandbox: InProcess, headers: dict[str, str]) -> None:
    answer = sandbox.request("POST", "/v1/track", content=b"{}", headers={**HEADERS, **headers})
    assert answer.status_code == 415


@pytest.mark.parametrize("chunked", [False, True])
def test_a_large_request_is_answered_413(served: Start, *, chunked: bool) -> None:
    """C21."""
    client = served(SandboxSettings(max_body_bytes=1_000))
    body = b'{"events": [' + b" " * 5_000 + b"]}"
    headers = {"content-type": "application/json"}
    content = iter([body[:2_500], body[2_500:]]) if chunked else body
    answer = client.post("/v1/track", content=content, headers=headers)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (413, "TOO_LARGE")
    assert client.post("/v1/track", json={"events": [EVA]}).status_code == 200


def test_above_the_rate_a_client_waits_as_long_as_it_is_told() -> None:
    """C6."""
    ticks = FakeTicks()
    sandbox = InProcess(SandboxSettings(requests_per_second=0.5), ticks)
    assert sandbox.track(EVA).status_code == 200
    refused = sandbox.track(EVA)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "2")
    ticks.now += 1.9
    assert sandbox.track(EVA).status_code == 429
    ticks.now += 0.1
    assert sandbox.track(EVA).status_code == 200
    assert sandbox.get("/stats")["answers"] == {"200": 2, "429": 2}


@pytest.mark.parametrize("rate", [0.0, -1.0, math.nan, math.inf])
def test_a_rate_that_is_none_is_refused_at_the_start(rate: float) -> None:
    with pytest.raises(UsageProblem) as caught:
        InProcess(SandboxSettings(requests_per_second=rate))
    assert caught.value.message == f"sandbox: --rate {rate:g} is not a number above 0"


def test_a_pause_saves_up_no_more_than_a_second() -> None:
    """Or an hour of silence would let an hour's worth through at once."""
    ticks = FakeTicks()
    sandbox = InProcess(SandboxSettings(requests_per_second=3), ticks)
    sandbox.track(EVA)
    ticks.now += 3_600
    assert [sandbox.track(EVA).status_code for _ in range(5)] == [200, 200, 200, 429, 429]


def test_a_client_that_keeps_to_the_rate_is_never_turned_away() -> None:
    ticks = FakeTicks()
    sandbox = InProcess(SandboxSettings(requests_per_second=10), ticks)
    statuses = []
    for _ in range(100):
        statuses.append(sandbox.track(EVA).status_code)
        ticks.now += 0.1
    assert set(statuses) == {200}


def test_a_fault_is_answered_instead_of_the_request() -> None:
    sandbox = InProcess(SandboxSettings(faults=parse_faults(["503@100%"])))
    answer = sandbox.track(EVA)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert counts(sandbox)["accepted"] == 0
    assert sandbox.get("/stats")["rehearsing"] == ["503@100%"]


def test_a_rejected_address_is_refused() -> None:
    sandbox = InProcess(SandboxSettings(faults=parse_faults(["reject=eva@example.com"])))
    assert sandbox.track(EVA).json()["errors"][0]["code"] == "REJECTED"


def test_dropped_connections_give_no_answer_and_half_of_them_took_the_batch(served: Start) -> None:
    """C4, C30."""
    client = served(SandboxSettings(faults=parse_faults(["drop@50%"]), seed=5))
    answered = dropped = 0
    for number in range(60):
        try:
            answer = client.post("/v1/track", json={"events": [{**EVA, "custom_n": number}]})
        except httpx.TransportError:
            dropped += 1
        else:
            answered += answer.status_code == 200
    stats = client.get("/stats").json()
    assert answered + dropped == 60
    assert stats["answers"] == {"200": answered, "dropped": dropped}
    assert answered < stats["accepted"] < 60, "some were taken without an answer, and some were not taken"


def test_a_slow_answer_does_not_hold_up_another(served: Start) -> None:
    """Requests are served side by side: ten slow ones, started together, are all under way at once."""
    client = served(SandboxSettings(faults=parse_faults(["slow=500ms"])))
    body = b'{"events":[{"event":"E","email":"eva@example.com"}]}'
    request = (
        b"POST /v1/track HTTP/1.1\r\nHost: localhost\r\nX-AUTH-ACCOUNT: a\r\nX-AUTH-APIKEY: b\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
    ) % (len(body), body)
    address = (client.base_url.host, client.base_url.port or 0)
    sockets = [socket.create_connection(address, timeout=20) for _ in range(10)]
    for each in sockets:
        each.sendall(request)
    assert client.get("/stats").json()["accepted"] == 0, "the counts are answered while the ten wait"
    assert all(each.recv(100).startswith(b"HTTP/1.1 200") for each in sockets)
    for each in sockets:
        each.close()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/track", 405),
        ("GET", "/v1/verifyAuth", 405),
        ("POST", "/v2/track", 404),
        ("GET", "/sandbox/events/1", 404),
        ("GET", "/sandbox/reset", 405),
        ("PUT", "/stats", 405),
    ],
)
def test_other_addresses_answer_json(sandbox: InProcess, method: str, path: str, status: int) -> None:
    answer = sandbox.request(method, path, headers=HEADERS)
    assert answer.status_code == status
    assert answer.json()["success"] is False


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8765", "127.0.0.1.evil.example", "", "localhost@x"])
@pytest.mark.parametrize("path", ["/", "/stats", "/v1/track"])
def test_only_loopback_names_are_served(sandbox: InProcess, host: str, path: str) -> None:
    """A web site that points its own name at 127.0.0.1 would read the events through the visitor's browser."""
    assert sandbox.request("GET", path, headers={"host": host}).status_code == 421


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8765", "127.0.0.1:1", "[::1]:8765", "[::1]"])
def test_every_loopback_name_is(sandbox: InProcess, host: str) -> None:
    assert sandbox.request("GET", "/stats", headers={"host": host}).status_code == 200

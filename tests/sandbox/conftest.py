"""Sandboxes for tests: over a real socket, or called in the process with clocks that the test holds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from etl.sandbox.app import create_app
from etl.sandbox.faults import SandboxSettings
from etl.sandbox.serve import running
from tests.sandbox.chromium import Tab, chromium, new_tab

HEADERS = {"X-AUTH-ACCOUNT": "shop", "X-AUTH-APIKEY": "key"}


@dataclass
class FakeTicks:
    """Clocks that stand still until a test moves them."""

    now: float = 1_000_000.0

    def epoch_seconds(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now


@dataclass
class InProcess:
    """A sandbox without a socket: `post` and `get` answer as HTTP would."""

    settings: SandboxSettings = field(default_factory=SandboxSettings)
    ticks: FakeTicks = field(default_factory=FakeTicks)

    def __post_init__(self) -> None:
        self._transport = httpx.ASGITransport(create_app(self.settings, ticks=self.ticks))

    def request(self, method: str, path: str, **rest: Any) -> httpx.Response:
        async def call() -> httpx.Response:
            async with httpx.AsyncClient(transport=self._transport, base_url="http://127.0.0.1") as client:
                return await client.request(method, path, **rest)

        return asyncio.run(call())

    def track(self, *events: object, headers: dict[str, str] | None = None) -> httpx.Response:
        return self.request("POST", "/v1/track", json={"events": list(events)}, headers=headers or HEADERS)

    def get(self, path: str, **query: object) -> Any:
        answer = self.request("GET", path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def rows(self, **query: object) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.get("/sandbox/events", **query)["events"]
        return rows


@pytest.fixture
def sandbox() -> InProcess:
    return InProcess()


@pytest.fixture
def served() -> Iterator[Callable[[SandboxSettings], httpx.Client]]:
    """Starts sandboxes on real sockets; gives a client with credentials for each."""
    open_now: list[Any] = []

    def start(settings: SandboxSettings) -> httpx.Client:
        running_now = running(settings)
        url = running_now.__enter__()
        client = httpx.Client(base_url=url, headers=HEADERS, timeout=20)
        open_now.extend((running_now, client))
        return client

    yield start
    for each in reversed(open_now):
        each.__exit__(None, None, None)


@pytest.fixture(scope="module")
def browser() -> Iterator[httpx.Client]:
    with chromium() as client:
        yield client


@pytest.fixture
def api() -> Iterator[httpx.Client]:
    with running(SandboxSettings()) as url, httpx.Client(base_url=url, headers=HEADERS) as client:
        yield client


@pytest.fixture
def tab(browser: httpx.Client) -> Iterator[Tab]:
    tab = new_tab(browser)
    yield tab
    tab.close()


def numbered(events: Sequence[dict[str, object]]) -> list[dict[str, object]]:
    """Events with an address each, so that they are all different people."""
    return [{"email": f"p{index}@example.com", **event} for index, event in enumerate(events)]

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from etl.api.client import ApiClient
from etl.mapping.destination import Destination
from etl.secret import Secret
from tests.servers.scripted_server import ACCOUNT, API_KEY

OpenClient = Callable[..., ApiClient]


class MachineClock:
    """The machine's clocks, and nothing else of a `Clock`: the client neither waits nor draws."""

    def utc_now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def jitter(self) -> float:
        raise NotImplementedError

    def wait(self, seconds: float) -> bool:
        raise NotImplementedError


@pytest.fixture
def open_client() -> Iterator[OpenClient]:
    """Opens clients for an address, with more settings of the destination where given; closes them at the end."""
    with ExitStack() as stack:

        def open_one(url: str, *, timeout_seconds: float = 20, **settings: Any) -> ApiClient:
            known = {"account": ACCOUNT, "api_key": Secret(API_KEY), **settings}
            destination = Destination(url=url, timeout=timedelta(seconds=timeout_seconds), **known)
            client = ApiClient(destination, clock=MachineClock())
            stack.callback(client.close)
            return client

        yield open_one

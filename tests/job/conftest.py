"""Jobs over each sort of database, against a scripted API."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.job.in_process import InProcess
from tests.servers.scripted_server import ScriptedServer


@pytest.fixture
def api() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


@pytest.fixture
def make_job(tmp_path: Path, api: ScriptedServer) -> Callable[..., InProcess]:
    return lambda url, server=api, **sections: InProcess(tmp_path, server, url, **sections)

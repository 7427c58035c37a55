"""Runs with `--workers` as processes of their own, for tests of what happens to their workers."""

from __future__ import annotations

import json
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.e2e.test_jobs import gone, wait_until
from tests.servers.scripted_server import Exchange, ScriptedServer, like_squeezely

CREDENTIALS = ("shop-1", "key-of-the-shop")
ROWS = 6000


def slowly(exchange: Exchange) -> None:
    """So that a run is still under way when something happens to it."""
    time.sleep(0.02)
    like_squeezely(exchange)


def workers_under(pid: int) -> list[int]:
    """The worker processes of a run, in the order of their beginning."""
    return [child for child in children_under(pid) if _runs(child, b"spawn_main")]


def children_under(pid: int) -> list[int]:
    """The children of all threads of a process, in the order of their beginning."""
    try:
        told = [(task / "children").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    except OSError:
        return []
    return sorted(int(one) for text in told for one in text.split())


def _runs(pid: int, words: bytes) -> bool:
    try:
        return words in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def with_index(desk: Any) -> None:
    with desk.engine().begin() as connection:
        connection.exec_driver_sql("CREATE INDEX people_at ON people (updated_at)")


def without_index(desk: Any) -> None:
    """Its rows are found by their key, in an order that no index gives."""
    with desk.engine().begin() as connection:
        connection.exec_driver_sql("DROP INDEX people_at")


class Run:
    """A run with workers that is under way."""

    def __init__(self, desk: Any, server: ScriptedServer, *options: str, workers: str = "2") -> None:
        desk.api_url = server.url
        self._server = server
        arguments = ("run", str(desk.mapping), "--workers", workers, "-o", "json", *options)
        self.process: subprocess.Popen[str] = desk.start(*arguments)
        self.workers: list[int] = []

    def until(self, events: int) -> list[int]:
        """Wait until so many arrived; the workers by then: the second one starts when the first has too much to do."""
        wait_until(lambda: len(self._server.accepted) >= events and workers_under(self.process.pid))
        self.workers = workers_under(self.process.pid)
        return self.workers

    def until_sent(self, events: int) -> None:
        """Wait until so many arrived."""
        wait_until(lambda: len(self._server.accepted) >= events or self.process.poll() is not None)
        assert self.process.poll() is None, self.process.communicate()

    def ended(self, code: int) -> dict[str, Any]:
        """Its summary; no process of it is left."""
        out, err = self.process.communicate(timeout=100)
        self.err = err
        assert (self.process.returncode, "Traceback" in err) == (code, False), err
        wait_until(lambda: all(map(gone, self.workers)))
        return json.loads(out.splitlines()[-1]) if out else {}


def arrived(server: ScriptedServer) -> Counter[str]:
    return Counter(event["email"] for event in server.accepted)


EVERYBODY = Counter(f"person{number}@example.com" for number in range(1, ROWS + 1))

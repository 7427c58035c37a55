"""A Dask cluster on loopback: a scheduler and workers, each started by its own command."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[2]
LOOPBACK = "127.0.0.1"


class Cluster:
    """A scheduler with workers of one thread each; `folder` gets their logs and whatever they write."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.folder = folder
        self._variables = variables
        port, pages = _free_port(), _free_port()
        self.address = f"tcp://{LOOPBACK}:{port}"
        self.pages = f"http://{LOOPBACK}:{pages}"
        self.workers: list[subprocess.Popen[bytes]] = []
        self.scheduler = self._start(
            "scheduler",
            "scheduler",
            "--host",
            LOOPBACK,
            "--port",
            str(port),
            "--dashboard-address",
            f"{LOOPBACK}:{pages}",
        )

    def add_worker(self, **variables: str) -> subprocess.Popen[bytes]:
        """One more; its log is the newest `worker-*.log`."""
        name = f"worker-{len(self.workers)}"
        process = self._start(
            name, "worker", self.address, "--nthreads", "1", "--no-dashboard", "--name", name, **variables
        )
        self.workers.append(process)
        return process

    def wait_for(self, workers: int) -> None:
        """Wait until so many have registered."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            with suppress(OSError, ValueError):
                if self.counts()["workers"] == workers:
                    return
            assert self.scheduler.poll() is None, self.logs()
            time.sleep(0.05)
        raise AssertionError(self.logs())

    def page(self, path: str, *, seconds: float = 5) -> str:
        """A page of the scheduler for people or machines, or what it says of its failure to show it; "" where it hangs.

        A page of a task that is gone meanwhile may do so.
        """
        try:
            with urllib.request.urlopen(f"{self.pages}{path}", timeout=seconds) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            return error.read().decode()
        except TimeoutError:
            return ""

    def counts(self) -> dict[str, Any]:
        """What the scheduler counts, such as `tasks`, `clients` and `workers`."""
        found: dict[str, Any] = json.loads(self.page("/json/counts.json", seconds=30))
        return found

    def logs(self) -> str:
        """What all of them logged."""
        return "\n".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("*.log")))

    def computing(self, worker: subprocess.Popen[bytes]) -> psutil.Process:
        """The process of `worker` that does tasks: the one that it keeps alive."""
        (found,) = [one for one in psutil.Process(worker.pid).children() if "spawn_main" in " ".join(one.cmdline())]
        return found

    def close(self) -> None:
        """End all of it."""
        for process in (*self.workers, self.scheduler):
            try:
                family = psutil.Process(process.pid).children(recursive=True)
            except psutil.NoSuchProcess:
                family = []
            for one in (process, *family):
                with suppress(psutil.NoSuchProcess, ProcessLookupError):
                    one.send_signal(signal.SIGKILL)
            process.wait()

    def _start(self, name: str, *command: str, **variables: str) -> subprocess.Popen[bytes]:
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "DASK_TEMPORARY_DIRECTORY": str(self.folder),
            **self._variables,
            **variables,
        }
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "dask", *command],
                env=environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )


@contextmanager
def dask_cluster(folder: Path, *, workers: int = 2, **variables: str) -> Iterator[Cluster]:
    """A cluster with so many workers."""
    folder.mkdir(parents=True, exist_ok=True)
    cluster = Cluster(folder, **variables)
    try:
        for _ in range(workers):
            cluster.add_worker()
        cluster.wait_for(workers)
        yield cluster
    finally:
        cluster.close()


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind((LOOPBACK, 0))
        return int(sock.getsockname()[1])

"""The sandbox as a process: it says where it is, stops when told, and leaves nothing."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading

import httpx
import pytest

from etl.errors import UsageProblem
from etl.sandbox.faults import SandboxSettings
from etl.sandbox.serve import running, serve

PROGRAM = """
from etl.sandbox.serve import serve
from etl.sandbox.faults import SandboxSettings
serve(SandboxSettings(), port=0, on_ready=lambda url: print(url, flush=True))
print("stopped", flush=True)
"""


KILLED_AT_ONCE = """
import os
from etl.sandbox.serve import serve
from etl.sandbox.faults import SandboxSettings
serve(SandboxSettings(), port=0, on_ready=lambda url: os.kill(os.getpid(), 15))
print("stopped", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly(number: signal.Signals) -> None:
    """Also with a connection that a client keeps open."""
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        with httpx.Client(base_url=url) as client:
            assert client.get("/stats").status_code == 200
            process.send_signal(number)
            rest, errors = process.communicate(timeout=60)
    assert (rest, errors, process.returncode) == ("stopped\n", "", 0)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/stats")


def test_a_signal_at_the_first_moment_is_not_lost() -> None:
    """A script that kills it as soon as it knows the URL must not wait for ever."""
    command = [sys.executable, "-c", KILLED_AT_ONCE]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.stdout, ended.stderr, ended.returncode) == ("stopped\n", "", 0)


def test_a_taken_port_is_said_so_with_a_way_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(UsageProblem) as caught:
            serve(SandboxSettings(), port=port)
    assert caught.value.message == f"sandbox: cannot listen on 127.0.0.1, port {port}: Address already in use"
    assert caught.value.hint == "choose another port with --port, or --port 0 for any free one"


@pytest.mark.parametrize("port", [-1, 65_536])
def test_a_port_that_cannot_be_is_a_usage_problem(port: int) -> None:
    with pytest.raises(UsageProblem):
        serve(SandboxSettings(), port=port)


def test_it_listens_on_loopback_only() -> None:
    with running() as url:
        port = httpx.URL(url).port
        assert url == f"http://127.0.0.1:{port}"
        own = socket.gethostbyname(socket.gethostname())
        if not own.startswith("127."):
            with pytest.raises(OSError, match="refused"):
                socket.create_connection((own, port or 0), timeout=5)


def test_a_sandbox_in_a_thread_leaves_no_thread() -> None:
    before = threading.active_count()
    with running() as first, running() as second:
        assert first != second
        assert httpx.get(f"{first}/stats").status_code == 200
    assert threading.active_count() == before

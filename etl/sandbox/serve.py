"""Runs a sandbox on a loopback port until it is told to stop."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn

from etl.errors import UsageProblem
from etl.sandbox.app import create_app
from etl.sandbox.faults import SandboxSettings

DEFAULT_PORT = 8765
_LOOPBACK = "127.0.0.1"
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def serve(
    settings: SandboxSettings, *, port: int = DEFAULT_PORT, on_ready: Callable[[str], None] | None = None
) -> None:
    """Serves on loopback until SIGINT or SIGTERM, then returns. Call it from the main thread.

    `port` 0 picks a free one. `on_ready` is called once with the URL, when connections are taken.

    Raises:
        UsageProblem: the port is taken or not allowed.

    """
    with _listening(port) as listener:
        server = _server(settings)

        def stop(_signal: int, _frame: FrameType | None) -> None:
            # Also called again after the server's own handler: it hands the signal back when it is done.
            server.should_exit = True

        before = {number: signal.signal(number, stop) for number in _STOP_SIGNALS}
        try:
            if on_ready:
                on_ready(_url(listener))
            server.run(sockets=[listener])
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@contextmanager
def running(settings: SandboxSettings | None = None) -> Iterator[str]:
    """A sandbox in a thread of this process, for tests and scripts; gives its URL, and stops it at the end."""
    with _listening(0) as listener:
        server = _server(settings or SandboxSettings())
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="sandbox")
        thread.start()
        try:
            yield _url(listener)
        finally:
            server.should_exit = True
            thread.join()


def _server(settings: SandboxSettings) -> uvicorn.Server:
    def hang_up(client: tuple[str, int]) -> None:
        for connection in list(server.server_state.connections):
            if getattr(connection, "client", None) == client and connection.transport is not None:
                connection.transport.abort()

    config = uvicorn.Config(
        create_app(settings, hang_up=hang_up),
        # A client that reuses a connection should not meet its end by chance: faults are asked for by name here.
        timeout_keep_alive=75,
        timeout_graceful_shutdown=2,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        ws="none",
    )
    server = uvicorn.Server(config)
    return server


def _listening(port: int) -> socket.socket:
    # The protocol is named because asyncio switches Nagle's delay off only then: 40 ms an answer otherwise.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((_LOOPBACK, port))
        listener.listen(512)
    except (OSError, OverflowError) as problem:
        listener.close()
        raise UsageProblem(
            f"sandbox: cannot listen on {_LOOPBACK}, port {port}: {getattr(problem, 'strerror', None) or problem}",
            hint="choose another port with --port, or --port 0 for any free one",
        ) from problem
    return listener


def _url(listener: socket.socket) -> str:
    return f"http://{_LOOPBACK}:{listener.getsockname()[1]}"

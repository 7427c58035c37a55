"""Ports for servers of tests, none of which is given twice in a session.

The rate of an API account is shared by all processes of a user, by address and account (`etl.host.shared_budget`). A
server that got the port of an earlier test's would meet the hour's pause that the earlier one had asked for.
"""

from __future__ import annotations

import errno
import os
import random
import socket
from itertools import islice
from typing import Any

# Below those that Linux gives to connections.
PORTS = range(10_000, 32_000)
LOOPBACK = "127.0.0.1"
_bind = socket.socket.bind
_left = iter(())  # type: ignore[var-annotated]


def give_none_twice(session: str) -> None:
    """From now on, have a socket of this process that asks for any port get another one than all before it."""
    global _left  # noqa: PLW0603 - one process, one list
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    ports = list(PORTS)
    random.Random(session).shuffle(ports)
    _left = islice(ports, worker, None, workers)
    socket.socket.bind = _bind_to_another  # type: ignore[method-assign,assignment]


def _bind_to_another(sock: socket.socket, address: Any) -> None:
    if address != (LOOPBACK, 0):
        _bind(sock, address)
        return
    for port in _left:
        try:
            _bind(sock, (LOOPBACK, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
        else:
            return
    raise AssertionError("every port was given")

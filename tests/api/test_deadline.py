"""The network under httpcore, on a real pair of sockets."""

from __future__ import annotations

import socket

import pytest

from etl.api.deadline import Attempt, DeadlineStream
from etl.host.system_clock import SystemClock


def test_a_request_leaves_as_one_when_it_is_whole() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(0)
        theirs.settimeout(0)
        attempt = Attempt(SystemClock())
        attempt.begin(timeout_seconds=5)
        stream = DeadlineStream(ours, attempt)

        stream.write(b"head")
        stream.write(b"body")
        with pytest.raises(BlockingIOError):
            theirs.recv(100)
        stream.write(b"")

        assert theirs.recv(100) == b"headbody"
        stream.write(b"")
        with pytest.raises(BlockingIOError):
            theirs.recv(100)

"""Lets one thread at a time decide for the run loop; usually the thread that brings a message also handles it.

The rule: only the thread of the loop waits for its turn. A thread that brings a message while another decides puts it
into the inbox, which the deciding thread empties before it stops. So an answer is settled, and its place used again, by
the thread that received it; waking another thread for it cost up to a twentieth of the rate.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue


class Turns:
    """The inbox of a loop, and the lock for handling its messages.

    `decide` handles what `arrived` yields, and returns whether the thread of the loop must wake up before its wait
    ends. `crashed` wraps an exception of `decide` in a message to that thread.
    """

    def __init__(self, decide: Callable[[], bool], *, crashed: Callable[[BaseException], object]) -> None:
        self._decide = decide
        self._crashed = crashed
        self._inbox: SimpleQueue[object] = SimpleQueue()
        self._turn = threading.Lock()
        self._shared = False
        self._attention: SimpleQueue[None] = SimpleQueue()

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Within it every thread that brings a message may decide; otherwise only the thread of the loop does."""
        self._shared = True
        try:
            yield
        finally:
            with self._turn:
                self._shared = False

    def bring(self, message: object) -> None:
        """Put a message into the inbox, and handle the inbox unless another thread does. Not for signal handlers."""
        self._inbox.put(message)
        while self._shared and not self._inbox.empty() and self._turn.acquire(blocking=False):
            try:
                if self._shared and self._decide():
                    self._attention.put(None)
            except BaseException as error:  # noqa: BLE001 - handed to the thread of the loop, which raises it
                self._shared = False
                self.leave(self._crashed(error))
            finally:
                self._turn.release()

    def leave(self, message: object) -> None:
        """Put a message into the inbox for the thread of the loop. Safe in a signal handler."""
        self._inbox.put(message)
        self._attention.put(None)

    def take(self) -> threading.Lock:
        """The lock that the thread of the loop holds while it decides."""
        return self._turn

    def wait(self, timeout_seconds: float) -> None:
        """Wait until the thread of the loop is woken, or the time is over."""
        # Messages that arrived while this thread decided are in the inbox, and have to be handled before it waits.
        if timeout_seconds > 0 and self._inbox.empty():
            with suppress(Empty):
                self._attention.get(timeout=timeout_seconds)

    def arrived(self, timeout_seconds: float = 0.0) -> Iterator[object]:
        """All messages in the inbox, after waiting for the first."""
        with suppress(Empty):
            yield self._inbox.get(timeout=timeout_seconds) if timeout_seconds > 0 else self._inbox.get_nowait()
            while True:
                yield self._inbox.get_nowait()

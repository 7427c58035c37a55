"""The threads that wait for the API, one connection each.

The rule: a sender sends bytes and hands the answer on; what the answer means is decided elsewhere. No error is lost: an
unexpected exception is handed to the loop like an answer.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue

from etl.delivery.courier import Request
from etl.job.ports import Sender
from etl.verdict.answer import Answer, Failure


@dataclass(frozen=True, slots=True)
class Answered:
    """A request and the answer to it."""

    request: Request
    answer: Answer | Failure


@dataclass(frozen=True, slots=True)
class Crashed:
    """A thread of the job failed with an unexpected error."""

    error: BaseException


class Senders:
    """`count` threads, each with a client of its own that lives as long as the run.

    Clients are built in their threads at the first request: building one loads the TLS roots (23 ms).
    """

    def __init__(self, open_client: Callable[[], Sender], *, count: int, deliver: Callable[[object], None]) -> None:
        self._open_client = open_client
        self._deliver = deliver
        self._requests: SimpleQueue[Request | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"sender-{number}", daemon=True) for number in range(count)
        ]
        try:
            for thread in self._threads:
                thread.start()
        except BaseException:
            self.close()
            raise

    def submit(self, request: Request) -> None:
        """Hand over a request; its answer arrives through `deliver` as `Answered` or `Crashed`."""
        self._requests.put(request)

    def close(self) -> None:
        """Let the threads end after their present request; does not wait for them."""
        for _ in self._threads:
            self._requests.put(None)

    def _work(self) -> None:
        client: Sender | None = None
        try:
            while (request := self._requests.get()) is not None:
                client = client or self._open_client()
                self._deliver(Answered(request, client.track(request.body)))
        except BaseException as error:  # noqa: BLE001 - handed to the loop, which raises it
            self._deliver(Crashed(error))
        finally:
            if client is not None:
                client.close()

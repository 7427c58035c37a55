"""Handles signals: the first asks for a clean end, the second ends the process at once.

The rule: what was ignored when the process started stays ignored, so that `nohup` and a shell's `&` keep their meaning.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@contextmanager
def on_signals(callback: Callable[[int], None]) -> Iterator[None]:
    """Call `callback(number)` at the first SIGTERM, SIGINT or SIGHUP; the second exits with 128 + its number, at once.

    For the main thread. The callback runs between two instructions of that thread: it may only leave a message (a
    `SimpleQueue.put` or an `Event.set`). The handlers of before come back at the end.
    """
    seen = False

    def handle(number: int, _frame: FrameType | None) -> None:
        nonlocal seen
        if seen:
            # Without clean-up: a second signal means "now". The state is safe, because it is written in transactions.
            os._exit(128 + number)
        seen = True
        callback(number)

    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    taken = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
    for number in taken:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, before[number] or signal.SIG_DFL)

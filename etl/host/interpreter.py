"""How Python works in a process that moves many small objects between threads.

The rule: what is eased is not switched off: the garbage collector still runs, because a library may make cycles, and
threads still take turns.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# A page of 5,000 rows makes some 20,000 objects that the collector watches. Looking through them every 700 objects
# took a quarter of a run's time.
_YOUNG_OBJECTS = 100_000
# An answer that came while a page is prepared waits so long for its turn, several times over; Python's own 5 ms cost
# a twentieth of the rate where the API takes 50 ms.
_TURN_SECONDS = 0.0005
_HTTPX_PROGRAM = "httpx._main"


@contextmanager
def eased_interpreter() -> Iterator[None]:
    """Collect more rarely from now on, and let threads take shorter turns; never look at what is loaded inside.

    httpx, if it is loaded inside, comes without its command line.

    For a process that works through tables: what it imports makes many objects too. A second time changes nothing.
    """
    gc.set_threshold(_YOUNG_OBJECTS, 10, 10)
    # What is loaded stays: to look through it is a twentieth of a run's start.
    gc.disable()
    sys.setswitchinterval(_TURN_SECONDS)
    # Where it finds its own program, httpx loads it, and with it a library for terminals: a fifteenth of a run's start.
    sys.modules.setdefault(_HTTPX_PROGRAM, None)  # type: ignore[arg-type]  # "there is none", by the import system
    try:
        yield
    finally:
        gc.enable()
    if sys.modules[_HTTPX_PROGRAM] is None:
        del sys.modules[_HTTPX_PROGRAM]
    if not gc.get_freeze_count():
        # Once only: later there may be garbage of an earlier mapping, which would be kept for good.
        gc.freeze()

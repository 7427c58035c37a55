"""How Python works in a process that moves many small objects between threads.

The rule: what is eased is not switched off: the garbage collector still runs, because a library may make cycles, and
threads still take turns.
"""

from __future__ import annotations

import gc
import sys

# A page of 5,000 rows makes some 20,000 objects that the collector watches. Looking through them every 700 objects
# took a quarter of a run's time.
_YOUNG_OBJECTS = 100_000
# An answer that came while a page is prepared waits so long for its turn, several times over; Python's own 5 ms cost
# a twentieth of the rate where the API takes 50 ms.
_TURN_SECONDS = 0.0005


def ease_interpreter() -> None:
    """Collect more rarely from now on, never what is loaded by now, and let threads take shorter turns.

    For a process that works through tables, once its modules are imported; a second call changes nothing.
    """
    if not gc.get_freeze_count():
        # Once only: later there may be garbage of an earlier mapping, which would be kept for good.
        gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, 10, 10)
    sys.setswitchinterval(_TURN_SECONDS)

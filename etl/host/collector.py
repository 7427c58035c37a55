"""The garbage collector of a process that moves many small objects which count their own references.

The rule: it still runs, because a library may make cycles; but it need not look through a page of rows every 700
objects, which took a quarter of a run's time.
"""

from __future__ import annotations

import gc

# A page of 5,000 rows makes some 20,000 objects that it watches.
_YOUNG_OBJECTS = 100_000


def ease_collector() -> None:
    """Collect once, keep what is loaded by now out of every later collection, and collect more rarely from now on.

    For a process that works through tables, once its modules are imported.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, 10, 10)

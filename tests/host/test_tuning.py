"""The interpreter of a long run."""

from __future__ import annotations

import subprocess
import sys


def test_the_collector_is_eased_but_not_switched_off() -> None:
    """E4: a library may make cycles, and memory must not grow with them."""
    code = """
import gc, weakref
from etl.host.tuning import eased_interpreter
with eased_interpreter(): pass
class Cycle:
    def __init__(self): self.me = self
first = weakref.ref(Cycle())
for _ in range(500_000):
    Cycle()
assert gc.isenabled() and first() is None and gc.get_freeze_count() > 0
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_while_a_program_is_loaded_nothing_is_collected_and_afterwards_it_is_also_when_that_failed() -> None:
    code = """
import gc
from etl.host.tuning import eased_interpreter
try:
    with eased_interpreter():
        assert not gc.isenabled()
        import etl.no_such_room
except ImportError:
    pass
assert gc.isenabled()
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_one_mapping_left_behind_is_collected_during_the_next() -> None:
    """E4: each mapping of a run eases the interpreter anew, and must not freeze the garbage of the one before."""
    code = """
import gc, weakref
from etl.host.tuning import eased_interpreter
with eased_interpreter(): pass
class Cycle:
    def __init__(self): self.me = self
left = weakref.ref(Cycle())
with eased_interpreter(): pass
gc.collect()
assert left() is None
"""
    subprocess.run([sys.executable, "-c", code], check=True)

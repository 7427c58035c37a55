"""The interpreter of a long run."""

from __future__ import annotations

import subprocess
import sys


def test_the_collector_is_eased_but_not_switched_off() -> None:
    """E4: a library may make cycles, and memory must not grow with them."""
    code = """
import gc, weakref
from etl.host.interpreter import ease_interpreter
ease_interpreter()
class Cycle:
    def __init__(self): self.me = self
first = weakref.ref(Cycle())
kept = 0
for _ in range(500_000):
    Cycle()
assert gc.isenabled() and first() is None and gc.get_freeze_count() > 0
"""
    subprocess.run([sys.executable, "-c", code], check=True)

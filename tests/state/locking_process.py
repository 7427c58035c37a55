"""A process that takes a mapping's lock and holds it until its standard input ends; run by `test_races`."""

from __future__ import annotations

import sys
import time

from etl.errors import MappingLocked
from etl.host.system_clock import SystemClock
from etl.state.store import open_state


def main() -> None:
    """Wait for a line for each round; answer it with "won", or "lost", the seconds it took and the holder."""
    clock = SystemClock()
    for _ in sys.stdin:
        begun = time.monotonic()
        with open_state(sys.argv[1], clock=clock, write=True) as store:
            try:
                with store.mapping("customers").lock("run"):
                    print("won", flush=True)
                    next(sys.stdin)
            except MappingLocked as error:
                print(f"lost {time.monotonic() - begun:.3f} {error.message}", flush=True)
                next(sys.stdin)
        print("left", flush=True)


if __name__ == "__main__":
    main()

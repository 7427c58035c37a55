"""Replay lives: `--seed 7` tells one, `--seeds 0 500` runs many until one breaks a law, `--faults` new ones."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import etl
from tests.simulation.watcher import Tally
from tests.simulation.world import live


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="tell the life of this seed, step by step")
    parser.add_argument("--seeds", type=int, nargs=2, metavar=("FIRST", "END"), help="run these, the last one excluded")
    parser.add_argument("--faults", type=int, metavar="N", help="run lives with new seeds until they met N faults")
    chosen = parser.parse_args()
    first, end = (chosen.seed, chosen.seed + 1) if chosen.seed is not None else (chosen.seeds or (0, 100))
    if chosen.faults is not None:
        first = time.time_ns() // 10**9 * 10**6
        end = first + chosen.faults
    print(f"testing {Path(etl.__file__).parent}")
    total, started = Tally(), time.process_time()
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "shared"
        folder.mkdir(mode=0o700)
        for seed in range(first, end):
            try:
                total.add(live(seed, folder=folder, tell=print if chosen.seed is not None else None))
            except Exception as broken:  # noqa: BLE001 - a bug may also show as a crash
                print(f"broken: seed {seed}: {broken!r}")
                return 1
            if chosen.faults is not None and total.faults + total.kills >= chosen.faults:
                break
    print(f"{total}, {time.process_time() - started:.1f} s of CPU time")
    return 0


if __name__ == "__main__":
    sys.exit(main())

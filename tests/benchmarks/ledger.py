"""What the ledger costs a row, and how large the state gets: `python -m tests.benchmarks.ledger [--keys N] [--random]`.

CPU time, because the machine may be busy: pages of 5,000 keys are looked up, then settled in batches of 1,000.
"""

from __future__ import annotations

import argparse
import random
import resource
import tempfile
import time
from pathlib import Path

from etl.delivery.settlement import Settlement
from etl.event.event import Event
from etl.event.key_hash import KeyHasher
from etl.host.system_clock import SystemClock
from etl.page import Position
from etl.state.mapping_state import MappingState
from etl.state.store import open_state

PAGE_ROWS = 5_000
BATCH_ROWS = 1_000
# Of an event with a dozen fields.
MARKS = bytes(13)


def main() -> None:
    """Fill a ledger, and print a line for each tenth of it."""
    options = argparse.ArgumentParser()
    options.add_argument("--keys", type=int, default=500_000)
    options.add_argument("--random", action="store_true", help="keys without neighbours, as of random UUIDs")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.sqlite"
        with open_state(str(path), clock=SystemClock(), write=True) as store:
            fill(store.mapping("bench"), count=chosen.keys, at_random=chosen.random)
            print(f"fill once more, from {chosen.keys} keys on")
            fill(store.mapping("bench"), count=chosen.keys // 10, at_random=chosen.random, first=chosen.keys)
        print(f"{path.stat().st_size / (chosen.keys * 1.1):.1f} bytes a key")
        print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB")


def fill(state: MappingState, *, count: int, at_random: bool, first: int = 0) -> None:
    """Look up and settle `count` rows with keys from `first` on."""
    hasher, chance = KeyHasher(state.hash_key), random.Random(1)
    run_no = state.start_run(run_id="bench", command="run", before=None)
    looking = settling = waiting = 0.0
    rows = 0
    for start in range(first, first + count, PAGE_ROWS):
        keys = [(number,) for number in range(start, start + PAGE_ROWS)]
        hashes = [chance.randbytes(10) for _ in keys] if at_random else hasher.ledger_keys(keys)
        stamp = state.next_stamp()
        begun, begun_wall = time.process_time(), time.perf_counter()
        state.compare(hashes, [b"digested"] * PAGE_ROWS)
        looking += time.process_time() - begun
        events = [
            Event(0, key, b"", (), found, b"digested", stamp, MARKS) for key, found in zip(keys, hashes, strict=True)
        ]
        begun = time.process_time()
        for at in range(0, PAGE_ROWS, BATCH_ROWS):
            batch = tuple(events[at : at + BATCH_ROWS])
            state.settle(Settlement(batch, (), Position(start + at, (start + at,))), track="run", run_no=run_no)
        settling += time.process_time() - begun
        waiting += time.perf_counter() - begun_wall
        rows += PAGE_ROWS
        if rows >= max(count // 10, PAGE_ROWS):
            report = [f"{1e6 * each / rows:5.2f}" for each in (looking, settling, waiting)]
            print(
                f"{start + PAGE_ROWS:>9} keys: look up {report[0]}, settle {report[1]} us of CPU a row; {report[2]} us"
            )
            looking = settling = waiting = 0.0
            rows = 0


if __name__ == "__main__":
    main()

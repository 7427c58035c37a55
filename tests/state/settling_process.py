"""A process that settles rows in a loop until it is killed; run by `test_kills`.

It prints the number of the last row that it was told is safe, line by line.
"""

from __future__ import annotations

import sys

from etl.state.store import open_state
from tests.state.filling import SteppingClock, event, letter, settled

ROWS_A_BATCH = 7


def main() -> None:
    """Go on behind the checkpoint for ever; every seventh row is rejected, every eleventh is buried beforehand."""
    with open_state(sys.argv[1], clock=SteppingClock(), write=True) as store:
        state = store.mapping("customers")
        with state.lock("run"):
            before = state.checkpoint()
            first = 0 if before is None or before.position is None else before.position.key[0] + 1
            run_no = state.start_run(run_id="r", command="run", before=None)
            while True:
                numbers = range(first, first + ROWS_A_BATCH)
                stamp = state.next_stamp()
                state.bury([letter((number,)) for number in numbers if number % 11 == 0])
                events = [event(state, number, stamp=stamp) for number in numbers if number % 11]
                state.settle(
                    settled(
                        [each for each in events if each.seq % 7],
                        [each for each in events if not each.seq % 7],
                        upto=numbers[-1],
                    ),
                    track="run",
                    run_no=run_no,
                )
                print(numbers[-1], flush=True)
                first = numbers[-1] + 1


if __name__ == "__main__":
    main()

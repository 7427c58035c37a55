"""A process that takes from a shared budget as fast as it may, and prints when it was let through.

Arguments: folder, account, requests a second, events a second, events a request, seconds, "patient" or "run".
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from etl.delivery.throttle import Rates
from etl.host.shared_budget import SharedBudget


def main(arguments: list[str]) -> None:
    folder, account, requests, events, batch, seconds, how = arguments
    budget = SharedBudget(
        folder=Path(folder),
        account=("https://api.squeezely.tech", account),
        rates=Rates(float(requests), float(events)),
        patient=how == "patient",
    )
    end = time.monotonic() + float(seconds)
    while (now := time.monotonic()) < end:
        wait = budget.take(events=int(batch), now=now)
        if wait:
            time.sleep(min(wait, max(0.0, end - now)))
        else:
            print(repr(now))
    budget.close()


if __name__ == "__main__":
    main(sys.argv[1:])
